/* Accounts: who may own repositories and sign in, with passwords kept as argon2id. */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "runtime/base/bounds.h"
#include "store/database.h"

struct account {
    int64_t id;
    char name[BOUNDS_NAME_BYTES + 1];
    bool admin;
};

/* 0 and the new account, ERROR_EXISTS, or ERROR_INVALID when names_refuse_owner() has something against the name. */
int account_create(struct database *database, struct text name, bool admin, struct account *ret_account);
int account_find(struct database *database, struct text name, struct account *ret_account); /* 0 or ERROR_NOT_FOUND */
int account_find_id(struct database *database, int64_t id, struct account *ret_account);

/* Password hashing takes about 0.1 s and 64 MiB, so both functions are for a job thread (job.h).
 * account_password_hash: a string that free() takes, or NULL when there was no memory for it.
 * account_password_verify: true when it fits; a NULL hash costs the same time and never fits. */
char *account_password_hash(struct text password);
bool account_password_verify(const char *hash, struct text password);
/* The stored hash of the account as a string of the caller's, NULL when there is none. */
char *account_password_get(struct database *database, struct text name);
int account_password_set(struct database *database, int64_t id, const char *hash);
/* NULL, or the sentence why this password is refused. */
const char *account_password_refuse(struct text password);

#endif
