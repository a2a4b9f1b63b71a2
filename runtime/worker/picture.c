/* A picture is one block of the Lua heap: its pixels count against the demo's memory and go with the collector.
 * Every method gives a new picture, so two handlers that share one cannot disturb each other; only pixel() writes
 * in place.
 *
 * Sizes are checked where a picture is made (picture_push), nowhere else: whatever computes a size ends there.
 * Coordinates may lie outside; where that has a meaning (crop) it is filled, where not (pixel) it is an error. */
#include "runtime/worker/picture.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

#define PICTURE_TYPE "image"

struct picture *picture_check(lua_State *lua, int index)
{
    return luaL_checkudata(lua, index, PICTURE_TYPE);
}

struct picture *picture_push(lua_State *lua, uint32_t width, uint32_t height, uint32_t channels)
{
    if (width == 0 || height == 0 || (uint64_t)width * height > BOUNDS_IMAGE_PIXELS)
        luaL_error(lua, "an image of %d x %d pixels is not possible here (1 to %d pixels)", (int)width, (int)height,
                   (int)BOUNDS_IMAGE_PIXELS);
    size_t size = (size_t)width * height * channels;
    struct picture *picture = lua_newuserdatauv(lua, sizeof *picture + size, 0);
    picture->width = width;
    picture->height = height;
    picture->channels = channels;
    memset(picture->pixels, 0, size);
    luaL_setmetatable(lua, PICTURE_TYPE);
    return picture;
}

static uint32_t picture_size_argument(lua_State *lua, int index)
{
    lua_Number value = luaL_checknumber(lua, index);
    luaL_argcheck(lua, value >= 1 && value <= BOUNDS_IMAGE_PIXELS, index,
                  "must be from 1 to the most pixels of an image");
    return (uint32_t)value;
}

/* Rounded down, also below zero. */
static lua_Integer picture_coordinate(lua_State *lua, int index)
{
    lua_Number value = luaL_checknumber(lua, index);
    luaL_argcheck(lua, value > -1e9 && value < 1e9, index, "is not a coordinate");
    return (lua_Integer)(value < 0 && value != (lua_Number)(lua_Integer)value ? value - 1 : value);
}

/* Clamped and rounded: authors compute with floats. */
static uint8_t picture_byte(lua_State *lua, int index)
{
    lua_Number value = luaL_checknumber(lua, index);
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5);
}

int picture_lua_new(lua_State *lua)
{
    uint32_t width = picture_size_argument(lua, 1), height = picture_size_argument(lua, 2);
    lua_Integer channels = luaL_optinteger(lua, 3, 3);

    luaL_argcheck(lua, channels >= 1 && channels <= 4, 3, "channels are 1 to 4");
    uint8_t fill = lua_isnoneornil(lua, 4) ? 0 : picture_byte(lua, 4);
    struct picture *picture = picture_push(lua, width, height, (uint32_t)channels);
    memset(picture->pixels, fill, (size_t)width * height * (size_t)channels);
    return 1;
}

/* The raw pixels are copied into the Lua heap, where the memory limit sees them. */
int picture_lua_decode(lua_State *lua)
{
    struct text file;
    struct picture_raw raw;

    file.data = luaL_checklstring(lua, 1, &file.length);
    int result = picture_decode(file, &raw);
    if (result == ERROR_UNSUPPORTED)
        return luaL_error(lua, "it is neither PNG nor JPEG nor WebP");
    if (result == ERROR_LIMIT)
        return luaL_error(lua, "it has more than %d pixels", (int)BOUNDS_IMAGE_PIXELS);
    if (result < 0)
        return luaL_error(lua, "the image file is damaged");
    struct picture *picture = picture_push(lua, raw.width, raw.height, raw.channels);
    memcpy(picture->pixels, raw.pixels, (size_t)raw.width * raw.height * raw.channels);
    free(raw.pixels);
    return 1;
}

static bool picture_has_alpha(const struct picture *picture)
{
    return picture->channels == 2 || picture->channels == 4;
}

/* image:grayscale() → one channel, ITU-R BT.601 luma; transparent parts lie on white paper. */
static int picture_grayscale(lua_State *lua)
{
    const struct picture *from = picture_check(lua, 1);
    struct picture *to = picture_push(lua, from->width, from->height, 1);
    size_t count = (size_t)from->width * from->height;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = from->pixels + i * from->channels;
        unsigned luma = from->channels < 3 ? p[0] : (299u * p[0] + 587u * p[1] + 114u * p[2] + 500) / 1000;
        unsigned alpha = picture_has_alpha(from) ? p[from->channels - 1] : 255;
        to->pixels[i] = (uint8_t)((luma * alpha + 255 * (255 - alpha) + 127) / 255);
    }
    return 1;
}

