/* ONNX Runtime's C API in the shape we need: models whose inputs and outputs are plain tensors.
 *
 * Models come from strangers, so this runs only in a locked child: no file, no network, bounded memory. One intra-op
 * thread and no spinning: the machine's cores are shared out between owners by the kernel, not by busy threads. */
#ifndef RUNTIME_INFER_ENGINE_H
#define RUNTIME_INFER_ENGINE_H

#include "runtime/wire/tensor.h"

struct OrtSession;
struct OrtValue;

/* What a model says about one of its inputs or outputs. */
struct engine_value {
    char *name; /* owned */
    enum tensor_type type;
    uint32_t rank;
    int64_t shape[TENSOR_RANK_MAX]; /* -1: any size */
};

struct engine {
    struct OrtSession *session; /* owned */
    struct engine_value *inputs, *outputs; /* owned */
    size_t input_count, output_count;
    bool batchable; /* the first dimension of everything may have any size, and answers can be cut by bytes */
};

/* One tensor that goes in: bytes are row-major elements of the input's type, strings as a message carries them. */
struct engine_input {
    unsigned char *bytes; /* borrowed; the run reads them in place */
    size_t length;        /* as the shape and the type say */
    uint32_t rank;
    int64_t shape[TENSOR_RANK_MAX];
};

/* What came out; tensors[i].inline_bytes borrow from values[i], or from strings[i] when they are strings. */
struct engine_answer {
    struct OrtValue *values[TENSOR_LIST_MAX]; /* owned */
    struct buffer strings[TENSOR_LIST_MAX];   /* owned */
    struct tensor tensors[TENSOR_LIST_MAX];
    size_t count;
};

/* Once per process, before anything is locked down or forked. 0; ERROR_SYSTEM when the library is not usable;
 * ERROR_UNSUPPORTED when it started threads of its own (telemetry), which we do not run. */
int engine_setup(void);
/* Loads a model from the bytes of an ONNX file, which must stay until engine_close(). 0, or ERROR_INVALID with a
 * sentence for the author appended to `reason`; then there is nothing to close. */
int engine_open(struct engine *engine, struct text bytes, struct buffer *reason);
void engine_close(struct engine *engine);
/* Runs with one tensor per input, in the model's order, already checked. 0 and an answer to clear, or ERROR_INVALID
 * with a sentence in `reason`. */
int engine_run(struct engine *engine, const struct engine_input *inputs, struct engine_answer *ret_answer,
               struct buffer *reason);
/* Forgets an earlier engine_stop(): the next run goes to its end. */
void engine_arm(void);
/* Makes the run in progress fail before its next operator; one that has begun is not interrupted. May be called from a
 * signal handler: the library only sets a flag that its executor reads. */
void engine_stop(void);
void engine_answer_clear(struct engine_answer *answer);
/* Appends {"inputs":[{"name","type","shape"}…],"outputs":[…]}; a dimension of any size is -1. */
void engine_describe(const struct engine *engine, struct buffer *out);
/* The input called `name`: its index, or ERROR_NOT_FOUND. */
int engine_find_input(const struct engine *engine, struct text name);
/* Does `tensor` fit the input? 0, or ERROR_INVALID with a sentence that names the input. */
int engine_check(const struct engine_value *input, const struct tensor *tensor, struct buffer *reason);

#endif
