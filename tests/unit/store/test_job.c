/* Jobs: done on the loop's side, in parallel, and left alone when the pool ends. */
#include "scratch.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "store/job.h"

struct counted {
    struct job job;
    int input, output, done;
    atomic_int *together, *most;
};

static void work(struct job *job)
{
    struct counted *counted = (struct counted *)job;
    counted->output = counted->input * 2;
}

static void done(struct job *job)
{
    ((struct counted *)job)->done++;
}

/* Reaps until the last job is done, or fails after some seconds. */
static void reap_all(struct job_pool *pool, const struct counted *jobs, int count)
{
    for (int index = 0; index < count;) {
        struct pollfd poll_fd = {job_pool_fd(pool), POLLIN, 0};
        assert_int_equal(poll(&poll_fd, 1, 5000), 1);
        job_pool_reap(pool);
        while (index < count && jobs[index].done)
            index++;
    }
}

static void each_is_done_once(void **state)
{
    enum { COUNT = 500 };
    static struct counted jobs[COUNT];
    struct job_pool *pool = job_pool_new(3);
    for (int index = 0; index < COUNT; index++) {
        jobs[index] = (struct counted){.job = {.work = work, .done = done}, .input = index};
        job_submit(pool, &jobs[index].job);
    }
    reap_all(pool, jobs, COUNT);
    for (int index = 0; index < COUNT; index++) {
        assert_int_equal(jobs[index].output, index * 2);
        assert_int_equal(jobs[index].done, 1);
    }
    job_pool_reap(pool); /* nothing to do */
    job_pool_free(pool);
}

static void meet(struct job *job)
{
    struct counted *counted = (struct counted *)job;
    int now = atomic_fetch_add(counted->together, 1) + 1;
    for (int wait = 0; wait < 2000 && atomic_load(counted->together) < 2; wait++)
        usleep(1000);
    int most = atomic_load(counted->most);
    while (now > most && !atomic_compare_exchange_weak(counted->most, &most, now))
        continue;
}

static void two_threads_work_at_once(void **state)
{
    static struct counted jobs[2];
    atomic_int together = 0, most = 0;
    struct job_pool *pool = job_pool_new(2);
    for (int index = 0; index < 2; index++) {
        jobs[index] = (struct counted){.job = {.work = meet, .done = done}, .together = &together, .most = &most};
        job_submit(pool, &jobs[index].job);
    }
    reap_all(pool, jobs, 2);
    assert_int_equal(atomic_load(&most), 2);
    job_pool_free(pool);
}

static void slow(struct job *job)
{
    usleep(50000);
    work(job);
}

static void ending_waits_for_what_runs(void **state)
{
    static struct counted jobs[3];
    struct job_pool *pool = job_pool_new(1);
    for (int index = 0; index < 3; index++) {
        jobs[index] = (struct counted){.job = {.work = slow, .done = done}, .input = 21};
        job_submit(pool, &jobs[index].job);
    }
    usleep(10000);
    job_pool_free(pool);
    assert_int_equal(jobs[0].output, 42);
    assert_int_equal(jobs[0].done, 0);
    assert_int_equal(jobs[2].output, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_done_once), cmocka_unit_test(two_threads_work_at_once),
                                       cmocka_unit_test(ending_waits_for_what_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
