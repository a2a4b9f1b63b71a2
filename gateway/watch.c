/* Processor time is measured from outside, with the clock of the process itself: what happens inside may lie, the
 * kernel's account does not, and on a crowded machine a demo is not punished for waiting its turn. The control page
 * only tells which call to charge (running) and whether it is still the same uninterrupted slice (slices).
 *
 * Friendly end first: the worker's own timer raises a Lua error at the limit of a slice, which the author reads with
 * file and line. Only a process that does not come out of that slice within BOUNDS_WORKER_KILL_GRACE_MS, because it
 * is in a C loop or caught the error, is killed. A process that lies in its page can make us kill it early, or hide
 * from this watch; the time of its calls by the clock on the wall still ends, and an idle process is put to sleep. */
#include "gateway/watch.h"

#include <time.h>

#include "gateway/calls.h"
#include "gateway/worker.h"
#include "runtime/base/bounds.h"
#include "runtime/wire/control_page.h"

void watch_cancel(struct process *process, uint64_t stream)
{
    atomic_store_explicit(&process->page->cancel[stream % CONTROL_PAGE_CANCELS], stream, memory_order_relaxed);
}

uint64_t watch_running(const struct process *process)
{
    return process->page ? atomic_load_explicit(&process->page->running, memory_order_relaxed) : 0;
}

/* Milliseconds on the clock that the process is measured with: the processor time it used, so that a busy machine
 * costs nobody his call; while its pid is not known, or not any more, real time at a discount. Only differences mean
 * anything, and those between the two clocks mean nothing: when the clock changes, both marks are set to the new one,
 * and the time since the last look is nobody's. */
static uint64_t process_clock_ms(struct process *process, uint64_t now_ms)
{
    struct watch *watch = &process->watch;
    struct timespec used = {0};
    clockid_t clock;
    bool by_wall =
        process->pid <= 0 || clock_getcpuclockid(process->pid, &clock) != 0 || clock_gettime(clock, &used) != 0;
    uint64_t clock_ms = by_wall ? now_ms / BOUNDS_WORKER_WALL_FACTOR
                                : (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
    if (by_wall != watch->by_wall)
        watch->clock_ms = watch->slice_ms = clock_ms;
    watch->by_wall = by_wall;
    return clock_ms;
}

/* Adds the time since the last look to the call that computes. worker_pulse() ends the one that used up its share. */
static void charge(struct worker *worker, uint64_t running, uint64_t clock_ms)
{
    struct call *call = call_find_stream(&worker->calls->table, running);
    if (call && call->worker == worker)
        call->used_ms += (uint32_t)(clock_ms - worker->process->watch.clock_ms);
}

/* A taken-over process computes for itself and says on the page that it rests. Nobody computes without being told
 * to: time that passes while no call of this worker is named, and nothing was sent since the look before the last,
 * adds up. A twentieth of a processor is forgiven, for what a busy machine does late. The clock on the wall proves
 * nothing here: it goes on while a process waits. */
static void suspect(struct worker *worker, uint64_t running, uint64_t now_ms, uint64_t clock_ms)
{
    struct process *process = worker->process;
    struct watch *watch = &process->watch;
    struct call *call = running != 0 ? call_find_stream(&worker->calls->table, running) : NULL;
    bool named = call && call->worker == worker;
    bool told = process->told != watch->told_before;
    uint64_t forgiven = (now_ms - watch->look_ms) / BOUNDS_WORKER_SECRET_SHARE;
    if (worker->ready && !named && !watch->named && !told && watch->look_ms != 0 && !watch->by_wall)
        watch->secret_ms += clock_ms - watch->clock_ms;
    watch->secret_ms -= watch->secret_ms < forgiven ? watch->secret_ms : forgiven;
    watch->told_before = watch->told;
    watch->told = process->told;
    watch->look_ms = now_ms;
    watch->named = named;
}

/* True when one and the same slice has computed for too long. */
static bool slice_is_over(struct worker *worker, uint64_t now_ms)
{
    struct process *process = worker->process;
    struct watch *watch = &process->watch;
    uint64_t running = atomic_load_explicit(&process->page->running, memory_order_relaxed);
    uint64_t slices = atomic_load_explicit(&process->page->slices, memory_order_relaxed);
    uint64_t clock_ms = process_clock_ms(process, now_ms);
    bool same = running != 0 && running == watch->running && slices == watch->slices;
    suspect(worker, running, now_ms, clock_ms);
    /* A process that counts slices without end hides from the limit of a slice, not from that of the call. */
    if (running != 0 && running == watch->running)
        charge(worker, running, clock_ms);
    if (!same) {
        watch->running = running;
        watch->slices = slices;
        watch->slice_ms = clock_ms;
    }
    watch->clock_ms = clock_ms;
    return same && clock_ms - watch->slice_ms > worker->budget.slice_ms + BOUNDS_WORKER_KILL_GRACE_MS;
}

/* Why the process must go, in the words that visitors read behind "This demo stopped:"; NULL: nothing is wrong. */
static const char *find_fault(struct worker *worker, uint64_t now_ms)
{
    const struct process *process = worker->process;
    if (slice_is_over(worker, now_ms))
        return "a function computed for too long without a pause";
    if (process->watch.secret_ms > worker->budget.slice_ms + BOUNDS_WORKER_KILL_GRACE_MS)
        return "it computed without being asked to";
    if (!worker->ready && now_ms > process->woken_us / 1000 + BOUNDS_WORKER_READY_MS)
        return "it took too long to start";
    if (worker->stuck)
        return "it did not take the calls it was given";
    return NULL;
}

bool watch_pulse(struct worker *worker, uint64_t now_ms)
{
    const char *fault = worker->process ? find_fault(worker, now_ms) : NULL;
    if (fault)
        worker_kill(worker, fault);
    return fault != NULL;
}