/* image:invert() → every colour channel becomes 255 minus itself; alpha stays. */
static int picture_invert(lua_State *lua)
{
    const struct picture *from = picture_check(lua, 1);
    struct picture *to = picture_push(lua, from->width, from->height, from->channels);
    size_t count = (size_t)from->width * from->height * from->channels;

    for (size_t i = 0; i < count; i++) {
        bool alpha = picture_has_alpha(from) && i % from->channels == from->channels - 1;
        to->pixels[i] = alpha ? from->pixels[i] : (uint8_t)(255 - from->pixels[i]);
    }
    return 1;
}

/* image:bounds(threshold) → x, y, width, height of the pixels brighter than it (one channel); nil when none is. */
static int picture_bounds(lua_State *lua)
{
    const struct picture *picture = picture_check(lua, 1);
    lua_Number threshold = luaL_optnumber(lua, 2, 0);
    uint32_t left = UINT32_MAX, right = 0, top = UINT32_MAX, bottom = 0;

    luaL_argcheck(lua, picture->channels == 1, 1, "has several channels; call :grayscale() first");
    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t x = 0; x < picture->width; x++) {
            if (picture->pixels[(size_t)y * picture->width + x] <= threshold)
                continue;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y;
        }
    if (left == UINT32_MAX)
        return lua_pushnil(lua), 1;
    lua_pushinteger(lua, left);
    lua_pushinteger(lua, top);
    lua_pushinteger(lua, right - left + 1);
    lua_pushinteger(lua, bottom - top + 1);
    return 4;
}

/* image:crop(x, y, width, height): may reach beyond the borders, where it is filled with 0. */
static int picture_crop(lua_State *lua)
{
    const struct picture *from = picture_check(lua, 1);
    lua_Integer x = picture_coordinate(lua, 2), y = picture_coordinate(lua, 3);
    struct picture *to =
        picture_push(lua, picture_size_argument(lua, 4), picture_size_argument(lua, 5), from->channels);
    lua_Integer first = x < 0 ? -x : 0;
    lua_Integer last = from->width - x < (lua_Integer)to->width ? (lua_Integer)from->width - x : (lua_Integer)to->width;

    for (lua_Integer row = 0; row < (lua_Integer)to->height && first < last; row++) {
        lua_Integer source = y + row;
        if (source < 0 || source >= (lua_Integer)from->height)
            continue;
        memcpy(to->pixels + (size_t)(row * to->width + first) * to->channels,
               from->pixels + (size_t)(source * from->width + x + first) * from->channels,
               (size_t)(last - first) * from->channels);
    }
    return 1;
}

/* The weighted mean of the source pixels that [from, to) covers on one axis; narrower than a pixel means linear. */
struct picture_span {
    uint32_t first, last; /* inclusive */
    double first_weight, last_weight;
};

static struct picture_span picture_span_at(uint32_t index, uint32_t size, uint32_t source_size)
{
    double scale = (double)source_size / size;
    struct picture_span span;

    if (scale > 1) {
        double from = index * scale, to = (index + 1) * scale;
        span.first = (uint32_t)from;
        span.last = (uint32_t)to;
        span.first_weight = span.first + 1 - from;
        span.last_weight = to - span.last;
        if (span.last >= source_size || span.last_weight < 1e-9) {
            span.last--;
            span.last_weight = 1;
        }
    } else {
        double at = (index + 0.5) * scale - 0.5;
        at = at < 0 ? 0 : at > source_size - 1 ? source_size - 1 : at;
        span.first = (uint32_t)at;
        span.last = span.first + 1 < source_size ? span.first + 1 : span.first;
        span.last_weight = at - span.first;
        span.first_weight = 1 - span.last_weight;
    }
    return span;
}

static double picture_span_weight(const struct picture_span *span, uint32_t at)
{
    if (span->first == span->last)
        return 1;
    return at == span->first ? span->first_weight : at == span->last ? span->last_weight : 1;
}

/* Both axes at once: weights multiply. */
static uint8_t picture_mean(const struct picture *from, const struct picture_span *xs, const struct picture_span *ys,
                            uint32_t channel)
{
    double sum = 0, total = 0;

    for (uint32_t y = ys->first; y <= ys->last; y++)
        for (uint32_t x = xs->first; x <= xs->last; x++) {
            double weight = picture_span_weight(xs, x) * picture_span_weight(ys, y);
            sum += weight * from->pixels[((size_t)y * from->width + x) * from->channels + channel];
            total += weight;
        }
    return (uint8_t)(total > 0 ? sum / total + 0.5 : 0);
}

