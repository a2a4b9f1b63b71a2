/* A release's files: types, folders, ranges, what is hidden. */
#include "gateway/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/unit/gateway/rig.h"

static char large[100001];

static int setup(void **state)
{
    static struct rig rig;
    memset(large, 'L', sizeof(large) - 1);
    const struct rig_file files[] = {
        {".vitrine/manifest.json", "{\"sdk\":\"static\"}"},
        {"index.html", "home"},
        {"a b.txt", "blank"},
        {"sub/index.html", "below"},
        {"sub/.hidden", "secret"},
        {".env", "secret"},
        {"run.bin", "binary"},
        {"picture.SVG", "<svg/>"},
        {"large.txt", large},
        {"empty.txt", ""},
        {"404.html", "our own words"},
        {NULL, NULL},
    };
    rig_start(&rig);
    rig_publish(&rig, 1, files);
    rig_add(&rig, &(struct rig_demo){"ann-card", "ann/card", 7, 1, NULL});
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static int get(struct rig *rig, const char *path, const char *fields)
{
    rig_get(rig, "ann-card.localhost", path, fields);
    return rig_status(rig);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body;
    } cases[] = {
        {"/", 200, "home"},
        {"/index.html", 200, "home"},
        {"/sub/", 200, "below"},
        {"/sub", 308, ""},
        {"/sub?x=y", 308, ""},
        {"/a%20b.txt", 200, "blank"},
        {"/empty.txt", 200, ""},
        {"/.env", 404, "our own words"},
        {"/sub/.hidden", 404, "our own words"},
        {"/%2eenv", 404, "our own words"},
        {"/.vitrine/manifest.json", 404, "our own words"},
        {"/none", 404, "our own words"},
        {"/sub/none/", 404, "our own words"},
        {"/index.html/", 404, "our own words"},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        int status = get(rig, cases[i].path, "");
        if (status != cases[i].status)
            print_error("%s\n", cases[i].path);
        assert_int_equal(status, cases[i].status);
        assert_string_equal(rig_body(rig), cases[i].body);
    }
    get(rig, "/sub?x=y", "");
    assert_true(rig_has(rig, "Location: /sub/\r\n"));
}

static void test_types(void **state)
{
    struct rig *rig = *state;
    get(rig, "/run.bin", "");
    assert_true(rig_has(rig, "Content-Type: application/octet-stream\r\n"));
    assert_true(rig_has(rig, "Content-Disposition: attachment\r\n"));
    get(rig, "/picture.SVG", "");
    assert_true(rig_has(rig, "Content-Type: image/svg+xml\r\n"));
    assert_false(rig_has(rig, "Content-Disposition"));
    assert_true(rig_has(rig, "X-Content-Type-Options: nosniff\r\n"));
    assert_true(rig_has(rig, "Cache-Control: no-cache\r\n"));
}

/* Large ones leave by sendfile from the bundle, at the right place in it. */
static void test_large(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(get(rig, "/large.txt", ""), 200);
    assert_string_equal(rig_body(rig), large);
    assert_int_equal(get(rig, "/large.txt", "Range: bytes=99990-\r\n"), 206);
    assert_string_equal(rig_body(rig), "LLLLLLLLLL");
    assert_int_equal(get(rig, "/large.txt", "Range: bytes=100000-\r\n"), 416);
    assert_true(rig_has(rig, "Content-Range: bytes */100000\r\n"));
}

static void test_tags(void **state)
{
    struct rig *rig = *state;
    char fields[100] = "If-None-Match: ";
    get(rig, "/index.html", "");
    const char *tag = strstr(rig->answer.data, "ETag: ") + 6;
    memcpy(fields + 15, tag, 18);
    strcpy(fields + 33, "\r\n");
    assert_int_equal(get(rig, "/index.html", fields), 304);
    assert_int_equal(get(rig, "/sub/", fields), 200); /* other contents, another tag */
    memcpy(fields, "If-Match:      ", 15);
    assert_int_equal(get(rig, "/index.html", fields), 200);
    assert_int_equal(get(rig, "/sub/", fields), 412);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_paths), CASE(test_types), CASE(test_large), CASE(test_tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
