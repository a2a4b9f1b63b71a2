/* Who shows a token: asked of the store once, remembered until it says that tokens changed. */
#ifndef GATEWAY_IDENTITY_H
#define GATEWAY_IDENTITY_H

#include "gateway/list.h"
#include "runtime/base/map.h"
#include "runtime/http/exchange.h"

struct gateway;
struct identity_query;
struct message_in;

struct identity {
    uint64_t account_id; /* 0: nobody, the token is not valid */
    char *name;          /* owned; NULL for nobody */
    bool may_write;      /* the token, not the account */
};

/* Both maps are bounded: known by BOUNDS_BEARERS_KNOWN, asked by the requests that wait. */
struct identity_table {
    struct gateway *gateway;
    struct map known;    /* token → struct identity */
    struct map asked;    /* question id → struct identity_query */
};

void identity_table_init(struct identity_table *table, struct gateway *gateway);
void identity_table_release(struct identity_table *table);

/* The token of `Authorization: Bearer …`, or an empty slice. */
struct text identity_token(const struct http_exchange *exchange);

/* `identity` is NULL when the store is away. Valid during the call. */
typedef void identity_answer(void *context, const struct identity *identity);
/* Answers at once and returns NULL, or later and returns the query, which identity_query_cancel() forgets. */
struct identity_query *identity_ask(struct identity_table *table, struct text token, identity_answer *answer,
                                    void *context);
void identity_query_cancel(struct identity_query *query);

/* A message of the store: true when it belongs here. */
bool identity_message(struct identity_table *table, struct message_in *message);
/* The store is gone: everything is forgotten, who waits is answered NULL. */
void identity_store_lost(struct identity_table *table);

#endif
