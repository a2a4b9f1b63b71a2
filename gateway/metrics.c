/* Counters live where things happen; this file adds those that need a request's end, and writes all of them.
 * Histogram buckets are counted apart and summed when somebody asks. */
#include "gateway/metrics.h"

#include <stdlib.h>

#include "gateway/gateway.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"

enum { LATENCY_BUCKETS = 10, STATUS_CLASSES = 6 };

static const uint32_t latency_us[LATENCY_BUCKETS] = {100,    250,    500,     1000,    2500,
                                                     10000, 50000, 250000, 1000000, 10000000};

/* No label is made from anything that a stranger can choose: their number would have no bound. */
struct metrics {
    uint64_t by_status[STATUS_CLASSES]; /* [2]: 2xx; [0]: ended without an answer */
    uint64_t latency[LATENCY_BUCKETS + 1];
    uint64_t latency_sum_us;
    uint64_t limited;
    uint64_t refused;
};

struct metrics *metrics_new(void)
{
    return MEMORY_NEW(struct metrics);
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

/* A bucket is found by walking: there are ten, and most requests end in the first two. */
void metrics_finished(struct metrics *metrics, const struct http_exchange *exchange, int code)
{
    uint64_t us = clock_now_us() - exchange->started_us;
    unsigned class = exchange->status / 100;
    size_t bucket = 0;
    (void)code;
    metrics->by_status[class < STATUS_CLASSES ? class : 0]++;
    while (bucket < LATENCY_BUCKETS && us > latency_us[bucket])
        bucket++;
    metrics->latency[bucket]++;
    metrics->latency_sum_us += us;
}

void metrics_refused(struct metrics *metrics, int status)
{
    (void)status;
    metrics->refused++;
}

void metrics_limited(struct metrics *metrics)
{
    metrics->limited++;
}

static void write_one(struct buffer *out, const char *name, const char *type, const char *help, uint64_t value)
{
    buffer_format(out, "# HELP vitrine_%s %s\n# TYPE vitrine_%s %s\nvitrine_%s %llu\n", name, help, name, type, name,
                  (unsigned long long)value);
}

static void write_statuses(const struct metrics *metrics, struct buffer *out)
{
    static const char *const names[STATUS_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    buffer_string(out, "# HELP vitrine_http_answers_total Requests by the class of their answer.\n"
                       "# TYPE vitrine_http_answers_total counter\n");
    for (int i = 0; i < STATUS_CLASSES; i++)
        buffer_format(out, "vitrine_http_answers_total{class=\"%s\"} %llu\n", names[i],
                      (unsigned long long)metrics->by_status[i]);
}

/* Prometheus wants each bucket to contain the smaller ones; they are summed here and not for each request. */
static void write_latency(const struct metrics *metrics, struct buffer *out)
{
    uint64_t total = 0;
    buffer_string(out, "# HELP vitrine_http_request_seconds From the head of a request to the end of its answer.\n"
                       "# TYPE vitrine_http_request_seconds histogram\n");
    for (int i = 0; i < LATENCY_BUCKETS; i++) {
        total += metrics->latency[i];
        buffer_format(out, "vitrine_http_request_seconds_bucket{le=\"%g\"} %llu\n", latency_us[i] / 1e6,
                      (unsigned long long)total);
    }
    total += metrics->latency[LATENCY_BUCKETS];
    buffer_format(out,
                  "vitrine_http_request_seconds_bucket{le=\"+Inf\"} %llu\nvitrine_http_request_seconds_sum %.6f\n"
                  "vitrine_http_request_seconds_count %llu\n",
                  (unsigned long long)total, (double)metrics->latency_sum_us / 1e6, (unsigned long long)total);
}

void metrics_write(struct gateway *gateway, struct buffer *out)
{
    const struct http_server_counts *counts = http_server_count(gateway->server);
    const struct metrics *metrics = gateway->metrics;
    write_one(out, "http_connections", "gauge", "Open client connections.", counts->connections);
    write_one(out, "http_requests_running", "gauge", "Requests without a complete answer.", counts->exchanges);
    write_one(out, "http_connections_total", "counter", "Accepted connections.", counts->accepted);
    write_one(out, "http_requests_total", "counter", "Requests with a valid head.", counts->requests);
    write_one(out, "http_refused_total", "counter", "Requests refused by the protocol's rules.", metrics->refused);
    write_one(out, "http_aborted_total", "counter", "Requests that ended before their answer.", counts->aborted);
    write_one(out, "http_limited_total", "counter", "Requests and connections refused by a rate limit.",
              metrics->limited);
    write_one(out, "http_received_bytes_total", "counter", "Bytes read from clients.", counts->bytes_in);
    write_one(out, "http_sent_bytes_total", "counter", "Bytes sent to clients.", counts->bytes_out);
    write_one(out, "demos_known", "gauge", "Demos in the lookup cache.", gateway->demos.by_id.count);
    write_one(out, "releases_mapped", "gauge", "Bundles mapped.", gateway->demos.releases.count);
    write_statuses(metrics, out);
    write_latency(metrics, out);
    if (calls_part.metrics)
        calls_part.metrics(gateway, out);
}
