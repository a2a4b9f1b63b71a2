/* Events as coroutines: how they wait, end, fail and are cancelled, and what a demo can do to that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "tests/unit/worker/rig.h"

static struct rig rig;

static void assert_has(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" does not hold \"%s\"", text ? text : "(nothing)", part);
}

static void an_event_is_over_when_its_handler_returns(void **state)
{
    rig_open_handler(&rig, "return text .. '!'");
    rig_start(&rig, 5, 1, "[\"hi\"]");
    const struct rig_message *done = rig_find(&rig, MESSAGE_event_done, 0);
    assert_int_equal(done->stream, 5);
    assert_string_equal(done->text.data, "[\"hi!\"]");
    assert_string_equal(done->state.data, "{}");
    assert_int_equal(rig.worker.events.count, 0);
    rig_close(&rig);
}

static void events_wait_side_by_side_and_answers_find_their_own(void **state)
{
    rig_open_handler(&rig, "ui.sleep(#text) return text");
    rig_start(&rig, 1, 1, "[\"a\"]");
    rig_start(&rig, 2, 1, "[\"bb\"]");
    assert_int_equal(rig.worker.events.count, 2);
    const struct rig_message *second = rig_find(&rig, MESSAGE_call_sleep, 1);
    assert_int_equal(second->stream, 2);
    assert_int_equal(second->number, 2000);
    rig_answer(&rig, second->call, 0, "");
    assert_string_equal(rig_find(&rig, MESSAGE_event_done, 0)->text.data, "[\"bb\"]");
    rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, 0)->call, 0, "");
    assert_string_equal(rig_find(&rig, MESSAGE_event_done, 1)->text.data, "[\"a\"]");
    assert_int_equal(rig.worker.events.count + rig.worker.calls.count, 0);
    rig_close(&rig);
}

static void what_nobody_awaits_is_ignored(void **state)
{
    rig_open_handler(&rig, "ui.sleep(1) ui.sleep(2) return text");
    rig_start(&rig, 1, 1, "[\"a\"]");
    uint32_t call = rig_find(&rig, MESSAGE_call_sleep, 0)->call;
    rig_answer(&rig, call + 7, 0, "");
    event_cancel(&rig.worker, 99);
    event_credit(&rig.worker, 99, 1000);
    assert_int_equal(rig_number_of(&rig, MESSAGE_call_sleep), 1);
    rig_answer(&rig, call, 0, "");
    assert_int_equal(rig_number_of(&rig, MESSAGE_call_sleep), 2);
    rig_answer(&rig, call, 0, ""); /* a second answer to the same call */
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_done), 0);
    rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, 1)->call, 0, "");
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_done), 1);
    rig_close(&rig);
}

/* A coroutine can always suspend itself; what resumed it cannot. Nothing may be sent then: the answer would be taken for
 * that of a later wait, or find an event that is gone. */
static void a_wait_that_cannot_be_is_not_sent(void **state)
{
    rig_open_handler(&rig, "local ok, why = pcall(table.sort, { 2, 1 }, function(a, b)\n"
                           "  coroutine.wrap(function() ui.sleep(9) end)() return a < b end)\n"
                           "ui.sleep(1) return tostring(ok) .. why");
    rig_start(&rig, 1, 1, "[\"\"]");
    assert_int_equal(rig_number_of(&rig, MESSAGE_call_sleep), 1);
    assert_int_equal(rig_find(&rig, MESSAGE_call_sleep, 0)->number, 1000);
    rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, 0)->call, 0, "");
    const char *said = rig_find(&rig, MESSAGE_event_done, 0)->text.data;
    assert_has(said, "false");
    assert_has(said, "cannot wait here");
    assert_int_equal(rig.worker.calls.count, 0);
    rig_close(&rig);
}

/* The same for credit: a message that leaves none cannot be sent from there, and the event is not marked as starved, or
 * the next credit would wake it out of another wait. */
static void credit_is_not_used_up_where_lua_cannot_wait(void **state)
{
    rig_open_handler(&rig, "pcall(table.sort, { 2, 1 }, function(a, b)\n"
                           "  coroutine.wrap(function() for i = 1, 1000 do ui.info(('x'):rep(1000)) end end)()\n"
                           "  return a < b end)\n"
                           "ui.sleep(1) return 'end'");
    rig_start(&rig, 1, 1, "[\"\"]");
    size_t sent = rig_number_of(&rig, MESSAGE_event_log);
    assert_in_range(sent, 10, BOUNDS_STREAM_CREDIT_BYTES / 1000);
    event_credit(&rig.worker, 1, 1 << 20);
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_done), 0);
    rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, 0)->call, 0, "");
    assert_string_equal(rig_find(&rig, MESSAGE_event_done, 0)->text.data, "[\"end\"]");
    rig_close(&rig);
}

static void an_event_without_credit_goes_on_when_it_has_some(void **state)
{
    rig_open_handler(&rig, "for i = 1, 400 do ui.info(('x'):rep(1000)) end return 'end'");
    rig_start(&rig, 1, 1, "[\"\"]");
    size_t sent = rig_number_of(&rig, MESSAGE_event_log);
    assert_in_range(sent, 200, BOUNDS_STREAM_CREDIT_BYTES / 1000);
    event_credit(&rig.worker, 1, 1); /* not enough: it stays */
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_log), sent);
    event_credit(&rig.worker, 1, BOUNDS_STREAM_CREDIT_BYTES);
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_log), 400);
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_done), 1);
    rig_close(&rig);
}

