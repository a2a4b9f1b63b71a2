/* The Hub API, as far as its clients need it to list, inspect, pause and restart repositories.
 *
 * The members and their types are fixed by what those clients read (some check for null, some for a missing member),
 * so they are written out literally, also those that mean nothing here (likes, gated, hardware). A repository that
 * may not be seen answers exactly like one that does not exist. Creating and deleting: api_change.c; logs:
 * api_logs.c. */
#include "store/api.h"

#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "store/content.h"
#include "store/listing.h"
#include "store/names.h"
#include "store/stage.h"
#include "store/store.h"

/* -- who -- */

static bool needs_identity(struct request *request)
{
    if (request->identity.account.id != 0)
        return true;
    request_error(request, 401, NULL,
                  request->bad_credential ? "Invalid credentials in Authorization header"
                                          : "Invalid username or password.");
    return false;
}

static void write_time(struct buffer *out, const char *name, int64_t wall_ms)
{
    BUFFER_AUTO struct buffer iso = BUFFER_EMPTY;
    clock_write_iso(&iso, wall_ms);
    json_write_member(out, name, buffer_view(&iso));
}

/* A session of the site is told as a token named "session", since clients only know tokens. */
static void write_auth(const struct request *request, struct buffer *out)
{
    const struct identity *identity = &request->identity;
    json_write_name(out, "auth");
    buffer_string(out, "{\"type\":\"access_token\",\"accessToken\":{");
    json_write_member(out, "displayName", text_from(identity->token_id ? identity->token_name : "session"));
    json_write_member(out, "role", identity->write ? TEXT("write") : TEXT("read"));
    write_time(out, "createdAt", identity->created_ms ? identity->created_ms : clock_wall_ms());
    buffer_string(out, "}}");
}

void api_whoami(struct request *request)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    if (!needs_identity(request))
        return;
    const struct account *account = &request->identity.account;
    buffer_format(&body, "{\"type\":\"user\",\"id\":\"%024llx\"", (unsigned long long)account->id);
    json_write_member(&body, "name", text_from(account->name));
    json_write_member(&body, "fullname", text_from(account->name));
    buffer_string(&body, ",\"email\":null,\"emailVerified\":false,\"isPro\":false,\"canPay\":false,\"avatarUrl\":\"\","
                         "\"periodEnd\":null,\"billingMode\":\"prepaid\",\"orgs\":[]");
    write_auth(request, &body);
    buffer_byte(&body, '}');
    request_json(request, 200, &body);
}

/* -- repositories -- */

/* RUNNING and SLEEPING both serve at once, but clients treat them differently: stage.c decides, nothing is translated
 * here. `gcTimeout` null means that no client counts down to a sleep. */
static void write_runtime(struct store *store, const struct repository *repository, struct buffer *out)
{
    struct stage stage;
    BUFFER_AUTO struct buffer subdomain = BUFFER_EMPTY;
    stage_init(&stage, store, repository);
    names_subdomain(&subdomain, text_from(repository->owner), text_from(repository->name));
    buffer_byte(out, '{');
    json_write_member(out, "stage", text_from(stage.name));
    buffer_string(out,
                  ",\"hardware\":{\"current\":\"cpu-basic\",\"requested\":\"cpu-basic\"},\"storage\":null,"
                  "\"gcTimeout\":null,\"replicas\":{\"requested\":1,\"current\":1},\"devMode\":false,\"domains\":[{");
    buffer_string(&subdomain, ".");
    buffer_string(&subdomain, store->settings.demo_domain);
    json_write_member(out, "domain", buffer_view(&subdomain));
    buffer_string(out, ",\"stage\":\"READY\"}]");
    if (stage.reason.length > 0)
        json_write_member(out, "errorMessage", buffer_view(&stage.reason));
    buffer_byte(out, '}');
    stage_release(&stage);
}

