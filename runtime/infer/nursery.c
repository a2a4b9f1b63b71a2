#include "runtime/infer/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/infer/cancel.h"

/* The nursery is a loop around ppoll(): a request of the supervisor, or a child that ended. It answers nothing but
 * exits, so the supervisor never waits for it; and since the supervisor reads each exit, the blocking send of a notice
 * cannot stand for long.
 *
 * The slots bound how many children there can be at once, whatever the supervisor asks: a broken supervisor cannot
 * fill the machine. */

enum { NURSERY_SLOTS = BOUNDS_INFER_CHILDREN + BOUNDS_INFER_TRIES + 4 };

struct nursery {
    int fd;      /* to the supervisor, blocking for writes */
    int null_fd; /* /dev/null for the children */
    void (*run)(int channel_fd);
    struct {
        uint32_t id;
        pid_t pid; /* 0: free */
    } slots[NURSERY_SLOTS];
};

/* -- in the nursery -- */

/* The sanitizer's shadow memory is private memory by the terabyte: in that build no child would live. */
#ifdef __SANITIZE_ADDRESS__
enum { NURSERY_LIMITS_DATA = 0 };
#else
enum { NURSERY_LIMITS_DATA = 1 };
#endif

static void nursery_limit(int resource, uint64_t value)
{
    struct rlimit limit = {value, value};

    if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
        _exit(1);
}

/* The new child: its own limits, nothing open but the channel. */
static void nursery_become_child(const struct nursery *nursery, int channel_fd)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup3(nursery->null_fd, 1, 0) < 0 || fcntl(channel_fd, F_SETFD, 0) < 0)
        _exit(1);
    /* Far above whatever is open, so that the close below cannot meet it. */
    int fd = fcntl(channel_fd, F_DUPFD_CLOEXEC, 64);
    if (fd < 0 || dup3(fd, 3, O_CLOEXEC) < 0 || close_range(4, ~0u, 0) < 0)
        _exit(1);
    if (NURSERY_LIMITS_DATA)
        nursery_limit(RLIMIT_DATA, BOUNDS_INFER_CHILD_BYTES);
    nursery_limit(RLIMIT_NOFILE, BOUNDS_INFER_CHILD_FILES);
    nursery_limit(RLIMIT_FSIZE, 0);
    nursery_limit(RLIMIT_CORE, 0);
    nursery->run(3);
    _exit(1);
}

/* Blocking: a notice that is lost would leave a child half alive in the supervisor's books for ever. */
static void nursery_tell(const struct nursery *nursery, uint32_t id, uint32_t status)
{
    struct nursery_exit notice = {id, status};

    if (send(nursery->fd, &notice, sizeof notice, MSG_NOSIGNAL) != (ssize_t)sizeof notice)
        _exit(1); /* the children follow by their death signal */
}

/* The slot of a process; of 0, a free one. */
static int nursery_find(const struct nursery *nursery, pid_t pid)
{
    for (int i = 0; i < NURSERY_SLOTS; i++)
        if (nursery->slots[i].pid == pid)
            return i;
    return ERROR_NOT_FOUND;
}

/* A fork that fails is told as an exit: the supervisor knows one way in which children end. */
static void nursery_fork(struct nursery *nursery, uint32_t id, int channel_fd)
{
    int slot = nursery_find(nursery, 0);
    pid_t pid = slot < 0 ? -1 : fork();

    if (pid == 0)
        nursery_become_child(nursery, channel_fd);
    close(channel_fd);
    if (pid < 0) {
        nursery_tell(nursery, id, 1);
        return;
    }
    nursery->slots[slot].id = id;
    nursery->slots[slot].pid = pid;
}

static void nursery_kill_child(const struct nursery *nursery, uint32_t id)
{
    for (int i = 0; i < NURSERY_SLOTS; i++)
        if (nursery->slots[i].pid > 0 && nursery->slots[i].id == id)
            kill(nursery->slots[i].pid, SIGKILL);
}

/* Through a descriptor of the process: kill() cannot carry a number, and this call is in the filter already. Failing
 * means that it ended meanwhile or that its queue of signals is full; either way the supervisor's clock goes on. */
static void nursery_interrupt(const struct nursery *nursery, uint32_t id, uint64_t job)
{
    siginfo_t info = {.si_signo = CANCEL_SIGNAL, .si_code = SI_QUEUE};

    info.si_value.sival_ptr = (void *)(uintptr_t)job;
    for (int i = 0; i < NURSERY_SLOTS; i++) {
        if (nursery->slots[i].pid <= 0 || nursery->slots[i].id != id)
            continue;
        FD_AUTO int fd = (int)syscall(SYS_pidfd_open, nursery->slots[i].pid, 0);
        if (fd >= 0)
            (void)!syscall(SYS_pidfd_send_signal, fd, CANCEL_SIGNAL, &info, 0);
    }
}

