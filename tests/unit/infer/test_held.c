#include "runtime/infer/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* wrap: clock_now_ms */

static uint64_t now_ms = 1000000;

uint64_t __wrap_clock_now_ms(void)
{
    return now_ms;
}

enum { LARGE = 100000 };

static struct tensor large(unsigned char *bytes, unsigned char value)
{
    memset(bytes, value, LARGE);
    return (struct tensor){.name = TEXT("out"), .type = TENSOR_UINT8, .rank = 1, .shape = {LARGE}, .byte_length = LARGE,
                           .inline_bytes = {(const char *)bytes, LARGE}};
}

static int fetch(struct held *held, uint32_t slot, uint64_t id, unsigned char *room, size_t length)
{
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;
    struct tensor got[2];
    struct held_place place = {.window = {room, length}, .offset = 64};
    int result = held_fetch(held, slot, id, place, &list);

    if (result < 0) {
        assert_int_equal(list.length, 0);
        return result;
    }
    assert_int_equal(tensor_list_read(buffer_view(&list), length, got, 2), 1);
    assert_int_equal(got[0].byte_length, LARGE);
    assert_true(got[0].in_window && got[0].window_offset >= 64);
    return tensor_bytes(&got[0], &place.window)[LARGE - 1];
}

static void an_answer_is_copied_and_given_once(void **state)
{
    struct held held = {0};
    MEMORY_AUTO unsigned char *bytes = memory_alloc(LARGE, 1), *room = memory_alloc(2 * LARGE, 1);
    struct tensor tensor = large(bytes, 7);

    assert_int_equal(held_keep(&held, 3, 11, &tensor, 1), (LARGE + 63) / 64 * 64);
    memset(bytes, 9, LARGE); /* the model's memory is used again */
    assert_int_equal(fetch(&held, 4, 11, room, 2 * LARGE), ERROR_NOT_FOUND); /* another worker */
    assert_int_equal(fetch(&held, 3, 12, room, 2 * LARGE), ERROR_NOT_FOUND);
    assert_int_equal(fetch(&held, 3, 11, room, LARGE), ERROR_LIMIT);
    assert_int_equal(fetch(&held, 3, 11, room, 2 * LARGE), 7);
    assert_int_equal(fetch(&held, 3, 11, room, 2 * LARGE), ERROR_NOT_FOUND);
    assert_int_equal(held.bytes, 0);
    assert_null(held.first);
    assert_null(held.last);
}

static void a_worker_that_is_gone_takes_its_answers_along(void **state)
{
    struct held held = {0};
    MEMORY_AUTO unsigned char *bytes = memory_alloc(LARGE, 1), *room = memory_alloc(2 * LARGE, 1);
    struct tensor tensor = large(bytes, 1);

    for (uint64_t id = 1; id <= 6; id++)
        held_keep(&held, (uint32_t)(id % 2), id, &tensor, 1);
    held_drop_slot(&held, 0);
    for (uint64_t id = 1; id <= 6; id++)
        assert_int_equal(fetch(&held, (uint32_t)(id % 2), id, room, 2 * LARGE), id % 2 ? 1 : ERROR_NOT_FOUND);
    held_keep(&held, 0, 7, &tensor, 1); /* the list is whole after all of that */
    assert_int_equal(fetch(&held, 0, 7, room, 2 * LARGE), 1);
}

static void old_answers_go_when_new_ones_come(void **state)
{
    struct held held = {0};
    MEMORY_AUTO unsigned char *bytes = memory_alloc(LARGE, 1), *room = memory_alloc(2 * LARGE, 1);
    struct tensor tensor = large(bytes, 1);

    held_keep(&held, 1, 1, &tensor, 1);
    now_ms += BOUNDS_INFER_HELD_MS;
    held_keep(&held, 1, 2, &tensor, 1);
    now_ms += 1;
    held_keep(&held, 1, 3, &tensor, 1);
    assert_int_equal(fetch(&held, 1, 1, room, 2 * LARGE), ERROR_NOT_FOUND);
    assert_int_equal(fetch(&held, 1, 2, room, 2 * LARGE), 1);
    held_drop_slot(&held, 1);
    assert_int_equal(held.bytes, 0);
}

static void their_bytes_are_bounded(void **state)
{
    struct held held = {0};
    MEMORY_AUTO unsigned char *bytes = memory_alloc(LARGE, 1), *room = memory_alloc(2 * LARGE, 1);
    struct tensor tensor = large(bytes, 1);
    uint64_t count = 2 * BOUNDS_INFER_HELD_BYTES / LARGE;

    for (uint64_t id = 1; id <= count; id++) {
        held_keep(&held, 1, id, &tensor, 1);
        assert_true(held.bytes <= BOUNDS_INFER_HELD_BYTES);
    }
    assert_int_equal(fetch(&held, 1, 1, room, 2 * LARGE), ERROR_NOT_FOUND);
    assert_int_equal(fetch(&held, 1, count, room, 2 * LARGE), 1);
    held_drop_slot(&held, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_copied_and_given_once),
        cmocka_unit_test(a_worker_that_is_gone_takes_its_answers_along),
        cmocka_unit_test(old_answers_go_when_new_ones_come),
        cmocka_unit_test(their_bytes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
