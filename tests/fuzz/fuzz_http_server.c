/* The whole engine: a client's bytes, cut by the first byte of the input, against handlers that answer at once,
 * collect, stream, or leave the request waiting. Nothing may crash, leak or loop, and no exchange may be left behind.
 */
#include "runtime/http/server.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"

static struct http_exchange *waiting;

static void on_body(void *context, struct http_exchange *exchange, struct text body)
{
    (void)context;
    http_reply(exchange, 200, TEXT(""), body);
}

static void on_data(void *context, struct http_exchange *exchange, struct text data)
{
    (void)context;
    http_respond_write(exchange, data);
}

static void on_end(void *context, struct http_exchange *exchange)
{
    (void)context;
    http_respond_end(exchange);
}

static void on_abort(void *context, struct http_exchange *exchange, int code)
{
    (void)context, (void)code;
    if (waiting == exchange)
        waiting = NULL;
}

static const struct http_handler echo = {.on_data = on_data, .on_end = on_end, .on_abort = on_abort};
static const struct http_handler later = {.on_abort = on_abort};

static void on_request(void *context, struct http_exchange *exchange)
{
    (void)context;
    switch (exchange->head.path.length % 4) {
    case 0:
        http_exchange_collect(exchange, 100, on_body, NULL);
        break;
    case 1:
        http_reply_error(exchange, 404, "nothing here");
        break;
    case 2:
        http_exchange_attach(exchange, &echo, NULL);
        http_respond_start(exchange, 200, TEXT(""), -1);
        http_exchange_receive(exchange, 1000);
        break;
    default:
        http_exchange_attach(exchange, &later, NULL);
        waiting = exchange;
    }
}

static const struct http_server_callbacks callbacks = {.on_request = on_request};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_base *base;
    int pair[2];
    char drain[65536];
    if (size < 1 || size > 16384)
        return 0;
    if (!base)
        base = event_base_new();
    if (fd_socket_pair(SOCK_STREAM, 1, pair) < 0)
        return 0;
    struct http_server *server = http_server_new(base, &http_limits_public, &callbacks, NULL);
    http_server_adopt(server, pair[0]);
    size_t step = 1 + data[0] * 8u;
    for (size_t at = 1; at < size; at += step) {
        size_t count = size - at < step ? size - at : step;
        if (send(pair[1], data + at, count, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
            break;
        event_base_loop(base, EVLOOP_NONBLOCK);
        while (recv(pair[1], drain, sizeof(drain), MSG_DONTWAIT) > 0) {
        }
    }
    if (waiting)
        http_reply(waiting, 200, TEXT(""), TEXT("late"));
    waiting = NULL;
    event_base_loop(base, EVLOOP_NONBLOCK);
    close(pair[1]);
    for (int i = 0; i < 3; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    if (http_server_count(server)->exchanges != (waiting ? 1u : 0u))
        abort();
    http_server_free(server);
    waiting = NULL;
    return 0;
}
