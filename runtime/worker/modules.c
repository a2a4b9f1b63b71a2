/* What demo code has beyond the language: require and io over the release, os's clock, print to the demo's log. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "runtime/worker/state.h"

/* -- require: ui, ai, json, then the repository's own files -- */

static const char *const modules_public[] = {"ui", "ai", "json"};

/* The chunk is named like the file, so that error messages begin with it. */
static int modules_load_file(lua_State *lua, const char *name, const struct bundle_entry *entry)
{
    char chunk[BOUNDS_BUNDLE_NAME_BYTES + 2];

    if (entry->contents.length > BOUNDS_WORKER_SOURCE_BYTES)
        return luaL_error(lua, "module \"%s\" is larger than %d KiB", name, (int)(BOUNDS_WORKER_SOURCE_BYTES >> 10));
    snprintf(chunk, sizeof chunk, "@%.*s", TEXT_ARGUMENT(entry->name));
    if (luaL_loadbufferx(lua, entry->contents.data, entry->contents.length, chunk, "t") != LUA_OK)
        return lua_error(lua);
    lua_pushstring(lua, name);
    lua_call(lua, 1, 1);
    return 1;
}

/* Where require looks, with the name's dots as folders. */
static const char *const modules_endings[] = {".lua", "/init.lua"};

static bool modules_find_file(lua_State *lua, const char *name, struct bundle_entry *ret_entry)
{
    const struct bundle *bundle = state_of(lua)->demo.bundle;
    const char *path = luaL_gsub(lua, name, ".", "/");

    for (size_t i = 0; bundle && i < MEMORY_COUNT(modules_endings); i++) {
        char file[BOUNDS_BUNDLE_NAME_BYTES];
        int length = snprintf(file, sizeof file, "%s%s", path, modules_endings[i]);
        if (length < (int)sizeof file && bundle_find(bundle, text_from(file), ret_entry) == 0)
            return true;
    }
    return false;
}

/* The module that a file of the repository is, when its last part is the wanted one; pushed as a string. */
static bool modules_push_similar(lua_State *lua, struct text file, struct text wanted)
{
    for (size_t i = MEMORY_COUNT(modules_endings); i-- > 0;) {
        struct text ending = text_from(modules_endings[i]);
        if (!text_ends(file, ending))
            continue;
        struct text module = text_head(file, file.length - ending.length);
        struct text before = text_head(module, module.length - (module.length < wanted.length ? 0 : wanted.length));
        if (!text_ends(module, wanted) || (before.length > 0 && !text_ends(before, TEXT("/"))))
            continue;
        lua_pushlstring(lua, module.data, module.length);
        luaL_gsub(lua, lua_tostring(lua, -1), "/", ".");
        return true;
    }
    return false;
}

/* "lib/help.lua", "./help" and "help" are what people write for lib.help: the file that was meant, if there is one. */
static int modules_refuse(lua_State *lua, const char *name)
{
    const struct bundle *bundle = state_of(lua)->demo.bundle;
    struct text wanted = text_from(name);

    if (text_ends(wanted, TEXT(".lua")))
        wanted = text_head(wanted, wanted.length - 4);
    for (size_t i = wanted.length; i-- > 0;)
        if (wanted.data[i] == '/' || wanted.data[i] == '.') {
            wanted = text_skip(wanted, i + 1);
            break;
        }
    for (uint32_t i = 0; bundle && wanted.length > 0 && i < bundle->entry_count; i++)
        if (modules_push_similar(lua, bundle_at(bundle, i).name, wanted))
            return luaL_error(lua, "there is no module \"%s\"; write require \"%s\"", name, lua_tostring(lua, -1));
    const char *path = luaL_gsub(lua, name, ".", "/");
    return luaL_error(lua,
                      "there is no module \"%s\": the repository has neither %s.lua nor %s/init.lua, and besides "
                      "its files only ui, ai and json can be required",
                      name, path, path);
}

/* As in Lua: run once, the result kept, nothing returned counts as true. */
static int modules_require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    struct bundle_entry entry;

    for (size_t i = 0; i < MEMORY_COUNT(modules_public); i++)
        if (strcmp(name, modules_public[i]) == 0) {
            state_require(state_of(lua), name);
            return 1;
        }
    lua_getfield(lua, LUA_REGISTRYINDEX, "vitrine.loaded");
    if (lua_getfield(lua, -1, name) != LUA_TNIL)
        return 1;
    if (!modules_find_file(lua, name, &entry))
        return modules_refuse(lua, name);
    lua_settop(lua, 2);
    modules_load_file(lua, name, &entry);
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        lua_pushboolean(lua, 1);
    }
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 2, name);
    return 1;
}

