/* See the header for the picture. What must hold:
 *
 *   - every size is a multiple of ARENA_GRAIN, every block lies on one;
 *   - large blocks stand side by side from the first one above `sealed` to `top`: block + size is the next block's
 *     header, and its `left` says where this one begins. Runs of small blocks are large blocks that nobody gives back;
 *   - two free large blocks never touch, and the block below `top` is never free: it is given to `top` instead, so an
 *     idle worker's unused end costs nothing after arena_populate();
 *   - a bin holds blocks of 2^n to 2^(n+1) - 1 bytes. A request looks through its own bin a little (BIN_LOOKS), then
 *     takes the first block of a higher one, which fits for sure. So the time is bounded whatever a demo allocates. */
#include "runtime/worker/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/error.h"

enum { RUN_BYTES = 16 << 10, BIN_LOOKS = 16, PAGE = 4096 };

struct arena_block {
    size_t size;              /* header included; bit 0: free */
    struct arena_block *left; /* NULL: the first above the seal */
    struct arena_block *next, *previous; /* in its bin: only while free */
};

enum { HEADER_BYTES = 16, BLOCK_FREE = 1 };

_Static_assert(offsetof(struct arena_block, next) == HEADER_BYTES, "contents follow the two words of the header");
_Static_assert(sizeof(struct arena_block) <= ARENA_SMALL_BYTES, "a free large block has room for its links");

static size_t round_up(size_t size, size_t to)
{
    return (size + to - 1) & ~(to - 1);
}

static bool block_is_free(const struct arena_block *block)
{
    return block->size & BLOCK_FREE;
}

static size_t block_size(const struct arena_block *block)
{
    return block->size & ~(size_t)BLOCK_FREE;
}

static struct arena_block *block_after(const struct arena_block *block)
{
    return (struct arena_block *)((uintptr_t)block + block_size(block));
}

static unsigned bin_of(size_t size)
{
    unsigned bit = 63u - (unsigned)__builtin_clzl(size);

    return bit < ARENA_BINS ? bit : ARENA_BINS - 1;
}

int arena_init(struct arena *arena, size_t bytes, arena_full *on_full, void *context)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        return ERROR_SYSTEM;
    /* A huge page would be copied, or zeroed, whole for the first byte that a worker writes. */
    madvise(base, bytes, MADV_NOHUGEPAGE);
    *arena = (struct arena){.base = base, .sealed = base, .top = base, .end = (char *)base + bytes, .on_full = on_full,
                            .context = context};
    return 0;
}

void arena_release(struct arena *arena)
{
    munmap(arena->base, (size_t)(arena->end - arena->base));
    *arena = (struct arena){0};
}

static _Noreturn void arena_is_full(const struct arena *arena)
{
    arena->on_full(arena->context);
    abort();
}

/* -- large blocks -- */

static void bin_add(struct arena *arena, struct arena_block *block)
{
    struct arena_block **bin = &arena->bins[bin_of(block_size(block))];

    block->size |= BLOCK_FREE;
    block->previous = NULL;
    block->next = *bin;
    if (*bin)
        (*bin)->previous = block;
    *bin = block;
}

static void bin_remove(struct arena *arena, struct arena_block *block)
{
    if (block->previous)
        block->previous->next = block->next;
    else
        arena->bins[bin_of(block_size(block))] = block->next;
    if (block->next)
        block->next->previous = block->previous;
    block->size &= ~(size_t)BLOCK_FREE;
}

/* Tells the right neighbour, or top, where the block to its left begins. */
static void set_neighbour(struct arena *arena, struct arena_block *block)
{
    if ((char *)block_after(block) == arena->top)
        arena->last = block;
    else
        block_after(block)->left = block;
}

static void block_free(struct arena *arena, struct arena_block *block)
{
    struct arena_block *left = block->left;
    struct arena_block *right = (char *)block_after(block) == arena->top ? NULL : block_after(block);

    if (right && block_is_free(right)) {
        bin_remove(arena, right);
        block->size += right->size;
    }
    if (left && block_is_free(left)) {
        bin_remove(arena, left);
        left->size += block->size;
        block = left;
    }
    if ((char *)block_after(block) == arena->top) {
        arena->top = (char *)block;
        arena->last = block->left;
        return;
    }
    set_neighbour(arena, block);
    bin_add(arena, block);
}

/* Cuts what is beyond `size` off a block in use, when it is large enough to be one itself. */
static void block_trim(struct arena *arena, struct arena_block *block, size_t size)
{
    struct arena_block *rest = (struct arena_block *)((char *)block + size);

    if (block->size - size < ARENA_SMALL_BYTES)
        return;
    rest->size = block->size - size;
    rest->left = block;
    block->size = size;
    set_neighbour(arena, rest);
    block_free(arena, rest);
}

static struct arena_block *bin_search(struct arena *arena, size_t size)
{
    unsigned bin = bin_of(size);
    int looks = BIN_LOOKS;

    for (struct arena_block *block = arena->bins[bin]; block && looks-- > 0; block = block->next)
        if (block_size(block) >= size)
            return block;
    while (++bin < ARENA_BINS)
        if (arena->bins[bin])
            return arena->bins[bin];
    return NULL;
}

