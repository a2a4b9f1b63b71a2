/* What the operator may do: accounts, tokens, rolling back, status; one JSON object in, one out.
 *
 * These handlers are reached only through <data>/admin.sock, whose mode lets nobody but our own user (and root)
 * connect: there is no further question of who asks. They are the only place where an account, a sign-in link or
 * another's token is made, so none of that can be done over the network by whatever means. Every change is noted in
 * `events`. */
#include "store/admin.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/listing.h"
#include "store/names.h"
#include "store/peer.h"
#include "store/release.h"
#include "store/signin.h"
#include "store/stage.h"
#include "store/store.h"
#include "store/token.h"

/* -- bodies -- */

typedef void admin_action(struct request *request, const struct json *body);

struct admin_call {
    struct request *request;
    admin_action *action;
};

/* The call is freed before the action runs: an action may answer at once, and then nothing of the exchange is left. */
static void parse_body(void *context, struct http_exchange *exchange, struct text text)
{
    struct admin_call *call = context;
    struct request *request = call->request;
    admin_action *action = call->action;
    struct json body;
    free(call);
    if (json_parse(&body, text, NULL) == 0 && body.nodes[0].type == JSON_OBJECT)
        action(request, &body);
    else
        request_error(request, 400, NULL, "The body must be a JSON object.");
    json_release(&body);
}

static void with_body(struct request *request, admin_action *action)
{
    struct admin_call *call = MEMORY_NEW(struct admin_call);
    *call = (struct admin_call){request, action};
    if (!http_exchange_collect(request->exchange, BOUNDS_API_BODY_BYTES, parse_body, call))
        free(call);
}

/* Never NULL; an absent member is an empty text, which every action refuses by itself. The caller frees it. */
static char *body_text(const struct json *body, const char *name)
{
    char *text = json_string_copy(json_get(body, &body->nodes[0], name));
    return text ? text : memory_copy_string("");
}

static bool body_flag(const struct json *body, const char *name)
{
    const struct json_node *node = json_get(body, &body->nodes[0], name);
    return node != NULL && node->type == JSON_TRUE;
}

static void answer_done(struct request *request)
{
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    buffer_string(&answer, "{\"done\":true}");
    request_json(request, 200, &answer);
}

static void answer_text(struct request *request, const char *name, struct text value)
{
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    buffer_byte(&answer, '{');
    json_write_member(&answer, name, value);
    buffer_byte(&answer, '}');
    request_json(request, 200, &answer);
}

/* 0, or it was answered. */
static int find_user(struct request *request, const char *name, struct account *ret_account)
{
    int result = account_find(&request->store->database, text_from(name), ret_account);
    if (result != 0)
        request_error(request, 404, NULL, "There is no account of this name.");
    return result;
}

/* -- users -- */

/* Both or neither: an account that had lost its password on the way could only be mended by hand. */
static int add_account(struct database *database, struct text name, bool admin, const char *hash,
                       struct account *ret_account)
{
    int result = database_begin(database);
    if (result != 0)
        return result;
    result = account_create(database, name, admin, ret_account);
    if (result == 0 && hash != NULL)
        result = account_password_set(database, ret_account->id, hash);
    if (result == 0)
        return database_commit(database);
    database_rollback(database);
    return result;
}

static void user_add(struct request *request, const struct json *body)
{
    struct store *store = request->store;
    MEMORY_AUTO char *name = body_text(body, "name");
    MEMORY_AUTO char *password = body_text(body, "password");
    MEMORY_AUTO char *hash = NULL;
    struct account account;
    const char *refusal = names_refuse_owner(text_from(name));
    if (refusal == NULL && password[0] != 0)
        refusal = account_password_refuse(text_from(password));
    if (refusal != NULL) {
        request_error(request, 400, NULL, refusal);
        return;
    }
    /* The operator waits for this one; visitors wait a tenth of a second. */
    if (password[0] != 0 && (hash = account_password_hash(text_from(password))) == NULL) {
        request_error(request, 500, NULL, "There is not enough memory to hash the password; nothing was made.");
        return;
    }
    int result = add_account(&store->database, text_from(name), body_flag(body, "admin"), hash, &account);
    if (result != 0) {
        request_error(request, result == ERROR_EXISTS ? 409 : 500, NULL,
                      result == ERROR_EXISTS ? "There is an account of this name already." : error_text(result));
        return;
    }
    store_event(store, "operator", "user", account.name, body_flag(body, "admin") ? "admin" : "");
    answer_done(request);
}

void admin_user_add(struct request *request)
{
    with_body(request, user_add);
}

