#include "runtime/base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/memory.h"

static void appending(void **state)
{
    BUFFER_AUTO struct buffer buffer = BUFFER_EMPTY;
    buffer_append(&buffer, "ab", 2);
    buffer_text(&buffer, TEXT("cd"));
    buffer_text(&buffer, (struct text){NULL, 0});
    buffer_string(&buffer, "ef");
    buffer_string(&buffer, NULL);
    buffer_byte(&buffer, '\0');
    buffer_byte(&buffer, 'g');
    assert_int_equal(buffer.length, 8);
    assert_memory_equal(buffer.data, "abcdef\0g\0", 9);
    assert_true(text_equal(buffer_view(&buffer), TEXT("abcdef\0g")));
}

static void growing(void **state)
{
    BUFFER_AUTO struct buffer buffer = BUFFER_EMPTY;
    for (size_t i = 0; i < 100000; i++) {
        buffer_byte(&buffer, (char)i);
        assert_int_equal(buffer.data[buffer.length], '\0');
    }
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(buffer.data[i], (char)i);
    assert_true(buffer.capacity < 300000);
}

static void reserving(void **state)
{
    BUFFER_AUTO struct buffer buffer = BUFFER_EMPTY;
    memcpy(buffer_reserve(&buffer, 1000), "hello", 5);
    assert_int_equal(buffer.length, 0);
    buffer_advance(&buffer, 5);
    assert_string_equal(buffer.data, "hello");
    buffer_reserve(&buffer, 0);
    buffer_advance(&buffer, 0);
    assert_string_equal(buffer.data, "hello");
}

static void formatting(void **state)
{
    BUFFER_AUTO struct buffer buffer = BUFFER_EMPTY;
    MEMORY_AUTO char *wide = memory_alloc(1001, 1);
    memset(wide, 'w', 1000);
    buffer_format(&buffer, "%d-%s;", 42, "x");
    buffer_format(&buffer, "%s;", wide);
    assert_int_equal(buffer.length, 5 + 1001);
    assert_true(text_starts(buffer_view(&buffer), TEXT("42-x;www")));
    assert_true(text_ends(buffer_view(&buffer), TEXT("ww;")));
    /* lengths around the first guess */
    for (int length = 120; length < 140; length++) {
        buffer_clear(&buffer);
        buffer_format(&buffer, "%*d", length, 7);
        assert_int_equal(buffer.length, length);
    }
}

static void consuming(void **state)
{
    BUFFER_AUTO struct buffer buffer = BUFFER_EMPTY;
    buffer_consume(&buffer, 0);
    buffer_string(&buffer, "abcdef");
    buffer_consume(&buffer, 2);
    assert_string_equal(buffer.data, "cdef");
    buffer_consume(&buffer, 4);
    assert_int_equal(buffer.length, 0);
    assert_string_equal(buffer.data, "");
}

static void clearing_and_stealing(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer);
    MEMORY_AUTO char *nothing = buffer_steal(&buffer);
    assert_string_equal(nothing, "");
    buffer_string(&buffer, "kept");
    size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer.capacity, capacity);
    buffer_string(&buffer, "mine");
    MEMORY_AUTO char *mine = buffer_steal(&buffer);
    assert_string_equal(mine, "mine");
    assert_null(buffer.data);
    buffer_release(&buffer);
    buffer_release(&buffer);
}

static void a_strangers_text_becomes_one_line(void **state)
{
    static const struct {
        const char *given, *shown;
    } cases[] = {{"plain", "plain"},
                 {"two\nlines\r\n", "two lines  "},
                 {"\x1b[31mred\x7f", " [31mred "},
                 {"gr\xc3\xbc\xc3\x9f" "e", "gr\xc3\xbc\xc3\x9f" "e"},
                 {"cut \xc3", "cut ?"},
                 {"both \xc3\xbc and \xff", "both ?? and ?"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        buffer_printable(&out, text_from(cases[i].given));
        assert_string_equal(out.data, cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_strangers_text_becomes_one_line),
        cmocka_unit_test(appending),  cmocka_unit_test(growing),   cmocka_unit_test(reserving),
        cmocka_unit_test(formatting), cmocka_unit_test(consuming), cmocka_unit_test(clearing_and_stealing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
