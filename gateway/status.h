/* What the gateway says about itself, and the pages for what it cannot show. */
#ifndef GATEWAY_STATUS_H
#define GATEWAY_STATUS_H

#include "gateway/route.h"

/* Handlers of /healthz (this process serves), /readyz (and can ask the store), /metrics (when the operator says so). */
void status_serve_health(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);
void status_serve_ready(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);
void status_serve_metrics(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);

/* 421: this Host is not ours. */
void status_reply_unknown_host(struct demo_route *route);
/* The demo of the address cannot be shown: `result` of demo_find(), ERROR_FORBIDDEN when it is paused. */
void status_reply_no_demo(struct demo_route *route, int result);
/* There is none, or not for this visitor: the two must look the same. */
void status_reply_no_such_demo(struct demo_route *route);
/* A page with the kit's looks for browsers, {"detail", "error"} for programs. */
void status_reply(struct demo_route *route, int status, const char *heading, const char *sentence);

#endif
