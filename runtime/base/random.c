/* The kernel's generator and nothing else: no state of ours that a fork could double. It cannot fail after start-
 * up; if it does, no identifier or key can be trusted, and the process ends. */
#include "runtime/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *data, size_t length)
{
    char *at = data;
    while (length) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        length -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof value);
    return value;
}

void random_hex(char *ret_hex, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    /* the random bytes go into the upper half, where each is read before its place is overwritten */
    unsigned char *raw = (unsigned char *)ret_hex + bytes;
    random_bytes(raw, bytes);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = raw[i];
        ret_hex[2 * i] = digits[byte >> 4];
        ret_hex[2 * i + 1] = digits[byte & 15];
    }
    ret_hex[2 * bytes] = '\0';
}
