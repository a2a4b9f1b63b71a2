/* From a request to its handler.
 *
 *   Host      ours?                       421 if not: rebinding and poisoned caches end here
 *   path      site, or a demo's base?     /spaces/<owner>/<name>/-/ is a demo, so is every label below the demo domain
 *   demo      which release?              from the cache, or the store is asked and the request waits
 *   who       may this visitor see it?    only asked for private demos and previews
 *   table     path and method             the call path's routes, then ours
 *   bucket    too many of these?          429
 *
 * Headers are decided as early as possible and only ever replaced by stricter or more exact ones, so that an
 * error on the way goes out with the policy of the address it happened at: every byte below a path address
 * is sandboxed. */
#include "gateway/route.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/access.h"
#include "gateway/assets.h"
#include "gateway/demo.h"
#include "gateway/files.h"
#include "gateway/forward.h"
#include "gateway/gateway.h"
#include "gateway/limit.h"
#include "gateway/metrics.h"
#include "gateway/page.h"
#include "gateway/status.h"
#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

#define GET HTTP_MASK(HTTP_GET)
#define POST HTTP_MASK(HTTP_POST)
#define ANY ((1u << HTTP_METHOD_COUNT) - 1)

/* ---- handlers that are one line ---- */

static void serve_kit(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    if (!assets_reply(gateway->assets, exchange, route->rest))
        http_reply_error(exchange, 404, "This file is of another version of the page. Load the page again.");
}

static void serve_embed(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)route;
    http_exchange_decorate(exchange, text_from(gateway->asset_headers));
    if (!assets_reply_stable(gateway->assets, exchange, "embed.js"))
        http_reply_error(exchange, 404, "This server was built without its browser side.");
}

/* embed.js stands at the root, and so do the pieces that it imports beside itself. */
static void serve_chunk(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    http_exchange_decorate(exchange, text_from(gateway->asset_headers));
    if (!assets_reply(gateway->assets, exchange, route->path))
        http_reply_error(exchange, 404, "There is no such file here.");
}

static void serve_icon(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)route;
    if (!assets_reply_stable(gateway->assets, exchange, "icon.svg"))
        http_reply_error(exchange, 404, "This server was built without its browser side.");
}

static void serve_robots(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway, (void)route;
    http_reply(exchange, 200, TEXT("Content-Type: text/plain\r\nCache-Control: max-age=3600\r\n"),
               TEXT("User-agent: *\nDisallow: /*/gradio_api/\nDisallow: /gradio_api/\n"));
}

/* ---- the tables ---- */

static const struct route site_routes[] = {
    {"-/kit/*", GET, ROUTE_FREE, true, serve_kit},
    {"embed.js", GET, ROUTE_FREE, true, serve_embed},
    {"chunk-*", GET, ROUTE_FREE, true, serve_chunk},
    {"favicon.ico", GET, ROUTE_FREE, true, serve_icon},
    {"robots.txt", GET, ROUTE_FREE, true, serve_robots},
    {"healthz", GET, ROUTE_FREE, true, status_serve_health},
    {"readyz", GET, ROUTE_FREE, true, status_serve_ready},
    {"metrics", GET, ROUTE_FREE, true, status_serve_metrics},
    {"login", POST, ROUTE_SIGN_IN, true, forward_serve},
    {"login/link", GET, ROUTE_SIGN_IN, true, forward_serve},
    {"*/git-receive-pack", POST, ROUTE_PUSH, true, forward_serve},
    {"*", ANY, ROUTE_FREE, true, forward_serve},
};

/* Of every demo, behind the routes of the call path; the last row is the demo's own files. */
static const struct route demo_routes[] = {
    {"", GET, ROUTE_FREE, true, page_serve},
    {"config", GET, ROUTE_FREE, false, page_serve_config},
    {"gradio_api/info", GET, ROUTE_FREE, false, page_serve_info},
    {"info", GET, ROUTE_FREE, false, page_serve_info},
    {"*", GET, ROUTE_FREE, true, files_serve},
};

/* ---- matching ---- */