/* -- io: read-only files of the repository -- */

struct modules_file {
    struct text contents;
    size_t position;
};

#define MODULES_FILE "file"

/* Generated files are the host's business: a demo sees its own repository. */
static int modules_push_file(lua_State *lua, const char *name)
{
    const struct bundle *bundle = state_of(lua)->demo.bundle;
    struct bundle_entry entry;

    if (!bundle || bundle_find(bundle, text_from(name), &entry) < 0 || (entry.flags & BUNDLE_FLAG_GENERATED)) {
        lua_pushnil(lua);
        lua_pushfstring(lua, "%s: there is no such file in the repository", name);
        return 2;
    }
    struct modules_file *file = lua_newuserdatauv(lua, sizeof *file, 0);
    *file = (struct modules_file){entry.contents, 0};
    luaL_setmetatable(lua, MODULES_FILE);
    return 1;
}

/* A missing file and a mode that cannot be are values, as with Lua's own io.open. */
static int modules_open(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1), *mode = luaL_optstring(lua, 2, "r");

    if (strcmp(mode, "r") != 0 && strcmp(mode, "rb") != 0) {
        lua_pushnil(lua);
        lua_pushfstring(lua, "%s: files can only be read here (mode \"r\"); keep values in ui.state", name);
        return 2;
    }
    return modules_push_file(lua, name);
}

/* Pushes the next line (with its end when `keep`), or returns 0 at the end. */
static int modules_read_line(lua_State *lua, struct modules_file *file, bool keep)
{
    struct text rest = text_skip(file->contents, file->position);
    ptrdiff_t end = text_find(rest, '\n');
    size_t length = end < 0 ? rest.length : (size_t)end;

    if (rest.length == 0)
        return 0;
    lua_pushlstring(lua, rest.data, length + (keep && end >= 0));
    file->position += length + (end >= 0);
    return 1;
}

/* Is the byte one of the set? A NUL is in none, although strchr() finds the end of every string. */
static bool modules_is_one_of(const char *set, char byte)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/* Takes what could belong to a number; Lua decides whether it is one. */
static int modules_read_number(lua_State *lua, struct modules_file *file)
{
    char digits[64];
    struct text rest = text_skip(file->contents, file->position);
    size_t start = 0, length = 0;

    while (start < rest.length && modules_is_one_of(" \t\r\n", rest.data[start]))
        start++;
    while (start + length < rest.length && length < sizeof digits - 1 &&
           modules_is_one_of("+-.0123456789abcdefABCDEFxX", rest.data[start + length])) {
        digits[length] = rest.data[start + length];
        length++;
    }
    digits[length] = '\0';
    file->position += start + length;
    return lua_stringtonumber(lua, digits) > 0;
}

/* The formats of Lua's own files; a count of 0 asks whether there is more. */
static int modules_read_one(lua_State *lua, struct modules_file *file, int index)
{
    struct text rest = text_skip(file->contents, file->position);

    if (lua_type(lua, index) == LUA_TNUMBER) {
        lua_Integer wanted = luaL_checkinteger(lua, index);
        size_t length = wanted < 0 ? 0 : (size_t)wanted < rest.length ? (size_t)wanted : rest.length;
        if (rest.length == 0 && wanted > 0)
            return 0;
        lua_pushlstring(lua, rest.data, length);
        file->position += length;
        return 1;
    }
    const char *format = luaL_checkstring(lua, index);
    format += *format == '*';
    switch (*format) {
    case 'a':
        lua_pushlstring(lua, rest.data, rest.length);
        file->position = file->contents.length;
        return 1;
    case 'l':
    case 'L':
        return modules_read_line(lua, file, *format == 'L');
    case 'n':
        return modules_read_number(lua, file);
    default:
        return luaL_argerror(lua, index, "invalid format");
    }
}

/* Several formats at once, nil at the first that finds nothing. */
static int modules_file_read(lua_State *lua)
{
    struct modules_file *file = luaL_checkudata(lua, 1, MODULES_FILE);
    int last = lua_gettop(lua), pushed = 0;

    if (last == 1) {
        lua_pushliteral(lua, "l");
        last = 2;
    }
    luaL_checkstack(lua, last, "too many formats");
    for (int i = 2; i <= last; i++, pushed++)
        if (!modules_read_one(lua, file, i)) {
            lua_pushnil(lua);
            return pushed + 1;
        }
    return pushed;
}

