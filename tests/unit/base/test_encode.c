#include "runtime/base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* Writers with one signature. */
typedef void writer(struct buffer *out, struct text text);

static void check(writer *write, struct text text, const char *expected)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    write(&out, text);
    assert_string_equal(out.length ? out.data : "", expected);
}

static void hex(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    unsigned char bytes[3] = {9, 9, 9};
    encode_hex(&out, "\x00\xAB\xFF", 3);
    assert_string_equal(out.data, "00abff");
    assert_int_equal(encode_unhex(TEXT("00aBFf"), bytes, 3), 0);
    assert_memory_equal(bytes, "\x00\xAB\xFF", 3);
    assert_int_equal(encode_unhex(TEXT("00ab"), bytes, 3), ERROR_INVALID);
    assert_int_equal(encode_unhex(TEXT("00abf"), bytes, 3), ERROR_INVALID);
    assert_int_equal(encode_unhex(TEXT("11223g"), bytes, 3), ERROR_INVALID);
    assert_memory_equal(bytes, "\x00\xAB\xFF", 3); /* written only on success */
    assert_int_equal(encode_unhex(TEXT(""), bytes, 0), 0);
}

static void base64_of(struct buffer *out, struct text text)
{
    encode_base64(out, text.data, text.length);
}

static void base64_is_written(void **state)
{
    check(base64_of, TEXT(""), "");
    check(base64_of, TEXT("f"), "Zg==");
    check(base64_of, TEXT("fo"), "Zm8=");
    check(base64_of, TEXT("foo"), "Zm9v");
    check(base64_of, TEXT("foob"), "Zm9vYg==");
    check(base64_of, TEXT("\xFF\xFE\xFB"), "//77");
}

static void base64_is_read(void **state)
{
    static const struct {
        struct text text;
        const char *bytes;
    } good[] = {{TEXT(""), ""},
                {TEXT("Zg=="), "f"},
                {TEXT("Zm8="), "fo"},
                {TEXT("Zm9v"), "foo"},
                {TEXT("Zm9vYg=="), "foob"}};
    static const char *const bad[] = {"Z",    "Zg",       "Zg=",   "Zg===",  "Z===", "====", "Zh==",
                                      "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_", "=Zm9", "Zm=v"};
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    for (size_t i = 0; i < MEMORY_COUNT(good); i++) {
        buffer_clear(&out);
        assert_int_equal(encode_unbase64(&out, good[i].text), 0);
        assert_true(text_equal(buffer_view(&out), text_from(good[i].bytes)));
    }
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++)
        assert_int_equal(encode_unbase64(&out, text_from(bad[i])), ERROR_INVALID);
}

static void base64_round_trips(void **state)
{
    unsigned char bytes[256];
    for (size_t length = 0; length <= sizeof bytes; length++) {
        BUFFER_AUTO struct buffer text = BUFFER_EMPTY, back = BUFFER_EMPTY;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(i * 7 + length);
        encode_base64(&text, bytes, length);
        assert_int_equal(encode_unbase64(&back, buffer_view(&text)), 0);
        assert_true(text_equal(buffer_view(&back), (struct text){(char *)bytes, length}));
    }
}

static void percent_of(struct buffer *out, struct text text)
{
    encode_percent(out, text, "/");
}

static void percent(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    static const char *const bad[] = {"%", "%4", "a%4", "%zz", "%00", "a%FF", "%C3"};
    check(percent_of, TEXT("a/b c?&\xC3\xA9~-._"), "a/b%20c%3F%26%C3%A9~-._");
    assert_int_equal(encode_unpercent(&out, TEXT("a%2fb+%C3%A9%41"), false), 0);
    assert_string_equal(out.data, "a/b+\xC3\xA9"
                                  "A");
    buffer_clear(&out);
    assert_int_equal(encode_unpercent(&out, TEXT("a+b%2B%2541"), true), 0);
    assert_string_equal(out.data, "a b+%41"); /* decoded once */
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++)
        assert_int_equal(encode_unpercent(&out, text_from(bad[i]), false), ERROR_INVALID);
    assert_int_equal(encode_unpercent(&out, (struct text){"%41", 2}, false), ERROR_INVALID);
}

