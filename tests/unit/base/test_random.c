#include "runtime/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void every_byte_is_drawn(void **state)
{
    unsigned char bytes[64], seen[64] = {0};
    for (int round = 0; round < 64; round++) {
        random_bytes(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_equal(seen[i], 0xff); /* fails once in 2^54 runs */
    random_bytes(bytes, 0);
}

static void hex_has_its_length_and_ends(void **state)
{
    char hex[2 * 32 + 2];
    for (size_t bytes = 1; bytes <= 32; bytes++) {
        memset(hex, 'z', sizeof hex);
        random_hex(hex, bytes);
        assert_int_equal(strlen(hex), 2 * bytes);
        assert_int_equal(strspn(hex, "0123456789abcdef"), 2 * bytes);
        assert_int_equal(hex[2 * bytes + 1], 'z'); /* nothing behind the end */
    }
}

static void two_processes_do_not_draw_the_same(void **state)
{
    int ends[2];
    uint64_t theirs = 0, ours;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        uint64_t drawn = random_u64();
        _exit(write(ends[1], &drawn, sizeof drawn) == sizeof drawn ? 0 : 1);
    }
    ours = random_u64();
    assert_int_equal(read(ends[0], &theirs, sizeof theirs), sizeof theirs);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(ours != theirs);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_drawn),
        cmocka_unit_test(hex_has_its_length_and_ends),
        cmocka_unit_test(two_processes_do_not_draw_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
