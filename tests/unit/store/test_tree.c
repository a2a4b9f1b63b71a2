/* Trees of pushes, made with libgit2: what is listed, what is refused with which words. */
#include "scratch.h"

#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/tree.h"

struct fixture {
    struct scratch scratch;
    git_repository *repository;
    char path[96], commit[41];
};

static struct fixture fixture;

static int setup(void **state)
{
    scratch_open(&fixture.scratch);
    struct repository demo = scratch_repository(&fixture.scratch, "one", false);
    snprintf(fixture.path, sizeof fixture.path, "%s/repos/%lld.git", fixture.scratch.path, (long long)demo.id);
    assert_int_equal(git_repository_open_bare(&fixture.repository, fixture.path), 0);
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0); /* submodules have no object here */
    return 0;
}

static int teardown(void **state)
{
    git_repository_free(fixture.repository);
    scratch_close(&fixture.scratch);
    return 0;
}

static git_oid blob(const char *contents)
{
    git_oid oid;
    assert_int_equal(git_blob_create_from_buffer(&oid, fixture.repository, contents, strlen(contents)), 0);
    return oid;
}

struct row {
    const char *name;
    git_oid oid;
    git_filemode_t mode;
};

static git_oid tree_of(const struct row *rows, size_t count)
{
    git_treebuilder *builder;
    git_oid oid;
    assert_int_equal(git_treebuilder_new(&builder, fixture.repository, NULL), 0);
    for (size_t index = 0; index < count; index++)
        assert_int_equal(git_treebuilder_insert(NULL, builder, rows[index].name, &rows[index].oid, rows[index].mode), 0);
    assert_int_equal(git_treebuilder_write(&oid, builder), 0);
    git_treebuilder_free(builder);
    return oid;
}

static void commit(git_oid tree_oid, const char *message)
{
    git_tree *tree;
    git_oid oid;
    git_signature *who;
    assert_int_equal(git_tree_lookup(&tree, fixture.repository, &tree_oid), 0);
    assert_int_equal(git_signature_new(&who, "Ann", "ann@localhost", 1700000000, 0), 0);
    assert_int_equal(git_commit_create_v(&oid, fixture.repository, NULL, who, who, NULL, message, tree, 0), 0);
    git_oid_tostr(fixture.commit, sizeof fixture.commit, &oid);
    git_signature_free(who);
    git_tree_free(tree);
}

static void refused(int result, const char *words)
{
    struct tree tree;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct tree_source source = {fixture.path, NULL};
    assert_int_equal(tree_load(&tree, &source, fixture.commit, &reason), result);
    assert_string_equal(reason.data, words);
    tree_release(&tree);
}

static void files_are_listed_and_read(void **state)
{
    git_oid hello = blob("hello"), script = blob("#!/bin/sh\n");
    git_oid inner = tree_of((struct row[]){{"run", script, GIT_FILEMODE_BLOB_EXECUTABLE}}, 1);
    struct row rows[] = {{"app.lua", hello, GIT_FILEMODE_BLOB}, {"bin", inner, GIT_FILEMODE_TREE}};
    struct tree tree;
    struct tree_blob read;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct tree_source source = {fixture.path, NULL};
    commit(tree_of(rows, 2), "  first line\nsecond\n");
    assert_int_equal(tree_load(&tree, &source, fixture.commit, &reason), 0);
    assert_int_equal(tree.count, 2);
    assert_string_equal(tree.entries[0].path, "app.lua");
    assert_string_equal(tree.entries[1].path, "bin/run");
    assert_int_equal(tree.entries[1].mode, 0100755);
    assert_string_equal(tree.message, "first line");
    assert_string_equal(tree.author, "Ann");
    assert_int_equal(tree_read(&tree, &tree.entries[0], &read, &reason), 0);
    assert_int_equal(read.contents.length, 5);
    assert_memory_equal(read.contents.data, "hello", 5);
    tree_blob_release(&read);
    tree_release(&tree);
}

