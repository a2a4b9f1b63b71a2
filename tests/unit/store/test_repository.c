/* Rows of repositories and the bare repositories behind them. */
#include "scratch.h"

#include <git2.h>
#include <stdio.h>
#include <string.h>

static void making_one(void **state)
{
    struct scratch *scratch = *state;
    struct repository made = scratch_repository(scratch, "Digits", false), found;
    char path[128];
    assert_string_equal(made.owner, "ann");
    assert_string_equal(made.name, "Digits");
    assert_false(made.model);
    snprintf(path, sizeof path, "repos/%lld.git/HEAD", (long long)made.id);
    assert_true(scratch_exists(scratch, path));
    assert_int_equal(repository_find(&scratch->database, false, TEXT("ANN"), TEXT("digits"), &found), 0);
    assert_int_equal(found.id, made.id);
    assert_int_equal(repository_find(&scratch->database, false, TEXT("ann"), TEXT("digits.git"), &found), 0);
    assert_int_equal(repository_find(&scratch->database, true, TEXT("ann"), TEXT("digits"), &found), ERROR_NOT_FOUND);
    assert_int_equal(repository_find_subdomain(&scratch->database, TEXT("ann-digits"), &found), 0);
    assert_int_equal(repository_find_id(&scratch->database, made.id, &found), 0);
    assert_int_equal(repository_find_id(&scratch->database, made.id + 1, &found), ERROR_NOT_FOUND);
}

static int try_make(struct scratch *scratch, const char *name, bool model, const char **ret_reason)
{
    struct repository wanted = {.account_id = scratch->ann.id, .model = model, .owner = "ann"}, made;
    snprintf(wanted.name, sizeof wanted.name, "%s", name);
    return repository_create(&scratch->database, scratch->path, &wanted, &made, ret_reason);
}

static void clashes_are_refused_with_words(void **state)
{
    struct scratch *scratch = *state;
    const char *reason = NULL;
    scratch_repository(scratch, "a.b", false);
    assert_int_equal(try_make(scratch, "A.B", false, &reason), ERROR_EXISTS);
    assert_int_equal(try_make(scratch, "a-b", false, &reason), ERROR_EXISTS);
    assert_non_null(strstr(reason, "host name"));
    assert_int_equal(try_make(scratch, "a--b", false, &reason), ERROR_INVALID);
    assert_non_null(reason);
    assert_int_equal(try_make(scratch, "a-b", true, &reason), 0); /* models have no host name */
    assert_int_equal(try_make(scratch, "a.b", true, &reason), 0);
}

static void there_is_a_limit(void **state)
{
    struct scratch *scratch = *state;
    const char *reason = NULL;
    assert_int_equal(database_run(&scratch->database,
                                  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO "
                                  "repositories (account_id, kind, name, stage_ms, created_ms, updated_ms) SELECT ?, 'model', "
                                  "'m' || i, 0, 0, 0 FROM n",
                                  "ii", (int64_t)BOUNDS_REPOSITORIES_PER_ACCOUNT, scratch->ann.id),
                     BOUNDS_REPOSITORIES_PER_ACCOUNT);
    assert_int_equal(try_make(scratch, "more", false, &reason), ERROR_LIMIT);
    assert_non_null(strstr(reason, "delete one first"));
}

static void what_a_crash_left_is_in_nobodys_way(void **state)
{
    struct scratch *scratch = *state;
    struct repository made = scratch_repository(scratch, "one", false);
    char next[128];
    snprintf(next, sizeof next, "%s/repos/%lld.git", scratch->path, (long long)made.id + 1);
    git_repository *stale = NULL;
    assert_int_equal(git_repository_init(&stale, next, 0), 0); /* not even bare */
    git_repository_free(stale);
    made = scratch_repository(scratch, "two", false);
    snprintf(next, sizeof next, "repos/%lld.git/.git", (long long)made.id);
    assert_false(scratch_exists(scratch, next));
    snprintf(next, sizeof next, "repos/%lld.git/HEAD", (long long)made.id);
    assert_true(scratch_exists(scratch, next));
}

