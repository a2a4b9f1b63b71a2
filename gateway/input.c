/* Checking and rewriting is one pass over the parsed body: problems are collected, not thrown at the first, because
 * the clients show all of them beside their fields. The worker's data is written while checking and thrown away when
 * there was a problem.
 *
 * Values are copied as they stand, byte for byte. Only FileData is rewritten, at any depth: of what a caller says
 * about a file nothing but the handle and the name is believed, and the handle is collected to be checked with the
 * store. */
#include "gateway/input.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "gateway/session.h"
#include "runtime/base/encode.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* The writing of one call's values. */
struct input_writer {
    const struct json *json;
    const struct function *function;
    struct input_result *result;
    int position; /* of the input being written */
};

/* Clients send null for what they leave out. */
static const struct json_node *get_value(const struct input *input, const char *key)
{
    const struct json_node *node = json_get(&input->json, input->root, key);
    return node && node->type == JSON_NULL ? NULL : node;
}

static struct text string_inside(const struct json_node *node)
{
    return (struct text){node->raw.data + 1, node->raw.length - 2};
}

/* Session names have no character that could be escaped, so the raw text is the name. */
static const char *read_members(struct input *input)
{
    const struct json_node *session = get_value(input, "session_hash"), *index = get_value(input, "fn_index");
    const struct json_node *page = get_value(input, "page");
    input->data = get_value(input, "data");
    input->event_data = get_value(input, "event_data");
    input->trigger_id = get_value(input, "trigger_id");
    if (input->data && input->data->type != JSON_ARRAY)
        return "\"data\" must be an array with one value per input.";
    if (index && (!json_integer(index, &input->fn_index) || input->fn_index < 0))
        return "\"fn_index\" must be the number of a function.";
    if (session && (session->type != JSON_STRING || !session_is_name(string_inside(session))))
        return "\"session_hash\" must be 1 to 128 letters, digits, - or _.";
    if (session)
        input->session = string_inside(session);
    if (page && page->type == JSON_STRING)
        input->page = string_inside(page);
    return NULL;
}

int input_parse(struct input *input, struct text body, const char **ret_sentence)
{
    *input = (struct input){.fn_index = -1};
    *ret_sentence = "The request's body must be a JSON object.";
    if (json_parse(&input->json, body, NULL) < 0 || input->json.nodes[0].type != JSON_OBJECT)
        return ERROR_INVALID;
    input->root = &input->json.nodes[0];
    *ret_sentence = read_members(input);
    return *ret_sentence ? ERROR_INVALID : 0;
}

void input_release(struct input *input)
{
    json_release(&input->json);
}

void input_files_release(struct input_files *files)
{
    while (files->count > 0)
        free(files->handles[--files->count]);
}

void input_result_release(struct input_result *result)
{
    buffer_release(&result->data);
    buffer_release(&result->problems);
    input_files_release(&result->files);
}

/* The list is kept closed at any time, so that it can be sent as it is. */
void input_add_problem(struct input_result *result, const struct function *function, int position,
                       const char *sentence)
{
    struct buffer *out = &result->problems;
    const char *name = position >= 0 ? function->names[position] : NULL;
    if (out->length > 0)
        out->length--; /* the closing bracket */
    else
        buffer_byte(out, '[');
    json_write_comma(out);
    buffer_string(out, "{\"__type__\":\"validate\",\"is_valid\":false,\"message\":");
    json_write_string(out, text_from(sentence));
    buffer_string(out, ",\"parameter_name\":");
    if (name)
        json_write_string(out, text_from(name));
    else
        buffer_format(out, "\"param_%d\"", position < 0 ? 0 : position);
    buffer_string(out, "}]");
}

static void refuse(struct input_writer *writer, const char *sentence)
{
    input_add_problem(writer->result, writer->function, writer->position, sentence);
}

/* The marker decides, as in Gradio: an object with a path alone is an ordinary value. */
static bool is_file_data(const struct json *json, const struct json_node *object)
{
    const struct json_node *type = json_get(json, json_get(json, object, "meta"), "_type");
    return type && text_equal(type->raw, TEXT("\"gradio.FileData\""));
}

/* The name is shown and may become a file's name somewhere: only its last segment, without control characters. */
static void write_clean_name(struct buffer *out, const struct json_node *orig_name)
{
    struct buffer raw BUFFER_AUTO = BUFFER_EMPTY, clean BUFFER_AUTO = BUFFER_EMPTY;
    if (!orig_name || json_string(orig_name, &raw) < 0)
        return;
    encode_file_name(&clean, buffer_view(&raw));
    buffer_string(out, ",\"orig_name\":");
    json_write_string(out, buffer_view(&clean));
}