/* Signals merge, so one wake-up reaps all that ended. */
static void nursery_reap(struct nursery *nursery)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        int slot = nursery_find(nursery, pid);
        if (slot < 0)
            continue;
        nursery->slots[slot].pid = 0;
        nursery_tell(nursery, nursery->slots[slot].id,
                     WIFSIGNALED(status) ? NURSERY_EXIT_SIGNAL + (uint32_t)WTERMSIG(status)
                                         : (uint32_t)WEXITSTATUS(status));
    }
}

/* Reads one request. False when the supervisor is gone. */
static bool nursery_serve(struct nursery *nursery)
{
    struct nursery_request request;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = {&request, sizeof request};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    ssize_t length = recvmsg(nursery->fd, &message, MSG_CMSG_CLOEXEC);
    if (length < 0 && errno == EINTR)
        return true;
    if (length != (ssize_t)sizeof request)
        return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    if (request.operation == NURSERY_SPAWN && fd >= 0)
        nursery_fork(nursery, request.id, fd_steal(&fd));
    else if (request.operation == NURSERY_KILL)
        nursery_kill_child(nursery, request.id);
    else if (request.operation == NURSERY_CANCEL)
        nursery_interrupt(nursery, request.id, request.job);
    fd_close(&fd); /* it came with a request that takes none */
    return true;
}

static void nursery_on_child(int number)
{
    (void)number; /* only to end ppoll() */
}

/* SIGCHLD is blocked except inside ppoll(): none can arrive between looking and sleeping. */
static void nursery_loop(struct nursery *nursery)
{
    struct pollfd wait = {.fd = nursery->fd, .events = POLLIN};
    struct sigaction action = {.sa_handler = nursery_on_child};
    sigset_t blocked, before;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(CANCEL_SIGNAL, SIG_IGN); /* children inherit that until they have a handler of their own */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    sigdelset(&before, SIGCHLD);
    sigaction(SIGCHLD, &action, NULL);
    for (;;) {
        int ready = ppoll(&wait, 1, NULL, &before);
        nursery_reap(nursery);
        if (ready > 0 && !nursery_serve(nursery))
            _exit(0);
    }
}

int nursery_start(void (*run)(int channel_fd))
{
    struct nursery nursery = {.run = run};
    int pair[2];

    nursery.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nursery.null_fd < 0 || fd_socket_pair(SOCK_SEQPACKET, 0, pair) < 0) {
        fd_close(&nursery.null_fd);
        return ERROR_SYSTEM;
    }
    nursery.fd = pair[1];
    pid_t pid = fork();
    if (pid == 0) {
        /* Also the control channel: the nursery must not keep the launcher's end of it alive. */
        int null_fd = fcntl(nursery.null_fd, F_DUPFD_CLOEXEC, 64), fd = fcntl(pair[1], F_DUPFD_CLOEXEC, 64);
        if (null_fd < 0 || fd < 0 || dup3(null_fd, 4, O_CLOEXEC) < 0 || dup3(fd, 5, O_CLOEXEC) < 0 ||
            dup3(4, 0, 0) < 0 || dup3(4, 3, O_CLOEXEC) < 0 || close_range(6, ~0u, 0) < 0)
            _exit(1);
        nursery.null_fd = 4;
        nursery.fd = 5;
        nursery_loop(&nursery);
    }
    fd_close(&pair[1]);
    fd_close(&nursery.null_fd);
    if (pid < 0 || fd_set_nonblocking(pair[0]) < 0) {
        fd_close(&pair[0]);
        return ERROR_SYSTEM;
    }
    return pair[0];
}

/* -- in the supervisor -- */

/* The supervisor's end does not block: a full socket means that it asks too fast. */
static int nursery_send(int nursery_fd, struct nursery_request request, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec vector = {&request, sizeof request};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    if (sendmsg(nursery_fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof request)
        return 0;
    return errno == EAGAIN ? ERROR_BUSY : ERROR_SYSTEM;
}

int nursery_spawn(int nursery_fd, uint32_t id, int fd)
{
    int result = nursery_send(nursery_fd, (struct nursery_request){.operation = NURSERY_SPAWN, .id = id}, fd);
    fd_close(&fd);
    return result;
}

int nursery_kill(int nursery_fd, uint32_t id)
{
    return nursery_send(nursery_fd, (struct nursery_request){.operation = NURSERY_KILL, .id = id}, -1);
}

int nursery_cancel(int nursery_fd, uint32_t id, uint64_t job)
{
    return nursery_send(nursery_fd, (struct nursery_request){.operation = NURSERY_CANCEL, .id = id, .job = job}, -1);
}

int nursery_read(int nursery_fd, struct nursery_exit *ret_exit)
{
    ssize_t length = recv(nursery_fd, ret_exit, sizeof *ret_exit, 0);

    if (length == (ssize_t)sizeof *ret_exit)
        return 1;
    return length < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : ERROR_CLOSED;
}
