/* Library functions whose C loops a hook cannot reach: each checks its work before it starts. Addresses never
 * reach demo code, because siblings of one zygote share them. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"
#include "runtime/worker/state.h"

/* The C function that this wrapper replaced, with the same arguments. */
static int guard_call(lua_State *lua)
{
    int count = lua_gettop(lua);

    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, count, LUA_MULTRET);
    return lua_gettop(lua);
}

/* Bounded twice: by rounds, for empty strings, and by the heap. */
static int guard_rep(lua_State *lua)
{
    size_t length, separator = 0;

    luaL_checklstring(lua, 1, &length);
    lua_Integer count = luaL_checkinteger(lua, 2);
    luaL_optlstring(lua, 3, "", &separator);
    if (count > BOUNDS_WORKER_LOOP || (count > 0 && (length + separator) > BOUNDS_WORKER_HEAP_BYTES / (size_t)count))
        return luaL_error(lua, "string.rep would make a string that is too long here");
    return guard_call(lua);
}

/* Unsigned: the difference of the two ends may not fit a signed number. */
static void guard_range(lua_State *lua, const char *name, lua_Integer first, lua_Integer last)
{
    if (last >= first && (lua_Unsigned)last - (lua_Unsigned)first >= BOUNDS_WORKER_LOOP)
        luaL_error(lua, "%s over more than %d elements is not possible here", name, (int)BOUNDS_WORKER_LOOP);
}

/* The length as the library will see it, __len included. */
static lua_Integer guard_length(lua_State *lua, int index, const char *name)
{
    luaL_checkany(lua, index);
    lua_Integer length = luaL_len(lua, index);
    guard_range(lua, name, 1, length);
    return length;
}

static int guard_concat(lua_State *lua)
{
    lua_Integer last = lua_isnoneornil(lua, 4) ? guard_length(lua, 1, "table.concat") : luaL_checkinteger(lua, 4);
    guard_range(lua, "table.concat", luaL_optinteger(lua, 3, 1), last);
    return guard_call(lua);
}

static int guard_move(lua_State *lua)
{
    guard_range(lua, "table.move", luaL_checkinteger(lua, 2), luaL_checkinteger(lua, 3));
    return guard_call(lua);
}

/* insert, remove and sort walk over the whole list. */
static int guard_edit(lua_State *lua)
{
    guard_length(lua, 1, "table.insert, table.remove and table.sort");
    return guard_call(lua);
}

static int guard_unpack(lua_State *lua)
{
    lua_Integer last = lua_isnoneornil(lua, 3) ? guard_length(lua, 1, "table.unpack") : luaL_checkinteger(lua, 3);
    guard_range(lua, "table.unpack", luaL_optinteger(lua, 2, 1), last);
    return guard_call(lua);
}

/* tostring without addresses: "table", "function"; __tostring and __name work. */
static int guard_tostring(lua_State *lua)
{
    luaL_checkany(lua, 1);
    int type = lua_type(lua, 1);
    bool plain = type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL;
    if (plain || luaL_getmetafield(lua, 1, "__tostring") != LUA_TNIL) {
        lua_settop(lua, 1);
        luaL_tolstring(lua, 1, NULL);
        return 1;
    }
    if (luaL_getmetafield(lua, 1, "__name") == LUA_TSTRING)
        return 1;
    lua_pushstring(lua, luaL_typename(lua, 1));
    return 1;
}

/* %p would print an address, and so would %s of a value without a text of its own: such arguments become what
 * tostring says before the format is filled in. Conversions are counted as the library counts them, one argument
 * each, and to the end of the string: a NUL does not end it. */
static int guard_format(lua_State *lua)
{
    size_t length;
    const char *format = luaL_checklstring(lua, 1, &length), *end = format + length;
    int argument = 1, last = lua_gettop(lua);

    for (const char *at = format; (at = memchr(at, '%', (size_t)(end - at)));) {
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (*at == 'p')
            return luaL_error(lua, "string.format: %%p does not exist here");
        argument += *at != '%';
        if (*at == 's' && argument <= last) {
            lua_pushcfunction(lua, guard_tostring);
            lua_pushvalue(lua, argument);
            lua_call(lua, 1, 1);
            lua_replace(lua, argument);
        }
        at += at < end;
    }
    return guard_call(lua);
}

/* The heap as we count it: Lua's own figure would tell about the preloaded kit's sharing. */
static int guard_count(lua_State *lua)
{
    const char *what = luaL_optstring(lua, 1, "collect");

    if (strcmp(what, "count") != 0)
        return luaL_error(lua, "collectgarbage answers only \"count\" here");
    lua_pushnumber(lua, (lua_Number)state_of(lua)->heap_bytes / 1024);
    return 1;
}

/* load: text only, bounded, as in Lua otherwise. */
static int guard_load(lua_State *lua)
{
    size_t length;

    if (lua_type(lua, 1) != LUA_TSTRING)
        return luaL_error(lua, "load takes a string here");
    const char *source = lua_tolstring(lua, 1, &length);
    if (length > BOUNDS_WORKER_SOURCE_BYTES)
        return luaL_error(lua, "load takes at most %d KiB", (int)(BOUNDS_WORKER_SOURCE_BYTES >> 10));
    if (luaL_loadbufferx(lua, source, length, luaL_optstring(lua, 2, "=load"), "t") != LUA_OK) {
        lua_pushnil(lua);
        lua_insert(lua, -2);
        return 2;
    }
    if (!lua_isnone(lua, 4)) {
        lua_pushvalue(lua, 4);
        lua_setupvalue(lua, -2, 1);
    }
    return 1;
}

void guard_register(lua_State *lua)
{
    static const struct {
        const char *library, *name;
        lua_CFunction wrapper;
    } wrappers[] = {
        {"string", "rep", guard_rep},     {"string", "format", guard_format}, {"table", "concat", guard_concat},
        {"table", "move", guard_move},    {"table", "insert", guard_edit},    {"table", "remove", guard_edit},
        {"table", "sort", guard_edit},    {"table", "unpack", guard_unpack},
    };
    for (size_t i = 0; i < MEMORY_COUNT(wrappers); i++) {
        lua_getglobal(lua, wrappers[i].library);
        lua_getfield(lua, -1, wrappers[i].name);
        lua_pushcclosure(lua, wrappers[i].wrapper, 1);
        lua_setfield(lua, -2, wrappers[i].name);
        lua_pop(lua, 1);
    }
    lua_register(lua, "tostring", guard_tostring);
    lua_register(lua, "collectgarbage", guard_count);
    lua_register(lua, "load", guard_load);
    lua_getglobal(lua, "math");
    lua_getfield(lua, -1, "randomseed");
    lua_setfield(lua, LUA_REGISTRYINDEX, "vitrine.randomseed");
    lua_pop(lua, 1);
}
