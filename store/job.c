/* A pool of threads around two queues: waiting (taken by threads) and finished (taken by the loop).
 *
 * Whoever owns a job lends it: from job_submit() until `done` is called, nothing but the pool may touch it, so jobs
 * need no locks of their own. The loop learns of finished jobs through an eventfd; its counter may be read once for
 * many, and job_pool_reap() empties the whole queue, so none is left over. */
#include "store/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"

struct queue {
    struct job *first, **last;
};

struct job_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue waiting, finished;
    int event_fd;
    bool stopping;
    int thread_count;
    pthread_t threads[]; /* thread_count of them */
};

static void queue_push(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;
    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    return job;
}

/* Takes what is left of the lock only while looking at the queues; the work itself runs beside everything else. */
static void *thread_main(void *argument)
{
    struct job_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct job *job = queue_take(&pool->waiting);
        if (job == NULL) {
            pthread_cond_wait(&pool->wake, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        job->work(job);
        pthread_mutex_lock(&pool->lock);
        queue_push(&pool->finished, job);
        if (eventfd_write(pool->event_fd, 1) != 0)
            abort();
    }
    pthread_mutex_unlock(&pool->lock);
    channel_leave_thread(); /* a push speaks to its hook over one */
    return NULL;
}

struct job_pool *job_pool_new(int threads)
{
    struct job_pool *pool = memory_alloc(1, sizeof *pool + (size_t)threads * sizeof pool->threads[0]);
    sigset_t all, before;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->waiting.last = &pool->waiting.first;
    pool->finished.last = &pool->finished.first;
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->event_fd < 0)
        abort();
    sigfillset(&all); /* signals are the loop's business */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int index = 0; index < threads; index++) {
        if (pthread_create(&pool->threads[pool->thread_count++], NULL, thread_main, pool) != 0)
            abort();
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool;
}

/* Only at the end of the process: waiting jobs are forgotten with their owners. */
void job_pool_free(struct job_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int index = 0; index < pool->thread_count; index++)
        pthread_join(pool->threads[index], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    close(pool->event_fd);
    free(pool);
}

int job_pool_fd(const struct job_pool *pool)
{
    return pool->event_fd;
}

/* `done` runs without the lock, because it usually submits the next step. */
void job_pool_reap(struct job_pool *pool)
{
    eventfd_t count;
    eventfd_read(pool->event_fd, &count);
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        struct job *job = queue_take(&pool->finished);
        pthread_mutex_unlock(&pool->lock);
        if (job == NULL)
            return;
        job->done(job);
    }
}

void job_submit(struct job_pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    queue_push(&pool->waiting, job);
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}
