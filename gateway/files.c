/* A release's files. They are slices of a mapping that is immutable by construction (a bundle is never
 * truncated, only unlinked), so an answer refers to them instead of copying, and holds the release until its
 * last byte has left. */
#include "gateway/files.h"

#include <string.h>

#include "gateway/demo.h"
#include "gateway/status.h"
#include "runtime/base/memory.h"

/* The header lines of a type are put together by the compiler: every answer with a file needs them. */
#define LINES(type) "Content-Type: " type "\r\nCache-Control: no-cache\r\n"
#define SHOWN(extension, type) {extension, type, {LINES(type), sizeof(LINES(type)) - 1}, true}
#define SAVED_LINES(type) LINES(type) "Content-Disposition: attachment\r\n"
#define SAVED(extension, type) {extension, type, {SAVED_LINES(type), sizeof(SAVED_LINES(type)) - 1}, false}

/* What a browser may show is said here; everything else is for saving. */
static const struct file_type {
    const char *extension, *type;
    struct text headers;
    bool shown;
} types[] = {
    SHOWN("html", "text/html; charset=utf-8"),
    SHOWN("htm", "text/html; charset=utf-8"),
    SHOWN("css", "text/css; charset=utf-8"),
    SHOWN("js", "text/javascript; charset=utf-8"),
    SHOWN("mjs", "text/javascript; charset=utf-8"),
    SHOWN("json", "application/json"),
    SHOWN("map", "application/json"),
    SHOWN("webmanifest", "application/manifest+json"),
    SHOWN("txt", "text/plain; charset=utf-8"),
    SHOWN("md", "text/markdown; charset=utf-8"),
    SHOWN("lua", "text/plain; charset=utf-8"),
    SHOWN("csv", "text/csv; charset=utf-8"),
    SHOWN("xml", "application/xml"),
    SHOWN("svg", "image/svg+xml"),
    SHOWN("png", "image/png"),
    SHOWN("jpg", "image/jpeg"),
    SHOWN("jpeg", "image/jpeg"),
    SHOWN("gif", "image/gif"),
    SHOWN("webp", "image/webp"),
    SHOWN("avif", "image/avif"),
    SHOWN("ico", "image/x-icon"),
    SHOWN("bmp", "image/bmp"),
    SHOWN("mp3", "audio/mpeg"),
    SHOWN("wav", "audio/wav"),
    SHOWN("ogg", "audio/ogg"),
    SHOWN("flac", "audio/flac"),
    SHOWN("m4a", "audio/mp4"),
    SHOWN("mp4", "video/mp4"),
    SHOWN("webm", "video/webm"),
    SHOWN("woff", "font/woff"),
    SHOWN("woff2", "font/woff2"),
    SHOWN("ttf", "font/ttf"),
    SHOWN("otf", "font/otf"),
    SHOWN("wasm", "application/wasm"),
    SHOWN("pdf", "application/pdf"),
    SAVED("zip", "application/zip"),
    SAVED("gz", "application/gzip"),
};

static const struct file_type unknown_type = SAVED("", "application/octet-stream");

/* By the name's extension alone. Contents are never looked at: what a stranger's bytes look like is the stranger's
 * choice. */
static const struct file_type *find_type(struct text name)
{
    size_t start = name.length;
    while (start && name.data[start - 1] != '.' && name.data[start - 1] != '/')
        start--;
    struct text extension = text_skip(name, start);
    if (start == 0 || name.data[start - 1] != '.')
        return &unknown_type;
    for (size_t i = 0; i < MEMORY_COUNT(types); i++)
        if (text_equal_ignore_case(extension, text_from(types[i].extension)))
            return &types[i];
    return &unknown_type;
}

const char *files_type(struct text name)
{
    return find_type(name)->type;
}

bool files_is_shown(const char *type)
{
    for (size_t i = 0; i < MEMORY_COUNT(types); i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].shown;
    return false;
}

/* Where a slice of the mapping stands in the bundle file. */
static uint64_t offset_of(const struct release *release, struct text slice)
{
    return (uint64_t)((const unsigned char *)slice.data - release->bundle.data);
}

