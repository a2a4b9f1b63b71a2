/* Processes: starting, giving work, waiting, and what their end means.
 *
 * A child is idle or has one batch. `turn` is where work is given: deferred to the end of the loop's turn, so that
 * calls that arrive together are seen together and make a batch. How long a batch may be is a question of time (a
 * turn's worth of what the model was measured to take), because a batch cannot be taken back when another demo
 * calls.
 *
 * Two clocks stand over a batch. `patience` runs from one answer to the next: when it ends, what runs is told to
 * stop, and when it ends again the process is killed. `grace` runs after a cancel: a process that computes for
 * nobody is killed. A kill is asked of the nursery; the process counts as there until the nursery has reaped it, so
 * an id is never used twice and a child is never started while its predecessor still holds memory.
 *
 * A trial is a child without an owner: one pushed model, one job, and then it is killed whatever it said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/infer/cancel.h"
#include "runtime/infer/nursery.h"
#include "runtime/infer/supervisor.h"

enum { SUPERVISOR_TRIAL_JOB = 1 };

/* -- the life of a child -- */

static void supervisor_child_turn(void *context);
static void supervisor_child_patience(void *context);
static void supervisor_child_grace(void *context);

/* A child is a place for a process: there may be none yet, or none any more. */
static struct supervisor_child *supervisor_child_new(struct supervisor *supervisor, struct text owner)
{
    struct supervisor_child *child = MEMORY_NEW(struct supervisor_child);

    child->supervisor = supervisor;
    child->owner = owner.data ? text_copy(owner) : NULL;
    child->used_ms = clock_now_ms();
    schedule_init(&child->schedule);
    map_init(&child->windows);
    loop_timer_init(supervisor->loop, &child->patience, supervisor_child_patience, child);
    loop_timer_init(supervisor->loop, &child->grace, supervisor_child_grace, child);
    child->turn = (struct loop_deferred){.callback = supervisor_child_turn, .context = child};
    return child;
}

static void supervisor_child_free(struct supervisor_child *child)
{
    struct supervisor *supervisor = child->supervisor;

    if (child->owner && map_get(&supervisor->owners, text_from(child->owner)) == child)
        map_remove(&supervisor->owners, text_from(child->owner));
    loop_channel_detach(supervisor->loop, child->channel);
    loop_cancel(supervisor->loop, &child->turn);
    loop_timer_release(&child->patience);
    loop_timer_release(&child->grace);
    schedule_release(&child->schedule);
    map_release(&child->windows);
    free(child->trial_name);
    free(child->owner);
    free(child);
}

/* Nobody waits for it and it has no model: it can go. */
static bool supervisor_child_is_idle(const struct supervisor_child *child)
{
    if (child->batch || child->schedule.count > 0)
        return false;
    for (const struct supervisor_model *model = child->models; model; model = model->next)
        if (model->jobs > 0)
            return false;
    return true;
}

struct supervisor_child_search {
    struct supervisor_child *oldest;
};

/* One that was told to end makes room already; to choose it again would let two processes in for one. */
static int supervisor_child_visit_oldest(void *context, struct text key, void *value)
{
    struct supervisor_child_search *search = context;
    struct supervisor_child *child = value;

    (void)key;
    if (child->id && !child->verdict && supervisor_child_is_idle(child) &&
        (!search->oldest || child->used_ms < search->oldest->used_ms))
        search->oldest = child;
    return 0;
}

static int supervisor_child_visit_running(void *context, struct text key, void *value)
{
    struct supervisor_child *child = value;

    (void)key;
    *(uint32_t *)context += child->id != 0 && !child->verdict;
    return 0;
}

/* Room for one more process: the longest unused idle one goes; its models stay known and are sent to its next one. */
static bool supervisor_child_make_room(struct supervisor *supervisor)
{
    struct supervisor_child_search search = {0};
    uint32_t running = 0;

    map_each(&supervisor->owners, supervisor_child_visit_running, &running);
    if (running < supervisor->children_max)
        return true;
    map_each(&supervisor->owners, supervisor_child_visit_oldest, &search);
    if (search.oldest)
        supervisor_child_kill(search.oldest, "it made room for others");
    return search.oldest;
}

