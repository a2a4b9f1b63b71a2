/* The process's edges: gateway, store, launcher, and the life of a job from its message to its one answer. What
 * happens between is in supervisor_model.c (which model) and supervisor_child.c (which process).
 *
 * Peers come and go. A new gateway means that nobody waits for anything: all jobs are cancelled and windows
 * forgotten. A new store is asked again what the old one did not answer. Jobs are known by two numbers: the
 * gateway's, which starts again with a new gateway, and ours, which never repeats and is what children see. */
#include "runtime/infer/supervisor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"

enum { SUPERVISOR_SWEEPS = 5 }; /* within the time after which a model is idle */

/* -- jobs -- */

static size_t supervisor_demo_jobs(const struct supervisor *supervisor, uint64_t demo_id)
{
    return (size_t)(uintptr_t)map_get_u64(&supervisor->demo_jobs, demo_id);
}

/* The map's values are the counts themselves. */
static void supervisor_count(struct supervisor *supervisor, uint64_t demo_id, size_t count)
{
    if (count > 0)
        map_set_u64(&supervisor->demo_jobs, demo_id, (void *)(uintptr_t)count);
    else
        map_remove_u64(&supervisor->demo_jobs, demo_id);
}

/* The gateway reads all the time; a queue that is full anyway means that it is as good as gone. */
static void supervisor_answer(struct supervisor *supervisor, const struct message_infer_result *result)
{
    if (supervisor->gateway && channel_send_infer_result(supervisor->gateway, 0, result) < 0)
        log_warning("an answer of a model was dropped: the gateway does not read");
}

static void supervisor_refuse(struct supervisor *supervisor, uint64_t gateway_job, int code, const char *sentence)
{
    supervisor_answer(supervisor, &(struct message_infer_result){.job = gateway_job, .status = (uint32_t)-code,
                                                                 .body = text_from(sentence)});
}

/* The last step of every job, whatever its end. The very last one lets a stopping process go. */
static void supervisor_free_job(struct supervisor *supervisor, struct supervisor_job *job)
{
    map_remove_u64(&supervisor->jobs, job->id);
    if (map_get_u64(&supervisor->gateway_jobs, job->gateway_job) == job)
        map_remove_u64(&supervisor->gateway_jobs, job->gateway_job);
    supervisor_count(supervisor, job->entry.demo_id, supervisor_demo_jobs(supervisor, job->entry.demo_id) - 1);
    if (job->model)
        supervisor_model_drop_job(supervisor, job->model);
    buffer_release(&job->arguments);
    buffer_release(&job->tensors);
    free(job->op);
    free(job);
    if (supervisor->stopping && supervisor->jobs.count == 0)
        loop_stop(supervisor->loop);
}

void supervisor_finish(struct supervisor *supervisor, struct supervisor_job *job,
                       const struct message_child_result *result)
{
    if (!job->cancelled)
        supervisor_answer(supervisor, &(struct message_infer_result){.job = job->gateway_job,
                                                                     .status = result->status,
                                                                     .body = result->body,
                                                                     .tensors = result->tensors});
    supervisor_free_job(supervisor, job);
}

void supervisor_fail(struct supervisor *supervisor, struct supervisor_job *job, int code, const char *format, ...)
{
    char sentence[BOUNDS_INFER_REASON_BYTES * 2];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (!job->cancelled)
        supervisor_refuse(supervisor, job->gateway_job, code, sentence);
    supervisor_free_job(supervisor, job);
}

/* -- the gateway -- */

/* "try" is the supervisor's own: nobody outside asks for it. */
static bool supervisor_knows_op(struct text op)
{
    static const char *const ops[] = {"describe", "run", "fetch", "pipeline"};

    for (size_t i = 0; i < MEMORY_COUNT(ops); i++)
        if (text_equal(op, text_from(ops[i])))
            return true;
    return false;
}

static const char *supervisor_check_job(const struct supervisor *supervisor, const struct message_infer_job *message)
{
    struct text name = message->model, owner = text_cut(&name, '/');

    if (!text_is_name(owner) || !text_is_name(name))
        return "a model's name is \"owner/name\"";
    if (!supervisor_knows_op(message->op))
        return "a model can be asked to describe, run, fetch or pipeline";
    if (supervisor_demo_jobs(supervisor, message->demo_id) >= BOUNDS_INFER_DEMO_JOBS)
        return "too many model calls of this demo wait already; try again in a moment";
    if (supervisor->jobs.count >= BOUNDS_INFER_JOBS)
        return "too many model calls wait already; try again in a moment";
    return supervisor->stopping ? "the server is stopping; try again in a moment" : NULL;
}

