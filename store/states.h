/* Values of `ui.state` between calls: written behind, in batches, and forgotten an hour after the last event. */
#ifndef STORE_STATES_H
#define STORE_STATES_H

#include "store/database.h"

struct states {
    struct database *database; /* borrowed */
    struct map pending;        /* "<demo id>/<session>" → struct states_pending * */
};

void states_init(struct states *states, struct database *database);
void states_release(struct states *states); /* flushes */
/* Keeps the newest state of a session. True when nothing waited before: arm a timer for states_flush(). Too large a
 * state or session name is dropped (the gateway bounds both). */
bool states_save(struct states *states, int64_t repository_id, struct text session, struct text state);
void states_flush(struct states *states);
/* Appends the state, or nothing when there is none. */
void states_load(struct states *states, int64_t repository_id, struct text session, struct buffer *out);
void states_expire(struct states *states);

#endif
