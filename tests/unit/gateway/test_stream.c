/* Event streams: whose they are, what keeps them alive, who ends them, and that one that does not read is cut. */
#include "gateway/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/answer.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
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

static struct session *session_of(struct crew *crew, const char *name)
{
    return session_find(&crew->calls->sessions, 1, text_from(name));
}

static void test_a_beat_for_everybody(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *page = crew_ask(crew, "queue/data?session_hash=s", NULL);
    struct crew_client *alive = crew_ask(crew, "heartbeat/s", NULL);
    assert_false(crew_has(page, "heartbeat"));
    stream_beat(crew->calls);
    crew_turn(crew, 10);
    assert_true(crew_has(page, "data: {\"msg\":\"heartbeat\"}\n\n"));
    assert_non_null(strstr(strstr(alive->text.data, "data: ALIVE\n\n") + 1, "data: ALIVE\n\n"));
    assert_true(crew_has(page, "Content-Type: text/event-stream"));
    assert_true(crew_has(page, "X-Accel-Buffering: no"));
}

static void test_leaving_frees_the_stream(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *page = crew_ask(crew, "queue/data?session_hash=s", NULL);
    assert_int_not_equal(session_of(crew, "s")->stream, 0);
    crew_leave(page);
    assert_int_equal(session_of(crew, "s")->stream, 0);
    assert_true(list_is_empty(&crew->calls->streams));
    assert_int_equal(crew->calls->counts.cancelled, 0); /* the page may come back */
}

static void test_the_newest_stream_gets_what_follows(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct crew_client *old = crew_ask(crew, "queue/data?session_hash=s", NULL);
    struct crew_client *new = crew_ask(crew, "queue/data?session_hash=s", NULL);
    assert_true(crew_has(old, "close_stream"));
    crew_done(crew_process(crew), 0, "[\"last\"]");
    assert_false(crew_has(old, "last"));
    assert_true(crew_has(new, "last"));
    crew_leave(old); /* a late goodbye of the old one changes nothing */
    assert_int_not_equal(session_of(crew, "s")->stream, 0);
}

/* Nobody came back: the calls of the session end. */
static void test_a_session_nobody_reads_is_given_up(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    stream_actions.abandon(crew->calls, session_of(crew, "s"));
    crew_turn(crew, 10);
    assert_int_equal(crew->calls->counts.cancelled, 1);
    crew_expect(&crew_process(crew)->seen, "begin\nstart 1 [1]\ncancel\n");
}

/* The number of a reader's stream, opened by a client that reads nothing. */
static struct crew_client *open_deaf_reader(struct crew *crew, struct call **ret_call)
{
    char path[64] = "call/echo/";
    struct crew_client *asked = crew_ask(crew, "call/echo", "{\"data\":[1]}");
    strncat(path, strstr(asked->text.data, "event_id\":\"") + 11, CALL_ID_LENGTH);
    struct crew_client *reader = crew_ask(crew, path, NULL);
    reader->deaf = true;
    *ret_call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[0]);
    assert_int_equal((*ret_call)->watcher_count, 1);
    return reader;
}

static void test_a_reader_that_does_not_read_is_cut(void **state)
{
    struct crew *crew = *state;
    struct call *call;
    static char large[1 << 20];
    size_t sent = 0;
    open_deaf_reader(crew, &call);
    memset(large, 'x', sizeof large);
    struct stream *stream = call->watchers[0];
    assert_false(answer_is_full(call));
    call_unwatch(call, stream);
    int code = stream_write(stream, (struct text){large, sizeof large});
    for (; code != ERROR_CLOSED && sent < 64; sent++) {
        assert_true(sent == 0 || stream->slow);
        code = stream_write(stream, (struct text){large, sizeof large});
    }
    assert_int_equal(code, ERROR_CLOSED);
    assert_true(sent <= (BOUNDS_SESSION_RESULT_BYTES >> 20) + 2);
    assert_true(list_is_empty(&crew->calls->streams));
}

/* Credit is withheld while a reader is behind, and comes when it caught up or left. */
static void test_a_slow_reader_holds_its_call(void **state)
{
    struct crew *crew = *state;
    struct call *call;
    static char large[1 << 20];
    struct crew_client *reader = open_deaf_reader(crew, &call);
    memset(large, 'x', sizeof large);
    stream_write(call->watchers[0], (struct text){large, sizeof large});
    stream_write(call->watchers[0], (struct text){large, sizeof large});
    assert_true(answer_is_full(call));
    call->uncredited = 100000;
    worker_credit(call->worker, call);
    assert_int_equal(call->uncredited, 100000);
    crew_leave(reader);
    assert_int_equal(call->uncredited, 0);
    assert_non_null(strstr(crew_text(&crew_process(crew)->seen), "credit 100000\n"));
}

static void test_a_slow_reader_catches_up(void **state)
{
    struct crew *crew = *state;
    struct call *call;
    static char large[1 << 20];
    struct crew_client *reader = open_deaf_reader(crew, &call);
    memset(large, 'x', sizeof large);
    stream_write(call->watchers[0], (struct text){large, sizeof large});
    stream_write(call->watchers[0], (struct text){large, sizeof large});
    call->uncredited = 100000;
    reader->deaf = false;
    crew_turn(crew, 200);
    assert_false(answer_is_full(call));
    assert_int_equal(call->uncredited, 0);
}

#define STREAM_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(test_a_beat_for_everybody),
        STREAM_TEST(test_leaving_frees_the_stream),
        STREAM_TEST(test_the_newest_stream_gets_what_follows),
        STREAM_TEST(test_a_session_nobody_reads_is_given_up),
        STREAM_TEST(test_a_reader_that_does_not_read_is_cut),
        STREAM_TEST(test_a_slow_reader_holds_its_call),
        STREAM_TEST(test_a_slow_reader_catches_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
