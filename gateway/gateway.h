/* vitrine-gateway: one struct gateway hangs off one loop and holds everything that loop knows. Nothing is global, so that
 * a second loop is a second struct.
 *
 * Split: the server part (this file, site, demo, page, assets, forward, headers, limit, metrics, access) finds out what a
 * request is for and answers everything that needs no worker. The call path (call, session, worker, …) is a struct
 * gateway_part: it brings routes and hears of the peers it talks to. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/demo.h"
#include "gateway/route.h"
#include "gateway/site.h"
#include "runtime/http/server.h"

struct channel;
struct event_base;
struct assets;
struct calls;
struct forward;
struct limit_table;
struct loop;
struct metrics;
struct access;

struct gateway {
    struct event_base *base;      /* borrowed from the loop */
    struct loop *loop;
    struct http_server *server;
    struct channel *store, *zygote, *infer; /* NULL while that peer is away */
    struct site site;             /* how this server is called from outside */
    struct demo_table demos;
    struct assets *assets;
    struct forward *forward;
    struct limit_table *limits;
    struct metrics *metrics;
    struct access *access;
    struct calls *calls;          /* the call path's own */
    bool ready;                   /* listeners and store are there */
    bool stopping;                /* no new calls; running ones get until stop_until_ms */
    bool public_metrics;
    bool trusted_proxy_set;
    unsigned char trusted_proxy[16]; /* whose X-Forwarded-For is believed */
    uint64_t stop_until_ms;
    uint32_t worker_idle_ms;      /* VITRINE_LIMIT_WORKER_IDLE_MS */
    uint32_t worker_limit;        /* VITRINE_LIMIT_WORKERS */
    uint32_t next_request;        /* ids of questions to the store, shared by all parts */
};

enum gateway_peer { GATEWAY_PEER_STORE, GATEWAY_PEER_ZYGOTE, GATEWAY_PEER_INFER };

struct message_in; /* runtime/wire/channel.h */

/* A part that is told what happens; every entry may be NULL. The call path defines `calls_part` (calls.c). */
struct gateway_part {
    const struct route *routes; /* relative to a demo's base, see route.h */
    size_t route_count;
    void (*init)(struct gateway *gateway);    /* configuration is read, peers are not there yet */
    void (*release)(struct gateway *gateway); /* the end of the process */
    /* gateway->store/zygote/infer was replaced (the process behind it restarted) or is NULL now (it died). */
    void (*peer)(struct gateway *gateway, enum gateway_peer peer);
    /* A message of a peer that the server part does not know. false: neither did we; the peer is told off. */
    bool (*message)(struct gateway *gateway, enum gateway_peer peer, struct message_in *message);
    /* demo->release is another one now (before: NULL when it was cold). */
    void (*changed)(struct gateway *gateway, struct demo *demo, struct release *before);
    void (*deleted)(struct gateway *gateway, struct demo *demo);
    /* Graceful stop begins: finish running calls by gateway->stop_until_ms, refuse new ones. */
    void (*stop)(struct gateway *gateway);
    bool (*is_busy)(struct gateway *gateway); /* still calls to finish */
    void (*metrics)(struct gateway *gateway, struct buffer *out);
};
extern const struct gateway_part calls_part;

/* A fresh id for a question to the store; never 0. */
static inline uint32_t gateway_next_request(struct gateway *gateway) {
    return ++gateway->next_request ? gateway->next_request : ++gateway->next_request;
}

#endif
