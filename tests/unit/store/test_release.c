/* Releases: pending, live, old; one live at a time; bundles go when nobody has them; reconciling with git. */
#include "scratch.h"

#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/release.h"

#define ONE "1111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222"

static int64_t add_pending(struct scratch *scratch, int64_t repository_id, const char *commit, const char *digest)
{
    int64_t id = 0;
    struct release_draft draft = {.repository_id = repository_id, .commit = commit, .digest = digest, .bytes = 5,
                                  .card = TEXT("{\"title\":\"Title\",\"emoji\":\"e\",\"colorFrom\":\"red\",\"sdk\":\"lua\","
                                               "\"pinned\":true,\"short_description\":\"about\"}"),
                                  .message = "message", .author = "author"};
    assert_int_equal(release_add(&scratch->database, &draft, &id), 0);
    return id;
}

static bool has_bundle(const struct scratch *scratch, const char *digest)
{
    int fd = vault_open(&scratch->vault, text_from(digest));
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void going_live_gives_the_card(void **state)
{
    struct scratch *scratch = *state;
    struct repository repository = scratch_repository(scratch, "one", false);
    struct release release;
    char digest[65];
    scratch_bundle(scratch, "a", digest);
    int64_t id = add_pending(scratch, repository.id, ONE, digest);
    assert_int_equal(release_find_live(&scratch->database, repository.id, &release), ERROR_NOT_FOUND);
    assert_int_equal(release_make_live(&scratch->database, id), 0);
    assert_int_equal(release_find_live(&scratch->database, repository.id, &release), 0);
    assert_int_equal(release.id, id);
    assert_true(release.live);
    assert_string_equal(release.commit, ONE);
    assert_string_equal(release.digest, digest);
    assert_int_equal(database_integer(&scratch->database,
                                      "SELECT count(*) FROM repositories WHERE title = 'Title' AND emoji = 'e' AND color_from "
                                      "= 'red' AND sdk = 'lua' AND pinned AND description = 'about' AND stage = ''", ""), 1);
    assert_int_equal(release_make_live(&scratch->database, 999), ERROR_NOT_FOUND);
}

static void the_one_before_becomes_old_and_can_come_back(void **state)
{
    struct scratch *scratch = *state;
    struct repository repository = scratch_repository(scratch, "one", false);
    struct release release;
    char digest[65];
    scratch_bundle(scratch, "a", digest);
    int64_t first = scratch_release(scratch, repository.id, ONE, digest);
    int64_t second = scratch_release(scratch, repository.id, TWO, digest);
    assert_int_equal(release_find_previous(&scratch->database, repository.id, &release), 0);
    assert_int_equal(release.id, first);
    assert_int_equal(release_make_live(&scratch->database, first), 0);
    assert_int_equal(release_find_live(&scratch->database, repository.id, &release), 0);
    assert_int_equal(release.id, first);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM releases WHERE state = 'live'", ""), 1);
    assert_int_equal(release_find_commit(&scratch->database, repository.id, TEXT("2222222"), &release), 0);
    assert_int_equal(release.id, second);
    assert_false(release.live);
    assert_int_equal(release_find_commit(&scratch->database, repository.id, TEXT("222222"), &release), ERROR_NOT_FOUND);
    assert_int_equal(release_find_commit(&scratch->database, repository.id, TEXT("3333333"), &release), ERROR_NOT_FOUND);
    add_pending(scratch, repository.id, "3333333333333333333333333333333333333333", digest);
    assert_int_equal(release_find_commit(&scratch->database, repository.id, TEXT("3333333"), &release), ERROR_NOT_FOUND);
}

static void bundles_go_with_their_last_release(void **state)
{
    struct scratch *scratch = *state;
    struct repository one = scratch_repository(scratch, "one", false), two = scratch_repository(scratch, "two", false);
    char digest[65];
    scratch_bundle(scratch, "a", digest);
    int64_t live = scratch_release(scratch, one.id, ONE, digest);
    int64_t pending = add_pending(scratch, two.id, TWO, digest);
    release_drop(&scratch->database, &scratch->vault, live); /* live ones are not dropped */
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM releases", ""), 2);
    release_drop(&scratch->database, &scratch->vault, pending);
    assert_true(has_bundle(scratch, digest));
    scratch_release(scratch, two.id, TWO, digest);
    release_drop_all(&scratch->database, &scratch->vault, one.id); /* two has it still */
    assert_true(has_bundle(scratch, digest));
    assert_int_equal(repository_delete(&scratch->database, scratch->path, one.id), 0);
    release_drop_all(&scratch->database, &scratch->vault, two.id);
    assert_false(has_bundle(scratch, digest));
}

static void old_ones_are_pruned(void **state)
{
    struct scratch *scratch = *state;
    struct repository repository = scratch_repository(scratch, "one", false);
    char digest[65], first[65];
    for (int index = 0; index < BOUNDS_RELEASES_KEPT + 5; index++) {
        char commit[41], content[16];
        snprintf(commit, sizeof commit, "%040d", index);
        snprintf(content, sizeof content, "%d", index);
        scratch_bundle(scratch, content, digest);
        if (index == 0)
            memcpy(first, digest, sizeof first);
        scratch_release(scratch, repository.id, commit, digest);
    }
    release_prune(&scratch->database, &scratch->vault, repository.id);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM releases", ""), BOUNDS_RELEASES_KEPT + 1);
    assert_false(has_bundle(scratch, first));
    assert_true(has_bundle(scratch, digest));
}

static void set_head(const struct scratch *scratch, int64_t id, const char *commit)
{
    char path[160];
    snprintf(path, sizeof path, "%s/repos/%lld.git/refs/heads/main", scratch->path, (long long)id);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", commit);
    fclose(file);
}

static void reconciling(void **state)
{
    struct scratch *scratch = *state;
    struct repository moved = scratch_repository(scratch, "moved", false), stayed = scratch_repository(scratch, "stayed", false);
    struct release release;
    char a[65], b[65], orphan[65];
    scratch_bundle(scratch, "a", a);
    scratch_bundle(scratch, "b", b);
    scratch_bundle(scratch, "orphan", orphan);
    scratch_release(scratch, moved.id, ONE, a);
    scratch_release(scratch, stayed.id, ONE, a);
    int64_t accepted = add_pending(scratch, moved.id, TWO, b);
    add_pending(scratch, stayed.id, TWO, b);
    set_head(scratch, moved.id, TWO);
    set_head(scratch, stayed.id, ONE);
    assert_int_equal(release_reconcile(&scratch->database, &scratch->vault, scratch->path), 1);
    assert_int_equal(release_find_live(&scratch->database, moved.id, &release), 0);
    assert_int_equal(release.id, accepted);
    assert_int_equal(release_find_live(&scratch->database, stayed.id, &release), 0);
    assert_string_equal(release.commit, ONE);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM releases WHERE state = 'pending'", ""), 0);
    assert_true(has_bundle(scratch, b));
    assert_false(has_bundle(scratch, orphan));
    assert_int_equal(release_reconcile(&scratch->database, &scratch->vault, scratch->path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(going_live_gives_the_card, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_one_before_becomes_old_and_can_come_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(bundles_go_with_their_last_release, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(old_ones_are_pruned, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(reconciling, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
