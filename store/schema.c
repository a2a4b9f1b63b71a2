/* The tables, as a list of steps that is only ever added to.
 *
 *   accounts ─┬─ tokens, signin_links, site_sessions
 *             └─ repositories ─┬─ releases        one of them live; bundles in the vault by digest
 *                              ├─ files           uploads and results, by digest of their handle
 *                              ├─ session_states  ui.state of visitors
 *                              └─ log_lines
 *   events    who did what; names, not ids, so that they outlive what they tell of
 *
 * STRICT tables, foreign keys that delete what hangs on a row, CHECKs on every word that code compares with: a wrong
 * row is refused here, whatever wrote it. A step that was released is never changed; a new one is appended, and
 * database_open() copies the file before it runs. tests/unit/store/test_schema.c explains every statement against
 * this. */
#include "store/schema.h"

#include "runtime/base/memory.h"

/* Times are milliseconds since 1970. Secrets (tokens, cookies, links, upload handles) are stored only as SHA-256; a
 * password as its argon2id string. `repositories.stage` is what the last publish left behind; whether a published
 * demo runs or sleeps is only known to the gateway and kept in memory. */
static const char schema_first[] =
    "CREATE TABLE accounts ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, password TEXT,"
    "  admin INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE tokens ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,"
    "  name TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('read', 'write')), digest BLOB NOT NULL UNIQUE,"
    "  created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL DEFAULT 0, UNIQUE (account_id, name)"
    ") STRICT;"
    "CREATE TABLE signin_links ("
    "  digest BLOB PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE site_sessions ("
    "  digest BLOB PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX site_sessions_account ON site_sessions (account_id);"
    /* AUTOINCREMENT: an id is a directory name and the gateway's key, so it is never used twice. */
    "CREATE TABLE repositories ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER NOT NULL REFERENCES accounts,"
    "  kind TEXT NOT NULL CHECK (kind IN ('demo', 'model')), name TEXT NOT NULL COLLATE NOCASE,"
    "  subdomain TEXT UNIQUE, private INTEGER NOT NULL DEFAULT 0, paused INTEGER NOT NULL DEFAULT 0,"
    "  open_previews INTEGER NOT NULL DEFAULT 0, title TEXT, emoji TEXT, color_from TEXT, color_to TEXT, sdk TEXT,"
    "  description TEXT, card TEXT NOT NULL DEFAULT '{}', pinned INTEGER NOT NULL DEFAULT 0,"
    "  stage TEXT NOT NULL DEFAULT 'NO_APP_FILE', stage_reason TEXT NOT NULL DEFAULT '',"
    "  stage_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    "  UNIQUE (account_id, kind, name)"
    ") STRICT;"
    "CREATE INDEX repositories_kind ON repositories (kind, updated_ms);"
    "CREATE TABLE releases ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  repository_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
    "  commit_id TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, card TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN ('pending', 'live', 'old')), created_ms INTEGER NOT NULL,"
    "  live_ms INTEGER, message TEXT NOT NULL DEFAULT '', author TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE UNIQUE INDEX releases_live ON releases (repository_id) WHERE state = 'live';"
    "CREATE INDEX releases_commit ON releases (repository_id, commit_id);"
    "CREATE INDEX releases_digest ON releases (digest);"
    "CREATE TABLE files ("
    "  digest BLOB PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
    "  session TEXT NOT NULL, name TEXT NOT NULL, mime_type TEXT NOT NULL, bytes INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX files_repository ON files (repository_id);"
    "CREATE INDEX files_expires ON files (expires_ms);"
    "CREATE TABLE session_states ("
    "  repository_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE, session TEXT NOT NULL,"
    "  state TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (repository_id, session)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX session_states_expires ON session_states (expires_ms);"
    "CREATE TABLE log_lines ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  repository_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
    "  source TEXT NOT NULL CHECK (source IN ('build', 'run')), wall_ms INTEGER NOT NULL, level TEXT NOT NULL,"
    "  line TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX log_lines_repository ON log_lines (repository_id, source, id);"
    "CREATE TABLE events ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, wall_ms INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL,"
    "  object TEXT NOT NULL, detail TEXT NOT NULL"
    ") STRICT;";

/* Listings read their rows in the order they are shown in; counting them needs no row at all; what a stop left
 * pending, and what has expired, is found without looking at all the rest. */
static const char schema_order[] =
    "DROP INDEX repositories_kind;"
    "CREATE INDEX repositories_order ON repositories (kind, pinned DESC, updated_ms DESC, id DESC);"
    "CREATE INDEX repositories_visible ON repositories (kind, private, account_id);"
    "CREATE INDEX releases_pending ON releases (id) WHERE state = 'pending';"
    "CREATE INDEX signin_links_expires ON signin_links (expires_ms);"
    "CREATE INDEX site_sessions_expires ON site_sessions (expires_ms);";

const struct database_migration schema_migrations[] = {
    {"accounts, repositories, releases, files, logs", schema_first},
    {"indexes in the order of listings", schema_order},
};
const size_t schema_migration_count = MEMORY_COUNT(schema_migrations);
