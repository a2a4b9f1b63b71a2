/* Starting, stopping, and the peers in between.
 *
 * The launcher hands over configuration, channels and listeners in messages; nothing is opened before
 * launcher_start, and nothing after it but what comes as a descriptor. Any peer may die and come back at any
 * time: its channel is NULL in between, questions under way are answered ERROR_BUSY, and what is known
 * already stays usable. */
#include "gateway/gateway.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/access.h"
#include "gateway/assets.h"
#include "gateway/forward.h"
#include "gateway/headers.h"
#include "gateway/limit.h"
#include "gateway/metrics.h"
#include "gateway/pool.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"

enum { STOP_POLL_MS = 20, SPARE_DESCRIPTORS = 128 };

/* ---- peers ---- */

static const enum message_role peer_roles[GATEWAY_PEER_COUNT] = {
    [GATEWAY_PEER_STORE] = ROLE_STORE,
    [GATEWAY_PEER_ZYGOTE] = ROLE_ZYGOTE,
    [GATEWAY_PEER_INFER] = ROLE_INFER,
};

static struct channel **peer_slot(struct gateway *gateway, enum gateway_peer peer)
{
    struct channel **const slots[GATEWAY_PEER_COUNT] = {
        [GATEWAY_PEER_STORE] = &gateway->store,
        [GATEWAY_PEER_ZYGOTE] = &gateway->zygote,
        [GATEWAY_PEER_INFER] = &gateway->infer,
    };
    return slots[peer];
}

static void tell_part(struct gateway *gateway, enum gateway_peer peer)
{
    if (gateway->started && calls_part.peer)
        calls_part.peer(gateway, peer);
}

/* A peer's process ended. Questions to it are answered here and now; the launcher starts it again and introduces it
 * anew. */
static void peer_lost(struct gateway *gateway, enum gateway_peer peer)
{
    *peer_slot(gateway, peer) = NULL;
    if (peer == GATEWAY_PEER_STORE) {
        gateway->store_answers = false;
        demo_store_lost(&gateway->demos);
        identity_store_lost(&gateway->identities);
        if (gateway->forward)
            forward_reset(gateway->forward);
    }
    tell_part(gateway, peer);
}

static void on_peer_closed(void *context, int result)
{
    struct gateway_link *link = context;
    static const char *const names[GATEWAY_PEER_COUNT] = {"store", "zygote", "inference backend"};
    struct gateway *gateway = link->gateway;
    bool was_old = link->channel == gateway->old_zygote && link->peer == GATEWAY_PEER_ZYGOTE;
    link->channel = NULL;
    if (!gateway->stopping)
        log_warning("the channel to the %s ended: %s", names[link->peer], error_text(result));
    if (was_old) {
        gateway->old_zygote = NULL;
        tell_part(gateway, GATEWAY_PEER_ZYGOTE);
        return;
    }
    peer_lost(gateway, link->peer);
}

/* The server part looks first, then the call path. A message that fits neither is an answer to a question whose
 * asker has gone, which is ordinary. */
static void on_peer_message(void *context, struct message_in *message)
{
    struct gateway_link *link = context;
    struct gateway *gateway = link->gateway;
    if (link->peer == GATEWAY_PEER_STORE)
        gateway->store_answers = true;
    if (link->peer == GATEWAY_PEER_STORE &&
        (demo_message(&gateway->demos, message) || identity_message(&gateway->identities, message)))
        return;
    if (gateway->started && calls_part.message && calls_part.message(gateway, link->peer, message))
        return;
    const struct message_info *info = message_info(message->type);
    log_debug("a message nobody waits for: %s", info ? info->name : "unknown");
}

/* The link that the new channel of a peer gets: zygotes have two, and one may be taken by the old one. */
static struct gateway_link *free_link(struct gateway *gateway, enum gateway_peer peer)
{
    struct gateway_link *link = &gateway->links[peer];
    return peer == GATEWAY_PEER_ZYGOTE && link->channel ? &gateway->links[GATEWAY_PEER_COUNT] : link;
}

