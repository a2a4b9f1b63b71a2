/* Bodies of calls: what is accepted, what the worker gets, what is refused with which words. */
#include "gateway/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/error.h"

/* Inputs: a file, a name with a default, state, a number that is required. */
static const char manifest[] =
    "{\"functions\":[{\"id\":1,\"api_name\":\"f\",\"inputs\":[1,2,3,4],\"outputs\":[5],\"state_inputs\":[2],"
    "\"file_inputs\":[0],\"defaults\":[null,\"world\",null,null],\"parameter_names\":[\"image\",\"name\",\"memory\","
    "null]},"
    /* text, button, state, image; the button has a caption, the image is required */
    "{\"id\":2,\"inputs\":[1,2,3,4],\"outputs\":[],\"state_inputs\":[2],\"skipped_inputs\":[1],\"file_inputs\":[],"
    "\"defaults\":[null,\"Go\",null,null],\"parameter_names\":[\"text\",\"go\",\"memory\",\"image\"]},"
    /* text, examples without a default */
    "{\"id\":3,\"inputs\":[1,2],\"outputs\":[],\"skipped_inputs\":[1],\"defaults\":[null,null],"
    "\"parameter_names\":[\"text\",\"examples\"]}]}";

static struct function_table table;

static int setup(void **state)
{
    (void)state;
    return function_table_read(&table, text_from(manifest));
}

static int teardown(void **state)
{
    (void)state;
    function_table_release(&table);
    return 0;
}

/* The worker's data for a body, or its problems. */
static void expect_of(const struct function *function, const char *body, bool named, const char *data, const char *problem)
{
    bool from_page = strstr(body, "\"page\"") != NULL;
    struct input input;
    struct input_result result;
    const char *sentence = NULL;
    assert_int_equal(input_parse(&input, text_from(body), &sentence), 0);
    bool good = named ? input_check_named(&input, function, &result) : input_check(&input, function, from_page, &result);
    if (problem) {
        assert_false(good);
        assert_true(json_is_valid(buffer_view(&result.problems)));
        if (!strstr(result.problems.data, problem))
            fail_msg("%s: %s", body, result.problems.data);
    } else {
        if (!good)
            fail_msg("%s: %s", body, result.problems.data);
        assert_string_equal(result.data.data, data);
    }
    input_result_release(&result);
    input_release(&input);
}

static void expect(const char *body, bool named, const char *data, const char *problem)
{
    expect_of(&table.functions[0], body, named, data, problem);
}

#define FILE_IN                                                                    \
    "{\"path\":\"/f/ab/x.png\",\"url\":\"http://evil/\",\"orig_name\":\"/home/me/" \
    "x.png\",\"size\":3,\"meta\":{\"_type\":\"gradio.FileData\"}}"
#define FILE_OUT "{\"path\":\"/f/ab/x.png\",\"orig_name\":\"x.png\",\"meta\":{\"_type\":\"gradio.FileData\"}}"

static void test_positional(void **state)
{
    (void)state;
    expect("{\"data\":[null,\"Bob\",null,4]}", false, "[null,\"Bob\",null,4]", NULL);
    expect("{\"data\":[null,\"Bob\",{\"mine\":1},4]}", false, "[null,\"Bob\",null,4]", NULL);
    expect("{\"data\":[null,\"Bob\",4]}", false, "[null,\"Bob\",null,4]", NULL);
    expect("{\"data\":[null]}", false, NULL, "\"parameter_name\":\"param_3\"");
    expect("{\"data\":[1,2,3,4,5]}", false, NULL, "More values");
    expect("{}", false, NULL, "\"parameter_name\":\"image\"");
}

/* An input that the API description leaves out never moves the others, however the caller lays its values out. */
static void test_skipped_inputs(void **state)
{
    const struct function *both = &table.functions[1], *last = &table.functions[2];
    static const char whole[] = "[\"t\",\"Go\",null,\"i\"]";
    (void)state;
    expect_of(both, "{\"data\":[\"t\",\"i\"]}", false, whole, NULL);             /* curl: what the description shows */
    expect_of(both, "{\"data\":[\"t\",null,\"i\"]}", false, whole, NULL);        /* Python: null for state */
    expect_of(both, "{\"data\":[\"t\",\"i\",null,null]}", false, whole, NULL);   /* JS: filled up behind */
    expect_of(both, "{\"data\":[\"t\",\"Press\",null,\"i\"]}", false, "[\"t\",\"Press\",null,\"i\"]", NULL);
    expect_of(both, "{\"page\":\"k\",\"data\":[\"t\",\"x\",null,null]}", false, "[\"t\",\"x\",null,null]", NULL);
    expect_of(both, "{\"data\":[\"t\"]}", false, NULL, "\"parameter_name\":\"image\"");
    expect_of(both, "{\"data\":[1,2,3,4,5]}", false, NULL, "More values");
    expect_of(both, "{\"text\":\"t\",\"image\":\"i\"}", true, whole, NULL);
    expect_of(both, "{\"text\":\"t\",\"image\":\"i\",\"go\":1}", true, NULL, "no parameter");
    expect_of(last, "{\"data\":[\"t\"]}", false, "[\"t\",null]", NULL); /* no default, and still nothing is missing */
    expect_of(last, "{\"data\":[\"t\",2]}", false, "[\"t\",2]", NULL);
    expect_of(last, "{\"data\":[]}", false, NULL, "\"parameter_name\":\"text\"");
}

