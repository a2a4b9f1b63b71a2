#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <git2.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bundle.h"
#include "runtime/base/memory.h"
#include "store/release.h"
#include "store/schema.h"

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

void scratch_open(struct scratch *scratch)
{
    char path[128];
    *scratch = (struct scratch){0};
    snprintf(scratch->path, sizeof scratch->path, "/tmp/vitrine-unit-XXXXXX");
    assert_non_null(mkdtemp(scratch->path));
    assert_true(sodium_init() >= 0 && git_libgit2_init() > 0);
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    snprintf(path, sizeof path, "%s/repos", scratch->path);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/trash", scratch->path);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/vitrine.db", scratch->path);
    assert_int_equal(database_open(&scratch->database, path, schema_migrations, schema_migration_count), 0);
    assert_int_equal(vault_init(&scratch->vault, scratch->path), 0);
    assert_int_equal(account_create(&scratch->database, TEXT("ann"), false, &scratch->ann), 0);
    assert_int_equal(account_create(&scratch->database, TEXT("bob"), true, &scratch->bob), 0);
}

void scratch_close(struct scratch *scratch)
{
    vault_release(&scratch->vault);
    database_release(&scratch->database);
    git_libgit2_shutdown();
    nftw(scratch->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int scratch_setup(void **state)
{
    *state = MEMORY_NEW(struct scratch);
    scratch_open(*state);
    return 0;
}

int scratch_teardown(void **state)
{
    scratch_close(*state);
    free(*state);
    return 0;
}

struct repository scratch_repository(struct scratch *scratch, const char *name, bool model)
{
    struct repository wanted = {.account_id = scratch->ann.id, .model = model, .owner = "ann"}, made;
    const char *reason = NULL;
    snprintf(wanted.name, sizeof wanted.name, "%s", name);
    int result = repository_create(&scratch->database, scratch->path, &wanted, &made, &reason);
    if (result != 0)
        fail_msg("%s: %s", name, reason);
    return made;
}

int scratch_file(const struct scratch *scratch, const char *name, const void *data, size_t length)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", scratch->path, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, data, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

void scratch_bundle(struct scratch *scratch, const char *content, char ret_digest[65])
{
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer bundle = BUFFER_EMPTY;
    unsigned char hash[crypto_hash_sha256_BYTES];
    char name[33];
    bundle_writer_init(&writer);
    assert_int_equal(bundle_writer_add(&writer, TEXT("app.lua"), text_from(content), 0), 0);
    assert_int_equal(bundle_writer_add(&writer, TEXT(".vitrine/manifest.json"), TEXT("{\"sdk\":\"lua\"}"),
                                       BUNDLE_FLAG_GENERATED), 0);
    assert_int_equal(bundle_writer_finish(&writer, &bundle), 0);
    bundle_writer_release(&writer);
    crypto_hash_sha256(hash, (unsigned char *)bundle.data, bundle.length);
    sodium_bin2hex(ret_digest, 65, hash, sizeof hash);
    int fd = vault_begin(&scratch->vault, name);
    assert_true(fd >= 0 && write(fd, bundle.data, bundle.length) == (ssize_t)bundle.length);
    assert_int_equal(vault_keep(&scratch->vault, fd, name, ret_digest), 0);
    close(fd);
}

int64_t scratch_release(struct scratch *scratch, int64_t repository_id, const char *commit, const char *digest)
{
    int64_t id = 0;
    struct release_draft draft = {.repository_id = repository_id, .commit = commit, .digest = digest, .bytes = 1,
                                  .card = TEXT("{\"title\":\"T\",\"sdk\":\"lua\"}"), .message = "m", .author = "a"};
    assert_int_equal(release_add(&scratch->database, &draft, &id), 0);
    assert_int_equal(release_make_live(&scratch->database, id), 0);
    return id;
}

int scratch_exists(const struct scratch *scratch, const char *name)
{
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", scratch->path, name);
    return lstat(path, &status) == 0;
}