static int modules_next_line(lua_State *lua)
{
    return modules_read_line(lua, luaL_checkudata(lua, lua_upvalueindex(1), MODULES_FILE), false);
}

static int modules_file_lines(lua_State *lua)
{
    luaL_checkudata(lua, 1, MODULES_FILE);
    lua_settop(lua, 1);
    lua_pushcclosure(lua, modules_next_line, 1);
    return 1;
}

static int modules_file_seek(lua_State *lua)
{
    static const char *const names[] = {"set", "cur", "end", NULL};
    struct modules_file *file = luaL_checkudata(lua, 1, MODULES_FILE);
    int whence = luaL_checkoption(lua, 2, "cur", names);
    lua_Integer base = whence == 0 ? 0 : whence == 1 ? (lua_Integer)file->position : (lua_Integer)file->contents.length;
    lua_Integer offset = luaL_optinteger(lua, 3, 0);

    if (offset < -base || offset > (lua_Integer)file->contents.length - base)
        return luaL_error(lua, "seek beyond the file");
    file->position = (size_t)(base + offset);
    lua_pushinteger(lua, base + offset);
    return 1;
}

/* Nothing to close: the file is a view of the mapped release. */
static int modules_file_close(lua_State *lua)
{
    luaL_checkudata(lua, 1, MODULES_FILE);
    lua_pushboolean(lua, 1);
    return 1;
}

static int modules_lines(lua_State *lua)
{
    if (modules_push_file(lua, luaL_checkstring(lua, 1)) == 2)
        return lua_error(lua);
    lua_replace(lua, 1);
    return modules_file_lines(lua);
}

/* The metatable is hidden: a demo cannot change what files do for all its visitors. */
static void modules_register_io(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"open", modules_open}, {"lines", modules_lines}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"read", modules_file_read},
                                       {"lines", modules_file_lines},
                                       {"seek", modules_file_seek},
                                       {"close", modules_file_close},
                                       {NULL, NULL}};

    luaL_newmetatable(lua, MODULES_FILE);
    luaL_newlib(lua, methods);
    lua_setfield(lua, -2, "__index");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 1);
    luaL_newlib(lua, functions);
    lua_setglobal(lua, "io");
}

/* -- os: time only, as the host tells it -- */

/* While app.lua loads time stands still, or describing and waking would build different interfaces. */
static time_t modules_now(lua_State *lua)
{
    const struct state_demo *demo = &state_of(lua)->demo;
    return (time_t)((demo->loading || demo->wall_ms == 0 ? STATE_FROZEN_MS : demo->wall_ms) / 1000);
}

static int modules_field(lua_State *lua, const char *name, int fallback, int shift)
{
    int is_number;
    lua_getfield(lua, 1, name);
    lua_Integer value = lua_tointegerx(lua, -1, &is_number);
    lua_pop(lua, 1);
    if (!is_number && fallback < 0)
        return luaL_error(lua, "os.time: the field \"%s\" is missing", name);
    value = is_number ? value : fallback;
    if (value < -100000 || value > 100000)
        return luaL_error(lua, "os.time: the field \"%s\" is out of range", name);
    return (int)value - shift;
}

static int modules_time(lua_State *lua)
{
    if (lua_isnoneornil(lua, 1)) {
        lua_pushinteger(lua, modules_now(lua));
        return 1;
    }
    luaL_checktype(lua, 1, LUA_TTABLE);
    struct tm parts = {.tm_year = modules_field(lua, "year", -1, 1900), .tm_mon = modules_field(lua, "month", -1, 1),
                       .tm_mday = modules_field(lua, "day", -1, 0),     .tm_hour = modules_field(lua, "hour", 12, 0),
                       .tm_min = modules_field(lua, "min", 0, 0),       .tm_sec = modules_field(lua, "sec", 0, 0)};
    lua_pushinteger(lua, timegm(&parts));
    return 1;
}

static void modules_push_date_table(lua_State *lua, const struct tm *parts)
{
    const struct {
        const char *name;
        int value;
    } fields[] = {{"year", parts->tm_year + 1900}, {"month", parts->tm_mon + 1}, {"day", parts->tm_mday},
                  {"hour", parts->tm_hour},        {"min", parts->tm_min},      {"sec", parts->tm_sec},
                  {"wday", parts->tm_wday + 1},    {"yday", parts->tm_yday + 1}};
    lua_createtable(lua, 0, 9);
    for (size_t i = 0; i < MEMORY_COUNT(fields); i++) {
        lua_pushinteger(lua, fields[i].value);
        lua_setfield(lua, -2, fields[i].name);
    }
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "isdst");
}

