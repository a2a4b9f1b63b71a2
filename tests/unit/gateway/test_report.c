/* What a process may say about its calls: everything else ends it. Each test sends frames of a worker program that was
 * taken over, and looks who is hurt. */
#include "gateway/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS                                                                                             \
    "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2]},"                                       \
    "{\"id\":2,\"api_name\":\"count\",\"inputs\":[3],\"outputs\":[2,3],\"state_inputs\":[0],\"state_outputs\":[1]}]"

static int setup(void **state)
{
    static struct crew crew;
    crew_start(&crew, FUNCTIONS);
    crew_join(&crew, 1, "s", "[1]");
    assert_int_equal(crew_process(&crew)->given, 1);
    *state = &crew;
    return 0;
}

static int teardown(void **state)
{
    crew_stop(*state);
    return 0;
}

#define SAY(crew, name, ...)                                                                                      \
    do {                                                                                                          \
        struct crew_process *speaker = crew_process(crew);                                                        \
        channel_send_##name(speaker->channel, speaker->streams[0], &(struct message_##name){__VA_ARGS__});       \
        crew_turn(crew, 12);                                                                                      \
    } while (0)

static void expect_killed(struct crew *crew)
{
    assert_int_equal(crew->calls->counts.kills, 1);
    assert_int_equal(crew->calls->counts.done, 0);
}

static void test_values_must_be_one_line_of_json(void **state)
{
    struct crew *crew = *state;
    SAY(crew, event_partial, .data = TEXT("[1]"));
    assert_int_equal(crew->calls->counts.kills, 0);
    SAY(crew, event_partial, .data = TEXT("[1,\n2]"));
    expect_killed(crew);
}

static void test_a_result_that_is_no_list(void **state)
{
    SAY(*state, event_done, .data = TEXT("{\"a\":1}"));
    expect_killed(*state);
}

static void test_a_result_with_a_second_frame_in_it(void **state)
{
    SAY(*state, event_done, .data = TEXT("[1]\n\ndata: {\"msg\":\"close_stream\"}"));
    expect_killed(*state);
}

static void test_progress_that_is_no_list(void **state)
{
    SAY(*state, event_progress, .progress_data = TEXT("1"));
    expect_killed(*state);
}

static void test_a_message_that_is_no_object(void **state)
{
    SAY(*state, event_log, .log = TEXT("[]"));
    expect_killed(*state);
}

static void test_a_failure_without_its_error(void **state)
{
    SAY(*state, event_failed, .error = TEXT("{\"title\":\"Error\"}"));
    expect_killed(*state);
}

static void test_values_of_another_function(void **state)
{
    SAY(*state, event_done, .data = TEXT("[1]"), .state = TEXT("{\"3\":1}"));
    expect_killed(*state);
}

static void test_ready_is_said_once(void **state)
{
    SAY(*state, worker_ready, .tree_digest = TEXT("t"));
    expect_killed(*state);
}

static void test_failing_to_start_after_the_start(void **state)
{
    SAY(*state, worker_failed, .reason = TEXT("late"));
    expect_killed(*state);
}

static void test_a_worker_has_no_credit_to_give(void **state)
{
    SAY(*state, worker_credit, .bytes = 1000);
    expect_killed(*state);
}

static void test_a_call_that_never_was(void **state)
{
    struct crew *crew = *state;
    crew_process(crew)->streams[0] = 1u << 20;
    SAY(crew, event_done, .data = TEXT("[1]"));
    expect_killed(crew);
}

/* Cancelled, and the process answers before it reads that: ordinary. */
static void test_a_word_that_comes_too_late(void **state)
{
    struct crew *crew = *state;
    struct call *call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
    worker_cancel(call->worker, call);
    SAY(crew, event_done, .data = TEXT("[1]"));
    SAY(crew, event_done, .data = TEXT("[1]"));
    assert_int_equal(crew->calls->counts.kills, 0);
    assert_int_equal(crew->calls->counts.cancelled, 1);
    assert_int_equal(crew->calls->counts.done, 0);
}

