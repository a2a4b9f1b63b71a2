/* ui.state on its way to a worker and back: only what the function has, only what it may change. */
#include "gateway/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "gateway/call.h"
#include "gateway/function.h"
#include "gateway/session.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"

/* Function 1 reads components 3 and 4 and writes 4; function 2 has no state. */
static const char manifest[] = "{\"functions\":[{\"id\":1,\"inputs\":[1,3,4],\"outputs\":[2,4],\"state_inputs\":[1,2],"
                               "\"state_outputs\":[1]},{\"id\":2,\"inputs\":[1],\"outputs\":[2]}]}";

static bool take_all(void *context, struct session *session)
{
    (void)context;
    (void)session;
    return true;
}

static const struct session_actions actions = {.save = take_all};

struct fixture {
    struct function_table functions;
    struct session_table sessions;
    struct call_table calls;
    struct call *call;
    struct buffer out;
};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    assert_int_equal(function_table_read(&fixture->functions, text_from(manifest)), 0);
    session_table_init(&fixture->sessions, &actions, NULL);
    call_table_init(&fixture->calls);
    fixture->call = call_new(&fixture->calls, CALL_ON_SESSION);
    fixture->call->function = function_by_id(&fixture->functions, 1);
    fixture->call->session = session_need(&fixture->sessions, 7, TEXT("ann"));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    call_table_release(&fixture->calls);
    session_table_release(&fixture->sessions);
    function_table_release(&fixture->functions);
    buffer_release(&fixture->out);
    free(fixture);
    return 0;
}

static const char *written(struct fixture *fixture)
{
    buffer_clear(&fixture->out);
    state_write(fixture->call, &fixture->out);
    return fixture->out.data;
}

static void test_what_a_worker_gets(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(written(fixture), "{}"); /* nothing was kept yet */
    session_set_state(fixture->call->session, 4, TEXT("{\"n\":1}"), 1);
    session_set_state(fixture->call->session, 9, TEXT("\"another function's\""), 1);
    assert_string_equal(written(fixture), "{\"4\":{\"n\":1}}");
    session_set_state(fixture->call->session, 3, TEXT("5"), 1);
    assert_string_equal(written(fixture), "{\"3\":5,\"4\":{\"n\":1}}");
    fixture->call->function = function_by_id(&fixture->functions, 2);
    assert_string_equal(written(fixture), "{}");
    fixture->call->session = NULL; /* a /run call without a session */
    fixture->call->function = function_by_id(&fixture->functions, 1);
    assert_string_equal(written(fixture), "{}");
}

static void test_what_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct session *session = fixture->call->session;
    assert_int_equal(state_read(fixture->call, TEXT(""), 1), 0);
    assert_int_equal(state_read(fixture->call, TEXT("{}"), 1), 0);
    assert_int_equal(state_read(fixture->call, TEXT("{\"4\":[1,2]}"), 1), 0);
    assert_string_equal(session_state(session, 4), "[1,2]");
    fixture->call->session = NULL; /* checked all the same */
    assert_int_equal(state_read(fixture->call, TEXT("{\"4\":1}"), 1), 0);
    assert_int_equal(state_read(fixture->call, TEXT("{\"3\":1}"), 1), ERROR_INVALID);
    assert_string_equal(session_state(session, 4), "[1,2]");
}

static void test_what_an_enemy_sends_back(void **state)
{
    static const char *const wrong[] = {"[]", "{", "7", "{\"3\":1}" /* an input only */, "{\"99\":1}", "{\"x\":1}",
                                        "{\"-4\":1}", "{\"4294967300\":1}" /* 4, if it were cut to 32 bits */};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (state_read(fixture->call, text_from(wrong[i]), 1) != ERROR_INVALID)
            fail_msg("%s was taken", wrong[i]);
    assert_null(session_state(fixture->call->session, 4));
}

static void test_too_much(void **state)
{
    struct fixture *fixture = *state;
    struct buffer large BUFFER_AUTO = BUFFER_EMPTY;
    buffer_string(&large, "{\"4\":\"");
    for (size_t i = 0; i < BOUNDS_SESSION_STATE_BYTES; i++)
        buffer_byte(&large, 'x');
    buffer_string(&large, "\"}");
    session_set_state(fixture->call->session, 4, TEXT("1"), 1);
    assert_int_equal(state_read(fixture->call, buffer_view(&large), 1), ERROR_LIMIT);
    assert_string_equal(session_state(fixture->call->session, 4), "1"); /* the old value stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_worker_gets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_an_enemy_sends_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_much, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
