/* Small ONNX models, written field by field as onnx.proto numbers them. */
#ifndef TESTS_UNIT_INFER_ONNX_H
#define TESTS_UNIT_INFER_ONNX_H

#include "runtime/base/buffer.h"

struct onnx_value {
    const char *name;
    int type;     /* as TensorProto.DataType numbers it; 0: a sequence of tensors */
    int rank;
    int shape[9]; /* -1: any size */
};

/* One node `op` from the inputs to the output. Lists end with a NULL name. */
void onnx_write(struct buffer *out, const char *op, const struct onnx_value *inputs, const struct onnx_value *outputs);

#endif
