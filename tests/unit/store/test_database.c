/* The SQLite wrapper: values in and out, errors as codes, transactions, migrations with their copy. */
#include "scratch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/memory.h"

static void values_come_back_as_they_went(void **state)
{
    struct database *database = &((struct scratch *)*state)->database;
    static const char blob[] = {0, 1, 2, 0, (char)255};
    assert_int_equal(database_run(database, "CREATE TABLE t (i INTEGER, s TEXT, b BLOB)", ""), 0);
    assert_int_equal(database_run(database, "INSERT INTO t VALUES (?, ?, ?)", "isb", (int64_t)-5, "text",
                                  (struct text){blob, sizeof blob}), 1);
    assert_int_equal(database_run(database, "INSERT INTO t VALUES (?, ?, ?)", "itt", INT64_MAX, TEXT(""), (struct text){0}), 1);
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, "SELECT i, s, b FROM t ORDER BY i", "");
    assert_int_equal(database_query_step(&query), 1);
    assert_int_equal(database_query_integer(&query, 0), -5);
    assert_true(text_equal(database_query_text(&query, 1), TEXT("text")));
    assert_true(text_equal(database_query_text(&query, 2), (struct text){blob, sizeof blob}));
    assert_int_equal(database_query_step(&query), 1);
    assert_int_equal(database_query_integer(&query, 0), INT64_MAX);
    assert_non_null(database_query_text(&query, 1).data);
    assert_null(database_query_text(&query, 2).data);
    assert_int_equal(database_query_integer(&query, 2), 0);
    assert_int_equal(database_query_step(&query), 0);
}

static void one_statement_may_be_used_inside_itself(void **state)
{
    struct database *database = &((struct scratch *)*state)->database;
    static const char sql[] = "SELECT name FROM accounts ORDER BY name";
    struct database_query outer, inner;
    database_query_start(&outer, database, sql, "");
    assert_int_equal(database_query_step(&outer), 1);
    database_query_start(&inner, database, sql, "");
    assert_int_equal(database_query_step(&inner), 1);
    assert_int_equal(database_query_step(&inner), 1);
    database_query_finish(&inner);
    assert_true(text_equal(database_query_text(&outer, 0), TEXT("ann")));
    assert_int_equal(database_query_step(&outer), 1);
    assert_true(text_equal(database_query_text(&outer, 0), TEXT("bob")));
    database_query_finish(&outer);
    database_query_finish(&outer); /* harmless */
}

static void constraints_are_told_apart(void **state)
{
    struct database *database = &((struct scratch *)*state)->database;
    assert_int_equal(database_run(database, "INSERT INTO accounts (name, created_ms) VALUES ('ANN', 1)", ""), ERROR_EXISTS);
    assert_int_equal(database_run(database, "INSERT INTO accounts (name, created_ms) VALUES (NULL, 1)", ""), ERROR_INVALID);
    assert_int_equal(database_run(database, "INSERT INTO accounts (name, created_ms) VALUES ('x', 'no number')", ""),
                     ERROR_INVALID);
    assert_int_equal(database_run(database, "INSERT INTO signin_links VALUES (x'00', 999, 1)", ""), ERROR_INVALID);
    assert_int_equal(database_run(database, "UPDATE accounts SET admin = 1", ""), 2);
    assert_int_equal(database_run(database, "DELETE FROM accounts WHERE id = -1", ""), 0);
}

static int64_t count(struct database *database)
{
    return database_integer(database, "SELECT count(*) FROM events", "");
}

static void add(struct database *database)
{
    assert_int_equal(database_run(database, "INSERT INTO events (wall_ms, actor, what, object, detail) "
                                            "VALUES (1, 'a', 'w', 'o', 'd')", ""), 1);
}

static void transactions_nest(void **state)
{
    struct database *database = &((struct scratch *)*state)->database;
    assert_int_equal(database_begin(database), 0);
    add(database);
    assert_int_equal(database_begin(database), 0);
    add(database);
    assert_int_equal(database_commit(database), 0);
    assert_int_equal(database_commit(database), 0);
    assert_int_equal(count(database), 2);
}

