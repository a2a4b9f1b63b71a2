/* Waits inside of an author's coroutines: where they pass through, where they are refused, and that coroutines are
 * otherwise Lua's own. */
#include <lauxlib.h>
#include <lua.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/memory.h"
#include "tests/unit/worker/rig.h"

static struct rig rig;
static lua_State *thread;

static int lua_wait(lua_State *lua)
{
    return coro_wait(lua, lua_gettop(lua));
}

static int lua_can_wait(lua_State *lua)
{
    lua_pushboolean(lua, coro_can_wait(lua));
    return 1;
}

static int set_up(void **state)
{
    static const struct rig_file files[] = {{"app.lua", "", 0}, {NULL, NULL, 0}};

    rig_state(&rig, files);
    lua_register(rig.state.lua, "wait", lua_wait);
    lua_register(rig.state.lua, "can_wait", lua_can_wait);
    return 0;
}

static int tear_down(void **state)
{
    rig_close(&rig);
    return 0;
}

static void begin(const char *code)
{
    lua_settop(rig.state.lua, 0);
    thread = lua_newthread(rig.state.lua);
    assert_int_equal(luaL_loadbuffer(thread, code, strlen(code), "@app.lua"), LUA_OK);
}

/* Enters with `count` values on the stack, as the event layer does. Returns what lua_resume() does. */
static int go_on(int count, int *ret_results)
{
    coro_set_running(thread);
    int status = lua_resume(thread, rig.state.lua, count, ret_results);
    coro_set_running(NULL);
    return status;
}

static void waits(int results, const char *value)
{
    assert_true(coro_is_wait(thread, results));
    assert_string_equal(lua_tostring(thread, -1), value);
    lua_pop(thread, results);
}

static void a_wait_comes_out_of_any_depth_and_its_answer_goes_back(void **state)
{
    int results;

    begin("local inner = coroutine.wrap(function(a)\n"
          "  local co = coroutine.create(function() return wait('deep') .. '!' end)\n"
          "  local ok, got = coroutine.resume(co)\n"
          "  coroutine.yield(a .. tostring(ok) .. got)\n"
          "  return (pcall(wait, 'second')) end)\n"
          "return inner 'x', inner()");
    assert_int_equal(go_on(0, &results), LUA_YIELD);
    waits(results, "deep");
    lua_pushliteral(thread, "answer");
    assert_int_equal(go_on(1, &results), LUA_YIELD);
    waits(results, "second");
    assert_int_equal(go_on(0, &results), LUA_OK);
    assert_int_equal(results, 2);
    assert_string_equal(lua_tostring(thread, -2), "xtrueanswer!");
    assert_true(lua_toboolean(thread, -1));
}

static void an_authors_yield_is_no_wait(void **state)
{
    int results;

    begin("coroutine.yield() coroutine.yield('deep') coroutine.yield(nil, 1)");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(go_on(0, &results), LUA_YIELD);
        assert_false(coro_is_wait(thread, results));
        lua_pop(thread, results);
    }
    assert_int_equal(go_on(0, &results), LUA_OK);
}

static void what_lua_cannot_suspend_refuses_at_any_depth(void **state)
{
    static const char *const codes[] = {
        "table.sort({ 2, 1 }, function(a, b) %s return a < b end)",
        "string.gsub('x', '.', function() %s end)",
        "table.sort({ 2, 1 }, function(a, b) coroutine.wrap(function() %s end)() return a < b end)",
        "table.sort({ 2, 1 }, function(a, b) coroutine.wrap(function() coroutine.wrap(function() %s end)() end)() return a < b end)",
        "string.gsub('x', '.', function() assert(coroutine.resume(coroutine.create(function() %s end))) end)",
    };
    for (size_t i = 0; i < MEMORY_COUNT(codes); i++) {
        BUFFER_AUTO struct buffer code = BUFFER_EMPTY;
        int results;
        buffer_format(&code, codes[i], "assert(not can_wait()) wait('never')");
        buffer_byte(&code, 0);
        begin(code.data);
        assert_int_equal(go_on(0, &results), LUA_ERRRUN);
        if (!strstr(lua_tostring(thread, -1), "cannot wait here"))
            fail_msg("%s: %s", code.data, lua_tostring(thread, -1));
        lua_closethread(thread, NULL);
    }
}

