/* Manifests were made in a cage and checked by the store, but they are still what a stranger's program computed: a
 * value of the wrong type makes the whole table empty, so that the demo can be looked at and not called, and nothing
 * half-read is ever used. The reader carries one error code through all steps; who reads an array bounds its numbers
 * at once, so positions can be used as indexes afterwards. */
#include "gateway/function.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* What the reading of one manifest carries around. */
struct function_reader {
    const struct json *json;
    struct function_table *table;
    struct map groups; /* concurrency_id → group index + 1 */
    int code;
};

/* A member that is null counts as absent, as everywhere in the protocol. */
static const struct json_node *member(struct function_reader *reader, const struct json_node *object, const char *key)
{
    const struct json_node *node = json_get(reader->json, object, key);
    return node && node->type == JSON_NULL ? NULL : node;
}

static bool read_bool(struct function_reader *reader, const struct json_node *object, const char *key, bool fallback)
{
    const struct json_node *node = member(reader, object, key);
    return node ? node->type == JSON_TRUE : fallback;
}

/* A number from 1 on; anything else spoils the table. */
static uint32_t read_count(struct function_reader *reader, const struct json_node *object, const char *key,
                           uint32_t fallback)
{
    const struct json_node *node = member(reader, object, key);
    int64_t value = fallback;
    if (node && (!json_integer(node, &value) || value < 1 || value > UINT32_MAX))
        reader->code = ERROR_INVALID;
    return (uint32_t)value;
}

/* Seconds, as authors write them ("time_limit = 2.5"), in milliseconds; 0 when there are none. */
static uint64_t read_seconds(struct function_reader *reader, const struct json_node *object, const char *key)
{
    const struct json_node *node = member(reader, object, key);
    double seconds = 0;
    if (node && !json_number(node, &seconds))
        reader->code = ERROR_INVALID;
    return seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1000 + 0.5) : 0;
}

