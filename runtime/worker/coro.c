/* Waits inside coroutines: a wait yields a private sentinel. Our resume and wrap see it, yield it on outward from
 * their own coroutine, and hand the answer back in, so that a model can be called anywhere in an author's
 * iterators. Where Lua cannot yield (a sort comparator, a gsub callback) the wait raises. */
#include <lauxlib.h>
#include <lua.h>

#include "runtime/base/memory.h"
#include "runtime/worker/state.h"

static char coro_sentinel; /* its address is the mark */
static lua_State *coro_current;
/* Some resume() between the event and what runs now stands where Lua cannot yield. lua_isyieldable() does not tell: it
 * knows only the innermost coroutine. */
static bool coro_blocked;

lua_State *coro_running(void)
{
    return coro_current;
}

void coro_set_running(lua_State *lua)
{
    coro_current = lua;
    coro_blocked = false;
}

bool coro_can_wait(lua_State *lua)
{
    return lua_isyieldable(lua) && !coro_blocked;
}

bool coro_is_wait(lua_State *lua, int count)
{
    return count > 0 && lua_touserdata(lua, -count) == &coro_sentinel;
}

/* After the answer: what the event loop pushed is the result of the waiting function. */
static int coro_answered(lua_State *lua, int status, lua_KContext base)
{
    (void)status;
    return lua_gettop(lua) - (int)base;
}

int coro_wait(lua_State *lua, int count)
{
    if (state_of(lua)->demo.loading)
        return luaL_error(lua, "models, files and waits work in a handler, not while app.lua loads");
    if (!coro_can_wait(lua))
        return luaL_error(lua,
                          "cannot wait here: Lua cannot suspend a sort comparator, a gsub callback or a finalizer");
    lua_pushlightuserdata(lua, &coro_sentinel);
    lua_insert(lua, -count - 1);
    return lua_yieldk(lua, count + 1, lua_gettop(lua) - count - 1, coro_answered);
}

static int coro_step(lua_State *lua, lua_State *co, int arguments, bool wrap);

/* The host's answer came: what the event loop pushed goes on into the coroutine that asked. */
static int coro_continue_resume(lua_State *lua, int status, lua_KContext base)
{
    (void)status;
    lua_State *co = lua_tothread(lua, 1);
    int count = lua_gettop(lua) - (int)base;
    lua_xmove(lua, co, count);
    return coro_step(lua, co, count, false);
}

static int coro_continue_wrap(lua_State *lua, int status, lua_KContext base)
{
    (void)status;
    lua_State *co = lua_tothread(lua, lua_upvalueindex(1));
    int count = lua_gettop(lua) - (int)base;
    lua_xmove(lua, co, count);
    return coro_step(lua, co, count, true);
}

/* A wrapped coroutine's error goes on up, with the position when it is a text. */
static int coro_fail_wrap(lua_State *lua, lua_State *co)
{
    lua_closethread(co, lua);
    lua_xmove(co, lua, 1);
    return lua_error(lua);
}

/* Resumes `co` with `arguments` values on its stack, and follows its waits. lua_resume() catches every error, so
 * what is noted about the inner coroutine is always taken back. A wait that comes out of it can be passed on:
 * coro_wait() has refused those that could not. */
static int coro_step(lua_State *lua, lua_State *co, int arguments, bool wrap)
{
    int count = 0;

    if (!lua_checkstack(co, arguments))
        return luaL_error(lua, "too many arguments to resume");
    lua_State *outer = coro_current;
    bool outer_blocked = coro_blocked;
    coro_current = co;
    coro_blocked = outer_blocked || !lua_isyieldable(lua);
    int status = lua_resume(co, lua, arguments, &count);
    coro_current = outer;
    coro_blocked = outer_blocked;
    if (status == LUA_YIELD && coro_is_wait(co, count)) {
        luaL_checkstack(lua, count, "too many results");
        int base = lua_gettop(lua);
        lua_xmove(co, lua, count);
        return lua_yieldk(lua, count, base, wrap ? coro_continue_wrap : coro_continue_resume);
    }
    if (status != LUA_OK && status != LUA_YIELD) {
        if (wrap)
            return coro_fail_wrap(lua, co);
        lua_pushboolean(lua, 0);
        lua_xmove(co, lua, 1);
        return 2;
    }
    luaL_checkstack(lua, count + 1, "too many results");
    if (!wrap)
        lua_pushboolean(lua, 1);
    lua_xmove(co, lua, count);
    return count + (wrap ? 0 : 1);
}

/* Over, or failed: as auxstatus() of Lua's own library decides it, from public calls. */
static bool coro_is_dead(lua_State *co)
{
    lua_Debug frame;
    int status = lua_status(co);
    return (status != LUA_OK && status != LUA_YIELD) ||
           (status == LUA_OK && lua_getstack(co, 0, &frame) == 0 && lua_gettop(co) == 0);
}

/* The words are Lua's own, so that code which looks for them finds them. NULL: it can be resumed. */
static const char *coro_refusal(lua_State *lua, lua_State *co)
{
    lua_Debug frame;

    if (co == lua || (lua_status(co) == LUA_OK && lua_getstack(co, 0, &frame) > 0))
        return "cannot resume non-suspended coroutine";
    return coro_is_dead(co) ? "cannot resume dead coroutine" : NULL;
}

static int coro_resume(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTHREAD);
    lua_State *co = lua_tothread(lua, 1);
    int arguments = lua_gettop(lua) - 1;
    const char *refusal = coro_refusal(lua, co);

    if (refusal || !lua_checkstack(co, arguments)) {
        lua_pushboolean(lua, 0);
        lua_pushstring(lua, refusal ? refusal : "too many arguments to resume");
        return 2;
    }
    lua_xmove(lua, co, arguments);
    return coro_step(lua, co, arguments, false);
}

/* What coroutine.wrap returns: errors go on up instead of becoming values. */
static int coro_call_wrapped(lua_State *lua)
{
    lua_State *co = lua_tothread(lua, lua_upvalueindex(1));
    int arguments = lua_gettop(lua);
    const char *refusal = coro_refusal(lua, co);

    if (refusal || !lua_checkstack(co, arguments))
        return luaL_error(lua, "%s", refusal ? refusal : "too many arguments to resume");
    lua_xmove(lua, co, arguments);
    return coro_step(lua, co, arguments, true);
}

static int coro_wrap(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(lua);
    lua_pushvalue(lua, 1);
    lua_xmove(lua, co, 1);
    lua_pushcclosure(lua, coro_call_wrapped, 1);
    return 1;
}

/* create, status, close, running and isyieldable stay Lua's. */
void coro_register(lua_State *lua)
{
    lua_getglobal(lua, "coroutine");
    lua_pushcfunction(lua, coro_resume);
    lua_setfield(lua, -2, "resume");
    lua_pushcfunction(lua, coro_wrap);
    lua_setfield(lua, -2, "wrap");
    lua_pop(lua, 1);
}
