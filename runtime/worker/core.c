/* Module "core": the primitives below runtime/worker/lua/host.lua and ai.lua. None of it is visible to demo code, so
 * its arguments are the kit's: types are checked, for a mistake of ours to be an error and not a crash, but sentences
 * for authors are written in Lua, where the author's words for things are known.
 *
 * Three kinds of functions: requests, which send one message and suspend the event until its one answer (core_call);
 * what an event tells while it runs, bounded by its credit (core_partial, core_emit); and facts that need no gateway.
 *
 * `core_worker` is NULL in the zygote and while describing: then there is no event, and whatever would need one
 * raises. core_raise() places an error at the author's line: the kit's own lines would help nobody. */
#include <lauxlib.h>
#include <lua.h>
#include <md4c-html.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/encode.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/worker/markdown.h"
#include "runtime/worker/picture.h"
#include "runtime/worker/tensors.h"
#include "runtime/worker/worker.h"

static struct worker *core_worker; /* NULL while describing and in the zygote */
static struct buffer core_model_names;

void core_attach(struct worker *worker)
{
    core_worker = worker;
}

struct text core_models(void)
{
    return buffer_view(&core_model_names);
}

/* An error at the author's line, not at the kit's. */
static int core_raise(lua_State *lua, const char *sentence)
{
    lua_Debug frame;

    for (int level = 1; lua_getstack(lua, level, &frame); level++) {
        lua_getinfo(lua, "Sl", &frame);
        if (frame.currentline > 0 && strncmp(frame.source, "@kit/", 5) != 0) {
            lua_pushfstring(lua, "%s:%d: %s", frame.short_src, frame.currentline, sentence);
            return lua_error(lua);
        }
    }
    lua_pushstring(lua, sentence);
    return lua_error(lua);
}

struct event *core_event(lua_State *lua)
{
    if (!core_worker || !core_worker->running)
        core_raise(lua, "models, files and waits work in a handler, not while app.lua loads");
    return core_worker->running;
}

static struct text core_text(lua_State *lua, int index)
{
    struct text text;
    text.data = luaL_checklstring(lua, index, &text.length);
    return text;
}

/* core.raise(sentence): an author's mistake that only the far side could see. */
static int core_lua_raise(lua_State *lua)
{
    return core_raise(lua, luaL_checkstring(lua, 1));
}

/* -- requests: one row per kind; each packs its message from the Lua arguments 2… -- */

/* Longer than the bound becomes the bound: the event is over before that anyway. Less than nothing is a pause. */
static int core_sleep(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    lua_Number seconds = luaL_checknumber(lua, 2);
    lua_Number ms = seconds * 1000 > BOUNDS_WORKER_SLEEP_MS ? BOUNDS_WORKER_SLEEP_MS : seconds * 1000;
    if (!(ms > 0)) /* also what is no number: it has no place in a whole one */
        ms = 0;
    return channel_send_call_sleep(channel, stream, &(struct message_call_sleep){call, (uint32_t)ms});
}

static int core_file_open(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    return channel_send_call_file_open(channel, stream, &(struct message_call_file_open){call, core_text(lua, 2)});
}

static int core_file_read(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    struct message_call_file_read message = {call, (uint32_t)luaL_checkinteger(lua, 2),
                                             (uint64_t)luaL_checkinteger(lua, 3), (uint32_t)luaL_checkinteger(lua, 4)};
    return channel_send_call_file_read(channel, stream, &message);
}

static int core_file_make(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    return channel_send_call_file_make(channel, stream,
                                       &(struct message_call_file_make){call, core_text(lua, 2), core_text(lua, 3)});
}

static int core_file_append(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    struct message_call_file_append message = {call, (uint32_t)luaL_checkinteger(lua, 2), core_text(lua, 3)};
    return channel_send_call_file_append(channel, stream, &message);
}

static int core_file_finish(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    return channel_send_call_file_finish(channel, stream,
                                         &(struct message_call_file_finish){call, (uint32_t)luaL_checkinteger(lua, 2)});
}

