/* Counters in the Prometheus text format. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "runtime/base/buffer.h"
#include "runtime/http/server.h"

struct gateway;
struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
void metrics_finished(struct metrics *metrics, const struct http_exchange *exchange, int code);
void metrics_refused(struct metrics *metrics, int status);
void metrics_limited(struct metrics *metrics); /* somebody was told 429 */
/* Everything, the counters of the call path included. */
void metrics_write(struct gateway *gateway, struct buffer *out);

#endif
