/* The life of a client's connection.
 *
 *         first byte            head complete              answered, body read
 *   IDLE ────────────▶ HEAD ─────────────────▶ BUSY ─────────────────────────────▶ IDLE …
 *                        │ refused               │ Connection: close, or refused
 *                        └───────────┬───────────┘
 *                                    ▼ output sent
 *                          closed, or LINGER ──▶ closed
 *
 * Bytes are read into the server's scratch and handed on at once; only what cannot be used yet (half a head,
 * the next request while one is under way) is copied to `held`. So an idle connection has no buffer at all.
 *
 * Requests of one connection are handled strictly one after the other. RFC 9112 allows to run pipelined ones
 * side by side only when all are safe, no browser pipelines, and order by waiting needs no queue of answers. */
#include "runtime/http/connection.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/memory.h"

enum { HELD_BYTES = 65536, STALL_CHECKS = 3 };

static void on_event(evutil_socket_t fd, short what, void *context);

/* ---- arming ---- */

/* Tells libevent what to wait for, when that changes. Reading is nearly always on and writing nearly never, so that the
 * usual request costs no epoll_ctl at all. */
static void set_interest(struct http_connection *connection, bool reading, bool writing)
{
    if (connection->reading == reading && connection->writing == writing)
        return;
    struct event *event = &connection->event;
    evutil_socket_t fd = event_get_fd(event);
    event_del(event);
    connection->reading = reading;
    connection->writing = writing;
    short what = (short)(EV_PERSIST | (reading ? EV_READ : 0) | (writing ? EV_WRITE : 0));
    event_assign(event, connection->server->base, fd, what, on_event, connection);
    if (reading || writing)
        event_add(event, NULL);
}

/* Deadlines are whole seconds, rounded up: nobody is cut short. 0 takes the deadline away. */
void http_connection_arm(struct http_connection *connection, uint32_t milliseconds)
{
    uint32_t deadline = milliseconds ? connection->server->now + (milliseconds + 999) / 1000 : 0;
    connection->deadline = deadline;
    /* A later deadline is found when the earlier slot comes up; only an earlier one moves. */
    if ((deadline && (connection->slot == 0 || deadline < connection->slot)))
        http_server_link(connection->server, connection, deadline);
}

void http_connection_touch(struct http_connection *connection)
{
    if (!connection->dirty)
        http_server_mark(connection->server, connection);
}

void http_connection_kill(struct http_connection *connection)
{
    connection->dead = true;
    http_connection_touch(connection);
}

/* ---- life ---- */

/* The time for the first head runs from here: a client that connects and says nothing is the cheapest attack. */
struct http_connection *http_connection_new(struct http_server *server, int fd, const struct http_peer *peer)
{
    struct http_connection *connection = MEMORY_NEW(struct http_connection);
    connection->server = server;
    connection->peer = *peer;
    connection->born = server->now;
    connection->keep_alive = true;
    connection->reading = true;
    connection->timed = HTTP_TIMED_HEAD;
    event_assign(&connection->event, server->base, fd, EV_READ | EV_PERSIST, on_event, connection);
    event_add(&connection->event, NULL);
    http_server_link(server, connection, 0);
    http_connection_arm(connection, server->limits->head_ms);
    server->counts.connections++;
    return connection;
}

/* The descriptor is closed behind the event, or epoll would report a stranger's socket with the same number. */
void http_connection_free(struct http_connection *connection, int code)
{
    struct http_server *server = connection->server;
    if (connection->exchange)
        http_exchange_abort(connection->exchange, code);
    http_server_unlink(server, connection);
    evutil_socket_t fd = event_get_fd(&connection->event);
    event_del(&connection->event);
    close(fd);
    http_output_release(&connection->output);
    buffer_release(&connection->held);
    if (server->callbacks->on_close)
        server->callbacks->on_close(server->context, &connection->peer);
    server->counts.connections--;
    free(connection);
    http_server_closed(server);
}