void gateway_release_zygote(struct gateway *gateway)
{
    for (int i = 0; i <= GATEWAY_PEER_COUNT; i++)
        if (gateway->old_zygote && gateway->links[i].channel == gateway->old_zygote)
            gateway->links[i].channel = NULL;
    loop_channel_detach(gateway->loop, gateway->old_zygote);
    gateway->old_zygote = NULL;
}

void gateway_attach(struct gateway *gateway, enum gateway_peer peer, int fd)
{
    struct channel **slot = peer_slot(gateway, peer);
    struct gateway_link *link;
    if (*slot && peer == GATEWAY_PEER_ZYGOTE) {
        /* Not a death but a successor: what runs behind the old one goes on. Of two old ones the older must go. */
        gateway_release_zygote(gateway);
        gateway->old_zygote = *slot;
        *slot = NULL;
    } else if (*slot) {
        loop_channel_detach(gateway->loop, *slot);
        gateway->links[peer].channel = NULL;
        peer_lost(gateway, peer);
    }
    link = free_link(gateway, peer);
    *slot = loop_channel_attach(gateway->loop, fd, ROLE_GATEWAY, peer_roles[peer], CHANNEL_FDS, on_peer_message,
                                on_peer_closed, link);
    link->channel = *slot;
    /* A question that needs no answer but any: the store is ready when it says something. */
    if (peer == GATEWAY_PEER_STORE)
        channel_send_identify(*slot, 0, &(struct message_identify){0});
    tell_part(gateway, peer);
}

/* ---- configuration ---- */

static void set(char **string, struct text value)
{
    free(*string);
    *string = text_copy(value);
}

/* Keys that are not ours are for other processes. A value that cannot be used leaves the default; only an address that
 * decides about trust is said aloud. */
void gateway_configure(struct gateway *gateway, struct text key, struct text value)
{
    uint64_t number;
    const struct {
        struct text key;
        char **string;
    } strings[] = {
        {{"host", 4}, &gateway->config.host},
        {{"demo_domain", 11}, &gateway->config.demo_domain},
        {{"site_url", 8}, &gateway->config.site_url},
        {{"share", 5}, &gateway->config.share},
    };
    for (size_t i = 0; i < MEMORY_COUNT(strings); i++)
        if (text_equal(key, strings[i].key))
            set(strings[i].string, value);
    if (text_equal(key, TEXT("port")) && text_to_u64(value, &number) == 0 && number <= 65535)
        gateway->config.port = (uint16_t)number;
    if (text_equal(key, TEXT("public_metrics")))
        gateway->public_metrics = text_equal(value, TEXT("1"));
    if (text_equal(key, TEXT("trusted_proxy")) && value.length) {
        gateway->trusted_proxy_set = limit_parse_address(value, gateway->trusted_proxy) == 0;
        if (!gateway->trusted_proxy_set)
            log_warning("--trusted-proxy " TEXT_FORMAT " is not an IP address and is ignored", TEXT_ARGUMENT(value));
    }
}

static char *write_lines(struct gateway *gateway, enum headers_surface surface)
{
    struct buffer lines = BUFFER_EMPTY;
    headers_write(&gateway->site, surface, NULL, &lines);
    return buffer_steal(&lines);
}

/* As many connections as the kernel allows us descriptors, less what bundles, workers and the rest need. */
static void set_connection_limit(struct gateway *gateway)
{
    struct rlimit limit;
    gateway->http_limits = http_limits_public;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t usable = limit.rlim_cur - limit.rlim_cur / 4;
    gateway->http_limits.connections = usable > SPARE_DESCRIPTORS ? (uint32_t)(usable - SPARE_DESCRIPTORS) : 1;
}

/* ---- the server ---- */

