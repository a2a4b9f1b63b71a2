/* One process: its slot until it was reaped, how its end becomes a sentence, what happens to one that floods, writes
 * nonsense, or outlives its zygote. */
#include "gateway/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "gateway/pool.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2]}]"

static int setup(void **state)
{
    static struct crew crew;
    crew_start(&crew, FUNCTIONS);
    *state = &crew;
    return 0;
}

static int teardown(void **state)
{
    crew_stop(*state);
    return 0;
}

static void test_how_it_ended(void **state)
{
    static const struct {
        uint32_t exit;
        const char *words;
    } rows[] = {
        {86, "it used more memory than a demo may have"},
        {87, "it did not understand what it was sent"},
        {256 + 9, "it was killed, perhaps because the machine had no memory left"},
        {256 + 31, "it tried something that its sandbox does not allow"},
        {256 + 11, "it crashed"},
        {256 + 24, "it used more time than a demo may have"},
        {255, "its process could not be started"},
        {512 + 7, "its sandbox could not be set up (step 7)"},
        {3, "it ended by itself (status 3)"},
    };
    struct crew *crew = *state;
    for (unsigned i = 0; i < MEMORY_COUNT(rows); i++) {
        struct crew_client *client = crew_ask(crew, "run/echo", "{\"data\":[1]}");
        crew_process(crew)->page->running = crew_process(crew)->streams[0];
        crew_exit(crew_process(crew), rows[i].exit);
        assert_true(crew_has(client, rows[i].words));
        assert_true(crew_has(client, "HTTP/1.1 500"));
        assert_int_equal(crew->process_count, i + 1);
    }
    assert_int_equal(crew->calls->counts.crashes, MEMORY_COUNT(rows));
    assert_int_equal(crew->calls->slots.count, 0);
}

/* Slots are used in turn, a uid rests before it is used again; the window goes to the backend and is taken back. */
static void test_slots_in_turn(void **state)
{
    struct crew *crew = *state;
    for (int i = 0; i < 2; i++) {
        crew_ask(crew, "run/echo", "{\"data\":[1]}");
        crew_process(crew)->page->running = crew_process(crew)->streams[0];
        crew_exit(crew_process(crew), 1);
    }
    crew_expect(&crew->zygote_seen, "spawn 0\nspawn 1\n");
    crew_expect(&crew->infer_seen, "window 0\ngone 0\nwindow 1\ngone 1\n");
}

static void test_a_slot_is_taken_until_it_was_reaped(void **state)
{
    struct crew *crew = *state;
    crew->rig.gateway.worker_limit = 1;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_process *first = crew_process(crew);
    worker_kill(crew_worker(crew), "of a test");
    crew_turn(crew, 10);
    assert_int_equal(crew->calls->slots.count, 1);
    assert_int_equal(crew->process_count, 1);
    assert_true(crew_worker(crew)->blocked_ms > 0);
    crew_exit(first, 256 + 9);
    assert_int_equal(crew->process_count, 2);
    assert_int_equal(crew_process(crew)->given, 1); /* it had not begun */
}

static void test_what_the_zygote_says_of_nobody(void **state)
{
    struct crew *crew = *state;
    assert_false(process_spawned(crew->calls, 77, 1));
    assert_false(process_exited(crew->calls, 77, 0));
}

static void test_its_descriptors_are_sealed(void **state)
{
    struct crew *crew = *state;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    int fd = crew_worker(crew)->process->window_fd;
    assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(ftruncate(fd, 0), -1);
}

static void test_nonsense_on_its_socket(void **state)
{
    struct crew *crew = *state;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    assert_int_equal(write(crew_process(crew)->channel->fd, "what is this, frames?", 21), 21);
    crew_turn(crew, 20);
    assert_int_equal(crew->calls->counts.kills, 1);
    assert_non_null(strstr(crew_text(&crew->zygote_seen), "kill 0\n"));
}

/* It closed its end and lives: a kill is asked for, and its calls wait for the word of its end. */
static void test_a_socket_that_was_closed(void **state)
{
    struct crew *crew = *state;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_process *first = crew_process(crew);
    loop_channel_detach(&crew->rig.loop, first->channel);
    first->channel = NULL;
    crew_turn(crew, 20);
    crew_expect(&crew->zygote_seen, "spawn 0\nkill 0\n");
    crew_ask(crew, "run/echo", "{\"data\":[2]}");
    assert_int_equal(crew->process_count, 1);
    assert_false(crew_worker(crew)->stuck);
    crew_exit(first, 256 + 9);
    assert_int_equal(crew->process_count, 2);
    crew_expect(&crew_process(crew)->seen, "begin\nstart 1 [1]\nstart 1 [2]\n");
}

