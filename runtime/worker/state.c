/* How the state comes to be: all of Lua's libraries are opened, then reduced to what a demo may have; the kit is loaded
 * into an environment of its own, from which demo code sees only what `require` gives it. All of this happens once, in
 * the zygote, before any demo is known: after state_settle() the pages that hold it are shared by all workers.
 *
 * The heap has one rule: Lua never sees NULL. An emergency collection in the middle of anything is where Lua's own bugs
 * were found, so over the limit the process ends with a status that says so, and a demo loses only its own process. */
#include "runtime/worker/state.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/worker/embedded.h"
#include "runtime/worker/picture.h"

/* Ends the process; Lua never sees NULL. */
static void state_out_of_memory(void *context)
{
    const struct state *state = context;

    if (state->demo.out_of_memory)
        state->demo.out_of_memory(state->demo.context);
    _exit(STATE_EXIT_MEMORY);
}

/* The sanitizers see every block by itself when malloc gives it; the arena would hide an overrun inside the heap. */
static void *state_resize(struct state *state, void *block, size_t old_size, size_t new_size)
{
#ifdef VITRINE_SANITIZED
    (void)state, (void)old_size;
    if (new_size > 0)
        return realloc(block, new_size);
    free(block);
    return NULL;
#else
    return arena_resize(&state->arena, block, old_size, new_size);
#endif
}

/* lua_Alloc. Lua gives the kind of object as `old_size` of a new block. The limit is on what is alive; the arena is a
 * quarter larger, for the gaps between. */
static void *state_allocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct state *state = context;
    size_t old = block ? old_size : 0, more = new_size > old ? new_size - old : 0;

    if (more > state->heap_limit || state->heap_bytes > state->heap_limit - more)
        state_out_of_memory(state);
    void *resized = state_resize(state, block, old, new_size);
    if (!resized && new_size > 0)
        state_out_of_memory(state);
    state->heap_bytes += new_size - old;
    return resized;
}

struct state *state_of(lua_State *lua)
{
    return *(struct state **)lua_getextraspace(lua);
}

/* Every global a demo sees, by library; a test compares it with what is really there. */
static const char *const state_base[] = {
    "assert", "error",  "getmetatable", "ipairs",   "next", "pairs",  "pcall", "rawequal", "rawget", "rawlen",
    "rawset", "select", "setmetatable", "tonumber", "type", "xpcall", "_G",    "_VERSION", NULL};
static const char *const state_table[] = {"concat", "insert", "move", "pack", "remove", "sort", "unpack", NULL};
static const char *const state_string[] = {"byte",    "char",  "find",   "format", "gmatch",   "gsub",
                                           "len",     "lower", "match",  "pack",   "packsize", "rep",
                                           "reverse", "sub",   "unpack", "upper",  NULL};

/* Short lists, looked through once per library at start. */
static bool state_is_kept(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Debian's archive is built with compatibility functions of older versions: only 5.4's own stay. */
static const char *const state_math[] = {"abs", "acos",       "asin", "atan",      "ceil", "cos",    "deg",
                                         "exp", "floor",      "fmod", "huge",      "log",  "max",    "maxinteger",
                                         "min", "mininteger", "modf", "pi",        "rad",  "random", "randomseed",
                                         "sin", "sqrt",       "tan",  "tointeger", "type", "ult",    NULL};

/* Keeps only `names` of the library on the stack top. */
static void state_keep(lua_State *lua, const char *const *names)
{
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pop(lua, 1);
        if (state_is_kept(lua_tostring(lua, -1), names))
            continue;
        lua_pushvalue(lua, -1);
        lua_pushnil(lua);
        lua_rawset(lua, -4);
    }
}

/* Opened whole and then reduced: what a library sets up for itself is in place. */
static void state_open_libraries(lua_State *lua)
{
    static const struct {
        const char *name;
        lua_CFunction open;
        const char *const *names;
    } libraries[] = {
        {LUA_GNAME, luaopen_base, state_base},       {LUA_TABLIBNAME, luaopen_table, state_table},
        {LUA_STRLIBNAME, luaopen_string, state_string}, {LUA_MATHLIBNAME, luaopen_math, state_math},
        {LUA_UTF8LIBNAME, luaopen_utf8, NULL},       {LUA_COLIBNAME, luaopen_coroutine, NULL},
    };
    for (size_t i = 0; i < MEMORY_COUNT(libraries); i++) {
        luaL_requiref(lua, libraries[i].name, libraries[i].open, 1);
        if (libraries[i].names)
            state_keep(lua, libraries[i].names);
        lua_pop(lua, 1);
    }
}

