/* The kit's files. They are mapped once, before the process gives up opening files, and answered from there.
 * Which form a client gets is decided by our order of preference, not by its weights: the smallest it
 * accepts at all. */
#include "gateway/assets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/map.h"
#include "runtime/base/memory.h"

/* In order of preference. */
enum asset_encoding { ASSET_BROTLI, ASSET_GZIP, ASSET_PLAIN, ASSET_ENCODINGS };

static const struct {
    const char *suffix, *token;
} encodings[ASSET_ENCODINGS] = {{".br", "br"}, {".gz", "gzip"}, {"", NULL}};

struct asset {
    char *name, *type;                  /* owned */
    struct text bytes[ASSET_ENCODINGS]; /* mapped; data NULL when that form is missing */
    char *headers[ASSET_ENCODINGS][2];  /* owned: immutable, stable */
    char *etags[ASSET_ENCODINGS];       /* owned */
};

struct assets {
    struct map by_name;    /* hashed name → asset */
    struct map by_logical; /* "kit.js" → asset */
    struct asset **list;   /* owned */
    size_t count;
    uint64_t version;
    char *common; /* owned: lines of every answer */
};

/* Mapped and touched at once: after the lock-down there is no other way to these bytes, and no request waits for a
 * disk. */
static struct text map_file(const char *folder, const char *name, const char *suffix)
{
    char path[4096];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    int FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size == 0)
        return (struct text){0};
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    return bytes == MAP_FAILED ? (struct text){0} : (struct text){bytes, (size_t)status.st_size};
}

static void unmap(struct text bytes)
{
    void *address;
    memcpy(&address, &bytes.data, sizeof(address));
    if (address)
        munmap(address, bytes.length);
}

/* Made once, with an entity tag for each coding: two codings of one file are two representations (RFC 9110
 * §8.8.3.3). */
static void write_headers(struct assets *assets, struct asset *asset, int encoding)
{
    static const char *const lifetimes[] = {"public, max-age=31536000, immutable", "public, max-age=300"};
    for (int i = 0; i < 2; i++) {
        struct buffer lines = BUFFER_EMPTY;
        buffer_format(&lines, "Content-Type: %s\r\nCache-Control: %s\r\nVary: Accept-Encoding\r\n%s", asset->type,
                      lifetimes[i], assets->common);
        if (encodings[encoding].token)
            buffer_format(&lines, "Content-Encoding: %s\r\n", encodings[encoding].token);
        asset->headers[encoding][i] = buffer_steal(&lines);
    }
    struct buffer etag = BUFFER_EMPTY;
    buffer_format(&etag, "\"%s%s\"", asset->name, encodings[encoding].suffix);
    asset->etags[encoding] = buffer_steal(&etag);
}

static void add_asset(struct assets *assets, const char *folder, struct text logical, char *name, char *type)
{
    struct asset *asset = MEMORY_NEW(struct asset);
    asset->name = name;
    asset->type = type;
    for (int i = 0; i < ASSET_ENCODINGS; i++) {
        asset->bytes[i] = map_file(folder, name, encodings[i].suffix);
        if (asset->bytes[i].data)
            write_headers(assets, asset, i);
    }
    if (!asset->bytes[ASSET_PLAIN].data)
        log_warning("kit: %s/%s cannot be read; pages that need it will not work", folder, name);
    assets->list = memory_resize(assets->list, assets->count + 1, sizeof(*assets->list));
    assets->list[assets->count++] = asset;
    map_set(&assets->by_name, text_from(name), asset);
    map_set(&assets->by_logical, logical, asset);
    for (const char *place = name; *place; place++)
        assets->version = (assets->version ^ (unsigned char)*place) * 0x100000001b3ull;
}

/* The manifest is built together with us, yet its names become paths and its types header lines: both are checked. */
static void read_manifest(struct assets *assets, const char *folder, const struct json *json)
{
    const struct json_node *files = json_get(json, json->nodes, "files");
    const struct json_node *file = files ? json_first(json, files) : NULL;
    for (; file; file = json_next(json, files, file)) {
        char *name = json_string_copy(json_get(json, file, "name"));
        char *type = json_string_copy(json_get(json, file, "type"));
        if (!name || !type || strchr(name, '/') || name[0] == '.' || strpbrk(type, "\r\n")) {
            log_warning("kit: an entry of %s/manifest.json is malformed", folder);
            free(name);
            free(type);
            continue;
        }
        add_asset(assets, folder, file->name, name, type);
    }
}

