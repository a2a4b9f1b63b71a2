/* Event streams to clients: the stream of a session, of a reader of the curl API, the liveness stream. */
#ifndef GATEWAY_STREAM_H
#define GATEWAY_STREAM_H

#include "gateway/list.h"
#include "runtime/base/text.h"

struct call;
struct calls;
struct http_exchange;
struct session;

struct stream {
    struct calls *calls;
    struct http_exchange *exchange;
    struct session *session;   /* whose stream it is, or NULL */
    uint64_t call;             /* whose reader it is: the call's frame stream, or 0 */
    bool slow;                 /* its client does not keep up; on_drain() ends that */
    struct text beat;          /* what is written as a heartbeat; static storage */
    struct list in_streams;
};

/* What the sessions' table does with streams; there, a stream's number is its address. */
extern const struct session_actions stream_actions;

/* Each answers the exchange with a text/event-stream that lasts until stream_end() or until the client leaves. */
void stream_open_session(struct calls *calls, struct http_exchange *exchange, struct session *session);
struct stream *stream_open_reader(struct calls *calls, struct http_exchange *exchange, struct call *call);
/* A stream that only shows that the server lives. */
void stream_open_liveness(struct calls *calls, struct http_exchange *exchange);

/* 0; ERROR_AGAIN: taken, but the client is slow; ERROR_CLOSED: it did not keep up at all and was cut, the stream is
 * gone. */
int stream_write(struct stream *stream, struct text frames);
void stream_end(struct stream *stream);

/* The heartbeat of all open streams; call every BOUNDS_HEARTBEAT_MS. */
void stream_beat(struct calls *calls);

#endif
