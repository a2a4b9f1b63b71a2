/* Log lines: queued in memory, written in one transaction a quarter of a second later, heard live at once.
 *
 * A demo that prints in a loop must not cost a transaction a line, nor memory without end: the queue is bounded for
 * all demos together (lines beyond it are counted and dropped), the table for each one. Trimming happens once per run
 * of lines of the same repository in a batch, so the ring may be longer for a moment, never for long. */
#include "store/logs.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"

struct logs_pending {
    struct logs_pending *next;
    int64_t repository_id, wall_ms;
    const char *source;
    char *level, *line; /* owned */
};

void logs_init(struct logs *logs, struct database *database)
{
    *logs = (struct logs){.database = database};
    logs->last = &logs->first;
}

/* The column has a CHECK; anything that is not "build" was printed by the demo. */
static const char *source_name(const char *source)
{
    return strcmp(source, "build") == 0 ? "build" : "run";
}

/* A follower may leave while it is told (its client went away), so the next one is remembered before. */
static void tell_followers(struct logs *logs, int64_t repository_id, const struct logs_line *line)
{
    struct logs_follower *next;
    for (struct logs_follower *follower = logs->followers; follower != NULL; follower = next) {
        next = follower->next;
        if (follower->repository_id == repository_id &&
            (follower->source == NULL || strcmp(follower->source, line->source) == 0))
            follower->on_line(follower, line);
    }
}

bool logs_append(struct logs *logs, int64_t repository_id, const struct logs_line *line)
{
    bool first = logs->count == 0;
    tell_followers(logs, repository_id, line);
    if (logs->count == BOUNDS_LOG_QUEUED_LINES) {
        logs->dropped++;
        return false;
    }
    struct logs_pending *pending = MEMORY_NEW(struct logs_pending);
    *pending = (struct logs_pending){.repository_id = repository_id, .wall_ms = line->wall_ms,
                                     .source = source_name(line->source), .level = text_copy(line->level),
                                     .line = text_copy(text_head(line->line, BOUNDS_LOG_LINE_BYTES))};
    *logs->last = pending;
    logs->last = &pending->next;
    logs->count++;
    return first;
}

/* A line for a repository that was deleted meanwhile is refused by its foreign key, and rightly lost. */
static void write_pending(struct logs *logs, const struct logs_pending *pending)
{
    database_run(logs->database,
                 "INSERT INTO log_lines (repository_id, source, wall_ms, level, line) SELECT id, ?, ?, ?, ? "
                 "FROM repositories WHERE id = ?",
                 "sissi", pending->source, pending->wall_ms, pending->level, pending->line, pending->repository_id);
}

/* Deletes what is older than the newest BOUNDS_LOG_LINES_KEPT; ids only grow, so they are the order. */
static void trim(struct logs *logs, int64_t repository_id)
{
    database_run(logs->database,
                 "DELETE FROM log_lines WHERE repository_id = ? AND id <= (SELECT id FROM log_lines WHERE "
                 "repository_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                 "iii", repository_id, repository_id, (int64_t)BOUNDS_LOG_LINES_KEPT);
}

void logs_flush(struct logs *logs)
{
    struct logs_pending *pending = logs->first;
    int64_t trimmed = 0;
    if (pending == NULL || database_begin(logs->database) != 0)
        return;
    logs->first = NULL;
    logs->last = &logs->first;
    logs->count = 0;
    while (pending != NULL) {
        struct logs_pending *next = pending->next;
        write_pending(logs, pending);
        if (pending->repository_id != trimmed && (next == NULL || next->repository_id != pending->repository_id))
            trim(logs, trimmed = pending->repository_id);
        free(pending->level);
        free(pending->line);
        free(pending);
        pending = next;
    }
    if (logs->dropped > 0)
        log_warning("%zu log lines of demos were dropped: they came faster than they can be written", logs->dropped);
    logs->dropped = 0;
    database_commit(logs->database);
}

void logs_release(struct logs *logs)
{
    logs_flush(logs);
}

void logs_each(struct logs *logs, int64_t repository_id, const char *source, int64_t tail,
               void (*visit)(void *context, const struct logs_line *line), void *context)
{
    logs_flush(logs);
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, logs->database,
                         "SELECT source = 'build', wall_ms, level, line FROM (SELECT * FROM log_lines WHERE "
                         "repository_id = ? AND source = coalesce(?, source) ORDER BY id DESC LIMIT ?) ORDER BY id",
                         "isi", repository_id, source, tail > 0 ? tail : (int64_t)-1);
    while (database_query_step(&query) == 1) {
        struct logs_line line = {database_query_integer(&query, 0) ? "build" : "run", database_query_integer(&query, 1),
                                 database_query_text(&query, 2), database_query_text(&query, 3)};
        visit(context, &line);
    }
}

/* -- followers -- */

void logs_follow(struct logs *logs, struct logs_follower *follower)
{
    follower->next = logs->followers;
    follower->link = &logs->followers;
    if (follower->next != NULL)
        follower->next->link = &follower->next;
    logs->followers = follower;
}

void logs_unfollow(struct logs_follower *follower)
{
    if (follower->link == NULL)
        return;
    *follower->link = follower->next;
    if (follower->next != NULL)
        follower->next->link = follower->link;
    follower->link = NULL;
}

void logs_write_json(struct buffer *out, const struct logs_line *line)
{
    BUFFER_AUTO struct buffer time = BUFFER_EMPTY;
    clock_write_iso(&time, line->wall_ms);
    buffer_byte(out, '{');
    json_write_member(out, "data", line->line);
    json_write_member(out, "timestamp", buffer_view(&time));
    json_write_member(out, "level", line->level);
    buffer_byte(out, '}');
}