/* `*ret_rest` is what the star stands for, at whichever end it is. */
static bool matches(const char *pattern, struct text path, struct text *ret_rest)
{
    /* Most rows are told apart by their first byte. */
    if (pattern[0] != '*' && pattern[0] != (path.length ? path.data[0] : '\0'))
        return false;
    struct text wanted = text_from(pattern);
    *ret_rest = path;
    if (text_ends(wanted, TEXT("*"))) {
        wanted.length--;
        *ret_rest = text_skip(path, wanted.length);
        return text_starts(path, wanted);
    }
    if (text_starts(wanted, TEXT("*")))
        return text_ends(path, text_skip(wanted, 1));
    if (text_ends(path, TEXT("/")) && path.length > 1)
        path.length--;
    return text_equal(path, wanted);
}

/* HEAD is GET without a body. */
static unsigned mask_of(const struct http_head *head)
{
    return head->method == HTTP_HEAD ? GET : HTTP_MASK(head->method);
}

/* The first row for path and method; `*allowed` collects the methods of rows that match the path only. */
static const struct route *find_route(const struct route *table, size_t count, struct demo_route *route,
                                      unsigned *allowed)
{
    unsigned method = mask_of(&route->exchange->head);
    bool is_static = route->release && route->release->is_static;
    for (size_t i = 0; i < count; i++) {
        struct text rest;
        if ((is_static && !table[i].any_demo) || !matches(table[i].pattern, route->path, &rest))
            continue;
        if (table[i].methods & method) {
            route->rest = rest;
            return &table[i];
        }
        *allowed |= table[i].methods;
    }
    return NULL;
}

/* ---- answers of our own ---- */

void route_reply_detail(struct http_exchange *exchange, int status, const char *sentence)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    buffer_byte(&body, '{');
    json_write_member(&body, "detail", text_from(sentence));
    json_write_member(&body, "error", text_from(sentence));
    buffer_string(&body, "}");
    http_reply(exchange, status, ROUTE_JSON, buffer_view(&body));
}

/* 405 must say which methods there are (RFC 9110 §15.5.6); OPTIONS always is, HEAD wherever GET is. */
static void reply_method(struct http_exchange *exchange, unsigned allowed)
{
    struct buffer BUFFER_AUTO headers = BUFFER_EMPTY;
    buffer_string(&headers, "Content-Type: application/json\r\nCache-Control: no-store\r\nAllow: OPTIONS");
    for (int method = 0; method < HTTP_METHOD_COUNT; method++)
        if (method != HTTP_OPTIONS && ((allowed & HTTP_MASK(method)) || (method == HTTP_HEAD && (allowed & GET))))
            buffer_format(&headers, ", %s", http_method_name((enum http_method)method));
    buffer_string(&headers, "\r\n");
    http_reply(exchange, 405, buffer_view(&headers),
               TEXT("{\"error\":\"This address does not take that method.\"}\n"));
}

/* Any page may call a demo: what a browser asks before it does. */
static void reply_preflight(struct http_exchange *exchange)
{
    http_reply(exchange, 204,
               TEXT("Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n"
                    "Access-Control-Allow-Headers: content-type, authorization, range, x-gradio-user, "
                    "x-gradio-server, last-event-id\r\n"
                    "Access-Control-Max-Age: 600\r\n"),
               TEXT(""));
}

/* OPTIONS *: what the server as a whole understands. */
static void reply_options(struct http_exchange *exchange)
{
    http_reply(exchange, 204, TEXT("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"), TEXT(""));
}

static void reply_limited(struct demo_route *route, unsigned seconds)
{
    struct buffer BUFFER_AUTO headers = BUFFER_EMPTY;
    metrics_limited(route->gateway->metrics);
    buffer_format(&headers, "Content-Type: application/json\r\nCache-Control: no-store\r\nRetry-After: %u\r\n",
                  seconds);
    http_reply(route->exchange, 429, buffer_view(&headers),
               TEXT("{\"detail\":\"Too many requests from your address. Wait a moment.\","
                    "\"error\":\"Too many requests from your address. Wait a moment.\"}\n"));
}

/* ---- running the handler ---- */

/* Joins are counted for each demo, so that one busy demo of a classroom does not take another's share. */
static bool take_token(struct demo_route *route, uint8_t bucket)
{
    static const enum limit_kind kinds[] = {
        [ROUTE_JOIN] = LIMIT_JOIN,
        [ROUTE_UPLOAD] = LIMIT_UPLOAD,
        [ROUTE_SIGN_IN] = LIMIT_SIGN_IN,
        [ROUTE_PUSH] = LIMIT_PUSH,
    };
    if (bucket == ROUTE_FREE)
        return true;
    uint64_t scope = bucket == ROUTE_JOIN && route->demo ? route->demo->id : 0;
    unsigned wait =
        limit_take(route->gateway->limits, kinds[bucket], route->address, scope, route->exchange->started_us / 1000);
    if (wait)
        reply_limited(route, wait);
    return wait == 0;
}

