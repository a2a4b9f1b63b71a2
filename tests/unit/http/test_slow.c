/* Slow readers over real TCP, where the kernel stands between what was sent and what has arrived. */
#include "runtime/http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/memory.h"

/* A look every second; 100 bytes a second are enough. */
static const struct http_limits limits = {.idle_ms = 30000, .body_rate = 100, .write_stall_ms = 3000};

enum { ANSWER_BYTES = 40000, TURN_US = 20000 };

struct fixture {
    struct event_base *base;
    struct http_server *server;
    int client, finished;
    size_t body_bytes, received;
};

static char bytes[4 << 20];

static void on_request(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    http_reply(exchange, 200, TEXT(""), (struct text){bytes, fixture->body_bytes});
}

static void on_finished(void *context, struct http_exchange *exchange, int code)
{
    (void)exchange;
    assert_int_equal(code, 0);
    ((struct fixture *)context)->finished++;
}

static const struct http_server_callbacks callbacks = {.on_request = on_request, .on_finished = on_finished};

/* A connection whose client has room for very little, and whose server's kernel takes `kernel_bytes` at once. */
static void connect_pair(struct fixture *fixture, int kernel_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    fixture->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fixture->client, SOL_SOCKET, SO_RCVBUF, &(int){2048}, sizeof(int));
    assert_int_equal(connect(fixture->client, (struct sockaddr *)&address, length), 0);
    int served = accept(listener, NULL, NULL);
    assert_true(served >= 0);
    setsockopt(served, SOL_SOCKET, SO_SNDBUF, &kernel_bytes, sizeof(int));
    close(listener);
    assert_int_equal(http_server_adopt(fixture->server, served), 0);
}

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    fixture->base = event_base_new();
    fixture->server = http_server_new(fixture->base, &limits, &callbacks, fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_server_free(fixture->server);
    event_base_free(fixture->base);
    close(fixture->client);
    free(fixture);
    return 0;
}

/* Lets the client read `portion` bytes every fifth of a second; true while the server keeps it. */
static bool goes_on(struct fixture *fixture, size_t portion, double seconds)
{
    char drain[65536];
    for (int i = 0; i < (int)(seconds * 1000000 / TURN_US); i++) {
        if (portion && i % 10 == 0) {
            ssize_t count = recv(fixture->client, drain, portion, MSG_DONTWAIT);
            fixture->received += count > 0 ? (size_t)count : 0;
        }
        usleep(TURN_US);
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
        if (http_server_count(fixture->server)->connections == 0)
            return false;
    }
    return true;
}

/* Dropped means reset: the kernel must not go on offering what was left. */
static void assert_reset(struct fixture *fixture)
{
    char drain[65536];
    ssize_t count;
    while ((count = recv(fixture->client, drain, sizeof(drain), 0)) > 0) {
    }
    assert_int_equal(count, -1);
    assert_int_equal(errno, ECONNRESET);
}

static void ask(struct fixture *fixture, size_t body_bytes)
{
    const char *request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    fixture->body_bytes = body_bytes;
    assert_int_equal(send(fixture->client, request, strlen(request), MSG_NOSIGNAL), strlen(request));
}

/* The kernel has taken the whole answer: for us the connection is idle, yet the client takes it byte by byte. */
static void test_answer_stuck_in_the_kernel(void **state)
{
    struct fixture *fixture = *state;
    connect_pair(fixture, 1 << 20);
    ask(fixture, ANSWER_BYTES);
    assert_false(goes_on(fixture, 5, 8));
    assert_int_equal(fixture->finished, 1);
    assert_reset(fixture);
}

/* More than the kernel takes: the rest waits here, and somebody reads a little of it now and then. */
static void test_answer_stuck_here(void **state)
{
    struct fixture *fixture = *state;
    connect_pair(fixture, 1);
    ask(fixture, sizeof(bytes));
    assert_false(goes_on(fixture, 5, 8));
    assert_reset(fixture);
}

static void test_slow_but_steady_reader_is_kept(void **state)
{
    struct fixture *fixture = *state;
    connect_pair(fixture, 1 << 20);
    ask(fixture, ANSWER_BYTES);
    assert_true(goes_on(fixture, 1400, 6));
    assert_true(fixture->received > ANSWER_BYTES / 2);
}

static void test_reader_of_everything_is_kept(void **state)
{
    struct fixture *fixture = *state;
    connect_pair(fixture, 1 << 20);
    ask(fixture, 100);
    assert_true(goes_on(fixture, 65536, 5));
    ask(fixture, 100);
    assert_true(goes_on(fixture, 65536, 1));
    assert_int_equal(fixture->finished, 2);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_answer_stuck_in_the_kernel),
        CASE(test_answer_stuck_here),
        CASE(test_slow_but_steady_reader_is_kept),
        CASE(test_reader_of_everything_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