static void test_named(void **state)
{
    (void)state;
    expect("{\"image\":null,\"param_3\":4}", true, "[null,\"world\",null,4]", NULL);
    expect("{\"image\":null,\"name\":\"\",\"param_3\":4,\"session_hash\":\"s\"}", true, "[null,\"\",null,4]", NULL);
    expect("{\"image\":null,\"param_3\":4,\"memory\":1}", true, NULL, "no parameter");
    expect("{\"image\":null}", true, NULL, "missing");
}

static void test_files(void **state)
{
    (void)state;
    expect("{\"data\":[" FILE_IN ",\"a\",null,4]}", false, "[" FILE_OUT ",\"a\",null,4]", NULL);
    expect("{\"data\":[{\"background\":" FILE_IN ",\"layers\":[" FILE_IN "]},\"a\",null,4]}", false,
           "[{\"background\":" FILE_OUT ",\"layers\":[" FILE_OUT "]},\"a\",null,4]", NULL);
    /* A file may stand in any value. */
    expect("{\"data\":[null,[" FILE_IN "],null,4]}", false, "[null,[" FILE_OUT "],null,4]", NULL);
    expect("{\"data\":[{},\"a\",null,4]}", false, NULL, "upload failed");
    expect("{\"data\":[{\"path\":\"/f/ab/x.png\"},\"a\",null,4]}", false, NULL, "FileData");
    expect("{\"data\":[{\"path\":\"https://x/y\",\"meta\":{\"_type\":\"gradio.FileData\"}},\"a\",null,4]}", false, NULL,
           "send the file itself");
    expect("{\"data\":[{\"path\":7,\"meta\":{\"_type\":\"gradio.FileData\"}},\"a\",null,4]}", false, NULL, "no path");
    /* An object with a path that is no file, in a slot that takes no file, is an ordinary value. */
    expect("{\"data\":[null,{\"path\":\"/x\"},null,4]}", false, "[null,{\"path\":\"/x\"},null,4]", NULL);
}

static void test_handles_are_collected(void **state)
{
    struct input input;
    struct input_result result;
    const char *sentence;
    (void)state;
    assert_int_equal(input_parse(&input, TEXT("{\"data\":[[" FILE_IN "," FILE_IN "],\"a\",null,4]}"), &sentence), 0);
    assert_true(input_check(&input, &table.functions[0], false, &result));
    assert_int_equal(result.files.count, 2);
    assert_string_equal(result.files.handles[1], "/f/ab/x.png");
    input_result_release(&result);
    input_release(&input);
}

static void test_too_many_files(void **state)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    (void)state;
    buffer_string(&body, "{\"data\":[[");
    for (int i = 0; i <= BOUNDS_EVENT_FILES; i++)
        buffer_format(&body, "%s%s", i ? "," : "", FILE_IN);
    buffer_string(&body, "],\"a\",null,4]}");
    expect(body.data, false, NULL, "Too many files");
}

static void test_members(void **state)
{
    struct input input;
    const char *sentence;
    (void)state;
    assert_int_equal(input_parse(&input,
                                 TEXT("{\"data\":[1],\"event_data\":{\"index\":2},\"fn_index\":3,\"trigger_id\":9,"
                                      "\"session_hash\":\"j27\",\"page\":\"abc\",\"unknown\":[]}"),
                                 &sentence),
                     0);
    assert_int_equal(input.fn_index, 3);
    assert_true(text_equal(input.session, TEXT("j27")));
    assert_true(text_equal(input.page, TEXT("abc")));
    assert_true(text_equal(input.event_data->raw, TEXT("{\"index\":2}")));
    assert_true(text_equal(input.trigger_id->raw, TEXT("9")));
    input_release(&input);
}

static void test_refused_bodies(void **state)
{
    static const char *const wrong[][2] = {
        {"", "JSON object"}, {"[]", "JSON object"}, {"{", "JSON object"}, {"{\"data\":{}}", "array"},
        {"{\"fn_index\":\"1\"}", "number"}, {"{\"fn_index\":-1}", "number"}, {"{\"session_hash\":3}", "session_hash"},
        {"{\"session_hash\":\"a/b\"}", "session_hash"}, {"{\"session_hash\":\"\"}", "session_hash"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct input input;
        const char *sentence = NULL;
        assert_int_equal(input_parse(&input, text_from(wrong[i][0]), &sentence), ERROR_INVALID);
        assert_non_null(strstr(sentence, wrong[i][1]));
        input_release(&input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positional), cmocka_unit_test(test_named),
        cmocka_unit_test(test_skipped_inputs),
        cmocka_unit_test(test_files),      cmocka_unit_test(test_handles_are_collected),
        cmocka_unit_test(test_too_many_files), cmocka_unit_test(test_members),
        cmocka_unit_test(test_refused_bodies),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
