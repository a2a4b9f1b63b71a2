/* One release of a demo as something that can be called: its queue, and at most one process that runs its calls. It
 * exists while it has calls or a process.
 *
 *   cold ──first call──► waking ──worker_ready──► warm ──idle, pressure──► cold
 *              ▲                       │                │
 *              └──── process ended ────┴────────────────┘   what had not started runs again on a fresh process
 *
 * Calls are put on the process's socket at once, also while it is waking. When another release goes live the worker
 * drains: it finishes its calls and goes away. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include "gateway/budget.h"
#include "gateway/function.h"
#include "gateway/output.h"
#include "gateway/process.h"
#include "gateway/queue.h"
#include "gateway/relay.h"

struct calls;
struct demo;
struct release;

struct worker {
    struct calls *calls;
    struct demo *demo;           /* held */
    struct release *release;     /* held */
    const struct function_table *functions; /* the release's */
    struct budget budget;        /* what it may use: the operator's, lowered by its author */
    double *averages;            /* owned: seconds a call of each function takes, by position in the table */
    char *visitor;               /* owned: the session it is for (isolation: visitor), "" for one call; NULL: for all */
    struct queue queue;
    struct process *process;     /* NULL: cold */
    struct relay relay;          /* what its process waits for */
    bool ready;                  /* the process has run app.lua */
    bool draining;
    bool stuck;                  /* its process does not take what we send */
    bool ranks_changed;          /* waiting calls moved: tell them */
    uint32_t failures;           /* processes that ended one after the other without finishing a call */
    uint64_t retry_ms, blocked_ms; /* no new process before; none could be started since (0: it can) */
    uint64_t idle_since_ms, ranked_ms;
    uint64_t emptied_ms;         /* when its last call left the books */
    struct list in_every, in_idle, in_busy;
};

/* The worker for this visitor's call, made when there is none. Most releases have one for everybody; one that isolates
 * visitors has one for each session, and a call without a session gets its own. NULL: BOUNDS_DEMO_VISITORS of the demo
 * are busy. */
struct worker *worker_for_release(struct calls *calls, struct demo *demo, struct release *release, struct text visitor);
struct worker *worker_find(struct calls *calls, uint64_t release_id); /* the one for everybody */
/* Another release is live: all of this one drain. */
void worker_drain_release(struct calls *calls, const struct release *release);

/* A slot became free: whoever waits longest for one starts its process. */
void worker_slot_free(struct calls *calls);

/* The queue takes no more calls. */
bool worker_is_full(const struct worker *worker);
/* Hands over a fresh call whose function, data, session are set. It starts now or waits in the queue. */
void worker_submit(struct worker *worker, struct call *call);
/* The visitor does not want the answer any more: it is told so at once; the handler is stopped behind its back.
 * Harmless for a call that has ended. May free the call. */
void worker_cancel(struct worker *worker, struct call *call);
/* A slow client caught up: the call's handler may send more. */
void worker_credit(struct worker *worker, struct call *call);

/* The last word about a call was given (answer.h): it leaves the queue, the next one starts. Frees or keeps it. */
void worker_finish(struct worker *worker, struct call *call);
/* The process is gone, for this reason ("it ran out of memory"): what had begun fails, the rest starts again.
 * `begun` is the call it was computing for (watch_running()). */
void worker_lost(struct worker *worker, const char *reason, uint64_t begun);
/* As worker_lost(), of a process that lives and must not: it broke the rules, or passed a limit. */
void worker_kill(struct worker *worker, const char *reason);
/* app.lua could not run: every waiting call fails. */
void worker_failed(struct worker *worker, struct text reason);
void worker_set_ready(struct worker *worker);

/* How long it may rest before it is put to sleep. */
uint64_t worker_idle_ms(const struct worker *worker);
/* Ends the process of an idle worker, and the worker with it. */
void worker_sleep(struct worker *worker);
/* Another release is live: no new calls come; it frees itself when the last one ended. */
void worker_drain(struct worker *worker);
/* The gateway ends, or the demo was deleted: every call fails with this sentence. Frees the worker. */
void worker_end(struct worker *worker, const char *sentence);

/* Every BOUNDS_PULSE_MS while it has calls: ranks, held-back progress, a delayed start. */
void worker_pulse(struct worker *worker, uint64_t now_ms);

double worker_average(const struct worker *worker, const struct function *function);
struct output_times worker_times(struct worker *worker, const struct call *call);

#endif