bool route_is_git(struct text path)
{
    return text_ends(path, TEXT("/git-receive-pack")) || text_ends(path, TEXT("/git-upload-pack"));
}

/* Nobody here inflates what strangers send, but git's cage. */
static bool is_compressed(const struct demo_route *route)
{
    struct text coding = http_exchange_header(route->exchange, "content-encoding");
    return coding.length && !text_equal_ignore_case(coding, TEXT("identity")) &&
           (route->demo || !route_is_git(route->path));
}

static void reply_compressed(struct http_exchange *exchange)
{
    http_reply(exchange, 415, TEXT("Content-Type: application/json\r\nCache-Control: no-store\r\n"
                                   "Accept-Encoding: identity\r\n"),
               TEXT("{\"detail\":\"Send the body as it is, without Content-Encoding.\","
                    "\"error\":\"Send the body as it is, without Content-Encoding.\"}\n"));
}

static void run(struct demo_route *route, const struct route *row, unsigned allowed)
{
    struct http_exchange *exchange = route->exchange;
    route->route = row;
    if (!row && allowed)
        reply_method(exchange, allowed);
    else if (!row)
        status_reply(route, 404, "There is no such page", "This demo has nothing at this address.");
    else if (is_compressed(route))
        reply_compressed(exchange);
    else if (take_token(route, row->bucket))
        row->handler(route->gateway, exchange, route);
}

/* A state-changing request to the site must not come from another site's page (it would carry the visitor's cookie). */
static bool is_forged(const struct demo_route *route)
{
    const struct http_exchange *exchange = route->exchange;
    unsigned safe = GET | HTTP_MASK(HTTP_HEAD) | HTTP_MASK(HTTP_OPTIONS);
    if (HTTP_MASK(exchange->head.method) & safe)
        return false;
    struct text site = http_exchange_header(exchange, "sec-fetch-site");
    struct text origin = http_exchange_header(exchange, "origin");
    if (site.data)
        return !text_equal(site, TEXT("same-origin")) && !text_equal(site, TEXT("none"));
    return origin.data && !text_equal(origin, text_from(route->origin));
}

static void run_site(struct demo_route *route)
{
    unsigned allowed = 0;
    const struct route *row = find_route(site_routes, MEMORY_COUNT(site_routes), route, &allowed);
    if (is_forged(route))
        status_reply(route, 403, "Not carried out", "This request came from a page of another site.");
    else
        run(route, row, allowed);
}

/* The call path's table first: what belongs to the interface cannot be shadowed by a file of the author. */
static void run_demo(struct demo_route *route)
{
    const struct gateway_part *part = &calls_part;
    unsigned allowed = 0;
    if (route->exchange->head.method == HTTP_OPTIONS) {
        reply_preflight(route->exchange);
        return;
    }
    const struct route *row = find_route(part->routes, part->route_count, route, &allowed);
    if (!row)
        row = find_route(demo_routes, MEMORY_COUNT(demo_routes), route, &allowed);
    /* The last row takes any path: it must not hide that an address of the API exists with another method. */
    bool is_last = row == &demo_routes[MEMORY_COUNT(demo_routes) - 1];
    if (is_last && allowed && !files_has(route->release, route->path))
        row = NULL;
    run(route, row, allowed);
}

/* ---- from host and path to a demo ---- */

/* A private demo, and a release that is not the live one, are for their owner: for anybody else they are not there. */
static void on_identity(void *context, const struct identity *identity)
{
    struct demo_route *route = context;
    route->who = NULL;
    if (!identity)
        status_reply_no_demo(route, ERROR_BUSY);
    else if (identity->name && strcmp(identity->name, route->demo->owner) == 0)
        run_demo(route);
    else
        status_reply_no_such_demo(route);
}

static void ask_who(struct demo_route *route)
{
    struct text token = identity_token(route->exchange);
    if (route->exchange->head.method == HTTP_OPTIONS) {
        reply_preflight(route->exchange);
    } else if (token.length == 0) {
        status_reply_no_such_demo(route);
    } else {
        struct identity_query *query = identity_ask(&route->gateway->identities, token, on_identity, route);
        if (query)
            route->who = query;
    }
}

