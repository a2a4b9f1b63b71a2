/* Repositories: a row each, and a bare git repository named by the row's id.
 *
 * Paths are made of the id alone; names never touch the file system, so a rename would be one row and no name can be
 * a path. The folder is made inside the transaction that inserts the row: when either fails, neither is there (a
 * folder that a crash left is emptied when its id is used, which AUTOINCREMENT makes the only time). Deleting is the
 * row first, then a rename into trash/, emptied by a job: a large repository does not hold up the loop. */
#include "store/repository.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "store/names.h"

/* The two questions that every handler asks; who asks is an account, never a name from the request. */
bool repository_may_write(const struct repository *repository, const struct account *account)
{
    return account->id != 0 && (account->id == repository->account_id || account->admin);
}

bool repository_may_read(const struct repository *repository, const struct account *account)
{
    return !repository->is_private || repository_may_write(repository, account);
}

/* -- look-ups -- */

#define COLUMNS                                                                                          \
    "SELECT r.id, r.account_id, r.kind = 'model', r.private, r.paused, r.open_previews, a.name, r.name " \
    "FROM repositories r JOIN accounts a ON a.id = r.account_id "

static void copy_name(char *target, struct text name)
{
    name = text_head(name, BOUNDS_NAME_BYTES);
    memcpy(target, name.data, name.length);
}

/* Joined with its owner, because nobody wants the one without the other's name. */
static int repository_read(struct database_query *query, struct repository *ret_repository)
{
    int result = database_query_step(query);
    if (result <= 0)
        return result < 0 ? result : ERROR_NOT_FOUND;
    struct repository repository = {
        .id = database_query_integer(query, 0),
        .account_id = database_query_integer(query, 1),
        .model = database_query_integer(query, 2) != 0,
        .is_private = database_query_integer(query, 3) != 0,
        .paused = database_query_integer(query, 4) != 0,
        .open_previews = database_query_integer(query, 5) != 0,
    };
    copy_name(repository.owner, database_query_text(query, 6));
    copy_name(repository.name, database_query_text(query, 7));
    *ret_repository = repository;
    return 0;
}

int repository_find(struct database *database, bool model, struct text owner, struct text name,
                    struct repository *ret_repository)
{
    if (text_ends(name, TEXT(".git")))
        name.length -= 4;
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, COLUMNS "WHERE a.name = ? AND r.kind = ? AND r.name = ?", "tst", owner,
                         model ? "model" : "demo", name);
    return repository_read(&query, ret_repository);
}

int repository_find_id(struct database *database, int64_t id, struct repository *ret_repository)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, COLUMNS "WHERE r.id = ?", "i", id);
    return repository_read(&query, ret_repository);
}

int repository_find_subdomain(struct database *database, struct text subdomain, struct repository *ret_repository)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, COLUMNS "WHERE r.subdomain = ?", "t", subdomain);
    return repository_read(&query, ret_repository);
}

int repository_set_stage(struct database *database, int64_t id, const char *stage, struct text reason)
{
    int result =
        database_run(database, "UPDATE repositories SET stage = ?, stage_reason = ?, stage_ms = ? WHERE id = ?", "stii",
                     stage, reason.data ? reason : TEXT(""), clock_wall_ms(), id);
    return result < 0 ? result : 0;
}

/* -- on disk -- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    if (remove(path) != 0)
        log_warning("cannot remove %s: %s", path, strerror(errno));
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void repository_path(struct buffer *out, const char *data, int64_t id)
{
    buffer_format(out, "%s/repos/%lld.git", data, (long long)id);
}

/* No template, no hooks, no configuration of this machine: what git must know comes with each cage's environment. */
static int make_bare(const char *path)
{
    remove_tree(path); /* only what a crash before the row's commit left can be there */
    git_repository_init_options options;
    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
    options.mode = 0700;
    options.initial_head = "main";
    git_repository *made = NULL;
    if (git_repository_init_ext(&made, path, &options) != 0) {
        const git_error *trouble = git_error_last();
        log_error("cannot make the git repository %s: %s", path, trouble ? trouble->message : "no reason given");
        return ERROR_SYSTEM;
    }
    git_repository_free(made);
    return 0;
}

