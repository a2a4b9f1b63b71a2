/* A visitor's session with one demo: its running events, its one stream, what waits for that stream, and the ui.state
 * values between events.
 *
 * The client invents the session's name, so it is a key and nothing else. A session exists while it has events, a
 * stream, waiting frames or state; state is kept for BOUNDS_SESSION_STATE_MS after the last event.
 *
 * Closing handshake, so that no call is lost between "stream closed" and "next call": when the last event has ended, a
 * linger passes in which a new call keeps the stream; then the session is *closing*: close_stream is written and the
 * response stays open until the client leaves (or BOUNDS_CLOSE_FALLBACK_MS passed); calls that arrive meanwhile are
 * held, and answered when the stream is gone, so that the client opens a new one for them.
 *
 * Pure logic: time comes in as an argument, effects go out through session_actions. */
#ifndef GATEWAY_SESSION_H
#define GATEWAY_SESSION_H

#include "gateway/list.h"
#include "runtime/base/buffer.h"
#include "runtime/base/map.h"

struct call;
struct session;
struct session_hold;

/* What a table of sessions asks of its surroundings; `stream` is whatever session_open_stream() was given. */
struct session_actions {
    /* Puts frames on the wire. ERROR_AGAIN: taken, but the client is slow (session_drained() follows); 0 else. */
    int (*write)(void *context, uint64_t stream, struct text frames);
    /* Ends the response; session_close_stream() is not called for it. */
    void (*end)(void *context, uint64_t stream);
    /* A held call may go on now. */
    void (*resume)(void *context, struct session_hold *hold);
    /* Nobody listened for BOUNDS_EVENT_GRACE_MS: cancel what the session still has running. */
    void (*abandon)(void *context, struct session *session);
    /* The queue is below its limit again: newest frames of slow events may be written now. */
    void (*flush)(void *context, struct session *session);
    /* Values changed and the write-behind is due, or the session is about to be forgotten. false: nobody took them;
     * they stay unsaved, and it is asked again a second later. */
    bool (*save)(void *context, struct session *session);
};

struct session_table {
    const struct session_actions *actions; /* borrowed */
    void *context;
    struct map sessions;         /* key: demo id (8 bytes) + name */
    struct list lingering, closing, unheard, kept, dirty; /* by deadline, soonest first */
    size_t state_bytes;
    bool stopping;               /* no linger any more: streams close as soon as nothing runs */
};

enum session_phase { SESSION_OPEN, SESSION_LINGERING, SESSION_CLOSING };

struct session {
    struct session_table *table;
    uint64_t demo_id;
    char *name;                  /* owned */
    enum session_phase phase;    /* of its stream; OPEN also without one */
    uint64_t stream;             /* 0: none */
    bool slow;                   /* the stream's client does not keep up */
    struct list calls;          /* unfinished ones */
    uint32_t call_count;
    struct buffer queued;        /* frames that wait for a stream or for a slow client */
    struct list held;            /* calls that wait for the end of the closing handshake */
    uint32_t held_count;
    struct list in_phase;        /* lingering, closing or unheard */
    struct list in_kept, in_dirty;
    uint64_t phase_until_ms, kept_until_ms, dirty_until_ms;
    struct map state;            /* component id → char * (JSON text) */
    size_t state_bytes;
    bool state_known;            /* the store was asked, or there is nothing to ask */
    uint32_t pins;               /* somebody keeps a pointer across turns of the loop */
};

/* A held call; its owner embeds it. */
struct session_hold {
    struct list in_session;
};

void session_table_init(struct session_table *table, const struct session_actions *actions, void *context);
/* Forgets all sessions; `save` is called for those with unsaved values, nothing else. Their events must be gone. */
void session_table_release(struct session_table *table);

/* A legal name: 1 to BOUNDS_SESSION_HASH_BYTES of letters, digits, '_' and '-'. */
bool session_is_name(struct text name);
/* The session, or NULL. */
struct session *session_find(struct session_table *table, uint64_t demo_id, struct text name);
/* The session, made when it is new. Of BOUNDS_SESSIONS the one that only kept values for longest makes room. NULL: all
 * of them are in use. */
struct session *session_need(struct session_table *table, uint64_t demo_id, struct text name);
/* Between pin and unpin a session stays, whatever ends. unpin may free it. */
void session_pin(struct session *session);
void session_unpin(struct session *session, uint64_t now_ms);

/* Events. add: false when it has BOUNDS_SESSION_EVENTS already. remove may free the session. */
bool session_add_call(struct session *session, struct call *call);
void session_remove_call(struct session *session, struct call *call, uint64_t now_ms);

/* True while a call must wait: then hold it. false from session_hold(): too many wait already. */
bool session_is_closing(const struct session *session);
bool session_hold(struct session *session, struct session_hold *hold);
void session_release_hold(struct session *session, struct session_hold *hold);

/* The stream. Opening replaces an older one (newest wins) and writes what waited. close: the client left. */
void session_open_stream(struct session *session, uint64_t stream, uint64_t now_ms);
void session_close_stream(struct session *session, uint64_t stream, uint64_t now_ms);
void session_drained(struct session *session, uint64_t now_ms);

/* One message (a JSON object on one line) to the client, now or when it listens. ERROR_LIMIT: it was large and too much
 * waits already, so it was dropped; the caller then says so with a small message, which always fits. */
int session_send(struct session *session, struct text message);
/* True when more frames of values should wait: the client is slow or absent and much is queued. */
bool session_is_full(const struct session *session);

/* ui.state: the value of a component (NULL: none yet). set copies; ERROR_LIMIT above BOUNDS_SESSION_STATE_BYTES. */
const char *session_state(const struct session *session, uint32_t component);
int session_set_state(struct session *session, uint32_t component, struct text value, uint64_t now_ms);
/* Appends the values as a JSON object, component id → value. */
void session_write_state(struct session *session, struct buffer *out);
/* Takes over what the store had; values that were set meanwhile win. */
void session_load_state(struct session *session, struct text object);

/* The server stops: streams without calls are closed now, the others behind their last answer. */
void session_table_stop(struct session_table *table, uint64_t now_ms);
/* When session_tick() has something to do (UINT64_MAX: never), and doing it. */
uint64_t session_next_ms(const struct session_table *table);
void session_tick(struct session_table *table, uint64_t now_ms);

#endif
