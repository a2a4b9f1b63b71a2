/* One call of a function of a demo, from the moment it was accepted until nobody can ask for its result any more.
 *
 *   queued → starting → running → done
 *      ↑________|  (its worker ended before the handler began: it runs again on a fresh one)
 *   any of the first three → cancelled
 *
 * The events of a gateway stand in one event_table: by id for cancel and the curl API, by frame stream for workers.
 * Finished events whose result may still be fetched are kept for BOUNDS_RESULT_KEEP_MS, the oldest leaving earlier
 * when BOUNDS_RESULTS_KEPT_BYTES is passed. */
#ifndef GATEWAY_EVENT_H
#define GATEWAY_EVENT_H

#include "gateway/list.h"
#include "runtime/base/buffer.h"
#include "runtime/base/map.h"

struct function;
struct session;
struct worker;

#define EVENT_STATE_TABLE(X) X(QUEUED) X(STARTING) X(RUNNING) X(DONE) X(CANCELLED)
enum event_state {
#define X(name) EVENT_##name,
    EVENT_STATE_TABLE(X)
#undef X
    EVENT_STATE_COUNT
};

/* How its answer leaves: on the session's stream, on its own /call stream, or as the reply to /run. */
enum event_kind { EVENT_ON_SESSION, EVENT_ON_CALL, EVENT_ON_RUN };

#define EVENT_ID_LENGTH 32

struct event {
    char id[EVENT_ID_LENGTH + 1]; /* empty for EVENT_ON_RUN */
    uint64_t stream;              /* frame stream id, unique in the gateway's life */
    enum event_state state;
    enum event_kind kind;
    bool from_page;               /* the visitor's page asks, not an API client: updates are sent as they are */
    struct worker *worker;        /* borrowed; NULL once finished */
    const struct function *function; /* of that worker's release */
    struct session *session;      /* borrowed; NULL when it has none, or once finished */
    uint64_t exchange;            /* EVENT_ON_RUN: handle of the waiting request */
    struct list in_session, in_worker, in_kept;
    uint64_t joined_us, started_us; /* started_us is 0 before the handler began */
    uint64_t kept_until_ms;
    struct buffer data, request;  /* what the worker is given; freed once the handler has begun */
    struct buffer sent;           /* the last frame of values that was put on the stream */
    struct buffer next;           /* a newer one that waits because the client is slow */
    struct buffer transcript;     /* frames of the curl API, so that every reader gets the same */
    struct buffer progress;       /* newest progress, held back by its rate limit */
    uint64_t progress_ms;
    uint64_t *watchers;           /* owned: handles of open /call streams */
    uint32_t watcher_count;
    uint32_t uncredited;          /* bytes received from the worker and not yet given back as credit */
    uint32_t slot;                /* in the worker's control page */
};

struct event_table {
    struct map by_id, by_stream;
    struct list kept; /* oldest first */
    size_t kept_bytes;
    uint64_t next_stream;
};

void event_table_init(struct event_table *table);
/* Frees the table and every event in it. */
void event_table_release(struct event_table *table);

/* A new queued event with fresh ids. The table owns it until event_free(). */
struct event *event_new(struct event_table *table, enum event_kind kind);
void event_free(struct event_table *table, struct event *event);
/* By the id that clients know / by frame stream; NULL when there is none (any more). */
struct event *event_find(const struct event_table *table, struct text id);
struct event *event_find_stream(const struct event_table *table, uint64_t stream);

/* A move that the diagram does not have is a bug and aborts. */
void event_move(struct event *event, enum event_state state);
static inline bool event_is_finished(const struct event *event) {
    return event->state >= EVENT_DONE;
}
const char *event_state_name(enum event_state state);

/* A finished event: drops everything but its transcript and keeps it fetchable from `now_ms` on. */
void event_keep(struct event_table *table, struct event *event, uint64_t now_ms);
/* Frees what nobody may fetch any more. */
void event_expire(struct event_table *table, uint64_t now_ms);

void event_watch(struct event *event, uint64_t exchange);
void event_unwatch(struct event *event, uint64_t exchange);

#endif
