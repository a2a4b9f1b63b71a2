/* Counters in the Prometheus text format. What the HTTP engine counts itself is read from it when somebody asks;
 * here is what only the end of a request tells. Nothing is ever reset. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "runtime/base/buffer.h"
#include "runtime/http/server.h"

struct gateway;
struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
/* From the server's on_finished: the answer's class and how long it took. */
void metrics_finished(struct metrics *metrics, const struct http_exchange *exchange, int code);
/* A request that never became one. */
void metrics_refused(struct metrics *metrics, int status);
void metrics_limited(struct metrics *metrics); /* somebody was told 429 */
/* Everything, the counters of the call path included. */
void metrics_write(struct gateway *gateway, struct buffer *out);

#endif
