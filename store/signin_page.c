/* Signing in: the form with a password, the one-time link, and out again.
 *
 * A password costs 64 MiB and a tenth of a second to check (argon2id), on purpose; so it is checked on a job thread,
 * one at a time, for at most BOUNDS_SIGNINS waiting forms, and an address gets BOUNDS_SIGNIN_TRIES wrong ones a
 * minute. A name that does not exist takes as long as one that does. The gateway limits sign-ins by address before
 * this. */
#include "store/signin_page.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/signin.h"
#include "store/store.h"

/* Tries of one address, those under way included: counted when they begin and forgiven when they were right, so that
 * a hundred at once are not all let in before the first has failed. */
struct signin_tries {
    uint32_t count;
    uint64_t until_ms;
};

/* A password being checked on a job thread. */
struct signin_job {
    struct job job;
    struct store *store;
    uint64_t exchange;
    char *hash, *user, *password, *next, *client; /* owned */
    bool good;
};

/* -- counting -- */

static int forget_old(void *context, struct text key, void *value)
{
    struct store *store = context;
    struct signin_tries *tries = value;
    if (!store->stopping && tries->until_ms > clock_now_ms())
        return 0;
    map_remove(&store->tries, key);
    free(tries);
    return 0;
}

void signin_page_forget_tries(struct store *store)
{
    map_each(&store->tries, forget_old, store);
}

static bool has_tries_left(struct store *store, struct text client)
{
    const struct signin_tries *tries = map_get(&store->tries, client);
    return tries == NULL || tries->until_ms <= clock_now_ms() || tries->count < BOUNDS_SIGNIN_TRIES;
}

static void forgive_try(struct store *store, struct text client)
{
    struct signin_tries *tries = map_get(&store->tries, client);
    if (tries != NULL && tries->count > 0)
        tries->count--;
}

static void count_try(struct store *store, struct text client)
{
    struct signin_tries *tries = map_get(&store->tries, client);
    if (tries == NULL) {
        tries = MEMORY_NEW(struct signin_tries);
        map_set(&store->tries, client, tries);
    }
    if (tries->until_ms <= clock_now_ms())
        *tries = (struct signin_tries){0, clock_now_ms() + BOUNDS_SIGNIN_WINDOW_MS};
    tries->count++;
}

/* -- pages -- */

struct form_state {
    int status;
    const char *error;
    struct text user, next;
};

static void show_form(struct request *request, const struct form_state *state)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    bool insecure = !request_is_secure(request) && strcmp(request->store->settings.host, "localhost") != 0;
    buffer_byte(&context, '{');
    json_write_member(&context, "error", text_from(state->error));
    json_write_member(&context, "username", state->user);
    json_write_member(&context, "next", state->next);
    pages_write_flag(&context, "insecure", insecure);
    buffer_byte(&context, '}');
    struct request_page page = {state->status, "login", "login", TEXT("Sign in"), {0}};
    request_page(request, &page, &context);
}

/* Only a path of this site may be where one goes after signing in. */
static const char *safe_next(const char *next)
{
    if (next == NULL || next[0] != '/' || next[1] == '/' || next[1] == '\\')
        return "/";
    for (const char *at = next; *at != 0; at++) {
        if ((unsigned char)*at <= 0x20 || *at == 0x7f || *at == '\\')
            return "/";
    }
    return next;
}

static void set_cookie(struct request *request, struct text secret, struct buffer *lines)
{
    bool secure = request_is_secure(request);
    buffer_format(lines, "Set-Cookie: %s=" TEXT_FORMAT "; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s\r\n",
                  secure ? "__Host-vitrine_session" : "vitrine_session", TEXT_ARGUMENT(secret),
                  secret.length ? (long long)(BOUNDS_SITE_SESSION_MS / 1000) : 0ll, secure ? "; Secure" : "");
}

/* A session for the account, its cookie, and on to `next`; a one-time token disappears from the address bar this way.
 */
static void enter(struct request *request, const struct account *account, const char *next)
{
    BUFFER_AUTO struct buffer secret = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer lines = BUFFER_EMPTY;
    if (signin_session_make(&request->store->database, account->id, &secret) != 0) {
        request_error(request, 500, NULL, "You could not be signed in; try again.");
        return;
    }
    if (request->cookie.length > 0) /* the one before is over */
        signin_session_end(&request->store->database, request->cookie);
    set_cookie(request, buffer_view(&secret), &lines);
    http_field_append(&lines, "Location", text_from(safe_next(next)));
    buffer_string(&lines, "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n");
    store_event(request->store, account->name, "signin", account->name, "");
    struct http_exchange *exchange = request->exchange;
    request->exchange = NULL;
    http_reply(exchange, 303, buffer_view(&lines), TEXT(""));
}