/* From here on the job has exactly one end: supervisor_finish(), _fail() or _cancel(). */
static void supervisor_on_job(struct supervisor *supervisor, struct message_in *in)
{
    struct message_infer_job message;

    if (message_infer_job_unpack(&message, in->body) < 0)
        return;
    const char *trouble = supervisor_check_job(supervisor, &message);
    if (trouble) {
        supervisor_refuse(supervisor, message.job, ERROR_LIMIT, trouble);
        return;
    }
    struct supervisor_job *job = MEMORY_NEW(struct supervisor_job);
    job->id = ++supervisor->next_job;
    job->gateway_job = message.job;
    job->slot = message.slot;
    job->entry.demo_id = message.demo_id;
    job->op = text_copy(message.op);
    buffer_text(&job->arguments, message.arguments);
    buffer_text(&job->tensors, message.tensors);
    map_set_u64(&supervisor->jobs, job->id, job);
    map_set_u64(&supervisor->gateway_jobs, job->gateway_job, job);
    supervisor_count(supervisor, message.demo_id, supervisor_demo_jobs(supervisor, message.demo_id) + 1);
    supervisor_model_add(supervisor, message.model, job);
}

/* The gateway no longer waits. It has its answer at once; the job itself goes when it leaves the schedule, or when its
 * child has answered for it. */
static void supervisor_cancel(struct supervisor *supervisor, struct supervisor_job *job)
{
    struct supervisor_model *model = job->model;

    if (job->cancelled)
        return;
    supervisor_refuse(supervisor, job->gateway_job, ERROR_CLOSED, "the call was cancelled");
    job->cancelled = true;
    if (job->child)
        supervisor_child_cancel(job->child, job);
    else if (schedule_remove(&model->waiting, &job->entry) ||
             (model->child && schedule_remove(&model->child->schedule, &job->entry)))
        supervisor_free_job(supervisor, job);
}

static void supervisor_on_cancel(struct supervisor *supervisor, struct message_in *in)
{
    struct message_infer_cancel message;
    struct supervisor_job *job;

    if (message_infer_cancel_unpack(&message, in->body) == 0 &&
        (job = map_get_u64(&supervisor->gateway_jobs, message.job)))
        supervisor_cancel(supervisor, job);
}

/* The map holds descriptors plus one, so that none is NULL. */
static void supervisor_drop_window(struct supervisor *supervisor, uint32_t slot)
{
    uintptr_t kept = (uintptr_t)map_remove_u64(&supervisor->windows, slot);
    int fd = (int)kept - 1;

    fd_close(&fd);
    if (kept)
        supervisor_child_forget_window(supervisor, slot);
}

/* A slot's worker is new: what the old window meant is over for every child. */
static void supervisor_on_window(struct supervisor *supervisor, struct message_in *in)
{
    struct message_infer_window message;

    if (message_infer_window_unpack(&message, in->body) < 0 || message.slot >= BOUNDS_WORKERS)
        return;
    supervisor_drop_window(supervisor, message.slot);
    map_set_u64(&supervisor->windows, message.slot, (void *)(uintptr_t)(fd_steal(&in->fds[0]) + 1));
}

static void supervisor_on_window_gone(struct supervisor *supervisor, struct message_in *in)
{
    struct message_infer_window_gone message;

    if (message_infer_window_gone_unpack(&message, in->body) == 0)
        supervisor_drop_window(supervisor, message.slot);
}

static int supervisor_visit_cancel(void *context, struct text key, void *value)
{
    (void)key;
    supervisor_cancel(context, value);
    return 0;
}

/* A new gateway knows nothing of the old one's jobs and windows. */
static void supervisor_forget_gateway(struct supervisor *supervisor)
{
    map_each(&supervisor->jobs, supervisor_visit_cancel, supervisor);
    map_release(&supervisor->gateway_jobs);
    map_init(&supervisor->gateway_jobs);
    for (uint32_t slot = 0; supervisor->windows.count > 0 && slot < BOUNDS_WORKERS; slot++)
        supervisor_drop_window(supervisor, slot);
}

typedef void supervisor_handler(struct supervisor *supervisor, struct message_in *in);

static void supervisor_gateway_message(void *context, struct message_in *in)
{
    static supervisor_handler *const handlers[MESSAGE_COUNT] = {
        [MESSAGE_infer_job] = supervisor_on_job,       [MESSAGE_infer_cancel] = supervisor_on_cancel,
        [MESSAGE_infer_window] = supervisor_on_window, [MESSAGE_infer_window_gone] = supervisor_on_window_gone,
    };

    if (handlers[in->type])
        handlers[in->type](context, in);
}

static void supervisor_gateway_closed(void *context, int result)
{
    struct supervisor *supervisor = context;

    (void)result;
    supervisor->gateway = NULL;
    supervisor_forget_gateway(supervisor);
}

/* -- the store -- */

static void supervisor_on_try(struct supervisor *supervisor, struct message_in *in)
{
    struct message_model_try message;

    if (message_model_try_unpack(&message, in->body) == 0)
        supervisor_child_try(supervisor, &message, in->fds[0]);
}