static int state_traceback_only(lua_State *lua)
{
    luaL_traceback(lua, lua, lua_tostring(lua, 1), 1);
    return 1;
}

/* Nobody may change what ("x"):upper() means for all others. */
static void state_lock_strings(lua_State *lua)
{
    lua_pushliteral(lua, "");
    lua_getmetatable(lua, -1);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
}

/* -- the kit: embedded modules with a require of their own, unseen by demo code -- */

/* Modules of the kit are loaded once, into an environment that demos cannot reach. */
static int state_kit_require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);

    lua_getfield(lua, LUA_REGISTRYINDEX, "vitrine.kit");
    if (lua_getfield(lua, -1, name) != LUA_TNIL)
        return 1;
    lua_pop(lua, 1);
    for (size_t i = 0; i < embedded_module_count; i++) {
        const struct embedded_module *module = &embedded_modules[i];
        char chunk[128];
        if (strcmp(module->name, name) != 0)
            continue;
        snprintf(chunk, sizeof chunk, "@kit/%s", name);
        if (luaL_loadbufferx(lua, module->source, module->length, chunk, "t") != LUA_OK)
            return lua_error(lua);
        lua_getfield(lua, LUA_REGISTRYINDEX, "vitrine.kit-env");
        lua_setupvalue(lua, -2, 1);
        lua_pushvalue(lua, 1);
        lua_call(lua, 1, 1);
        lua_pushvalue(lua, -1);
        lua_setfield(lua, -3, name);
        return 1;
    }
    return luaL_error(lua, "the kit has no module \"%s\"", name);
}

void state_require(struct state *state, const char *name)
{
    lua_State *lua = state->lua;

    lua_pushcfunction(lua, state_traceback_only);
    lua_pushcfunction(lua, state_kit_require);
    lua_pushstring(lua, name);
    if (lua_pcall(lua, 1, 1, -3) != LUA_OK) {
        fprintf(stderr, "vitrine-worker: the embedded kit is broken: %s\n", lua_tostring(lua, -1));
        abort();
    }
    lua_remove(lua, -2);
}

static int state_kit_names(lua_State *lua)
{
    lua_createtable(lua, (int)embedded_module_count, 0);
    for (size_t i = 0; i < embedded_module_count; i++) {
        lua_pushstring(lua, embedded_modules[i].name);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The kit runs in an environment of its own: all that demos have, its require, and what they cannot touch. */
static void state_make_kit(lua_State *lua)
{
    lua_newtable(lua);
    values_register(lua);
    lua_setfield(lua, -2, "json");
    core_register(lua);
    lua_pushcfunction(lua, state_kit_names);
    lua_setfield(lua, -2, "module_names");
    lua_setfield(lua, -2, "core");
    lua_setfield(lua, LUA_REGISTRYINDEX, "vitrine.kit");

    lua_newtable(lua);
    lua_pushglobaltable(lua);
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, -5);
    }
    lua_pop(lua, 1);
    lua_pushcfunction(lua, state_kit_require);
    lua_setfield(lua, -2, "require");
    lua_setfield(lua, LUA_REGISTRYINDEX, "vitrine.kit-env");
}

void state_init(struct state *state, size_t heap_limit)
{
    *state = (struct state){.heap_limit = heap_limit};
    if (arena_init(&state->arena, heap_limit + heap_limit / 4, state_out_of_memory, state) < 0)
        abort();
    state->lua = lua_newstate(state_allocate, state);
    if (!state->lua)
        abort();
    lua_State *lua = state->lua;
    *(struct state **)lua_getextraspace(lua) = state;
    state_open_libraries(lua);
    picture_register(lua);
    guard_register(lua);
    coro_register(lua);
    modules_register(lua);
    state_lock_strings(lua);
    state_make_kit(lua);
    state_require(state, "app");
    lua_pop(lua, 1);
}

/* After this the pages that hold the kit are written by nobody and shared by all workers.
 *
 * The generational collector is what keeps it so. An incremental cycle marks every object in its header, and the
 * first one copied all of the kit's pages into the worker; here everything made so far becomes old, and a young
 * collection neither visits nor marks what is old. Only a heap that grows to twice its size is collected as a whole.
 * The values are Lua's own defaults, said here because the memory of a worker depends on them. */
