/* The head of an HTTP/1.1 message: a strict, line-resumable parser.
 *
 * Anything that two parsers could read differently is refused, never repaired: two framings, bare CR or LF, folded
 * lines, odd names, a list where one number belongs. The bytes are borrowed; fields are kept as offsets so that a
 * parsed head can be moved by copying it. */
#ifndef RUNTIME_HTTP_HEAD_H
#define RUNTIME_HTTP_HEAD_H

#include "runtime/base/bounds.h"
#include "runtime/base/text.h"

/* Methods with their bit, for method masks of route tables. TRACE and CONNECT are never accepted. */
#define HTTP_METHOD_TABLE(X) \
    X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

enum http_method {
#define X(name) HTTP_##name,
    HTTP_METHOD_TABLE(X)
#undef X
    HTTP_METHOD_COUNT
};

#define HTTP_MASK(method) (1u << (method))

/* A line of the head, as offsets: 8 bytes each, and they stay true when the bytes are moved. */
struct http_field {
    uint16_t name, name_length;   /* offsets into the head's bytes */
    uint16_t value, value_length; /* without the blanks around it */
};

struct http_head {
    const char *data; /* borrowed: from the first byte of the start line to the empty line */
    uint32_t length;  /* including the empty line */
    uint16_t field_count;
    uint16_t status;  /* responses only */
    uint8_t method;   /* enum http_method, requests only */
    uint8_t minor;    /* HTTP/1.<minor>: 0 or 1 */
    bool keep_alive;  /* what version and Connection say together */
    bool closes;      /* Connection says so */
    bool chunked;     /* then content_length is -1: never both */
    bool expect_continue; /* Expect: 100-continue of an HTTP/1.1 client */
    bool has_host;    /* the field was there; `host` may also come from an absolute target */
    int64_t content_length; /* -1: none announced */
    struct text target;     /* as it was sent */
    struct text path;       /* still percent-encoded, begins with '/' ("*" for OPTIONS *) */
    struct text query;      /* behind the '?', without it; data NULL when there was no '?' */
    struct text host;       /* name or address with optional port, as in Host; empty for HTTP/1.0 without it */
    const struct http_field *fields; /* borrowed from the parser until the head is copied */
};

/* One parser serves all connections of a loop: it keeps no state between calls. Zeroed is ready. */
struct http_head_parser {
    struct http_head head;
    struct http_field fields[BOUNDS_HTTP_FIELDS + BOUNDS_HTTP_ADDED_FIELDS];
    bool behind_gateway; /* set by the owner: the peer added lines of its own to a head that passed our limits */
    const char *reason; /* static sentence, set when the result is negative */
};

/* Parse a request/response head at the start of `data`. Returns the head's length (then parser->head is filled), 0 when
 * more bytes are needed, or the negative HTTP status to refuse it with (-400, -414, -431, -501, -505, -417). */
int http_head_parse_request(struct http_head_parser *parser, struct text data);
int http_head_parse_response(struct http_head_parser *parser, struct text data);

struct text http_head_name(const struct http_head *head, size_t index);
struct text http_head_value(const struct http_head *head, size_t index);
/* The value of the first field with this name (case-insensitive), or an empty slice with data NULL. */
struct text http_head_get(const struct http_head *head, const char *name);
/* True when the comma-separated field (all lines of it) contains the token, case-insensitive. */
bool http_head_has_token(const struct http_head *head, const char *name, const char *token);
bool http_head_lists(const struct http_head *head, const char *name, struct text token); /* the same for a slice */
/* Bytes that a copy of the head needs, and the copy itself: `copy` borrows `memory` from then on. */
size_t http_head_copy_size(const struct http_head *head);
void http_head_copy(const struct http_head *head, struct http_head *copy, void *memory);

/* RFC 9110 token and field-value bytes. */
bool http_head_is_token(unsigned char byte);
bool http_head_is_value(unsigned char byte);

const char *http_method_name(enum http_method method);
/* "Not Found" for 404; "Unknown" for what is in no table. */
const char *http_status_text(int status);

#endif