/* Two names can become one host name ("a.b" and "a-b"); the one that comes second is told so. */
static int insert_row(struct database *database, const struct repository *wanted, int64_t *ret_id,
                      const char **ret_reason)
{
    BUFFER_AUTO struct buffer subdomain = BUFFER_EMPTY;
    names_subdomain(&subdomain, text_from(wanted->owner), text_from(wanted->name));
    struct repository other;
    if (!wanted->model && repository_find_subdomain(database, buffer_view(&subdomain), &other) == 0) {
        *ret_reason = "Another demo already has the host name that this name would get; choose another name.";
        return ERROR_EXISTS;
    }
    int64_t now = clock_wall_ms();
    int result = database_run(database,
                              "INSERT INTO repositories (account_id, kind, name, subdomain, private, stage_ms, "
                              "created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                              "isssiiii", wanted->account_id, wanted->model ? "model" : "demo", wanted->name,
                              wanted->model ? NULL : subdomain.data, (int64_t)wanted->is_private, now, now, now);
    if (result < 0)
        *ret_reason = error_text(result);
    *ret_id = database_last_id(database);
    return result < 0 ? result : 0;
}

/* What can be said before anything is written. */
static int repository_check(struct database *database, const struct repository *wanted, const char **ret_reason)
{
    struct repository other;
    *ret_reason = names_refuse_repository(text_from(wanted->owner), text_from(wanted->name), !wanted->model);
    if (*ret_reason != NULL)
        return ERROR_INVALID;
    if (repository_find(database, wanted->model, text_from(wanted->owner), text_from(wanted->name), &other) == 0) {
        *ret_reason = "You already created this repository";
        return ERROR_EXISTS;
    }
    if (database_integer(database, "SELECT count(*) FROM repositories WHERE account_id = ?", "i", wanted->account_id)
        >= BOUNDS_REPOSITORIES_PER_ACCOUNT) {
        *ret_reason = "This account has as many repositories as are allowed; delete one first.";
        return ERROR_LIMIT;
    }
    return 0;
}

int repository_create(struct database *database, const char *data, const struct repository *wanted,
                      struct repository *ret_repository, const char **ret_reason)
{
    int result = repository_check(database, wanted, ret_reason);
    if (result != 0)
        return result;
    *ret_reason = "The server's disk or database refused; the operator finds the reason in the log.";
    result = database_begin(database);
    if (result != 0)
        return result;
    int64_t id = 0;
    result = insert_row(database, wanted, &id, ret_reason);
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    repository_path(&path, data, id);
    if (result == 0)
        result = make_bare(path.data);
    if (result != 0) {
        database_rollback(database);
        return result;
    }
    result = database_commit(database);
    return result != 0 ? result : repository_find_id(database, id, ret_repository);
}

int repository_delete(struct database *database, const char *data, int64_t id)
{
    int result = database_run(database, "DELETE FROM repositories WHERE id = ?", "i", id);
    if (result <= 0)
        return result < 0 ? result : ERROR_NOT_FOUND;
    BUFFER_AUTO struct buffer from = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer to = BUFFER_EMPTY;
    repository_path(&from, data, id);
    buffer_format(&to, "%s/trash/%lld-%016llx", data, (long long)id, (unsigned long long)random_u64());
    if (rename(from.data, to.data) != 0)
        log_warning("cannot move %s away: %s", from.data, strerror(errno));
    return 0;
}

static int remove_below(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return walk->level == 0 ? 0 : remove_entry(path, status, type, walk);
}

/* The folder itself stays: while this runs on a job thread, the loop may move the next repository into it. */
void repository_empty_trash(const char *data)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/trash", data);
    nftw(path.data, remove_below, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (mkdir(path.data, 0700) != 0 && errno != EEXIST)
        log_warning("cannot make %s: %s", path.data, strerror(errno));
}

/* Reads git's own files and not the database: after a push, and after a crash, git is the one that knows. */
int repository_head(const char *data, int64_t id, char ret_commit[41])
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    repository_path(&path, data, id);
    git_repository *repository = NULL;
    git_oid oid;
    ret_commit[0] = 0;
    int failed = git_repository_open_bare(&repository, path.data);
    int code = failed ? failed : git_reference_name_to_id(&oid, repository, "refs/heads/main");
    git_repository_free(repository);
    if (code == GIT_ENOTFOUND && !failed)
        return 0;
    if (code != 0)
        return ERROR_SYSTEM;
    git_oid_tostr(ret_commit, 41, &oid);
    return 0;
}
