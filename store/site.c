/* The pages that show demos and models: gallery, a demo, a model.
 *
 * Each handler writes one JSON object and names a template, whose own comment says which members it reads. What a
 * stranger wrote reaches a page in three ways: as a JSON text that the template escapes, as a colour that is checked
 * against a list because it becomes a class name, and as a README that sanitize.c rewrote. Whether the viewer may
 * write decides what is in the object, not what is hidden by the page. */
#include "store/site.h"

#include <string.h>

#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/content.h"
#include "store/listing.h"
#include "store/sanitize.h"
#include "store/store.h"

#define GALLERY_ROWS 30
#define FALLBACK_EMOJI "\xf0\x9f\xa7\xa9" /* a jigsaw piece */

/* -- what rows and heads share -- */

/* A colour is part of a class name, so only known ones pass. */
static struct text safe_color(struct text color, const char *fallback)
{
    static const char *const colors[] = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"};
    for (size_t index = 0; index < MEMORY_COUNT(colors); index++) {
        if (text_equal(color, text_from(colors[index])))
            return color;
    }
    return text_from(fallback);
}

/* The word for people and the class for the style sheet. */
static void write_stage(const struct stage *stage, struct buffer *out)
{
    json_write_member(out, "stage_kind", text_from(stage_kind(stage->name)));
    json_write_member(out, "stage_label", text_from(stage_label(stage->name)));
}

/* What a card of the gallery and the head of a demo's page have in common. */
static void write_face(const struct listing_row *row, struct buffer *out)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    const struct repository *repository = &row->repository;
    settings_repository_path(&path, repository->model, repository->owner, repository->name);
    json_write_member(out, "owner", text_from(repository->owner));
    json_write_member(out, "name", text_from(repository->name));
    json_write_member(out, "path", buffer_view(&path));
    json_write_member(out, "title", row->title);
    json_write_member(out, "emoji", row->emoji.length ? row->emoji : TEXT(FALLBACK_EMOJI));
    json_write_member(out, "color_from", safe_color(row->color_from, "indigo"));
    json_write_member(out, "color_to", safe_color(row->color_to, "blue"));
    json_write_member(out, "short_description", row->description);
    pages_write_flag(out, "private", repository->is_private);
}

void site_write_row(struct store *store, const struct listing_row *row, struct buffer *out)
{
    struct stage stage;
    stage_init(&stage, store, &row->repository);
    json_write_comma(out);
    buffer_byte(out, '{');
    write_face(row, out);
    write_stage(&stage, out);
    pages_write_time(out, "updated", row->updated_ms);
    pages_write_flag(out, "pinned", row->pinned);
    buffer_byte(out, '}');
    stage_release(&stage);
}

/* The head of a demo's tabs, filled apart and put into the page as it is: all tabs share one template for it. */
struct head {
    struct request *request;
    const struct stage *stage;
    enum site_tab tab;
    struct buffer *context;
};

static void write_head(void *context, const struct listing_row *row)
{
    static const char *const flags[] = {"on_app", "on_code", "on_logs", "on_settings", "on_api"};
    struct head *head = context;
    BUFFER_AUTO struct buffer fields = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer html = BUFFER_EMPTY;
    buffer_byte(&fields, '{');
    write_face(row, &fields);
    write_stage(head->stage, &fields);
    pages_write_flag(&fields, "can_write", repository_may_write(&row->repository, &head->request->identity.account));
    for (size_t index = 0; index < MEMORY_COUNT(flags); index++)
        pages_write_flag(&fields, flags[index], index == head->tab);
    buffer_byte(&fields, '}');
    pages_fill(&head->request->store->pages, "demo_head", buffer_view(&fields), &html);
    json_write_member(head->context, "demo_head", buffer_view(&html));
    write_face(row, head->context);
}

