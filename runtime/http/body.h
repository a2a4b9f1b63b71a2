/* The framing of a message body: none, a length, chunks, or until the connection closes (responses only). */
#ifndef RUNTIME_HTTP_BODY_H
#define RUNTIME_HTTP_BODY_H

#include "runtime/http/head.h"

enum http_body_kind { HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

/* Where a body is in its framing. It refers to no bytes, so it survives that they are read piece by piece. */
struct http_body {
    uint64_t left;        /* of the announced length, or of the current chunk */
    uint16_t line_bytes;  /* of the current size or trailer line */
    uint16_t extra_bytes; /* of all extensions and trailers */
    uint8_t kind;         /* enum http_body_kind */
    uint8_t state;        /* of the chunked framing, body.c */
    uint8_t digits;       /* of the current size line: leading zeros count too */
};

enum http_body_result { HTTP_BODY_MORE, HTTP_BODY_PIECE, HTTP_BODY_END };

void http_body_init_request(struct http_body *body, const struct http_head *head);
/* `bodiless`: the answer to HEAD, or 1xx, 204, 304. */
void http_body_init_response(struct http_body *body, const struct http_head *head, bool bodiless);

/* Consumes the framing at the start of `*data` and cuts off the next piece of contents. Returns HTTP_BODY_PIECE with a
 * piece, HTTP_BODY_MORE when all of `*data` was consumed and more must come, HTTP_BODY_END when the body is complete
 * (`*data` is what follows it), or ERROR_INVALID for a broken framing. */
int http_body_next(struct http_body *body, struct text *data, struct text *ret_piece);

#endif