struct assets *assets_open(const char *folder, struct text headers)
{
    struct assets *assets = MEMORY_NEW(struct assets);
    struct json json = {0};
    map_init(&assets->by_name);
    map_init(&assets->by_logical);
    assets->common = text_copy(headers);
    assets->version = 0xcbf29ce484222325ull;
    struct text manifest = map_file(folder, "manifest.json", "");
    if (!manifest.data || json_parse(&json, manifest, NULL) < 0)
        log_warning("kit: %s/manifest.json cannot be read; pages have neither style nor script", folder);
    else
        read_manifest(assets, folder, &json);
    json_release(&json);
    unmap(manifest);
    return assets;
}

/* The reverse of add_asset(), for each. */
void assets_free(struct assets *assets)
{
    if (!assets)
        return;
    for (size_t i = 0; i < assets->count; i++) {
        struct asset *asset = assets->list[i];
        for (int form = 0; form < ASSET_ENCODINGS; form++) {
            unmap(asset->bytes[form]);
            free(asset->headers[form][0]);
            free(asset->headers[form][1]);
            free(asset->etags[form]);
        }
        free(asset->name);
        free(asset->type);
        free(asset);
    }
    map_release(&assets->by_name);
    map_release(&assets->by_logical);
    free(assets->list);
    free(assets->common);
    free(assets);
}

const char *assets_name(const struct assets *assets, const char *logical)
{
    const struct asset *asset = map_get(&assets->by_logical, text_from(logical));
    return asset ? asset->name : NULL;
}

uint64_t assets_version(const struct assets *assets)
{
    return assets->version;
}

/* "q=0", "Q=0.00": a refusal. Other weights are the client's taste, and ours decides. */
static bool is_refusal(struct text weight)
{
    weight = text_trim(weight);
    if (!text_equal_ignore_case(text_head(weight, 3), TEXT("q=0")))
        return false;
    for (size_t i = 3; i < weight.length; i++)
        if (weight.data[i] != '0' && weight.data[i] != '.')
            return false;
    return true;
}

/* A coding that is named decides for itself, "*" for those that are not named. */
static bool accepts(struct text accepted, const char *token)
{
    bool any = false;
    while (accepted.data) {
        struct text entry = text_cut(&accepted, ',');
        struct text name = text_trim(text_cut(&entry, ';'));
        if (text_equal_ignore_case(name, text_from(token)))
            return !is_refusal(entry);
        if (text_equal(name, TEXT("*")))
            any = !is_refusal(entry);
    }
    return any;
}

bool assets_accepts(const struct http_exchange *exchange, const char *token)
{
    return accepts(http_exchange_header(exchange, "accept-encoding"), token);
}

/* A coded form is sent only to who says that it reads it; the plain one to everybody, also to who refuses
 * "identity". */
static bool reply(const struct asset *asset, struct http_exchange *exchange, int lifetime)
{
    struct text accepted = http_exchange_header(exchange, "accept-encoding");
    if (!asset)
        return false;
    for (int i = 0; i < ASSET_ENCODINGS; i++) {
        if (!asset->bytes[i].data || (encodings[i].token && !accepts(accepted, encodings[i].token)))
            continue;
        /* An asset has its own lines; those of the page it stands below would repeat them, which browsers refuse. */
        http_exchange_decorate(exchange, (struct text){0});
        http_respond_memory(exchange, &(struct http_memory){.body = asset->bytes[i],
                                                            .etag = text_from(asset->etags[i]),
                                                            .headers = text_from(asset->headers[i][lifetime])});
        return true;
    }
    return false;
}

bool assets_reply(struct assets *assets, struct http_exchange *exchange, struct text hashed)
{
    return reply(map_get(&assets->by_name, hashed), exchange, 0);
}

bool assets_reply_stable(struct assets *assets, struct http_exchange *exchange, const char *logical)
{
    return reply(map_get(&assets->by_logical, text_from(logical)), exchange, 1);
}
