/* One row per figure: what authors call it, what operators call it, what it is when nobody says, and the least that
 * makes sense (a demo that asks for 0 bytes of memory would only puzzle its author). Adding a limit is adding a row,
 * a field, and the place that looks at it. */
#include "gateway/budget.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/limit.h"
#include "runtime/base/bounds.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

static const struct row {
    const char *name, *environment;
    size_t offset;
    uint64_t fallback, least;
} rows[] = {
    {"slice_ms", "WORKER_SLICE_MS", offsetof(struct budget, slice_ms), BOUNDS_WORKER_SLICE_MS, 10},
    {"event_cpu_ms", "WORKER_EVENT_CPU_MS", offsetof(struct budget, event_cpu_ms), BOUNDS_WORKER_EVENT_CPU_MS, 10},
    {"event_ms", "WORKER_EVENT_MS", offsetof(struct budget, event_ms), BOUNDS_WORKER_EVENT_MS, 10},
    {"heap_bytes", "WORKER_HEAP_BYTES", offsetof(struct budget, heap_bytes), BOUNDS_WORKER_HEAP_BYTES, 4u << 20},
    {"queue", "DEMO_QUEUE_EVENTS", offsetof(struct budget, queue), BOUNDS_DEMO_QUEUE_EVENTS, 1},
};

static uint64_t *field(struct budget *budget, const struct row *row)
{
    return (uint64_t *)(void *)((char *)budget + row->offset);
}

/* All of them travel as 32-bit numbers at some point (milliseconds of the worker, its heap). */
static uint64_t clamp(uint64_t value, uint64_t least)
{
    return value < least ? least : value > UINT32_MAX ? UINT32_MAX : value;
}

void budget_init(struct budget *budget)
{
    for (size_t i = 0; i < MEMORY_COUNT(rows); i++)
        *field(budget, &rows[i]) = clamp(limit_environment(rows[i].environment, rows[i].fallback), rows[i].least);
}

/* Front matter is YAML, whose scalars reach the manifest as texts; the kit writes numbers. */
static bool read_number(const struct json_node *node, uint64_t *ret_value)
{
    struct buffer text BUFFER_AUTO = BUFFER_EMPTY;
    int64_t number;
    if (json_integer(node, &number)) {
        *ret_value = (uint64_t)number;
        return number >= 0;
    }
    return json_string(node, &text) == 0 && text_to_u64(buffer_view(&text), ret_value) == 0;
}

void budget_lower(struct budget *budget, const struct json *json, const struct json_node *limits)
{
    for (size_t i = 0; limits && i < MEMORY_COUNT(rows); i++) {
        const struct json_node *node = json_get(json, limits, rows[i].name);
        uint64_t asked, *allowed = field(budget, &rows[i]);
        if (!node || !read_number(node, &asked))
            continue;
        asked = clamp(asked, rows[i].least);
        *allowed = asked < *allowed ? asked : *allowed;
    }
}

const char *budget_duration(uint64_t ms, char memory[32])
{
    if (ms < 1000)
        snprintf(memory, 32, "%llu ms", (unsigned long long)ms);
    else if (ms % 1000)
        snprintf(memory, 32, "%.1f s", (double)ms / 1000);
    else
        snprintf(memory, 32, "%llu s", (unsigned long long)(ms / 1000));
    return memory;
}