static void drop_release(void *owner)
{
    release_drop(owner);
}

void files_reply_slice(struct http_exchange *exchange, struct release *release, struct text body,
                       struct text headers)
{
    http_respond_memory(exchange, &(struct http_memory){.body = body,
                                                        .etag = text_from(release->etag),
                                                        .headers = headers,
                                                        .file_fd = release->bundle_fd,
                                                        .file_offset = offset_of(release, body),
                                                        .release = drop_release,
                                                        .owner = release_hold(release)});
}

/* Names with a leading dot are the author's affair (.git, .env) or ours (.vitrine), in every folder. */
static bool is_hidden(struct text name)
{
    while (name.data) {
        struct text segment = text_cut(&name, '/');
        if (segment.length && segment.data[0] == '.')
            return true;
    }
    return false;
}

/* The checksum of the contents, which the bundle has anyway, as an entity tag. */
static struct text write_etag(uint64_t checksum, char etag[18])
{
    etag[0] = etag[17] = '"';
    for (int i = 16; i > 0; i--, checksum >>= 4)
        etag[i] = "0123456789abcdef"[checksum & 15];
    return (struct text){etag, 18};
}

static void reply_entry(struct http_exchange *exchange, struct release *release, const struct bundle_entry *entry)
{
    char etag[18];
    http_respond_memory(exchange, &(struct http_memory){.body = entry->contents,
                                                        .etag = write_etag(entry->checksum, etag),
                                                        .headers = find_type(entry->name)->headers,
                                                        .file_fd = release->bundle_fd,
                                                        .file_offset = offset_of(release, entry->contents),
                                                        .release = drop_release,
                                                        .owner = release_hold(release)});
}

/* Two locks on generated documents: their folder is hidden, and they are marked in the bundle. */
static bool find(const struct release *release, struct text name, struct bundle_entry *ret_entry)
{
    return !is_hidden(name) && bundle_find(&release->bundle, name, ret_entry) == 0 &&
           !(ret_entry->flags & BUNDLE_FLAG_GENERATED);
}

bool files_has(const struct release *release, struct text name)
{
    struct bundle_entry entry;
    return find(release, name, &entry);
}

bool files_reply(struct http_exchange *exchange, struct demo_route *route, struct text name)
{
    struct bundle_entry entry;
    if (!find(route->release, name, &entry))
        return false;
    reply_entry(exchange, route->release, &entry);
    return true;
}

/* The author's own page for what is not there, still with status 404. */
static void reply_missing(struct http_exchange *exchange, struct demo_route *route)
{
    struct bundle_entry entry;
    if (bundle_find(&route->release->bundle, TEXT("404.html"), &entry) < 0) {
        status_reply(route, 404, "There is no such page", "This demo has no file of that name.");
        return;
    }
    http_reply(exchange, 404, TEXT("Content-Type: text/html; charset=utf-8\r\nCache-Control: no-cache\r\n"),
               entry.contents);
}

/* As a plain web server does it: the file, else the folder's index, else the author's 404 page. */
void files_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct buffer BUFFER_AUTO index = BUFFER_EMPTY;
    struct text path = route->path;
    (void)gateway;
    if (path.length && !text_ends(path, TEXT("/")) && files_reply(exchange, route, path))
        return;
    /* A folder: its index; without the final slash relative addresses in it would be wrong. */
    buffer_text(&index, path);
    bool slash = path.length == 0 || text_ends(path, TEXT("/"));
    if (!slash)
        buffer_byte(&index, '/');
    buffer_string(&index, "index.html");
    struct bundle_entry entry;
    if (!find(route->release, buffer_view(&index), &entry)) {
        reply_missing(exchange, route);
    } else if (slash) {
        reply_entry(exchange, route->release, &entry);
    } else {
        struct buffer BUFFER_AUTO location = BUFFER_EMPTY;
        buffer_format(&location, "Location: " TEXT_FORMAT "/\r\n", TEXT_ARGUMENT(exchange->head.path));
        http_reply(exchange, 308, buffer_view(&location), TEXT(""));
    }
}
