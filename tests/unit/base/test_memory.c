#include "runtime/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static void memory_is_zeroed(void **state)
{
    MEMORY_AUTO unsigned char *block = memory_alloc(100, 10);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(block[i], 0);
    MEMORY_AUTO void *nothing = memory_alloc(0, 0);
    assert_non_null(nothing);
}

static void resizing_keeps_contents(void **state)
{
    MEMORY_AUTO char *block = memory_resize(NULL, 3, 1);
    memcpy(block, "ab", 3);
    block = memory_resize(block, 1000, 10);
    assert_string_equal(block, "ab");
    block = memory_resize(block, 0, 1);
    assert_non_null(block);
}

static void copies_end_in_nul(void **state)
{
    MEMORY_AUTO char *copy = memory_copy("abc", 2);
    MEMORY_AUTO char *empty = memory_copy(NULL, 0);
    MEMORY_AUTO char *string = memory_copy_string("xyz");
    assert_string_equal(copy, "ab");
    assert_string_equal(empty, "");
    assert_string_equal(string, "xyz");
    assert_null(memory_copy_string(NULL));
}

static void stealing_leaves_null(void **state)
{
    char *mine;
    {
        MEMORY_AUTO char *scoped = memory_copy_string("kept");
        mine = MEMORY_STEAL(scoped);
        assert_null(scoped);
    }
    assert_string_equal(mine, "kept");
    free(mine);
}

struct outer {
    int before;
    struct inner {
        int value;
    } inner;
};

static void containers_are_found(void **state)
{
    struct outer outer;
    assert_ptr_equal(MEMORY_CONTAINER(&outer.inner, struct outer, inner), &outer);
    int three[3];
    assert_int_equal(MEMORY_COUNT(three), 3);
}

/* Out of memory is not an error code: the process ends. */
static void an_overflow_ends_the_process(void **state)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        free(memory_resize(NULL, SIZE_MAX / 2, 4));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed),     cmocka_unit_test(resizing_keeps_contents),
        cmocka_unit_test(copies_end_in_nul),    cmocka_unit_test(stealing_leaves_null),
        cmocka_unit_test(containers_are_found), cmocka_unit_test(an_overflow_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
