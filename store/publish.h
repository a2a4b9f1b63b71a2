/* Publishing: what happens between git's pre-receive hook and a release that is live.
 *
 *   hook_push → CHECKING (read the tree, job) → DESCRIBING (cage and job) → KEEPING (check, sync and rename the bundle,
 * job) → [TRYING: a model is run once by the inference backend] → row `pending`, verdict yes → git moves the ref →
 * publish_settle(): row `live`, gateway told
 *
 * Every refusal is a sentence that the hook prints, so the author reads it as `remote:` lines; the old release stays
 * live. Whatever is killed in between, release_reconcile() finds out at the next start what git believes. */
#ifndef STORE_PUBLISH_H
#define STORE_PUBLISH_H

#include "runtime/wire/channel.h"
#include "store/repository.h"

struct publish;
struct store;

/* Listens to the hook of one receive-pack. Owns `hook_fd`. */
struct publish *publish_new(struct store *store, const struct repository *repository, const char *actor, int hook_fd);
/* Whether the hook was told yes for main: what git prints now should wait for publish_settle(). */
bool publish_is_accepted(const struct publish *publish);
/* What it waits for, as a word for the log. */
const char *publish_state_text(const struct publish *publish);
/* The git cage has ended: makes an accepted release live when git moved the ref, drops it when not; gives the publish
 * away (it frees itself when its last job is back). */
void publish_settle(struct publish *publish);

/* The inference backend's answer to a trial. */
void publish_tried(struct publish *publish, int status, struct text reason);

#endif
