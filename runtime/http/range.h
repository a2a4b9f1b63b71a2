/* Conditional requests and byte ranges (RFC 9110 §13, §14), for answers whose bytes are all at hand. */
#ifndef RUNTIME_HTTP_RANGE_H
#define RUNTIME_HTTP_RANGE_H

#include "runtime/http/head.h"

/* A stretch of the representation; never empty for 206, the whole for 200. */
struct http_range {
    uint64_t first, length;
};

/* What to answer to this request for `length` bytes tagged `etag`: 200, 206 with `*ret_range`, 304, 412 or 416. Several
 * ranges, other units and a failed If-Range get the whole: 200. */
int http_range_decide(const struct http_head *head, struct text etag, uint64_t length, struct http_range *ret_range);
/* True when an If-None-Match value names `etag` (weak comparison) or is "*". */
bool http_range_tag_matches(struct text list, struct text etag);

#endif
