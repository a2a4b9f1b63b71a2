/* A live release, opened for reading. It is mapped, not read: a page that shows one file of a large repository
 * touches the index and that file. Mappings stay valid when the release is dropped meanwhile, because bundles are
 * only unlinked and never truncated; so an answer may go on while the next push replaces what it shows. */
#include "store/content.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/encode.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/store.h"

/* What this server wrote into the release beside the pushed files. */
static bool is_generated(struct text name)
{
    return text_starts(name, TEXT(".vitrine/"));
}

/* The bundle was fully verified when it was published (manifest_check); here only its index is trusted again. */
static int content_load(struct content *content)
{
    struct bundle_entry entry;
    int result = bundle_find(&content->bundle, TEXT(".vitrine/manifest.json"), &entry);
    if (result == 0)
        result = json_parse(&content->manifest, entry.contents, NULL);
    for (uint32_t index = 0; index < content->bundle.entry_count; index++) {
        entry = bundle_at(&content->bundle, index);
        content->total_bytes += is_generated(entry.name) ? 0 : entry.contents.length;
    }
    return result == 0 ? 0 : ERROR_CORRUPT;
}

int content_open(struct store *store, const struct repository *repository, struct content **ret_content)
{
    struct content *content = MEMORY_NEW(struct content);
    int result = release_find_live(&store->database, repository->id, &content->release);
    FD_AUTO int fd = result == 0 ? vault_open(&store->vault, text_from(content->release.digest)) : result;
    if (fd < 0) {
        free(content);
        return fd;
    }
    result = bundle_map(&content->bundle, fd);
    if (result != 0) {
        free(content);
        return ERROR_CORRUPT;
    }
    result = content_load(content);
    if (result != 0) {
        log_error("the bundle of %s/%s is damaged", repository->owner, repository->name);
        content_free(content);
        return result;
    }
    *ret_content = content;
    return 0;
}

void content_free(void *opened)
{
    struct content *content = opened;
    if (content == NULL)
        return;
    json_release(&content->manifest);
    bundle_unmap(&content->bundle);
    free(content);
}

/* Exactly this name: no normalising, so no two names lead to one file. */
int content_find(const struct content *content, struct text path, struct bundle_entry *ret_entry)
{
    return is_generated(path) ? ERROR_NOT_FOUND : bundle_find(&content->bundle, path, ret_entry);
}

void content_text(const struct content *content, const char *name, struct buffer *out)
{
    json_string(json_get(&content->manifest, &content->manifest.nodes[0], name), out);
}

/* One line of a folder: a file, or a folder inside it. */
static void write_entry(struct text base, struct text path, struct text name, const struct bundle_entry *file,
                        struct buffer *out)
{
    BUFFER_AUTO struct buffer href = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer size = BUFFER_EMPTY;
    encode_percent(&href, base, "/");
    buffer_string(&href, file ? "/blob/main/" : "/tree/main/");
    encode_percent(&href, path, "/");
    if (file != NULL)
        pages_write_size(&size, file->contents.length);
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "name", name);
    json_write_member(out, "href", buffer_view(&href));
    pages_write_flag(out, "folder", file == NULL);
    json_write_member(out, "size", buffer_view(&size));
    buffer_byte(out, '}');
}

/* Entries are sorted by name, so everything of one folder stands together and a sub-folder is written when it begins.
 */
bool content_write_folder(const struct content *content, struct text folder, struct text base, struct buffer *out)
{
    BUFFER_AUTO struct buffer files = BUFFER_EMPTY;
    struct text last = {0};
    bool found = folder.length == 0;
    buffer_byte(out, '[');
    buffer_byte(&files, '[');
    for (uint32_t index = 0; index < content->bundle.entry_count; index++) {
        struct bundle_entry entry = bundle_at(&content->bundle, index);
        struct text rest = entry.name;
        bool inside = folder.length == 0 || (text_starts(rest, folder) && rest.length > folder.length &&
                                             rest.data[folder.length] == '/');
        if (!inside || is_generated(entry.name))
            continue;
        found = true;
        rest = text_skip(rest, folder.length ? folder.length + 1 : 0);
        ptrdiff_t slash = text_find(rest, '/');
        struct text name = slash < 0 ? rest : text_head(rest, (size_t)slash);
        if (slash < 0)
            write_entry(base, entry.name, name, &entry, &files);
        else if (!text_equal(name, last))
            write_entry(base, text_head(entry.name, (size_t)(name.data + name.length - entry.name.data)), name, NULL,
                        out);
        last = slash < 0 ? last : name;
    }
    if (files.length > 1) {
        json_write_comma(out);
        buffer_text(out, text_skip(buffer_view(&files), 1));
    }
    buffer_byte(out, ']');
    return found;
}
