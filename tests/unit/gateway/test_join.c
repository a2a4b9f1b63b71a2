/* From a request to a call: what is refused, with which words and before anybody was woken; what is waited for; and who
 * leaves while it is. */
#include "gateway/join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "gateway/release.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS                                                                                                      \
    "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2],\"parameter_names\":[\"x\"]},"                  \
    "{\"id\":2,\"api_name\":\"count\",\"inputs\":[3],\"outputs\":[2,3],\"state_inputs\":[0],\"state_outputs\":[1]}," \
    "{\"id\":3,\"api_name\":\"hidden\",\"visibility\":\"private\",\"inputs\":[],\"outputs\":[]},"                    \
    "{\"id\":4,\"api_name\":\"look\",\"inputs\":[5],\"outputs\":[2],\"file_inputs\":[0]},"                            \
    "{\"id\":5,\"api_name\":\"stop\",\"inputs\":[],\"outputs\":[],\"cancels\":[1]}]"

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

static void test_refusals_wake_nobody(void **state)
{
    static const struct {
        const char *path, *body, *status, *words;
    } rows[] = {
        {"queue/join", "nonsense", "400", "must be a JSON object"},
        {"queue/join", "[1]", "400", "must be a JSON object"},
        {"queue/join", "{\"fn_index\":1,\"data\":[1]}", "400", "session_hash"},
        {"queue/join", "{\"fn_index\":1,\"data\":[1],\"session_hash\":\"a b\"}", "400", "session_hash"},
        {"queue/join", "{\"fn_index\":99,\"data\":[1],\"session_hash\":\"s\"}", "404", "no function of that name"},
        {"queue/join", "{\"fn_index\":-1,\"data\":[1],\"session_hash\":\"s\"}", "400", "fn_index"},
        {"queue/join", "{\"fn_index\":1,\"data\":{},\"session_hash\":\"s\"}", "400", "array"},
        {"queue/join", "{\"fn_index\":3,\"data\":[],\"session_hash\":\"s\"}", "403", "private"},
        {"run/nobody", "{\"data\":[1]}", "404", "no function of that name"},
        {"run/echo", "{\"data\":[1,2]}", "422", "More values than the function has inputs"},
        {"run/echo", "{\"data\":[]}", "422", "This value is missing"},
        {"call/v2/echo", "{\"y\":1}", "422", "no parameter of that name"},
        {"run/look", "{\"data\":[{\"path\":\"https://x/y\",\"meta\":{\"_type\":\"gradio.FileData\"}}]}", "422", "send the file itself"},
        {"run/look", "{\"data\":[{\"path\":\"release/none\",\"meta\":{\"_type\":\"gradio.FileData\"}}]}", "422", "no file of this name"},
    };
    struct crew *crew = *state;
    for (size_t i = 0; i < MEMORY_COUNT(rows); i++) {
        struct crew_client *client = crew_ask(crew, rows[i].path, rows[i].body);
        assert_memory_equal(client->text.data + 9, rows[i].status, 3);
        assert_true(crew_has(client, rows[i].words));
    }
    assert_int_equal(crew->process_count, 0);
    assert_int_equal(crew->calls->counts.refused, MEMORY_COUNT(rows));
    assert_int_equal(crew->calls->sessions.sessions.count, 0);
}

/* The store is asked for each handle; what it does not know is told beside its input. */
static void test_files_are_asked_for(void **state)
{
    struct crew *crew = *state;
    const char *body = "{\"data\":[{\"path\":\"h1\",\"meta\":{\"_type\":\"gradio.FileData\"}}]}";
    struct crew_client *unknown = crew_ask(crew, "run/look", body);
    crew_expect(&crew->store_seen, "open h1\n");
    channel_send_request_failed(crew->rig.store, 0,
                                &(struct message_request_failed){crew->question, (uint32_t)-ERROR_NOT_FOUND, TEXT("")});
    crew_turn(crew, 20);
    assert_true(crew_has(unknown, "HTTP/1.1 422"));
    assert_true(crew_has(unknown, "Upload it again"));
    struct crew_client *away = crew_ask(crew, "run/look", body);
    rig_lose_store(&crew->rig);
    crew_turn(crew, 20);
    assert_true(crew_has(away, "HTTP/1.1 503"));
    assert_int_equal(crew->process_count, 0);
}

static void test_the_client_leaves_while_the_store_is_asked(void **state)
{
    struct crew *crew = *state;
    crew->store_waits = true;
    struct crew_client *client = crew_join(crew, 2, "s", "[null]");
    crew_expect(&crew->store_seen, "load s\n");
    assert_int_equal(crew->calls->requests.count, 1);
    crew_leave(client);
    assert_int_equal(crew->calls->requests.count, 0);
    assert_int_equal(crew->calls->sessions.sessions.count, 0);
    channel_send_state_loaded(crew->rig.store, 0, &(struct message_state_loaded){crew->question, TEXT("{\"3\":1}")});
    crew_turn(crew, 20);
    assert_int_equal(crew->process_count, 0);
}

