#include "runtime/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static void comparing(void **state)
{
    assert_true(text_equal(TEXT("abc"), TEXT("abc")));
    assert_true(text_equal(TEXT(""), (struct text){NULL, 0}));
    assert_false(text_equal(TEXT("abc"), TEXT("abd")));
    assert_false(text_equal(TEXT("abc"), TEXT("ab")));
    assert_true(text_equal_ignore_case(TEXT("Content-Type"), TEXT("cONTENT-tYPE")));
    assert_false(text_equal_ignore_case(TEXT("@"), TEXT("`"))); /* letters only */
    assert_false(text_equal_ignore_case(TEXT("a"), TEXT("ab")));
    assert_true(text_equal_secret(TEXT("hf_x"), TEXT("hf_x")));
    assert_false(text_equal_secret(TEXT("hf_x"), TEXT("hf_y")));
    assert_false(text_equal_secret(TEXT("hf_x"), TEXT("hf_")));
    assert_true(text_starts(TEXT("abc"), TEXT("ab")) && text_starts(TEXT("abc"), TEXT("")));
    assert_false(text_starts(TEXT("a"), TEXT("ab")));
    assert_true(text_ends(TEXT("abc"), TEXT("bc")) && text_ends(TEXT("abc"), TEXT("")));
    assert_false(text_ends(TEXT("c"), TEXT("bc")));
}

static void slicing(void **state)
{
    assert_true(text_equal(text_skip(TEXT("abc"), 1), TEXT("bc")));
    assert_int_equal(text_skip(TEXT("abc"), 9).length, 0);
    assert_int_equal(text_skip((struct text){NULL, 0}, 3).length, 0);
    assert_true(text_equal(text_head(TEXT("abc"), 2), TEXT("ab")));
    assert_true(text_equal(text_head(TEXT("abc"), 9), TEXT("abc")));
    assert_true(text_equal(text_trim(TEXT(" \t\r\n a b \n")), TEXT("a b")));
    assert_int_equal(text_trim(TEXT(" \t ")).length, 0);
    assert_int_equal(text_find(TEXT("abcb"), 'b'), 1);
    assert_int_equal(text_find(TEXT("abc"), 'x'), -1);
    assert_int_equal(text_find((struct text){NULL, 0}, 'x'), -1);
    assert_int_equal(text_from(NULL).length, 0);
    assert_true(text_equal(text_from("xy"), TEXT("xy")));
}

static void cutting(void **state)
{
    struct text rest = TEXT("a,,b");
    assert_true(text_equal(text_cut(&rest, ','), TEXT("a")));
    assert_true(text_equal(text_cut(&rest, ','), TEXT("")));
    assert_true(text_equal(text_cut(&rest, ','), TEXT("b")));
    assert_null(rest.data);
    rest = TEXT("a,");
    assert_true(text_equal(text_cut(&rest, ','), TEXT("a")));
    assert_non_null(rest.data); /* something empty follows, which is not nothing */
    assert_int_equal(rest.length, 0);
}

static void decimals(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616", "99999999999999999999"};
    uint64_t value = 7;
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++)
        assert_int_equal(text_to_u64(text_from(bad[i]), &value), ERROR_INVALID);
    assert_int_equal(value, 7);
    assert_int_equal(text_to_u64(TEXT("18446744073709551615"), &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(text_to_u64(TEXT("0"), &value), 0);
    assert_int_equal(value, 0);
}

static void utf8(void **state)
{
    static const char *const good[] = {"",
                                       "ascii that is longer than eight",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF",
                                       "1234567\xC3\xA9"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC3",
                                      "\xC3(",
                                      "\xE0\x9F\xBF",
                                      "\xE2\x82",
                                      "\xE2\x82(",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF0\x90\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFE",
                                      "\xFF",
                                      "12345678\xFF",
                                      "1234567\xC3"};
    for (size_t i = 0; i < MEMORY_COUNT(good); i++)
        assert_true(text_is_utf8(text_from(good[i])));
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++)
        assert_false(text_is_utf8(text_from(bad[i])));
    assert_true(text_is_utf8(TEXT("a\0b")));
}

/* Every code point written by the rules of the standard is accepted, its head is not. */
static void every_character_is_utf8(void **state)
{
    for (uint32_t point = 0x80; point <= 0x10FFFF; point++) {
        char bytes[4];
        size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t rest = point;
        for (size_t i = length; i-- > 1; rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3F));
        bytes[0] = (char)(leads[length] | rest);
        bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (text_is_utf8((struct text){bytes, length}) == surrogate)
            fail_msg("U+%04X", point);
        if (text_is_utf8((struct text){bytes, length - 1}))
            fail_msg("half of U+%04X", point);
    }
}

static void names(void **state)
{
    static const char *const good[] = {
        "a",     "0",  "digits", "My-Demo_2.0",
        "a.b.c", "x_", "a-",     "12345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {"",
                                      "-a",
                                      ".a",
                                      "_a",
                                      "a--b",
                                      "a..b",
                                      "a.",
                                      "x.git",
                                      "a/b",
                                      "a b",
                                      "caf\xC3\xA9",
                                      "a\n",
                                      "123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < MEMORY_COUNT(good); i++)
        assert_true(text_is_name(text_from(good[i])));
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++)
        assert_false(text_is_name(text_from(bad[i])));
    assert_false(text_is_name(TEXT("a\0b")));
}

static void copying(void **state)
{
    MEMORY_AUTO char *copy = text_copy(text_head(TEXT("abcdef"), 3));
    MEMORY_AUTO char *empty = text_copy((struct text){NULL, 0});
    assert_string_equal(copy, "abc");
    assert_string_equal(empty, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing), cmocka_unit_test(slicing), cmocka_unit_test(cutting),
        cmocka_unit_test(decimals),  cmocka_unit_test(utf8),    cmocka_unit_test(every_character_is_utf8),
        cmocka_unit_test(names),     cmocka_unit_test(copying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
