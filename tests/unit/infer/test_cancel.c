#include "runtime/infer/cancel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"

/* wrap: engine_arm engine_stop */

static volatile int stops, arms;

void __wrap_engine_arm(void)
{
    arms++;
}

void __wrap_engine_stop(void)
{
    stops++;
}

/* As the nursery does it: the number travels with the signal. A real-time signal to oneself is handled before the call
 * that sends it returns. */
static void cancel(uint64_t job)
{
    union sigval value = {.sival_ptr = (void *)(uintptr_t)job};
    assert_int_equal(sigqueue(getpid(), CANCEL_SIGNAL, value), 0);
}

static int reset(void **state)
{
    (void)state;
    stops = arms = 0;
    return cancel_init();
}

static void a_run_stops_when_nobody_waits(void **state)
{
    const uint64_t jobs[] = {100, 101, 102};

    cancel_begin(jobs, 3);
    assert_int_equal(arms, 1);
    cancel(100);
    cancel(102);
    assert_int_equal(stops, 0); /* 101 is waited for */
    cancel(101);
    assert_int_equal(stops, 1);
    assert_int_equal(cancel_end(), CANCEL_NOBODY_WAITS);
    assert_true(cancel_has(100) && cancel_has(101) && cancel_has(102));
}

static void a_run_with_one_caller_left_goes_on(void **state)
{
    const uint64_t jobs[] = {200, 201};

    cancel_begin(jobs, 2);
    cancel(200);
    cancel(200);
    cancel(999); /* somebody else's */
    assert_int_equal(stops, 0);
    assert_int_equal(cancel_end(), CANCEL_NONE);
    assert_true(cancel_has(200));
    assert_false(cancel_has(201));
}

static void a_signal_before_the_run_counts(void **state)
{
    const uint64_t jobs[] = {300};

    cancel(300);
    assert_int_equal(stops, 0); /* nothing runs */
    cancel_begin(jobs, 1);
    assert_int_equal(stops, 1);
    assert_int_equal(cancel_end(), CANCEL_NOBODY_WAITS);
}

static void a_signal_after_the_run_stops_nothing(void **state)
{
    const uint64_t jobs[] = {400}, later[] = {401};

    cancel_begin(jobs, 1);
    assert_int_equal(cancel_end(), CANCEL_NONE);
    cancel(400);
    cancel(CANCEL_RUNNING);
    assert_int_equal(stops, 0);
    cancel_begin(later, 1);
    assert_int_equal(stops, 0);
    assert_int_equal(cancel_end(), CANCEL_NONE);
}

static void what_takes_too_long_stops_whoever_waits(void **state)
{
    const uint64_t jobs[] = {500, 501};

    cancel_begin(jobs, 2);
    cancel(CANCEL_RUNNING);
    assert_int_equal(stops, 1);
    assert_int_equal(cancel_end(), CANCEL_TOO_LONG);
    assert_false(cancel_has(CANCEL_RUNNING));
}

static void notes_wear_off_in_order(void **state)
{
    for (uint64_t job = 1000; job < 1000 + BOUNDS_INFER_CANCELS + 1; job++)
        cancel(job);
    assert_false(cancel_has(1000));
    assert_true(cancel_has(1001));
    assert_true(cancel_has(1000 + BOUNDS_INFER_CANCELS));
}

/* kill(1) from outside carries no number and must change nothing. */
static void a_plain_signal_is_no_cancel(void **state)
{
    const uint64_t jobs[] = {600};

    cancel_begin(jobs, 1);
    assert_int_equal(kill(getpid(), CANCEL_SIGNAL), 0);
    assert_int_equal(stops, 0);
    assert_int_equal(cancel_end(), CANCEL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_stops_when_nobody_waits, reset),
        cmocka_unit_test_setup(a_run_with_one_caller_left_goes_on, reset),
        cmocka_unit_test_setup(a_signal_before_the_run_counts, reset),
        cmocka_unit_test_setup(a_signal_after_the_run_stops_nothing, reset),
        cmocka_unit_test_setup(what_takes_too_long_stops_whoever_waits, reset),
        cmocka_unit_test_setup(notes_wear_off_in_order, reset),
        cmocka_unit_test_setup(a_plain_signal_is_no_cancel, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
