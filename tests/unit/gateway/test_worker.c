/* Life of a worker: what had begun fails with words and the rest runs again, patience has an end, what waits is bounded,
 * what rests can be put to sleep. */
#include "gateway/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS                                                             \
    "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2]},"       \
    "{\"id\":2,\"api_name\":\"one\",\"inputs\":[1],\"outputs\":[2],\"concurrency_limit\":1}]"

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

/* The first word about a call: its handler has begun. */
static void begin(struct crew *crew, struct crew_process *process, unsigned call)
{
    channel_send_event_partial(process->channel, process->streams[call], &(struct message_event_partial){TEXT("[0]")});
    crew_turn(crew, 10);
}

static void test_what_had_begun_fails_and_the_rest_runs_again(void **state)
{
    struct crew *crew = *state;
    struct crew_client *stream;
    crew_join(crew, 1, "s", "[1]");
    crew_join(crew, 1, "s", "[2]");
    crew_join(crew, 1, "s", "[3]");
    stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    begin(crew, crew_process(crew), 1);
    crew_exit(crew_process(crew), 86);
    assert_true(crew_has(stream, "it used more memory than a demo may have"));
    assert_int_equal(crew->process_count, 2);
    crew_expect(&crew_process(crew)->seen, "begin\nstart 1 [1]\nstart 1 [3]\n"); /* in their order */
    crew_done(crew_process(crew), 0, "[1]");
    crew_done(crew_process(crew), 1, "[3]");
    assert_int_equal(crew->calls->counts.done, 2);
    assert_int_equal(crew->calls->counts.failed, 1);
}

/* It said nothing about a call, but the page names it: it would be run again for ever. */
static void test_the_page_tells_what_it_died_of(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    crew_process(crew)->page->running = crew_process(crew)->streams[0];
    crew_exit(crew_process(crew), 256 + 11);
    assert_int_equal(crew->process_count, 1);
    assert_int_equal(crew->calls->counts.failed, 1);
    assert_null(crew_worker(crew));
}

static void test_patience_has_an_end(void **state)
{
    struct crew *crew = *state;
    struct crew_client *stream;
    crew_join(crew, 1, "s", "[1]");
    stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    for (int i = 0; i < BOUNDS_WORKER_FAILURES; i++) {
        assert_int_equal(crew->process_count, i + 1);
        crew_exit(crew_process(crew), 1);
    }
    assert_int_equal(crew->process_count, BOUNDS_WORKER_FAILURES);
    assert_true(crew_has(stream, "it ended by itself (status 1)"));
    assert_null(crew_worker(crew));
}

/* While the zygote cannot start anybody calls wait, and are told when it takes too long. */
static void test_no_process_to_be_had(void **state)
{
    struct crew *crew = *state;
    loop_channel_detach(&crew->rig.loop, crew->zygote);
    crew_turn(crew, 20);
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    assert_int_equal(crew->process_count, 0);
    worker_pulse(crew_worker(crew), clock_now_ms());
    assert_true(crew_has(stream, "\"msg\":\"estimation\""));
    worker_pulse(crew_worker(crew), clock_now_ms() + BOUNDS_WORKER_READY_MS + 1);
    crew_turn(crew, 20);
    assert_true(crew_has(stream, "cannot start the demo at the moment"));
    assert_null(crew_worker(crew));
}

static void test_a_zygote_that_comes_back_runs_what_waits(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    loop_channel_detach(&crew->rig.loop, crew->zygote);
    crew_turn(crew, 20);
    assert_null(crew_worker(crew)->process);
    crew_attach_zygote(crew);
    crew_worker(crew)->retry_ms = 0;
    crew_turn(crew, BOUNDS_PULSE_MS + 20);
    assert_int_equal(crew->process_count, 2);
    assert_int_equal(crew_process(crew)->given, 1);
}

/* What the process has not read is memory of ours: beyond some of it calls stay in the queue, and nobody is killed. */
static void test_calls_wait_for_a_process_that_is_behind(void **state)
{
    struct crew *crew = *state;
    struct buffer data BUFFER_AUTO = BUFFER_EMPTY;
    crew_join(crew, 1, "s", "[0]");
    struct crew_process *process = crew_process(crew);
    loop_channel_pause(process->channel, true);
    buffer_string(&data, "[\"");
    memset(buffer_reserve(&data, 900000), 'x', 900000);
    buffer_advance(&data, 900000);
    buffer_string(&data, "\"]");
    buffer_byte(&data, '\0');
    for (int i = 0; i < 24; i++)
        crew_join(crew, 1, "s", data.data);
    struct worker *worker = crew_worker(crew);
    assert_true(worker->queue.waiting > 10);
    assert_false(worker->stuck);
    assert_true(crew->calls->table.waiting_bytes > 10 * 900000);
    assert_true(channel_queued_bytes(worker->process->channel) < BOUNDS_WORKER_BEHIND_BYTES + (2 << 20));
    loop_channel_pause(process->channel, false);
    for (uint64_t end_ms = clock_now_ms() + 10000; process->given < 25 && clock_now_ms() < end_ms;)
        crew_turn(crew, 10);
    assert_int_equal(process->given, 25);
    assert_int_equal(crew->calls->counts.kills, 0);
}