/* ---- requests ---- */

/* The answer to what never became a request. No handler knows about it, so that headers are those of error_headers: the
 * strictest that there are, because nobody can say which page it would have been. */
static void write_refusal(struct http_connection *connection, int status, const char *reason)
{
    struct http_server *server = connection->server;
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY, head = BUFFER_EMPTY;
    buffer_string(&body, "{\"error\":");
    json_write_string(&body, text_from(reason));
    buffer_string(&body, "}\n");
    buffer_format(&head, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    buffer_text(&head, http_server_stamp(server));
    buffer_text(&head, server->callbacks->error_headers);
    buffer_format(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                  body.length);
    http_output_append(&connection->output, buffer_view(&head));
    http_output_append(&connection->output, buffer_view(&body));
}

/* Always the last words on this connection: behind a head that was not understood nobody knows where the next
 * begins. */
void http_connection_refuse(struct http_connection *connection, int status, const char *reason)
{
    struct http_server *server = connection->server;
    server->counts.refused++;
    if (server->callbacks->on_refused)
        server->callbacks->on_refused(server->context, &connection->peer, status, reason);
    write_refusal(connection, status, reason);
    connection->closing = connection->unread = true;
    http_connection_touch(connection);
}

/* Old and much used connections are asked to begin anew: how load gets from one gateway to another one day, and what
 * keeps a forgotten client from holding its place for ever. */
static bool may_stay_open(const struct http_connection *connection)
{
    const struct http_limits *limits = connection->server->limits;
    if (connection->server->stopping || (limits->requests && connection->requests >= limits->requests))
        return false;
    return !limits->age_ms || connection->server->now - connection->born < limits->age_ms / 1000;
}

/* Parses the head at the start of `data` and starts its exchange: bytes consumed, or ERROR_AGAIN. */
static ssize_t begin_request(struct http_connection *connection, struct text data)
{
    struct http_server *server = connection->server;
    connection->blocked = connection->output.queued > BOUNDS_HTTP_QUEUE_HIGH_BYTES;
    if (data.length == 0 || connection->blocked)
        return ERROR_AGAIN;
    int length = http_head_parse_request(&server->parser, data);
    if (length < 0) {
        http_connection_refuse(connection, -length, server->parser.reason);
        return ERROR_AGAIN;
    }
    if (length == 0)
        return ERROR_AGAIN;
    connection->requests++;
    connection->keep_alive = server->parser.head.keep_alive && may_stay_open(connection);
    connection->phase = HTTP_PHASE_BUSY;
    connection->deadline = 0;
    connection->timed = HTTP_TIMED_NOTHING;
    server->counts.requests++;
    connection->exchange = http_exchange_new(connection, &server->parser.head);
    server->callbacks->on_request(server->context, connection->exchange);
    return length;
}

/* From exchange.c: the answer is queued and the body read. The next request is begun in the flush pass, never from
 * here, or a pipeline would be a recursion. */
void http_connection_finish(struct http_connection *connection)
{
    connection->exchange = NULL;
    connection->phase = HTTP_PHASE_IDLE;
    if (!connection->keep_alive || connection->server->stopping)
        connection->closing = true;
    http_connection_touch(connection);
}

/* Keeps what `data` holds behind `used`; `data` is the held buffer itself or the scratch. */
static void keep_rest(struct http_connection *connection, struct text data, size_t used, bool from_held)
{
    struct buffer *held = &connection->held;
    if (connection->closing && used < data.length)
        connection->unread = true;
    if (used == data.length || connection->closing) {
        if (held->data)
            buffer_release(held);
    } else if (from_held) {
        buffer_consume(held, used);
    } else {
        buffer_text(held, text_skip(data, used));
    }
}

/* Goes as far as the bytes reach: bodies to their handlers, then the next request. */
static void step(struct http_connection *connection, struct text data, bool from_held)
{
    size_t used = 0;
    while (!connection->closing && !connection->dead) {
        struct text rest = text_skip(data, used);
        ssize_t count = connection->exchange ? http_exchange_feed(connection->exchange, rest)
                                             : begin_request(connection, rest);
        if (count < 0)
            break;
        used += (size_t)count;
    }
    keep_rest(connection, data, used, from_held);
    if (connection->phase <= HTTP_PHASE_HEAD)
        connection->phase = connection->held.length && !connection->blocked ? HTTP_PHASE_HEAD : HTTP_PHASE_IDLE;
}

static void step_held(struct http_connection *connection)
{
    step(connection, buffer_view(&connection->held), true);
}

/* ---- reading ---- */

static void on_end_of_input(struct http_connection *connection)
{
    if (connection->exchange)
        http_exchange_abort(connection->exchange, ERROR_CLOSED);
    /* What is already answered still goes out; a client may half-close behind its last request. */
    connection->closing = true;
    connection->unread = false;
    if (connection->output.queued == 0 || connection->phase == HTTP_PHASE_LINGER)
        connection->dead = true;
    set_interest(connection, false, connection->writing);
    http_connection_touch(connection);
}

/* What comes now is thrown away, but not without end. */
static void linger(struct http_connection *connection, size_t count)
{
    connection->lingered += (uint32_t)count;
    if (connection->lingered > BOUNDS_HTTP_LINGER_BYTES)
        http_connection_kill(connection);
}

/* Where new bytes go depends on what is under way: nowhere (closing), to what is held already (order!), or straight
 * from the scratch to whoever reads them, which is the usual case and copies nothing. */
static void take_input(struct http_connection *connection, struct text data)
{
    connection->server->counts.bytes_in += data.length;
    if (connection->phase == HTTP_PHASE_LINGER) {
        linger(connection, data.length);
    } else if (connection->closing || connection->dead) {
        return;
    } else if (connection->held.length) {
        buffer_text(&connection->held, data);
        /* An unfinished head is parsed again only when a line came to its end or it grew past its limits. */
        bool changed = memchr(data.data, '\n', data.length) || connection->held.length > BOUNDS_HTTP_FIELD_BYTES;
        if (connection->phase != HTTP_PHASE_HEAD || changed)
            step_held(connection);
    } else {
        step(connection, data, false);
    }
}

/* One read for each readiness: what is left comes up in the next turn, after everybody else had theirs. */
static void read_input(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    ssize_t count = recv(event_get_fd(&connection->event), server->scratch, sizeof(server->scratch), 0);
    if (count > 0) {
        take_input(connection, (struct text){server->scratch, (size_t)count});
        http_connection_touch(connection);
    } else if (count == 0) {
        on_end_of_input(connection);
    } else if (errno != EAGAIN && errno != EINTR) {
        http_connection_kill(connection);
    }
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    struct http_connection *connection = context;
    (void)fd;
    if (connection->dead)
        return;
    if (what & EV_READ)
        read_input(connection);
    if (what & EV_WRITE)
        http_connection_touch(connection);
}

/* ---- the flush pass ---- */

/* Our side is shut; the client gets a moment to read the answer before unread bytes would reset it. */
static void start_linger(struct http_connection *connection)
{
    shutdown(event_get_fd(&connection->event), SHUT_WR);
    connection->phase = HTTP_PHASE_LINGER;
    buffer_release(&connection->held);
    set_interest(connection, true, false);
    connection->timed = HTTP_TIMED_LINGER;
    http_connection_arm(connection, BOUNDS_HTTP_LINGER_MS);
}

static int write_output(struct http_connection *connection)
{
    ssize_t sent = http_output_flush(&connection->output, event_get_fd(&connection->event));
    if (sent < 0)
        return (int)sent;
    connection->server->counts.bytes_out += (uint64_t)sent;
    connection->sent += (uint32_t)sent;
    return 0;
}

/* Back-pressure to the client: while nobody takes its bytes at most HELD_BYTES of them are kept, the rest stays in the
 * kernel and finally with the sender. Reading goes on a little, because only a read tells that the client has left. */
static bool wants_reading(const struct http_connection *connection)
{
    if (connection->phase == HTTP_PHASE_LINGER)
        return true;
    if (connection->closing)
        return connection->reading && connection->unread;
    if (connection->blocked || (connection->exchange && !http_exchange_wants_data(connection->exchange)))
        return connection->held.length < HELD_BYTES;
    return true;
}

/* How often somebody who sends or receives a body is looked at; 0 when neither is the case. */
static uint32_t progress_window(const struct http_connection *connection)
{
    const struct http_limits *limits = connection->server->limits;
    if (connection->exchange && http_exchange_is_receiving(connection->exchange))
        return limits->body_ms;
    return connection->writing ? limits->write_stall_ms / STALL_CHECKS : 0;
}

/* When an idle connection is looked at first: its client may not have taken the last answer. */
static uint32_t idle_look(const struct http_limits *limits)
{
    uint32_t window = limits->write_stall_ms / STALL_CHECKS;
    return window && window < limits->idle_ms ? window : limits->idle_ms;
}

static enum http_timed timed_by_state(const struct http_connection *connection)
{
    if (connection->phase == HTTP_PHASE_LINGER)
        return HTTP_TIMED_LINGER;
    if (progress_window(connection))
        return HTTP_TIMED_PROGRESS;
    if (connection->phase == HTTP_PHASE_BUSY)
        return HTTP_TIMED_NOTHING;
    return connection->phase == HTTP_PHASE_HEAD || connection->requests == 0 ? HTTP_TIMED_HEAD : HTTP_TIMED_IDLE;
}

/* A deadline is set when its reason begins and never moved while it lasts: drops of bytes do not buy time. */
static void schedule(struct http_connection *connection)
{
    const struct http_limits *limits = connection->server->limits;
    enum http_timed timed = timed_by_state(connection);
    if (timed == connection->timed)
        return;
    const uint32_t times[] = {
        [HTTP_TIMED_NOTHING] = 0,
        [HTTP_TIMED_HEAD] = limits->head_ms,
        [HTTP_TIMED_IDLE] = idle_look(limits),
        [HTTP_TIMED_PROGRESS] = progress_window(connection),
        [HTTP_TIMED_LINGER] = BOUNDS_HTTP_LINGER_MS,
    };
    connection->timed = timed;
    connection->stalls = 0;
    connection->measured = false;
    connection->idle_until = connection->server->now + (limits->idle_ms + 999) / 1000;
    http_connection_arm(connection, times[timed]);
}

/* The flush pass is done with this connection. One that was marked again meanwhile (a held request was begun, and
 * answered at once) stands on the list of the next pass, which frees it instead. */
static void end_connection(struct http_connection *connection, int code)
{
    if (connection->dirty)
        connection->dead = true;
    else
        http_connection_free(connection, code);
}

/* The order matters: first go on with what is held, which may queue more output; then write; then, with nothing left
 * to do, close or linger; then decide what to wait for; last tell a waiting producer, which may queue output again
 * and mark the connection for the next pass. */
void http_connection_flush(struct http_connection *connection)
{
    /* A head that is not whole was looked at when its bytes came. */
    if (!connection->dead && !connection->closing && connection->phase != HTTP_PHASE_HEAD)
        step_held(connection);
    int result = connection->dead || !connection->output.queued ? 0 : write_output(connection);
    if (result < 0 || connection->dead) {
        end_connection(connection, result < 0 ? result : ERROR_CLOSED);
        return;
    }
    if (connection->closing && !connection->exchange && connection->output.queued == 0 &&
        connection->phase != HTTP_PHASE_LINGER) {
        if (!connection->unread) {
            end_connection(connection, ERROR_CLOSED);
            return;
        }
        start_linger(connection);
    }
    bool reading = wants_reading(connection);
    set_interest(connection, reading, connection->output.queued > 0);
    schedule(connection);
    if (connection->output.queued > BOUNDS_HTTP_QUEUE_LOW_BYTES)
        return;
    if (connection->exchange)
        http_exchange_drained(connection->exchange);
    else if (connection->blocked)
        http_connection_touch(connection);
}

/* ---- deadlines ---- */

/* Bytes that the client has, wrapping, and whether more are on the way. The kernel takes megabytes from us at once and
 * asks for more only when a good part of them is gone: what it took says nothing about a slow client for half a
 * minute, what was acknowledged does. Sockets that are not TCP have no such count. */
static uint32_t count_delivered(const struct http_connection *connection, bool *ret_pending)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    *ret_pending = connection->output.queued > 0;
    if (getsockopt(event_get_fd(&connection->event), IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
        length < offsetof(struct tcp_info, tcpi_notsent_bytes) + sizeof(info.tcpi_notsent_bytes))
        return connection->sent;
    *ret_pending |= info.tcpi_notsent_bytes > 0 || info.tcpi_unacked > 0;
    return (uint32_t)info.tcpi_bytes_acked;
}

/* One look at who should be taking what we sent. False: it took too little for too long and is dropped. The first look
 * only begins to measure. */
static bool check_reader(struct http_connection *connection, bool *ret_pending)
{
    const struct http_limits *limits = connection->server->limits;
    uint32_t wanted = limits->body_rate * (limits->write_stall_ms / STALL_CHECKS) / 1000;
    uint32_t before = connection->delivered;
    connection->delivered = count_delivered(connection, ret_pending);
    bool stalls = *ret_pending && connection->measured && connection->delivered - before < (wanted ? wanted : 1);
    connection->stalls = stalls ? connection->stalls + 1 : 0;
    connection->measured = true;
    if (connection->stalls < STALL_CHECKS - 1)
        return true;
    /* An ordinary close would leave what was not taken to the kernel, which goes on offering it for minutes. */
    const struct linger at_once = {.l_onoff = 1};
    setsockopt(event_get_fd(&connection->event), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    http_connection_kill(connection);
    return false;
}

static void check_progress(struct http_connection *connection)
{
    const struct http_limits *limits = connection->server->limits;
    bool pending;
    if (connection->writing && !check_reader(connection, &pending))
        return;
    struct http_exchange *exchange = connection->exchange;
    if (exchange && http_exchange_is_receiving(exchange) && limits->body_ms) {
        uint64_t wanted = (uint64_t)limits->body_rate * limits->body_ms / 1000;
        if (http_exchange_take_window(exchange) < wanted) {
            http_exchange_time_out(exchange);
            return;
        }
    }
    http_connection_arm(connection, progress_window(connection));
}

/* Idle for us is not idle for a client that still takes the last answer byte by byte. */
static void check_idle(struct http_connection *connection)
{
    uint32_t now = connection->server->now;
    bool pending;
    if (now >= connection->idle_until) {
        http_connection_kill(connection);
        return;
    }
    if (!check_reader(connection, &pending))
        return;
    uint32_t left = (connection->idle_until - now) * 1000;
    uint32_t window = idle_look(connection->server->limits);
    http_connection_arm(connection, pending && window < left ? window : left);
}

void http_connection_expire(struct http_connection *connection)
{
    connection->deadline = 0;
    if (connection->dead)
        return;
    if (connection->timed == HTTP_TIMED_PROGRESS)
        check_progress(connection);
    else if (connection->timed == HTTP_TIMED_IDLE)
        check_idle(connection);
    else if (connection->timed == HTTP_TIMED_HEAD && connection->held.length)
        http_connection_refuse(connection, 408, "the request did not arrive in time");
    else
        http_connection_kill(connection);
}
