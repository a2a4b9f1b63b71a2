/* The client's side of HTTP, for our own processes. The peer is one of them, but it carries what strangers
 * wrote: its answers are parsed as strictly as a stranger's requests.
 *
 * A connection that ends in any way but the clean one (an answer before the request was out, bytes nobody
 * asked for, a framing that broke) is never used again: `closed` says so, and http_client_is_ready() tells
 * the owner. */
#include "runtime/http/client.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/http/body.h"
#include "runtime/http/output.h"

enum { SCRATCH_BYTES = 65536 };

struct http_client {
    struct event event; /* reading unless paused, writing after a short write */
    struct event turn;  /* flushes at the end of the turn, and carries callbacks out of the owner's calls */
    struct event_base *base;
    const struct http_client_handler *handler; /* NULL: idle */
    void *context;
    struct http_output output;
    struct buffer held; /* unfinished head, or what came while paused */
    struct http_body body;
    bool *freed;        /* set by http_client_free() while our own code is on the stack */
    bool answered;      /* a byte of the answer has come */
    bool in_body;       /* the final head was told */
    bool sent;          /* the request is queued in full */
    bool chunked;       /* the request's body is sent in chunks */
    bool head_only;     /* the answer has no body: HEAD */
    bool keep_alive, closed, paused, full, reading, writing;
};

static void on_event(evutil_socket_t fd, short what, void *context);
static void on_turn(evutil_socket_t fd, short what, void *context);

/* Not reading is how an answer is held back: the store's socket fills, and its own watermark stops it. */
static void set_interest(struct http_client *client, bool reading, bool writing)
{
    if (client->reading == reading && client->writing == writing)
        return;
    evutil_socket_t fd = event_get_fd(&client->event);
    event_del(&client->event);
    client->reading = reading;
    client->writing = writing;
    short what = (short)(EV_PERSIST | (reading ? EV_READ : 0) | (writing ? EV_WRITE : 0));
    event_assign(&client->event, client->base, fd, what, on_event, client);
    if (reading || writing)
        event_add(&client->event, NULL);
}

struct http_client *http_client_new(struct event_base *base, int fd)
{
    struct http_client *client = MEMORY_NEW(struct http_client);
    client->base = base;
    client->keep_alive = true;
    fd_set_nonblocking(fd);
    event_assign(&client->event, base, fd, EV_PERSIST, on_event, client);
    event_assign(&client->turn, base, -1, EV_TIMEOUT, on_turn, client);
    set_interest(client, true, false);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->freed)
        *client->freed = true;
    evutil_socket_t fd = event_get_fd(&client->event);
    event_del(&client->event);
    event_del(&client->turn);
    close(fd);
    http_output_release(&client->output);
    buffer_release(&client->held);
    free(client);
}

/* Bytes behind the last answer (held) mean that both sides disagree about where it ended. */
bool http_client_is_ready(const struct http_client *client)
{
    return !client->handler && !client->closed && client->keep_alive && client->held.length == 0;
}

bool http_client_is_unanswered(const struct http_client *client)
{
    return !client->answered;
}

/* Everything that writes or calls back happens in on_turn(), at the end of the turn: an owner is never called from
 * inside its own call, and pieces of a body written one by one leave together. */
static void touch(struct http_client *client)
{
    event_active(&client->turn, EV_TIMEOUT, 0);
}

/* ---- the request ---- */

void http_client_start(struct http_client *client, const struct http_client_request *request,
                       const struct http_client_handler *handler, void *context)
{
    if (!http_client_is_ready(client))
        abort();
    client->handler = handler;
    client->context = context;
    client->answered = client->in_body = client->paused = client->full = false;
    client->chunked = request->body_length < 0;
    client->sent = request->body_length == 0;
    client->head_only = text_equal(request->method, TEXT("HEAD"));
    struct buffer BUFFER_AUTO head = BUFFER_EMPTY;
    buffer_text(&head, request->method);
    buffer_byte(&head, ' ');
    buffer_text(&head, request->target);
    buffer_string(&head, " HTTP/1.1\r\n");
    buffer_text(&head, request->headers);
    if (client->chunked)
        buffer_string(&head, "Transfer-Encoding: chunked\r\n");
    else if (request->body_length > 0)
        buffer_format(&head, "Content-Length: %lld\r\n", (long long)request->body_length);
    buffer_string(&head, "\r\n");
    http_output_append(&client->output, buffer_view(&head));
    touch(client);
}

