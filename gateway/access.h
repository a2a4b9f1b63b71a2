/* The access log: one line of JSON per finished request, on standard output, buffered.
 *
 *   {"time":"2026-01-31T12:34:56.789Z","client":"10.0.0.9","host":"…","demo":"ann/digits","method":"GET","path":"/…",
 *    "status":200,"bytes":1234,"received":0,"ms":0.412,"end":"done"}
 *
 * `end` says how it ended: done, left (the client went away), limit, timeout, invalid. Query strings are never logged:
 * they may hold a token. VITRINE_ACCESS_LOG=0 turns the log off. */
#ifndef GATEWAY_ACCESS_H
#define GATEWAY_ACCESS_H

#include "runtime/http/exchange.h"

struct access;
struct demo_route;
struct loop;

struct access *access_new(struct loop *loop);
void access_free(struct access *access); /* writes what is left */
/* `route` may be NULL. */
void access_write(struct access *access, const struct http_exchange *exchange, const struct demo_route *route,
                  int code);
/* A request that was refused before it was understood. */
void access_write_refused(struct access *access, const struct http_peer *peer, int status, const char *reason);

/* For tests: one line, without buffering. */
void access_format(struct buffer *out, const struct http_exchange *exchange, const struct demo_route *route, int code);

#endif
