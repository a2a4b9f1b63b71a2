/* The small encodings of addresses, headers and pages. Decoders are strict, because what is lax here is checked
 * twice and differently elsewhere: base64 without stray bits, percent-escapes that are whole, UTF-8 afterwards,
 * never a NUL. encode_path() is the one way from an address to a path: separators that hide in escapes and dot
 * segments are refused instead of resolved, so that what was checked is what is used. */
#include "runtime/base/encode.h"

#include <string.h>

#include "runtime/base/error.h"

static const char hex_digits[] = "0123456789abcdef";

void encode_hex(struct buffer *out, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    char *to = buffer_reserve(out, length * 2);
    for (size_t i = 0; i < length; i++) {
        to[2 * i] = hex_digits[bytes[i] >> 4];
        to[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    buffer_advance(out, length * 2);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* All or nothing: no byte is written before every digit was looked at. */
int encode_unhex(struct text hex, void *ret_data, size_t length)
{
    unsigned char *bytes = ret_data;
    if (hex.length != length * 2)
        return ERROR_INVALID;
    for (size_t i = 0; i < hex.length; i++) {
        if (hex_value(hex.data[i]) < 0)
            return ERROR_INVALID;
    }
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(hex_value(hex.data[2 * i]) << 4 | hex_value(hex.data[2 * i + 1]));
    return 0;
}

void encode_base64(struct buffer *out, const void *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    size_t size = (length + 2) / 3 * 4;
    char *to = buffer_reserve(out, size);
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? bytes[i + 2] : 0;
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[group & 63] : '=';
    }
    buffer_advance(out, size);
}

static int base64_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* Decodes four digits, the last `padding` of which are '='. False when one is none or hides bits. */
static bool unbase64_group(const char *digits, int padding, char *ret_bytes)
{
    uint32_t group = 0;
    for (int i = 0; i < 4; i++) {
        int value = i >= 4 - padding ? 0 : base64_value(digits[i]);
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
    }
    ret_bytes[0] = (char)(group >> 16);
    ret_bytes[1] = (char)(group >> 8);
    ret_bytes[2] = (char)group;
    return (group & ((1u << 8 * padding) - 1)) == 0;
}

int encode_unbase64(struct buffer *out, struct text base64)
{
    if (base64.length % 4 != 0)
        return ERROR_INVALID;
    if (base64.length == 0)
        return 0;
    int padding = text_ends(base64, TEXT("==")) ? 2 : text_ends(base64, TEXT("=")) ? 1 : 0;
    size_t size = base64.length / 4 * 3;
    char *to = buffer_reserve(out, size);
    for (size_t i = 0; i < base64.length; i += 4, to += 3) {
        if (!unbase64_group(base64.data + i, i + 4 == base64.length ? padding : 0, to))
            return ERROR_INVALID;
    }
    buffer_advance(out, size - (size_t)padding);
    return 0;
}

static bool is_unreserved(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

/* `keep` names bytes that may stay beside the unreserved ones, such as the slash of a path. */
void encode_percent(struct buffer *out, struct text text, const char *keep)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (is_unreserved(byte) || (byte && keep && strchr(keep, byte)))
            buffer_byte(out, byte);
        else
            buffer_format(out, "%%%02X", (unsigned char)byte);
    }
}

/* `plus` is for forms, where it stands for a space; in a path it is itself. */
int encode_unpercent(struct buffer *out, struct text text, bool plus)
{
    size_t start = out->length;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            int high = i + 2 < text.length ? hex_value(text.data[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
            if (low < 0)
                return ERROR_INVALID;
            byte = (char)(high << 4 | low);
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        if (byte == '\0')
            return ERROR_INVALID;
        buffer_byte(out, byte);
    }
    return text_is_utf8(text_skip(buffer_view(out), start)) ? 0 : ERROR_INVALID;
}

/* Enough for text and for attributes in either kind of quotes. */
void encode_html(struct buffer *out, struct text text)
{
    static const char *const escapes[256] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
    };
    size_t run = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char *escape = escapes[(unsigned char)text.data[i]];
        if (!escape)
            continue;
        buffer_append(out, text.data + run, i - run);
        buffer_string(out, escape);
        run = i + 1;
    }
    if (text.length > run)
        buffer_append(out, text.data + run, text.length - run);
}

