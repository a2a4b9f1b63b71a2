/* A growable byte buffer, always NUL-terminated behind its length once anything was appended.
 *
 * Appending never fails (memory.h) and may move the bytes: pointers and slices into a buffer end with its next change,
 * offsets stay. What is appended must not stand in the same buffer. What strangers can make large is checked against a
 * bound by whoever appends; the buffer knows none. */
#ifndef RUNTIME_BASE_BUFFER_H
#define RUNTIME_BASE_BUFFER_H

#include "runtime/base/text.h"

struct buffer {
    char *data; /* owned */
    size_t length;   /* bytes in use, without the NUL behind them */
    size_t capacity; /* bytes allocated, with it */
};

/* Owns nothing: like a zeroed struct it may be dropped without a release. */
#define BUFFER_EMPTY ((struct buffer){0})
#define BUFFER_AUTO __attribute__((cleanup(buffer_release)))

void buffer_init(struct buffer *buffer);
void buffer_release(struct buffer *buffer); /* frees the bytes and leaves an empty buffer */
void buffer_clear(struct buffer *buffer);   /* length 0, memory kept */
/* Makes room for `more` further bytes and returns where they go; call buffer_advance() after writing. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_advance(struct buffer *buffer, size_t count);
void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_text(struct buffer *buffer, struct text text);
void buffer_string(struct buffer *buffer, const char *string);
void buffer_byte(struct buffer *buffer, char byte);
/* A stranger's text for a line that people read: control characters become spaces; when it is not UTF-8, "?" stands for
 * each byte beyond ASCII. */
void buffer_printable(struct buffer *buffer, struct text text);
void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first `count` bytes. */
void buffer_consume(struct buffer *buffer, size_t count);
/* The contents as a slice, valid until the next change. */
struct text buffer_view(const struct buffer *buffer);
/* Hands the bytes over (caller frees, NUL-terminated, never NULL) and leaves an empty buffer. */
char *buffer_steal(struct buffer *buffer);

#endif