static void what_is_no_plain_file(void **state)
{
    git_oid target = blob("/etc/passwd");
    commit(tree_of((struct row[]){{"link", target, GIT_FILEMODE_LINK}}, 1), "x");
    refused(ERROR_INVALID, "link: symbolic links are not supported; commit the file itself");
    commit(tree_of((struct row[]){{"lib", target, GIT_FILEMODE_COMMIT}}, 1), "x");
    refused(ERROR_INVALID, "lib: submodules are not supported; commit the files themselves");
    commit(tree_of((struct row[]){{"a\x1b[2J", target, GIT_FILEMODE_BLOB}}, 1), "x");
    refused(ERROR_INVALID,
            "a\\x1b[2J: this name has control characters, backslashes or is not UTF-8; rename the file");
    commit(tree_of(NULL, 0), "x");
    refused(ERROR_INVALID, "the repository is empty; commit a README.md and an app.lua");
}

static void folders_that_multiply(void **state)
{
    git_oid inner = tree_of(NULL, 0);
    for (int level = 0; level < 20; level++) {
        struct row rows[10];
        char names[10][2] = {{0}};
        for (int index = 0; index < 10; index++) {
            names[index][0] = (char)('a' + index);
            rows[index] = (struct row){names[index], inner, GIT_FILEMODE_TREE};
        }
        inner = tree_of(rows, 10);
    }
    commit(inner, "x");
    struct tree tree;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct tree_source source = {fixture.path, NULL};
    assert_int_equal(tree_load(&tree, &source, fixture.commit, &reason), ERROR_LIMIT);
    assert_non_null(strstr(reason.data, "at most 10,000 folders"));
    tree_release(&tree);
}

static void objects_that_are_missing_or_wrong(void **state)
{
    git_oid nothing = {{0}}, hello = blob("hello");
    nothing.id[0] = 1;
    commit(tree_of((struct row[]){{"a", nothing, GIT_FILEMODE_BLOB}}, 1), "x");
    refused(ERROR_INVALID, "a: the file's contents are missing from the push; push again with a full clone");
    commit(tree_of((struct row[]){{"a", nothing, GIT_FILEMODE_TREE}}, 1), "x");
    refused(ERROR_INVALID, "a: the folder is missing from the push; push again with a full clone");
    commit(tree_of((struct row[]){{"a", hello, GIT_FILEMODE_TREE}}, 1), "x");
    refused(ERROR_INVALID, "a: the folder is missing from the push; push again with a full clone");
    memset(fixture.commit, '7', 40);
    refused(ERROR_INVALID, "main must point at a commit that is part of the push");
}

static void a_pointer_is_no_file(void **state)
{
    git_oid pointer = blob("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    struct tree tree;
    struct tree_blob read;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct tree_source source = {fixture.path, NULL};
    commit(tree_of((struct row[]){{"w.bin", pointer, GIT_FILEMODE_BLOB}}, 1), "x");
    assert_int_equal(tree_load(&tree, &source, fixture.commit, &reason), 0);
    assert_int_equal(tree_read(&tree, &tree.entries[0], &read, &reason), ERROR_INVALID);
    assert_non_null(strstr(reason.data, "w.bin: this is a Git LFS pointer"));
    tree_blob_release(&read);
    tree_release(&tree);
}

static void quarantines(void **state)
{
    static const char *const good[] = {"tmp_objdir-incoming-aZ09", "/repository/objects/tmp_objdir-incoming-x"};
    static const char *const bad[] = {"", "/", "objects", "tmp_objdir-incoming-", "tmp_objdir-incoming-a.b",
                                      "tmp_objdir-incoming-../x", "/repository/objects/tmp_objdir-incoming-x/",
                                      "tmp_objdir-incoming-0123456789012345678901234567890123456789012345"};
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_int_equal(tree_quarantine_name(text_from(good[index]), &out), 0);
        assert_null(strchr(out.data, '/'));
    }
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_int_equal(tree_quarantine_name(text_from(bad[index]), &out), ERROR_INVALID);
        assert_int_equal(out.length, 0);
    }
    /* A quarantine that is a link, or not there, is not looked into. */
    struct tree tree;
    char path[160];
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    snprintf(path, sizeof path, "%s/objects/tmp_objdir-incoming-x", fixture.path);
    assert_int_equal(symlink("/tmp", path), 0);
    struct tree_source source = {fixture.path, "tmp_objdir-incoming-x"};
    memset(fixture.commit, '7', 40);
    assert_int_equal(tree_load(&tree, &source, fixture.commit, &reason), ERROR_SYSTEM);
    assert_int_equal(reason.length, 0);
    tree_release(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_listed_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_plain_file, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_multiply, setup, teardown),
        cmocka_unit_test_setup_teardown(objects_that_are_missing_or_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pointer_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(quarantines, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
