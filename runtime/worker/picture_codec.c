/* Files of strangers in, files for browsers out, with the usual libraries: which one is told by the first bytes,
 * never by a name. Each decoder asks for the size first and refuses what passes the bound before it allocates a
 * pixel; a small file that claims a large picture costs nothing.
 *
 * This is the most attacked code in the process, which is why it runs here: a locked worker with one demo's data
 * and nothing to reach. */
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/worker/picture.h"

/* The product cannot overflow: both are at most 32 bits when it is formed. */
static bool codec_size_is_legal(uint64_t width, uint64_t height)
{
    return width > 0 && height > 0 && width <= BOUNDS_IMAGE_PIXELS && width * height <= BOUNDS_IMAGE_PIXELS;
}

/* -- PNG: the simplified interface of libpng 1.6 -- */

static int codec_png_decode(struct text file, struct picture_raw *ret_raw)
{
    png_image image = {.version = PNG_IMAGE_VERSION};

    if (!png_image_begin_read_from_memory(&image, file.data, file.length))
        return ERROR_INVALID;
    if (!codec_size_is_legal(image.width, image.height)) {
        png_image_free(&image);
        return ERROR_LIMIT;
    }
    image.format &= ~(png_uint_32)(PNG_FORMAT_FLAG_LINEAR | PNG_FORMAT_FLAG_COLORMAP | PNG_FORMAT_FLAG_BGR |
                                   PNG_FORMAT_FLAG_AFIRST);
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!pixels || !png_image_finish_read(&image, NULL, pixels, 0, NULL)) {
        free(pixels);
        png_image_free(&image);
        return ERROR_INVALID;
    }
    *ret_raw = (struct picture_raw){image.width, image.height, PNG_IMAGE_SAMPLE_CHANNELS(image.format), pixels};
    return 0;
}

static int codec_png_encode(const struct picture *picture, struct buffer *out)
{
    static const png_uint_32 formats[] = {0, PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
    png_image image = {.version = PNG_IMAGE_VERSION, .width = picture->width, .height = picture->height,
                       .format = formats[picture->channels], .flags = PNG_IMAGE_FLAG_FAST};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    char *room = buffer_reserve(out, size);

    if (!png_image_write_to_memory(&image, room, &size, 0, picture->pixels, 0, NULL))
        return ERROR_INVALID;
    buffer_advance(out, size);
    return 0;
}

/* -- JPEG: errors come by longjmp -- */

struct codec_jpeg_error {
    struct jpeg_error_mgr manager;
    jmp_buf jump;
};

static void codec_jpeg_fail(j_common_ptr info)
{
    longjmp(((struct codec_jpeg_error *)info->err)->jump, 1);
}

/* Warnings about damaged files are nobody's business: what can be shown is shown. */
static void codec_jpeg_quiet(j_common_ptr info, int level)
{
    (void)info, (void)level;
}

/* `pixels` is volatile because the jump would otherwise leave its value undefined. */
static int codec_jpeg_decode(struct text file, struct picture_raw *ret_raw)
{
    struct jpeg_decompress_struct jpeg;
    struct codec_jpeg_error error;
    uint8_t *volatile pixels = NULL;

    jpeg.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = codec_jpeg_fail;
    error.manager.emit_message = codec_jpeg_quiet;
    if (setjmp(error.jump)) {
        jpeg_destroy_decompress(&jpeg);
        free(pixels);
        return ERROR_INVALID;
    }
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, (const unsigned char *)file.data, file.length);
    jpeg_read_header(&jpeg, TRUE);
    if (!codec_size_is_legal(jpeg.image_width, jpeg.image_height)) {
        jpeg_destroy_decompress(&jpeg);
        return ERROR_LIMIT;
    }
    jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&jpeg);
    size_t row = (size_t)jpeg.output_width * (size_t)jpeg.output_components;
    pixels = malloc(row * jpeg.output_height);
    while (pixels && jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW line = pixels + row * jpeg.output_scanline;
        jpeg_read_scanlines(&jpeg, &line, 1);
    }
    *ret_raw = (struct picture_raw){jpeg.output_width, jpeg.output_height, (uint32_t)jpeg.output_components, pixels};
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return pixels ? 0 : ERROR_LIMIT;
}

/* What the library writes to lives in the caller's frame: only the locals of the function that calls setjmp() lose
 * their values in a jump, so the caller can free whatever there is, however this ends. `row` is a row's room: the
 * library takes rows that it might write to, and the picture is not ours to lend for that. */
