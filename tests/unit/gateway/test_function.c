/* The function table of a release, read from its manifest. */
#include "gateway/function.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"

static const char manifest[] =
    "{\"sdk\":\"lua\",\"functions\":["
    "{\"id\":1,\"api_name\":\"greet\",\"visibility\":\"public\",\"inputs\":[1,2,3],\"outputs\":[4,3],"
    "\"state_inputs\":[2],\"state_outputs\":[1],\"file_inputs\":[0],\"queue\":true,\"concurrency_limit\":4,"
    "\"concurrency_id\":\"gpu\",\"trigger_mode\":\"once\",\"defaults\":[null,\"world\",null],"
    "\"parameter_names\":[\"image\",\"name\",\"memory\"],\"max_queue\":7,\"cancels\":[2]},"
    "{\"id\":2,\"api_name\":null,\"visibility\":\"undocumented\",\"inputs\":[],\"outputs\":[],\"queue\":false,"
    "\"concurrency_limit\":2,\"concurrency_id\":\"gpu\",\"trigger_mode\":\"always_last\"},"
    "{\"id\":3,\"api_name\":\"secret\",\"visibility\":\"private\",\"inputs\":[1],\"outputs\":[1]}]}";

static void test_reads_everything(void **state)
{
    struct function_table table;
    (void)state;
    assert_int_equal(function_table_read(&table, text_from(manifest)), 0);
    assert_int_equal(table.count, 3);
    assert_int_equal(table.max_queue, 7);
    const struct function *greet = function_by_id(&table, 1);
    assert_string_equal(greet->api_name, "greet");
    assert_true(greet->queue);
    assert_true(greet->has_state);
    assert_int_equal(greet->input_count, 3);
    assert_int_equal(greet->positions[0], FUNCTION_FILE);
    assert_int_equal(greet->positions[1], FUNCTION_HAS_DEFAULT);
    assert_int_equal(greet->positions[2], FUNCTION_STATE);
    assert_string_equal(greet->defaults[1], "\"world\"");
    assert_null(greet->defaults[0]);
    assert_string_equal(greet->names[2], "memory");
    assert_false(greet->state_outputs[0]);
    assert_true(greet->state_outputs[1]);
    assert_int_equal(greet->cancel_count, 1);
    assert_int_equal(greet->cancels[0], 2);
    assert_int_equal(function_inputs_without(greet, FUNCTION_STATE), 2);
    assert_int_equal(function_inputs_without(greet, FUNCTION_STATE | FUNCTION_FILE), 1);
    assert_int_equal(function_inputs_without(greet, FUNCTION_SKIPPED), 3);
    function_table_release(&table);
}

static void test_groups_share_the_lowest_limit(void **state)
{
    struct function_table table;
    (void)state;
    assert_int_equal(function_table_read(&table, text_from(manifest)), 0);
    const struct function *one = function_by_id(&table, 1), *two = function_by_id(&table, 2);
    assert_int_equal(one->group, two->group);
    assert_int_equal(table.group_limits[one->group], 2);
    const struct function *three = function_by_id(&table, 3);
    assert_int_not_equal(three->group, one->group);
    assert_int_equal(table.group_limits[three->group], BOUNDS_DEMO_CONCURRENCY);
    function_table_release(&table);
}

static void test_finds_by_name(void **state)
{
    struct function_table table;
    (void)state;
    assert_int_equal(function_table_read(&table, text_from(manifest)), 0);
    assert_int_equal(function_by_name(&table, TEXT("greet"))->id, 1);
    assert_int_equal(function_by_name(&table, TEXT("/greet"))->id, 1);
    assert_int_equal(function_by_name(&table, TEXT("secret"))->visibility, FUNCTION_PRIVATE);
    assert_null(function_by_name(&table, TEXT("nothing")));
    assert_null(function_by_name(&table, TEXT("")));
    assert_null(function_by_id(&table, 0));
    assert_null(function_by_id(&table, -1));
    assert_null(function_by_id(&table, 4));
    function_table_release(&table);
}

static void test_static_demo_has_none(void **state)
{
    struct function_table table;
    (void)state;
    assert_int_equal(function_table_read(&table, TEXT("{\"sdk\":\"static\"}")), 0);
    assert_int_equal(table.count, 0);
    function_table_release(&table);
}

static void test_refuses_nonsense(void **state)
{
    static const char *const wrong[] = {
        "", "[", "{\"functions\":3}", "{\"functions\":[{}]}", "{\"functions\":[{\"id\":0}]}",
        "{\"functions\":[{\"id\":1,\"inputs\":[\"x\"]}]}", "{\"functions\":[{\"id\":1,\"inputs\":7}]}",
        "{\"functions\":[{\"id\":1,\"inputs\":[1],\"state_inputs\":[1]}]}",
        "{\"functions\":[{\"id\":1,\"inputs\":[1],\"file_inputs\":[-1]}]}",
        "{\"functions\":[{\"id\":1,\"outputs\":[1],\"state_outputs\":[2]}]}",
        "{\"functions\":[{\"id\":1,\"visibility\":\"maybe\"}]}",
        "{\"functions\":[{\"id\":1,\"trigger_mode\":4}]}",
        "{\"functions\":[{\"id\":1,\"concurrency_limit\":0}]}",
        "{\"functions\":[{\"id\":1,\"api_name\":\"a\"},{\"id\":2,\"api_name\":\"a\"}]}",
    };
    struct function_table table;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(function_table_read(&table, text_from(wrong[i])) < 0);
        assert_int_equal(table.count, 0);
        function_table_release(&table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_everything),  cmocka_unit_test(test_groups_share_the_lowest_limit),
        cmocka_unit_test(test_finds_by_name),     cmocka_unit_test(test_static_demo_has_none),
        cmocka_unit_test(test_refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
