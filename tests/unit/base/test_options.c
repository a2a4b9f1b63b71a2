#include "runtime/base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/error.h"

enum { DATA, SITE_URL, PORT, COUNT };

static const struct option_entry table[COUNT] = {
    [DATA] = {"data", NULL, "DIR"}, [SITE_URL] = {"site-url", "", "URL"}, [PORT] = {"port", "7860", "N"}};

static int parse(const char **values, int argc, char **argv)
{
    return options_parse(table, COUNT, values, argc, argv, "test");
}

static void flags_come_before_variables_before_defaults(void **state)
{
    const char *values[COUNT];
    char *argv[] = {(char[]){"--site-url=http://x/=?"}, (char[]){"--data"}, (char[]){"--odd"}};
    (void)state;
    setenv("VITRINE_SITE_URL", "http://environment/", 1);
    setenv("VITRINE_PORT", "", 1); /* empty is as good as absent */
    assert_int_equal(parse(values, 3, argv), 0);
    assert_string_equal(values[SITE_URL], "http://x/=?");
    assert_string_equal(values[DATA], "--odd");
    assert_string_equal(values[PORT], "7860");
    assert_int_equal(parse(values, 0, argv), 0);
    assert_string_equal(values[SITE_URL], "http://environment/");
    assert_null(values[DATA]);
    unsetenv("VITRINE_SITE_URL");
    unsetenv("VITRINE_PORT");
}

static void the_last_of_two_counts(void **state)
{
    const char *values[COUNT];
    char *argv[] = {(char[]){"--port=1"}, (char[]){"--port"}, (char[]){"2"}};
    (void)state;
    assert_int_equal(parse(values, 3, argv), 0);
    assert_string_equal(values[PORT], "2");
}

static void mistakes_are_refused(void **state)
{
    static const char *const wrong[] = {"--prt", "port", "-port", "--", "--port", "--por=1", "--ports=1", "--=x", ""};
    const char *values[COUNT];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char flag[32];
        strcpy(flag, wrong[i]);
        char *argv[] = {flag};
        assert_int_equal(parse(values, 1, argv), ERROR_INVALID);
    }
    char *help[] = {(char[]){"--port=1"}, (char[]){"-h"}, (char[]){"--nonsense"}};
    assert_int_equal(parse(values, 3, help), 1);
}

static void keys(void **state)
{
    char key[12], small[5];
    (void)state;
    options_write_key("site-url", key, sizeof key);
    assert_string_equal(key, "site_url");
    options_write_key("site-url", small, sizeof small);
    assert_string_equal(small, "site");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_come_before_variables_before_defaults),
        cmocka_unit_test(the_last_of_two_counts),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
