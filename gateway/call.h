/* One call of a function of a demo, from the moment it was accepted until nobody can ask for its result any more.
 *
 *   queued → starting → running → done
 *      ↑________|  (its worker ended before the handler began: it runs again on a fresh one)
 *   any of the first three → cancelled
 *
 * The calls of a gateway stand in one call_table: by id for cancel and the curl API, by frame stream for workers.
 * Finished calls whose result may still be fetched are kept for BOUNDS_RESULT_KEEP_MS, the oldest leaving earlier
 * when BOUNDS_RESULTS_KEPT_BYTES is passed. */
#ifndef GATEWAY_CALL_H
#define GATEWAY_CALL_H

#include "gateway/list.h"
#include "runtime/base/buffer.h"
#include "runtime/base/map.h"

struct function;
struct session;
struct stream;
struct worker;

#define CALL_STATE_TABLE(X) X(QUEUED) X(STARTING) X(RUNNING) X(DONE) X(CANCELLED)
enum call_state {
#define X(name) CALL_##name,
    CALL_STATE_TABLE(X)
#undef X
    CALL_STATE_COUNT
};

/* How its answer leaves: on the session's stream, to the readers of its /call stream, or as the reply to /run. */
enum call_kind { CALL_ON_SESSION, CALL_ON_READERS, CALL_ON_REPLY };

#define CALL_ID_LENGTH 32

struct call {
    char id[CALL_ID_LENGTH + 1]; /* empty for CALL_ON_REPLY */
    uint64_t stream;              /* frame stream id, unique in the gateway's life */
    enum call_state state;
    enum call_kind kind;
    bool from_page;               /* the visitor's page asks, not an API client: updates are sent as they are */
    bool in_process;              /* its worker's process was given it and has not said its last word */
    struct worker *worker;        /* borrowed; NULL once finished */
    const struct function *function; /* of that worker's release */
    struct session *session;      /* borrowed; NULL when it has none, or once finished */
    uint64_t demo_id;
    char *file_prefix;            /* owned: where files of its answer are fetched, "http://…/gradio_api/file=" */
    uint64_t exchange;            /* CALL_ON_REPLY: handle of the waiting request */
    struct list in_session, in_worker, in_kept;
    uint64_t joined_us, started_us; /* started: given to the process, 0 before */
    uint64_t kept_until_ms;
    struct buffer data, request;  /* what the worker is given; freed once the handler has begun */
    struct buffer sent;           /* the last frame of values that was put on the stream */
    struct buffer next;           /* a newer one that waits because the client is slow */
    struct buffer transcript;     /* frames of the curl API, so that every reader gets the same */
    struct buffer progress;       /* newest progress, held back by its rate limit */
    uint64_t progress_ms;
    struct stream **watchers;     /* owned array: open streams of the curl API that read along */
    uint32_t watcher_count;
    int64_t credit;               /* bytes its handler may still send while it runs; the last message may pass it */
    uint32_t uncredited;          /* bytes received and not yet given back as credit */
    uint32_t used_ms;             /* processor time of its handler, as far as it was seen */
};

struct call_table {
    struct map by_id, by_stream;
    size_t waiting_bytes; /* data and request of all calls whose handlers have not begun */
    struct list kept; /* oldest first */
    size_t kept_bytes;
    uint64_t next_stream;
    unsigned char randomness[1024]; /* drawn ahead, for ids: it saves a system call per call */
    size_t randomness_left;
};

void call_table_init(struct call_table *table);
/* Frees the table and every call in it. */
void call_table_release(struct call_table *table);

/* A new queued call with fresh ids. The table owns it until call_free(). */
struct call *call_new(struct call_table *table, enum call_kind kind);
void call_free(struct call_table *table, struct call *call);
/* What the worker is given: takes both buffers over. drop: its handler has begun, nobody will need them again. */
void call_give_input(struct call_table *table, struct call *call, struct buffer *data, struct buffer *request);
void call_drop_input(struct call_table *table, struct call *call);
/* Calls that wait hold BOUNDS_CALLS_WAITING_BYTES together: no more may come. */
bool call_table_is_full(const struct call_table *table);
/* By the id that clients know / by frame stream; NULL when there is none (any more). */
struct call *call_find(const struct call_table *table, struct text id);
struct call *call_find_stream(const struct call_table *table, uint64_t stream);

/* A move that the diagram does not have is a bug and aborts. */
void call_move(struct call *call, enum call_state state);
static inline bool call_is_finished(const struct call *call)
{
    return call->state >= CALL_DONE;
}
const char *call_state_name(enum call_state state);

/* A finished event: drops everything but its transcript and keeps it fetchable from `now_ms` on. */
void call_keep(struct call_table *table, struct call *call, uint64_t now_ms);
/* Frees what nobody may fetch any more. */
void call_expire(struct call_table *table, uint64_t now_ms);

/* Readers that want what follows; a stream that ends must be unwatched before it is gone. */
void call_watch(struct call *call, struct stream *stream);
void call_unwatch(struct call *call, struct stream *stream);

#endif