static void user_password(struct request *request, const struct json *body)
{
    MEMORY_AUTO char *name = body_text(body, "name");
    MEMORY_AUTO char *password = body_text(body, "password");
    struct account account;
    const char *refusal = account_password_refuse(text_from(password));
    if (refusal != NULL) {
        request_error(request, 400, NULL, refusal);
        return;
    }
    if (find_user(request, name, &account) != 0)
        return;
    MEMORY_AUTO char *hash = account_password_hash(text_from(password));
    if (hash == NULL || account_password_set(&request->store->database, account.id, hash) != 0) {
        request_error(request, 500, NULL, "The password could not be stored.");
        return;
    }
    signin_session_end_all(&request->store->database, account.id);
    answer_done(request);
}

void admin_user_password(struct request *request)
{
    with_body(request, user_password);
}

/* The only address that holds a secret. It works once and for a quarter of an hour; the gateway cuts it from its log.
 */
static void user_link(struct request *request, const struct json *body)
{
    MEMORY_AUTO char *name = body_text(body, "name");
    BUFFER_AUTO struct buffer secret = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct account account;
    if (find_user(request, name, &account) != 0)
        return;
    if (signin_link_make(&request->store->database, account.id, &secret) != 0) {
        request_error(request, 500, NULL, "The link could not be stored.");
        return;
    }
    buffer_format(&url, "%s/login/link?token=%s", request->store->settings.site_url, secret.data);
    answer_text(request, "url", buffer_view(&url));
}

void admin_user_link(struct request *request)
{
    with_body(request, user_link);
}

void admin_users(struct request *request)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, &request->store->database,
                         "SELECT name, admin, created_ms, (SELECT count(*) FROM repositories WHERE account_id = a.id) "
                         "FROM accounts a ORDER BY name",
                         "");
    buffer_byte(&out, '[');
    while (database_query_step(&query) == 1) {
        json_write_comma(&out);
        buffer_byte(&out, '{');
        json_write_member(&out, "name", database_query_text(&query, 0));
        pages_write_flag(&out, "admin", database_query_integer(&query, 1) != 0);
        pages_write_time(&out, "created", database_query_integer(&query, 2));
        buffer_format(&out, ",\"repositories\":%lld}", (long long)database_query_integer(&query, 3));
    }
    buffer_byte(&out, ']');
    request_json(request, 200, &out);
}

/* -- tokens -- */

/* The token is in this answer and nowhere else: the database keeps its SHA-256. */
static void token_add(struct request *request, const struct json *body)
{
    MEMORY_AUTO char *user = body_text(body, "user");
    MEMORY_AUTO char *name = body_text(body, "name");
    MEMORY_AUTO char *role = body_text(body, "role");
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    struct account account;
    bool write = strcmp(role, "write") == 0;
    if (!write && strcmp(role, "read") != 0) {
        request_error(request, 400, NULL, "The role is read or write.");
        return;
    }
    if (find_user(request, user, &account) != 0)
        return;
    int result = token_create(&request->store->database, account.id, text_from(name), write, &token);
    if (result == ERROR_EXISTS)
        request_error(request, 409, NULL,
                      "This account has a token of this name already; revoke it or choose another name.");
    else if (result == ERROR_LIMIT)
        request_error(request, 403, NULL, "This account has 100 tokens; revoke some first.");
    else if (result != 0)
        request_error(request, 400, NULL, "A token needs a name of at most 63 bytes.");
    else
        answer_text(request, "token", buffer_view(&token));
}

void admin_token_add(struct request *request)
{
    with_body(request, token_add);
}

static void token_revoke_of(struct request *request, const struct json *body)
{
    MEMORY_AUTO char *user = body_text(body, "user");
    MEMORY_AUTO char *name = body_text(body, "name");
    struct store *store = request->store;
    struct account account;
    if (find_user(request, user, &account) != 0)
        return;
    if (token_revoke(&store->database, account.id, text_from(name)) != 0) {
        request_error(request, 404, NULL, "This account has no token of this name.");
        return;
    }
    store_announce_tokens(store);
    answer_done(request);
}

void admin_token_revoke(struct request *request)
{
    with_body(request, token_revoke_of);
}

void admin_tokens(struct request *request)
{
    BUFFER_AUTO struct buffer user = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    struct account account;
    request_query(request, "user", &user);
    if (find_user(request, user.data ? user.data : "", &account) != 0)
        return;
    buffer_byte(&out, '[');
    token_list(&request->store->database, account.id, &out);
    buffer_byte(&out, ']');
    request_json(request, 200, &out);
}

/* -- releases -- */

