/* The security headers by surface: the table as it goes out. */
#include "gateway/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/memory.h"

static struct site site;
static struct buffer lines;

static const char *write(enum headers_surface surface, const struct headers_policy *policy)
{
    buffer_clear(&lines);
    headers_write(&site, surface, policy, &lines);
    return lines.data;
}

static bool has(const char *part)
{
    return strstr(lines.data, part) != NULL;
}

static int count(const char *part)
{
    int found = 0;
    for (const char *place = lines.data; (place = strstr(place, part)); place++)
        found++;
    return found;
}

static int setup(void **state)
{
    (void)state;
    return site_init(&site, "localhost", "", "", 7860);
}

static int teardown(void **state)
{
    (void)state;
    site_release(&site);
    buffer_release(&lines);
    return 0;
}

/* Whatever the surface: finished lines, each name once, and nothing is guessed from the contents. */
static void test_every_surface(void **state)
{
    (void)state;
    for (int surface = 0; surface < HEADERS_COUNT; surface++) {
        struct text rest = text_from(write((enum headers_surface)surface, NULL));
        assert_true(has("X-Content-Type-Options: nosniff\r\n"));
        assert_true(text_ends(rest, TEXT("\r\n")));
        assert_false(has("%s"));
        while (rest.length) {
            struct text line = text_cut(&rest, '\n');
            struct text name = text_head(line, (size_t)text_find(line, ':') + 1);
            struct buffer BUFFER_AUTO start = BUFFER_EMPTY;
            buffer_string(&start, "");
            buffer_text(&start, name);
            assert_int_equal(count(start.data), 1);
        }
    }
}

static void test_site(void **state)
{
    (void)state;
    write(HEADERS_SITE, NULL);
    assert_true(has("default-src 'none'"));
    assert_true(has("frame-ancestors 'none'"));
    assert_true(has("X-Frame-Options: DENY"));
    assert_true(has("frame-src 'self' http://*.localhost:7860"));
    assert_false(has("unsafe"));
    assert_false(has("Access-Control"));
    assert_false(has("Strict-Transport-Security"));
}

static void test_files_of_strangers_have_no_rights(void **state)
{
    (void)state;
    write(HEADERS_SITE_FILE, NULL);
    assert_true(has("Content-Security-Policy: sandbox; default-src 'none'"));
    assert_false(has("allow-"));
}

static void test_demo(void **state)
{
    (void)state;
    write(HEADERS_DEMO, NULL);
    assert_true(has("Access-Control-Allow-Origin: *"));
    assert_false(has("Allow-Credentials"));
    assert_true(has("frame-ancestors *"));
    assert_true(has("Cross-Origin-Resource-Policy: cross-origin"));
    assert_false(has("X-Frame-Options"));
}

static void test_path_address_is_an_opaque_origin(void **state)
{
    (void)state;
    write(HEADERS_PATH, NULL);
    assert_true(has("Content-Security-Policy: sandbox allow-scripts"));
    assert_false(has("allow-same-origin"));
    assert_false(has("allow-top-navigation"));
}

static void test_embedding(void **state)
{
    struct headers_policy policy = {.embedding_disabled = true};
    (void)state;
    write(HEADERS_DEMO, &policy);
    assert_true(has("frame-ancestors 'self' http://localhost:7860"));
    assert_false(has("frame-ancestors *"));
    policy = (struct headers_policy){.parents = TEXT("https://a.example https://*.b.example bad;value x\"y")};
    write(HEADERS_PATH, &policy);
    assert_true(has(" https://a.example https://*.b.example\r\n"));
    assert_false(has("bad"));
    assert_false(has("x\""));
}

static void test_isolation_on_request(void **state)
{
    struct headers_policy policy = {.isolated = true};
    (void)state;
    write(HEADERS_DEMO_STATIC, &policy);
    assert_true(has("Cross-Origin-Embedder-Policy: require-corp"));
    assert_true(has("Cross-Origin-Opener-Policy: same-origin"));
}

static void test_tls(void **state)
{
    (void)state;
    site_release(&site);
    assert_int_equal(site_init(&site, "hub.example", "demos.example", "https://hub.example", 7860), 0);
    write(HEADERS_SITE, NULL);
    assert_true(has("Strict-Transport-Security: max-age="));
    assert_true(has("https://*.demos.example:443"));
}

static void test_origins(void **state)
{
    static const char *const good[] = {"https://a.example", "http://a.example:8080", "a.example", "*.a.example",
                                       "https://*.a.example"};
    static const char *const bad[] = {"javascript:x", "a.example:", "a.example:0", "a.example:99999", "a.example:1:2", ":80", "http://", "", "*", "https://", "a b", "a;b", "'self'", "https://a/b", "a\r\nb", "data:"};
    (void)state;
    for (size_t i = 0; i < MEMORY_COUNT(good); i++)
        assert_true(headers_is_origin(text_from(good[i])));
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++)
        assert_false(headers_is_origin(text_from(bad[i])));
    assert_true(headers_is_owned(TEXT("Content-Security-Policy")));
    assert_true(headers_is_owned(TEXT("x-frame-options")));
    assert_false(headers_is_owned(TEXT("content-type")));
}

/* Uploads and results: any page may use them, and as a document they have no rights on the demo's origin. */
static void test_files_of_a_demo(void **state)
{
    (void)state;
    write(HEADERS_DEMO_FILE, NULL);
    assert_true(has("Content-Security-Policy: sandbox; default-src 'none'"));
    assert_false(has("allow-scripts"));
    assert_true(has("Access-Control-Allow-Origin: *\r\n"));
    assert_true(has("Cross-Origin-Resource-Policy: cross-origin\r\n"));
    assert_int_equal(count("Content-Security-Policy"), 1);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_surface),
        TEST(test_files_of_a_demo),
        TEST(test_site),
        TEST(test_files_of_strangers_have_no_rights),
        TEST(test_demo),
        TEST(test_path_address_is_an_opaque_origin),
        TEST(test_embedding),
        TEST(test_isolation_on_request),
        TEST(test_tls),
        TEST(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
