/* require, io, os, print: what a release's own files and the clock look like to demo code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/memory.h"
#include "tests/unit/worker/rig.h"

static struct rig rig;
static char printed[1024];
static int lines;

static void keep_line(void *context, const char *level, struct text line)
{
    assert_string_equal(level, "info");
    strncat(printed, "|", sizeof printed - strlen(printed) - 1);
    strncat(printed, line.data ? line.data : "", line.length < 200 ? line.length : 200);
    lines++;
}

static int set_up(void **state)
{
    static char large[(256 << 10) + 2];
    const struct rig_file files[] = {
        {"app.lua", "return 1", 0},
        {"help.lua", "count = (count or 0) + 1 return { name = ..., count = count }", 0},
        {"nothing.lua", "touched = true", 0},
        {"lib/deep.lua", "return 'deep'", 0},
        {"pack/init.lua", "return 'pack'", 0},
        {"broken.lua", "return 1 +", 0},
        {"raises.lua", "\nerror 'no'", 0},
        {"binary.lua", "\x1bLua", 0},
        {"large.lua", large, 0},
        {"a.txt", "one\ntwo\r\n\nlast", 0},
        {"numbers.txt", " 12 0x10 -3.5e1 x", 0},
        {"empty.txt", "", 0},
        {".vitrine/manifest.json", "{}", BUNDLE_FLAG_GENERATED},
        {NULL, NULL, 0}};

    memset(large, ' ', sizeof large - 1);
    rig_state(&rig, files);
    rig.state.demo.print = keep_line;
    return 0;
}

static int tear_down(void **state)
{
    rig_close(&rig);
    return 0;
}

struct pair {
    const char *code, *expected;
};

/* Each code's first result, or error, holds the text. */
static void assert_all(const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = rig_run(&rig, pairs[i].code);
        if (!strstr(got, pairs[i].expected))
            fail_msg("%s\n  gave \"%s\"\n  not  \"%s\"", pairs[i].code, got, pairs[i].expected);
    }
}

static void modules_are_run_once_and_kept(void **state)
{
    static const struct pair pairs[] = {
        {"return require('help').name", "help"},
        {"return tostring(require 'help' == require 'help') .. require('help').count", "true1"},
        {"return tostring(require 'nothing') .. tostring(touched)", "truetrue"},
        {"return require 'lib.deep' .. require 'pack'", "deeppack"},
        {"return type(require 'ui') .. type(require 'ai') .. type(require 'json')", "tabletabletable"},
    };
    assert_all(pairs, MEMORY_COUNT(pairs));
}

static void what_cannot_be_required_says_why(void **state)
{
    static const struct pair pairs[] = {
        {"require 'gone'", "there is no module \"gone\": the repository has neither gone.lua nor gone/init.lua"},
        {"require 'help.lua'", "write require \"help\""},
        {"require './help'", "write require \"help\""},
        {"require 'deep'", "write require \"lib.deep\""},
        {"require 'core'", "there is no module \"core\""}, /* the host's own */
        {"require 'host'", "there is no module \"host\""},
        {"require ''", "there is no module"},
        {"require(('x'):rep(5000))", "there is no module"},
        {"require 'broken'", "broken.lua:1:"},
        {"require 'raises'", "raises.lua:2: no"},
        {"require 'binary'", "binary"},
        {"require 'large'", "is larger than 256 KiB"},
        {"require()", "string expected"},
    };
    assert_all(pairs, MEMORY_COUNT(pairs));
}

static void a_module_that_failed_is_tried_again(void **state)
{
    static const struct pair pairs[] = {
        {"return tostring(pcall(require, 'raises')) .. tostring(pcall(require, 'raises'))", "falsefalse"},
    };
    assert_all(pairs, MEMORY_COUNT(pairs));
}

