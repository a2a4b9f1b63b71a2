/* Life of a worker: see the header's diagram. Three lists tell in what state it is, and nothing else does:
 *
 *   every_worker   all of them
 *   busy_workers   those with calls, or with a handler that was cancelled and still computes: they get a pulse
 *   idle_workers   those with a process and nothing to do, the longest idle first: they may be put to sleep
 *
 * pump() starts what may start and is called after everything that could allow more: a new call, an ended one, a
 * process that died, a slot that became free. settle() is called last wherever calls may have gone: it may free the
 * worker, so nobody touches it afterwards.
 *
 * When a process dies its calls fall into two kinds. What had begun may have had effects and fails with words; what
 * had not is run again on a fresh process, and nobody notices. "Begun" is decided by the process's first word about
 * the call, and by the control page, which names the call it computed for when it died: a handler that kills its
 * process before it says anything would otherwise be run again for ever. BOUNDS_WORKER_FAILURES deaths in a row
 * without a finished call end the patience with the rest. */
#include "gateway/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/answer.h"
#include "gateway/calls.h"
#include "gateway/gateway.h"
#include "gateway/report.h"
#include "gateway/watch.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"

/* ---- the table of workers ---- */

struct worker *worker_find(struct calls *calls, uint64_t release_id)
{
    return map_get_u64(&calls->workers, release_id);
}

/* The operator's figures, lowered by what the release's manifest asks for: at its root, where the describe cage may put
 * limits, and in the card, where its author writes them. */
static void read_budget(struct worker *worker)
{
    const struct json *manifest = &worker->release->manifest;
    const struct json_node *root = &manifest->nodes[0];
    worker->budget = worker->calls->budget;
    budget_lower(&worker->budget, manifest, json_get(manifest, root, "limits"));
    budget_lower(&worker->budget, manifest, json_get(manifest, json_get(manifest, root, "card"), "limits"));
}

/* The table's key of a visitor's worker; the one for everybody stands under the bare release. */
static void write_key(const struct worker *worker, struct buffer *key)
{
    buffer_append(key, &worker->release->id, sizeof worker->release->id);
    if (worker->visitor)
        buffer_string(key, worker->visitor);
}

/* A worker for a single call is in no table: nobody else may find it. */
static bool is_single(const struct worker *worker)
{
    return worker->visitor && !*worker->visitor;
}

static void list_worker(struct worker *worker)
{
    struct buffer key BUFFER_AUTO = BUFFER_EMPTY;
    write_key(worker, &key);
    if (!is_single(worker))
        map_set(&worker->calls->workers, buffer_view(&key), worker);
}

static void unlist_worker(struct worker *worker)
{
    struct buffer key BUFFER_AUTO = BUFFER_EMPTY;
    write_key(worker, &key);
    if (map_get(&worker->calls->workers, buffer_view(&key)) == worker)
        map_remove(&worker->calls->workers, buffer_view(&key));
}

static struct worker *worker_new(struct calls *calls, struct demo *demo, struct release *release, char *visitor)
{
    struct worker *worker = MEMORY_NEW(struct worker);
    worker->calls = calls;
    worker->demo = demo_hold(demo);
    worker->release = release_hold(release);
    worker->visitor = visitor;
    worker->functions = calls_functions(release);
    worker->averages = memory_alloc(worker->functions->count + 1, sizeof *worker->averages);
    read_budget(worker);
    queue_init(&worker->queue, worker->functions);
    if (worker->budget.queue < worker->queue.max_waiting)
        worker->queue.max_waiting = (uint32_t)worker->budget.queue;
    relay_init(&worker->relay, worker);
    list_init(&worker->in_idle);
    list_init(&worker->in_busy);
    list_init(&worker->in_every);
    list_append(&calls->every_worker, &worker->in_every);
    list_worker(worker);
    return worker;
}

