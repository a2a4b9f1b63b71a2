/* What changed between two frames of an event, as the edit lists that Gradio's clients apply.
 *
 * An edit is [action, path, value]; path is a list of object keys and array indexes; edits are applied in order. The
 * worker always sends whole values; the gateway keeps the last frame it put on a stream and writes the difference. */
#ifndef GATEWAY_DIFF_H
#define GATEWAY_DIFF_H

#include "runtime/base/buffer.h"

/* Appends the edit list that turns `before` into `after` ("[]" when they are equal). Both must be well-formed JSON
 * texts. Never longer than about the value itself: when edits would be, one ["replace",[],value] is written; so it is
 * for values above BOUNDS_DIFF_BYTES, where looking for edits would cost more than it saves. */
void diff_write_value(struct buffer *out, struct text before, struct text after);

/* The same for a frame's `data`: two JSON arrays with one entry per output; appends an array of edit lists, one per
 * entry of `after`. 0, or ERROR_INVALID when one of them is no array (nothing is appended then). */
int diff_write_frame(struct buffer *out, struct text before, struct text after);

#endif