/* A member of the card that is a list of texts, else an empty list. */
static void write_list(struct buffer *out, const struct json *card, const char *name)
{
    const struct json_node *list = json_get(card, &card->nodes[0], name);
    json_write_name(out, name);
    buffer_text(out, list != NULL && list->type == JSON_ARRAY ? list->raw : TEXT("[]"));
}

static void write_addresses(struct store *store, const struct repository *repository, struct buffer *out)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    names_subdomain(&text, text_from(repository->owner), text_from(repository->name));
    json_write_member(out, "subdomain", buffer_view(&text));
    buffer_clear(&text);
    settings_demo_url(&store->settings, &text, repository->owner, repository->name, NULL);
    json_write_member(out, "host", text_head(buffer_view(&text), text.length - 1));
}

/* What a visit of listing_each() carries along. */
struct api_list {
    struct store *store;
    struct buffer *out;
    bool full;
};

/* Opens the bundle, so only where it was asked for; what this server generated is no file of it. */
static void write_siblings(struct api_list *list, const struct repository *repository)
{
    struct content *content;
    buffer_string(list->out, ",\"siblings\":[");
    if (content_open(list->store, repository, &content) == 0) {
        for (uint32_t index = 0; index < content->bundle.entry_count; index++) {
            struct bundle_entry entry = bundle_at(&content->bundle, index);
            if (entry.flags & BUNDLE_FLAG_GENERATED)
                continue;
            json_write_comma(list->out);
            buffer_byte(list->out, '{');
            json_write_member(list->out, "rfilename", entry.name);
            buffer_format(list->out, ",\"size\":%zu}", entry.contents.length);
        }
        content_free(content);
    }
    buffer_byte(list->out, ']');
}

/* What every listing has of a repository. */
static void write_head(const struct listing_row *row, struct buffer *out)
{
    const struct repository *repository = &row->repository;
    buffer_format(out, "{\"_id\":\"%024llx\",\"id\":\"%s/%s\",\"author\":\"%s\"", (unsigned long long)repository->id,
                  repository->owner, repository->name, repository->owner);
    json_write_name(out, "sha");
    if (row->commit.length > 0)
        json_write_string(out, row->commit);
    else
        buffer_string(out, "null");
    write_time(out, "createdAt", row->created_ms);
    write_time(out, "lastModified", row->updated_ms);
    pages_write_flag(out, "private", repository->is_private);
    buffer_string(out, ",\"gated\":false,\"disabled\":false,\"likes\":0,\"trendingScore\":0");
}

/* What only the address of one repository has, or a listing that asks for `full`. */
static void write_details(struct api_list *list, const struct listing_row *row)
{
    buffer_string(list->out, ",\"cardData\":");
    buffer_text(list->out, row->card);
    if (!row->repository.model) {
        buffer_string(list->out, ",\"runtime\":");
        write_runtime(list->store, &row->repository, list->out);
    }
    write_siblings(list, &row->repository);
}

static void write_row(void *context, const struct listing_row *row)
{
    struct api_list *list = context;
    struct buffer *out = list->out;
    struct json card;
    if (json_parse(&card, row->card, NULL) == 0) {
        json_write_comma(out);
        write_head(row, out);
        write_list(out, &card, "tags");
        write_list(out, &card, "datasets");
        if (!row->repository.model) {
            json_write_member(out, "sdk", row->sdk.length ? row->sdk : TEXT("static"));
            write_list(out, &card, "models");
            write_addresses(list->store, &row->repository, out);
        }
        if (list->full)
            write_details(list, row);
        buffer_byte(out, '}');
    }
    json_release(&card);
}

void api_repository(struct request *request)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    struct repository repository;
    struct api_list list = {request->store, &body, true};
    bool main = request->rest.length == 0 || text_equal(request->rest, TEXT("main")) ||
                text_equal(request->rest, TEXT("HEAD"));
    if (request_repository(request, &repository) != 0)
        return;
    if (!main) {
        request_error(request, 404, "RevisionNotFound", "Only the revision main can be asked for.");
        return;
    }
    listing_one(request->store, repository.id, write_row, &list);
    request_json(request, 200, &body);
}