struct supervisor_child *supervisor_child_of(struct supervisor *supervisor, struct text owner)
{
    struct supervisor_child *child = map_get(&supervisor->owners, owner);

    if (child)
        return child;
    if (!supervisor_child_make_room(supervisor))
        return NULL;
    child = supervisor_child_new(supervisor, owner);
    map_set(&supervisor->owners, owner, child);
    return child;
}

void supervisor_child_kill(struct supervisor_child *child, const char *verdict)
{
    if (!child->id)
        return;
    child->verdict = verdict;
    if (nursery_kill(child->supervisor->nursery_fd, child->id) < 0)
        log_error("the process of the models of %s could not be ended",
                  child->owner ? child->owner : child->trial_name);
}

/* The clock of a batch. What runs is told to stop first: that costs one group of calls, and the models stay loaded.
 * Who does not stop (one operator that computes for long, a hostile process, a model that takes ages to load) is
 * ended. */
static void supervisor_child_patience(void *context)
{
    struct supervisor_child *child = context;

    if (child->urged || !child->owner || nursery_cancel(child->supervisor->nursery_fd, child->id, CANCEL_RUNNING) < 0) {
        supervisor_child_kill(child, "took too long and was stopped");
        return;
    }
    child->urged = true;
    loop_timer_start(&child->patience, BOUNDS_INFER_CANCEL_MS);
}

static void supervisor_child_wait(struct supervisor_child *child)
{
    child->urged = false;
    if (child->batch)
        loop_timer_start(&child->patience, child->supervisor->job_ms);
    else
        loop_timer_stop(&child->patience);
}

/* -- cancelling -- */

/* Somebody still waits for a call of the batch. */
static bool supervisor_child_is_wanted(const struct supervisor_child *child)
{
    for (const struct supervisor_job *job = child->batch; job; job = job->next)
        if (!job->cancelled)
            return true;
    return false;
}

/* A cancelled run still computes, for nobody: the process is ended rather than paid for. When others of the batch are
 * waited for, patience decides. */
static void supervisor_child_grace(void *context)
{
    struct supervisor_child *child = context;

    if (child->batch && !supervisor_child_is_wanted(child))
        supervisor_child_kill(child, "did not stop when its caller cancelled");
}

/* The message goes first: a child that has not begun the job must not learn of its end before its beginning. */
void supervisor_child_cancel(struct supervisor_child *child, struct supervisor_job *job)
{
    if (!child->channel || !child->id)
        return; /* it died; its notice is on the way */
    channel_send_child_cancel(child->channel, 0, &(struct message_child_cancel){.job = job->id});
    channel_flush(child->channel);
    if (nursery_cancel(child->supervisor->nursery_fd, child->id, job->id) < 0)
        log_warning("models of %s: the nursery is busy; a cancelled call ends when it is done", child->owner);
    loop_timer_start(&child->grace, BOUNDS_INFER_CANCEL_MS);
}

/* -- the end of a child -- */

/* Once per trial: afterwards no connection of the store has its number. `status` is a negated code, or whatever the
 * stranger's process said. */
static void supervisor_child_tell_trial(struct supervisor_child *child, uint32_t status, struct text reason)
{
    struct supervisor *supervisor = child->supervisor;
    struct message_model_tried tried = {
        .request = child->trial, .status = status, .reason = text_head(reason, 2048)};

    if (supervisor->store && child->trial_epoch == supervisor->store_epoch)
        channel_send_model_tried(supervisor->store, 0, &tried);
    child->trial_epoch = 0;
}

