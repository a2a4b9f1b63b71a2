/* `size` counts what was asked for and not handed out yet, ready or not, so a slow zygote is not asked twice. It
 * falls in two places only, pool_take() and pool_lose(), and `process->pooled` makes each process pass one of them,
 * once. A process that ends before it was ever ready means that this machine cannot lock one at the moment; the wait
 * doubles then, or the log would fill with thousands of attempts a minute. */
#include "gateway/pool.h"

#include <stdlib.h>

#include "gateway/calls.h"
#include "gateway/gateway.h"
#include "gateway/limit.h"
#include "gateway/process.h"
#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"

enum { WAIT_DOUBLINGS = 10 };

/* At most a sixteenth of all workers wait in the pool: a server that may run a handful runs demos with them. */
static void on_refill(void *context)
{
    struct pool *pool = context;

    if (pool->size >= pool->wanted || !pool->gateway->zygote || pool->gateway->stopping)
        return;
    if (process_start_pooled(pool->gateway->calls))
        pool->size++;
    if (pool->size < pool->wanted)
        loop_timer_start(&pool->refill, BOUNDS_POOL_REFILL_MS << pool->failures);
}

struct pool *pool_new(struct gateway *gateway)
{
    struct pool *pool = MEMORY_NEW(struct pool);
    uint32_t most = (uint32_t)limit_environment("POOL_WORKERS", BOUNDS_POOL_WORKERS);

    pool->gateway = gateway;
    pool->wanted = most < gateway->worker_limit / 16 ? most : gateway->worker_limit / 16;
    list_init(&pool->ready);
    loop_timer_init(gateway->loop, &pool->refill, on_refill, pool);
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    loop_timer_release(&pool->refill);
    free(pool);
}

void pool_begin(struct pool *pool)
{
    pool->failures = 0;
    loop_timer_start(&pool->refill, BOUNDS_POOL_REFILL_MS);
}

/* The longest waiting first: its pages have had time to be touched, and none grows old at the end of the list. */
struct process *pool_take(struct pool *pool)
{
    struct process *process = LIST_FIRST(&pool->ready, struct process, in_pool);

    if (!process)
        return NULL;
    list_remove(&process->in_pool);
    process->pooled = false;
    pool->size--;
    loop_timer_start(&pool->refill, BOUNDS_POOL_REFILL_MS);
    return process;
}

void pool_add(struct pool *pool, struct process *process)
{
    pool->failures = 0;
    list_append(&pool->ready, &process->in_pool);
}

/* Also for one that is about to be killed: from then on nobody may take it. */
void pool_lose(struct pool *pool, struct process *process)
{
    bool was_ready = !list_is_empty(&process->in_pool);

    list_remove(&process->in_pool);
    process->pooled = false;
    pool->size--;
    if (!was_ready && pool->failures < WAIT_DOUBLINGS)
        pool->failures++;
    loop_timer_start(&pool->refill, BOUNDS_POOL_REFILL_MS << pool->failures);
}
