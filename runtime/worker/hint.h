/* What to write instead: a sentence for Lua's own error messages about things that do not exist in a demo.
 *
 * The names stay absent, so that code which looks before it calls ("if os.getenv then") goes the right way; only the
 * message that a person reads gets longer. */
#ifndef RUNTIME_WORKER_HINT_H
#define RUNTIME_WORKER_HINT_H

#include "runtime/base/buffer.h"

/* The sentence that fits the first line of an error message; NULL when there is none. Static storage. */
const char *hint_find(struct text message);
/* Appends the message with its sentence at the end of the first line:
 * "app.lua:3: attempt to …; a demo starts no …". */
void hint_write(struct buffer *out, struct text message);

#endif
