/* The client against a played server: keep-alive, streaming both ways, and every way an answer can break. */
#include "runtime/http/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

struct fixture {
    struct event_base *base;
    struct http_client *client;
    int server;
    struct buffer request, body;
    int status, heads, ends, errors, code, drains;
    bool pause_on_data, free_on_end, free_on_head;
};

static void on_head(void *context, const struct http_head *head)
{
    struct fixture *fixture = context;
    fixture->heads++;
    fixture->status = head->status;
    if (fixture->free_on_head) {
        http_client_free(fixture->client);
        fixture->client = NULL;
    }
}

static void on_data(void *context, struct text data)
{
    struct fixture *fixture = context;
    buffer_text(&fixture->body, data);
    if (fixture->pause_on_data)
        http_client_pause(fixture->client);
}

static void on_end(void *context)
{
    struct fixture *fixture = context;
    fixture->ends++;
    if (fixture->free_on_end) {
        http_client_free(fixture->client);
        fixture->client = NULL;
    }
}

static void on_drain(void *context)
{
    ((struct fixture *)context)->drains++;
}

static void on_error(void *context, int code)
{
    struct fixture *fixture = context;
    fixture->errors++;
    fixture->code = code;
}

static const struct http_client_handler handler = {on_head, on_data, on_end, on_drain, on_error};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    fixture->base = event_base_new();
    fixture->client = http_client_new(fixture->base, pair[0]);
    fixture->server = pair[1];
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_client_free(fixture->client);
    event_base_free(fixture->base);
    if (fixture->server >= 0)
        close(fixture->server);
    buffer_release(&fixture->request);
    buffer_release(&fixture->body);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    char bytes[65536];
    for (int i = 0; i < 4; i++) {
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
        ssize_t count;
        while (fixture->server >= 0 && (count = recv(fixture->server, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
            buffer_append(&fixture->request, bytes, (size_t)count);
    }
}

static void start(struct fixture *fixture, const char *method, int64_t length)
{
    buffer_clear(&fixture->request);
    buffer_clear(&fixture->body);
    http_client_start(fixture->client,
                      &(struct http_client_request){.method = text_from(method),
                                                    .target = TEXT("/x?y"),
                                                    .headers = TEXT("Host: a\r\n"),
                                                    .body_length = length},
                      &handler, fixture);
    turn(fixture);
}

static void answer(struct fixture *fixture, const char *bytes)
{
    assert_int_equal(send(fixture->server, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
    turn(fixture);
}

static void hang_up(struct fixture *fixture)
{
    close(fixture->server);
    fixture->server = -1;
    turn(fixture);
}

static void assert_body(struct fixture *fixture, const char *expected)
{
    assert_true(text_equal(buffer_view(&fixture->body), text_from(expected)));
}

static void test_kept_between_calls(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 1; i <= 3; i++) {
        assert_true(http_client_is_ready(fixture->client));
        start(fixture, "GET", 0);
        assert_true(http_client_is_unanswered(fixture->client));
        assert_string_equal(fixture->request.data, "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n");
        answer(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
        assert_false(http_client_is_unanswered(fixture->client));
        answer(fixture, "lo");
        assert_body(fixture, "hello");
        assert_int_equal(fixture->ends, i);
    }
}

static void test_request_bodies(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "POST", 5);
    http_client_write(fixture->client, TEXT("he"));
    http_client_write(fixture->client, TEXT("llo"));
    http_client_end(fixture->client);
    turn(fixture);
    assert_string_equal(fixture->request.data, "POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    answer(fixture, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(fixture->ends, 1);
    start(fixture, "POST", -1);
    http_client_write(fixture->client, TEXT("hello world 12345"));
    http_client_end(fixture->client);
    turn(fixture);
    assert_string_equal(fixture->request.data,
                        "POST /x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nhello world 12345\r\n"
                        "0\r\n\r\n");
}

static void test_framings_of_answers(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "GET", 0);
    answer(fixture,
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_int_equal(fixture->heads, 1);
    assert_body(fixture, "abc");
    start(fixture, "HEAD", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    assert_int_equal(fixture->ends, 2);
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_int_equal(fixture->ends, 3);
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    assert_int_equal(fixture->ends, 3);
    hang_up(fixture);
    assert_int_equal(fixture->ends, 4);
    assert_body(fixture, "until the end");
    assert_false(http_client_is_ready(fixture->client));
}

static void test_close_after_the_answer(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_int_equal(fixture->ends, 1);
    assert_false(http_client_is_ready(fixture->client));
}

/* An answer that does not wait for the request leaves the connection in no known state. */
static void test_early_answer(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "POST", 100);
    http_client_write(fixture->client, TEXT("part"));
    turn(fixture);
    answer(fixture, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(fixture->ends, 1);
    assert_false(http_client_is_ready(fixture->client));
}

static void test_broken_answers(void **state)
{
    static const char *const broken[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    };
    for (size_t i = 0; i < MEMORY_COUNT(broken); i++) {
        struct fixture *fixture;
        setup(state);
        fixture = *state;
        start(fixture, "GET", 0);
        answer(fixture, broken[i]);
        assert_int_equal(fixture->errors, 1);
        assert_int_equal(fixture->code, ERROR_INVALID);
        assert_false(http_client_is_ready(fixture->client));
        teardown(state);
    }
}

static void test_hang_ups(void **state)
{
    static const char *const parts[] = {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};
    for (size_t i = 0; i < MEMORY_COUNT(parts); i++) {
        struct fixture *fixture;
        setup(state);
        fixture = *state;
        start(fixture, "GET", 0);
        answer(fixture, parts[i]);
        hang_up(fixture);
        assert_int_equal(fixture->errors, 1);
        assert_int_equal(fixture->code, ERROR_CLOSED);
        assert_int_equal(http_client_is_unanswered(fixture->client), i == 0);
        teardown(state);
    }
}

static void test_idle_hang_up_and_noise(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "HTTP/1.1 200 OK\r\n\r\n"); /* nobody asked */
    assert_false(http_client_is_ready(fixture->client));
    assert_int_equal(fixture->errors, 0);
}

static void test_pause(void **state)
{
    struct fixture *fixture = *state;
    fixture->pause_on_data = true;
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    assert_body(fixture, "a");
    http_client_resume(fixture->client);
    turn(fixture);
    assert_body(fixture, "ab");
    assert_int_equal(fixture->ends, 0);
    http_client_resume(fixture->client);
    turn(fixture);
    assert_int_equal(fixture->ends, 1);
}

/* The pause falls on the last byte of an answer with a length: nothing more will come to announce its end. */
static void test_pause_at_the_last_piece(void **state)
{
    struct fixture *fixture = *state;
    fixture->pause_on_data = true;
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
    assert_body(fixture, "ab");
    assert_int_equal(fixture->ends, 0);
    http_client_resume(fixture->client);
    turn(fixture);
    assert_int_equal(fixture->ends, 1);
    assert_true(http_client_is_ready(fixture->client));
}

static void test_watermarks(void **state)
{
    struct fixture *fixture = *state;
    static char block[65536];
    int result = 0, writes = 0;
    start(fixture, "POST", -1);
    while (result == 0 && writes++ < 100) {
        result = http_client_write(fixture->client, (struct text){block, sizeof(block)});
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(result, ERROR_AGAIN);
    for (int i = 0; i < 20; i++)
        turn(fixture);
    assert_int_equal(fixture->drains, 1);
}

static void test_freed_inside_callbacks(void **state)
{
    struct fixture *fixture = *state;
    fixture->free_on_end = true;
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_int_equal(fixture->ends, 1);
    assert_null(fixture->client);
}

static void test_freed_at_the_head(void **state)
{
    struct fixture *fixture = *state;
    fixture->free_on_head = true;
    start(fixture, "GET", 0);
    answer(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_int_equal(fixture->heads, 1);
    assert_int_equal(fixture->ends, 0);
}

static void *serve_one(void *context)
{
    int fd = *(int *)context;
    char bytes[4096];
    size_t have = 0;
    while (have < 60) {
        ssize_t count = recv(fd, bytes + have, sizeof(bytes) - have, 0);
        if (count <= 0)
            break;
        have += (size_t)count;
        if (memmem(bytes, have, "body!", 5))
            break;
    }
    const char *reply = "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\ndone";
    send(fd, reply, strlen(reply), MSG_NOSIGNAL);
    return NULL;
}

static void test_blocking_call(void **state)
{
    int pair[2];
    pthread_t thread;
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    (void)state;
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve_one, &pair[1]), 0);
    const struct http_client_request request = {TEXT("POST"), TEXT("/"), TEXT("Host: a\r\n"), 5};
    assert_int_equal(http_client_fetch(pair[0], &request, TEXT("body!"), &body), 201);
    assert_true(text_equal(buffer_view(&body), TEXT("done")));
    pthread_join(thread, NULL);
    close(pair[1]);
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    assert_true(http_client_fetch(pair[0], &request, TEXT("body!"), &body) < 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_kept_between_calls),
        TEST(test_request_bodies),
        TEST(test_framings_of_answers),
        TEST(test_close_after_the_answer),
        TEST(test_early_answer),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_hang_ups),
        TEST(test_idle_hang_up_and_noise),
        TEST(test_pause),
        TEST(test_pause_at_the_last_piece),
        TEST(test_watermarks),
        TEST(test_freed_inside_callbacks),
        TEST(test_freed_at_the_head),
        cmocka_unit_test(test_blocking_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