/* Nonsense is the fallback: a listing is better than an error about a page number. */
static int64_t query_number(const struct request *request, const char *name, int64_t fallback)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    uint64_t value;
    if (!request_query(request, name, &text) || text_to_u64(buffer_view(&text), &value) != 0 || value > 1000000)
        return fallback;
    return (int64_t)value;
}

/* Clients write true, True or 1, each as its language does. */
static bool query_flag(const struct request *request, const char *name)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    return request_query(request, name, &text) && (text_equal_ignore_case(buffer_view(&text), TEXT("true")) ||
                                                   text_equal(buffer_view(&text), TEXT("1")));
}

/* The page that follows, as the Hub's clients expect it. */
static void link_next(struct request *request, const struct listing_query *query, const char *kind)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    buffer_format(&line, "<%s/api/%s?limit=%lld&offset=%lld", request->store->settings.site_url, kind,
                  (long long)query->limit, (long long)(query->offset + query->limit));
    if (query_flag(request, "full"))
        buffer_string(&line, "&full=true");
    if (query->search.length > 0) {
        buffer_string(&line, "&search=");
        encode_percent(&line, query->search, "");
    }
    if (query->author.length > 0) {
        buffer_string(&line, "&author=");
        encode_percent(&line, query->author, "");
    }
    buffer_string(&line, ">; rel=\"next\"");
    if (http_field_append(&request->lines, "Link", buffer_view(&line)) == 0)
        http_exchange_decorate(request->exchange, buffer_view(&request->lines));
}

static void list_repositories(struct request *request, bool model)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer search = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer author = BUFFER_EMPTY;
    struct api_list list = {request->store, &body, query_flag(request, "full")};
    request_query(request, "search", &search);
    request_query(request, "author", &author);
    struct listing_query query = {
        .model = model, .search = buffer_view(&search), .author = buffer_view(&author),
        .viewer = &request->identity.account, .limit = query_number(request, "limit", BOUNDS_API_PAGE_ROWS),
        .offset = query_number(request, "offset", 0),
    };
    if (query.limit == 0 || query.limit > BOUNDS_API_PAGE_ROWS)
        query.limit = BOUNDS_API_PAGE_ROWS;
    buffer_byte(&body, '[');
    int64_t all = listing_each(request->store, &query, write_row, &list);
    buffer_byte(&body, ']');
    if (all > query.offset + query.limit)
        link_next(request, &query, model ? "models" : "spaces");
    request_json(request, 200, &body);
}

void api_spaces(struct request *request)
{
    list_repositories(request, false);
}

void api_models(struct request *request)
{
    list_repositories(request, true);
}

/* -- runtime -- */

static void answer_runtime(struct request *request, const struct repository *repository)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    write_runtime(request->store, repository, &body);
    request_json(request, 200, &body);
}

void api_runtime(struct request *request)
{
    struct repository repository;
    if (request_repository(request, &repository) == 0)
        answer_runtime(request, &repository);
}

static void set_paused(struct request *request, bool paused)
{
    struct repository repository;
    if (request_same_site(request) != 0 || request_writable(request, &repository) != 0)
        return;
    if (database_run(&request->store->database, "UPDATE repositories SET paused = ? WHERE id = ?", "ii",
                     (int64_t)paused, repository.id) < 0) {
        request_error(request, 500, NULL, "This could not be stored; try again.");
        return;
    }
    repository.paused = paused;
    stage_forget(request->store, repository.id);
    store_announce(request->store, &repository, false);
    store_event(request->store, request->identity.account.name, paused ? "pause" : "restart", repository.name, "");
    answer_runtime(request, &repository);
}

void api_pause(struct request *request)
{
    set_paused(request, true);
}

void api_restart(struct request *request)
{
    set_paused(request, false);
}