static void a_rollback_inside_undoes_all(void **state)
{
    struct database *database = &((struct scratch *)*state)->database;
    assert_int_equal(database_begin(database), 0);
    add(database);
    assert_int_equal(database_begin(database), 0);
    add(database);
    database_rollback(database);
    assert_int_equal(database_commit(database), ERROR_INVALID);
    assert_int_equal(count(database), 0);
    database_rollback(database); /* harmless outside */
    assert_int_equal(database_begin(database), 0);
    add(database);
    assert_int_equal(database_commit(database), 0);
    assert_int_equal(count(database), 1);
}

static const struct database_migration steps[] = {
    {"one", "CREATE TABLE one (x INTEGER) STRICT; INSERT INTO one VALUES (1)"},
    {"two", "CREATE TABLE two (x INTEGER) STRICT; INSERT INTO two SELECT x + 1 FROM one"},
    {"broken", "CREATE TABLE three (x INTEGER) STRICT; INSERT INTO one VALUES ('text')"},
};

static void migrations_run_once_and_copy_first(void **state)
{
    struct scratch *scratch = *state;
    struct database database;
    char path[128];
    snprintf(path, sizeof path, "%s/other.db", scratch->path);
    assert_int_equal(database_open(&database, path, steps, 1), 0);
    database_release(&database);
    assert_false(scratch_exists(scratch, "other.db.before-0"));
    assert_int_equal(database_open(&database, path, steps, 2), 0);
    assert_int_equal(database_integer(&database, "SELECT x FROM two", ""), 2);
    assert_int_equal(database_integer(&database, "PRAGMA user_version", ""), 2);
    database_release(&database);
    assert_true(scratch_exists(scratch, "other.db.before-1"));
    snprintf(path, sizeof path, "%s/other.db.before-1", scratch->path);
    assert_int_equal(database_open(&database, path, steps, 1), 0);
    assert_int_equal(database_integer(&database, "SELECT x FROM one", ""), 1);
    database_release(&database);
}

static void a_failing_migration_changes_nothing(void **state)
{
    struct scratch *scratch = *state;
    struct database database;
    char path[128];
    snprintf(path, sizeof path, "%s/other.db", scratch->path);
    assert_int_equal(database_open(&database, path, steps, 3), ERROR_INVALID);
    assert_int_equal(database_open(&database, path, steps, 2), 0);
    assert_int_equal(database_integer(&database, "SELECT count(*) FROM sqlite_schema WHERE name = 'three'", ""), 0);
    assert_int_equal(database_integer(&database, "SELECT x FROM two", ""), 2);
    database_release(&database);
    assert_int_equal(database_open(&database, path, steps, 1), ERROR_UNSUPPORTED);
}

static void files_that_are_no_database(void **state)
{
    struct scratch *scratch = *state;
    struct database database;
    char path[128], content[4096];
    memset(content, 'x', sizeof content);
    close(scratch_file(scratch, "garbage.db", content, sizeof content));
    snprintf(path, sizeof path, "%s/garbage.db", scratch->path);
    assert_int_equal(database_open(&database, path, steps, 1), ERROR_CORRUPT);
    snprintf(path, sizeof path, "%s/none/x.db", scratch->path);
    assert_int_equal(database_open(&database, path, steps, 1), ERROR_SYSTEM);
    snprintf(path, sizeof path, "%s/link.db", scratch->path);
    assert_int_equal(symlink("garbage.db", path), 0);
    assert_int_equal(database_open(&database, path, steps, 1), ERROR_SYSTEM);
}

static void the_file_is_private_and_in_wal_mode(void **state)
{
    struct scratch *scratch = *state;
    struct stat status;
    char path[128];
    snprintf(path, sizeof path, "%s/vitrine.db", scratch->path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(scratch_exists(scratch, "vitrine.db-wal"));
    assert_int_equal(database_integer(&scratch->database, "PRAGMA foreign_keys", ""), 1);
    assert_int_equal(database_integer(&scratch->database, "PRAGMA synchronous", ""), 2);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND "
                                      "strict = 0 AND name NOT LIKE 'sqlite_%'", ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_come_back_as_they_went, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(one_statement_may_be_used_inside_itself, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(constraints_are_told_apart, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(transactions_nest, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_rollback_inside_undoes_all, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(migrations_run_once_and_copy_first, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_failing_migration_changes_nothing, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(files_that_are_no_database, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_file_is_private_and_in_wal_mode, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
