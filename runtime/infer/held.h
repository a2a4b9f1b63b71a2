/* Answers too large for a message, kept until their worker says where in its tensor window they go.
 *
 * Only the worker knows which parts of its window are free: its other calls, also to other owners' models, use the same
 * one. So a large answer takes two steps: "run" tells its number and size, the worker reserves a place and asks with
 * "fetch". What nobody fetches (the visitor left) goes with the worker's window, after a while, or when newer answers
 * need the room: the caller is told then, and nothing grows without bound. */
#ifndef RUNTIME_INFER_HELD_H
#define RUNTIME_INFER_HELD_H

#include "runtime/wire/tensor.h"

struct held_answer;

/* All zero is an empty one. */
struct held {
    struct held_answer *first, *last; /* owned; oldest first */
    size_t bytes;
};

/* What the worker reserved: from `offset` to the end of `window`, which is cut there. */
struct held_place {
    struct tensor_window window;
    size_t offset;
};

/* Copies the tensors of answer `id`, which go to the worker of `slot`. Returns how much of a window they take. */
size_t held_keep(struct held *held, uint32_t slot, uint64_t id, const struct tensor *tensors, size_t count);
/* Appends the answer's list, its large tensors written to the place, and forgets it. 0; ERROR_NOT_FOUND when it is
 * not kept (any more) for that slot; ERROR_LIMIT when it does not fit, and then it stays. */
int held_fetch(struct held *held, uint32_t slot, uint64_t id, struct held_place place, struct buffer *out);
/* The slot's worker is gone. */
void held_drop_slot(struct held *held, uint32_t slot);

#endif