/* -- the form -- */

static void check_work(struct job *job)
{
    struct signin_job *signin = (struct signin_job *)job;
    signin->good = account_password_verify(signin->hash, text_from(signin->password));
}

static void check_done(struct job *job)
{
    struct signin_job *signin = (struct signin_job *)job;
    struct http_exchange *exchange = http_server_find(signin->store->server, signin->exchange);
    struct request *request = exchange ? exchange->note : NULL;
    struct account account;
    bool good = signin->good && account_find(&signin->store->database, text_from(signin->user), &account) == 0;
    signin->store->signins--;
    if (good)
        forgive_try(signin->store, text_from(signin->client));
    if (request != NULL && good)
        enter(request, &account, signin->next);
    else if (request != NULL)
        show_form(request, &(struct form_state){401, "User name or password is wrong.", text_from(signin->user),
                                                text_from(signin->next)});
    explicit_bzero(signin->password, strlen(signin->password));
    free(signin->hash);
    free(signin->user);
    free(signin->password);
    free(signin->next);
    free(signin->client);
    free(signin);
}

static char *form_value(struct text body, const char *name, size_t limit)
{
    struct buffer value = BUFFER_EMPTY;
    if (encode_form_value(body, name, &value) != 0 || value.length > limit)
        buffer_clear(&value);
    return buffer_steal(&value);
}

static void take_form(void *context, struct http_exchange *exchange, struct text body)
{
    struct request *request = context;
    struct store *store = request->store;
    struct text client = http_exchange_header(exchange, "x-vitrine-client");
    if (!has_tries_left(store, client)) {
        show_form(request,
                  &(struct form_state){429, "Too many wrong tries from your address; wait a minute.", {0}, {0}});
        return;
    }
    if (store->signins == BOUNDS_SIGNINS) {
        show_form(request,
                  &(struct form_state){503, "Many people sign in right now; try again in a moment.", {0}, {0}});
        return;
    }
    count_try(store, client);
    store->signins++;
    struct signin_job *signin = MEMORY_NEW(struct signin_job);
    *signin = (struct signin_job){
        .job = {.work = check_work, .done = check_done}, .store = store, .exchange = request->handle,
        .user = form_value(body, "username", BOUNDS_NAME_BYTES), .next = form_value(body, "next", 1024),
        .password = form_value(body, "password", BOUNDS_PASSWORD_BYTES), .client = text_copy(client),
    };
    signin->hash = account_password_get(&store->database, text_from(signin->user));
    job_submit(store->quick_jobs, &signin->job);
}

void signin_page_form(struct request *request)
{
    BUFFER_AUTO struct buffer next = BUFFER_EMPTY;
    if (request->exchange->head.method == HTTP_POST) {
        if (request_same_site(request) == 0)
            http_exchange_collect(request->exchange, BOUNDS_FORM_BODY_BYTES, take_form, request);
        return;
    }
    request_query(request, "next", &next);
    show_form(request, &(struct form_state){200, "", {0}, text_from(safe_next(next.data))});
}

/* -- link and end -- */

void signin_page_link(struct request *request)
{
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    struct account account;
    request_query(request, "token", &token);
    if (token.length == 0 || signin_link_use(&request->store->database, buffer_view(&token), &account) != 0) {
        show_form(request, &(struct form_state){
                               403,
                               "This sign-in link was used before or is too old. Ask the operator for a new one.",
                               {0},
                               TEXT("/")});
        return;
    }
    enter(request, &account, "/");
}

void signin_page_logout(struct request *request)
{
    BUFFER_AUTO struct buffer lines = BUFFER_EMPTY;
    if (request_same_site(request) != 0)
        return;
    if (request->cookie.length > 0)
        signin_session_end(&request->store->database, request->cookie);
    set_cookie(request, TEXT(""), &lines);
    buffer_string(&lines, "Location: /\r\nCache-Control: no-store\r\n");
    struct http_exchange *exchange = request->exchange;
    request->exchange = NULL;
    http_reply(exchange, 303, buffer_view(&lines), TEXT(""));
}
