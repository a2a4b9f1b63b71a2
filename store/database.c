/* SQLite, wrapped.
 *
 * Every statement is prepared from a constant text and bound; there is no way in this interface to run a text that
 * was put together. Prepared statements are kept by their text for the life of the connection. A query that is
 * started while the same statement is being stepped (a visitor that lists inside a listing) gets a second one, thrown
 * away afterwards.
 *
 * One connection, one thread: the loop's. What would block there is a lock that another program holds, and that is
 * bounded by BOUNDS_DATABASE_BUSY_MS. WAL with synchronous=FULL: a commit that was answered survives a power cut. */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"

struct database_statement {
    sqlite3_stmt *prepared;
    bool busy;   /* in the hands of a query right now */
    bool cached; /* false: made because the cached one was busy; thrown away after use */
};

/* -- errors -- */

/* Sorts SQLite's codes by whose fault they are: a constraint is the caller's business and not logged, damage and a
 * full disk are the operator's, a statement that does not fit the schema is our own bug. */
static int database_error(struct database *database, int code, const char *what)
{
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT: {
        int extended = sqlite3_extended_errcode(database->handle);
        bool unique = extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY;
        return unique ? ERROR_EXISTS : ERROR_INVALID;
    }
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        log_error("the database is damaged: %s (%s)", sqlite3_errmsg(database->handle), what);
        return ERROR_CORRUPT;
    case SQLITE_NOMEM:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_ERROR:
        log_error("a statement is wrong: %s (%s)", sqlite3_errmsg(database->handle), what);
        abort();
    default:
        log_error("the database cannot be used: %s (%s)", sqlite3_errmsg(database->handle), what);
        return ERROR_SYSTEM;
    }
}

/* -- statements -- */

static sqlite3_stmt *statement_prepare(struct database *database, const char *sql)
{
    sqlite3_stmt *prepared = NULL;
    int code = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, NULL);
    if (code != SQLITE_OK || prepared == NULL) {
        log_error("a statement does not parse: %s (%s)", sqlite3_errmsg(database->handle), sql);
        abort();
    }
    return prepared;
}

/* Never NULL. Given back with statement_put(). */
static struct database_statement *statement_take(struct database *database, const char *sql)
{
    struct database_statement *statement = map_get(&database->statements, text_from(sql));
    if (statement == NULL || statement->busy) {
        bool cached = statement == NULL;
        statement = MEMORY_NEW(struct database_statement);
        statement->prepared = statement_prepare(database, sql);
        statement->cached = cached;
        if (cached)
            map_set(&database->statements, text_from(sql), statement);
    }
    statement->busy = true;
    return statement;
}

static void statement_free(struct database_statement *statement)
{
    sqlite3_finalize(statement->prepared);
    free(statement);
}

static void statement_put(struct database_statement *statement)
{
    sqlite3_reset(statement->prepared);
    sqlite3_clear_bindings(statement->prepared);
    statement->busy = false;
    if (!statement->cached)
        statement_free(statement);
}

