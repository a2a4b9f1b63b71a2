#include "runtime/worker/hint.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/memory.h"

/* Runs the code in a state where only some names exist and looks for the sentence in what Lua itself said. */
static void assert_hint(const char *code, const char *expected)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    lua_State *lua = luaL_newstate();

    luaL_openlibs(lua);
    assert_int_equal(luaL_dostring(lua, "os, io, string, debug = {}, {}, {}, {}; package, dofile, loadfile = nil, nil, nil"), 0);
    assert_int_equal(luaL_loadbuffer(lua, code, strlen(code), "@app.lua"), 0);
    assert_int_not_equal(lua_pcall(lua, 0, 0, 0), 0);
    hint_write(&out, text_from(lua_tostring(lua, -1)));
    buffer_byte(&out, 0);
    assert_true(strncmp(out.data, "app.lua:1: ", 11) == 0 || strncmp(out.data, "attempt to yield", 16) == 0);
    if (expected)
        assert_non_null(strstr(out.data, expected));
    else
        assert_null(strchr(out.data, ';'));
    lua_close(lua);
}

static void what_lua_says_is_answered(void **state)
{
    static const char *const pairs[][2] = {
        {"os.execute('ls')", "; os.execute does not exist here: a demo starts no programs"},
        {"io.popen('ls')", "starts no programs"},
        {"return os.getenv('HOME')", "keep settings in a file of the repository"},
        {"os.exit(1)", "return from the handler"},
        {"io.write('x')", "print writes to the demo's log"},
        {"io.stderr:write('x')", "print writes to the demo's log"},
        {"dofile('x.lua')", "use require"},
        {"package.path = 'x'", "require finds name.lua"},
        {"return unpack({})", "table.unpack"},
        {"return loadstring('x')", "it is called load"},
        {"debug.sethook()", "only debug.traceback exists"},
        {"string.dump(print)", "a demo is source text"},
        {"ui.textbox{}", "local ui = require \"ui\""},
        {"ai.model('a/b')", "local ai = require \"ai\""},
        {"coroutine.yield(1)", "here there is nobody to send it to"},
        {"local a; return a + 1", "an input that the visitor left empty is nil"},
        {"local a; return 'x' .. a", "an input that the visitor left empty is nil"},
        {"local a; return a < 1", "an input that the visitor left empty is nil"},
        {"return {} < {}", NULL},
        {"local a; return 1 < a", "an input that the visitor left empty is nil"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++)
        assert_hint(pairs[i][0], pairs[i][1]);
}

static void other_messages_stay_as_they_are(void **state)
{
    static const char *const messages[] = {"", "app.lua:1: no", "(field 'execute')", "app.lua:3: attempt to call a table value",
                                           "first line\nattempt to call a nil value (field 'execute')"};
    for (size_t i = 0; i < MEMORY_COUNT(messages); i++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        assert_null(hint_find(text_from(messages[i])));
        hint_write(&out, text_from(messages[i]));
        assert_true(text_equal(buffer_view(&out), text_from(messages[i])));
    }
}

static void a_traceback_keeps_its_lines(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    hint_write(&out, TEXT("app.lua:1: attempt to call a nil value (global 'unpack')\nstack traceback:\n\t[C]: in ?"));
    assert_true(text_equal(buffer_view(&out),
                           TEXT("app.lua:1: attempt to call a nil value (global 'unpack'); this is Lua 5.4: it is called "
                                "table.unpack\nstack traceback:\n\t[C]: in ?")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lua_says_is_answered),
        cmocka_unit_test(other_messages_stay_as_they_are),
        cmocka_unit_test(a_traceback_keeps_its_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
