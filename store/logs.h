/* What demos print and what publishing said: a ring of lines for each repository, in the database, written in
 * batches.
 *
 * Lines wait in memory for at most BOUNDS_LOG_FLUSH_MS. Whoever follows a log gets each line at once. */
#ifndef STORE_LOGS_H
#define STORE_LOGS_H

#include "store/database.h"

struct logs_line {
    const char *source; /* "build" or "run" (static storage) */
    int64_t wall_ms;
    struct text level, line;
};

/* Someone who follows a repository's log. */
struct logs_follower {
    int64_t repository_id;
    const char *source; /* "build", "run", or NULL for both */
    void (*on_line)(struct logs_follower *follower, const struct logs_line *line);
    struct logs_follower *next, **link; /* the log's */
};

struct logs_pending;

struct logs {
    struct database *database; /* borrowed */
    struct logs_pending *first, **last;
    size_t count, dropped;
    struct logs_follower *followers;
};

void logs_init(struct logs *logs, struct database *database);
void logs_release(struct logs *logs); /* flushes */

/* Queues a line and tells followers. True when the queue was empty before: arm a timer for logs_flush(). Beyond
 * BOUNDS_LOG_QUEUED_LINES lines are dropped and counted. */
bool logs_append(struct logs *logs, int64_t repository_id, const struct logs_line *line);
/* Writes the queue in one transaction and drops what is older than the ring. */
void logs_flush(struct logs *logs);
/* Calls `visit` for the last `tail` lines (0: all kept ones), oldest first; flushes before. `source` may be NULL. */
void logs_each(struct logs *logs, int64_t repository_id, const char *source, int64_t tail,
               void (*visit)(void *context, const struct logs_line *line), void *context);

void logs_follow(struct logs *logs, struct logs_follower *follower);
void logs_unfollow(struct logs_follower *follower); /* may be called twice, and from inside on_line */

/* Appends {"data":…,"timestamp":…,"level":…}, the form in which a line goes to clients. */
void logs_write_json(struct buffer *out, const struct logs_line *line);

#endif
