/* Requests on their way to the store and back.
 *
 * Each side can be slower than the other. A write that says ERROR_AGAIN pauses the reader of the opposite
 * side, and on_drain of the one resumes the other: at most two high marks of bytes are under way for each
 * direction, however large the push or the download.
 *
 *   client ──▶ exchange ──on_request_data──▶ http_client ──▶ store
 *   client ◀── exchange ◀─on_response_data── http_client ◀── store */
#include "gateway/forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/demo.h"
#include "gateway/gateway.h"
#include "gateway/headers.h"
#include "gateway/list.h"
#include "gateway/status.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/http/client.h"
#include "runtime/loop/loop.h"
#include "runtime/wire/channel.h"

/* Out-of-turn looks at the store's channel: each reads up to 64 packets, so one is nearly always enough. */
enum { HEAR_TURNS = 16 };

struct forward_spare {
    struct list in_idle;
    struct http_client *client;
};

struct forward {
    struct gateway *gateway;
    struct list idle; /* of forward_spare, most recently used first */
    uint32_t idle_count, open_count;
};

/* One forwarded request. */
struct forward_call {
    struct forward *forward;
    struct http_exchange *exchange; /* NULL once it is over */
    struct http_client *client;
    struct demo_route *route;
    char *target;       /* owned */
    bool started;       /* the answer's head went out */
    bool has_body;
    bool retried;
};

static const struct http_client_handler client_handler;
static const struct http_handler exchange_handler;

/* Fields that belong to one connection, or that the gateway writes itself. */
static const struct text hop_fields[] = {
    {"connection", 10}, {"keep-alive", 10},     {"proxy-connection", 16},  {"te", 2},     {"trailer", 7},
    {"upgrade", 7},     {"content-length", 14}, {"transfer-encoding", 17}, {"expect", 6}, {"host", 4},
    {"server", 6},      {"date", 4},            {"proxy-authenticate", 18}, {"proxy-authorization", 19},
};

static bool stays_behind(struct text name)
{
    for (size_t i = 0; i < MEMORY_COUNT(hop_fields); i++)
        if (text_equal_ignore_case(name, hop_fields[i]))
            return true;
    return false;
}

/* What the store believes without asking is said in x-vitrine-* fields, so nobody else may say it. */
static bool is_internal(struct text name)
{
    return text_equal_ignore_case(text_head(name, 10), TEXT("x-vitrine-"));
}

struct forward *forward_new(struct gateway *gateway)
{
    struct forward *forward = MEMORY_NEW(struct forward);
    forward->gateway = gateway;
    list_init(&forward->idle);
    return forward;
}

/* ---- connections ---- */

static void drop_client(struct forward *forward, struct http_client *client)
{
    http_client_free(client);
    forward->open_count--;
}

/* The store is gone: connections that wait for the next request lead nowhere. Running ones find out by themselves. */
void forward_reset(struct forward *forward)
{
    struct forward_spare *spare;
    while ((spare = LIST_FIRST(&forward->idle, struct forward_spare, in_idle))) {
        list_remove(&spare->in_idle);
        drop_client(forward, spare->client);
        free(spare);
    }
    forward->idle_count = 0;
}

void forward_free(struct forward *forward)
{
    if (!forward)
        return;
    forward_reset(forward);
    free(forward);
}

/* The most recently used one is taken first: the others age, and are dropped when the store closes them. */
static void keep_client(struct forward *forward, struct http_client *client)
{
    if (!http_client_is_ready(client) || forward->idle_count >= BOUNDS_FORWARD_IDLE) {
        drop_client(forward, client);
        return;
    }
    struct forward_spare *spare = MEMORY_NEW(struct forward_spare);
    list_init(&spare->in_idle);
    spare->client = client;
    list_prepend(&forward->idle, &spare->in_idle);
    forward->idle_count++;
}

/* A kept connection may have ended since; such a one is dropped on the way. */
static struct http_client *take_idle(struct forward *forward)
{
    struct forward_spare *spare;
    while ((spare = LIST_FIRST(&forward->idle, struct forward_spare, in_idle))) {
        struct http_client *client = spare->client;
        list_remove(&spare->in_idle);
        free(spare);
        forward->idle_count--;
        if (http_client_is_ready(client))
            return client;
        drop_client(forward, client);
    }
    return NULL;
}

