#include "runtime/base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static void accepts(const char *string)
{
    struct json json;
    struct text text = text_from(string);
    if (!json_is_valid(text))
        fail_msg("refused: %s", string);
    assert_int_equal(json_parse(&json, text, NULL), 0);
    json_release(&json);
}

/* `position` is where the trouble stands. */
static void refuses(struct text text, size_t position)
{
    struct json json;
    size_t found = 12345;
    if (json_is_valid(text))
        fail_msg("accepted: " TEXT_FORMAT, TEXT_ARGUMENT(text));
    assert_int_equal(json_parse(&json, text, &found), ERROR_INVALID);
    if (found != position)
        fail_msg(TEXT_FORMAT ": trouble at %zu, not %zu", TEXT_ARGUMENT(text), found, position);
    json_release(&json);
}

static void well_formed_texts(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-1.5",
        "1e5",
        "1E+5",
        "0.1e-10",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[[]]",
        " [ 1 , 2 ] ",
        "\t\r\n{ \"a\" : [ ] }\n",
        "{\"a\":1,\"a\":2}",
        "[true,false,null]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"",
        "\"caf\xC3\xA9 \xF0\x9F\x98\x80\"",
        "\"\x7F\"",
        "123456789012345678901234567890",
        "[0,-0,0.0]",
        "\"seven 7\"",
        "\"exactly8\"",
        "\"nine chars\"",
    };
    for (size_t i = 0; i < MEMORY_COUNT(texts); i++)
        accepts(texts[i]);
}

static void malformed_texts(void **state)
{
    static const struct {
        struct text text;
        size_t position;
    } texts[] = {
        {TEXT(""), 0},
        {TEXT("  "), 2},
        {TEXT("nul"), 0},
        {TEXT("nulll"), 4},
        {TEXT("True"), 0},
        {TEXT("01"), 1},
        {TEXT("-"), 1},
        {TEXT("+1"), 0},
        {TEXT(".5"), 0},
        {TEXT("1."), 2},
        {TEXT("1.e5"), 2},
        {TEXT("1e"), 2},
        {TEXT("1e+"), 3},
        {TEXT("0x10"), 1},
        {TEXT("NaN"), 0},
        {TEXT("Infinity"), 0},
        {TEXT("'a'"), 0},
        {TEXT("\"a"), 2},
        {TEXT("\"a\nb\""), 2},
        {TEXT("\"a\0b\""), 2},
        {TEXT("\"\\x\""), 1},
        {TEXT("\"\\u12\""), 1},
        {TEXT("\"\\u12g4\""), 1},
        {TEXT("\"\\"), 1},
        {TEXT("\"\\\""), 3},
        {TEXT("\"\\ud800\""), 1},
        {TEXT("\"\\udc00\""), 1},
        {TEXT("\"\\ud800\\u0041\""), 1},
        {TEXT("\"\\ud800\\ud800\""), 1},
        {TEXT("\"\xFF\""), 1},
        {TEXT("\"\xC0\x80\""), 1},
        {TEXT("\"\xED\xA0\x80\""), 1},
        {TEXT("\"\xC3\""), 1},
        {TEXT("[1,]"), 3},
        {TEXT("[,1]"), 1},
        {TEXT("[1 2]"), 3},
        {TEXT("[1"), 2},
        {TEXT("[1}"), 2},
        {TEXT("]"), 0},
        {TEXT("{\"a\"}"), 4},
        {TEXT("{\"a\":}"), 5},
        {TEXT("{\"a\":1,}"), 7},
        {TEXT("{a:1}"), 1},
        {TEXT("{1:1}"), 1},
        {TEXT("{\"a\":1]"), 6},
        {TEXT("{\"a\" 1}"), 5},
        {TEXT("{"), 1},
        {TEXT("1 2"), 2},
        {TEXT("[] x"), 3},
        {TEXT("\xEF\xBB\xBF{}"), 0},
        {TEXT("/* */1"), 0},
    };
    for (size_t i = 0; i < MEMORY_COUNT(texts); i++)
        refuses(texts[i].text, texts[i].position);
}

/* The parser must not look behind the slice: every head of a text is judged by itself. */
static void every_head_is_refused(void **state)
{
    static const char whole[] =
        "{\"name\":[1.5e+3,true,\"\\ud83d\\ude00 caf\xC3\xA9\",null,{\"deep\":{}}],\"z\":false}";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        char *exact = memory_alloc(length ? length : 1, 1); /* the sanitizer watches its end */
        memcpy(exact, whole, length);
        assert_false(json_is_valid((struct text){exact, length}));
        free(exact);
    }
    assert_true(json_is_valid(text_from(whole)));
}