/* Rolling back is one transaction on rows; bundles of older releases are still in the vault, so nothing is built
 * again. */
static void rollback(struct request *request, const struct json *body)
{
    MEMORY_AUTO char *path = body_text(body, "repository");
    MEMORY_AUTO char *commit = body_text(body, "commit");
    struct store *store = request->store;
    struct repository repository;
    struct release release;
    struct text name = text_from(path);
    struct text owner = text_cut(&name, '/');
    if (repository_find(&store->database, body_flag(body, "model"), owner, name, &repository) != 0) {
        request_error(request, 404, NULL, "There is no such repository.");
        return;
    }
    int result = commit[0] ? release_find_commit(&store->database, repository.id, text_from(commit), &release)
                           : release_find_previous(&store->database, repository.id, &release);
    if (result != 0) {
        request_error(request, 404, NULL, "There is no such release to go back to.");
        return;
    }
    result = release_make_live(&store->database, release.id);
    if (result != 0) {
        request_error(request, 500, NULL, error_text(result));
        return;
    }
    store_announce(store, &repository, false);
    store_event(store, "operator", "rollback", repository.name, release.commit);
    answer_text(request, "commit", text_from(release.commit));
}

void admin_rollback(struct request *request)
{
    with_body(request, rollback);
}

/* -- status -- */

/* `context` is {request, buffer}: listing_each() hands one pointer through. */
static void write_demo(void *context, const struct listing_row *row)
{
    struct request *request = ((void **)context)[0];
    struct buffer *out = ((void **)context)[1];
    struct store *store = request->store;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct stage stage;
    stage_init(&stage, store, &row->repository);
    settings_repository_url(&store->settings, &url, row->repository.model, row->repository.owner, row->repository.name);
    json_write_comma(out);
    buffer_format(out, "{\"id\":\"%s/%s\"", row->repository.owner, row->repository.name);
    json_write_member(out, "kind", row->repository.model ? TEXT("model") : TEXT("demo"));
    json_write_member(out, "stage", text_from(stage.name));
    json_write_member(out, "reason", buffer_view(&stage.reason));
    json_write_member(out, "commit", row->commit);
    json_write_member(out, "url", buffer_view(&url));
    pages_write_flag(out, "live", stage.serves);
    buffer_byte(out, '}');
    stage_release(&stage);
}

/* A status request that waits for the launcher's part. */
struct status_wait {
    struct store *store;
    uint64_t exchange;
};

static void answer_status(void *context, struct text processes)
{
    struct status_wait *wait = context;
    struct http_exchange *exchange = http_server_find(wait->store->admin, wait->exchange);
    struct request *request = exchange ? exchange->note : NULL;
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    void *both[2] = {request, &out};
    free(wait);
    if (request == NULL)
        return;
    buffer_string(&out, "{\"version\":\"" VITRINE_VERSION "\"");
    json_write_member(&out, "site_url", text_from(request->store->settings.site_url));
    buffer_string(&out, ",\"processes\":");
    buffer_text(&out, processes);
    buffer_string(&out, ",\"demos\":[");
    struct listing_query query = {.viewer = &request->identity.account, .limit = 100000};
    listing_each(request->store, &query, write_demo, both);
    query.model = true;
    buffer_string(&out, "],\"models\":[");
    listing_each(request->store, &query, write_demo, both);
    buffer_string(&out, "]}");
    request_json(request, 200, &out);
}

void admin_status(struct request *request)
{
    struct status_wait *wait = MEMORY_NEW(struct status_wait);
    *wait = (struct status_wait){request->store, request->handle};
    if (peer_ask_status(request->store, answer_status, wait) == 0)
        answer_status(wait, TEXT("[]"));
}

void admin_events(struct request *request)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, &request->store->database,
                         "SELECT wall_ms, actor, what, object, detail FROM events ORDER BY id DESC LIMIT 1000", "");
    buffer_byte(&out, '[');
    while (database_query_step(&query) == 1) {
        BUFFER_AUTO struct buffer time = BUFFER_EMPTY;
        clock_write_iso(&time, database_query_integer(&query, 0));
        json_write_comma(&out);
        buffer_byte(&out, '{');
        json_write_member(&out, "time", buffer_view(&time));
        json_write_member(&out, "actor", database_query_text(&query, 1));
        json_write_member(&out, "what", database_query_text(&query, 2));
        json_write_member(&out, "object", database_query_text(&query, 3));
        json_write_member(&out, "detail", database_query_text(&query, 4));
        buffer_byte(&out, '}');
    }
    buffer_byte(&out, ']');
    request_json(request, 200, &out);
}
