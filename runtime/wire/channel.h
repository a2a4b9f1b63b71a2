/* A framed channel over a SOCK_SEQPACKET socket.
 *
 *   frame   u16 type, u16 flags (bit 0: MORE), u32 body length, u64 stream, body
 *   packet  whole frames, at most BOUNDS_PACKET_BYTES; a frame that carries descriptors travels alone
 *
 * A message larger than BOUNDS_FRAGMENT_BYTES is cut into frames of the same type and stream, all but the
 * last with MORE; the receiver puts them together up to the message's max_bytes. Every received frame is
 * checked: known type, allowed from that peer to us, right number of descriptors. A violation makes
 * channel_receive() return ERROR_INVALID, and the owner drops the peer: a message from a peer is input from
 * an enemy.
 *
 * Sending queues (bounded by BOUNDS_CHANNEL_QUEUE_BYTES) and channel_flush() writes as many full packets as
 * the socket takes; call it once at the end of a loop turn. With CHANNEL_BLOCKING the socket blocks, flush
 * writes everything, and receive waits for one packet. Without CHANNEL_FDS plain read and write are used and
 * no descriptor can pass: the kernel closes what a peer tries; SIGPIPE must be ignored or welcome. */
#ifndef RUNTIME_WIRE_CHANNEL_H
#define RUNTIME_WIRE_CHANNEL_H

#include "runtime/wire/message.h"

enum { CHANNEL_FDS = 1, CHANNEL_BLOCKING = 2, CHANNEL_MAX_FDS = 4 };

struct channel_packet;
struct channel_partial;

struct channel {
    int fd; /* owned; -1 when released */
    enum message_role own, peer;
    unsigned flags;
    struct channel_packet *first, *last; /* owned: packets not yet written */
    struct channel_packet *spare;        /* owned: a small written one, kept for the next turn */
    size_t queued_bytes;
    struct channel_partial *partials; /* owned: messages being put together */
    size_t partial_count, partial_bytes;
    bool *gone; /* set while receiving: tells a released channel to its own receive */
    /* Called when the queue becomes non-empty (the loop notes whom to flush); set after channel_init, may be
     * NULL. */
    void (*on_queued)(void *context);
    void *on_queued_context;
};

/* A received message. Descriptors are the receiver's only when it takes them (sets fds[i] to -1): the rest is
 * closed after the callback. `body` is valid during the callback. */
struct message_in {
    enum message_type type;
    uint64_t stream;
    struct text body;
    int fds[CHANNEL_MAX_FDS]; /* exactly as many as the table says */
    unsigned fd_count;
};

typedef void channel_callback(void *context, struct message_in *message);

/* Takes over `fd` (already non-blocking unless CHANNEL_BLOCKING). */
void channel_init(struct channel *channel, int fd, enum message_role own, enum message_role peer,
                  unsigned flags);
void channel_release(struct channel *channel);

/* A thread that used channels and ends gives back the buffers that are kept for it; the last thing it does. */
void channel_leave_thread(void);
/* Queues a message; descriptors are duplicated, so the caller keeps its own. 0; ERROR_LIMIT when body or
 * queue is too large; ERROR_FORBIDDEN when the table does not allow it (our bug, also logged); ERROR_CLOSED
 * when released; ERROR_SYSTEM when a descriptor cannot be duplicated. On an error nothing was queued. */
int channel_send(struct channel *channel, enum message_type type, uint64_t stream, struct text body,
                 const int *fds, unsigned fd_count);
/* 0 when all is written, ERROR_AGAIN when something is left, ERROR_CLOSED or ERROR_SYSTEM when the peer is
 * gone. */
int channel_flush(struct channel *channel);
bool channel_wants_write(const struct channel *channel);
size_t channel_queued_bytes(const struct channel *channel);
/* Reads what is there and calls back once per message. 0 (non-blocking: nothing left for now), ERROR_CLOSED
 * at the end of file, ERROR_INVALID for a violation, ERROR_SYSTEM. The callback may release the channel and
 * even free it: then 0, and it was not touched again. A callback may receive on another channel. */
int channel_receive(struct channel *channel, channel_callback *callback, void *context);

/* channel_send_X(channel, stream, &message): packs and queues, for messages without descriptors. */
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) \
    int channel_send_##name(struct channel *channel, uint64_t stream, const struct message_##name *message);
#include "runtime/wire/message.def"
#undef MESSAGE

#endif
