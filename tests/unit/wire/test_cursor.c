#include "runtime/wire/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/error.h"

static void numbers_are_little_endian(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    cursor_put_u8(&out, 0xFE);
    cursor_put_u32(&out, 0x01020304);
    cursor_put_u64(&out, 0x1112131415161718);
    cursor_put_text(&out, TEXT("hey"));
    assert_int_equal(out.length, 1 + 4 + 8 + 4 + 3);
    assert_memory_equal(out.data, "\xFE\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11\x03\0\0\0hey",
                        out.length);

    struct cursor cursor = cursor_from(buffer_view(&out));
    assert_int_equal(cursor_u8(&cursor), 0xFE);
    assert_int_equal(cursor_u32(&cursor), 0x01020304);
    assert_true(cursor_u64(&cursor) == 0x1112131415161718);
    assert_int_equal(cursor_end(&cursor), ERROR_INVALID); /* something is left */
    struct text text = cursor_text(&cursor);
    assert_true(text_equal(text, TEXT("hey")));
    assert_ptr_equal(text.data, out.data + 17); /* borrowed */
    assert_int_equal(cursor_end(&cursor), 0);
}

static void a_short_read_breaks_the_cursor(void **state)
{
    struct cursor cursor = cursor_from(TEXT("abc"));
    assert_int_equal(cursor_u32(&cursor), 0);
    assert_int_equal(cursor_end(&cursor), ERROR_INVALID);

    cursor = cursor_from((struct text){NULL, 0});
    assert_int_equal(cursor_end(&cursor), 0);
    assert_int_equal(cursor_u8(&cursor), 0);
    assert_int_equal(cursor_end(&cursor), ERROR_INVALID);
}

/* Once broken it stays so: a later field must not be read from the middle of an earlier one. */
static void a_broken_cursor_stays_broken(void **state)
{
    struct cursor cursor = cursor_from(TEXT("\xFF\xFF\xFF\xFF"
                                            "12345678"));
    assert_int_equal(cursor_text(&cursor).length, 0);
    cursor_u64(&cursor);
    assert_int_equal(cursor_end(&cursor), ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(a_short_read_breaks_the_cursor),
        cmocka_unit_test(a_broken_cursor_stays_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