/* With its process, its waits, its place in every list. Its calls must have been answered. */
static void worker_free(struct worker *worker)
{
    unlist_worker(worker);
    if (worker->process)
        process_kill(worker->process);
    relay_release(&worker->relay);
    queue_release(&worker->queue);
    list_remove(&worker->in_every);
    list_remove(&worker->in_idle);
    list_remove(&worker->in_busy);
    free(worker->averages);
    free(worker->visitor);
    release_drop(worker->release);
    demo_drop(worker->demo);
    free(worker);
}

/* Room for one more visitor of this demo; the one who has rested longest makes it. */
static bool admit_visitor(struct calls *calls, const struct demo *demo)
{
    struct worker *worker, *oldest = NULL;
    uint32_t count = 0;
    LIST_EACH(worker, &calls->every_worker, struct worker, in_every)
        count += worker->demo == demo && worker->visitor;
    if (count < BOUNDS_DEMO_VISITORS)
        return true;
    LIST_EACH(worker, &calls->idle_workers, struct worker, in_idle)
        if (!oldest && worker->demo == demo && worker->visitor)
            oldest = worker;
    if (oldest)
        worker_sleep(oldest);
    return oldest != NULL;
}

struct worker *worker_for_release(struct calls *calls, struct demo *demo, struct release *release, struct text visitor)
{
    struct buffer key BUFFER_AUTO = BUFFER_EMPTY;
    struct worker *worker = NULL;
    if (!release->isolates_visitors) {
        worker = worker_find(calls, release->id);
        return worker ? worker : worker_new(calls, demo, release, NULL);
    }
    buffer_append(&key, &release->id, sizeof release->id);
    buffer_text(&key, visitor);
    if (visitor.length > 0)
        worker = map_get(&calls->workers, buffer_view(&key));
    if (!worker && admit_visitor(calls, demo))
        worker = worker_new(calls, demo, release, text_copy(visitor));
    return worker;
}

bool worker_is_full(const struct worker *worker)
{
    return worker->queue.waiting >= worker->queue.max_waiting;
}

static size_t function_index(const struct worker *worker, const struct function *function)
{
    return (size_t)(function - worker->functions->functions);
}

double worker_average(const struct worker *worker, const struct function *function)
{
    return worker->averages[function_index(worker, function)];
}

/* A moving average: the newest call counts a tenth. */
struct output_times worker_times(struct worker *worker, const struct call *call)
{
    double *average = &worker->averages[function_index(worker, call->function)];
    double seconds = (double)(clock_now_us() - (call->started_us ? call->started_us : call->joined_us)) / 1e6;
    *average = *average > 0 ? *average * 0.9 + seconds * 0.1 : seconds;
    return (struct output_times){seconds, *average};
}

/* ---- waking and starting calls ---- */

/* The demo's stage is that of its live release: what an older one does while it drains is nobody's news. */
static void set_stage(struct worker *worker, const char *stage, struct text reason)
{
    if (!worker->draining && worker->demo->release == worker->release)
        report_stage(worker, stage, reason);
}

/* The least recently used idle worker makes room. */
static bool make_room(struct calls *calls)
{
    struct worker *oldest = LIST_FIRST(&calls->idle_workers, struct worker, in_idle);
    if (oldest)
        worker_sleep(oldest);
    return oldest != NULL;
}

/* True when there is a process, also one that is still starting: calls are written to its socket at once and wait
 * there. false: not now; the pulse tries again, and worker_slot_free() sooner. */
static bool wake(struct worker *worker)
{
    struct calls *calls = worker->calls;
    uint64_t now_ms = clock_now_ms();
    if (worker->process)
        return true;
    if (worker->retry_ms > now_ms)
        return false;
    /* One ahead: a process that is told to go holds its slot until the zygote has reaped it, some milliseconds that the
     * next wake shall not wait for. */
    if (calls->slots.count + 1 >= calls->gateway->worker_limit)
        make_room(calls);
    worker->process = process_start(worker);
    if (!worker->process) {
        worker->retry_ms = now_ms + BOUNDS_WORKER_RESTART_MS;
        worker->blocked_ms = worker->blocked_ms ? worker->blocked_ms : now_ms;
        return false;
    }
    worker->blocked_ms = 0;
    calls->counts.wakes++;
    report_begin(worker);
    return true;
}

