/* One call, three ways out (call->kind). Every function here looks at the kind once and does the same thing in its
 * form:
 *
 *   CALL_ON_SESSION   messages on the session's stream, partial values as edits of what was sent before
 *   CALL_ON_READERS   frames to everyone who reads along, and into a transcript for those who come later
 *   CALL_ON_REPLY     nothing until the end, then one HTTP reply
 *
 * Edits refer to call->sent, the last values that were put on the stream. Values that must wait because the client is
 * slow replace each other in call->next: the newest is all a page needs, and memory stays at two frames per call.
 *
 * The last word is given exactly once, by the caller's discipline: whoever calls one of the functions of the second
 * half moves the call's state right after. */
#include "gateway/answer.h"

#include <stdlib.h>

#include "gateway/calls.h"
#include "gateway/diff.h"
#include "gateway/gateway.h"
#include "gateway/output.h"
#include "gateway/stream.h"
#include "gateway/worker.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/http/server.h"

#define JSON_HEADERS "Content-Type: application/json\r\nCache-Control: no-store\r\n"

/* One scratch buffer for all messages: it is written and sent within one call of this file. */
static struct buffer *fresh_message(struct calls *calls)
{
    buffer_clear(&calls->message);
    return &calls->message;
}

/* ERROR_LIMIT: it was too large for what waits already, and is lost. */
static int send_message(struct calls *calls, struct call *call)
{
    return call->session ? session_send(call->session, buffer_view(&calls->message)) : 0;
}

/* ---- readers of the curl API ---- */

/* Adds a frame to the transcript and gives it to everyone who reads along. When the transcript of partial values grows
 * too long it starts anew: a late reader then misses early ones, never the last. */
static void tell_readers(struct calls *calls, struct call *call, const char *name, struct text data)
{
    struct buffer *frame = &calls->frame;
    buffer_clear(frame);
    output_write_frame(frame, name, data);
    if (call->transcript.length + frame->length > BOUNDS_SESSION_QUEUED_BYTES)
        buffer_release(&call->transcript);
    buffer_text(&call->transcript, buffer_view(frame));
    for (uint32_t i = call->watcher_count; i > 0; i--)
        if (stream_write(call->watchers[i - 1], buffer_view(frame)) == ERROR_CLOSED)
            call->watchers[i - 1] = call->watchers[--call->watcher_count];
}

static void end_readers(struct call *call)
{
    while (call->watcher_count > 0)
        stream_end(call->watchers[--call->watcher_count]);
}

void answer_read(struct calls *calls, struct call *call, struct http_exchange *exchange)
{
    struct stream *stream = stream_open_reader(calls, exchange, call);
    if (call->transcript.length > 0 && stream_write(stream, buffer_view(&call->transcript)) == ERROR_CLOSED)
        return; /* it has not read what it asked for before, either */
    if (call_is_finished(call))
        stream_end(stream);
    else
        call_watch(call, stream);
}

/* ---- the reply to /run ---- */

/* By handle: the client may have left, then the handle leads nowhere. */
static void reply(struct calls *calls, struct call *call, int status, struct text body)
{
    struct http_exchange *exchange = call->exchange ? http_server_find(calls->gateway->server, call->exchange) : NULL;
    call->exchange = 0;
    if (exchange)
        http_reply(exchange, status, TEXT(JSON_HEADERS), body);
}

/* ---- while it runs ---- */

void answer_starts(struct calls *calls, struct call *call)
{
    if (call->kind != CALL_ON_SESSION)
        return;
    output_write_starts(fresh_message(calls), call->id, worker_average(call->worker, call->function));
    send_message(calls, call);
}

/* Dropped where much waits: the next one says more, and a page that does not read must not collect them for hours. */
void answer_estimation(struct calls *calls, struct call *call, uint32_t rank, uint32_t size)
{
    if (call->kind != CALL_ON_SESSION || !call->session || session_is_full(call->session))
        return;
    output_write_estimation(fresh_message(calls), call->id, rank, size);
    send_message(calls, call);
}

/* The values as this caller should see them: pages get updates as they are. */
static struct text visible_data(struct call *call, struct text data, struct buffer *plain)
{
    if (call->from_page)
        return data;
    output_write_plain(plain, data);
    return buffer_view(plain);
}

/* `sent` changes only when the values really went out: the next edits refer to it. */
static void send_values(struct calls *calls, struct call *call, struct text data)
{
    struct buffer plain BUFFER_AUTO = BUFFER_EMPTY, edits BUFFER_AUTO = BUFFER_EMPTY;
    struct text values = visible_data(call, data, &plain);
    bool first = call->sent.length == 0;
    if (!first && diff_write_frame(&edits, buffer_view(&call->sent), values) < 0)
        return;
    output_write_generating(fresh_message(calls), call->id, first ? values : buffer_view(&edits));
    if (session_send(call->session, buffer_view(&calls->message)) < 0)
        return;
    buffer_clear(&call->sent);
    buffer_text(&call->sent, values);
}

bool answer_partial(struct calls *calls, struct call *call, struct text data)
{
    struct buffer plain BUFFER_AUTO = BUFFER_EMPTY;
    if (call->kind == CALL_ON_READERS) {
        tell_readers(calls, call, "generating", visible_data(call, data, &plain));
        return true;
    }
    if (call->kind != CALL_ON_SESSION || !call->session)
        return true;
    if (session_is_full(call->session)) {
        buffer_clear(&call->next);
        buffer_text(&call->next, data);
        return false;
    }
    buffer_release(&call->next);
    send_values(calls, call, data);
    return true;
}

bool answer_is_full(const struct call *call)
{
    if (call->kind == CALL_ON_SESSION)
        return call->session && session_is_full(call->session);
    for (uint32_t i = 0; i < call->watcher_count; i++)
        if (call->watchers[i]->slow)
            return true;
    return false;
}

