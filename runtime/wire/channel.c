/* Two halves that know nothing of each other.
 *
 * Sending: messages are cut into frames, frames gathered in packets, packets wait in a list. Many small messages of
 * a turn leave in one system call, and a written packet's buffer is kept for the next turn. A full socket stops the
 * list, not the sender; the bound on the queue is where back-pressure becomes an error.
 *
 * Receiving: a packet is read whole, each frame is held against the table of messages before anything is done with
 * it, and fragments are put together per (type, stream). What a peer can make us keep is bounded three times: the
 * size of one message by its row, the number of unfinished ones, and their bytes together.
 *
 * A callback may release the very channel that is being read (a peer is dropped for what it said): `gone` points
 * into the running receive, which then touches the channel no more. */
#include "runtime/wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"

enum { HEADER_BYTES = 16, FRAME_MORE = 1 };

/* A written packet is kept for the next turn unless it grew beyond this: idle channels stay small. */
enum { SPARE_BYTES = 8192 };

/* So many packets are read before other channels of the loop get their turn. */
enum { PACKETS_PER_TURN = 64 };

struct frame {
    unsigned type, flags;
    uint64_t stream;
    struct text body;
};

/* The descriptors of one frame. */
struct descriptors {
    unsigned count;
    int fds[CHANNEL_MAX_FDS]; /* owned */
};

struct channel_packet {
    struct channel_packet *next;
    struct buffer data;
    struct descriptors with; /* then it holds exactly one frame */
};

struct channel_partial {
    struct channel_partial *next;
    struct buffer body;
    struct message_in message; /* all but the body; owns its descriptors */
};

_Static_assert(BOUNDS_FRAGMENT_BYTES + HEADER_BYTES <= BOUNDS_PACKET_BYTES, "a fragment fits a packet");

static void close_fds(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
}

void channel_init(struct channel *channel, int fd, enum message_role own, enum message_role peer,
                  unsigned flags)
{
    *channel = (struct channel){.fd = fd, .own = own, .peer = peer, .flags = flags};
}

/* ---- the queue ---- */

static void packet_free(struct channel_packet *packet)
{
    close_fds(packet->with.fds, packet->with.count);
    buffer_release(&packet->data);
    free(packet);
}

static struct channel_packet *packet_append(struct channel *channel)
{
    struct channel_packet *packet = channel->spare ? channel->spare : MEMORY_NEW(struct channel_packet);
    bool was_empty = !channel->first;
    channel->spare = NULL;
    if (was_empty)
        channel->first = packet;
    else
        channel->last->next = packet;
    channel->last = packet;
    if (was_empty && channel->on_queued)
        channel->on_queued(channel->on_queued_context);
    return packet;
}

/* Takes the first packet, which was written, off the queue. */
static void packet_done(struct channel *channel)
{
    struct channel_packet *packet = channel->first;
    channel->first = packet->next;
    if (!channel->first)
        channel->last = NULL;
    channel->queued_bytes -= packet->data.length;
    close_fds(packet->with.fds, packet->with.count); /* the peer has its own copies now */
    packet->with.count = 0;
    packet->next = NULL;
    if (channel->spare || packet->data.capacity > SPARE_BYTES) {
        packet_free(packet);
        return;
    }
    buffer_clear(&packet->data);
    channel->spare = packet;
}

/* The packet with room for `length` more bytes; a frame with descriptors gets one of its own. */
static struct channel_packet *packet_for(struct channel *channel, size_t length, bool alone)
{
    struct channel_packet *last = channel->last;
    if (!last || alone || last->with.count || last->data.length + length > BOUNDS_PACKET_BYTES)
        return packet_append(channel);
    return last;
}

/* Little-endian by hand: a frame has no padding and no alignment. */
static void put(char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++, value >>= 8)
        at[i] = (char)value;
}

static struct channel_packet *queue_frame(struct channel *channel, const struct frame *frame, bool alone)
{
    size_t length = HEADER_BYTES + frame->body.length;
    struct channel_packet *packet = packet_for(channel, length, alone);
    char *at = buffer_reserve(&packet->data, length);
    put(at, frame->type, 2);
    put(at + 2, frame->flags, 2);
    put(at + 4, frame->body.length, 4);
    put(at + 8, frame->stream, 8);
    if (frame->body.length)
        memcpy(at + HEADER_BYTES, frame->body.data, frame->body.length);
    buffer_advance(&packet->data, length);
    channel->queued_bytes += length;
    return packet;
}

