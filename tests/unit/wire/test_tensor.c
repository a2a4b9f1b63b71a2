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

static void types_have_names(void **state)
{
    static const struct {
        const char *name;
        size_t size;
    } types[] = {{"float32", 4}, {"uint8", 1}, {"int8", 1},   {"int32", 4},
                 {"int64", 8},   {"bool", 1},  {"float64", 8}};
    for (size_t i = 0; i < MEMORY_COUNT(types); i++) {
        int type = tensor_type_parse(text_from(types[i].name));
        assert_true(type > 0);
        assert_string_equal(tensor_type_name((unsigned)type), types[i].name);
        assert_int_equal(tensor_type_size((unsigned)type), types[i].size);
    }
    assert_int_equal(tensor_type_parse(TEXT("float16")), ERROR_UNSUPPORTED);
    assert_int_equal(tensor_type_size(0), 0);
    assert_null(tensor_type_name(200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_tensors_travel_inline),
        cmocka_unit_test(large_tensors_stand_in_the_window),
        cmocka_unit_test(counts_cannot_overflow),
        cmocka_unit_test(damaged_lists_lead_nowhere),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
