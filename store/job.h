/* Work that may block (hashing a password, reading a tree, syncing a file), done by a few threads beside the loop.
 *
 * A job is a struct that begins with `struct job`. `work` runs on a thread and touches nothing that the loop uses but
 * the job itself; `done` runs on the loop's thread afterwards, from job_pool_reap(), and owns the job again. */
#ifndef STORE_JOB_H
#define STORE_JOB_H

struct job {
    void (*work)(struct job *job);
    void (*done)(struct job *job);
    struct job *next; /* the pool's */
};

struct job_pool;

/* Starts the threads. Never fails (a machine that cannot start a thread is no place to serve from: it aborts). */
struct job_pool *job_pool_new(int threads);
/* Waits for running jobs, drops waiting ones without calling anything, and frees the pool. */
void job_pool_free(struct job_pool *pool);
/* Becomes readable when job_pool_reap() has something to do. */
int job_pool_fd(const struct job_pool *pool);
void job_pool_reap(struct job_pool *pool);
/* Lends the job to the pool until its `done` is called. */
void job_submit(struct job_pool *pool, struct job *job);

#endif