static void test_values_come_from_the_store(void **state)
{
    struct crew *crew = *state;
    crew->store_waits = true;
    crew_join(crew, 2, "s", "[null]");
    channel_send_state_loaded(crew->rig.store, 0, &(struct message_state_loaded){crew->question, TEXT("{\"3\":41}")});
    crew_turn(crew, 20);
    assert_int_equal(crew_process(crew)->given, 1);
    assert_string_equal(session_state(session_find(&crew->calls->sessions, 1, TEXT("s")), 3), "41");
}

/* Beginning anew would overwrite what is there. */
static void test_values_that_cannot_be_read_are_waited_for(void **state)
{
    struct crew *crew = *state;
    crew->store_waits = true;
    struct crew_client *client = crew_join(crew, 2, "s", "[null]");
    rig_lose_store(&crew->rig);
    crew_turn(crew, 20);
    assert_true(crew_has(client, "HTTP/1.1 503"));
    assert_true(crew_has(client, "remembers of your visit"));
    assert_int_equal(crew->process_count, 0);
}

static void test_waiting_calls_are_bounded(void **state)
{
    struct crew *crew = *state;
    crew->calls->table.waiting_bytes += BOUNDS_CALLS_WAITING_BYTES;
    struct crew_client *client = crew_join(crew, 1, "s", "[1]");
    assert_true(crew_has(client, "HTTP/1.1 503"));
    assert_true(crew_has(client, "more calls waiting than it can hold"));
    crew->calls->table.waiting_bytes -= BOUNDS_CALLS_WAITING_BYTES;
    assert_true(crew_has(crew_join(crew, 1, "s", "[1]"), "HTTP/1.1 200"));
}

static void test_a_session_s_calls_are_bounded(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    struct session *session = session_find(&crew->calls->sessions, 1, TEXT("s"));
    session->call_count += BOUNDS_SESSION_EVENTS - 1;
    assert_true(crew_has(crew_join(crew, 1, "s", "[1]"), "too many calls under way"));
    session->call_count -= BOUNDS_SESSION_EVENTS - 1;
    assert_true(crew_has(crew_join(crew, 1, "s", "[1]"), "HTTP/1.1 200"));
}

static void test_a_function_cancels_its_session_s_calls(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    crew_join(crew, 1, "other", "[2]");
    crew_join(crew, 5, "s", "[]");
    assert_int_equal(crew->calls->counts.cancelled, 1);
    crew_expect(&crew_process(crew)->seen, "begin\nstart 1 [1]\nstart 1 [2]\ncancel\nstart 5 []\n");
}

static void test_the_queue_has_an_end(void **state)
{
    struct crew *crew = *state;
    crew_join(crew, 1, "s", "[1]");
    crew_worker(crew)->queue.max_waiting = 0;
    struct crew_client *client = crew_join(crew, 1, "s", "[1]");
    assert_true(crew_has(client, "HTTP/1.1 503"));
    assert_true(crew_has(client, "Queue is full. Max size is 0 and size is 0."));
}

/* Two first visitors may have the same bundle opened twice: the call must speak of the worker's own functions, which stay
 * as long as it does. */
static void test_one_release_mapped_twice(void **state)
{
    struct crew *crew = *state;
    struct release *second;
    crew_join(crew, 1, "s", "[1]");
    struct worker *worker = crew_worker(crew);
    struct release *first = worker->demo->release;
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    assert_int_equal(write(fd, crew->rig.bundles[1].data, crew->rig.bundles[1].length), crew->rig.bundles[1].length);
    const struct release_source source = {.id = 1, .demo_id = 1, .commit = text_from(first->commit),
                                          .digest = text_from(first->digest), .fd = fd};
    assert_int_equal(release_open(&crew->rig.gateway.demos.releases, &source, &second), 0);
    worker->demo->release = second;
    crew_join(crew, 2, "s", "[null]");
    struct call *call = call_find_stream(&crew->calls->table, crew_process(crew)->streams[1]);
    assert_ptr_equal(call->function, function_by_id(worker->functions, 2));
    worker->demo->release = first;
    release_drop(second);
    crew_done(crew_process(crew), 1, "[1,null]");
    assert_int_equal(crew->calls->counts.done, 1);
}

#define JOIN_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOIN_TEST(test_refusals_wake_nobody),
        JOIN_TEST(test_files_are_asked_for),
        JOIN_TEST(test_the_client_leaves_while_the_store_is_asked),
        JOIN_TEST(test_values_come_from_the_store),
        JOIN_TEST(test_values_that_cannot_be_read_are_waited_for),
        JOIN_TEST(test_waiting_calls_are_bounded),
        JOIN_TEST(test_a_session_s_calls_are_bounded),
        JOIN_TEST(test_a_function_cancels_its_session_s_calls),
        JOIN_TEST(test_the_queue_has_an_end),
        JOIN_TEST(test_one_release_mapped_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