void site_write_head(struct request *request, const struct repository *repository, const struct stage *stage,
                     enum site_tab tab, struct buffer *context)
{
    struct head head = {request, stage, tab, context};
    listing_one(request->store, repository->id, write_head, &head);
}

/* -- gallery -- */

struct rows {
    struct store *store;
    struct buffer *out;
};

static void add_row(void *context, const struct listing_row *row)
{
    struct rows *rows = context;
    site_write_row(rows->store, row, rows->out);
}

/* Empty when there is no such page: the template shows the link only when it has an address. */
static void write_page_url(struct buffer *out, const char *name, struct text query, int64_t page, bool there)
{
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    if (there) {
        buffer_format(&url, "/?page=%lld", (long long)page);
        if (query.length > 0) {
            buffer_string(&url, "&q=");
            encode_percent(&url, query, "");
        }
    }
    json_write_member(out, name, buffer_view(&url));
}

/* From 1; nonsense is the first page. */
static int64_t page_number(const struct request *request)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    uint64_t page;
    if (!request_query(request, "page", &text) || text_to_u64(buffer_view(&text), &page) != 0 || page == 0 ||
        page > 100000)
        return 1;
    return (int64_t)page;
}

void site_gallery(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer search = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer push_url = BUFFER_EMPTY;
    struct store *store = request->store;
    struct rows rows = {store, &context};
    const struct account *account = &request->identity.account;
    int64_t page = page_number(request);
    request_query(request, "q", &search);
    struct listing_query query = {.search = text_head(buffer_view(&search), 200),
                                  .viewer = account,
                                  .limit = GALLERY_ROWS,
                                  .offset = (page - 1) * GALLERY_ROWS,
                                  .published = true};
    buffer_string(&context, "{\"demos\":[");
    int64_t count = listing_each(store, &query, add_row, &rows);
    buffer_string(&context, "]");
    buffer_format(&context, ",\"count\":\"%lld\"", (long long)count);
    pages_write_flag(&context, "one", count == 1);
    json_write_member(&context, "query", query.search);
    json_write_member(&context, "user", text_from(account->id > 0 ? account->name : ""));
    write_page_url(&context, "previous_url", query.search, page - 1, page > 1);
    write_page_url(&context, "next_url", query.search, page + 1, count > page * GALLERY_ROWS);
    settings_push_url(&store->settings, &push_url, false, account->id > 0 ? account->name : "you", "hello");
    json_write_member(&context, "push_url", buffer_view(&push_url));
    buffer_byte(&context, '}');
    request_page(request, &(struct request_page){200, "gallery", "gallery", TEXT("Demos"),
                                                 TEXT("Interactive programs and models.")},
                 &context);
}

/* -- a demo -- */

/* A list of the card (tags, models) as links or plain words; entries that are no texts are skipped. */
static void write_names(const struct json *json, const char *name, bool models, struct buffer *out)
{
    const struct json_node *list = json_get(json, &json->nodes[0], name);
    json_write_name(out, name);
    buffer_byte(out, '[');
    for (const struct json_node *entry = json_first(json, list); entry; entry = json_next(json, list, entry)) {
        BUFFER_AUTO struct buffer value = BUFFER_EMPTY;
        BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
        if (json_string(entry, &value) != 0)
            continue;
        buffer_byte(&path, '/');
        encode_percent(&path, buffer_view(&value), "/");
        json_write_comma(out);
        buffer_byte(out, '{');
        json_write_member(out, "name", buffer_view(&value));
        if (models)
            json_write_member(out, "path", buffer_view(&path));
        buffer_byte(out, '}');
    }
    buffer_byte(out, ']');
}

struct trouble_lines {
    struct buffer *out;
    struct text reason; /* stands above the lines already */
    bool refused;       /* then only errors matter: what earlier pushes said is history */
};

static void add_log_line(void *context, const struct logs_line *line)
{
    const struct trouble_lines *lines = context;
    struct buffer *out = lines->out;
    if (text_equal(line->line, lines->reason) || (lines->refused && !text_equal(line->level, TEXT("error"))))
        return;
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "text", line->line);
    buffer_byte(out, '}');
}

