/* Releases: rows that say which bundle belongs to which commit, and which of them is live.
 *
 * pending → live → old is the life of a row. Bundles are shared: two releases with equal trees, also of different
 * repositories, have one file, so a bundle goes only when no row names it any more. The order of a publish is fixed
 * by what a crash may leave: bundle on disk, row pending, git moves the ref, row live. Whatever is missing at the
 * next start, release_reconcile() decides by asking git: main is at the row's commit, or the row never counted. */
#include "store/release.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/repository.h"

#define COLUMNS "SELECT id, repository_id, commit_id, digest, state = 'live' FROM releases "

static int release_read(struct database_query *query, struct release *ret_release)
{
    int result = database_query_step(query);
    if (result <= 0)
        return result < 0 ? result : ERROR_NOT_FOUND;
    struct release release = {
        .id = database_query_integer(query, 0),
        .repository_id = database_query_integer(query, 1),
        .live = database_query_integer(query, 4) != 0,
    };
    struct text commit = text_head(database_query_text(query, 2), 40);
    struct text digest = text_head(database_query_text(query, 3), 64);
    memcpy(release.commit, commit.data, commit.length);
    memcpy(release.digest, digest.data, digest.length);
    *ret_release = release;
    return 0;
}

int release_find(struct database *database, int64_t id, struct release *ret_release)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, COLUMNS "WHERE id = ?", "i", id);
    return release_read(&query, ret_release);
}

int release_find_live(struct database *database, int64_t repository_id, struct release *ret_release)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, COLUMNS "WHERE repository_id = ? AND state = 'live'", "i", repository_id);
    return release_read(&query, ret_release);
}

int release_find_commit(struct database *database, int64_t repository_id, struct text commit,
                        struct release *ret_release)
{
    if (commit.length < 7 || commit.length > 40)
        return ERROR_NOT_FOUND;
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database,
                         COLUMNS "WHERE repository_id = ? AND substr(commit_id, 1, ?) = ? AND state <> 'pending' "
                                 "ORDER BY id DESC LIMIT 1",
                         "iit", repository_id, (int64_t)commit.length, commit);
    return release_read(&query, ret_release);
}

int release_find_previous(struct database *database, int64_t repository_id, struct release *ret_release)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database,
                         COLUMNS "WHERE repository_id = ? AND state = 'old' ORDER BY live_ms DESC, id DESC LIMIT 1",
                         "i", repository_id);
    return release_read(&query, ret_release);
}

int release_add(struct database *database, const struct release_draft *draft, int64_t *ret_id)
{
    int result = database_run(database,
                              "INSERT INTO releases (repository_id, commit_id, digest, bytes, card, state, created_ms, "
                              "message, author) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
                              "issitiss", draft->repository_id, draft->commit, draft->digest, (int64_t)draft->bytes,
                              draft->card, clock_wall_ms(), draft->message, draft->author);
    if (result < 0)
        return result;
    *ret_id = database_last_id(database);
    return 0;
}

/* -- going live -- */

/* A text of the card, or NULL. The caller frees it. */
static char *card_text(const struct json *card, const char *name)
{
    return json_string_copy(json_get(card, &card->nodes[0], name));
}

/* What listings show of a repository is copied out of the live release's card, so that they need not open it. Going
 * live also clears what the last refused push had left as stage. */
static int give_card(struct database *database, int64_t repository_id, struct text card_json)
{
    struct json card;
    if (json_parse(&card, card_json, NULL) != 0) {
        json_release(&card);
        return ERROR_CORRUPT;
    }
    MEMORY_AUTO char *title = card_text(&card, "title");
    MEMORY_AUTO char *emoji = card_text(&card, "emoji");
    MEMORY_AUTO char *from = card_text(&card, "colorFrom");
    MEMORY_AUTO char *to = card_text(&card, "colorTo");
    MEMORY_AUTO char *sdk = card_text(&card, "sdk");
    MEMORY_AUTO char *description = card_text(&card, "short_description");
    const struct json_node *pinned = json_get(&card, &card.nodes[0], "pinned");
    int64_t now = clock_wall_ms();
    int result = database_run(database,
                              "UPDATE repositories SET title = ?, emoji = ?, color_from = ?, color_to = ?, sdk = ?, "
                              "description = ?, pinned = ?, card = ?, stage = '', stage_reason = '', stage_ms = ?, "
                              "updated_ms = ? WHERE id = ?",
                              "ssssssitiii", title, emoji, from, to, sdk, description,
                              (int64_t)(pinned != NULL && pinned->type == JSON_TRUE), card_json, now, now,
                              repository_id);
    json_release(&card);
    return result < 0 ? result : 0;
}

