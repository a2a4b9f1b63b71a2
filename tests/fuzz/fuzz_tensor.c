/* Tensor lists: worker and inference backend do not trust each other. What is read is consistent and writes
 * back. */
#include "runtime/wire/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"

enum { WINDOW_BYTES = 65536 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char room[WINDOW_BYTES];
    struct tensor tensors[TENSOR_LIST_MAX];
    struct tensor_window window = {room, sizeof room};
    struct text list = {(const char *)data, size};
    int count = tensor_list_read(list, sizeof room, tensors, TENSOR_LIST_MAX);
    unsigned sum = 0;
    for (int i = 0; i < count; i++) {
        const unsigned char *bytes = tensor_bytes(&tensors[i], &window);
        uint64_t elements;
        expect(tensor_count(&tensors[i], BOUNDS_TENSOR_WINDOW_BYTES, &elements) == 0);
        if (tensors[i].type == TENSOR_STRING) {
            struct text rest = tensors[i].inline_bytes, element;
            for (uint64_t n = 0; n < elements; n++)
                expect(tensor_next_string(&rest, &element) && text_is_utf8(element));
            expect(rest.length == 0 && !tensors[i].in_window);
        } else {
            expect(elements * tensor_type_size(tensors[i].type) == tensors[i].byte_length);
        }
        for (uint64_t at = 0; at < tensors[i].byte_length; at++)
            sum += bytes[at];
    }
    __asm__ volatile("" : : "r"(sum)); /* reads every byte, so that the sanitizer sees it */
    return 0;
}
