/* Sessions are kept in one map by (demo, name) and in five lists by deadline. Each list has one constant waiting
 * time, so appending keeps it sorted and its head is the soonest: no heap, no timer per session.
 *
 *   lingering   its last call ended; the stream stays open for another a moment longer
 *   closing     close_stream was written; the client is expected to leave
 *   unheard     calls or frames, but no stream: a page that reloads has BOUNDS_EVENT_GRACE_MS to come back
 *   kept        nothing happens, only ui.state is remembered; the oldest go first when all together are too large
 *   dirty       values changed and were not written to the store yet
 *
 * A session is in at most one of the first three (in_phase). It is freed by settle_session() alone, as soon as
 * nothing holds it; who calls out through session_actions and needs it afterwards pins it around the call.
 *
 * Frames that cannot be written wait in one buffer, in order. Values of partial results stop entering it at
 * BOUNDS_SESSION_QUEUED_BYTES (session_is_full), large last answers at BOUNDS_SESSION_RESULT_BYTES; small ones always
 * fit, so there is always room to say that something did not. */
#include "gateway/session.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/call.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"

#define CLOSE_MESSAGE "data: {\"msg\":\"close_stream\",\"event_id\":null}\n\n"

void session_table_init(struct session_table *table, const struct session_actions *actions, void *context)
{
    *table = (struct session_table){.actions = actions, .context = context};
    map_init(&table->sessions);
    list_init(&table->lingering);
    list_init(&table->closing);
    list_init(&table->unheard);
    list_init(&table->kept);
    list_init(&table->dirty);
}