/* "the model ann/cats …": what happened to the process, for the people whose call it was. */
static void supervisor_child_explain(const struct supervisor_child *child, uint32_t status, char *out, size_t size)
{
    if (child->verdict)
        snprintf(out, size, "%s", child->verdict);
    else if (status == NURSERY_EXIT_SIGNAL + 9)
        snprintf(out, size, "was ended by the system, probably because it needed too much memory");
    else if (status == NURSERY_EXIT_SIGNAL + 6)
        snprintf(out, size, "crashed, probably because it needed more than %llu MiB of memory",
                 BOUNDS_INFER_CHILD_BYTES >> 20);
    else if (status >= NURSERY_EXIT_SIGNAL)
        snprintf(out, size, "crashed (signal %u)", status - NURSERY_EXIT_SIGNAL);
    else
        snprintf(out, size, "could not be run: its process ended with status %u", status);
}

static void supervisor_child_fail_batch(struct supervisor_child *child, const char *what)
{
    struct supervisor_job *job = child->batch;

    child->batch = NULL;
    while (job) {
        struct supervisor_job *next = job->next;
        supervisor_fail(child->supervisor, job, ERROR_CLOSED, "the model %s %s; try again, or tell its owner",
                        job->model->name, what);
        job = next;
    }
}

/* Everything the process held is gone: models are sent again, windows too, and what it had not answered fails. */
static void supervisor_child_on_exit(struct supervisor *supervisor, const struct nursery_exit *notice)
{
    struct supervisor_child *child = map_remove_u64(&supervisor->processes, notice->id);
    char what[160];

    if (!child)
        return;
    supervisor_child_explain(child, notice->exit, what, sizeof what);
    if (child->batch || child->trial_epoch || !child->verdict)
        log_warning("models of %s: the process %s", child->owner ? child->owner : child->trial_name, what);
    loop_channel_detach(supervisor->loop, child->channel);
    child->channel = NULL;
    child->id = 0;
    child->verdict = NULL;
    loop_timer_stop(&child->patience);
    loop_timer_stop(&child->grace);
    child->urged = false;
    child->batch_model = NULL;
    map_release(&child->windows);
    map_init(&child->windows);
    for (struct supervisor_model *model = child->models; model; model = model->next)
        model->sent = false;
    supervisor_child_fail_batch(child, what);
    if (!child->owner) {
        struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;
        buffer_format(&reason, "the model %s when it was tried with random input", what);
        if (child->trial_epoch)
            supervisor_child_tell_trial(child, (uint32_t)-ERROR_CLOSED, buffer_view(&reason));
        supervisor->trials--;
        supervisor_child_free(child);
        return;
    }
    loop_defer(supervisor->loop, &child->turn);
}

void supervisor_child_on_nursery(void *context, int fd)
{
    struct supervisor *supervisor = context;
    struct nursery_exit notice;
    int result;

    while ((result = nursery_read(fd, &notice)) > 0)
        supervisor_child_on_exit(supervisor, &notice);
    if (result == 0)
        return;
    log_error("the process that starts models' processes is gone: restarting");
    exit(1);
}

/* -- what a child says -- */

/* With the last answer of a batch: what one call took, smoothed, so that the next batch lasts about a turn. */
static void supervisor_child_measure(struct supervisor_child *child, const struct supervisor_job *job)
{
    if (child->batch || child->batch_model != job->model)
        return;
    uint64_t each = (clock_now_us() - child->batch_us) / child->batch_count;
    job->model->entry_us = job->model->entry_us ? (3 * job->model->entry_us + each) / 4 : each;
}

/* How many calls of the model may be given at once. A batch is not taken back when another demo comes, so its length
 * in time is what that demo waits: quick models fill the batch, slow ones go nearly one by one. */
static size_t supervisor_child_share(const struct supervisor_model *model)
{
    uint64_t turn_us = (uint64_t)BOUNDS_INFER_TURN_MS * 1000, count = model->entry_us ? turn_us / model->entry_us : 1;

    return count < 1 ? 1 : count > BOUNDS_INFER_BATCH ? BOUNDS_INFER_BATCH : (size_t)count;
}

