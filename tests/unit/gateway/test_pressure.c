/* What is left of memory, read from files of a machine that is made here: folders below a temporary root. */
#include "gateway/pressure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"

#define MIB (1ull << 20)

static char root[64];

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/pressure-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

/* Writes a file of the made machine, with its folders. */
static void put(const char *path, const char *contents)
{
    char full[256];
    FILE *file;
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        mkdir(full, 0755);
    }
    file = fopen(full, "w");
    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static void put_machine(unsigned total_mib, unsigned available_mib)
{
    char text[160];
    snprintf(text, sizeof text, "MemTotal:       %u kB\nMemFree:        5 kB\nMemAvailable:   %u kB\nBuffers: 0 kB\n",
             total_mib * 1024, available_mib * 1024);
    put("/proc/meminfo", text);
}

static uint64_t missing(void)
{
    struct pressure pressure;
    uint64_t bytes;
    pressure_open(&pressure, root);
    bytes = pressure_missing(&pressure);
    pressure_close(&pressure);
    return bytes;
}

static void test_fields(void **state)
{
    struct text file = TEXT("MemTotalX: 1 kB\nMemTotal:      7 kB\nMemFree:\nBad: x kB\nlast 9");
    uint64_t value = 0;
    (void)state;
    assert_true(pressure_field(file, "MemTotal:", &value));
    assert_int_equal(value, 7);
    assert_true(pressure_field(file, "last", &value));
    assert_int_equal(value, 9);
    assert_false(pressure_field(file, "MemFree:", &value)); /* no number behind it */
    assert_false(pressure_field(file, "Bad:", &value));
    assert_false(pressure_field(file, "None:", &value));
    assert_false(pressure_field(TEXT(""), "MemTotal:", &value));
}

static void test_nothing_is_known(void **state)
{
    (void)state;
    assert_int_equal(missing(), 0);
    put("/proc/meminfo", "nonsense\n");
    put("/proc/self/cgroup", "nonsense\n0::\n::::\n");
    assert_int_equal(missing(), 0);
}

static void test_the_machine(void **state)
{
    (void)state;
    put_machine(1600, 200); /* a sixteenth is 100 */
    assert_int_equal(missing(), 0);
    put_machine(1600, 60);
    assert_int_equal(missing(), 40 * MIB);
    put_machine(1 << 20, 500); /* a large one keeps no more than the bound */
    assert_int_equal(missing(), BOUNDS_MEMORY_FREE_BYTES - 500 * MIB);
}

static void test_the_operator_s_reserve(void **state)
{
    (void)state;
    put_machine(1600, 200);
    setenv("VITRINE_LIMIT_MEMORY_FREE_BYTES", "314572800", 1);
    assert_int_equal(missing(), 100 * MIB);
    unsetenv("VITRINE_LIMIT_MEMORY_FREE_BYTES");
}

static void test_a_group_above_counts(void **state)
{
    (void)state;
    put_machine(100000, 90000);
    put("/proc/self/cgroup", "1:name=systemd:/x\n0::/service/gateway\n");
    put("/sys/fs/cgroup/service/gateway/memory.max", "max\n");
    put("/sys/fs/cgroup/service/gateway/memory.current", "1000\n");
    put("/sys/fs/cgroup/service/memory.max", "167772160\n");     /* 160 MiB, of which 10 stay free */
    put("/sys/fs/cgroup/service/memory.current", "163577856\n"); /* 156 */
    assert_int_equal(missing(), 6 * MIB);
    /* what the kernel can drop is not in use */
    put("/sys/fs/cgroup/service/memory.stat", "anon 5\ninactive_anon 9\ninactive_file 4194304\n");
    assert_int_equal(missing(), 2 * MIB);
    put("/sys/fs/cgroup/service/memory.stat", "inactive_file 41943040\n");
    assert_int_equal(missing(), 0);
    put("/sys/fs/cgroup/service/memory.stat", "inactive_file 0\n");
    put("/sys/fs/cgroup/service/memory.current", "999999999\n"); /* over the limit */
    assert_int_equal(missing(), 10 * MIB);
}

static void test_limits_may_change_while_we_run(void **state)
{
    struct pressure pressure;
    (void)state;
    put_machine(100000, 90000);
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    put("/sys/fs/cgroup/memory.current", "163577856\n");
    pressure_open(&pressure, root);
    assert_int_equal(pressure_missing(&pressure), 0);
    put("/sys/fs/cgroup/memory.max", "167772160\n");
    assert_int_equal(pressure_missing(&pressure), 6 * MIB);
    pressure_close(&pressure);
    assert_int_equal(pressure_missing(&pressure), 0);
}

static void test_the_older_interface(void **state)
{
    (void)state;
    put_machine(100000, 90000);
    put("/proc/self/cgroup", "5:cpu:/a\n4:memory:/a\n");
    put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "167772160\n");
    put("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "163577856\n");
    put("/sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file 2097152\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "163577856\n");
    assert_int_equal(missing(), 4 * MIB);
}

static void test_a_deep_place(void **state)
{
    (void)state;
    put_machine(100000, 90000);
    put("/proc/self/cgroup", "0::/a/b/c/d/e/f/g/h/i/j/k\n");
    /* only the innermost has the files; those above lack them, as the root of all groups does */
    put("/sys/fs/cgroup/a/b/c/d/e/f/g/h/i/j/k/memory.max", "167772160\n");
    put("/sys/fs/cgroup/a/b/c/d/e/f/g/h/i/j/k/memory.current", "163577856\n");
    assert_int_equal(missing(), 6 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_operator_s_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_group_above_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits_may_change_while_we_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_older_interface, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_deep_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
