/* The loop, and what hangs off it.
 *
 * libevent is asked for one pass at a time (EVLOOP_ONCE), because work is left for the end of a turn: deferred
 * callbacks, then the channels that were written to. Gathering is the point: a turn that handled fifty requests for
 * one worker writes them as one packet, and one that called loop_defer() ten times runs once.
 *
 * A channel's owner may detach it at any time, also from inside its own callback; such a channel is only marked, and
 * freed when its callback has returned (`busy`). Everything runs on one thread: no locks, and libevent is told so.
 * The loop's clock is the kernel's coarse one, read for nothing and some milliseconds off; no timer here is
 * worth the timerfd_settime in each pass that a precise one costs. */
#include "runtime/loop/loop.h"

#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

struct loop_channel {
    struct channel channel; /* first: a channel pointer is a loop_channel pointer */
    struct loop *loop;
    struct loop_channel *next, **link; /* all of the loop; `link` is what points here */
    struct loop_channel *next_queued,
        **link_queued; /* those to flush; link_queued is NULL when not among them */
    struct event *readable, *writable;
    loop_message_callback *on_message;
    loop_close_callback *on_close;
    void *context;
    bool busy; /* inside its own callback: freed only afterwards */
    bool detached;
};

/* ---- the loop itself ---- */
static struct timeval loop_timeval(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

int loop_init(struct loop *loop)
{
    struct event_config *config = event_config_new();

    *loop = (struct loop){0};
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    signal(SIGPIPE, SIG_IGN); /* a lost peer is an error code of the write that finds out */
    return loop->base ? 0 : ERROR_SYSTEM;
}

/* Takes a channel out of the list of those to flush; it need not be in it. */
static void loop_channel_unqueue(struct loop_channel *attached)
{
    if (!attached->link_queued)
        return;
    *attached->link_queued = attached->next_queued;
    if (attached->next_queued)
        attached->next_queued->link_queued = attached->link_queued;
    attached->link_queued = NULL;
}

/* The channel's word that it has something to write: it is flushed at the end of the turn. */
static void loop_channel_queue(void *context)
{
    struct loop_channel *attached = context;
    struct loop_channel **head = &attached->loop->queued;

    if (attached->link_queued)
        return;
    attached->next_queued = *head;
    if (*head)
        (*head)->link_queued = &attached->next_queued;
    *head = attached;
    attached->link_queued = head;
}

static void loop_channel_free(struct loop_channel *attached)
{
    loop_channel_unqueue(attached);
    *attached->link = attached->next;
    if (attached->next)
        attached->next->link = attached->link;
    event_free(attached->readable);
    event_free(attached->writable);
    channel_release(&attached->channel);
    free(attached);
}

void loop_release(struct loop *loop)
{
    while (loop->channels)
        loop_channel_free(loop->channels);
    if (loop->base)
        event_base_free(loop->base);
    *loop = (struct loop){0};
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    event_base_loopbreak(loop->base);
}

/* -- channels -- */

/* The channel ended by itself. Its owner is told last, with nothing of it left: it usually attaches the next one
 * here. */
static void loop_channel_close(struct loop_channel *attached, int result)
{
    loop_close_callback *on_close = attached->on_close;
    void *context = attached->context;

    attached->busy = false;
    loop_channel_free(attached);
    if (on_close)
        on_close(context, result);
}

/* A packet may hold several messages, and the first may have made its owner detach: the rest is for nobody. */
static void loop_channel_message(void *context, struct message_in *message)
{
    struct loop_channel *attached = context;

    if (!attached->detached)
        attached->on_message(attached->context, message);
}

static void loop_channel_readable(evutil_socket_t fd, short events, void *context)
{
    struct loop_channel *attached = context;

    (void)fd, (void)events;
    attached->busy = true;
    int result = channel_receive(&attached->channel, loop_channel_message, attached);
    attached->busy = false;
    if (attached->detached)
        loop_channel_free(attached);
    else if (result < 0)
        loop_channel_close(attached, result);
}

bool loop_channel_read(struct channel *channel)
{
    struct loop_channel *attached = (struct loop_channel *)channel;
    struct pollfd slot = {channel->fd, POLLIN, 0};

    if (attached->busy || attached->detached || poll(&slot, 1, 0) <= 0)
        return false;
    loop_channel_readable(slot.fd, EV_READ, attached);
    return true;
}

/* Waiting for room in the socket is armed only when there was none: the usual flush costs one write and nothing
 * else. */
static void loop_channel_flush(struct loop_channel *attached)
{
    int result = channel_flush(&attached->channel);

    if (result == ERROR_AGAIN)
        event_add(attached->writable, NULL); /* only after a short write */
    else if (result < 0)
        loop_channel_close(attached, result);
}

static void loop_channel_writable(evutil_socket_t fd, short events, void *context)
{
    (void)fd, (void)events;
    loop_channel_flush(context);
}

struct channel *loop_channel_attach(struct loop *loop, int fd, enum message_role own, enum message_role peer,
                                    unsigned flags, loop_message_callback *on_message,
                                    loop_close_callback *on_close, void *context)
{
    struct loop_channel *attached = MEMORY_NEW(struct loop_channel);

    fd_set_nonblocking(fd);
    channel_init(&attached->channel, fd, own, peer, flags);
    attached->loop = loop;
    attached->on_message = on_message;
    attached->on_close = on_close;
    attached->context = context;
    attached->readable = event_new(loop->base, fd, EV_READ | EV_PERSIST, loop_channel_readable, attached);
    attached->writable = event_new(loop->base, fd, EV_WRITE, loop_channel_writable, attached);
    event_add(attached->readable, NULL);
    attached->channel.on_queued = loop_channel_queue;
    attached->channel.on_queued_context = attached;
    attached->next = loop->channels;
    attached->link = &loop->channels;
    if (attached->next)
        attached->next->link = &attached->next;
    loop->channels = attached;
    return &attached->channel;
}

void loop_channel_detach(struct loop *loop, struct channel *channel)
{
    struct loop_channel *attached = (struct loop_channel *)channel;

    (void)loop;
    if (!attached || attached->detached)
        return;
    channel_flush(channel); /* a last word, as far as the socket takes it */
    attached->detached = true;
    if (!attached->busy)
        loop_channel_free(attached);
}

void loop_channel_pause(struct channel *channel, bool paused)
{
    struct loop_channel *attached = (struct loop_channel *)channel;

    if (attached->detached)
        return;
    if (paused)
        event_del(attached->readable);
    else
        event_add(attached->readable, NULL);
}

/* -- the end of a turn -- */

static void loop_append_deferred(struct loop *loop, struct loop_deferred *deferred)
{
    deferred->next = NULL;
    deferred->queued = true;
    if (loop->deferred)
        loop->last_deferred->next = deferred;
    else
        loop->deferred = deferred;
    loop->last_deferred = deferred;
}

/* Not queued any more before it runs, so that it can ask for another run itself. */
static struct loop_deferred *loop_take_deferred(struct loop *loop)
{
    struct loop_deferred *deferred = loop->deferred;

    loop->deferred = deferred->next;
    deferred->queued = false;
    return deferred;
}

/* Runs what is asked for now; a mark tells it from what the callbacks themselves ask for. */
static void loop_run_deferred(struct loop *loop)
{
    struct loop_deferred mark = {0}, *deferred;

    if (!loop->deferred)
        return;
    loop_append_deferred(loop, &mark);
    while ((deferred = loop_take_deferred(loop)) != &mark)
        deferred->callback(deferred->context);
}

void loop_flush(struct loop *loop)
{
    while (loop->queued) {
        struct loop_channel *attached = loop->queued;
        loop_channel_unqueue(attached);
        if (!event_pending(attached->writable, EV_WRITE, NULL))
            loop_channel_flush(attached);
    }
}

/* The end of a turn stands before the wait, so that what was deferred or written before the loop began is done as well,
 * and behind the last one, so that a process that stops has said its last words. */
void loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        loop_run_deferred(loop);
        loop_flush(loop);
        /* on_close callbacks of the flush may have asked for more: then look around without waiting */
        bool more = loop->deferred || loop->queued;
        if (loop->stopped || event_base_loop(loop->base, more ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
            break;
    }
    loop_run_deferred(loop);
    loop_flush(loop);
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (!deferred->queued)
        loop_append_deferred(loop, deferred);
}

void loop_cancel(struct loop *loop, struct loop_deferred *deferred)
{
    struct loop_deferred **at = &loop->deferred, *before = NULL;

    for (; *at && *at != deferred; at = &before->next)
        before = *at;
    if (*at) {
        *at = deferred->next;
        if (loop->last_deferred == deferred)
            loop->last_deferred = before;
    }
    deferred->queued = false;
}

/* -- timers, watches, signals -- */

static void loop_timer_fired(evutil_socket_t fd, short events, void *context)
{
    struct loop_timer *timer = context;

    (void)fd, (void)events;
    timer->callback(timer->context);
}

void loop_timer_init(struct loop *loop, struct loop_timer *timer, void (*callback)(void *context),
                     void *context)
{
    timer->callback = callback;
    timer->context = context;
    timer->event = evtimer_new(loop->base, loop_timer_fired, timer);
}

void loop_timer_release(struct loop_timer *timer)
{
    if (timer->event)
        event_free(timer->event);
    timer->event = NULL;
}

void loop_timer_start(struct loop_timer *timer, uint64_t ms)
{
    struct timeval delay = loop_timeval(ms);

    evtimer_add(timer->event, &delay);
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (timer->event)
        evtimer_del(timer->event);
}

static void loop_watch_fired(evutil_socket_t fd, short events, void *context)
{
    struct loop_watch *watch = context;

    (void)events;
    watch->callback(watch->context, (int)fd);
}

static void loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, short events,
                           void (*callback)(void *, int), void *context)
{
    watch->callback = callback;
    watch->context = context;
    watch->event = event_new(loop->base, fd, events, loop_watch_fired, watch);
    event_add(watch->event, NULL);
}

void loop_watch_init(struct loop *loop, struct loop_watch *watch, int fd, bool write,
                     void (*callback)(void *context, int fd), void *context)
{
    loop_watch_add(loop, watch, fd, (short)((write ? EV_WRITE : EV_READ) | EV_PERSIST), callback, context);
}

void loop_signal_init(struct loop *loop, struct loop_watch *watch, int number,
                      void (*callback)(void *context, int number), void *context)
{
    loop_watch_add(loop, watch, number, EV_SIGNAL | EV_PERSIST, callback, context);
}

void loop_watch_release(struct loop_watch *watch)
{
    if (watch->event)
        event_free(watch->event);
    watch->event = NULL;
}
