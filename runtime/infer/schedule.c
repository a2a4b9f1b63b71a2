/* Demos stand in a ring, each with its own queue. A take begins with the demo whose turn it is and asks each of the
 * others, in order, for the call at the head of its queue when it wants the same model; who gave goes behind who
 * did not. So a demo with a thousand calls gives one per round as long as anybody else wants that model, and one
 * call never waits for more than one round.
 *
 * Only heads of queues are looked at: a demo's own calls stay in order. */
#include "runtime/infer/schedule.h"

#include <stdlib.h>

#include "runtime/base/memory.h"

struct schedule_demo {
    struct schedule_demo *next; /* in order of turns */
    uint64_t id;
    struct schedule_entry *first, *last; /* never empty */
};

void schedule_init(struct schedule *schedule)
{
    *schedule = (struct schedule){0};
    map_init(&schedule->demos);
}

void schedule_release(struct schedule *schedule)
{
    for (struct schedule_demo *demo = schedule->first, *next; demo; demo = next) {
        next = demo->next;
        free(demo);
    }
    map_release(&schedule->demos);
    *schedule = (struct schedule){0};
}

static void schedule_append_demo(struct schedule *schedule, struct schedule_demo *demo)
{
    demo->next = NULL;
    *(schedule->last ? &schedule->last->next : &schedule->first) = demo;
    schedule->last = demo;
}

void schedule_push(struct schedule *schedule, struct schedule_entry *entry)
{
    struct schedule_demo *demo = map_get_u64(&schedule->demos, entry->demo_id);

    entry->next = NULL;
    if (!demo) {
        demo = MEMORY_NEW(struct schedule_demo);
        demo->id = entry->demo_id;
        map_set_u64(&schedule->demos, demo->id, demo);
        schedule_append_demo(schedule, demo);
    }
    *(demo->last ? &demo->last->next : &demo->first) = entry;
    demo->last = entry;
    schedule->count++;
}

/* The demo itself leaves the ring elsewhere, when its queue is empty. */
static struct schedule_entry *schedule_shift(struct schedule *schedule, struct schedule_demo *demo)
{
    struct schedule_entry *entry = demo->first;

    demo->first = entry->next;
    if (!demo->first)
        demo->last = NULL;
    entry->next = NULL;
    schedule->count--;
    return entry;
}

struct schedule_entry *schedule_peek(const struct schedule *schedule)
{
    return schedule->first ? schedule->first->first : NULL;
}

/* One round: every demo in turn gives at most one entry; those that gave go behind those that did not. */
static size_t schedule_round(struct schedule *schedule, struct schedule_entry **ret_entries, size_t count,
                             size_t capacity)
{
    struct schedule_demo *waiting = schedule->first;

    schedule->first = schedule->last = NULL;
    struct schedule_demo *served = NULL, **served_end = &served;
    for (struct schedule_demo *demo = waiting, *next; demo; demo = next) {
        next = demo->next;
        bool gives = count < capacity && (count == 0 || demo->first->model == ret_entries[0]->model);
        if (!gives) {
            schedule_append_demo(schedule, demo);
            continue;
        }
        ret_entries[count++] = schedule_shift(schedule, demo);
        if (demo->first) {
            demo->next = NULL;
            *served_end = demo;
            served_end = &demo->next;
        } else {
            map_remove_u64(&schedule->demos, demo->id);
            free(demo);
        }
    }
    for (struct schedule_demo *demo = served, *next; demo; demo = next) {
        next = demo->next;
        schedule_append_demo(schedule, demo);
    }
    return count;
}

/* Rounds go on while they give something: a lone demo fills the whole batch. */
size_t schedule_take(struct schedule *schedule, struct schedule_entry **ret_entries, size_t capacity)
{
    size_t count = 0, before;

    do {
        before = count;
        count = schedule_round(schedule, ret_entries, count, capacity);
    } while (count > before && count < capacity);
    return count;
}

/* The ring holds only demos that wait. */
static void schedule_drop_demo(struct schedule *schedule, struct schedule_demo *demo)
{
    struct schedule_demo **link = &schedule->first, *before = NULL;

    while (*link != demo) {
        before = *link;
        link = &before->next;
    }
    *link = demo->next;
    if (schedule->last == demo)
        schedule->last = before;
    map_remove_u64(&schedule->demos, demo->id);
    free(demo);
}

struct schedule_entry *schedule_take_demo(struct schedule *schedule, uint64_t demo_id)
{
    struct schedule_demo *demo = map_get_u64(&schedule->demos, demo_id);
    struct schedule_entry *entry = demo ? schedule_shift(schedule, demo) : NULL;

    if (demo && !demo->first)
        schedule_drop_demo(schedule, demo);
    return entry;
}

/* Linear in one demo's queue, which is bounded. */
bool schedule_remove(struct schedule *schedule, struct schedule_entry *entry)
{
    struct schedule_demo *demo = map_get_u64(&schedule->demos, entry->demo_id);
    struct schedule_entry *before = NULL;

    for (struct schedule_entry *each = demo ? demo->first : NULL; each; before = each, each = each->next) {
        if (each != entry)
            continue;
        *(before ? &before->next : &demo->first) = entry->next;
        if (demo->last == entry)
            demo->last = before;
        entry->next = NULL;
        schedule->count--;
        if (!demo->first)
            schedule_drop_demo(schedule, demo);
        return true;
    }
    return false;
}
