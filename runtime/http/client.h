/* The HTTP/1.1 client over a stream socket that somebody else connected: gateway → store, vitrine-ctl → store.
 *
 * One call at a time per client; keep-alive between calls; bodies streamed both ways with the same two watermarks as
 * the server. No callback is ever made from inside a call of the owner. */
#ifndef RUNTIME_HTTP_CLIENT_H
#define RUNTIME_HTTP_CLIENT_H

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/http/head.h"

struct event_base;
struct http_client;

struct http_client_handler {
    void (*on_head)(void *context, const struct http_head *head); /* the final answer's head, valid during the call */
    void (*on_data)(void *context, struct text data);
    void (*on_end)(void *context);              /* the answer is complete; the client is idle (or closed, see below) */
    void (*on_drain)(void *context);            /* queued request bytes fell below the low mark */
    void (*on_error)(void *context, int code);  /* ERROR_CLOSED, ERROR_INVALID, ERROR_SYSTEM: the call is over */
};

/* Owns `fd` from now on. Never fails. */
struct http_client *http_client_new(struct event_base *base, int fd);
/* Closes the socket; a running call just ends, without a callback. Allowed from inside any callback. */
void http_client_free(struct http_client *client);
/* Idle and still connected: another call may be started. */
bool http_client_is_ready(const struct http_client *client);
/* True when a fresh call may be repeated elsewhere: no byte of an answer has come yet. */
bool http_client_is_unanswered(const struct http_client *client);

struct http_client_request {
    struct text method;
    struct text target;
    struct text headers;    /* finished lines, with Host, without framing fields */
    int64_t body_length;    /* 0: no body; -1: unknown, sent chunked */
};
/* Starts a call on a ready client (else a bug: aborts). `handler` and `context` are kept until the call is over. */
void http_client_start(struct http_client *client, const struct http_client_request *request,
                       const struct http_client_handler *handler, void *context);
/* Queues a copy of a piece of the request body: 0, or ERROR_AGAIN above the high mark (taken; wait for on_drain). */
int http_client_write(struct http_client *client, struct text data);
/* The request body is complete. Needed after any call started with body_length != 0. */
void http_client_end(struct http_client *client);
/* Back-pressure for the answer. */
void http_client_pause(struct http_client *client);
void http_client_resume(struct http_client *client);

/* A blocking call for command-line tools. Fills `ret_body` and returns the status, or a negative error. */
int http_client_fetch(int fd, const struct http_client_request *request, struct text body, struct buffer *ret_body);

#endif
