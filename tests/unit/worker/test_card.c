#include "runtime/worker/card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

static void assert_card(const char *readme, int result, const char *json, const char *report)
{
    BUFFER_AUTO struct buffer words = BUFFER_EMPTY;
    struct card card;

    assert_int_equal(card_read(&card, text_from(readme), &words), result);
    if (json)
        assert_true(text_equal(buffer_view(&card.json), text_from(json)));
    assert_true(json_is_valid(buffer_view(&card.json)));
    assert_true(text_equal(buffer_view(&words), text_from(report)));
    card_release(&card);
}

static void keys_keep_their_types(void **state)
{
    assert_card("---\ntitle: Hello\nemoji: 👋\npinned: true\napp_port: 7860\ntags: [a, \"b\"]\ncolorFrom: red\n---\nbody", 0,
                "{\"title\":\"Hello\",\"emoji\":\"👋\",\"pinned\":true,\"app_port\":7860,\"tags\":[\"a\",\"b\"],"
                "\"colorFrom\":\"red\"}", "");
    assert_card("---\ntitle: \"true\"\nshort_description: 'yes: no'\ncustom_headers:\n  a: b\n---\n", 0,
                "{\"title\":\"true\",\"short_description\":\"yes: no\",\"custom_headers\":{\"a\":\"b\"}}", "");
    assert_card("---\ndisable_embedding: [\"https://a.example\"]\n---\n", 0, "{\"disable_embedding\":[\"https://a.example\"]}", "");
    assert_card("---\nlimits:\n  event_ms: 5000\n  queue: 3\n---\n", 0,
                "{\"limits\":{\"event_ms\":\"5000\",\"queue\":\"3\"}}", "");
    assert_card("---\ntitle: 007\n---\n", 0, "{\"title\":\"007\"}", "");
}

#define LIMIT_WORDS "whole numbers by name: slice_ms, event_cpu_ms, event_ms, heap_bytes, queue"

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct {
        const char *readme, *report;
    } cases[] = {
        {"---\ntitle: [1]\n---\n", "README.md:2: title must be a text\n"},
        {"---\nlimits:\n  event_ms: soon\n---\n", "README.md:3: limits must be " LIMIT_WORDS "\n"},
        {"---\nlimits:\n  speed: 5\n---\n", "README.md:3: limits must be " LIMIT_WORDS "\n"},
        {"---\nlimits: 5\n---\n", "README.md:2: limits must be " LIMIT_WORDS "\n"},
        {"---\nemoji: x\npinned: maybe\n---\n", "README.md:3: pinned must be true or false\n"},
        {"---\ncolorFrom: mauve\n---\n",
         "README.md:2: colorFrom must be one of: red yellow green blue indigo purple pink gray\n"},
        {"---\nsdk: docker2\n---\n", "README.md:2: sdk must be one of: lua static gradio docker streamlit\n"},
        {"---\nbase_path: x\n---\n", "README.md:2: base_path must be a path that begins with /\n"},
        {"---\ntags: a\n---\n", "README.md:2: tags must be a list of texts\n"},
        {"---\ntags: [[a]]\n---\n", "README.md:2: tags must be a list of texts\n"},
        {"---\n- a\n---\n", "README.md:2: the front matter must be a list of \"key: value\" lines\n"},
        {"---\ntitle: a\n", "README.md:1: the front matter has no closing --- line\n"},
        {"---\napp_port: -1\ntitle: {a: b}\n---\n", "README.md:2: app_port must be a whole number\nREADME.md:3: title must be a text\n"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++)
        assert_card(cases[i].readme, ERROR_INVALID, NULL, cases[i].report);
}

static void unknown_keys_are_only_warned_of(void **state)
{
    assert_card("---\nfoo: 1\ntitle: a\n---\n", 0, "{\"title\":\"a\"}", "warning: README.md:2: the key \"foo\" is not known here\n");
    assert_card("---\n? [a]\n: 1\n---\n", 0, "{}", "warning: README.md:2: the key \"?\" is not known here\n");
}

