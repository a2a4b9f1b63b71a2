/* Which Host values are ours, and the addresses we print. */
#include "gateway/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

struct row {
    const char *host;
    enum site_kind kind;
    const char *label;
};

static void check(const struct site *site, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct text label = {0};
        enum site_kind kind = site_classify(site, text_from(rows[i].host), &label);
        if (kind != rows[i].kind)
            print_error("%s -> %d\n", rows[i].host, kind);
        assert_int_equal(kind, rows[i].kind);
        if (rows[i].label)
            assert_true(text_equal(label, text_from(rows[i].label)));
    }
}

static void test_laptop(void **state)
{
    static const struct row rows[] = {
        {"localhost:7860", SITE_SELF, NULL},
        {"localhost", SITE_SELF, NULL},
        {"LocalHost:7860", SITE_SELF, NULL},
        {"127.0.0.1:7860", SITE_SELF, NULL},
        {"[::1]:7860", SITE_SELF, NULL},
        {"10.1.2.3", SITE_SELF, NULL},
        {"", SITE_SELF, NULL},
        {"ann-digits.localhost:7860", SITE_DEMO, "ann-digits"},
        {"ann-digits--0a1b2c3.localhost:7860", SITE_DEMO, "ann-digits--0a1b2c3"},
        {"localhost:7861", SITE_UNKNOWN, NULL},
        {"localhost:", SITE_UNKNOWN, NULL},
        {"localhost:0", SITE_UNKNOWN, NULL},
        {"localhost.", SITE_UNKNOWN, NULL},
        {"evil.example", SITE_UNKNOWN, NULL},
        {"localhost.evil.example", SITE_UNKNOWN, NULL},
        {"127.0.0.1.nip.io", SITE_UNKNOWN, NULL},
        {"127.0.0.1.1", SITE_UNKNOWN, NULL},
        {"[::g]", SITE_UNKNOWN, NULL},
        {".localhost", SITE_UNKNOWN, NULL},
        {"a.b.localhost:7860", SITE_UNKNOWN, NULL},
        {"xlocalhost", SITE_UNKNOWN, NULL},
        {"..", SITE_UNKNOWN, NULL},
        {"-", SITE_UNKNOWN, NULL},
    };
    struct site site;
    (void)state;
    assert_int_equal(site_init(&site, "localhost", "", "", 7860), 0);
    check(&site, rows, MEMORY_COUNT(rows));
    assert_string_equal(site.url, "http://localhost:7860");
    assert_true(site.demo_hosts);
    site_release(&site);
}

static void test_behind_a_proxy(void **state)
{
    static const struct row rows[] = {
        {"hub.example", SITE_SELF, NULL},
        {"hub.example:443", SITE_SELF, NULL},
        {"hub.example:7860", SITE_SELF, NULL},
        {"inner.example", SITE_SELF, NULL},
        {"ann-digits.demos.example", SITE_DEMO, "ann-digits"},
        {"ann-digits.hub.example", SITE_UNKNOWN, NULL},
        {"demos.example", SITE_UNKNOWN, NULL},
    };
    struct site site;
    (void)state;
    assert_int_equal(site_init(&site, "inner.example", "demos.example", "https://hub.example/", 7860), 0);
    check(&site, rows, MEMORY_COUNT(rows));
    assert_string_equal(site.url, "https://hub.example");
    assert_true(site.tls);
    assert_int_equal(site.public_port, 443);
    site_release(&site);
}

static void test_addresses_have_no_demo_hosts(void **state)
{
    struct site site;
    (void)state;
    assert_int_equal(site_init(&site, "192.168.1.5", "", "", 80), 0);
    assert_false(site.demo_hosts);
    site_release(&site);
}

static void test_impossible_urls(void **state)
{
    static const char *const urls[] = {"ftp://a", "http://", "https://a/b", "a.example", "http://a:", "http://a:99999"};
    (void)state;
    for (size_t i = 0; i < MEMORY_COUNT(urls); i++) {
        struct site site;
        assert_int_equal(site_init(&site, "a", "", urls[i], 80), ERROR_INVALID);
        site_release(&site);
    }
}

static void test_origins_and_labels(void **state)
{
    struct site site;
    char origin[40];
    struct buffer BUFFER_AUTO label = BUFFER_EMPTY;
    (void)state;
    assert_int_equal(site_init(&site, "localhost", "", "", 7860), 0);
    site_write_origin(&site, TEXT("ann-x.localhost:7860"), origin, sizeof(origin));
    assert_string_equal(origin, "http://ann-x.localhost:7860");
    site_write_origin(&site, TEXT(""), origin, sizeof(origin));
    assert_string_equal(origin, "http://localhost:7860");
    site_write_origin(&site, TEXT("a-name-that-is-too-long-for-the-place.example"), origin, sizeof(origin));
    assert_string_equal(origin, "");
    site_write_label("Ann_B", "My.Demo", &label);
    assert_string_equal(label.data, "ann-b-my-demo");
    site_release(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_laptop),
        cmocka_unit_test(test_behind_a_proxy),
        cmocka_unit_test(test_addresses_have_no_demo_hosts),
        cmocka_unit_test(test_impossible_urls),
        cmocka_unit_test(test_origins_and_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
