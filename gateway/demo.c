/* Lookups and their cache.
 *
 *   key (label or owner/name) ──▶ demo ──▶ release it shows now
 *                       └───────────────▶ release of a preview
 *
 * A miss asks the store (demo_lookup), learns the release, and asks for its bundle (bundle_open) unless it
 * is mapped already; requests for the same key wait together. demo_changed makes a demo stale: the next
 * visit asks again, and a demo that is awake is asked for at once, so that its worker is replaced now and
 * not at the next visit.
 *
 * Stale ends when the release is mapped, not when its name is known: between the two an old one would still be
 * found. What changes while a bundle is opened makes the lookup begin anew, so that nobody who asks behind
 * demo_changed gets what was live before it.
 *
 * While the store is away stale answers are better than none. When it comes back everything is stale,
 * because it may have changed its mind while nobody listened. */
#include "gateway/demo.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/headers.h"
#include "gateway/list.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"

enum { KEY_BYTES = 2 * BOUNDS_NAME_BYTES + 16, RECENT_MS = 60000 };
enum { REFRESH_BY_ID = 2 /* demo_lookup.by */ };
enum { HEADERS_ORIGIN, HEADERS_ORIGIN_STATIC, HEADERS_ON_PATH };

/* What an address leads to. */
struct demo_key {
    struct demo *demo;   /* held */
    uint64_t release_id; /* 0: whatever is live; else a preview of this release */
};

/* A question to the store under way, and who waits for its answer. */
struct demo_lookup {
    struct demo_table *table;
    struct list waiting;      /* of struct demo_query */
    uint32_t request;
    char *key;                /* owned; NULL for a refresh */
    struct demo *demo;        /* held; known once the first answer came */
    uint64_t release_id;      /* what is being opened */
    bool is_preview;
    uint32_t changes;         /* demo->changes when the first answer came */
    char *commit, *digest;    /* owned: of the release that is being opened */
};

struct demo_query {
    struct list in_lookup;
    demo_answer *answer;
    void *context;
};

/* ---- counted ---- */

struct demo *demo_hold(struct demo *demo)
{
    demo->holders++;
    return demo;
}

void demo_drop(struct demo *demo)
{
    if (!demo || --demo->holders)
        return;
    release_drop(demo->release);
    demo_lines_drop(demo->lines);
    free(demo->owner);
    free(demo->name);
    free(demo->stage);
    free(demo->stage_reason);
    free(demo);
}

void demo_table_init(struct demo_table *table, struct gateway *gateway)
{
    *table = (struct demo_table){.gateway = gateway};
    map_init(&table->by_key);
    map_init(&table->by_id);
    map_init(&table->releases);
    map_init(&table->lookups);
    map_init(&table->requests);
}

static int free_key(void *context, struct text key, void *value)
{
    struct demo_key *entry = value;
    (void)context, (void)key;
    demo_drop(entry->demo);
    free(entry);
    return 0;
}

static int drop_demo(void *context, struct text key, void *value)
{
    (void)context, (void)key;
    demo_drop(value);
    return 0;
}

void demo_table_release(struct demo_table *table)
{
    demo_store_lost(table);
    map_each(&table->by_key, free_key, NULL);
    map_each(&table->by_id, drop_demo, NULL);
    map_release(&table->by_key);
    map_release(&table->by_id);
    map_release(&table->releases);
    map_release(&table->lookups);
    map_release(&table->requests);
}

struct demo *demo_by_id(struct demo_table *table, uint64_t id)
{
    return map_get_u64(&table->by_id, id);
}

struct demo_lines *demo_lines_hold(struct demo_lines *lines)
{
    lines->holders++;
    return lines;
}

void demo_lines_drop(struct demo_lines *lines)
{
    if (!lines || --lines->holders)
        return;
    for (size_t i = 0; i < MEMORY_COUNT(lines->lines); i++)
        free(lines->lines[i]);
    free(lines);
}

struct text demo_headers(const struct demo_lines *lines, const struct release *release, bool on_path)
{
    bool is_static = release && release->is_static;
    int which = on_path ? HEADERS_ON_PATH : is_static ? HEADERS_ORIGIN_STATIC : HEADERS_ORIGIN;
    return (struct text){lines->lines[which], lines->lengths[which]};
}

/* ---- what the store says of a demo ---- */

static bool is_true(const struct json_node *node)
{
    return node && node->type == JSON_TRUE;
}

