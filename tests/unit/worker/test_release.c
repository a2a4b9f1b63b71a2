/* What describing and waking share: running app.lua, its digest, and what differs from what was published. */
#include "runtime/worker/release.h"

#include <lua.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/memory.h"
#include "tests/unit/worker/rig.h"

static struct rig rig;

#define BLOCKS(body) "local ui = require 'ui'\nreturn ui.blocks(function()\n" body "\nend)\n"

static void the_hash_is_fnv_1a(void **state)
{
    assert_true(release_hash(TEXT("")) == 0xcbf29ce484222325u);
    assert_true(release_hash(TEXT("a")) == 0xaf63dc4c8601ec8cu);
    assert_true(release_hash(TEXT("foobar")) == 0x85944171f73967e8u);
}

/* Loads the source in a fresh state; the digest when that works, else the reason. */
static int load(const char *source, uint64_t seed, struct buffer *out, struct buffer *trace)
{
    const struct rig_file files[] = {{"app.lua", source, 0}, {"part.lua", "return {}", 0}, {NULL, NULL, 0}};

    rig_state(&rig, files);
    int result = release_load(&rig.state, "app.lua", seed, out, trace);
    if (result == 0)
        result = release_digest(&rig.state, out);
    assert_int_equal(lua_gettop(rig.state.lua), 0); /* nothing stays behind, also after an error */
    assert_false(rig.state.demo.loading);
    buffer_byte(out, 0);
    rig_close(&rig);
    return result;
}

static void the_same_source_has_the_same_digest(void **state)
{
    static const char *const sources[] = {
        BLOCKS("ui.textbox{label='a'}"), BLOCKS("ui.textbox{label='b'}"), BLOCKS("ui.textbox{label='a'} ui.textbox{label='a'}"),
        BLOCKS("ui.textbox{label=tostring(math.random(1 << 40))}"), BLOCKS("ui.textbox{label=tostring(os.time())}"),
    };
    BUFFER_AUTO struct buffer seen = BUFFER_EMPTY;

    for (size_t i = 0; i < MEMORY_COUNT(sources); i++) {
        BUFFER_AUTO struct buffer first = BUFFER_EMPTY, second = BUFFER_EMPTY;
        assert_int_equal(load(sources[i], 7, &first, NULL), 0);
        assert_int_equal(load(sources[i], 7, &second, NULL), 0);
        assert_int_equal(strlen(first.data), 16);
        assert_string_equal(first.data, second.data);
        assert_null(seen.data ? strstr(seen.data, first.data) : NULL); /* others have another one */
        seen.length -= seen.length > 0;
        buffer_string(&seen, first.data);
        buffer_byte(&seen, 0);
    }
    BUFFER_AUTO struct buffer other = BUFFER_EMPTY;
    assert_int_equal(load(sources[3], 8, &other, NULL), 0);
    assert_null(strstr(seen.data, other.data)); /* a seed that differs is another interface */
}

static void what_cannot_be_loaded_says_where(void **state)
{
    static const struct {
        const char *source, *reason;
    } cases[] = {
        {"return 1 +", "app.lua:1: unexpected symbol near <eof>"},
        {"\nlocal x = nil\nx.y = 1", "app.lua:3: attempt to index a nil value (local 'x')"},
        {"error { message = 'told' }", "told"},
        {"error(setmetatable({}, { __tostring = function() error 'never' end, __index = error }))", "(error object)"},
        {"error()", "(error object)"},
        {"error(print)", "(error object)"},
        {"\x1bLua", "unexpected symbol near"}, /* no compiled code */
        {"return 5", "app.lua"},
        {"local ui = require 'ui' ui.sleep(1)", "not while app.lua loads"},
        {"require 'gone'", "there is no module \"gone\""},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
        assert_true(load(cases[i].source, 1, &reason, NULL) < 0);
        if (!strstr(reason.data, cases[i].reason))
            fail_msg("%s\n  says \"%s\"\n  not  \"%s\"", cases[i].source, reason.data, cases[i].reason);
    }
}

static void a_traceback_is_for_who_asks(void **state)
{
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY, trace = BUFFER_EMPTY;

    assert_true(load("local function f() error 'no' end\nf()", 1, &reason, &trace) < 0);
    buffer_byte(&trace, 0);
    assert_string_equal(reason.data, "app.lua:1: no");
    assert_non_null(strstr(trace.data, "app.lua:2: in main chunk"));
}

static void a_file_that_is_not_there_is_named(void **state)
{
    static const struct rig_file files[] = {{"part.lua", "return {}", 0}, {NULL, NULL, 0}};
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;

    rig_state(&rig, files);
    assert_true(release_load(&rig.state, "app.lua", 1, &reason, NULL) < 0);
    buffer_byte(&reason, 0);
    assert_string_equal(reason.data, "app.lua: there is no such file");
    rig_close(&rig);
}

static void errors_are_taken_raw(void **state)
{
    static const struct rig_file files[] = {{"app.lua", "", 0}, {NULL, NULL, 0}};
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;

    rig_state(&rig, files);
    lua_pushnil(rig.state.lua);
    release_take_error(&rig.state, &reason);
    lua_pushinteger(rig.state.lua, 7); /* not text: what it looks like is not asked of it */
    release_take_error(&rig.state, &reason);
    lua_newtable(rig.state.lua);
    lua_newtable(rig.state.lua);
    lua_setfield(rig.state.lua, -2, "message");
    release_take_error(&rig.state, &reason);
    buffer_byte(&reason, 0);
    assert_string_equal(reason.data, "(error object)(error object)(error object)");
    assert_int_equal(lua_gettop(rig.state.lua), 0);
    rig_close(&rig);
}

static void damaged_documents_make_no_difference(void **state)
{
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    static const struct rig_file files[] = {{"app.lua", BLOCKS("ui.textbox{label='a'}"), 0}, {NULL, NULL, 0}};

    rig_state(&rig, files);
    assert_int_equal(release_load(&rig.state, "app.lua", 1, &reason, NULL), 0);
    release_difference(&rig.state, TEXT("{"), &reason);
    assert_int_equal(reason.length, 0);
    release_difference(&rig.state, TEXT("{\"components\":[]}"), &reason);
    buffer_byte(&reason, 0);
    assert_true(strlen(reason.data) > 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_fnv_1a),
        cmocka_unit_test(the_same_source_has_the_same_digest),
        cmocka_unit_test(what_cannot_be_loaded_says_where),
        cmocka_unit_test(a_traceback_is_for_who_asks),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(errors_are_taken_raw),
        cmocka_unit_test(damaged_documents_make_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
