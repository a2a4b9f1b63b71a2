/* A bundle written by a hostile describe cage: whatever opens holds its promises. */
#include "runtime/base/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* The fuzzer cannot guess a checksum; an attacker computes it. */
static void seal(unsigned char *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u, names;
    uint32_t count;
    memcpy(&count, data + 12, sizeof count);
    memcpy(&names, data + 24, sizeof names);
    if (count > 1000 || names > size || 64 + (size_t)count * 40 + names > size)
        return;
    for (size_t i = 64; i < 64 + (size_t)count * 40 + names; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    memcpy(data + 40, &hash, sizeof hash);
    uint64_t length = size;
    memcpy(data + 32, &length, sizeof length);
}

static void check(const struct bundle *bundle, const unsigned char *data, size_t size)
{
    for (uint32_t i = 0; i < bundle->entry_count; i++) {
        struct bundle_entry entry = bundle_at(bundle, i), found;
        const unsigned char *contents = (const unsigned char *)entry.contents.data;
        expect(contents >= data && entry.contents.length <= size &&
               contents + entry.contents.length <= data + size);
        expect(entry.name.length && entry.name.data[0] != '/' && text_find(entry.name, '\0') < 0);
        expect(!text_starts(entry.name, TEXT("../")));
        expect(bundle_find(bundle, entry.name, &found) == 0 && found.contents.data == entry.contents.data);
    }
    bundle_verify(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bundle bundle;
    unsigned char *data = malloc(size ? size : 1); /* exactly as long, so that the sanitizer sees its end */
    memcpy(data, input, size);
    if (bundle_open(&bundle, data, size) == 0)
        check(&bundle, data, size);
    if (size >= 64) {
        seal(data, size);
        if (bundle_open(&bundle, data, size) == 0)
            check(&bundle, data, size);
    }
    free(data);
    return 0;
}
