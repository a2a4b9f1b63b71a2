/* One published release: its bundle, mapped, and what the gateway reads from it. Counted: whoever works with it across
 * turns holds it, so that a new push never pulls a bundle from under a running call. */
#ifndef GATEWAY_RELEASE_H
#define GATEWAY_RELEASE_H

#include <string.h>

#include "runtime/base/bundle.h"
#include "runtime/base/json.h"
#include "runtime/base/map.h"

/* The colours an address may ask for. */
enum release_theme { RELEASE_THEME_SYSTEM, RELEASE_THEME_LIGHT, RELEASE_THEME_DARK, RELEASE_THEMES };

struct release {
    uint32_t holders;
    uint64_t id;
    uint64_t demo_id;
    char *commit;            /* owned */
    char *digest;            /* owned: SHA-256 of the bundle, hex */
    int bundle_fd;           /* owned, read-only; dup it before giving it away */
    struct bundle bundle;    /* mapped */
    bool is_static;          /* sdk: static */
    bool show_error;
    bool isolates_visitors;  /* isolation: visitor */
    struct text config, info, page; /* slices of the mapping: /config, /gradio_api/info, the rendered inner HTML */
    char *etag;              /* owned: "\"<digest's head>\"" */
    char *title, *emoji;     /* owned, may be NULL */
    struct buffer page_html[RELEASE_THEMES]; /* composed on first use */
    struct buffer page_gzip[RELEASE_THEMES];
    struct json manifest;    /* .vitrine/manifest.json; borrows the mapping */
    struct map *registry;    /* id → release: all that have holders; borrowed */
    void *functions;         /* the call path's own view of the manifest; freed by functions_free */
    void (*functions_free)(void *functions);
};

/* What the release's page hands back with its calls, and no document that API clients read holds: the second half of
 * the digest (etags show some of the first). Whoever opens the page has it, so it keeps nothing secret; it keeps
 * functions that are meant for the page alone from being called by a header anybody can write. */
static inline struct text release_page_key(const struct release *release)
{
    size_t length = strlen(release->digest);
    return (struct text){release->digest + length / 2, length - length / 2};
}

struct release *release_hold(struct release *release);
void release_drop(struct release *release); /* NULL is fine; the last one unmaps and closes */

/* What the store said about the release whose bundle came. */
struct release_source {
    uint64_t id, demo_id;
    struct text commit, digest;
    int fd; /* of the bundle; taken over, also on failure */
};
/* Maps a bundle: 0 and a release with one holder, entered in the registry (id → release) while it has any;
 * ERROR_CORRUPT, ERROR_LIMIT or ERROR_SYSTEM. */
int release_open(struct map *registry, const struct release_source *source, struct release **ret_release);

#endif