/* Results for jobs that it was not given are ignored: a child is a stranger. */
static void supervisor_child_on_result(struct supervisor_child *child, struct message_in *in)
{
    struct message_child_result message;

    if (message_child_result_unpack(&message, in->body) < 0)
        return;
    if (!child->owner) {
        supervisor_child_tell_trial(child, message.status, message.body);
        supervisor_child_kill(child, "was tried");
        return;
    }
    for (struct supervisor_job **link = &child->batch; *link; link = &(*link)->next) {
        struct supervisor_job *job = *link;
        if (job->id != message.job)
            continue;
        *link = job->next;
        child->used_ms = clock_now_ms();
        supervisor_child_wait(child);
        supervisor_child_measure(child, job);
        supervisor_finish(child->supervisor, job, &message);
        loop_defer(child->supervisor->loop, &child->turn);
        return;
    }
}

static void supervisor_child_message(void *context, struct message_in *in)
{
    if (in->type == MESSAGE_child_result)
        supervisor_child_on_result(context, in);
}

/* It closed its channel: dead, or hostile. The nursery tells how it ended. */
static void supervisor_child_closed(void *context, int result)
{
    struct supervisor_child *child = context;

    (void)result;
    child->channel = NULL;
    if (child->id)
        nursery_kill(child->supervisor->nursery_fd, child->id);
}

/* -- giving work -- */

/* The channel exists before the process does: messages wait in it. */
static bool supervisor_child_start(struct supervisor_child *child)
{
    struct supervisor *supervisor = child->supervisor;
    int pair[2];

    if (child->channel)
        return true;
    if (child->id || fd_socket_pair(SOCK_SEQPACKET, 1, pair) < 0)
        return false;
    child->id = ++supervisor->next_process;
    if (nursery_spawn(supervisor->nursery_fd, child->id, pair[1]) < 0) {
        fd_close(&pair[0]);
        child->id = 0;
        return false;
    }
    map_set_u64(&supervisor->processes, child->id, child);
    child->channel = loop_channel_attach(supervisor->loop, pair[0], ROLE_INFER, ROLE_CHILD, CHANNEL_FDS,
                                         supervisor_child_message, supervisor_child_closed, child);
    return true;
}

/* The channel duplicates descriptors: ours stay for the next child. */
static void supervisor_child_pass_window(struct supervisor_child *child, uint32_t slot)
{
    uintptr_t kept = (uintptr_t)map_get_u64(&child->supervisor->windows, slot);
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    int fd = (int)kept - 1;

    if (fd < 0 || map_get_u64(&child->windows, slot))
        return;
    message_child_window_pack(&body, &(struct message_child_window){.slot = slot});
    if (channel_send(child->channel, MESSAGE_child_window, 0, buffer_view(&body), &fd, 1) == 0)
        map_set_u64(&child->windows, slot, child);
}

static int supervisor_child_send_model(struct supervisor_child *child, const struct message_child_model *message,
                                       int fd)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;

    message_child_model_pack(&body, message);
    return channel_send(child->channel, MESSAGE_child_model, 0, buffer_view(&body), &fd, 1);
}

/* A model is sent once per process and release; a send that fails is made up for with the next job. */
static void supervisor_child_pass_model(struct supervisor_child *child, struct supervisor_model *model)
{
    struct message_child_model message = {.name = text_from(model->name), .digest = text_from(model->digest)};

    if (model->sent || supervisor_child_send_model(child, &message, model->fd) < 0)
        return;
    for (struct supervisor_model *other = child->models; other; other = other->next)
        if (strcmp(other->name, model->name) == 0)
            other->sent = false; /* another release under the same name */
    model->sent = true;
}

/* Model and window first, on the same channel: they are there when the job is read. */
static void supervisor_child_give(struct supervisor_child *child, struct supervisor_job *job)
{
    struct message_child_job message = {.job = job->id, .slot = job->slot, .model = text_from(job->model->name),
                                        .op = text_from(job->op), .arguments = buffer_view(&job->arguments),
                                        .tensors = buffer_view(&job->tensors)};

    supervisor_child_pass_model(child, job->model);
    supervisor_child_pass_window(child, job->slot);
    channel_send_child_job(child->channel, 0, &message);
    job->child = child;
    job->next = child->batch;
    child->batch = job;
}

