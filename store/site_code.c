/* The code of a repository as its live release holds it: folders, files, bytes. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/content.h"
#include "store/site.h"
#include "store/store.h"

/* "main/a/b" → "a/b"; false (and answered) when the revision is another than the live one. */
static bool cut_revision(struct request *request, const struct content *content, struct text *ret_path)
{
    struct text path = request->rest;
    struct text revision = text_cut(&path, '/');
    bool live = revision.length == 0 || text_equal(revision, TEXT("main")) || text_equal(revision, TEXT("HEAD")) ||
                (content != NULL && revision.length >= 7 && text_starts(text_from(content->release.commit), revision));
    *ret_path = path;
    if (!live)
        request_error(request, 404, "RevisionNotFound", "Only the live release can be looked at; ask for main.");
    return live;
}

/* The opened content (may be NULL: nothing is live) of a readable repository and the path inside it; false: answered.
 */
static bool open_path(struct request *request, struct repository *ret_repository, struct content **ret_content,
                      struct text *ret_path)
{
    *ret_content = NULL;
    if (request_repository(request, ret_repository) != 0)
        return false;
    content_open(request->store, ret_repository, ret_content);
    if (cut_revision(request, *ret_content, ret_path))
        return true;
    content_free(*ret_content);
    return false;
}

/* -- the Code tab -- */

/* One step of the way: a name and where it leads; the last one, which is where we are, has an empty address. */
static void write_crumb(struct buffer *out, struct text name, const struct buffer *href)
{
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "name", name);
    json_write_member(out, "href", buffer_view(href));
    buffer_byte(out, '}');
}

/* The way from the root to `path`, and what stands at its end. */
static void write_crumbs(struct buffer *out, const struct buffer *base, const char *repository_name, struct text path)
{
    BUFFER_AUTO struct buffer href = BUFFER_EMPTY;
    struct text name = text_from(repository_name);
    buffer_format(&href, "%s/tree/main", base->data);
    buffer_string(out, ",\"crumbs\":[");
    while (path.length > 0) {
        write_crumb(out, name, &href);
        name = text_cut(&path, '/');
        buffer_byte(&href, '/');
        encode_percent(&href, name, "");
    }
    buffer_byte(out, ']');
    json_write_member(out, "here", name);
}

static void write_release(struct request *request, const struct content *content, struct buffer *out)
{
    if (content == NULL)
        return;
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, &request->store->database,
                         "SELECT message, author, coalesce(live_ms, created_ms) FROM releases WHERE id = ?", "i",
                         content->release.id);
    if (database_query_step(&query) != 1)
        return;
    json_write_member(out, "commit", text_head(text_from(content->release.commit), 7));
    json_write_member(out, "message", database_query_text(&query, 0));
    json_write_member(out, "author", database_query_text(&query, 1));
    pages_write_time(out, "updated", database_query_integer(&query, 2));
}

/* What folder and file pages share: head, crumbs, the commit they are seen at; the object is left open. */
static void begin_page(struct request *request, const struct repository *repository, const struct content *content,
                       struct text path, struct buffer *out)
{
    BUFFER_AUTO struct buffer base = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    struct stage stage;
    settings_repository_path(&base, repository->model, repository->owner, repository->name);
    settings_repository_url(&request->store->settings, &url, repository->model, repository->owner, repository->name);
    buffer_byte(out, '{');
    stage_init(&stage, request->store, repository);
    if (!repository->model)
        site_write_head(request, repository, &stage, SITE_TAB_CODE, out);
    stage_release(&stage);
    json_write_member(out, "title", repository->model ? text_from(repository->name) : TEXT(""));
    if (repository->model)
        json_write_member(out, "path", buffer_view(&base));
    json_write_member(out, "clone_url", buffer_view(&url));
    write_crumbs(out, &base, repository->name, path);
    write_release(request, content, out);
}

static void show_page(struct request *request, const struct repository *repository, struct buffer *context)
{
    BUFFER_AUTO struct buffer title = BUFFER_EMPTY;
    buffer_byte(context, '}');
    buffer_format(&title, "%s/%s: code", repository->owner, repository->name);
    request_page(request, &(struct request_page){200, "code", "code", buffer_view(&title), {0}}, context);
}

