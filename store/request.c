/* A request: who asks, and how the answer is put.
 *
 * Identity is settled once, before any handler: an Authorization header counts alone (also when it is wrong: a cookie
 * beside it is not looked at), else the site's cookie. A credential that is shown and not valid is remembered,
 * because the API must then say 401 and not pretend that nobody asked. The admin socket needs none, its mode is the
 * credential.
 *
 * A request outlives its answer until the end of the turn (request_free_finished), so that a handler may go on
 * looking at it after answering; its `exchange` is NULL from then on, which makes a second answer a crash and not a
 * mix-up. */
#include "store/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/signin.h"
#include "store/store.h"

const struct text request_no_store = {"Cache-Control: no-store\r\n", 25};

/* -- who asks -- */

/* Reading is all that a token of role "read" can do; request_writable() and its like look at identity.write. */
static void take_token(struct request *request, struct text token, enum request_credential credential)
{
    struct database *database = &request->store->database;
    request->credential = credential;
    request->bad_credential = token_identify(database, token, &request->identity) != 0;
    if (!request->bad_credential)
        token_touch(database, &request->identity);
}

/* "user:token", or the token alone as user name. */
static void take_basic(struct request *request, struct text encoded)
{
    BUFFER_AUTO struct buffer pair = BUFFER_EMPTY;
    if (encode_unbase64(&pair, text_trim(encoded)) != 0) {
        request->bad_credential = true;
        return;
    }
    struct text password = buffer_view(&pair);
    struct text user = text_cut(&password, ':');
    take_token(request, password.length ? password : user, CREDENTIAL_BASIC);
}

struct text request_cookie(const struct request *request, const char *name)
{
    struct text cookies = http_exchange_header(request->exchange, "cookie");
    while (cookies.length > 0) {
        struct text value = text_cut(&cookies, ';');
        struct text key = text_trim(text_cut(&value, '='));
        if (text_equal(key, text_from(name)))
            return text_trim(value);
    }
    return (struct text){0};
}

/* Behind TLS only the __Host- cookie counts: no subdomain (where strangers' demos live) can set one of that name. */
static void take_cookie(struct request *request)
{
    struct text secret =
        request_cookie(request, request_is_secure(request) ? "__Host-vitrine_session" : "vitrine_session");
    if (secret.length == 0)
        return;
    if (signin_session_find(&request->store->database, secret, &request->identity.account) != 0)
        return; /* an old cookie is no credential and no mistake */
    request->credential = CREDENTIAL_COOKIE;
    request->identity.write = true;
    request->cookie = secret;
}

static void identify(struct request *request)
{
    struct text authorization = http_exchange_header(request->exchange, "authorization");
    struct text scheme = text_cut(&authorization, ' ');
    if (text_equal_ignore_case(scheme, TEXT("Bearer")))
        take_token(request, text_trim(authorization), CREDENTIAL_BEARER);
    else if (text_equal_ignore_case(scheme, TEXT("Basic")))
        take_basic(request, authorization);
    else
        take_cookie(request);
}

/* The gateway says under which address it was called; without its word the configured one counts. */
bool request_is_secure(const struct request *request)
{
    struct text origin = http_exchange_header(request->exchange, "x-vitrine-origin");
    if (origin.length > 0)
        return text_starts(origin, TEXT("https://"));
    return settings_is_secure(&request->store->settings);
}

struct request *request_new(struct store *store, struct http_exchange *exchange, bool admin)
{
    struct request *request = MEMORY_NEW(struct request);
    *request = (struct request){.store = store, .exchange = exchange, .handle = http_exchange_handle(exchange)};
    exchange->note = request;
    if (encode_path(&request->path, exchange->head.path) != 0) {
        http_reply_error(exchange, 400, "this address is malformed");
        return NULL;
    }
    if (admin) {
        request->credential = CREDENTIAL_ADMIN;
        request->identity = (struct identity){.account = {.id = -1, .name = "operator", .admin = true}, .write = true};
    } else {
        identify(request);
    }
    request->api = admin || text_starts(buffer_view(&request->path), TEXT("/api/"));
    return request;
}

