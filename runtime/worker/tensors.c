#include "runtime/worker/tensors.h"

#include <float.h>
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"
#include "runtime/worker/picture.h"
#include "runtime/worker/worker.h"

/* Everything allocated here belongs to the Lua state: errors leave by longjmp, and the collector frees what was
 * begun. */

/* -- the window -- */

struct tensors_search {
    size_t start, length; /* the place that is tried */
    bool moved;
};

/* An event whose place overlaps: the try moves behind it. */
static int tensors_visit_event(void *context, struct text key, void *value)
{
    struct tensors_search *search = context;
    const struct event *event = value;

    (void)key;
    if (event->window_length == 0 || event->window_start >= search->start + search->length ||
        search->start >= event->window_start + event->window_length)
        return 0;
    search->start = event->window_start + event->window_length;
    search->moved = true;
    return 0;
}

/* First fit over the places of all events. There are few large calls at a time, and the search costs nothing beside
 * the copying. */
static bool tensors_find_place(struct worker *worker, size_t length, size_t *ret_start)
{
    struct tensors_search search = {.length = length};

    do {
        search.moved = false;
        map_each(&worker->events, tensors_visit_event, &search);
    } while (search.moved && search.start + length <= worker->window.length);
    *ret_start = search.start;
    return search.start + length <= worker->window.length;
}

/* A place of `length` bytes for the running event, instead of the one it had. */
static bool tensors_reserve(lua_State *lua, struct event *event, size_t length)
{
    size_t start;

    event->window_length = 0;
    length = (length + 63) & ~(size_t)63;
    if (length > event->worker->window.length)
        luaL_error(lua, "the tensors of this call are larger than %d MiB together",
                   (int)(event->worker->window.length >> 20));
    if (!tensors_find_place(event->worker, length, &start))
        return false;
    event->window_start = start;
    event->window_length = length;
    return true;
}

int tensors_lua_reserve(lua_State *lua)
{
    lua_Integer length = luaL_checkinteger(lua, 1);

    luaL_argcheck(lua, length > 0 && length <= BOUNDS_TENSOR_WINDOW_BYTES, 1, "not a size that a window has");
    if (!tensors_reserve(lua, core_event(lua), (size_t)length))
        lua_pushnil(lua);
    else
        lua_pushinteger(lua, (lua_Integer)core_event(lua)->window_start);
    return 1;
}

/* -- one element -- */

/* What a type can hold, and how it is written. */
struct tensors_kind {
    enum tensor_type type;
    bool whole;
    lua_Number least, most; /* of whole numbers up to 32 bits; wider ones are checked as integers */
};

static const struct tensors_kind tensors_kinds[] = {
    {TENSOR_FLOAT32, false, 0, 0},
    {TENSOR_FLOAT64, false, 0, 0},
    {TENSOR_FLOAT16, false, 0, 0},
    {TENSOR_UINT8, true, 0, UINT8_MAX},
    {TENSOR_INT8, true, INT8_MIN, INT8_MAX},
    {TENSOR_UINT16, true, 0, UINT16_MAX},
    {TENSOR_INT16, true, INT16_MIN, INT16_MAX},
    {TENSOR_UINT32, true, 0, UINT32_MAX},
    {TENSOR_INT32, true, INT32_MIN, INT32_MAX},
    {TENSOR_INT64, true, -DBL_MAX, DBL_MAX},
    {TENSOR_UINT64, true, 0, DBL_MAX}, /* as a Lua integer: the upper half of its range cannot be said */
    {TENSOR_BOOL, true, 0, 1},
};

/* NULL for strings, which have a way of their own. */
static const struct tensors_kind *tensors_kind_of(enum tensor_type type)
{
    for (size_t i = 0; i < MEMORY_COUNT(tensors_kinds); i++)
        if (tensors_kinds[i].type == type)
            return &tensors_kinds[i];
    return NULL;
}

static void tensors_store_float(unsigned char *at, enum tensor_type type, lua_Number number)
{
    uint16_t half;

    if (type == TENSOR_FLOAT64) {
        memcpy(at, &(double){number}, sizeof(double));
    } else if (type == TENSOR_FLOAT32) {
        memcpy(at, &(float){(float)number}, sizeof(float));
    } else {
        half = tensor_half_from((float)number);
        memcpy(at, &half, sizeof half);
    }
}

