/* Access log lines: one JSON object each, whatever the client wrote. */
#include "gateway/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gateway/files.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"

static struct http_head_parser parser;

/* Formats the line of a request with this target, and parses it back. */
static struct json line_of(const char *target, struct buffer *line, int code)
{
    static struct http_peer peer = {.address = {[10] = 0xff, 0xff, 10, 0, 0, 9}};
    static struct buffer bytes;
    struct json json;
    buffer_clear(&bytes);
    buffer_format(&bytes, "GET %s HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n", target);
    assert_true(http_head_parse_request(&parser, buffer_view(&bytes)) > 0);
    const struct http_exchange exchange = {.head = parser.head,
                                           .peer = &peer,
                                           .status = 200,
                                           .body_sent = 12345678901,
                                           .started_us = clock_now_us() - 2500};
    access_format(line, &exchange, NULL, code);
    assert_int_equal(line->data[line->length - 1], '\n');
    assert_int_equal(json_parse(&json, text_head(buffer_view(line), line->length - 1), NULL), 0);
    return json;
}

static void test_fields(void **state)
{
    struct buffer BUFFER_AUTO line = BUFFER_EMPTY;
    int64_t number;
    double ms;
    (void)state;
    struct json json = line_of("/a/b?token=secret", &line, 0);
    const struct json_node *root = json.nodes;
    assert_true(json_equals(json_get(&json, root, "path"), "/a/b"));
    assert_true(json_equals(json_get(&json, root, "client"), "10.0.0.9"));
    assert_true(json_equals(json_get(&json, root, "method"), "GET"));
    assert_true(json_equals(json_get(&json, root, "end"), "done"));
    assert_true(json_integer(json_get(&json, root, "bytes"), &number) && number == 12345678901);
    assert_true(json_number(json_get(&json, root, "ms"), &ms) && ms >= 2.5 && ms < 1000);
    assert_null(memmem(line.data, line.length, "secret", 6));
    json_release(&json);
}

static void test_hostile_paths(void **state)
{
    struct buffer BUFFER_AUTO line = BUFFER_EMPTY, target = BUFFER_EMPTY, path = BUFFER_EMPTY;
    (void)state;
    struct json json = line_of("/\\},{x:\\u0022'", &line, ERROR_CLOSED);
    assert_int_equal(json_string(json_get(&json, json.nodes, "path"), &path), 0);
    assert_string_equal(path.data, "/\\},{x:\\u0022'");
    assert_true(json_equals(json_get(&json, json.nodes, "end"), "left"));
    json_release(&json);
    buffer_byte(&target, '/');
    for (int i = 0; i < 4000; i++)
        buffer_byte(&target, 'a');
    buffer_clear(&line);
    json = line_of(target.data, &line, 0);
    assert_true(line.length < BOUNDS_LOG_FIELD_BYTES + 400);
    json_release(&json);
}

static void test_types_of_files(void **state)
{
    (void)state;
    assert_string_equal(files_type(TEXT("a/b.HTML")), "text/html; charset=utf-8");
    assert_string_equal(files_type(TEXT("x.wasm")), "application/wasm");
    assert_string_equal(files_type(TEXT("a.tar/noextension")), "application/octet-stream");
    assert_string_equal(files_type(TEXT("noextension")), "application/octet-stream");
    assert_string_equal(files_type(TEXT("")), "application/octet-stream");
    assert_true(files_is_shown("image/png"));
    assert_false(files_is_shown("application/zip"));
    assert_false(files_is_shown("application/octet-stream"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_hostile_paths),
        cmocka_unit_test(test_types_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
