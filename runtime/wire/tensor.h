/* Tensors on their way between a demo and a model: a list of named tensors in a message, their elements
 * inline when they are small, else at an offset of the worker's tensor window.
 *
 *   u32 count, then per tensor: u32 length + name, u8 type, u8 rank, u8 place, u8 0, rank × u64 dimension,
 *   place 0: u64 length + bytes; place 1: u64 offset, u64 length
 *
 * Little-endian. Types are the numbers of ONNX TensorProto.DataType. The bytes of a string tensor are its elements one
 * after another, each u32 length + UTF-8; such a tensor always stands in the message, never in the window.
 *
 * Both sides are hostile to each other: reading checks everything, and a tensor in the window is copied out before
 * anything but float elements is looked at. */
#ifndef RUNTIME_WIRE_TENSOR_H
#define RUNTIME_WIRE_TENSOR_H

#include "runtime/base/buffer.h"

enum tensor_type {
    TENSOR_FLOAT32 = 1,
    TENSOR_UINT8 = 2,
    TENSOR_INT8 = 3,
    TENSOR_UINT16 = 4,
    TENSOR_INT16 = 5,
    TENSOR_INT32 = 6,
    TENSOR_INT64 = 7,
    TENSOR_STRING = 8,
    TENSOR_BOOL = 9,
    TENSOR_FLOAT16 = 10,
    TENSOR_FLOAT64 = 11,
    TENSOR_UINT32 = 12,
    TENSOR_UINT64 = 13,
};

enum { TENSOR_RANK_MAX = 8, TENSOR_LIST_MAX = 64, TENSOR_NAME_MAX = 256 };

struct tensor {
    struct text name;
    enum tensor_type type;
    uint32_t rank;
    uint64_t shape[TENSOR_RANK_MAX];
    struct text inline_bytes;   /* when in_window is false */
    bool in_window;
    uint64_t window_offset;     /* when in_window is true */
    uint64_t byte_length;       /* of the elements, wherever they are */
};

/* The memory shared by one worker and the inference backend; base NULL when there is none. */
struct tensor_window {
    unsigned char *base;
    size_t length;
};

/* Bytes per element, of a string the least (its length); 0 for an unknown type. */
size_t tensor_type_size(unsigned type);
const char *tensor_type_name(unsigned type); /* "float32"; NULL when unknown */
int tensor_type_parse(struct text name);     /* the type, or ERROR_UNSUPPORTED */
/* IEEE 754 half precision, rounded to the nearest, ties to even; too large becomes infinite. */
uint16_t tensor_half_from(float value);
float tensor_half_to(uint16_t half);
/* Elements of a shape (1 for rank 0) when they and their bytes fit `byte_limit`: 0, or ERROR_LIMIT. */
int tensor_count(const struct tensor *tensor, uint64_t byte_limit, uint64_t *ret_count);
/* Takes the next element off the bytes of a string tensor: false at their end or when they are malformed. */
bool tensor_next_string(struct text *bytes, struct text *ret_element);
/* Appends one tensor (the count stands first: call tensor_list_begin once before). Its elements go inline as long as
 * the whole list stays within BOUNDS_TENSOR_INLINE_BYTES, else into the window at `*window_used`, which moves on,
 * 64-byte aligned. A string tensor's byte_length says how many bytes there are. 0, or ERROR_LIMIT and nothing
 * changed. */
void tensor_list_begin(struct buffer *out, uint32_t count);
int tensor_list_add(struct buffer *out, const struct tensor *tensor, const void *bytes,
                    const struct tensor_window *window, size_t *window_used);
/* What tensor_list_add() would take of the window for `length` bytes on top of `list_length` ones: 0 when inline. */
size_t tensor_window_need(size_t list_length, size_t length);
/* Reads a list of at most `capacity` tensors: their number, or ERROR_INVALID / ERROR_LIMIT. Element counts, byte
 * lengths, window ranges and the elements of strings are consistent afterwards. Borrows `list`. */
int tensor_list_read(struct text list, size_t window_length, struct tensor *ret_tensors, size_t capacity);
/* The tensor's bytes: in the message, or in the window (NULL when there is no window). */
const unsigned char *tensor_bytes(const struct tensor *tensor, const struct tensor_window *window);

#endif
