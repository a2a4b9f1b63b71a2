#include "runtime/base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/error.h"

static int parse(struct settings *settings, char *first, char *second)
{
    char *argv[] = {first, second};
    return settings_parse(settings, second ? 2 : first ? 1 : 0, argv);
}

static void data_is_needed_to_serve_and_not_to_look(void **state)
{
    struct settings settings;
    (void)state;
    assert_int_equal(parse(&settings, NULL, NULL), ERROR_INVALID);
    assert_int_equal(settings_read(&settings, 0, NULL, "test"), 0);
    assert_int_equal(parse(&settings, (char[]){"--data=/x"}, NULL), 0);
    assert_string_equal(settings.values[SETTING_DATA], "/x");
    assert_string_equal(settings.values[SETTING_SANDBOX_FLOOR], "B");
    assert_string_equal(settings.values[SETTING_CGROUPS], "auto");
}

static void values_are_checked(void **state)
{
    static const char *const wrong[] = {
        "--port=0", "--port=65536", "--port=http", "--port=", "--worker-uid-base=0", "--worker-uid-base=4294967295",
        "--worker-uid-base=-5", "--sandbox-floor=D", "--sandbox-floor=", "--sandbox-floor=AB", "--cgroups=yes",
        "--cgroups="};
    struct settings settings;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char flag[64];
        strcpy(flag, wrong[i]);
        assert_int_equal(parse(&settings, (char[]){"--data=/x"}, flag), ERROR_INVALID);
    }
}

static void every_setting_has_a_key_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(settings_key(SETTING_WORKER_UID_BASE), "worker_uid_base");
    for (int a = 0; a < SETTING_COUNT; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(settings_key((enum setting)a), settings_key((enum setting)b));
}

static void addresses(void **state)
{
    struct settings settings;
    char url[64], small[8];
    (void)state;
    assert_int_equal(parse(&settings, (char[]){"--data=/x"}, (char[]){"--port=81"}), 0);
    settings_write_site_url(&settings, url, sizeof url);
    assert_string_equal(url, "http://localhost:81");
    settings_write_site_url(&settings, small, sizeof small);
    assert_string_equal(small, "http://");
    assert_int_equal(parse(&settings, (char[]){"--data=/x"}, (char[]){"--site-url=https://demos.example"}), 0);
    settings_write_site_url(&settings, url, sizeof url);
    assert_string_equal(url, "https://demos.example");
}

/* As root never root itself, whatever the name says. */
static void services_are_never_root(void **state)
{
    struct settings settings;
    uid_t uid = 0;
    gid_t gid = 0;
    (void)state;
    static const char *const users[] = {"--user=root", "--user=nobody-of-this-name", "--user="};
    for (size_t i = 0; i < 3; i++) {
        char flag[64];
        strcpy(flag, users[i]);
        assert_int_equal(parse(&settings, (char[]){"--data=/x"}, flag), 0);
        settings_find_user(&settings, &uid, &gid);
        assert_int_not_equal(uid, 0);
        assert_int_equal(uid, geteuid() == 0 ? 1879048191 : geteuid());
    }
}

/* "nobody" has 65534 on every machine of this family; nobody has the default range. */
static void workers_ids_belong_to_no_account(void **state)
{
    struct settings settings;
    (void)state;
    assert_int_equal(parse(&settings, (char[]){"--data=/x"}, (char[]){"--worker-uid-base=65530"}), 0);
    assert_string_equal(settings_find_squatter(&settings), "nobody");
    assert_int_equal(parse(&settings, (char[]){"--data=/x"}, (char[]){"--worker-uid-base=65535"}), 0);
    assert_null(settings_find_squatter(&settings));
    assert_int_equal(parse(&settings, (char[]){"--data=/x"}, (char[]){"--site-url=http://x"}), 0);
    assert_null(settings_find_squatter(&settings));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_needed_to_serve_and_not_to_look),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(every_setting_has_a_key_of_its_own),
        cmocka_unit_test(addresses),
        cmocka_unit_test(services_are_never_root),
        cmocka_unit_test(workers_ids_belong_to_no_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
