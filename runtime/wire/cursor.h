/* Reading a message: a cursor that must end exactly at the end. A read past the end yields zero or the empty
 * slice and marks the cursor; only cursor_end() needs to be checked. Writing: appending to a buffer.
 * Little-endian. */
#ifndef RUNTIME_WIRE_CURSOR_H
#define RUNTIME_WIRE_CURSOR_H

#include "runtime/base/buffer.h"

struct cursor {
    const unsigned char *at; /* borrowed: the next byte */
    size_t left;             /* bytes up to the end */
    bool broken;             /* something was read that was not there; stays */
};

/* At the beginning of `body`, which must stay as long as texts that were read from it are used. */
struct cursor cursor_from(struct text body);
uint8_t cursor_u8(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
struct text cursor_text(struct cursor *cursor); /* u32 length, then the bytes, borrowed */
/* 0 when everything was there and nothing is left, else ERROR_INVALID. */
int cursor_end(const struct cursor *cursor);

/* The same fields, appended: what one of these writes the function of the same kind above reads. */
void cursor_put_u8(struct buffer *out, uint8_t value);
void cursor_put_u32(struct buffer *out, uint32_t value);
void cursor_put_u64(struct buffer *out, uint64_t value);
void cursor_put_text(struct buffer *out, struct text text);

#endif
