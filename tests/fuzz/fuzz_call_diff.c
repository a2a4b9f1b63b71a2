/* Two frames of a worker, cut from one input at its first NUL: the edits are JSON, and never much longer than the
 * value. */
#include <stdlib.h>

#include "gateway/diff.h"
#include "runtime/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size}, before = text_cut(&rest, '\0');
    struct buffer edits = BUFFER_EMPTY;
    if (!json_is_valid(before) || !json_is_valid(rest))
        return 0;
    diff_write_value(&edits, before, rest);
    if (!json_is_valid(buffer_view(&edits)) || edits.length > rest.length + 64)
        abort();
    buffer_clear(&edits);
    if (diff_write_frame(&edits, before, rest) == 0 && !json_is_valid(buffer_view(&edits)))
        abort();
    buffer_release(&edits);
    return 0;
}
