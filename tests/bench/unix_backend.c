/* The backend that nginx proxies to in bench_run.py: HTTP/1.1 with keep-alive on a Unix socket, one fixed answer.
 *
 *   unix_backend <socket path>
 *
 * As little as a server can do, so that what is measured there is nginx. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, REQUEST_BYTES = 4096 };

static struct {
    size_t length;
    char bytes[REQUEST_BYTES];
} connections[CONNECTIONS];

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 126\r\n\r\n"
                             "{\"data\":[\"a\"],\"is_generating\":false,\"duration\":0.000060,\"average_duration\":0."
                             "000057,\"render_config\":null,"
                             "\"changed_state_ids\":[]}";

/* Answers every complete request in the connection's buffer. */
static void answer_all(int fd)
{
    char *bytes = connections[fd].bytes, *head, *field;
    while ((head = memmem(bytes, connections[fd].length, "\r\n\r\n", 4))) {
        size_t need = (size_t)(head + 4 - bytes);
        if ((field = memmem(bytes, need, "Content-Length: ", 16)))
            need += strtoul(field + 16, NULL, 10);
        if (connections[fd].length < need || write(fd, answer, sizeof answer - 1) < 0)
            return;
        connections[fd].length -= need;
        memmove(bytes, bytes + need, connections[fd].length);
    }
}

static void on_readable(int fd)
{
    ssize_t count =
        recv(fd, connections[fd].bytes + connections[fd].length, REQUEST_BYTES - connections[fd].length, MSG_DONTWAIT);
    if (count > 0) {
        connections[fd].length += (size_t)count;
        answer_all(fd);
    } else if (count == 0 || errno != EAGAIN) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct epoll_event event = {.events = EPOLLIN}, events[256];
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), poll = epoll_create1(0);
    if (argc != 2)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0)
        return perror("bind"), 1;
    chmod(argv[1], 0666);
    event.data.fd = listener;
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                on_readable(fd);
            } else if ((fd = accept(listener, NULL, NULL)) >= 0 && fd < CONNECTIONS) {
                connections[fd].length = 0;
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