static void write_parents(const struct json *json, const struct json_node *parents, struct buffer *out)
{
    const struct json_node *parent = parents && parents->type == JSON_ARRAY ? json_first(json, parents) : NULL;
    for (; parent; parent = json_next(json, parents, parent)) {
        struct buffer BUFFER_AUTO one = BUFFER_EMPTY;
        if (json_string(parent, &one) < 0 || !headers_is_origin(buffer_view(&one)))
            continue;
        if (out->length)
            buffer_byte(out, ' ');
        buffer_text(out, buffer_view(&one));
    }
}

static void write_demo_headers(struct demo_table *table, struct demo *demo, const struct json *json)
{
    static const enum headers_surface surfaces[] = {
        [HEADERS_ORIGIN] = HEADERS_DEMO,
        [HEADERS_ORIGIN_STATIC] = HEADERS_DEMO_STATIC,
        [HEADERS_ON_PATH] = HEADERS_PATH,
    };
    const struct json_node *embedding = json_get(json, json->count ? json->nodes : NULL, "embedding");
    const struct json_node *custom = json_get(json, json->count ? json->nodes : NULL, "custom_headers");
    struct buffer BUFFER_AUTO parents = BUFFER_EMPTY;
    write_parents(json, json_get(json, embedding, "parents"), &parents);
    demo->embedding_disabled = is_true(json_get(json, embedding, "disabled"));
    const struct headers_policy policy = {
        .embedding_disabled = demo->embedding_disabled,
        .parents = buffer_view(&parents),
        .isolated = json_equals(json_get(json, custom, "cross-origin-embedder-policy"), "require-corp"),
    };
    demo_lines_drop(demo->lines);
    demo->lines = MEMORY_NEW(struct demo_lines);
    demo->lines->holders = 1;
    for (size_t i = 0; i < MEMORY_COUNT(surfaces); i++) {
        struct buffer lines = BUFFER_EMPTY;
        headers_write(&table->gateway->site, surfaces[i], &policy, &lines);
        demo->lines->lengths[i] = lines.length;
        demo->lines->lines[i] = buffer_steal(&lines);
    }
}

static void replace(char **string, char *by)
{
    free(*string);
    *string = by;
}

/* Settings that cannot be read count as none: a demo stays reachable, and the operator reads why in the log. */
static void read_settings(struct demo_table *table, struct demo *demo, struct text settings)
{
    struct json json = {0};
    int64_t idle_ms;
    if (json_parse(&json, settings, NULL) < 0)
        log_error("store: the settings of demo %llu are no JSON", (unsigned long long)demo->id);
    const struct json_node *root = json.count ? json.nodes : NULL;
    replace(&demo->stage, json_string_copy(json_get(&json, root, "stage")));
    replace(&demo->stage_reason, json_string_copy(json_get(&json, root, "stage_reason")));
    demo->is_private = is_true(json_get(&json, root, "private"));
    demo->is_paused = is_true(json_get(&json, root, "paused"));
    demo->idle_ms = json_integer(json_get(&json, root, "idle_ms"), &idle_ms) ? idle_ms : -1;
    write_demo_headers(table, demo, &json);
    json_release(&json);
}

/* The demo of an answer, made when it is new; its fields are what the store just said. */
static struct demo *take_demo(struct demo_table *table, const struct message_demo_found *found)
{
    struct demo *demo = map_get_u64(&table->by_id, found->demo_id);
    if (!demo) {
        demo = MEMORY_NEW(struct demo);
        demo->id = found->demo_id;
        demo->holders = 1;
        map_set_u64(&table->by_id, demo->id, demo);
    }
    replace(&demo->owner, text_copy(found->owner));
    replace(&demo->name, text_copy(found->name));
    read_settings(table, demo, found->settings);
    return demo;
}

/* ---- the cache stays small ---- */

static int find_oldest_mapped(void *context, struct text key, void *value)
{
    struct demo **oldest = context;
    struct demo *demo = value;
    (void)key;
    if (demo->release && demo->release->holders == 1 && (!*oldest || demo->used_ms < (*oldest)->used_ms))
        *oldest = demo;
    return 0;
}

/* Mappings cost a descriptor each. One is let go for each that is added beyond the bound, never one that somebody
 * holds. */
static void unmap_oldest(struct demo_table *table)
{
    struct demo *oldest = NULL;
    if (table->releases.count <= BOUNDS_RELEASES_IDLE)
        return;
    map_each(&table->by_id, find_oldest_mapped, &oldest);
    if (oldest)
        release_drop(MEMORY_STEAL(oldest->release));
}

static bool is_recent(const struct demo *demo)
{
    return demo->calls || clock_now_ms() - demo->used_ms < RECENT_MS;
}

