/* The process that forks the others: every spawn is told to have ended exactly once, whatever ended it. */
#include "runtime/infer/nursery.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/infer/cancel.h"

static volatile sig_atomic_t told;

static void on_cancel(int number, siginfo_t *info, void *context)
{
    told = (sig_atomic_t)(uintptr_t)info->si_value.sival_ptr;
}

/* What a child does: the letter that it is sent. */
static void child(int channel_fd)
{
    char letter;
    struct sigaction action = {.sa_sigaction = on_cancel, .sa_flags = SA_SIGINFO};

    sigaction(CANCEL_SIGNAL, &action, NULL);
    (void)!write(channel_fd, "r", 1); /* ready: with its handler */
    while (read(channel_fd, &letter, 1) == 1) {
        if (letter == 'x')
            _exit(7);
        if (letter == 'a')
            abort();
        if (letter == 'f') { /* how many descriptors there are beside the first four */
            int open = 0;
            for (int fd = 4; fd < 200; fd++)
                open += fcntl(fd, F_GETFD) >= 0;
            letter = (char)('0' + open);
        }
        if (letter == 's')
            while (!told)
                usleep(1000);
        if (letter == 's')
            letter = (char)told;
        (void)!write(channel_fd, &letter, 1);
    }
    _exit(3);
}

static int nursery_fd;

static int set_up(void **state)
{
    nursery_fd = nursery_start(child);
    return nursery_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    fd_close(&nursery_fd);
    return 0;
}

/* Our end of the channel of a new child that is ready. */
static int spawn(uint32_t id)
{
    char letter = 0;
    int pair[2];

    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(nursery_spawn(nursery_fd, id, pair[1]), 0);
    assert_int_equal(read(pair[0], &letter, 1), 1);
    assert_int_equal(letter, 'r');
    return pair[0];
}

static char ask(int fd, char letter)
{
    assert_int_equal(write(fd, &letter, 1), 1);
    assert_int_equal(read(fd, &letter, 1), 1);
    return letter;
}

static void assert_exit(uint32_t id, uint32_t status)
{
    struct pollfd wait = {.fd = nursery_fd, .events = POLLIN};
    struct nursery_exit notice;

    assert_int_equal(poll(&wait, 1, 10000), 1);
    assert_int_equal(nursery_read(nursery_fd, &notice), 1);
    assert_int_equal(notice.id, id);
    assert_int_equal(notice.exit, status);
}

static void assert_quiet(void)
{
    struct pollfd wait = {.fd = nursery_fd, .events = POLLIN};
    struct nursery_exit notice;

    assert_int_equal(poll(&wait, 1, 50), 0);
    assert_int_equal(nursery_read(nursery_fd, &notice), 0);
}

static void each_end_is_told_once_and_how(void **state)
{
    int fds[] = {spawn(11), spawn(12), spawn(13), spawn(14)};

    assert_quiet();
    assert_int_equal(write(fds[0], "x", 1), 1);
    assert_exit(11, 7);
    assert_int_equal(write(fds[1], "a", 1), 1);
    assert_exit(12, NURSERY_EXIT_SIGNAL + SIGABRT);
    assert_int_equal(nursery_kill(nursery_fd, 13), 0);
    assert_exit(13, NURSERY_EXIT_SIGNAL + SIGKILL);
    fd_close(&fds[3]); /* it sees the end of its channel */
    assert_exit(14, 3);
    assert_int_equal(nursery_kill(nursery_fd, 13), 0); /* gone: nobody else is hit */
    assert_int_equal(nursery_cancel(nursery_fd, 99, 1), 0);
    assert_quiet();
    for (size_t i = 0; i < 3; i++)
        fd_close(&fds[i]);
}

static void a_child_holds_its_channel_and_nothing_else(void **state)
{
    int first = spawn(1), second = spawn(2);

    assert_int_equal(ask(first, 'f'), '0');
    assert_int_equal(ask(second, 'f'), '0');
    fd_close(&first);
    fd_close(&second);
}

static void a_cancel_carries_its_number(void **state)
{
    int fd = spawn(5), other = spawn(6);

    assert_int_equal(write(fd, "s", 1), 1);
    assert_int_equal(nursery_cancel(nursery_fd, 5, 42), 0);
    char letter = 0;
    assert_int_equal(read(fd, &letter, 1), 1);
    assert_int_equal(letter, 42);
    assert_int_equal(ask(other, 'e'), 'e'); /* not told, and alive */
    fd_close(&fd);
    fd_close(&other);
}

/* Whatever the supervisor asks for, there are only so many. */
static void the_slots_bound_how_many_there_are(void **state)
{
    enum { SLOTS = BOUNDS_INFER_CHILDREN + BOUNDS_INFER_TRIES + 4 };
    int fds[SLOTS], pair[2];

    for (uint32_t i = 0; i < SLOTS; i++)
        fds[i] = spawn(100 + i);
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(nursery_spawn(nursery_fd, 999, pair[1]), 0);
    assert_exit(999, 1); /* refused, told as an end */
    fd_close(&pair[0]);
    fd_close(&fds[0]);
    assert_exit(100, 3);
    fds[0] = spawn(500); /* its place is free again */
    for (size_t i = 0; i < SLOTS; i++)
        fd_close(&fds[i]);
}

static void a_descriptor_that_nobody_asked_for_is_closed(void **state)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct nursery_request request = {.operation = NURSERY_KILL, .id = 77};
    struct iovec vector = {&request, sizeof request};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    char byte;
    int pair[2];

    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 0, pair), 0);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &pair[1], sizeof(int));
    assert_int_equal(sendmsg(nursery_fd, &message, 0), (ssize_t)sizeof request);
    fd_close(&pair[1]);
    struct pollfd wait = {.fd = pair[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(read(pair[0], &byte, 1), 0); /* its last holder is gone */
    fd_close(&pair[0]);
}

static void children_end_with_their_nursery(void **state)
{
    int fd = spawn(8);
    char byte;

    fd_close(&nursery_fd);
    assert_int_equal(read(fd, &byte, 1), 0);
    fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_end_is_told_once_and_how, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_holds_its_channel_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancel_carries_its_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_slots_bound_how_many_there_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_descriptor_that_nobody_asked_for_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(children_end_with_their_nursery, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
