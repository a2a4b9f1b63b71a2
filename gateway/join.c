/* A join is a request on its way to become a call. The steps stand in the order they are taken:
 *
 *   join_start → on_body → read_call → await_stream → load_state → check_files → finish_join → start_call
 *
 * Each either goes on at once or asks somebody and is called back; in between the client may leave (on_abort), which
 * frees the join and with it every question under way. refuse() and refuse_values() answer and free, so they are
 * always the last thing a step does.
 *
 * All checks happen before a worker is touched: a request that is refused wakes nobody. */
#include "gateway/join.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/calls.h"
#include "gateway/gateway.h"
#include "gateway/input.h"
#include "gateway/output.h"
#include "gateway/relay.h"
#include "gateway/request.h"
#include "gateway/worker.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

struct join {
    struct session_hold hold;        /* first: join_resume() gets its address */
    struct calls *calls;
    struct http_exchange *exchange;
    struct demo_route *route;        /* lives as long as the exchange */
    enum call_kind kind;
    bool named, from_page;
    char *name;                      /* owned, NULL: fn_index decides */
    const struct function *function;
    struct session *session;         /* pinned, or NULL */
    struct input_result input;
    struct buffer request;           /* JSON for ui.request() */
    uint32_t question;               /* to the store, under way; 0: none */
    uint32_t files_checked;
};

/* Whatever it waits for will not call back any more. */
static void join_free(struct join *join)
{
    if (join->question)
        request_forget(join->calls, join->question);
    if (join->session) {
        session_release_hold(join->session, &join->hold);
        session_unpin(join->session, clock_now_ms());
    }
    input_result_release(&join->input);
    buffer_release(&join->request);
    free(join->name);
    free(join);
}

static void refuse(struct join *join, int status, const char *sentence)
{
    struct http_exchange *exchange = join->exchange;
    join->calls->counts.refused++;
    join_free(join);
    route_reply_detail(exchange, status, sentence);
}

static void refuse_values(struct join *join)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct http_exchange *exchange = join->exchange;
    buffer_string(&body, "{\"detail\":");
    buffer_text(&body, buffer_view(&join->input.problems));
    buffer_byte(&body, '}');
    join->calls->counts.refused++;
    join_free(join);
    http_reply(exchange, 422, ROUTE_JSON, buffer_view(&body));
}

/* ---- the last step: the call and the reply ---- */

/* event_id must be the first member: the official curl example takes the text between the third and fourth quotes. */
static void reply_event_id(struct http_exchange *exchange, const struct call *call)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&body, "{\"event_id\":\"%s\"}", call->id);
    http_reply(exchange, 200, ROUTE_JSON, buffer_view(&body));
}

/* A page that repeats itself: with trigger mode "once" it gets the call that is still under way, with "always_last" the
 * newest replaces the one that still waits. API clients decide for themselves. */
static struct call *find_repeated(struct join *join)
{
    struct call *call;
    if (!join->from_page || join->function->trigger == FUNCTION_MULTIPLE)
        return NULL;
    LIST_EACH(call, &join->session->calls, struct call, in_session) {
        bool same = call->function == join->function;
        if (same && join->function->trigger == FUNCTION_ONCE)
            return call;
        if (same && call->state == CALL_QUEUED)
            worker_cancel(call->worker, call);
    }
    return NULL;
}

/* Gradio's `cancels`: only within the visitor's own session. */
static void cancel_others(struct join *join)
{
    const struct function *function = join->function;
    struct call *call;
    for (uint32_t i = 0; join->session && i < function->cancel_count; i++)
        LIST_EACH(call, &join->session->calls, struct call, in_session)
            if (call->function->id == function->cancels[i])
                worker_cancel(call->worker, call);
}

/* The client of /run left: nobody will read the answer. */
static void on_reply_abort(void *context, struct http_exchange *exchange, int code)
{
    struct call *call = context;
    (void)exchange;
    (void)code;
    call->exchange = 0;
    worker_cancel(call->worker, call);
}

static const struct http_handler reply_handler = {.on_abort = on_reply_abort};

/* Calls on a session count for its stream; a /run call only needs its values, so it pins the session. */
static void attach_session(struct call *call, struct join *join)
{
    call->session = join->session;
    if (!join->session)
        return;
    if (call->kind == CALL_ON_SESSION)
        session_add_call(join->session, call);
    else
        session_pin(join->session);
}

static char *make_file_prefix(const struct demo_route *route)
{
    struct buffer prefix = BUFFER_EMPTY;
    buffer_string(&prefix, route->origin);
    buffer_string(&prefix, route->base);
    buffer_string(&prefix, "gradio_api/file=");
    return buffer_steal(&prefix);
}

/* Gradio's own words: clients look for them. */
static void refuse_full(struct join *join, struct worker *worker)
{
    char sentence[96];
    uint32_t size = worker->queue.waiting, max = worker->queue.max_waiting;
    snprintf(sentence, sizeof sentence, "Queue is full. Max size is %u and size is %u.", max, size);
    refuse(join, 503, sentence);
}

