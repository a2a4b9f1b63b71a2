/* Which event of a demo runs next: one waiting line per concurrency group, a limit per group and one for the worker.
 * Within a group the order is that of arrival; groups take turns. */
#ifndef GATEWAY_QUEUE_H
#define GATEWAY_QUEUE_H

#include "gateway/call.h"
#include "gateway/function.h"

struct queue_group {
    struct list waiting;
    uint32_t waiting_count, running, limit;
};

struct queue {
    struct queue_group *groups; /* owned */
    uint32_t group_count;
    uint32_t turn;              /* the group that is asked first */
    uint32_t waiting, running;
    uint32_t max_waiting;
    struct list running_calls; /* starting and running ones */
};

void queue_init(struct queue *queue, const struct function_table *functions);
/* Frees the groups; all events must have left. */
void queue_release(struct queue *queue);

/* Puts a queued event at the end of its group's line. false: max_waiting wait already. */
bool queue_push(struct queue *queue, struct call *call);
/* The next event that may start, moved to the running ones and to CALL_STARTING; NULL: none may. */
struct call *queue_next(struct queue *queue);
/* A starting event goes back to the front of its line (its worker ended before the handler began). */
void queue_return(struct queue *queue, struct call *call);
/* Takes an event out, wherever it stands. */
void queue_leave(struct queue *queue, struct call *call);

/* The rank of a call that was pushed last into its group. */
uint32_t queue_rank(const struct queue *queue, const struct call *call);
/* Calls `visit` for each waiting event with its rank (0 is next in its group); it may
 * take that call out. */
void queue_each_waiting(struct queue *queue, void (*visit)(void *context, struct call *call, uint32_t rank),
                        void *context);

#endif
