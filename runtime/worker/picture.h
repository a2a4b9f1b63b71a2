/* Pictures in demo code: 8-bit pixels, decoded and encoded inside the sandbox, so that a hostile file meets
 * nothing else. In Lua a picture is a userdata with `width`, `height`, `channels` (1 grey, 2 grey+alpha, 3 RGB,
 * 4 RGBA) and the methods listed in picture.c; coordinates are 0-based, x right, y down. */
#ifndef RUNTIME_WORKER_PICTURE_H
#define RUNTIME_WORKER_PICTURE_H

#include <stdint.h>

#include "runtime/base/buffer.h"

struct lua_State;

struct picture {
    uint32_t width, height, channels;
    uint8_t pixels[]; /* row by row, channels interleaved */
};

/* Registers the metatable. Call once per state. */
void picture_register(struct lua_State *lua);
/* Pushes a new picture filled with zero bytes; raises a Lua error when the size is not 1..BOUNDS_IMAGE_PIXELS. */
struct picture *picture_push(struct lua_State *lua, uint32_t width, uint32_t height, uint32_t channels);
/* The picture at `index`, or raises an argument error. */
struct picture *picture_check(struct lua_State *lua, int index);
/* Lua functions for the host module: decode(bytes) → picture (raises when unreadable); new(w, h, c[, fill]). */
int picture_lua_decode(struct lua_State *lua);
int picture_lua_new(struct lua_State *lua);

/* -- picture_codec.c -- */
struct picture_raw {
    uint32_t width, height, channels;
    uint8_t *pixels; /* owned, malloc */
};
/* Decodes PNG, JPEG or WebP (told apart by content). 0, ERROR_UNSUPPORTED, ERROR_LIMIT or ERROR_INVALID. */
int picture_decode(struct text file, struct picture_raw *ret_raw);
/* Encodes as "png", "jpeg" or "webp" (lossless). 0, or ERROR_UNSUPPORTED / ERROR_INVALID. */
int picture_encode(const struct picture *picture, const char *format, struct buffer *out);

#endif
