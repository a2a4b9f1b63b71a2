/* Token buckets. A bucket holds at most `burst` periods' worth of tokens and fills continuously; it is
 * looked at only when somebody takes from it, so that buckets cost no timer. All entries stand in one table
 * and one list, the least recently used first: when the table is full the oldest is forgotten, never one
 * that still counts open connections. */
#include "gateway/limit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/list.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/base/map.h"
#include "runtime/base/memory.h"

/* Tokens come back at `count` per `period_ms`; `burst` times that many periods fit into the bucket. */
static const struct limit_rate {
    const char *name;
    uint32_t count, period_ms, burst;
} rates[LIMIT_KIND_COUNT] = {
    [LIMIT_REQUEST] = {"REQUESTS_PER_SECOND", BOUNDS_REQUESTS_PER_SECOND, 1000, 2},
    [LIMIT_JOIN] = {"JOINS_PER_SECOND", BOUNDS_JOINS_PER_SECOND, 1000, 2},
    [LIMIT_UPLOAD] = {"UPLOADS_PER_MINUTE", BOUNDS_UPLOADS_PER_MINUTE, 60000, 1},
    [LIMIT_SIGN_IN] = {"SIGN_INS_PER_MINUTE", BOUNDS_SIGN_INS_PER_MINUTE, 60000, 1},
    [LIMIT_PUSH] = {"PUSHES_PER_MINUTE", BOUNDS_PUSHES_PER_MINUTE, 60000, 1},
};

/* One bucket: of a kind, an address and a scope; LIMIT_KIND_COUNT counts connections. */
struct limit_entry {
    struct list in_order;
    unsigned char key[25];
    uint32_t connections;
    double tokens;
    uint64_t filled_ms;
};

struct limit_table {
    struct map entries;
    struct list order; /* least recently used first */
    uint64_t counts[LIMIT_KIND_COUNT];
    uint64_t connections;
};

/* What an operator mistypes is said and not obeyed: a limit of 0 by accident would be none. */
uint64_t limit_environment(const char *name, uint64_t fallback)
{
    char variable[96];
    uint64_t value;
    snprintf(variable, sizeof(variable), "VITRINE_LIMIT_%s", name);
    const char *given = getenv(variable);
    if (!given || !*given)
        return fallback;
    if (text_to_u64(text_from(given), &value) == 0)
        return value;
    log_warning("%s=%s is not a number; using %llu", variable, given, (unsigned long long)fallback);
    return fallback;
}

struct limit_table *limit_new(void)
{
    struct limit_table *table = MEMORY_NEW(struct limit_table);
    map_init(&table->entries);
    list_init(&table->order);
    for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
        table->counts[kind] = limit_environment(rates[kind].name, rates[kind].count);
    table->connections = limit_environment("CONNECTIONS_PER_ADDRESS", BOUNDS_CONNECTIONS_PER_ADDRESS);
    return table;
}

static struct text key_of(const struct limit_entry *entry)
{
    return (struct text){(const char *)entry->key, sizeof(entry->key)};
}

static void forget(struct limit_table *table, struct limit_entry *entry)
{
    list_remove(&entry->in_order);
    map_remove(&table->entries, key_of(entry));
    free(entry);
}

void limit_free(struct limit_table *table)
{
    if (!table)
        return;
    while (!list_is_empty(&table->order))
        forget(table, LIST_FIRST(&table->order, struct limit_entry, in_order));
    map_release(&table->entries);
    free(table);
}

/* An IPv4 address counts whole; of an IPv6 one the first half does, because a customer gets a /64 and can use all of
 * it. */
static bool is_mapped_four(const unsigned char address[16])
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address, prefix, sizeof(prefix)) == 0;
}

/* Makes room by dropping the oldest entry that holds no connection. */
static void make_room(struct limit_table *table)
{
    if (table->entries.count < BOUNDS_LIMIT_ENTRIES)
        return;
    struct list *place = table->order.next;
    while (place != &table->order && MEMORY_CONTAINER(place, struct limit_entry, in_order)->connections)
        place = place->next;
    if (place != &table->order)
        forget(table, MEMORY_CONTAINER(place, struct limit_entry, in_order));
}