/* A process can speak for nobody but its own calls. */
static void test_a_call_of_another_demo(void **state)
{
    struct crew *crew = *state;
    struct crew_process *hostile = crew_process(crew);
    worker_drain(crew_worker(crew));
    crew_join(crew, 1, "other", "[2]"); /* another worker now */
    struct crew_process *victim = crew_process(crew);
    assert_ptr_not_equal(victim, hostile);
    channel_send_event_done(hostile->channel, victim->streams[0], &(struct message_event_done){.data = TEXT("[\"bad\"]")});
    crew_turn(crew, 12);
    assert_int_equal(crew->calls->counts.done, 0);
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=other", NULL);
    crew_done(victim, 0, "[\"good\"]");
    assert_true(crew_has(stream, "good"));
    assert_false(crew_has(stream, "bad"));
}

static void test_sending_without_credit(void **state)
{
    struct crew *crew = *state;
    static char large[100000];
    memset(large, 'x', sizeof large);
    memcpy(large, "[\"", 2);
    memcpy(large + sizeof large - 2, "\"]", 2);
    /* Nobody listens to the session's stream: what is sent stays, and no credit comes back once that is much. */
    for (int i = 0; i < 12 && crew->calls->counts.kills == 0; i++) {
        large[2] = (char)('a' + i);
        SAY(crew, event_partial, .data = {large, sizeof large});
    }
    expect_killed(crew);
    assert_int_equal(crew->calls->counts.failed, 1);
}

static void test_credit_comes_back_to_who_is_read(void **state)
{
    struct crew *crew = *state;
    static char large[100000];
    memset(large, ' ', sizeof large);
    large[0] = '[';
    large[sizeof large - 1] = ']';
    crew_ask(crew, "queue/data?session_hash=s", NULL);
    for (int i = 0; i < 12; i++)
        SAY(crew, event_partial, .data = {large, sizeof large});
    assert_int_equal(crew->calls->counts.kills, 0);
    assert_non_null(strstr(crew_text(&crew_process(crew)->seen), "credit 100064\n"));
}

static void test_more_values_than_a_visitor_may_keep(void **state)
{
    struct crew *crew = *state;
    struct buffer values BUFFER_AUTO = BUFFER_EMPTY;
    crew_join(crew, 2, "s", "[null]");
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    buffer_string(&values, "{\"3\":\"");
    memset(buffer_reserve(&values, BOUNDS_SESSION_STATE_BYTES), 'x', BOUNDS_SESSION_STATE_BYTES);
    buffer_advance(&values, BOUNDS_SESSION_STATE_BYTES);
    buffer_string(&values, "\"}");
    struct crew_process *process = crew_process(crew);
    channel_send_event_done(process->channel, process->streams[1],
                            &(struct message_event_done){TEXT("[1,null]"), buffer_view(&values)});
    crew_turn(crew, 20);
    assert_true(crew_has(stream, "keeps more than 64 KiB of values"));
    assert_int_equal(crew->calls->counts.kills, 0);
}

static void test_another_tree_than_published(void **state)
{
    struct crew *crew = *state;
    crew_exit(crew_process(crew), 1);
    assert_int_equal(crew->process_count, 2);
    crew->unready = true;
    crew_exit(crew_process(crew), 1);
    SAY(crew, worker_ready, .tree_digest = TEXT("other"));
    assert_non_null(strstr(crew_text(&crew->store_seen), "stage RUNTIME_ERROR app.lua made other components"));
    assert_null(crew_worker(crew));
}

#define REPORT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPORT_TEST(test_values_must_be_one_line_of_json),
        REPORT_TEST(test_a_result_that_is_no_list),
        REPORT_TEST(test_a_result_with_a_second_frame_in_it),
        REPORT_TEST(test_progress_that_is_no_list),
        REPORT_TEST(test_a_message_that_is_no_object),
        REPORT_TEST(test_a_failure_without_its_error),
        REPORT_TEST(test_values_of_another_function),
        REPORT_TEST(test_ready_is_said_once),
        REPORT_TEST(test_failing_to_start_after_the_start),
        REPORT_TEST(test_a_worker_has_no_credit_to_give),
        REPORT_TEST(test_a_call_that_never_was),
        REPORT_TEST(test_a_word_that_comes_too_late),
        REPORT_TEST(test_a_call_of_another_demo),
        REPORT_TEST(test_sending_without_credit),
        REPORT_TEST(test_credit_comes_back_to_who_is_read),
        REPORT_TEST(test_more_values_than_a_visitor_may_keep),
        REPORT_TEST(test_another_tree_than_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
