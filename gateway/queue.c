/* Groups are what concurrency_id makes of functions: each has a line and a number of calls that may run at once. The
 * turn moves one group on with every start, so a group with a thousand waiting calls delays another's only call by
 * one start. Beside the groups' limits there is one for the worker as a whole, BOUNDS_WORKER_EVENTS, which bounds
 * what a process can be told to hold.
 *
 * Running calls stand in one list in the order they were started. When a process ends, those it had not begun are put
 * back at the front of their lines from the last to the first, so that everybody keeps his place. */
#include "gateway/queue.h"

#include <stdlib.h>

#include "runtime/base/bounds.h"

void queue_init(struct queue *queue, const struct function_table *functions)
{
    *queue = (struct queue){.max_waiting = functions->max_queue, .group_count = functions->group_count};
    queue->groups = memory_alloc(functions->group_count + 1, sizeof *queue->groups);
    for (uint32_t i = 0; i < queue->group_count; i++) {
        list_init(&queue->groups[i].waiting);
        queue->groups[i].limit = functions->group_limits[i];
    }
    list_init(&queue->running_calls);
}

void queue_release(struct queue *queue)
{
    free(queue->groups);
    *queue = (struct queue){0};
}

static struct queue_group *group_of(struct queue *queue, const struct call *call)
{
    return &queue->groups[call->function->group];
}

/* The owner asks worker_is_full() before it promises anything, so false here means a race with itself: a bug. */
bool queue_push(struct queue *queue, struct call *call)
{
    if (queue->waiting >= queue->max_waiting)
        return false;
    list_append(&group_of(queue, call)->waiting, &call->in_worker);
    group_of(queue, call)->waiting_count++;
    queue->waiting++;
    return true;
}

/* Groups are asked in turn, beginning behind the one that started last. */
struct call *queue_next(struct queue *queue)
{
    if (queue->waiting == 0 || queue->running >= BOUNDS_WORKER_EVENTS)
        return NULL;
    for (uint32_t i = 0; i < queue->group_count; i++) {
        uint32_t at = (queue->turn + i) % queue->group_count;
        struct queue_group *group = &queue->groups[at];
        struct call *call = LIST_FIRST(&group->waiting, struct call, in_worker);
        if (!call || group->running >= group->limit)
            continue;
        queue->turn = (at + 1) % queue->group_count;
        queue->waiting--;
        queue->running++;
        group->waiting_count--;
        group->running++;
        call->in_process = true;
        list_append(&queue->running_calls, &call->in_worker);
        call_move(call, CALL_STARTING);
        return call;
    }
    return NULL;
}

/* Called from the last to the first, each is put before all that wait: the old order comes out. */
void queue_return(struct queue *queue, struct call *call)
{
    struct queue_group *group = group_of(queue, call);
    call_move(call, CALL_QUEUED);
    call->in_process = false;
    call->credit = BOUNDS_STREAM_CREDIT_BYTES; /* a fresh process knows of nothing that was used up */
    call->uncredited = 0;
    group->running--;
    group->waiting_count++;
    queue->running--;
    queue->waiting++;
    list_prepend(&group->waiting, &call->in_worker);
}

/* in_process tells on which side of the line it stands. */
void queue_leave(struct queue *queue, struct call *call)
{
    if (call->in_process) {
        group_of(queue, call)->running--;
        queue->running--;
    } else {
        group_of(queue, call)->waiting_count--;
        queue->waiting--;
    }
    list_remove(&call->in_worker);
}

uint32_t queue_rank(const struct queue *queue, const struct call *call)
{
    return queue->groups[call->function->group].waiting_count - 1;
}

void queue_each_waiting(struct queue *queue, void (*visit)(void *context, struct call *call, uint32_t rank),
                        void *context)
{
    for (uint32_t i = 0; i < queue->group_count; i++) {
        struct call *call;
        uint32_t rank = 0;
        LIST_EACH(call, &queue->groups[i].waiting, struct call, in_worker)
            visit(context, call, rank++);
    }
}
