/* Manifests: read whole or refused whole, and whatever was read can be asked. */
#include <stdlib.h>

#include "gateway/function.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct function_table table;
    if (function_table_read(&table, (struct text){(const char *)data, size}) == 0) {
        for (uint32_t i = 0; i < table.count; i++) {
            const struct function *function = &table.functions[i];
            if (function->group >= table.group_count || function_inputs_without(function, FUNCTION_STATE) > function->input_count)
                abort();
        }
        function_by_id(&table, 1);
        function_by_name(&table, TEXT("/f"));
    }
    function_table_release(&table);
    return 0;
}
