/* Bundles on disk: named by content, opened safely, swept after a crash. */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void kept_and_opened(void **state)
{
    struct scratch *scratch = *state;
    char digest[65], path[200];
    struct stat status;
    scratch_bundle(scratch, "content", digest);
    int fd = vault_open(&scratch->vault, text_from(digest));
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(write(fd, "x", 1), -1);
    close(fd);
    snprintf(path, sizeof path, "%s/bundles/%.2s/%s", scratch->path, digest, digest);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0400);
    scratch_bundle(scratch, "content", digest); /* the same again is fine */
    vault_remove(&scratch->vault, text_from(digest));
    assert_int_equal(vault_open(&scratch->vault, text_from(digest)), ERROR_NOT_FOUND);
}

static void names_that_are_no_digest(void **state)
{
    struct scratch *scratch = *state;
    static const char *const names[] = {
        "", "..", "../vitrine.db", "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789",
        "abcdef0123456789abcdef0123456789abcdef0123456789abcdef012345678", "/etc/passwd",
        "gbcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
    };
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        assert_int_equal(vault_open(&scratch->vault, text_from(names[index])), ERROR_INVALID);
        vault_remove(&scratch->vault, text_from(names[index]));
    }
    assert_true(scratch_exists(scratch, "vitrine.db"));
}

static void links_and_folders_are_no_bundles(void **state)
{
    struct scratch *scratch = *state;
    char digest[65], path[200];
    scratch_bundle(scratch, "content", digest);
    snprintf(path, sizeof path, "%s/bundles/%.2s/%s", scratch->path, digest, digest);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(vault_open(&scratch->vault, text_from(digest)), ERROR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(vault_open(&scratch->vault, text_from(digest)), ERROR_CORRUPT);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(vault_open(&scratch->vault, text_from(digest)), ERROR_CORRUPT); /* and does not wait for a writer */
}

static void what_a_crash_left_is_swept(void **state)
{
    struct scratch *scratch = *state;
    char name[33], path[200];
    close(vault_begin(&scratch->vault, name));
    snprintf(path, sizeof path, "bundles/incoming/%s", name);
    assert_true(scratch_exists(scratch, path));
    vault_release(&scratch->vault);
    assert_int_equal(vault_init(&scratch->vault, scratch->path), 0);
    assert_false(scratch_exists(scratch, path));
    close(vault_begin(&scratch->vault, name));
    vault_discard(&scratch->vault, name);
    snprintf(path, sizeof path, "bundles/incoming/%s", name);
    assert_false(scratch_exists(scratch, path));
}

static void count_one(void *context, struct text digest)
{
    assert_int_equal(digest.length, 64);
    ++*(int *)context;
}

static void visiting_all(void **state)
{
    struct scratch *scratch = *state;
    char digest[65], path[200];
    int count = 0;
    scratch_bundle(scratch, "a", digest);
    scratch_bundle(scratch, "b", digest);
    snprintf(path, sizeof path, "bundles/%.2s/stray", digest);
    close(scratch_file(scratch, path, "x", 1));
    vault_each(&scratch->vault, count_one, &count);
    assert_int_equal(count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept_and_opened, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(names_that_are_no_digest, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(links_and_folders_are_no_bundles, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_is_swept, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(visiting_all, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