static int codec_jpeg_write(const struct picture *picture, uint8_t *row, unsigned char **ret_bytes,
                            unsigned long *ret_size)
{
    struct jpeg_compress_struct jpeg;
    struct codec_jpeg_error error;
    size_t row_bytes = (size_t)picture->width * picture->channels;

    jpeg.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = codec_jpeg_fail;
    if (setjmp(error.jump)) {
        jpeg_destroy_compress(&jpeg);
        return ERROR_INVALID;
    }
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, ret_bytes, ret_size);
    jpeg.image_width = picture->width;
    jpeg.image_height = picture->height;
    jpeg.input_components = (int)picture->channels;
    jpeg.in_color_space = picture->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 90, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        memcpy(row, picture->pixels + jpeg.next_scanline * row_bytes, row_bytes);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return 0;
}

static int codec_jpeg_encode(const struct picture *picture, struct buffer *out)
{
    unsigned char *bytes = NULL; /* the library's malloc */
    unsigned long size = 0;

    if (picture->channels != 1 && picture->channels != 3)
        return ERROR_UNSUPPORTED; /* no transparency in JPEG */
    MEMORY_AUTO uint8_t *row = memory_alloc(picture->width, picture->channels);
    int result = codec_jpeg_write(picture, row, &bytes, &size);
    if (result == 0)
        buffer_append(out, bytes, size);
    free(bytes);
    return result;
}

/* -- WebP -- */

static int codec_webp_decode(struct text file, struct picture_raw *ret_raw)
{
    WebPBitstreamFeatures features;
    const uint8_t *data = (const uint8_t *)file.data;
    int width, height;

    if (WebPGetFeatures(data, file.length, &features) != VP8_STATUS_OK)
        return ERROR_INVALID;
    if (!codec_size_is_legal((uint64_t)features.width, (uint64_t)features.height))
        return ERROR_LIMIT;
    uint8_t *pixels = features.has_alpha ? WebPDecodeRGBA(data, file.length, &width, &height)
                                         : WebPDecodeRGB(data, file.length, &width, &height);
    if (!pixels)
        return ERROR_INVALID;
    *ret_raw = (struct picture_raw){(uint32_t)width, (uint32_t)height, features.has_alpha ? 4 : 3, pixels};
    return 0;
}

static int codec_webp_encode(const struct picture *picture, struct buffer *out)
{
    int width = (int)picture->width, height = (int)picture->height, stride = width * (int)picture->channels;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (picture->channels == 3)
        size = WebPEncodeLosslessRGB(picture->pixels, width, height, stride, &bytes);
    else if (picture->channels == 4)
        size = WebPEncodeLosslessRGBA(picture->pixels, width, height, stride, &bytes);
    else
        return ERROR_UNSUPPORTED;
    buffer_append(out, bytes, size);
    WebPFree(bytes);
    return size > 0 ? 0 : ERROR_INVALID;
}

/* -- what the content says it is -- */

int picture_decode(struct text file, struct picture_raw *ret_raw)
{
    static const struct {
        const char *magic;
        size_t length, offset;
        int (*decode)(struct text, struct picture_raw *);
    } kinds[] = {
        {"\x89PNG\r\n\x1a\n", 8, 0, codec_png_decode},
        {"\xff\xd8\xff", 3, 0, codec_jpeg_decode},
        {"WEBP", 4, 8, codec_webp_decode},
    };
    for (size_t i = 0; i < MEMORY_COUNT(kinds); i++)
        if (file.length > kinds[i].offset + kinds[i].length &&
            memcmp(file.data + kinds[i].offset, kinds[i].magic, kinds[i].length) == 0)
            return kinds[i].decode(file, ret_raw);
    return ERROR_UNSUPPORTED;
}

int picture_encode(const struct picture *picture, const char *format, struct buffer *out)
{
    static const struct {
        const char *name;
        int (*encode)(const struct picture *, struct buffer *);
    } formats[] = {{"png", codec_png_encode}, {"jpeg", codec_jpeg_encode}, {"webp", codec_webp_encode}};
    for (size_t i = 0; i < MEMORY_COUNT(formats); i++)
        if (strcmp(format, formats[i].name) == 0)
            return formats[i].encode(picture, out);
    return ERROR_UNSUPPORTED;
}