/* Our own side is held to the table too: a message that may not be sent is a bug that should show at once. */
static int check_send(const struct channel *channel, unsigned type, size_t length, unsigned fd_count)
{
    const struct message_info *info = message_info(type);
    if (channel->fd < 0)
        return ERROR_CLOSED;
    if (!message_allowed(type, channel->own, channel->peer) || info->fds != fd_count ||
        (fd_count && !(channel->flags & CHANNEL_FDS))) {
        log_error("message %s may not be sent here", info ? info->name : "?");
        return ERROR_FORBIDDEN;
    }
    size_t frames = 1 + length / BOUNDS_FRAGMENT_BYTES;
    size_t room = BOUNDS_CHANNEL_QUEUE_BYTES - channel->queued_bytes;
    return length > info->max_bytes || length + frames * HEADER_BYTES > room ? ERROR_LIMIT : 0;
}

/* Copies, because the packet may be written much later, when the caller has closed its own. */
static int duplicate_fds(struct descriptors *ret_copies, const int *fds, unsigned count)
{
    struct descriptors copies = {0};
    for (; copies.count < count; copies.count++) {
        copies.fds[copies.count] = fcntl(fds[copies.count], F_DUPFD_CLOEXEC, 3);
        if (copies.fds[copies.count] < 0) {
            close_fds(copies.fds, copies.count);
            return ERROR_SYSTEM;
        }
    }
    *ret_copies = copies;
    return 0;
}

/* Everything that can fail comes first: a message is queued whole or not at all. */
int channel_send(struct channel *channel, enum message_type type, uint64_t stream, struct text body,
                 const int *fds, unsigned fd_count)
{
    struct descriptors with;
    int result = check_send(channel, type, body.length, fd_count);
    if (result == 0)
        result = duplicate_fds(&with, fds, fd_count);
    if (result < 0)
        return result;
    do {
        struct frame frame = {.type = type, .stream = stream, .body = text_head(body, BOUNDS_FRAGMENT_BYTES)};
        body = text_skip(body, frame.body.length);
        frame.flags = body.length ? FRAME_MORE : 0;
        struct channel_packet *packet = queue_frame(channel, &frame, with.count > 0);
        if (with.count)
            packet->with = with;
        with.count = 0; /* they travel with the first fragment */
    } while (body.length);
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

/* ---- writing ---- */

static ssize_t send_with_fds(int fd, const struct channel_packet *packet)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof packet->with.fds)];
    } control;
    size_t size = packet->with.count * sizeof(int);
    struct iovec part = {packet->data.data, packet->data.length};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(size)};
    memset(&control, 0, sizeof control);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(rights), packet->with.fds, size);
    return sendmsg(fd, &header, MSG_NOSIGNAL);
}

/* Without descriptors a plain write, the only kind that a worker's filter allows. */
static ssize_t write_packet(const struct channel *channel, const struct channel_packet *packet)
{
    if (!(channel->flags & CHANNEL_FDS))
        return write(channel->fd, packet->data.data, packet->data.length);
    if (packet->with.count)
        return send_with_fds(channel->fd, packet);
    return send(channel->fd, packet->data.data, packet->data.length, MSG_NOSIGNAL);
}

/* ENOBUFS is a full queue in the kernel, like EAGAIN: it passes. */
static int socket_error(int error)
{
    switch (error) {
    case EAGAIN:
    case ENOBUFS:
        return ERROR_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return ERROR_CLOSED;
    case EBADMSG:
        return ERROR_INVALID;
    default:
        return ERROR_SYSTEM;
    }
}

int channel_flush(struct channel *channel)
{
    while (channel->first) {
        /* a packet goes whole or not at all */
        if (write_packet(channel, channel->first) >= 0)
            packet_done(channel);
        else if (errno != EINTR)
            return socket_error(errno);
    }
    return 0;
}

/* ---- reading ---- */

static void partial_free(struct channel_partial *partial)
{
    close_fds(partial->message.fds, partial->message.fd_count);
    buffer_release(&partial->body);
    free(partial);
}

