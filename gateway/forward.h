/* Requests that the store answers: streamed there and back over HTTP on socket pairs, with back-pressure both ways.
 *
 * The gateway adds what the store cannot know (x-vitrine-client, -origin, -demo, -base) and never passes on such a
 * field from outside; hop-by-hop fields and those the gateway owns stay behind. */
#ifndef GATEWAY_FORWARD_H
#define GATEWAY_FORWARD_H

#include "gateway/route.h"

struct forward;

struct forward *forward_new(struct gateway *gateway);
void forward_free(struct forward *forward);
/* Takes over the exchange. `target` is what the store sees, with query; empty: as the client sent it. */
void forward_start(struct forward *forward, struct http_exchange *exchange, struct demo_route *route,
                   struct text target);
/* Handler: the request as it came. */
void forward_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);
/* Handler for demos: the path below the base. */
void forward_serve_demo(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);
/* The store was replaced: idle connections to the old one are closed. */
void forward_reset(struct forward *forward);

#endif