/* What is wrong, and the lines behind it, are for those who may write. */
static void write_trouble(struct request *request, const struct repository *repository, const struct stage *stage,
                          struct buffer *context)
{
    bool told = repository_may_write(repository, &request->identity.account) && stage->reason.length > 0;
    json_write_member(context, "stage_reason", told ? buffer_view(&stage->reason) : TEXT(""));
    json_write_member(context, "stage_label", text_from(stage->refused ? "The newest push was refused"
                                                                       : stage_label(stage->name)));
    buffer_string(context, ",\"stage_lines\":[");
    struct trouble_lines lines = {context, buffer_view(&stage->reason), stage->refused};
    if (told)
        logs_each(&request->store->logs, repository->id, stage->refused ? "build" : "run", 10, add_log_line, &lines);
    buffer_byte(context, ']');
}

/* The frame of a demo without an origin of its own gets no allow-same-origin: it would be the site's origin. */
static void write_urls(struct request *request, const struct repository *repository, struct buffer *context)
{
    const struct store_settings *settings = &request->store->settings;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct text theme = request_cookie(request, "vitrine_theme");
    bool origins = settings_has_origins(settings);
    settings_demo_url(settings, &url, repository->owner, repository->name, NULL);
    if (text_equal(theme, TEXT("dark")) || text_equal(theme, TEXT("light")))
        buffer_format(&url, "?__theme=" TEXT_FORMAT, TEXT_ARGUMENT(theme));
    json_write_member(context, "app_url", buffer_view(&url));
    json_write_member(
        context, "sandbox",
        origins ? TEXT("allow-scripts allow-forms allow-popups allow-downloads allow-modals allow-same-origin")
                : TEXT("allow-scripts allow-forms allow-popups allow-downloads allow-modals"));
    buffer_clear(&url);
    buffer_format(&url, "%s/embed.js", settings->site_url);
    json_write_member(context, "embed_url", buffer_view(&url));
    buffer_clear(&url);
    buffer_format(&url, "%s/%s", repository->owner, repository->name);
    json_write_member(context, "repository", buffer_view(&url));
    buffer_clear(&url);
    settings_push_url(settings, &url, repository->model, repository->owner, repository->name);
    json_write_member(context, "push_url", buffer_view(&url));
}

/* What write_card() fills beside the page's object: window title and description stand in the layout. */
struct card {
    struct buffer *context;
    struct buffer *title, *description;
    bool model;
};

/* What a page shows of the card and the live release's row. */
static void write_card(void *visited, const struct listing_row *row)
{
    struct card *card = visited;
    struct json json;
    buffer_text(card->title, row->title);
    buffer_text(card->description, row->description);
    if (json_parse(&json, row->card, NULL) == 0) {
        const struct json_node *wide = json_get(&json, &json.nodes[0], "fullWidth");
        BUFFER_AUTO struct buffer license = BUFFER_EMPTY;
        BUFFER_AUTO struct buffer pipeline = BUFFER_EMPTY;
        json_string(json_get(&json, &json.nodes[0], "license"), &license);
        json_string(json_get(&json, &json.nodes[0], "pipeline_tag"), &pipeline);
        json_write_member(card->context, "license", buffer_view(&license));
        json_write_member(card->context, "pipeline", buffer_view(&pipeline));
        pages_write_flag(card->context, "wide", wide == NULL || wide->type != JSON_FALSE);
        write_names(&json, "tags", false, card->context);
        if (!card->model)
            write_names(&json, "models", true, card->context);
    }
    json_release(&json);
    json_write_member(card->context, "commit", text_head(row->commit, 7));
    pages_write_time(card->context, "updated", row->updated_ms);
}

