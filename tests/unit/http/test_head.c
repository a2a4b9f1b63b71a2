/* Heads: what is accepted, what is refused and with which status, however the bytes are cut. */
#include "runtime/http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buffer.h"
#include "runtime/base/memory.h"

#define H "Host: a\r\n"

static struct http_head_parser parser;

static int parse(const char *bytes)
{
    return http_head_parse_request(&parser, text_from(bytes));
}

static void assert_text(struct text text, const char *expected)
{
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.data, expected, text.length);
}

static void test_simple_get(void **state)
{
    (void)state;
    const char *bytes = "GET /a%20b?x=1?2 HTTP/1.1\r\nHost: ann.example:80\r\nX-Y:  two words \t\r\n\r\nrest";
    assert_int_equal(parse(bytes), (int)(strlen(bytes) - 4));
    const struct http_head *head = &parser.head;
    assert_int_equal(head->method, HTTP_GET);
    assert_text(head->target, "/a%20b?x=1?2");
    assert_text(head->path, "/a%20b");
    assert_text(head->query, "x=1?2");
    assert_text(head->host, "ann.example:80");
    assert_text(http_head_get(head, "x-y"), "two words");
    assert_null(http_head_get(head, "x-z").data);
    assert_int_equal(head->content_length, -1);
    assert_true(head->keep_alive);
    assert_false(head->chunked);
}

static void test_every_method(void **state)
{
    (void)state;
    for (int method = 0; method < HTTP_METHOD_COUNT; method++) {
        struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
        buffer_format(&bytes, "%s / HTTP/1.1\r\n" H "\r\n", http_method_name(method));
        assert_true(parse(bytes.data) > 0);
        assert_int_equal(parser.head.method, method);
    }
}

