/* How far an upload has come, as server-sent events for whoever asks by its upload_id. */
#ifndef STORE_UPLOAD_PROGRESS_H
#define STORE_UPLOAD_PROGRESS_H

#include "runtime/base/text.h"

struct store;

/* An upload tells: it began, a piece of a file came, it is over. An empty id is nobody's and does nothing. */
void upload_progress_begin(struct store *store, struct text id);
void upload_progress_tell(struct store *store, struct text id, struct text file_name, size_t bytes);
void upload_progress_end(struct store *store, struct text id);
void upload_progress_release(struct store *store);

#endif
