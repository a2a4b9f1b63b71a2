#include "gateway/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gateway/demo.h"
#include "gateway/files.h"
#include "gateway/gateway.h"
#include "gateway/request.h"
#include "runtime/base/encode.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

/* A request that waits for the store to open its file. */
struct file_wait {
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct demo_route *route;
    uint32_t request;
};

static void on_abort(void *context, struct http_exchange *exchange, int code) {
    struct file_wait *wait = context;
    (void)exchange, (void)code;
    request_forget(wait->gateway->calls, wait->request);
    free(wait);
}

static const struct http_handler handler = {.on_abort = on_abort};

struct file_mapping {
    void *data;
    size_t length;
};

static void unmap(void *owner) {
    struct file_mapping *mapping = owner;
    munmap(mapping->data, mapping->length);
    free(mapping);
}

/* Pictures, sound and films are shown; anything else is for saving, and never a document with rights. */
static void write_headers(const struct request_answer *answer, struct buffer *out) {
    char type[128];
    size_t length = answer->mime_type.length < sizeof(type) ? answer->mime_type.length : 0;
    memcpy(type, answer->mime_type.data, length);
    type[length] = '\0';
    bool media = strncmp(type, "image/", 6) == 0 || strncmp(type, "audio/", 6) == 0 || strncmp(type, "video/", 6) == 0;
    if (http_field_append(out, "Content-Type", text_from(media ? type : "application/octet-stream")) < 0)
        buffer_string(out, "Content-Type: application/octet-stream\r\n");
    buffer_string(out, "Cache-Control: private, max-age=3600\r\n");
    struct buffer BUFFER_AUTO name = BUFFER_EMPTY;
    buffer_string(&name, media && !strstr(type, "svg") ? "inline; filename*=UTF-8''" : "attachment; filename*=UTF-8''");
    encode_percent(&name, answer->name, "");
    http_field_append(out, "Content-Disposition", buffer_view(&name));
}

static void send_file(struct http_exchange *exchange, struct request_answer *answer) {
    struct buffer BUFFER_AUTO headers = BUFFER_EMPTY;
    int FD_AUTO fd = fd_steal(&answer->fd);
    write_headers(answer, &headers);
    if (answer->size == 0) {
        http_reply(exchange, 200, buffer_view(&headers), TEXT(""));
        return;
    }
    void *data = mmap(NULL, (size_t)answer->size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        route_reply_detail(exchange, 503, "This server is out of memory for files. Try again in a moment.");
        return;
    }
    struct file_mapping *mapping = MEMORY_NEW(struct file_mapping);
    *mapping = (struct file_mapping){data, (size_t)answer->size};
    http_respond_memory(exchange, &(struct http_memory){.body = {data, mapping->length},
                                                        .etag = TEXT("\"1\""), /* a handle never changes its file */
                                                        .headers = buffer_view(&headers),
                                                        .release = unmap,
                                                        .owner = mapping});
}

static void on_opened(void *context, struct request_answer *answer) {
    struct file_wait *wait = context;
    struct http_exchange *exchange = wait->exchange;
    http_exchange_attach(exchange, NULL, NULL);
    free(wait);
    if (answer->status == 0)
        send_file(exchange, answer);
    else if (answer->status == ERROR_BUSY)
        route_reply_detail(exchange, 503, "The store of this server is starting. Try again in a moment.");
    else
        route_reply_detail(exchange, 404, "There is no such file, or its time is over.");
}

void file_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route) {
    /* Clients also ask for a file of the repository this way, by its path. */
    if (files_reply(exchange, route, route->rest))
        return;
    struct file_wait *wait = MEMORY_NEW(struct file_wait);
    *wait = (struct file_wait){.gateway = gateway, .exchange = exchange, .route = route};
    const struct request_file file = {.demo_id = route->demo->id, .handle = route->rest};
    http_exchange_attach(exchange, &handler, wait);
    wait->request = request_file_open(gateway->calls, &file, on_opened, wait);
}