/* The entry of this bucket, the most recently used one from now on. */
static struct limit_entry *need_entry(struct limit_table *table, int kind, const unsigned char address[16],
                                      uint64_t scope)
{
    struct limit_entry wanted = {.key = {[24] = (unsigned char)kind}};
    memcpy(wanted.key, address, is_mapped_four(address) ? 16 : 8);
    memcpy(wanted.key + 16, &scope, sizeof(scope));
    struct limit_entry *entry = map_get(&table->entries, key_of(&wanted));
    if (!entry) {
        make_room(table);
        entry = MEMORY_NEW(struct limit_entry);
        list_init(&entry->in_order);
        memcpy(entry->key, wanted.key, sizeof(entry->key));
        map_set(&table->entries, key_of(entry), entry);
    }
    list_append(&table->order, &entry->in_order);
    return entry;
}

/* A refused address keeps its entry: it will be back in a moment. */
bool limit_enter(struct limit_table *table, const unsigned char address[16])
{
    struct limit_entry *entry = need_entry(table, LIMIT_KIND_COUNT, address, 0);
    if (table->connections && entry->connections >= table->connections)
        return false;
    entry->connections++;
    return true;
}

void limit_leave(struct limit_table *table, const unsigned char address[16])
{
    struct limit_entry *entry = need_entry(table, LIMIT_KIND_COUNT, address, 0);
    if (entry->connections && --entry->connections == 0)
        forget(table, entry);
}

/* Fills the bucket by the time that went by, then takes one token. A new bucket is full. The answer is rounded up to
 * whole seconds, as Retry-After wants it: who waits so long will find a token. */
unsigned limit_take(struct limit_table *table, enum limit_kind kind, const unsigned char address[16], uint64_t scope,
                    uint64_t now_ms)
{
    if (!table->counts[kind])
        return 0;
    const struct limit_rate *rate = &rates[kind];
    double per_ms = (double)table->counts[kind] / rate->period_ms;
    double most = (double)table->counts[kind] * rate->burst;
    struct limit_entry *entry = need_entry(table, kind, address, scope);
    if (entry->filled_ms)
        entry->tokens += (double)(now_ms - entry->filled_ms) * per_ms;
    if (!entry->filled_ms || entry->tokens > most)
        entry->tokens = most;
    entry->filled_ms = now_ms ? now_ms : 1;
    if (entry->tokens >= 1) {
        entry->tokens -= 1;
        return 0;
    }
    double seconds = (1 - entry->tokens) / per_ms / 1000;
    unsigned whole = (unsigned)seconds;
    return whole + (seconds > whole ? 1 : 0);
}

int limit_parse_address(struct text text, unsigned char ret_address[16])
{
    char copy[48];
    unsigned char four[4];
    text = text_trim(text);
    if (text.length == 0 || text.length >= sizeof(copy))
        return ERROR_INVALID;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (inet_pton(AF_INET6, copy, ret_address) == 1)
        return 0;
    if (inet_pton(AF_INET, copy, four) != 1)
        return ERROR_INVALID;
    memset(ret_address, 0, 10);
    ret_address[10] = ret_address[11] = 0xff;
    memcpy(ret_address + 12, four, 4);
    return 0;
}

/* The rightmost entry is the one that the trusted proxy itself wrote; everything left of it the client may have
 * sent. */
void limit_address(const struct http_exchange *exchange, const unsigned char *trusted, unsigned char ret_address[16])
{
    memcpy(ret_address, exchange->peer->address, 16);
    if (!trusted || (!exchange->peer->local && memcmp(trusted, ret_address, 16) != 0))
        return;
    struct text chain = http_exchange_header(exchange, "x-forwarded-for");
    size_t start = chain.length;
    while (start && chain.data[start - 1] != ',')
        start--;
    unsigned char said[16];
    if (chain.length && limit_parse_address(text_skip(chain, start), said) == 0)
        memcpy(ret_address, said, 16);
}

/* "10.0.0.9": every request does this, and inet_ntop() goes through printf for it. */
static void format_four(const unsigned char address[4], char *place)
{
    for (int i = 0; i < 4; i++) {
        unsigned byte = address[i];
        if (byte >= 100)
            *place++ = (char)('0' + byte / 100);
        if (byte >= 10)
            *place++ = (char)('0' + byte / 10 % 10);
        *place++ = (char)('0' + byte % 10);
        *place++ = i < 3 ? '.' : '\0';
    }
}

void limit_format_address(const unsigned char address[16], char ret_text[48])
{
    static const unsigned char nobody[16];
    if (memcmp(address, nobody, 16) == 0)
        memcpy(ret_text, "local", 6);
    else if (is_mapped_four(address))
        format_four(address + 12, ret_text);
    else
        inet_ntop(AF_INET6, address, ret_text, 48);
}
