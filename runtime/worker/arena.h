/* The heap of one Lua state: a region reserved once, so that a locked worker needs no system call to allocate.
 *
 *   base ---- sealed --------------- top ---------------- end
 *   the zygote's objects,            never touched yet:
 *   shared with all siblings         costs no memory
 *
 * Two allocators in one. Up to ARENA_SMALL_BYTES a block has no header (Lua tells the size when it gives one back) and
 * goes to a list of its size class; larger ones carry a header and are joined with free neighbours, without which 32
 * MiB of live strings were seen to need 80 MiB of region.
 *
 * arena_seal() draws the line before which nothing is written any more: holes that the zygote left are forgotten and
 * blocks given back there are dropped. A worker thus never copies a shared page only to note that a hole is free, and
 * its own objects stand densely on pages of its own. What is lost is shared, and counted once.
 *
 * There is no failure: a full region ends the process through `on_full`, because Lua must not see NULL. */
#ifndef RUNTIME_WORKER_ARENA_H
#define RUNTIME_WORKER_ARENA_H

#include <stddef.h>

enum { ARENA_GRAIN = 16, ARENA_SMALL_BYTES = 512, ARENA_BINS = 32 };

struct arena_block; /* a large block's header; the links of a free one stand in its contents */

/* Called when the region has no room; must not return. */
typedef void arena_full(void *context);

struct arena {
    char *base, *sealed, *top, *end;
    void *small[ARENA_SMALL_BYTES / ARENA_GRAIN + 1]; /* by size in grains: free blocks, singly linked */
    char *run, *run_end;                              /* where the next small blocks are cut from */
    struct arena_block *bins[ARENA_BINS];             /* free large blocks by the highest bit of their size */
    struct arena_block *last;                         /* the large block below top: the next one's left neighbour */
    arena_full *on_full;
    void *context;
};

/* Reserves `bytes` of address space; memory comes with use. 0 or ERROR_SYSTEM. */
int arena_init(struct arena *arena, size_t bytes, arena_full *on_full, void *context);
void arena_release(struct arena *arena);
/* Lua's contract without its NULL: the new block, with the old contents up to the smaller size; new_size 0 gives the
 * block back. `old_size` is what the block was asked for with; 0 when `block` is NULL. */
void *arena_resize(struct arena *arena, void *block, size_t old_size, size_t new_size);
/* From now on what was allocated before is only read: see above. */
void arena_seal(struct arena *arena);
/* Touches the next `bytes` at once: one call instead of a fault per page, for a worker that waits in the pool. */
void arena_populate(struct arena *arena, size_t bytes);

#endif
