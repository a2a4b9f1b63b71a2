/* ui.state between calls: written behind, the newest wins, gone in time. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "store/states.h"

static void expect(struct states *states, int64_t id, const char *session, const char *expected)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    states_load(states, id, text_from(session), &out);
    assert_string_equal(out.data ? out.data : "", expected);
}

static void the_newest_is_found_before_and_after_writing(void **state)
{
    struct scratch *scratch = *state;
    struct states states;
    int64_t one = scratch_repository(scratch, "one", false).id, two = scratch_repository(scratch, "two", false).id;
    states_init(&states, &scratch->database);
    assert_true(states_save(&states, one, TEXT("s"), TEXT("1"))); /* arm the timer */
    assert_false(states_save(&states, one, TEXT("s"), TEXT("2")));
    assert_false(states_save(&states, one, TEXT("t"), TEXT("3")));
    expect(&states, one, "s", "2");
    expect(&states, two, "s", "");
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM session_states", ""), 0);
    states_flush(&states);
    assert_int_equal(states.pending.count, 0);
    expect(&states, one, "s", "2");
    expect(&states, one, "t", "3");
    assert_true(states_save(&states, one, TEXT("s"), TEXT("4")));
    expect(&states, one, "s", "4"); /* what waits comes before what is written */
    states_release(&states);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM session_states", ""), 2);
}

static void names_do_not_run_together(void **state)
{
    struct scratch *scratch = *state;
    struct states states;
    int64_t id = 0;
    while (id < 11) { /* ids 1 … 11: "1/1x" and "11/x" must be two keys */
        char name[32];
        snprintf(name, sizeof name, "d%lld", (long long)id);
        id = scratch_repository(scratch, name, false).id;
    }
    states_init(&states, &scratch->database);
    states_save(&states, 1, TEXT("1/x"), TEXT("a"));
    states_save(&states, 11, TEXT("x"), TEXT("b"));
    expect(&states, 1, "1/x", "a");
    expect(&states, 11, "x", "b");
    states_release(&states);
}

static void what_is_too_large_or_no_text_is_not_kept(void **state)
{
    struct scratch *scratch = *state;
    struct states states;
    int64_t one = scratch_repository(scratch, "one", false).id;
    size_t length = BOUNDS_SESSION_STATE_BYTES * 2 + 1;
    MEMORY_AUTO char *large = memory_alloc(length, 1);
    memset(large, 'x', length);
    states_init(&states, &scratch->database);
    assert_false(states_save(&states, one, TEXT("s"), (struct text){large, length}));
    assert_false(states_save(&states, one, (struct text){large, BOUNDS_SESSION_HASH_BYTES + 1}, TEXT("x")));
    assert_false(states_save(&states, one, TEXT("\xff"), TEXT("x")));
    assert_false(states_save(&states, one, TEXT("s"), TEXT("\xff")));
    assert_int_equal(states.pending.count, 0);
    assert_true(states_save(&states, one, TEXT("s"), (struct text){large, length - 1}));
    states_release(&states);
}

static void time_is_up_and_demos_go(void **state)
{
    struct scratch *scratch = *state;
    struct states states;
    int64_t one = scratch_repository(scratch, "one", false).id;
    states_init(&states, &scratch->database);
    states_save(&states, one, TEXT("s"), TEXT("1"));
    states_save(&states, one + 99, TEXT("s"), TEXT("for a demo that is gone"));
    states_flush(&states);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM session_states", ""), 1);
    assert_int_equal(database_run(&scratch->database, "UPDATE session_states SET expires_ms = ?", "i", clock_wall_ms()), 1);
    expect(&states, one, "s", "");
    states_expire(&states);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM session_states", ""), 0);
    states_release(&states);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_is_found_before_and_after_writing, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(names_do_not_run_together, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_too_large_or_no_text_is_not_kept, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(time_is_up_and_demos_go, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
