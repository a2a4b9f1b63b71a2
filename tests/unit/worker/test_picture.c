#include "runtime/worker/picture.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static lua_State *lua;

static int set_up(void **state)
{
    (void)state;
    lua = luaL_newstate();
    luaL_openlibs(lua);
    picture_register(lua);
    lua_register(lua, "new", picture_lua_new);
    lua_register(lua, "decode", picture_lua_decode);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lua_close(lua);
    return 0;
}

/* The text that the code returns or raises. */
static void assert_lua(const char *code, const char *expected)
{
    (void)(luaL_loadstring(lua, code) || lua_pcall(lua, 0, 1, 0));
    const char *got = lua_tostring(lua, -1);
    if (!got || !strstr(got, expected))
        fail_msg("%s: %s", code, got ? got : "(no text)");
    lua_settop(lua, 0);
}

static void every_format_gives_back_what_went_in(void **state)
{
    static const struct {
        const char *format;
        uint32_t channels;
        int tolerance;
    } cases[] = {{"png", 1, 0}, {"png", 2, 0}, {"png", 3, 0}, {"png", 4, 0}, {"jpeg", 1, 12}, {"jpeg", 3, 12}, {"webp", 3, 0}, {"webp", 4, 0}};

    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer file = BUFFER_EMPTY;
        struct picture_raw raw;
        struct picture *picture = picture_push(lua, 16, 9, cases[i].channels);
        for (size_t j = 0; j < 16 * 9 * (size_t)cases[i].channels; j++)
            picture->pixels[j] = cases[i].channels % 2 == 0 && j % cases[i].channels == cases[i].channels - 1 ? 255 : 100;
        assert_int_equal(picture_encode(picture, cases[i].format, &file), 0);
        assert_int_equal(picture_decode(buffer_view(&file), &raw), 0);
        assert_int_equal(raw.width, 16);
        assert_int_equal(raw.height, 9);
        for (size_t j = 0; raw.channels == cases[i].channels && j < 16 * 9 * (size_t)raw.channels; j++)
            assert_in_range(raw.pixels[j] + cases[i].tolerance, picture->pixels[j], picture->pixels[j] + 2 * cases[i].tolerance);
        free(raw.pixels);
        lua_settop(lua, 0);
    }
}

static void formats_that_cannot_hold_it(void **state)
{
    assert_lua("return new(2, 2, 4):encode('jpeg')", "an image of 4 channels cannot be written as \"jpeg\"");
    assert_lua("return new(2, 2, 1):encode('webp')", "cannot be written as \"webp\"");
    assert_lua("return new(2, 2, 3):encode('bmp')", "cannot be written as \"bmp\"");
}

/* Cut anywhere or changed anywhere, a file is decoded or refused; the sanitizers watch. */
static void damaged_files(void **state)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    unsigned dice = 1;

    for (size_t i = 0; i < MEMORY_COUNT(formats); i++) {
        BUFFER_AUTO struct buffer file = BUFFER_EMPTY;
        struct picture *picture = picture_push(lua, 40, 30, 3);
        for (size_t j = 0; j < 40 * 30 * 3; j++)
            picture->pixels[j] = (uint8_t)(j * j);
        assert_int_equal(picture_encode(picture, formats[i], &file), 0);
        for (int round = 0; round < 400; round++) {
            struct picture_raw raw = {0};
            MEMORY_AUTO char *copy = memory_copy(file.data, file.length);
            size_t length = file.length;
            dice = dice * 1664525 + 1013904223;
            if (round % 2)
                length = dice % file.length;
            else
                copy[dice % (round % 4 ? file.length : 64)] ^= (char)(1 << dice % 8);
            int result = picture_decode((struct text){copy, length}, &raw);
            assert_true(result == 0 || result == ERROR_INVALID || result == ERROR_LIMIT || result == ERROR_UNSUPPORTED);
            if (result == 0) {
                assert_true((uint64_t)raw.width * raw.height <= BOUNDS_IMAGE_PIXELS);
                free(raw.pixels);
            }
        }
        lua_settop(lua, 0);
    }
}

