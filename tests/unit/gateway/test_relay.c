/* What a handler waits for: each question is answered once, by whoever it takes, also when that one is away, slow or
 * overrun; and what a process may not ask ends it. */
#include "gateway/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2]}]"

/* A crew with one call that has been given to a process. */
static int setup(void **state)
{
    static struct crew crew;
    crew_start(&crew, FUNCTIONS);
    crew_join(&crew, 1, "s", "[1]");
    assert_int_equal(crew_process(&crew)->given, 1);
    crew_expect(&crew_process(&crew)->seen, "begin\nstart 1 [1]\n");
    buffer_clear(&crew.zygote_seen);
    buffer_clear(&crew.infer_seen);
    buffer_clear(&crew.store_seen);
    *state = &crew;
    return 0;
}

static int teardown(void **state)
{
    crew_stop(*state);
    return 0;
}

/* Sends a message of the process for its first call and lets the gateway take it. */
#define SAY(crew, name, ...)                                                                                      \
    do {                                                                                                          \
        struct crew_process *speaker = crew_process(crew);                                                        \
        channel_send_##name(speaker->channel, speaker->streams[0], &(struct message_##name){__VA_ARGS__});       \
        crew_turn(crew, 8);                                                                                       \
    } while (0)

static bool was_killed(struct crew *crew)
{
    return strstr(crew_text(&crew->zygote_seen), "kill") != NULL;
}

static void test_a_sleep_ends_once(void **state)
{
    struct crew *crew = *state;
    uint64_t before_ms = clock_now_ms();
    SAY(crew, call_sleep, .call = 7, .delay_ms = 300);
    while (crew_process(crew)->seen.length == 0 && clock_now_ms() < before_ms + 10000)
        crew_turn(crew, 1);
    assert_true(clock_now_ms() + 10 >= before_ms + 300); /* the loop's clock is some milliseconds coarse */
    crew_expect(&crew_process(crew)->seen, "answer 7 0 \n");
    crew_turn(crew, 20);
    assert_int_equal(crew_process(crew)->seen.length, 0);
    assert_int_equal(crew_worker(crew)->relay.waits.count, 0);
}

static void test_one_id_asks_once(void **state)
{
    struct crew *crew = *state;
    SAY(crew, call_sleep, .call = 7, .delay_ms = 5000);
    assert_false(was_killed(crew));
    SAY(crew, call_sleep, .call = 7, .delay_ms = 5000);
    assert_true(was_killed(crew));
}

static void test_questions_are_bounded(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    for (uint32_t i = 0; i < BOUNDS_WORKER_CALLS; i++)
        channel_send_call_sleep(process->channel, process->streams[0], &(struct message_call_sleep){i, 60000});
    crew_turn(crew, 60);
    assert_false(was_killed(crew));
    SAY(crew, call_sleep, .call = 99999, .delay_ms = 1);
    assert_true(was_killed(crew));
}

/* Of a call that has ended nothing is answered; one that never was is a lie. */
static void test_whose_call_it_is(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    crew_done(process, 0, "[1]");
    SAY(crew, call_sleep, .call = 7, .delay_ms = 0);
    assert_int_equal(process->seen.length, 0);
    assert_false(was_killed(crew));
    process->streams[0] += 1000;
    SAY(crew, call_sleep, .call = 8, .delay_ms = 0);
    assert_true(was_killed(crew));
}

static void test_files_of_the_repository(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    SAY(crew, call_file_open, .call = 1, .handle = TEXT("release/data/seven.txt"));
    crew_expect(&process->seen, "answer 1 0 {\"file\":1,\"size\":5,\"mime_type\":\"text/plain; charset=utf-8\","
                                "\"name\":\"seven.txt\"}\n");
    SAY(crew, call_file_read, .call = 2, .file = 1, .offset = 2, .length = 100);
    crew_expect(&process->seen, "answer 2 0 ven\n");
    SAY(crew, call_file_read, .call = 3, .file = 1, .offset = UINT64_MAX, .length = UINT32_MAX);
    crew_expect(&process->seen, "answer 3 0 \n");
    SAY(crew, call_file_read, .call = 4, .file = 2, .offset = 0, .length = 1);
    assert_true(text_starts(buffer_view(&process->seen), TEXT("answer 4 ")));
    assert_false(text_starts(buffer_view(&process->seen), TEXT("answer 4 0")));
    buffer_clear(&process->seen);
    SAY(crew, call_file_open, .call = 5, .handle = TEXT("release/.vitrine/manifest.json"));
    SAY(crew, call_file_open, .call = 6, .handle = TEXT("release/../app.lua"));
    assert_non_null(strstr(crew_text(&process->seen), "answer 5 "));
    assert_null(strstr(crew_text(&process->seen), "{\"file\""));
    assert_int_equal(crew->store_seen.length, 0); /* nobody had to be asked */
}

