/* The reading half of json.h; json_write.c is the other.
 *
 * One loop over five states with an explicit stack of open containers, no recursion. The loop is instantiated
 * twice: with a node array (json_parse) and without (json_is_valid); `build` is a constant in each, so the
 * compiler drops what the other needs. */
#include "runtime/base/json.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum state { WANT_VALUE, WANT_VALUE_OR_END, WANT_NAME, WANT_NAME_OR_END, WANT_COMMA_OR_END };

struct walk {
    const char *at;
    const char *end;
    struct json *json;
    struct text name;    /* the key that waits for its value */
    uint64_t objects;    /* one bit per open container: is it an object? */
    uint32_t depth;      /* open containers */
    uint32_t node_count; /* counted in both instances: the bound is the same */
    uint32_t parents[BOUNDS_JSON_DEPTH];
};

_Static_assert(BOUNDS_JSON_DEPTH <= 64, "walk.objects has one bit per level");
_Static_assert(BOUNDS_JSON_NODES < UINT32_MAX, "nodes are counted in 32 bits");

/* ---- scanning ---- */

#define EACH_BYTE(byte) (0x0101010101010101u * (uint64_t)(byte))
#define HIGH_BITS EACH_BYTE(0x80)

/* Non-zero when one of eight bytes needs a closer look: a quote, a backslash, a control byte or non-ASCII. */
ALWAYS_INLINE uint64_t special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"'), slash = word ^ EACH_BYTE('\\');
    return (((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash) |
            ((word - EACH_BYTE(0x20)) & ~word) | word) &
           HIGH_BITS;
}