/* The function is the worker's own: the route may have mapped the same release a second time, whose table goes with it.
 *
 * The call starts before the reply is written: a warm worker is already at work when the client reads its id. */
static void start_call(struct join *join, struct worker *worker)
{
    struct calls *calls = join->calls;
    struct http_exchange *exchange = join->exchange;
    struct call *call = call_new(&calls->table, join->kind);
    call->function = function_by_id(worker->functions, join->function->id);
    call->from_page = join->from_page;
    call->demo_id = join->route->demo->id;
    call->file_prefix = make_file_prefix(join->route);
    call_give_input(&calls->table, call, &join->input.data, &join->request);
    attach_session(call, join);
    if (join->kind == CALL_ON_REPLY) {
        call->exchange = http_exchange_handle(exchange);
        http_exchange_attach(exchange, &reply_handler, call);
    } else {
        reply_event_id(exchange, call);
    }
    join_free(join);
    calls->counts.joined++;
    worker_submit(worker, call);
    calls_arm(calls);
}

static void finish_join(struct join *join)
{
    struct worker *worker;
    struct call *repeated = join->kind == CALL_ON_SESSION ? find_repeated(join) : NULL;
    if (repeated) {
        struct http_exchange *exchange = join->exchange;
        join_free(join);
        reply_event_id(exchange, repeated);
        return;
    }
    if (join->kind == CALL_ON_SESSION && join->session->call_count >= BOUNDS_SESSION_EVENTS) {
        refuse(join, 503, "This session already has too many calls under way. Wait for some to finish.");
        return;
    }
    if (call_table_is_full(&join->calls->table)) {
        refuse(join, 503, "This server has more calls waiting than it can hold. Try again in a moment.");
        return;
    }
    cancel_others(join);
    worker = worker_for_release(join->calls, join->route->demo, join->route->release,
                                join->session ? text_from(join->session->name) : TEXT(""));
    if (!worker)
        refuse(join, 503, "As many people use this demo as it may serve at once. Try again in a moment.");
    else if (worker_is_full(worker))
        refuse_full(join, worker);
    else
        start_call(join, worker);
}

/* ---- what must be waited for ---- */

static void check_files(struct join *join);

static void on_file(void *context, struct request_answer *answer)
{
    struct join *join = context;
    join->question = 0;
    if (answer->status == ERROR_BUSY) {
        refuse(join, 503, "The file store is restarting. Try again in a moment.");
    } else if (answer->status != 0) {
        input_add_problem(&join->input, join->function, join->input.files.positions[join->files_checked],
                          "This file is not here (any more). Upload it again, to this demo.");
        refuse_values(join);
    } else {
        join->files_checked++;
        check_files(join);
    }
}

/* The next handle that the store must be asked about: a file of the repository is judged here. */
static const char *next_handle(struct join *join)
{
    const struct input_files *files = &join->input.files;
    while (join->files_checked < files->count) {
        const char *handle = files->handles[join->files_checked];
        if (!text_starts(text_from(handle), TEXT(RELAY_RELEASE_PREFIX)))
            return handle;
        if (!relay_release_file(join->route->release, text_from(handle)).data) {
            input_add_problem(&join->input, join->function, files->positions[join->files_checked],
                              "The demo's repository has no file of this name.");
            return NULL;
        }
        join->files_checked++;
    }
    return NULL;
}

/* Every handle must be one that this demo's upload gave out, or a file of its repository (an example's). The descriptor
 * is not kept: most handlers never look. */
static void check_files(struct join *join)
{
    struct request_file file = {.demo_id = join->route->demo->id};
    const char *handle = next_handle(join);
    if (join->input.problems.length > 0) {
        refuse_values(join);
        return;
    }
    if (!handle) {
        finish_join(join);
        return;
    }
    file.session = join->session ? text_from(join->session->name) : TEXT("");
    file.handle = text_from(handle);
    join->question = request_file_open(join->calls, &file, on_file, join);
}

/* Without the values that are there the call would begin anew and overwrite them: it waits for the store instead. */
static void on_state(void *context, struct request_answer *answer)
{
    struct join *join = context;
    join->question = 0;
    if (answer->status == ERROR_BUSY) {
        refuse(join, 503, "What this demo remembers of your visit cannot be read at the moment. Try again.");
        return;
    }
    if (answer->status == 0)
        session_load_state(join->session, answer->state);
    check_files(join);
}

/* Asked once per session's life here; afterwards the gateway is the one that knows. */
static void load_state(struct join *join)
{
    struct session *session = join->session;
    if (session && join->function->has_state && !session->state_known)
        join->question = request_state(join->calls, session->demo_id, session->name, on_state, join);
    else
        check_files(join);
}

void join_resume(struct session_hold *hold)
{
    load_state(MEMORY_CONTAINER(hold, struct join, hold));
}

