/* A release is opened when the first visitor needs it and closed when the last holder lets go. Its bundle
 * was verified when it was published; here only what bundle_open() checks (index, names, ranges) stands
 * between a damaged file and us, and that is enough to never read outside the mapping. */
#include "gateway/release.h"

#include <stdlib.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

/* Documents that were made when the release was published; a static demo has none but the manifest. */
static struct text generated(const struct bundle *bundle, struct text name)
{
    struct bundle_entry entry;
    return bundle_find(bundle, name, &entry) == 0 ? entry.contents : (struct text){0};
}

/* The manifest was checked by the store, with a schema; what is absent here counts as false or NULL. */
static int read_manifest(struct release *release)
{
    struct text manifest = generated(&release->bundle, TEXT(".vitrine/manifest.json"));
    if (!manifest.data || json_parse(&release->manifest, manifest, NULL) < 0)
        return ERROR_CORRUPT;
    const struct json *json = &release->manifest;
    const struct json_node *root = json->nodes;
    const struct json_node *show_error = json_get(json, root, "show_error");
    release->is_static = json_equals(json_get(json, root, "sdk"), "static");
    release->show_error = show_error && show_error->type == JSON_TRUE;
    release->isolates_visitors = json_equals(json_get(json, json_get(json, root, "card"), "isolation"), "visitor");
    release->title = json_string_copy(json_get(json, root, "title"));
    release->emoji = json_string_copy(json_get(json, root, "emoji"));
    return 0;
}

/* A failure releases what was built so far through the ordinary end, which is why fields are filled in this order. */
int release_open(struct map *registry, const struct release_source *source, struct release **ret_release)
{
    struct release *release = MEMORY_NEW(struct release);
    release->registry = registry;
    release->holders = 1;
    release->id = source->id;
    release->demo_id = source->demo_id;
    release->bundle_fd = source->fd;
    release->commit = text_copy(source->commit);
    release->digest = text_copy(source->digest);
    int result = bundle_map(&release->bundle, source->fd);
    if (result == 0)
        result = read_manifest(release);
    if (result < 0) {
        release_drop(release);
        return result;
    }
    release->config = generated(&release->bundle, TEXT(".vitrine/config.json"));
    release->info = generated(&release->bundle, TEXT(".vitrine/info.json"));
    release->page = generated(&release->bundle, TEXT(".vitrine/page.html"));
    struct buffer etag = BUFFER_EMPTY;
    buffer_format(&etag, "\"%.32s\"", release->digest);
    release->etag = buffer_steal(&etag);
    map_set_u64(registry, release->id, release);
    *ret_release = release;
    return 0;
}

struct release *release_hold(struct release *release)
{
    release->holders++;
    return release;
}

/* The registry may hold another release under this id by now (a bundle that was opened twice): only its own entry
 * goes. */
void release_drop(struct release *release)
{
    if (!release || --release->holders)
        return;
    if (map_get_u64(release->registry, release->id) == release)
        map_remove_u64(release->registry, release->id);
    if (release->functions_free && release->functions)
        release->functions_free(release->functions);
    json_release(&release->manifest);
    bundle_unmap(&release->bundle);
    fd_close(&release->bundle_fd);
    for (int i = 0; i < RELEASE_THEMES; i++) {
        buffer_release(&release->page_html[i]);
        buffer_release(&release->page_gzip[i]);
    }
    free(release->commit);
    free(release->digest);
    free(release->etag);
    free(release->title);
    free(release->emoji);
    free(release);
}
