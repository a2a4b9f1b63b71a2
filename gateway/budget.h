/* What one demo may use: processor time, patience, memory, places in its queue.
 *
 * The operator's word comes first (VITRINE_LIMIT_*, else bounds.h); the author may ask for less in the front matter of
 * README.md or, for one function, with time_limit. What is more than the operator allows is the operator's. */
#ifndef GATEWAY_BUDGET_H
#define GATEWAY_BUDGET_H

#include <stdint.h>

struct json;
struct json_node;

struct budget {
    uint64_t slice_ms;     /* processor time between two waits of a handler */
    uint64_t event_cpu_ms; /* processor time of a whole call */
    uint64_t event_ms;     /* time of a whole call by the clock on the wall, from the moment its process was given it */
    uint64_t heap_bytes;   /* what the Lua state may hold */
    uint64_t queue;        /* calls that may wait */
};

/* What the operator allows every demo. Reads the environment: before the process locks itself down. */
void budget_init(struct budget *budget);
/* Lowers it to what `limits` (an object of the manifest; NULL: none) asks for. Members that are no whole numbers are
 * ignored: the describe cage has told their author. */
void budget_lower(struct budget *budget, const struct json *json, const struct json_node *limits);

/* "250 ms", "1.5 s", "60 s" for a sentence. Returns `memory`. */
const char *budget_duration(uint64_t ms, char memory[32]);

#endif
