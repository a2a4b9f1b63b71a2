#include "runtime/wire/tensor.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* The list is written and read field by field with explicit bytes: nothing of a C struct crosses between the two
 * processes, so padding cannot leak and a wrong length cannot be believed. Reading is one pass with a rest that
 * shrinks; what is left at the end makes the whole list invalid. */

static const struct {
    unsigned type;
    size_t size;
    const char *name;
} tensor_types[] = {
    {TENSOR_FLOAT32, 4, "float32"}, {TENSOR_UINT8, 1, "uint8"}, {TENSOR_INT8, 1, "int8"},
    {TENSOR_INT32, 4, "int32"},     {TENSOR_INT64, 8, "int64"}, {TENSOR_BOOL, 1, "bool"},
    {TENSOR_FLOAT64, 8, "float64"}, {TENSOR_FLOAT16, 2, "float16"}, {TENSOR_STRING, 4, "string"},
    {TENSOR_INT16, 2, "int16"},     {TENSOR_UINT16, 2, "uint16"},   {TENSOR_UINT32, 4, "uint32"},
    {TENSOR_UINT64, 8, "uint64"},
};

size_t tensor_type_size(unsigned type)
{
    for (size_t i = 0; i < MEMORY_COUNT(tensor_types); i++)
        if (tensor_types[i].type == type)
            return tensor_types[i].size;
    return 0;
}

const char *tensor_type_name(unsigned type)
{
    for (size_t i = 0; i < MEMORY_COUNT(tensor_types); i++)
        if (tensor_types[i].type == type)
            return tensor_types[i].name;
    return NULL;
}

int tensor_type_parse(struct text name)
{
    for (size_t i = 0; i < MEMORY_COUNT(tensor_types); i++)
        if (text_equal(name, text_from(tensor_types[i].name)))
            return (int)tensor_types[i].type;
    return ERROR_UNSUPPORTED;
}

/* Half precision: sign, 5 bits of exponent (bias 15), 10 of fraction. Below 2^-14 the steps are 2^-24 apart; adding a
 * float whose own step is that rounds to them, the sum's low bits are the answer. */
uint16_t tensor_half_from(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;

    if (bits > 0x7f800000)
        return sign | 0x7e00; /* not a number */
    if (bits >= 0x477ff000)
        return sign | 0x7c00; /* rounds to 65536 or more */
    if (bits < 0x38800000) {
        const float magic = 0.5f; /* its step is 2^-24 */
        float small;
        memcpy(&small, &bits, sizeof small);
        small += magic;
        memcpy(&bits, &small, sizeof bits);
        return sign | (uint16_t)(bits - 0x3f000000);
    }
    bits += 0xfff + (bits >> 13 & 1); /* to the nearest, ties to even */
    return sign | (uint16_t)((bits >> 13) - (112 << 10));
}

float tensor_half_to(uint16_t half)
{
    uint32_t exponent = half >> 10 & 31, fraction = half & 0x3ff, sign = (uint32_t)(half & 0x8000) << 16, bits;
    float value;

    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
    } else {
        bits = (exponent == 31 ? 255u << 23 : (exponent + 112) << 23) | fraction << 13;
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int tensor_count(const struct tensor *tensor, uint64_t byte_limit, uint64_t *ret_count)
{
    uint64_t count = 1,
             limit = byte_limit / (tensor_type_size(tensor->type) ? tensor_type_size(tensor->type) : 1);

    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] != 0 && count > limit / tensor->shape[i])
            return ERROR_LIMIT;
        count *= tensor->shape[i];
    }
    *ret_count = count;
    return count <= limit ? 0 : ERROR_LIMIT;
}

/* `size` low bytes, little-endian. */
static void tensor_put(struct buffer *out, uint64_t value, size_t size)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    buffer_append(out, bytes, size);
}

void tensor_list_begin(struct buffer *out, uint32_t count)
{
    tensor_put(out, count, 4);
}

size_t tensor_window_need(size_t list_length, size_t length)
{
    return list_length + length > BOUNDS_TENSOR_INLINE_BYTES ? (length + 63) & ~(size_t)63 : 0;
}

/* The window is written before the list: a tensor that does not fit leaves no half of itself. */
int tensor_list_add(struct buffer *out, const struct tensor *tensor, const void *bytes,
                    const struct tensor_window *window, size_t *window_used)
{
    uint64_t count;
    size_t start = (*window_used + 63) & ~(size_t)63;

    if (tensor_count(tensor, BOUNDS_TENSOR_WINDOW_BYTES, &count) < 0)
        return ERROR_LIMIT;
    bool strings = tensor->type == TENSOR_STRING;
    size_t length = strings ? (size_t)tensor->byte_length : (size_t)count * tensor_type_size(tensor->type);
    bool in_window = tensor_window_need(out->length, length) > 0;
    if (in_window && strings)
        return ERROR_LIMIT;
    if (in_window && (!window->base || start > window->length || length > window->length - start))
        return ERROR_LIMIT;
    tensor_put(out, tensor->name.length, 4);
    buffer_text(out, tensor->name);
    tensor_put(out, tensor->type, 1);
    tensor_put(out, tensor->rank, 1);
    tensor_put(out, in_window, 1);
    tensor_put(out, 0, 1);
    for (uint32_t i = 0; i < tensor->rank; i++)
        tensor_put(out, tensor->shape[i], 8);
    if (in_window) {
        memcpy(window->base + start, bytes, length);
        tensor_put(out, start, 8);
        *window_used = start + length;
    }
    tensor_put(out, length, 8);
    if (!in_window)
        buffer_append(out, bytes, length);
    return 0;
}