/* Rewritten at each view and not when it was published: a better sanitizer covers what is live already. */
static void write_readme(const struct content *content, const struct repository *repository, struct buffer *context)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer html = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer clean = BUFFER_EMPTY;
    settings_repository_path(&path, repository->model, repository->owner, repository->name);
    if (content != NULL)
        content_text(content, "readme_html", &html);
    sanitize_html(buffer_view(&html), buffer_view(&path), &clean);
    json_write_member(context, "readme_html", buffer_view(&clean));
}

/* No worker is asked or woken: all of it is rows and the release's bundle. */
void site_demo(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer title = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer description = BUFFER_EMPTY;
    struct repository repository;
    struct stage stage;
    struct content *content = NULL;
    struct card card = {&context, &title, &description, false};
    if (request_repository(request, &repository) != 0)
        return;
    stage_init(&stage, request->store, &repository);
    if (stage.serves)
        content_open(request->store, &repository, &content);
    buffer_byte(&context, '{');
    site_write_head(request, &repository, &stage, SITE_TAB_APP, &context);
    write_urls(request, &repository, &context);
    write_trouble(request, &repository, &stage, &context);
    listing_one(request->store, repository.id, write_card, &card);
    write_readme(content, &repository, &context);
    pages_write_flag(&context, "serves", stage.serves);
    pages_write_flag(&context, "can_write", repository_may_write(&repository, &request->identity.account));
    buffer_byte(&context, '}');
    request_page(request, &(struct request_page){200, "demo", "demo", buffer_view(&title), buffer_view(&description)},
                 &context);
    content_free(content);
    stage_release(&stage);
}

/* -- a model -- */

static void add_user_row(void *context, const struct listing_row *row)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    struct buffer *out = context;
    settings_repository_path(&path, false, row->repository.owner, row->repository.name);
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "name", row->title);
    json_write_member(out, "path", buffer_view(&path));
    buffer_byte(out, '}');
}

/* The files at the root, and the demos that use the model. */
static void write_model_lists(struct request *request, const struct repository *repository,
                              const struct content *content, struct buffer *context)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer size = BUFFER_EMPTY;
    settings_repository_path(&path, true, repository->owner, repository->name);
    buffer_string(context, ",\"entries\":");
    if (content != NULL)
        content_write_folder(content, TEXT(""), buffer_view(&path), context);
    else
        buffer_string(context, "[]");
    pages_write_size(&size, content ? content->total_bytes : 0);
    json_write_member(context, "total_size", buffer_view(&size));
    struct listing_query query = {.uses = text_skip(buffer_view(&path), 1), .viewer = &request->identity.account,
                                  .limit = 20, .published = true};
    buffer_string(context, ",\"demos\":[");
    listing_each(request->store, &query, add_user_row, context);
    buffer_byte(context, ']');
}

void site_model(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer title = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer description = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct repository repository;
    struct stage stage;
    struct content *content = NULL;
    struct card card = {&context, &title, &description, true};
    if (request_repository(request, &repository) != 0)
        return;
    stage_init(&stage, request->store, &repository);
    if (stage.serves)
        content_open(request->store, &repository, &content);
    buffer_byte(&context, '{');
    json_write_member(&context, "owner", text_from(repository.owner));
    json_write_member(&context, "name", text_from(repository.name));
    listing_one(request->store, repository.id, write_card, &card);
    json_write_member(&context, "title", buffer_view(&title));
    write_readme(content, &repository, &context);
    write_model_lists(request, &repository, content, &context);
    write_trouble(request, &repository, &stage, &context);
    settings_repository_url(&request->store->settings, &url, true, repository.owner, repository.name);
    json_write_member(&context, "clone_url", buffer_view(&url));
    pages_write_flag(&context, "serves", stage.serves);
    buffer_byte(&context, '}');
    request_page(request, &(struct request_page){200, "model", "model", buffer_view(&title), buffer_view(&description)},
                 &context);
    content_free(content);
    stage_release(&stage);
}