static void a_small_file_that_claims_a_large_picture(void **state)
{
    /* a PNG's header alone: 65535 x 65535 */
    static const unsigned char png[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0\0\0\0\0\0\0\0\0IDAT";
    struct picture_raw raw;
    int result = picture_decode((struct text){(const char *)png, sizeof png}, &raw);

    assert_true(result == ERROR_LIMIT || result == ERROR_INVALID);
    assert_int_equal(picture_decode(TEXT("GIF89a........"), &raw), ERROR_UNSUPPORTED);
    assert_int_equal(picture_decode(TEXT(""), &raw), ERROR_UNSUPPORTED);
    assert_int_equal(picture_decode(TEXT("\x89PNG\r\n\x1a\n"), &raw), ERROR_UNSUPPORTED);
    assert_lua("return decode('GIF89a..........')", "neither PNG nor JPEG nor WebP");
    assert_lua("return decode('\\x89PNG\\r\\n\\x1a\\n' .. ('x'):rep(100))", "the image file is damaged");
}

static void sizes_and_coordinates_are_checked(void **state)
{
    assert_lua("return new(0, 1)", "must be from 1");
    assert_lua("return new(1 << 14, 1 << 14)", "is not possible here");
    assert_lua("return new(1e308, 1)", "must be from 1");
    assert_lua("return new(0/0, 1)", "must be from 1");
    assert_lua("return new(2, 2, 5)", "channels are 1 to 4");
    assert_lua("return new(2, 2):pixel(2, 0)", "pixel 2, 0 is outside of an image of 2 x 2");
    assert_lua("return new(2, 2):pixel(0, -1)", "is outside");
    assert_lua("return new(2, 2):pixel(0, 0, 1)", "give one value per channel");
    assert_lua("return new(2, 2):crop(1e10, 0, 1, 1)", "is not a coordinate");
    assert_lua("return new(2, 2):resize(1 << 13, 1 << 13)", "is not possible here");
    assert_lua("return new(2, 2):bounds()", "call :grayscale() first");
    assert_lua("return new(2, 2).encode({})", "image expected");
}

static void methods_compute_what_they_say(void **state)
{
    assert_lua("local i = new(3, 2, 3) i:pixel(1, 1, 10, 300, -5) return table.concat({i:pixel(1, 1)}, ',')", "10,255,0");
    assert_lua("local i = new(1, 1, 3) i:pixel(0, 0, 255, 0, 0) return tostring(i:grayscale():pixel(0, 0))", "76");
    assert_lua("local i = new(1, 1, 4, 0) return tostring(i:grayscale():pixel(0, 0))", "255"); /* transparent: paper */
    assert_lua("local i = new(1, 1, 4, 9) return table.concat({i:invert():pixel(0, 0)}, ',')", "246,246,246,9");
    assert_lua("local i = new(5, 5, 1) i:pixel(1, 2, 9) i:pixel(3, 4, 9) return table.concat({i:bounds(5)}, ',')", "1,2,3,3");
    assert_lua("return tostring(new(5, 5, 1):bounds(0))", "nil");
    assert_lua("local i = new(2, 2, 1, 7):crop(-1, -1, 4, 4) return i:bytes():gsub('.', function(c) return c:byte() end)", "0000077007700000");
    assert_lua("local i = new(2, 1, 1) i:pixel(0, 0, 0) i:pixel(1, 0, 100) return tostring(i:resize(1, 1):pixel(0, 0))", "50");
    assert_lua("return tostring(new(3, 3, 1, 42):resize(7, 5):pixel(6, 4))", "42");
    assert_lua("local i = new(4, 3) return i.width .. i.height .. i.channels .. tostring(i.nothing) .. tostring(i)", "433nilimage (4 x 3, 3 channels)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_back_what_went_in),
        cmocka_unit_test(formats_that_cannot_hold_it),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(a_small_file_that_claims_a_large_picture),
        cmocka_unit_test(sizes_and_coordinates_are_checked),
        cmocka_unit_test(methods_compute_what_they_say),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
