#include "runtime/worker/state.h"

#include <lauxlib.h>
#include <lua.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static struct state host;

static int set_up(void **state)
{
    (void)state;
    state_init(&host, BOUNDS_WORKER_HEAP_BYTES);
    return 0;
}

/* What the expression is as JSON; NULL and a reason when it has no such form. */
static const char *written(const char *expression, struct buffer *out)
{
    BUFFER_AUTO struct buffer code = BUFFER_EMPTY;
    const char *reason = NULL;

    buffer_format(&code, "return %s", expression);
    assert_int_equal(luaL_loadbuffer(host.lua, code.data, code.length, "=test"), 0);
    assert_int_equal(lua_pcall(host.lua, 0, 1, 0), 0);
    int top = lua_gettop(host.lua);
    int result = values_write_json(host.lua, -1, out, &reason);
    assert_int_equal(lua_gettop(host.lua), top); /* nothing left on the stack, also after an error */
    lua_pop(host.lua, 1);
    buffer_byte(out, 0);
    if (result == 0)
        return out->data;
    assert_int_equal(result, ERROR_INVALID);
    buffer_clear(out);
    buffer_string(out, reason);
    return NULL;
}

static void lua_becomes_json(void **state)
{
    static const char *const pairs[][2] = {
        {"nil", "null"}, {"true", "true"}, {"1", "1"}, {"1.5", "1.5"}, {"-0.0", "-0"}, {"1e300", "1e+300"}, {"math.mininteger", "-9223372036854775808"},
        {"'a\\n\"\\\\'", "\"a\\n\\\"\\\\\""}, {"{}", "{}"}, {"{1, 2}", "[1,2]"}, {"{a = {b = {}}}", "{\"a\":{\"b\":{}}}"}, {"{1, nil, 3}", "[1,null,3]"},
        {"'\\xff'", "\"\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_string_equal(written(pairs[i][0], &out), pairs[i][1]);
    }
}

static void what_has_no_form_is_named(void **state)
{
    static const char *const pairs[][2] = {
        {"print", "a function"}, {"0/0", "a number that is infinite or not a number"}, {"math.huge", "a number that is infinite or not a number"},
        {"coroutine.create(print)", "neither text"}, {"{a = 1, [2] = 3}", "a table with both names and other keys"}, {"{[true] = 1}", "both names and other"},
        {"{{{print}}}", "a function"}, {"(function() local t = {} t.t = t return t end)()", "nested too deeply, or inside itself"},
        {"(function() local t = {} t[1] = t return t end)()", "nested too deeply, or inside itself"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_null(written(pairs[i][0], &out));
        assert_non_null(strstr(out.data, pairs[i][1]));
    }
}

/* Small in the heap, without end as text. */
static void what_would_be_endless_is_refused(void **state)
{
    static const char *const pairs[][2] = {
        {"(function() local s = 'return {1,1,1,1,[5]=1' for i = 3, 62 do s = s .. ',[1<<' .. i .. ']=1' end return load(s .. '}')() end)()", "more elements than"},
        {"(function() local t = {('x'):rep(100)} for i = 1, 30 do t = {t, t} end return t end)()", "more than 16 MiB"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_null(written(pairs[i][0], &out));
        if (!strstr(out.data, pairs[i][1]))
            fail_msg("%s: %s", pairs[i][0], out.data);
    }
}

static void no_metamethod_runs(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    assert_string_equal(written("setmetatable({a = 1}, {__index = error, __pairs = error, __len = error, __tostring = error, __name = 'x'})", &out),
                        "{\"a\":1}");
}

static void names_are_sorted_where_a_release_is_made(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    host.sorted_json = true;
    assert_string_equal(written("{b = 1, a = {d = 1, c = 2}, [''] = 0, B = 3}", &out), "{\"\":0,\"B\":3,\"a\":{\"c\":2,\"d\":1},\"b\":1}");
    buffer_clear(&out);
    assert_string_equal(written("{['a\\0c'] = 1, ['a\\0b'] = 2, a = 3}", &out), "{\"a\":3,\"a\\u0000b\":2,\"a\\u0000c\":1}");
    host.sorted_json = false;
}

static void json_goes_in_and_comes_out_again(void **state)
{
    static const char *const texts[] = {"null", "[]", "{}", "[[],{}]", "[1,2.5,\"x\"]", "{\"a\":[null,true]}", "\"\\u00fc\\ud83d\\ude00\"", "[9007199254740993]", "-0",
                                        "{\"\":1}", "{\"a\\\"b\":1}"};
    static const char *const want[] = {"null", "[]", "{}", "[[],{}]", "[1,2.5,\"x\"]", "{\"a\":[null,true]}", "\"\xc3\xbc\xf0\x9f\x98\x80\"", "[9007199254740993]", "0",
                                       "{\"\":1}", "{\"a\\\"b\":1}"};
    for (size_t i = 0; i < MEMORY_COUNT(texts); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_int_equal(values_push_json(host.lua, text_from(texts[i])), 0);
        assert_int_equal(values_write_json(host.lua, -1, &out, NULL), 0);
        lua_pop(host.lua, 1);
        buffer_byte(&out, 0);
        if (strcmp(texts[i], "-0") != 0)
            assert_string_equal(out.data, want[i]);
    }
}

static void broken_json_pushes_nothing(void **state)
{
    static const char *const texts[] = {"", "{", "[1,]", "{\"a\"}", "nul", "1 2", "\"\\ud800\"", "\xff"};
    BUFFER_AUTO struct buffer deep = BUFFER_EMPTY;
    int top = lua_gettop(host.lua);

    for (size_t i = 0; i < MEMORY_COUNT(texts); i++)
        assert_true(values_push_json(host.lua, text_from(texts[i])) < 0);
    for (int i = 0; i < 100000; i++)
        buffer_byte(&deep, '[');
    assert_true(values_push_json(host.lua, buffer_view(&deep)) < 0);
    assert_int_equal(lua_gettop(host.lua), top);
}

/* -- the surface that demo code has, as far as it needs no worker -- */

static void assert_lua(const char *code, const char *expected)
{
    (void)(luaL_loadbuffer(host.lua, code, strlen(code), "@app.lua") || lua_pcall(host.lua, 0, 1, 0));
    const char *got = lua_tostring(host.lua, -1);
    if (!got || !strstr(got, expected))
        fail_msg("%s: %s", code, got ? got : "(no text)");
    lua_settop(host.lua, 0);
}

static void library_loops_are_refused_before_they_start(void **state)
{
    static const char *const codes[] = {
        "return ('x'):rep(1 << 40)", "return (''):rep(1 << 40)", "return ('x'):rep(1 << 20, ('y'):rep(1 << 10))", "return table.concat({}, '', 1, 1 << 40)",
        "return table.move({}, 1, 1 << 40, 2)", "return table.unpack({}, 1, 1 << 40)", "return table.unpack({}, math.mininteger, math.maxinteger)",
        "table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 1)", "table.sort(setmetatable({}, {__len = function() return 1 << 40 end}))",
    };
    for (size_t i = 0; i < MEMORY_COUNT(codes); i++)
        assert_lua(codes[i], "here");
}

static void the_same_functions_work_as_lua_says(void **state)
{
    assert_lua("return ('ab'):rep(3, ',')", "ab,ab,ab");
    assert_lua("return table.concat({1, 2, 3}, '-', 2)", "2-3");
    assert_lua("return table.concat(table.move({1, 2, 3}, 1, 3, 2), '')", "1123");
    assert_lua("local t = {3, 1, 2} table.sort(t) return table.concat(t)", "123");
    assert_lua("return tostring(select('#', table.unpack({}, 1, 3)))", "3");
    assert_lua("return tostring(setmetatable({}, {__tostring = function() return 'mine' end}))", "mine");
    assert_lua("return string.format('%5.1f|%s|%q', 1.25, {}, 'a')", "table|\"a\"");
    assert_lua("return tostring(load('return 1 + 1')())", "2");
    assert_lua("return select(2, load('return +'))", "unexpected symbol");
    assert_lua("return tostring(collectgarbage('count') > 0)", "true");
    assert_lua("return collectgarbage('stop')", "only \"count\"");
    assert_lua("return load(function() end)", "load takes a string here");
    assert_lua("return tostring(load(('x'):rep(300000)))", "at most 256 KiB");
    assert_lua("return string.format('%p', {})", "%p does not exist here");
    assert_lua("return string.format('\\0%p', {})", "%p does not exist here"); /* a NUL does not end the format */
    assert_lua("return tostring(string.format('\\0%s', {}) == '\\0table')", "true");
    assert_lua("return os.date('!%Y-%m-%d %H:%M:%S', 86399)", "1970-01-01 23:59:59");
    assert_lua("return os.date('%Q')", "is not a conversion that exists here");
    assert_lua("return tostring(os.time{year = 2000, month = 1, day = 1, hour = 0})", "946684800");
    assert_lua("return os.time{year = 2000}", "is missing");
    assert_lua("return tostring(getmetatable(''))", "false");
}

static void json_in_lua(void **state)
{
    state_require(&host, "json");
    lua_setglobal(host.lua, "json_for_test");
    assert_lua("return json_for_test.encode(json_for_test.array())", "[]");
    assert_lua("return json_for_test.encode{json_for_test.null}", "[null]");
    assert_lua("return json_for_test.encode(json_for_test.decode('[{\"a\":[]}]'))", "[{\"a\":[]}]");
    assert_lua("return json_for_test.decode('{')", "json.decode: the text is not JSON");
    assert_lua("return json_for_test.encode(print)", "json.encode: a function has no JSON form");
    lua_pushnil(host.lua);
    lua_setglobal(host.lua, "json_for_test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lua_becomes_json),
        cmocka_unit_test(what_has_no_form_is_named),
        cmocka_unit_test(what_would_be_endless_is_refused),
        cmocka_unit_test(no_metamethod_runs),
        cmocka_unit_test(names_are_sorted_where_a_release_is_made),
        cmocka_unit_test(json_goes_in_and_comes_out_again),
        cmocka_unit_test(broken_json_pushes_nothing),
        cmocka_unit_test(library_loops_are_refused_before_they_start),
        cmocka_unit_test(the_same_functions_work_as_lua_says),
        cmocka_unit_test(json_in_lua),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
