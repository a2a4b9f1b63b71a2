/* Reading never fails at a field but at the end: a read past the end gives zero and marks the cursor, and
 * cursor_end() tells once for the whole message. So an unpacker has no branches, and none can be forgotten. */
#include "runtime/wire/cursor.h"

#include <stdlib.h>

#include "runtime/base/error.h"

struct cursor cursor_from(struct text body)
{
    return (struct cursor){(const unsigned char *)body.data, body.length, false};
}

/* The mark stays: later fields are zero as well, even when they would fit. */
static uint64_t cursor_number(struct cursor *cursor, size_t size)
{
    uint64_t value = 0;

    if (cursor->left < size) {
        cursor->broken = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)cursor->at[i] << (8 * i);
    cursor->at += size;
    cursor->left -= size;
    return value;
}

uint8_t cursor_u8(struct cursor *cursor)
{
    return (uint8_t)cursor_number(cursor, 1);
}

uint32_t cursor_u32(struct cursor *cursor)
{
    return (uint32_t)cursor_number(cursor, 4);
}

uint64_t cursor_u64(struct cursor *cursor)
{
    return cursor_number(cursor, 8);
}

/* Borrows the body; a length beyond its end marks the cursor before anything is read. */
struct text cursor_text(struct cursor *cursor)
{
    uint32_t length = cursor_u32(cursor);

    if (cursor->broken || length > cursor->left) {
        cursor->broken = true;
        return (struct text){0};
    }
    struct text text = {(const char *)cursor->at, length};
    cursor->at += length;
    cursor->left -= length;
    return text;
}

/* Bytes left over are as wrong as bytes missing: the two sides disagree about the message. */
int cursor_end(const struct cursor *cursor)
{
    return cursor->broken || cursor->left > 0 ? ERROR_INVALID : 0;
}

static void cursor_put(struct buffer *out, uint64_t value, size_t size)
{
    unsigned char *room = (unsigned char *)buffer_reserve(out, size);

    for (size_t i = 0; i < size; i++)
        room[i] = (unsigned char)(value >> (8 * i));
    buffer_advance(out, size);
}

void cursor_put_u8(struct buffer *out, uint8_t value)
{
    cursor_put(out, value, 1);
}

void cursor_put_u32(struct buffer *out, uint32_t value)
{
    cursor_put(out, value, 4);
}

void cursor_put_u64(struct buffer *out, uint64_t value)
{
    cursor_put(out, value, 8);
}

void cursor_put_text(struct buffer *out, struct text text)
{
    if (text.length > UINT32_MAX)
        abort();
    cursor_put_u32(out, (uint32_t)text.length);
    buffer_text(out, text);
}
