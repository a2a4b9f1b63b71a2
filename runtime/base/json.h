/* JSON (RFC 8259): a strict parser into a flat node array, and a writer.
 *
 * Parsing borrows the text: nodes hold slices of it. Depth, node count and duplicate handling are bounded
 * (bounds.h); the last of two equal keys wins. Strings must be valid UTF-8 and escapes valid (lone
 * surrogates are refused). */
#ifndef RUNTIME_BASE_JSON_H
#define RUNTIME_BASE_JSON_H

#include "runtime/base/buffer.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
    enum json_type type;
    uint32_t count;   /* children: array elements, or object members */
    uint32_t next;    /* index just behind this node and its children: the next sibling */
    struct text raw;  /* the exact source text of this value (strings with their quotes) */
    struct text name; /* raw key between its quotes (still escaped) when the parent is an object */
};

struct json {
    struct json_node *nodes; /* owned; nodes[0] is the root, children follow their parent in order */
    uint32_t count;
    uint32_t capacity;
};

/* Parses exactly one value (blanks around it allowed). 0, or ERROR_INVALID / ERROR_LIMIT, and then
 * `*ret_position` (may be NULL) is the byte offset of the trouble. Release with json_release() either way. */
int json_parse(struct json *json, struct text text, size_t *ret_position);
void json_release(struct json *json);
/* True when `text` is one well-formed JSON value within the bounds; builds nothing. */
bool json_is_valid(struct text text);

/* The child of `parent` under `key` (unescaped comparison), or NULL; also NULL when parent is NULL or no object,
 * so that look-ups chain. */
const struct json_node *json_get(const struct json *json, const struct json_node *parent, const char *key);
/* The index-th child of an array or object, or NULL. Linear: iterate with json_first/json_next instead. */
const struct json_node *json_at(const struct json *json, const struct json_node *parent, uint32_t index);
const struct json_node *json_first(const struct json *json, const struct json_node *parent);
const struct json_node *json_next(const struct json *json, const struct json_node *parent,
                                  const struct json_node *child);
/* Appends the unescaped characters of a string node. 0, or ERROR_INVALID when it is no string. */
int json_string(const struct json_node *node, struct buffer *out);
/* The string as an owned C string, or NULL when it is no string or holds a NUL. */
char *json_string_copy(const struct json_node *node);
/* True and the value when the node is a number (any) / an integer in the range of int64. */
bool json_number(const struct json_node *node, double *ret_value);
bool json_integer(const struct json_node *node, int64_t *ret_value);
bool json_equals(const struct json_node *node, const char *string); /* string node equal to `string` */

/* Writing: values are appended; commas are the writer's business, see json_comma(). */
void json_write_string(struct buffer *out, struct text string); /* with quotes; invalid UTF-8 becomes U+FFFD */
void json_write_number(struct buffer *out, double value);       /* shortest form that reads back; NaN/Inf → null */
/* Appends `"name":` preceded by a comma unless `out` ends in '{', '[' or ':' or is empty. */
void json_write_name(struct buffer *out, const char *name);
void json_write_member(struct buffer *out, const char *name, struct text string); /* name + string value */
void json_write_comma(struct buffer *out); /* the same rule, before an array element */

/* For text inside HTML <script>: escapes < > & U+2028 U+2029 of an already well-formed JSON text. */
void json_write_for_html(struct buffer *out, struct text json);

#endif