/* The refusal inside is not remembered outside. */
static void waiting_is_possible_again_behind_what_could_not(void **state)
{
    int results;

    begin("local got\n"
          "pcall(table.sort, { 2, 1 }, function(a, b) got = can_wait() coroutine.wrap(error)('x') end)\n"
          "return tostring(got) .. tostring(can_wait()) .. tostring(coroutine.wrap(can_wait)()) .. wait('now')");
    assert_int_equal(go_on(0, &results), LUA_YIELD);
    waits(results, "now");
    lua_pushliteral(thread, "!");
    assert_int_equal(go_on(1, &results), LUA_OK);
    assert_string_equal(lua_tostring(thread, -1), "falsetruetrue!");
}

static void nothing_waits_while_app_lua_loads(void **state)
{
    rig.state.demo.loading = true;
    assert_non_null(strstr(rig_run(&rig, "wait(1)"), "not while app.lua loads"));
    assert_non_null(strstr(rig_run(&rig, "return select(2, coroutine.resume(coroutine.create(wait)))"), "not while app.lua loads"));
    rig.state.demo.loading = false;
    assert_non_null(strstr(rig_run(&rig, "wait(1)"), "cannot wait here")); /* the main state is no coroutine */
}

static void coroutines_are_otherwise_lua_s(void **state)
{
    static const char *const pairs[][2] = {
        {"local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) error { b } end)\n"
         "local _, x = coroutine.resume(co, 1) local ok, e = coroutine.resume(co, 5)\n"
         "return x .. tostring(ok) .. e[1] .. coroutine.status(co)", "2false5dead"},
        {"local co co = coroutine.create(function() return coroutine.resume(co) end) return select(3, coroutine.resume(co))",
         "cannot resume non-suspended coroutine"},
        {"local co = coroutine.create(print) coroutine.resume(co) return select(2, coroutine.resume(co))", "cannot resume dead coroutine"},
        {"local f = coroutine.wrap(function() end) f() f()", "cannot resume dead coroutine"},
        {"coroutine.wrap(function() error 'inside' end)()", "app.lua:1: inside"},
        {"return select('#', coroutine.wrap(function(...) return ... end)(nil, nil, nil))", "3"},
        {"coroutine.resume(1)", "thread expected"},
        {"coroutine.wrap(1)", "function expected"},
        {"local function deep(n) return coroutine.wrap(function() return deep(n + 1) end)() end deep(1)", "C stack overflow"},
        {"return select(2, coroutine.resume(coroutine.create(function() end), table.unpack({}, 1, 999000)))", "too many"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++) {
        const char *got = rig_run(&rig, pairs[i][0]);
        if (!strstr(got, pairs[i][1]))
            fail_msg("%s\n  gave \"%s\"\n  not  \"%s\"", pairs[i][0], got, pairs[i][1]);
    }
}

static void closing_runs_what_was_to_be_closed(void **state)
{
    assert_string_equal(rig_run(&rig, "local out = '' local co = coroutine.create(function()\n"
                                      "  local x <close> = setmetatable({}, { __close = function() out = out .. 'c' end }) coroutine.yield() end)\n"
                                      "coroutine.resume(co) return tostring(coroutine.close(co)) .. out"),
                        "truec");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_comes_out_of_any_depth_and_its_answer_goes_back),
        cmocka_unit_test(an_authors_yield_is_no_wait),
        cmocka_unit_test(what_lua_cannot_suspend_refuses_at_any_depth),
        cmocka_unit_test(waiting_is_possible_again_behind_what_could_not),
        cmocka_unit_test(nothing_waits_while_app_lua_loads),
        cmocka_unit_test(coroutines_are_otherwise_lua_s),
        cmocka_unit_test(closing_runs_what_was_to_be_closed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
