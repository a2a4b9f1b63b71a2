/* Turns between demos, and batches of one model. */
#include "runtime/infer/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MANY = 64 };

static const char cats[] = "cats", dogs[] = "dogs";

static struct schedule_entry make(uint64_t demo_id, const void *model)
{
    return (struct schedule_entry){.demo_id = demo_id, .model = model};
}

static void test_one_demo_keeps_its_order(void **state)
{
    struct schedule schedule;
    struct schedule_entry a = make(1, cats), b = make(1, cats), *taken[4];

    (void)state;
    schedule_init(&schedule);
    schedule_push(&schedule, &a);
    schedule_push(&schedule, &b);
    assert_int_equal(schedule_take(&schedule, taken, 4), 2);
    assert_ptr_equal(taken[0], &a);
    assert_ptr_equal(taken[1], &b);
    assert_int_equal(schedule_take(&schedule, taken, 4), 0);
    assert_int_equal(schedule.count, 0);
    schedule_release(&schedule);
}

static void test_a_crowd_does_not_stand_before_others(void **state)
{
    struct schedule schedule;
    struct schedule_entry crowd[MANY], late = make(2, cats), *taken[4];

    (void)state;
    schedule_init(&schedule);
    for (int i = 0; i < MANY; i++) {
        crowd[i] = make(1, cats);
        schedule_push(&schedule, &crowd[i]);
    }
    schedule_push(&schedule, &late);
    assert_int_equal(schedule_take(&schedule, taken, 4), 4);
    assert_ptr_equal(taken[1], &late);
    schedule_release(&schedule);
}

static void test_a_batch_has_one_model(void **state)
{
    struct schedule schedule;
    struct schedule_entry a = make(1, cats), b = make(2, dogs), c = make(3, cats), d = make(1, dogs), *taken[8];

    (void)state;
    schedule_init(&schedule);
    struct schedule_entry *all[] = {&a, &b, &c, &d};
    for (int i = 0; i < 4; i++)
        schedule_push(&schedule, all[i]);
    assert_int_equal(schedule_take(&schedule, taken, 8), 2);
    assert_ptr_equal(taken[0], &a);
    assert_ptr_equal(taken[1], &c);
    assert_int_equal(schedule_take(&schedule, taken, 8), 2);
    assert_ptr_equal(taken[0], &b);
    assert_ptr_equal(taken[1], &d);
    schedule_release(&schedule);
}

/* The demo that was served goes behind the one that was passed over. */
static void test_turns_go_round(void **state)
{
    struct schedule schedule;
    struct schedule_entry a[3], b[3], *taken;

    (void)state;
    schedule_init(&schedule);
    for (int i = 0; i < 3; i++) {
        a[i] = make(1, cats);
        b[i] = make(2, dogs);
        schedule_push(&schedule, &a[i]);
        schedule_push(&schedule, &b[i]);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(schedule_take(&schedule, &taken, 1), 1);
        assert_ptr_equal(taken, i % 2 ? &b[i / 2] : &a[i / 2]);
    }
    schedule_release(&schedule);
}

static void test_removing(void **state)
{
    struct schedule schedule;
    struct schedule_entry a = make(1, cats), b = make(1, cats), c = make(2, cats), d = make(2, cats), *taken[4];

    (void)state;
    schedule_init(&schedule);
    schedule_push(&schedule, &a);
    schedule_push(&schedule, &b);
    schedule_push(&schedule, &c);
    assert_true(schedule_remove(&schedule, &b));
    assert_false(schedule_remove(&schedule, &b));
    assert_true(schedule_remove(&schedule, &c)); /* the last of its demo */
    schedule_push(&schedule, &d);
    assert_int_equal(schedule_take(&schedule, taken, 4), 2);
    assert_ptr_equal(taken[0], &a);
    assert_ptr_equal(taken[1], &d);
    schedule_release(&schedule);
}

/* Out of turn: the others keep their order and theirs. */
static void test_taking_of_one_demo(void **state)
{
    struct schedule schedule;
    struct schedule_entry a = make(1, cats), b = make(2, cats), c = make(2, dogs), d = make(3, cats), *taken[4];

    (void)state;
    schedule_init(&schedule);
    struct schedule_entry *all[] = {&a, &b, &c, &d};
    for (int i = 0; i < 4; i++)
        schedule_push(&schedule, all[i]);
    assert_ptr_equal(schedule_take_demo(&schedule, 2), &b);
    assert_ptr_equal(schedule_take_demo(&schedule, 2), &c);
    assert_null(schedule_take_demo(&schedule, 2));
    assert_null(schedule_take_demo(&schedule, 4));
    assert_int_equal(schedule.count, 2);
    assert_int_equal(schedule_take(&schedule, taken, 4), 2);
    assert_ptr_equal(taken[0], &a);
    assert_ptr_equal(taken[1], &d);
    schedule_push(&schedule, &b); /* its demo begins again */
    assert_ptr_equal(schedule_take_demo(&schedule, 2), &b);
    assert_null(schedule_peek(&schedule));
    schedule_release(&schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_demo_keeps_its_order), cmocka_unit_test(test_a_crowd_does_not_stand_before_others),
        cmocka_unit_test(test_a_batch_has_one_model),    cmocka_unit_test(test_turns_go_round),
        cmocka_unit_test(test_removing),                 cmocka_unit_test(test_taking_of_one_demo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
