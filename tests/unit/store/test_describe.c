/* The store's half of a describe cage, with a thread that plays the cage, well or badly. */
#include "scratch.h"

#include <fcntl.h>
#include <git2.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"
#include "store/describe.h"

struct fixture {
    struct scratch scratch;
    struct tree tree;
};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    scratch_open(&fixture->scratch);
    static const struct {
        const char *path;
        size_t size;
    } files[] = {{"a.txt", 5}, {"big.bin", 3000000}, {"empty", 0}};
    git_odb *odb;
    char path[96];
    snprintf(path, sizeof path, "%s/odb", fixture->scratch.path);
    git_repository *repository;
    assert_int_equal(git_repository_init(&repository, path, 1), 0);
    assert_int_equal(git_repository_odb(&odb, repository), 0);
    git_repository_free(repository);
    fixture->tree = (struct tree){.odb = odb, .entries = memory_alloc(3, sizeof *fixture->tree.entries), .count = 3};
    for (size_t index = 0; index < 3; index++) {
        MEMORY_AUTO char *data = memory_alloc(files[index].size + 1, 1);
        git_oid oid;
        memset(data, 'a', files[index].size);
        assert_int_equal(git_odb_write(&oid, odb, data, files[index].size, GIT_OBJECT_BLOB), 0);
        fixture->tree.entries[index] = (struct tree_entry){
            .path = memory_copy_string(files[index].path), .mode = 0100644, .size = files[index].size};
        memcpy(fixture->tree.entries[index].oid, oid.id, sizeof oid.id);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    tree_release(&fixture->tree);
    scratch_close(&fixture->scratch);
    free(fixture);
    return 0;
}

/* The cage: what it does with stage, bundle and report. */
struct cage {
    int fds[3];
    void (*play)(struct cage *cage);
    size_t received;
};

static void close_all(struct cage *cage)
{
    for (int index = 0; index < 3; index++)
        close(cage->fds[index]);
}

static void read_everything(struct cage *cage)
{
    char piece[65536];
    ssize_t count;
    while ((count = read(cage->fds[0], piece, sizeof piece)) > 0)
        cage->received += (size_t)count;
}

static void play_well(struct cage *cage)
{
    read_everything(cage);
    assert_int_equal(write(cage->fds[1], "bundle", 6), 6);
    assert_int_equal(write(cage->fds[2], "log: fine\n", 10), 10);
    close_all(cage);
}

static void play_report_first(struct cage *cage)
{
    char line[1000];
    memset(line, 'r', sizeof line);
    for (int index = 0; index < 2000; index++) /* more than a pipe holds, before a byte of the tree is read */
        if (write(cage->fds[2], line, sizeof line) < 0)
            break;
    close_all(cage);
}

static void play_deaf(struct cage *cage)
{
    close(cage->fds[0]);
    assert_int_equal(write(cage->fds[2], "app.lua:1: no\n", 14), 14);
    close(cage->fds[1]);
    close(cage->fds[2]);
}

static void *thread(void *context)
{
    struct cage *cage = context;
    cage->play(cage);
    return NULL;
}

static int run(struct fixture *fixture, void (*play)(struct cage *), struct describe *describe, size_t *ret_received)
{
    struct cage cage = {.play = play};
    pthread_t player;
    assert_int_equal(describe_init(describe, cage.fds), 0);
    assert_int_equal(pthread_create(&player, NULL, thread, &cage), 0);
    int result = describe_run(describe, &fixture->tree, &fixture->scratch.vault);
    pthread_join(player, NULL);
    *ret_received = cage.received;
    return result;
}

static void tree_in_bundle_and_report_out(void **state)
{
    struct fixture *fixture = *state;
    struct describe describe;
    size_t received;
    char hex[65], bytes[8] = {0};
    unsigned char hash[32];
    assert_int_equal(run(fixture, play_well, &describe, &received), 0);
    /* four heads of 16 bytes, three paths, the contents */
    assert_int_equal(received, 4 * 16 + 5 + 7 + 5 + 5 + 3000000);
    assert_int_equal(describe.bytes, 6);
    crypto_hash_sha256(hash, (const unsigned char *)"bundle", 6);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    assert_string_equal(describe.digest, hex);
    assert_int_equal(pread(describe.file_fd, bytes, sizeof bytes, 0), 6);
    assert_string_equal(describe.report.data, "log: fine\n");
    char path[128];
    snprintf(path, sizeof path, "bundles/incoming/%s", describe.file_name);
    assert_true(scratch_exists(&fixture->scratch, path));
    describe_release(&describe, &fixture->scratch.vault);
    assert_false(scratch_exists(&fixture->scratch, path)); /* not kept, so gone */
}

static void a_cage_that_talks_first_does_not_block(void **state)
{
    struct fixture *fixture = *state;
    struct describe describe;
    size_t received;
    assert_int_equal(run(fixture, play_report_first, &describe, &received), 0);
    assert_int_equal(describe.report.length, BOUNDS_REPORT_BYTES);
    assert_int_equal(describe.bytes, 0);
    describe_release(&describe, &fixture->scratch.vault);
}

static void a_cage_that_does_not_listen_is_no_error_of_ours(void **state)
{
    struct fixture *fixture = *state;
    struct describe describe;
    size_t received;
    assert_int_equal(run(fixture, play_deaf, &describe, &received), 0);
    assert_string_equal(describe.report.data, "app.lua:1: no\n");
    assert_int_equal(describe.trouble.length, 0);
    describe_release(&describe, &fixture->scratch.vault);
}

static void a_file_that_cannot_be_sent_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct describe describe;
    size_t received;
    git_oid oid;
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\n";
    assert_int_equal(git_odb_write(&oid, fixture->tree.odb, pointer, sizeof pointer - 1, GIT_OBJECT_BLOB), 0);
    memcpy(fixture->tree.entries[1].oid, oid.id, sizeof oid.id);
    assert_int_equal(run(fixture, read_everything, &describe, &received), ERROR_INVALID);
    assert_non_null(strstr(describe.trouble.data, "big.bin: this is a Git LFS pointer"));
    describe_release(&describe, &fixture->scratch.vault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tree_in_bundle_and_report_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cage_that_talks_first_does_not_block, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cage_that_does_not_listen_is_no_error_of_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_sent_is_named, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
