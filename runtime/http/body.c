/* How a body is cut out of the bytes that follow a head.
 *
 * Lengths are trivial. Chunks are a small language, and its grammar stands here as a table of rules: from
 * this state, this byte leads to that state. Contents are never walked byte by byte, only the lines between
 * them are, so the linear search through the table costs nothing that could be measured. */
#include "runtime/http/body.h"

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* States of the chunked framing, a byte at a time except for the contents themselves. */
enum {
    SIZE_FIRST,
    SIZE,
    EXTENSION_FIRST,
    EXTENSION,
    EXTENSION_VALUE_FIRST,
    EXTENSION_VALUE,
    QUOTED,
    QUOTED_ESCAPE,
    QUOTED_END,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END,
    STATE_COUNT
};

/* What a rule matches: one byte, or one of these classes. */
enum { ANY_HEX = 256, ANY_TOKEN, ANY_VALUE };

/* The whole grammar of RFC 9112 §7.1, without the blanks it tolerates: what no rule matches is refused. */
static const struct rule {
    uint8_t state, next;
    uint16_t match;
} rules[] = {
    {SIZE_FIRST, SIZE, ANY_HEX},
    {SIZE, SIZE, ANY_HEX},
    {SIZE, EXTENSION_FIRST, ';'},
    {SIZE, SIZE_LF, '\r'},
    {EXTENSION_FIRST, EXTENSION, ANY_TOKEN},
    {EXTENSION, EXTENSION, ANY_TOKEN},
    {EXTENSION, EXTENSION_VALUE_FIRST, '='},
    {EXTENSION, EXTENSION_FIRST, ';'},
    {EXTENSION, SIZE_LF, '\r'},
    {EXTENSION_VALUE_FIRST, QUOTED, '"'},
    {EXTENSION_VALUE_FIRST, EXTENSION_VALUE, ANY_TOKEN},
    {EXTENSION_VALUE, EXTENSION_VALUE, ANY_TOKEN},
    {EXTENSION_VALUE, EXTENSION_FIRST, ';'},
    {EXTENSION_VALUE, SIZE_LF, '\r'},
    {QUOTED, QUOTED_END, '"'},
    {QUOTED, QUOTED_ESCAPE, '\\'},
    {QUOTED, QUOTED, ANY_VALUE},
    {QUOTED_ESCAPE, QUOTED, ANY_VALUE},
    {QUOTED_END, EXTENSION_FIRST, ';'},
    {QUOTED_END, SIZE_LF, '\r'},
    {SIZE_LF, DATA, '\n'},
    {DATA_CR, DATA_LF, '\r'},
    {DATA_LF, SIZE_FIRST, '\n'},
    {TRAILER_FIRST, END_LF, '\r'},
    {TRAILER_FIRST, TRAILER_NAME, ANY_TOKEN},
    {TRAILER_NAME, TRAILER_NAME, ANY_TOKEN},
    {TRAILER_NAME, TRAILER_VALUE, ':'},
    {TRAILER_VALUE, TRAILER_VALUE, ANY_VALUE},
    {TRAILER_VALUE, TRAILER_LF, '\r'},
    {TRAILER_LF, TRAILER_FIRST, '\n'},
    {END_LF, END, '\n'},
};

