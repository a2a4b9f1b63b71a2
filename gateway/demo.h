/* What the gateway knows of demos: which address leads to which live release, and that release's mapped bundle.
 *
 * Answers of the store are cached until it says demo_changed. A release is counted: whoever works with it across turns
 * holds it, so that a new push never pulls a bundle from under a running call. */
#ifndef GATEWAY_DEMO_H
#define GATEWAY_DEMO_H

#include "gateway/release.h"
#include "runtime/base/map.h"

struct gateway;
struct demo_query;
struct message_in;

/* The header lines of a demo's answers. Counted: an answer under way keeps those it began with. */
struct demo_lines {
    uint32_t holders;
    char *lines[3]; /* owned: for its own origin, for it when static, for the path address */
    size_t lengths[3];
};

struct demo {
    uint64_t id;
    char *owner, *name;          /* owned */
    uint32_t holders;            /* table, routes and the call path; a deleted demo stays until the last drops it */
    struct release *release;     /* the live one, held; NULL when there is none or it is not mapped now */
    uint64_t release_id;         /* the live one's; 0: nothing was published yet */
    char *stage, *stage_reason;  /* owned; as the store last said */
    bool is_private, is_paused, is_deleted, is_stale; /* stale: to be looked up again before the next use */
    bool embedding_disabled;
    int64_t idle_ms;             /* -1: the operator's default */
    struct demo_lines *lines;    /* held; NULL before the store's first answer */
    void *calls;                 /* the call path's own */
    uint64_t used_ms;            /* for the LRU */
    uint32_t changes;            /* demo_changed messages so far: an answer from before the last is out of date */
};

struct demo *demo_hold(struct demo *demo);
void demo_drop(struct demo *demo); /* NULL is fine */

/* Everything here can be asked again from the store: it may be dropped at any time, and at worst costs a question. */
struct demo_table {
    struct gateway *gateway;
    struct map by_key;    /* "0ann-digits", "1ann/digits" → struct demo_key */
    struct map by_id;     /* → struct demo */
    struct map releases;  /* id → struct release, those with holders */
    struct map lookups;   /* key → struct demo_lookup under way */
    struct map requests;  /* question id → struct demo_lookup */
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
/* A message of the store: true when it belongs here. */
bool demo_message(struct demo_table *table, struct message_in *message);
/* The store is gone: whoever waits is answered ERROR_BUSY. */
void demo_store_lost(struct demo_table *table);
/* The lines every answer of this demo carries: on the path address, or on its own origin. They live as long as `lines`.
 */
struct text demo_headers(const struct demo_lines *lines, const struct release *release, bool on_path);
struct demo_lines *demo_lines_hold(struct demo_lines *lines);
void demo_lines_drop(struct demo_lines *lines);
/* The demo with this id if it is known, else NULL. Not held for the caller. */
struct demo *demo_by_id(struct demo_table *table, uint64_t id);

#endif