static void test_open_files_are_bounded_and_go_with_the_call(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    for (uint32_t i = 0; i < BOUNDS_WORKER_FILES; i++)
        SAY(crew, call_file_open, .call = i, .handle = TEXT("release/data/seven.txt"));
    buffer_clear(&process->seen);
    SAY(crew, call_file_open, .call = 100, .handle = TEXT("release/data/seven.txt"));
    assert_non_null(strstr(crew_text(&process->seen), "too many files"));
    SAY(crew, call_file_make, .call = 101, .name = TEXT("a"), .mime_type = TEXT("b"));
    assert_int_equal(crew->store_seen.length, 0);
    crew_done(process, 0, "[1]");
    assert_int_equal(crew_worker(crew)->relay.files.count, 0);
}

static void test_an_upload_the_store_does_not_have(void **state)
{
    struct crew *crew = *state;
    SAY(crew, call_file_open, .call = 1, .handle = TEXT("abc"));
    crew_expect(&crew->store_seen, "open abc\n");
    channel_send_request_failed(crew->rig.store, 0,
                                &(struct message_request_failed){crew->question, (uint32_t)-ERROR_NOT_FOUND, TEXT("gone")});
    crew_turn(crew, 8);
    struct buffer expected BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&expected, "answer 1 %d gone\n", -ERROR_NOT_FOUND);
    buffer_byte(&expected, '\0');
    crew_expect(&crew_process(crew)->seen, expected.data);
}

/* The store dies between question and answer: the handler hears of it. */
static void test_the_store_goes(void **state)
{
    struct crew *crew = *state;
    SAY(crew, call_file_open, .call = 1, .handle = TEXT("abc"));
    rig_lose_store(&crew->rig);
    crew_turn(crew, 8);
    assert_true(text_starts(buffer_view(&crew_process(crew)->seen), TEXT("answer 1 ")));
    assert_int_equal(crew_worker(crew)->relay.waits.count, 0);
    buffer_clear(&crew_process(crew)->seen);
    SAY(crew, call_file_open, .call = 2, .handle = TEXT("abc")); /* asked while it is away */
    assert_true(text_starts(buffer_view(&crew_process(crew)->seen), TEXT("answer 2 ")));
}

static void test_making_a_file(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    SAY(crew, call_file_make, .call = 1, .name = TEXT("a \"b\".png"), .mime_type = TEXT("image/png"));
    crew_expect(&process->seen, "answer 1 0 {\"file\":1}\n");
    SAY(crew, call_file_append, .call = 2, .file = 1, .bytes = TEXT("bytes"));
    crew_expect(&process->seen, "answer 2 0 \n");
    SAY(crew, call_file_finish, .call = 3, .file = 1);
    crew_expect(&crew->store_seen, "make a \"b\".png\nappend 5\nend 1\n");
    channel_send_file_made(crew->rig.store, 0, &(struct message_file_made){crew->question, TEXT("h/1"), 5});
    crew_turn(crew, 8);
    assert_non_null(strstr(crew_text(&process->seen), "\"path\":\"h/1\",\"url\":\"http://localhost"));
    assert_non_null(strstr(crew_text(&process->seen), "\"size\":5,\"orig_name\":\"a \\\"b\\\".png\",\"mime_type\":\"image/png\""));
    assert_int_equal(crew_worker(crew)->relay.files.count, 0);
}

static void test_an_unfinished_file_is_dropped(void **state)
{
    struct crew *crew = *state;
    SAY(crew, call_file_make, .call = 1, .name = TEXT("a"), .mime_type = TEXT("b"));
    crew_done(crew_process(crew), 0, "[1]");
    crew_expect(&crew->store_seen, "make a\nend 0\n");
}

