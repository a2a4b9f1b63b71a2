#include "gateway/event.h"

#include <stdlib.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"

#define STATE_BIT(state) (1u << (state))

/* Which states may follow which: the diagram of the header. */
static const unsigned event_moves[EVENT_STATE_COUNT] = {
    [EVENT_QUEUED] = STATE_BIT(EVENT_STARTING) | STATE_BIT(EVENT_DONE) | STATE_BIT(EVENT_CANCELLED),
    [EVENT_STARTING] = STATE_BIT(EVENT_QUEUED) | STATE_BIT(EVENT_RUNNING) | STATE_BIT(EVENT_DONE)
                       | STATE_BIT(EVENT_CANCELLED),
    [EVENT_RUNNING] = STATE_BIT(EVENT_DONE) | STATE_BIT(EVENT_CANCELLED),
};

static const char *const event_names[EVENT_STATE_COUNT] = {
#define X(name) #name,
    EVENT_STATE_TABLE(X)
#undef X
};

void event_table_init(struct event_table *table) {
    *table = (struct event_table){.next_stream = 1};
    map_init(&table->by_id);
    map_init(&table->by_stream);
    list_init(&table->kept);
}

static void release_event(struct event *event) {
    list_remove(&event->in_session);
    list_remove(&event->in_worker);
    list_remove(&event->in_kept);
    buffer_release(&event->data);
    buffer_release(&event->request);
    buffer_release(&event->sent);
    buffer_release(&event->next);
    buffer_release(&event->transcript);
    buffer_release(&event->progress);
    free(event->watchers);
    free(event);
}

static int visit_release(void *context, struct text key, void *value) {
    (void)context;
    (void)key;
    release_event(value);
    return 0;
}

void event_table_release(struct event_table *table) {
    map_each(&table->by_stream, visit_release, NULL);
    map_release(&table->by_stream);
    map_release(&table->by_id);
    event_table_init(table);
}

struct event *event_new(struct event_table *table, enum event_kind kind) {
    struct event *event = MEMORY_NEW(struct event);
    event->kind = kind;
    event->stream = table->next_stream++;
    event->joined_us = clock_now_us();
    list_init(&event->in_session);
    list_init(&event->in_worker);
    list_init(&event->in_kept);
    map_set_u64(&table->by_stream, event->stream, event);
    if (kind != EVENT_ON_RUN) {
        random_hex(event->id, EVENT_ID_LENGTH / 2);
        map_set(&table->by_id, text_from(event->id), event);
    }
    return event;
}

/* What a kept event weighs. */
static size_t kept_cost(const struct event *event) {
    return sizeof *event + event->transcript.capacity;
}

void event_free(struct event_table *table, struct event *event) {
    map_remove_u64(&table->by_stream, event->stream);
    if (event->id[0] != '\0')
        map_remove(&table->by_id, text_from(event->id));
    if (!list_is_empty(&event->in_kept))
        table->kept_bytes -= kept_cost(event);
    release_event(event);
}

struct event *event_find(const struct event_table *table, struct text id) {
    return map_get(&table->by_id, id);
}

struct event *event_find_stream(const struct event_table *table, uint64_t stream) {
    return map_get_u64(&table->by_stream, stream);
}

void event_move(struct event *event, enum event_state state) {
    if (!(event_moves[event->state] & STATE_BIT(state)))
        abort();
    event->state = state;
}

const char *event_state_name(enum event_state state) {
    return event_names[state];
}

void event_keep(struct event_table *table, struct event *event, uint64_t now_ms) {
    event->worker = NULL;
    event->function = NULL;
    event->session = NULL;
    list_remove(&event->in_session);
    list_remove(&event->in_worker);
    buffer_release(&event->data);
    buffer_release(&event->request);
    buffer_release(&event->sent);
    buffer_release(&event->next);
    buffer_release(&event->progress);
    event->kept_until_ms = now_ms + BOUNDS_RESULT_KEEP_MS;
    table->kept_bytes += kept_cost(event);
    list_append(&table->kept, &event->in_kept);
    event_expire(table, now_ms);
}

/* The newest one always stays, however large: somebody is about to ask for it. */
void event_expire(struct event_table *table, uint64_t now_ms) {
    struct event *oldest;
    while ((oldest = LIST_FIRST(&table->kept, struct event, in_kept)) != NULL) {
        bool crowded = table->kept_bytes > BOUNDS_RESULTS_KEPT_BYTES && table->kept.next != table->kept.previous;
        if (oldest->kept_until_ms > now_ms && !crowded)
            return;
        event_free(table, oldest);
    }
}

void event_watch(struct event *event, uint64_t exchange) {
    event->watchers = memory_resize(event->watchers, event->watcher_count + 1, sizeof *event->watchers);
    event->watchers[event->watcher_count++] = exchange;
}

void event_unwatch(struct event *event, uint64_t exchange) {
    for (uint32_t i = 0; i < event->watcher_count; i++)
        if (event->watchers[i] == exchange) {
            event->watchers[i] = event->watchers[--event->watcher_count];
            return;
        }
}