/* Stores the value on the stack top; false when it is none of that type. Little-endian, like the machines we run on. */
static bool tensors_store(lua_State *lua, unsigned char *at, const struct tensors_kind *kind)
{
    int fits = 0;

    if (lua_isboolean(lua, -1)) {
        lua_pushinteger(lua, lua_toboolean(lua, -1));
        lua_replace(lua, -2);
    }
    if (lua_type(lua, -1) != LUA_TNUMBER)
        return false;
    if (!kind->whole) {
        tensors_store_float(at, kind->type, lua_tonumber(lua, -1));
        return true;
    }
    lua_Integer value = lua_tointegerx(lua, -1, &fits);
    if (!fits || (lua_Number)value < kind->least || (lua_Number)value > kind->most)
        return false;
    memcpy(at, &value, tensor_type_size(kind->type));
    return true;
}

/* -- packing -- */

/* The field of the table at `table`, as text that lives as long as the table. */
static struct text tensors_field(lua_State *lua, int table, const char *name)
{
    struct text text;

    lua_getfield(lua, table, name);
    text.data = luaL_checklstring(lua, -1, &text.length);
    lua_pop(lua, 1);
    return text;
}

/* The sizes are still anything: whether they fit together is seen when they are multiplied. */
static void tensors_read_shape(lua_State *lua, int table, struct tensor *tensor)
{
    lua_getfield(lua, table, "shape");
    luaL_checktype(lua, -1, LUA_TTABLE);
    lua_Unsigned rank = lua_rawlen(lua, -1);
    if (rank > TENSOR_RANK_MAX)
        luaL_error(lua, "the tensor \"%s\" has %d dimensions; %d are possible", tensor->name.data, (int)rank,
                   TENSOR_RANK_MAX);
    for (; tensor->rank < rank; tensor->rank++) {
        int whole;
        lua_rawgeti(lua, -1, (lua_Integer)tensor->rank + 1);
        lua_Integer size = lua_tointegerx(lua, -1, &whole);
        if (!whole || size < 0)
            luaL_error(lua, "the shape of the tensor \"%s\" has a dimension that is no whole number of at least 0: %s",
                       tensor->name.data,
                       lua_type(lua, -1) == LUA_TNUMBER ? lua_tostring(lua, -1) : luaL_typename(lua, -1));
        tensor->shape[tensor->rank] = (uint64_t)size;
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

/* Name, type and shape of the table at `table`. Returns the number of elements, compared with the values given. */
static uint64_t tensors_read_head(lua_State *lua, int table, struct tensor *tensor)
{
    uint64_t count;

    tensor->name = tensors_field(lua, table, "name");
    struct text type = tensors_field(lua, table, "type");
    int number = tensor_type_parse(type);
    if (tensor->name.length > TENSOR_NAME_MAX)
        luaL_error(lua, "a tensor's name has more than %d bytes", TENSOR_NAME_MAX);
    if (number < 0)
        luaL_error(lua, "the tensor \"%s\" has the type %s, which does not exist; float32, float64, float16, int64, "
                        "int32, int16, int8, uint64, uint32, uint16, uint8, bool and string do", tensor->name.data,
                   type.data);
    tensor->type = (enum tensor_type)number;
    tensors_read_shape(lua, table, tensor);
    lua_getfield(lua, table, "data");
    luaL_checktype(lua, -1, LUA_TTABLE);
    lua_Unsigned given = lua_rawlen(lua, -1);
    lua_pop(lua, 1);
    if (tensor_count(tensor, BOUNDS_TENSOR_WINDOW_BYTES, &count) < 0)
        luaL_error(lua, "the tensor \"%s\" is larger than %d MiB", tensor->name.data,
                   (int)(BOUNDS_TENSOR_WINDOW_BYTES >> 20));
    if (count != given)
        luaL_error(lua, "the tensor \"%s\" has %d values, but its shape says %d", tensor->name.data, (int)given,
                   (int)count);
    return count;
}

static void tensors_refuse_value(lua_State *lua, const struct tensor *tensor, uint64_t index)
{
    const char *given = lua_type(lua, -1) == LUA_TNUMBER ? lua_tostring(lua, -1) : luaL_typename(lua, -1);

    luaL_error(lua, "value %d of the tensor \"%s\" is %s, which is no %s", (int)index + 1, tensor->name.data, given,
               tensor_type_name(tensor->type));
}

/* Element `index` of the list on the stack top, pushed; raises when it is no text. */
static struct text tensors_get_string(lua_State *lua, const struct tensor *tensor, uint64_t index)
{
    struct text element;

    if (lua_rawgeti(lua, -1, (lua_Integer)index + 1) != LUA_TSTRING)
        tensors_refuse_value(lua, tensor, index);
    element.data = lua_tolstring(lua, -1, &element.length);
    if (!text_is_utf8(element))
        luaL_error(lua, "value %d of the tensor \"%s\" is not UTF-8 text", (int)index + 1, tensor->name.data);
    return element;
}

/* The elements of a string tensor in one piece; measured first, so that it can be the collector's from the start. */
static struct text tensors_join_strings(lua_State *lua, int table, struct tensor *tensor, uint64_t count)
{
    size_t length = 0;

    lua_getfield(lua, table, "data");
    for (uint64_t i = 0; i < count; i++, lua_pop(lua, 1))
        length += 4 + tensors_get_string(lua, tensor, i).length;
    char *joined = lua_newuserdatauv(lua, length + 1, 0), *at = joined;
    lua_insert(lua, -2);
    for (uint64_t i = 0; i < count; i++, lua_pop(lua, 1)) {
        struct text element = tensors_get_string(lua, tensor, i);
        uint32_t size = (uint32_t)element.length;
        memcpy(at, &size, sizeof size);
        memcpy(at + sizeof size, element.data, element.length);
        at += sizeof size + element.length;
    }
    lua_pop(lua, 1);
    tensor->byte_length = length;
    return (struct text){joined, length};
}

/* One element after another; the block is the collector's, so an error on the way leaks nothing. */
static struct text tensors_convert(lua_State *lua, int table, const struct tensor *tensor, uint64_t count)
{
    size_t size = tensor_type_size(tensor->type);
    const struct tensors_kind *kind = tensors_kind_of(tensor->type);
    unsigned char *bytes = lua_newuserdatauv(lua, (size_t)count * size + 1, 0);

    lua_getfield(lua, table, "data");
    for (uint64_t i = 0; i < count; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        if (!tensors_store(lua, bytes + i * size, kind))
            tensors_refuse_value(lua, tensor, i);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return (struct text){(const char *)bytes, (size_t)count * size};
}

/* A tensor that is ready to be copied out; its bytes live on the Lua stack or in the image. */
struct tensors_ready {
    struct tensor tensor;
    struct text bytes;
};

/* An image is its pixels; everything else is a table with name, type, shape and data. */
static void tensors_prepare(lua_State *lua, int table, struct tensors_ready *ready)
{
    if (lua_getfield(lua, table, "image") != LUA_TNIL) {
        const struct picture *picture = picture_check(lua, -1);
        ready->tensor = (struct tensor){.name = tensors_field(lua, table, "name"), .type = TENSOR_UINT8, .rank = 3,
                                        .shape = {picture->height, picture->width, picture->channels}};
        ready->bytes = (struct text){(const char *)picture->pixels,
                                     (size_t)picture->height * picture->width * picture->channels};
        return;
    }
    lua_pop(lua, 1);
    uint64_t count = tensors_read_head(lua, table, &ready->tensor);
    ready->bytes = ready->tensor.type == TENSOR_STRING ? tensors_join_strings(lua, table, &ready->tensor, count)
                                                       : tensors_convert(lua, table, &ready->tensor, count);
}

/* How much of the window the whole list takes. Heads and names count with what is inline, as in tensor_list_add(). */
static size_t tensors_need(const struct tensors_ready *ready, size_t count)
{
    size_t inline_bytes = 4, total = 0;

    for (size_t i = 0; i < count; i++) {
        size_t need = tensor_window_need(inline_bytes, ready[i].bytes.length);
        total += need;
        inline_bytes += 4 + ready[i].tensor.name.length + 4 + 8 * (size_t)ready[i].tensor.rank + 8 +
                        (need > 0 ? 8 : ready[i].bytes.length);
    }
    return total;
}

/* Writes the list into the place that the event holds now. */
static int tensors_write(lua_State *lua, const struct event *event, const struct tensors_ready *ready, size_t count)
{
    struct buffer list = BUFFER_EMPTY;
    const struct tensor *refused = NULL;
    size_t used = event->window_start;
    struct tensor_window place = {event->worker->window.base, event->window_start + event->window_length};

    tensor_list_begin(&list, (uint32_t)count);
    for (size_t i = 0; i < count && !refused; i++)
        if (tensor_list_add(&list, &ready[i].tensor, ready[i].bytes.data, &place, &used) < 0)
            refused = &ready[i].tensor;
    if (!refused)
        lua_pushlstring(lua, list.data, list.length);
    buffer_release(&list);
    return refused ? luaL_error(lua, "the tensor \"%s\" is too large for one call", refused->name.data) : 1;
}

/* Everything is checked and converted before the window is asked for: a wrong value costs no place. */
int tensors_lua_pack(lua_State *lua)
{
    struct event *event = core_event(lua);

    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(lua, 1);
    if (count > TENSOR_LIST_MAX)
        return luaL_error(lua, "a model takes at most %d tensors", TENSOR_LIST_MAX);
    luaL_checkstack(lua, 4 * (int)count + 8, "too many tensors");
    struct tensors_ready *ready = lua_newuserdatauv(lua, (size_t)(count + 1) * sizeof *ready, 0);
    memset(ready, 0, (size_t)(count + 1) * sizeof *ready);
    for (lua_Unsigned i = 0; i < count; i++) {
        lua_rawgeti(lua, 1, (lua_Integer)i + 1);
        luaL_checktype(lua, -1, LUA_TTABLE);
        tensors_prepare(lua, lua_gettop(lua), &ready[i]);
    }
    size_t need = tensors_need(ready, (size_t)count);
    event->window_length = 0;
    if (need > 0 && !tensors_reserve(lua, event, need)) {
        lua_pushnil(lua);
        return 1;
    }
    return tensors_write(lua, event, ready, (size_t)count);
}

/* -- unpacking -- */

static void tensors_push_float(lua_State *lua, const unsigned char *at, enum tensor_type type)
{
    float single;
    double number;
    uint16_t half;

    if (type == TENSOR_FLOAT64) {
        memcpy(&number, at, sizeof number);
        lua_pushnumber(lua, number);
    } else if (type == TENSOR_FLOAT32) {
        memcpy(&single, at, sizeof single);
        lua_pushnumber(lua, single);
    } else {
        memcpy(&half, at, sizeof half);
        lua_pushnumber(lua, tensor_half_to(half));
    }
}

static void tensors_push_whole(lua_State *lua, const unsigned char *at, const struct tensors_kind *kind)
{
    size_t size = tensor_type_size(kind->type);
    uint64_t value = 0;

    memcpy(&value, at, size);
    if (kind->least < 0 && size < sizeof value && value >> (8 * size - 1)) /* a negative one */
        value |= UINT64_MAX << (8 * size);
    if (kind->type == TENSOR_BOOL)
        lua_pushboolean(lua, value != 0);
    else
        lua_pushinteger(lua, (lua_Integer)value);
}

/* `at` may be in the window: each element is read once, and any bytes are some value. */
static void tensors_push_values(lua_State *lua, const struct tensor *tensor, const unsigned char *at)
{
    const struct tensors_kind *kind = tensors_kind_of(tensor->type);
    size_t size = tensor_type_size(tensor->type);
    uint64_t count = tensor->byte_length / size;

    lua_createtable(lua, (int)count, 2);
    for (uint64_t i = 0; i < count; i++) {
        if (kind->whole)
            tensors_push_whole(lua, at + i * size, kind);
        else
            tensors_push_float(lua, at + i * size, kind->type);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
}

static void tensors_push_strings(lua_State *lua, const struct tensor *tensor)
{
    struct text rest = tensor->inline_bytes, element;

    lua_createtable(lua, 0, 2);
    for (lua_Integer i = 1; tensor_next_string(&rest, &element); i++) {
        lua_pushlstring(lua, element.data, element.length);
        lua_rawseti(lua, -2, i);
    }
}

/* The values in a row, with shape and type as fields: the form in which tensors are given, too. */
static void tensors_push(lua_State *lua, const struct tensor *tensor, const struct tensor_window *window)
{
    if (tensor->type == TENSOR_STRING)
        tensors_push_strings(lua, tensor);
    else
        tensors_push_values(lua, tensor, tensor_bytes(tensor, window));
    lua_createtable(lua, (int)tensor->rank, 0);
    for (uint32_t i = 0; i < tensor->rank; i++) {
        lua_pushinteger(lua, (lua_Integer)tensor->shape[i]);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    lua_setfield(lua, -2, "shape");
    lua_pushstring(lua, tensor_type_name(tensor->type));
    lua_setfield(lua, -2, "type");
}

int tensors_lua_unpack(lua_State *lua)
{
    struct tensor tensors[TENSOR_LIST_MAX];
    struct event *event = core_event(lua);
    const struct tensor_window *window = &event->worker->window;
    struct text list;

    list.data = luaL_checklstring(lua, 1, &list.length);
    int count = tensor_list_read(list, window->length, tensors, TENSOR_LIST_MAX);
    if (count < 0)
        return luaL_error(lua, "the model's answer is damaged");
    lua_createtable(lua, 0, count);
    for (int i = 0; i < count; i++) {
        lua_pushlstring(lua, tensors[i].name.data, tensors[i].name.length);
        tensors_push(lua, &tensors[i], window);
        lua_rawset(lua, -3);
    }
    event->window_length = 0;
    return 1;
}