/* Fills what waits for a peer that does not read, up to so many bytes. */
static void fill(struct crew *crew, struct channel *to, struct channel *reader, size_t bytes)
{
    static char line[16000];
    loop_channel_pause(reader, true);
    memset(line, 'x', sizeof line);
    for (int full = 0; full < 2;) {
        struct message_log_append log = {.level = TEXT("info"), .line = {line, sizeof line}};
        struct message_infer_job job = {.model = TEXT("m"), .op = TEXT("run"), .arguments = {line, sizeof line}};
        int code = to == crew->rig.gateway.store ? channel_send_log_append(to, 0, &log) : channel_send_infer_job(to, 0, &job);
        if (code < 0 || channel_queued_bytes(to) >= bytes) {
            full++;
            crew_turn(crew, 5); /* the socket takes some */
        }
    }
}

static void test_who_writes_faster_than_the_store_is_paced(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    SAY(crew, call_file_make, .call = 1, .name = TEXT("a"), .mime_type = TEXT("b"));
    buffer_clear(&process->seen);
    fill(crew, crew->rig.gateway.store, crew->rig.store, BOUNDS_STORE_BEHIND_BYTES + (1 << 20));
    channel_send_call_file_append(process->channel, process->streams[0],
                                  &(struct message_call_file_append){.call = 2, .file = 1, .bytes = TEXT("x")});
    uint64_t before_ms = clock_now_ms();
    while (process->seen.length == 0 && clock_now_ms() - before_ms < 5000)
        crew_turn(crew, 1);
    assert_true(clock_now_ms() - before_ms + 10 >= BOUNDS_PULSE_MS); /* loop timers are some milliseconds coarse */
    crew_expect(&process->seen, "answer 2 0 \n");
}

/* A piece that found no room must never become a file with a hole. */
static void test_a_file_that_lost_a_piece_fails(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    static char piece[40000];
    SAY(crew, call_file_make, .call = 1, .name = TEXT("a"), .mime_type = TEXT("b"));
    buffer_clear(&crew->store_seen);
    buffer_clear(&process->seen);
    fill(crew, crew->rig.gateway.store, crew->rig.store, BOUNDS_CHANNEL_QUEUE_BYTES);
    SAY(crew, call_file_append, .call = 2, .file = 1, .bytes = {piece, sizeof piece});
    assert_non_null(strstr(crew_text(&process->seen), "the server cannot write that fast"));
    loop_channel_pause(crew->rig.store, false);
    crew_turn(crew, 400);
    buffer_clear(&process->seen);
    buffer_clear(&crew->store_seen);
    SAY(crew, call_file_append, .call = 3, .file = 1, .bytes = TEXT("x"));
    SAY(crew, call_file_finish, .call = 4, .file = 1);
    assert_null(strstr(crew_text(&process->seen), "answer 3 0"));
    assert_null(strstr(crew_text(&process->seen), "answer 4 0"));
    crew_done(process, 0, "[1]");
    crew_expect(&crew->store_seen, "end 0\n");
}

static void test_a_model(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    SAY(crew, call_model, .call = 5, .model = TEXT("ann/net"), .op = TEXT("run"));
    crew_expect(&crew->infer_seen, "job ann/net run\n");
    channel_send_infer_result(crew->infer, 0, &(struct message_infer_result){.job = crew->job, .body = TEXT("{}")});
    channel_send_infer_result(crew->infer, 0, &(struct message_infer_result){.job = crew->job, .body = TEXT("again")});
    channel_send_infer_result(crew->infer, 0, &(struct message_infer_result){.job = 4711, .body = TEXT("unasked")});
    crew_turn(crew, 8);
    crew_expect(&process->seen, "answer 5 0 {}\n");
    assert_int_equal(crew->calls->jobs.count, 0);
}

static void test_a_model_of_a_call_that_is_cancelled(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    SAY(crew, call_model, .call = 5, .model = TEXT("ann/net"), .op = TEXT("run"));
    struct call *call = call_find_stream(&crew->calls->table, process->streams[0]);
    worker_cancel(call->worker, call);
    crew_turn(crew, 8);
    crew_expect(&crew->infer_seen, "job ann/net run\ncancel\n");
    channel_send_infer_result(crew->infer, 0, &(struct message_infer_result){.job = crew->job, .body = TEXT("{}")});
    crew_turn(crew, 8);
    crew_expect(&process->seen, "cancel\n");
}

