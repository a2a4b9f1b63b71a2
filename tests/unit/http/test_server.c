/* The engine over socket pairs: what a client sends in, what comes back, in which order, and when handlers are told. */
#include "runtime/http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

struct fixture {
    struct event_base *base;
    struct http_server *server;
    int client;
    struct buffer answer;
    bool closed;
    /* what handlers saw */
    struct http_exchange *kept;
    struct buffer body;
    int ends, aborts, abort_code, drains, finished, finish_code, refusals, releases, stops;
    uint64_t limit;
};

static void on_data(void *context, struct http_exchange *exchange, struct text data)
{
    struct fixture *fixture = context;
    buffer_text(&fixture->body, data);
    if (text_starts(exchange->head.path, TEXT("/slow")))
        http_exchange_pause(exchange);
}

static void on_end(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    fixture->ends++;
    http_reply(exchange, 200, TEXT("X-From: end\r\n"), buffer_view(&fixture->body));
    fixture->kept = NULL;
}

static void on_drain(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    (void)exchange;
    fixture->drains++;
}

static void on_abort(void *context, struct http_exchange *exchange, int code)
{
    struct fixture *fixture = context;
    assert_ptr_equal(fixture->kept, exchange);
    fixture->aborts++;
    fixture->abort_code = code;
    fixture->kept = NULL;
}

static const struct http_handler handler = {on_data, on_end, on_drain, on_abort};

static void on_body(void *context, struct http_exchange *exchange, struct text body)
{
    struct fixture *fixture = context;
    fixture->kept = NULL;
    http_reply(exchange, 200, TEXT(""), body);
}

static void on_release(void *owner)
{
    ((struct fixture *)owner)->releases++;
}

static char mapped[300000];

static void answer_memory(struct fixture *fixture, struct http_exchange *exchange)
{
    http_respond_memory(exchange, &(struct http_memory){.body = {mapped, sizeof(mapped)},
                                                        .etag = TEXT("\"m\""),
                                                        .headers = TEXT("Content-Type: text/plain\r\n"),
                                                        .release = on_release,
                                                        .owner = fixture});
}

static void on_request(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    struct text path = exchange->head.path;
    http_exchange_decorate(exchange, TEXT("X-Everywhere: yes\r\n"));
    if (text_equal(path, TEXT("/now"))) {
        http_reply(exchange, 200, TEXT("Content-Type: text/plain\r\n"), TEXT("now"));
    } else if (text_equal(path, TEXT("/memory"))) {
        answer_memory(fixture, exchange);
    } else if (text_equal(path, TEXT("/collect"))) {
        if (http_exchange_collect(exchange, fixture->limit, on_body, fixture))
            fixture->kept = exchange;
    } else if (text_equal(path, TEXT("/error"))) {
        http_reply_error(exchange, 404, "there is no such <page>");
    } else {
        fixture->kept = exchange;
        http_exchange_attach(exchange, &handler, fixture);
        if (text_equal(path, TEXT("/receive")) || text_equal(path, TEXT("/slow")))
            http_exchange_receive(exchange, fixture->limit);
    }
}

static void on_finished(void *context, struct http_exchange *exchange, int code)
{
    struct fixture *fixture = context;
    (void)exchange;
    fixture->finished++;
    fixture->finish_code = code;
}

static void on_refused(void *context, const struct http_peer *peer, int status, const char *reason)
{
    struct fixture *fixture = context;
    assert_true(peer->local);
    assert_true(status >= 400);
    assert_non_null(reason);
    fixture->refusals++;
}

static void on_stopped(void *context)
{
    ((struct fixture *)context)->stops++;
}

static const struct http_server_callbacks callbacks = {
    .on_request = on_request,
    .on_finished = on_finished,
    .on_refused = on_refused,
    .on_stopped = on_stopped,
    .error_headers = {"X-Safe: 1\r\n", 11},
};

