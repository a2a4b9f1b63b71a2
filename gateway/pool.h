/* Processes that are locked already and wait for a demo, so that a wake does not pay for fork and lock-down.
 *
 *   timer ──process_start_pooled()──► starting ──worker_locked──► ready ──pool_take()──► a worker's process
 *
 * No byte of a demo has reached a ready one: what it gets when it is taken is the release's bundle, and after that its
 * life is that of any other process. The refill runs a while after the wake that made it necessary, one process at a
 * time, so that it never competes with the wake. When the zygote is replaced the ready ones go: siblings of one zygote
 * share their address layout, and a pool that outlived it would keep the old one in use. */
#ifndef GATEWAY_POOL_H
#define GATEWAY_POOL_H

#include "gateway/list.h"
#include "runtime/loop/loop.h"

struct gateway;
struct process;

struct pool {
    struct gateway *gateway;    /* borrowed */
    struct list ready;          /* struct process, the longest waiting first */
    struct loop_timer refill;
    uint32_t size;              /* ready and starting ones, together */
    uint32_t wanted;            /* how many there should be: BOUNDS_POOL_WORKERS, fewer where few may run at all */
    uint32_t failures;          /* starts in a row that ended before worker_locked: each doubles the wait */
};

struct pool *pool_new(struct gateway *gateway);
void pool_free(struct pool *pool);
/* The zygote came (or came again): begins to fill. */
void pool_begin(struct pool *pool);
/* A ready process, no longer the pool's; NULL when there is none. */
struct process *pool_take(struct pool *pool);
/* A process of the pool says that it is locked. */
void pool_add(struct pool *pool, struct process *process);
/* A process of the pool ended, or is about to be freed. */
void pool_lose(struct pool *pool, struct process *process);

#endif