static void test_the_backend_goes_or_is_full(void **state)
{
    struct crew *crew = *state;
    struct crew_process *process = crew_process(crew);
    SAY(crew, call_model, .call = 5, .model = TEXT("ann/net"), .op = TEXT("run"));
    fill(crew, crew->rig.gateway.infer, crew->infer, BOUNDS_CHANNEL_QUEUE_BYTES);
    SAY(crew, call_model, .call = 6, .model = TEXT("ann/net"), .op = TEXT("run"),
        .tensors = {(char[20000]){0}, 20000});
    assert_non_null(strstr(crew_text(&process->seen), "has too much to do"));
    assert_int_equal(crew->calls->jobs.count, 1);
    buffer_clear(&process->seen);
    loop_channel_detach(&crew->rig.loop, crew->infer);
    crew_turn(crew, 8);
    assert_non_null(strstr(crew_text(&process->seen), "answer 5 "));
    assert_non_null(strstr(crew_text(&process->seen), "stopped while it worked"));
    SAY(crew, call_model, .call = 7, .model = TEXT("ann/net"), .op = TEXT("run"));
    crew_attach_infer(crew);
    crew_turn(crew, 8);
    buffer_clear(&crew->infer_seen);
    buffer_clear(&process->seen);
    SAY(crew, call_model, .call = 8, .model = TEXT("ann/net"), .op = TEXT("run"));
    crew_expect(&crew->infer_seen, "job ann/net run\n");
}

static void test_the_log(void **state)
{
    struct crew *crew = *state;
    SAY(crew, worker_log, .level = TEXT("error"), .line = TEXT("one\ntwo\x1b[2J\tthree"));
    SAY(crew, worker_log, .level = TEXT("shout"), .line = TEXT("f\xc3\xbcnf"));
    crew_expect(&crew->store_seen, "log error one\xef\xbf\xbdtwo\xef\xbf\xbd[2J\tthree\nlog info f\xc3\xbcnf\n");
    SAY(crew, worker_log, .level = TEXT("info"), .line = TEXT("\xff"));
    assert_true(was_killed(crew));
}

static void test_a_flood_of_lines(void **state)
{
    struct crew *crew = *state;
    struct relay *relay = &crew_worker(crew)->relay;
    struct crew_process *process = crew_process(crew);
    for (int i = 0; i < BOUNDS_LOG_LINES_PER_SECOND + 50; i++)
        channel_send_worker_log(process->channel, 0, &(struct message_worker_log){TEXT("info"), TEXT("line")});
    crew_turn(crew, 30);
    size_t lines = 0;
    for (size_t i = 0; i < crew->store_seen.length; i++)
        lines += crew->store_seen.data[i] == '\n';
    if (relay->log_lines == BOUNDS_LOG_LINES_PER_SECOND + 50) /* all in one second, as nearly always */
        assert_int_equal(lines, BOUNDS_LOG_LINES_PER_SECOND + 1);
    assert_true(lines <= 2 * (BOUNDS_LOG_LINES_PER_SECOND + 1));
    assert_false(was_killed(crew));
}

#define RELAY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RELAY_TEST(test_a_sleep_ends_once),
        RELAY_TEST(test_one_id_asks_once),
        RELAY_TEST(test_questions_are_bounded),
        RELAY_TEST(test_whose_call_it_is),
        RELAY_TEST(test_files_of_the_repository),
        RELAY_TEST(test_open_files_are_bounded_and_go_with_the_call),
        RELAY_TEST(test_an_upload_the_store_does_not_have),
        RELAY_TEST(test_the_store_goes),
        RELAY_TEST(test_making_a_file),
        RELAY_TEST(test_an_unfinished_file_is_dropped),
        RELAY_TEST(test_who_writes_faster_than_the_store_is_paced),
        RELAY_TEST(test_a_file_that_lost_a_piece_fails),
        RELAY_TEST(test_a_model),
        RELAY_TEST(test_a_model_of_a_call_that_is_cancelled),
        RELAY_TEST(test_the_backend_goes_or_is_full),
        RELAY_TEST(test_the_log),
        RELAY_TEST(test_a_flood_of_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
