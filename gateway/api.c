/* The routes of the Gradio protocol that need the call path, each with and without the prefix that newer clients use.
 * Handlers here only read the request and pass it on: join.c starts calls, stream.c and answer.c write answers. The
 * demo of a route was found and may be seen by this visitor before a handler is called. */
#include "gateway/api.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/answer.h"
#include "gateway/calls.h"
#include "gateway/files.h"
#include "gateway/forward.h"
#include "gateway/gateway.h"
#include "gateway/input.h"
#include "gateway/join.h"
#include "gateway/output.h"
#include "gateway/stream.h"
#include "gateway/worker.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/memory.h"

#define SUCCESS TEXT("{\"success\":true}")

static bool refuse_when_stopping(struct gateway *gateway, struct http_exchange *exchange)
{
    if (gateway->stopping)
        route_reply_detail(exchange, 503, "This server is restarting. Try again in a moment.");
    return gateway->stopping;
}

/* ---- starting calls ---- */

static void on_join(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct join_form form = {.kind = CALL_ON_SESSION};
    if (!refuse_when_stopping(gateway, exchange))
        join_start(gateway->calls, exchange, route, &form);
}

static struct text without_slash(struct text text)
{
    return text_ends(text, TEXT("/")) ? text_head(text, text.length - 1) : text;
}

static void on_run(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct join_form form = {.kind = CALL_ON_REPLY, .name = without_slash(route->rest)};
    if (!refuse_when_stopping(gateway, exchange))
        join_start(gateway->calls, exchange, route, &form);
}

static void on_call(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct text name = without_slash(route->rest);
    struct join_form form = {.kind = CALL_ON_READERS, .name = name};
    if (text_starts(name, TEXT("v2/"))) {
        form.named = true;
        form.name = text_skip(name, 3);
    }
    if (!refuse_when_stopping(gateway, exchange))
        join_start(gateway->calls, exchange, route, &form);
}

/* ---- reading answers ---- */

static void on_data(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct buffer name BUFFER_AUTO = BUFFER_EMPTY;
    struct session *session;
    if (encode_form_value(exchange->head.query, "session_hash", &name) < 0 || !session_is_name(buffer_view(&name))) {
        route_reply_detail(exchange, 400, "\"session_hash\" must be 1 to 128 letters, digits, - or _.");
        return;
    }
    session = session_need(&gateway->calls->sessions, route->demo->id, buffer_view(&name));
    if (session)
        stream_open_session(gateway->calls, exchange, session);
    else
        route_reply_detail(exchange, 503, "This server has too many visitors at the moment. Try again later.");
}

/* The curl API reads "error" and a JSON string for an event that is not there. */
static void reply_unknown_event(struct http_exchange *exchange)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    output_write_frame(&body, "error",
                       TEXT("\"This event is not known (any more): results are kept for ten minutes.\""));
    http_reply(exchange, 404, TEXT("Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"),
               buffer_view(&body));
}

/* call/<name>/<event id>, call/v2/<name>/<event id> */
static void on_read(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct text rest = without_slash(route->rest), id = rest;
    struct call *call;
    ptrdiff_t slash;
    while ((slash = text_find(id, '/')) >= 0)
        id = text_skip(id, (size_t)slash + 1);
    call = id.length < rest.length ? call_find(&gateway->calls->table, id) : NULL;
    if (!call || call->demo_id != route->demo->id)
        reply_unknown_event(exchange);
    else
        answer_read(gateway->calls, call, exchange);
}

static void on_heartbeat(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    if (session_is_name(without_slash(route->rest)))
        stream_open_liveness(gateway->calls, exchange);
    else
        route_reply_detail(exchange, 400, "The session's name must be 1 to 128 letters, digits, - or _.");
}

/* ---- small ones ---- */

/* Who may cancel: the session that joined; without one, whoever knows the random id. */
static struct call *find_call_of_session(struct gateway *gateway, struct demo_route *route, const struct json *json)
{
    const struct json_node *id = json_get(json, &json->nodes[0], "event_id");
    const struct json_node *hash = json_get(json, &json->nodes[0], "session_hash");
    MEMORY_AUTO char *event_id = id ? json_string_copy(id) : NULL, *session = hash ? json_string_copy(hash) : NULL;
    struct call *call = event_id ? call_find(&gateway->calls->table, text_from(event_id)) : NULL;
    if (!call || call->demo_id != route->demo->id || call_is_finished(call))
        return NULL;
    if (call->session)
        return session && strcmp(session, call->session->name) == 0 ? call : NULL;
    return call; /* without a session its random id is the proof */
}