/* The first field of that name; later ones of the same name are not looked at. */
int encode_form_value(struct text form, const char *name, struct buffer *out)
{
    BUFFER_AUTO struct buffer key = BUFFER_EMPTY;
    while (form.length) {
        struct text value = text_cut(&form, '&');
        struct text written = text_cut(&value, '=');
        buffer_clear(&key);
        if (encode_unpercent(&key, written, true) < 0)
            return ERROR_INVALID;
        if (text_equal(buffer_view(&key), text_from(name)))
            return encode_unpercent(out, value, true);
    }
    return ERROR_NOT_FOUND;
}

/* A slash or backslash that hides in an escape would make segments that nobody checked. */
static bool hides_separator(struct text path)
{
    for (size_t i = 0; i + 2 < path.length; i++) {
        if (path.data[i] != '%')
            continue;
        int value = hex_value(path.data[i + 1]) * 16 + hex_value(path.data[i + 2]);
        if (value == '/' || value == '\\')
            return true;
    }
    return text_find(path, '\\') >= 0;
}

int encode_path(struct buffer *out, struct text path)
{
    size_t start = out->length;
    if (path.length == 0 || path.data[0] != '/' || hides_separator(path) ||
        encode_unpercent(out, path, false) < 0)
        return ERROR_INVALID;
    struct text rest = text_skip(buffer_view(out), start + 1);
    while (rest.length) {
        struct text segment = text_cut(&rest, '/');
        if (segment.length == 0 || text_equal(segment, TEXT(".")) || text_equal(segment, TEXT("..")))
            return ERROR_INVALID;
    }
    return 0;
}

/* ---- file names ---- */

enum { FILE_NAME_BYTES = 200 };

/* Windows opens the device whatever the extension: a visitor there could not save the file. */
static bool is_device_name(struct text name)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul"};
    struct text stem = name;
    ptrdiff_t dot = text_find(stem, '.');
    if (dot >= 0)
        stem.length = (size_t)dot;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        if (text_equal_ignore_case(stem, text_from(devices[i])))
            return true;
    }
    return stem.length == 4 && stem.data[3] >= '1' && stem.data[3] <= '9' &&
           (text_equal_ignore_case(text_head(stem, 3), TEXT("com")) ||
            text_equal_ignore_case(text_head(stem, 3), TEXT("lpt")));
}

static struct text last_segment(struct text name)
{
    for (size_t i = name.length; i > 0; i--) {
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\')
            return text_skip(name, i);
    }
    return name;
}

/* The extension with its dot, empty when there is none or it is too long to be one. */
static struct text file_extension(struct text name)
{
    for (size_t i = name.length; i > 1 && name.length - i < 20; i--) {
        if (name.data[i - 1] == '.')
            return text_skip(name, i - 1);
    }
    return (struct text){NULL, 0};
}

/* The first `count` bytes at most, never ending inside a character. */
static struct text head_of_characters(struct text text, size_t count)
{
    text = text_head(text, count);
    while (text.length && !text_is_utf8(text))
        text.length--;
    return text;
}

/* A stranger's file name as one that any system can save: last part, no special characters, bounded, never empty. */
void encode_file_name(struct buffer *out, struct text name)
{
    BUFFER_AUTO struct buffer clean = BUFFER_EMPTY;
    name = last_segment(name);
    if (!text_is_utf8(name))
        name.length = 0;
    for (size_t i = 0; i < name.length; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        if (byte >= 0x20 && byte != 0x7F && !strchr("<>:\"/\\|?*`$!{}#%", byte))
            buffer_byte(&clean, (char)byte);
    }
    struct text kept = text_trim(buffer_view(&clean));
    while (kept.length && (kept.data[kept.length - 1] == '.' || kept.data[kept.length - 1] == ' '))
        kept.length--; /* Windows drops them, and ".." must not stay */
    if (kept.length == 0) {
        buffer_string(out, "file");
        return;
    }
    if (is_device_name(kept))
        buffer_byte(out, '_');
    struct text extension = file_extension(kept);
    if (kept.length > FILE_NAME_BYTES - 1)
        kept = head_of_characters(kept, FILE_NAME_BYTES - 1 - extension.length);
    else
        extension.length = 0;
    buffer_text(out, kept);
    buffer_text(out, extension);
}
