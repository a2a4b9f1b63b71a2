/* Heads: no byte outside the input is read, every slice lies in it, a copy says the same, and cutting never turns a
 * refused head into a good one. */
#include "runtime/http/head.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"

static void check_slice(struct text slice, const struct http_head *head)
{
    bool inside = slice.data >= head->data && slice.data + slice.length <= head->data + head->length;
    if (slice.length && !inside && !text_equal(slice, TEXT("/")))
        abort();
}

static void check_head(const struct http_head *head)
{
    struct http_head copy;
    void *memory = memory_alloc(1, http_head_copy_size(head) + 1);
    http_head_copy(head, &copy, memory);
    check_slice(head->path, head);
    check_slice(copy.path, &copy);
    check_slice(copy.query, &copy);
    check_slice(copy.host, &copy);
    if (head->chunked && head->content_length >= 0)
        abort();
    for (size_t i = 0; i < head->field_count; i++) {
        check_slice(http_head_name(&copy, i), &copy);
        check_slice(http_head_value(&copy, i), &copy);
        if (!text_equal(http_head_name(head, i), http_head_name(&copy, i)) ||
            !text_equal(http_head_value(head, i), http_head_value(&copy, i)))
            abort();
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head_parser parser, again;
    struct text whole = {(const char *)data, size};
    int result = http_head_parse_request(&parser, whole);
    if (result > 0) {
        if ((size_t)result > size)
            abort();
        check_head(&parser.head);
        /* Without its last byte it is unfinished, never another head. */
        if (http_head_parse_request(&again, text_head(whole, (size_t)result - 1)) != 0)
            abort();
    } else if (result < 0) {
        for (size_t cut = 0; cut < size; cut += 1 + size / 16)
            if (http_head_parse_request(&again, text_head(whole, cut)) > 0)
                abort();
    }
    if (http_head_parse_response(&parser, whole) > 0)
        check_head(&parser.head);
    return 0;
}
