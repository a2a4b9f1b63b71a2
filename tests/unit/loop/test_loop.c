#include "runtime/loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

/* One loop, a gateway's channel in it, and a worker's end that the test drives by hand. */
struct world {
    struct loop loop;
    struct channel *gateway;
    struct channel worker;
    struct loop_timer guard; /* a test that hangs fails */
    size_t messages;
    size_t stop_after;
    int closed; /* what on_close said; 1 = not called */
    bool detach_on_message;
};

static void hangs(void *context)
{
    fail_msg("the loop did not stop");
}

static void on_message(void *context, struct message_in *message)
{
    struct world *world = context;
    world->messages++;
    if (world->detach_on_message) {
        loop_channel_detach(&world->loop, world->gateway);
        loop_channel_detach(&world->loop, NULL);
        world->gateway = NULL;
    }
    if (world->messages == world->stop_after)
        loop_stop(&world->loop);
}

static void on_close(void *context, int result)
{
    struct world *world = context;
    world->closed = result;
    world->gateway = NULL;
    loop_stop(&world->loop);
}

static void world_init(struct world *world)
{
    int ends[2];
    memset(world, 0, sizeof *world);
    world->closed = 1;
    assert_int_equal(loop_init(&world->loop), 0);
    loop_timer_init(&world->loop, &world->guard, hangs, NULL);
    loop_timer_start(&world->guard, 20000);
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, ends), 0);
    world->gateway =
        loop_channel_attach(&world->loop, ends[0], ROLE_GATEWAY, ROLE_WORKER, 0, on_message, on_close, world);
    channel_init(&world->worker, ends[1], ROLE_WORKER, ROLE_GATEWAY, 0);
}

static void world_release(struct world *world)
{
    loop_timer_release(&world->guard);
    channel_release(&world->worker);
    loop_release(&world->loop);
}

static void worker_says(struct world *world, int times)
{
    for (int i = 0; i < times; i++)
        assert_int_equal(channel_send_worker_credit(&world->worker, 1, &(struct message_worker_credit){1}),
                         0);
    assert_int_equal(channel_flush(&world->worker), 0);
}

static void messages_are_delivered(void **state)
{
    struct world world;
    world_init(&world);
    worker_says(&world, 3);
    world.stop_after = 3;
    loop_run(&world.loop);
    assert_int_equal(world.messages, 3);
    world_release(&world);
}

static void a_closed_peer_is_told_once(void **state)
{
    struct world world;
    world_init(&world);
    worker_says(&world, 2);
    channel_release(&world.worker);
    loop_run(&world.loop);
    assert_int_equal(world.messages, 2);
    assert_int_equal(world.closed, ERROR_CLOSED);
    world_release(&world);
}

static void a_broken_rule_drops_the_peer(void **state)
{
    struct world world;
    world_init(&world);
    assert_int_equal(write(world.worker.fd, "no frame", 8), 8);
    loop_run(&world.loop);
    assert_int_equal(world.closed, ERROR_INVALID);
    world_release(&world);
}

static void detaching_inside_a_message_is_safe(void **state)
{
    struct world world;
    struct loop_timer timer;
    world_init(&world);
    worker_says(&world, 5);
    world.detach_on_message = true;
    world.stop_after = 1;
    loop_run(&world.loop);
    assert_int_equal(world.messages, 1);
    assert_int_equal(world.closed, 1);
    loop_timer_init(&world.loop, &timer, (void (*)(void *))loop_stop, &world.loop);
    loop_timer_start(&timer, 1);
    loop_run(&world.loop);
    assert_int_equal(world.messages, 1);
    loop_timer_release(&timer);
    world_release(&world);
}

static void count(void *context, struct message_in *message)
{
    ++*(size_t *)context;
}

/* What the callbacks of one turn send leaves in one packet. */
static void a_turn_is_flushed_at_its_end(void **state)
{
    struct world world;
    size_t received = 0;
    struct loop_timer timer;
    world_init(&world);
    for (int i = 0; i < 10; i++)
        assert_int_equal(channel_send_event_cancel(world.gateway, 1, &(struct message_event_cancel){0}), 0);
    loop_timer_init(&world.loop, &timer, (void (*)(void *))loop_stop, &world.loop);
    loop_timer_start(&timer, 0);
    loop_run(&world.loop);
    world.worker.flags |= CHANNEL_BLOCKING; /* one packet only */
    assert_int_equal(channel_receive(&world.worker, count, &received), 0);
    assert_int_equal(received, 10);
    loop_timer_release(&timer);
    world_release(&world);
}

