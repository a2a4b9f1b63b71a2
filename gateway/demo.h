/* What the gateway knows of demos: which address leads to which live release, and that release's mapped bundle.
 *
 * Answers of the store are cached until it says demo_changed. A release is counted: whoever works with it across turns
 * holds it, so that a new push never pulls a bundle from under a running call. */
#ifndef GATEWAY_DEMO_H
#define GATEWAY_DEMO_H

#include "runtime/base/bundle.h"
#include "runtime/base/json.h"
#include "runtime/base/map.h"

struct gateway;
struct demo_query;
struct function_table;

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
    struct text config, info, page; /* slices of the mapping: /config, /gradio_api/info, the rendered inner HTML */
    char *etag;              /* owned: "\"<digest's head>\"" */
    char *title, *emoji;     /* owned, may be NULL */
    struct buffer page_html; /* composed on first use */
    struct text page_etag;
    struct json manifest;    /* .vitrine/manifest.json; borrows the mapping */
    void *functions;         /* the call path's own view of the manifest; freed by functions_free */
    void (*functions_free)(void *functions);
};

struct release *release_hold(struct release *release);
void release_drop(struct release *release); /* NULL is fine; the last one unmaps and closes */

struct demo {
    uint64_t id;
    char *owner, *name;          /* owned */
    uint32_t holders;            /* routes and the call path; a deleted demo stays until the last drops it */
    struct release *release;     /* the live one, held */
    char *stage, *stage_reason;  /* owned; as the store last said */
    bool is_private, is_paused, is_deleted, is_stale; /* stale: to be looked up again before the next use */
    bool embedding_disabled;
    int64_t idle_ms;             /* -1: the operator's default */
    char *origin_headers;        /* owned: lines for its own origin; see headers.h */
    char *path_headers;          /* owned: lines for the path address */
    void *calls;                 /* the call path's own */
    uint64_t used_ms;            /* for the LRU */
};

struct demo *demo_hold(struct demo *demo);
void demo_drop(struct demo *demo);

struct demo_table {
    struct gateway *gateway;
    struct map by_key;    /* "l:<label>", "p:<owner/name>" → struct demo_key */
    struct map by_id;     /* → struct demo */
    struct map releases;  /* id → struct release, those with holders */
    struct map queries;   /* key → struct demo_query under way */
    struct map requests;  /* question id → struct demo_query */
};

void demo_table_init(struct demo_table *table, struct gateway *gateway);
void demo_table_release(struct demo_table *table);

enum demo_by { DEMO_BY_LABEL, DEMO_BY_PATH };

/* What a lookup ends with: 0 with a demo whose release is mapped (held for the call only), or ERROR_NOT_FOUND,
 * ERROR_BUSY (the store is away), ERROR_CORRUPT. With ERROR_NOT_FOUND the demo may be given: it exists, but has no
 * release to show; its stage says why. */
typedef void demo_answer(void *context, int result, struct demo *demo, struct release *release);

/* Looks a demo up by subdomain label ("ann-digits", "ann-digits--0a1b2c3") or by "owner/name". Answers at once from the
 * cache and returns NULL, or later and returns the waiting query, which demo_query_cancel() forgets. */
struct demo_query *demo_find(struct demo_table *table, enum demo_by by, struct text name, demo_answer *answer,
                             void *context);
void demo_query_cancel(struct demo_query *query);
/* The demo with this id if it is known, else NULL. Not held for the caller. */
struct demo *demo_by_id(struct demo_table *table, uint64_t id);

#endif
