/* Doubly linked lists whose links live inside the members: joining and leaving cost nothing and never fail.
 * A list head is a link itself; an empty list and a link in no list point at themselves. */
#ifndef GATEWAY_LIST_H
#define GATEWAY_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/memory.h"

struct list {
    struct list *next, *previous;
};

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* Takes `link` out of whatever list it is in; harmless when it is in none. */
static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* Moves `link` to the end / the front of `list`. */
static inline void list_append(struct list *list, struct list *link)
{
    list_remove(link);
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_prepend(struct list *list, struct list *link)
{
    list_append(list->next, link);
}

/* The member that contains the first link, or NULL. */
#define LIST_FIRST(head, type, member) \
    (list_is_empty(head) ? NULL : MEMORY_CONTAINER((head)->next, type, member))

/* Visits all members; the body may remove the one it is at. */
#define LIST_EACH(item, head, type, member)                                                          \
    for (struct list *at_##item = (head)->next, *behind_##item = at_##item->next;                    \
         at_##item != (head) && ((item) = MEMORY_CONTAINER(at_##item, type, member), true);          \
         at_##item = behind_##item, behind_##item = at_##item->next)

#endif