bool session_is_name(struct text name)
{
    if (name.length == 0 || name.length > BOUNDS_SESSION_HASH_BYTES)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

/* Writes the map key into `memory`. Names are bounded by session_is_name() before they get here. */
static struct text make_key(char memory[8 + BOUNDS_SESSION_HASH_BYTES], uint64_t demo_id, struct text name)
{
    memcpy(memory, &demo_id, 8);
    memcpy(memory + 8, name.data, name.length);
    return (struct text){memory, 8 + name.length};
}

struct session *session_find(struct session_table *table, uint64_t demo_id, struct text name)
{
    char memory[8 + BOUNDS_SESSION_HASH_BYTES];
    if (name.length > BOUNDS_SESSION_HASH_BYTES)
        return NULL;
    return map_get(&table->sessions, make_key(memory, demo_id, name));
}

static int visit_free_value(void *context, struct text key, void *value)
{
    (void)context;
    (void)key;
    free(value);
    return 0;
}

static void forget_session(struct session *session)
{
    char memory[8 + BOUNDS_SESSION_HASH_BYTES];
    struct session_table *table = session->table;
    if (!list_is_empty(&session->in_dirty))
        table->actions->save(table->context, session);
    map_remove(&table->sessions, make_key(memory, session->demo_id, text_from(session->name)));
    list_remove(&session->in_phase);
    list_remove(&session->in_kept);
    list_remove(&session->in_dirty);
    table->state_bytes -= session->state_bytes;
    map_each(&session->state, visit_free_value, NULL);
    map_release(&session->state);
    buffer_release(&session->queued);
    free(session->name);
    free(session);
}

/* Names are free to invent, so a stranger may leave values behind under as many as he likes: that must cost the oldest
 * of them, whose values the store has, and not lock the next visitor out. */
static bool make_room(struct session_table *table)
{
    struct session *oldest = LIST_FIRST(&table->kept, struct session, in_kept);
    if (table->sessions.count < BOUNDS_SESSIONS)
        return true;
    if (oldest)
        forget_session(oldest);
    return oldest != NULL;
}

struct session *session_need(struct session_table *table, uint64_t demo_id, struct text name)
{
    char memory[8 + BOUNDS_SESSION_HASH_BYTES];
    struct session *session = session_find(table, demo_id, name);
    if (session || name.length > BOUNDS_SESSION_HASH_BYTES || !make_room(table))
        return session;
    session = MEMORY_NEW(struct session);
    session->table = table;
    session->demo_id = demo_id;
    session->name = text_copy(name);
    list_init(&session->calls);
    list_init(&session->held);
    list_init(&session->in_phase);
    list_init(&session->in_kept);
    list_init(&session->in_dirty);
    map_init(&session->state);
    map_set(&table->sessions, make_key(memory, demo_id, name), session);
    return session;
}

static int visit_forget(void *context, struct text key, void *value)
{
    (void)context;
    (void)key;
    forget_session(value);
    return 0;
}

void session_table_release(struct session_table *table)
{
    map_each(&table->sessions, visit_forget, NULL);
    map_release(&table->sessions);
    session_table_init(table, table->actions, table->context);
}

/* Nothing happens in it any more. */
static bool is_quiet(const struct session *session)
{
    return session->pins == 0 && session->call_count == 0 && session->stream == 0 && session->queued.length == 0
           && list_is_empty(&session->held);
}

/* Called whenever something ended: forgets the session, or starts the time its values are kept. */
static void settle_session(struct session *session, uint64_t now_ms)
{
    if (!is_quiet(session))
        return;
    list_remove(&session->in_phase);
    if (session->state.count == 0) {
        forget_session(session);
    } else {
        session->kept_until_ms = now_ms + BOUNDS_SESSION_STATE_MS;
        list_append(&session->table->kept, &session->in_kept);
    }
}

void session_pin(struct session *session)
{
    session->pins++;
    list_remove(&session->in_kept);
}

void session_unpin(struct session *session, uint64_t now_ms)
{
    session->pins--;
    settle_session(session, now_ms);
}

/* Appending keeps the list sorted because each list has one waiting time. */
static void enter_phase(struct session *session, struct list *list, uint64_t until_ms)
{
    session->phase_until_ms = until_ms;
    list_append(list, &session->in_phase);
}

/* What the session waits for now that its events or its stream changed. */
static void review_session(struct session *session, uint64_t now_ms)
{
    struct session_table *table = session->table;
    if (session->phase == SESSION_CLOSING)
        return;
    list_remove(&session->in_phase);
    session->phase = SESSION_OPEN;
    if (session->stream == 0) {
        if (session->call_count > 0 || session->queued.length > 0)
            enter_phase(session, &table->unheard, now_ms + BOUNDS_EVENT_GRACE_MS);
    } else if (session->call_count == 0) {
        session->phase = SESSION_LINGERING;
        enter_phase(session, &table->lingering, table->stopping ? now_ms : now_ms + BOUNDS_CLOSE_LINGER_MS);
    }
}

bool session_add_call(struct session *session, struct call *call)
{
    if (session->call_count >= BOUNDS_SESSION_EVENTS)
        return false;
    session->call_count++;
    list_append(&session->calls, &call->in_session);
    list_remove(&session->in_kept);
    review_session(session, call->joined_us / 1000);
    return true;
}

void session_remove_call(struct session *session, struct call *call, uint64_t now_ms)
{
    list_remove(&call->in_session);
    session->call_count--;
    if (session->call_count == 0)
        review_session(session, now_ms);
    settle_session(session, now_ms);
}

bool session_is_closing(const struct session *session)
{
    return session->phase == SESSION_CLOSING;
}

/* Bounded: a page that posts on and on while its stream closes is told to wait. */
bool session_hold(struct session *session, struct session_hold *hold)
{
    list_init(&hold->in_session);
    if (session->held_count >= BOUNDS_SESSION_HELD_JOINS)
        return false;
    session->held_count++;
    list_append(&session->held, &hold->in_session);
    return true;
}

void session_release_hold(struct session *session, struct session_hold *hold)
{
    if (list_is_empty(&hold->in_session))
        return;
    list_remove(&hold->in_session);
    session->held_count--;
}

/* The stream is gone: what waited for that goes on. The session is pinned by the caller. */
static void leave_stream(struct session *session, uint64_t now_ms)
{
    struct session_table *table = session->table;
    struct session_hold *hold;
    session->stream = 0;
    session->slow = false;
    session->phase = SESSION_OPEN;
    review_session(session, now_ms);
    while ((hold = LIST_FIRST(&session->held, struct session_hold, in_session)) != NULL) {
        session_release_hold(session, hold);
        table->actions->resume(table->context, hold);
    }
}

static void write_frames(struct session *session, struct text frames)
{
    if (session->table->actions->write(session->table->context, session->stream, frames) == ERROR_AGAIN)
        session->slow = true;
}

/* All at once: the connection takes it and says when it has had enough. */
static void write_queued(struct session *session)
{
    if (session->queued.length == 0 || session->stream == 0 || session->slow)
        return;
    write_frames(session, buffer_view(&session->queued));
    buffer_release(&session->queued);
}

/* Frames that waited go first, then the newest values of each call. */
static void flush_session(struct session *session)
{
    write_queued(session);
    if (!session_is_full(session))
        session->table->actions->flush(session->table->context, session);
}

void session_open_stream(struct session *session, uint64_t stream, uint64_t now_ms)
{
    struct session_table *table = session->table;
    session_pin(session);
    if (session->stream != 0) {
        uint64_t older = session->stream;
        if (session->phase != SESSION_CLOSING)
            table->actions->write(table->context, older, TEXT(CLOSE_MESSAGE));
        leave_stream(session, now_ms);
        table->actions->end(table->context, older);
    }
    session->stream = stream;
    session->slow = false;
    flush_session(session);
    review_session(session, now_ms);
    session_unpin(session, now_ms);
}

void session_close_stream(struct session *session, uint64_t stream, uint64_t now_ms)
{
    if (session->stream != stream)
        return;
    session_pin(session);
    leave_stream(session, now_ms);
    session_unpin(session, now_ms);
}

/* Writing what waited may fill the connection again; then slow is set again on the way. */
void session_drained(struct session *session, uint64_t now_ms)
{
    session_pin(session);
    session->slow = false;
    flush_session(session);
    session_unpin(session, now_ms);
}

bool session_is_full(const struct session *session)
{
    return (session->slow || session->stream == 0) && session->queued.length >= BOUNDS_SESSION_QUEUED_BYTES;
}

int session_send(struct session *session, struct text message)
{
    bool direct = session->stream != 0 && !session->slow;
    struct buffer *frame = &session->queued;
    if (message.length > BOUNDS_SESSION_SMALL_BYTES && frame->length + message.length > BOUNDS_SESSION_RESULT_BYTES)
        return ERROR_LIMIT;
    buffer_string(frame, "data: ");
    buffer_text(frame, message);
    buffer_string(frame, "\n\n");
    if (!direct)
        return 0;
    write_frames(session, buffer_view(frame));
    if (frame->capacity > BOUNDS_SESSION_QUEUED_BYTES)
        buffer_release(frame);
    else
        buffer_clear(frame);
    return 0;
}

const char *session_state(const struct session *session, uint32_t component)
{
    return map_get_u64(&session->state, component);
}

static void count_state(struct session *session, size_t added, size_t removed)
{
    session->state_bytes += added - removed;
    session->table->state_bytes += added - removed;
}

/* The first unsaved value starts the second after which all are written: later ones ride along. */
int session_set_state(struct session *session, uint32_t component, struct text value, uint64_t now_ms)
{
    const char *old = session_state(session, component);
    size_t removed = old ? strlen(old) : 0;
    if (old && text_equal(text_from(old), value))
        return 0;
    if (session->state_bytes - removed + value.length > BOUNDS_SESSION_STATE_BYTES)
        return ERROR_LIMIT;
    free(map_set_u64(&session->state, component, text_copy(value)));
    count_state(session, value.length, removed);
    if (list_is_empty(&session->in_dirty)) {
        session->dirty_until_ms = now_ms + BOUNDS_STATE_WRITE_MS;
        list_append(&session->table->dirty, &session->in_dirty);
    }
    return 0;
}

static int visit_write_value(void *context, struct text key, void *value)
{
    struct buffer *out = context;
    uint64_t component;
    memcpy(&component, key.data, sizeof component);
    json_write_comma(out);
    buffer_format(out, "\"%llu\":%s", (unsigned long long)component, (const char *)value);
    return 0;
}

void session_write_state(struct session *session, struct buffer *out)
{
    buffer_byte(out, '{');
    map_each(&session->state, visit_write_value, out);
    buffer_byte(out, '}');
}

/* Values that do not fit any more (limits were lowered) are left out one by one. */
void session_load_state(struct session *session, struct text object)
{
    struct json json = {0};
    const struct json_node *child = NULL;
    if (object.length > 0 && json_parse(&json, object, NULL) == 0)
        child = json_first(&json, &json.nodes[0]);
    for (; child; child = json_next(&json, &json.nodes[0], child)) {
        uint64_t component;
        if (text_to_u64(child->name, &component) < 0 || component > UINT32_MAX)
            continue;
        if (session_state(session, (uint32_t)component)
            || session->state_bytes + child->raw.length > BOUNDS_SESSION_STATE_BYTES)
            continue;
        free(map_set_u64(&session->state, component, text_copy(child->raw)));
        count_state(session, child->raw.length, 0);
    }
    session->state_known = true;
    json_release(&json);
}

static uint64_t first_phase_ms(const struct list *list)
{
    const struct session *session = LIST_FIRST(list, struct session, in_phase);
    return session ? session->phase_until_ms : UINT64_MAX;
}

uint64_t session_next_ms(const struct session_table *table)
{
    const struct session *kept = LIST_FIRST(&table->kept, struct session, in_kept);
    const struct session *dirty = LIST_FIRST(&table->dirty, struct session, in_dirty);
    uint64_t times[] = {first_phase_ms(&table->lingering), first_phase_ms(&table->closing),
                        first_phase_ms(&table->unheard), kept ? kept->kept_until_ms : UINT64_MAX,
                        dirty ? dirty->dirty_until_ms : UINT64_MAX};
    uint64_t soonest = UINT64_MAX;
    for (size_t i = 0; i < MEMORY_COUNT(times); i++)
        soonest = times[i] < soonest ? times[i] : soonest;
    return soonest;
}

/* The client closes when it reads this; the fallback is for those that do not. */
static void end_linger(struct session *session, uint64_t now_ms)
{
    session->phase = SESSION_CLOSING;
    enter_phase(session, &session->table->closing, now_ms + BOUNDS_CLOSE_FALLBACK_MS);
    write_frames(session, TEXT(CLOSE_MESSAGE));
}

static void end_closing(struct session *session, uint64_t now_ms)
{
    uint64_t stream = session->stream;
    session_pin(session);
    session->table->actions->end(session->table->context, stream);
    leave_stream(session, now_ms);
    session_unpin(session, now_ms);
}

/* Its calls are cancelled and its frames dropped: nobody will come for them. */
static void end_grace(struct session *session, uint64_t now_ms)
{
    session_pin(session);
    list_remove(&session->in_phase);
    session->table->actions->abandon(session->table->context, session);
    buffer_release(&session->queued);
    list_remove(&session->in_phase);
    session_unpin(session, now_ms);
}

static void tick_phase(struct list *list, uint64_t now_ms, void (*act)(struct session *session, uint64_t now_ms))
{
    struct session *session;
    while ((session = LIST_FIRST(list, struct session, in_phase)) != NULL && session->phase_until_ms <= now_ms)
        act(session, now_ms);
}

/* What was not taken waits behind the others for the next second: the list stays sorted. */
static void save_session(struct session *session, uint64_t now_ms)
{
    struct session_table *table = session->table;
    if (table->actions->save(table->context, session)) {
        list_remove(&session->in_dirty);
    } else {
        session->dirty_until_ms = now_ms + BOUNDS_STATE_WRITE_MS;
        list_append(&table->dirty, &session->in_dirty);
    }
}

void session_tick(struct session_table *table, uint64_t now_ms)
{
    struct session *session;
    tick_phase(&table->lingering, now_ms, end_linger);
    tick_phase(&table->closing, now_ms, end_closing);
    tick_phase(&table->unheard, now_ms, end_grace);
    while ((session = LIST_FIRST(&table->dirty, struct session, in_dirty)) != NULL
           && session->dirty_until_ms <= now_ms)
        save_session(session, now_ms);
    while ((session = LIST_FIRST(&table->kept, struct session, in_kept)) != NULL
           && (session->kept_until_ms <= now_ms || table->state_bytes > BOUNDS_STATES_BYTES))
        forget_session(session);
}

void session_table_stop(struct session_table *table, uint64_t now_ms)
{
    struct session *session;
    table->stopping = true;
    LIST_EACH(session, &table->lingering, struct session, in_phase)
        session->phase_until_ms = now_ms;
    session_tick(table, now_ms);
}
