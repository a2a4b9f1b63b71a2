/* Releases: one row for each publish that worked. At most one of a repository is live; `pending` means that the
 * bundle is on disk and git has not said yet that the ref moved. */
#ifndef STORE_RELEASE_H
#define STORE_RELEASE_H

#include "store/database.h"
#include "store/vault.h"

struct release {
    int64_t id, repository_id;
    char commit[41];
    char digest[65];
    bool live;
};

/* What a publish knows about itself. */
struct release_draft {
    int64_t repository_id;
    const char *commit, *digest;
    uint64_t bytes;
    struct text card; /* JSON of manifest_card() */
    const char *message, *author;
};

/* 0 and the id of the pending row, or an error of the database. */
int release_add(struct database *database, const struct release_draft *draft, int64_t *ret_id);
/* Makes this release the live one and gives the repository its card; the one before becomes old. One transaction. 0,
 * ERROR_NOT_FOUND (also when there is no such release), or an error of the database; then nothing changed. */
int release_make_live(struct database *database, int64_t id);
/* Removes a bundle from the vault when no release has it. */
void release_remove_unused(struct database *database, const struct vault *vault, struct text digest);
/* Deletes a row that is not live, and its bundle when no other release has it. */
void release_drop(struct database *database, const struct vault *vault, int64_t id);
/* Drops what is older than the newest BOUNDS_RELEASES_KEPT of a repository, never the live one. */
void release_prune(struct database *database, const struct vault *vault, int64_t repository_id);

int release_find(struct database *database, int64_t id, struct release *ret_release); /* 0 or ERROR_NOT_FOUND */
int release_find_live(struct database *database, int64_t repository_id, struct release *ret_release);
/* The newest of the repository whose commit begins so (at least 7 digits) and that is not pending. */
int release_find_commit(struct database *database, int64_t repository_id, struct text commit,
                        struct release *ret_release);
/* The one that was live before the present one. */
int release_find_previous(struct database *database, int64_t repository_id, struct release *ret_release);

/* At start: each pending release whose commit is its repository's main goes live, the others are dropped, and so are
 * bundles that no release has. Returns how many went live, or an error. */
int release_reconcile(struct database *database, const struct vault *vault, const char *data);
/* Bundles of a repository that is about to be deleted: removes those that no other repository has. */
void release_drop_all(struct database *database, const struct vault *vault, int64_t repository_id);

#endif
