#include "runtime/base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>

#include "runtime/base/buffer.h"

static void setting_and_getting(void **state)
{
    struct map map;
    int a, b;
    map_init(&map);
    assert_null(map_get(&map, TEXT("a")));
    assert_null(map_remove(&map, TEXT("a")));
    assert_null(map_set(&map, TEXT("a"), &a));
    assert_ptr_equal(map_get(&map, TEXT("a")), &a);
    assert_ptr_equal(map_set(&map, TEXT("a"), &b), &a);
    assert_ptr_equal(map_get(&map, TEXT("a")), &b);
    assert_int_equal(map.count, 1);
    assert_null(map_get(&map, TEXT("ab")));
    assert_null(map_get(&map, TEXT("")));
    assert_null(map_set(&map, TEXT(""), &a));
    assert_ptr_equal(map_get(&map, (struct text){NULL, 0}), &a);
    assert_null(map_set(&map, TEXT("a\0x"), &a)); /* keys are bytes, not strings */
    assert_ptr_equal(map_remove(&map, TEXT("a")), &b);
    assert_ptr_equal(map_get(&map, TEXT("a\0x")), &a);
    map_release(&map);
    assert_int_equal(map.count, 0);
    map_release(&map);
}

static void keys_are_copied(void **state)
{
    struct map map;
    char key[] = "key";
    map_init(&map);
    map_set(&map, text_from(key), key);
    key[0] = 'x';
    assert_ptr_equal(map_get(&map, TEXT("key")), key);
    map_release(&map);
}

enum { MANY = 20000 };

static void many_entries(void **state)
{
    static char values[MANY];
    struct map map;
    char key[32];
    map_init(&map);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key number %zu", i);
        assert_null(map_set(&map, text_from(key), &values[i]));
        assert_null(map_set_u64(&map, i, &values[i]));
    }
    assert_int_equal(map.count, 2 * MANY);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key number %zu", i);
        assert_ptr_equal(map_get(&map, text_from(key)), &values[i]);
        assert_ptr_equal(map_get_u64(&map, i), &values[i]);
        if (i % 2) {
            assert_ptr_equal(map_remove(&map, text_from(key)), &values[i]);
            assert_ptr_equal(map_remove_u64(&map, i), &values[i]);
        }
    }
    assert_int_equal(map.count, MANY);
    assert_null(map_get_u64(&map, 1));
    assert_ptr_equal(map_get_u64(&map, 2), &values[2]);
    map_release(&map);
}

struct sweep {
    struct map *map;
    size_t visited;
    size_t stop_at;
};

static int remove_each(void *context, struct text key, void *value)
{
    struct sweep *sweep = context;
    if (++sweep->visited == sweep->stop_at)
        return 42;
    BUFFER_AUTO struct buffer copy = BUFFER_EMPTY;
    buffer_text(&copy, key); /* the key goes away with its entry */
    assert_ptr_equal(map_remove(sweep->map, buffer_view(&copy)), value);
    return 0;
}

static void a_visitor_may_remove_and_stop(void **state)
{
    struct map map;
    struct sweep sweep = {.map = &map};
    map_init(&map);
    assert_int_equal(map_each(&map, remove_each, &sweep), 0);
    for (uint64_t i = 0; i < 100; i++)
        map_set_u64(&map, i, &map);
    sweep.stop_at = 31;
    assert_int_equal(map_each(&map, remove_each, &sweep), 42);
    assert_int_equal(map.count, 70);
    sweep.stop_at = 0;
    assert_int_equal(map_each(&map, remove_each, &sweep), 0);
    assert_int_equal(map.count, 0);
    assert_int_equal(sweep.visited, 101);
    map_release(&map);
}

/* Not a test of the cipher, but of every byte and the length being part of the hash. */
static void hashes_differ(void **state)
{
    char bytes[24] = {0};
    for (size_t length = 0; length < sizeof bytes; length++) {
        uint64_t hash = map_hash((struct text){bytes, length});
        assert_true(hash == map_hash((struct text){bytes, length}));
        assert_true(hash != map_hash((struct text){bytes, length + 1}));
        for (size_t i = 0; i < length; i++) {
            bytes[i] = 1;
            assert_true(hash != map_hash((struct text){bytes, length}));
            bytes[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_and_getting), cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(many_entries),        cmocka_unit_test(a_visitor_may_remove_and_stop),
        cmocka_unit_test(hashes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