/* map_each() allows removing the entry it is called for. */
static int forget_old_key(void *context, struct text key, void *value)
{
    struct demo_table *table = context;
    const struct demo_key *entry = value;
    if (is_recent(entry->demo))
        return 0;
    map_remove(&table->by_key, key);
    return free_key(NULL, key, value);
}

static int forget_old_demo(void *context, struct text key, void *value)
{
    struct demo_table *table = context;
    struct demo *demo = value;
    (void)key;
    if (is_recent(demo) || demo->holders > 1)
        return 0;
    map_remove_u64(&table->by_id, demo->id);
    demo_drop(demo);
    return 0;
}

/* Both tables at once, and only when they have outgrown their bound: a sweep costs as much as they are long. */
static void forget_old(struct demo_table *table)
{
    if (table->by_id.count + table->by_key.count <= 2 * BOUNDS_DEMOS_CACHED)
        return;
    map_each(&table->by_key, forget_old_key, table);
    map_each(&table->by_id, forget_old_demo, table);
}

/* ---- a lookup from question to answer ---- */

/* Answers everybody who waits. An answer may lead to anything (a page, a call, another lookup), hence the lookup is
 * out of all tables before the first is given, and the release is held until the last was. */
static void finish_lookup(struct demo_lookup *lookup, int result, struct release *release)
{
    struct demo_table *table = lookup->table;
    map_remove_u64(&table->requests, lookup->request);
    if (lookup->key)
        map_remove(&table->lookups, text_from(lookup->key));
    if (release)
        release_hold(release);
    while (!list_is_empty(&lookup->waiting)) {
        struct demo_query *query = LIST_FIRST(&lookup->waiting, struct demo_query, in_lookup);
        list_remove(&query->in_lookup);
        query->answer(query->context, result, lookup->demo, release);
        free(query);
    }
    release_drop(release);
    demo_drop(lookup->demo);
    free(lookup->key);
    free(lookup->commit);
    free(lookup->digest);
    free(lookup);
}

/* The call path is told before the old release goes: its workers still run on it and drain now. */
static void set_live(struct demo_table *table, struct demo *demo, struct release *release)
{
    struct release *before = demo->release;
    if (before == release)
        return;
    demo->release = release ? release_hold(release) : NULL;
    if (calls_part.changed)
        calls_part.changed(table->gateway, demo, before);
    release_drop(before);
}

static void ask(struct demo_lookup *lookup)
{
    lookup->request = gateway_next_request(lookup->table->gateway);
    map_set_u64(&lookup->table->requests, lookup->request, lookup);
}

static void ask_which(struct demo_lookup *lookup, uint8_t by, struct text name)
{
    ask(lookup);
    channel_send_demo_lookup(lookup->table->gateway->store, 0,
                             &(struct message_demo_lookup){lookup->request, by, name});
}

/* The demo changed while its bundle was on the way: whoever waits may have asked after that. */
static void ask_again(struct demo_lookup *lookup)
{
    map_remove_u64(&lookup->table->requests, lookup->request);
    demo_drop(MEMORY_STEAL(lookup->demo));
    replace(&lookup->commit, NULL);
    replace(&lookup->digest, NULL);
    ask_which(lookup, (uint8_t)(lookup->key[0] - '0'), text_from(lookup->key + 1));
}

/* What this lookup says of the live release is still true. */
static bool is_current(const struct demo_lookup *lookup)
{
    return !lookup->is_preview && lookup->changes == lookup->demo->changes;
}

/* The release is mapped: it becomes the demo's live one unless it is a preview. A refresh that was overtaken by
 * another change just ends, because that change began a refresh of its own. */
static void take_release(struct demo_lookup *lookup, struct release *release)
{
    struct demo_table *table = lookup->table;
    if (!lookup->is_preview && !is_current(lookup) && lookup->key) {
        ask_again(lookup);
        return;
    }
    if (is_current(lookup)) {
        lookup->demo->is_stale = false;
        set_live(table, lookup->demo, release);
    }
    finish_lookup(lookup, 0, release);
    unmap_oldest(table);
    forget_old(table);
}

/* A release that is mapped already (for another address, or a call) needs no second descriptor. */
static void open_release(struct demo_lookup *lookup, const struct message_demo_found *found)
{
    struct demo_table *table = lookup->table;
    struct release *release = map_get_u64(&table->releases, found->release_id);
    if (release) {
        take_release(lookup, release);
        return;
    }
    lookup->release_id = found->release_id;
    lookup->commit = text_copy(found->commit);
    lookup->digest = text_copy(found->digest);
    ask(lookup);
    channel_send_bundle_open(table->gateway->store, 0,
                             &(struct message_bundle_open){lookup->request, found->release_id});
}