static void on_demo(void *context, int result, struct demo *demo, struct release *release)
{
    struct demo_route *route = context;
    struct http_exchange *exchange = route->exchange;
    route->query = NULL;
    if (demo) {
        route->demo = demo_hold(demo);
        route->lines = demo_lines_hold(demo->lines);
        http_exchange_decorate(exchange, demo_headers(route->lines, release, route->on_path));
    }
    if (release)
        route->release = release_hold(release);
    bool hidden = demo && (demo->is_private || (release && release->id != demo->release_id));
    if (result == 0 && demo->is_paused)
        result = ERROR_FORBIDDEN;
    if (hidden && result != 0)
        status_reply_no_such_demo(route);
    else if (hidden)
        ask_who(route);
    else if (result == 0)
        run_demo(route);
    else
        status_reply_no_demo(route, result);
}

/* The kit is the same for every demo and also dresses the page that says that there is none. */
static bool serve_kit_of_any(struct demo_route *route)
{
    if (!text_starts(route->path, TEXT("-/kit/")) || !(mask_of(&route->exchange->head) & GET))
        return false;
    route->rest = text_skip(route->path, 6);
    serve_kit(route->gateway, route->exchange, route);
    return true;
}

static void find_demo(struct demo_route *route, enum demo_by by, struct text name)
{
    http_exchange_decorate(route->exchange, text_from(route->gateway->path_headers));
    if (serve_kit_of_any(route))
        return;
    struct demo_query *query = demo_find(&route->gateway->demos, by, name, on_demo, route);
    /* A cached answer came already, and the route may be gone with its exchange. */
    if (query)
        route->query = query;
}

static bool has_control(struct text text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    return false;
}

/* The usual path: nothing to decode, no empty or dot segment. It needs no copy. */
static bool is_plain(struct text path)
{
    struct text rest = text_skip(path, 1);
    if (path.length == 0 || path.data[0] != '/' || text_find(path, '%') >= 0)
        return false;
    while (rest.length) {
        struct text segment = text_cut(&rest, '/');
        if (segment.length == 0 || segment.data[0] == '.' || text_find(segment, '\\') >= 0)
            return false;
    }
    return true;
}

/* The path below the base, decoded once. false: it was malformed and is answered. */
static bool decode(struct demo_route *route, struct text path)
{
    if (is_plain(path)) {
        route->path = text_skip(path, 1);
        return true;
    }
    if (encode_path(&route->decoded, path) < 0 || has_control(buffer_view(&route->decoded))) {
        status_reply(route, 400, "This address is malformed", "It has parts that no page here can have.");
        return false;
    }
    struct text decoded = buffer_view(&route->decoded);
    route->path = text_starts(decoded, TEXT("/")) ? text_skip(decoded, 1) : decoded;
    return true;
}

static void copy_base(struct demo_route *route, struct text base)
{
    route->base_length = base.length;
    memcpy(route->base, base.data, base.length);
    route->base[base.length] = '\0';
}

/* "/spaces/ann/digits/-/…": the length of the base, or 0. `*ret_name` is "ann/digits". */
static size_t cut_base(struct text path, struct text *ret_name)
{
    struct text rest = text_skip(path, 8);
    if (!text_starts(path, TEXT("/spaces/")))
        return 0;
    struct text owner = text_cut(&rest, '/');
    struct text name = text_cut(&rest, '/');
    if (!rest.data || !text_is_name(owner) || !text_is_name(name) || !text_starts(rest, TEXT("-")) ||
        (rest.length > 1 && rest.data[1] != '/'))
        return 0;
    *ret_name = (struct text){owner.data, owner.length + 1 + name.length};
    return (size_t)(rest.data + 1 - path.data) + 1;
}

static void dispatch_path_demo(struct demo_route *route, size_t base_length, struct text name)
{
    struct text path = route->exchange->head.path;
    http_exchange_decorate(route->exchange, text_from(route->gateway->path_headers));
    route->on_path = true;
    if (base_length > path.length) {
        /* Relative addresses in the page need the final slash. */
        struct buffer BUFFER_AUTO location = BUFFER_EMPTY;
        buffer_format(&location, "Location: " TEXT_FORMAT "/\r\n", TEXT_ARGUMENT(path));
        http_reply(route->exchange, 308, buffer_view(&location), TEXT(""));
        return;
    }
    copy_base(route, text_head(path, base_length));
    if (decode(route, text_skip(path, base_length - 1)))
        find_demo(route, DEMO_BY_PATH, name);
}

