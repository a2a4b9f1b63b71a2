/* The order in which a demo's events start. */
#include "gateway/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "runtime/base/bounds.h"

/* Function 1 alone with limit 1; functions 2 and 3 share a group of limit 2. */
static const char manifest[] = "{\"functions\":[{\"id\":1,\"concurrency_limit\":1,\"max_queue\":5},"
                               "{\"id\":2,\"concurrency_limit\":2,\"concurrency_id\":\"g\"},{\"id\":3,\"concurrency_"
                               "limit\":2,\"concurrency_id\":\"g\"}]}";

struct fixture {
    struct function_table functions;
    struct call_table calls;
    struct queue queue;
};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    assert_int_equal(function_table_read(&fixture->functions, text_from(manifest)), 0);
    call_table_init(&fixture->calls);
    queue_init(&fixture->queue, &fixture->functions);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    call_table_release(&fixture->calls);
    queue_release(&fixture->queue);
    function_table_release(&fixture->functions);
    free(fixture);
    return 0;
}

static struct call *push(struct fixture *fixture, int function)
{
    struct call *call = call_new(&fixture->calls, CALL_ON_SESSION);
    call->function = function_by_id(&fixture->functions, function);
    return queue_push(&fixture->queue, call) ? call : NULL;
}

static void finish(struct fixture *fixture, struct call *call)
{
    queue_leave(&fixture->queue, call);
    call_free(&fixture->calls, call);
}

static void test_limits_per_group(void **state)
{
    struct fixture *fixture = *state;
    struct call *a = push(fixture, 1), *b = push(fixture, 1), *c = push(fixture, 2), *d = push(fixture, 3),
                 *e = push(fixture, 2);
    assert_ptr_equal(queue_next(&fixture->queue), a);
    assert_ptr_equal(queue_next(&fixture->queue), c);
    assert_ptr_equal(queue_next(&fixture->queue), d);
    assert_null(queue_next(&fixture->queue));
    assert_int_equal(fixture->queue.waiting, 2);
    assert_int_equal(fixture->queue.running, 3);
    finish(fixture, c);
    assert_ptr_equal(queue_next(&fixture->queue), e);
    finish(fixture, a);
    assert_ptr_equal(queue_next(&fixture->queue), b);
    assert_null(queue_next(&fixture->queue));
    assert_int_equal(b->state, CALL_STARTING);
}

static void test_the_line_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5; i++)
        assert_non_null(push(fixture, 1));
    assert_null(push(fixture, 2));
    assert_non_null(queue_next(&fixture->queue));
    assert_non_null(push(fixture, 2));
}

static void test_return_goes_to_the_front(void **state)
{
    struct fixture *fixture = *state;
    struct call *a = push(fixture, 1), *b = push(fixture, 1);
    assert_ptr_equal(queue_next(&fixture->queue), a);
    queue_return(&fixture->queue, a);
    assert_int_equal(fixture->queue.waiting, 2);
    assert_int_equal(fixture->queue.running, 0);
    assert_ptr_equal(queue_next(&fixture->queue), a);
    finish(fixture, b);
    finish(fixture, a);
    assert_int_equal(fixture->queue.waiting, 0);
    assert_int_equal(fixture->queue.running, 0);
}

static void count_rank(void *context, struct call *call, uint32_t rank)
{
    uint32_t *seen = context;
    seen[call->function->id] += 1 + 10 * rank;
}

static void test_ranks(void **state)
{
    struct fixture *fixture = *state;
    uint32_t seen[4] = {0};
    push(fixture, 1);
    push(fixture, 2);
    push(fixture, 3);
    push(fixture, 2);
    queue_each_waiting(&fixture->queue, count_rank, seen);
    assert_int_equal(seen[1], 1);
    assert_int_equal(seen[2], 2 + 20);
    assert_int_equal(seen[3], 1 + 10);
}

#define QUEUE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_limits_per_group), QUEUE_TEST(test_the_line_is_bounded),
        QUEUE_TEST(test_return_goes_to_the_front), QUEUE_TEST(test_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