void request_finished(struct request *request)
{
    struct store *store = request->store;
    request->exchange = NULL;
    request->next = store->finished;
    store->finished = request;
    loop_defer(&store->loop, &store->finished_turn);
}

void request_free_finished(struct store *store)
{
    while (store->finished != NULL) {
        struct request *request = store->finished;
        store->finished = request->next;
        buffer_release(&request->path);
        buffer_release(&request->lines);
        free(request);
    }
}

/* -- answers -- */

static void reply(struct request *request, int status, const char *type, const struct buffer *body)
{
    BUFFER_AUTO struct buffer headers = BUFFER_EMPTY;
    struct http_exchange *exchange = request->exchange;
    buffer_format(&headers, "Content-Type: %s\r\n", type);
    buffer_text(&headers, request_no_store);
    request->exchange = NULL;
    http_reply(exchange, status, buffer_view(&headers), buffer_view(body));
}

void request_json(struct request *request, int status, const struct buffer *body)
{
    reply(request, status, "application/json", body);
}

void request_html(struct request *request, int status, const struct buffer *body)
{
    reply(request, status, "text/html; charset=utf-8", body);
}

/* Only to a path of this site: anything else, an address a visitor sent along for example, becomes "/". */
void request_redirect(struct request *request, int status, const char *location)
{
    BUFFER_AUTO struct buffer headers = BUFFER_EMPTY;
    struct http_exchange *exchange = request->exchange;
    bool safe = location[0] == '/' && location[1] != '/' && location[1] != '\\' &&
                http_field_append(&headers, "Location", text_from(location)) == 0;
    if (!safe)
        buffer_string(&headers, "Location: /\r\n");
    buffer_text(&headers, request_no_store);
    request->exchange = NULL;
    http_reply(exchange, status, buffer_view(&headers), TEXT(""));
}

static void error_json(struct request *request, int status, const char *code, const char *sentence)
{
    BUFFER_AUTO struct buffer headers = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    struct http_exchange *exchange = request->exchange;
    buffer_string(&headers, "Content-Type: application/json\r\nAccess-Control-Expose-Headers: X-Error-Code, "
                            "X-Error-Message\r\n");
    buffer_text(&headers, request_no_store);
    if (code != NULL)
        http_field_append(&headers, "X-Error-Code", text_from(code));
    http_field_append(&headers, "X-Error-Message", text_from(sentence));
    buffer_byte(&body, '{');
    json_write_member(&body, "error", text_from(sentence));
    buffer_byte(&body, '}');
    request->exchange = NULL;
    http_reply(exchange, status, buffer_view(&headers), buffer_view(&body));
}

/* git shows the body of a refusal only when it is text/plain. */
static void error_plain(struct request *request, int status, const char *sentence)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    buffer_format(&body, "%s\n", sentence);
    reply(request, status, "text/plain; charset=utf-8", &body);
}

static const struct error_words {
    int status;
    const char *heading, *hint;
} error_words[] = {
    {400, "This request is malformed", ""},
    {401, "Please sign in", "Sign in at the top right and try again."},
    {403, "This is not allowed", "Sign in with another account, or ask the owner."},
    {404, "There is no such page", "Look whether the address is spelled right, or start from the list of demos."},
    {405, "This page does not take that", ""},
    {413, "That is too large", "Send less at once."},
    {429, "Too many requests", "Wait a minute and try again."},
    {503, "The server is busy", "Try again in a moment."},
};

static void error_page(struct request *request, int status, const char *sentence)
{
    static const struct error_words unknown = {0, "Something went wrong here",
                                               "Try again; the operator finds the reason in the log."};
    const struct error_words *words = &unknown;
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    for (size_t index = 0; index < MEMORY_COUNT(error_words); index++) {
        if (error_words[index].status == status)
            words = &error_words[index];
    }
    buffer_format(&context, "{\"status\":\"%d\"", status);
    json_write_member(&context, "heading", text_from(words->heading));
    json_write_member(&context, "message", text_from(sentence));
    json_write_member(&context, "hint", text_from(words->hint));
    buffer_byte(&context, '}');
    struct request_page page = {
        .status = status, .template_name = "error", .word = "error", .title = text_from(words->heading)};
    request_page(request, &page, &context);
}

