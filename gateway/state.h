/* The ui.state values of sessions on their way to a worker, back, and to the store. */
#ifndef GATEWAY_STATE_H
#define GATEWAY_STATE_H

#include "runtime/base/buffer.h"

struct call;
struct calls;
struct session;

/* Appends a JSON object with the values that the call's function takes: component id → value; values that the session
 * does not have yet are left out. */
void state_write(const struct call *call, struct buffer *out);
/* Takes back the values that came with the answer (empty text: none). ERROR_INVALID: not an object of values of the
 * function's own state outputs; ERROR_LIMIT: they are larger than a session may keep. */
int state_read(struct call *call, struct text object, uint64_t now_ms);
/* Write-behind: the session's values go to the store. false: it is away, or does not keep up. */
bool state_save(struct calls *calls, struct session *session);

#endif
