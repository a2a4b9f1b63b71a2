/* The owner's pages: a demo's settings, its log, the account.
 *
 * Forms post to their own page and are answered with it, so there is no message to carry over a redirect. Every form
 * is checked for where it came from (request_same_site) before its body is read. A demo's forms may also be sent with
 * a token that may write; the account's only with a session, because a token must not be able to make tokens. */
#include "store/site_settings.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/listing.h"
#include "store/release.h"
#include "store/site.h"
#include "store/stage.h"
#include "store/store.h"

/* What the last form did. Carried to the page by the answer to the form itself: no state in between. */
struct outcome {
    const char *done, *error; /* static sentences, or NULL */
};

static char *form_value(struct text form, const char *name)
{
    struct buffer value = BUFFER_EMPTY;
    if (encode_form_value(form, name, &value) != 0)
        buffer_clear(&value);
    return buffer_steal(&value);
}

static void write_outcome(const struct outcome *outcome, struct buffer *out)
{
    json_write_member(out, "done", text_from(outcome->done ? outcome->done : ""));
    json_write_member(out, "error", text_from(outcome->error ? outcome->error : ""));
}

/* -- a demo's settings -- */

static void write_releases(struct request *request, const struct repository *repository, struct buffer *out)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(
        &query, &request->store->database,
        "SELECT commit_id, message, created_ms, state = 'live' FROM releases WHERE repository_id = ? AND "
        "state <> 'pending' ORDER BY id DESC",
        "i", repository->id);
    buffer_string(out, ",\"releases\":[");
    while (database_query_step(&query) == 1) {
        BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
        struct text commit = database_query_text(&query, 0);
        MEMORY_AUTO char *sha = text_copy(commit);
        settings_demo_url(&request->store->settings, &url, repository->owner, repository->name, sha);
        json_write_comma(out);
        buffer_byte(out, '{');
        json_write_member(out, "commit", text_head(commit, 7));
        json_write_member(out, "sha", commit);
        json_write_member(out, "message", database_query_text(&query, 1));
        pages_write_time(out, "when", database_query_integer(&query, 2));
        pages_write_flag(out, "live", database_query_integer(&query, 3) != 0);
        json_write_member(out, "preview_url", buffer_view(&url));
        buffer_byte(out, '}');
    }
    buffer_byte(out, ']');
}

static void show_demo(struct request *request, const struct repository *repository, const struct outcome *outcome)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer title = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct stage stage;
    stage_init(&stage, request->store, repository);
    buffer_byte(&context, '{');
    site_write_head(request, repository, &stage, SITE_TAB_SETTINGS, &context);
    write_outcome(outcome, &context);
    pages_write_flag(&context, "paused", repository->paused);
    write_releases(request, repository, &context);
    settings_push_url(&request->store->settings, &url, repository->model, repository->owner, repository->name);
    json_write_member(&context, "push_url", buffer_view(&url));
    buffer_byte(&context, '}');
    buffer_format(&title, "%s/%s: settings", repository->owner, repository->name);
    struct request_page page = {outcome->error ? 409 : 200, "settings", "settings", buffer_view(&title), {0}};
    request_page(request, &page, &context);
    stage_release(&stage);
}

/* One form: what it does to the repository. Sets outcome->done or ->error; true when the demo is gone. */
typedef bool demo_action(struct request *request, struct repository *repository, struct text form,
                         struct outcome *outcome);

/* `sql` is one of the constants below, with the value and the id as its parameters. */
static bool set_column(struct request *request, struct repository *repository, const char *sql, bool value)
{
    return database_run(&request->store->database, sql, "ii", (int64_t)value, repository->id) == 1;
}

static bool change_visibility(struct request *request, struct repository *repository, struct text form,
                              struct outcome *outcome)
{
    MEMORY_AUTO char *value = form_value(form, "private");
    repository->is_private = strcmp(value, "true") == 0;
    if (set_column(request, repository, "UPDATE repositories SET private = ? WHERE id = ?", repository->is_private))
        outcome->done = repository->is_private ? "Only you can open it now." : "Everyone can open it now.";
    return false;
}

static bool pause(struct request *request, struct repository *repository, struct text form, struct outcome *outcome)
{
    repository->paused = true;
    if (set_column(request, repository, "UPDATE repositories SET paused = ? WHERE id = ?", true))
        outcome->done = "It is paused.";
    return false;
}