static void supervisor_store_message(void *context, struct message_in *in)
{
    static supervisor_handler *const handlers[MESSAGE_COUNT] = {
        [MESSAGE_model_opened] = supervisor_model_on_opened,   [MESSAGE_model_missing] = supervisor_model_on_missing,
        [MESSAGE_model_changed] = supervisor_model_on_changed, [MESSAGE_model_try] = supervisor_on_try,
    };

    if (handlers[in->type])
        handlers[in->type](context, in);
}

static void supervisor_store_closed(void *context, int result)
{
    struct supervisor *supervisor = context;

    (void)result;
    supervisor->store = NULL;
}

/* -- the launcher -- */

static void supervisor_on_config(void *context, struct text key, struct text value)
{
    struct supervisor *supervisor = context;
    uint64_t number;

    if (text_to_u64(value, &number) < 0 || number == 0)
        return;
    if (text_equal(key, TEXT("limit_infer_job_ms")))
        supervisor->job_ms = number;
    else if (text_equal(key, TEXT("limit_infer_idle_ms")))
        supervisor->idle_ms = number;
    else if (text_equal(key, TEXT("limit_infer_children")) && number <= BOUNDS_INFER_CHILDREN)
        supervisor->children_max = (uint32_t)number;
}

static void supervisor_on_peer(void *context, enum message_role role, int fd)
{
    struct supervisor *supervisor = context;

    if (role == ROLE_GATEWAY) {
        loop_channel_detach(supervisor->loop, supervisor->gateway);
        supervisor->gateway = NULL; /* nobody to tell that the old one's jobs are cancelled */
        supervisor_forget_gateway(supervisor);
        supervisor->gateway = loop_channel_attach(supervisor->loop, fd, ROLE_INFER, role, CHANNEL_FDS,
                                                  supervisor_gateway_message, supervisor_gateway_closed, supervisor);
    } else if (role == ROLE_STORE) {
        loop_channel_detach(supervisor->loop, supervisor->store);
        supervisor->store_epoch++;
        supervisor->store = loop_channel_attach(supervisor->loop, fd, ROLE_INFER, role, CHANNEL_FDS,
                                                supervisor_store_message, supervisor_store_closed, supervisor);
        supervisor_model_ask_again(supervisor);
    } else {
        fd_close(&fd);
    }
}

static void supervisor_on_start(void *context)
{
    struct supervisor *supervisor = context;

    loop_timer_start(&supervisor->sweep, supervisor->idle_ms / SUPERVISOR_SWEEPS + 1);
    control_ready(&supervisor->control);
}

static void supervisor_farewell(void *context)
{
    struct supervisor *supervisor = context;

    loop_stop(supervisor->loop);
}

/* Jobs may finish for as long as the launcher gives; new ones are refused. */
static void supervisor_on_stop(void *context, uint32_t grace_ms)
{
    struct supervisor *supervisor = context;

    supervisor->stopping = true;
    loop_timer_start(&supervisor->farewell, supervisor->jobs.count > 0 ? grace_ms : 0);
}

static void supervisor_sweep(void *context)
{
    struct supervisor *supervisor = context;

    supervisor_model_sweep(supervisor);
    supervisor_child_sweep(supervisor);
    loop_timer_start(&supervisor->sweep, supervisor->idle_ms / SUPERVISOR_SWEEPS + 1);
}

void supervisor_run(struct loop *loop, int control_fd, int nursery_fd)
{
    static const struct control_callbacks callbacks = {.on_config = supervisor_on_config,
                                                       .on_peer = supervisor_on_peer,
                                                       .on_start = supervisor_on_start,
                                                       .on_stop = supervisor_on_stop};
    struct supervisor supervisor = {.loop = loop,
                                    .nursery_fd = nursery_fd,
                                    .job_ms = BOUNDS_INFER_JOB_MS,
                                    .idle_ms = BOUNDS_INFER_IDLE_MS,
                                    .children_max = BOUNDS_INFER_CHILDREN};
    struct map *maps[] = {&supervisor.models, &supervisor.owners, &supervisor.processes, &supervisor.jobs,
                          &supervisor.gateway_jobs, &supervisor.demo_jobs, &supervisor.windows};

    for (size_t i = 0; i < MEMORY_COUNT(maps); i++)
        map_init(maps[i]);
    loop_timer_init(loop, &supervisor.sweep, supervisor_sweep, &supervisor);
    loop_timer_init(loop, &supervisor.farewell, supervisor_farewell, &supervisor);
    loop_watch_init(loop, &supervisor.nursery_watch, nursery_fd, false, supervisor_child_on_nursery, &supervisor);
    control_init(&supervisor.control, loop, control_fd, ROLE_INFER, &callbacks, &supervisor);
    loop_run(loop);
    exit(0); /* nursery and children end with their channels */
}
