/* One request and its answer, as a handler sees it. Used by gateway and store.
 *
 * Life: the server calls on_request(); the handler answers now or later, exactly once, with http_reply(),
 * http_respond_memory() or http_respond_start() … http_respond_end(). The exchange is gone when the answer was given
 * completely or when on_abort() returned; whoever keeps the pointer for later attaches an on_abort() and forgets it
 * there, or keeps http_exchange_handle() instead and asks http_server_find().
 *
 * Bodies: nothing is read from the client before http_exchange_receive() or http_exchange_collect(); a body nobody
 * asked for is drained or the connection closed. No callback is ever made from inside a call of the handler, except
 * `release` of memory. */
#ifndef RUNTIME_HTTP_EXCHANGE_H
#define RUNTIME_HTTP_EXCHANGE_H

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/http/body.h"

struct http_connection;
struct http_exchange;
struct http_server;

/* Who is at the other end. IPv4 is stored mapped (::ffff:a.b.c.d); all zero for a Unix or adopted socket. */
struct http_peer {
    unsigned char address[16];
    uint16_t port;
    bool local; /* no network address: Unix or adopted socket */
};

/* What a handler wants to hear about its exchange; every entry may be NULL. */
struct http_handler {
    void (*on_data)(void *context, struct http_exchange *exchange, struct text data); /* a piece of the body */
    void (*on_end)(void *context, struct http_exchange *exchange);                    /* the body is complete */
    void (*on_drain)(void *context, struct http_exchange *exchange); /* queued output fell below the low mark */
    /* The client left, broke the framing or passed a limit (then it was already told). The exchange is freed when
     * this returns; answer nothing. `code` is an enum error. */
    void (*on_abort)(void *context, struct http_exchange *exchange, int code);
};

/* The fields above the line may be read; everything below is the server's. */
struct http_exchange {
    struct http_head head;             /* the request; lives as long as the exchange */
    const struct http_peer *peer;
    struct http_server *server;
    void *note;                        /* the server's owner may hang its own record here (route, demo, log) */
    uint64_t started_us;
    uint64_t body_received, body_sent; /* bytes, for log and metrics */
    uint16_t status;                   /* of the answer; 0 before it has begun */
    /* ---- */
    struct http_connection *connection;
    const struct http_handler *handler;
    void *context;
    void (*on_body)(void *context, struct http_exchange *exchange, struct text body);
    struct buffer collected;
    struct http_body body;
    uint64_t body_limit;
    uint64_t window_start;     /* body_received at the last look of the clock */
    int64_t respond_left;      /* announced bytes still to be written, -1 when chunked or until close */
    struct text decoration;
    uint32_t handle_index;
    uint16_t state;            /* exchange.c: bits */
};

/* ---- request ---- */
struct text http_exchange_header(const struct http_exchange *exchange, const char *name);
/* Registers callbacks; may be called again to replace them. `handler` must outlive the exchange. */
void http_exchange_attach(struct http_exchange *exchange, const struct http_handler *handler, void *context);
/* Ask for the body piece by piece through handler->on_data/on_end; sends 100 Continue when it was expected. Passing
 * `limit` answers 413 and aborts with ERROR_LIMIT; an announced length above it does so at once: returns false then
 * (the exchange is gone, on_abort was not called). A request without body gets on_end too. */
bool http_exchange_receive(struct http_exchange *exchange, uint64_t limit);
/* Ask for the whole body: on_body is called once with it (valid during the call). Same rules as receive. */
bool http_exchange_collect(struct http_exchange *exchange, uint64_t limit,
                           void (*on_body)(void *context, struct http_exchange *exchange, struct text body),
                           void *context);
/* Back-pressure: between pause and resume no on_data comes and the client is not read. */
void http_exchange_pause(struct http_exchange *exchange);
void http_exchange_resume(struct http_exchange *exchange);
/* A number that http_server_find() turns back into the exchange while it lives. Never 0. */
uint64_t http_exchange_handle(struct http_exchange *exchange);
struct http_exchange *http_server_find(struct http_server *server, uint64_t handle);

/* ---- response ----
 * `headers` are finished lines ("Content-Type: text/html\r\n…", see http_field_append); Date, Server, Content-Length,
 * Transfer-Encoding and Connection are written here and must not be among them. */

/* Lines that every answer to this request carries, whoever gives it (errors included). Borrowed until the end. */
void http_exchange_decorate(struct http_exchange *exchange, struct text headers);
/* The whole answer; the body is copied. HEAD, 204 and 304 send no body. */
void http_reply(struct http_exchange *exchange, int status, struct text headers, struct text body);
/* {"error": sentence} as JSON, or a small HTML page for a client that accepts text/html. */
void http_reply_error(struct http_exchange *exchange, int status, const char *sentence);

/* A streamed answer. `length` is -1 when unknown (chunked, or until close for HTTP/1.0). */
void http_respond_start(struct http_exchange *exchange, int status, struct text headers, int64_t length);
/* Queues a copy of `data`. 0, or ERROR_AGAIN when the queue is now above the high mark: it was taken, write no more
 * before on_drain(). Writing more than the announced length is a bug and aborts. */
int http_respond_write(struct http_exchange *exchange, struct text data);
/* The answer is complete; the exchange must not be used any more. Fewer bytes than announced break the connection. */
void http_respond_end(struct http_exchange *exchange);
/* Gives up in the middle: the connection is cut so that the client sees the answer is not whole. */
void http_respond_abort(struct http_exchange *exchange);
/* Bytes queued for this client and not yet taken by the kernel. */
size_t http_respond_queued(const struct http_exchange *exchange);

/* Bytes that stay where they are (a mapped bundle, an asset). */
struct http_memory {
    struct text body;
    struct text etag;     /* with its quotes; empty: no conditional requests, no ranges */
    struct text headers;  /* as above; Accept-Ranges, ETag and Content-Range are written here */
    int file_fd;          /* the file that `body` is mapped from, or 0: large bodies then leave by sendfile */
    uint64_t file_offset; /* of the body in it */
    void (*release)(void *owner); /* called once when the bytes are no longer needed; may be NULL */
    void *owner;
};
/* Answers 200, 206, 304, 412 or 416 without copying the body, as If-Match, If-None-Match, Range and If-Range ask. */
void http_respond_memory(struct http_exchange *exchange, const struct http_memory *memory);

/* Appends "Name: value\r\n". ERROR_INVALID (and nothing appended) for a CR, LF, NUL or control byte in the value. */
int http_field_append(struct buffer *lines, const char *name, struct text value);

#endif
