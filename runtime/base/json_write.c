/* The writing half of json.h. */
#include "runtime/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that a string must not hold as they are: 1 = as \u00XX, else the letter behind the backslash. */
static const char escape_letters[256] = {
    [0x00] = 1, [0x01] = 1,   [0x02] = 1,   [0x03] = 1,   [0x04] = 1,  [0x05] = 1,    [0x06] = 1,
    [0x07] = 1, [0x08] = 'b', [0x09] = 't', [0x0A] = 'n', [0x0B] = 1,  [0x0C] = 'f',  [0x0D] = 'r',
    [0x0E] = 1, [0x0F] = 1,   [0x10] = 1,   [0x11] = 1,   [0x12] = 1,  [0x13] = 1,    [0x14] = 1,
    [0x15] = 1, [0x16] = 1,   [0x17] = 1,   [0x18] = 1,   [0x19] = 1,  [0x1A] = 1,    [0x1B] = 1,
    [0x1C] = 1, [0x1D] = 1,   [0x1E] = 1,   [0x1F] = 1,   ['"'] = '"', ['\\'] = '\\', [0x7F] = 1,
};

/* Appends characters that are known to be UTF-8. */
static void write_characters(struct buffer *out, struct text text)
{
    size_t run = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        char letter = escape_letters[byte];
        if (!letter)
            continue;
        buffer_append(out, text.data + run, i - run);
        if (letter == 1)
            buffer_format(out, "\\u%04x", byte);
        else
            buffer_append(out, (char[2]){'\\', letter}, 2);
        run = i + 1;
    }
    if (text.length > run)
        buffer_append(out, text.data + run, text.length - run);
}

/* Length of the character at the start of `text`, 0 when there is none. */
static size_t character_length(struct text text)
{
    for (size_t length = 1; length <= 4 && length <= text.length; length++) {
        if (text_is_utf8(text_head(text, length)))
            return length;
    }
    return 0;
}

/* Bytes that are no character become U+FFFD each: what we send is JSON whatever a demo said. */
static void write_repaired(struct buffer *out, struct text text)
{
    while (text.length) {
        size_t length = character_length(text);
        if (length)
            write_characters(out, text_head(text, length));
        else
            buffer_string(out, "\xEF\xBF\xBD"); /* U+FFFD */
        text = text_skip(text, length ? length : 1);
    }
}

void json_write_string(struct buffer *out, struct text string)
{
    buffer_byte(out, '"');
    if (text_is_utf8(string))
        write_characters(out, string);
    else
        write_repaired(out, string);
    buffer_byte(out, '"');
}

/* What has no fraction is written without one: clients compare "1" and not "1.0". */
void json_write_number(struct buffer *out, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        buffer_string(out, "null");
        return;
    }
    if (fabs(value) < 1e15 && value == (double)(int64_t)value && !(value == 0 && signbit(value))) {
        buffer_format(out, "%lld", (long long)value);
        return;
    }
    /* 15 digits often suffice, 17 always */
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    buffer_string(out, digits);
}

/* Looks at the last byte instead of keeping state: a comma is due unless something was just opened. */
void json_write_comma(struct buffer *out)
{
    char last = out->length ? out->data[out->length - 1] : '[';
    if (last != '{' && last != '[' && last != ':')
        buffer_byte(out, ',');
}

void json_write_name(struct buffer *out, const char *name)
{
    json_write_comma(out);
    json_write_string(out, text_from(name));
    buffer_byte(out, ':');
}

void json_write_member(struct buffer *out, const char *name, struct text string)
{
    json_write_name(out, name);
    json_write_string(out, string);
}

/* What would end a script element or a line of JavaScript stands as an escape of JSON itself. */
static const char *html_escape(const char *at, size_t left, size_t *ret_length)
{
    *ret_length = 1;
    switch (*at) {
    case '<':
        return "\\u003c";
    case '>':
        return "\\u003e";
    case '&':
        return "\\u0026";
    case '\xE2':
        *ret_length = 3;
        if (left >= 3 && at[1] == '\x80' && at[2] == '\xA8')
            return "\\u2028";
        if (left >= 3 && at[1] == '\x80' && at[2] == '\xA9')
            return "\\u2029";
        return NULL;
    default:
        return NULL;
    }
}

/* Works on finished JSON: the bytes it replaces occur only inside strings. */
void json_write_for_html(struct buffer *out, struct text json)
{
    size_t run = 0, length;
    for (size_t i = 0; i < json.length;) {
        const char *escape = html_escape(json.data + i, json.length - i, &length);
        if (!escape) {
            i++;
            continue;
        }
        buffer_append(out, json.data + run, i - run);
        buffer_string(out, escape);
        run = i += length;
    }
    if (json.length > run)
        buffer_append(out, json.data + run, json.length - run);
}
