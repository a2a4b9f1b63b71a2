/* Which names are allowed, and the subdomains they make. */
#include "scratch.h"

#include "runtime/base/memory.h"
#include "store/names.h"

static void owners(void **state)
{
    static const char *const good[] = {"ann", "A", "a-b", "a.b_c", "0", "x2", "verylongnamethatisstillbelowthelimitof53characters123"};
    static const char *const bad[] = {"", "-a", ".a", "a--b", "a b", "a/b", "a..b", "ann.git", "ä", "a.", "spaces", "API", "login",
                                      "settings", "-", "embed.js", "averylongnamethatispastthelimitof53charactersandtherefore"};
    for (size_t index = 0; index < MEMORY_COUNT(good); index++)
        assert_null(names_refuse_owner(text_from(good[index])));
    for (size_t index = 0; index < MEMORY_COUNT(bad); index++) {
        if (names_refuse_owner(text_from(bad[index])) == NULL)
            fail_msg("%s should be refused", bad[index]);
    }
}

static void repositories(void **state)
{
    static const struct {
        const char *owner, *name;
        bool demo, model;
    } cases[] = {
        {"ann", "digits", true, true},      {"ann", "My.Digits_2", true, true}, {"ann", "a._b", false, true},
        {"ann", "a_", false, true},         {"ann", "x.git", false, false},     {"ann", "a--b", false, false},
        {"ann", "_a", false, false},        {"ann", "", false, false},
        {"a123456789012345678901234", "b12345678901234567890123456", true, true},
        {"a1234567890123456789012345", "b1234567890123456789012345678", false, true},
    };
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        struct text owner = text_from(cases[index].owner), name = text_from(cases[index].name);
        if ((names_refuse_repository(owner, name, true) == NULL) != cases[index].demo)
            fail_msg("demo %s/%s", cases[index].owner, cases[index].name);
        if ((names_refuse_repository(owner, name, false) == NULL) != cases[index].model)
            fail_msg("model %s/%s", cases[index].owner, cases[index].name);
    }
}

static void subdomains(void **state)
{
    static const struct {
        const char *owner, *name, *expected;
    } cases[] = {{"ann", "digits", "ann-digits"}, {"Ann", "My.Digits_2", "ann-my-digits-2"}, {"a-b", "c", "a-b-c"}};
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        names_subdomain(&out, text_from(cases[index].owner), text_from(cases[index].name));
        assert_string_equal(out.data, cases[index].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(owners), cmocka_unit_test(repositories), cmocka_unit_test(subdomains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
