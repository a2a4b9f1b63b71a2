#include "runtime/wire/tensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static struct tensor vector(const char *name, enum tensor_type type, uint64_t length)
{
    return (struct tensor){.name = text_from(name), .type = type, .rank = 1, .shape = {length}};
}

static void small_tensors_travel_inline(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;
    struct tensor_window none = {0};
    size_t used = 0;
    float floats[6] = {1, 2, 3, 4, 5, 6};
    int64_t scalar = -7;
    struct tensor matrix = {.name = TEXT("m"), .type = TENSOR_FLOAT32, .rank = 2, .shape = {2, 3}};
    struct tensor number = {.name = TEXT(""), .type = TENSOR_INT64};
    tensor_list_begin(&list, 2);
    assert_int_equal(tensor_list_add(&list, &matrix, floats, &none, &used), 0);
    assert_int_equal(tensor_list_add(&list, &number, &scalar, &none, &used), 0);
    assert_int_equal(used, 0);

    struct tensor got[2];
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 2), 2);
    assert_true(text_equal(got[0].name, TEXT("m")));
    assert_int_equal(got[0].rank, 2);
    assert_int_equal(got[0].shape[1], 3);
    assert_int_equal(got[0].byte_length, sizeof floats);
    assert_memory_equal(tensor_bytes(&got[0], &none), floats, sizeof floats);
    assert_int_equal(got[1].rank, 0);
    assert_memory_equal(tensor_bytes(&got[1], &none), &scalar, sizeof scalar);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 1), ERROR_LIMIT);
}

static void large_tensors_stand_in_the_window(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;
    size_t used = 1, length = 100000;
    MEMORY_AUTO unsigned char *room = memory_alloc(300000, 1), *bytes = memory_alloc(length, 1);
    struct tensor_window window = {room, 300000}, none = {0};
    struct tensor tensor = vector("x", TENSOR_UINT8, length), got[3];
    memset(bytes, 0xAB, length);
    tensor_list_begin(&list, 2);
    assert_int_equal(tensor_list_add(&list, &tensor, bytes, &none, &used), ERROR_LIMIT); /* no window */
    assert_int_equal(tensor_list_add(&list, &tensor, bytes, &window, &used), 0);
    assert_int_equal(tensor_list_add(&list, &tensor, bytes, &window, &used), 0);
    size_t before = list.length;
    assert_int_equal(tensor_list_add(&list, &tensor, bytes, &window, &used), ERROR_LIMIT); /* full */
    assert_int_equal(list.length, before);
    assert_int_equal(tensor_list_read(buffer_view(&list), window.length, got, 3), 2);
    assert_true(got[0].in_window && got[1].in_window);
    assert_int_equal(got[0].window_offset % 64, 0);
    assert_true(got[1].window_offset >= got[0].window_offset + length);
    assert_memory_equal(tensor_bytes(&got[1], &window), bytes, length);
    assert_null(tensor_bytes(&got[1], &none));
    /* the reader believes only its own idea of the window */
    assert_int_equal(tensor_list_read(buffer_view(&list), (size_t)got[1].window_offset + length, got, 3), 2);
    assert_int_equal(tensor_list_read(buffer_view(&list), (size_t)got[1].window_offset + length - 1, got, 3),
                     ERROR_INVALID);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 3), ERROR_INVALID);
}

static void counts_cannot_overflow(void **state)
{
    static const uint64_t shapes[][3] = {
        {UINT64_MAX, 2, 1},
        {1ull << 32, 1ull << 32, 1ull << 32},
        {1ull << 62, 4, 1},
        {BOUNDS_TENSOR_WINDOW_BYTES, 2, 1},
    };
    uint64_t count;
    for (size_t i = 0; i < MEMORY_COUNT(shapes); i++) {
        struct tensor tensor = {.type = TENSOR_FLOAT32, .rank = 3};
        memcpy(tensor.shape, shapes[i], sizeof shapes[i]);
        assert_int_equal(tensor_count(&tensor, BOUNDS_TENSOR_WINDOW_BYTES, &count), ERROR_LIMIT);
    }
    struct tensor empty = {.type = TENSOR_FLOAT32, .rank = 2, .shape = {0, 1000}};
    assert_int_equal(tensor_count(&empty, 0, &count), 0);
    assert_int_equal(count, 0);
    struct tensor fits = vector("", TENSOR_FLOAT32, 10);
    assert_int_equal(tensor_count(&fits, 40, &count), 0);
    assert_int_equal(tensor_count(&fits, 39, &count), ERROR_LIMIT);
}

