/* Lists of repositories, for gallery, account page, model pages and the Hub API. */
#ifndef STORE_LISTING_H
#define STORE_LISTING_H

#include "store/repository.h"

struct store;

struct listing_query {
    bool model;
    struct text search, author;    /* empty: any */
    struct text uses;              /* "owner/name" of a model that the demo uses; empty: any */
    const struct account *viewer;  /* private repositories of others are left out */
    int64_t limit, offset;
    bool published;                /* only what has a live release */
};

/* One repository as lists show it; texts are valid during the visit. */
struct listing_row {
    struct repository repository;
    struct text title, emoji, color_from, color_to, sdk, description, card, commit;
    int64_t created_ms, updated_ms;
    bool pinned;
};

/* Calls `visit` for each, pinned ones and the newest first. Returns how many there are in all, whatever limit and
 * offset. */
int64_t listing_each(struct store *store, const struct listing_query *query,
                     void (*visit)(void *context, const struct listing_row *row), void *context);
/* The row of one repository: calls `visit` once, or not at all when it is gone. */
void listing_one(struct store *store, int64_t id, void (*visit)(void *context, const struct listing_row *row),
                 void *context);

#endif
