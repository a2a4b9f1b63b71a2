/* Conditional requests and ranges. */
#include "runtime/http/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "runtime/base/buffer.h"
#include "runtime/base/memory.h"

static const struct {
    const char *fields;
    int status;
    unsigned first, length;
} cases[] = {
    {"", 200, 0, 100},
    {"Range: bytes=0-9\r\n", 206, 0, 10},
    {"Range: bytes=90-\r\n", 206, 90, 10},
    {"Range: bytes=-7\r\n", 206, 93, 7},
    {"Range: bytes=-700\r\n", 206, 0, 100},
    {"Range: bytes=50-5000\r\n", 206, 50, 50},
    {"Range: bytes=100-\r\n", 416, 0, 100},
    {"Range: bytes=-0\r\n", 416, 0, 100},
    {"Range: bytes=9-5\r\n", 200, 0, 100},
    {"Range: bytes=a-5\r\n", 200, 0, 100},
    {"Range: bytes=-\r\n", 200, 0, 100},
    {"Range: bytes=5\r\n", 200, 0, 100},
    {"Range: bytes=0-1,5-6\r\n", 200, 0, 100},
    {"Range: lines=0-1\r\n", 200, 0, 100},
    {"If-None-Match: \"x\"\r\n", 304, 0, 100},
    {"If-None-Match: \"a\", W/\"x\"\r\n", 304, 0, 100},
    {"If-None-Match: *\r\n", 304, 0, 100},
    {"If-None-Match: \"y\"\r\nRange: bytes=1-2\r\n", 206, 1, 2},
    {"If-Match: \"x\"\r\n", 200, 0, 100},
    {"If-Match: *\r\nRange: bytes=1-2\r\n", 206, 1, 2},
    {"If-Match: \"a\", \"x\"\r\n", 200, 0, 100},
    {"If-Match: \"y\"\r\n", 412, 0, 100},
    {"If-Match: W/\"x\"\r\n", 412, 0, 100},
    {"If-Match: \"y\"\r\nIf-None-Match: \"x\"\r\n", 412, 0, 100},
    {"If-Match: \r\n", 412, 0, 100},
    {"If-Range: \"x\"\r\nRange: bytes=1-2\r\n", 206, 1, 2},
    {"If-Range: Mon, 23 Nov 2026 12:00:00 GMT\r\nRange: bytes=1-2\r\n", 200, 0, 100},
    {"If-Range: \"y\"\r\nRange: bytes=1-2\r\n", 200, 0, 100},
    {"If-Range: W/\"x\"\r\nRange: bytes=1-2\r\n", 200, 0, 100},
};

static int decide(const char *method, const char *fields, uint64_t length, struct http_range *range)
{
    struct http_head_parser parser = {.behind_gateway = false};
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
    buffer_format(&bytes, "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, fields);
    assert_true(http_head_parse_request(&parser, buffer_view(&bytes)) > 0);
    return http_range_decide(&parser.head, TEXT("\"x\""), length, range);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct http_range range;
        int status = decide("GET", cases[i].fields, 100, &range);
        if (status != cases[i].status)
            print_error("%s -> %d\n", cases[i].fields, status);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(range.first, cases[i].first);
        assert_int_equal(range.length, cases[i].length);
    }
}

static void test_head_and_empty(void **state)
{
    (void)state;
    struct http_range range;
    assert_int_equal(decide("HEAD", "Range: bytes=1-2\r\n", 100, &range), 200);
    assert_int_equal(decide("GET", "Range: bytes=0-\r\n", 0, &range), 416);
    assert_int_equal(decide("GET", "Range: bytes=-5\r\n", 0, &range), 416);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_head_and_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