static int core_model(lua_State *lua, struct channel *channel, uint64_t stream, uint32_t call)
{
    struct message_call_model message = {call, core_text(lua, 2), core_text(lua, 3), core_text(lua, 4),
                                         core_text(lua, 5)};
    return channel_send_call_model(channel, stream, &message);
}

/* core.call(kind, …): sends and suspends; returns true, body, tensors or false, sentence. */
static int core_call(lua_State *lua)
{
    static const struct {
        const char *name;
        int (*send)(lua_State *, struct channel *, uint64_t, uint32_t);
    } kinds[] = {
        {"sleep", core_sleep},         {"file_open", core_file_open},     {"file_read", core_file_read},
        {"file_make", core_file_make}, {"file_append", core_file_append}, {"file_finish", core_file_finish},
        {"model", core_model},
    };
    const char *kind = luaL_checkstring(lua, 1);
    struct event *event = core_event(lua);
    struct worker *worker = event->worker;

    /* Raises before anything was sent: an answer that nobody awaits would be taken for that of the next wait. */
    if (!coro_can_wait(lua))
        return coro_wait(lua, 0);
    uint32_t call = ++worker->next_call ? worker->next_call : ++worker->next_call;
    for (size_t i = 0; i < MEMORY_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i].name) != 0)
            continue;
        if (kinds[i].send(lua, &worker->channel, event->id, call) < 0)
            return luaL_error(lua, "the request is larger than a message may be");
        event->waiting_for = call;
        map_set_u64(&worker->calls, call, event);
        return coro_wait(lua, 0);
    }
    return luaL_error(lua, "unknown request %s", kind);
}

/* -- what an event tells while it runs: bounded by its credit -- */

/* Suspends the handler when its credit is used up; it goes on where it was once the gateway has given some back. The
 * worker itself reads on, so siblings, cancelling and answers are not held up. `credit` cannot run out here and the
 * handler go on: where Lua cannot yield, core_may_tell() has dropped the message. */
static int core_told(lua_State *lua, struct event *event, struct text text)
{
    channel_flush(&event->worker->channel);
    if (event_spend(event, text))
        return 0;
    lua_settop(lua, 0);
    return coro_wait(lua, 0);
}

/* In a sort comparator nothing can be suspended: there only what leaves credit over may be sent, the rest is dropped. A
 * page misses a toast or a step of progress, and the bound holds. */
static bool core_may_tell(lua_State *lua, const struct event *event, struct text text)
{
    return coro_can_wait(lua) || event->credit > (int64_t)text.length + BOUNDS_CREDIT_FRAME_BYTES;
}

/* Flushed at once: a partial result is worth something now. */
static int core_partial(lua_State *lua)
{
    struct event *event = core_event(lua);
    struct message_event_partial message = {core_text(lua, 1)};

    if (!core_may_tell(lua, event, message.data))
        return 0;
    if (channel_send_event_partial(&event->worker->channel, event->id, &message) < 0)
        return luaL_error(lua, "the partial result is larger than a demo may send");
    return core_told(lua, event, message.data);
}

static int core_emit(lua_State *lua)
{
    struct event *event = core_event(lua);
    bool progress = strcmp(luaL_checkstring(lua, 1), "progress") == 0;
    struct text json = core_text(lua, 2);
    if (!core_may_tell(lua, event, json))
        return 0;
    int result =
        progress
            ? channel_send_event_progress(&event->worker->channel, event->id, &(struct message_event_progress){json})
            : channel_send_event_log(&event->worker->channel, event->id, &(struct message_event_log){json});
    if (result < 0)
        return luaL_error(lua, "the message is larger than a demo may send");
    return core_told(lua, event, json);
}

/* What the kit keeps about the running event, state and request; nil while app.lua loads. */
static int core_context(lua_State *lua)
{
    if (!core_worker || !core_worker->running)
        return lua_pushnil(lua), 1;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, core_worker->running->context_reference);
    return 1;
}

