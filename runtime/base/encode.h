/* Encodings that cross our borders: hex, base64, percent, HTML, form fields. Decoders are strict: each text has one
 * meaning, or a proxy in front of us could read it otherwise than we do. What is refused may have appended a part of
 * the result; the caller throws `out` away then. */
#ifndef RUNTIME_BASE_ENCODE_H
#define RUNTIME_BASE_ENCODE_H

#include "runtime/base/buffer.h"

void encode_hex(struct buffer *out, const void *data, size_t length);
/* Exactly 2 × length digits, else ERROR_INVALID. */
int encode_unhex(struct text hex, void *ret_data, size_t length);
void encode_base64(struct buffer *out, const void *data, size_t length);
int encode_unbase64(struct buffer *out, struct text base64); /* padding required, blanks refused */
/* Percent-encodes all but unreserved characters and the bytes in `keep` (e.g. "/"). */
void encode_percent(struct buffer *out, struct text text, const char *keep);
/* Decodes %XX once; ERROR_INVALID for a bad escape, NUL, or a result that is not UTF-8. `plus` makes '+' a
 * space. */
int encode_unpercent(struct buffer *out, struct text text, bool plus);
/* Escapes & < > " ' for HTML text and attributes. */
void encode_html(struct buffer *out, struct text text);
/* The decoded value of `name` in a query string or form body: 0 and appended to `out`, ERROR_NOT_FOUND, or
 * ERROR_INVALID. */
int encode_form_value(struct text form, const char *name, struct buffer *out);
/* Normalises a request path: decodes once, refuses NUL, encoded slashes and backslashes, "." and ".." segments,
 * empty segments except a final one. 0 and the decoded path in `out`, or ERROR_INVALID. */
int encode_path(struct buffer *out, struct text path);
/* A safe file name for people: last path segment, without control characters and <>:"/\|?*`$!{}#%, at most 200
 * bytes keeping the extension, "file" when nothing is left. Windows device names get a '_' in front. */
void encode_file_name(struct buffer *out, struct text name);

#endif
