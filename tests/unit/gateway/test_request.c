/* Questions of the call path to the store: every one is answered exactly once, also when nobody is there to answer. */
#include "gateway/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/calls.h"
#include "tests/unit/gateway/rig.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"

/* What came back. */
struct heard {
    unsigned times;
    int status, fd;
    uint64_t size;
    char text[128];
};

static void on_answer(void *context, struct request_answer *answer)
{
    struct heard *heard = context;
    struct text text = answer->status ? answer->reason : answer->handle.data ? answer->handle : answer->state;
    heard->times++;
    heard->status = answer->status;
    heard->fd = fd_steal(&answer->fd);
    heard->size = answer->size;
    snprintf(heard->text, sizeof heard->text, TEXT_FORMAT, TEXT_ARGUMENT(text));
}

static int setup(void **state)
{
    struct rig *rig = MEMORY_NEW(struct rig);
    rig_start(rig);
    rig->silent = true; /* answers are made by hand here */
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    free(*state);
    return 0;
}

static bool deliver(struct rig *rig, enum message_type type, struct buffer *body, int fd)
{
    struct message_in in = {.type = type, .body = buffer_view(body), .fds = {fd, -1, -1, -1}, .fd_count = fd >= 0};
    bool known = request_message(rig->gateway.calls, &in);
    fd_close(&in.fds[0]); /* what nobody took */
    buffer_clear(body);
    return known;
}

static uint32_t ask_state(struct rig *rig, struct heard *heard)
{
    uint32_t id = request_state(rig->gateway.calls, 7, "ann", on_answer, heard);
    assert_int_not_equal(id, 0);
    assert_int_equal(heard->times, 0); /* never from inside */
    return id;
}

static void test_an_answer(void **state)
{
    struct rig *rig = *state;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct heard heard = {0}, other = {0};
    uint32_t id = ask_state(rig, &heard), open = ask_state(rig, &other);
    message_state_loaded_pack(&body, &(struct message_state_loaded){id, TEXT("{\"3\":1}")});
    assert_true(deliver(rig, MESSAGE_state_loaded, &body, -1));
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.status, 0);
    assert_string_equal(heard.text, "{\"3\":1}");
    message_state_loaded_pack(&body, &(struct message_state_loaded){id, TEXT("{\"3\":2}")});
    deliver(rig, MESSAGE_state_loaded, &body, -1); /* twice: the question is over */
    assert_int_equal(heard.times, 1);
    assert_int_equal(other.times, 0);
    request_forget(rig->gateway.calls, open);
}

static void test_a_descriptor_reaches_who_asked_or_is_closed(void **state)
{
    struct rig *rig = *state;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct heard heard = {0};
    const struct request_file file = {.demo_id = 7, .session = TEXT("ann"), .handle = TEXT("/f/x")};
    uint32_t id = request_file_open(rig->gateway.calls, &file, on_answer, &heard);
    const struct message_file_opened opened = {id, 12, TEXT("text/plain"), TEXT("x")};
    int fd = open("/dev/null", O_RDONLY);
    message_file_opened_pack(&body, &opened);
    assert_true(deliver(rig, MESSAGE_file_opened, &body, fd));
    assert_int_equal(heard.fd, fd);
    assert_int_equal(heard.size, 12);
    close(fd);
    id = request_file_open(rig->gateway.calls, &file, on_answer, &heard);
    request_forget(rig->gateway.calls, id);
    fd = open("/dev/null", O_RDONLY);
    message_file_opened_pack(&body, &(struct message_file_opened){id, 12, TEXT("text/plain"), TEXT("x")});
    deliver(rig, MESSAGE_file_opened, &body, fd);
    assert_int_equal(heard.times, 1);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* nobody waited for it */
}

static void test_a_refusal(void **state)
{
    struct rig *rig = *state;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct heard heard = {0};
    uint32_t id = ask_state(rig, &heard);
    message_request_failed_pack(&body, &(struct message_request_failed){id, -ERROR_NOT_FOUND, TEXT("no such file")});
    assert_true(deliver(rig, MESSAGE_request_failed, &body, -1));
    assert_int_equal(heard.status, ERROR_NOT_FOUND);
    assert_string_equal(heard.text, "no such file");
    /* a failure of another part's question is not ours */
    message_request_failed_pack(&body, &(struct message_request_failed){id + 1000, 1, TEXT("")});
    assert_false(deliver(rig, MESSAGE_request_failed, &body, -1));
    buffer_string(&body, "nonsense");
    assert_false(deliver(rig, MESSAGE_request_failed, &body, -1));
    assert_false(deliver(rig, MESSAGE_identity, &body, -1));
}

static void test_the_store_is_away(void **state)
{
    struct rig *rig = *state;
    struct heard heard = {0}, dropped = {0};
    rig_lose_store(rig);
    ask_state(rig, &heard);
    request_forget(rig->gateway.calls, ask_state(rig, &dropped));
    rig_turn(rig, 50);
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.status, ERROR_BUSY);
    assert_non_null(strstr(heard.text, "restarting"));
    assert_int_equal(dropped.times, 0);
}

static void test_the_store_dies_with_questions_open(void **state)
{
    struct rig *rig = *state;
    struct heard heard[3] = {{0}};
    for (size_t i = 0; i < 3; i++)
        ask_state(rig, &heard[i]);
    rig_lose_store(rig);
    rig_turn(rig, 50);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(heard[i].times, 1);
        assert_int_equal(heard[i].status, ERROR_BUSY);
    }
}

static void test_another_waits(void **state)
{
    struct rig *rig = *state;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct heard first = {0}, second = {0};
    const struct request_file file = {.demo_id = 7, .name = TEXT("a.txt"), .mime_type = TEXT("text/plain")};
    uint32_t id = request_file_begin(rig->gateway.calls, &file, on_answer, &first);
    request_file_append(rig->gateway.calls, id, TEXT("abc"));
    request_redirect(rig->gateway.calls, id, on_answer, &second);
    request_file_end(rig->gateway.calls, id, true);
    message_file_made_pack(&body, &(struct message_file_made){id, TEXT("/f/1/a.txt"), 3});
    assert_true(deliver(rig, MESSAGE_file_made, &body, -1));
    assert_int_equal(first.times, 0);
    assert_int_equal(second.times, 1);
    assert_string_equal(second.text, "/f/1/a.txt");
    assert_int_equal(second.size, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_descriptor_reaches_who_asked_or_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_store_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_store_dies_with_questions_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