static void who_may(void **state)
{
    struct scratch *scratch = *state;
    struct repository made = scratch_repository(scratch, "one", false);
    struct account stranger = {0}, eve = {.id = 77};
    assert_true(repository_may_read(&made, &stranger));
    assert_false(repository_may_write(&made, &stranger));
    assert_false(repository_may_write(&made, &eve));
    assert_true(repository_may_write(&made, &scratch->ann));
    assert_true(repository_may_write(&made, &scratch->bob)); /* an administrator */
    made.is_private = true;
    assert_false(repository_may_read(&made, &stranger));
    assert_false(repository_may_read(&made, &eve));
    assert_true(repository_may_read(&made, &scratch->ann));
}

static void deleting(void **state)
{
    struct scratch *scratch = *state;
    struct repository made = scratch_repository(scratch, "one", false), found;
    char path[128], digest[65];
    scratch_bundle(scratch, "x", digest);
    scratch_release(scratch, made.id, "1111111111111111111111111111111111111111", digest);
    assert_int_equal(repository_delete(&scratch->database, scratch->path, made.id), 0);
    assert_int_equal(repository_delete(&scratch->database, scratch->path, made.id), ERROR_NOT_FOUND);
    assert_int_equal(repository_find_id(&scratch->database, made.id, &found), ERROR_NOT_FOUND);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM releases", ""), 0);
    snprintf(path, sizeof path, "repos/%lld.git", (long long)made.id);
    assert_false(scratch_exists(scratch, path));
    repository_empty_trash(scratch->path);
    repository_empty_trash(scratch->path);
    assert_true(scratch_exists(scratch, "trash"));
    struct repository again = scratch_repository(scratch, "one", false);
    assert_true(again.id > made.id); /* an id is never used twice */
}

/* Commits an empty tree to refs/heads/main. */
static void commit(const struct scratch *scratch, int64_t id, char ret_commit[41])
{
    char path[128];
    git_repository *repository = NULL;
    git_treebuilder *builder = NULL;
    git_signature *author = NULL;
    git_tree *tree = NULL;
    git_oid tree_id, commit_id;
    snprintf(path, sizeof path, "%s/repos/%lld.git", scratch->path, (long long)id);
    assert_int_equal(git_repository_open_bare(&repository, path), 0);
    assert_int_equal(git_treebuilder_new(&builder, repository, NULL), 0);
    assert_int_equal(git_treebuilder_write(&tree_id, builder), 0);
    assert_int_equal(git_tree_lookup(&tree, repository, &tree_id), 0);
    assert_int_equal(git_signature_new(&author, "Ann", "ann@localhost", 1700000000, 0), 0);
    assert_int_equal(git_commit_create(&commit_id, repository, "refs/heads/main", author, author, NULL, "one", tree, 0, NULL), 0);
    git_oid_tostr(ret_commit, 41, &commit_id);
    git_signature_free(author);
    git_tree_free(tree);
    git_treebuilder_free(builder);
    git_repository_free(repository);
}

static void the_head_is_what_git_says(void **state)
{
    struct scratch *scratch = *state;
    struct repository made = scratch_repository(scratch, "one", false);
    char head[41], expected[41];
    assert_int_equal(repository_head(scratch->path, made.id, head), 0);
    assert_string_equal(head, "");
    commit(scratch, made.id, expected);
    assert_int_equal(repository_head(scratch->path, made.id, head), 0);
    assert_string_equal(head, expected);
    assert_int_equal(repository_head(scratch->path, made.id + 9, head), ERROR_SYSTEM);
}

static void stages_are_kept(void **state)
{
    struct scratch *scratch = *state;
    struct repository made = scratch_repository(scratch, "one", false);
    assert_int_equal(repository_set_stage(&scratch->database, made.id, "BUILD_ERROR", TEXT("app.lua:1: no")), 0);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM repositories WHERE stage = 'BUILD_ERROR' AND "
                                      "stage_reason = 'app.lua:1: no'", ""), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(making_one, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(clashes_are_refused_with_words, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(there_is_a_limit, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_is_in_nobodys_way, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(who_may, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(deleting, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_head_is_what_git_says, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(stages_are_kept, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
