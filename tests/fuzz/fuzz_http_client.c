/* The client's side: whatever an answer looks like and however it is cut, the owner is told at most one end, no byte
 * beyond the announced length, and the client is ready again only after a clean one. */
#include "runtime/http/client.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"

static struct {
    int heads, ends, errors;
    int64_t announced; /* -1: not */
    uint64_t received;
} seen;

static void on_head(void *context, const struct http_head *head)
{
    (void)context;
    if (seen.heads++ || head->status < 200)
        abort();
    seen.announced = head->chunked ? -1 : head->content_length;
}

static void on_data(void *context, struct text data)
{
    (void)context;
    seen.received += data.length;
    if (!seen.heads || seen.ends || seen.errors || (seen.announced >= 0 && seen.received > (uint64_t)seen.announced))
        abort();
}

static void on_end(void *context)
{
    (void)context;
    seen.ends++;
}

static void on_error(void *context, int code)
{
    (void)context;
    if (code >= 0)
        abort();
    seen.errors++;
}

static const struct http_client_handler handler = {on_head, on_data, on_end, NULL, on_error};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_base *base;
    int pair[2];
    char drain[4096];
    if (size < 1 || size > 16384)
        return 0;
    if (!base)
        base = event_base_new();
    if (fd_socket_pair(SOCK_STREAM, 1, pair) < 0)
        return 0;
    memset(&seen, 0, sizeof(seen));
    struct http_client *client = http_client_new(base, pair[0]);
    http_client_start(client,
                      &(struct http_client_request){.method = data[0] & 1 ? TEXT("HEAD") : TEXT("GET"),
                                                    .target = TEXT("/"),
                                                    .headers = TEXT("Host: a\r\n")},
                      &handler, NULL);
    size_t step = 1 + data[0] * 8u;
    for (size_t at = 1; at < size; at += step) {
        size_t count = size - at < step ? size - at : step;
        if (send(pair[1], data + at, count, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
            break;
        event_base_loop(base, EVLOOP_NONBLOCK);
        while (recv(pair[1], drain, sizeof(drain), MSG_DONTWAIT) > 0) {
        }
    }
    bool ready = http_client_is_ready(client);
    if (ready && (seen.ends != 1 || seen.errors))
        abort();
    close(pair[1]);
    for (int i = 0; i < 3; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    if (seen.ends + seen.errors != 1)
        abort();
    http_client_free(client);
    return 0;
}
