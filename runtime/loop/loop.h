/* The only glue to libevent: one loop per thread, channels, timers, signals, and work at the end of a turn.
 *
 * A turn: libevent calls everybody who is ready; then each deferred callback runs once; then every attached
 * channel that was written to is flushed, one writev-like packet for all its messages. */
#ifndef RUNTIME_LOOP_LOOP_H
#define RUNTIME_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire/channel.h"

struct event;
struct event_base;
struct loop_channel;
struct loop_deferred;

struct loop {
    struct event_base *base;                        /* owned */
    struct loop_deferred *deferred, *last_deferred; /* linked in order of asking */
    struct loop_channel *channels;                  /* attached, owned */
    struct loop_channel *queued;                    /* those with something to flush at the end of the turn */
    bool stopped;
};

/* 0 or ERROR_SYSTEM. The process ignores SIGPIPE from now on. */
int loop_init(struct loop *loop);
void loop_release(struct loop *loop);
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* -- channels -- */
typedef void loop_message_callback(void *context, struct message_in *message);
/* The peer is gone or broke the protocol (result); the channel is detached and released already. */
typedef void loop_close_callback(void *context, int result);

/* Takes over `fd` as a channel in this loop. The returned channel is owned by the loop and valid until
 * on_close was called or loop_channel_detach(). Sending is plain channel_send(): the loop flushes at the end
 * of the turn. */
struct channel *loop_channel_attach(struct loop *loop, int fd, enum message_role own, enum message_role peer,
                                    unsigned flags, loop_message_callback *on_message,
                                    loop_close_callback *on_close, void *context);
/* Closes it without calling on_close. Safe inside its callbacks; NULL does nothing. */
void loop_channel_detach(struct loop *loop, struct channel *channel);
/* Reads what has come already, out of turn: for who must know what the peer said before something else that it said
 * elsewhere. False when there was nothing. The channel may be gone afterwards (its on_close was called then). */
bool loop_channel_read(struct channel *channel);
/* While paused nothing is read: the peer that goes on sending waits in its own write. */
void loop_channel_pause(struct channel *channel, bool paused);

/* -- timers: one-shot, embedded in their owner. They go by the kernel's coarse clock: up to 10 ms early for
 * clock_now_ms() -- */
struct loop_timer {
    struct event *event; /* owned */
    void (*callback)(void *context);
    void *context;
};
void loop_timer_init(struct loop *loop, struct loop_timer *timer, void (*callback)(void *context),
                     void *context);
void loop_timer_release(struct loop_timer *timer);
/* (Re)arms it; 0 ms means in the next turn. */
void loop_timer_start(struct loop_timer *timer, uint64_t ms);
void loop_timer_stop(struct loop_timer *timer);

/* -- plain descriptors -- */
struct loop_watch {
    struct event *event; /* owned */
    void (*callback)(void *context, int fd);
    void *context;
};
/* Calls back while `fd` is readable (write false) or writable (write true), until released. */
void loop_watch_init(struct loop *loop, struct loop_watch *watch, int fd, bool write,
                     void (*callback)(void *context, int fd), void *context);
void loop_watch_release(struct loop_watch *watch);

/* -- signals -- */
void loop_signal_init(struct loop *loop, struct loop_watch *watch, int number,
                      void (*callback)(void *context, int number), void *context);

/* -- the end of the turn -- */
/* Writes what all channels have queued, now instead of at the end of the turn: for who still has much to do in this
 * turn that the peers need not wait for. on_close may be called. */
void loop_flush(struct loop *loop);
struct loop_deferred {
    struct loop_deferred *next;
    void (*callback)(void *context);
    void *context;
    bool queued;
};
/* Runs deferred->callback(context) once at the end of this turn, however often it is asked for. What is asked
 * for while these run comes in the next turn, at once. The struct must live until then (or loop_cancel). */
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_cancel(struct loop *loop, struct loop_deferred *deferred);

#endif