static const signed char hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* What a one-letter escape stands for; 0 where there is none. */
static const char escape_values[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* The four hex digits at `at`, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_values[(unsigned char)at[i]] - 1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Length of the escape at `at` (which is a backslash), or 0 when it is none. */
static size_t escape_length(const char *at, const char *end)
{
    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return escape_values[(unsigned char)at[1]] ? 2 : 0;
    int32_t unit = hex4(at + 2, end);
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return 0;
    if (unit < 0xD800 || unit > 0xDFFF)
        return 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return 0;
    int32_t low = hex4(at + 8, end);
    return low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

/* Walks over the string at w->at (its opening quote). False leaves w->at at the trouble. */
static bool scan_string(struct walk *w)
{
    const char *start = ++w->at, *at = start, *end = w->end;
    unsigned char wide = 0; /* has the high bit once a non-ASCII byte was seen */
    for (;;) {
        uint64_t word;
        while (end - at >= 8 && (memcpy(&word, at, 8), special_bytes(word) == 0))
            at += 8;
        while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
            wide |= (unsigned char)*at++;
        w->at = at;
        if (at == end || (unsigned char)*at < 0x20)
            return false;
        if (*at == '"')
            break;
        size_t length = escape_length(at, end);
        if (length == 0)
            return false;
        at += length;
    }
    if ((wide & 0x80) && !text_is_utf8((struct text){start, (size_t)(at - start)})) {
        w->at = start;
        return false;
    }
    w->at = at + 1;
    return true;
}

ALWAYS_INLINE bool is_digit(char byte)
{
    return (unsigned char)(byte - '0') < 10;
}

static bool scan_digits(struct walk *w)
{
    const char *at = w->at;
    while (at < w->end && is_digit(*at))
        at++;
    bool some = at > w->at;
    w->at = at;
    return some;
}

static bool scan_number(struct walk *w)
{
    if (*w->at == '-')
        w->at++;
    if (w->at < w->end && *w->at == '0')
        w->at++;
    else if (!scan_digits(w))
        return false;
    if (w->at < w->end && *w->at == '.') {
        w->at++;
        if (!scan_digits(w))
            return false;
    }
    if (w->at < w->end && (*w->at == 'e' || *w->at == 'E')) {
        w->at++;
        if (w->at < w->end && (*w->at == '+' || *w->at == '-'))
            w->at++;
        return scan_digits(w);
    }
    return true;
}

static bool scan_word(struct walk *w, struct text word)
{
    if (!text_starts((struct text){w->at, (size_t)(w->end - w->at)}, word))
        return false;
    w->at += word.length;
    return true;
}

ALWAYS_INLINE void skip_blanks(struct walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t'))
        w->at++;
}

/* ---- the walk ---- */

/* Doubles; the nodes are moved, so the walk keeps indexes and not pointers. */
static void grow_nodes(struct json *json)
{
    json->capacity = json->capacity ? json->capacity * 2 : 16;
    json->nodes = memory_resize(json->nodes, json->capacity, sizeof *json->nodes);
}

/* Notes a value that begins at `start`; its end is set by finish_node(). */
ALWAYS_INLINE int begin_node(struct walk *w, bool build, enum json_type type, const char *start)
{
    if (++w->node_count > BOUNDS_JSON_NODES)
        return ERROR_LIMIT;
    if (!build)
        return 0;
    struct json *json = w->json;
    if (json->count == json->capacity)
        grow_nodes(json);
    if (w->depth)
        json->nodes[w->parents[w->depth - 1]].count++;
    json->nodes[json->count++] = (struct json_node){.type = type, .raw = {start, 0}, .name = w->name};
    w->name = (struct text){NULL, 0};
    return 0;
}

ALWAYS_INLINE void finish_node(struct walk *w, bool build, uint32_t index)
{
    if (!build)
        return;
    struct json_node *node = &w->json->nodes[index];
    node->raw.length = (size_t)(w->at - node->raw.data);
    node->next = w->json->count;
}

ALWAYS_INLINE int open_container(struct walk *w, bool build, enum json_type type)
{
    if (w->depth == BOUNDS_JSON_DEPTH)
        return ERROR_LIMIT;
    int result = begin_node(w, build, type, w->at);
    if (result < 0)
        return result;
    w->at++;
    if (build)
        w->parents[w->depth] = w->json->count - 1;
    uint64_t bit = 1ull << w->depth++;
    w->objects = type == JSON_OBJECT ? w->objects | bit : w->objects & ~bit;
    return type == JSON_OBJECT ? WANT_NAME_OR_END : WANT_VALUE_OR_END;
}

/* The container on top of the stack ends behind this byte. */
ALWAYS_INLINE int close_container(struct walk *w, bool build)
{
    w->at++;
    w->depth--;
    finish_node(w, build, w->parents[w->depth]);
    return WANT_COMMA_OR_END;
}

ALWAYS_INLINE bool in_object(const struct walk *w)
{
    return w->objects >> (w->depth - 1) & 1;
}

/* Index is a value's first byte; what is not listed begins no value. */
enum value_start {
    START_NONE,
    START_STRING,
    START_NUMBER,
    START_TRUE,
    START_FALSE,
    START_NULL,
    START_ARRAY,
    START_OBJECT
};

static const unsigned char value_starts[256] = {
    ['"'] = START_STRING, ['-'] = START_NUMBER, ['0'] = START_NUMBER, ['1'] = START_NUMBER,
    ['2'] = START_NUMBER, ['3'] = START_NUMBER, ['4'] = START_NUMBER, ['5'] = START_NUMBER,
    ['6'] = START_NUMBER, ['7'] = START_NUMBER, ['8'] = START_NUMBER, ['9'] = START_NUMBER,
    ['t'] = START_TRUE,   ['f'] = START_FALSE,  ['n'] = START_NULL,   ['['] = START_ARRAY,
    ['{'] = START_OBJECT,
};

static const enum json_type start_types[] = {
    [START_STRING] = JSON_STRING, [START_NUMBER] = JSON_NUMBER, [START_TRUE] = JSON_TRUE,
    [START_FALSE] = JSON_FALSE,   [START_NULL] = JSON_NULL,     [START_ARRAY] = JSON_ARRAY,
    [START_OBJECT] = JSON_OBJECT,
};

ALWAYS_INLINE bool scan_scalar(struct walk *w, unsigned char start)
{
    switch (start) {
    case START_STRING:
        return scan_string(w);
    case START_NUMBER:
        return scan_number(w);
    case START_TRUE:
        return scan_word(w, TEXT("true"));
    case START_FALSE:
        return scan_word(w, TEXT("false"));
    default:
        return scan_word(w, TEXT("null"));
    }
}

/* A value: the next state, or an error. */
ALWAYS_INLINE int walk_value(struct walk *w, bool build)
{
    unsigned char start = value_starts[(unsigned char)*w->at];
    if (start == START_NONE)
        return ERROR_INVALID;
    if (start >= START_ARRAY)
        return open_container(w, build, start_types[start]);
    int result = begin_node(w, build, start_types[start], w->at);
    if (result < 0)
        return result;
    if (!scan_scalar(w, start))
        return ERROR_INVALID;
    finish_node(w, build, build ? w->json->count - 1 : 0);
    return WANT_COMMA_OR_END;
}

/* A name and its colon; the value that follows picks the name up. */
ALWAYS_INLINE int walk_name(struct walk *w)
{
    const char *start = w->at + 1;
    if (*w->at != '"' || !scan_string(w))
        return ERROR_INVALID;
    w->name = (struct text){start, (size_t)(w->at - 1 - start)};
    skip_blanks(w);
    if (w->at == w->end || *w->at != ':')
        return ERROR_INVALID;
    w->at++;
    return WANT_VALUE;
}

ALWAYS_INLINE int walk_comma_or_end(struct walk *w, bool build)
{
    bool object = in_object(w);
    if (*w->at == ',') {
        w->at++;
        return object ? WANT_NAME : WANT_VALUE;
    }
    return *w->at == (object ? '}' : ']') ? close_container(w, build) : ERROR_INVALID;
}

ALWAYS_INLINE int walk_step(struct walk *w, bool build, int state)
{
    switch (state) {
    case WANT_VALUE_OR_END:
        if (*w->at == ']')
            return close_container(w, build);
        return walk_value(w, build);
    case WANT_NAME_OR_END:
        if (*w->at == '}')
            return close_container(w, build);
        return walk_name(w);
    case WANT_NAME:
        return walk_name(w);
    case WANT_COMMA_OR_END:
        return walk_comma_or_end(w, build);
    default:
        return walk_value(w, build);
    }
}

/* One value and nothing behind it; the depth is what tells a comma from the end. */
ALWAYS_INLINE int walk_document(struct walk *w, bool build)
{
    int state = WANT_VALUE;
    do {
        skip_blanks(w);
        if (w->at == w->end)
            return ERROR_INVALID;
        state = walk_step(w, build, state);
        if (state < 0)
            return state;
    } while (w->depth || state != WANT_COMMA_OR_END);
    skip_blanks(w);
    return w->at == w->end ? 0 : ERROR_INVALID;
}

static void walk_init(struct walk *w, struct text text, struct json *json)
{
    /* the stack is left as it is: clearing it would cost more than most documents */
    w->at = text.length ? text.data : "";
    w->end = w->at + text.length;
    w->json = json;
    w->name = (struct text){NULL, 0};
    w->objects = 0;
    w->depth = 0;
    w->node_count = 0;
}

/* The nodes borrow the text: it must stay as long as they do. */
int json_parse(struct json *json, struct text text, size_t *ret_position)
{
    struct walk w;
    *json = (struct json){0};
    walk_init(&w, text, json);
    const char *start = w.at;
    int result = walk_document(&w, true);
    if (result < 0 && ret_position)
        *ret_position = (size_t)(w.at - start);
    return result;
}

bool json_is_valid(struct text text)
{
    struct walk w;
    walk_init(&w, text, NULL);
    return walk_document(&w, false) == 0;
}

void json_release(struct json *json)
{
    free(json->nodes);
    *json = (struct json){0};
}

/* ---- reading the nodes ---- */

/* Children follow their parent in the array, each with the index of what follows it. */
const struct json_node *json_first(const struct json *json, const struct json_node *parent)
{
    return parent && parent->count ? &json->nodes[parent - json->nodes + 1] : NULL;
}

const struct json_node *json_next(const struct json *json, const struct json_node *parent,
                                  const struct json_node *child)
{
    return child->next < parent->next ? &json->nodes[child->next] : NULL;
}

static void write_utf8(struct buffer *out, uint32_t point)
{
    if (point < 0x80) {
        buffer_byte(out, (char)point);
    } else if (point < 0x800) {
        buffer_byte(out, (char)(0xC0 | point >> 6));
    } else if (point < 0x10000) {
        buffer_byte(out, (char)(0xE0 | point >> 12));
        buffer_byte(out, (char)(0x80 | (point >> 6 & 0x3F)));
    } else {
        buffer_byte(out, (char)(0xF0 | point >> 18));
        buffer_byte(out, (char)(0x80 | (point >> 12 & 0x3F)));
        buffer_byte(out, (char)(0x80 | (point >> 6 & 0x3F)));
    }
    if (point >= 0x80)
        buffer_byte(out, (char)(0x80 | (point & 0x3F)));
}

/* Appends one escape that escape_length() has accepted. */
static void write_unescaped(struct buffer *out, const char *at, size_t length)
{
    if (length == 2) {
        buffer_byte(out, escape_values[(unsigned char)at[1]]);
        return;
    }
    uint32_t point = (uint32_t)hex4(at + 2, at + length);
    if (length == 12)
        point = 0x10000 + ((point - 0xD800) << 10) + ((uint32_t)hex4(at + 8, at + length) - 0xDC00);
    write_utf8(out, point);
}

/* Only of strings that the parser accepted: an escape that is none here is our bug. */
static void unescape(struct text inner, struct buffer *out)
{
    while (inner.length) {
        ptrdiff_t run = text_find(inner, '\\');
        if (run < 0) {
            buffer_text(out, inner);
            return;
        }
        buffer_text(out, text_head(inner, (size_t)run));
        inner = text_skip(inner, (size_t)run);
        size_t length = escape_length(inner.data, inner.data + inner.length);
        if (length == 0)
            abort(); /* the parser let it pass */
        write_unescaped(out, inner.data, length);
        inner = text_skip(inner, length);
    }
}

static bool escaped_equals(struct text escaped, struct text plain)
{
    if (text_find(escaped, '\\') < 0)
        return text_equal(escaped, plain);
    BUFFER_AUTO struct buffer characters = BUFFER_EMPTY;
    unescape(escaped, &characters);
    return text_equal(buffer_view(&characters), plain);
}

static struct text string_inner(const struct json_node *node)
{
    return (struct text){node->raw.data + 1, node->raw.length - 2};
}

const struct json_node *json_get(const struct json *json, const struct json_node *parent, const char *key)
{
    const struct json_node *found = NULL;
    struct text wanted = text_from(key);
    if (!parent || parent->type != JSON_OBJECT)
        return NULL;
    /* to the end: the last of two equal keys wins */
    for (const struct json_node *child = json_first(json, parent); child;
         child = json_next(json, parent, child)) {
        if (escaped_equals(child->name, wanted))
            found = child;
    }
    return found;
}

/* Walks: for loops use json_first() and json_next(). */
const struct json_node *json_at(const struct json *json, const struct json_node *parent, uint32_t index)
{
    if (!parent || index >= parent->count)
        return NULL;
    const struct json_node *child = json_first(json, parent);
    while (child && index--)
        child = json_next(json, parent, child);
    return child;
}

int json_string(const struct json_node *node, struct buffer *out)
{
    if (!node || node->type != JSON_STRING)
        return ERROR_INVALID;
    unescape(string_inner(node), out);
    return 0;
}

/* NULL also for a string with a NUL inside: as a C string it would be another one. */
char *json_string_copy(const struct json_node *node)
{
    BUFFER_AUTO struct buffer characters = BUFFER_EMPTY;
    if (json_string(node, &characters) < 0 || text_find(buffer_view(&characters), '\0') >= 0)
        return NULL;
    return buffer_steal(&characters);
}

/* The number's text with a NUL behind it, in `room` when it fits, else owned in `*ret_owned`. */
static const char *number_string(struct text raw, char room[64], char **ret_owned)
{
    if (raw.length >= 64)
        return *ret_owned = text_copy(raw);
    memcpy(room, raw.data, raw.length);
    room[raw.length] = '\0';
    return room;
}

/* Plain integers of up to 18 digits, nearly all numbers there are, need no strtod. */
static bool short_integer(struct text raw, int64_t *ret_value)
{
    bool negative = raw.length && raw.data[0] == '-';
    struct text digits = text_skip(raw, negative);
    uint64_t value;
    if (digits.length > 18 || text_to_u64(digits, &value) < 0)
        return false;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

bool json_number(const struct json_node *node, double *ret_value)
{
    MEMORY_AUTO char *owned = NULL;
    char room[64];
    int64_t integer;
    if (!node || node->type != JSON_NUMBER)
        return false;
    if (short_integer(node->raw, &integer) && integer != 0) /* "-0" keeps its sign */
        *ret_value = (double)integer;
    else
        *ret_value = strtod(number_string(node->raw, room, &owned), NULL);
    return true;
}

bool json_integer(const struct json_node *node, int64_t *ret_value)
{
    double value;
    if (!json_number(node, &value))
        return false;
    if (short_integer(node->raw, ret_value))
        return true;
    /* 19 digits, or the spelling of a real (1.0, 1e3): exact below 2^53, else it must be digits only */
    if (value >= -0x1p53 && value <= 0x1p53) {
        *ret_value = (int64_t)value;
        return (double)*ret_value == value;
    }
    bool negative = node->raw.data[0] == '-';
    uint64_t magnitude;
    if (text_to_u64(text_skip(node->raw, negative), &magnitude) < 0 ||
        magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool json_equals(const struct json_node *node, const char *string)
{
    return node && node->type == JSON_STRING && escaped_equals(string_inner(node), text_from(string));
}
