#include "store/listing.h"

#include <string.h>

#include "store/store.h"

#define COLUMNS                                                                                            \
    "SELECT r.id, r.account_id, r.kind = 'model', r.private, r.paused, r.open_previews, a.name, r.name, "  \
    "coalesce(r.title, ''), coalesce(r.emoji, ''), coalesce(r.color_from, ''), coalesce(r.color_to, ''), " \
    "coalesce(r.sdk, ''), coalesce(r.description, ''), r.card, "                                           \
    "coalesce((SELECT commit_id FROM releases WHERE repository_id = r.id AND state = 'live'), ''), "       \
    "r.created_ms, r.updated_ms, r.pinned FROM repositories r JOIN accounts a ON a.id = r.account_id "

/* The same conditions for counting and listing. instr() instead of LIKE: what was typed holds no wildcards. */
#define CONDITIONS                                                                                                  \
    "WHERE r.kind = ?1 AND (r.private = 0 OR r.account_id = ?2 OR ?3) AND (?4 = '' OR a.name = ?4 COLLATE NOCASE) " \
    "AND (?5 = '' OR instr(lower(a.name || '/' || r.name || ' ' || coalesce(r.title, '') || ' ' || "                \
    "coalesce(r.description, '')), lower(?5)) > 0) "                                                                \
    "AND (?6 = '' OR EXISTS (SELECT 1 FROM json_each(r.card, '$.models') WHERE value = ?6 COLLATE NOCASE)) "        \
    "AND (?7 = 0 OR EXISTS (SELECT 1 FROM releases WHERE repository_id = r.id AND state = 'live')) "

static void read_names(const struct database_query *query, struct repository *repository)
{
    struct text owner = text_head(database_query_text(query, 6), BOUNDS_NAME_BYTES);
    struct text name = text_head(database_query_text(query, 7), BOUNDS_NAME_BYTES);
    memcpy(repository->owner, owner.data, owner.length);
    memcpy(repository->name, name.data, name.length);
}

static struct listing_row read_row(const struct database_query *query)
{
    struct listing_row row = {
        .repository = {.id = database_query_integer(query, 0),
                       .account_id = database_query_integer(query, 1),
                       .model = database_query_integer(query, 2) != 0,
                       .is_private = database_query_integer(query, 3) != 0,
                       .paused = database_query_integer(query, 4) != 0,
                       .open_previews = database_query_integer(query, 5) != 0},
        .title = database_query_text(query, 8),
        .emoji = database_query_text(query, 9),
        .color_from = database_query_text(query, 10),
        .color_to = database_query_text(query, 11),
        .sdk = database_query_text(query, 12),
        .description = database_query_text(query, 13),
        .card = database_query_text(query, 14),
        .commit = database_query_text(query, 15),
        .created_ms = database_query_integer(query, 16),
        .updated_ms = database_query_integer(query, 17),
        .pinned = database_query_integer(query, 18) != 0,
    };
    read_names(query, &row.repository);
    if (row.title.length == 0)
        row.title = database_query_text(query, 7);
    return row;
}

static struct text given(struct text text)
{
    return text.data ? text : TEXT("");
}

int64_t listing_each(struct store *store, const struct listing_query *query,
                     void (*visit)(void *context, const struct listing_row *row), void *context)
{
    const char *kind = query->model ? "model" : "demo";
    int64_t viewer = query->viewer ? query->viewer->id : 0;
    int64_t all = query->viewer && query->viewer->admin;
    DATABASE_QUERY_AUTO struct database_query rows;
    database_query_start(&rows, &store->database,
                         COLUMNS CONDITIONS "ORDER BY r.pinned DESC, r.updated_ms DESC, r.id DESC LIMIT ?8 OFFSET ?9",
                         "siitttiii", kind, viewer, all, given(query->author), given(query->search), given(query->uses),
                         (int64_t)query->published, query->limit, query->offset);
    while (database_query_step(&rows) == 1) {
        struct listing_row row = read_row(&rows);
        visit(context, &row);
    }
    return database_integer(&store->database,
                            "SELECT count(*) FROM repositories r JOIN accounts a ON a.id = r.account_id " CONDITIONS,
                            "siittti", kind, viewer, all, given(query->author), given(query->search),
                            given(query->uses), (int64_t)query->published);
}

void listing_one(struct store *store, int64_t id, void (*visit)(void *context, const struct listing_row *row),
                 void *context)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, &store->database, COLUMNS "WHERE r.id = ?", "i", id);
    if (database_query_step(&query) == 1) {
        struct listing_row row = read_row(&query);
        visit(context, &row);
    }
}
