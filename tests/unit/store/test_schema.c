/* What the schema promises: no statement of the store walks through a whole table, and every migration leads here.
 *
 * The statements are not listed: the store's own functions are called, and everything that the database has prepared for
 * them is explained. */
#include "scratch.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "store/files.h"
#include "store/listing.h"
#include "store/logs.h"
#include "store/release.h"
#include "store/schema.h"
#include "store/signin.h"
#include "store/stage.h"
#include "store/states.h"
#include "store/store.h"
#include "store/token.h"

static void ignore_row(void *context, const struct listing_row *row)
{
}

static void ignore_line(void *context, const struct logs_line *line)
{
}

static void use_listings(struct store *store, const struct account *viewer)
{
    const struct listing_query queries[] = {
        {.viewer = viewer, .limit = 30, .published = true},
        {.viewer = viewer, .limit = 30, .search = TEXT("x"), .published = true},
        {.viewer = viewer, .limit = 30, .author = TEXT("ann")},
        {.model = true, .limit = 30, .uses = TEXT("ann/net")},
    };
    for (size_t index = 0; index < MEMORY_COUNT(queries); index++)
        listing_each(store, &queries[index], ignore_row, NULL);
    listing_one(store, 1, ignore_row, NULL);
}

static void use_releases(struct scratch *scratch, const struct repository *demo)
{
    struct release release;
    char digest[65];
    scratch_bundle(scratch, "one", digest);
    scratch_release(scratch, demo->id, "0123456789012345678901234567890123456789", digest);
    scratch_bundle(scratch, "two", digest);
    int64_t second = scratch_release(scratch, demo->id, "1123456789012345678901234567890123456789", digest);
    assert_int_equal(release_find_live(&scratch->database, demo->id, &release), 0);
    assert_int_equal(release_find_commit(&scratch->database, demo->id, TEXT("1123456"), &release), 0);
    assert_int_equal(release_find_previous(&scratch->database, demo->id, &release), 0);
    release_prune(&scratch->database, &scratch->vault, demo->id);
    release_drop(&scratch->database, &scratch->vault, second);
    assert_true(release_reconcile(&scratch->database, &scratch->vault, scratch->path) >= 0);
    release_drop_all(&scratch->database, &scratch->vault, demo->id);
}

static void use_identity(struct database *database, const struct account *ann)
{
    BUFFER_AUTO struct buffer secret = BUFFER_EMPTY;
    struct identity identity;
    struct account account;
    assert_int_equal(token_create(database, ann->id, TEXT("t"), true, &secret), 0);
    assert_int_equal(token_identify(database, buffer_view(&secret), &identity), 0);
    token_touch(database, &identity);
    token_list(database, ann->id, &secret);
    token_revoke(database, ann->id, TEXT("t"));
    signin_link_use(database, TEXT("x"), &account);
    signin_session_find(database, TEXT("x"), &account);
    signin_session_end(database, TEXT("x"));
    signin_session_end_all(database, ann->id);
    signin_expire(database);
    free(account_password_get(database, TEXT("ann")));
}

static void use_rest(struct scratch *scratch, struct store *store, const struct repository *demo)
{
    struct stage stage;
    struct files_writer writer;
    struct files_entry entry;
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    struct repository found;
    stage_init(&stage, store, demo);
    stage_release(&stage);
    repository_set_stage(&store->database, demo->id, "", TEXT(""));
    repository_find(&store->database, false, TEXT("ann"), TEXT("one"), &found);
    repository_find_subdomain(&store->database, TEXT("ann-one"), &found);
    assert_int_equal(files_init(&store->files, &store->database, scratch->path), 0);
    assert_int_equal(files_begin(&store->files, demo->id, TEXT(""), TEXT("x"), &writer), 0);
    assert_int_equal(files_finish(&writer), 0);
    files_find(&store->files, demo->id, NULL, buffer_view(&writer.handle), &entry);
    files_entry_release(&entry);
    files_abandon(&writer);
    files_expire(&store->files);
    logs_init(&store->logs, &store->database);
    logs_append(&store->logs, demo->id, &(struct logs_line){"run", 1, TEXT("info"), TEXT("line")});
    logs_each(&store->logs, demo->id, "run", 10, ignore_line, NULL);
    logs_each(&store->logs, demo->id, NULL, 0, ignore_line, NULL);
    logs_release(&store->logs);
    states_init(&store->states, &store->database);
    states_save(&store->states, demo->id, TEXT("s"), TEXT("{}"));
    states_flush(&store->states);
    states_load(&store->states, demo->id, TEXT("s"), &out);
    states_expire(&store->states);
    states_release(&store->states);
    files_drop_repository(&store->files, demo->id);
    files_release(&store->files);
}

