/* The clock over a process: who computes too long is ended, who waits is not, whatever stands on the control page and
 * whichever clock can be read. Times are given to watch_pulse(), so nothing here waits but one burn of the processor. */
#include "gateway/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2]}]"

static int setup(void **state)
{
    static struct crew crew;
    crew_start(&crew, FUNCTIONS);
    crew_join(&crew, 1, "s", "[1]");
    assert_true(crew_worker(&crew)->ready);
    crew_worker(&crew)->process->watch = (struct watch){0};
    *state = &crew;
    return 0;
}

static int teardown(void **state)
{
    crew_stop(*state);
    return 0;
}

static struct call *first_call(struct crew *crew)
{
    return call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
}

/* By the clock on the wall (the rig's processes have no pid) this much time is worth one millisecond of processor. */
enum { FACTOR = BOUNDS_WORKER_WALL_FACTOR };

static void test_a_slice_that_does_not_end(void **state)
{
    struct crew *crew = *state;
    struct worker *worker = crew_worker(crew);
    uint64_t start_ms = clock_now_ms(), most_ms = (BOUNDS_WORKER_SLICE_MS + BOUNDS_WORKER_KILL_GRACE_MS) * FACTOR;
    crew_process(crew)->page->running = crew_process(crew)->streams[0];
    assert_false(watch_pulse(worker, start_ms));
    assert_false(watch_pulse(worker, start_ms + most_ms - FACTOR));
    assert_true(watch_pulse(worker, start_ms + most_ms + 2 * FACTOR));
    assert_null(crew_worker(crew)); /* its only call failed, nothing is left of it */
    assert_int_equal(crew->calls->counts.kills, 1);
    assert_int_equal(crew->calls->counts.failed, 1);
}

static void test_slices_that_end_are_charged_to_the_call(void **state)
{
    struct crew *crew = *state;
    uint64_t now_ms = clock_now_ms();
    crew_process(crew)->page->running = crew_process(crew)->streams[0];
    for (int i = 0; i < 8; i++) {
        crew_process(crew)->page->slices++;
        assert_false(watch_pulse(crew_worker(crew), now_ms + (uint64_t)i * 1000 * FACTOR));
    }
    assert_int_equal(first_call(crew)->used_ms, 7000);
}

static void test_who_waits_is_left_alone(void **state)
{
    struct crew *crew = *state;
    uint64_t now_ms = clock_now_ms();
    for (int i = 0; i < 100; i++)
        assert_false(watch_pulse(crew_worker(crew), now_ms + (uint64_t)i * 60000));
    assert_int_equal(first_call(crew)->used_ms, 0);
}

/* The pid comes late, and is gone early: what lies between two clocks is nobody's time. */
static void test_the_clock_changes(void **state)
{
    struct crew *crew = *state;
    struct worker *worker = crew_worker(crew);
    uint64_t now_ms = clock_now_ms() + 1000000000;
    crew_process(crew)->page->running = crew_process(crew)->streams[0];
    assert_false(watch_pulse(worker, now_ms));
    worker->process->pid = getpid();
    assert_false(watch_pulse(worker, now_ms + 50));
    assert_false(watch_pulse(worker, now_ms + 100));
    assert_true(first_call(crew)->used_ms < 1000);
    worker->process->pid = 0x3ffffff0; /* nobody's */
    assert_false(watch_pulse(worker, now_ms + 150));
    assert_false(watch_pulse(worker, now_ms + 200));
    assert_true(first_call(crew)->used_ms < 1000);
}

/* Computes for that long. */
static void burn(unsigned milliseconds)
{
    for (clock_t end = clock() + (clock_t)milliseconds * (CLOCKS_PER_SEC / 1000); clock() < end;)
        ;
}

static void test_computing_that_nobody_asked_for(void **state)
{
    struct crew *crew = *state;
    struct worker *worker = crew_worker(crew);
    uint64_t now_ms = clock_now_ms();
    worker->process->pid = getpid();
    worker->budget.slice_ms = 10;
    for (int i = 0; i < 3; i++)
        assert_false(watch_pulse(worker, now_ms + (uint64_t)i));
    crew_process(crew)->page->running = 0; /* "I rest" */
    burn(BOUNDS_WORKER_KILL_GRACE_MS + 60);
    assert_true(watch_pulse(worker, now_ms + 50));
    assert_int_equal(crew->calls->counts.kills, 1);
    crew_turn(crew, 20);
    assert_int_equal(crew->process_count, 2); /* the call had not begun: it runs on a fresh one */
    assert_int_equal(crew_process(crew)->given, 1);
}

static void test_what_was_sent_explains_computing(void **state)
{
    struct crew *crew = *state;
    struct worker *worker = crew_worker(crew);
    uint64_t now_ms = clock_now_ms();
    worker->process->pid = getpid();
    worker->budget.slice_ms = 10;
    for (int i = 0; i < 3; i++)
        assert_false(watch_pulse(worker, now_ms + (uint64_t)i));
    worker->process->told++;
    assert_false(watch_pulse(worker, now_ms + 4));
    burn(BOUNDS_WORKER_KILL_GRACE_MS + 60);
    assert_false(watch_pulse(worker, now_ms + 50));
}

static void test_who_does_not_start(void **state)
{
    struct crew *crew = *state;
    struct worker *worker = crew_worker(crew);
    uint64_t woken_ms = worker->process->woken_us / 1000;
    worker->ready = false;
    assert_false(watch_pulse(worker, woken_ms + BOUNDS_WORKER_READY_MS));
    assert_true(watch_pulse(worker, woken_ms + BOUNDS_WORKER_READY_MS + 2));
}

static void test_cancel_marks_the_page(void **state)
{
    struct crew *crew = *state;
    struct process *process = crew_worker(crew)->process;
    watch_cancel(process, CONTROL_PAGE_CANCELS + 3);
    assert_int_equal(crew_process(crew)->page->cancel[3], CONTROL_PAGE_CANCELS + 3);
    assert_int_equal(watch_running(process), 0);
    crew_process(crew)->page->running = 17;
    assert_int_equal(watch_running(process), 17);
}

#define WATCH_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCH_TEST(test_a_slice_that_does_not_end),
        WATCH_TEST(test_slices_that_end_are_charged_to_the_call),
        WATCH_TEST(test_who_waits_is_left_alone),
        WATCH_TEST(test_the_clock_changes),
        WATCH_TEST(test_computing_that_nobody_asked_for),
        WATCH_TEST(test_what_was_sent_explains_computing),
        WATCH_TEST(test_who_does_not_start),
        WATCH_TEST(test_cancel_marks_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
