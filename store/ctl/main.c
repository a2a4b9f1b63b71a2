#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/http/client.h"
#include "store/ctl/command.h"

static int connect_store(const char *data)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", data);
    FD_AUTO int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (length >= (int)sizeof address.sun_path || fd < 0)
        return ERROR_LIMIT;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fprintf(stderr, "vitrine: nothing answers at %s: %s (is \"vitrine serve\" running with this --data?)\n",
                address.sun_path, strerror(errno));
        return ERROR_CLOSED;
    }
    return fd_steal(&fd);
}

static int ask_store(void *context, const char *method, const char *target, struct text body, struct buffer *ret_body)
{
    int fd = connect_store(context);
    if (fd < 0)
        return fd;
    struct http_client_request request = {
        .method = text_from(method), .target = text_from(target),
        .headers = TEXT("Host: admin\r\nContent-Type: application/json\r\n"), .body_length = (int64_t)body.length,
    };
    return http_client_fetch(fd, &request, body, ret_body);
}

/* Takes `--data DIR` out of the words; the environment's otherwise. */
static const char *take_data(int *argc, char **argv)
{
    const char *data = getenv("VITRINE_DATA");
    int kept = 0;
    for (int index = 0; index < *argc; index++) {
        if (strncmp(argv[index], "--data=", 7) == 0)
            data = argv[index] + 7;
        else if (strcmp(argv[index], "--data") == 0 && index + 1 < *argc)
            data = argv[++index];
        else
            argv[kept++] = argv[index];
    }
    *argc = kept;
    return data && *data ? data : "/var/lib/vitrine";
}

int main(int argc, char **argv)
{
    int count = argc > 0 ? argc - 1 : 0;
    signal(SIGPIPE, SIG_IGN);
    const char *data = take_data(&count, argv + 1);
    struct command command = {.ask = ask_store, .context = (void *)(uintptr_t)data, .output_fd = 1, .error_fd = 2};
    return command_run(&command, count, argv + 1);
}
