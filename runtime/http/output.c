#include "runtime/http/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

struct http_segment {
    struct http_segment *next;
    char *data; /* what is left to send; written only while it is our own */
    size_t length;
    size_t room; /* bytes free behind data + length; 0 for borrowed bytes */
    void (*release)(void *owner);
    void *owner;
};

enum {
    SEGMENT_SMALL = 1032 - sizeof(struct http_segment), /* stays in malloc's per-thread cache */
    SEGMENT_LARGE = 16384,
    COPY_BELOW = 2048, /* borrowed bytes shorter than this are cheaper to copy than to reference */
    VECTORS = 64,
};

void http_output_init(struct http_output *output) {
    *output = (struct http_output){0};
}

static void drop_first(struct http_output *output) {
    struct http_segment *segment = output->first;
    output->first = segment->next;
    if (!output->first)
        output->last = NULL;
    if (segment->release)
        segment->release(segment->owner);
    free(segment);
}

void http_output_release(struct http_output *output) {
    while (output->first)
        drop_first(output);
    output->queued = 0;
}

static struct http_segment *add_segment(struct http_output *output, size_t room) {
    struct http_segment *segment = malloc(sizeof(*segment) + room);
    if (!segment)
        abort();
    *segment = (struct http_segment){.data = (char *)(segment + 1), .room = room};
    if (output->last)
        output->last->next = segment;
    else
        output->first = segment;
    output->last = segment;
    return segment;
}

char *http_output_reserve(struct http_output *output, size_t length) {
    struct http_segment *segment = output->last;
    if (!segment || segment->room < length) {
        size_t room = output->queued ? SEGMENT_LARGE : SEGMENT_SMALL;
        segment = add_segment(output, length > room ? length : room);
    }
    char *place = segment->data + segment->length;
    segment->length += length;
    segment->room -= length;
    output->queued += length;
    return place;
}

void http_output_append(struct http_output *output, struct text data) {
    if (data.length)
        memcpy(http_output_reserve(output, data.length), data.data, data.length);
}

void http_output_refer(struct http_output *output, struct text data, void (*release)(void *owner), void *owner) {
    if (data.length < COPY_BELOW) {
        http_output_append(output, data);
        if (release)
            release(owner);
        return;
    }
    struct http_segment *segment = add_segment(output, 0);
    memcpy(&segment->data, &data.data, sizeof(data.data)); /* room is 0: never written */
    segment->length = data.length;
    segment->release = release;
    segment->owner = owner;
    output->queued += data.length;
}

static void consume(struct http_output *output, size_t sent) {
    output->queued -= sent;
    while (output->first && sent >= output->first->length) {
        sent -= output->first->length;
        drop_first(output);
    }
    if (output->first) {
        output->first->data += sent;
        output->first->length -= sent;
    }
}

ssize_t http_output_flush(struct http_output *output, int fd) {
    ssize_t total = 0;
    while (output->first) {
        struct iovec vectors[VECTORS];
        size_t count = 0, bytes = 0;
        for (struct http_segment *segment = output->first; segment && count < VECTORS; segment = segment->next) {
            vectors[count++] = (struct iovec){segment->data, segment->length};
            bytes += segment->length;
        }
        struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
        ssize_t sent = count == 1 ? send(fd, vectors[0].iov_base, bytes, MSG_NOSIGNAL)
                                  : sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return total;
        if (sent < 0)
            return errno == EPIPE || errno == ECONNRESET ? ERROR_CLOSED : ERROR_SYSTEM;
        consume(output, (size_t)sent);
        total += sent;
        if ((size_t)sent < bytes)
            return total;
    }
    return total;
}
