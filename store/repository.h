/* Repositories: the rows of demos and models, and the bare git repositories behind them (`<data>/repos/<id>.git`). */
#ifndef STORE_REPOSITORY_H
#define STORE_REPOSITORY_H

#include "store/account.h"

struct repository {
    int64_t id, account_id;
    bool model; /* else a demo */
    bool is_private, paused, open_previews;
    char owner[BOUNDS_NAME_BYTES + 1], name[BOUNDS_NAME_BYTES + 1];
};

/* Who may see it: everybody a public one, its owner and administrators a private one. */
bool repository_may_read(const struct repository *repository, const struct account *account);
bool repository_may_write(const struct repository *repository, const struct account *account);

/* Makes the row and the empty bare repository below `data`. 0, ERROR_EXISTS (name or subdomain taken: `*ret_reason`
 * says which), ERROR_INVALID (name), ERROR_LIMIT (too many), ERROR_SYSTEM. `*ret_reason` is a static sentence on
 * failure. */
int repository_create(struct database *database, const char *data, const struct repository *wanted,
                      struct repository *ret_repository, const char **ret_reason);
/* Deletes the row with all that hangs on it and moves the git repository away to `<data>/trash` for a job to remove. */
int repository_delete(struct database *database, const char *data, int64_t id);
/* Removes everything in `<data>/trash`; for a job thread, repeatable. */
void repository_empty_trash(const char *data);

/* 0, or ERROR_NOT_FOUND. A trailing ".git" of `name` is ignored. */
int repository_find(struct database *database, bool model, struct text owner, struct text name,
                    struct repository *ret_repository);
int repository_find_id(struct database *database, int64_t id, struct repository *ret_repository);
int repository_find_subdomain(struct database *database, struct text subdomain, struct repository *ret_repository);

/* The commit of refs/heads/main as 40 hex digits; empty when there is none. Reads the disk: the truth after a push. */
int repository_head(const char *data, int64_t id, char ret_commit[41]);
/* Stage left by publishing ("CONFIG_ERROR", "BUILD_ERROR", "NO_APP_FILE" or "" for published). */
int repository_set_stage(struct database *database, int64_t id, const char *stage, struct text reason);

#endif
