/* One process forked by the zygote for one worker: its slot, its socket, the memory it shares with us.
 *
 * A process outlives its worker's interest in it: after a kill the slot (and with it the uid that runs there) is taken
 * until the zygote has reaped it. */
#ifndef GATEWAY_PROCESS_H
#define GATEWAY_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/list.h"
#include "gateway/watch.h"

struct calls;
struct channel;
struct control_page;
struct release;
struct worker;

struct process {
    struct calls *calls;
    struct worker *worker;       /* NULL: nobody waits for it any more */
    uint32_t slot;
    pid_t pid;                   /* 0: not known yet */
    struct channel *zygote;      /* who made it and can end it; compared before it is used: it may be gone */
    struct channel *channel;     /* owned; NULL once it was closed */
    uint64_t served;             /* events that ended in it */
    struct control_page *page;   /* mapped, shared */
    int window_fd;               /* owned: the tensor window */
    uint64_t woken_us;
    struct watch watch;
    uint64_t told;               /* messages sent to it: each is a reason to compute */
    bool pooled;                 /* the pool's: locked or on the way, and without a demo */
    struct list in_pool;         /* those that can be taken */
    uint64_t used_bytes, used_since_ms; /* what it has sent, against what it may send in that time */
    uint64_t greedy_until_ms;
    bool paused;                 /* far too much: nothing is read from it */
    struct list in_greedy;       /* it sent more than its share: its calls get no credit for a while */
};

/* A process for this worker: one of the pool, or a new one from the zygote. NULL: the zygote is away, or
 * BOUNDS_WORKERS slots are taken. */
struct process *process_start(struct worker *worker);
/* A process without a worker, for the pool. false: as above. */
bool process_start_pooled(struct calls *calls);
/* Kills it and lets go of it: the worker hears nothing more. */
void process_kill(struct process *process);

/* Gives the tensor window to the inference backend (which may have been restarted). */
void process_share_window(struct process *process);

/* What the zygote says. false: about a slot that is not ours. */
bool process_spawned(struct calls *calls, uint32_t slot, pid_t pid);
bool process_exited(struct calls *calls, uint32_t slot, uint32_t exit);
/* True while its calls should get no credit because they send faster than this server shares out. */
bool process_is_greedy(const struct process *process);
/* Lets those go on that have waited long enough. */
void process_resume(struct calls *calls, uint64_t now_ms);
/* A zygote came or went. Processes of one that died are lost; those of one that was replaced go on, but not those that
 * wait in the pool; without any left its channel is closed. */
void process_lose_all(struct calls *calls);
/* It has lived or served long enough that an idle moment is used to begin afresh: what a demo did to its own process
 * does not stay for ever. */
bool process_is_old(const struct process *process);

#endif