static void nesting_is_bounded(void **state)
{
    for (int closed = 0; closed < 2; closed++) {
        BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
        struct json json;
        size_t depth = BOUNDS_JSON_DEPTH + closed, position;
        for (size_t i = 0; i < depth; i++)
            buffer_string(&text, i % 2 ? "{\"a\":" : "[");
        buffer_string(&text, "0");
        for (size_t i = depth; i-- > 0;)
            buffer_byte(&text, i % 2 ? '}' : ']');
        assert_int_equal(json_parse(&json, buffer_view(&text), &position), closed ? ERROR_LIMIT : 0);
        assert_int_equal(json_is_valid(buffer_view(&text)), !closed);
        json_release(&json);
    }
}

static void nodes_are_bounded(void **state)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    struct json json;
    buffer_byte(&text, '[');
    for (size_t i = 1; i < BOUNDS_JSON_NODES; i++)
        buffer_string(&text, i == 1 ? "0" : ",0");
    buffer_byte(&text, ']');
    assert_true(json_is_valid(buffer_view(&text)));
    text.data[text.length - 1] = ',';
    buffer_string(&text, "0]");
    assert_false(json_is_valid(buffer_view(&text)));
    assert_int_equal(json_parse(&json, buffer_view(&text), NULL), ERROR_LIMIT);
    json_release(&json);
}

static struct json parsed(const char *string)
{
    struct json json;
    assert_int_equal(json_parse(&json, text_from(string), NULL), 0);
    return json;
}

static void members_are_found(void **state)
{
    struct json json =
        parsed("{\"a\":{\"b\":[1,{\"c\":\"deep\"},[]]},\"x\":1,\"x\":2,\"\\u0079\":3,\"e\":{}}");
    const struct json_node *root = &json.nodes[0], *b = json_get(&json, json_get(&json, root, "a"), "b");
    int64_t value;
    assert_int_equal(root->count, 5);
    assert_int_equal(b->count, 3);
    assert_true(json_equals(json_get(&json, json_at(&json, b, 1), "c"), "deep"));
    assert_int_equal(json_at(&json, b, 2)->type, JSON_ARRAY);
    assert_null(json_at(&json, b, 3));
    assert_null(json_first(&json, json_at(&json, b, 2)));
    assert_true(json_integer(json_get(&json, root, "x"), &value) && value == 2); /* the last one wins */
    assert_true(json_integer(json_get(&json, root, "y"), &value) &&
                value == 3); /* keys are compared unescaped */
    assert_null(json_get(&json, root, "\\u0079"));
    assert_null(json_get(&json, json_get(&json, json_get(&json, root, "no"), "such"), "thing"));
    assert_null(json_get(&json, b, "c"));
    assert_null(json_get(&json, NULL, "c"));
    assert_null(json_first(&json, NULL));
    assert_null(json_at(&json, NULL, 0));
    json_release(&json);
}

static void children_are_walked_in_order(void **state)
{
    struct json json = parsed(" [ 10 , [20, 21] , {\"k\": 30} , 40 ] ");
    const struct json_node *root = &json.nodes[0];
    static const char *const raws[] = {"10", "[20, 21]", "{\"k\": 30}", "40"};
    size_t count = 0;
    for (const struct json_node *at = json_first(&json, root); at; at = json_next(&json, root, at), count++)
        assert_true(text_equal(at->raw, text_from(raws[count])));
    assert_int_equal(count, 4);
    assert_true(text_equal(root->raw, TEXT("[ 10 , [20, 21] , {\"k\": 30} , 40 ]")));
    json_release(&json);
}