/* -1 for anything else. Setting bit 5 folds upper case into lower, and moves no other byte into a..f. */
static int hex_digit(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool matches(uint16_t match, unsigned char byte)
{
    if (match < 256)
        return match == byte;
    if (match == ANY_HEX)
        return hex_digit(byte) >= 0;
    return match == ANY_TOKEN ? http_head_is_token(byte) : http_head_is_value(byte);
}

/* What no rule allows is an error; so a rule that was forgotten refuses too much, never too little. */
static int next_state(uint8_t state, unsigned char byte)
{
    for (size_t i = 0; i < MEMORY_COUNT(rules); i++)
        if (rules[i].state == state && matches(rules[i].match, byte))
            return rules[i].next;
    return ERROR_INVALID;
}

/* Lines have a length, and extensions and trailers together as well: they carry nothing for us. */
static int count_extra(struct http_body *body, int next)
{
    if (next == SIZE_FIRST || next == TRAILER_FIRST || next == DATA)
        body->line_bytes = 0;
    else
        body->line_bytes++;
    bool extra = next != SIZE && next != SIZE_FIRST && next != SIZE_LF && next != DATA && next != DATA_LF;
    body->extra_bytes = (uint16_t)(body->extra_bytes + extra);
    uint16_t limit = next >= TRAILER_FIRST ? BOUNDS_HTTP_TRAILER_BYTES : BOUNDS_HTTP_CHUNK_LINE_BYTES;
    return body->line_bytes > limit || body->extra_bytes > BOUNDS_HTTP_TRAILER_BYTES ? ERROR_INVALID : 0;
}

/* One byte of the framing. `left` of a size is complete when its line ends, and a chunk of size zero has no contents
 * but trailers, hence the turn from DATA to TRAILER_FIRST. */
static int take_byte(struct http_body *body, unsigned char byte)
{
    int next = next_state(body->state, byte);
    if (next < 0 || count_extra(body, next) < 0)
        return ERROR_INVALID;
    if (next == SIZE) {
        if (body->state == SIZE_FIRST)
            body->left = body->digits = 0;
        /* 16 digits may be sent, but a chunk above 2^60 is nobody's body. */
        if (++body->digits > 16 || body->left >> 56)
            return ERROR_INVALID;
        body->left = body->left << 4 | (unsigned)hex_digit(byte);
    }
    body->state = (uint8_t)(next == DATA && body->left == 0 ? TRAILER_FIRST : next);
    return 0;
}

/* As much of the contents as is here; the piece refers into `*data`, nothing is copied. */
static struct text take_contents(struct http_body *body, struct text *data)
{
    struct text piece = text_head(*data, body->left < data->length ? (size_t)body->left : data->length);
    *data = text_skip(*data, piece.length);
    body->left -= piece.length;
    return piece;
}

/* Returns after each piece, so that the caller can stop in the middle of the bytes it has (a handler that pauses). */
static int next_chunked(struct http_body *body, struct text *data, struct text *ret_piece)
{
    while (data->length && body->state != END) {
        if (body->state == DATA) {
            *ret_piece = take_contents(body, data);
            if (body->left == 0)
                body->state = DATA_CR;
            return HTTP_BODY_PIECE;
        }
        if (take_byte(body, (unsigned char)data->data[0]) < 0)
            return ERROR_INVALID;
        *data = text_skip(*data, 1);
    }
    return body->state == END ? HTTP_BODY_END : HTTP_BODY_MORE;
}

int http_body_next(struct http_body *body, struct text *data, struct text *ret_piece)
{
    if (body->kind == HTTP_BODY_CHUNKED)
        return next_chunked(body, data, ret_piece);
    if (body->kind == HTTP_BODY_LENGTH && body->left == 0)
        return HTTP_BODY_END;
    if (data->length == 0)
        return HTTP_BODY_MORE;
    *ret_piece = take_contents(body, data);
    return HTTP_BODY_PIECE;
}

/* A request without either framing has no body (RFC 9112 §6.3): "until the connection closes" exists for answers
 * only. */
void http_body_init_request(struct http_body *body, const struct http_head *head)
{
    *body = (struct http_body){.kind = head->chunked ? HTTP_BODY_CHUNKED : HTTP_BODY_LENGTH};
    if (!head->chunked && head->content_length > 0)
        body->left = (uint64_t)head->content_length;
}

void http_body_init_response(struct http_body *body, const struct http_head *head, bool bodiless)
{
    *body = (struct http_body){.kind = HTTP_BODY_LENGTH};
    if (bodiless)
        return;
    if (head->chunked) {
        body->kind = HTTP_BODY_CHUNKED;
    } else if (head->content_length >= 0) {
        body->left = (uint64_t)head->content_length;
    } else {
        body->kind = HTTP_BODY_UNTIL_CLOSE;
        body->left = UINT64_MAX;
    }
}