/* Cut anywhere, or with any byte changed, a list is refused or still consistent. */
static void damaged_lists_lead_nowhere(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;
    struct tensor_window none = {0};
    size_t used = 0;
    float floats[4] = {0};
    struct tensor tensor = {.name = TEXT("in"), .type = TENSOR_FLOAT32, .rank = 2, .shape = {2, 2}},
                  got[TENSOR_LIST_MAX];
    tensor_list_begin(&list, 2);
    assert_int_equal(tensor_list_add(&list, &tensor, floats, &none, &used), 0);
    assert_int_equal(tensor_list_add(&list, &tensor, floats, &none, &used), 0);
    for (size_t cut = 1; cut < list.length; cut++)
        assert_true(tensor_list_read(text_head(buffer_view(&list), cut), 4096, got, TENSOR_LIST_MAX) < 0);
    for (size_t at = 0; at < list.length * 8; at++) {
        list.data[at / 8] ^= (char)(1 << at % 8);
        int count = tensor_list_read(buffer_view(&list), 4096, got, TENSOR_LIST_MAX);
        for (int i = 0; i < count; i++) {
            if (got[i].in_window)
                assert_true(got[i].window_offset + got[i].byte_length <= 4096);
            else
                assert_true(got[i].inline_bytes.data + got[i].inline_bytes.length <= list.data + list.length);
        }
        list.data[at / 8] ^= (char)(1 << at % 8);
    }
    buffer_byte(&list, 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, TENSOR_LIST_MAX), ERROR_INVALID);
    assert_int_equal(tensor_list_read(TEXT(""), 0, got, TENSOR_LIST_MAX), 0);
}

static void names_are_text(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;
    struct tensor_window none = {0};
    struct tensor tensor = vector("a\xff", TENSOR_UINT8, 1), got;
    size_t used = 0;
    tensor_list_begin(&list, 1);
    assert_int_equal(tensor_list_add(&list, &tensor, "x", &none, &used), 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, &got, 1), ERROR_INVALID);
}

static void types_have_names(void **state)
{
    static const struct {
        const char *name;
        size_t size;
    } types[] = {{"float32", 4}, {"uint8", 1}, {"int8", 1},   {"int32", 4},
                 {"int64", 8},   {"bool", 1},  {"float64", 8}, {"float16", 2},
                 {"int16", 2},   {"uint16", 2}, {"uint32", 4}, {"uint64", 8}, {"string", 4}};
    for (size_t i = 0; i < MEMORY_COUNT(types); i++) {
        int type = tensor_type_parse(text_from(types[i].name));
        assert_true(type > 0);
        assert_string_equal(tensor_type_name((unsigned)type), types[i].name);
        assert_int_equal(tensor_type_size((unsigned)type), types[i].size);
    }
    assert_int_equal(tensor_type_parse(TEXT("complex64")), ERROR_UNSUPPORTED);
    assert_int_equal(tensor_type_size(0), 0);
    assert_null(tensor_type_name(200));
}

static void append_element(struct buffer *bytes, const char *element, size_t length)
{
    buffer_append(bytes, &(uint32_t){(uint32_t)length}, 4);
    buffer_append(bytes, element, length);
}

static int add_strings(struct buffer *list, uint64_t count, const struct buffer *bytes)
{
    struct tensor_window none = {0};
    struct tensor tensor = vector("s", TENSOR_STRING, count);
    size_t used = 0;

    tensor.byte_length = bytes->length;
    buffer_clear(list);
    tensor_list_begin(list, 1);
    return tensor_list_add(list, &tensor, bytes->data, &none, &used);
}

static void strings_are_read_element_by_element(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY, bytes = BUFFER_EMPTY;
    struct tensor got[1];
    struct text element;

    append_element(&bytes, "one", 3);
    append_element(&bytes, "", 0);
    append_element(&bytes, "a\0b", 3);
    assert_int_equal(add_strings(&list, 3, &bytes), 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 1), 1);
    struct text rest = got[0].inline_bytes;
    assert_true(tensor_next_string(&rest, &element) && text_equal(element, TEXT("one")));
    assert_true(tensor_next_string(&rest, &element) && element.length == 0);
    assert_true(tensor_next_string(&rest, &element) && element.length == 3);
    assert_false(tensor_next_string(&rest, &element));
}