static struct channel_partial *partial_unlink(struct channel *channel, struct channel_partial **link)
{
    struct channel_partial *partial = *link;
    *link = partial->next;
    channel->partial_count--;
    channel->partial_bytes -= partial->body.length;
    return partial;
}

void channel_release(struct channel *channel)
{
    if (channel->gone)
        *channel->gone = true;
    fd_close(&channel->fd);
    while (channel->first) {
        struct channel_packet *packet = channel->first;
        channel->first = packet->next;
        packet_free(packet);
    }
    if (channel->spare)
        packet_free(channel->spare);
    while (channel->partials)
        partial_free(partial_unlink(channel, &channel->partials));
    *channel =
        (struct channel){.fd = -1, .own = channel->own, .peer = channel->peer, .flags = channel->flags};
}

/* One turn of reading. */
struct reading {
    struct channel *channel;
    channel_callback *callback;
    void *context;
    bool gone; /* the callback released the channel: it is not to be touched */
};

/* Descriptors that the callback did not take are closed here: none can pile up. */
static int deliver(struct reading *reading, struct message_in *message)
{
    reading->callback(reading->context, message);
    close_fds(message->fds, message->fd_count);
    message->fd_count = 0;
    return reading->gone ? ERROR_CLOSED : 0;
}

static struct channel_partial **partial_find(struct channel *channel, unsigned type, uint64_t stream)
{
    struct channel_partial **link = &channel->partials;
    while (*link && ((*link)->message.type != type || (*link)->message.stream != stream))
        link = &(*link)->next;
    return link;
}

/* Begins a message that comes in fragments; it takes over the descriptors. */
static void partial_begin(struct channel *channel, struct message_in *message)
{
    struct channel_partial *partial = MEMORY_NEW(struct channel_partial);
    partial->message = *message;
    message->fd_count = 0;
    partial->next = channel->partials;
    channel->partials = partial;
    channel->partial_count++;
}

/* Adds a fragment, and delivers the message when it was the last. */
static int partial_continue(struct reading *reading, struct channel_partial **link, const struct frame *frame)
{
    struct channel *channel = reading->channel;
    struct channel_partial *partial = *link;
    if (partial->body.length + frame->body.length > message_info(frame->type)->max_bytes ||
        channel->partial_bytes + frame->body.length > BOUNDS_CHANNEL_PARTIAL_BYTES)
        return ERROR_INVALID;
    buffer_text(&partial->body, frame->body);
    channel->partial_bytes += frame->body.length;
    if (frame->flags & FRAME_MORE)
        return 0;
    partial_unlink(channel, link); /* first: the callback may release the channel */
    partial->message.body = buffer_view(&partial->body);
    int result = deliver(reading, &partial->message);
    partial_free(partial);
    return result;
}

/* Every frame is held against the table; `with` came with its packet. */
static int accept_frame(struct reading *reading, const struct frame *frame, struct descriptors *with)
{
    struct channel *channel = reading->channel;
    const struct message_info *info = message_info(frame->type);
    if (!message_allowed(frame->type, channel->peer, channel->own) || (frame->flags & ~(unsigned)FRAME_MORE))
        return ERROR_INVALID;
    struct channel_partial **link = partial_find(channel, frame->type, frame->stream);
    if (with->count != (*link ? 0 : info->fds) || frame->body.length > info->max_bytes)
        return ERROR_INVALID;
    if (*link)
        return partial_continue(reading, link, frame);
    struct message_in message = {.type = (enum message_type)frame->type,
                                 .stream = frame->stream,
                                 .body = frame->body,
                                 .fd_count = with->count};
    memcpy(message.fds, with->fds, sizeof message.fds);
    with->count = 0;
    if (!(frame->flags & FRAME_MORE))
        return deliver(reading, &message);
    if (channel->partial_count == BOUNDS_CHANNEL_PARTIALS) {
        close_fds(message.fds, message.fd_count);
        return ERROR_INVALID;
    }
    partial_begin(channel, &message);
    return partial_continue(reading, &channel->partials, frame);
}

