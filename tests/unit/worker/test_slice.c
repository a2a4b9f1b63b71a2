/* Time: what computes too long is stopped at a line, a pcall does not help it, and what waits is left alone. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <cmocka.h>

#include "runtime/worker/release.h"
#include "tests/unit/worker/rig.h"

static struct rig rig;

static void assert_has(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" does not hold \"%s\"", text ? text : "(nothing)", part);
}

static void open_with_limit(const char *body, unsigned ms)
{
    rig_open_handler(&rig, body);
    rig.worker.slice_ms = ms;
    assert_int_equal(slice_init(&rig.worker), 0);
}

static int stop_ticking(void **state)
{
    struct itimerval never = {{0, 0}, {0, 0}};

    setitimer(ITIMER_VIRTUAL, &never, NULL);
    return 0;
}

static void an_endless_loop_is_told_its_line(void **state)
{
    open_with_limit("local n = 0\nwhile true do\n n = n + 1 end", 50);
    rig_start(&rig, 1, 1, "[\"\"]");
    const char *said = rig_find(&rig, MESSAGE_event_failed, 0)->text.data;
    assert_has(said, "computed for more than 50 ms without a pause; let others run with ui.sleep(0)");
    assert_has(said, "app.lua:"); /* of the demo, not of the kit */
    assert_int_equal(rig.worker.events.count, 0);
    rig_start(&rig, 2, 1, "[\"\"]"); /* the next one has a slice of its own */
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_failed), 2);
    rig_close(&rig);
}

static void a_pcall_buys_no_time(void **state)
{
    open_with_limit("for i = 1, 1e9 do pcall(function() while true do end end) end return 'never'", 50);
    rig_start(&rig, 1, 1, "[\"\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 0)->text.data, "computed for more than");
    rig_close(&rig);
}

static void a_coroutine_of_the_demo_is_reached(void **state)
{
    open_with_limit("coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()", 50);
    rig_start(&rig, 1, 1, "[\"\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 0)->text.data, "computed for more than");
    rig_close(&rig);
}

static void a_wait_begins_a_new_slice(void **state)
{
    open_with_limit("local function work() local till = os.clock() + 0.06 while os.clock() < till do end end\n"
                    "for i = 1, 4 do work() ui.sleep(0) end return 'done'", 110);
    rig_start(&rig, 1, 1, "[\"\"]");
    for (size_t i = 0; i < 4; i++)
        rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, i)->call, 0, "");
    assert_string_equal(rig_find(&rig, MESSAGE_event_done, 0)->text.data, "[\"done\"]");
    rig_close(&rig);
}

static void the_control_page_stops_one_event(void **state)
{
    open_with_limit("while text == 'loop' do end return 'done'", 60000);
    atomic_store(&rig.page.cancel[18 % CONTROL_PAGE_CANCELS], 18);
    rig_start(&rig, 2, 1, "[\"other\"]"); /* the same slot of the page, another event */
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_done), 1);
    rig_start(&rig, 18, 1, "[\"loop\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 0)->text.data, "stopped: the visitor cancelled");
    atomic_store(&rig.page.deadline_event, 19);
    rig_start(&rig, 19, 1, "[\"loop\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 1)->text.data, "used up its time");
    rig_close(&rig);
}

static void the_page_tells_what_runs(void **state)
{
    open_with_limit("ui.sleep(1) return ''", 1000);
    uint64_t before = atomic_load(&rig.page.slices);
    rig_start(&rig, 7, 1, "[\"\"]");
    assert_int_equal(atomic_load(&rig.page.running), 0); /* it waits */
    assert_int_equal(atomic_load(&rig.page.slices), before + 1);
    rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, 0)->call, 0, "");
    assert_int_equal(atomic_load(&rig.page.slices), before + 2);
    slice_enter(&rig.worker, NULL);
    assert_int_equal(atomic_load(&rig.page.running), 0);
    slice_leave(&rig.worker);
    rig_close(&rig);
}

/* The describe cage has no worker and no page. */
static void loading_has_its_own_limit_and_words(void **state)
{
    static const struct rig_file files[] = {{"app.lua", "local n = 0\nwhile true do n = n + 1 end", 0}, {NULL, NULL, 0}};
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;

    rig_state(&rig, files);
    assert_int_equal(slice_limit_loading(&rig.state, 50), 0);
    assert_true(release_load(&rig.state, "app.lua", 1, &reason, NULL) < 0);
    buffer_byte(&reason, 0);
    assert_has(reason.data, "app.lua:2: computed for more than 50 ms while the page was made");
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_has_its_own_limit_and_words),
        cmocka_unit_test_teardown(an_endless_loop_is_told_its_line, stop_ticking),
        cmocka_unit_test_teardown(a_pcall_buys_no_time, stop_ticking),
        cmocka_unit_test_teardown(a_coroutine_of_the_demo_is_reached, stop_ticking),
        cmocka_unit_test_teardown(a_wait_begins_a_new_slice, stop_ticking),
        cmocka_unit_test_teardown(the_control_page_stops_one_event, stop_ticking),
        cmocka_unit_test_teardown(the_page_tells_what_runs, stop_ticking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