struct drain {
    struct world *world;
    struct loop_timer timer;
    size_t received;
};

static void drain_some(void *context)
{
    struct drain *drain = context;
    assert_int_equal(channel_receive(&drain->world->worker, count, &drain->received), 0);
    if (channel_queued_bytes(drain->world->gateway) == 0 && drain->received == 2)
        loop_stop(&drain->world->loop);
    else
        loop_timer_start(&drain->timer, 1);
}

/* More than the socket takes goes on when the peer reads. */
static void a_full_socket_is_resumed(void **state)
{
    struct world world;
    struct drain drain = {.world = &world};
    size_t length = 6u << 20;
    char *body = memory_alloc(length, 1);
    world_init(&world);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            channel_send(world.gateway, MESSAGE_event_start, 1, (struct text){body, length}, NULL, 0), 0);
    loop_timer_init(&world.loop, &drain.timer, drain_some, &drain);
    loop_timer_start(&drain.timer, 5);
    loop_run(&world.loop);
    assert_int_equal(drain.received, 2);
    loop_timer_release(&drain.timer);
    free(body);
    world_release(&world);
}

/* Two channels whose peers are gone: the first one's on_close detaches the second while both wait to be
 * flushed. */
struct couple {
    struct world *world;
    struct channel *channels[2];
    int closed;
};

static void detach_the_other(void *context, int result)
{
    struct couple *couple = context;
    couple->closed++;
    for (int i = 0; i < 2; i++) {
        struct channel *other = couple->channels[i];
        couple->channels[i] = NULL;
        if (other && other->fd >= 0 && couple->closed == 1 && channel_wants_write(other))
            loop_channel_detach(&couple->world->loop, other);
    }
    loop_stop(&couple->world->loop);
}

static void closing_one_may_detach_another(void **state)
{
    struct world world;
    struct couple couple = {.world = &world};
    int ends[2][2];
    world_init(&world);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, ends[i]), 0);
        couple.channels[i] = loop_channel_attach(&world.loop, ends[i][0], ROLE_GATEWAY, ROLE_WORKER, 0,
                                                 on_message, detach_the_other, &couple);
        assert_int_equal(channel_send_event_cancel(couple.channels[i], 1, &(struct message_event_cancel){0}),
                         0);
    }
    /* the first to be flushed is the last that queued: it must not stay in the list of the callback */
    struct channel *first = couple.channels[1];
    couple.channels[1] = NULL;
    assert_non_null(first);
    close(ends[1][1]);
    loop_run(&world.loop);
    assert_int_equal(couple.closed, 1);
    close(ends[0][1]);
    world_release(&world);
}

/* ---- timers ---- */

static void fired(void *context)
{
    ++*(int *)context;
}

static void timers_fire_once_and_can_be_stopped(void **state)
{
    struct world world;
    struct loop_timer timers[3], end;
    int calls[3] = {0};
    world_init(&world);
    for (int i = 0; i < 3; i++)
        loop_timer_init(&world.loop, &timers[i], fired, &calls[i]);
    loop_timer_init(&world.loop, &end, (void (*)(void *))loop_stop, &world.loop);
    loop_timer_start(&timers[0], 5);
    loop_timer_start(&timers[1], 5);
    loop_timer_stop(&timers[1]);
    loop_timer_start(&timers[2], 5000);
    loop_timer_start(&timers[2], 0); /* rearmed */
    loop_timer_start(&end, 60);
    uint64_t start = clock_now_ms();
    loop_run(&world.loop);
    assert_true(clock_now_ms() - start >= 50); /* the loop's clock is a coarse one: some milliseconds early is allowed */
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 0);
    assert_int_equal(calls[2], 1);
    for (int i = 0; i < 3; i++)
        loop_timer_release(&timers[i]);
    loop_timer_release(&timers[0]); /* twice is fine */
    loop_timer_release(&end);
    world_release(&world);
}

/* ---- deferred work ---- */

struct work {
    struct world *world;
    struct loop_deferred deferred;
    struct loop_deferred *cancel;
    int calls, again;
    char *order;
    char letter;
};