static bool resume(struct request *request, struct repository *repository, struct text form, struct outcome *outcome)
{
    repository->paused = false;
    stage_forget(request->store, repository->id);
    if (set_column(request, repository, "UPDATE repositories SET paused = ? WHERE id = ?", false))
        outcome->done = "It runs again.";
    return false;
}

static bool make_live(struct request *request, struct repository *repository, struct text form, struct outcome *outcome)
{
    MEMORY_AUTO char *sha = form_value(form, "sha");
    struct release release;
    if (release_find_commit(&request->store->database, repository->id, text_from(sha), &release) == 0 &&
        release_make_live(&request->store->database, release.id) == 0)
        outcome->done = "That release is live now.";
    else
        outcome->error = "That release could not be made live; it may have been dropped meanwhile.";
    return false;
}

static bool delete(struct request *request, struct repository *repository, struct text form, struct outcome *outcome)
{
    MEMORY_AUTO char *confirm = form_value(form, "confirm");
    struct text name = text_from(confirm);
    struct text owner = text_cut(&name, '/');
    if (!text_equal(owner, text_from(repository->owner)) || !text_equal(name, text_from(repository->name))) {
        outcome->error = "It was not deleted: what you typed is not its name.";
        return false;
    }
    if (store_delete_repository(request->store, repository) == 0)
        return true;
    outcome->error = "It could not be deleted now; a push to it may be under way. Try again in a moment.";
    return false;
}

static const struct {
    const char *name;
    demo_action *run;
} demo_actions[] = {
    {"visibility", change_visibility}, {"pause", pause},         {"resume", resume},
    {"restart", resume},               {"release", make_live},   {"delete", delete},
};

/* The repository is looked up again, now with the right to write: the page may have been open for days. Everybody who
 * caches the demo is told after each action, also after one that failed half-way. */
static void take_demo_form(void *context, struct http_exchange *exchange, struct text form)
{
    struct request *request = context;
    struct repository repository;
    struct outcome outcome = {0};
    MEMORY_AUTO char *action = form_value(form, "action");
    if (request_writable(request, &repository) != 0)
        return;
    for (size_t index = 0; index < MEMORY_COUNT(demo_actions); index++) {
        if (strcmp(demo_actions[index].name, action) != 0)
            continue;
        store_event(request->store, request->identity.account.name, action, repository.name, "");
        if (demo_actions[index].run(request, &repository, form, &outcome)) {
            request_redirect(request, 303, "/settings");
            return;
        }
        store_announce(request->store, &repository, false);
    }
    if (outcome.done == NULL && outcome.error == NULL)
        outcome.error = "This could not be done; try again.";
    show_demo(request, &repository, &outcome);
}

/* A page of its owner's: strangers are sent to sign in. */
static bool is_signed_in(struct request *request)
{
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    if (request->identity.account.id > 0)
        return true;
    buffer_string(&url, "/login?next=");
    encode_percent(&url, buffer_view(&request->path), "/");
    request_redirect(request, 303, url.data);
    return false;
}

void site_settings_demo(struct request *request)
{
    struct repository repository;
    if (request->exchange->head.method == HTTP_POST) {
        if (request_same_site(request) == 0)
            http_exchange_collect(request->exchange, BOUNDS_FORM_BODY_BYTES, take_demo_form, request);
        return;
    }
    if (is_signed_in(request) && request_writable(request, &repository) == 0)
        show_demo(request, &repository, &(struct outcome){0});
}

/* -- the log -- */

static void add_line(void *context, const struct logs_line *line)
{
    struct buffer *out = context;
    BUFFER_AUTO struct buffer iso = BUFFER_EMPTY;
    clock_write_iso(&iso, line->wall_ms);
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "time", text_head(text_skip(buffer_view(&iso), 11), 8));
    json_write_member(out, "time_iso", buffer_view(&iso));
    json_write_member(out, "level", line->level);
    json_write_member(out, "source", text_from(line->source));
    json_write_member(out, "text", line->line);
    buffer_byte(out, '}');
}

