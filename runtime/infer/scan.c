#include "runtime/infer/scan.h"

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* ONNX is protobuf: a message is a row of fields, each a key (number and wire type) and a value; which message stands
 * inside which field is the table below, taken from the format's description. Fields that are not in it are skipped by
 * their length. Merging (a field given twice) needs no care: both pieces are looked at. */

enum scan_message { SCAN_MODEL, SCAN_GRAPH, SCAN_NODE, SCAN_ATTRIBUTE, SCAN_TENSOR, SCAN_SPARSE, SCAN_FUNCTION };

static const struct scan_field {
    enum scan_message inside;
    uint32_t number;
    enum scan_message holds;
} scan_fields[] = {
    {SCAN_MODEL, 7, SCAN_GRAPH},       {SCAN_MODEL, 25, SCAN_FUNCTION},   {SCAN_FUNCTION, 7, SCAN_NODE},
    {SCAN_GRAPH, 1, SCAN_NODE},        {SCAN_GRAPH, 5, SCAN_TENSOR},      {SCAN_GRAPH, 15, SCAN_SPARSE},
    {SCAN_NODE, 5, SCAN_ATTRIBUTE},    {SCAN_ATTRIBUTE, 5, SCAN_TENSOR},  {SCAN_ATTRIBUTE, 6, SCAN_GRAPH},
    {SCAN_ATTRIBUTE, 10, SCAN_TENSOR}, {SCAN_ATTRIBUTE, 11, SCAN_GRAPH},  {SCAN_ATTRIBUTE, 22, SCAN_SPARSE},
    {SCAN_ATTRIBUTE, 23, SCAN_SPARSE}, {SCAN_SPARSE, 1, SCAN_TENSOR},     {SCAN_SPARSE, 2, SCAN_TENSOR},
};

enum { SCAN_TENSOR_LOCATION = 14, SCAN_LOCATION_EXTERNAL = 1, SCAN_TENSOR_EXTERNAL = 13, SCAN_ENTRY_KEY = 1,
       SCAN_ENTRY_VALUE = 2 };

/* One field: a number, or bytes. */
struct scan_value {
    uint32_t number;
    bool has_bytes;
    uint64_t integer;
    struct text bytes;
};

/* Ten bytes at most; what does not end by then is no number. */
static bool scan_varint(struct text *rest, uint64_t *ret_value)
{
    *ret_value = 0;
    for (unsigned shift = 0; shift < 64 && rest->length > 0; shift += 7) {
        unsigned char byte = (unsigned char)rest->data[0];
        *rest = text_skip(*rest, 1);
        *ret_value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

/* Takes a field off the front; false at the end and where the bytes are no protobuf. */
static bool scan_next(struct text *rest, struct scan_value *value)
{
    static const uint64_t fixed[8] = {[1] = 8, [5] = 4};
    uint64_t key, length;

    if (!scan_varint(rest, &key))
        return false;
    *value = (struct scan_value){.number = (uint32_t)(key >> 3), .has_bytes = (key & 7) == 2};
    if ((key & 7) == 0)
        return scan_varint(rest, &value->integer);
    length = fixed[key & 7];
    if (value->has_bytes ? !scan_varint(rest, &length) : length == 0)
        return false; /* groups are not part of ONNX */
    if (length > rest->length)
        return false;
    value->bytes = text_head(*rest, (size_t)length);
    *rest = text_skip(*rest, (size_t)length);
    return true;
}

/* The file that an entry {key: "location", value} names; empty for other entries. */
static struct text scan_location(struct text entry)
{
    struct text key = {0}, file = {0};
    struct scan_value value;

    while (scan_next(&entry, &value)) {
        if (value.number == SCAN_ENTRY_KEY)
            key = value.bytes;
        else if (value.number == SCAN_ENTRY_VALUE)
            file = value.bytes;
    }
    return text_equal(key, TEXT("location")) ? file : (struct text){0};
}

/* Where the data is said to be elsewhere the file's name is looked for, in whatever order they stand. */
static int scan_tensor(struct text bytes, struct buffer *reason)
{
    struct text file = {0};
    struct scan_value value;
    bool external = false;

    while (scan_next(&bytes, &value)) {
        if (value.number == SCAN_TENSOR_LOCATION && value.integer == SCAN_LOCATION_EXTERNAL)
            external = true;
        else if (value.number == SCAN_TENSOR_EXTERNAL && scan_location(value.bytes).length > 0)
            file = scan_location(value.bytes);
    }
    if (!external)
        return 0;
    buffer_string(reason, "onnx/model.onnx keeps weights in another file, \"");
    buffer_printable(reason, text_head(file, BOUNDS_INFER_REASON_BYTES / 2));
    buffer_string(reason, "\"; a model is one file here: save it again with its weights inside");
    return ERROR_UNSUPPORTED;
}

static const struct scan_field *scan_find(enum scan_message inside, uint32_t number)
{
    for (size_t i = 0; i < MEMORY_COUNT(scan_fields); i++)
        if (scan_fields[i].inside == inside && scan_fields[i].number == number)
            return &scan_fields[i];
    return NULL;
}

/* Recursive, with the depth as its bound: it is what the library would do without one. */
static int scan_message(enum scan_message message, struct text bytes, unsigned depth, struct buffer *reason)
{
    struct scan_value value;

    if (message == SCAN_TENSOR)
        return scan_tensor(bytes, reason);
    if (depth > BOUNDS_INFER_NESTING) {
        buffer_format(reason, "onnx/model.onnx has graphs inside graphs, more than %d messages deep",
                      BOUNDS_INFER_NESTING);
        return ERROR_UNSUPPORTED;
    }
    while (scan_next(&bytes, &value)) {
        const struct scan_field *field = value.has_bytes ? scan_find(message, value.number) : NULL;
        int result = field ? scan_message(field->holds, value.bytes, depth + 1, reason) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

int scan_model(struct text bytes, struct buffer *reason)
{
    return scan_message(SCAN_MODEL, bytes, 0, reason);
}
