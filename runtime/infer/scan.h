/* A look at an ONNX file before the library gets it, for what it is not given to do here.
 *
 * ONNX allows weights in files beside the model. A child has no files, so the library's attempt to open one ends in the
 * system-call filter, which is safe and tells the author nothing. And graphs may stand inside graphs without end, which
 * the library follows with its stack. Both are found here in one pass over the bytes, with words.
 *
 * This is no check that the file is a model: what looks damaged is left to the library to explain. */
#ifndef RUNTIME_INFER_SCAN_H
#define RUNTIME_INFER_SCAN_H

#include "runtime/base/buffer.h"

/* 0, or ERROR_UNSUPPORTED with a sentence in `reason`. */
int scan_model(struct text bytes, struct buffer *reason);

#endif
