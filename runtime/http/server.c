/* The engine around the connections: accepting, the clock, the end of a turn.
 *
 * Time: a wheel of 64 one-second slots instead of a timer for each connection. Moving a deadline later costs
 * nothing (the connection is found in its old slot, and put where it belongs now); only an earlier one moves
 * at once. A second of inaccuracy is nothing to limits of ten seconds and more, and the clock stands still
 * when nobody waits.
 *
 * Turn: whoever has something to send or to decide is put on the dirty list; an event that libevent calls
 * behind all others of the turn walks it. Writing there, and only there, is what gathers pipelined answers,
 * and the answers of many workers, into one system call for each client; freeing there, and only there, is
 * what lets handlers be careless. */
#include "runtime/http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/http/connection.h"

const struct http_limits http_limits_public = {
    .head_ms = BOUNDS_HTTP_HEAD_MS,
    .idle_ms = BOUNDS_HTTP_IDLE_MS,
    .body_ms = BOUNDS_HTTP_BODY_GRACE_MS,
    .body_rate = BOUNDS_HTTP_BODY_RATE_BYTES,
    .write_stall_ms = BOUNDS_HTTP_WRITE_STALL_MS,
    .age_ms = BOUNDS_HTTP_AGE_MS,
    .requests = BOUNDS_HTTP_REQUESTS,
};

const struct http_limits http_limits_internal = {.behind_gateway = true};

enum { ACCEPTS_PER_TURN = 64, TICK_SLACK_MS = 20 };

struct http_listener {
    struct event event;
    struct http_server *server;
    struct http_listener *next;
};

/* ---- the wheel: one list of connections per second, 64 seconds; later deadlines come round again ---- */

/* `link` is what points at the connection (a list's head or its neighbour's `next`): removal needs no search. */
void http_server_unlink(struct http_server *server, struct http_connection *connection)
{
    (void)server;
    if (!connection->link)
        return;
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    connection->link = NULL;
    connection->slot = 0;
}

/* The clock stands while nobody has a deadline; it goes on from now, not from when it stopped. */
static void start_ticking(struct http_server *server)
{
    if (event_pending(&server->tick, EV_TIMEOUT, NULL))
        return;
    server->tick_ms = clock_now_ms();
    event_add(&server->tick, &(struct timeval){.tv_sec = 1});
}

/* Puts a connection where its deadline is looked for: its own second, or the last slot of the wheel when it lies
 * further away, from where it goes round again. Never the slot that is being turned now. */
void http_server_link(struct http_server *server, struct http_connection *connection, uint32_t deadline)
{
    http_server_unlink(server, connection);
    uint32_t latest = server->now + HTTP_WHEEL_SLOTS - 1;
    uint32_t slot = deadline > latest ? latest : deadline;
    if (deadline && slot <= server->now)
        slot = server->now + 1;
    struct http_connection **list = deadline ? &server->wheel[slot % HTTP_WHEEL_SLOTS] : &server->unscheduled;
    connection->next = *list;
    connection->link = list;
    connection->slot = slot;
    if (connection->next)
        connection->next->link = &connection->next;
    *list = connection;
    if (deadline)
        start_ticking(server);
}

/* Takes each connection out of the slot; it finds its new place by its deadline, or expires. */
static void turn_slot(struct http_server *server)
{
    struct http_connection *connection = server->wheel[server->now % HTTP_WHEEL_SLOTS];
    while (connection) {
        struct http_connection *next = connection->next;
        if (connection->deadline == 0 || connection->deadline > server->now) {
            http_server_link(server, connection, connection->deadline);
        } else {
            http_server_link(server, connection, 0);
            http_connection_expire(connection);
        }
        connection = next;
    }
}