static void test_framing_fields(void **state)
{
    (void)state;
    assert_true(parse("POST / HTTP/1.1\r\n" H "Content-Length: 42\r\n\r\n") > 0);
    assert_int_equal(parser.head.content_length, 42);
    assert_true(parse("POST / HTTP/1.1\r\n" H "transfer-encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n") > 0);
    assert_true(parser.head.chunked);
    assert_true(parser.head.expect_continue);
    assert_true(parse("GET / HTTP/1.1\r\n" H "Connection: te, Close\r\n\r\n") > 0);
    assert_false(parser.head.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\n\r\n") > 0);
    assert_false(parser.head.keep_alive);
    assert_false(parser.head.has_host);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") > 0);
    assert_true(parser.head.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n") > 0);
    assert_false(parser.head.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n") > 0);
    assert_false(parser.head.keep_alive);
    assert_true(parse("GET / HTTP/1.1\r\n" H "Connection: x, CLOSE ,y\r\n\r\n") > 0);
    assert_false(parser.head.keep_alive);
}

static const struct {
    const char *bytes;
    int status;
} refused[] = {
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {" GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"G{T / HTTP/1.1\r\n" H "\r\n", 400},
    {"BREW / HTTP/1.1\r\n" H "\r\n", 501},
    {"CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 501},
    {"TRACE / HTTP/1.1\r\n" H "\r\n", 501},
    {"get / HTTP/1.1\r\n" H "\r\n", 501},
    {"GET / http/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.x\r\n" H "\r\n", 400},
    {"GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"GET a HTTP/1.1\r\n" H "\r\n", 400},
    {"GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\"a\" HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /<script> HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /a\tb HTTP/1.1\r\n" H "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\t\r\n" H "\r\n", 400},
    {"GET /\rX HTTP/1.1\r\n" H "\r\n", 400},
    {"GET a:80 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http:///x HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://a/x HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.10\r\n" H "\r\n", 400},
    {"GET / HTTP/01.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1,1\r\n" H "\r\n", 400},
    {"GET / HTTP/0.9\r\n" H "\r\n", 505},
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\x80 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://b/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://u@a/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"GET / HTTP/1.1\r\rHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [g::1]\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H ": a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X(y): a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 05\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 00\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\v\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunk\r\n ed\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 9999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Expect: a-cake\r\n\r\n", 417},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_COUNT(refused); i++) {
        int result = parse(refused[i].bytes);
        if (result != -refused[i].status)
            print_error("%s -> %d, wanted %d\n", refused[i].bytes, result, -refused[i].status);
        assert_int_equal(result, -refused[i].status);
        assert_non_null(parser.reason);
    }
}

/* However a head arrives, no prefix is taken for a whole one, and a bad one never becomes good. */
static void test_every_cut(void **state)
{
    (void)state;
    const char *good = "\r\nPOST /x?y HTTP/1.1\r\nHost: [::1]:7860\r\nContent-Length: 3\r\nA: b\r\n\r\n";
    for (size_t cut = 0; cut < strlen(good); cut++)
        assert_int_equal(http_head_parse_request(&parser, (struct text){good, cut}), 0);
    assert_int_equal(parse(good), (int)strlen(good));
    for (size_t i = 0; i < MEMORY_COUNT(refused); i++)
        for (size_t cut = 0; cut < strlen(refused[i].bytes); cut++)
            assert_true(http_head_parse_request(&parser, (struct text){refused[i].bytes, cut}) <= 0);
}

static void test_noise_is_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(parse("\x16\x03\x01\x02"), -400);
    assert_int_equal(http_head_parse_request(&parser, (struct text){"GET /\0", 6}), -400);
}

/* What no continuation can mend is refused before its line ends. */
static void test_hopeless_lines_are_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1\r\n Host: a"), -400);
    assert_int_equal(parse("GET / HTTP/1.1\r\n" H "\tx"), -400);
    assert_int_equal(parse("GET / HTTP/1.1\r\nX: \x01"), -400);
    assert_int_equal(parse(" "), -400);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHos"), 0);
    assert_int_equal(parse("GET / HTTP/1.1\r\n" H "\r"), 0);
    assert_int_equal(parse("\r"), 0);
    assert_int_equal(parse("\r\n"), 0);
}

static void test_limits(void **state)
{
    (void)state;
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
    buffer_string(&bytes, "GET /");
    for (int i = 0; i < BOUNDS_HTTP_TARGET_BYTES + 100; i++)
        buffer_byte(&bytes, 'a');
    assert_int_equal(parse(bytes.data), -414); /* no need to wait for the end of the line */
    buffer_string(&bytes, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(parse(bytes.data), -414);

    buffer_clear(&bytes);
    buffer_string(&bytes, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < BOUNDS_HTTP_FIELDS; i++)
        buffer_string(&bytes, "a: b\r\n");
    buffer_string(&bytes, "\r\n");
    assert_int_equal(parse(bytes.data), -431);

    buffer_clear(&bytes);
    buffer_string(&bytes, "GET / HTTP/1.1\r\n" H "X: ");
    for (int i = 0; i < BOUNDS_HTTP_FIELD_BYTES + 1; i++)
        buffer_byte(&bytes, 'a');
    assert_int_equal(parse(bytes.data), -431);

    buffer_clear(&bytes);
    buffer_string(&bytes, "GET / HTTP/1.1\r\n" H);
    while (bytes.length <= BOUNDS_HTTP_HEAD_BYTES) {
        buffer_string(&bytes, "X: ");
        for (int i = 0; i < 4000; i++)
            buffer_byte(&bytes, 'a');
        buffer_string(&bytes, "\r\n");
    }
    assert_int_equal(parse(bytes.data), -431);
}

/* Behind the gateway there is room for the lines that it adds, and no more. */
static void test_limits_behind_the_gateway(void **state)
{
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
    (void)state;
    buffer_string(&bytes, "GET / HTTP/1.1\r\n" H);
    for (int i = 1; i < BOUNDS_HTTP_FIELDS + BOUNDS_HTTP_ADDED_FIELDS; i++)
        buffer_string(&bytes, "a: b\r\n");
    size_t full = bytes.length;
    buffer_append(&bytes, "\r\n", 3);
    assert_int_equal(parse(bytes.data), -431);
    parser.behind_gateway = true;
    assert_int_equal(parse(bytes.data), (int)full + 2);
    assert_int_equal(parser.head.field_count, BOUNDS_HTTP_FIELDS + BOUNDS_HTTP_ADDED_FIELDS);
    bytes.length = full;
    buffer_append(&bytes, "a: b\r\n\r\n", 9);
    assert_int_equal(parse(bytes.data), -431);
    parser.behind_gateway = false;
}

static void test_absolute_target(void **state)
{
    (void)state;
    assert_true(parse("GET http://a/x?y HTTP/1.1\r\nHost: A\r\n\r\n") > 0);
    assert_text(parser.head.path, "/x");
    assert_text(parser.head.query, "y");
    assert_true(parse("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n") > 0);
    assert_text(parser.head.path, "/");
    assert_true(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") > 0);
    assert_text(parser.head.path, "*");
}

static void test_copy_stands_alone(void **state)
{
    (void)state;
    char bytes[] = "GET http://a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    assert_true(parse(bytes) > 0);
    struct http_head copy;
    void *memory = memory_alloc(1, http_head_copy_size(&parser.head));
    http_head_copy(&parser.head, &copy, memory);
    memset(bytes, '?', sizeof(bytes) - 1);
    memset(&parser, 0, sizeof(parser));
    assert_text(copy.path, "/");
    assert_text(copy.host, "a");
    assert_text(http_head_get(&copy, "X"), "y");
    assert_text(copy.target, "http://a");
    free(memory);
}

static void test_tokens(void **state)
{
    (void)state;
    assert_true(parse("GET / HTTP/1.1\r\n" H "Accept: text/html , b\r\nAccept: c\r\n\r\n") > 0);
    assert_true(http_head_has_token(&parser.head, "accept", "TEXT/html"));
    assert_true(http_head_has_token(&parser.head, "accept", "c"));
    assert_false(http_head_has_token(&parser.head, "accept", "text"));
}

static void test_response(void **state)
{
    (void)state;
    const char *bytes = "HTTP/1.1 206 Partial Content\r\nContent-Length: 7\r\nConnection: close\r\n\r\n";
    assert_int_equal(http_head_parse_response(&parser, text_from(bytes)), (int)strlen(bytes));
    assert_int_equal(parser.head.status, 206);
    assert_int_equal(parser.head.content_length, 7);
    assert_false(parser.head.keep_alive);
    assert_true(http_head_parse_response(&parser, TEXT("HTTP/1.1 200\r\n\r\n")) > 0);
    assert_int_equal(http_head_parse_response(&parser, TEXT("HTTP/1.1 2x0 OK\r\n\r\n")), -400);
    assert_int_equal(http_head_parse_response(&parser, TEXT("HTTP/1.1 999 OK\r\n\r\n")), -400);
    assert_int_equal(http_head_parse_response(&parser, TEXT("HTP/1.1 200 OK\r\n\r\n")), -400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_get),
        cmocka_unit_test(test_every_method),
        cmocka_unit_test(test_framing_fields),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_noise_is_refused_at_once),
        cmocka_unit_test(test_hopeless_lines_are_refused_at_once),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_behind_the_gateway),
        cmocka_unit_test(test_absolute_target),
        cmocka_unit_test(test_copy_stands_alone),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
