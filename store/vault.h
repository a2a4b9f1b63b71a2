/* Bundles on disk: `<data>/bundles/<aa>/<sha256>`, written once, never changed, only unlinked. */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include <stddef.h>
#include <sys/types.h>

#include "runtime/base/text.h"

struct vault {
    int directory_fd; /* <data>/bundles */
    int incoming_fd;  /* <data>/bundles/incoming: files without a name yet */
};

/* Makes the directories and removes what a crash left in `incoming`. 0 or ERROR_SYSTEM. */
int vault_init(struct vault *vault, const char *data);
void vault_release(struct vault *vault);

/* A new file that will become a bundle; `ret_name` is its temporary name. Returns a read-write fd or ERROR_SYSTEM. */
int vault_begin(const struct vault *vault, char ret_name[33]);
/* Syncs the file, renames it to its digest and syncs the directory: afterwards it is there for good. A bundle of that
 * digest that is already there stays. 0 or ERROR_SYSTEM. Thread-safe. */
int vault_keep(const struct vault *vault, int fd, const char *name, const char *digest);
void vault_discard(const struct vault *vault, const char *name);

/* Opens a bundle read-only: a regular file, no link. The fd, ERROR_INVALID (no digest), ERROR_NOT_FOUND,
 * ERROR_CORRUPT. */
int vault_open(const struct vault *vault, struct text digest);
void vault_remove(const struct vault *vault, struct text digest);
/* Calls `visit` with the digest of each bundle; the visitor may remove it. */
void vault_each(const struct vault *vault, void (*visit)(void *context, struct text digest), void *context);

#endif
