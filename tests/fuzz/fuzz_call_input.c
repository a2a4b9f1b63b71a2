/* Bodies of calls from strangers: whatever they are, the worker's data is one JSON array or there are problems. */
#include <stdlib.h>

#include "gateway/input.h"
#include "gateway/output.h"

static const char manifest[] =
    "{\"functions\":[{\"id\":1,\"api_name\":\"f\",\"inputs\":[1,2,3,4],\"outputs\":[5],\"state_inputs\":[2],"
    "\"file_inputs\":[0],\"defaults\":[null,\"world\",null,null],\"parameter_names\":[\"image\",\"name\",\"memory\","
    "null]},{\"id\":2,\"inputs\":[1,2,3,4],\"outputs\":[],\"state_inputs\":[2],\"skipped_inputs\":[1],"
    "\"defaults\":[null,null,null,null],\"parameter_names\":[null,null,null,null]}]}";

static void check(const struct input *input, const struct function *function, bool named)
{
    struct input_result result;
    bool good = named ? input_check_named(input, function, &result)
                      : input_check(input, function, input->page.length > 0, &result);
    if (good != (result.problems.length == 0) || !json_is_valid(buffer_view(&result.data)))
        abort();
    if (!good && !output_is_data(buffer_view(&result.problems)))
        abort();
    input_result_release(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct function_table table;
    struct input input;
    const char *sentence;
    if (table.count == 0 && function_table_read(&table, text_from(manifest)) < 0)
        abort();
    if (input_parse(&input, (struct text){(const char *)data, size}, &sentence) == 0) {
        check(&input, &table.functions[0], false);
        check(&input, &table.functions[0], true);
        check(&input, &table.functions[1], false);
        check(&input, &table.functions[1], true);
    }
    input_release(&input);
    return 0;
}