void request_error(struct request *request, int status, const char *code, const char *sentence)
{
    if (request->git)
        error_plain(request, status, sentence);
    else if (request->api)
        error_json(request, status, code, sentence);
    else
        error_page(request, status, sentence);
}

/* What may not be seen and what is not there are told alike; only a wrong token is worth a different word. */
void request_not_found(struct request *request)
{
    if (request->api && request->bad_credential)
        request_error(request, 401, NULL, "Invalid credentials in Authorization header");
    else
        request_error(request, 404, "RepoNotFound", "There is no such repository, or you may not see it.");
}

void request_page(struct request *request, const struct request_page *page, const struct buffer *context)
{
    BUFFER_AUTO struct buffer html = BUFFER_EMPTY;
    struct text theme = request_cookie(request, "vitrine_theme");
    bool known = text_equal(theme, TEXT("light")) || text_equal(theme, TEXT("dark"));
    struct page composed = {
        .template_name = page->template_name,
        .word = page->word,
        .title = page->title,
        .description = page->description,
        .theme = known ? theme : TEXT(""),
        .user = text_from(request->identity.account.id > 0 ? request->identity.account.name : ""),
        .context = buffer_view(context),
    };
    if (pages_compose(&request->store->pages, &composed, &html) != 0) {
        struct http_exchange *exchange = request->exchange;
        request->exchange = NULL;
        http_reply_error(exchange, 500, "this page could not be made; the operator finds the reason in the log");
        return;
    }
    request_html(request, page->status ? page->status : 200, &html);
}

/* -- checks -- */

int request_repository(struct request *request, struct repository *ret_repository)
{
    int result =
        repository_find(&request->store->database, request->model, request->owner, request->name, ret_repository);
    if (result == 0 && repository_may_read(ret_repository, &request->identity.account))
        return 0;
    request_not_found(request);
    return ERROR_NOT_FOUND;
}

/* The order matters: whether a private repository exists is settled (as "not found") before anything is said about
 * rights to it. */
int request_writable(struct request *request, struct repository *ret_repository)
{
    int result = request_repository(request, ret_repository);
    if (result != 0)
        return result;
    if (request->identity.account.id == 0) {
        request_error(request, 401, NULL, "Sign in to do this.");
        return ERROR_FORBIDDEN;
    }
    if (!request->identity.write || !repository_may_write(ret_repository, &request->identity.account)) {
        request_error(request, 403, NULL, "Only the owner may do this, with a credential that may write.");
        return ERROR_FORBIDDEN;
    }
    return 0;
}

static bool is_our_origin(const struct request *request, struct text origin)
{
    struct text public = http_exchange_header(request->exchange, "x-vitrine-origin");
    return text_equal(origin, public) || text_equal(origin, text_from(request->store->settings.site_url));
}

/* A browser says where a request comes from, in Sec-Fetch-Site or at least in Origin; a simple cross-site form can
 * send neither JSON nor our origin. Tokens are not sent by browsers on their own, so they need no such check. */
int request_same_site(struct request *request)
{
    struct text fetch = http_exchange_header(request->exchange, "sec-fetch-site");
    struct text origin = http_exchange_header(request->exchange, "origin");
    struct text type = http_exchange_header(request->exchange, "content-type");
    bool json = text_starts(type, TEXT("application/json"));
    bool good;
    if (request->credential != CREDENTIAL_COOKIE && request->credential != CREDENTIAL_NONE)
        return 0;
    if (fetch.length > 0)
        good = text_equal(fetch, TEXT("same-origin")) || (json && text_equal(fetch, TEXT("none")));
    else if (origin.length > 0)
        good = is_our_origin(request, origin);
    else
        good = json;
    if (good)
        return 0;
    request_error(request, 403, NULL, "This was not sent from a page of this site; open the page and try again there.");
    return ERROR_FORBIDDEN;
}

bool request_query(const struct request *request, const char *name, struct buffer *out)
{
    if (request->exchange->head.query.data == NULL)
        return false;
    return encode_form_value(request->exchange->head.query, name, out) == 0;
}