/* What is no table: the elements of a row's own list, and the few rows that a subquery just gave. */
static bool may_scan(const char *detail)
{
    return strstr(detail, "json_each") != NULL || strstr(detail, "SCAN CONSTANT ROW") != NULL ||
           strncmp(detail, "SCAN (subquery", 14) == 0;
}

static int explain(void *context, struct text sql, void *value)
{
    sqlite3 *handle = context;
    BUFFER_AUTO struct buffer question = BUFFER_EMPTY;
    sqlite3_stmt *statement = NULL;
    buffer_string(&question, "EXPLAIN QUERY PLAN ");
    buffer_text(&question, sql);
    assert_int_equal(sqlite3_prepare_v2(handle, question.data, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(statement, 3);
        if (strncmp(detail, "SCAN", 4) == 0 && !may_scan(detail))
            fail_msg("%s: " TEXT_FORMAT, detail, TEXT_ARGUMENT(sql));
    }
    sqlite3_finalize(statement);
    return 0;
}

static void no_statement_walks_through_a_table(void **state)
{
    struct scratch scratch;
    struct store store = {0};
    scratch_open(&scratch);
    map_init(&store.stages);
    map_init(&store.publishing);
    struct repository demo = scratch_repository(&scratch, "one", false);
    store.database = scratch.database; /* the map of statements is the same one from here on */
    use_listings(&store, &scratch.ann);
    use_identity(&store.database, &scratch.ann);
    scratch.database = store.database;
    use_releases(&scratch, &demo);
    store.database = scratch.database;
    use_rest(&scratch, &store, &demo);
    assert_true(store.database.statements.count > 50);
    map_each(&store.database.statements, explain, store.database.handle);
    scratch.database = store.database;
    map_release(&store.stages);
    map_release(&store.publishing);
    scratch_close(&scratch);
}

/* A page of the gallery comes out of its index in order: nothing is sorted, so nothing beyond the page is read. */
static int expect_no_sorting(void *context, struct text sql, void *value)
{
    sqlite3 *handle = context;
    BUFFER_AUTO struct buffer question = BUFFER_EMPTY;
    sqlite3_stmt *statement = NULL;
    if (strstr(sql.data, "r.pinned DESC") == NULL || strstr(sql.data, "?9") != NULL)
        return 0;
    buffer_string(&question, "EXPLAIN QUERY PLAN ");
    buffer_text(&question, sql);
    assert_int_equal(sqlite3_prepare_v2(handle, question.data, -1, &statement, NULL), SQLITE_OK);
    bool ordered = false;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(statement, 3);
        assert_null(strstr(detail, "TEMP B-TREE"));
        ordered = ordered || strstr(detail, "repositories_order") != NULL;
    }
    sqlite3_finalize(statement);
    assert_true(ordered);
    return 1;
}

static void the_gallery_is_not_sorted(void **state)
{
    struct scratch scratch;
    struct store store = {0};
    scratch_open(&scratch);
    store.database = scratch.database;
    use_listings(&store, &scratch.ann);
    assert_int_equal(map_each(&store.database.statements, expect_no_sorting, store.database.handle), 1);
    scratch.database = store.database;
    scratch_close(&scratch);
}

/* An older database ends with the same tables and indexes as a new one. */
static void every_version_leads_here(void **state)
{
    static const char objects[] = "SELECT group_concat(coalesce(sql, ''), ';') FROM (SELECT sql FROM sqlite_schema "
                                  "WHERE name NOT LIKE 'sqlite_%' ORDER BY name)";
    struct scratch scratch;
    scratch_open(&scratch);
    MEMORY_AUTO char *wanted = NULL;
    for (size_t version = schema_migration_count; version > 0; version--) {
        char path[128];
        struct database database;
        snprintf(path, sizeof path, "%s/version-%zu.db", scratch.path, version);
        assert_int_equal(database_open(&database, path, schema_migrations, version), 0);
        database_release(&database);
        assert_int_equal(database_open(&database, path, schema_migrations, schema_migration_count), 0);
        struct database_query query;
        database_query_start(&query, &database, objects, "");
        assert_int_equal(database_query_step(&query), 1);
        MEMORY_AUTO char *found = text_copy(database_query_text(&query, 0));
        database_query_finish(&query);
        if (wanted == NULL)
            wanted = MEMORY_STEAL(found);
        else
            assert_string_equal(found, wanted);
        database_release(&database);
    }
    scratch_close(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_statement_walks_through_a_table),
        cmocka_unit_test(the_gallery_is_not_sorted),
        cmocka_unit_test(every_version_leads_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
