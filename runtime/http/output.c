/* What waits to be sent.
 *
 * Answers of one turn are collected here and leave with one system call. Small pieces are copied together,
 * because an iovec of its own costs more than moving some hundred bytes; large ones that live elsewhere (a
 * mapped bundle) are only referred to; stretches of files go from the page cache to the socket without being
 * mapped at all.
 *
 * The list holds segments in the order in which they leave. A segment is one of three kinds, told apart by two
 * fields: own bytes (room may be left behind them), borrowed bytes (room 0), a stretch of a file (data NULL).
 * Only the last segment is ever appended to, only the first is ever sent from.
 *
 * Nearly every answer is a head and a small body, so nearly every segment is of one size: it comes from a short
 * stack of spare ones, not from malloc, whose heap would grow and shrink with every turn of the loop. The stack
 * belongs to the thread, because an output belongs to one loop. */
#include "runtime/http/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

struct http_segment {
    struct http_segment *next;
    char *data; /* what is left to send; written only while it is our own; NULL: it is in a file */
    size_t length;
    size_t room; /* bytes free behind data + length; 0 for borrowed bytes */
    void (*release)(void *owner);
    void *owner;
    int file_fd;
    off_t file_offset;
    bool usual; /* of the usual size: kept when it is empty */
};

enum {
    SEGMENT_USUAL = 4096 - sizeof(struct http_segment), /* a head with a small body */
    SEGMENT_LARGE = 16384, /* behind others: a client that takes less than it is sent */
    SPARE_SEGMENTS = 64,
    VECTORS = 64,
    SENDFILE_BYTES = 1 << 20, /* for each call: a turn belongs to all connections */
};

/* Segments with exactly SEGMENT_USUAL bytes of room that nobody uses now. */
static _Thread_local struct {
    struct http_segment *first;
    unsigned count;
} spare;

void http_output_init(struct http_output *output)
{
    *output = (struct http_output){0};
}

static void free_segment(struct http_segment *segment)
{
    if (!segment->usual || spare.count == SPARE_SEGMENTS) {
        free(segment);
        return;
    }
    segment->next = spare.first;
    spare.first = segment;
    spare.count++;
}

static void drop_first(struct http_output *output)
{
    struct http_segment *segment = output->first;
    output->first = segment->next;
    if (!output->first)
        output->last = NULL;
    if (segment->release)
        segment->release(segment->owner);
    free_segment(segment);
}

void http_output_release(struct http_output *output)
{
    while (output->first)
        drop_first(output);
    output->queued = 0;
}

static struct http_segment *take_segment(size_t room)
{
    struct http_segment *segment = spare.first;
    if (room == SEGMENT_USUAL && segment) {
        spare.first = segment->next;
        spare.count--;
        return segment;
    }
    segment = malloc(sizeof(*segment) + room);
    if (!segment)
        abort();
    return segment;
}

static struct http_segment *add_segment(struct http_output *output, size_t room)
{
    struct http_segment *segment = take_segment(room);
    *segment = (struct http_segment){
        .data = (char *)(segment + 1), .room = room, .usual = room == SEGMENT_USUAL};
    if (output->last)
        output->last->next = segment;
    else
        output->first = segment;
    output->last = segment;
    return segment;
}

void http_output_make_room(struct http_output *output, size_t length)
{
    if (output->last && output->last->room >= length)
        return;
    size_t room = output->queued ? SEGMENT_LARGE : SEGMENT_USUAL;
    add_segment(output, length > room ? length : room);
}

char *http_output_reserve(struct http_output *output, size_t length)
{
    http_output_make_room(output, length);
    struct http_segment *segment = output->last;
    char *place = segment->data + segment->length;
    segment->length += length;
    segment->room -= length;
    output->queued += length;
    return place;
}

void http_output_append(struct http_output *output, struct text data)
{
    if (data.length)
        memcpy(http_output_reserve(output, data.length), data.data, data.length);
}

void http_output_refer(struct http_output *output, struct text data, void (*release)(void *owner), void *owner)
{
    if (data.length < HTTP_OUTPUT_COPY_BELOW) {
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

void http_output_refer_file(struct http_output *output, const struct http_stretch *stretch,
                            void (*release)(void *owner), void *owner)
{
    struct http_segment *segment = add_segment(output, 0);
    segment->data = NULL;
    segment->length = stretch->length;
    segment->file_fd = stretch->fd;
    segment->file_offset = (off_t)stretch->offset;
    segment->release = release;
    segment->owner = owner;
    output->queued += stretch->length;
}

static void consume(struct http_output *output, size_t sent)
{
    output->queued -= sent;
    while (output->first && sent >= output->first->length) {
        sent -= output->first->length;
        drop_first(output);
    }
    if (output->first && output->first->data) {
        output->first->data += sent;
        output->first->length -= sent;
    }
}

/* The segments in memory at the front of the queue, as one write. More follows: the kernel may wait with the last,
 * not yet full packet. */
static ssize_t send_memory(struct http_output *output, int fd, size_t *ret_bytes)
{
    struct iovec vectors[VECTORS];
    const struct http_segment *segment = output->first;
    size_t count = 0;
    for (; segment && segment->data && count < VECTORS; segment = segment->next) {
        vectors[count++] = (struct iovec){segment->data, segment->length};
        *ret_bytes += segment->length;
    }
    int flags = MSG_NOSIGNAL | (segment ? MSG_MORE : 0);
    if (count == 1)
        return send(fd, vectors[0].iov_base, *ret_bytes, flags);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    return sendmsg(fd, &message, flags);
}

static ssize_t send_file(struct http_segment *segment, int fd, size_t *ret_bytes)
{
    *ret_bytes = segment->length < SENDFILE_BYTES ? segment->length : SENDFILE_BYTES;
    ssize_t sent = sendfile(fd, segment->file_fd, &segment->file_offset, *ret_bytes);
    if (sent == 0) {
        /* A file that is shorter than promised: the client must see that the answer is broken. */
        errno = EPIPE;
        return -1;
    }
    if (sent > 0)
        segment->length -= (size_t)sent;
    return sent;
}

/* One system call: bytes sent, 0 when the socket takes none, or an error. `*ret_all`: it took all it was offered. */
static ssize_t send_some(struct http_output *output, int fd, bool *ret_all)
{
    size_t bytes;
    ssize_t sent;
    bool memory = output->first->data;
    do {
        bytes = 0;
        sent = memory ? send_memory(output, fd, &bytes) : send_file(output->first, fd, &bytes);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    if (sent < 0)
        return errno == EPIPE || errno == ECONNRESET ? ERROR_CLOSED : ERROR_SYSTEM;
    *ret_all = (size_t)sent == bytes;
    if (memory) {
        consume(output, (size_t)sent);
    } else {
        output->queued -= (size_t)sent;
        if (output->first->length == 0)
            drop_first(output);
    }
    return sent;
}

ssize_t http_output_flush(struct http_output *output, int fd)
{
    ssize_t total = 0;
    bool all = true;
    while (output->first && all) {
        all = false;
        ssize_t sent = send_some(output, fd, &all);
        if (sent < 0)
            return sent;
        total += sent;
    }
    return total;
}
