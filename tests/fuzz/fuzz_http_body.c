/* Chunked bodies: however the bytes are cut, the contents and the verdict are the same. */
#include "runtime/http/body.h"

#include <stdlib.h>

#include "runtime/base/buffer.h"

static int decode(struct text bytes, size_t step, struct buffer *out)
{
    struct http_body body;
    int result = HTTP_BODY_MORE;
    http_body_init_request(&body, &(struct http_head){.chunked = true, .content_length = -1});
    while (bytes.length && result >= 0 && result != HTTP_BODY_END) {
        struct text part = text_head(bytes, step), piece = {0};
        size_t before = part.length;
        do {
            result = http_body_next(&body, &part, &piece);
            if (result == HTTP_BODY_PIECE)
                buffer_text(out, piece);
        } while (result == HTTP_BODY_PIECE);
        bytes = text_skip(bytes, before - part.length);
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer BUFFER_AUTO whole = BUFFER_EMPTY, bytewise = BUFFER_EMPTY, pieces = BUFFER_EMPTY;
    struct text bytes = {(const char *)data, size};
    int first = decode(bytes, size + 1, &whole);
    int second = decode(bytes, 1, &bytewise);
    int third = decode(bytes, 1 + size / 3, &pieces);
    if (first != second || first != third || !text_equal(buffer_view(&whole), buffer_view(&bytewise)) ||
        !text_equal(buffer_view(&whole), buffer_view(&pieces)))
        abort();
    return 0;
}
