/* Access tokens: "hf_" and 256 random bits, kept as SHA-256 and found through the index on it.
 *
 * Whoever holds a token is its account, for reading or for reading and writing; there is nothing finer. When a token
 * was used is noted once an hour at most: reading must not cost a write. */
#include "store/token.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "store/pages.h"
#include "store/secret.h"

#define TOUCH_MS 3600000

/* It is shown on pages and printed on terminals: text, without control characters. */
static bool token_name_is_fine(struct text name)
{
    if (name.length == 0 || name.length >= sizeof ((struct identity *)0)->token_name || !text_is_utf8(name))
        return false;
    for (size_t index = 0; index < name.length; index++) {
        if ((unsigned char)name.data[index] < 0x20 || name.data[index] == 0x7f)
            return false;
    }
    return true;
}

/* The text of the token leaves the store here, once. */
int token_create(struct database *database, int64_t account_id, struct text name, bool write, struct buffer *out)
{
    if (!token_name_is_fine(name))
        return ERROR_INVALID;
    if (database_integer(database, "SELECT count(*) FROM tokens WHERE account_id = ?", "i", account_id)
        >= BOUNDS_TOKENS_PER_ACCOUNT)
        return ERROR_LIMIT;
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    buffer_string(&token, "hf_");
    secret_make(&token);
    struct secret_digest digest = secret_digest(buffer_view(&token));
    int result =
        database_run(database, "INSERT INTO tokens (account_id, name, role, digest, created_ms) VALUES (?, ?, ?, ?, ?)",
                     "itsbi", account_id, name, write ? "write" : "read", secret_view(&digest), clock_wall_ms());
    if (result < 0)
        return result;
    buffer_text(out, buffer_view(&token));
    return 0;
}

/* Anything that does not look like a token is refused before it is hashed. */
int token_identify(struct database *database, struct text token, struct identity *ret_identity)
{
    if (!text_starts(token, TEXT("hf_")) || token.length > BOUNDS_TOKEN_BYTES)
        return ERROR_NOT_FOUND;
    struct secret_digest digest = secret_digest(token);
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(
        &query, database,
        "SELECT id, account_id, role = 'write', name, created_ms, used_ms FROM tokens WHERE digest = ?", "b",
        secret_view(&digest));
    int result = database_query_step(&query);
    if (result <= 0)
        return result < 0 ? result : ERROR_NOT_FOUND;
    struct identity identity = {.token_id = database_query_integer(&query, 0),
                                .write = database_query_integer(&query, 2) != 0,
                                .created_ms = database_query_integer(&query, 4),
                                .used_ms = database_query_integer(&query, 5)};
    struct text name = text_head(database_query_text(&query, 3), sizeof identity.token_name - 1);
    memcpy(identity.token_name, name.data, name.length);
    result = account_find_id(database, database_query_integer(&query, 1), &identity.account);
    if (result == 0)
        *ret_identity = identity;
    return result;
}

/* The caller tells the gateway (store_announce_tokens), which may have cached whose token it was. */
int token_revoke(struct database *database, int64_t account_id, struct text name)
{
    int result = database_run(database, "DELETE FROM tokens WHERE account_id = ? AND name = ?", "it", account_id, name);
    if (result == 0)
        return ERROR_NOT_FOUND;
    return result < 0 ? result : 0;
}

void token_list(struct database *database, int64_t account_id, struct buffer *out)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, database,
                         "SELECT id, name, role, created_ms, used_ms FROM tokens WHERE account_id = ? ORDER BY id", "i",
                         account_id);
    while (database_query_step(&query) == 1) {
        BUFFER_AUTO struct buffer used = BUFFER_EMPTY;
        int64_t used_ms = database_query_integer(&query, 4);
        if (used_ms != 0)
            pages_write_age(&used, used_ms);
        else
            buffer_string(&used, "never");
        json_write_comma(out);
        buffer_format(out, "{\"id\":\"%lld\"", (long long)database_query_integer(&query, 0));
        json_write_member(out, "name", database_query_text(&query, 1));
        json_write_member(out, "role", database_query_text(&query, 2));
        pages_write_time(out, "created", database_query_integer(&query, 3));
        json_write_member(out, "used", buffer_view(&used));
        buffer_byte(out, '}');
    }
}

void token_touch(struct database *database, const struct identity *identity)
{
    int64_t now = clock_wall_ms();
    if (identity->token_id != 0 && now - identity->used_ms >= TOUCH_MS)
        database_run(database, "UPDATE tokens SET used_ms = ? WHERE id = ?", "ii", now, identity->token_id);
}