static void files_of_the_repository_are_read(void **state)
{
    static const struct pair pairs[] = {
        {"local f = io.open 'a.txt' return f:read() .. '|' .. f:read 'L' .. '|' .. f:read('l', 'l')", "one|two\r\n|"},
        {"local f = io.open('a.txt', 'rb') return f:read(3) .. f:read(0) .. #f:read 'a' .. f:read 'a'", "one11"},
        {"local f = io.open 'a.txt' f:seek('end') return tostring(f:read(1)) .. tostring(f:read 'l') .. #f:read 'a'", "nilnil0"},
        {"local f = io.open 'empty.txt' return tostring(f:read(0)) .. tostring(f:read(1)) .. #f:read '*a'", "nil0"},
        {"local f = io.open 'numbers.txt' local a, b, c, d = f:read('n', 'n', 'n', 'n') return a .. b .. c .. tostring(d)", "1216-35.0nil"},
        {"local t = {} for l in io.lines 'a.txt' do t[#t + 1] = l end return table.concat(t, ',')", "one,two\r,,last"},
        {"local f = io.open 'a.txt' return f:seek('set', 4) .. f:read(3) .. f:seek() .. f:seek('end', -4) .. f:read 'a'", "4two710last"},
        {"return tostring(io.open('a.txt'):close())", "true"},
    };
    assert_all(pairs, MEMORY_COUNT(pairs));
}

/* A NUL belongs to no number and is no space: strchr() would say both. */
static void a_nul_is_not_part_of_a_number(void **state)
{
    struct bundle_writer writer;
    struct bundle *before = &rig.bundle;
    struct bundle bundle;
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY;

    bundle_writer_init(&writer);
    assert_int_equal(bundle_writer_add(&writer, TEXT("n"), TEXT("12\0 7"), 0), 0);
    assert_int_equal(bundle_writer_finish(&writer, &bytes), 0);
    assert_int_equal(bundle_open(&bundle, bytes.data, bytes.length), 0);
    bundle_writer_release(&writer);
    rig.state.demo.bundle = &bundle;
    assert_string_equal(rig_run(&rig, "local f = io.open 'n' local a = f:read 'n' return a .. '|' .. f:seek() .. tostring(f:read 'n')"),
                        "12|2nil");
    rig.state.demo.bundle = before;
}

static void what_cannot_be_read_says_why(void **state)
{
    static const struct pair pairs[] = {
        {"return select(2, io.open 'gone')", "gone: there is no such file in the repository"},
        {"return select(2, io.open '.vitrine/manifest.json')", "there is no such file"}, /* the host's */
        {"return select(2, io.open '/etc/passwd')", "there is no such file"},
        {"return select(2, io.open '../a.txt')", "there is no such file"},
        {"return select(2, io.open('a.txt', 'w'))", "files can only be read here"},
        {"for l in io.lines 'gone' do end", "there is no such file"},
        {"io.open('a.txt'):read 'q'", "invalid format"},
        {"io.open('a.txt'):seek('set', -1)", "seek beyond the file"},
        {"io.open('a.txt'):seek('end', 1)", "seek beyond the file"},
        {"io.open('a.txt'):seek('set', math.mininteger)", "seek beyond the file"},
        {"io.open('a.txt').read({})", "file expected"},
        {"return tostring(getmetatable(io.open 'a.txt'))", "false"},
        {"return tostring(io.write) .. tostring(io.popen) .. tostring(os.execute) .. tostring(os.getenv)", "nilnilnilnil"},
    };
    assert_all(pairs, MEMORY_COUNT(pairs));
}

