#include "runtime/worker/markdown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static void assert_html(const char *markdown, const char *expected)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    assert_int_equal(markdown_to_html(text_from(markdown), &out), 0);
    buffer_byte(&out, 0);
    assert_string_equal(out.data, expected);
}

static void text_becomes_html(void **state)
{
    assert_html("# Title\n\n*a* **b** `c`\n", "<h1>Title</h1>\n<p><em>a</em> <strong>b</strong> <code>c</code></p>\n");
    assert_html("", "");
    assert_html("[a](https://x.example \"t\") ![i](pic.png)\n",
                "<p><a href=\"https://x.example\" title=\"t\">a</a> <img src=\"pic.png\" alt=\"i\"></p>\n");
}

static void html_of_the_author_is_shown_as_text(void **state)
{
    assert_html("<script>alert(1)</script>\n", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n");
    assert_html("a <img src=x onerror=alert(1)> b\n", "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n");
}

/* Whatever spelling: no address that runs code survives. */
static void addresses_that_run_code_are_emptied(void **state)
{
    static const char *const addresses[] = {
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript&colon;alert(1)", "&#106;avascript:alert(1)", "vbscript:x", "data:text/html,x",
        "java&#9;script:x", "x:y", "&#1;javascript:x", "blob:x", "file:/etc/passwd", "javascript&#x3a;alert(1)", "filesystem:x", " javascript:x",
    };
    for (size_t i = 0; i < MEMORY_COUNT(addresses); i++)
        for (int image = 0; image < 2; image++) {
            BUFFER_AUTO struct buffer in = BUFFER_EMPTY, out = BUFFER_EMPTY;
            buffer_format(&in, "%s[a](<%s>)\n", image ? "!" : "", addresses[i]);
            assert_int_equal(markdown_to_html(buffer_view(&in), &out), 0);
            buffer_byte(&out, 0);
            assert_null(strstr(out.data, "script:"));
            assert_non_null(strstr(out.data, image ? "src=\"\"" : "href=\"\""));
        }
}

static void harmless_addresses_stay(void **state)
{
    static const char *const addresses[] = {"http://x.example/a:b", "HTTPS://x.example", "mailto:a@x.example", "/a:b", "?q=a:b", "#a:b", "pic.png", "a/b:c"};
    for (size_t i = 0; i < MEMORY_COUNT(addresses); i++) {
        BUFFER_AUTO struct buffer in = BUFFER_EMPTY, out = BUFFER_EMPTY, want = BUFFER_EMPTY;
        buffer_format(&in, "[a](%s)\n", addresses[i]);
        buffer_format(&want, "href=\"%s\"", addresses[i]);
        assert_int_equal(markdown_to_html(buffer_view(&in), &out), 0);
        buffer_byte(&out, 0);
        assert_non_null(strstr(out.data, want.data));
    }
}

static void odd_texts_end(void **state)
{
    static const char bytes[] = {'[', '(', '*', '_', '`', '>', '-', '|', '\n', '<', '&', '!', ']', ')', '#', ' ', '~', '\\', ':', '"'};
    unsigned dice = 7;
    for (int round = 0; round < 300; round++) {
        BUFFER_AUTO struct buffer in = BUFFER_EMPTY, out = BUFFER_EMPTY;
        for (int i = 0; i < 300; i++) {
            dice = dice * 1664525 + 1013904223;
            buffer_byte(&in, bytes[(dice >> 16) % sizeof bytes]);
        }
        assert_int_equal(markdown_to_html(buffer_view(&in), &out), 0);
        buffer_byte(&out, 0);
        assert_null(strstr(out.data, "<script"));
    }
    BUFFER_AUTO struct buffer large = BUFFER_EMPTY, out = BUFFER_EMPTY;
    while (large.length <= BOUNDS_README_BYTES)
        buffer_string(&large, "> > > > ");
    assert_int_equal(markdown_to_html(buffer_view(&large), &out), ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_html),
        cmocka_unit_test(html_of_the_author_is_shown_as_text),
        cmocka_unit_test(addresses_that_run_code_are_emptied),
        cmocka_unit_test(harmless_addresses_stay),
        cmocka_unit_test(odd_texts_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