/* A new attempt each second: nobody tells us when a descriptor becomes free elsewhere in the process. */
static void resume_accepting(struct http_server *server)
{
    server->paused = false;
    for (struct http_listener *listener = server->listeners; listener; listener = listener->next)
        event_add(&listener->event, NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    (void)fd, (void)what;
    uint64_t now_ms = clock_now_ms();
    /* The loop's clock is a coarse one: a timer may come some milliseconds early by ours. */
    uint32_t steps = (uint32_t)((now_ms + TICK_SLACK_MS - server->tick_ms) / 1000);
    server->tick_ms += (uint64_t)steps * 1000;
    if (server->counts.connections || server->paused)
        event_add(&server->tick, &(struct timeval){.tv_sec = 1});
    /* After a suspended machine nobody is late by more than one turn of the wheel. */
    for (uint32_t i = 0; i < (steps > HTTP_WHEEL_SLOTS ? HTTP_WHEEL_SLOTS : steps); i++) {
        server->now++;
        turn_slot(server);
    }
    if (server->paused)
        resume_accepting(server);
}

/* ---- the flush pass at the end of a turn ---- */

void http_server_mark(struct http_server *server, struct http_connection *connection)
{
    connection->dirty = true;
    connection->dirty_next = NULL;
    *server->dirty_tail = connection;
    server->dirty_tail = &connection->dirty_next;
    if (server->flush_pending)
        return;
    server->flush_pending = true;
    /* Behind everything that is active in this turn; during the pass itself only after the next look at the
     * sockets, so that one producer cannot keep the loop for itself. */
    if (server->flushing)
        event_add(&server->flush, &(struct timeval){0});
    else
        event_active(&server->flush, EV_TIMEOUT, 0);
}

/* Takes the list as it is: what the pass itself marks comes in the next one, so that a handler that writes on every
 * drain cannot keep the loop from looking at the sockets. */
static void on_flush(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    (void)fd, (void)what;
    if (server->callbacks->on_flush)
        server->callbacks->on_flush(server->context);
    struct http_connection *connection = server->dirty;
    server->dirty = NULL;
    server->dirty_tail = &server->dirty;
    server->flush_pending = false;
    server->flushing = true;
    while (connection) {
        struct http_connection *next = connection->dirty_next;
        connection->dirty = false;
        http_connection_flush(connection);
        connection = next;
    }
    server->flushing = false;
}

struct text http_server_stamp(struct http_server *server)
{
    uint64_t second = (uint64_t)time(NULL);
    if (second != server->date_second) {
        struct buffer BUFFER_AUTO lines = BUFFER_EMPTY;
        buffer_string(&lines, "Server: vitrine\r\nDate: ");
        clock_write_http(&lines, (int64_t)second * 1000);
        buffer_string(&lines, "\r\n");
        server->date_second = second;
        server->date_length = lines.length;
        memcpy(server->date, lines.data, lines.length);
    }
    return (struct text){server->date, server->date_length};
}

/* ---- accepting ---- */

/* IPv4 addresses are kept mapped into IPv6, so that limits and logs know one form. */
static struct http_peer peer_of(const struct sockaddr_storage *address)
{
    struct http_peer peer = {0};
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        memcpy(peer.address, &six->sin6_addr, 16);
        peer.port = ntohs(six->sin6_port);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        peer.address[10] = peer.address[11] = 0xff;
        memcpy(peer.address + 12, &four->sin_addr, 4);
        peer.port = ntohs(four->sin_port);
    } else {
        peer.local = true;
    }
    return peer;
}

/* No descriptor or no place left: the kernel's queue holds new clients until the next tick. */
static void pause_accepting(struct http_server *server)
{
    server->paused = true;
    for (struct http_listener *listener = server->listeners; listener; listener = listener->next)
        event_del(&listener->event);
    start_ticking(server);
}

/* False when there is nothing more to accept now. At the limit nothing is accepted and closed again: clients wait in
 * the kernel's queue, which is what keeps an accept loop from spinning without descriptors. */
static bool accept_one(struct http_server *server, int listener_fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    if (server->limits->connections && server->counts.connections >= server->limits->connections) {
        pause_accepting(server);
        return false;
    }
    int fd = accept4(listener_fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(server);
        return errno == ECONNABORTED || errno == EINTR;
    }
    struct http_peer peer = peer_of(&address);
    if (server->callbacks->on_accept && !server->callbacks->on_accept(server->context, &peer)) {
        close(fd);
        return true;
    }
    server->counts.accepted++;
    http_connection_new(server, fd, &peer);
    return true;
}

static void on_listener(evutil_socket_t fd, short what, void *context)
{
    struct http_listener *listener = context;
    (void)what;
    for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(listener->server, fd); i++) {
    }
}

/* ---- life ---- */

static void on_stop(evutil_socket_t fd, short what, void *context);

