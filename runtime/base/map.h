/* A hash table from byte strings (or integers) to pointers. Keyed hashing with a per-process random key, so that
 * keys chosen by strangers cannot collide on purpose. Keys are copied; values are the caller's.
 *
 * A value is never NULL, because NULL says "absent"; who keeps numbers keeps them plus one, and a set keeps any
 * address. The order of a walk is random, so nothing that people or digests see may depend on it. A table never
 * shrinks: one that was large for a moment is released and made anew. */
#ifndef RUNTIME_BASE_MAP_H
#define RUNTIME_BASE_MAP_H

#include "runtime/base/text.h"

struct map_entry;

struct map {
    struct map_entry **buckets; /* owned; NULL while nothing was ever put in */
    size_t bucket_count;        /* a power of two, or 0 */
    size_t count;
};

void map_init(struct map *map);
void map_release(struct map *map); /* frees keys and table, not the values */
void *map_get(const struct map *map, struct text key);               /* NULL when absent */
void *map_set(struct map *map, struct text key, void *value);        /* returns the value it replaced, or NULL */
void *map_remove(struct map *map, struct text key);                  /* returns the value, or NULL */
void *map_get_u64(const struct map *map, uint64_t key);
void *map_set_u64(struct map *map, uint64_t key, void *value);
void *map_remove_u64(struct map *map, uint64_t key);
/* Calls `visit` for each entry; the visitor may remove the entry it is called for, nothing else.
 * Stops and returns the first non-zero result. */
int map_each(struct map *map, int (*visit)(void *context, struct text key, void *value), void *context);
/* The keyed 64-bit hash itself (SipHash-1-3 of the bytes under the process key). */
uint64_t map_hash(struct text key);

#endif