static void malformed_strings_are_refused(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY, bytes = BUFFER_EMPTY;
    struct tensor got[1];

    append_element(&bytes, "one", 3);
    assert_int_equal(add_strings(&list, 2, &bytes), 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 1), ERROR_INVALID); /* fewer than the shape says */
    assert_int_equal(add_strings(&list, 0, &bytes), 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 1), ERROR_INVALID); /* more */
    append_element(&bytes, "\xff\xfe", 2);
    assert_int_equal(add_strings(&list, 2, &bytes), 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 1), ERROR_INVALID); /* not UTF-8 */
    bytes.data[7] = (char)200; /* the second one's length */
    assert_int_equal(add_strings(&list, 2, &bytes), 0);
    assert_int_equal(tensor_list_read(buffer_view(&list), 0, got, 1), ERROR_INVALID); /* longer than what is there */
}

static void strings_never_go_into_the_window(void **state)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY, bytes = BUFFER_EMPTY;
    MEMORY_AUTO char *text = memory_alloc(60000, 1);
    MEMORY_AUTO unsigned char *room = memory_alloc(100000, 1);
    struct tensor_window window = {room, 100000};
    struct tensor tensor = vector("s", TENSOR_STRING, 1), got[1];
    size_t used = 0;

    memset(text, 'a', 60000);
    append_element(&bytes, text, 60000);
    tensor.byte_length = bytes.length;
    tensor_list_begin(&list, 1);
    assert_int_equal(tensor_list_add(&list, &tensor, bytes.data, &window, &used), ERROR_LIMIT);
    /* and a list that says so is not believed */
    static const char placed[] = "\1\0\0\0" "\0\0\0\0" "\x08\0\1\0" "\0\0\0\0\0\0\0\0" "\4\0\0\0\0\0\0\0";
    assert_int_equal(tensor_list_read((struct text){placed, sizeof placed - 1}, 4096, got, 1), ERROR_INVALID);
}

static void halves_round_as_the_standard_says(void **state)
{
    static const struct {
        float value;
        uint16_t half;
    } pairs[] = {{0, 0},           {1, 0x3c00},        {-2, 0xc000},     {65504, 0x7bff},     {65519, 0x7bff},
                 {65520, 0x7c00},  {1e30f, 0x7c00},    {-1e30f, 0xfc00}, {0x1p-14f, 0x0400},  {0x1p-24f, 1},
                 {0x1p-25f, 0},    {0x1.8p-25f, 1},    {0x1p-26f, 0},    {0.333251953125f, 0x3555},
                 {1 + 0x1p-11f, 0x3c00}, {1 + 0x1.8p-10f, 0x3c02}};

    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++)
        assert_int_equal(tensor_half_from(pairs[i].value), pairs[i].half);
    for (unsigned half = 0; half < 0x10000; half++) {
        bool is_nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff);
        if (is_nan)
            assert_true(tensor_half_to((uint16_t)half) != tensor_half_to((uint16_t)half));
        else
            assert_int_equal(tensor_half_from(tensor_half_to((uint16_t)half)), half);
    }
    float nothing = tensor_half_to(0x7e00);
    assert_int_equal(tensor_half_from(nothing) & 0x7fff, 0x7e00);
}

static void a_list_says_beforehand_what_it_needs_of_the_window(void **state)
{
    assert_int_equal(tensor_window_need(100, BOUNDS_TENSOR_INLINE_BYTES - 100), 0);
    assert_int_equal(tensor_window_need(101, BOUNDS_TENSOR_INLINE_BYTES - 100),
                     (BOUNDS_TENSOR_INLINE_BYTES - 100 + 63) / 64 * 64);
    assert_int_equal(tensor_window_need(0, 100001), 100032);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_tensors_travel_inline),
        cmocka_unit_test(large_tensors_stand_in_the_window),
        cmocka_unit_test(counts_cannot_overflow),
        cmocka_unit_test(damaged_lists_lead_nowhere),
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(strings_are_read_element_by_element),
        cmocka_unit_test(malformed_strings_are_refused),
        cmocka_unit_test(strings_never_go_into_the_window),
        cmocka_unit_test(halves_round_as_the_standard_says),
        cmocka_unit_test(a_list_says_beforehand_what_it_needs_of_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