struct http_server *http_server_new(struct event_base *base, const struct http_limits *limits,
                                    const struct http_server_callbacks *callbacks, void *context)
{
    struct http_server *server = MEMORY_NEW(struct http_server);
    server->base = base;
    server->limits = limits;
    server->callbacks = callbacks;
    server->context = context;
    server->dirty_tail = &server->dirty;
    server->parser.behind_gateway = limits->behind_gateway;
    server->now = 1;
    server->tick_ms = clock_now_ms();
    event_assign(&server->flush, base, -1, EV_TIMEOUT, on_flush, server);
    event_assign(&server->tick, base, -1, EV_TIMEOUT, on_tick, server);
    event_assign(&server->stop, base, -1, EV_TIMEOUT, on_stop, server);
    return server;
}

int http_server_listen(struct http_server *server, int listener_fd)
{
    if (fd_set_nonblocking(listener_fd) < 0)
        return ERROR_SYSTEM;
    /* Accepted sockets inherit it; a Unix socket has no use for it and says so. */
    setsockopt(listener_fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct http_listener *listener = MEMORY_NEW(struct http_listener);
    listener->server = server;
    listener->next = server->listeners;
    server->listeners = listener;
    event_assign(&listener->event, server->base, listener_fd, EV_READ | EV_PERSIST, on_listener, listener);
    return event_add(&listener->event, NULL) < 0 ? ERROR_SYSTEM : 0;
}

/* The way in for sockets that came as a descriptor: the store's from the gateway, and tests'. */
int http_server_adopt(struct http_server *server, int fd)
{
    if (fd_set_nonblocking(fd) < 0)
        return ERROR_SYSTEM;
    struct http_peer peer = {.local = true};
    server->counts.accepted++;
    http_connection_new(server, fd, &peer);
    return 0;
}

static void close_listeners(struct http_server *server)
{
    while (server->listeners) {
        struct http_listener *listener = server->listeners;
        server->listeners = listener->next;
        event_del(&listener->event);
        close(event_get_fd(&listener->event));
        free(listener);
    }
}

/* Calls `visit` for every connection; it may unlink the one it is called for. */
static void each_connection(struct http_server *server, void (*visit)(struct http_connection *connection))
{
    for (int i = -1; i < HTTP_WHEEL_SLOTS; i++) {
        struct http_connection *connection = i < 0 ? server->unscheduled : server->wheel[i];
        while (connection) {
            struct http_connection *next = connection->next;
            visit(connection);
            connection = next;
        }
    }
}

/* Only who has nothing under way: an answer that is still leaving is finished first. */
static void kill_idle(struct http_connection *connection)
{
    if (!connection->exchange && !connection->output.queued && !connection->closing)
        http_connection_kill(connection);
}

/* Called for every connection that ends; the last one ends the server, when it is stopping. */
void http_server_closed(struct http_server *server)
{
    if (!server->stopping || server->stopped || server->counts.connections)
        return;
    server->stopped = true;
    event_del(&server->stop);
    if (server->callbacks->on_stopped)
        server->callbacks->on_stopped(server->context);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    each_connection(context, http_connection_kill);
}

void http_server_stop(struct http_server *server, uint32_t grace_ms)
{
    if (server->stopping)
        return;
    server->stopping = true;
    close_listeners(server);
    each_connection(server, kill_idle);
    event_add(&server->stop, &(struct timeval){.tv_sec = grace_ms / 1000, .tv_usec = grace_ms % 1000 * 1000});
    http_server_closed(server);
}

static void free_connection(struct http_connection *connection)
{
    http_connection_free(connection, ERROR_CLOSED);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    server->stopped = true;
    close_listeners(server);
    each_connection(server, free_connection);
    event_del(&server->flush);
    event_del(&server->tick);
    event_del(&server->stop);
    free(server->slots);
    free(server);
}

/* ---- handles ---- */

/* The handle is generation and index; the index of a stranger's making is checked, though none should ever reach us. */
struct http_exchange *http_server_find(struct http_server *server, uint64_t handle)
{
    uint32_t index = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    if (index == 0 || index > server->slot_count || server->slots[index - 1].generation != generation)
        return NULL;
    return server->slots[index - 1].exchange;
}

void http_server_drop_handle(struct http_server *server, struct http_exchange *exchange)
{
    struct http_slot *slot = &server->slots[exchange->handle_index - 1];
    slot->exchange = NULL;
    slot->generation++;
    slot->next_free = server->slot_free;
    server->slot_free = exchange->handle_index;
}

const struct http_server_counts *http_server_count(const struct http_server *server)
{
    return &server->counts;
}