/* Takes `size` bytes as a little-endian number; false when they are not there. */
static bool tensor_take(struct text *rest, size_t size, uint64_t *ret_value)
{
    if (rest->length < size)
        return false;
    *ret_value = 0;
    for (size_t i = 0; i < size; i++)
        *ret_value |= (uint64_t)(unsigned char)rest->data[i] << (8 * i);
    *rest = text_skip(*rest, size);
    return true;
}

static bool tensor_take_text(struct text *rest, uint64_t length, struct text *ret_text)
{
    if (length > rest->length)
        return false;
    *ret_text = text_head(*rest, (size_t)length);
    *rest = text_skip(*rest, (size_t)length);
    return true;
}

/* Name, type, rank, place and shape; nothing is believed about how they fit together yet. A name is text: it goes into
 * sentences that people read. */
static int tensor_read_head(struct text *rest, struct tensor *tensor)
{
    uint64_t length, type, rank, place, zero;

    if (!tensor_take(rest, 4, &length) || length > TENSOR_NAME_MAX ||
        !tensor_take_text(rest, length, &tensor->name) || !text_is_utf8(tensor->name) || !tensor_take(rest, 1, &type) ||
        !tensor_take(rest, 1, &rank) || !tensor_take(rest, 1, &place) || !tensor_take(rest, 1, &zero))
        return ERROR_INVALID;
    if (tensor_type_size((unsigned)type) == 0 || rank > TENSOR_RANK_MAX || place > 1 || zero != 0)
        return ERROR_INVALID;
    tensor->type = (enum tensor_type)type;
    tensor->rank = (uint32_t)rank;
    tensor->in_window = place == 1;
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!tensor_take(rest, 8, &tensor->shape[i]))
            return ERROR_INVALID;
    return 0;
}

bool tensor_next_string(struct text *bytes, struct text *ret_element)
{
    uint64_t length;

    return tensor_take(bytes, 4, &length) && tensor_take_text(bytes, length, ret_element);
}

/* Exactly `count` elements, each of them text. */
static bool tensor_strings_are_whole(struct text bytes, uint64_t count)
{
    struct text element;

    while (count > 0 && tensor_next_string(&bytes, &element) && text_is_utf8(element))
        count--;
    return count == 0 && bytes.length == 0;
}

static int tensor_read_strings(struct text *rest, struct tensor *tensor, uint64_t count)
{
    if (tensor->in_window || !tensor_take_text(rest, tensor->byte_length, &tensor->inline_bytes))
        return ERROR_INVALID;
    return tensor_strings_are_whole(tensor->inline_bytes, count) ? 0 : ERROR_INVALID;
}

/* Shape, type and length must agree, and the range must lie within the window as the reader knows it. */
static int tensor_read_one(struct text *rest, size_t window_length, struct tensor *tensor)
{
    uint64_t count;

    *tensor = (struct tensor){0};
    if (tensor_read_head(rest, tensor) < 0 ||
        (tensor->in_window && !tensor_take(rest, 8, &tensor->window_offset)) ||
        !tensor_take(rest, 8, &tensor->byte_length))
        return ERROR_INVALID;
    if (tensor_count(tensor, BOUNDS_TENSOR_WINDOW_BYTES, &count) < 0)
        return ERROR_LIMIT;
    if (tensor->type == TENSOR_STRING)
        return tensor_read_strings(rest, tensor, count);
    if (count * tensor_type_size(tensor->type) != tensor->byte_length)
        return ERROR_INVALID;
    if (!tensor->in_window)
        return tensor_take_text(rest, tensor->byte_length, &tensor->inline_bytes) ? 0 : ERROR_INVALID;
    bool inside = tensor->window_offset <= window_length &&
                  tensor->byte_length <= window_length - tensor->window_offset;
    return inside && tensor->window_offset % 64 == 0 ? 0 : ERROR_INVALID;
}

int tensor_list_read(struct text list, size_t window_length, struct tensor *ret_tensors, size_t capacity)
{
    uint64_t count;

    if (list.length == 0)
        return 0;
    if (!tensor_take(&list, 4, &count))
        return ERROR_INVALID;
    if (count > capacity || count > TENSOR_LIST_MAX)
        return ERROR_LIMIT;
    for (size_t i = 0; i < count; i++) {
        int result = tensor_read_one(&list, window_length, &ret_tensors[i]);
        if (result < 0)
            return result;
    }
    return list.length == 0 ? (int)count : ERROR_INVALID;
}

/* In the window the other side may go on writing: copy, or read each byte once. */
const unsigned char *tensor_bytes(const struct tensor *tensor, const struct tensor_window *window)
{
    if (!tensor->in_window)
        return (const unsigned char *)tensor->inline_bytes.data;
    return window->base ? window->base + tensor->window_offset : NULL;
}
