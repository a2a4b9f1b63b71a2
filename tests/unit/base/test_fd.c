#include "runtime/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/random.h"

static void closing(void **state)
{
    int fd = dup(STDERR_FILENO), none = -1, raw = fd;
    errno = 77;
    fd_close(&fd);
    fd_close(&fd);
    fd_close(&none);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, 77);
    assert_int_equal(fcntl(raw, F_GETFD), -1);
}

static void scope_closes_and_success_steals(void **state)
{
    int raw, kept;
    {
        FD_AUTO int fd = dup(STDERR_FILENO);
        FD_AUTO int other = dup(STDERR_FILENO);
        raw = fd;
        kept = fd_steal(&other);
        assert_int_equal(other, -1);
    }
    assert_int_equal(fcntl(raw, F_GETFD), -1);
    assert_int_not_equal(fcntl(kept, F_GETFD), -1);
    close(kept);
}

static void flags(void **state)
{
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 0, pair), 0);
    assert_true(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
    assert_false(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_set_nonblocking(pair[0]), 0);
    assert_true(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_set_cloexec(pair[0], 0), 0);
    assert_false(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fd_set_cloexec(pair[0], 1), 0);
    assert_true(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(fd_set_nonblocking(pair[0]), ERROR_SYSTEM);
    assert_int_equal(fd_set_cloexec(pair[0], 1), ERROR_SYSTEM);
    assert_int_equal(fd_socket_pair(12345, 0, pair), ERROR_SYSTEM);
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    assert_true(fcntl(pair[1], F_GETFL) & O_NONBLOCK);
    close(pair[0]);
    close(pair[1]);
}

static void reading_and_writing_all(void **state)
{
    int ends[2];
    char room[8];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fd_write_full(ends[1], "abcdef", 6), 0);
    assert_int_equal(fd_read_full(ends[0], room, 4), 4);
    assert_memory_equal(room, "abcd", 4);
    close(ends[1]);
    assert_int_equal(fd_read_full(ends[0], room, 8), 2); /* the end of the file */
    close(ends[0]);
    assert_int_equal(fd_read_full(ends[0], room, 1), ERROR_SYSTEM);
    assert_int_equal(fd_write_full(ends[1], "x", 1), ERROR_SYSTEM);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(fd_write_full(ends[1], "x", 1), ERROR_CLOSED);
    close(ends[1]);
}

static void randomness(void **state)
{
    char hex[65];
    unsigned char bytes[1000] = {0};
    size_t zeroes = 0;
    random_hex(hex, 32);
    assert_int_equal(strlen(hex), 64);
    assert_int_equal(strspn(hex, "0123456789abcdef"), 64);
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        zeroes += bytes[i] == 0;
    assert_true(zeroes < 100);
    assert_true(random_u64() != random_u64());
    random_hex(hex, 0);
    assert_string_equal(hex, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing),    cmocka_unit_test(scope_closes_and_success_steals),
        cmocka_unit_test(flags),      cmocka_unit_test(reading_and_writing_all),
        cmocka_unit_test(randomness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
