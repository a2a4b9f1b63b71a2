/* Descriptors have owners like memory has: -1 is "none", fd_close() leaves -1 behind, fd_steal() takes the
 * ownership away, and FD_AUTO closes at the end of the scope what was not stolen. Signals interrupt, so the two
 * loops go on after EINTR; they are for blocking descriptors only. */
#include "runtime/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/error.h"

/* Keeps errno: it runs in the middle of error paths that still want to say why. */
void fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_steal(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

int fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return ERROR_SYSTEM;
    return 0;
}

int fd_set_cloexec(int fd, int on)
{
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0)
        return ERROR_SYSTEM;
    return 0;
}

/* Fewer bytes than asked for mean the end of the file. */
ssize_t fd_read_full(int fd, void *data, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, (char *)data + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERROR_SYSTEM;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* The process ignores SIGPIPE, so a reader that went away is an error code. */
int fd_write_full(int fd, const void *data, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t put = write(fd, (const char *)data + done, length - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EPIPE ? ERROR_CLOSED : ERROR_SYSTEM;
        done += (size_t)put;
    }
    return 0;
}

int fd_socket_pair(int type, int nonblocking, int ret_pair[2])
{
    int flags = SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    return socketpair(AF_UNIX, type | flags, 0, ret_pair) == 0 ? 0 : ERROR_SYSTEM;
}
