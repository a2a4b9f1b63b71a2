/* The stage of a demo as the Hub's clients know it, put together from what publishing left in the database, what the
 * gateway last said, and whether the owner paused it. */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include "store/repository.h"

struct store;

struct stage {
    char name[24];          /* "RUNNING", "SLEEPING", "NO_APP_FILE" … */
    struct buffer reason;   /* why, in a sentence; may be empty */
    int64_t since_ms;
    bool serves;            /* there is a live release */
    bool refused;           /* the newest push was refused; `reason` says why */
};

void stage_init(struct stage *stage, struct store *store, const struct repository *repository);
void stage_release(struct stage *stage);
/* For people and style sheets: "live"/"Running", "asleep"/"Sleeping", "failed"/"Build failed" … (static storage). */
const char *stage_kind(const char *name);
const char *stage_label(const char *name);

/* The gateway says how a demo's worker is. */
void stage_heard(struct store *store, int64_t repository_id, struct text name, struct text reason);
void stage_forget(struct store *store, int64_t repository_id);
void stage_forget_all(struct store *store);

#endif