/* A repository without a live release has an empty root and nothing below it. */
void site_tree(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer entries = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer base = BUFFER_EMPTY;
    struct repository repository;
    struct content *content;
    struct text path;
    if (!open_path(request, &repository, &content, &path))
        return;
    settings_repository_path(&base, repository.model, repository.owner, repository.name);
    bool found = content != NULL ? content_write_folder(content, path, buffer_view(&base), &entries) : path.length == 0;
    if (!found) {
        request_error(request, 404, "EntryNotFound", "There is no such folder in this repository.");
    } else {
        begin_page(request, &repository, content, path, &context);
        buffer_string(&context, ",\"entries\":");
        buffer_string(&context, content != NULL ? entries.data : "[]");
        show_page(request, &repository, &context);
    }
    content_free(content);
}

/* Text up to BOUNDS_CODE_VIEW_BYTES is shown, cut at a character; anything with a zero byte or no UTF-8 is "no text".
 */
static void write_file(struct text path, const struct bundle_entry *entry, struct buffer *out)
{
    BUFFER_AUTO struct buffer size = BUFFER_EMPTY;
    struct text shown = text_head(entry->contents, BOUNDS_CODE_VIEW_BYTES);
    for (int cut = 0; cut < 3 && shown.length < entry->contents.length && !text_is_utf8(shown); cut++)
        shown.length--; /* not in the middle of a character */
    bool binary = !text_is_utf8(shown) || (shown.length > 0 && memchr(shown.data, 0, shown.length) != NULL);
    pages_write_size(&size, entry->contents.length);
    pages_write_flag(out, "file", true);
    json_write_member(out, "file_size", buffer_view(&size));
    bool shown_as_is;
    bool picture = text_starts(text_from(files_safe_type(TEXT(""), path, &shown_as_is)), TEXT("image/"));
    pages_write_flag(out, "picture", binary && picture && shown_as_is);
    pages_write_flag(out, "binary", binary);
    pages_write_flag(out, "truncated", shown.length < entry->contents.length);
    json_write_member(out, "text", binary ? TEXT("") : shown);
}

void site_blob(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer raw_url = BUFFER_EMPTY;
    struct repository repository;
    struct content *content;
    struct bundle_entry entry;
    struct text path;
    if (!open_path(request, &repository, &content, &path))
        return;
    if (content == NULL || content_find(content, path, &entry) != 0) {
        request_error(request, 404, "EntryNotFound", "There is no such file in this repository.");
    } else {
        begin_page(request, &repository, content, path, &context);
        settings_repository_path(&raw_url, repository.model, repository.owner, repository.name);
        buffer_string(&raw_url, "/resolve/main/");
        encode_percent(&raw_url, path, "/");
        json_write_member(&context, "raw_url", buffer_view(&raw_url));
        write_file(path, &entry, &context);
        show_page(request, &repository, &context);
    }
    content_free(content);
}

/* -- the bytes -- */

/* On the site's own origin, so only types that cannot run anything are told to the browser: pictures and sound as
 * they are, short text as text/plain, all else to be saved. The checksum of the bundle's index is the entity tag. */
void site_resolve(struct request *request)
{
    BUFFER_AUTO struct buffer headers = BUFFER_EMPTY;
    struct repository repository;
    struct content *content;
    struct bundle_entry entry;
    struct text path;
    char etag[32];
    bool shown;
    if (!open_path(request, &repository, &content, &path))
        return;
    if (content == NULL || content_find(content, path, &entry) != 0) {
        request_error(request, 404, "EntryNotFound", "There is no such file in this repository.");
        content_free(content);
        return;
    }
    const char *type = files_safe_type(TEXT(""), path, &shown);
    bool text = !shown && text_is_utf8(text_head(entry.contents, 4096)) && entry.contents.length < 4096;
    snprintf(etag, sizeof etag, "\"%016llx\"", (unsigned long long)entry.checksum);
    buffer_format(&headers, "Content-Type: %s\r\nCache-Control: no-cache\r\nX-Repo-Commit: %s\r\n",
                  text ? "text/plain; charset=utf-8" : type, content->release.commit);
    if (!shown && !text)
        buffer_string(&headers, "Content-Disposition: attachment\r\n");
    struct http_exchange *exchange = request->exchange;
    request->exchange = NULL;
    http_respond_memory(exchange, &(struct http_memory){.body = entry.contents,
                                                        .etag = text_from(etag),
                                                        .headers = buffer_view(&headers),
                                                        .release = content_free,
                                                        .owner = content});
}
