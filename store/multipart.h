/* multipart/form-data, parsed as it streams in; nothing but an unfinished delimiter or part head is kept. */
#ifndef STORE_MULTIPART_H
#define STORE_MULTIPART_H

#include "runtime/base/buffer.h"

/* Heard in this order for each part: begin, any number of data, end. A negative result stops the parser with it. */
struct multipart_handler {
    int (*on_begin)(void *context, struct text name, struct text file_name, struct text mime_type);
    int (*on_data)(void *context, struct text data);
    int (*on_end)(void *context);
};

struct multipart {
    const struct multipart_handler *handler;
    void *context;
    struct buffer delimiter; /* CR LF - - boundary */
    struct buffer held;      /* bytes that may be part of a delimiter or head */
    int state;
};

/* Takes the boundary out of a Content-Type value. 0, or ERROR_INVALID (no multipart/form-data, no legal boundary). */
int multipart_init(struct multipart *multipart, struct text content_type, const struct multipart_handler *handler,
                   void *context);
void multipart_release(struct multipart *multipart);
/* The next bytes of the body. 0, ERROR_INVALID (malformed), ERROR_LIMIT (a part's head is too long), or what a
 * handler returned. */
int multipart_feed(struct multipart *multipart, struct text data);
/* 0 when the closing delimiter was seen, else ERROR_INVALID. */
int multipart_finish(const struct multipart *multipart);
/* The value of a parameter (`boundary`, `name`, `filename`) of a header value, quotes taken off; 0 or
 * ERROR_NOT_FOUND. */
int multipart_parameter(struct text value, const char *name, struct buffer *out);

#endif