/* A word out of a NULL-terminated list; the index of the match. */
static int read_word(struct function_reader *reader, const struct json_node *object, const char *key,
                     const char *const *words)
{
    const struct json_node *node = member(reader, object, key);
    MEMORY_AUTO char *word = node ? json_string_copy(node) : NULL;
    for (int i = 0; word && words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    if (node)
        reader->code = ERROR_INVALID;
    return 0;
}

/* An array of non-negative integers; `limit` is the first value that is too large. */
static uint32_t *read_numbers(struct function_reader *reader, const struct json_node *array, uint64_t limit,
                              uint32_t *ret_count)
{
    uint32_t count = array ? array->count : 0, used = 0;
    uint32_t *numbers = memory_alloc(count + 1, sizeof *numbers);
    const struct json_node *child;
    if (array && array->type != JSON_ARRAY)
        reader->code = ERROR_INVALID;
    for (child = json_first(reader->json, array); child; child = json_next(reader->json, array, child)) {
        int64_t value = 0;
        if (!json_integer(child, &value) || value < 0 || (uint64_t)value >= limit)
            reader->code = ERROR_INVALID;
        numbers[used++] = (uint32_t)value;
    }
    *ret_count = used;
    return numbers;
}

/* The numbers are places in the list of inputs and were bounded by read_numbers(). */
static void mark_positions(struct function_reader *reader, const struct json_node *array, unsigned char *marks,
                           struct function *function, unsigned char bit)
{
    uint32_t count;
    MEMORY_AUTO uint32_t *positions = read_numbers(reader, array, function->input_count, &count);
    for (uint32_t i = 0; reader->code == 0 && i < count; i++)
        marks[positions[i]] |= bit;
}

static void read_state_outputs(struct function_reader *reader, const struct json_node *node, struct function *function)
{
    uint32_t count;
    MEMORY_AUTO uint32_t *positions = read_numbers(reader, member(reader, node, "state_outputs"),
                                                   function->output_count, &count);
    function->state_outputs = memory_alloc(function->output_count + 1, sizeof *function->state_outputs);
    for (uint32_t i = 0; reader->code == 0 && i < count; i++)
        function->state_outputs[positions[i]] = true;
    function->has_state = function->has_state || count > 0;
}

/* `defaults` has one entry per input; null there means: required. */
static void read_defaults(struct function_reader *reader, const struct json_node *node, struct function *function)
{
    const struct json_node *array = member(reader, node, "defaults"), *child = json_first(reader->json, array);
    function->defaults = memory_alloc(function->input_count + 1, sizeof *function->defaults);
    for (uint32_t i = 0; child && i < function->input_count; i++, child = json_next(reader->json, array, child)) {
        if (child->type == JSON_NULL)
            continue;
        function->defaults[i] = text_copy(child->raw);
        function->positions[i] |= FUNCTION_HAS_DEFAULT;
    }
}

static void read_names(struct function_reader *reader, const struct json_node *node, struct function *function)
{
    const struct json_node *array = member(reader, node, "parameter_names"), *child = json_first(reader->json, array);
    function->names = memory_alloc(function->input_count + 1, sizeof *function->names);
    for (uint32_t i = 0; child && i < function->input_count; i++, child = json_next(reader->json, array, child))
        function->names[i] = json_string_copy(child);
}

/* Inputs first: every other list refers to their places. */
static void read_inputs(struct function_reader *reader, const struct json_node *node, struct function *function)
{
    function->inputs = read_numbers(reader, member(reader, node, "inputs"), UINT32_MAX, &function->input_count);
    function->outputs = read_numbers(reader, member(reader, node, "outputs"), UINT32_MAX, &function->output_count);
    function->positions = memory_alloc(function->input_count + 1, 1);
    mark_positions(reader, member(reader, node, "state_inputs"), function->positions, function, FUNCTION_STATE);
    for (uint32_t i = 0; i < function->input_count; i++)
        function->has_state = function->has_state || (function->positions[i] & FUNCTION_STATE);
    mark_positions(reader, member(reader, node, "file_inputs"), function->positions, function, FUNCTION_FILE);
    mark_positions(reader, member(reader, node, "skipped_inputs"), function->positions, function, FUNCTION_SKIPPED);
    read_state_outputs(reader, node, function);
    read_defaults(reader, node, function);
    read_names(reader, node, function);
    function->cancels = read_numbers(reader, member(reader, node, "cancels"), UINT32_MAX, &function->cancel_count);
}

/* Functions that name the same concurrency_id share one limit (the lowest); the others are alone in their group. */
static void read_group(struct function_reader *reader, const struct json_node *node, struct function *function)
{
    const struct json_node *id = member(reader, node, "concurrency_id");
    struct function_table *table = reader->table;
    uintptr_t found = id ? (uintptr_t)map_get(&reader->groups, id->raw) : 0;
    function->concurrency = read_count(reader, node, "concurrency_limit", BOUNDS_DEMO_CONCURRENCY);
    if (found == 0) {
        table->group_limits[table->group_count++] = function->concurrency;
        found = table->group_count;
        if (id)
            map_set(&reader->groups, id->raw, (void *)found);
    }
    function->group = (uint32_t)(found - 1);
    if (function->concurrency < table->group_limits[function->group])
        table->group_limits[function->group] = function->concurrency;
}

static void read_function(struct function_reader *reader, const struct json_node *node, struct function *function)
{
    static const char *const visibilities[] = {"public", "undocumented", "private", NULL};
    static const char *const triggers[] = {"once", "multiple", "always_last", NULL};
    const struct json_node *name = member(reader, node, "api_name");
    function->id = read_count(reader, node, "id", 0);
    function->api_name = name ? json_string_copy(name) : NULL;
    function->visibility = (enum function_visibility)read_word(reader, node, "visibility", visibilities);
    function->trigger = (enum function_trigger)read_word(reader, node, "trigger_mode", triggers);
    function->time_limit_ms = read_seconds(reader, node, "time_limit");
    function->queue = read_bool(reader, node, "queue", true);
    read_inputs(reader, node, function);
    read_group(reader, node, function);
    if (function->id == 0 || (function->api_name && map_get(&reader->table->by_name, text_from(function->api_name))))
        reader->code = ERROR_INVALID;
    else if (function->api_name)
        map_set(&reader->table->by_name, text_from(function->api_name), function);
}

/* max_queue stands with functions but bounds the demo: the smallest one counts. */
static void read_functions(struct function_reader *reader, const struct json_node *array)
{
    struct function_table *table = reader->table;
    const struct json_node *child;
    uint32_t count = array ? array->count : 0;
    if (array && array->type != JSON_ARRAY)
        reader->code = ERROR_INVALID;
    table->functions = memory_alloc(count + 1, sizeof *table->functions);
    table->group_limits = memory_alloc(count + 1, sizeof *table->group_limits);
    for (child = json_first(reader->json, array); child && reader->code == 0;
         child = json_next(reader->json, array, child)) {
        uint32_t limit = table->max_queue;
        read_function(reader, child, &table->functions[table->count++]);
        limit = read_count(reader, child, "max_queue", limit);
        table->max_queue = limit < table->max_queue ? limit : table->max_queue;
    }
}

int function_table_read(struct function_table *table, struct text manifest)
{
    struct json json = {0};
    struct function_reader reader = {.json = &json, .table = table};
    *table = (struct function_table){.max_queue = BOUNDS_DEMO_QUEUE_EVENTS};
    map_init(&table->by_name);
    map_init(&reader.groups);
    reader.code = json_parse(&json, manifest, NULL);
    if (reader.code == 0)
        read_functions(&reader, member(&reader, &json.nodes[0], "functions"));
    if (reader.code < 0)
        function_table_release(table);
    map_release(&reader.groups);
    json_release(&json);
    return reader.code;
}

static void release_texts(char **texts, uint32_t count)
{
    for (uint32_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

static void function_release(struct function *function)
{
    free(function->api_name);
    free(function->inputs);
    free(function->outputs);
    free(function->positions);
    free(function->state_outputs);
    free(function->cancels);
    release_texts(function->defaults, function->input_count);
    release_texts(function->names, function->input_count);
}

void function_table_release(struct function_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        function_release(&table->functions[i]);
    free(table->functions);
    free(table->group_limits);
    map_release(&table->by_name);
    *table = (struct function_table){0};
    map_init(&table->by_name);
}

/* Ids are nearly always 1…count in order, so the first guess is the answer. */
const struct function *function_by_id(const struct function_table *table, int64_t id)
{
    if (id >= 1 && id <= table->count && table->functions[id - 1].id == id)
        return &table->functions[id - 1];
    for (uint32_t i = 0; i < table->count; i++)
        if (table->functions[i].id == id)
            return &table->functions[i];
    return NULL;
}

/* Clients write names with or without the slash that /info shows. */
const struct function *function_by_name(const struct function_table *table, struct text name)
{
    if (name.length > 0 && name.data[0] == '/')
        name = text_skip(name, 1);
    return map_get(&table->by_name, name);
}

uint32_t function_inputs_without(const struct function *function, unsigned char bits)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < function->input_count; i++)
        count += !(function->positions[i] & bits);
    return count;
}