void state_settle(struct state *state)
{
    enum { YOUNG_AT_PERCENT = 20, WHOLE_AT_PERCENT = 100 }; /* growth since the last collection of that kind */

    lua_gc(state->lua, LUA_GCCOLLECT);
    lua_gc(state->lua, LUA_GCGEN, YOUNG_AT_PERCENT, WHOLE_AT_PERCENT);
    arena_seal(&state->arena);
}

void state_rehearse(struct state *state)
{
    static const char chunk[] = "local list = {} for i = 1, 200 do list[i] = 'rehearsal' .. i end return #list";
    lua_State *lua = state->lua;

    state_seed(state, 0);
    if (luaL_loadbufferx(lua, chunk, sizeof chunk - 1, "=rehearsal", "t") != LUA_OK ||
        lua_pcall(lua, 0, 0, 0) != LUA_OK)
        abort();
    state_require(state, "app");
    lua_settop(lua, 0);
}

void state_seed(struct state *state, uint64_t seed)
{
    lua_State *lua = state->lua;

    lua_getfield(lua, LUA_REGISTRYINDEX, "vitrine.randomseed");
    lua_pushinteger(lua, (lua_Integer)seed);
    lua_pushinteger(lua, (lua_Integer)(seed >> 17 | seed << 47));
    lua_call(lua, 2, 0);
}

/* An error object becomes text without running its code: no __tostring, no address. */
static int state_message(lua_State *lua)
{
    if (lua_type(lua, 1) == LUA_TSTRING || lua_type(lua, 1) == LUA_TNUMBER) {
        lua_tostring(lua, 1);
    } else if (lua_type(lua, 1) == LUA_TTABLE) {
        lua_pushliteral(lua, "message");
        if (lua_rawget(lua, 1) != LUA_TSTRING)
            lua_pushliteral(lua, "(error object)");
    } else {
        lua_pushliteral(lua, "(error object)");
    }
    struct buffer **trace = lua_touserdata(lua, lua_upvalueindex(1));
    if (trace && *trace) {
        luaL_traceback(lua, lua, lua_tostring(lua, -1), 1);
        buffer_string(*trace, lua_tostring(lua, -1));
        lua_pop(lua, 1);
    }
    return 1;
}

/* The chunk in two parts: the first keeps app.lua from ending in a tail call, which would hide the line of its
 * `return ui.interface{…}` from error messages. */
struct state_source {
    struct text parts[2];
    int next;
};

/* For lua_load: each part once, then the end. */
static const char *state_read_source(lua_State *lua, void *context, size_t *ret_length)
{
    struct state_source *source = context;

    (void)lua;
    if (source->next == 2)
        return NULL;
    struct text part = source->parts[source->next++];
    *ret_length = part.length;
    return part.data;
}

int state_run_app(struct state *state, const char *file, struct buffer *ret_trace)
{
    lua_State *lua = state->lua;
    struct bundle_entry entry;
    char chunk[BOUNDS_BUNDLE_NAME_BYTES + 2];

    if (bundle_find(state->demo.bundle, text_from(file), &entry) < 0) {
        lua_pushfstring(lua, "%s: there is no such file", file);
        return ERROR_INVALID;
    }
    if (entry.contents.length > BOUNDS_WORKER_SOURCE_BYTES) {
        lua_pushfstring(lua, "%s: is larger than %d KiB", file, (int)(BOUNDS_WORKER_SOURCE_BYTES >> 10));
        return ERROR_INVALID;
    }
    struct buffer **trace = lua_newuserdatauv(lua, sizeof(struct buffer *), 0);
    *trace = ret_trace;
    lua_pushcclosure(lua, state_message, 1);
    snprintf(chunk, sizeof chunk, "@%s", file);
    state->demo.loading = true;
    coro_set_running(lua);
    struct state_source source = {{TEXT("local _keep_line <close> = nil; "), entry.contents}, 0};
    int result = lua_load(lua, state_read_source, &source, chunk, "t");
    if (result == LUA_OK)
        result = lua_pcall(lua, 0, 1, -2);
    coro_set_running(NULL);
    state->demo.loading = false;
    lua_remove(lua, -2);
    return result == LUA_OK ? 0 : ERROR_INVALID;
}
