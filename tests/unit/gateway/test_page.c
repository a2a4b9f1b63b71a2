/* Pages of demos: put together once, in each colour, plain and compressed, and escaped. */
#include "gateway/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#include "runtime/base/memory.h"
#include "tests/unit/gateway/rig.h"

static char filler[6000];

static int setup(void **state)
{
    static struct rig rig;
    memset(filler, 'f', sizeof(filler) - 1);
    const struct rig_file files[] = {
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"title\":\"<b>Digits</b>\",\"functions\":[],\"models\":[]}"},
        {".vitrine/config.json", "{\"a\":\"</script><script>evil()</script>\"}"},
        {".vitrine/info.json", "{}"},
        {".vitrine/page.html", filler},
        {NULL, NULL},
    };
    const struct rig_file bare[] = {{".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[],\"models\":[]}"}, {NULL, NULL}};
    rig_start(&rig);
    rig_publish(&rig, 1, files);
    rig_publish(&rig, 2, bare);
    rig_add(&rig, &(struct rig_demo){"ann-digits", "ann/digits", 7, 1, NULL});
    rig_add(&rig, &(struct rig_demo){"ann-bare", "ann/bare", 8, 2, NULL});
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static void test_composed(void **state)
{
    struct rig *rig = *state;
    rig_get(rig, "ann-digits.localhost", "/", "");
    assert_int_equal(rig_status(rig), 200);
    assert_true(rig_has(rig, "<title>&lt;b&gt;Digits&lt;/b&gt;</title>"));
    assert_true(rig_has(rig, filler));
    assert_true(rig_has(rig, "id=\"vt-config\""));
    assert_false(rig_has(rig, "<script>evil"));
    assert_true(rig_has(rig, "Vary: Accept-Encoding\r\n"));
    assert_true(rig_has(rig, "Cache-Control: no-cache\r\n"));
}

static void test_colours(void **state)
{
    static const struct {
        const char *path, *words;
    } cases[] = {
        {"/?__theme=dark", " data-theme=\"dark\""}, {"/?__theme=light", " data-theme=\"light\""},
        {"/?x=1&__theme=dark", " data-theme=\"dark\""}, {"/?__theme=system", NULL},
        {"/?__theme=%22%3E%3Cx", NULL}, {"/?__theme", NULL}, {"/?", NULL},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        rig_get(rig, "ann-digits.localhost", cases[i].path, "");
        assert_int_equal(rig_status(rig), 200);
        assert_int_equal(rig_has(rig, "data-theme"), cases[i].words != NULL);
        if (cases[i].words)
            assert_true(rig_has(rig, cases[i].words));
    }
}

static void test_compressed(void **state)
{
    struct rig *rig = *state;
    struct buffer BUFFER_AUTO plain = BUFFER_EMPTY;
    static char page[20000];
    rig_get(rig, "ann-digits.localhost", "/", "");
    buffer_string(&plain, rig_body(rig));
    /* Twice: made on the first visit, kept for the second. */
    for (int i = 0; i < 2; i++) {
        rig_get(rig, "ann-digits.localhost", "/", "Accept-Encoding: gzip\r\n");
        assert_true(rig_has(rig, "Content-Encoding: gzip\r\n"));
        const char *body = rig_body(rig);
        size_t length = rig->answer.length - 1 - (size_t)(body - rig->answer.data);
        z_stream stream = {.next_in = (unsigned char *)rig->answer.data + (body - rig->answer.data), .avail_in = (unsigned)length,
                           .next_out = (unsigned char *)page, .avail_out = sizeof(page) - 1};
        assert_true(length < plain.length / 4);
        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_int_equal(stream.total_out, plain.length);
        assert_memory_equal(page, plain.data, plain.length);
        inflateEnd(&stream);
    }
    rig_get(rig, "ann-digits.localhost", "/", "Accept-Encoding: gzip;q=0\r\n");
    assert_false(rig_has(rig, "Content-Encoding"));
}

/* Each form of the page has a tag of its own. */
static void test_tags(void **state)
{
    static const char *const forms[][2] = {
        {"/", ""}, {"/?__theme=dark", ""}, {"/?__theme=light", ""}, {"/", "Accept-Encoding: gzip\r\n"}};
    struct rig *rig = *state;
    char tags[4][64];
    for (size_t i = 0; i < 4; i++) {
        rig_get(rig, "ann-digits.localhost", forms[i][0], forms[i][1]);
        const char *tag = strstr(rig->answer.data, "ETag: ") + 6;
        size_t length = (size_t)(strchr(tag, '\r') - tag);
        assert_true(length < sizeof(tags[i]));
        memcpy(tags[i], tag, length);
        tags[i][length] = '\0';
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(tags[i], tags[j]);
    }
    for (size_t i = 0; i < 4; i++) {
        struct buffer BUFFER_AUTO fields = BUFFER_EMPTY;
        buffer_format(&fields, "If-None-Match: %s\r\n%s", tags[0], forms[i][1]);
        rig_get(rig, "ann-digits.localhost", forms[i][0], fields.data);
        assert_int_equal(rig_status(rig), i ? 200 : 304);
    }
}

static void test_release_without_an_interface(void **state)
{
    struct rig *rig = *state;
    rig_get(rig, "ann-bare.localhost", "/config", "");
    assert_int_equal(rig_status(rig), 404);
    rig_get(rig, "ann-bare.localhost", "/", "");
    assert_int_equal(rig_status(rig), 200);
    assert_true(rig_has(rig, "<title>Demo</title>"));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_composed), CASE(test_colours), CASE(test_compressed), CASE(test_tags),
                                       CASE(test_release_without_an_interface)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