/* Starts what may start. What the process has not read yet is memory of ours, so the rest stays in the queue, where it
 * can still be cancelled for nothing; the pulse tries again. */
static void pump(struct worker *worker)
{
    struct call *call;
    if (worker->queue.waiting == 0 || !wake(worker))
        return;
    while (report_has_room(worker) && (call = queue_next(&worker->queue)) != NULL) {
        worker->ranks_changed = worker->queue.waiting > 0;
        report_start(worker, call);
    }
}

void worker_slot_free(struct calls *calls)
{
    struct worker *worker;
    LIST_EACH(worker, &calls->busy_workers, struct worker, in_busy)
        if (worker->blocked_ms && !worker->process) {
            worker->retry_ms = 0;
            pump(worker);
            return;
        }
}

void worker_submit(struct worker *worker, struct call *call)
{
    struct calls *calls = worker->calls;
    call->worker = worker;
    queue_push(&worker->queue, call);
    list_remove(&worker->in_idle);
    if (list_is_empty(&worker->in_busy))
        list_append(&calls->busy_workers, &worker->in_busy);
    pump(worker);
    if (call->state == CALL_QUEUED)
        answer_estimation(calls, call, queue_rank(&worker->queue, call), worker->queue.waiting);
}

/* ---- the end of calls ---- */

/* Takes a call whose last word was given out of the books. */
static void retire_call(struct worker *worker, struct call *call)
{
    struct calls *calls = worker->calls;
    relay_forget_call(&worker->relay, call->stream);
    queue_leave(&worker->queue, call);
    worker->ranks_changed = worker->queue.waiting > 0;
    worker->emptied_ms = clock_now_ms();
    if (call->transcript.length > 0)
        call_keep(&calls->table, call, clock_now_ms());
    else
        call_free(&calls->table, call);
}

/* A cancelled handler may compute on: it stays under the close watch of a busy worker as long as the friendly end and
 * the kill may take. Not longer, because the process itself says that it computes: one that always says so would never
 * be put to sleep. */
static bool computes_on(const struct worker *worker)
{
    uint64_t most_ms = worker->budget.slice_ms + BOUNDS_WORKER_KILL_GRACE_MS + BOUNDS_PULSE_MS;
    return worker->process && watch_running(worker->process) != 0 && clock_now_ms() - worker->emptied_ms < most_ms;
}

/* Nothing left to do: rest, or go (then it is freed). */
static void settle(struct worker *worker)
{
    bool computes = computes_on(worker);
    if (worker->queue.waiting + worker->queue.running > 0 || (computes && !worker->draining))
        return;
    list_remove(&worker->in_busy);
    if (worker->draining || !worker->process) {
        worker_free(worker);
    } else if (process_is_old(worker->process) || is_single(worker)) {
        worker_sleep(worker);
    } else {
        worker->idle_since_ms = clock_now_ms();
        list_append(&worker->calls->idle_workers, &worker->in_idle);
    }
}

/* A finished call proves that the process works, so the count of failures starts anew. */
void worker_finish(struct worker *worker, struct call *call)
{
    retire_call(worker, call);
    worker->failures = 0;
    if (worker->process)
        worker->process->served++;
    pump(worker);
    settle(worker);
}

/* The process is told twice: by a message for a handler that waits, by the control page for one that computes. What it
 * still says about the call is ignored. */
static void stop_handler(struct worker *worker, struct call *call)
{
    if (!call->in_process || !worker->process)
        return;
    report_cancel(worker, call);
    watch_cancel(worker->process, call->stream);
}

void worker_cancel(struct worker *worker, struct call *call)
{
    if (!worker || call_is_finished(call))
        return;
    answer_cancelled(worker->calls, call);
    call_move(call, CALL_CANCELLED);
    stop_handler(worker, call);
    retire_call(worker, call);
    pump(worker);
    settle(worker);
}

