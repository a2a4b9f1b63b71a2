/* What waits to be sent on one socket: a list of segments, own bytes, borrowed ones and
 * stretches of files. What is in memory leaves with one writev. */
#ifndef RUNTIME_HTTP_OUTPUT_H
#define RUNTIME_HTTP_OUTPUT_H

#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/text.h"

struct http_segment;

/* Borrowed bytes shorter than this are cheaper to copy than to refer to. */
enum { HTTP_OUTPUT_COPY_BELOW = 2048 };

struct http_output {
    struct http_segment *first, *last; /* owned */
    size_t queued;                     /* bytes in all segments */
};

void http_output_init(struct http_output *output);
void http_output_release(struct http_output *output); /* drops what is queued and calls every `release` */
/* The next `length` bytes will stand in one piece: for who appends in several steps. */
void http_output_make_room(struct http_output *output, size_t length);
/* Room for exactly `length` bytes behind what is queued; the caller fills all of it at once. */
char *http_output_reserve(struct http_output *output, size_t length);
void http_output_append(struct http_output *output, struct text data);
/* Queues borrowed bytes; `release` (may be NULL) is called with `owner` when they are sent or dropped. */
void http_output_refer(struct http_output *output, struct text data, void (*release)(void *owner), void *owner);
/* Queues a stretch of a file, sent without passing through this process. The descriptor is borrowed until `release`. */
struct http_stretch {
    int fd;
    uint64_t offset;
    size_t length;
};
void http_output_refer_file(struct http_output *output, const struct http_stretch *stretch,
                            void (*release)(void *owner), void *owner);
/* Sends as much as the socket takes: bytes sent (0: it takes none now), ERROR_CLOSED or ERROR_SYSTEM. */
ssize_t http_output_flush(struct http_output *output, int fd);

#endif
