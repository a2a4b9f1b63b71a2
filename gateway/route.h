/* Which handler answers a request: a const table, searched after host and path were understood.
 *
 * Every demo is reached in two ways with the same routes below them:
 *   origin  http://ann-digits.localhost:7860/…       base "/"
 *   path    http://host:7860/spaces/ann/digits/-/…   base "/spaces/ann/digits/-/" */
#ifndef GATEWAY_ROUTE_H
#define GATEWAY_ROUTE_H

#include "runtime/base/text.h"
#include "runtime/http/exchange.h"

struct gateway;
struct demo;
struct release;
struct demo_route;

typedef void route_handler(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);

/* Token buckets taken before the handler runs (limit.h). */
enum route_bucket { ROUTE_FREE, ROUTE_JOIN, ROUTE_UPLOAD, ROUTE_SIGN_IN, ROUTE_PUSH };

struct route {
    /* Below the base, without leading '/'. "config": exactly that, or with one trailing '/'. "run/" + '*' at the end: a
     * prefix. '*' at the beginning: a suffix. */
    const char *pattern;
    uint16_t methods; /* HTTP_MASK()s; HEAD follows GET by itself, OPTIONS is answered for all */
    uint8_t bucket;   /* enum route_bucket */
    bool any_demo;    /* also for static demos, which nothing can call */
    route_handler *handler;
};

/* Everything known about one request. Lives as long as its exchange (exchange->note), holds demo and release. */
struct demo_route {
    struct gateway *gateway;
    struct http_exchange *exchange;
    const struct route *route;   /* NULL: none matched */
    struct demo *demo;           /* NULL on the site */
    struct release *release;     /* the one this request is for: the live one or a preview */
    struct demo_lines *lines;    /* held: header lines of this answer */
    struct text path;            /* below the base, decoded once, without leading '/': "gradio_api/run/greet" */
    struct text rest;            /* what the '*' stands for: "greet"; path otherwise */
    bool on_path;                /* path address: sandboxed, opaque origin */
    size_t base_length;          /* of the base in the request's raw path */
    char base[160];              /* "/" or "/spaces/ann/digits/-/" */
    char origin[288];            /* "http://ann-digits.localhost:7860", of the host this request came to */
    char client[48];             /* the client's address as text */
    /* ---- route.c, gateway.c ---- */
    unsigned char address[16];   /* the client's */
    struct buffer decoded;
    struct demo_query *query;    /* while the store is asked for the demo */
    struct identity_query *who;  /* … and for who may see it */
};

/* Finds out what the request is for, then calls the handler, now or when the store has answered. The server's
 * on_request. */
void route_dispatch(void *gateway, struct http_exchange *exchange);
/* The server's on_finished: access log, metrics, frees the note. */
void route_finished(void *gateway, struct http_exchange *exchange, int code);

/* The two requests of the pack protocol with a body: the only ones that may be large and compressed. */
bool route_is_git(struct text path);

/* For handlers: lines every JSON answer of a demo API carries (CORS comes with the decoration already). */
#define ROUTE_JSON TEXT("Content-Type: application/json\r\nCache-Control: no-store\r\n")
/* A demo API error as Gradio clients read it: {"detail": sentence, "error": sentence}. */
void route_reply_detail(struct http_exchange *exchange, int status, const char *sentence);

#endif
