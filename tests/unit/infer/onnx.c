#include "tests/unit/infer/onnx.h"

static void onnx_varint(struct buffer *out, uint64_t value)
{
    for (; value > 127; value >>= 7)
        buffer_byte(out, (char)((value & 127) | 128));
    buffer_byte(out, (char)value);
}

static void onnx_number(struct buffer *out, unsigned field, uint64_t value)
{
    onnx_varint(out, field << 3);
    onnx_varint(out, value);
}

static void onnx_bytes(struct buffer *out, unsigned field, struct text bytes)
{
    onnx_varint(out, field << 3 | 2);
    onnx_varint(out, bytes.length);
    buffer_text(out, bytes);
}

/* ValueInfoProto{name, TypeProto{tensor_type{elem_type, shape}}}. */
static void onnx_value_info(struct buffer *graph, unsigned field, const struct onnx_value *value)
{
    BUFFER_AUTO struct buffer shape = BUFFER_EMPTY, tensor = BUFFER_EMPTY, type = BUFFER_EMPTY, info = BUFFER_EMPTY;

    for (int i = 0; i < value->rank; i++) {
        BUFFER_AUTO struct buffer side = BUFFER_EMPTY;
        if (value->shape[i] < 0)
            onnx_bytes(&side, 2, TEXT("n"));
        else
            onnx_number(&side, 1, (uint64_t)value->shape[i]);
        onnx_bytes(&shape, 1, buffer_view(&side));
    }
    onnx_number(&tensor, 1, (uint64_t)(value->type ? value->type : 1));
    onnx_bytes(&tensor, 2, buffer_view(&shape));
    onnx_bytes(&type, 1, buffer_view(&tensor));
    if (value->type == 0) { /* TypeProto{sequence_type{elem_type}} around it */
        BUFFER_AUTO struct buffer sequence = BUFFER_EMPTY;
        onnx_bytes(&sequence, 1, buffer_view(&type));
        buffer_clear(&type);
        onnx_bytes(&type, 4, buffer_view(&sequence));
    }
    onnx_bytes(&info, 1, text_from(value->name));
    onnx_bytes(&info, 2, buffer_view(&type));
    onnx_bytes(graph, field, buffer_view(&info));
}

void onnx_write(struct buffer *out, const char *op, const struct onnx_value *inputs, const struct onnx_value *outputs)
{
    BUFFER_AUTO struct buffer node = BUFFER_EMPTY, graph = BUFFER_EMPTY, version = BUFFER_EMPTY;

    for (const struct onnx_value *value = inputs; value->name; value++)
        onnx_bytes(&node, 1, text_from(value->name));
    for (const struct onnx_value *value = outputs; value->name; value++)
        onnx_bytes(&node, 2, text_from(value->name));
    onnx_bytes(&node, 4, text_from(op));
    onnx_bytes(&graph, 1, buffer_view(&node));
    onnx_bytes(&graph, 2, TEXT("g"));
    for (const struct onnx_value *value = inputs; value->name; value++)
        onnx_value_info(&graph, 11, value);
    for (const struct onnx_value *value = outputs; value->name; value++)
        onnx_value_info(&graph, 12, value);
    onnx_number(&version, 2, 14);
    onnx_number(out, 1, 7);
    onnx_bytes(out, 8, buffer_view(&version));
    onnx_bytes(out, 7, buffer_view(&graph));
}