/* First the old one goes: a unique index allows one live release of a repository at a time. */
static int swap_live(struct database *database, int64_t id, int64_t repository_id)
{
    int result = database_run(database, "UPDATE releases SET state = 'old' WHERE repository_id = ? AND state = 'live'",
                              "i", repository_id);
    if (result >= 0)
        result = database_run(database, "UPDATE releases SET state = 'live', live_ms = ? WHERE id = ?", "ii",
                              clock_wall_ms(), id);
    return result < 0 ? result : 0;
}

static int live_in_transaction(struct database *database, int64_t id)
{
    struct release release;
    int result = release_find(database, id, &release);
    if (result != 0)
        return result;
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, "SELECT card FROM releases WHERE id = ?", "i", id);
    if (database_query_step(&query) != 1)
        return ERROR_NOT_FOUND;
    result = swap_live(database, id, release.repository_id);
    return result != 0 ? result : give_card(database, release.repository_id, database_query_text(&query, 0));
}

int release_make_live(struct database *database, int64_t id)
{
    int result = database_begin(database);
    if (result != 0)
        return result;
    result = live_in_transaction(database, id);
    if (result == 0)
        return database_commit(database);
    database_rollback(database);
    return result;
}

/* -- going away -- */

void release_remove_unused(struct database *database, const struct vault *vault, struct text digest)
{
    if (database_integer(database, "SELECT count(*) FROM releases WHERE digest = ?", "t", digest) == 0)
        vault_remove(vault, digest);
}

void release_drop(struct database *database, const struct vault *vault, int64_t id)
{
    struct release release;
    if (release_find(database, id, &release) != 0 || release.live)
        return;
    if (database_run(database, "DELETE FROM releases WHERE id = ? AND state <> 'live'", "i", id) == 1)
        release_remove_unused(database, vault, text_from(release.digest));
}

/* At most 64 at a time: normally it is one, and whatever is left goes with the next push. */
void release_prune(struct database *database, const struct vault *vault, int64_t repository_id)
{
    int64_t ids[64];
    size_t count = 0;
    struct database_query query;
    database_query_start(&query, database,
                         "SELECT id FROM releases WHERE repository_id = ? AND state = 'old' ORDER BY id DESC "
                         "LIMIT -1 OFFSET ?",
                         "ii", repository_id, (int64_t)BOUNDS_RELEASES_KEPT);
    while (count < MEMORY_COUNT(ids) && database_query_step(&query) == 1)
        ids[count++] = database_query_integer(&query, 0);
    database_query_finish(&query);
    for (size_t index = 0; index < count; index++)
        release_drop(database, vault, ids[index]);
}

void release_drop_all(struct database *database, const struct vault *vault, int64_t repository_id)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database,
                         "SELECT DISTINCT digest FROM releases r WHERE repository_id = ? AND NOT EXISTS "
                         "(SELECT 1 FROM releases o WHERE o.digest = r.digest AND o.repository_id <> r.repository_id)",
                         "i", repository_id);
    while (database_query_step(&query) == 1)
        vault_remove(vault, database_query_text(&query, 0));
}

/* -- after a crash -- */

/* 1 when it went live, 0 when it was dropped, or an error. An error that is not "no such row" leaves the row
 * pending, and the store does not start: guessing could lose a push. */
static int reconcile_one(struct database *database, const struct vault *vault, const char *data, int64_t id)
{
    struct release release;
    char head[41];
    int result = release_find(database, id, &release);
    if (result == 0)
        result = repository_head(data, release.repository_id, head);
    if (result != 0)
        return result;
    if (strcmp(head, release.commit) != 0) {
        release_drop(database, vault, id);
        return 0;
    }
    log_info("release %lld was accepted before the last stop and goes live now", (long long)id);
    result = release_make_live(database, id);
    return result == 0 ? 1 : result;
}

struct sweep {
    struct database *database;
    const struct vault *vault;
};

/* Bundles that no row names: a crash between the rename and the row. */
static void sweep_bundle(void *context, struct text digest)
{
    struct sweep *sweep = context;
    release_remove_unused(sweep->database, sweep->vault, digest);
}

int release_reconcile(struct database *database, const struct vault *vault, const char *data)
{
    static const char next[] = "SELECT id FROM releases WHERE state = 'pending' AND id > ? ORDER BY id LIMIT 1";
    int lived = 0;
    for (int64_t id = 0; (id = database_integer(database, next, "i", id)) != 0;) {
        int result = reconcile_one(database, vault, data, id);
        if (result < 0)
            return result;
        lived += result;
    }
    struct sweep sweep = {database, vault};
    vault_each(vault, sweep_bundle, &sweep);
    return lived;
}