static void text_without_front_matter_is_all_body(void **state)
{
    static const char *const plain[] = {"", "# Title\n", "--- \ntitle", "text\n---\ntitle: a\n---\n", "----\n"};
    for (size_t i = 0; i < MEMORY_COUNT(plain); i++) {
        BUFFER_AUTO struct buffer words = BUFFER_EMPTY;
        struct card card;
        int result = card_read(&card, text_from(plain[i]), &words);
        assert_int_equal(result, i == 2 ? ERROR_INVALID : 0); /* "--- " opens one that is never closed */
        if (result == 0)
            assert_true(text_equal(card.body, text_from(plain[i])));
        card_release(&card);
    }
}

static void the_body_begins_behind_the_closing_line(void **state)
{
    BUFFER_AUTO struct buffer words = BUFFER_EMPTY;
    struct card card;
    assert_int_equal(card_read(&card, TEXT("---\r\nsdk: lua\r\napp_file: main.lua\r\n---\r\n# Body\r\n---\r\n"), &words), 0);
    assert_true(text_equal(card.body, TEXT("# Body\r\n---\r\n")));
    assert_string_equal(card.sdk, "lua");
    assert_string_equal(card.app_file, "main.lua");
    card_release(&card);
}

/* YAML that multiplies itself, has no end, or is no YAML: an error or a small card, soon. */
static void hostile_yaml(void **state)
{
    static const char *const texts[] = {
        "---\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\ntags: [*c,*c,*c,*c]\n---\n",
        "---\ntitle: &t [*t]\n---\n", "---\n{{{{{{{{\n---\n", "---\n\t\x01\n---\n", "---\ntitle: \xff\xfe\n---\n", "---\n!!python/object:os.system {}\n---\n",
        "---\ntitle: |\n  a\n  b\n---\n", "---\n%YAML 9.9\n---\n", "---\n*a : b\n---\n", "---\ntitle: !!binary x\n---\n", "---\n\xef\xbb\xbftitle: a\n---\n",
    };
    for (size_t i = 0; i < MEMORY_COUNT(texts); i++) {
        BUFFER_AUTO struct buffer words = BUFFER_EMPTY;
        struct card card;
        int result = card_read(&card, text_from(texts[i]), &words);
        assert_true(result == 0 || (result == ERROR_INVALID && words.length > 0));
        assert_true(json_is_valid(buffer_view(&card.json)));
        assert_true(card.json.length < 4096);
        card_release(&card);
    }
}

static void depth_and_size_are_bounded(void **state)
{
    static const char *const pieces[] = {"[", "{", "- ", "? ", "[{", "!a ", "&a ", "a: [", "\"", "'", "|\n ", "# ", "\n "};
    BUFFER_AUTO struct buffer large = BUFFER_EMPTY, words = BUFFER_EMPTY;
    struct card card;

    for (size_t i = 0; i < MEMORY_COUNT(pieces); i++) {
        BUFFER_AUTO struct buffer deep = BUFFER_EMPTY;
        uint64_t before = clock_now_ms();
        buffer_string(&deep, "---\ntitle: ");
        while (deep.length < 200000)
            buffer_string(&deep, pieces[i]);
        buffer_string(&deep, "\n---\n");
        card_read(&card, buffer_view(&deep), &words);
        assert_true(clock_now_ms() - before < 2000);
        card_release(&card);
        buffer_clear(&deep);
        buffer_string(&deep, "---\n");
        while (deep.length < 200000)
            buffer_string(&deep, pieces[i]);
        buffer_string(&deep, "\n---\n");
        card_read(&card, buffer_view(&deep), &words);
        assert_true(clock_now_ms() - before < 4000);
        card_release(&card);
    }
    while (large.length <= BOUNDS_README_BYTES)
        buffer_string(&large, "0123456789abcdef");
    buffer_clear(&words);
    assert_int_equal(card_read(&card, buffer_view(&large), &words), ERROR_INVALID);
    assert_true(text_equal(buffer_view(&words), TEXT("README.md:1: is larger than 256 KiB\n")));
    card_release(&card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_keep_their_types),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(unknown_keys_are_only_warned_of),
        cmocka_unit_test(text_without_front_matter_is_all_body),
        cmocka_unit_test(the_body_begins_behind_the_closing_line),
        cmocka_unit_test(hostile_yaml),
        cmocka_unit_test(depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