void worker_credit(struct worker *worker, struct call *call)
{
    if (worker && !call_is_finished(call))
        report_credit(worker, call, true);
}

/* Answer, move, retire: the order in which a call may lose its session, its worker, its memory. */
static void fail_call(struct worker *worker, struct call *call, const char *sentence)
{
    answer_sentence(worker->calls, call, sentence);
    call_move(call, CALL_DONE);
    retire_call(worker, call);
}

static void fail_waiting(void *context, struct call *call, uint32_t rank)
{
    (void)rank;
    fail_call(call->worker, call, context);
}

static void fail_running(struct worker *worker, const char *sentence)
{
    struct call *call;
    LIST_EACH(call, &worker->queue.running_calls, struct call, in_worker)
        fail_call(worker, call, sentence);
}

/* ---- the end of a process ---- */

/* Calls that had not begun go back to the queue, in their order. `begun` is the one the process was computing for. */
static void return_calls(struct worker *worker, uint64_t begun)
{
    for (struct list *link = worker->queue.running_calls.previous, *before; link != &worker->queue.running_calls;
         link = before) {
        struct call *call = MEMORY_CONTAINER(link, struct call, in_worker);
        before = link->previous;
        if (call->state == CALL_STARTING && call->stream != begun)
            queue_return(&worker->queue, call);
    }
}

void worker_lost(struct worker *worker, const char *reason, uint64_t begun)
{
    char sentence[256];
    worker->process = NULL;
    worker->stuck = false;
    worker->ready = false;
    list_remove(&worker->in_idle);
    relay_reset(&worker->relay);
    snprintf(sentence, sizeof sentence, "This demo stopped: %s.", reason);
    log_info("demo %s/%s: its worker ended: %s", worker->demo->owner, worker->demo->name, reason);
    return_calls(worker, begun);
    fail_running(worker, sentence);
    set_stage(worker, "RUNTIME_ERROR", text_from(sentence));
    /* A process that dies again and again before any call ends would be started for ever. */
    if (++worker->failures >= BOUNDS_WORKER_FAILURES) {
        queue_each_waiting(&worker->queue, fail_waiting, sentence);
        worker->failures = 0;
    }
    pump(worker);
    settle(worker);
}

/* The page is read before the kill: afterwards nobody knows what it computed for. */
void worker_kill(struct worker *worker, const char *reason)
{
    uint64_t begun = worker->process ? watch_running(worker->process) : 0;
    worker->calls->counts.kills++;
    if (worker->process)
        process_kill(worker->process);
    worker_lost(worker, reason, begun);
}

void worker_set_ready(struct worker *worker)
{
    worker->ready = true;
    set_stage(worker, "RUNNING", TEXT(""));
}

/* app.lua raised an error, as it did not when it was published: a model or a file is missing, or it read the clock. */
void worker_failed(struct worker *worker, struct text reason)
{
    char sentence[] = "This demo could not start. Its author finds the reason in its log.";
    log_info("demo %s/%s: app.lua failed: " TEXT_FORMAT, worker->demo->owner, worker->demo->name,
             TEXT_ARGUMENT(text_head(reason, 300)));
    if (worker->process)
        process_kill(worker->process);
    worker->process = NULL;
    worker->ready = false;
    list_remove(&worker->in_idle);
    relay_reset(&worker->relay);
    set_stage(worker, "RUNTIME_ERROR", reason);
    fail_running(worker, sentence);
    queue_each_waiting(&worker->queue, fail_waiting, sentence);
    settle(worker);
}

/* The demo's own patience (its owner may set it), else the operator's. */
uint64_t worker_idle_ms(const struct worker *worker)
{
    int64_t own = worker->demo->idle_ms;
    return own >= 0 ? (uint64_t)own : worker->calls->gateway->worker_idle_ms;
}

