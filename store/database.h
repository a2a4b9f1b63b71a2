/* SQLite, wrapped: one connection, one writer, prepared statements kept, errors made ours.
 *
 * Parameters are given by a format string, one letter each: i int64_t, s const char * (NULL is SQL NULL), t struct
 * text (data NULL is SQL NULL), b struct text as BLOB. SQL that does not parse is a bug of ours and aborts; what the
 * disk or a constraint refuses is an error code. Trouble is logged here, once, because only here SQLite's words are
 * known. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/map.h"
#include "runtime/base/text.h"

struct sqlite3;
struct database_statement;

struct database {
    struct sqlite3 *handle;
    struct map statements; /* SQL text → struct database_statement * */
    int depth;             /* of database_begin() */
};

/* One step of the schema: run in its own transaction, in order; its index + 1 is the user_version it leads to. */
struct database_migration {
    const char *what;
    const char *sql;
};

/* Opens (creating it with mode 0600) the file at `path`, in WAL mode with foreign keys, and brings it to the version
 * that `migrations` lead to; an older file is first copied to `<path>.before-<version>`. 0 and an opened database, or
 * ERROR_SYSTEM, ERROR_CORRUPT, ERROR_UNSUPPORTED (written by a newer version; nothing was changed). */
int database_open(struct database *database, const char *path, const struct database_migration *migrations,
                  size_t count);
/* Finishes all statements and closes. */
void database_release(struct database *database);

/* Runs one statement that returns no rows. Returns the number of rows it changed, or ERROR_EXISTS (a unique or
 * primary key), ERROR_INVALID (another constraint), ERROR_SYSTEM, ERROR_CORRUPT. */
int database_run(struct database *database, const char *sql, const char *format, ...);
/* The row id of the last insert. */
int64_t database_last_id(const struct database *database);

/* Transactions nest by counting. A rollback anywhere inside makes the outer commit fail with ERROR_INVALID. */
int database_begin(struct database *database);
int database_commit(struct database *database);
void database_rollback(struct database *database);

/* Reading: start, step until it returns 0, finish (or let DATABASE_QUERY_AUTO do it). */
struct database_query {
    struct database *database;
    struct database_statement *statement;
    int error;
};
#define DATABASE_QUERY_AUTO __attribute__((cleanup(database_query_finish)))

void database_query_start(struct database_query *query, struct database *database, const char *sql,
                          const char *format, ...);
/* 1 when there is a row, 0 at the end, or an error code. */
int database_query_step(struct database_query *query);
void database_query_finish(struct database_query *query);
int64_t database_query_integer(const struct database_query *query, int column); /* NULL reads as 0 */
/* Valid until the next step; SQL NULL gives data NULL. */
struct text database_query_text(const struct database_query *query, int column);
/* The first column of the first row, 0 when there is none or it cannot be read. */
int64_t database_integer(struct database *database, const char *sql, const char *format, ...);

#endif
