/* Access tokens: `hf_` + 64 hex digits (clients refuse other beginnings), stored as SHA-256, with role read or write.
 */
#ifndef STORE_TOKEN_H
#define STORE_TOKEN_H

#include "store/account.h"

/* Who is asking, and what the credential allows. An empty struct (account.id 0) is a stranger. */
struct identity {
    struct account account;
    bool write;
    int64_t token_id;   /* 0 when it was not a token */
    char token_name[64];
    int64_t created_ms, used_ms; /* of the token */
};

/* Appends a new token to `out`. 0, ERROR_EXISTS (the account has one of this name), ERROR_LIMIT, ERROR_INVALID
 * (name). */
int token_create(struct database *database, int64_t account_id, struct text name, bool write, struct buffer *out);
/* 0 and who it is, or ERROR_NOT_FOUND. */
int token_identify(struct database *database, struct text token, struct identity *ret_identity);
int token_revoke(struct database *database, int64_t account_id, struct text name); /* 0 or ERROR_NOT_FOUND */
/* Appends the account's tokens as JSON objects with commas: id, name, role, created, created_iso, used. */
void token_list(struct database *database, int64_t account_id, struct buffer *out);
/* Notes that the token was used now; writes at most once an hour. */
void token_touch(struct database *database, const struct identity *identity);

#endif