/* Other visitors of the same release are awake. */
static bool has_siblings(const struct worker *worker)
{
    struct worker *other;
    LIST_EACH(other, &worker->calls->every_worker, struct worker, in_every)
        if (worker->visitor && other != worker && other->release == worker->release && other->process)
            return true;
    return false;
}

void worker_sleep(struct worker *worker)
{
    worker->calls->counts.sleeps++;
    if (!has_siblings(worker))
        set_stage(worker, "SLEEPING", TEXT(""));
    worker_free(worker);
}

void worker_drain(struct worker *worker)
{
    worker->draining = true;
    unlist_worker(worker);
    settle(worker);
}

void worker_drain_release(struct calls *calls, const struct release *release)
{
    struct worker *worker;
    LIST_EACH(worker, &calls->every_worker, struct worker, in_every)
        if (worker->release == release && !worker->draining)
            worker_drain(worker);
}

/* The sentence is copied first: it may stand in something that is freed with the calls. */
void worker_end(struct worker *worker, const char *sentence)
{
    char text[256];
    snprintf(text, sizeof text, "%s", sentence);
    fail_running(worker, text);
    queue_each_waiting(&worker->queue, fail_waiting, text);
    worker_free(worker);
}

/* The limit that a running call has passed, as a sentence in `memory`; NULL: none. */
static const char *passed_limit(const struct worker *worker, const struct call *call, uint64_t now_ms, char memory[200])
{
    uint64_t ran_ms = now_ms - call->started_us / 1000, most_ms = worker->budget.event_ms;
    char duration[32];
    if (call->function->time_limit_ms && call->function->time_limit_ms < most_ms)
        most_ms = call->function->time_limit_ms;
    if (call->used_ms > worker->budget.event_cpu_ms)
        snprintf(memory, 200,
                 "This call was stopped: it used up the %s of processor time that one call of this demo may have.",
                 budget_duration(worker->budget.event_cpu_ms, duration));
    else if (ran_ms > most_ms)
        snprintf(memory, 200, "This call was stopped: it took longer than the %s that this function may take.",
                 budget_duration(most_ms, duration));
    else
        return NULL;
    return memory;
}

/* True when the call had passed a limit: it was answered, its handler is being stopped, what it held is free. The
 * author reads the same sentence in the log. */
static bool stop_overdue(struct worker *worker, struct call *call, uint64_t now_ms)
{
    char memory[200];
    const char *sentence = passed_limit(worker, call, now_ms, memory);
    if (!sentence)
        return false;
    worker->calls->counts.expired++;
    relay_log(worker, TEXT("warning"), text_from(sentence));
    stop_handler(worker, call);
    fail_call(worker, call, sentence);
    return true;
}

static void tell_rank(void *context, struct call *call, uint32_t rank)
{
    struct worker *worker = context;
    answer_estimation(worker->calls, call, rank, worker->queue.waiting);
}

/* Order: faults first, because a kill answers calls that the rest would look at; then single calls that passed a limit;
 * then what the freed places allow. */
void worker_pulse(struct worker *worker, uint64_t now_ms)
{
    char sentence[] = "This server cannot start the demo at the moment. Try again in a minute.";
    struct call *call;
    if (watch_pulse(worker, now_ms))
        return;
    LIST_EACH(call, &worker->queue.running_calls, struct call, in_worker)
        if (!stop_overdue(worker, call, now_ms))
            answer_flush_progress(worker->calls, call, now_ms);
    if (worker->ranks_changed && now_ms - worker->ranked_ms >= BOUNDS_ESTIMATION_MS) {
        worker->ranks_changed = false;
        worker->ranked_ms = now_ms;
        queue_each_waiting(&worker->queue, tell_rank, worker);
    }
    pump(worker);
    if (worker->blocked_ms && now_ms - worker->blocked_ms > BOUNDS_WORKER_READY_MS)
        queue_each_waiting(&worker->queue, fail_waiting, sentence);
    settle(worker);
}