/* A new connection is a socket pair, one end of which goes to the store by message. */
static struct http_client *connect_store(struct forward *forward)
{
    struct channel *store = forward->gateway->store;
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    int pair[2];
    if (!store || forward->open_count >= BOUNDS_FORWARD_CONNECTIONS || fd_socket_pair(SOCK_STREAM, 1, pair) < 0)
        return NULL;
    message_store_connect_pack(&body, &(struct message_store_connect){0});
    int result = channel_send(store, MESSAGE_store_connect, 0, buffer_view(&body), &pair[1], 1);
    fd_close(&pair[1]);
    if (result < 0) {
        fd_close(&pair[0]);
        return NULL;
    }
    forward->open_count++;
    return http_client_new(forward->gateway->base, pair[0]);
}

/* ---- the request ---- */

/* Who asks, from where, and for which demo. These are the store's only source for it. */
static void add_context(const struct forward_call *call, struct buffer *lines)
{
    const struct demo_route *route = call->route;
    struct text host = call->exchange->head.host;
    http_field_append(lines, "Host", host.length ? host : text_from(call->forward->gateway->site.host));
    http_field_append(lines, "x-vitrine-client", text_from(route->client));
    http_field_append(lines, "x-vitrine-origin", text_from(route->origin));
    if (!route->demo)
        return;
    buffer_format(lines, "x-vitrine-demo: %llu\r\n", (unsigned long long)route->demo->id);
    http_field_append(lines, "x-vitrine-base", text_from(route->base));
}

static void copy_request_fields(const struct forward_call *call, struct buffer *lines)
{
    const struct http_head *head = &call->exchange->head;
    for (size_t i = 0; i < head->field_count; i++) {
        struct text name = http_head_name(head, i);
        /* Demo addresses never read cookies: a demo's page must not act for who is signed in at the site. */
        bool cookie = call->route->demo && text_equal_ignore_case(name, TEXT("cookie"));
        /* What Connection names belongs to that connection as well (RFC 9110 §7.6.1). */
        if (stays_behind(name) || is_internal(name) || cookie || http_head_lists(head, "connection", name))
            continue;
        buffer_text(lines, name);
        buffer_string(lines, ": ");
        buffer_text(lines, http_head_value(head, i));
        buffer_string(lines, "\r\n");
    }
}

static void send_request(struct forward_call *call)
{
    const struct http_head *head = &call->exchange->head;
    struct buffer BUFFER_AUTO lines = BUFFER_EMPTY;
    add_context(call, &lines);
    copy_request_fields(call, &lines);
    int64_t length = head->chunked ? -1 : head->content_length > 0 ? head->content_length : 0;
    call->has_body = length != 0;
    http_client_start(call->client,
                      &(struct http_client_request){.method = text_from(http_method_name(head->method)),
                                                    .target = text_from(call->target),
                                                    .headers = buffer_view(&lines),
                                                    .body_length = length},
                      &client_handler, call);
}

static void finish_call(struct forward_call *call)
{
    free(call->target);
    free(call);
}

/* Nobody answers: say so, or break off what has begun. */
static void fail_call(struct forward_call *call, int status, const char *sentence)
{
    struct demo_route *route = call->route;
    bool started = call->started;
    if (call->client)
        drop_client(call->forward, call->client);
    finish_call(call);
    if (started)
        http_respond_abort(route->exchange);
    else
        status_reply(route, status, "One moment", sentence);
}

/* The store has a limit for each of its addresses; here is what may reach it at all. */
static uint64_t body_limit(const struct demo_route *route)
{
    return !route->demo && route_is_git(route->path) ? BOUNDS_PUSH_BYTES : BOUNDS_UPLOAD_BODY_BYTES;
}

void forward_start(struct forward *forward, struct http_exchange *exchange, struct demo_route *route,
                   struct text target)
{
    struct forward_call *call = MEMORY_NEW(struct forward_call);
    call->forward = forward;
    call->exchange = exchange;
    call->route = route;
    call->target = text_copy(target.length ? target : exchange->head.target);
    call->client = take_idle(forward);
    if (!call->client)
        call->client = connect_store(forward);
    if (!call->client) {
        fail_call(call, 503, "The store of this server is starting or busy. Try again in a moment.");
        return;
    }
    send_request(call);
    http_exchange_attach(exchange, &exchange_handler, call);
    if (call->has_body && !http_exchange_receive(exchange, body_limit(route))) {
        drop_client(forward, call->client);
        finish_call(call);
    }
}

void forward_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    /* An absolute-form target names us already: the store sees the path. */
    const struct http_head *head = &exchange->head;
    struct buffer BUFFER_AUTO target = BUFFER_EMPTY;
    buffer_text(&target, head->path);
    if (head->query.data) {
        buffer_byte(&target, '?');
        buffer_text(&target, head->query);
    }
    forward_start(gateway->forward, exchange, route, buffer_view(&target));
}