/* The limit by address would count a proxy's clients as one: behind it only their requests are limited. */
static bool on_accept(void *context, const struct http_peer *peer)
{
    struct gateway *gateway = context;
    bool is_proxy = gateway->trusted_proxy_set && memcmp(peer->address, gateway->trusted_proxy, 16) == 0;
    if (peer->local || is_proxy || limit_enter(gateway->limits, peer->address))
        return true;
    metrics_limited(gateway->metrics);
    return false;
}

static void on_close(void *context, const struct http_peer *peer)
{
    struct gateway *gateway = context;
    bool is_proxy = gateway->trusted_proxy_set && memcmp(peer->address, gateway->trusted_proxy, 16) == 0;
    if (!peer->local && !is_proxy)
        limit_leave(gateway->limits, peer->address);
}

static void on_refused(void *context, const struct http_peer *peer, int status, const char *reason)
{
    struct gateway *gateway = context;
    metrics_refused(gateway->metrics, status);
    access_write_refused(gateway->access, peer, status, reason);
}

/* Workers get the turn's calls before visitors get the turn's answers: they compute while we write. */
static void on_flush(void *context)
{
    struct gateway *gateway = context;
    loop_flush(gateway->loop);
}

static void on_stopped(void *context)
{
    struct gateway *gateway = context;
    loop_stop(gateway->loop);
}

static const char refused_lines[] = "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
                                    "Content-Security-Policy: sandbox; default-src 'none'\r\n";

static const struct http_server_callbacks callbacks = {
    .on_request = route_dispatch,
    .on_accept = on_accept,
    .on_close = on_close,
    .on_finished = route_finished,
    .on_refused = on_refused,
    .on_flush = on_flush,
    .on_stopped = on_stopped,
    .error_headers = {refused_lines, sizeof(refused_lines) - 1},
};

/* ---- life ---- */

void gateway_init(struct gateway *gateway, struct loop *loop)
{
    *gateway = (struct gateway){.loop = loop, .base = loop->base};
    for (size_t i = 0; i < GATEWAY_PEER_COUNT; i++)
        gateway->links[i] = (struct gateway_link){gateway, (enum gateway_peer)i, NULL};
    gateway->links[GATEWAY_PEER_COUNT] = (struct gateway_link){gateway, GATEWAY_PEER_ZYGOTE, NULL};
    for (size_t i = 0; i < MEMORY_COUNT(gateway->listeners); i++)
        gateway->listeners[i] = -1;
    demo_table_init(&gateway->demos, gateway);
    identity_table_init(&gateway->identities, gateway);
}

void gateway_listen(struct gateway *gateway, int fd)
{
    for (size_t i = 0; i < MEMORY_COUNT(gateway->listeners); i++) {
        if (gateway->listeners[i] < 0) {
            gateway->listeners[i] = fd;
            return;
        }
    }
    log_warning("more listeners than %zu: one is not used", MEMORY_COUNT(gateway->listeners));
}

static void open_assets(struct gateway *gateway)
{
    struct buffer BUFFER_AUTO folder = BUFFER_EMPTY;
    buffer_format(&folder, "%s/kit", gateway->config.share ? gateway->config.share : "share/vitrine");
    gateway->assets = assets_open(folder.data, text_from(gateway->asset_headers));
}

