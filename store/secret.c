/* Secrets are 256 random bits in hex and are kept as SHA-256. A slow hash would add nothing: there is no dictionary
 * of random numbers, and each request with a token would pay for it. */
#include "store/secret.h"

#include <sodium.h>

#include "runtime/base/encode.h"
#include "runtime/base/random.h"

void secret_make(struct buffer *out)
{
    unsigned char bits[SECRET_BYTES];
    random_bytes(bits, sizeof bits);
    encode_hex(out, bits, sizeof bits);
    sodium_memzero(bits, sizeof bits);
}

struct secret_digest secret_digest(struct text secret)
{
    struct secret_digest digest;
    crypto_hash_sha256(digest.bytes, (const unsigned char *)(secret.data ? secret.data : ""), secret.length);
    return digest;
}

struct text secret_view(const struct secret_digest *digest)
{
    return (struct text){(const char *)digest->bytes, sizeof digest->bytes};
}
