#include "runtime/wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"

enum { CHANNEL_HEADER_BYTES = 16, CHANNEL_MORE = 1, CHANNEL_PACKETS_PER_TURN = 64 };

struct channel_packet {
    struct channel_packet *next;
    size_t length;
    unsigned fd_count;
    int fds[CHANNEL_MAX_FDS];
    unsigned char bytes[BOUNDS_PACKET_BYTES];
};

struct channel_partial {
    struct channel_partial *next;
    unsigned type;
    uint64_t stream;
    struct buffer body;
};

void channel_init(struct channel *channel, int fd, enum message_role own, enum message_role peer, unsigned flags)
{
    *channel = (struct channel){.fd = fd, .own = own, .peer = peer, .flags = flags};
}

static void channel_packet_free(struct channel_packet *packet)
{
    for (unsigned i = 0; i < packet->fd_count; i++)
        fd_close(&packet->fds[i]);
    free(packet);
}

static void channel_partial_free(struct channel_partial *partial)
{
    buffer_release(&partial->body);
    free(partial);
}

void channel_release(struct channel *channel)
{
    if (channel->gone)
        *channel->gone = true;
    fd_close(&channel->fd);
    while (channel->first) {
        struct channel_packet *packet = channel->first;
        channel->first = packet->next;
        channel_packet_free(packet);
    }
    while (channel->partials) {
        struct channel_partial *partial = channel->partials;
        channel->partials = partial->next;
        channel_partial_free(partial);
    }
    *channel = (struct channel){.fd = -1, .own = channel->own, .peer = channel->peer, .flags = channel->flags};
}

/* -- sending -- */

static struct channel_packet *channel_room(struct channel *channel, size_t length, bool alone)
{
    struct channel_packet *last = channel->last;

    if (last && !alone && last->fd_count == 0 && last->length + length <= sizeof last->bytes)
        return last;
    struct channel_packet *packet = malloc(sizeof *packet); /* not zeroed: 64 KiB that are about to be written */
    if (!packet)
        abort();
    packet->next = NULL;
    packet->length = 0;
    packet->fd_count = 0;
    if (last)
        last->next = packet;
    else
        channel->first = packet;
    channel->last = packet;
    return packet;
}

static void channel_put(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static int channel_attach(struct channel_packet *packet, const int *fds, unsigned fd_count)
{
    for (unsigned i = 0; i < fd_count; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
            return ERROR_SYSTEM;
        packet->fds[packet->fd_count++] = copy;
    }
    return 0;
}

static int channel_frame(struct channel *channel, unsigned type, unsigned flags, uint64_t stream, struct text body,
                         const int *fds, unsigned fd_count)
{
    size_t length = CHANNEL_HEADER_BYTES + body.length;
    struct channel_packet *packet = channel_room(channel, length, fd_count > 0);
    unsigned char *at = packet->bytes + packet->length;

    channel_put(at, type, 2);
    channel_put(at + 2, flags, 2);
    channel_put(at + 4, body.length, 4);
    channel_put(at + 8, stream, 8);
    if (body.length > 0)
        memcpy(at + CHANNEL_HEADER_BYTES, body.data, body.length);
    packet->length += length;
    channel->queued_bytes += length;
    return channel_attach(packet, fds, fd_count);
}

int channel_send(struct channel *channel, enum message_type type, uint64_t stream, struct text body, const int *fds, unsigned fd_count)
{
    const struct message_info *info = message_info(type);

    if (channel->fd < 0)
        return ERROR_CLOSED;
    if (!message_allowed(type, channel->own, channel->peer) || info->fds != fd_count ||
        (fd_count > 0 && !(channel->flags & CHANNEL_FDS))) {
        log_error("message %s may not be sent here", info ? info->name : "?");
        return ERROR_FORBIDDEN;
    }
    if (body.length > info->max_bytes || channel->queued_bytes + body.length > BOUNDS_CHANNEL_QUEUE_BYTES)
        return ERROR_LIMIT;
    while (body.length > BOUNDS_FRAGMENT_BYTES) {
        if (channel_frame(channel, type, CHANNEL_MORE, stream, text_head(body, BOUNDS_FRAGMENT_BYTES), fds, fd_count) < 0)
            return ERROR_SYSTEM;
        body = text_skip(body, BOUNDS_FRAGMENT_BYTES);
        fd_count = 0; /* they travel with the first frame */
    }
    return channel_frame(channel, type, 0, stream, body, fds, fd_count);
}

static ssize_t channel_write_packet(struct channel *channel, struct channel_packet *packet)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
    } control = {0};
    struct iovec bytes = {packet->bytes, packet->length};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (!(channel->flags & CHANNEL_FDS))
        return write(channel->fd, packet->bytes, packet->length);
    if (packet->fd_count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * packet->fd_count);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * packet->fd_count);
        memcpy(CMSG_DATA(&control.header), packet->fds, sizeof(int) * packet->fd_count);
    }
    return sendmsg(channel->fd, &message, MSG_NOSIGNAL);
}

