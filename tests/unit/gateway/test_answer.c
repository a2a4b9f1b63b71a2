/* One call, three ways out: what pages, readers of the curl API and callers of /run are told, also when they are slow,
 * absent, or late. */
#include "gateway/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/stream.h"
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

#define SAY(crew, call, name, ...)                                                                                \
    do {                                                                                                          \
        struct crew_process *speaker = crew_process(crew);                                                        \
        channel_send_##name(speaker->channel, speaker->streams[call], &(struct message_##name){__VA_ARGS__});    \
        crew_turn(crew, 12);                                                                                      \
    } while (0)

/* A JSON list with one string of that many bytes, beginning with `mark`. */
static struct text large_list(struct buffer *out, size_t bytes, char mark)
{
    buffer_clear(out);
    buffer_string(out, "[\"");
    memset(buffer_reserve(out, bytes), 'x', bytes);
    *buffer_reserve(out, bytes) = mark;
    buffer_advance(out, bytes);
    buffer_string(out, "\"]");
    return buffer_view(out);
}

static void test_run(void **state)
{
    struct crew *crew = *state;
    struct crew_client *client = crew_ask(crew, "run/echo", "{\"data\":[5]}");
    SAY(crew, 0, event_partial, .data = TEXT("[0]"));
    assert_false(crew_has(client, "HTTP"));
    crew_done(crew_process(crew), 0, "[{\"__type__\":\"update\",\"value\":7,\"visible\":true}]");
    assert_true(crew_has(client, "HTTP/1.1 200"));
    assert_true(crew_has(client, "{\"data\":[7],\"is_generating\":false,\"duration\":"));
}

static void test_run_fails(void **state)
{
    struct crew *crew = *state;
    struct crew_client *failed = crew_ask(crew, "run/echo", "{\"data\":[5]}");
    SAY(crew, 0, event_failed, .error = TEXT("{\"error\":\"no\"}"));
    assert_true(crew_has(failed, "HTTP/1.1 500"));
    assert_true(crew_has(failed, "{\"error\":\"no\"}"));
    struct crew_client *invalid = crew_ask(crew, "run/echo", "{\"data\":[5]}");
    SAY(crew, 1, event_failed, .error = TEXT("{\"error\":\"no\"}"), .validation = TEXT("[{\"message\":\"too small\"}]"));
    assert_true(crew_has(invalid, "HTTP/1.1 422"));
    assert_true(crew_has(invalid, "{\"detail\":[{\"message\":\"too small\"}]}"));
    assert_int_equal(crew->calls->counts.failed, 2);
    assert_int_equal(crew->calls->table.by_stream.count, 0);
}

/* The values go out whole once, then as edits of what was sent. */
static void test_a_page_reads_along(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    SAY(crew, 0, event_partial, .data = TEXT("[\"a\"]"));
    SAY(crew, 0, event_partial, .data = TEXT("[\"abc\"]"));
    SAY(crew, 0, event_log, .log = TEXT("{\"log\":\"hello\",\"level\":\"info\"}"));
    crew_done(crew_process(crew), 0, "[\"abcd\"]");
    assert_true(crew_has(stream, "\"process_starts\""));
    assert_true(crew_has(stream, "\"output\":{\"data\":[\"a\"],\"is_generating\":true"));
    assert_true(crew_has(stream, "[[[\"append\",[],\"bc\"]]]"));
    assert_true(crew_has(stream, "\"log\":\"hello\""));
    assert_true(crew_has(stream, "\"data\":[\"abcd\"],\"is_generating\":false"));
}

static void test_progress_is_held_back(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *stream = crew_ask(crew, "queue/data?session_hash=s", NULL);
    struct call *call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
    uint64_t now_ms = clock_now_ms() + 100000;
    answer_progress(crew->calls, call, TEXT("[1]"), now_ms);
    answer_progress(crew->calls, call, TEXT("[2]"), now_ms + 1);
    answer_progress(crew->calls, call, TEXT("[3]"), now_ms + 2);
    answer_flush_progress(crew->calls, call, now_ms + BOUNDS_PROGRESS_MS - 1);
    crew_turn(crew, 5);
    assert_true(crew_has(stream, "\"progress_data\":[1]"));
    assert_false(crew_has(stream, "\"progress_data\":[3]"));
    answer_flush_progress(crew->calls, call, now_ms + BOUNDS_PROGRESS_MS);
    crew_turn(crew, 5);
    assert_true(crew_has(stream, "\"progress_data\":[3]"));
    assert_false(crew_has(stream, "\"progress_data\":[2]"));
}

static void read_path(const struct crew_client *client, char path[64])
{
    const char *id = strstr(client->text.data, "{\"event_id\":\"");
    assert_non_null(id);
    strcpy(path, "call/echo/");
    strncat(path, id + 13, CALL_ID_LENGTH);
}