static void html(void **state)
{
    check(encode_html, TEXT("<a href=\"x\" b='y'>&amp;</a>"),
          "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
    check(encode_html, TEXT("plain"), "plain");
    check(encode_html, TEXT(""), "");
}

static void form_values(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    struct text form = TEXT("a=1&name=J%C3%B6rg+M&empty=&flag&n%61me=2&bad=%zz");
    assert_int_equal(encode_form_value(form, "name", &out), 0);
    assert_string_equal(out.data, "J\xC3\xB6rg M");
    buffer_clear(&out);
    assert_int_equal(encode_form_value(form, "empty", &out), 0);
    assert_int_equal(encode_form_value(form, "flag", &out), 0);
    assert_int_equal(out.length, 0);
    assert_int_equal(encode_form_value(form, "nothing", &out), ERROR_NOT_FOUND);
    assert_int_equal(encode_form_value(form, "bad", &out), ERROR_INVALID);
    assert_int_equal(encode_form_value(TEXT(""), "a", &out), ERROR_NOT_FOUND);
}

static void paths(void **state)
{
    static const char *const good[][2] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b/"},
        {"/a%20b", "/a b"},
        {"/...", "/..."},
        {"/a/.vitrine", "/a/.vitrine"},
        {"/caf%C3%A9", "/caf\xC3\xA9"},
        {"/%2541", "/%41"},
    };
    static const char *const bad[] = {
        "",     "a",      "//",     "/a//b", "/.",   "/..", "/a/../b", "/a/./b", "/%2e%2e/x",
        "/%2E", "/a%2fb", "/a%5Cb", "/a\\b", "/%00", "/%",  "/%FF",    "/a/..",  "/%2e%2e",
    };
    for (size_t i = 0; i < MEMORY_COUNT(good); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_int_equal(encode_path(&out, text_from(good[i][0])), 0);
        assert_string_equal(out.data, good[i][1]);
    }
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        if (encode_path(&out, text_from(bad[i])) != ERROR_INVALID)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void file_names(void **state)
{
    check(encode_file_name, TEXT("photo.png"), "photo.png");
    check(encode_file_name, TEXT("/etc/passwd"), "passwd");
    check(encode_file_name, TEXT("C:\\Users\\me\\a b.txt"), "a b.txt");
    check(encode_file_name, TEXT("a<b>:\"|?*`$!{}#%c\x01\x7F.txt"), "abc.txt");
    check(encode_file_name, TEXT(""), "file");
    check(encode_file_name, TEXT(".."), "file");
    check(encode_file_name, TEXT("dir/"), "file");
    check(encode_file_name, TEXT("   "), "file");
    check(encode_file_name, TEXT("bad\xFF.txt"), "file");
    check(encode_file_name, TEXT("con"), "_con");
    check(encode_file_name, TEXT("AUX.txt"), "_AUX.txt");
    check(encode_file_name, TEXT("lpt1.dat"), "_lpt1.dat");
    check(encode_file_name, TEXT("com0"), "com0");
    check(encode_file_name, TEXT("console.log"), "console.log");
    check(encode_file_name, TEXT("name. . ."), "name");
    check(encode_file_name, TEXT("caf\xC3\xA9.png"), "caf\xC3\xA9.png");
}

static void long_file_names_keep_their_extension(void **state)
{
    BUFFER_AUTO struct buffer name = BUFFER_EMPTY, out = BUFFER_EMPTY;
    for (int i = 0; i < 150; i++)
        buffer_string(&name, "\xC3\xA9");
    buffer_string(&name, ".jpeg");
    encode_file_name(&out, buffer_view(&name));
    assert_true(out.length <= 200 && out.length > 190);
    assert_true(text_ends(buffer_view(&out), TEXT(".jpeg")));
    assert_true(text_is_utf8(buffer_view(&out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex),
        cmocka_unit_test(base64_is_written),
        cmocka_unit_test(base64_is_read),
        cmocka_unit_test(base64_round_trips),
        cmocka_unit_test(percent),
        cmocka_unit_test(html),
        cmocka_unit_test(form_values),
        cmocka_unit_test(paths),
        cmocka_unit_test(file_names),
        cmocka_unit_test(long_file_names_keep_their_extension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