static void strings_are_unescaped(void **state)
{
    struct json json = parsed("[\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\", "
                              "\"\\u0000\", 1, \"plain\"]");
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    const struct json_node *root = &json.nodes[0];
    assert_int_equal(json_string(json_at(&json, root, 0), &out), 0);
    assert_string_equal(out.data, "a\"\\/\b\f\n\r\t");
    buffer_clear(&out);
    assert_int_equal(json_string(json_at(&json, root, 1), &out), 0);
    assert_string_equal(out.data, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_null(json_string_copy(json_at(&json, root, 2))); /* a NUL has no C string */
    assert_null(json_string_copy(json_at(&json, root, 3)));
    assert_null(json_string_copy(NULL));
    assert_int_equal(json_string(json_at(&json, root, 3), &out), ERROR_INVALID);
    assert_false(json_equals(json_at(&json, root, 3), "1"));
    MEMORY_AUTO char *plain = json_string_copy(json_at(&json, root, 4));
    assert_string_equal(plain, "plain");
    assert_true(json_equals(json_at(&json, root, 1), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
    json_release(&json);
}

static void numbers_are_read(void **state)
{
    static const struct {
        const char *text;
        double number;
        bool whole;
        int64_t integer;
    } cases[] = {
        {"0", 0, true, 0},
        {"-1", -1, true, -1},
        {"1.0", 1, true, 1},
        {"1e3", 1000, true, 1000},
        {"0.5", 0.5, false, 0},
        {"123456789012345678", 123456789012345678.0, true, 123456789012345678},
        {"9223372036854775807", 9223372036854775807.0, true, INT64_MAX},
        {"-9223372036854775808", -9223372036854775808.0, true, INT64_MIN},
        {"9223372036854775808", 9223372036854775808.0, false, 0},
        {"-9223372036854775809", -9223372036854775808.0, false, 0},
        {"1e300", 1e300, false, 0},
        {"0.10000000000000000000000000000000000000000000000000000000000000000000000001", 0.1, false, 0},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct json json = parsed(cases[i].text);
        double number;
        int64_t integer = 0;
        assert_true(json_number(&json.nodes[0], &number));
        assert_true(number == cases[i].number);
        assert_int_equal(json_integer(&json.nodes[0], &integer), cases[i].whole);
        if (cases[i].whole)
            assert_true(integer == cases[i].integer);
        json_release(&json);
    }
    struct json json = parsed("[-0, \"1\"]");
    double number;
    int64_t integer;
    assert_true(json_number(json_at(&json, &json.nodes[0], 0), &number) && signbit(number));
    assert_false(json_number(json_at(&json, &json.nodes[0], 1), &number));
    assert_false(json_integer(NULL, &integer));
    json_release(&json);
}

static void strings_are_written(void **state)
{
    static const struct {
        struct text text;
        const char *json;
    } cases[] = {
        {TEXT(""), "\"\""},
        {TEXT("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {TEXT("\b\f\n\r\t\x01\x1F\x7F"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\""},
        {TEXT("nul\0!"), "\"nul\\u0000!\""},
        {TEXT("caf\xC3\xA9"), "\"caf\xC3\xA9\""},
        {TEXT("bad\xFF\"\xC3"), "\"bad\xEF\xBF\xBD\\\"\xEF\xBF\xBD\""},
        {TEXT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        json_write_string(&out, cases[i].text);
        assert_string_equal(out.data, cases[i].json);
        assert_true(json_is_valid(buffer_view(&out)));
    }
}

static void numbers_are_written(void **state)
{
    static const struct {
        double number;
        const char *json;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-17, "-17"},
        {0.1, "0.1"},
        {1e15, "1e+15"},
        {999999999999999.0, "999999999999999"},
        {1.0 / 3, "0.3333333333333333"},
        {1e300, "1e+300"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {5e-324, "4.94065645841247e-324"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        json_write_number(&out, cases[i].number);
        assert_string_equal(out.data, cases[i].json);
        if (isfinite(cases[i].number))
            assert_true(strtod(out.data, NULL) == cases[i].number);
    }
}

static void commas_come_by_themselves(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    buffer_byte(&out, '{');
    json_write_member(&out, "a", TEXT("1"));
    json_write_name(&out, "list");
    buffer_byte(&out, '[');
    for (int i = 0; i < 3; i++) {
        json_write_comma(&out);
        json_write_number(&out, i);
    }
    buffer_byte(&out, ']');
    json_write_name(&out, "o\"dd");
    buffer_string(&out, "{}");
    json_write_member(&out, "ends with {", TEXT("{"));
    buffer_byte(&out, '}');
    assert_string_equal(out.data, "{\"a\":\"1\",\"list\":[0,1,2],\"o\\\"dd\":{},\"ends with {\":\"{\"}");
    assert_true(json_is_valid(buffer_view(&out)));
}

static void html_cannot_be_left(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    json_write_for_html(&out, TEXT("[\"</script><!--&\xE2\x80\xA8\xE2\x80\xA9\xE2\x82\xAC\"]"));
    assert_string_equal(out.data, "[\"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\\u2029\xE2\x82\xAC\"]");
    assert_true(json_is_valid(buffer_view(&out)));
    buffer_clear(&out);
    json_write_for_html(&out, TEXT("\xE2\x80")); /* cut in the middle of a character */
    assert_string_equal(out.data, "\xE2\x80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_texts),
        cmocka_unit_test(malformed_texts),
        cmocka_unit_test(every_head_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(nodes_are_bounded),
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(children_are_walked_in_order),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(strings_are_written),
        cmocka_unit_test(numbers_are_written),
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(html_cannot_be_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
