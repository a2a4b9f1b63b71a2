/* wrap: process_start_pooled */
/* The pool's books: how many there are, who is handed out, how long it waits after failures. Starting a process is played. */
#include "gateway/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/gateway.h"
#include "gateway/process.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"

enum { PROCESSES = 16, SETTLED_MS = 30 * BOUNDS_POOL_REFILL_MS };

static struct loop loop;
static struct gateway gateway;
static struct channel zygote;
static struct process processes[PROCESSES];
static uint32_t started;
static bool refuses;
static struct loop_timer stop_timer;

bool __wrap_process_start_pooled(struct calls *calls)
{
    (void)calls;
    if (refuses || started == PROCESSES)
        return false;
    processes[started] = (struct process){.slot = started, .pooled = true};
    list_init(&processes[started++].in_pool);
    return true;
}

static void on_stop(void *context)
{
    loop_stop(context);
}

static void run_for(uint64_t ms)
{
    loop.stopped = false;
    loop_timer_start(&stop_timer, ms);
    loop_run(&loop);
}

static int set_up(void **state)
{
    (void)state;
    if (loop_init(&loop) < 0)
        return -1;
    loop_timer_init(&loop, &stop_timer, on_stop, &loop);
    started = 0;
    refuses = false;
    gateway = (struct gateway){.loop = &loop, .worker_limit = 4096, .zygote = &zygote};
    gateway.pool = pool_new(&gateway);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(gateway.pool);
    loop_timer_release(&stop_timer);
    loop_release(&loop);
    unsetenv("VITRINE_LIMIT_POOL_WORKERS");
    return 0;
}

static void fills_up_and_no_further(void **state)
{
    (void)state;
    assert_null(pool_take(gateway.pool));
    pool_begin(gateway.pool);
    run_for(SETTLED_MS);
    assert_int_equal(started, BOUNDS_POOL_WORKERS);
    assert_null(pool_take(gateway.pool)); /* none of them has said that it is locked */
    assert_int_equal(gateway.pool->size, BOUNDS_POOL_WORKERS);
}

static void hands_out_the_longest_waiting_and_refills(void **state)
{
    (void)state;
    pool_begin(gateway.pool);
    run_for(SETTLED_MS);
    pool_add(gateway.pool, &processes[2]);
    pool_add(gateway.pool, &processes[0]);
    assert_ptr_equal(pool_take(gateway.pool), &processes[2]);
    assert_false(processes[2].pooled);
    assert_int_equal(gateway.pool->size, BOUNDS_POOL_WORKERS - 1);
    assert_int_equal(started, BOUNDS_POOL_WORKERS); /* not on the path of the wake */
    run_for(SETTLED_MS);
    assert_int_equal(started, BOUNDS_POOL_WORKERS + 1);
    assert_ptr_equal(pool_take(gateway.pool), &processes[0]);
    assert_null(pool_take(gateway.pool));
}

static void a_lost_one_is_replaced_and_not_handed_out(void **state)
{
    (void)state;
    pool_begin(gateway.pool);
    run_for(SETTLED_MS);
    pool_add(gateway.pool, &processes[1]);
    pool_lose(gateway.pool, &processes[1]);
    assert_null(pool_take(gateway.pool));
    assert_int_equal(gateway.pool->failures, 0); /* it had been ready: the machine can do it */
    run_for(SETTLED_MS);
    assert_int_equal(started, BOUNDS_POOL_WORKERS + 1);
}

static void failures_slow_it_down(void **state)
{
    (void)state;
    pool_begin(gateway.pool);
    run_for(SETTLED_MS);
    for (int i = 0; i < 4; i++)
        pool_lose(gateway.pool, &processes[i]);
    assert_int_equal(gateway.pool->failures, 4);
    uint64_t before_ms = clock_now_ms();
    uint32_t before = started;
    while (started == before && clock_now_ms() - before_ms < 2000)
        run_for(5);
    assert_true(clock_now_ms() - before_ms + 2 >= BOUNDS_POOL_REFILL_MS << 4);
    pool_add(gateway.pool, &processes[before]);
    assert_int_equal(gateway.pool->failures, 0);
}

static void without_a_zygote_or_room_it_waits(void **state)
{
    (void)state;
    gateway.zygote = NULL;
    pool_begin(gateway.pool);
    run_for(SETTLED_MS);
    assert_int_equal(started, 0);
    gateway.zygote = &zygote;
    refuses = true; /* every slot is taken */
    pool_begin(gateway.pool);
    run_for(SETTLED_MS);
    assert_int_equal(gateway.pool->size, 0);
    refuses = false;
    run_for(SETTLED_MS);
    assert_int_equal(started, BOUNDS_POOL_WORKERS);
}

static uint32_t wanted(uint32_t worker_limit, const char *asked)
{
    if (asked)
        setenv("VITRINE_LIMIT_POOL_WORKERS", asked, 1);
    gateway.worker_limit = worker_limit;
    struct pool *pool = pool_new(&gateway);
    uint32_t result = pool->wanted;
    pool_free(pool);
    return result;
}

static void its_share_of_all_workers_is_small(void **state)
{
    (void)state;
    assert_int_equal(wanted(4096, NULL), BOUNDS_POOL_WORKERS);
    assert_int_equal(wanted(32, NULL), 2);
    assert_int_equal(wanted(8, NULL), 0);
    assert_int_equal(wanted(4096, "100"), 100);
    assert_int_equal(wanted(160, "100"), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fills_up_and_no_further, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hands_out_the_longest_waiting_and_refills, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_one_is_replaced_and_not_handed_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_slow_it_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_zygote_or_room_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_share_of_all_workers_is_small, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
