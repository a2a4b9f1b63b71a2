/* Module "json" and the border between JSON and Lua. Arrays that came from JSON, or that json.array() marked,
 * carry a metatable, so that an empty one stays an array; null is json.null, a light userdata. */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/worker/state.h"

#define VALUES_ARRAY "json.array"

static char values_null; /* its address is null */

/* Most strings have no escape and are pushed as they stand. */
static void values_push_string(lua_State *lua, const struct json_node *node)
{
    struct text inner = {node->raw.data + 1, node->raw.length - 2};
    struct buffer out = BUFFER_EMPTY;

    if (!memchr(inner.data, '\\', inner.length)) {
        lua_pushlstring(lua, inner.data, inner.length);
        return;
    }
    json_string(node, &out);
    lua_pushlstring(lua, out.data, out.length);
    buffer_release(&out);
}

static void values_push_name(lua_State *lua, struct text name)
{
    struct buffer out = BUFFER_EMPTY;
    struct json_node node = {.type = JSON_STRING};

    if (!memchr(name.data, '\\', name.length)) {
        lua_pushlstring(lua, name.data, name.length);
        return;
    }
    /* The name stands between its quotes in the source text. */
    node.raw = (struct text){name.data - 1, name.length + 2};
    json_string(&node, &out);
    lua_pushlstring(lua, out.data, out.length);
    buffer_release(&out);
}

/* Whole numbers as integers: 1 must come out as 1 and not as 1.0. */
static void values_push_number(lua_State *lua, const struct json_node *node)
{
    int64_t integer;
    double number;

    if (json_integer(node, &integer))
        lua_pushinteger(lua, integer);
    else if (json_number(node, &number))
        lua_pushnumber(lua, number);
    else
        lua_pushinteger(lua, 0);
}

static void values_push_node(lua_State *lua, const struct json *json, const struct json_node *node)
{
    lua_Integer index = 0;

    luaL_checkstack(lua, 4, "JSON nested too deeply");
    switch (node->type) {
    case JSON_NULL:
        lua_pushlightuserdata(lua, &values_null);
        return;
    case JSON_FALSE:
    case JSON_TRUE:
        lua_pushboolean(lua, node->type == JSON_TRUE);
        return;
    case JSON_NUMBER:
        values_push_number(lua, node);
        return;
    case JSON_STRING:
        values_push_string(lua, node);
        return;
    case JSON_ARRAY:
        lua_createtable(lua, (int)node->count, 0);
        luaL_setmetatable(lua, VALUES_ARRAY);
        for (const struct json_node *child = json_first(json, node); child; child = json_next(json, node, child)) {
            values_push_node(lua, json, child);
            lua_rawseti(lua, -2, ++index);
        }
        return;
    case JSON_OBJECT:
        lua_createtable(lua, 0, (int)node->count);
        for (const struct json_node *child = json_first(json, node); child; child = json_next(json, node, child)) {
            values_push_name(lua, child->name);
            values_push_node(lua, json, child);
            lua_rawset(lua, -3);
        }
        return;
    }
}

/* Depth and number of nodes are bounded by the parser. */
int values_push_json(lua_State *lua, struct text text)
{
    struct json json = {0};
    int result = json_parse(&json, text, NULL);

    if (result == 0)
        values_push_node(lua, &json, &json.nodes[0]);
    json_release(&json);
    return result;
}

/* -- Lua to JSON -- */

struct values_writer {
    lua_State *lua;
    struct buffer *out;
    const char *reason; /* static; what has no JSON form */
    size_t start;       /* what stood in `out` before */
    int depth;
    bool sorted; /* names in byte order */
};

static int values_write(struct values_writer *writer, int index);

static int values_refuse(struct values_writer *writer, const char *reason)
{
    writer->reason = reason;
    return ERROR_INVALID;
}

