/* The other side is a stranger's program in a cage that may have been taken over. So: every message is unpacked by
 * the table's own unpacker, must fit the call's state, and its JSON is checked once, here, to be one well-formed
 * value on one line; behind this file it is copied into streams without another look. What does not fit makes
 * report_message() false, and the process is killed. What merely comes too late, about a call that ended meanwhile,
 * is dropped.
 *
 * Credit: a running handler may be BOUNDS_STREAM_CREDIT_BYTES ahead of who reads it. The worker counts what it sends
 * and suspends the handler when nothing is left; we count the same and give back what was passed on. A process that
 * sends without credit was not written by us. The last word (done, failed) needs none: it ends the stream. */
#include "gateway/report.h"

#include <stdlib.h>

#include "gateway/answer.h"
#include "gateway/calls.h"
#include "gateway/gateway.h"
#include "gateway/state.h"
#include "gateway/watch.h"
#include "gateway/worker.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/wire/channel.h"

/* ---- what the process is told ---- */

/* The seed is for math.random in handlers: another one at every wake. While app.lua loads, the worker uses the one of
 * the release, or the interface might differ from the published one. A worker cannot draw its own: its sandbox has no
 * call for it. */
void report_begin(struct worker *worker)
{
    struct buffer limits BUFFER_AUTO = BUFFER_EMPTY;
    struct message_worker_begin begin = {.wall_ms = (uint64_t)clock_wall_ms(), .seed = random_u64()};
    buffer_format(&limits, "{\"slice_ms\":%u,\"heap_bytes\":%u}", (unsigned)worker->budget.slice_ms,
                  (unsigned)worker->budget.heap_bytes);
    begin.limits = buffer_view(&limits);
    worker->process->told++;
    channel_send_worker_begin(worker->process->channel, 0, &begin);
}

/* One that closed its socket is on its way out: what it had not begun runs on the next. */
bool report_has_room(const struct worker *worker)
{
    const struct channel *channel = worker->process->channel;
    return channel && channel_queued_bytes(channel) < BOUNDS_WORKER_BEHIND_BYTES;
}

/* The data stays with the call until its handler has begun: only then it cannot be run again. */
void report_start(struct worker *worker, struct call *call)
{
    struct buffer state BUFFER_AUTO = BUFFER_EMPTY;
    struct message_event_start start = {.function = call->function->id,
                                        .wall_ms = (uint64_t)clock_wall_ms(), .data = buffer_view(&call->data),
                                        .request = buffer_view(&call->request)};
    state_write(call, &state);
    start.state = buffer_view(&state);
    call->started_us = clock_now_us();
    worker->process->told++;
    if (!worker->process->channel || channel_send_event_start(worker->process->channel, call->stream, &start) < 0)
        worker->stuck = true; /* it does not read: the watch ends it, and the call runs again */
}

/* For a handler that waits: the process closes its coroutine when it reads this. */
void report_cancel(struct worker *worker, struct call *call)
{
    struct message_event_cancel cancel = {0};
    if (!worker->process || !worker->process->channel)
        return;
    worker->process->told++;
    channel_send_event_cancel(worker->process->channel, call->stream, &cancel);
}

/* Nothing is given back while its reader is slow, or while the whole process has sent more than its share: the handler
 * then suspends at its next message, and its siblings go on. */
void report_credit(struct worker *worker, struct call *call, bool now)
{
    struct message_worker_credit credit = {.bytes = call->uncredited};
    struct process *process = worker->process;
    if (credit.bytes == 0 || (!now && credit.bytes < BOUNDS_STREAM_CREDIT_BYTES / 4))
        return;
    if (!process || !process->channel || !call->in_process || process_is_greedy(process) || answer_is_full(call))
        return;
    call->uncredited = 0;
    call->credit += credit.bytes;
    process->told++;
    channel_send_worker_credit(process->channel, call->stream, &credit);
}

/* Books a message of a running handler. false: it had no credit left, so it was not our worker program that sent it. */
static bool take_credit(struct call *call, struct text text)
{
    uint32_t cost = (uint32_t)text.length + BOUNDS_CREDIT_FRAME_BYTES;
    if (call->credit <= 0)
        return false;
    call->credit -= cost;
    call->uncredited += cost;
    return true;
}

void report_stage(struct worker *worker, const char *stage, struct text reason)
{
    struct channel *store = worker->calls->gateway->store;
    struct message_demo_stage message = {.demo_id = worker->demo->id, .stage = text_from(stage),
                                         .reason = text_head(reason, BOUNDS_LOG_LINE_BYTES)};
    if (store)
        channel_send_demo_stage(store, 0, &message);
}

/* ---- what the process says ---- */

/* The digest says that app.lua built the same components as when it was published; only then do ids mean the same. */
static bool on_ready(struct worker *worker, struct call *call, const struct message_worker_ready *message)
{
    const struct json *manifest = &worker->release->manifest;
    const struct json_node *digest = json_get(manifest, &manifest->nodes[0], "tree_digest");
    MEMORY_AUTO char *expected = digest ? json_string_copy(digest) : NULL;
    (void)call;
    if (worker->ready)
        return false;
    if (expected && !text_equal(text_from(expected), message->tree_digest))
        worker_failed(worker, TEXT("app.lua made other components than when it was published: what it builds must not "
                                   "depend on anything that changes"));
    else
        worker_set_ready(worker);
    return true;
}

