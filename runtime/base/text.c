/* Slices: a pointer and a length, borrowed. What comes from outside is cut, compared and checked in place; a copy
 * is made where something must outlive its message. All functions take the empty slice with a NULL pointer, and
 * none of them reads a byte beyond the length, so a slice may end anywhere in the middle of a page. */
#include "runtime/base/text.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

struct text text_from(const char *string)
{
    return string ? (struct text){string, strlen(string)} : (struct text){NULL, 0};
}

/* Also of two empty slices, whatever their pointers. */
bool text_equal(struct text a, struct text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static unsigned char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : (unsigned char)byte;
}

bool text_equal_ignore_case(struct text a, struct text b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool text_starts(struct text text, struct text prefix)
{
    return text.length >= prefix.length && text_equal(text_head(text, prefix.length), prefix);
}

bool text_ends(struct text text, struct text suffix)
{
    return text.length >= suffix.length && text_equal(text_skip(text, text.length - suffix.length), suffix);
}

/* At the end the pointer still stands at the end, not at NULL: callers subtract pointers. */
struct text text_skip(struct text text, size_t count)
{
    if (count >= text.length)
        return (struct text){text.data ? text.data + text.length : NULL, 0};
    return (struct text){text.data + count, text.length - count};
}

struct text text_head(struct text text, size_t count)
{
    return (struct text){text.data, count < text.length ? count : text.length};
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct text text_trim(struct text text)
{
    while (text.length && is_blank(text.data[0]))
        text = text_skip(text, 1);
    while (text.length && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

ptrdiff_t text_find(struct text text, char byte)
{
    const char *found = text.length ? memchr(text.data, byte, text.length) : NULL;
    return found ? found - text.data : -1;
}

/* Without the byte the whole slice is the piece, and the rest tells so by its NULL. */
struct text text_cut(struct text *rest, char byte)
{
    struct text whole = *rest;
    ptrdiff_t at = text_find(whole, byte);
    if (at < 0) {
        *rest = (struct text){NULL, 0};
        return whole;
    }
    *rest = text_skip(whole, (size_t)at + 1);
    return text_head(whole, (size_t)at);
}

int text_to_u64(struct text text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.length == 0)
        return ERROR_INVALID;
    for (size_t i = 0; i < text.length; i++) {
        char digit = text.data[i];
        if (digit < '0' || digit > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digit - '0'), &value))
            return ERROR_INVALID;
    }
    *ret_value = value;
    return 0;
}

char *text_copy(struct text text)
{
    return memory_copy(text.data, text.length);
}

/* The bounds of the second byte depend on the first (Unicode table 3-7); all later ones are 80..BF. */
static size_t sequence_length(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0], low = 0x80, high = 0xBF;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || left < length)
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

/* Runs of ASCII go eight bytes at a time, all else character by character. */
bool text_is_utf8(struct text text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.length;
    while (left) {
        uint64_t word;
        if (left >= sizeof word) { /* most text is ASCII: eight bytes at a time */
            memcpy(&word, at, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof word;
                left -= sizeof word;
                continue;
            }
        }
        size_t length = *at < 0x80 ? 1 : sequence_length(at, left);
        if (length == 0)
            return false;
        at += length;
        left -= length;
    }
    return true;
}

static bool is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (lower(byte) >= 'a' && lower(byte) <= 'z');
}

bool text_is_name(struct text text)
{
    if (text.length == 0 || text.length > BOUNDS_NAME_BYTES || !is_alphanumeric(text.data[0]))
        return false;
    for (size_t i = 1; i < text.length; i++) {
        char byte = text.data[i];
        if (!is_alphanumeric(byte) && byte != '.' && byte != '_' && byte != '-')
            return false;
        if ((byte == '-' || byte == '.') && byte == text.data[i - 1])
            return false;
    }
    return !text_ends(text, TEXT(".git")) && text.data[text.length - 1] != '.';
}

/* Of equal lengths, which are no secret, every byte is looked at: the time tells nothing about where they differ. */
bool text_equal_secret(struct text a, struct text b)
{
    unsigned char difference = 0;
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        difference |= (unsigned char)(a.data[i] ^ b.data[i]);
    __asm__ volatile("" : "+r"(difference)); /* keep the compiler from leaving the loop early */
    return difference == 0;
}
