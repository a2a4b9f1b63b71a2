/* What a demo may use: the operator's word, the author's wish, and what nobody can wish for. */
#include "gateway/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "runtime/base/bounds.h"
#include "runtime/base/json.h"

static struct budget lowered(const char *limits)
{
    struct budget budget;
    struct json json = {0};
    budget_init(&budget);
    assert_int_equal(json_parse(&json, text_from(limits), NULL), 0);
    budget_lower(&budget, &json, json_get(&json, &json.nodes[0], "limits"));
    json_release(&json);
    return budget;
}

static void test_nobody_says_anything(void **state)
{
    struct budget budget = lowered("{}");
    (void)state;
    assert_int_equal(budget.slice_ms, BOUNDS_WORKER_SLICE_MS);
    assert_int_equal(budget.event_cpu_ms, BOUNDS_WORKER_EVENT_CPU_MS);
    assert_int_equal(budget.event_ms, BOUNDS_WORKER_EVENT_MS);
    assert_int_equal(budget.heap_bytes, BOUNDS_WORKER_HEAP_BYTES);
    assert_int_equal(budget.queue, BOUNDS_DEMO_QUEUE_EVENTS);
}

static void test_the_author_lowers_and_never_raises(void **state)
{
    struct budget budget = lowered("{\"limits\":{\"slice_ms\":200,\"event_ms\":\"5000\",\"queue\":3,"
                                   "\"event_cpu_ms\":999999999,\"heap_bytes\":\"99999999999999999999\"}}");
    (void)state;
    assert_int_equal(budget.slice_ms, 200);
    assert_int_equal(budget.event_ms, 5000); /* front matter has texts */
    assert_int_equal(budget.queue, 3);
    assert_int_equal(budget.event_cpu_ms, BOUNDS_WORKER_EVENT_CPU_MS);
    assert_int_equal(budget.heap_bytes, BOUNDS_WORKER_HEAP_BYTES);
}

static void test_what_makes_no_sense(void **state)
{
    struct budget budget = lowered("{\"limits\":{\"slice_ms\":0,\"event_ms\":-5,\"heap_bytes\":1,\"queue\":\"many\","
                                   "\"event_cpu_ms\":[1]}}");
    (void)state;
    assert_int_equal(budget.slice_ms, 10); /* the least */
    assert_int_equal(budget.heap_bytes, 4 << 20);
    assert_int_equal(budget.event_ms, BOUNDS_WORKER_EVENT_MS); /* not a number: as if it were not there */
    assert_int_equal(budget.queue, BOUNDS_DEMO_QUEUE_EVENTS);
    assert_int_equal(budget.event_cpu_ms, BOUNDS_WORKER_EVENT_CPU_MS);
    budget = lowered("{\"limits\":[1,2]}");
    assert_int_equal(budget.slice_ms, BOUNDS_WORKER_SLICE_MS);
}

static void test_the_operator_raises(void **state)
{
    struct budget budget;
    (void)state;
    setenv("VITRINE_LIMIT_WORKER_SLICE_MS", "5000", 1);
    setenv("VITRINE_LIMIT_WORKER_EVENT_MS", "99999999999", 1);
    setenv("VITRINE_LIMIT_DEMO_QUEUE_EVENTS", "0", 1);
    budget = lowered("{\"limits\":{\"slice_ms\":4000}}");
    assert_int_equal(budget.slice_ms, 4000);
    assert_int_equal(budget.event_ms, UINT32_MAX); /* it travels as a 32-bit number */
    assert_int_equal(budget.queue, 1);
    unsetenv("VITRINE_LIMIT_WORKER_SLICE_MS");
    unsetenv("VITRINE_LIMIT_WORKER_EVENT_MS");
    unsetenv("VITRINE_LIMIT_DEMO_QUEUE_EVENTS");
}

static void test_durations(void **state)
{
    char memory[32];
    (void)state;
    assert_string_equal(budget_duration(250, memory), "250 ms");
    assert_string_equal(budget_duration(1500, memory), "1.5 s");
    assert_string_equal(budget_duration(600000, memory), "600 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_says_anything), cmocka_unit_test(test_the_author_lowers_and_never_raises),
        cmocka_unit_test(test_what_makes_no_sense), cmocka_unit_test(test_the_operator_raises),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
