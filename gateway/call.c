/* A call is owned by the table and by nobody else; sessions, workers, queues and streams link it into lists and are
 * told before it goes. Two maps lead to it: the id, 128 random bits that a client was told and that are all the proof
 * it needs to cancel or read, and the frame stream, a number that only grows, so that a process naming a number at or
 * above next_stream has made it up, and one below it merely speaks of a call that has ended.
 *
 * States move along one table; a move that is not in it is a bug of ours and aborts, because a call that is answered
 * twice or never is worse than a restart. A finished call whose answer may still be fetched stays as its transcript
 * alone: everything that costs memory goes in call_keep(). */
#include "gateway/call.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"

#define STATE_BIT(state) (1u << (state))

/* Which states may follow which: the diagram of the header. */
static const unsigned call_moves[CALL_STATE_COUNT] = {
    [CALL_QUEUED] = STATE_BIT(CALL_STARTING) | STATE_BIT(CALL_DONE) | STATE_BIT(CALL_CANCELLED),
    [CALL_STARTING] = STATE_BIT(CALL_QUEUED) | STATE_BIT(CALL_RUNNING) | STATE_BIT(CALL_DONE)
                       | STATE_BIT(CALL_CANCELLED),
    [CALL_RUNNING] = STATE_BIT(CALL_DONE) | STATE_BIT(CALL_CANCELLED),
};

static const char *const call_names[CALL_STATE_COUNT] = {
#define X(name) #name,
    CALL_STATE_TABLE(X)
#undef X
};

void call_table_init(struct call_table *table)
{
    *table = (struct call_table){.next_stream = 1};
    map_init(&table->by_id);
    map_init(&table->by_stream);
    list_init(&table->kept);
}

static void release_call(struct call *call)
{
    list_remove(&call->in_session);
    list_remove(&call->in_worker);
    list_remove(&call->in_kept);
    buffer_release(&call->data);
    buffer_release(&call->request);
    buffer_release(&call->sent);
    buffer_release(&call->next);
    buffer_release(&call->transcript);
    buffer_release(&call->progress);
    free(call->watchers);
    free(call->file_prefix);
    free(call);
}

static int visit_release(void *context, struct text key, void *value)
{
    (void)context;
    (void)key;
    release_call(value);
    return 0;
}

void call_table_release(struct call_table *table)
{
    map_each(&table->by_stream, visit_release, NULL);
    map_release(&table->by_stream);
    map_release(&table->by_id);
    call_table_init(table);
}

/* An id is a secret until its owner tells it, so what it was made of is wiped. */
static void make_id(struct call_table *table, char id[CALL_ID_LENGTH + 1])
{
    unsigned char *bytes;
    if (table->randomness_left < CALL_ID_LENGTH / 2) {
        random_bytes(table->randomness, sizeof table->randomness);
        table->randomness_left = sizeof table->randomness;
    }
    table->randomness_left -= CALL_ID_LENGTH / 2;
    bytes = table->randomness + table->randomness_left;
    for (size_t i = 0; i < CALL_ID_LENGTH; i++)
        id[i] = "0123456789abcdef"[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
    memset(bytes, 0, CALL_ID_LENGTH / 2);
}

struct call *call_new(struct call_table *table, enum call_kind kind)
{
    struct call *call = MEMORY_NEW(struct call);
    call->kind = kind;
    call->stream = table->next_stream++;
    call->joined_us = clock_now_us();
    call->credit = BOUNDS_STREAM_CREDIT_BYTES;
    list_init(&call->in_session);
    list_init(&call->in_worker);
    list_init(&call->in_kept);
    map_set_u64(&table->by_stream, call->stream, call);
    if (kind != CALL_ON_REPLY) {
        make_id(table, call->id);
        map_set(&table->by_id, text_from(call->id), call);
    }
    return call;
}

static size_t input_cost(const struct call *call)
{
    return call->data.capacity + call->request.capacity;
}

void call_give_input(struct call_table *table, struct call *call, struct buffer *data, struct buffer *request)
{
    call->data = *data;
    call->request = *request;
    *data = *request = BUFFER_EMPTY;
    table->waiting_bytes += input_cost(call);
}

void call_drop_input(struct call_table *table, struct call *call)
{
    table->waiting_bytes -= input_cost(call);
    buffer_release(&call->data);
    buffer_release(&call->request);
}

/* Queues are bounded by their number of calls, each call by its size; the product of both and of all demos is more than
 * any machine has. */
bool call_table_is_full(const struct call_table *table)
{
    return table->waiting_bytes >= BOUNDS_CALLS_WAITING_BYTES;
}

/* What a kept event weighs. */
static size_t kept_cost(const struct call *call)
{
    return sizeof *call + call->transcript.capacity;
}

/* A kept call stands in the books with its weight; the others weigh nothing there. */
void call_free(struct call_table *table, struct call *call)
{
    map_remove_u64(&table->by_stream, call->stream);
    if (call->id[0] != '\0')
        map_remove(&table->by_id, text_from(call->id));
    if (!list_is_empty(&call->in_kept))
        table->kept_bytes -= kept_cost(call);
    call_drop_input(table, call);
    release_call(call);
}

struct call *call_find(const struct call_table *table, struct text id)
{
    return map_get(&table->by_id, id);
}

struct call *call_find_stream(const struct call_table *table, uint64_t stream)
{
    return map_get_u64(&table->by_stream, stream);
}

void call_move(struct call *call, enum call_state state)
{
    if (!(call_moves[call->state] & STATE_BIT(state)))
        abort();
    call->state = state;
}

const char *call_state_name(enum call_state state)
{
    return call_names[state];
}

/* Borrowed things are let go first: worker, function and session may be gone before the transcript is fetched. */
void call_keep(struct call_table *table, struct call *call, uint64_t now_ms)
{
    call->worker = NULL;
    call->function = NULL;
    call->session = NULL;
    list_remove(&call->in_session);
    list_remove(&call->in_worker);
    call_drop_input(table, call);
    buffer_release(&call->sent);
    buffer_release(&call->next);
    buffer_release(&call->progress);
    call->kept_until_ms = now_ms + BOUNDS_RESULT_KEEP_MS;
    table->kept_bytes += kept_cost(call);
    list_append(&table->kept, &call->in_kept);
    call_expire(table, now_ms);
}

/* The newest one always stays, however large: somebody is about to ask for it. */
void call_expire(struct call_table *table, uint64_t now_ms)
{
    struct call *oldest;
    while ((oldest = LIST_FIRST(&table->kept, struct call, in_kept)) != NULL) {
        bool crowded = table->kept_bytes > BOUNDS_RESULTS_KEPT_BYTES && table->kept.next != table->kept.previous;
        if (oldest->kept_until_ms > now_ms && !crowded)
            return;
        call_free(table, oldest);
    }
}

void call_watch(struct call *call, struct stream *stream)
{
    call->watchers = memory_resize(call->watchers, call->watcher_count + 1, sizeof *call->watchers);
    call->watchers[call->watcher_count++] = stream;
}

/* The order of readers means nothing, so the last one fills the gap. */
void call_unwatch(struct call *call, struct stream *stream)
{
    for (uint32_t i = 0; i < call->watcher_count; i++)
        if (call->watchers[i] == stream) {
            call->watchers[i] = call->watchers[--call->watcher_count];
            return;
        }
}