/* A stream about to close would swallow the call's messages: it waits until the client has left it. */
static void await_stream(struct join *join)
{
    if (join->kind != CALL_ON_SESSION || !session_is_closing(join->session))
        load_state(join);
    else if (!session_hold(join->session, &join->hold))
        refuse(join, 503, "This session already has too many calls under way. Wait for some to finish.");
}

/* ---- reading the request ---- */

/* What ui.request() shows a handler: nothing that could identify a visitor beyond what the demo may know. */
static void write_request(struct join *join, const struct input *input)
{
    static const char *const headers[] = {"user-agent", "accept-language", "referer"};
    struct buffer *out = &join->request;
    buffer_string(out, join->from_page ? "{\"api\":false,\"session\":" : "{\"api\":true,\"session\":");
    json_write_string(out, join->session ? text_from(join->session->name) : TEXT(""));
    buffer_string(out, ",\"headers\":{");
    for (size_t i = 0; i < MEMORY_COUNT(headers); i++) {
        struct text value = http_exchange_header(join->exchange, headers[i]);
        if (value.data)
            json_write_member(out, headers[i], value);
    }
    buffer_byte(out, '}');
    if (input->event_data) {
        buffer_string(out, ",\"event_data\":");
        buffer_text(out, input->event_data->raw);
    }
    buffer_byte(out, '}');
}

/* The number wins over the name: a client with a numeric endpoint posts to /run/predict and means the number. */
static const struct function *find_function(struct join *join, const struct input *input)
{
    const struct function_table *functions = calls_functions(join->route->release);
    if (!functions)
        return NULL;
    if (input->fn_index >= 0)
        return function_by_id(functions, input->fn_index);
    return join->name ? function_by_name(functions, text_from(join->name)) : NULL;
}

/* A session is made only where something hangs on it: a stream to come, values to be kept, a process of its own. */
static bool find_session(struct join *join, const struct input *input)
{
    bool keeps = join->function->has_state || join->route->release->isolates_visitors;
    bool needed = join->kind == CALL_ON_SESSION || (input->session.length > 0 && keeps);
    if (!needed)
        return true;
    join->session = session_need(&join->calls->sessions, join->route->demo->id, input->session);
    if (join->session)
        session_pin(join->session);
    return join->session != NULL;
}

/* A header says how an answer should look, never what may be called: that takes the key that stands in the page. The
 * named form has no room for it beside its parameters, and no page uses that. */
static bool is_own_page(const struct join *join, const struct input *input)
{
    return !join->named && input->page.length > 0 && text_equal(input->page, release_page_key(join->route->release));
}

static void read_call(struct join *join, const struct input *input)
{
    join->function = find_function(join, input);
    if (!join->function)
        refuse(join, 404, "This demo has no function of that name. GET gradio_api/info lists them.");
    else if (join->function->visibility == FUNCTION_PRIVATE && !is_own_page(join, input))
        refuse(join, 403, "This function is private: only the demo's own page may call it. If this is that page, it "
               "was opened before the demo changed: reload it.");
    else if (join->kind == CALL_ON_SESSION && input->session.length == 0)
        refuse(join, 400, "\"session_hash\" is missing: choose any name and read its stream at gradio_api/queue/data.");
    else if (!find_session(join, input))
        refuse(join, 503, "This server has too many visitors at the moment. Try again later.");
    else if (!(join->named ? input_check_named(input, join->function, &join->input)
                           : input_check(input, join->function, join->from_page, &join->input)))
        refuse_values(join);
    else {
        write_request(join, input);
        await_stream(join);
    }
}

/* `input` borrows the body, so everything a call keeps was copied by the time this returns. */
static void on_body(void *context, struct http_exchange *exchange, struct text body)
{
    struct join *join = context;
    struct input input;
    const char *sentence;
    (void)exchange;
    if (input_parse(&input, body, &sentence) < 0)
        refuse(join, 400, sentence);
    else
        read_call(join, &input);
    input_release(&input);
}

static void on_abort(void *context, struct http_exchange *exchange, int code)
{
    (void)exchange;
    (void)code;
    join_free(context);
}

static const struct http_handler join_handler = {.on_abort = on_abort};

void join_start(struct calls *calls, struct http_exchange *exchange, struct demo_route *route,
                const struct join_form *form)
{
    struct join *join = MEMORY_NEW(struct join);
    join->calls = calls;
    join->exchange = exchange;
    join->route = route;
    join->kind = form->kind;
    join->named = form->named;
    join->name = form->name.length > 0 ? text_copy(form->name) : NULL;
    join->from_page = text_equal(http_exchange_header(exchange, "x-gradio-user"), TEXT("app"));
    list_init(&join->hold.in_session);
    http_exchange_attach(exchange, &join_handler, join);
    if (!http_exchange_collect(exchange, BOUNDS_EVENT_BODY_BYTES, on_body, join))
        join_free(join);
}