/* A process says itself that it computes: that keeps it from rest for a moment, not for ever. */
static void test_a_page_that_lies_does_not_keep_it_awake(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct worker *worker = crew_worker(crew);
    worker->budget.slice_ms = 10;
    crew_process(crew)->page->running = 1u << 30;
    crew_done(crew_process(crew), 0, "[1]");
    worker->emptied_ms = clock_now_ms();
    worker_pulse(worker, clock_now_ms());
    assert_true(list_is_empty(&worker->in_idle));
    worker->emptied_ms -= 1000;
    worker_pulse(worker, clock_now_ms());
    assert_false(list_is_empty(&worker->in_idle));
    assert_true(list_is_empty(&worker->in_busy));
}

static void test_one_at_a_time(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 2, "s", "[1]");
    crew_join(crew, 2, "s", "[2]");
    crew_join(crew, 1, "s", "[3]");
    crew_expect(&crew_process(crew)->seen, "begin\nstart 2 [1]\nstart 1 [3]\n");
    crew_done(crew_process(crew), 0, "[1]");
    crew_expect(&crew_process(crew)->seen, "start 2 [2]\n");
}

static void test_a_call_that_takes_too_long(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    struct worker *worker = crew_worker(crew);
    worker->ready = true;
    worker_pulse(worker, clock_now_ms() + BOUNDS_WORKER_EVENT_MS - 5000);
    assert_int_equal(crew->calls->counts.expired, 0);
    worker_pulse(worker, clock_now_ms() + BOUNDS_WORKER_EVENT_MS + 1000);
    crew_turn(crew, 10);
    assert_int_equal(crew->calls->counts.expired, 1);
    assert_true(crew_has(stream, "it took longer than the 600 s"));
    crew_expect(&crew_process(crew)->seen, "begin\nstart 1 [1]\ncancel\n");
    assert_non_null(strstr(crew_text(&crew->store_seen), "log warning This call was stopped"));
}

static void test_rest_and_sleep(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    crew_done(crew_process(crew), 0, "[1]");
    struct worker *worker = crew_worker(crew);
    assert_false(list_is_empty(&worker->in_idle));
    assert_true(list_is_empty(&worker->in_busy));
    buffer_clear(&crew->store_seen);
    buffer_clear(&crew->zygote_seen);
    worker_sleep(worker);
    crew_turn(crew, 10);
    crew_expect(&crew->store_seen, "stage SLEEPING \n");
    crew_expect(&crew->zygote_seen, "kill 0\n");
    assert_null(crew_worker(crew));
    assert_int_equal(crew->calls->slots.count, 1); /* until it was reaped */
    crew_exit(crew_process(crew), 256 + 9);
    assert_int_equal(crew->calls->slots.count, 0);
}

/* A draining worker finishes what it has; a new one takes what comes. */
static void test_draining(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_process *old = crew_process(crew);
    worker_drain(crew_worker(crew));
    assert_null(crew_worker(crew));
    crew_join(crew, 1, "s", "[2]");
    assert_int_equal(crew->process_count, 2);
    crew_done(old, 0, "[1]");
    assert_int_equal(crew->calls->counts.done, 1);
    assert_non_null(strstr(crew_text(&crew->zygote_seen), "kill 0\n"));
    crew_done(crew_process(crew), 0, "[2]");
    assert_int_equal(crew->calls->counts.done, 2);
}

static void test_an_app_that_cannot_start(void **state)
{
    struct crew *crew = *state;
    crew->unready = true;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    channel_send_worker_failed(crew_process(crew)->channel, 0, &(struct message_worker_failed){TEXT("app.lua:3: no")});
    crew_turn(crew, 20);
    assert_true(crew_has(stream, "This demo could not start."));
    assert_false(crew_has(stream, "app.lua:3"));
    assert_non_null(strstr(crew_text(&crew->store_seen), "stage RUNTIME_ERROR app.lua:3: no\n"));
    assert_null(crew_worker(crew));
}

static void test_the_average_follows_slowly(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct worker *worker = crew_worker(crew);
    struct call *call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
    call->started_us = clock_now_us() - 10000000;
    assert_true(worker_times(worker, call).average_seconds >= 10);
    call->started_us = clock_now_us();
    double average = worker_times(worker, call).average_seconds;
    assert_true(average > 8.9 && average < 9.3);
    assert_true(worker_average(worker, function_by_id(worker->functions, 2)) == 0);
}

#define WORKER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(test_what_had_begun_fails_and_the_rest_runs_again),
        WORKER_TEST(test_the_page_tells_what_it_died_of),
        WORKER_TEST(test_patience_has_an_end),
        WORKER_TEST(test_no_process_to_be_had),
        WORKER_TEST(test_a_zygote_that_comes_back_runs_what_waits),
        WORKER_TEST(test_calls_wait_for_a_process_that_is_behind),
        WORKER_TEST(test_a_page_that_lies_does_not_keep_it_awake),
        WORKER_TEST(test_one_at_a_time),
        WORKER_TEST(test_a_call_that_takes_too_long),
        WORKER_TEST(test_rest_and_sleep),
        WORKER_TEST(test_draining),
        WORKER_TEST(test_an_app_that_cannot_start),
        WORKER_TEST(test_the_average_follows_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