static struct arena_block *block_from_top(struct arena *arena, size_t size)
{
    struct arena_block *block = (struct arena_block *)arena->top;

    if (size > (size_t)(arena->end - arena->top))
        arena_is_full(arena);
    arena->top += size;
    block->size = size;
    block->left = arena->last;
    arena->last = block;
    return block;
}

static void *large_alloc(struct arena *arena, size_t bytes)
{
    size_t size = round_up(bytes, ARENA_GRAIN) + HEADER_BYTES;
    struct arena_block *block;

    if (size < bytes) /* wrapped around */
        arena_is_full(arena);
    block = bin_search(arena, size);
    if (block) {
        bin_remove(arena, block);
        block_trim(arena, block, size);
    } else {
        block = block_from_top(arena, size);
    }
    return (char *)block + HEADER_BYTES;
}

/* Grows into a free right neighbour, or into top; false when it cannot. Strings that are built up and tables that
 * grow are at the end of the region often enough to make this worth it. */
static bool large_grow(struct arena *arena, struct arena_block *block, size_t size)
{
    if ((char *)block_after(block) == arena->top && size <= (size_t)(arena->end - (char *)block)) {
        arena->top = (char *)block + size;
        block->size = size;
        return true;
    }
    if ((char *)block_after(block) == arena->top)
        return false;
    struct arena_block *right = block_after(block);
    if (!block_is_free(right) || block->size + block_size(right) < size)
        return false;
    bin_remove(arena, right);
    block->size += right->size;
    set_neighbour(arena, block);
    block_trim(arena, block, size);
    return true;
}

/* -- small blocks -- */

static void small_free(struct arena *arena, void *block, size_t size)
{
    memcpy(block, &arena->small[size / ARENA_GRAIN], sizeof(void *));
    arena->small[size / ARENA_GRAIN] = block;
}

static void *small_alloc(struct arena *arena, size_t size)
{
    void **list = &arena->small[size / ARENA_GRAIN], *block = *list;

    if (block) {
        memcpy(list, block, sizeof(void *));
        return block;
    }
    if ((size_t)(arena->run_end - arena->run) < size) {
        size_t rest = (size_t)(arena->run_end - arena->run);
        if (rest > 0)
            small_free(arena, arena->run, rest); /* a multiple of the grain, and small: it has a class */
        arena->run = large_alloc(arena, RUN_BYTES - HEADER_BYTES);
        arena->run_end = arena->run + RUN_BYTES - HEADER_BYTES;
    }
    block = arena->run;
    arena->run += size;
    return block;
}

/* -- both -- */

static void *any_alloc(struct arena *arena, size_t bytes)
{
    return bytes <= ARENA_SMALL_BYTES ? small_alloc(arena, round_up(bytes, ARENA_GRAIN)) : large_alloc(arena, bytes);
}

static void any_free(struct arena *arena, void *block, size_t bytes)
{
    if ((char *)block < arena->sealed)
        return;
    if (bytes <= ARENA_SMALL_BYTES)
        small_free(arena, block, round_up(bytes, ARENA_GRAIN));
    else
        block_free(arena, (struct arena_block *)((char *)block - HEADER_BYTES));
}

/* The block can stay where it is. A large block that shrinks gives back its end. */
static bool resize_in_place(struct arena *arena, void *block, size_t old_size, size_t new_size)
{
    struct arena_block *header = (struct arena_block *)((char *)block - HEADER_BYTES);
    size_t size = round_up(new_size, ARENA_GRAIN) + HEADER_BYTES;

    if ((char *)block < arena->sealed)
        return new_size <= old_size; /* giving it back later is a word without consequence */
    if (old_size <= ARENA_SMALL_BYTES)
        return round_up(old_size, ARENA_GRAIN) == round_up(new_size, ARENA_GRAIN);
    if (new_size <= ARENA_SMALL_BYTES)
        return false;
    if (size > header->size)
        return size > new_size && large_grow(arena, header, size);
    block_trim(arena, header, size);
    return true;
}

void *arena_resize(struct arena *arena, void *block, size_t old_size, size_t new_size)
{
    if (!block)
        return new_size ? any_alloc(arena, new_size) : NULL;
    if (new_size == 0) {
        any_free(arena, block, old_size);
        return NULL;
    }
    if (resize_in_place(arena, block, old_size, new_size))
        return block;
    void *moved = any_alloc(arena, new_size);
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    any_free(arena, block, old_size);
    return moved;
}

void arena_seal(struct arena *arena)
{
    memset(arena->small, 0, sizeof arena->small);
    memset(arena->bins, 0, sizeof arena->bins);
    arena->run = arena->run_end = NULL;
    arena->last = NULL;
    arena->top = arena->base + round_up((size_t)(arena->top - arena->base), PAGE);
    arena->sealed = arena->top;
}

void arena_populate(struct arena *arena, size_t bytes)
{
    size_t left = (size_t)(arena->end - arena->top);

    /* Best effort: on kernels before 5.14 the pages come one by one. */
    madvise(arena->top, bytes < left ? bytes : left, MADV_POPULATE_WRITE);
}