int channel_flush(struct channel *channel)
{
    while (channel->first) {
        struct channel_packet *packet = channel->first;
        ssize_t written = channel_write_packet(channel, packet);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EAGAIN || errno == ENOBUFS ? ERROR_AGAIN
                   : errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? ERROR_CLOSED
                                                                                : ERROR_SYSTEM;
        channel->queued_bytes -= packet->length;
        channel->first = packet->next;
        if (!channel->first)
            channel->last = NULL;
        channel_packet_free(packet);
    }
    return 0;
}

bool channel_wants_write(const struct channel *channel)
{
    return channel->first != NULL;
}

size_t channel_queued_bytes(const struct channel *channel)
{
    return channel->queued_bytes;
}

/* -- receiving -- */

static uint64_t channel_get(const unsigned char *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static struct channel_partial **channel_find_partial(struct channel *channel, unsigned type, uint64_t stream)
{
    struct channel_partial **at = &channel->partials;

    while (*at && ((*at)->type != type || (*at)->stream != stream))
        at = &(*at)->next;
    return at;
}

/* Adds a fragment: 1 when the message is complete and stands in `*ret_partial` (unlinked), 0 when more follows. */
static int channel_assemble(struct channel *channel, struct message_in *in, bool more, struct channel_partial **ret_partial)
{
    struct channel_partial **at = channel_find_partial(channel, in->type, in->stream);

    if (!*at) {
        if (channel->partial_count >= BOUNDS_CHANNEL_PARTIALS || in->fd_count > 0)
            return ERROR_INVALID;
        *at = MEMORY_NEW(struct channel_partial);
        (*at)->type = in->type;
        (*at)->stream = in->stream;
        channel->partial_count++;
    }
    struct channel_partial *partial = *at;
    if (partial->body.length + in->body.length > message_info(in->type)->max_bytes)
        return ERROR_INVALID;
    buffer_text(&partial->body, in->body);
    if (more)
        return 0;
    *at = partial->next;
    channel->partial_count--;
    *ret_partial = partial;
    return 1;
}

static int channel_deliver(struct channel *channel, struct message_in *in, unsigned flags, channel_callback *callback, void *context)
{
    const struct message_info *info = message_info(in->type);
    struct channel_partial *whole = NULL;

    if (!message_allowed(in->type, channel->peer, channel->own) || (flags & ~(unsigned)CHANNEL_MORE) ||
        in->body.length > info->max_bytes || info->fds != in->fd_count)
        return ERROR_INVALID;
    if ((flags & CHANNEL_MORE) || *channel_find_partial(channel, in->type, in->stream)) {
        int result = channel_assemble(channel, in, flags & CHANNEL_MORE, &whole);
        if (result <= 0)
            return result;
        in->body = buffer_view(&whole->body);
    }
    callback(context, in);
    if (whole)
        channel_partial_free(whole);
    return 0;
}

/* One packet: whole frames, exactly to its end. */
static int channel_split(struct channel *channel, const unsigned char *bytes, size_t length, struct message_in *in,
                         channel_callback *callback, void *context)
{
    bool gone = false;
    int result = 0;

    channel->gone = &gone;
    while (length > 0 && result == 0 && !gone) {
        if (length < CHANNEL_HEADER_BYTES) {
            result = ERROR_INVALID;
            break;
        }
        uint64_t body = channel_get(bytes + 4, 4);
        if (body > length - CHANNEL_HEADER_BYTES) {
            result = ERROR_INVALID;
            break;
        }
        unsigned flags = (unsigned)channel_get(bytes + 2, 2);
        in->type = (enum message_type)channel_get(bytes, 2);
        in->stream = channel_get(bytes + 8, 8);
        in->body = (struct text){(const char *)bytes + CHANNEL_HEADER_BYTES, (size_t)body};
        result = channel_deliver(channel, in, flags, callback, context);
        bytes += CHANNEL_HEADER_BYTES + body;
        length -= CHANNEL_HEADER_BYTES + (size_t)body;
    }
    if (gone)
        return ERROR_CLOSED;
    channel->gone = NULL;
    return result;
}

static void channel_take_fds(struct msghdr *message, struct message_in *in)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        unsigned count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < count && in->fd_count < CHANNEL_MAX_FDS; i++)
            memcpy(&in->fds[in->fd_count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
}

static ssize_t channel_read_packet(struct channel *channel, unsigned char *bytes, struct message_in *in)
{
    char control[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
    struct iovec room = {bytes, BOUNDS_PACKET_BYTES};
    struct msghdr message = {.msg_iov = &room, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};

    if (!(channel->flags & CHANNEL_FDS))
        return read(channel->fd, bytes, BOUNDS_PACKET_BYTES);
    ssize_t length = recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC);
    if (length >= 0)
        channel_take_fds(&message, in);
    if (length >= 0 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        errno = EBADMSG;
        return -1;
    }
    return length;
}

static int channel_read_error(void)
{
    switch (errno) {
    case EAGAIN:
        return ERROR_AGAIN;
    case ECONNRESET:
    case EPIPE:
        return ERROR_CLOSED;
    case EBADMSG:
        return ERROR_INVALID;
    default:
        return ERROR_SYSTEM;
    }
}

static int channel_receive_packet(struct channel *channel, channel_callback *callback, void *context)
{
    static _Thread_local unsigned char bytes[BOUNDS_PACKET_BYTES];
    struct message_in in = {.fds = {-1, -1, -1, -1}};
    ssize_t length;

    do
        length = channel_read_packet(channel, bytes, &in);
    while (length < 0 && errno == EINTR);
    int result = length < 0 ? channel_read_error() : length == 0 ? ERROR_CLOSED : 0;
    if (result == 0)
        result = channel_split(channel, bytes, (size_t)length, &in, callback, context);
    for (unsigned i = 0; i < in.fd_count; i++)
        fd_close(&in.fds[i]);
    return result;
}

int channel_receive(struct channel *channel, channel_callback *callback, void *context)
{
    bool blocking = channel->flags & CHANNEL_BLOCKING;
    int result = 0;

    for (int i = 0; i < (blocking ? 1 : CHANNEL_PACKETS_PER_TURN) && result == 0; i++)
        result = channel_receive_packet(channel, callback, context);
    if (result == ERROR_CLOSED && channel->fd < 0)
        return 0; /* released by the callback */
    return result == ERROR_AGAIN ? 0 : result;
}

/* One typed sender per message. */
#define MESSAGE(name, senders, receivers, fd_number, max_bytes, fields)                                      \
    int channel_send_##name(struct channel *channel, uint64_t stream, const struct message_##name *message) \
    {                                                                                                        \
        struct buffer body = BUFFER_EMPTY;                                                                   \
        message_##name##_pack(&body, message);                                                               \
        int result = channel_send(channel, MESSAGE_##name, stream, buffer_view(&body), NULL, 0);             \
        buffer_release(&body);                                                                               \
        return result;                                                                                       \
    }
#include "runtime/wire/message.def"
#undef MESSAGE