/* Universal time throughout: the sandbox knows no time zones. */
static int modules_date(lua_State *lua)
{
    const char *format = luaL_optstring(lua, 1, "%c");
    time_t when = lua_isnoneornil(lua, 2) ? modules_now(lua) : (time_t)luaL_checkinteger(lua, 2);
    struct tm parts;
    char out[512];

    format += *format == '!';
    if (!gmtime_r(&when, &parts))
        return luaL_error(lua, "os.date: the time is out of range");
    if (strncmp(format, "*t", 2) == 0)
        return modules_push_date_table(lua, &parts), 1;
    for (const char *at = strchr(format, '%'); at; at = strchr(at + 2, '%'))
        if (!at[1] || !strchr("aAbBcdDFHIjmMnprRStTuUVwWxXyYZzGgCeh%", at[1]))
            return luaL_error(lua, "os.date: %%%c is not a conversion that exists here", at[1] ? at[1] : ' ');
    size_t length = strftime(out, sizeof out, format, &parts);
    if (length == 0 && *format)
        return luaL_error(lua, "os.date: the result is longer than %d bytes", (int)sizeof out);
    lua_pushlstring(lua, out, length);
    return 1;
}

/* CPU time in steps of a millisecond: finer ones would measure other demos. */
static int modules_clock(lua_State *lua)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    lua_pushnumber(lua, (lua_Number)(used.tv_sec * 1000 + used.tv_nsec / 1000000) / 1000);
    return 1;
}

static int modules_difftime(lua_State *lua)
{
    lua_pushnumber(lua, luaL_checknumber(lua, 1) - luaL_checknumber(lua, 2));
    return 1;
}

/* -- print and debug.traceback -- */

/* The global is read raw: a demo that took it away, and watches its globals, must not raise an error past the line's
 * memory. Nothing in here raises. */
static void modules_push_tostring(lua_State *lua)
{
    lua_pushglobaltable(lua);
    lua_pushliteral(lua, "tostring");
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
}

/* An error in a __tostring is not the print's: the line says so and goes on. */
static int modules_print(lua_State *lua)
{
    const struct state_demo *demo = &state_of(lua)->demo;
    struct buffer line = BUFFER_EMPTY;
    int count = lua_gettop(lua);

    for (int i = 1; i <= count; i++) {
        size_t length;
        modules_push_tostring(lua);
        lua_pushvalue(lua, i);
        buffer_string(&line, i > 1 ? "\t" : "");
        if (lua_pcall(lua, 1, 1, 0) != LUA_OK || !lua_isstring(lua, -1)) {
            buffer_string(&line, "(error in __tostring)");
        } else {
            const char *text = lua_tolstring(lua, -1, &length);
            buffer_append(&line, text, length > BOUNDS_LOG_LINE_BYTES ? BOUNDS_LOG_LINE_BYTES : length);
        }
        lua_settop(lua, count);
        if (line.length > BOUNDS_LOG_LINE_BYTES)
            break;
    }
    if (demo->print)
        demo->print(demo->context, "info", text_head(buffer_view(&line), BOUNDS_LOG_LINE_BYTES));
    buffer_release(&line);
    return 0;
}

/* Of a coroutine from its top, of the caller without this function. */
static int modules_traceback(lua_State *lua)
{
    lua_State *of = lua_isthread(lua, 1) ? lua_tothread(lua, 1) : lua;
    int message = lua_isthread(lua, 1) ? 2 : 1;

    luaL_traceback(lua, of, luaL_optstring(lua, message, NULL), of == lua ? 1 : 0);
    return 1;
}

void modules_register(lua_State *lua)
{
    static const luaL_Reg os[] = {{"time", modules_time},
                                  {"date", modules_date},
                                  {"clock", modules_clock},
                                  {"difftime", modules_difftime},
                                  {NULL, NULL}};
    static const luaL_Reg debug[] = {{"traceback", modules_traceback}, {NULL, NULL}};

    lua_newtable(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, "vitrine.loaded");
    lua_register(lua, "require", modules_require);
    lua_register(lua, "print", modules_print);
    modules_register_io(lua);
    luaL_newlib(lua, os);
    lua_setglobal(lua, "os");
    luaL_newlib(lua, debug);
    lua_setglobal(lua, "debug");
}
