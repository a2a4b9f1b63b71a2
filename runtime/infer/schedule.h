/* Which model calls run next: demos take turns, and calls of the same model that wait together run together.
 *
 * One schedule per child process. Each demo has a queue of its own; the demo whose turn it is decides the model, and
 * the other demos, in their order, add the calls at the head of their queues that want the same model. */
#ifndef RUNTIME_INFER_SCHEDULE_H
#define RUNTIME_INFER_SCHEDULE_H

#include "runtime/base/map.h"

/* Embedded in what waits. */
struct schedule_entry {
    struct schedule_entry *next; /* of the same demo, in order of coming */
    uint64_t demo_id;
    const void *model; /* entries with the same one may run together */
};

struct schedule_demo;

struct schedule {
    struct map demos;            /* demo id → struct schedule_demo, only those that wait */
    struct schedule_demo *first; /* whose turn it is */
    struct schedule_demo *last;
    size_t count;                /* waiting entries */
};

void schedule_init(struct schedule *schedule);
void schedule_release(struct schedule *schedule); /* the entries are their owners' */
/* Appends `entry`, which stays the caller's memory, behind its demo's others. */
void schedule_push(struct schedule *schedule, struct schedule_entry *entry);
/* The entry that the next take begins with, or NULL when none waits. */
struct schedule_entry *schedule_peek(const struct schedule *schedule);
/* Takes up to `capacity` entries of one model into `ret_entries`; returns how many, 0 when none waits. */
size_t schedule_take(struct schedule *schedule, struct schedule_entry **ret_entries, size_t capacity);
/* Takes the first entry of one demo, out of turn; NULL when none of it waits. */
struct schedule_entry *schedule_take_demo(struct schedule *schedule, uint64_t demo_id);
/* Takes out one that waits; false when it does not. */
bool schedule_remove(struct schedule *schedule, struct schedule_entry *entry);

#endif
