/* Signing in to the site: one-time links and the sessions behind the cookie. Both are secrets stored as SHA-256. */
#ifndef STORE_SIGNIN_H
#define STORE_SIGNIN_H

#include "store/account.h"

/* Appends the secret of a new one-time link that works for BOUNDS_SIGNIN_LINK_MS. */
int signin_link_make(struct database *database, int64_t account_id, struct buffer *out);
/* Uses a link up: 0 and whose it was, or ERROR_NOT_FOUND (unknown, used or expired). */
int signin_link_use(struct database *database, struct text secret, struct account *ret_account);

/* Appends the secret of a new session for the cookie. */
int signin_session_make(struct database *database, int64_t account_id, struct buffer *out);
int signin_session_find(struct database *database, struct text secret, struct account *ret_account);
void signin_session_end(struct database *database, struct text secret);
/* Ends all sessions of an account: its password was changed, perhaps because somebody else knew it. */
void signin_session_end_all(struct database *database, int64_t account_id);
/* Deletes what has expired. */
void signin_expire(struct database *database);

#endif
