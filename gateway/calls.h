/* The call path of one gateway loop: calls, sessions, workers, and the peers that serve them. The server part sees it
 * as the struct gateway_part `calls_part`; nothing here is global. */
#ifndef GATEWAY_CALLS_H
#define GATEWAY_CALLS_H

#include "gateway/budget.h"
#include "gateway/call.h"
#include "gateway/pressure.h"
#include "gateway/session.h"
#include "runtime/loop/loop.h"

struct function_table;
struct gateway;
struct release;

struct calls_counts {
    uint64_t joined, done, failed, cancelled, expired, refused, wakes, sleeps, evictions, kills, crashes;
};

struct calls {
    struct gateway *gateway;       /* borrowed */
    struct budget budget;          /* what the operator allows every demo */
    struct pressure pressure;      /* memory that is left; looked at when workers rest */
    uint64_t pressure_ms;          /* when it is looked at next */
    struct call_table table;
    struct session_table sessions;
    struct map workers;            /* release id → struct worker */
    struct list every_worker;
    struct list busy_workers;      /* with calls, waiting or running */
    struct list idle_workers;      /* warm ones without calls, least recently used first */
    struct list greedy;            /* processes that sent more than their share and wait for that */
    struct map slots;              /* slot → struct process that was not reaped yet */
    uint32_t next_slot;
    struct map requests;           /* question to the store → struct request */
    struct list unasked;           /* those that could not be asked */
    struct map jobs;               /* inference job → struct relay_call */
    uint64_t next_job;
    struct list streams;           /* open event streams, for the heartbeat */
    struct buffer message, frame;  /* scratch for one message */
    struct loop_timer tick, beat;  /* times of sessions and workers; heartbeats */
    struct loop_timer last_call;   /* a graceful stop: calls that still run fail now */
    uint64_t tick_ms;              /* when `tick` is due; UINT64_MAX: not armed */
    struct calls_counts counts;
};

/* Arms the tick for the soonest thing that waits for a time. Call after anything that may have moved it forward. */
void calls_arm(struct calls *calls);
/* The functions of a release, read from its manifest once; NULL when it is damaged. */
const struct function_table *calls_functions(struct release *release);

#endif