/* Holes become null; what stands behind the border of the list is not part of it. */
static int values_write_array(struct values_writer *writer, int index, lua_Unsigned length)
{
    buffer_byte(writer->out, '[');
    for (lua_Unsigned i = 1; i <= length; i++) {
        if (i > 1)
            buffer_byte(writer->out, ',');
        lua_rawgeti(writer->lua, index, (lua_Integer)i);
        int result = values_write(writer, lua_gettop(writer->lua));
        lua_pop(writer->lua, 1);
        if (result < 0)
            return result;
    }
    buffer_byte(writer->out, ']');
    return 0;
}

/* Name and value stand on the stack; both stay there. */
static int values_write_member(struct values_writer *writer, bool first)
{
    size_t length;
    const char *name = lua_tolstring(writer->lua, -2, &length);

    if (!first)
        buffer_byte(writer->out, ',');
    json_write_string(writer->out, (struct text){name, length});
    buffer_byte(writer->out, ':');
    return values_write(writer, lua_gettop(writer->lua));
}

/* By bytes, whatever they are: a name may hold a NUL. */
static int values_compare_names(const void *a, const void *b)
{
    const struct text *left = a, *right = b;
    int order = memcmp(left->data, right->data, left->length < right->length ? left->length : right->length);

    return order ? order : (left->length > right->length) - (left->length < right->length);
}

/* The same with sorted names: a release's documents must not depend on a process's hash seed. */
static int values_write_sorted(struct values_writer *writer, int index)
{
    lua_State *lua = writer->lua;
    size_t count = 0;

    lua_pushnil(lua);
    for (; lua_next(lua, index); lua_pop(lua, 1), count++)
        if (lua_type(lua, -2) != LUA_TSTRING)
            return values_refuse(writer, "a table with both names and other keys");
    struct text *names = lua_newuserdatauv(lua, (count + 1) * sizeof *names, 0);
    count = 0;
    lua_pushnil(lua);
    for (; lua_next(lua, index); lua_pop(lua, 1))
        names[count].data = lua_tolstring(lua, -2, &names[count].length), count++;
    qsort(names, count, sizeof *names, values_compare_names);
    buffer_byte(writer->out, '{');
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, names[i].data, names[i].length);
        lua_pushvalue(lua, -1);
        lua_rawget(lua, index);
        int result = values_write_member(writer, i == 0);
        lua_pop(lua, 2);
        if (result < 0)
            return result;
    }
    lua_pop(lua, 1);
    buffer_byte(writer->out, '}');
    return 0;
}

static int values_write_object(struct values_writer *writer, int index)
{
    bool first = true;

    if (writer->sorted)
        return values_write_sorted(writer, index);
    buffer_byte(writer->out, '{');
    lua_pushnil(writer->lua);
    while (lua_next(writer->lua, index)) {
        if (lua_type(writer->lua, -2) != LUA_TSTRING)
            return values_refuse(writer, "a table with both names and other keys");
        int result = values_write_member(writer, first);
        first = false;
        if (result < 0)
            return result;
        lua_pop(writer->lua, 1);
    }
    buffer_byte(writer->out, '}');
    return 0;
}

/* A table with a first element is an array; an empty one is what its mark says, else an object. */
static int values_write_table(struct values_writer *writer, int index)
{
    lua_State *lua = writer->lua;
    lua_Unsigned length = lua_rawlen(lua, index);
    bool array = length > 0;

    if (++writer->depth > BOUNDS_JSON_DEPTH || !lua_checkstack(lua, 6))
        return values_refuse(writer, "a table nested too deeply, or inside itself");
    if (length > BOUNDS_WORKER_LOOP) /* a few elements, far apart, are enough for that */
        return values_refuse(writer, "a list with more elements than a library call may walk over");
    if (!array && lua_getmetatable(lua, index)) {
        luaL_getmetatable(lua, VALUES_ARRAY);
        array = lua_rawequal(lua, -1, -2);
        lua_pop(lua, 2);
    }
    int result = array ? values_write_array(writer, index, length) : values_write_object(writer, index);
    writer->depth--;
    return result;
}

