/* How bytes are put together, in every process. Three invariants keep it simple to use:
 *
 *   - a byte behind the length is always there and zero once anything was appended, so that data can be given to what
 *     wants a C string;
 *   - growing at least doubles, so that appending byte by byte costs linear time;
 *   - nothing here fails: memory ends the process (memory.h), and a length that does not fit a size_t is our own bug.
 *
 * An empty buffer owns nothing: it may stand in a struct that is zeroed, and need not be released. */
#include "runtime/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"

void buffer_init(struct buffer *buffer)
{
    *buffer = BUFFER_EMPTY;
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = BUFFER_EMPTY;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

/* The first allocation holds most messages and lines. */
static void buffer_grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity < 32 ? 64 : buffer->capacity * 2;
    if (capacity < needed)
        capacity = needed;
    buffer->data = memory_resize(buffer->data, capacity, 1);
    buffer->capacity = capacity;
}

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t needed;
    if (__builtin_add_overflow(buffer->length, more, &needed) || __builtin_add_overflow(needed, 1, &needed))
        abort();
    if (needed > buffer->capacity)
        buffer_grow(buffer, needed);
    return buffer->data + buffer->length;
}

/* Aborts when more is said to be written than was reserved: the bytes behind are somebody else's. */
void buffer_advance(struct buffer *buffer, size_t count)
{
    if (count >= buffer->capacity - buffer->length) /* one byte stays for the NUL */
        abort();
    buffer->length += count;
    buffer->data[buffer->length] = '\0';
}

void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    char *room = buffer_reserve(buffer, length);
    if (length)
        memcpy(room, data, length);
    buffer_advance(buffer, length);
}

void buffer_text(struct buffer *buffer, struct text text)
{
    buffer_append(buffer, text.data, text.length);
}

void buffer_string(struct buffer *buffer, const char *string)
{
    if (string)
        buffer_append(buffer, string, strlen(string));
}

void buffer_byte(struct buffer *buffer, char byte)
{
    *buffer_reserve(buffer, 1) = byte;
    buffer_advance(buffer, 1);
}

void buffer_printable(struct buffer *buffer, struct text text)
{
    bool utf8 = text_is_utf8(text);

    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        buffer_byte(buffer, byte < 0x20 || byte == 0x7f ? ' ' : byte >= 0x80 && !utf8 ? '?' : text.data[i]);
    }
}

/* Formats straight into the buffer; a second round when the guess at the room was too small. */
void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    size_t room = 128;
    for (;;) {
        char *to = buffer_reserve(buffer, room);
        va_start(arguments, format);
        int length = vsnprintf(to, room + 1, format, arguments);
        va_end(arguments);
        if (length < 0)
            abort();
        if ((size_t)length <= room) {
            buffer_advance(buffer, (size_t)length);
            return;
        }
        room = (size_t)length;
    }
}

/* Moves what is left: fine for a rest that is small, the wrong tool for a long queue. */
void buffer_consume(struct buffer *buffer, size_t count)
{
    if (count > buffer->length)
        abort();
    if (count == 0)
        return;
    buffer->length -= count;
    memmove(buffer->data, buffer->data + count, buffer->length + 1);
}

struct text buffer_view(const struct buffer *buffer)
{
    return (struct text){buffer->data, buffer->length};
}

/* Also of an empty buffer a string that the caller can free. */
char *buffer_steal(struct buffer *buffer)
{
    buffer_reserve(buffer, 0);
    char *data = buffer->data;
    data[buffer->length] = '\0';
    *buffer = BUFFER_EMPTY;
    return data;
}
