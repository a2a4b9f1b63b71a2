/* The Lua heap's allocator: contents survive everything, neighbours join, the sealed part is only read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/worker/arena.h"

enum { REGION = 8 << 20, BLOCKS = 400, EXIT_FULL = 77 };

static void end_full(void *context)
{
    (void)context;
    _exit(EXIT_FULL);
}

static struct arena make(void)
{
    struct arena arena;

    assert_int_equal(arena_init(&arena, REGION, end_full, NULL), 0);
    return arena;
}

/* A small generator of our own: the same sequence everywhere. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t random_size(uint32_t *seed)
{
    uint32_t kind = next_random(seed) % 10;

    if (kind < 6)
        return 1 + next_random(seed) % 128;
    if (kind < 9)
        return 1 + next_random(seed) % 2048;
    return 1 + next_random(seed) % 40000;
}

struct shadow {
    unsigned char *block;
    size_t size;
    unsigned char mark;
};

static void check_contents(const struct shadow *shadow, size_t upto)
{
    for (size_t i = 0; i < upto; i++)
        if (shadow->block[i] != shadow->mark)
            fail_msg("byte %zu of a block of %zu changed", i, shadow->size);
}

static void test_random_life(void **state)
{
    struct arena arena = make();
    struct shadow blocks[BLOCKS] = {{0}};
    uint32_t seed = 7;

    (void)state;
    for (int turn = 0; turn < 60000; turn++) {
        struct shadow *shadow = &blocks[next_random(&seed) % BLOCKS];
        size_t size = next_random(&seed) % 4 == 0 ? 0 : random_size(&seed);
        size_t kept = size < shadow->size ? size : shadow->size;
        if (shadow->block)
            check_contents(shadow, shadow->size);
        unsigned char *moved = arena_resize(&arena, shadow->block, shadow->size, size);
        assert_int_equal((uintptr_t)moved % ARENA_GRAIN, 0);
        assert_true((moved == NULL) == (size == 0));
        *shadow = (struct shadow){moved, size, shadow->mark};
        if (moved) {
            check_contents(shadow, kept);
            shadow->mark = (unsigned char)next_random(&seed);
            memset(moved, shadow->mark, size);
        }
    }
    arena_release(&arena);
}

/* All large blocks given back in any order leave one empty region: `top` is where it began. */
static void test_neighbours_join(void **state)
{
    struct arena arena = make();
    void *blocks[64];
    uint32_t seed = 3;

    (void)state;
    char *before = arena.top;
    for (int round = 0; round < 50; round++) {
        size_t sizes[64];
        for (int i = 0; i < 64; i++) {
            sizes[i] = 600 + next_random(&seed) % 30000;
            blocks[i] = arena_resize(&arena, NULL, 0, sizes[i]);
        }
        for (int left = 64; left > 0; left--) {
            int pick = (int)(next_random(&seed) % (uint32_t)left);
            arena_resize(&arena, blocks[pick], sizes[pick], 0);
            blocks[pick] = blocks[left - 1];
            sizes[pick] = sizes[left - 1];
        }
        assert_ptr_equal(arena.top, before);
    }
    arena_release(&arena);
}

/* A string that is built up piece by piece must not need the sum of all its lengths. */
static void test_growing_block_reuses_its_room(void **state)
{
    struct arena arena = make();
    void *block = NULL;
    size_t size = 0;

    (void)state;
    for (; size < REGION / 2; size += 5000)
        block = arena_resize(&arena, block, size, size + 5000);
    assert_true(arena.top - arena.base < (ptrdiff_t)(size + 4096));
    arena_release(&arena);
}

static void test_small_blocks_are_used_again(void **state)
{
    struct arena arena = make();

    (void)state;
    for (int round = 0; round < 100000; round++) {
        size_t size = 1 + (size_t)(round % ARENA_SMALL_BYTES);
        void *block = arena_resize(&arena, NULL, 0, size);
        arena_resize(&arena, block, size, 0);
    }
    assert_true(arena.top - arena.base <= 64 << 10);
    arena_release(&arena);
}

/* What the zygote allocated must stay byte for byte: a worker that wrote there would copy a page for nothing. */
static void test_sealed_part_is_only_read(void **state)
{
    struct arena arena = make();
    void *small = arena_resize(&arena, NULL, 0, 100), *large = arena_resize(&arena, NULL, 0, 9000);
    void *hole = arena_resize(&arena, NULL, 0, 3000), *behind = arena_resize(&arena, NULL, 0, 3000);

    (void)state;
    memset(small, 1, 100);
    memset(large, 2, 9000);
    arena_resize(&arena, hole, 3000, 0);
    arena_seal(&arena);
    assert_int_equal(mprotect(arena.base, (size_t)(arena.sealed - arena.base), PROT_READ), 0);
    assert_null(arena_resize(&arena, behind, 3000, 0));
    assert_ptr_equal(arena_resize(&arena, small, 100, 40), small);
    char *moved = arena_resize(&arena, large, 9000, 12000);
    assert_true(moved >= arena.sealed);
    assert_int_equal(moved[8999], 2);
    void *fresh = arena_resize(&arena, NULL, 0, 2000);
    assert_true((char *)fresh >= arena.sealed);
    memset(fresh, 3, 2000);
    arena_resize(&arena, fresh, 2000, 0);
    arena_release(&arena);
}

static int status_of_filling(size_t size)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct arena arena = make();
        for (;;)
            arena_resize(&arena, NULL, 0, size);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_full_region_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(status_of_filling(16), EXIT_FULL);
    assert_int_equal(status_of_filling(100000), EXIT_FULL);
    assert_int_equal(status_of_filling(REGION * 2), EXIT_FULL);
    assert_int_equal(status_of_filling(SIZE_MAX - 3), EXIT_FULL);
}

static void test_populate_costs_no_contents(void **state)
{
    struct arena arena = make();

    (void)state;
    arena_populate(&arena, 64 << 10);
    arena_populate(&arena, REGION * 2); /* more than there is */
    char *block = arena_resize(&arena, NULL, 0, 50000);
    memset(block, 5, 50000);
    assert_int_equal(block[49999], 5);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_life),
        cmocka_unit_test(test_neighbours_join),
        cmocka_unit_test(test_growing_block_reuses_its_room),
        cmocka_unit_test(test_small_blocks_are_used_again),
        cmocka_unit_test(test_sealed_part_is_only_read),
        cmocka_unit_test(test_full_region_ends_the_process),
        cmocka_unit_test(test_populate_costs_no_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