void site_logs(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer title = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct repository repository;
    struct stage stage;
    if (!is_signed_in(request) || request_writable(request, &repository) != 0)
        return;
    stage_init(&stage, request->store, &repository);
    buffer_byte(&context, '{');
    site_write_head(request, &repository, &stage, SITE_TAB_LOGS, &context);
    json_write_member(&context, "stage_kind", text_from(stage_kind(stage.name)));
    json_write_member(&context, "stage_label", text_from(stage_label(stage.name)));
    json_write_member(&context, "stage_reason", buffer_view(&stage.reason));
    pages_write_time(&context, "since", stage.since_ms);
    buffer_string(&context, ",\"lines\":[");
    logs_each(&request->store->logs, repository.id, NULL, BOUNDS_LOG_LINES_KEPT, add_line, &context);
    buffer_byte(&context, ']');
    buffer_format(&url, "/api/spaces/%s/%s/logs/all?after=now", repository.owner, repository.name);
    json_write_member(&context, "tail_url", buffer_view(&url));
    buffer_byte(&context, '}');
    buffer_format(&title, "%s/%s: log", repository.owner, repository.name);
    request_page(request, &(struct request_page){200, "logs", "logs", buffer_view(&title), {0}}, &context);
    stage_release(&stage);
}

/* -- the account -- */

struct rows {
    struct store *store;
    struct buffer *out;
};

static void add_row(void *context, const struct listing_row *row)
{
    struct rows *rows = context;
    site_write_row(rows->store, row, rows->out);
}

static void show_account(struct request *request, const struct outcome *outcome, struct text new_token)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct store *store = request->store;
    const struct account *account = &request->identity.account;
    struct rows rows = {store, &context};
    struct listing_query query = {.author = text_from(account->name), .viewer = account, .limit = 1000};
    buffer_byte(&context, '{');
    json_write_member(&context, "user", text_from(account->name));
    write_outcome(outcome, &context);
    json_write_member(&context, "new_token", new_token);
    buffer_string(&context, ",\"tokens\":[");
    token_list(&store->database, account->id, &context);
    buffer_string(&context, "],\"demos\":[");
    listing_each(store, &query, add_row, &rows);
    buffer_byte(&context, ']');
    settings_push_url(&store->settings, &url, false, account->name, "NAME");
    json_write_member(&context, "push_url", buffer_view(&url));
    buffer_byte(&context, '}');
    struct request_page page = {outcome->error ? 409 : 200, "account", "account", text_from(account->name), {0}};
    request_page(request, &page, &context);
}

/* Only one's own: the account is part of the condition. */
static void revoke(struct request *request, struct text form, struct outcome *outcome)
{
    MEMORY_AUTO char *id = form_value(form, "id");
    int changed = database_run(&request->store->database, "DELETE FROM tokens WHERE id = ? AND account_id = ?", "ii",
                               (int64_t)strtoll(id, NULL, 10), request->identity.account.id);
    store_announce_tokens(request->store);
    if (changed == 1)
        outcome->done = "The token was revoked.";
    else
        outcome->error = "There is no such token any more.";
}

static void make_token(struct request *request, struct text form, struct outcome *outcome, struct buffer *ret_token)
{
    MEMORY_AUTO char *name = form_value(form, "name");
    MEMORY_AUTO char *role = form_value(form, "role");
    int result = token_create(&request->store->database, request->identity.account.id, text_from(name),
                              strcmp(role, "write") == 0, ret_token);
    if (result == ERROR_EXISTS)
        outcome->error = "You have a token of this name already; choose another name.";
    else if (result == ERROR_LIMIT)
        outcome->error = "You have as many tokens as are allowed; revoke one first.";
    else if (result != 0)
        outcome->error = "A token needs a name of at most 63 bytes.";
}

static void take_account_form(void *context, struct http_exchange *exchange, struct text form)
{
    struct request *request = context;
    struct outcome outcome = {0};
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    MEMORY_AUTO char *action = form_value(form, "action");
    if (strcmp(action, "revoke") == 0)
        revoke(request, form, &outcome);
    else if (strcmp(action, "token") == 0)
        make_token(request, form, &outcome, &token);
    else
        outcome.error = "This page has no such form.";
    show_account(request, &outcome, buffer_view(&token));
}

void site_settings_account(struct request *request)
{
    bool post = request->exchange->head.method == HTTP_POST;
    if ((post && request_same_site(request) != 0) || !is_signed_in(request))
        return;
    /* A token must not be able to make itself a mightier or a longer-lived sister. */
    if (post && request->credential != CREDENTIAL_COOKIE) {
        request_error(request, 403, NULL, "Tokens are made and revoked by people: sign in on this site to do it.");
        return;
    }
    if (post)
        http_exchange_collect(request->exchange, BOUNDS_FORM_BODY_BYTES, take_account_form, request);
    else
        show_account(request, &(struct outcome){0}, TEXT(""));
}
