/* The HTTP/1.1 server engine: connections on plain libevent events with our own buffers.
 *
 * One server belongs to one event base and is used from one thread. An idle connection costs a few hundred bytes: bytes
 * are read into the server's scratch, only an unfinished head is kept. All answers of a turn of the loop go out at its
 * end, one writev per connection. Requests of one connection are handled one after the other; pipelined ones wait. */
#ifndef RUNTIME_HTTP_SERVER_H
#define RUNTIME_HTTP_SERVER_H

#include "runtime/http/exchange.h"

struct event_base;

/* Times and counts; 0 means unlimited. */
struct http_limits {
    uint32_t head_ms;        /* a head must be complete, from its first byte (from accept for the first) */
    uint32_t idle_ms;        /* between requests */
    uint32_t body_ms;        /* window in which a body must bring body_rate bytes a second */
    uint32_t body_rate;
    uint32_t write_stall_ms; /* without any progress of the output */
    uint32_t age_ms;         /* of a connection; then Connection: close */
    uint32_t requests;       /* on one connection */
    uint32_t connections;    /* open at once; accepting pauses there */
    bool behind_gateway;     /* requests carry lines that our own gateway added: room for those is made */
};

extern const struct http_limits http_limits_public;   /* strangers */
extern const struct http_limits http_limits_internal; /* our own processes: no times, no counts */

/* What the owner of a server is told; only on_request is required. */
struct http_server_callbacks {
    void (*on_request)(void *context, struct http_exchange *exchange);
    /* A new connection: false closes it without a word. on_close follows for every one that was let in. */
    bool (*on_accept)(void *context, const struct http_peer *peer);
    void (*on_close)(void *context, const struct http_peer *peer);
    /* The answer is complete (code 0) or the exchange was aborted: for the access log. Last use of the exchange. */
    void (*on_finished)(void *context, struct http_exchange *exchange, int code);
    /* A request that never became an exchange: it was refused with this status. */
    void (*on_refused)(void *context, const struct http_peer *peer, int status, const char *reason);
    /* The turn's answers are about to be written, which takes a system call each: the moment to send others to work. */
    void (*on_flush)(void *context);
    /* After http_server_stop(): no connection is left. */
    void (*on_stopped)(void *context);
    struct text error_headers; /* lines for answers to requests that never became an exchange; static storage */
};

/* Needs an event base that outlives it; borrows limits, callbacks and context. Never fails. */
struct http_server *http_server_new(struct event_base *base, const struct http_limits *limits,
                                    const struct http_server_callbacks *callbacks, void *context);
/* Closes everything at once (on_abort is called for open exchanges) and frees the server. */
void http_server_free(struct http_server *server);
/* Accepts from a listening socket, which it owns from now on and makes non-blocking. 0 or ERROR_SYSTEM. */
int http_server_listen(struct http_server *server, int listener_fd);
/* Serves one already connected stream socket, which it owns from now on. 0 or ERROR_SYSTEM. */
int http_server_adopt(struct http_server *server, int fd);
/* Graceful: stops accepting, closes idle connections, answers running requests with Connection: close; whoever is
 * still there after grace_ms is cut. on_stopped follows, possibly from inside this call. */
void http_server_stop(struct http_server *server, uint32_t grace_ms);

/* Counters for metrics. */
struct http_server_counts {
    uint64_t accepted, requests, refused, aborted, bytes_in, bytes_out;
    uint32_t connections, exchanges;
};
const struct http_server_counts *http_server_count(const struct http_server *server);

#endif