/* No process can be had: better a sentence now than a queue that nobody serves. */
static void supervisor_child_fail_all(struct supervisor_child *child)
{
    struct schedule_entry *entry;

    while (schedule_take(&child->schedule, &entry, 1) == 1) {
        struct supervisor_job *job = (struct supervisor_job *)entry;
        supervisor_fail(child->supervisor, job, ERROR_BUSY, "the model %s could not be started; try again in a moment",
                        job->model->name);
    }
}

/* The next batch for an idle child. */
static void supervisor_child_turn(void *context)
{
    struct supervisor_child *child = context;
    struct schedule_entry *entries[BOUNDS_INFER_BATCH];

    if (child->batch || child->schedule.count == 0 || (child->id && (child->verdict || !child->channel)))
        return; /* busy, nothing to do, or about to be reaped: then this is called again */
    if (!child->channel && !supervisor_child_make_room(child->supervisor)) {
        supervisor_child_fail_all(child);
        return;
    }
    if (!supervisor_child_start(child)) {
        supervisor_child_fail_all(child);
        return;
    }
    struct supervisor_model *model = ((struct supervisor_job *)schedule_peek(&child->schedule))->model;
    child->batch_model = model->sent ? model : NULL;
    child->batch_count = schedule_take(&child->schedule, entries, supervisor_child_share(model));
    child->used_ms = clock_now_ms();
    child->batch_us = clock_now_us();
    for (size_t i = 0; i < child->batch_count; i++)
        supervisor_child_give(child, (struct supervisor_job *)entries[i]);
    supervisor_child_wait(child);
}

void supervisor_child_add(struct supervisor_child *child, struct supervisor_job *job)
{
    schedule_push(&child->schedule, &job->entry);
    loop_defer(child->supervisor->loop, &child->turn);
}

/* -- windows, trials, leisure -- */

static int supervisor_child_visit_window(void *context, struct text key, void *value)
{
    struct supervisor_child *child = value;
    uint32_t slot = *(const uint32_t *)context;

    (void)key;
    if (map_remove_u64(&child->windows, slot) && child->channel)
        channel_send_child_window_gone(child->channel, 0, &(struct message_child_window_gone){.slot = slot});
    return 0;
}

void supervisor_child_forget_window(struct supervisor *supervisor, uint32_t slot)
{
    map_each(&supervisor->owners, supervisor_child_visit_window, &slot);
}

/* The bundle goes straight to the new process; nothing of it is kept here. */
void supervisor_child_try(struct supervisor *supervisor, const struct message_model_try *message, int fd)
{
    struct supervisor_child *child = supervisor_child_new(supervisor, (struct text){0});
    struct message_child_job job = {.job = SUPERVISOR_TRIAL_JOB, .model = message->name, .op = TEXT("try")};

    child->trial = message->request;
    child->trial_name = text_copy(message->name);
    child->trial_epoch = supervisor->store_epoch;
    if (supervisor->trials >= BOUNDS_INFER_TRIES || !supervisor_child_start(child)) {
        supervisor_child_tell_trial(child, (uint32_t)-ERROR_BUSY,
                                    TEXT("too many models are being tried right now; push again in a moment"));
        supervisor_child_free(child);
        return;
    }
    supervisor->trials++;
    supervisor_child_send_model(child, &(struct message_child_model){.name = message->name}, fd);
    channel_send_child_job(child->channel, 0, &job);
    loop_timer_start(&child->patience, supervisor->job_ms);
}

static int supervisor_child_visit_sweep(void *context, struct text key, void *value)
{
    struct supervisor_child *child = value;

    (void)context, (void)key;
    if (child->models || !supervisor_child_is_idle(child))
        return 0;
    if (child->id)
        supervisor_child_kill(child, "is no longer needed");
    else
        supervisor_child_free(child);
    return 0;
}

void supervisor_child_sweep(struct supervisor *supervisor)
{
    map_each(&supervisor->owners, supervisor_child_visit_sweep, supervisor);
}
