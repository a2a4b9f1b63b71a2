/* Links and sessions are looked up by the SHA-256 of the secret, through an index: no secret is ever compared byte by
 * byte with another, so the time of an answer tells nothing about how much of a guess was right, and whoever reads
 * the database can sign in nowhere. A session is made anew at each sign-in and never taken from the client, so a
 * cookie planted beforehand is worth nothing afterwards. */
#include "store/signin.h"

#include "runtime/base/clock.h"
#include "store/secret.h"

int signin_link_make(struct database *database, int64_t account_id, struct buffer *out)
{
    BUFFER_AUTO struct buffer secret = BUFFER_EMPTY;
    secret_make(&secret);
    struct secret_digest digest = secret_digest(buffer_view(&secret));
    int result = database_run(database, "INSERT INTO signin_links (digest, account_id, expires_ms) VALUES (?, ?, ?)",
                              "bii", secret_view(&digest), account_id, clock_wall_ms() + BOUNDS_SIGNIN_LINK_MS);
    if (result < 0)
        return result;
    buffer_text(out, buffer_view(&secret));
    return 0;
}

static int owner_of(struct database *database, const char *sql, struct text secret, struct account *ret_account)
{
    struct secret_digest digest = secret_digest(secret);
    int64_t id = database_integer(database, sql, "bi", secret_view(&digest), clock_wall_ms());
    return id == 0 ? ERROR_NOT_FOUND : account_find_id(database, id, ret_account);
}

int signin_link_use(struct database *database, struct text secret, struct account *ret_account)
{
    int result = owner_of(database, "SELECT account_id FROM signin_links WHERE digest = ? AND expires_ms > ?", secret,
                          ret_account);
    if (result != 0)
        return result;
    /* It counts as used only when it is really gone: a disk that is full must not make a link work twice. */
    struct secret_digest digest = secret_digest(secret);
    int deleted = database_run(database, "DELETE FROM signin_links WHERE digest = ?", "b", secret_view(&digest));
    return deleted < 0 ? deleted : deleted == 0 ? ERROR_NOT_FOUND : 0;
}

int signin_session_make(struct database *database, int64_t account_id, struct buffer *out)
{
    BUFFER_AUTO struct buffer secret = BUFFER_EMPTY;
    secret_make(&secret);
    struct secret_digest digest = secret_digest(buffer_view(&secret));
    int result = database_run(database, "INSERT INTO site_sessions (digest, account_id, expires_ms) VALUES (?, ?, ?)",
                              "bii", secret_view(&digest), account_id, clock_wall_ms() + BOUNDS_SITE_SESSION_MS);
    if (result < 0)
        return result;
    buffer_text(out, buffer_view(&secret));
    return 0;
}

int signin_session_find(struct database *database, struct text secret, struct account *ret_account)
{
    if (secret.length != 2 * SECRET_BYTES)
        return ERROR_NOT_FOUND;
    return owner_of(database, "SELECT account_id FROM site_sessions WHERE digest = ? AND expires_ms > ?", secret,
                    ret_account);
}

void signin_session_end(struct database *database, struct text secret)
{
    struct secret_digest digest = secret_digest(secret);
    database_run(database, "DELETE FROM site_sessions WHERE digest = ?", "b", secret_view(&digest));
}

void signin_session_end_all(struct database *database, int64_t account_id)
{
    database_run(database, "DELETE FROM site_sessions WHERE account_id = ?", "i", account_id);
}

void signin_expire(struct database *database)
{
    int64_t now = clock_wall_ms();
    database_run(database, "DELETE FROM signin_links WHERE expires_ms <= ?", "i", now);
    database_run(database, "DELETE FROM site_sessions WHERE expires_ms <= ?", "i", now);
}
