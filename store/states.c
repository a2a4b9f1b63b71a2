/* ui.state, written behind.
 *
 * The newest state of a session waits in memory under "<demo id>/<session>" and replaces the one before, so a visitor
 * who clicks ten times a second costs one row per flush. Reading looks into memory first. A crash of this process
 * loses at most what one flush interval gathered; the gateway still has it and saves it again with the next event. */
#include "store/states.h"

#include <stdlib.h>

#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"

struct states_pending {
    int64_t repository_id;
    char *session, *state; /* owned */
};

void states_init(struct states *states, struct database *database)
{
    states->database = database;
    map_init(&states->pending);
}

void states_release(struct states *states)
{
    states_flush(states);
    map_release(&states->pending);
}

static void pending_free(struct states_pending *pending)
{
    if (pending == NULL)
        return;
    free(pending->session);
    free(pending->state);
    free(pending);
}

/* Twice the session's limit: the gateway counts the values, here they are JSON with names around them. */
bool states_save(struct states *states, int64_t repository_id, struct text session, struct text state)
{
    BUFFER_AUTO struct buffer key = BUFFER_EMPTY;
    bool first = states->pending.count == 0;
    if (session.length > BOUNDS_SESSION_HASH_BYTES || state.length > BOUNDS_SESSION_STATE_BYTES * 2 ||
        !text_is_utf8(session) || !text_is_utf8(state))
        return false;
    struct states_pending *pending = MEMORY_NEW(struct states_pending);
    *pending = (struct states_pending){repository_id, text_copy(session), text_copy(state)};
    buffer_format(&key, "%lld/", (long long)repository_id);
    buffer_text(&key, session);
    pending_free(map_set(&states->pending, buffer_view(&key), pending));
    return first;
}

/* SELECT … FROM repositories: a state for a demo that is gone writes nothing, instead of failing on its foreign key. */
static int write_pending(void *context, struct text key, void *value)
{
    struct states *states = context;
    struct states_pending *pending = value;
    database_run(states->database,
                 "INSERT INTO session_states (repository_id, session, state, expires_ms) SELECT id, ?, ?, ? FROM "
                 "repositories WHERE id = ? ON CONFLICT (repository_id, session) DO UPDATE SET state = excluded.state, "
                 "expires_ms = excluded.expires_ms",
                 "ssii", pending->session, pending->state, clock_wall_ms() + BOUNDS_SESSION_STATE_MS,
                 pending->repository_id);
    pending_free(map_remove(&states->pending, key));
    return 0;
}

void states_flush(struct states *states)
{
    if (states->pending.count == 0 || database_begin(states->database) != 0)
        return;
    map_each(&states->pending, write_pending, states);
    database_commit(states->database);
}

void states_load(struct states *states, int64_t repository_id, struct text session, struct buffer *out)
{
    BUFFER_AUTO struct buffer key = BUFFER_EMPTY;
    buffer_format(&key, "%lld/", (long long)repository_id);
    buffer_text(&key, session);
    const struct states_pending *pending = map_get(&states->pending, buffer_view(&key));
    if (pending != NULL) {
        buffer_string(out, pending->state);
        return;
    }
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, states->database,
                         "SELECT state FROM session_states WHERE repository_id = ? AND session = ? AND expires_ms > ?",
                         "iti", repository_id, session, clock_wall_ms());
    if (database_query_step(&query) == 1)
        buffer_text(out, database_query_text(&query, 0));
}

void states_expire(struct states *states)
{
    database_run(states->database, "DELETE FROM session_states WHERE expires_ms <= ?", "i", clock_wall_ms());
}