static void test_readers_of_the_curl_api(void **state)
{
    struct crew *crew = *state;
    char path[64];
    read_path(crew_ask(crew, "call/echo", "{\"data\":[5]}"), path);
    SAY(crew, 0, event_partial, .data = TEXT("[1]"));
    struct crew_client *one = crew_ask(crew, path, NULL), *two = crew_ask(crew, path, NULL);
    SAY(crew, 0, event_partial, .data = TEXT("[2]"));
    crew_leave(two);
    crew_done(crew_process(crew), 0, "[3]");
    struct crew_client *late = crew_ask(crew, path, NULL);
    const char *all = "event: generating\ndata: [1]\n\nevent: generating\ndata: [2]\n\nevent: complete\ndata: [3]\n\n";
    assert_non_null(strstr(late->text.data, "event: complete\ndata: [3]\n\n"));
    assert_true(crew_has(one, "event: generating\ndata: [1]\n\n"));
    assert_true(crew_has(one, "event: complete\ndata: [3]\n\n"));
    assert_true(strlen(all) < one->text.length);
    assert_false(crew_has(two, "[3]"));
    assert_true(list_is_empty(&crew->calls->streams));
}

/* Partial values that grew too many make way: late readers miss early ones, never the last. */
static void test_a_transcript_is_bounded(void **state)
{
    struct crew *crew = *state;
    struct buffer large BUFFER_AUTO = BUFFER_EMPTY;
    char path[64];
    read_path(crew_ask(crew, "call/echo", "{\"data\":[5]}"), path);
    struct call *call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
    for (char mark = 'a'; mark < 'i'; mark++)
        answer_partial(crew->calls, call, large_list(&large, 100000, mark));
    assert_true(call->transcript.length <= BOUNDS_SESSION_QUEUED_BYTES);
    crew_done(crew_process(crew), 0, "[3]");
    assert_true(crew_has(crew_ask(crew, path, NULL), "event: complete\ndata: [3]\n\n"));
}

/* A page that does not listen: the newest values wait, older ones are replaced, the answer can be fetched. */
static void test_a_page_that_left(void **state)
{
    struct crew *crew = *state;
    struct buffer large BUFFER_AUTO = BUFFER_EMPTY;
    char path[64];
    read_path(crew_join(crew, 1, "s", "[1]"), path);
    struct call *call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
    for (char mark = 'a'; mark < 'd'; mark++)
        assert_true(answer_partial(crew->calls, call, large_list(&large, 100000, mark)));
    assert_false(answer_partial(crew->calls, call, large_list(&large, 100000, 'y')));
    assert_false(answer_partial(crew->calls, call, TEXT("[\"newest\"]")));
    assert_true(answer_is_full(call));
    assert_string_equal(crew_text(&call->next), "[\"newest\"]");
    for (int i = 0; i < 1000; i++)
        answer_estimation(crew->calls, call, 1, 2); /* news of the moment are not collected */
    assert_true(call->session->queued.length < 310000);
    crew_done(crew_process(crew), 0, "[3]");
    assert_true(crew_has(crew_ask(crew, path, NULL), "event: complete\ndata: [3]\n\n"));
}

static void turn_until_idle(struct crew *crew)
{
    for (uint64_t end_ms = clock_now_ms() + 10000; crew_worker(crew)->queue.running > 0 && clock_now_ms() < end_ms;)
        crew_turn(crew, 10);
    assert_int_equal(crew_worker(crew)->queue.running, 0);
}

/* Much waits for it already: what finds no room is replaced by a sentence, so that every call ends for the page. */
static void test_what_does_not_fit_ends_with_a_sentence(void **state)
{
    struct crew *crew = *state;
    struct buffer large BUFFER_AUTO = BUFFER_EMPTY;
    for (int i = 0; i < 4; i++)
        crew_join(crew, 1, "s", "[1]");
    struct crew_process *process = crew_process(crew);
    for (unsigned i = 0; i < 2; i++)
        SAY(crew, i, event_done, .data = large_list(&large, 8380000, 'a'));
    SAY(crew, 2, event_done, .data = large_list(&large, 100000, 'b'));
    large_list(&large, 60000, 'c');
    struct buffer error BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&error, "{\"error\":" TEXT_FORMAT "}", (int)large.length - 2, large.data + 1);
    channel_send_event_failed(process->channel, process->streams[3],
                              &(struct message_event_failed){.error = buffer_view(&error)});
    turn_until_idle(crew);
    struct session *session = session_find(&crew->calls->sessions, 1, TEXT("s"));
    struct text queued = buffer_view(&session->queued);
    assert_non_null(memmem(queued.data, queued.length, "was too large to keep", 21));
    assert_non_null(memmem(queued.data, queued.length, "the reason was too long for a page", 34));
    assert_int_equal(crew->calls->counts.done, 2);
    assert_int_equal(crew->calls->counts.failed, 2);
}

#define ANSWER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANSWER_TEST(test_run),
        ANSWER_TEST(test_run_fails),
        ANSWER_TEST(test_a_page_reads_along),
        ANSWER_TEST(test_progress_is_held_back),
        ANSWER_TEST(test_readers_of_the_curl_api),
        ANSWER_TEST(test_a_transcript_is_bounded),
        ANSWER_TEST(test_a_page_that_left),
        ANSWER_TEST(test_what_does_not_fit_ends_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
