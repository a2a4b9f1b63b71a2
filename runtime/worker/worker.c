/* The life of a locked worker: read a packet, handle its frames, write what came of it, read again. Reading blocks,
 * and that is the only place where the process waits; everything a demo waits for arrives here as a message.
 *
 * The first frame says begin, exactly once; then app.lua runs and its component tree is compared with the published
 * one. An interface that differs from the one visitors see would send their clicks to the wrong handlers, so the
 * worker fails with the difference instead.
 *
 * A frame that cannot be read ends the process at once: the gateway does not make mistakes, and whoever speaks here
 * instead of it must find nobody. No finalizer of the demo runs at the end; the kernel cleans up. */
#include "runtime/worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "runtime/worker/release.h"

static _Noreturn void worker_end(int code)
{
    _exit(code); /* never lua_close: a demo's finalizers have no business now */
}

static void worker_print(void *context, const char *level, struct text line)
{
    event_log(context, level, line);
}

/* app.lua could not be run: the gateway is told why, then there is nothing left to do. */
static void worker_fail(struct worker *worker, struct text reason)
{
    channel_send_worker_failed(&worker->channel, 0,
                               &(struct message_worker_failed){text_head(reason, BOUNDS_LOG_LINE_BYTES)});
    channel_flush(&worker->channel);
    worker_end(0);
}

/* The facts of manifest.json that matter here. */
static int worker_read_manifest(struct worker *worker, struct buffer *ret_digest)
{
    struct bundle_entry entry;
    struct json json;

    if (bundle_find(&worker->bundle, TEXT(".vitrine/manifest.json"), &entry) < 0 ||
        json_parse(&json, entry.contents, NULL) < 0)
        return ERROR_CORRUPT;
    const struct json_node *root = &json.nodes[0];
    const struct json_node *card_shows = json_get(&json, json_get(&json, root, "card"), "show_error");
    const struct json_node *app_shows = json_get(&json, root, "show_error");
    int64_t seed = 0;
    worker->app_file = json_string_copy(json_get(&json, root, "app_file"));
    worker->show_error = (card_shows && card_shows->type == JSON_TRUE) || (app_shows && app_shows->type == JSON_TRUE);
    json_integer(json_get(&json, root, "seed"), &seed);
    worker->published_seed = (uint64_t)seed;
    int result = json_string(json_get(&json, root, "tree_digest"), ret_digest);
    json_release(&json);
    return worker->app_file ? result : ERROR_CORRUPT;
}

/* Describing and waking agree, or the visitor would click on things that are not there. */
static void worker_compare(struct worker *worker, struct text published)
{
    BUFFER_AUTO struct buffer digest = BUFFER_EMPTY, reason = BUFFER_EMPTY;
    struct bundle_entry config;

    if (release_digest(worker->state, &digest) < 0)
        worker_fail(worker, buffer_view(&digest));
    if (!text_equal(buffer_view(&digest), published)) {
        if (bundle_find(&worker->bundle, TEXT(".vitrine/config.json"), &config) == 0)
            release_difference(worker->state, config.contents, &reason);
        if (reason.length == 0)
            buffer_string(&reason, "app.lua built another interface than when it was published");
        worker_fail(worker, buffer_view(&reason));
    }
    channel_send_worker_ready(&worker->channel, 0, &(struct message_worker_ready){buffer_view(&digest)});
}

/* Loading counts as one slice: an endless app.lua ends like an endless handler. */
static void worker_load(struct worker *worker, uint64_t seed)
{
    BUFFER_AUTO struct buffer published = BUFFER_EMPTY, reason = BUFFER_EMPTY, trace = BUFFER_EMPTY;

    if (worker_read_manifest(worker, &published) < 0)
        worker_fail(worker, TEXT("the release is damaged: its manifest cannot be read"));
    slice_enter(worker, NULL);
    if (release_load(worker->state, worker->app_file, worker->published_seed, &reason, &trace) < 0) {
        event_log(worker, "error", trace.length > 0 ? buffer_view(&trace) : buffer_view(&reason));
        worker_fail(worker, buffer_view(&reason));
    }
    slice_leave(worker);
    worker_compare(worker, buffer_view(&published));
    state_seed(worker->state, seed);
}

/* Numbers that make no sense leave the defaults as they are. */
static void worker_apply_limits(struct worker *worker, struct text limits)
{
    struct json json;
    int64_t value;

    worker->slice_ms = BOUNDS_WORKER_SLICE_MS;
    if (limits.length == 0 || json_parse(&json, limits, NULL) < 0)
        return;
    if (json_integer(json_get(&json, &json.nodes[0], "slice_ms"), &value) && value > 0 && value < 3600000)
        worker->slice_ms = (unsigned)value;
    if (json_integer(json_get(&json, &json.nodes[0], "heap_bytes"), &value) && value > 0)
        worker->state->heap_limit = (size_t)value;
    json_release(&json);
}

static void worker_begin(struct worker *worker, const struct message_worker_begin *message)
{
    if (worker->begun)
        worker_end(STATE_EXIT_PROTOCOL);
    worker->begun = true;
    worker->state->demo.wall_ms = message->wall_ms;
    worker_apply_limits(worker, message->limits);
    worker_load(worker, message->seed);
}

static void worker_message(void *context, struct message_in *in)
{
    struct worker *worker = context;
    union {
        struct message_worker_begin begin;
        struct message_event_start start;
        struct message_call_answer answer;
        struct message_worker_credit credit;
    } message;
    int result = 0;

    switch (in->type) {
    case MESSAGE_worker_begin:
        if ((result = message_worker_begin_unpack(&message.begin, in->body)) == 0)
            worker_begin(worker, &message.begin);
        break;
    case MESSAGE_event_start:
        if ((result = message_event_start_unpack(&message.start, in->body)) == 0)
            event_start(worker, in->stream, &message.start);
        break;
    case MESSAGE_event_cancel:
        event_cancel(worker, in->stream);
        break;
    case MESSAGE_call_answer:
        if ((result = message_call_answer_unpack(&message.answer, in->body)) == 0)
            event_answer(worker, &message.answer);
        break;
    case MESSAGE_worker_credit:
        if ((result = message_worker_credit_unpack(&message.credit, in->body)) == 0)
            event_credit(worker, in->stream, message.credit.bytes);
        break;
    default:
        result = ERROR_INVALID;
    }
    if (result < 0 || !worker->begun)
        worker_end(STATE_EXIT_PROTOCOL);
}

void worker_run(struct worker *worker)
{
    map_init(&worker->events);
    map_init(&worker->calls);
    worker->state->demo.bundle = &worker->bundle;
    worker->state->demo.print = worker_print;
    worker->state->demo.context = worker;
    core_attach(worker);
    for (;;) {
        int result = channel_receive(&worker->channel, worker_message, worker);
        if (result == 0)
            result = channel_flush(&worker->channel);
        if (result < 0)
            worker_end(result == ERROR_CLOSED ? STATE_EXIT_CLOSED : STATE_EXIT_PROTOCOL);
    }
}
