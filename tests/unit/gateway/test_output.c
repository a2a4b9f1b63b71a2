/* The exact texts that clients read. */
#include "gateway/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/json.h"

#define ID "889b0000000000000000000000000000"

static struct buffer out;

static void expect(const char *expected)
{
    assert_string_equal(out.data, expected);
    buffer_clear(&out);
}

static void test_messages(void **state)
{
    struct output_times times = {0.0125, 0.011};
    (void)state;
    output_write_estimation(&out, ID, 0, 1);
    expect("{\"msg\":\"estimation\",\"event_id\":\"" ID "\",\"rank\":0,\"queue_size\":1,\"rank_eta\":null}");
    output_write_starts(&out, ID, 0.01);
    expect("{\"msg\":\"process_starts\",\"event_id\":\"" ID "\",\"eta\":0.010000}");
    output_write_starts(&out, ID, 12345.25);
    expect("{\"msg\":\"process_starts\",\"event_id\":\"" ID "\",\"eta\":12345.250000}");
    output_write_starts(&out, ID, 0);
    expect("{\"msg\":\"process_starts\",\"event_id\":\"" ID "\",\"eta\":null}");
    output_write_progress(&out, ID, TEXT("[{\"progress\":0.5}]"));
    expect("{\"msg\":\"progress\",\"event_id\":\"" ID "\",\"progress_data\":[{\"progress\":0.5}]}");
    output_write_log(&out, ID, TEXT("{\"log\":\"hi\",\"level\":\"info\"}"));
    expect("{\"msg\":\"log\",\"event_id\":\"" ID "\",\"log\":\"hi\",\"level\":\"info\"}");
    output_write_log(&out, ID, TEXT("{}"));
    expect("{\"msg\":\"log\",\"event_id\":\"" ID "\"}");
    output_write_generating(&out, ID, TEXT("[\"1\"]"));
    expect("{\"msg\":\"process_generating\",\"event_id\":\"" ID
           "\",\"output\":{\"data\":[\"1\"],\"is_generating\":true,"
           "\"render_config\":null,\"changed_state_ids\":[]},\"success\":true,\"time_limit\":null}");
    output_write_completed(&out, ID, TEXT("[\"x\"]"), &times);
    expect("{\"msg\":\"process_completed\",\"event_id\":\"" ID
           "\",\"output\":{\"data\":[\"x\"],\"is_generating\":false,"
           "\"duration\":0.012500,\"average_duration\":0.011000,\"render_config\":null,\"changed_state_ids\":[]},"
           "\"success\":true,\"title\":null}");
}

static void test_failures(void **state)
{
    (void)state;
    output_write_error(&out, "Cancelled", "Cancelled", false);
    expect("{\"error\":\"Cancelled\",\"title\":\"Cancelled\",\"visible\":false,\"duration\":null}");
    output_write_error(&out, NULL, "Error", true);
    expect("{\"error\":null,\"title\":\"Error\",\"visible\":true,\"duration\":10}");
    output_write_failed(&out, ID, TEXT("{\"error\":\"no\",\"title\":\"Too \\\"bad\\\"\"}"));
    expect("{\"msg\":\"process_completed\",\"event_id\":\"" ID
           "\",\"output\":{\"error\":\"no\",\"title\":\"Too \\\"bad\\\"\"},"
           "\"success\":false,\"title\":\"Too \\\"bad\\\"\"}");
    output_write_failed(&out, ID, TEXT("{\"error\":null}"));
    expect("{\"msg\":\"process_completed\",\"event_id\":\"" ID
           "\",\"output\":{\"error\":null},\"success\":false,\"title\":\"Error\"}");
    output_write_detail(&out, "Say \"why\".");
    expect("{\"detail\":\"Say \\\"why\\\".\"}");
}

static void test_frames(void **state)
{
    (void)state;
    output_write_frame(&out, "complete", TEXT("[\"x\"]"));
    expect("event: complete\ndata: [\"x\"]\n\n");
}

static void test_updates_become_values(void **state)
{
    (void)state;
    output_write_plain(&out, TEXT("[{\"__type__\":\"update\",\"value\":[1],\"visible\":false},\"a\"]"));
    expect("[[1],\"a\"]");
    output_write_plain(&out, TEXT("[{\"__type__\":\"update\",\"visible\":false}]"));
    expect("[{\"__type__\":\"update\",\"visible\":false}]");
    output_write_plain(&out, TEXT("[\"__type__\",{\"__type__\":\"other\",\"value\":1}]"));
    expect("[\"__type__\",{\"__type__\":\"other\",\"value\":1}]");
}

static void test_what_a_worker_may_send(void **state)
{
    (void)state;
    assert_true(output_is_data(TEXT("[]")));
    assert_true(output_is_data(TEXT("[\"a\\nb\"]")));
    assert_false(output_is_data(TEXT("")));
    assert_false(output_is_data(TEXT("{}")));
    assert_false(output_is_data(TEXT("[1")));
    assert_false(output_is_data(TEXT("[1,\n2]")));
    assert_false(output_is_data(TEXT("[1]\r")));
    assert_true(output_is_object(TEXT("{\"a\":1}")));
    assert_false(output_is_object(TEXT("[1]")));
    assert_false(output_is_object(TEXT("{\"a\":1}\n\ndata: {}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_updates_become_values),
        cmocka_unit_test(test_what_a_worker_may_send),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_release(&out);
    return failed;
}