/* The store decodes the site's paths itself; what no server should look at is refused here. */
static bool site_path_is_safe(struct text path)
{
    struct buffer BUFFER_AUTO decoded = BUFFER_EMPTY;
    if (encode_unpercent(&decoded, path, false) < 0)
        return false;
    struct text rest = text_skip(buffer_view(&decoded), 1);
    while (rest.data) {
        struct text segment = text_cut(&rest, '/');
        if (text_equal(segment, TEXT("..")) || text_equal(segment, TEXT(".")) || text_find(segment, '\\') >= 0 ||
            has_control(segment) || (segment.length == 0 && rest.data))
            return false;
    }
    return true;
}

static void dispatch_site(struct demo_route *route)
{
    struct text path = route->exchange->head.path, name;
    http_exchange_decorate(route->exchange, text_from(route->gateway->site_headers));
    size_t base_length = cut_base(path, &name);
    if (base_length) {
        dispatch_path_demo(route, base_length, name);
    } else if (text_equal(path, TEXT("*"))) {
        reply_options(route->exchange);
    } else if (!site_path_is_safe(path)) {
        status_reply(route, 400, "This address is malformed", "It has parts that no page here can have.");
    } else {
        copy_base(route, TEXT("/"));
        route->path = text_skip(path, 1);
        run_site(route);
    }
}

static void dispatch_demo(struct demo_route *route, struct text label)
{
    http_exchange_decorate(route->exchange, text_from(route->gateway->path_headers));
    if (text_equal(route->exchange->head.path, TEXT("*"))) {
        reply_options(route->exchange);
        return;
    }
    copy_base(route, TEXT("/"));
    if (decode(route, route->exchange->head.path))
        find_demo(route, DEMO_BY_LABEL, label);
}

/* One of these for each request: arrays that are written later anyway are not cleared. */
static struct demo_route *new_route(struct gateway *gateway, struct http_exchange *exchange)
{
    struct demo_route *route = malloc(sizeof(*route));
    if (!route)
        abort();
    /* The long arrays are written when they are known; only their first byte must be defined. */
    memset(route, 0, offsetof(struct demo_route, base));
    memset(&route->decoded, 0, sizeof(route->decoded));
    route->query = NULL;
    route->who = NULL;
    route->base[0] = '\0';
    route->gateway = gateway;
    route->exchange = exchange;
    exchange->note = route;
    limit_address(exchange, gateway->trusted_proxy_set ? gateway->trusted_proxy : NULL, route->address);
    limit_format_address(route->address, route->client);
    site_write_origin(&gateway->site, exchange->head.host, route->origin, sizeof(route->origin));
    return route;
}

void route_dispatch(void *context, struct http_exchange *exchange)
{
    struct gateway *gateway = context;
    struct demo_route *route = new_route(gateway, exchange);
    struct text label;
    unsigned wait = limit_take(gateway->limits, LIMIT_REQUEST, route->address, 0, exchange->started_us / 1000);
    if (wait) {
        http_exchange_decorate(exchange, text_from(gateway->path_headers));
        reply_limited(route, wait);
        return;
    }
    switch (site_classify(&gateway->site, exchange->head.host, &label)) {
    case SITE_SELF:
        dispatch_site(route);
        break;
    case SITE_DEMO:
        dispatch_demo(route, label);
        break;
    case SITE_UNKNOWN:
        status_reply_unknown_host(route);
        break;
    }
}

/* The request is over, however it ended: questions that nobody will hear the answer of are taken back. */
static void free_route(struct demo_route *route)
{
    if (route->query)
        demo_query_cancel(route->query);
    if (route->who)
        identity_query_cancel(route->who);
    release_drop(route->release);
    demo_drop(route->demo);
    demo_lines_drop(route->lines);
    buffer_release(&route->decoded);
    free(route);
}

void route_finished(void *context, struct http_exchange *exchange, int code)
{
    struct gateway *gateway = context;
    struct demo_route *route = exchange->note;
    metrics_finished(gateway->metrics, exchange, code);
    access_write(gateway->access, exchange, route, code);
    exchange->note = NULL;
    if (route)
        free_route(route);
}