static void bind_text(sqlite3_stmt *prepared, int index, struct text text, bool blob)
{
    if (text.data == NULL)
        sqlite3_bind_null(prepared, index);
    else if (blob)
        sqlite3_bind_blob64(prepared, index, text.data, text.length, SQLITE_TRANSIENT);
    else
        sqlite3_bind_text64(prepared, index, text.data, text.length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* The number of letters must be the number of parameters, also for those that stand in a statement twice (?1 … ?1): a
 * forgotten one would silently be NULL. Texts are copied, so the caller's may go before the query is finished. */
static void statement_bind(struct database_statement *statement, const char *format, va_list arguments)
{
    if (sqlite3_bind_parameter_count(statement->prepared) != (int)strlen(format)) {
        log_error("%zu parameters do not fit: %s", strlen(format), sqlite3_sql(statement->prepared));
        abort();
    }
    for (int index = 1; *format != 0; format++, index++) {
        switch (*format) {
        case 'i':
            sqlite3_bind_int64(statement->prepared, index, va_arg(arguments, int64_t));
            break;
        case 's': {
            const char *string = va_arg(arguments, const char *);
            bind_text(statement->prepared, index, (struct text){string, string ? strlen(string) : 0}, false);
            break;
        }
        case 't':
        case 'b':
            bind_text(statement->prepared, index, va_arg(arguments, struct text), *format == 'b');
            break;
        default:
            abort();
        }
    }
}

/* -- reading and writing -- */

static void query_start_list(struct database_query *query, struct database *database, const char *sql,
                             const char *format, va_list arguments)
{
    *query = (struct database_query){.database = database, .statement = statement_take(database, sql)};
    statement_bind(query->statement, format, arguments);
}

void database_query_start(struct database_query *query, struct database *database, const char *sql,
                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    query_start_list(query, database, sql, format, arguments);
    va_end(arguments);
}

int database_query_step(struct database_query *query)
{
    int code = sqlite3_step(query->statement->prepared);
    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    query->error = database_error(query->database, code, sqlite3_sql(query->statement->prepared));
    return query->error;
}

void database_query_finish(struct database_query *query)
{
    if (query->statement != NULL)
        statement_put(query->statement);
    query->statement = NULL;
}

int64_t database_query_integer(const struct database_query *query, int column)
{
    return sqlite3_column_int64(query->statement->prepared, column);
}

struct text database_query_text(const struct database_query *query, int column)
{
    sqlite3_stmt *prepared = query->statement->prepared;
    if (sqlite3_column_type(prepared, column) == SQLITE_NULL)
        return (struct text){0};
    const void *data = sqlite3_column_blob(prepared, column);
    return (struct text){data ? data : "", (size_t)sqlite3_column_bytes(prepared, column)};
}

/* sqlite3_changes() keeps the count of the last statement that changed anything; a statement that changed nothing
 * must not report it. */
int database_run(struct database *database, const char *sql, const char *format, ...)
{
    struct database_query query;
    va_list arguments;
    va_start(arguments, format);
    query_start_list(&query, database, sql, format, arguments);
    va_end(arguments);
    int before = sqlite3_total_changes(database->handle);
    int result;
    do
        result = database_query_step(&query);
    while (result > 0);
    if (result == 0 && sqlite3_total_changes(database->handle) != before) /* else the count is an earlier statement's */
        result = sqlite3_changes(database->handle);
    database_query_finish(&query);
    return result;
}

int64_t database_integer(struct database *database, const char *sql, const char *format, ...)
{
    DATABASE_QUERY_AUTO struct database_query query;
    va_list arguments;
    va_start(arguments, format);
    query_start_list(&query, database, sql, format, arguments);
    va_end(arguments);
    return database_query_step(&query) == 1 ? database_query_integer(&query, 0) : 0;
}

int64_t database_last_id(const struct database *database)
{
    return sqlite3_last_insert_rowid(database->handle);
}

/* -- transactions -- */

int database_begin(struct database *database)
{
    if (database->depth == 0) {
        int result = database_run(database, "BEGIN IMMEDIATE", "");
        if (result < 0)
            return result;
    }
    database->depth++;
    return 0;
}

/* A COMMIT that fails (disk full, say) may leave the transaction open; it is rolled back, so that the next one begins
 * with nothing of this one. */
int database_commit(struct database *database)
{
    if (database->depth == 0) /* rolled back inside */
        return ERROR_INVALID;
    if (--database->depth > 0)
        return 0;
    int result = database_run(database, "COMMIT", "");
    if (result >= 0)
        return 0;
    if (!sqlite3_get_autocommit(database->handle))
        database_run(database, "ROLLBACK", "");
    return result;
}

void database_rollback(struct database *database)
{
    database->depth = 0;
    if (!sqlite3_get_autocommit(database->handle))
        database_run(database, "ROLLBACK", "");
}

/* -- opening and migrating -- */

static int execute(struct database *database, const char *sql)
{
    int code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : database_error(database, code, sql);
}

/* VACUUM INTO writes a consistent copy that includes what is still in the WAL. */
static int copy_before_migrating(struct database *database, const char *path, int64_t version)
{
    BUFFER_AUTO struct buffer copy = BUFFER_EMPTY;
    buffer_format(&copy, "%s.before-%lld", path, (long long)version);
    if (unlink(copy.data) != 0 && errno != ENOENT)
        return ERROR_SYSTEM;
    int result = database_run(database, "VACUUM INTO ?", "s", copy.data);
    if (result < 0)
        return result;
    log_info("the database was copied to %s before its schema is changed", copy.data);
    return chmod(copy.data, 0600) == 0 ? 0 : ERROR_SYSTEM;
}

/* Schema and version number change in one transaction: a crash leaves the one or the other, never a mixture. */
static int migrate_step(struct database *database, const struct database_migration *migration, size_t version)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %zu", version);
    int result = database_begin(database);
    if (result == 0)
        result = execute(database, migration->sql);
    if (result == 0)
        result = execute(database, pragma);
    if (result == 0)
        return database_commit(database);
    database_rollback(database);
    return result;
}

static int migrate(struct database *database, const char *path, const struct database_migration *migrations,
                   size_t count)
{
    int64_t version = database_integer(database, "PRAGMA user_version", "");
    if (version < 0 || (uint64_t)version > count) {
        log_error("%s was written by a newer vitrine (schema %lld, this one knows %zu); install that one again",
                  path, (long long)version, count);
        return ERROR_UNSUPPORTED;
    }
    int result = 0;
    if (version > 0 && (size_t)version < count)
        result = copy_before_migrating(database, path, version);
    for (size_t step = (size_t)version; result == 0 && step < count; step++) {
        log_info("schema %zu: %s", step + 1, migrations[step].what);
        result = migrate_step(database, &migrations[step], step + 1);
    }
    return result;
}

/* The file is made by us first, so that it never exists with a wider mode; its directory is private anyway. */
static int create_private(const char *path)
{
    FD_AUTO int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        log_error("cannot open %s: %s", path, strerror(errno));
    return fd < 0 ? ERROR_SYSTEM : 0;
}

/* DEFENSIVE and an untrusted schema: even a file that somebody prepared cannot run functions or overwrite the schema.
 */
int database_open(struct database *database, const char *path, const struct database_migration *migrations,
                  size_t count)
{
    *database = (struct database){0};
    map_init(&database->statements);
    int result = create_private(path);
    if (result == 0 && sqlite3_open_v2(path, &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
                           != SQLITE_OK)
        result = database_error(database, sqlite3_errcode(database->handle), path);
    if (result == 0) {
        sqlite3_busy_timeout(database->handle, BOUNDS_DATABASE_BUSY_MS);
        sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(database->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        result = execute(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                                   "PRAGMA cache_size = -4096");
    }
    if (result == 0)
        result = migrate(database, path, migrations, count);
    if (result != 0)
        database_release(database);
    return result;
}

static int forget_statement(void *context, struct text key, void *value)
{
    statement_free(value);
    return 0;
}

void database_release(struct database *database)
{
    map_each(&database->statements, forget_statement, NULL);
    map_release(&database->statements);
    sqlite3_close(database->handle);
    *database = (struct database){0};
}
