/* What the launcher says, and the addresses made of it. */
#include "scratch.h"

#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/base/error.h"
#include "store/settings.h"

static struct store_settings make(const char *url, const char *host, const char *domain)
{
    struct store_settings settings = {0};
    settings_take(&settings, TEXT("data"), TEXT("/data"));
    settings_take(&settings, TEXT("share"), TEXT("/share"));
    settings_take(&settings, TEXT("unknown"), TEXT("x"));
    settings_take(&settings, TEXT("site_url"), text_from(url));
    settings_take(&settings, TEXT("host"), TEXT("first"));
    settings_take(&settings, TEXT("host"), text_from(host));
    settings_take(&settings, TEXT("demo_domain"), text_from(domain));
    assert_int_equal(settings_check(&settings), 0);
    return settings;
}

static void addresses(void **state)
{
    static const struct {
        const char *url, *host, *domain, *site, *demo, *preview, *push;
        bool origins, secure;
    } cases[] = {
        {"http://localhost:7860", "localhost", "", "http://localhost:7860/spaces/ann/My.Digits",
         "http://ann-my-digits.localhost:7860/", "http://ann-my-digits--0123456.localhost:7860/",
         "http://ann@localhost:7860/spaces/ann/My.Digits", true, false},
        {"https://site.example/", "site.example", "demos.example", "https://site.example/spaces/ann/My.Digits",
         "https://ann-my-digits.demos.example/", "https://ann-my-digits--0123456.demos.example/",
         "https://ann@site.example/spaces/ann/My.Digits", true, true},
        {"http://192.0.2.1:80", "192.0.2.1", "", "http://192.0.2.1:80/spaces/ann/My.Digits",
         "http://192.0.2.1:80/spaces/ann/My.Digits/-/", "http://192.0.2.1:80/spaces/ann/My.Digits/-/",
         "http://ann@192.0.2.1:80/spaces/ann/My.Digits", false, false},
        {"http://[::1]:7860", "[::1]", "", "http://[::1]:7860/spaces/ann/My.Digits",
         "http://[::1]:7860/spaces/ann/My.Digits/-/", "http://[::1]:7860/spaces/ann/My.Digits/-/",
         "http://ann@[::1]:7860/spaces/ann/My.Digits", false, false},
    };
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        struct store_settings settings = make(cases[index].url, cases[index].host, cases[index].domain);
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        settings_repository_url(&settings, &out, false, "ann", "My.Digits");
        assert_string_equal(out.data, cases[index].site);
        buffer_clear(&out);
        settings_demo_url(&settings, &out, "ann", "My.Digits", NULL);
        assert_string_equal(out.data, cases[index].demo);
        buffer_clear(&out);
        settings_demo_url(&settings, &out, "ann", "My.Digits", "0123456789");
        assert_string_equal(out.data, cases[index].preview);
        buffer_clear(&out);
        settings_push_url(&settings, &out, false, "ann", "My.Digits");
        assert_string_equal(out.data, cases[index].push);
        assert_int_equal(settings_has_origins(&settings), cases[index].origins);
        assert_int_equal(settings_is_secure(&settings), cases[index].secure);
        settings_release(&settings);
    }
}

static void models_stand_at_the_root(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    settings_repository_path(&out, true, "ann", "net");
    assert_string_equal(out.data, "/ann/net");
}

static void what_is_missing_is_an_error(void **state)
{
    struct store_settings settings = {0};
    settings_take(&settings, TEXT("data"), TEXT("/data"));
    assert_int_equal(settings_check(&settings), ERROR_INVALID);
    assert_string_equal(settings.host, "localhost");
    settings_release(&settings);
    assert_null(settings.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses), cmocka_unit_test(models_stand_at_the_root),
                                       cmocka_unit_test(what_is_missing_is_an_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