static void remember_key(struct demo_lookup *lookup, uint64_t release_id)
{
    struct demo_key *entry = MEMORY_NEW(struct demo_key);
    entry->demo = demo_hold(lookup->demo);
    entry->release_id = lookup->is_preview ? release_id : 0;
    struct demo_key *before = map_set(&lookup->table->by_key, text_from(lookup->key), entry);
    if (before)
        free_key(NULL, (struct text){0}, before);
}

/* The entry stays until nobody holds it, marked, so that a name that is used again is looked up again. */
static void delete_demo(struct demo_table *table, struct demo *demo)
{
    demo->is_deleted = demo->is_stale = true;
    set_live(table, demo, NULL);
    demo->release_id = 0;
    if (calls_part.deleted)
        calls_part.deleted(table->gateway, demo);
}

/* The store's first answer. A demo without a release is a result of its own: it exists, and its stage says how far
 * it is. */
static void take_found(struct demo_lookup *lookup, const struct message_demo_found *found)
{
    struct demo_table *table = lookup->table;
    map_remove_u64(&table->requests, lookup->request);
    if (found->status) {
        finish_lookup(lookup, -(int)found->status, NULL);
        return;
    }
    lookup->demo = demo_hold(take_demo(table, found));
    lookup->demo->is_deleted = false;
    lookup->changes = lookup->demo->changes;
    if (lookup->key)
        remember_key(lookup, found->release_id);
    if (!lookup->is_preview)
        lookup->demo->release_id = found->release_id;
    if (found->release_id) {
        open_release(lookup, found);
        return;
    }
    if (!lookup->is_preview) {
        lookup->demo->is_stale = false;
        set_live(table, lookup->demo, NULL);
    }
    finish_lookup(lookup, ERROR_NOT_FOUND, NULL);
}

/* Two first visitors at different addresses ask for the same bundle: the second answer finds it mapped, and its own
 * descriptor is closed unused. One release is one mapping, because workers and calls compare releases by address. */
static void take_bundle(struct demo_lookup *lookup, struct message_in *message)
{
    struct release *release = map_get_u64(&lookup->table->releases, lookup->release_id);
    if (release) {
        take_release(lookup, release);
        return;
    }
    const struct release_source source = {
        .id = lookup->release_id,
        .demo_id = lookup->demo->id,
        .commit = text_from(lookup->commit),
        .digest = text_from(lookup->digest),
        .fd = fd_steal(&message->fds[0]),
    };
    int result = release_open(&lookup->table->releases, &source, &release);
    if (result < 0) {
        log_error("%s/%s: the bundle of release %llu cannot be used: %s", lookup->demo->owner, lookup->demo->name,
                  (unsigned long long)source.id, error_text(result));
        finish_lookup(lookup, ERROR_CORRUPT, NULL);
        return;
    }
    take_release(lookup, release);
    release_drop(release);
}

static struct demo_lookup *start_lookup(struct demo_table *table, uint8_t by, struct text name)
{
    struct demo_lookup *lookup = MEMORY_NEW(struct demo_lookup);
    lookup->table = table;
    list_init(&lookup->waiting);
    ask_which(lookup, by, name);
    return lookup;
}

/* ---- what the store sends ---- */

/* Only marked: a demo that nobody visits costs no question. */
static void take_changed(struct demo_table *table, const struct message_demo_changed *changed)
{
    struct demo *demo = map_get_u64(&table->by_id, changed->demo_id);
    if (!demo)
        return;
    demo->is_stale = true;
    demo->changes++;
    if (changed->deleted) {
        delete_demo(table, demo);
    } else if (demo->calls) {
        /* Awake: its worker must drain now, not at the next visit. */
        struct buffer BUFFER_AUTO id = BUFFER_EMPTY;
        buffer_format(&id, "%llu", (unsigned long long)demo->id);
        start_lookup(table, REFRESH_BY_ID, buffer_view(&id));
    }
}

static struct demo_lookup *lookup_of(struct demo_table *table, uint32_t request)
{
    return map_get_u64(&table->requests, request);
}

