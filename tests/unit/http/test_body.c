/* Body framing: lengths, chunks, trailers; every way to cut the bytes gives the same contents. */
#include "runtime/http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static struct http_body chunked_body(void)
{
    struct http_body body;
    http_body_init_request(&body, &(struct http_head){.chunked = true, .content_length = -1});
    return body;
}

/* Feeds bytes in pieces of `step`: the last result, the contents in `out`, what is left over in `*ret_rest`. */
static int feed(struct http_body *body, struct text bytes, size_t step, struct buffer *out, struct text *ret_rest)
{
    int result = HTTP_BODY_MORE;
    while (bytes.length && result >= 0 && result != HTTP_BODY_END) {
        struct text part = text_head(bytes, step), piece = {0};
        size_t before = part.length;
        do {
            result = http_body_next(body, &part, &piece);
            if (result == HTTP_BODY_PIECE)
                buffer_text(out, piece);
        } while (result == HTTP_BODY_PIECE);
        bytes = text_skip(bytes, before - part.length);
    }
    *ret_rest = bytes;
    return result;
}

static void test_length(void **state)
{
    (void)state;
    for (size_t step = 1; step < 9; step++) {
        struct http_body body;
        struct buffer BUFFER_AUTO out = BUFFER_EMPTY;
        struct text rest, none = {0};
        http_body_init_request(&body, &(struct http_head){.content_length = 5});
        feed(&body, TEXT("helloNEXT"), step, &out, &rest);
        assert_int_equal(http_body_next(&body, &rest, &none), HTTP_BODY_END);
        assert_true(text_equal(buffer_view(&out), TEXT("hello")));
        assert_true(text_ends(TEXT("helloNEXT"), rest));
    }
}

static void test_no_body(void **state)
{
    (void)state;
    struct http_body body;
    struct text rest = TEXT("GET"), piece;
    http_body_init_request(&body, &(struct http_head){.content_length = -1});
    assert_int_equal(http_body_next(&body, &rest, &piece), HTTP_BODY_END);
    assert_int_equal(rest.length, 3);
}

static void test_chunks(void **state)
{
    (void)state;
    struct text bytes = TEXT("5\r\nhello\r\n6;ext=1;q=\"a\\\"b\";flag\r\n world\r\n00A\r\n0123456789\r\n0\r\nX-T: 1\r\n"
                             "Y: \r\n\r\nNEXT");
    for (size_t step = 1; step <= bytes.length; step++) {
        struct http_body body = chunked_body();
        struct buffer BUFFER_AUTO out = BUFFER_EMPTY;
        struct text rest;
        assert_int_equal(feed(&body, bytes, step, &out, &rest), HTTP_BODY_END);
        assert_true(text_equal(buffer_view(&out), TEXT("hello world0123456789")));
        assert_true(text_equal(rest, TEXT("NEXT")));
    }
}

static void test_refused_chunks(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\r\n",           "g\r\n",           " 5\r\nhello",    "5 \r\nhello",      "+5\r\nhello",     "-5\r\nhello",
        "0x5\r\nhello",   "5\nhello",        "5\r\nhelloX",    "5\r\nhello\n",     "5\r\nhello\rX",   "5;\r\nhello",
        "5;=x\r\nhello",  "5;a=\r\nhello",   "5;a=\"\n",       "5;a\x01\r\n",      "5;a b\r\n",       "5\r5",
        "0\r\n: x\r\n",   "0\r\nA b: c\r\n", "0\r\n A: c\r\n", "0\r\nA: c\n",      "0\r\nA: \x01\r\n", "0\r\n\rX",
        "11111111111111111\r\n", "fffffffffffffffff\r\n", "0\r\nA\r\n",
    };
    for (size_t i = 0; i < MEMORY_COUNT(refused); i++) {
        struct http_body body = chunked_body();
        struct buffer BUFFER_AUTO out = BUFFER_EMPTY;
        struct text rest;
        if (feed(&body, text_from(refused[i]), 1, &out, &rest) != ERROR_INVALID)
            print_error("accepted: %s\n", refused[i]);
        body = chunked_body();
        assert_int_equal(feed(&body, text_from(refused[i]), 1000, &out, &rest), ERROR_INVALID);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY, out = BUFFER_EMPTY;
    struct text rest;
    struct http_body body = chunked_body();
    buffer_string(&bytes, "1;");
    for (int i = 0; i < BOUNDS_HTTP_CHUNK_LINE_BYTES; i++)
        buffer_byte(&bytes, 'a');
    assert_int_equal(feed(&body, buffer_view(&bytes), 7, &out, &rest), ERROR_INVALID);

    /* Many small extensions: bounded over the whole body. */
    body = chunked_body();
    buffer_clear(&bytes);
    for (int i = 0; i < BOUNDS_HTTP_TRAILER_BYTES; i++)
        buffer_string(&bytes, "1;abcdefgh\r\nx\r\n");
    assert_int_equal(feed(&body, buffer_view(&bytes), 4096, &out, &rest), ERROR_INVALID);

    body = chunked_body();
    buffer_clear(&bytes);
    buffer_string(&bytes, "0\r\n");
    for (int i = 0; i < BOUNDS_HTTP_TRAILER_BYTES; i++)
        buffer_string(&bytes, "a:\r\n");
    assert_int_equal(feed(&body, buffer_view(&bytes), 4096, &out, &rest), ERROR_INVALID);
}

/* Many chunks without extensions are nobody's attack: no limit is passed. */
static void test_many_chunks(void **state)
{
    (void)state;
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY, out = BUFFER_EMPTY;
    struct text rest;
    struct http_body body = chunked_body();
    for (int i = 0; i < 20000; i++)
        buffer_string(&bytes, "1\r\nx\r\n");
    buffer_string(&bytes, "0\r\n\r\n");
    assert_int_equal(feed(&body, buffer_view(&bytes), 1000, &out, &rest), HTTP_BODY_END);
    assert_int_equal(out.length, 20000);
}

static void test_response_framing(void **state)
{
    (void)state;
    struct http_body body;
    http_body_init_response(&body, &(struct http_head){.content_length = 9}, true);
    assert_int_equal(body.left, 0);
    http_body_init_response(&body, &(struct http_head){.content_length = 9}, false);
    assert_int_equal(body.left, 9);
    http_body_init_response(&body, &(struct http_head){.content_length = -1}, false);
    assert_int_equal(body.kind, HTTP_BODY_UNTIL_CLOSE);
    http_body_init_response(&body, &(struct http_head){.content_length = -1, .chunked = true}, false);
    assert_int_equal(body.kind, HTTP_BODY_CHUNKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length),          cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_chunks),          cmocka_unit_test(test_refused_chunks),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_many_chunks),
        cmocka_unit_test(test_response_framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
