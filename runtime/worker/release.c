/* The steps that describing and waking share, so that they cannot come to differ: seed, run app.lua, load the kit,
 * take the digest of the component tree. Errors are taken raw from the stack: no __tostring of a demo runs on our
 * side. */
#include "runtime/worker/release.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/base/error.h"

uint64_t release_hash(struct text text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return hash;
}

void release_take_error(struct state *state, struct buffer *ret_reason)
{
    lua_State *lua = state->lua;

    if (lua_type(lua, -1) == LUA_TTABLE) {
        lua_pushliteral(lua, "message");
        lua_rawget(lua, -2);
        lua_remove(lua, -2);
    }
    if (lua_type(lua, -1) == LUA_TSTRING)
        buffer_string(ret_reason, lua_tostring(lua, -1));
    else
        buffer_string(ret_reason, "(error object)");
    lua_pop(lua, 1);
}

/* Calls app.<name> with the `arguments` values on the stack top; results stay on the stack. The kit counts as
 * loading: a wait in it is refused, and time stands still. */
static int release_call(struct state *state, const char *name, int arguments, int results)
{
    lua_State *lua = state->lua;

    state_require(state, "app");
    lua_getfield(lua, -1, name);
    lua_remove(lua, -2);
    lua_insert(lua, -arguments - 1);
    state->demo.loading = true;
    coro_set_running(lua);
    int status = lua_pcall(lua, arguments, results, 0);
    coro_set_running(NULL);
    state->demo.loading = false;
    return status == LUA_OK ? 0 : ERROR_INVALID;
}

/* The seed comes first: app.lua may draw random numbers while it builds its interface. */
int release_load(struct state *state, const char *app_file, uint64_t seed, struct buffer *ret_reason,
                 struct buffer *ret_trace)
{
    state_seed(state, seed);
    if (state_run_app(state, app_file, ret_trace) < 0 || release_call(state, "load", 1, 0) < 0) {
        release_take_error(state, ret_reason);
        return ERROR_INVALID;
    }
    return 0;
}

int release_digest(struct state *state, struct buffer *ret_digest)
{
    struct text tree;

    if (release_call(state, "tree", 0, 1) < 0) {
        release_take_error(state, ret_digest);
        return ERROR_INVALID;
    }
    tree.data = luaL_tolstring(state->lua, -1, &tree.length);
    buffer_format(ret_digest, "%016llx", (unsigned long long)release_hash(tree));
    lua_pop(state->lua, 2);
    return 0;
}

void release_difference(struct state *state, struct text config, struct buffer *ret_reason)
{
    lua_State *lua = state->lua;

    if (values_push_json(lua, config) < 0)
        return;
    if (release_call(state, "difference", 1, 1) < 0) {
        release_take_error(state, ret_reason);
        return;
    }
    if (lua_isstring(lua, -1))
        buffer_string(ret_reason, lua_tostring(lua, -1));
    lua_pop(lua, 1);
}