void forward_serve_demo(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct buffer BUFFER_AUTO target = BUFFER_EMPTY;
    buffer_byte(&target, '/');
    buffer_text(&target, text_skip(exchange->head.path, route->base_length));
    if (exchange->head.query.data) {
        buffer_byte(&target, '?');
        buffer_text(&target, exchange->head.query);
    }
    forward_start(gateway->forward, exchange, route, buffer_view(&target));
}

/* ---- client → store ---- */

static void on_request_data(void *context, struct http_exchange *exchange, struct text data)
{
    struct forward_call *call = context;
    if (http_client_write(call->client, data) == ERROR_AGAIN)
        http_exchange_pause(exchange);
}

static void on_request_end(void *context, struct http_exchange *exchange)
{
    struct forward_call *call = context;
    (void)exchange;
    http_client_end(call->client);
}

static void on_response_drained(void *context, struct http_exchange *exchange)
{
    struct forward_call *call = context;
    (void)exchange;
    http_client_resume(call->client);
}

static void on_request_abort(void *context, struct http_exchange *exchange, int code)
{
    struct forward_call *call = context;
    (void)exchange, (void)code;
    drop_client(call->forward, call->client);
    finish_call(call);
}

static const struct http_handler exchange_handler = {
    .on_data = on_request_data,
    .on_end = on_request_end,
    .on_drain = on_response_drained,
    .on_abort = on_request_abort,
};

/* ---- store → client ---- */

/* The store may send bytes of strangers as files. On the site it says so with a policy of its own, at a demo's address
 * by naming them (Content-Disposition); both times our lines for pages are replaced by those for files as a whole. */
static void choose_headers(struct forward_call *call, const struct http_head *head)
{
    const struct gateway *gateway = call->forward->gateway;
    if (!call->route->demo && http_head_get(head, "content-security-policy").data)
        http_exchange_decorate(call->exchange, text_from(gateway->file_headers));
    if (call->route->demo && http_head_get(head, "content-disposition").data)
        http_exchange_decorate(call->exchange, text_from(gateway->demo_file_headers));
}

/* What the store said on its channel before it wrote this is taken in first: whoever reads that a push or a change of
 * settings is done finds it done here too (the store flushes the channel before it answers). */
static void hear_store(struct gateway *gateway)
{
    for (int i = 0; i < HEAR_TURNS && gateway->store && loop_channel_read(gateway->store); i++) {
    }
}

/* Lines of the answer that concern connection or policy are ours; the rest is the store's. Its body streams with the
 * length that it announced, or in chunks. */
static void on_head(void *context, const struct http_head *head)
{
    struct forward_call *call = context;
    struct buffer BUFFER_AUTO lines = BUFFER_EMPTY;
    hear_store(call->forward->gateway);
    for (size_t i = 0; i < head->field_count; i++) {
        struct text name = http_head_name(head, i);
        if (stays_behind(name) || headers_is_owned(name) || is_internal(name))
            continue;
        buffer_text(&lines, name);
        buffer_string(&lines, ": ");
        buffer_text(&lines, http_head_value(head, i));
        buffer_string(&lines, "\r\n");
    }
    choose_headers(call, head);
    bool sized = head->content_length >= 0 && !head->chunked;
    call->started = true;
    http_respond_start(call->exchange, head->status, buffer_view(&lines), sized ? head->content_length : -1);
}

static void on_response_data(void *context, struct text data)
{
    struct forward_call *call = context;
    hear_store(call->forward->gateway);
    if (http_respond_write(call->exchange, data) == ERROR_AGAIN)
        http_client_pause(call->client);
}

/* The connection is kept before the answer ends: what runs when it ends may already forward the next request. */
static void on_response_end(void *context)
{
    struct forward_call *call = context;
    struct http_exchange *exchange = call->exchange;
    keep_client(call->forward, call->client);
    finish_call(call);
    http_respond_end(exchange);
}

static void on_request_drained(void *context)
{
    struct forward_call *call = context;
    http_exchange_resume(call->exchange);
}

/* A kept connection may have ended just when we used it: a request that left no trace is asked once more. */
static bool try_again(struct forward_call *call)
{
    if (call->retried || call->has_body || call->started || !http_client_is_unanswered(call->client))
        return false;
    call->retried = true;
    drop_client(call->forward, call->client);
    call->client = connect_store(call->forward);
    if (call->client)
        send_request(call);
    return call->client != NULL;
}

static void on_error(void *context, int code)
{
    struct forward_call *call = context;
    (void)code;
    if (!try_again(call))
        fail_call(call, 502, "The store of this server ended while it worked on this. Try again in a moment.");
}

static const struct http_client_handler client_handler = {
    .on_head = on_head,
    .on_data = on_response_data,
    .on_end = on_response_end,
    .on_drain = on_request_drained,
    .on_error = on_error,
};