/* The watermark is looked at after taking the piece: a caller never has to keep what did not fit. */
int http_client_write(struct http_client *client, struct text data)
{
    if (data.length == 0)
        return 0;
    if (client->chunked) {
        char line[24];
        int length = snprintf(line, sizeof(line), "%zx\r\n", data.length);
        http_output_append(&client->output, (struct text){line, (size_t)length});
    }
    http_output_append(&client->output, data);
    if (client->chunked)
        http_output_append(&client->output, TEXT("\r\n"));
    touch(client);
    client->full = client->output.queued > BOUNDS_HTTP_QUEUE_HIGH_BYTES;
    return client->full ? ERROR_AGAIN : 0;
}

void http_client_end(struct http_client *client)
{
    if (client->chunked && !client->sent)
        http_output_append(&client->output, TEXT("0\r\n\r\n"));
    client->sent = true;
    touch(client);
}

void http_client_pause(struct http_client *client)
{
    client->paused = true;
}

void http_client_resume(struct http_client *client)
{
    client->paused = false;
    touch(client);
}

/* ---- the answer ---- */

/* The call is over; after this the owner may start the next one or free the client. */
static void finish(struct http_client *client, int code)
{
    const struct http_client_handler *handler = client->handler;
    client->handler = NULL;
    /* An answer that came before the request was out leaves bytes of it on the way: not reusable. */
    if (code < 0 || !client->sent || client->output.queued)
        client->closed = true;
    if (!handler)
        return;
    if (code < 0 && handler->on_error)
        handler->on_error(client->context, code);
    else if (code == 0 && handler->on_end)
        handler->on_end(client->context);
}

/* Parses the head at the start of `data`: bytes used, 0 when it is not whole, or a negative error. */
/* Interim answers (1xx) are read over: we never ask for 100 Continue and upgrade nothing. */
static ssize_t take_head(struct http_client *client, struct text data)
{
    struct http_head_parser parser;
    parser.behind_gateway = false; /* all else is written by the parser: 800 bytes that need no zeroing */
    int length = http_head_parse_response(&parser, data);
    if (length < 0)
        return ERROR_INVALID;
    if (length == 0 || parser.head.status < 200)
        return length;
    bool bodiless = client->head_only || parser.head.status == 204 || parser.head.status == 304;
    http_body_init_response(&client->body, &parser.head, bodiless);
    client->keep_alive = parser.head.keep_alive && client->body.kind != HTTP_BODY_UNTIL_CLOSE;
    client->in_body = true;
    client->handler->on_head(client->context, &parser.head);
    return length;
}

/* One step of the answer: bytes used, 0 when more are needed, or a negative error. `*ret_over` at its end. */
static ssize_t take_some(struct http_client *client, struct text data, bool *ret_over)
{
    if (!client->in_body)
        return take_head(client, data);
    struct text rest = data, piece = {0};
    int result = http_body_next(&client->body, &rest, &piece);
    if (result < 0)
        return ERROR_INVALID;
    *ret_over = result == HTTP_BODY_END;
    if (result == HTTP_BODY_PIECE && client->handler->on_data)
        client->handler->on_data(client->context, piece);
    return (ssize_t)(data.length - rest.length);
}

/* Hands on what is there. False when the client was freed or the call failed. */
static bool step(struct http_client *client, struct text data, bool from_held)
{
    size_t used = 0;
    bool freed = false, over = false;
    ssize_t count = 1;
    client->freed = &freed;
    while (client->handler && !client->paused && !over && count > 0) {
        bool was_head = !client->in_body;
        count = take_some(client, text_skip(data, used), &over);
        if (freed)
            return false;
        if (count > 0)
            used += (size_t)count;
        else if (was_head && client->in_body)
            count = 1;
    }
    if (from_held)
        buffer_consume(&client->held, used);
    else
        buffer_text(&client->held, text_skip(data, used));
    if (client->held.length == 0)
        buffer_release(&client->held);
    bool failed = count < 0 || (client->held.length > BOUNDS_HTTP_HEAD_BYTES && !client->in_body);
    if (over || failed)
        finish(client, failed ? ERROR_INVALID : 0);
    if (!freed)
        client->freed = NULL;
    return !freed;
}