bool demo_message(struct demo_table *table, struct message_in *message)
{
    struct message_demo_found found;
    struct message_bundle_opened opened;
    struct message_request_failed failed;
    struct message_demo_changed changed;
    struct demo_lookup *lookup = NULL;
    switch (message->type) {
    case MESSAGE_demo_found:
        if (message_demo_found_unpack(&found, message->body) == 0 && (lookup = lookup_of(table, found.request)))
            take_found(lookup, &found);
        return true;
    case MESSAGE_bundle_opened:
        if (message_bundle_opened_unpack(&opened, message->body) == 0 && message->fd_count == 1 &&
            (lookup = lookup_of(table, opened.request)) && lookup->release_id == opened.release_id)
            take_bundle(lookup, message);
        return true;
    case MESSAGE_demo_changed:
        if (message_demo_changed_unpack(&changed, message->body) == 0)
            take_changed(table, &changed);
        return true;
    case MESSAGE_request_failed:
        if (message_request_failed_unpack(&failed, message->body) < 0 || !(lookup = lookup_of(table, failed.request)))
            return false;
        finish_lookup(lookup, failed.status ? -(int)failed.status : ERROR_BUSY, NULL);
        return true;
    default:
        return false;
    }
}

static int collect_lookup(void *context, struct text key, void *value)
{
    (void)key;
    *(struct demo_lookup **)context = value;
    return 1;
}

static int make_stale(void *context, struct text key, void *value)
{
    (void)context, (void)key;
    ((struct demo *)value)->is_stale = true;
    return 0;
}

void demo_store_lost(struct demo_table *table)
{
    struct demo_lookup *lookup;
    while (map_each(&table->requests, collect_lookup, &lookup))
        finish_lookup(lookup, ERROR_BUSY, NULL);
    /* It may have told of changes that we did not hear. */
    map_each(&table->by_id, make_stale, NULL);
}

/* ---- asking ---- */

/* Labels are not case-sensitive (DNS), names in paths are. 0 for what is longer than any name can be. */
static size_t write_key(char key[KEY_BYTES], enum demo_by by, struct text name)
{
    if (name.length > KEY_BYTES - 2)
        return 0;
    key[0] = (char)('0' + by);
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.data[i];
        key[i + 1] = by == DEMO_BY_LABEL && byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    key[name.length + 1] = '\0';
    return name.length + 1;
}

/* True when the cache can answer; then it has. While the store is away what we have is better than nothing. */
static bool answer_from_cache(struct demo_table *table, struct text key, demo_answer *answer, void *context)
{
    const struct demo_key *entry = map_get(&table->by_key, key);
    if (!entry || entry->demo->is_deleted || (entry->demo->is_stale && table->gateway->store))
        return false;
    struct demo *demo = entry->demo;
    struct release *release = entry->release_id ? map_get_u64(&table->releases, entry->release_id) : demo->release;
    if (!release && (entry->release_id || demo->release_id))
        return false;
    demo->used_ms = clock_now_ms();
    answer(context, release ? 0 : ERROR_NOT_FOUND, demo, release);
    return true;
}

/* "ann-digits--0a1b2c3": a release that need not be the live one. */
static bool names_a_commit(struct text label)
{
    if (label.length < 10)
        return false;
    struct text tail = text_skip(label, label.length - 9);
    for (size_t i = 2; i < tail.length; i++)
        if (!(tail.data[i] >= '0' && tail.data[i] <= '9') && !(tail.data[i] >= 'a' && tail.data[i] <= 'f'))
            return false;
    return text_starts(tail, TEXT("--"));
}

/* Whoever asks for the same while the store is asked waits for the same answer: a demo that becomes popular at once is
 * looked up once. */
struct demo_query *demo_find(struct demo_table *table, enum demo_by by, struct text name, demo_answer *answer,
                             void *context)
{
    char bytes[KEY_BYTES];
    struct text key = {bytes, write_key(bytes, by, name)};
    if (key.length == 0) {
        answer(context, ERROR_NOT_FOUND, NULL, NULL);
        return NULL;
    }
    if (answer_from_cache(table, key, answer, context))
        return NULL;
    if (!table->gateway->store) {
        answer(context, ERROR_BUSY, NULL, NULL);
        return NULL;
    }
    struct demo_lookup *lookup = map_get(&table->lookups, key);
    if (!lookup) {
        lookup = start_lookup(table, (uint8_t)by, text_skip(key, 1));
        lookup->key = text_copy(key);
        lookup->is_preview = by == DEMO_BY_LABEL && names_a_commit(key);
        map_set(&table->lookups, key, lookup);
    }
    struct demo_query *query = MEMORY_NEW(struct demo_query);
    list_init(&query->in_lookup);
    query->answer = answer;
    query->context = context;
    list_append(&lookup->waiting, &query->in_lookup);
    return query;
}

void demo_query_cancel(struct demo_query *query)
{
    list_remove(&query->in_lookup);
    free(query);
}
