/* A stranger's HTML on our own page: what stays, what goes, what is mended. */
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "store/sanitize.h"

static const struct scratch_case cases[] = {
    {"<p>Hello <strong>you</strong> &amp; me</p>", "<p>Hello <strong>you</strong> &amp; me</p>"},
    {"<script>alert(1)</script>x", "x"},
    {"<SCRIPT src=//evil></SCRIPT>x", "x"},
    {"<script>no end", ""},
    {"<script>a</scr</script >x", "x"},
    {"<style>*{}</style><p>x", "<p>x</p>"},
    {"<iframe src=javascript:alert(1)>inner</iframe>after", "after"},
    {"<svg><a href=\"javascript:alert(1)\">x</a></svg>y", "y"},
    {"<p onclick=\"alert(1)\" style=\"x\" id=\"main\">x</p>", "<p>x</p>"},
    {"<a href=\"javascript:alert(1)\">x</a>", "<a>x</a>"},
    {"<a href=\" javascript:alert(1)\">x</a>", "<a>x</a>"},
    {"<a href=\"java\nscript:alert(1)\">x</a>", "<a>x</a>"},
    {"<a href=\"java&#115;cript:alert(1)\">x</a>", "<a>x</a>"},
    {"<a href=\"JAVASCRIPT:alert(1)\">x</a>", "<a>x</a>"},
    {"<a href=\"data:text/html,x\">x</a>", "<a>x</a>"},
    {"<a href=\"//evil.example\">x</a>", "<a>x</a>"},
    {"<a href=\"/\\evil.example\">x</a>", "<a>x</a>"},
    {"<a href=\"https://e.example/?a=1&amp;b=2\">x</a>",
     "<a href=\"https://e.example/?a=1&amp;b=2\" rel=\"nofollow noopener noreferrer\">x</a>"},
    {"<a href='mailto:a@b'>x</a>", "<a href=\"mailto:a@b\" rel=\"nofollow noopener noreferrer\">x</a>"},
    {"<a href=\"#top\">x</a>", "<a href=\"#top\" rel=\"nofollow noopener noreferrer\">x</a>"},
    {"<a href=\"doc/a.md\">x</a>", "<a href=\"/spaces/a/b/blob/main/doc/a.md\" rel=\"nofollow noopener noreferrer\">x</a>"},
    {"<img src=\"./pic.png\" alt=\"A &quot;pic&quot;\">", "<img src=\"/spaces/a/b/resolve/main/pic.png\" alt=\"A &quot;pic&quot;\">"},
    {"<img src=x onerror=alert(1)>", "<img src=\"/spaces/a/b/resolve/main/x\">"},
    {"<img src=\"mailto:x\" width=\"10\" height=\"10px\">", "<img width=\"10\">"},
    {"<img src='a\"b'>", "<img src=\"/spaces/a/b/resolve/main/a&quot;b\">"},
    {"<img alt='\" onerror=\"alert(1)'>", "<img alt=\"&quot; onerror=&quot;alert(1)\">"},
    {"</main></div></p>x", "x"},
    {"<ul><li>one<li>two</ul>", "<ul><li>one<li>two</li></li></ul>"},
    {"<b><i>x</b>y</i>", "<b><i>x</i></b>y"},
    {"<form action=/x><input name=a><button>b</button></form>", "b"},
    {"<!-- comment <script> -->x<!-- open", "x"},
    {"1 < 2 > 0 <", "1 &lt; 2 &gt; 0 &lt;"},
    {"<p", "<p></p>"},
    {"<a href=\"x", "<a href=\"/spaces/a/b/blob/main/x\" rel=\"nofollow noopener noreferrer\"></a>"},
    {"<p/onclick=alert(1)>x", "<p>x</p>"},
    {"<p =x \"y>z", "<p>z</p>"},
    {"<code class=\"language-lua\">x</code><code class=\"evil\">y</code>", "<code class=\"language-lua\">x</code><code>y</code>"},
    {"<ol start=\"3\"><li>x</li></ol>", "<ol start=\"3\"><li>x</li></ol>"},
    {"<template><p>x</p></template>y", "y"},
    {"<x-custom>y</x-custom>", "y"},
    {"<math><mi>x</mi></math>z", "z"},
    {"<title>x</title>y", "y"},
    {"", ""},
};

static void all_cases(void **state)
{
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        sanitize_html(text_from(cases[index].input), TEXT("/spaces/a/b"), &out);
        if (!text_equal(buffer_view(&out), text_from(cases[index].expected)))
            fail_msg("%s\n gave %s\n not  %s", cases[index].input, out.data, cases[index].expected);
    }
}

/* Whatever comes in, only tags of the list come out, and everything is closed. */
static void random_markup_stays_harmless(void **state)
{
    static const char *const pieces[] = {"<", ">", "</", "script", "a", " href=", "\"", "'", "javascript:", "p", "b", "<!--", "-->", "=",
                                         "&", "img", " src=", " on", "x", "/", "\n", "<p>", "</p>", "<b>", "<iframe", "style"};
    srand(7);
    for (int round = 0; round < 3000; round++) {
        BUFFER_AUTO struct buffer in = BUFFER_EMPTY;
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        for (int count = rand() % 25; count > 0; count--)
            buffer_string(&in, pieces[(size_t)rand() % MEMORY_COUNT(pieces)]);
        sanitize_html(buffer_view(&in), TEXT("/b"), &out);
        const char *clean = out.data ? out.data : "";
        if (strstr(clean, "<script") || strstr(clean, "<iframe") || strstr(clean, "href=\"javascript") || strstr(clean, "<style"))
            fail_msg("%s gave %s", in.data, clean);
        int open = 0;
        for (const char *at = clean; *at; at++)
            open += *at == '<' ? 1 : *at == '>' ? -1 : 0;
        assert_int_equal(open, 0);
    }
}

static void deep_nesting_is_cut(void **state)
{
    BUFFER_AUTO struct buffer in = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    for (int depth = 0; depth < 5000; depth++)
        buffer_string(&in, "<b>");
    sanitize_html(buffer_view(&in), TEXT(""), &out);
    assert_int_equal(out.length, 64 * (3 + 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases), cmocka_unit_test(random_markup_stays_harmless),
                                       cmocka_unit_test(deep_nesting_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
