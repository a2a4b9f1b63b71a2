#include "runtime/base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/error.h"

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static void listens_without_blocking_and_without_heirs(void **state)
{
    int fd = listen_tcp("127.0.0.1", 0);
    (void)state;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port_of(fd)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    close(client);
    close(fd);
}

/* Both families on one port: the IPv6 listener must not claim IPv4 as well. */
static void families_stand_beside_each_other(void **state)
{
    int four = listen_tcp("0.0.0.0", 0), six;
    (void)state;
    assert_true(four >= 0);
    six = listen_tcp("::", port_of(four));
    assert_true(six >= 0 || errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
    if (six >= 0)
        close(six);
    close(four);
}

static void says_what_is_wrong(void **state)
{
    int taken = listen_tcp("127.0.0.1", 0);
    static const char *const nonsense[] = {"", "localhost", "127.0.0.1:80", "1.2.3", "[::1]", "::g"};
    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        assert_int_equal(listen_tcp(nonsense[i], 0), ERROR_INVALID);
    errno = 0;
    assert_int_equal(listen_tcp("127.0.0.1", port_of(taken)), ERROR_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(listen_tcp("192.0.2.1", 0), ERROR_SYSTEM); /* reserved for documentation: nobody's address */
    close(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_without_blocking_and_without_heirs),
        cmocka_unit_test(families_stand_beside_each_other),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