static void write_file(struct input_writer *writer, const struct json_node *object)
{
    struct input_files *files = &writer->result->files;
    struct buffer *out = &writer->result->data;
    const struct json_node *node = json_get(writer->json, object, "path");
    MEMORY_AUTO char *path = node ? json_string_copy(node) : NULL;
    if (!path) {
        refuse(writer, "This file has no path. Upload it first and send what the upload returned.");
    } else if (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0) {
        refuse(writer, "This server does not fetch addresses: send the file itself.");
    } else if (files->count >= BOUNDS_EVENT_FILES) {
        refuse(writer, "Too many files in one call.");
    } else {
        buffer_string(out, "{\"path\":");
        json_write_string(out, text_from(path));
        write_clean_name(out, json_get(writer->json, object, "orig_name"));
        buffer_string(out, ",\"meta\":{\"_type\":\"gradio.FileData\"}}");
        files->positions[files->count] = writer->position;
        files->handles[files->count++] = MEMORY_STEAL(path);
        return;
    }
    buffer_string(out, "null");
}

/* Copies a value, rewriting files at any depth. The parser bounds the depth. */
static void write_value(struct input_writer *writer, const struct json_node *node)
{
    struct buffer *out = &writer->result->data;
    bool object = node->type == JSON_OBJECT;
    const struct json_node *child;
    if (!object && node->type != JSON_ARRAY) {
        buffer_text(out, node->raw);
        return;
    }
    if (object && is_file_data(writer->json, node)) {
        write_file(writer, node);
        return;
    }
    buffer_byte(out, object ? '{' : '[');
    for (child = json_first(writer->json, node); child; child = json_next(writer->json, node, child)) {
        json_write_comma(out);
        if (object)
            buffer_format(out, "\"" TEXT_FORMAT "\":", TEXT_ARGUMENT(child->name));
        write_value(writer, child);
    }
    buffer_byte(out, object ? '}' : ']');
}

/* A file slot holds null, a FileData, or a structure of them; never an empty or a bare object. */
static bool is_file_value(struct input_writer *writer, const struct json_node *node)
{
    if (node->type == JSON_OBJECT && node->count == 0)
        refuse(writer, "The file did not arrive: its upload failed. Try again, or send a smaller file.");
    else if (node->type == JSON_OBJECT && json_get(writer->json, node, "path") && !is_file_data(writer->json, node))
        refuse(writer, "A file must be sent as FileData, with \"meta\":{\"_type\":\"gradio.FileData\"}.");
    else
        return true;
    return false;
}

/* Most values hold no file: a search for the marker saves walking them. */
static void write_given(struct input_writer *writer, const struct json_node *node)
{
    struct text raw = node->raw;
    bool file = writer->function->positions[writer->position] & FUNCTION_FILE;
    if (file && !is_file_value(writer, node))
        buffer_string(&writer->result->data, "null");
    else if (memmem(raw.data, raw.length, "gradio.FileData", 15))
        write_value(writer, node);
    else
        buffer_text(&writer->result->data, raw);
}

static void write_missing(struct input_writer *writer)
{
    bool skipped = writer->function->positions[writer->position] & FUNCTION_SKIPPED;
    if (writer->function->positions[writer->position] & FUNCTION_HAS_DEFAULT) {
        buffer_string(&writer->result->data, writer->function->defaults[writer->position]);
        return;
    }
    if (!skipped)
        refuse(writer, "This value is missing.");
    buffer_string(&writer->result->data, "null");
}

/* One entry of the worker's data; `node` is NULL when the caller gave none. */
static void write_position(struct input_writer *writer, const struct json_node *node)
{
    json_write_comma(&writer->result->data);
    if (writer->function->positions[writer->position] & FUNCTION_STATE)
        buffer_string(&writer->result->data, "null");
    else if (node)
        write_given(writer, node);
    else
        write_missing(writer);
}

/* ---- which inputs positional values belong to ---- */

/* @gradio/client makes every array as long as the function has inputs, with null where the state is, but does not know
 * of inputs that the API description leaves out: it puts the values behind them one place too early, and nulls at the
 * end. True for such an array: its last values, one for each such input, are null. */