static void a_cancelled_event_closes_what_it_holds_and_says_nothing(void **state)
{
    rig_open_handler(&rig, "local held <close> = setmetatable({}, { __close = function() print('closed') end })\n"
                           "ui.sleep(1) return text");
    rig_start(&rig, 1, 1, "[\"a\"]");
    uint32_t call = rig_find(&rig, MESSAGE_call_sleep, 0)->call;
    event_cancel(&rig.worker, 1);
    assert_string_equal(rig_find(&rig, MESSAGE_worker_log, 0)->text.data, "closed");
    assert_int_equal(rig.worker.events.count + rig.worker.calls.count, 0);
    rig_answer(&rig, call, 0, ""); /* on its way when the cancel came */
    assert_int_equal(rig_number_of(&rig, MESSAGE_event_done) + rig_number_of(&rig, MESSAGE_event_failed), 0);
    rig_close(&rig);
}

static void errors_reach_who_can_use_them(void **state)
{
    rig_open_handler(&rig, "if text == 'user' then ui.error('Please no') end\n"
                           "if text == 'object' then error(setmetatable({}, { __index = error, __tostring = error })) end\n"
                           "if text == 'wait' then ui.sleep(1) end\n"
                           "local nothing return nothing.x");
    rig_start(&rig, 1, 1, "[\"user\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 0)->text.data, "\"error\":\"Please no\"");
    assert_int_equal(rig_number_of(&rig, MESSAGE_worker_log), 0);
    rig_start(&rig, 2, 1, "[\"bug\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 1)->text.data, "app.lua:8:");
    assert_true(rig_number_of(&rig, MESSAGE_worker_log) > 1); /* with a traceback */
    rig.worker.show_error = false;
    rig_start(&rig, 3, 1, "[\"bug\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 2)->text.data, "\"error\":null");
    rig_start(&rig, 4, 1, "[\"object\"]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 3)->text.data, "\"error\":null");
    rig_start(&rig, 5, 1, "[\"wait\"]"); /* what the host could not do is shown in any case */
    rig_answer(&rig, rig_find(&rig, MESSAGE_call_sleep, 0)->call, (uint32_t)-ERROR_BUSY, "the queue is full");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 4)->text.data, "\"error\":\"the queue is full\"");
    assert_int_equal(rig.worker.events.count, 0);
    rig_close(&rig);
}

static void what_is_no_call_of_the_demo_fails(void **state)
{
    rig_open_handler(&rig, "return text");
    rig_start(&rig, 1, 1, "[\"a\"");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 0)->text.data, "not JSON");
    rig_start(&rig, 2, 999, "[\"a\"]");
    rig_find(&rig, MESSAGE_event_failed, 1);
    rig_start(&rig, 3, 1, "[]");
    assert_has(rig_find(&rig, MESSAGE_event_failed, 2)->text.data, "takes 1 values, got 0");
    assert_int_equal(rig.worker.events.count, 0);
    rig_start(&rig, 4, 1, "[\"still\"]");
    assert_string_equal(rig_find(&rig, MESSAGE_event_done, 0)->text.data, "[\"still\"]");
    rig_close(&rig);
}

static void a_flood_of_lines_is_cut(void **state)
{
    rig_open_handler(&rig, "for i = 1, 100000 do print(i) end return 'end'");
    rig_start(&rig, 1, 1, "[\"a\"]");
    rig_find(&rig, MESSAGE_event_done, 0);
    /* Two seconds at most are touched; one line over each limit makes the gateway say that some are missing. */
    assert_in_range(rig_number_of(&rig, MESSAGE_worker_log), BOUNDS_LOG_LINES_PER_SECOND + 1,
                    2 * (BOUNDS_LOG_LINES_PER_SECOND + 1));
    rig_close(&rig);
}

static void delays_are_within_bounds_whatever_is_asked(void **state)
{
    static const struct {
        const char *seconds;
        uint32_t ms;
    } cases[] = {{"0", 0}, {"0.0005", 0}, {"1e300", BOUNDS_WORKER_SLEEP_MS}, {"math.huge", BOUNDS_WORKER_SLEEP_MS}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
        buffer_format(&body, "ui.sleep(%s) return ''", cases[i].seconds);
        buffer_byte(&body, 0);
        rig_open_handler(&rig, body.data);
        rig_start(&rig, 1, 1, "[\"\"]");
        assert_int_equal(rig_find(&rig, MESSAGE_call_sleep, 0)->number, cases[i].ms);
        event_cancel(&rig.worker, 1);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_over_when_its_handler_returns),
        cmocka_unit_test(events_wait_side_by_side_and_answers_find_their_own),
        cmocka_unit_test(what_nobody_awaits_is_ignored),
        cmocka_unit_test(a_wait_that_cannot_be_is_not_sent),
        cmocka_unit_test(credit_is_not_used_up_where_lua_cannot_wait),
        cmocka_unit_test(an_event_without_credit_goes_on_when_it_has_some),
        cmocka_unit_test(a_cancelled_event_closes_what_it_holds_and_says_nothing),
        cmocka_unit_test(errors_reach_who_can_use_them),
        cmocka_unit_test(what_is_no_call_of_the_demo_fails),
        cmocka_unit_test(a_flood_of_lines_is_cut),
        cmocka_unit_test(delays_are_within_bounds_whatever_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