/* Taken out before it is tried: answer_partial() may put it back. */
bool answer_flush(struct calls *calls, struct call *call)
{
    struct buffer data BUFFER_AUTO = call->next;
    if (data.length == 0)
        return true;
    call->next = BUFFER_EMPTY;
    return answer_partial(calls, call, buffer_view(&data));
}

static void send_progress(struct calls *calls, struct call *call, struct text progress_data, uint64_t now_ms)
{
    call->progress_ms = now_ms;
    output_write_progress(fresh_message(calls), call->id, progress_data);
    send_message(calls, call);
}

/* Kept while it may not be written: the newest replaces it, the pulse writes it. */
void answer_progress(struct calls *calls, struct call *call, struct text progress_data, uint64_t now_ms)
{
    if (call->kind != CALL_ON_SESSION || !call->session)
        return;
    buffer_clear(&call->progress);
    if (now_ms - call->progress_ms >= BOUNDS_PROGRESS_MS && !session_is_full(call->session))
        send_progress(calls, call, progress_data, now_ms);
    else
        buffer_text(&call->progress, progress_data);
}

void answer_flush_progress(struct calls *calls, struct call *call, uint64_t now_ms)
{
    if (call->progress.length == 0 || now_ms - call->progress_ms < BOUNDS_PROGRESS_MS || !call->session
        || session_is_full(call->session))
        return;
    send_progress(calls, call, buffer_view(&call->progress), now_ms);
    buffer_clear(&call->progress);
}

/* Toasts that find no room are dropped: they are of the moment. */
void answer_log(struct calls *calls, struct call *call, struct text log)
{
    if (call->kind != CALL_ON_SESSION || !call->session || session_is_full(call->session))
        return;
    output_write_log(fresh_message(calls), call->id, log);
    send_message(calls, call);
}

/* ---- the last word ---- */

/* A pinned session (/run) is only let go; a call on a session may end its stream's life. */
static void leave_session(struct call *call)
{
    struct session *session = call->session;
    if (!session)
        return;
    call->session = NULL;
    if (call->kind == CALL_ON_SESSION)
        session_remove_call(session, call, clock_now_ms());
    else
        session_unpin(session, clock_now_ms());
}

/* What a page that left may still fetch with the curl API. */
static bool is_heard(const struct call *call)
{
    return call->session && call->session->stream != 0;
}

/* A page without a stream gets a transcript as well, so that the answer can be fetched by the curl API. */
static void finish(struct calls *calls, struct call *call, const char *frame, struct text data)
{
    if (call->kind == CALL_ON_READERS ||
        (call->kind == CALL_ON_SESSION && (call->watcher_count > 0 || !is_heard(call))))
        tell_readers(calls, call, frame, data);
    end_readers(call);
    leave_session(call);
}

/* Too large for a page that does not listen: a small sentence instead always fits. */
void answer_done(struct calls *calls, struct call *call, struct text data)
{
    struct buffer plain BUFFER_AUTO = BUFFER_EMPTY;
    struct text values = visible_data(call, data, &plain);
    struct output_times times = worker_times(call->worker, call);
    if (call->kind == CALL_ON_REPLY) {
        output_write_result(fresh_message(calls), values, &times);
        reply(calls, call, 200, buffer_view(&calls->message));
    } else if (call->kind == CALL_ON_SESSION) {
        output_write_completed(fresh_message(calls), call->id, values, &times);
        if (session_send(call->session, buffer_view(&calls->message)) < 0) {
            answer_sentence(calls, call,
                            "The result was too large to keep for a page that does not listen. Run it again.");
            return;
        }
    }
    calls->counts.done++;
    finish(calls, call, "complete", values);
}

/* An author's text may be long, and a page that reads slowly may have no room for it; that it failed it must learn. */
static void send_short_failure(struct calls *calls, struct call *call)
{
    struct buffer error BUFFER_AUTO = BUFFER_EMPTY;
    output_write_error(&error, "It failed, and the reason was too long for a page that does not listen.", "Error",
                       true);
    output_write_failed(fresh_message(calls), call->id, buffer_view(&error));
    send_message(calls, call);
}

void answer_failed(struct calls *calls, struct call *call, struct text error)
{
    calls->counts.failed++;
    if (call->kind == CALL_ON_REPLY) {
        reply(calls, call, 500, error);
    } else if (call->kind == CALL_ON_SESSION) {
        output_write_failed(fresh_message(calls), call->id, error);
        if (send_message(calls, call) == ERROR_LIMIT)
            send_short_failure(calls, call);
    }
    finish(calls, call, "error", error);
}

void answer_sentence(struct calls *calls, struct call *call, const char *sentence)
{
    struct buffer error BUFFER_AUTO = BUFFER_EMPTY;
    output_write_error(&error, sentence, "Error", true);
    answer_failed(calls, call, buffer_view(&error));
}

/* Counted apart from failures. */
void answer_cancelled(struct calls *calls, struct call *call)
{
    struct buffer error BUFFER_AUTO = BUFFER_EMPTY;
    output_write_error(&error, "Cancelled", "Cancelled", false);
    calls->counts.cancelled++;
    calls->counts.failed--;
    answer_failed(calls, call, buffer_view(&error));
}

void answer_invalid(struct calls *calls, struct call *call, struct text problems)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    if (call->kind != CALL_ON_REPLY)
        return;
    calls->counts.failed++;
    buffer_format(&body, "{\"detail\":" TEXT_FORMAT "}", TEXT_ARGUMENT(problems));
    reply(calls, call, 422, buffer_view(&body));
    leave_session(call);
}
