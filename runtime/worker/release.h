/* What a worker and the describe cage both do with a release: run app.lua and hand its interface to the kit. */
#ifndef RUNTIME_WORKER_RELEASE_H
#define RUNTIME_WORKER_RELEASE_H

#include "runtime/worker/state.h"

/* Runs `app_file` frozen in time with `seed`, then app.load(). 0, or ERROR_INVALID with the sentence (one line) in
 * `ret_reason` and a traceback in `ret_trace`. */
int release_load(struct state *state, const char *app_file, uint64_t seed, struct buffer *ret_reason,
                 struct buffer *ret_trace);
/* Appends the digest (16 hex digits) of app.tree(). 0, or ERROR_INVALID with the sentence in it. */
int release_digest(struct state *state, struct buffer *ret_digest);
/* Calls app.difference(config): appends the sentence (nothing when there is no difference). */
void release_difference(struct state *state, struct text config, struct buffer *ret_reason);
/* The error value on the stack top as one line of text; pops it. Read raw. */
void release_take_error(struct state *state, struct buffer *ret_reason);
/* FNV-1a, 64 bit. */
uint64_t release_hash(struct text text);

#endif