/* The reason is for the author; visitors read a sentence of ours (worker_failed). */
static bool on_failed_start(struct worker *worker, struct call *call, const struct message_worker_failed *message)
{
    (void)call;
    if (worker->ready)
        return false;
    worker_failed(worker, text_is_utf8(message->reason) ? message->reason : TEXT("app.lua failed"));
    return true;
}

static bool on_partial(struct worker *worker, struct call *call, const struct message_event_partial *message)
{
    if (!take_credit(call, message->data) || !output_is_data(message->data))
        return false;
    answer_partial(worker->calls, call, message->data);
    report_credit(worker, call, false);
    return true;
}

static bool on_progress(struct worker *worker, struct call *call, const struct message_event_progress *message)
{
    if (!take_credit(call, message->progress_data) || !output_is_data(message->progress_data))
        return false;
    answer_progress(worker->calls, call, message->progress_data, clock_now_ms());
    report_credit(worker, call, false);
    return true;
}

static bool on_log(struct worker *worker, struct call *call, const struct message_event_log *message)
{
    if (!take_credit(call, message->log) || !output_is_object(message->log))
        return false;
    answer_log(worker->calls, call, message->log);
    report_credit(worker, call, false);
    return true;
}

/* The answer was given; the call leaves the books. It is freed or kept, so it is not touched afterwards. */
static void end_call(struct worker *worker, struct call *call)
{
    call_move(call, CALL_DONE);
    worker_finish(worker, call);
}

/* State first: an answer whose values could not be kept must not look like a success. */
static bool on_done(struct worker *worker, struct call *call, const struct message_event_done *message)
{
    int code = state_read(call, message->state, clock_now_ms());
    if (!output_is_data(message->data) || code == ERROR_INVALID)
        return false;
    if (code < 0)
        answer_sentence(worker->calls, call, "This demo keeps more than 64 KiB of values for one visitor.");
    else
        answer_done(worker->calls, call, message->data);
    end_call(worker, call);
    return true;
}

static bool has_error(struct text error)
{
    struct json json = {0};
    bool found = json_parse(&json, error, NULL) == 0 && json_get(&json, &json.nodes[0], "error") != NULL;
    json_release(&json);
    return found;
}

/* The values that the handler had set before it failed are kept, as the visitor saw them come. */
static bool on_failed(struct worker *worker, struct call *call, const struct message_event_failed *message)
{
    bool invalid = message->validation.length > 0;
    if (state_read(call, message->state, clock_now_ms()) == ERROR_INVALID || !output_is_object(message->error)
        || !has_error(message->error) || (invalid && !output_is_data(message->validation)))
        return false;
    if (invalid && call->kind == CALL_ON_REPLY)
        answer_invalid(worker->calls, call, message->validation);
    else
        answer_failed(worker->calls, call, message->error);
    end_call(worker, call);
    return true;
}

/* One row per message: what it is called, who takes it, whether it belongs to a call. */
#define REPORT_TABLE(X)                            \
    X(worker_ready, on_ready, false)               \
    X(worker_failed, on_failed_start, false)       \
    X(event_partial, on_partial, true)             \
    X(event_progress, on_progress, true)           \
    X(event_log, on_log, true)                     \
    X(event_done, on_done, true)                   \
    X(event_failed, on_failed, true)

struct report_row {
    bool (*take)(struct worker *worker, struct call *call, struct text body);
    bool of_call;
};

#define X(name, handler, of_call)                                                                          \
    static bool take_##name(struct worker *worker, struct call *call, struct text body) {                  \
        struct message_##name message;                                                                     \
        return message_##name##_unpack(&message, body) == 0 && handler(worker, call, &message);            \
    }
REPORT_TABLE(X)
#undef X

static const struct report_row report_rows[MESSAGE_COUNT] = {
#define X(name, handler, of_call) [MESSAGE_##name] = {take_##name, of_call},
    REPORT_TABLE(X)
#undef X
};

/* The first word about a call says that its handler has begun. */
static void begin_call(struct worker *worker, struct call *call)
{
    if (call->state != CALL_STARTING)
        return;
    call_move(call, CALL_RUNNING);
    call_drop_input(&worker->calls->table, call);
    answer_starts(worker->calls, call);
}

/* in_process is false for a call that went back to the queue: its old process may still speak of it. */
static bool take_of_call(struct worker *worker, const struct report_row *row, const struct message_in *in)
{
    struct call *call = call_find_stream(&worker->calls->table, in->stream);
    if (!call || call->worker != worker || !call->in_process)
        return in->stream < worker->calls->table.next_stream; /* over meanwhile; ids of the future are made up */
    begin_call(worker, call);
    return row->take(worker, call, in->body);
}

bool report_message(struct worker *worker, const struct message_in *in)
{
    const struct report_row *row = &report_rows[in->type];
    if (!row->take) {
        struct call *call = call_find_stream(&worker->calls->table, in->stream);
        if (call && call->worker == worker && call->in_process)
            begin_call(worker, call); /* it waits for something, so it has begun */
        return relay_message(&worker->relay, in);
    }
    return row->of_call ? take_of_call(worker, row, in) : row->take(worker, NULL, in->body);
}
