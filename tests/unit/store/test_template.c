/* The template language, against a table of templates and contexts. */
#include "scratch.h"

#include <string.h>

#include "runtime/base/memory.h"
#include "store/pages.h"
#include "store/template.h"

static const struct {
    const char *source, *context, *expected; /* NULL: refused */
} cases[] = {
    {"", "{}", ""},
    {"plain { text } }}", "{}", "plain { text } }}"},
    {"{{a}}", "{\"a\":\"<b> & \\\"q\\\" 'x'\"}", "&lt;b&gt; &amp; &quot;q&quot; &#39;x&#39;"},
    {"{{{a}}}", "{\"a\":\"<b>\"}", "<b>"},
    {"[{{ a }}][{{b}}]", "{\"a\":1.5,\"b\":null}", "[1.5][]"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":true}", "yes"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":false}", "no"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{}", "no"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"\"}", "no"},
    {"{{#a}}{{a}}{{/a}}", "{\"a\":\"text\"}", "text"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":[]}", "no"},
    {"{{#a}}{{b}},{{/a}}", "{\"a\":[{\"b\":1},{\"b\":2}],\"b\":0}", "1,2,"},
    {"{{#a}}{{c}}{{b}};{{/a}}", "{\"a\":[{\"b\":1},{}],\"b\":0,\"c\":\"x\"}", "x1;x0;"},
    {"{{#a}}{{#b}}{{c}}{{/b}}|{{/a}}", "{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":[]}]}", "12||"},
    {"{{#a}}{{#a}}x{{/a}}{{/a}}", "{\"a\":true}", "x"},
    {"<!--# about {{x}} -->\nbody", "{}", "body"},
    {"body <!-- kept -->", "{}", "body <!-- kept -->"},
    {"{{a}}", "{\"a\":\"{{b}}\",\"b\":\"never\"}", "{{b}}"},
    {"{{{a}}}", "{\"a\":\"{{{b}}}\",\"b\":\"never\"}", "{{{b}}}"},
    {"{{#a}}open", "{\"a\":true}", NULL},
    {"{{/a}}", "{}", NULL},
    {"{{a", "{}", NULL},
    {"{{}}", "{}", NULL},
    {"{{#a}}{{#b}}{{/a}}", "{\"a\":true}", NULL},
};

static void all_cases(void **state)
{
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        struct json context;
        assert_int_equal(json_parse(&context, text_from(cases[index].context), NULL), 0);
        int result = template_render(text_from(cases[index].source), &context, &out);
        if (cases[index].expected == NULL)
            assert_int_not_equal(result, 0);
        else if (result != 0 || !text_equal(buffer_view(&out), text_from(cases[index].expected)))
            fail_msg("%s with %s gave %d %s", cases[index].source, cases[index].context, result, out.data);
        json_release(&context);
    }
}

static void lists_nest_only_so_deep(void **state)
{
    BUFFER_AUTO struct buffer source = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    struct json json;
    for (int depth = 0; depth < 20; depth++) {
        buffer_string(&source, "{{#a}}");
        buffer_string(&context, "{\"a\":[");
    }
    buffer_string(&context, "1");
    for (int depth = 0; depth < 20; depth++) {
        buffer_string(&source, "{{/a}}");
        buffer_string(&context, "]}");
    }
    assert_int_equal(json_parse(&json, buffer_view(&context), NULL), 0);
    assert_int_equal(template_render(buffer_view(&source), &json, &out), ERROR_INVALID);
    json_release(&json);
}

static void words_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *words;
    } sizes[] = {{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {4096, "4.1 kB"}, {412000, "412 kB"}, {9990000, "10.0 MB"},
                 {1073741824, "1.1 GB"}};
    for (size_t index = 0; index < MEMORY_COUNT(sizes); index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        pages_write_size(&out, sizes[index].bytes);
        assert_string_equal(out.data, sizes[index].words);
    }
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    buffer_byte(&out, '{');
    pages_write_time(&out, "made", 0);
    pages_write_flag(&out, "flag", true);
    assert_string_equal(out.data, "{\"made\":\"\",\"made_iso\":\"\",\"flag\":true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases), cmocka_unit_test(lists_nest_only_so_deep),
                                       cmocka_unit_test(words_for_people)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
