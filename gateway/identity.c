/* Tokens are secrets of strangers: they are never logged, compared only by the store, and remembered only
 * until it says that one was made or revoked. An invalid one is remembered as well, so that guessing costs
 * the store one question. */
#include "gateway/identity.h"

#include <stdlib.h>

#include "gateway/gateway.h"
#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"

struct identity_query {
    struct identity_table *table;
    uint32_t request;
    char *token; /* owned */
    identity_answer *answer;
    void *context;
};

void identity_table_init(struct identity_table *table, struct gateway *gateway)
{
    table->gateway = gateway;
    map_init(&table->known);
    map_init(&table->asked);
}

static int free_identity(void *context, struct text key, void *value)
{
    struct identity *identity = value;
    (void)context, (void)key;
    free(identity->name);
    free(identity);
    return 0;
}

/* One revoked token makes all of them be asked again: revoking is rare, and a list of who depends on what is not
 * worth it. */
static void forget_all(struct identity_table *table)
{
    map_each(&table->known, free_identity, NULL);
    map_release(&table->known);
    map_init(&table->known);
}

void identity_table_release(struct identity_table *table)
{
    identity_store_lost(table);
    map_release(&table->known);
    map_release(&table->asked);
}

struct text identity_token(const struct http_exchange *exchange)
{
    struct text value = http_exchange_header(exchange, "authorization");
    if (!text_equal_ignore_case(text_head(value, 7), TEXT("bearer ")))
        return (struct text){0};
    value = text_trim(text_skip(value, 7));
    return value.length <= BOUNDS_BEARER_BYTES ? value : (struct text){0};
}

static void free_query(struct identity_query *query)
{
    map_remove_u64(&query->table->asked, query->request);
    free(query->token);
    free(query);
}

void identity_query_cancel(struct identity_query *query)
{
    free_query(query);
}

/* The token is the key of the cache as it stands; it leaves this process only towards the store. */
struct identity_query *identity_ask(struct identity_table *table, struct text token, identity_answer *answer,
                                    void *context)
{
    struct channel *store = table->gateway->store;
    const struct identity *known = map_get(&table->known, token);
    if (known || !store) {
        answer(context, known);
        return NULL;
    }
    struct identity_query *query = MEMORY_NEW(struct identity_query);
    *query = (struct identity_query){table, gateway_next_request(table->gateway), text_copy(token), answer, context};
    map_set_u64(&table->asked, query->request, query);
    channel_send_identify(store, 0, &(struct message_identify){query->request, token});
    return query;
}

/* Remembered first, then answered: the answer may ask for the same token again. A full table begins anew, which
 * costs each token one more question. */
static void take_identity(struct identity_table *table, const struct message_identity *message)
{
    struct identity_query *query = map_get_u64(&table->asked, message->request);
    if (!query)
        return;
    if (table->known.count >= BOUNDS_BEARERS_KNOWN)
        forget_all(table);
    struct identity *identity = MEMORY_NEW(struct identity);
    if (message->status == 0) {
        identity->account_id = message->account_id;
        identity->name = text_copy(message->name);
        identity->may_write = text_equal(message->role, TEXT("write"));
    }
    struct identity *before = map_set(&table->known, text_from(query->token), identity);
    if (before)
        free_identity(NULL, (struct text){0}, before);
    identity_answer *answer = query->answer;
    void *context = query->context;
    free_query(query);
    answer(context, identity);
}

bool identity_message(struct identity_table *table, struct message_in *message)
{
    struct message_identity identity;
    if (message->type == MESSAGE_tokens_changed) {
        forget_all(table);
        return true;
    }
    if (message->type != MESSAGE_identity)
        return false;
    if (message_identity_unpack(&identity, message->body) == 0)
        take_identity(table, &identity);
    return true;
}

static int first_query(void *context, struct text key, void *value)
{
    (void)key;
    *(struct identity_query **)context = value;
    return 1;
}

/* Nobody's identity is believed while the store cannot take it back. */
void identity_store_lost(struct identity_table *table)
{
    struct identity_query *query;
    forget_all(table);
    while (map_each(&table->asked, first_query, &query)) {
        identity_answer *answer = query->answer;
        void *context = query->context;
        free_query(query);
        answer(context, NULL);
    }
}