static void run_work(void *context)
{
    struct work *work = context;
    work->calls++;
    work->order[strlen(work->order)] = work->letter;
    if (work->cancel)
        loop_cancel(&work->world->loop, work->cancel);
    if (work->again-- > 0)
        loop_defer(&work->world->loop, &work->deferred);
}

static void work_init(struct work *work, struct world *world, char letter, char *order)
{
    *work = (struct work){.world = world, .order = order, .letter = letter};
    work->deferred = (struct loop_deferred){.callback = run_work, .context = work};
}

static void deferred_work_runs_once_per_turn(void **state)
{
    struct world world;
    struct work a, b, c;
    char order[16] = "";
    struct loop_timer end;
    world_init(&world);
    work_init(&a, &world, 'a', order);
    work_init(&b, &world, 'b', order);
    work_init(&c, &world, 'c', order);
    a.again = 2;
    a.cancel = &b.deferred;
    loop_defer(&world.loop, &a.deferred);
    loop_defer(&world.loop, &b.deferred);
    loop_defer(&world.loop, &c.deferred);
    loop_defer(&world.loop, &a.deferred); /* asked for twice, runs once */
    loop_timer_init(&world.loop, &end, (void (*)(void *))loop_stop, &world.loop);
    loop_timer_start(&end, 20);
    loop_run(&world.loop);
    assert_string_equal(order, "acaa");
    assert_int_equal(b.calls, 0);
    /* the last one of the queue can be cancelled and the queue used again */
    loop_defer(&world.loop, &b.deferred);
    loop_defer(&world.loop, &c.deferred);
    loop_cancel(&world.loop, &c.deferred);
    loop_defer(&world.loop, &a.deferred);
    loop_cancel(&world.loop, &b.deferred);
    loop_timer_start(&end, 5);
    loop_run(&world.loop);
    assert_string_equal(order, "acaaa");
    loop_timer_release(&end);
    world_release(&world);
}

/* Work that always asks for more must not keep the sockets from their turn. */
static void endless_work_lets_others_in(void **state)
{
    struct world world;
    struct work work;
    char *order = memory_alloc(1 << 20, 1);
    world_init(&world);
    work_init(&work, &world, 'x', order);
    work.again = 100000;
    loop_defer(&world.loop, &work.deferred);
    worker_says(&world, 1);
    world.stop_after = 1;
    loop_run(&world.loop);
    assert_int_equal(world.messages, 1);
    assert_true(work.calls < 1000);
    free(order);
    world_release(&world);
}

/* ---- descriptors and signals ---- */

struct watched {
    struct world *world;
    int value;
};

static void on_readable(void *context, int fd)
{
    struct watched *watched = context;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    watched->value = byte;
    loop_stop(&watched->world->loop);
}

static void on_signal(void *context, int number)
{
    struct watched *watched = context;
    watched->value = number;
    loop_stop(&watched->world->loop);
}

static void descriptors_and_signals_are_watched(void **state)
{
    struct world world;
    struct watched watched = {&world, 0};
    struct loop_watch watch;
    int ends[2];
    world_init(&world);
    assert_int_equal(pipe(ends), 0);
    loop_watch_init(&world.loop, &watch, ends[0], false, on_readable, &watched);
    assert_int_equal(write(ends[1], "k", 1), 1);
    loop_run(&world.loop);
    assert_int_equal(watched.value, 'k');
    loop_watch_release(&watch);
    loop_watch_release(&watch);
    loop_signal_init(&world.loop, &watch, SIGUSR1, on_signal, &watched);
    raise(SIGUSR1);
    loop_run(&world.loop);
    assert_int_equal(watched.value, SIGUSR1);
    loop_watch_release(&watch);
    close(ends[0]);
    close(ends[1]);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_delivered),
        cmocka_unit_test(a_closed_peer_is_told_once),
        cmocka_unit_test(a_broken_rule_drops_the_peer),
        cmocka_unit_test(detaching_inside_a_message_is_safe),
        cmocka_unit_test(a_turn_is_flushed_at_its_end),
        cmocka_unit_test(a_full_socket_is_resumed),
        cmocka_unit_test(closing_one_may_detach_another),
        cmocka_unit_test(timers_fire_once_and_can_be_stopped),
        cmocka_unit_test(deferred_work_runs_once_per_turn),
        cmocka_unit_test(endless_work_lets_others_in),
        cmocka_unit_test(descriptors_and_signals_are_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