/* Cancelling what is over, or was never there, is a success too: the visitor wanted it gone. */
static void on_cancel_body(void *context, struct http_exchange *exchange, struct text body)
{
    struct demo_route *route = context;
    struct json json = {0};
    struct call *call = NULL;
    if (json_parse(&json, body, NULL) == 0)
        call = find_call_of_session(route->gateway, route, &json);
    if (call)
        worker_cancel(call->worker, call);
    calls_arm(route->gateway->calls);
    json_release(&json);
    http_reply(exchange, 200, ROUTE_JSON, SUCCESS);
}

static void on_cancel(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway;
    http_exchange_collect(exchange, BOUNDS_SMALL_BODY_BYTES, on_cancel_body, route);
}

/* Older clients call it between calls; nothing here needs resetting. */
static void on_reset(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway;
    (void)route;
    http_reply(exchange, 200, ROUTE_JSON, SUCCESS);
}

/* Changes with every release, as a Gradio app's id changes when it starts again. */
static void on_app_id(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    (void)gateway;
    buffer_format(&body, "{\"app_id\":%llu}", (unsigned long long)route->release->id);
    http_reply(exchange, 200, ROUTE_JSON, buffer_view(&body));
}

static void on_status(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct worker *worker = worker_find(gateway->calls, route->release->id);
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&body, "{\"msg\":\"estimation\",\"rank\":null,\"queue_size\":%u,\"rank_eta\":null}",
                  worker ? worker->queue.waiting : 0);
    http_reply(exchange, 200, ROUTE_JSON, buffer_view(&body));
}

/* Functions that Gradio components run on the server: ours have none. */
static void on_no_more(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway;
    (void)route;
    route_reply_detail(exchange, 404, "This demo has no functions of components.");
}

/* ---- files: the store's ---- */

/* file=<handle>: what was uploaded or made is the store's; file=release/<name> is the repository's, which is mapped. */
static void on_file(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    if (!text_starts(route->rest, TEXT(RELAY_RELEASE_PREFIX)))
        forward_serve_demo(gateway, exchange, route);
    else if (!files_reply(exchange, route, text_skip(route->rest, sizeof RELAY_RELEASE_PREFIX - 1)))
        route_reply_detail(exchange, 404, "This demo's repository has no file of that name.");
}

/* file/<handle>, an older spelling of file=<handle> */
static void on_file_slash(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct buffer target BUFFER_AUTO = BUFFER_EMPTY;
    buffer_string(&target, "/gradio_api/file=");
    encode_percent(&target, route->rest, "/");
    forward_start(gateway->forward, exchange, route, buffer_view(&target));
}

#define GET HTTP_MASK(HTTP_GET)
#define POST HTTP_MASK(HTTP_POST)
#define BOTH(pattern, methods, bucket, handler) \
    {"gradio_api/" pattern, methods, bucket, false, handler}, {pattern, methods, bucket, false, handler}

const struct route api_routes[API_ROUTE_COUNT] = {
    BOTH("queue/join", POST, ROUTE_JOIN, on_join),
    BOTH("queue/data", GET, ROUTE_FREE, on_data),
    BOTH("run/*", POST, ROUTE_JOIN, on_run),
    BOTH("api/*", POST, ROUTE_JOIN, on_run),
    BOTH("call/*", POST, ROUTE_JOIN, on_call),
    BOTH("call/*", GET, ROUTE_FREE, on_read),
    BOTH("cancel", POST, ROUTE_FREE, on_cancel),
    BOTH("reset", POST, ROUTE_FREE, on_reset),
    BOTH("heartbeat/*", GET, ROUTE_FREE, on_heartbeat),
    BOTH("app_id", GET, ROUTE_FREE, on_app_id),
    BOTH("queue/status", GET, ROUTE_FREE, on_status),
    BOTH("component_server", POST, ROUTE_FREE, on_no_more),
    BOTH("upload", POST, ROUTE_UPLOAD, forward_serve_demo),
    BOTH("upload_progress", GET, ROUTE_FREE, forward_serve_demo),
    BOTH("file=*", GET, ROUTE_FREE, on_file),
    BOTH("file/*", GET, ROUTE_FREE, on_file_slash),
};
