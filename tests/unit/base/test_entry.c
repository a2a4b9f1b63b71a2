/* What may stand in a published tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/entry.h"
#include "runtime/base/error.h"

/* NULL when the entry passes, else the sentence. */
static const char *said(struct entry_rules *rules, const char *path, enum entry_kind kind, uint64_t bytes)
{
    const char *sentence = NULL;
    int result = entry_admit(rules, text_from(path), kind, bytes, &sentence);
    assert_int_equal(result == 0, sentence == NULL);
    return sentence;
}

static void expect(struct entry_rules *rules, const char *path, enum entry_kind kind, const char *words)
{
    const char *sentence = said(rules, path, kind, 0);
    if (words == NULL)
        assert_null(sentence);
    else if (sentence == NULL || strstr(sentence, words) == NULL)
        fail_msg("%s: %s", path, sentence ? sentence : "passed");
}

static void names(void **state)
{
    static const struct {
        const char *path, *words;
    } cases[] = {
        {"app.lua", NULL}, {"a b/c\xc3\xa9.txt", NULL}, {".gitignore", NULL}, {".vitrine2", NULL}, {"x/.vitrine", NULL},
        {"...", NULL}, {"a\nb", "control characters"}, {"a\x7f", "control characters"}, {"a\\b", "backslashes"},
        {"\xff", "UTF-8"}, {"\xc0\xaf", "UTF-8"}, {"", "control characters"}, {"a/..", "no file or folder"},
        {"..", "no file or folder"}, {".", "no file or folder"}, {"a/", "no file or folder"},
        {"lib/.git", "no file or folder"}, {"lib/.GiT", "no file or folder"}, {".vitrine", "made by this server"},
        {".VITRINE/x", "made by this server"},
    };
    struct entry_rules rules;
    entry_rules_init(&rules);
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++)
        expect(&rules, cases[index].path, ENTRY_FILE, cases[index].words);
    entry_rules_release(&rules);
}

static void a_long_path(void **state)
{
    char path[BOUNDS_BUNDLE_NAME_BYTES + 2] = {0};
    struct entry_rules rules;
    entry_rules_init(&rules);
    memset(path, 'x', BOUNDS_BUNDLE_NAME_BYTES);
    expect(&rules, path, ENTRY_FILE, NULL);
    path[BOUNDS_BUNDLE_NAME_BYTES] = 'x';
    expect(&rules, path, ENTRY_FILE, "longer than 1024");
    entry_rules_release(&rules);
}

static void kinds(void **state)
{
    struct entry_rules rules;
    entry_rules_init(&rules);
    expect(&rules, "a", ENTRY_LINK, "symbolic links");
    expect(&rules, "b", ENTRY_SUBMODULE, "submodules");
    expect(&rules, "c", ENTRY_OTHER, "neither a file nor a folder");
    assert_string_equal(entry_tree_objection(&rules), "the repository is empty; commit a README.md and an app.lua");
    expect(&rules, "d", ENTRY_FOLDER, NULL);
    assert_non_null(entry_tree_objection(&rules)); /* folders alone are nothing */
    expect(&rules, "d/e", ENTRY_FILE, NULL);
    assert_null(entry_tree_objection(&rules));
    entry_rules_release(&rules);
}

static void capital_letters(void **state)
{
    struct entry_rules rules;
    entry_rules_init(&rules);
    expect(&rules, "Data", ENTRY_FOLDER, NULL);
    expect(&rules, "Data/x", ENTRY_FILE, NULL);
    expect(&rules, "data", ENTRY_FOLDER, "capital letters");
    expect(&rules, "DATA", ENTRY_FILE, "capital letters");
    expect(&rules, "Data/X", ENTRY_FILE, "capital letters");
    expect(&rules, "x", ENTRY_FILE, NULL);
    expect(&rules, "\xc3\x89", ENTRY_FILE, NULL); /* E with accent: only ASCII is folded */
    expect(&rules, "\xc3\xa9", ENTRY_FILE, NULL);
    entry_rules_release(&rules);
}

static void sizes_and_counts(void **state)
{
    char path[32];
    struct entry_rules rules;
    entry_rules_init(&rules);
    assert_non_null(strstr(said(&rules, "big", ENTRY_FILE, BOUNDS_TREE_FILE_BYTES + 1), "256 MiB"));
    assert_null(said(&rules, "one", ENTRY_FILE, BOUNDS_TREE_FILE_BYTES));
    assert_null(said(&rules, "two", ENTRY_FILE, BOUNDS_TREE_BYTES - BOUNDS_TREE_FILE_BYTES));
    assert_non_null(strstr(said(&rules, "three", ENTRY_FILE, 1), "512 MiB"));
    entry_rules_release(&rules);
    entry_rules_init(&rules);
    for (int index = 0; index < BOUNDS_TREE_FILES; index++) {
        snprintf(path, sizeof path, "f%d", index);
        assert_null(said(&rules, path, ENTRY_FILE, 0));
        snprintf(path, sizeof path, "d%d", index);
        assert_null(said(&rules, path, ENTRY_FOLDER, 0));
    }
    assert_non_null(strstr(said(&rules, "g", ENTRY_FILE, 0), "10,000 files"));
    assert_non_null(strstr(said(&rules, "h", ENTRY_FOLDER, 0), "10,000 folders"));
    entry_rules_release(&rules);
}

static void paths_in_sentences(void **state)
{
    static const char *const cases[][2] = {
        {"plain.txt", "plain.txt"}, {"\xc3\xa9", "\xc3\xa9"}, {"a\n\x1b[2J", "a\\x0a\\x1b[2J"}, {"\xff\xc3\xa9", "\\xff\\xc3\\xa9"},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        entry_write_path(&out, text_from(cases[index][0]));
        assert_string_equal(out.data, cases[index][1]);
    }
}

static void contents(void **state)
{
    assert_null(entry_contents_objection(TEXT("")));
    assert_null(entry_contents_objection(TEXT("version https://git-lfs")));
    assert_non_null(entry_contents_objection(TEXT("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names), cmocka_unit_test(a_long_path), cmocka_unit_test(kinds),
        cmocka_unit_test(capital_letters), cmocka_unit_test(sizes_and_counts), cmocka_unit_test(paths_in_sentences),
        cmocka_unit_test(contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