static void time_is_what_the_host_tells(void **state)
{
    static const struct pair frozen[] = {{"return os.time()", "946684800"}, {"return os.date '!%Y-%m-%dT%H:%M:%S'", "2000-01-01T00:00:00"}};
    static const struct pair pairs[] = {
        {"return os.time()", "1700000000"},
        {"return os.date('%Y-%m-%d %H:%M:%S', 0)", "1970-01-01 00:00:00"},
        {"return os.time{year = 2000, month = 1, day = 1, hour = 0}", "946684800"},
        {"return os.time{year = 2000, month = 13, day = 32}", "981028800"},
        {"local t = os.date('*t', 86399) return t.year .. t.month .. t.day .. t.hour .. t.min .. t.sec .. t.wday .. t.yday .. tostring(t.isdst)",
         "1970112359595" "1false"},
        {"return os.difftime(5, 3)", "2.0"},
        {"os.time{year = 2000}", "is missing"},
        {"os.time{year = 1 << 40, month = 1, day = 1}", "out of range"},
        {"os.date('%Q')", "%Q is not a conversion"},
        {"os.date('%')", "is not a conversion"},
        {"os.date(('%A'):rep(200))", "longer than 512 bytes"},
        {"os.date('%Y', math.maxinteger)", "out of range"},
        {"local ms = os.clock() * 1000 return tostring(math.abs(ms - math.floor(ms + 0.5)) < 1e-6)", "true"},
    };

    rig.state.demo.wall_ms = 1700000000999u;
    rig.state.demo.loading = true;
    assert_all(frozen, MEMORY_COUNT(frozen));
    rig.state.demo.loading = false;
    assert_all(pairs, MEMORY_COUNT(pairs));
}

/* What `code` prints, lines behind bars. */
static void assert_printed(const char *code, const char *expected)
{
    printed[0] = '\0';
    lines = 0;
    const char *result = rig_run(&rig, code);
    if (strcmp(printed, expected) != 0)
        fail_msg("%s\n  printed \"%s\"\n  not     \"%s\" (%s)", code, printed, expected, result);
}

static void print_writes_one_line_and_never_fails(void **state)
{
    assert_printed("print()", "|");
    assert_printed("print(1, nil, true, 'x', {}, print)", "|1\tnil\ttrue\tx\ttable\tfunction");
    assert_printed("print(setmetatable({}, { __tostring = function() return 'mine' end }), 2)", "|mine\t2");
    assert_printed("print('a', setmetatable({}, { __tostring = error }), 'b')", "|a\t(error in __tostring)\tb");
    assert_printed("print('a', setmetatable({}, { __tostring = function() return {} end }))", "|a\t(error in __tostring)");
    assert_printed("tostring = function(x) return '<' .. x .. '>' end print(1)", "|<1>");
    /* Without the function, and with globals that raise when it is looked for. */
    assert_printed("tostring = nil setmetatable(_G, { __index = error }) print('x', 'y')", "|(error in __tostring)\t(error in __tostring)");
    assert_int_equal(lines, 1);
}

static void a_line_has_a_bound(void **state)
{
    lines = 0;
    rig_run(&rig, "setmetatable(_G, nil) tostring = function(x) return x end print(('x'):rep(100000), 1)");
    assert_int_equal(lines, 1);
    assert_string_equal(rig_run(&rig, "return select('#', print())"), "0");
}

static void tracebacks_name_the_demos_lines(void **state)
{
    static const struct pair pairs[] = {
        {"\nreturn debug.traceback('what')", "what\nstack traceback:\n\tapp.lua:2: in main chunk"},
        {"local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) return debug.traceback(co)", "app.lua:1: in function"},
        {"return tostring(debug.getinfo) .. tostring(debug.sethook)", "nilnil"},
    };
    assert_all(pairs, MEMORY_COUNT(pairs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_are_run_once_and_kept),
        cmocka_unit_test(what_cannot_be_required_says_why),
        cmocka_unit_test(a_module_that_failed_is_tried_again),
        cmocka_unit_test(files_of_the_repository_are_read),
        cmocka_unit_test(a_nul_is_not_part_of_a_number),
        cmocka_unit_test(what_cannot_be_read_says_why),
        cmocka_unit_test(time_is_what_the_host_tells),
        cmocka_unit_test(tracebacks_name_the_demos_lines),
        cmocka_unit_test(print_writes_one_line_and_never_fails),
        cmocka_unit_test(a_line_has_a_bound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
