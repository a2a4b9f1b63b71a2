/* A stream is one long HTTP answer. It belongs to its exchange: whoever ends first frees it, the client by leaving
 * (on_abort), we by stream_end(); after either nobody may know its address, hence call_unwatch() and
 * session_close_stream().
 *
 * Back-pressure begins here. A write that answers ERROR_AGAIN was taken but fills the connection's queue; from then
 * on its session or its call counts as slow, credit stays with us (report_credit), the handler suspends. on_drain
 * says that the queue is low again, and credit flows. Readers of the curl API are several and independent: the
 * slowest sets the pace, and one that lets BOUNDS_SESSION_RESULT_BYTES pile up is cut. */
#include "gateway/stream.h"

#include <stdlib.h>

#include "gateway/answer.h"
#include "gateway/calls.h"
#include "gateway/join.h"
#include "gateway/state.h"
#include "gateway/worker.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/http/server.h"

#define STREAM_HEADERS                                                                                        \
    "Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache, no-transform\r\n"             \
    "X-Accel-Buffering: no\r\n"

static void stream_free(struct stream *stream)
{
    list_remove(&stream->in_streams);
    free(stream);
}

/* The client of a reader's stream caught up, or is gone: the call may send more. */
static void credit_call(struct stream *stream)
{
    struct call *call = call_find_stream(&stream->calls->table, stream->call);
    if (call)
        worker_credit(call->worker, call);
}

static void on_drain(void *context, struct http_exchange *exchange)
{
    struct stream *stream = context;
    (void)exchange;
    stream->slow = false;
    credit_call(stream);
    if (stream->session)
        session_drained(stream->session, clock_now_ms());
}

static void on_abort(void *context, struct http_exchange *exchange, int code)
{
    struct stream *stream = context;
    struct calls *calls = stream->calls;
    struct call *call = call_find_stream(&calls->table, stream->call);
    (void)exchange;
    (void)code;
    if (call) {
        call_unwatch(call, stream);
        credit_call(stream);
    }
    if (stream->session)
        session_close_stream(stream->session, (uintptr_t)stream, clock_now_ms());
    stream_free(stream);
    calls_arm(calls);
}

static const struct http_handler stream_handler = {.on_drain = on_drain, .on_abort = on_abort};

static struct stream *stream_open(struct calls *calls, struct http_exchange *exchange, struct text beat)
{
    struct stream *stream = MEMORY_NEW(struct stream);
    stream->calls = calls;
    stream->exchange = exchange;
    stream->beat = beat;
    list_init(&stream->in_streams);
    list_append(&calls->streams, &stream->in_streams);
    http_exchange_attach(exchange, &stream_handler, stream);
    http_respond_start(exchange, 200, TEXT(STREAM_HEADERS), -1);
    return stream;
}

/* The session decides what becomes of an older stream, and writes what has waited. */
void stream_open_session(struct calls *calls, struct http_exchange *exchange, struct session *session)
{
    struct stream *stream = stream_open(calls, exchange, TEXT("data: {\"msg\":\"heartbeat\"}\n\n"));
    stream->session = session;
    session_open_stream(session, (uintptr_t)stream, clock_now_ms());
    calls_arm(calls);
}

struct stream *stream_open_reader(struct calls *calls, struct http_exchange *exchange, struct call *call)
{
    struct stream *stream = stream_open(calls, exchange, TEXT("event: heartbeat\ndata: null\n\n"));
    stream->call = call->stream;
    return stream;
}

void stream_open_liveness(struct calls *calls, struct http_exchange *exchange)
{
    struct stream *stream = stream_open(calls, exchange, TEXT("data: ALIVE\n\n"));
    stream_write(stream, stream->beat);
}

/* Cut, not waited for: a reader that is this far behind has had credit withheld for long and still does not read. */
int stream_write(struct stream *stream, struct text frames)
{
    int code;
    if (http_respond_queued(stream->exchange) > BOUNDS_SESSION_RESULT_BYTES) {
        http_respond_abort(stream->exchange);
        stream_free(stream);
        return ERROR_CLOSED;
    }
    code = http_respond_write(stream->exchange, frames);
    stream->slow = stream->slow || code == ERROR_AGAIN;
    return code;
}

void stream_end(struct stream *stream)
{
    http_respond_end(stream->exchange);
    stream_free(stream);
}

/* A client that is slow already needs no heartbeat. */
void stream_beat(struct calls *calls)
{
    struct stream *stream;
    LIST_EACH(stream, &calls->streams, struct stream, in_streams)
        if (http_respond_queued(stream->exchange) == 0)
            http_respond_write(stream->exchange, stream->beat);
}

/* ---- what sessions ask for ---- */

/* Sessions know streams by number, so that their logic can be tested without any; here the number is the address. */
static struct stream *stream_from(uint64_t number)
{
    return (struct stream *)(uintptr_t)number;
}

static int session_write(void *context, uint64_t number, struct text frames)
{
    (void)context;
    return http_respond_write(stream_from(number)->exchange, frames);
}

static void session_end(void *context, uint64_t number)
{
    (void)context;
    stream_end(stream_from(number));
}

static void session_resume(void *context, struct session_hold *hold)
{
    (void)context;
    join_resume(hold);
}

/* Nobody came back for the stream: the page is closed. */
static void session_abandon(void *context, struct session *session)
{
    struct call *call;
    LIST_EACH(call, &session->calls, struct call, in_session)
        worker_cancel(call->worker, call);
    (void)context;
}

/* Waiting values first, then credit: only who has nothing waiting may send more. */
static void session_flush(void *context, struct session *session)
{
    struct calls *calls = context;
    struct call *call;
    LIST_EACH(call, &session->calls, struct call, in_session)
        if (answer_flush(calls, call))
            worker_credit(call->worker, call);
}

static bool session_save(void *context, struct session *session)
{
    return state_save(context, session);
}

const struct session_actions stream_actions = {
    .write = session_write,
    .end = session_end,
    .resume = session_resume,
    .abandon = session_abandon,
    .flush = session_flush,
    .save = session_save,
};