/* -- facts about code and files -- */

/* Names of a function's parameters come from its debug information, which text chunks always have. */
static int core_parameter_names(lua_State *lua)
{
    const char *name;

    luaL_checktype(lua, 1, LUA_TFUNCTION);
    if (lua_iscfunction(lua, 1))
        return lua_pushnil(lua), 1;
    lua_newtable(lua);
    lua_pushvalue(lua, 1);
    for (int i = 1; (name = lua_getlocal(lua, NULL, i)) != NULL; i++) {
        lua_pushstring(lua, name);
        lua_rawseti(lua, 2, i);
    }
    lua_settop(lua, 2);
    return 1;
}

static int core_collect_code(lua_State *lua, const void *piece, size_t length, void *code)
{
    (void)lua;
    buffer_append(code, piece, length);
    return 0;
}

/* Looks for the name "yield" in a function's code, its inner functions included, and in the Lua functions it closes
 * over (a helper that is a local of app.lua). A yield behind a table or a module is not found. */
static bool core_names_yield(lua_State *lua, int index, int depth)
{
    BUFFER_AUTO struct buffer code = BUFFER_EMPTY;
    bool found;

    lua_pushvalue(lua, index);
    lua_dump(lua, core_collect_code, &code, 0);
    lua_pop(lua, 1);
    found = memmem(code.data, code.length, "\x86yield", 6) != NULL; /* the length of a dumped string stands before it */
    for (int i = 1; !found && depth > 0 && lua_getupvalue(lua, index, i) != NULL; i++) {
        if (lua_type(lua, -1) == LUA_TFUNCTION && !lua_iscfunction(lua, -1))
            found = core_names_yield(lua, lua_gettop(lua), depth - 1);
        lua_pop(lua, 1);
    }
    return found;
}

static int core_can_yield(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    luaL_checkstack(lua, 16, "too deep");
    lua_pushboolean(lua, !lua_iscfunction(lua, 1) && core_names_yield(lua, 1, 3));
    return 1;
}

/* nil for what is no file of the repository: generated entries are ours. */
static int core_release_size(lua_State *lua)
{
    const struct bundle *bundle = state_of(lua)->demo.bundle;
    struct bundle_entry entry;

    if (!bundle || bundle_find(bundle, core_text(lua, 1), &entry) < 0 || (entry.flags & BUNDLE_FLAG_GENERATED))
        return lua_pushnil(lua), 1;
    lua_pushinteger(lua, (lua_Integer)entry.contents.length);
    return 1;
}

/* app.lua named a model: the manifest lists it. */
static int core_use_model(lua_State *lua)
{
    struct text name = core_text(lua, 1);

    if (state_of(lua)->demo.loading && core_model_names.length < BOUNDS_LOG_LINE_BYTES) {
        buffer_text(&core_model_names, name);
        buffer_byte(&core_model_names, '\n');
    }
    return 0;
}

static int core_markdown(lua_State *lua)
{
    BUFFER_AUTO struct buffer html = BUFFER_EMPTY;

    if (markdown_to_html(core_text(lua, 1), &html) < 0) {
        buffer_release(&html);
        return luaL_error(lua, "the markdown is too large");
    }
    lua_pushlstring(lua, html.data ? html.data : "", html.length);
    return 1;
}

void core_register(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"call", core_call},
        {"raise", core_lua_raise},
        {"partial", core_partial},
        {"emit", core_emit},
        {"context", core_context},
        {"parameter_names", core_parameter_names},
        {"can_yield", core_can_yield},
        {"release_size", core_release_size},
        {"use_model", core_use_model},
        {"markdown", core_markdown},
        {"image_new", picture_lua_new},
        {"image_decode", picture_lua_decode},
        {"pack_tensors", tensors_lua_pack},
        {"reserve", tensors_lua_reserve},
        {"unpack_tensors", tensors_lua_unpack},
        {NULL, NULL},
    };
    luaL_newlib(lua, functions);
}