/* Infinity and NaN have no form, and null instead of them would hide a mistake. */
static int values_write_number(struct values_writer *writer, int index)
{
    if (lua_isinteger(writer->lua, index)) {
        buffer_format(writer->out, "%lld", (long long)lua_tointeger(writer->lua, index));
        return 0;
    }
    double number = lua_tonumber(writer->lua, index);
    if (isnan(number) || isinf(number))
        return values_refuse(writer, "a number that is infinite or not a number");
    json_write_number(writer->out, number);
    return 0;
}

static int values_write(struct values_writer *writer, int index)
{
    lua_State *lua = writer->lua;
    size_t length;

    /* One table held in two places of another, and so on for thirty levels, would be a text of gigabytes. */
    if (writer->out->length - writer->start > BOUNDS_WORKER_JSON_BYTES)
        return values_refuse(writer, "a value of more than 16 MiB");
    switch (lua_type(lua, index)) {
    case LUA_TNIL:
        buffer_string(writer->out, "null");
        return 0;
    case LUA_TBOOLEAN:
        buffer_string(writer->out, lua_toboolean(lua, index) ? "true" : "false");
        return 0;
    case LUA_TNUMBER:
        return values_write_number(writer, index);
    case LUA_TSTRING: {
        const char *text = lua_tolstring(lua, index, &length);
        json_write_string(writer->out, (struct text){text, length});
        return 0;
    }
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua, index) == &values_null) {
            buffer_string(writer->out, "null");
            return 0;
        }
        return values_refuse(writer, "a userdata");
    case LUA_TTABLE:
        return values_write_table(writer, index);
    case LUA_TFUNCTION:
        return values_refuse(writer, "a function");
    default:
        return values_refuse(writer, "a value that is neither text, number, boolean nor table");
    }
}

/* Reads raw: no metamethod runs, so writing a demo's value never runs a demo's code. */
int values_write_json(lua_State *lua, int index, struct buffer *out, const char **ret_reason)
{
    struct values_writer writer = {.lua = lua, .out = out, .start = out->length, .sorted = state_of(lua)->sorted_json};
    int top = lua_gettop(lua);
    int result = values_write(&writer, lua_absindex(lua, index));

    lua_settop(lua, top);
    if (ret_reason)
        *ret_reason = writer.reason;
    return result;
}

static int values_lua_encode(lua_State *lua)
{
    struct buffer out = BUFFER_EMPTY;
    const char *reason = NULL;

    luaL_checkany(lua, 1);
    int result = values_write_json(lua, 1, &out, &reason);
    if (result == 0)
        lua_pushlstring(lua, out.data ? out.data : "", out.length);
    buffer_release(&out);
    return result < 0 ? luaL_error(lua, "json.encode: %s has no JSON form", reason) : 1;
}

/* The position of the trouble is not told: texts come from files as often as from code. */
static int values_lua_decode(lua_State *lua)
{
    struct text text;

    text.data = luaL_checklstring(lua, 1, &text.length);
    if (values_push_json(lua, text) < 0)
        return luaL_error(lua, "json.decode: the text is not JSON");
    return 1;
}

/* Marks the table itself, and makes a new one when none is given. */
static int values_lua_array(lua_State *lua)
{
    if (lua_isnoneornil(lua, 1))
        lua_newtable(lua);
    luaL_checktype(lua, -1, LUA_TTABLE);
    luaL_setmetatable(lua, VALUES_ARRAY);
    return 1;
}

void values_register(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"encode", values_lua_encode}, {"decode", values_lua_decode}, {"array", values_lua_array}, {NULL, NULL}};

    luaL_newmetatable(lua, VALUES_ARRAY);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 1);
    luaL_newlib(lua, functions);
    lua_pushlightuserdata(lua, &values_null);
    lua_setfield(lua, -2, "null");
}
