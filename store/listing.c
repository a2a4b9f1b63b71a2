#include "store/listing.h"

#include <string.h>

#include "store/store.h"

/* CROSS JOIN keeps SQLite from starting at the accounts: the repositories come out of the index repositories_order as
 * they are wanted, so a page of thirty reads thirty rows however many there are. */
#define FROM "FROM repositories r CROSS JOIN accounts a ON a.id = r.account_id "
#define COLUMNS                                                                                            \
    "SELECT r.id, r.account_id, r.kind = 'model', r.private, r.paused, r.open_previews, a.name, r.name, "  \
    "coalesce(r.title, ''), coalesce(r.emoji, ''), coalesce(r.color_from, ''), coalesce(r.color_to, ''), " \
    "coalesce(r.sdk, ''), coalesce(r.description, ''), r.card, "                                           \
    "coalesce((SELECT commit_id FROM releases WHERE repository_id = r.id AND state = 'live'), ''), "       \
    "r.created_ms, r.updated_ms, r.pinned " FROM

/* Conditions: ?1 kind, ?2 the viewer, ?3 whether they see everything, ?4 only published ones. */
#define VISIBLE                                                            \
    "WHERE r.kind = ?1 AND (r.private = 0 OR r.account_id = ?2 OR ?3) AND " \
    "(?4 = 0 OR EXISTS (SELECT 1 FROM releases WHERE repository_id = r.id AND state = 'live')) "
/* ?5 words, ?6 a model. instr() instead of LIKE: what was typed holds no wildcards. Every visible row is looked at;
 * that is 25 ms for five thousand of them. */
#define FITTING                                                                                         \
    "AND (?5 = '' OR instr(lower(a.name || '/' || r.name || ' ' || coalesce(r.title, '') || ' ' || "     \
    "coalesce(r.description, '')), lower(?5)) > 0) "                                                    \
    "AND (?6 = '' OR EXISTS (SELECT 1 FROM json_each(r.card, '$.models') WHERE value = ?6 COLLATE NOCASE)) "
#define ORDER "ORDER BY r.pinned DESC, r.updated_ms DESC, r.id DESC "

/* One owner's are found through the owner. */
static const char list_all[] = COLUMNS VISIBLE FITTING ORDER "LIMIT ?7 OFFSET ?8";
static const char list_owner[] = COLUMNS VISIBLE FITTING
    "AND r.account_id = (SELECT id FROM accounts WHERE name = ?9) " ORDER "LIMIT ?7 OFFSET ?8";
static const char count_all[] = "SELECT count(*) FROM repositories r " VISIBLE;
static const char count_fitting[] = "SELECT count(*) " FROM VISIBLE FITTING;
static const char count_owner[] = "SELECT count(*) " FROM VISIBLE FITTING
                                  "AND r.account_id = (SELECT id FROM accounts WHERE name = ?7)";

static void read_names(const struct database_query *query, struct repository *repository)
{
    struct text owner = text_head(database_query_text(query, 6), BOUNDS_NAME_BYTES);
    struct text name = text_head(database_query_text(query, 7), BOUNDS_NAME_BYTES);
    memcpy(repository->owner, owner.data, owner.length);
    memcpy(repository->name, name.data, name.length);
}

/* The texts belong to the statement: valid until its next step. A repository without a title is called by its name. */
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

/* An absent text is bound as '' and not as NULL, since `?5 = ''` is how the conditions ask whether it counts. */
static struct text given(struct text text)
{
    return text.data ? text : TEXT("");
}

/* The parameters that all statements begin with. */
struct parameters {
    const char *kind;
    int64_t viewer, all, published;
    struct text search, uses, author;
};

static struct parameters parameters_of(const struct listing_query *query)
{
    return (struct parameters){
        .kind = query->model ? "model" : "demo",
        .viewer = query->viewer ? query->viewer->id : 0,
        .all = query->viewer && query->viewer->admin,
        .published = query->published,
        .search = given(query->search),
        .uses = given(query->uses),
        .author = given(query->author),
    };
}

/* How many there are in all. Without words the index repositories_visible answers, and no row is read. */
static int64_t count(struct database *database, const struct parameters *by)
{
    if (by->author.length > 0)
        return database_integer(database, count_owner, "siiittt", by->kind, by->viewer, by->all, by->published,
                                by->search, by->uses, by->author);
    if (by->search.length > 0 || by->uses.length > 0)
        return database_integer(database, count_fitting, "siiitt", by->kind, by->viewer, by->all, by->published,
                                by->search, by->uses);
    return database_integer(database, count_all, "siii", by->kind, by->viewer, by->all, by->published);
}

int64_t listing_each(struct store *store, const struct listing_query *query,
                     void (*visit)(void *context, const struct listing_row *row), void *context)
{
    struct parameters by = parameters_of(query);
    DATABASE_QUERY_AUTO struct database_query rows;
    if (by.author.length > 0)
        database_query_start(&rows, &store->database, list_owner, "siiittiit", by.kind, by.viewer, by.all, by.published,
                             by.search, by.uses, query->limit, query->offset, by.author);
    else
        database_query_start(&rows, &store->database, list_all, "siiittii", by.kind, by.viewer, by.all, by.published,
                             by.search, by.uses, query->limit, query->offset);
    while (database_query_step(&rows) == 1) {
        struct listing_row row = read_row(&rows);
        visit(context, &row);
    }
    return count(&store->database, &by);
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