/* Only a body without any framing ends with the connection; for all others it breaks off here. */
static void on_closed(struct http_client *client, int code)
{
    client->closed = true;
    set_interest(client, false, false);
    bool complete = client->in_body && client->body.kind == HTTP_BODY_UNTIL_CLOSE && code == ERROR_CLOSED;
    if (client->handler)
        finish(client, complete ? 0 : code);
}

/* Everything that is here at once, up to the scratch. Bytes behind what is held are appended: order before speed. */
static void read_some(struct http_client *client)
{
    char scratch[SCRATCH_BYTES];
    ssize_t count = recv(event_get_fd(&client->event), scratch, sizeof(scratch), 0);
    if (count > 0) {
        struct text data = {scratch, (size_t)count};
        client->answered = true;
        if (!client->handler) {
            /* Bytes nobody asked for: this connection has lost its framing. */
            on_closed(client, ERROR_INVALID);
        } else if (client->held.length) {
            buffer_text(&client->held, data);
            touch(client);
        } else if (step(client, data, false)) {
            touch(client);
        }
    } else if (count == 0) {
        on_closed(client, ERROR_CLOSED);
    } else if (errno != EAGAIN && errno != EINTR) {
        on_closed(client, ERROR_SYSTEM);
    }
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    if (what & EV_WRITE)
        touch(context);
    if (what & EV_READ)
        read_some(context);
}

/* The end of a turn: first what was held back while paused, then the request's bytes, then what to wait for. */
static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct http_client *client = context;
    (void)fd, (void)what;
    if (client->closed && !client->held.length)
        return;
    /* Also with nothing held: a pause at the very last piece leaves an end that no further byte will announce. */
    if ((client->held.length || client->in_body) && !client->paused && client->handler &&
        !step(client, buffer_view(&client->held), true))
        return;
    ssize_t sent = client->closed ? 0 : http_output_flush(&client->output, event_get_fd(&client->event));
    /* A peer that answered and closed without reading on is found when its answer has been read. */
    if (sent < 0)
        http_output_release(&client->output);
    if (client->closed)
        return;
    set_interest(client, !client->paused, client->output.queued > 0);
    if (client->full && client->handler && client->output.queued <= BOUNDS_HTTP_QUEUE_LOW_BYTES) {
        client->full = false;
        if (client->handler->on_drain)
            client->handler->on_drain(client->context);
    }
}

/* ---- blocking ---- */

/* A loop of its own, for as long as one call takes. */
struct fetch {
    struct event_base *base;
    struct buffer *body;
    int status; /* or error */
};

static void fetch_head(void *context, const struct http_head *head)
{
    ((struct fetch *)context)->status = head->status;
}

static void fetch_data(void *context, struct text data)
{
    buffer_text(((struct fetch *)context)->body, data);
}

static void fetch_end(void *context)
{
    event_base_loopbreak(((struct fetch *)context)->base);
}

static void fetch_error(void *context, int code)
{
    ((struct fetch *)context)->status = code;
    fetch_end(context);
}

int http_client_fetch(int fd, const struct http_client_request *request, struct text body, struct buffer *ret_body)
{
    static const struct http_client_handler handler = {
        .on_head = fetch_head, .on_data = fetch_data, .on_end = fetch_end, .on_error = fetch_error};
    struct fetch fetch = {.base = event_base_new(), .body = ret_body, .status = ERROR_CLOSED};
    if (!fetch.base) {
        close(fd);
        return ERROR_SYSTEM;
    }
    struct http_client *client = http_client_new(fetch.base, fd);
    http_client_start(client, request, &handler, &fetch);
    if (request->body_length) {
        http_client_write(client, body);
        http_client_end(client);
    }
    event_base_dispatch(fetch.base);
    http_client_free(client);
    event_base_free(fetch.base);
    return fetch.status;
}
