/* A borrowed slice of bytes: how everything that came from outside is looked at without copying. */
#ifndef RUNTIME_BASE_TEXT_H
#define RUNTIME_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    const char *data; /* not NUL-terminated; may be NULL when length is 0 */
    size_t length;
};

#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})
#define TEXT_FORMAT "%.*s"
#define TEXT_ARGUMENT(text) (int)(text).length, (text).data ? (text).data : ""

struct text text_from(const char *string); /* NULL gives the empty slice */
bool text_equal(struct text a, struct text b);
bool text_equal_ignore_case(struct text a, struct text b); /* ASCII only */
bool text_starts(struct text text, struct text prefix);
bool text_ends(struct text text, struct text suffix);
struct text text_skip(struct text text, size_t count); /* without the first `count` bytes (all at most) */
struct text text_head(struct text text, size_t count); /* the first `count` bytes (all at most) */
struct text text_trim(struct text text);               /* without spaces, tabs, CR, LF at both ends */
/* Index of the first `byte`, or -1. */
ptrdiff_t text_find(struct text text, char byte);
/* Cuts `*rest` at the first `byte`: returns what stands before it and leaves what follows in `*rest`
 * (empty, data NULL, when there was none). */
struct text text_cut(struct text *rest, char byte);
/* The whole slice as a decimal without sign or leading spaces: 0 and `*ret_value`, or ERROR_INVALID. */
int text_to_u64(struct text text, uint64_t *ret_value);
/* A NUL-terminated copy. The caller owns it. */
char *text_copy(struct text text);
/* True when the slice is valid UTF-8 (no overlong forms, no surrogates, ≤ U+10FFFF). */
bool text_is_utf8(struct text text);
/* True when it is a legal owner, demo or model name: [A-Za-z0-9][A-Za-z0-9._-]*, no "--", no "..", ≤ 53
 * bytes, not ending in ".git" or ".". */
bool text_is_name(struct text text);
/* Constant-time comparison for secrets. */
bool text_equal_secret(struct text a, struct text b);

#endif
