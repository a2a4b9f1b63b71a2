/* One event is one coroutine of the demo's Lua state. It runs from event_resume() until it waits, ends or fails;
 * between two resumes the worker serves its siblings. Why it is suspended stands in the event: `waiting_for` a
 * question that was sent (core_call), or `starved` of credit (core_told). An author's own coroutine.yield never gets
 * here: ui-kit's run.lua drives the handler and turns it into a partial result.
 *
 * Errors are sorted by who must read them: what ui.error said goes to the visitor, what the author did wrong to the
 * log with a traceback, what the host could not do to both. All fields of error objects are read raw: the demo's
 * metamethods have no say in how its failure is told.
 *
 * An event that was cancelled is closed, not resumed: its pending to-be-closed variables run, under the time limit. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "runtime/worker/hint.h"
#include "runtime/worker/worker.h"

/* Log lines need no credit, so their flood is stopped where it starts: one line over the limit still goes out, which
 * makes the gateway write that lines are missing. */
static bool event_may_log(struct worker *worker)
{
    uint64_t second = clock_now_ms() / 1000;

    if (second != worker->log_second) {
        worker->log_second = second;
        worker->log_lines = 0;
    }
    return worker->log_lines++ <= BOUNDS_LOG_LINES_PER_SECOND;
}

void event_log(struct worker *worker, const char *level, struct text text)
{
    while (text.length > 0 && event_may_log(worker)) {
        struct text line = text_cut(&text, '\n');
        struct message_worker_log message = {text_from(level), text_head(line, BOUNDS_LOG_LINE_BYTES)};
        channel_send_worker_log(&worker->channel, 0, &message);
    }
}

/* The coroutine is closed by now; the collector takes it. */
static void event_free(struct event *event)
{
    struct worker *worker = event->worker;
    lua_State *lua = worker->state->lua;

    map_remove_u64(&worker->events, event->id);
    if (event->waiting_for)
        map_remove_u64(&worker->calls, event->waiting_for);
    luaL_unref(lua, LUA_REGISTRYINDEX, event->coroutine_reference);
    luaL_unref(lua, LUA_REGISTRYINDEX, event->context_reference);
    free(event->excuse);
    free(event);
}

/* -- how an event ends -- */

/* What the handler had put into ui.state before it failed stands in the error object. */
static void event_send_failure(struct event *event, struct text error, struct text validation)
{
    BUFFER_AUTO struct buffer state = BUFFER_EMPTY;
    lua_State *lua = event->coroutine;

    if (lua_type(lua, -1) == LUA_TTABLE) {
        lua_pushliteral(lua, "state");
        if (lua_rawget(lua, -2) != LUA_TTABLE || values_write_json(lua, -1, &state, NULL) < 0)
            buffer_clear(&state);
        lua_pop(lua, 1);
    }
    struct message_event_failed message = {error, validation, state.length > 0 ? buffer_view(&state) : TEXT("{}")};
    channel_send_event_failed(&event->worker->channel, event->id, &message);
}

/* The string field `name` of the table on the stack top; empty when it has none. Valid while the table is. */
static struct text event_field(lua_State *lua, const char *name)
{
    struct text text = {0};

    lua_pushstring(lua, name);
    if (lua_rawget(lua, -2) == LUA_TSTRING)
        text.data = lua_tolstring(lua, -1, &text.length);
    lua_pop(lua, 1);
    return text;
}

static void event_write_number_field(lua_State *lua, struct buffer *out, const char *name)
{
    lua_pushstring(lua, name);
    if (lua_rawget(lua, -2) == LUA_TNUMBER)
        json_write_number(out, lua_tonumber(lua, -1));
    else
        buffer_string(out, "null");
    lua_pop(lua, 1);
}

/* ui.error: what the author wants the visitor to read. The fields are the toast's; null takes the page's defaults. */
static void event_fail_user(struct event *event, lua_State *lua)
{
    BUFFER_AUTO struct buffer error = BUFFER_EMPTY;

    lua_pushliteral(lua, "visible");
    bool hidden = lua_rawget(lua, -2) == LUA_TBOOLEAN && !lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    buffer_byte(&error, '{');
    json_write_member(&error, "error", event_field(lua, "message"));
    json_write_name(&error, "duration");
    event_write_number_field(lua, &error, "duration");
    json_write_name(&error, "visible");
    buffer_string(&error, hidden ? "false" : "true");
    json_write_member(&error, "title", event_field(lua, "title"));
    buffer_byte(&error, '}');
    event_send_failure(event, buffer_view(&error), (struct text){0});
}