/* Everything that must be opened is opened here, before the process gives up the right to. Nobody is served yet. */
int gateway_start(struct gateway *gateway)
{
    int result = site_init(&gateway->site, gateway->config.host, gateway->config.demo_domain,
                           gateway->config.site_url, gateway->config.port);
    if (result < 0) {
        log_error("--site-url %s is not an http(s) address", gateway->config.site_url);
        return result;
    }
    gateway->site_headers = write_lines(gateway, HEADERS_SITE);
    gateway->file_headers = write_lines(gateway, HEADERS_SITE_FILE);
    gateway->demo_file_headers = write_lines(gateway, HEADERS_DEMO_FILE);
    gateway->asset_headers = write_lines(gateway, HEADERS_ASSET);
    gateway->path_headers = write_lines(gateway, HEADERS_PATH);
    gateway->worker_idle_ms = (uint32_t)limit_environment("WORKER_IDLE_MS", BOUNDS_WORKER_IDLE_MS);
    gateway->worker_limit = (uint32_t)limit_environment("WORKERS", BOUNDS_WORKERS);
    gateway->pool = pool_new(gateway);
    open_assets(gateway);
    set_connection_limit(gateway);
    gateway->limits = limit_new();
    gateway->metrics = metrics_new();
    gateway->access = access_new(gateway->loop);
    gateway->forward = forward_new(gateway);
    gateway->server = http_server_new(gateway->base, &gateway->http_limits, &callbacks, gateway);
    if (calls_part.init)
        calls_part.init(gateway);
    gateway->started = true;
    for (enum gateway_peer peer = 0; peer < GATEWAY_PEER_COUNT; peer++)
        if (*peer_slot(gateway, peer))
            tell_part(gateway, peer);
    return 0;
}

int gateway_accept(struct gateway *gateway)
{
    for (size_t i = 0; i < MEMORY_COUNT(gateway->listeners) && gateway->listeners[i] >= 0; i++) {
        int fd = gateway->listeners[i];
        gateway->listeners[i] = -1;
        if (http_server_listen(gateway->server, fd) < 0)
            return ERROR_SYSTEM;
    }
    return 0;
}

/* Calls may still be finishing when every client has an answer, and the other way round: the server goes last. */
static void on_stop_poll(void *context)
{
    struct gateway *gateway = context;
    uint64_t now = clock_now_ms();
    bool busy = calls_part.is_busy && calls_part.is_busy(gateway);
    if (busy && now < gateway->stop_until_ms) {
        loop_timer_start(&gateway->stop_poll, STOP_POLL_MS);
        return;
    }
    uint64_t left = gateway->stop_until_ms > now ? gateway->stop_until_ms - now : 1;
    http_server_stop(gateway->server, (uint32_t)left);
}

void gateway_stop(struct gateway *gateway, uint32_t grace_ms)
{
    if (gateway->stopping)
        return;
    gateway->stopping = true;
    gateway->stop_until_ms = clock_now_ms() + grace_ms;
    if (!gateway->started) {
        loop_stop(gateway->loop);
        return;
    }
    log_info("stopping: running calls get up to %u ms to finish", grace_ms);
    if (calls_part.stop)
        calls_part.stop(gateway);
    loop_timer_init(gateway->loop, &gateway->stop_poll, on_stop_poll, gateway);
    loop_timer_start(&gateway->stop_poll, 0);
}

void gateway_release(struct gateway *gateway)
{
    http_server_free(gateway->server);
    /* The zygotes first: at the end of their channels they end all workers at once. */
    gateway_release_zygote(gateway);
    loop_channel_detach(gateway->loop, gateway->zygote);
    gateway->zygote = NULL;
    if (gateway->started && calls_part.release)
        calls_part.release(gateway);
    for (enum gateway_peer peer = 0; peer < GATEWAY_PEER_COUNT; peer++)
        loop_channel_detach(gateway->loop, *peer_slot(gateway, peer));
    gateway->store = gateway->zygote = gateway->infer = NULL;
    pool_free(gateway->pool);
    forward_free(gateway->forward);
    demo_table_release(&gateway->demos);
    identity_table_release(&gateway->identities);
    assets_free(gateway->assets);
    limit_free(gateway->limits);
    metrics_free(gateway->metrics);
    access_free(gateway->access);
    loop_timer_release(&gateway->stop_poll);
    site_release(&gateway->site);
    free(gateway->site_headers);
    free(gateway->file_headers);
    free(gateway->demo_file_headers);
    free(gateway->asset_headers);
    free(gateway->path_headers);
    free(gateway->config.host);
    free(gateway->config.demo_domain);
    free(gateway->config.site_url);
    free(gateway->config.share);
}