static int setup_with(void **state, const struct http_limits *limits)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    int pair[2];
    for (size_t i = 0; i < sizeof(mapped); i++)
        mapped[i] = (char)('a' + i % 26);
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    fixture->base = event_base_new();
    fixture->limit = 1000;
    fixture->server = http_server_new(fixture->base, limits, &callbacks, fixture);
    assert_int_equal(http_server_adopt(fixture->server, pair[0]), 0);
    fixture->client = pair[1];
    *state = fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, &http_limits_public);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_server_free(fixture->server);
    event_base_free(fixture->base);
    buffer_release(&fixture->answer);
    buffer_release(&fixture->body);
    if (fixture->client >= 0)
        close(fixture->client);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    char bytes[65536];
    for (int i = 0; i < 4; i++) {
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
        ssize_t count;
        while ((count = recv(fixture->client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
            buffer_append(&fixture->answer, bytes, (size_t)count);
            event_base_loop(fixture->base, EVLOOP_NONBLOCK);
        }
        if (count == 0)
            fixture->closed = true;
    }
}

static void talk(struct fixture *fixture, const char *bytes)
{
    buffer_clear(&fixture->answer);
    assert_int_equal(send(fixture->client, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
    turn(fixture);
}

static bool has(struct fixture *fixture, const char *part)
{
    buffer_reserve(&fixture->answer, 1);
    return memmem(fixture->answer.data, fixture->answer.length, part, strlen(part)) != NULL;
}

static int count_of(struct fixture *fixture, const char *part)
{
    int count = 0;
    const char *place = fixture->answer.data, *end = place + fixture->answer.length;
    while (place && (place = memmem(place, (size_t)(end - place), part, strlen(part)))) {
        count++;
        place += strlen(part);
    }
    return count;
}

static void test_plain_answer(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "HTTP/1.1 200 OK\r\nServer: vitrine\r\nDate: "));
    assert_true(has(fixture, "\r\nX-Everywhere: yes\r\nContent-Length: 3\r\n\r\nnow"));
    assert_false(fixture->closed);
    assert_int_equal(fixture->finished, 1);
    assert_int_equal(http_server_count(fixture->server)->exchanges, 0);
}

static void test_pipelined_in_order(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture,
         "GET /now HTTP/1.1\r\nHost: a\r\n\r\nPOST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
         "HEAD /now HTTP/1.1\r\nHost: a\r\n\r\nGET /error HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(count_of(fixture, "HTTP/1.1 200 OK"), 3);
    assert_int_equal(count_of(fixture, "HTTP/1.1 404"), 1);
    const char *first = memmem(fixture->answer.data, fixture->answer.length, "now", 3);
    const char *second = memmem(fixture->answer.data, fixture->answer.length, "abc", 3);
    assert_true(first < second);
    assert_int_equal(count_of(fixture, "now"), 1); /* HEAD has no body */
}

/* The second request waits while the first has no answer yet. */
static void test_waiting_request_holds_the_next(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(fixture->answer.length, 0);
    assert_non_null(fixture->kept);
    http_reply(fixture->kept, 202, TEXT(""), TEXT("later"));
    turn(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 "), 2);
    assert_true(memmem(fixture->answer.data, fixture->answer.length, "later", 5) <
                memmem(fixture->answer.data, fixture->answer.length, "now", 3));
}

/* The held request is begun, answered and the last of its connection, all within one flush pass. */
static void test_waiting_request_is_the_last(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    http_reply(fixture->kept, 202, TEXT(""), TEXT("later"));
    turn(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 "), 2);
    assert_true(fixture->closed);
    assert_int_equal(http_server_count(fixture->server)->connections, 0);
}

static void test_bodies(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "POST /receive HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    assert_int_equal(fixture->ends, 0);
    talk(fixture, "lo\r\n1;x\r\n!\r\n0\r\n\r\n");
    assert_int_equal(fixture->ends, 1);
    assert_true(has(fixture, "\r\n\r\nhello!"));
    buffer_clear(&fixture->body);
    talk(fixture, "POST /receive HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(fixture->ends, 2);
    talk(fixture, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
    assert_int_equal(fixture->answer.length, 0);
    talk(fixture, "cdef");
    assert_true(has(fixture, "\r\n\r\nabcdef"));
}

static void test_expect_continue(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "POST /receive HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_string_equal(fixture->answer.data, "HTTP/1.1 100 Continue\r\n\r\n");
    talk(fixture, "ok");
    assert_true(has(fixture, "200 OK"));
    assert_false(fixture->closed);
    /* Refused before the body: the client may send it or not, so the connection ends. */
    talk(fixture, "POST /error HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_false(has(fixture, "100 Continue"));
    assert_true(has(fixture, "404 Not Found"));
    assert_true(has(fixture, "Connection: close"));
    assert_true(fixture->closed);
}

static void test_too_large(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    assert_true(has(fixture, "413 Content Too Large"));
    assert_null(fixture->kept);
}

static void test_too_large_in_chunks(void **state)
{
    struct fixture *fixture = *state;
    fixture->limit = 4;
    talk(fixture, "POST /receive HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n");
    assert_true(has(fixture, "413 Content Too Large"));
    assert_true(has(fixture, "X-Everywhere: yes"));
    assert_int_equal(fixture->aborts, 1);
    assert_int_equal(fixture->abort_code, ERROR_LIMIT);
    assert_true(fixture->closed);
}

static void test_unwanted_body_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    assert_true(has(fixture, "200 OK"));
    talk(fixture, "56789GET /error HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "404 Not Found"));
    assert_false(fixture->closed);
}

static void test_broken_chunk(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture,
         "POST /receive HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nGET /now HTTP/1.1\r\n");
    assert_true(has(fixture, "400 Bad Request"));
    assert_int_equal(count_of(fixture, "HTTP/1.1 "), 1);
    assert_int_equal(fixture->abort_code, ERROR_INVALID);
    assert_true(fixture->closed);
}

static void test_refused_request(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET / HTTP/1.1\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "400 Bad Request"));
    assert_true(has(fixture, "X-Safe: 1\r\n"));
    assert_true(has(fixture, "{\"error\":\"Host is missing\"}"));
    assert_int_equal(count_of(fixture, "HTTP/1.1 "), 1);
    assert_int_equal(fixture->refusals, 1);
    assert_true(fixture->closed);
}

static void test_pause_and_resume(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    assert_int_equal(fixture->body.length, 3);
    talk(fixture, "def");
    assert_int_equal(fixture->body.length, 3);
    http_exchange_resume(fixture->kept);
    turn(fixture);
    assert_int_equal(fixture->body.length, 6);
    http_exchange_resume(fixture->kept);
    turn(fixture);
    assert_true(has(fixture, "abcdef"));
}

/* A client that is not read may not make us hold more than a bounded amount of what it sends. */
static void test_paused_client_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->limit = 1 << 30;
    talk(fixture, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc");
    size_t sent = 0;
    static char block[65536];
    for (int i = 0; i < 200; i++) {
        ssize_t count = send(fixture->client, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    }
    assert_true(sent < 2000000);
    assert_int_equal(fixture->body.length, 3);
}

static void test_streamed_answer(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    http_respond_start(fixture->kept, 200, TEXT("Content-Type: text/event-stream\r\n"), -1);
    assert_int_equal(http_respond_write(fixture->kept, TEXT("data: 1\n\n")), 0);
    turn(fixture);
    assert_true(has(fixture, "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"));
    http_respond_write(fixture->kept, TEXT("data: 2\n\n"));
    http_respond_end(fixture->kept);
    turn(fixture);
    assert_true(has(fixture, "9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
    talk(fixture, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "200 OK"));
}

static void test_streamed_answer_for_old_clients(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.0\r\n\r\n");
    http_respond_start(fixture->kept, 200, TEXT(""), -1);
    http_respond_write(fixture->kept, TEXT("until close"));
    http_respond_end(fixture->kept);
    turn(fixture);
    assert_true(has(fixture, "Connection: close\r\n\r\nuntil close"));
    assert_false(has(fixture, "Transfer-Encoding"));
    assert_true(fixture->closed);
}

static void test_two_watermarks(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    static char block[65536];
    http_respond_start(fixture->kept, 200, TEXT(""), -1);
    int result = 0, writes = 0;
    while (result == 0 && writes++ < 100) {
        result = http_respond_write(fixture->kept, (struct text){block, sizeof(block)});
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(result, ERROR_AGAIN);
    assert_int_equal(fixture->drains, 0);
    turn(fixture);
    assert_int_equal(fixture->drains, 1);
    assert_true(http_respond_queued(fixture->kept) <= BOUNDS_HTTP_QUEUE_LOW_BYTES);
    http_respond_end(fixture->kept);
    turn(fixture);
    assert_true(fixture->answer.length >= (size_t)writes * sizeof(block));
}

static void test_broken_promise_breaks_the_connection(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    http_respond_start(fixture->kept, 200, TEXT(""), 10);
    http_respond_write(fixture->kept, TEXT("12345"));
    http_respond_end(fixture->kept);
    turn(fixture);
    assert_true(fixture->closed);
    assert_int_equal(fixture->finish_code, ERROR_CLOSED);
}

static void test_client_leaves(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    uint64_t handle = http_exchange_handle(fixture->kept);
    assert_ptr_equal(http_server_find(fixture->server, handle), fixture->kept);
    close(fixture->client);
    fixture->client = -1;
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->aborts, 1);
    assert_int_equal(fixture->abort_code, ERROR_CLOSED);
    assert_null(http_server_find(fixture->server, handle));
    assert_int_equal(http_server_count(fixture->server)->connections, 0);
}

/* A handle never finds the exchange that got its place. */
static void test_handles_are_not_reused(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    uint64_t first = http_exchange_handle(fixture->kept);
    assert_int_equal(http_exchange_handle(fixture->kept), first);
    http_reply(fixture->kept, 200, TEXT(""), TEXT(""));
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    uint64_t second = http_exchange_handle(fixture->kept);
    assert_int_not_equal(first, second);
    assert_null(http_server_find(fixture->server, first));
    assert_ptr_equal(http_server_find(fixture->server, second), fixture->kept);
    assert_null(http_server_find(fixture->server, 0));
}

static void test_memory(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /memory HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "ETag: \"m\"\r\nAccept-Ranges: bytes\r\nContent-Length: 300000\r\n"));
    assert_memory_equal(fixture->answer.data + fixture->answer.length - sizeof(mapped), mapped, sizeof(mapped));
    assert_int_equal(fixture->releases, 1);
    talk(fixture, "GET /memory HTTP/1.1\r\nHost: a\r\nRange: bytes=1-3\r\n\r\n");
    assert_true(has(fixture, "206 Partial Content"));
    assert_true(has(fixture, "Content-Range: bytes 1-3/300000\r\nX-Everywhere") ||
                has(fixture, "Content-Range: bytes 1-3/300000\r\n"));
    assert_true(has(fixture, "\r\n\r\nbcd"));
    talk(fixture, "GET /memory HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"m\"\r\n\r\n");
    assert_true(has(fixture, "304 Not Modified"));
    assert_false(has(fixture, "Content-Length"));
    talk(fixture, "GET /memory HTTP/1.1\r\nHost: a\r\nRange: bytes=300000-\r\n\r\n");
    assert_true(has(fixture, "416 "));
    assert_true(has(fixture, "Content-Range: bytes */300000"));
    talk(fixture, "HEAD /memory HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "Content-Length: 300000"));
    assert_int_equal(fixture->releases, 5);
}

/* Whoever asks for much and reads nothing is not answered further than the high mark. */
static void test_greedy_pipeline(void **state)
{
    struct fixture *fixture = *state;
    const char *request = "GET /memory HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < 50; i++)
        assert_true(send(fixture->client, request, strlen(request), MSG_NOSIGNAL) > 0);
    for (int i = 0; i < 20; i++)
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_true(fixture->finished < 10);
    for (int i = 0; i < 60; i++)
        turn(fixture);
    assert_int_equal(fixture->finished, 50);
    assert_int_equal(count_of(fixture, "HTTP/1.1 200 OK"), 50);
}

static void test_error_for_browsers(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /error HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n\r\n");
    assert_true(has(fixture, "Content-Type: text/html"));
    assert_true(has(fixture, "there is no such &lt;page&gt;"));
    talk(fixture, "GET /error HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has(fixture, "{\"error\":\"there is no such <page>\"}"));
}

static void test_stop_waits_for_the_running(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    http_server_stop(fixture->server, 10000);
    turn(fixture);
    assert_int_equal(fixture->stops, 0);
    http_reply(fixture->kept, 200, TEXT(""), TEXT("bye"));
    turn(fixture);
    assert_true(has(fixture, "Connection: close"));
    assert_true(fixture->closed);
    assert_int_equal(fixture->stops, 1);
}

static void test_stop_closes_the_idle(void **state)
{
    struct fixture *fixture = *state;
    turn(fixture);
    http_server_stop(fixture->server, 10000);
    turn(fixture);
    assert_int_equal(fixture->stops, 1);
    assert_true(fixture->closed);
}

static void test_stop_cuts_after_grace(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    http_server_stop(fixture->server, 10);
    usleep(20000);
    turn(fixture);
    assert_int_equal(fixture->aborts, 1);
    assert_int_equal(fixture->stops, 1);
}

/* ---- times: limits of a second, checked by a wheel of seconds ---- */

static const struct http_limits quick = {
    .head_ms = 1000, .idle_ms = 1000, .body_ms = 1000, .body_rate = 100, .write_stall_ms = 3000, .requests = 3};

static int setup_quick(void **state)
{
    return setup_with(state, &quick);
}

static void wait_seconds(struct fixture *fixture, double seconds)
{
    for (int i = 0; i < (int)(seconds * 50); i++) {
        usleep(20000);
        turn(fixture);
    }
}

static void test_slow_head(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /now HT");
    wait_seconds(fixture, 2.3);
    assert_true(has(fixture, "408 Request Timeout"));
    assert_true(fixture->closed);
}

static void test_idle_connection_is_closed(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(fixture->closed);
    wait_seconds(fixture, 2.3);
    assert_true(fixture->closed);
    assert_int_equal(fixture->refusals, 0);
}

static void test_slow_body(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "POST /receive HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    wait_seconds(fixture, 2.3);
    assert_true(has(fixture, "408 Request Timeout"));
    assert_int_equal(fixture->abort_code, ERROR_TIMEOUT);
}

/* A handler takes the time it needs: nobody times out while it works. */
static void test_slow_handler_is_fine(void **state)
{
    struct fixture *fixture = *state;
    talk(fixture, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_seconds(fixture, 2.3);
    assert_int_equal(fixture->aborts, 0);
    http_reply(fixture->kept, 200, TEXT(""), TEXT("done"));
    turn(fixture);
    assert_true(has(fixture, "done"));
}

static void test_write_stall(void **state)
{
    struct fixture *fixture = *state;
    const char *request = "GET /memory HTTP/1.1\r\nHost: a\r\n\r\n";
    send(fixture->client, request, strlen(request), MSG_NOSIGNAL);
    for (int i = 0; i < 300 && http_server_count(fixture->server)->connections; i++) {
        usleep(20000);
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(http_server_count(fixture->server)->connections, 0);
    assert_int_equal(fixture->releases, 1);
}

static void test_request_count(void **state)
{
    struct fixture *fixture = *state;
    const char *request = "GET /now HTTP/1.1\r\nHost: a\r\n\r\n";
    talk(fixture, request);
    talk(fixture, request);
    assert_false(has(fixture, "Connection: close"));
    talk(fixture, request);
    assert_true(has(fixture, "Connection: close"));
    assert_true(fixture->closed);
}

int main(void)
{
#define NORMAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define QUICK(test) cmocka_unit_test_setup_teardown(test, setup_quick, teardown)
    const struct CMUnitTest tests[] = {
        NORMAL(test_plain_answer),
        NORMAL(test_pipelined_in_order),
        NORMAL(test_waiting_request_holds_the_next),
        NORMAL(test_waiting_request_is_the_last),
        NORMAL(test_bodies),
        NORMAL(test_expect_continue),
        NORMAL(test_too_large),
        NORMAL(test_too_large_in_chunks),
        NORMAL(test_unwanted_body_is_dropped),
        NORMAL(test_broken_chunk),
        NORMAL(test_refused_request),
        NORMAL(test_pause_and_resume),
        NORMAL(test_paused_client_is_not_read),
        NORMAL(test_streamed_answer),
        NORMAL(test_streamed_answer_for_old_clients),
        NORMAL(test_two_watermarks),
        NORMAL(test_broken_promise_breaks_the_connection),
        NORMAL(test_client_leaves),
        NORMAL(test_handles_are_not_reused),
        NORMAL(test_memory),
        NORMAL(test_greedy_pipeline),
        NORMAL(test_error_for_browsers),
        NORMAL(test_stop_waits_for_the_running),
        NORMAL(test_stop_closes_the_idle),
        NORMAL(test_stop_cuts_after_grace),
        QUICK(test_slow_head),
        QUICK(test_idle_connection_is_closed),
        QUICK(test_slow_body),
        QUICK(test_slow_handler_is_fine),
        QUICK(test_write_stall),
        QUICK(test_request_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
