#include "runtime/base/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"

enum { LISTEN_BACKLOG = 4096 };

int listen_tcp(const char *address, uint16_t port)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
    int on = 1;

    if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
        return ERROR_INVALID;
    FD_AUTO int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERROR_SYSTEM;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!is_four)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    int result = is_four ? bind(fd, (struct sockaddr *)&four, sizeof four)
                         : bind(fd, (struct sockaddr *)&six, sizeof six);
    return result == 0 && listen(fd, LISTEN_BACKLOG) == 0 ? fd_steal(&fd) : ERROR_SYSTEM;
}
