#include "runtime/base/folder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/error.h"

static char top[] = "/tmp/vitrine-folder-XXXXXX";

static const char *below(const char *name)
{
    static char path[FOLDER_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static void makes_and_takes_what_is_there(void **state)
{
    struct stat status;
    (void)state;
    assert_int_equal(folder_make(below("a"), geteuid(), getegid()), 0);
    assert_int_equal(stat(below("a"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(folder_make(below("a"), geteuid(), getegid()), 0);
}

/* A link could be pointed anywhere by whoever owns the folder above. */
static void refuses_links_and_files(void **state)
{
    (void)state;
    assert_int_equal(symlink("/tmp", below("link")), 0);
    errno = 0;
    assert_int_equal(folder_make(below("link"), geteuid(), getegid()), ERROR_SYSTEM);
    assert_int_equal(errno, ENOTDIR);
    fclose(fopen(below("file"), "w"));
    assert_int_equal(folder_make(below("file"), geteuid(), getegid()), ERROR_SYSTEM);
    assert_int_equal(folder_make(below("none/deeper"), geteuid(), getegid()), ERROR_SYSTEM);
    assert_int_equal(errno, ENOENT);
}

static void names_the_closed_folder(void **state)
{
    char closed[FOLDER_PATH_BYTES];
    uid_t other = geteuid() + 4711;
    (void)state;
    assert_int_equal(mkdir(below("outer"), 0755), 0);
    assert_int_equal(mkdir(below("outer/inner"), 0700), 0);
    assert_int_equal(chmod(top, 0755), 0);
    assert_int_equal(folder_check_reach(below("outer/inner/data"), geteuid(), closed), 0);
    assert_int_equal(folder_check_reach(below("outer/inner/data"), other, closed), ERROR_FORBIDDEN);
    assert_string_equal(closed, below("outer/inner"));
    assert_int_equal(folder_check_reach(below("outer/inner"), other, closed), 0);
    assert_int_equal(chmod(top, 0700), 0);
    assert_int_equal(folder_check_reach(below("outer/inner"), other, closed), ERROR_FORBIDDEN);
    assert_string_equal(closed, top);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a", "link", "file", "outer/inner", "outer"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(below(names[i]));
    return rmdir(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_and_takes_what_is_there),
        cmocka_unit_test(refuses_links_and_files),
        cmocka_unit_test(names_the_closed_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