/* A refused input: the list goes to the fields on the page, the first sentence to whoever shows only one. */
static void event_fail_validation(struct event *event, lua_State *lua)
{
    BUFFER_AUTO struct buffer error = BUFFER_EMPTY, list = BUFFER_EMPTY;

    buffer_byte(&error, '{');
    json_write_member(&error, "error", event_field(lua, "message"));
    buffer_string(&error, ",\"duration\":10,\"visible\":true,\"title\":\"Check the input\"}");
    lua_pushliteral(lua, "list");
    if (lua_rawget(lua, -2) != LUA_TTABLE || values_write_json(lua, -1, &list, NULL) < 0)
        buffer_clear(&list);
    lua_pop(lua, 1);
    event_send_failure(event, buffer_view(&error), buffer_view(&list));
}

/* Trouble that is not the author's: the backend restarts, a queue is full. Their own sentence ends such an error. */
static bool event_is_excused(const struct event *event, struct text message)
{
    return event->excuse && event->excuse[0] && text_ends(message, text_from(event->excuse));
}

/* The author's mistake: the traceback goes to the log, the visitor reads "Error" unless the demo shows errors. Where
 * the host is to blame, the visitor reads what it said in any case. */
static void event_fail_mistake(struct event *event, struct text message, struct text trace)
{
    BUFFER_AUTO struct buffer error = BUFFER_EMPTY, logged = BUFFER_EMPTY, shown = BUFFER_EMPTY;

    hint_write(&shown, message);
    hint_write(&logged, trace.length > 0 ? trace : message);
    event_log(event->worker, "error", buffer_view(&logged));
    buffer_byte(&error, '{');
    json_write_name(&error, "error");
    if (event_is_excused(event, message))
        json_write_string(&error, text_from(event->excuse));
    else if (event->worker->show_error)
        json_write_string(&error, text_head(buffer_view(&shown), BOUNDS_LOG_LINE_BYTES));
    else
        buffer_string(&error, "null");
    buffer_string(&error, ",\"duration\":10,\"visible\":true,\"title\":\"Error\"}");
    event_send_failure(event, buffer_view(&error), (struct text){0});
}

/* The error object stands on the coroutine's top. Read raw: no metamethod of the demo runs here. */
static void event_failed(struct event *event)
{
    lua_State *lua = event->coroutine;
    struct text message = TEXT("(error object)"), trace = {0};

    if (lua_type(lua, -1) == LUA_TTABLE) {
        struct text kind = event_field(lua, "kind");
        if (text_equal(kind, TEXT("user"))) {
            event_fail_user(event, lua);
            return;
        }
        if (text_equal(kind, TEXT("validate"))) {
            event_fail_validation(event, lua);
            return;
        }
        message = event_field(lua, "message");
        trace = event_field(lua, "traceback");
    } else if (lua_type(lua, -1) == LUA_TSTRING) {
        message.data = lua_tolstring(lua, -1, &message.length);
        luaL_traceback(event->worker->state->lua, lua, message.data, 0);
        trace.data = lua_tolstring(event->worker->state->lua, -1, &trace.length);
        event_fail_mistake(event, message, trace);
        lua_pop(event->worker->state->lua, 1);
        return;
    }
    event_fail_mistake(event, message, trace);
}

/* app.run returned: the outputs and the changed state stand on the coroutine's top. */
static void event_finished(struct event *event, int count)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY, state = BUFFER_EMPTY;
    lua_State *lua = event->coroutine;
    const char *reason = NULL;

    if (count < 2 || values_write_json(lua, -2, &data, &reason) < 0 ||
        values_write_json(lua, -1, &state, &reason) < 0) {
        BUFFER_AUTO struct buffer message = BUFFER_EMPTY;
        buffer_format(&message, "the result holds %s, which has no JSON form", reason ? reason : "nothing");
        event_fail_mistake(event, buffer_view(&message), (struct text){0});
        return;
    }
    struct message_event_done done = {buffer_view(&data), buffer_view(&state)};
    if (channel_send_event_done(&event->worker->channel, event->id, &done) == ERROR_LIMIT)
        event_fail_mistake(event, TEXT("the result is larger than a demo may send; return files for large data"),
                           (struct text){0});
}

/* -- running -- */

/* Enters the coroutine with `count` values on its stack and looks why it came back. */
static void event_resume(struct event *event, int count)
{
    lua_State *lua = event->coroutine;
    int results = 0;

    slice_enter(event->worker, event);
    coro_set_running(lua);
    int status = lua_resume(lua, event->worker->state->lua, count, &results);
    coro_set_running(NULL);
    slice_leave(event->worker);
    if (status == LUA_YIELD && coro_is_wait(lua, results)) {
        lua_pop(lua, results);
        return; /* its request is on the way */
    }
    if (event->cancelled)
        ; /* the gateway has told the visitor already */
    else if (status == LUA_OK)
        event_finished(event, results);
    else if (status == LUA_YIELD)
        event_fail_mistake(event, TEXT("a coroutine.yield reached the host"), (struct text){0});
    else
        event_failed(event);
    lua_closethread(lua, NULL);
    event_free(event);
}

