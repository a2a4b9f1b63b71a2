/* vitrine-gateway: one struct gateway hangs off one loop and holds everything that loop knows. Nothing is global, so
 * that a second loop is a second struct.
 *
 * Split: the server part (this file, site, demo, page, assets, forward, headers, limit, metrics, access) finds out what
 * a request is for and answers everything that needs no worker. The call path (call, session, worker, …) is a struct
 * gateway_part: it brings routes and hears of the peers it talks to. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/demo.h"
#include "gateway/identity.h"
#include "gateway/route.h"
#include "gateway/site.h"
#include "runtime/http/server.h"
#include "runtime/loop/loop.h"

struct access;
struct assets;
struct calls;
struct forward;
struct limit_table;
struct metrics;

enum gateway_peer { GATEWAY_PEER_STORE, GATEWAY_PEER_ZYGOTE, GATEWAY_PEER_INFER, GATEWAY_PEER_COUNT };

/* One channel to a peer; a new one replaces it when that process restarted. */
struct gateway_link {
    struct gateway *gateway;
    enum gateway_peer peer;
    struct channel *channel; /* attached through this link; NULL: none */
};

struct gateway {
    struct event_base *base;      /* borrowed from the loop */
    struct loop *loop;
    struct http_server *server;
    struct channel *store, *zygote, *infer; /* NULL while that peer is away */
    struct site site;             /* how this server is called from outside */
    struct demo_table demos;
    struct identity_table identities;
    struct assets *assets;
    struct forward *forward;
    struct limit_table *limits;
    struct metrics *metrics;
    struct access *access;
    struct calls *calls;          /* the call path's own */
    struct pool *pool;            /* owned: locked processes that wait for a demo */
    /* Owned: lines by surface, headers.h. */
    char *site_headers, *file_headers, *demo_file_headers, *asset_headers, *path_headers;
    struct channel *old_zygote;   /* replaced by gateway->zygote, open until its last worker has ended; or NULL */
    struct gateway_link links[GATEWAY_PEER_COUNT + 1]; /* the last one is for a second zygote */
    struct http_limits http_limits;
    int listeners[8];             /* until the start: not accepting yet; -1 ends the list */
    struct {
        char *host, *demo_domain, *site_url, *share; /* owned: as the launcher said */
        uint16_t port;
    } config;
    struct loop_timer stop_poll;
    bool started;                 /* everything was handed over; requests are served */
    bool stopping;                /* no new calls; running ones get until stop_until_ms */
    bool store_answers;           /* the store behind the channel is up: it has said something */
    bool public_metrics;
    bool trusted_proxy_set;
    unsigned char trusted_proxy[16]; /* whose X-Forwarded-For is believed */
    uint64_t stop_until_ms;
    uint32_t worker_idle_ms;      /* VITRINE_LIMIT_WORKER_IDLE_MS */
    uint32_t worker_limit;        /* VITRINE_LIMIT_WORKERS */
    uint32_t next_request;        /* ids of questions to the store, shared by all parts */
};

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

/* The life of the process. init: before anything is known; the rest as the launcher's messages come. */
void gateway_init(struct gateway *gateway, struct loop *loop);
void gateway_configure(struct gateway *gateway, struct text key, struct text value);
void gateway_attach(struct gateway *gateway, enum gateway_peer peer, int fd);
/* The replaced zygote has no worker any more: closes its channel, at which it ends. */
void gateway_release_zygote(struct gateway *gateway);
void gateway_listen(struct gateway *gateway, int fd);
/* Opens what must be opened, makes the server. 0, or an error after saying what is wrong. */
int gateway_start(struct gateway *gateway);
/* Strangers may speak now: last, after the process gave up its rights. 0 or ERROR_SYSTEM. */
int gateway_accept(struct gateway *gateway);
/* Stops accepting, lets calls and answers finish, then stops the loop. */
void gateway_stop(struct gateway *gateway, uint32_t grace_ms);
void gateway_release(struct gateway *gateway);

/* A fresh id for a question to the store; never 0. */
static inline uint32_t gateway_next_request(struct gateway *gateway)
{
    return ++gateway->next_request ? gateway->next_request : ++gateway->next_request;
}

#endif
