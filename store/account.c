/* Accounts and their passwords.
 *
 * Names are unique whatever their case (the column is NOCASE), because an owner's name becomes part of a host name,
 * where case does not count. An account without a password can only be entered with a link. Passwords are argon2id
 * strings with libsodium's interactive parameters (64 MiB, two passes): hashing is for a job thread, or for an
 * operator who waits. */
#include "store/account.h"

#include <sodium.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "store/names.h"

static int account_read(struct database_query *query, struct account *ret_account)
{
    int result = database_query_step(query);
    if (result <= 0)
        return result < 0 ? result : ERROR_NOT_FOUND;
    struct text name = database_query_text(query, 1);
    struct account account = {.id = database_query_integer(query, 0), .admin = database_query_integer(query, 2) != 0};
    memcpy(account.name, name.data, text_head(name, BOUNDS_NAME_BYTES).length);
    *ret_account = account;
    return 0;
}

int account_create(struct database *database, struct text name, bool admin, struct account *ret_account)
{
    if (names_refuse_owner(name) != NULL)
        return ERROR_INVALID;
    int result = database_run(database, "INSERT INTO accounts (name, admin, created_ms) VALUES (?, ?, ?)", "tii", name,
                              (int64_t)admin, clock_wall_ms());
    if (result < 0)
        return result;
    return account_find_id(database, database_last_id(database), ret_account);
}

int account_find(struct database *database, struct text name, struct account *ret_account)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, "SELECT id, name, admin FROM accounts WHERE name = ?", "t", name);
    return account_read(&query, ret_account);
}

int account_find_id(struct database *database, int64_t id, struct account *ret_account)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, "SELECT id, name, admin FROM accounts WHERE id = ?", "i", id);
    return account_read(&query, ret_account);
}

/* -- passwords -- */

/* Length is all that is asked: rules about kinds of characters make people write passwords down. The upper bound
 * keeps the work for a hash independent of what was sent. */
const char *account_password_refuse(struct text password)
{
    if (password.length < BOUNDS_PASSWORD_MIN_BYTES)
        return "A password needs at least 8 characters.";
    if (password.length > BOUNDS_PASSWORD_BYTES)
        return "A password may have at most 256 bytes.";
    return text_is_utf8(password) ? NULL : "A password must be valid UTF-8.";
}

/* NULL only when 64 MiB cannot be had. */
char *account_password_hash(struct text password)
{
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str(hash, password.data, password.length, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return NULL;
    return memory_copy_string(hash);
}

bool account_password_verify(const char *hash, struct text password)
{
    /* For names that do not exist: an honest hash of a random password, so that the answer takes as long. */
    static const char decoy[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                                "R2x1ZXdvcm1zIGFuZCBwYXBlciBsYW50ZXJucyBnbG8";
    int result = crypto_pwhash_str_verify(hash ? hash : decoy, password.data ? password.data : "", password.length);
    return hash != NULL && result == 0;
}

char *account_password_get(struct database *database, struct text name)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database, "SELECT password FROM accounts WHERE name = ? AND password IS NOT NULL", "t",
                         name);
    return database_query_step(&query) == 1 ? text_copy(database_query_text(&query, 0)) : NULL;
}

/* Whoever changes a password also ends the sessions (signin_session_end_all): somebody else may have known the old
 * one. */
int account_password_set(struct database *database, int64_t id, const char *hash)
{
    int result = database_run(database, "UPDATE accounts SET password = ? WHERE id = ?", "si", hash, id);
    if (result == 0)
        return ERROR_NOT_FOUND;
    return result < 0 ? result : 0;
}
