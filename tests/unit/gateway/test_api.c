/* The routes of the protocol: what each reads, who may cancel whose call, and what is said to requests that make no
 * sense. */
#include "gateway/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/call.h"
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

/* The id that a join or call was answered with. */
static void read_id(const struct crew_client *client, char id[CALL_ID_LENGTH + 1])
{
    const char *place = strstr(client->text.data, "{\"event_id\":\"");
    assert_non_null(place);
    memcpy(id, place + 13, CALL_ID_LENGTH);
    id[CALL_ID_LENGTH] = '\0';
}

static struct crew_client *cancel(struct crew *crew, const char *id, const char *session)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&body, "{\"event_id\":\"%s\",\"session_hash\":%s,\"fn_index\":1}", id, session);
    return crew_ask(crew, "cancel", crew_text(&body));
}

static void test_who_may_cancel(void **state)
{
    struct crew *crew = *state;
    char id[CALL_ID_LENGTH + 1];
    read_id(crew_join(crew, 1, "s", "[1]"), id);
    assert_true(crew_has(cancel(crew, id, "\"other\""), "{\"success\":true}"));
    assert_true(crew_has(cancel(crew, id, "null"), "{\"success\":true}"));
    assert_int_equal(crew->calls->counts.cancelled, 0);
    assert_true(crew_has(cancel(crew, id, "\"s\""), "{\"success\":true}"));
    assert_int_equal(crew->calls->counts.cancelled, 1);
    assert_true(crew_has(cancel(crew, id, "\"s\""), "{\"success\":true}")); /* it is over already */
    assert_int_equal(crew->calls->counts.cancelled, 1);
}

/* Without a session the random id is the proof. */
static void test_cancelling_a_call_without_a_session(void **state)
{
    struct crew *crew = *state;
    char id[CALL_ID_LENGTH + 1];
    read_id(crew_ask(crew, "call/echo", "{\"data\":[1]}"), id);
    cancel(crew, "00000000000000000000000000000000", "null");
    assert_int_equal(crew->calls->counts.cancelled, 0);
    cancel(crew, id, "null");
    assert_int_equal(crew->calls->counts.cancelled, 1);
}

static void test_cancels_that_make_no_sense(void **state)
{
    static const char *const bodies[] = {"", "[]", "7", "{\"event_id\":7}", "{\"event_id\":null}",
                                         "{\"event_id\":\"\"}", "nonsense"};
    struct crew *crew = *state;
    crew_ask(crew, "run/echo", "{\"data\":[1]}"); /* its id is empty, and nobody's */
    for (size_t i = 0; i < MEMORY_COUNT(bodies); i++)
        assert_true(crew_has(crew_ask(crew, "cancel", bodies[i]), "{\"success\":true}"));
    assert_int_equal(crew->calls->counts.cancelled, 0);
}

static void test_a_call_is_read_by_its_id(void **state)
{
    struct crew *crew = *state;
    char id[CALL_ID_LENGTH + 1], path[64] = "call/echo/";
    read_id(crew_ask(crew, "call/echo", "{\"data\":[1]}"), id);
    crew_done(crew_process(crew), 0, "[5]");
    strcat(path, id);
    assert_true(crew_has(crew_ask(crew, path, NULL), "event: complete\ndata: [5]\n\n"));
    assert_true(crew_has(crew_ask(crew, "call/echo/00000000000000000000000000000000", NULL), "event: error\n"));
    assert_true(crew_has(crew_ask(crew, "call/echo", NULL), "event: error\n"));
    assert_true(crew_has(crew_ask(crew, id, NULL), "HTTP/1.1 404"));
}

/* An id is worth nothing at another demo. */
static void test_a_call_of_another_demo(void **state)
{
    struct crew *crew = *state;
    char id[CALL_ID_LENGTH + 1];
    struct buffer path BUFFER_AUTO = BUFFER_EMPTY;
    read_id(crew_ask(crew, "call/echo", "{\"data\":[1]}"), id);
    crew_done(crew_process(crew), 0, "[\"secret\"]");
    rig_add(&crew->rig, &(struct rig_demo){"bob-other", "bob/other", 2, 2, NULL});
    rig_publish(&crew->rig, 2, (const struct rig_file[]){
        {".vitrine/config.json", "{}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":" FUNCTIONS "}"},
        {0}});
    buffer_format(&path, "/spaces/bob/other/-/gradio_api/call/echo/%s", id);
    rig_get(&crew->rig, "localhost", crew_text(&path), "");
    assert_int_equal(rig_status(&crew->rig), 404);
    assert_false(rig_has(&crew->rig, "secret"));
}

static void test_streams_need_a_name(void **state)
{
    static const char *const paths[] = {"queue/data", "queue/data?session_hash=", "queue/data?session_hash=a%20b",
                                        "queue/data?session_hash=%3Cscript%3E", "heartbeat/a%20b"};
    struct crew *crew = *state;
    for (size_t i = 0; i < MEMORY_COUNT(paths); i++)
        assert_true(crew_has(crew_ask(crew, paths[i], NULL), "HTTP/1.1 400"));
    assert_int_equal(crew->calls->sessions.sessions.count, 0);
    assert_true(list_is_empty(&crew->calls->streams));
}

static void test_small_ones(void **state)
{
    struct crew *crew = *state;
    assert_true(crew_has(crew_ask(crew, "reset", "{}"), "{\"success\":true}"));
    assert_true(crew_has(crew_ask(crew, "app_id", NULL), "{\"app_id\":1}"));
    assert_true(crew_has(crew_ask(crew, "queue/status", NULL), "\"queue_size\":0"));
    assert_true(crew_has(crew_ask(crew, "component_server", "{}"), "HTTP/1.1 404"));
    assert_true(crew_has(crew_ask(crew, "queue/join", NULL), "HTTP/1.1 405"));
    assert_int_equal(crew->process_count, 0); /* none of them wakes a demo */
}

static void test_files_of_the_repository(void **state)
{
    struct crew *crew = *state;
    struct crew_client *client = crew_ask(crew, "file=release/data/seven.txt", NULL);
    assert_true(crew_has(client, "HTTP/1.1 200"));
    assert_true(crew_has(client, "\r\n\r\nseven"));
    assert_true(crew_has(crew_ask(crew, "file=release/none", NULL), "HTTP/1.1 404"));
    assert_true(crew_has(crew_ask(crew, "file=release/.vitrine/manifest.json", NULL), "HTTP/1.1 404"));
    assert_int_equal(crew->rig.forwarded, 0);
    crew_ask(crew, "file/abc", NULL); /* an older spelling of an upload's address */
    assert_int_equal(crew->rig.forwarded, 1);
}

#define API_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(test_who_may_cancel),
        API_TEST(test_cancelling_a_call_without_a_session),
        API_TEST(test_cancels_that_make_no_sense),
        API_TEST(test_a_call_is_read_by_its_id),
        API_TEST(test_a_call_of_another_demo),
        API_TEST(test_streams_need_a_name),
        API_TEST(test_small_ones),
        API_TEST(test_files_of_the_repository),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