/* Beyond its share its calls get no credit, beyond twice the share it is not read; after a while it goes on. */
static void test_who_floods_waits(void **state)
{
    struct crew *crew = *state;
    static char line[16000];
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_process *process = crew_process(crew);
    struct process *flooded = crew_worker(crew)->process;
    memset(line, 'x', sizeof line);
    /* A flood is a rate: where the machine is slow, one round of it may take longer than its share allows. */
    for (int round = 0; round < 20 && !flooded->paused; round++) {
        for (int i = 0; i < 600; i++)
            channel_send_worker_log(process->channel, 0, &(struct message_worker_log){TEXT("info"), {line, sizeof line}});
        for (int i = 0; i < 500 && !flooded->paused; i++)
            crew_turn(crew, 1);
    }
    assert_true(flooded->paused);
    assert_true(process_is_greedy(flooded));
    uint64_t until_ms = flooded->greedy_until_ms;
    process_resume(crew->calls, until_ms - 1);
    assert_true(flooded->paused);
    process_resume(crew->calls, until_ms);
    assert_false(flooded->paused);
    assert_false(process_is_greedy(flooded));
    assert_int_equal(crew->calls->counts.kills, 0);
}

static void test_old_age(void **state)
{
    struct crew *crew = *state;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct process *process = crew_worker(crew)->process;
    assert_false(process_is_old(process));
    process->served = BOUNDS_WORKER_EVENTS_SERVED;
    assert_true(process_is_old(process));
    crew_done(crew_process(crew), 0, "[1]"); /* an idle moment: it goes */
    assert_null(crew_worker(crew));
    assert_int_equal(crew->calls->counts.sleeps, 1);
}

/* A successor is no death: what the old zygote made goes on and is killed through it. */
static void test_a_second_zygote(void **state)
{
    struct crew *crew = *state;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_process *first = crew_process(crew);
    struct channel *old = crew->zygote;
    crew_attach_zygote(crew);
    crew_turn(crew, 20);
    crew_done(first, 0, "[1]");
    assert_int_equal(crew->calls->counts.done, 1);
    assert_ptr_equal(crew_worker(crew)->process->zygote, crew->rig.gateway.old_zygote);
    worker_sleep(crew_worker(crew));
    crew_turn(crew, 20);
    crew_expect(&crew->zygote_seen, "spawn 0\nkill 0\n");
    channel_send_zygote_exited(old, 0, &(struct message_zygote_exited){0, 256 + 9});
    crew_turn(crew, 20);
    assert_null(crew->rig.gateway.old_zygote); /* nobody is left behind it */
}

static void test_the_zygote_dies(void **state)
{
    struct crew *crew = *state;
    struct crew_client *begun = crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_client *fresh = crew_ask(crew, "run/echo", "{\"data\":[2]}");
    struct crew_process *first = crew_process(crew);
    channel_send_event_partial(first->channel, first->streams[0], &(struct message_event_partial){TEXT("[0]")});
    crew_turn(crew, 10);
    loop_channel_detach(&crew->rig.loop, crew->zygote);
    crew_turn(crew, 20);
    assert_true(crew_has(begun, "the process that starts demos was restarted"));
    assert_int_equal(crew->calls->slots.count, 0);
    crew_attach_zygote(crew);
    crew_worker(crew)->retry_ms = 0;
    crew_turn(crew, 2 * BOUNDS_PULSE_MS);
    crew_done(crew_process(crew), 0, "[2]");
    assert_true(crew_has(fresh, "{\"data\":[2]"));
}

/* One of the pool is given the bundle alone, and is killed when it is found dead. */
static void test_out_of_the_pool(void **state)
{
    struct crew *crew = *state;
    crew->rig.gateway.pool->wanted = 2;
    pool_begin(crew->rig.gateway.pool);
    for (int i = 0; i < 500 && crew->process_count < 2; i++)
        crew_turn(crew, 1);
    crew_expect(&crew->zygote_seen, "pool 0\npool 1\n");
    for (unsigned i = 0; i < 2; i++) { /* one after the other: the first is taken first */
        channel_send_worker_locked(crew->processes[i].channel, 0, &(struct message_worker_locked){0});
        crew_turn(crew, 10);
    }
    crew->rig.gateway.pool->wanted = 0;
    loop_channel_detach(&crew->rig.loop, crew->processes[0].channel);
    crew->processes[0].channel = NULL;
    crew_turn(crew, 10);
    buffer_clear(&crew->zygote_seen);
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    crew_expect(&crew->processes[1].seen, "bundle\nbegin\nstart 1 [1]\n");
    crew_expect(&crew->zygote_seen, "kill 0\n");
    assert_int_equal(crew->rig.gateway.pool->size, 0);
}

#define PROCESS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(test_how_it_ended),
        PROCESS_TEST(test_slots_in_turn),
        PROCESS_TEST(test_a_slot_is_taken_until_it_was_reaped),
        PROCESS_TEST(test_what_the_zygote_says_of_nobody),
        PROCESS_TEST(test_its_descriptors_are_sealed),
        PROCESS_TEST(test_nonsense_on_its_socket),
        PROCESS_TEST(test_a_socket_that_was_closed),
        PROCESS_TEST(test_who_floods_waits),
        PROCESS_TEST(test_old_age),
        PROCESS_TEST(test_a_second_zygote),
        PROCESS_TEST(test_the_zygote_dies),
        PROCESS_TEST(test_out_of_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
