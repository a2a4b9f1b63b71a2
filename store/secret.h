/* Random secrets that we hand out and recognise again by their SHA-256: tokens, links, cookies, file handles. */
#ifndef STORE_SECRET_H
#define STORE_SECRET_H

#include "runtime/base/buffer.h"

#define SECRET_BYTES 32

struct secret_digest {
    unsigned char bytes[32]; /* SHA-256 */
};

/* Appends 256 random bits as 64 hex digits to `out`. */
void secret_make(struct buffer *out);
/* The SHA-256 under which a secret is stored. */
struct secret_digest secret_digest(struct text secret);
/* The digest as a slice for a BLOB parameter; borrows `digest`. */
struct text secret_view(const struct secret_digest *digest);

#endif