/* image:resize(width, height): area mean when shrinking, bilinear when growing. */
static int picture_resize(lua_State *lua)
{
    const struct picture *from = picture_check(lua, 1);
    struct picture *to =
        picture_push(lua, picture_size_argument(lua, 2), picture_size_argument(lua, 3), from->channels);

    for (uint32_t y = 0; y < to->height; y++) {
        struct picture_span ys = picture_span_at(y, to->height, from->height);
        for (uint32_t x = 0; x < to->width; x++) {
            struct picture_span xs = picture_span_at(x, to->width, from->width);
            for (uint32_t channel = 0; channel < to->channels; channel++)
                to->pixels[((size_t)y * to->width + x) * to->channels + channel] =
                    picture_mean(from, &xs, &ys, channel);
        }
    }
    return 1;
}

/* image:pixel(x, y) → its channels; image:pixel(x, y, value, …) sets them. */
static int picture_pixel(lua_State *lua)
{
    struct picture *picture = picture_check(lua, 1);
    lua_Integer x = luaL_checkinteger(lua, 2), y = luaL_checkinteger(lua, 3);
    int values = lua_gettop(lua) - 3;

    if (x < 0 || y < 0 || x >= (lua_Integer)picture->width || y >= (lua_Integer)picture->height)
        return luaL_error(lua, "pixel %d, %d is outside of an image of %d x %d", (int)x, (int)y, (int)picture->width,
                          (int)picture->height);
    uint8_t *at = picture->pixels + (size_t)(y * picture->width + x) * picture->channels;
    if (values > 0) {
        luaL_argcheck(lua, values == (int)picture->channels, 4, "give one value per channel");
        for (int i = 0; i < values; i++)
            at[i] = picture_byte(lua, 4 + i);
        return 0;
    }
    for (uint32_t i = 0; i < picture->channels; i++)
        lua_pushinteger(lua, at[i]);
    return (int)picture->channels;
}

/* image:encode("png" | "jpeg" | "webp") → bytes. */
static int picture_lua_encode(lua_State *lua)
{
    const struct picture *picture = picture_check(lua, 1);
    const char *format = luaL_optstring(lua, 2, "png");
    struct buffer out = BUFFER_EMPTY;
    int result = picture_encode(picture, format, &out);

    if (result == 0)
        lua_pushlstring(lua, out.data, out.length);
    buffer_release(&out);
    if (result < 0)
        return luaL_error(lua, "an image of %d channels cannot be written as \"%s\"", (int)picture->channels, format);
    return 1;
}

/* image:bytes() → all pixels as one string, row by row. */
static int picture_bytes(lua_State *lua)
{
    const struct picture *picture = picture_check(lua, 1);
    lua_pushlstring(lua, (const char *)picture->pixels, (size_t)picture->width * picture->height * picture->channels);
    return 1;
}

/* Properties first, then methods. */
static int picture_index(lua_State *lua)
{
    const struct picture *picture = picture_check(lua, 1);
    const char *name = luaL_checkstring(lua, 2);

    if (strcmp(name, "width") == 0)
        return lua_pushinteger(lua, picture->width), 1;
    if (strcmp(name, "height") == 0)
        return lua_pushinteger(lua, picture->height), 1;
    if (strcmp(name, "channels") == 0)
        return lua_pushinteger(lua, picture->channels), 1;
    lua_pushvalue(lua, 2);
    lua_rawget(lua, lua_upvalueindex(1));
    return 1;
}

static int picture_to_string(lua_State *lua)
{
    const struct picture *picture = picture_check(lua, 1);
    lua_pushfstring(lua, "image (%d x %d, %d channels)", (int)picture->width, (int)picture->height,
                    (int)picture->channels);
    return 1;
}

void picture_register(lua_State *lua)
{
    static const luaL_Reg methods[] = {
        {"grayscale", picture_grayscale}, {"invert", picture_invert}, {"bounds", picture_bounds},
        {"crop", picture_crop},           {"resize", picture_resize}, {"pixel", picture_pixel},
        {"encode", picture_lua_encode},   {"bytes", picture_bytes},   {NULL, NULL},
    };
    luaL_newmetatable(lua, PICTURE_TYPE);
    luaL_newlib(lua, methods);
    lua_pushcclosure(lua, picture_index, 1);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, picture_to_string);
    lua_setfield(lua, -2, "__tostring");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 1);
}