static uint64_t get(const char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

/* Whole frames, exactly to the packet's end. */
static int accept_packet(struct reading *reading, struct text packet, struct descriptors *with)
{
    while (packet.length) {
        if (packet.length < HEADER_BYTES || get(packet.data + 4, 4) > packet.length - HEADER_BYTES)
            return ERROR_INVALID;
        struct frame frame = {
            .type = (unsigned)get(packet.data, 2),
            .flags = (unsigned)get(packet.data + 2, 2),
            .stream = get(packet.data + 8, 8),
            .body = {packet.data + HEADER_BYTES, (size_t)get(packet.data + 4, 4)},
        };
        packet = text_skip(packet, HEADER_BYTES + frame.body.length);
        if (with->count && packet.length)
            return ERROR_INVALID; /* a frame with descriptors travels alone */
        int result = accept_frame(reading, &frame, with);
        if (result < 0)
            return result;
    }
    return 0;
}

/* The kernel closes what did not fit the control buffer and says so with MSG_CTRUNC. */
static void take_fds(struct msghdr *header, struct descriptors *with)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        with->count = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(with->fds, CMSG_DATA(part), with->count * sizeof(int));
    }
}

/* A packet or its descriptors cut short mean a peer that sends more than the format allows. */
static ssize_t read_packet(const struct channel *channel, char *room, struct descriptors *with)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof with->fds)];
    } control;
    struct iovec part = {room, BOUNDS_PACKET_BYTES};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (!(channel->flags & CHANNEL_FDS))
        return read(channel->fd, room, BOUNDS_PACKET_BYTES);
    ssize_t length = recvmsg(channel->fd, &header, MSG_CMSG_CLOEXEC);
    if (length < 0)
        return length;
    take_fds(&header, with);
    if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        errno = EBADMSG;
        return -1;
    }
    return length;
}

static int receive_packet(struct reading *reading, char *room)
{
    struct descriptors with = {0};
    ssize_t length;
    do {
        length = read_packet(reading->channel, room, &with);
    } while (length < 0 && errno == EINTR);
    int result = length < 0 ? socket_error(errno) : length == 0 ? ERROR_CLOSED : 0;
    if (result == 0)
        result = accept_packet(reading, (struct text){room, (size_t)length}, &with);
    close_fds(with.fds, with.count);
    return result;
}

/* Where packets are read to: kept by the thread and taken while in use, so that a callback may itself
 * receive. */
static _Thread_local char *kept_room;

int channel_receive(struct channel *channel, channel_callback *callback, void *context)
{
    struct reading reading = {channel, callback, context, false};
    char *room = kept_room ? kept_room : memory_resize(NULL, BOUNDS_PACKET_BYTES, 1);
    int packets = channel->flags & CHANNEL_BLOCKING ? 1 : PACKETS_PER_TURN;
    int result = channel->fd < 0 ? ERROR_CLOSED : 0;
    bool *outer = channel->gone;
    kept_room = NULL;
    channel->gone = &reading.gone;
    while (result == 0 && packets-- > 0)
        result = receive_packet(&reading, room);
    if (!reading.gone)
        channel->gone = outer;
    else if (outer)
        *outer = true;
    free(kept_room);
    kept_room = room;
    return reading.gone || result == ERROR_AGAIN ? 0 : result;
}

/* ---- one typed sender per message ---- */

/* Bodies are packed here first; kept by the thread while it is small. */
static _Thread_local struct buffer scratch;

void channel_leave_thread(void)
{
    free(kept_room);
    kept_room = NULL;
    buffer_release(&scratch);
}

/* A large message is rare, and its memory is not kept for the next. */
static int send_scratch(struct channel *channel, enum message_type type, uint64_t stream)
{
    int result = channel_send(channel, type, stream, buffer_view(&scratch), NULL, 0);
    if (scratch.capacity > SPARE_BYTES)
        buffer_release(&scratch);
    return result;
}

#define MESSAGE(name, senders, receivers, fd_number, max_bytes, fields)                                     \
    int channel_send_##name(struct channel *channel, uint64_t stream, const struct message_##name *message) \
    {                                                                                                       \
        buffer_clear(&scratch);                                                                             \
        message_##name##_pack(&scratch, message);                                                           \
        return send_scratch(channel, MESSAGE_##name, stream);                                               \
    }
#include "runtime/wire/message.def"
#undef MESSAGE