static bool is_shifted(const struct input *input, const struct function *function)
{
    uint32_t seen = 0, known = function_inputs_without(function, FUNCTION_STATE | FUNCTION_SKIPPED), i = 0;
    const struct json_node *node = json_first(&input->json, input->data);
    for (; node; node = json_next(&input->json, input->data, node), i++)
        if (!(function->positions[i] & FUNCTION_STATE) && seen++ >= known && node->type != JSON_NULL)
            return false;
    return seen > known;
}

/* How the values were laid out: for each input whether it took one (`takes`), or whether one that is there belongs to
 * nobody (`drops`). Callers may leave out state, what the API description does not have, or both; which of these it was
 * shows in the number of values. Where two readings fit, that of the known clients wins: they send null for state. */
struct layout {
    unsigned char takes_without; /* inputs with one of these bits take no value */
    unsigned char drops;         /* a value that stands at an input with this bit belongs to nobody */
    bool too_many;
};

static struct layout find_layout(const struct input *input, const struct function *function, bool from_page)
{
    uint32_t given = input->data ? input->data->count : 0, all = function->input_count;
    const unsigned char neither = FUNCTION_STATE | FUNCTION_SKIPPED;
    bool skips = function_inputs_without(function, FUNCTION_SKIPPED) < all;
    if (given == all && skips && !from_page && is_shifted(input, function))
        return (struct layout){.takes_without = neither, .drops = FUNCTION_STATE};
    if (given == all)
        return (struct layout){0};
    if (given == function_inputs_without(function, FUNCTION_SKIPPED))
        return (struct layout){.takes_without = FUNCTION_SKIPPED};
    if (given == function_inputs_without(function, FUNCTION_STATE))
        return (struct layout){.takes_without = FUNCTION_STATE};
    return (struct layout){.takes_without = neither, .too_many = given > function_inputs_without(function, neither)};
}

bool input_check(const struct input *input, const struct function *function, bool from_page,
                 struct input_result *result)
{
    struct input_writer writer = {&input->json, function, result, 0};
    const struct layout layout = find_layout(input, function, from_page);
    const struct json_node *node = json_first(&input->json, input->data);
    uint32_t place = 0; /* of `node` */
    *result = (struct input_result){0};
    if (layout.too_many)
        input_add_problem(result, function, -1, "More values than the function has inputs.");
    buffer_byte(&result->data, '[');
    for (uint32_t i = 0; i < function->input_count; i++) {
        bool takes = !(function->positions[i] & layout.takes_without);
        while (takes && node && place < function->input_count && (function->positions[place] & layout.drops)) {
            node = json_next(&input->json, input->data, node);
            place++;
        }
        writer.position = (int)i;
        write_position(&writer, takes ? node : NULL);
        if (node && takes) {
            node = json_next(&input->json, input->data, node);
            place++;
        }
    }
    buffer_byte(&result->data, ']');
    return result->problems.length == 0;
}

static bool has_parameter(const struct function *function, struct text name)
{
    for (uint32_t i = 0; i < function->input_count; i++) {
        char position[24];
        if (function->positions[i] & (FUNCTION_STATE | FUNCTION_SKIPPED))
            continue;
        if (function->names[i] && text_equal(name, text_from(function->names[i])))
            return true;
        snprintf(position, sizeof position, "param_%u", i);
        if (!function->names[i] && text_equal(name, text_from(position)))
            return true;
    }
    return false;
}

static const struct json_node *get_parameter(const struct input *input, const struct function *function, uint32_t i)
{
    char position[24];
    snprintf(position, sizeof position, "param_%u", i);
    return json_get(&input->json, input->root, function->names[i] ? function->names[i] : position);
}

/* Inputs that are not documented are not there for a caller by name. */
bool input_check_named(const struct input *input, const struct function *function, struct input_result *result)
{
    struct input_writer writer = {&input->json, function, result, 0};
    const struct json_node *child = json_first(&input->json, input->root);
    *result = (struct input_result){0};
    for (; child; child = json_next(&input->json, input->root, child))
        if (!has_parameter(function, child->name) && !text_equal(child->name, TEXT("session_hash")))
            input_add_problem(result, function, -1, "The function has no parameter of that name.");
    buffer_byte(&result->data, '[');
    for (uint32_t i = 0; i < function->input_count; i++) {
        writer.position = (int)i;
        write_position(&writer, function->positions[i] & FUNCTION_SKIPPED ? NULL : get_parameter(input, function, i));
    }
    buffer_byte(&result->data, ']');
    return result->problems.length == 0;
}