/* The coroutine's stack: app.run and its arguments, the function's id, the values, the context with state and request.
 * The context stays in the registry too, where ui.request and ui.state find it from any depth (core_context). */
static int event_prepare(struct event *event, const struct message_event_start *message)
{
    lua_State *lua = event->coroutine;

    state_require(event->worker->state, "app");
    lua_getfield(event->worker->state->lua, -1, "run");
    lua_xmove(event->worker->state->lua, lua, 1);
    lua_pop(event->worker->state->lua, 1);
    lua_pushinteger(lua, message->function);
    if (values_push_json(lua, message->data) < 0)
        return ERROR_INVALID;
    lua_createtable(lua, 0, 2);
    if (values_push_json(lua, message->state.length ? message->state : TEXT("{}")) < 0)
        return ERROR_INVALID;
    lua_setfield(lua, -2, "state");
    if (values_push_json(lua, message->request.length ? message->request : TEXT("{}")) < 0)
        return ERROR_INVALID;
    lua_setfield(lua, -2, "request");
    lua_pushvalue(lua, -1);
    event->context_reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

/* Runs at once, up to its first wait: most events are over when this returns. The time that demo code may read moves
 * only here, when an event starts, so that a handler cannot measure others by the clock. */
void event_start(struct worker *worker, uint64_t id, const struct message_event_start *message)
{
    lua_State *lua = worker->state->lua;
    struct event *event = MEMORY_NEW(struct event);

    event->id = id;
    event->worker = worker;
    event->coroutine = lua_newthread(lua);
    event->coroutine_reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    event->context_reference = LUA_NOREF;
    event->credit = BOUNDS_STREAM_CREDIT_BYTES;
    worker->state->demo.wall_ms = message->wall_ms;
    map_set_u64(&worker->events, id, event);
    if (event_prepare(event, message) < 0) {
        event_fail_mistake(event, TEXT("the event's data is not JSON"), (struct text){0});
        event_free(event);
        return;
    }
    event_resume(event, 3);
}

void event_cancel(struct worker *worker, uint64_t id)
{
    struct event *event = map_get_u64(&worker->events, id);

    if (!event || event == worker->running)
        return; /* over already; or computing: the control page reaches it */
    event->cancelled = true;
    slice_enter(worker, event); /* __close handlers run under the limit */
    coro_set_running(event->coroutine);
    lua_closethread(event->coroutine, worker->state->lua);
    coro_set_running(NULL);
    slice_leave(worker);
    event_free(event);
}

static bool event_is_host_trouble(uint32_t status)
{
    static const int codes[] = {ERROR_BUSY, ERROR_CLOSED, ERROR_LIMIT, ERROR_TIMEOUT};

    for (size_t i = 0; i < MEMORY_COUNT(codes); i++)
        if (status == (uint32_t)-codes[i])
            return true;
    return false;
}

/* The answer's values become what core.call returns: true, body, tensors or false, sentence. An event has at most one
 * call in the map: core_call() asks only where it can wait. */
void event_answer(struct worker *worker, const struct message_call_answer *message)
{
    struct event *event = map_remove_u64(&worker->calls, message->call);

    if (!event)
        return; /* cancelled meanwhile */
    event->waiting_for = 0;
    if (event_is_host_trouble(message->status)) {
        free(event->excuse);
        event->excuse = text_copy(message->body);
    }
    lua_State *lua = event->coroutine;
    lua_pushboolean(lua, message->status == 0);
    lua_pushlstring(lua, message->body.data ? message->body.data : "", message->body.length);
    lua_pushlstring(lua, message->tensors.data ? message->tensors.data : "", message->tensors.length);
    event_resume(event, 3);
}

/* -- credit -- */

bool event_spend(struct event *event, struct text text)
{
    event->credit -= (int64_t)text.length + BOUNDS_CREDIT_FRAME_BYTES;
    event->starved = event->credit <= 0;
    return !event->starved;
}

void event_credit(struct worker *worker, uint64_t id, uint32_t bytes)
{
    struct event *event = map_get_u64(&worker->events, id);

    if (!event)
        return; /* it ended meanwhile */
    event->credit += bytes;
    if (!event->starved || event->credit <= 0)
        return;
    event->starved = false;
    lua_pushboolean(event->coroutine, 1);
    event_resume(event, 1);
}
