/* Models by name. The first job for a name asks the store, further ones wait with it; the store's answer names the
 * owner and brings the release's bundle, whose descriptor is kept so that every later process of that owner can be
 * given it.
 *
 * A question is asked for a demo. Its answer lets every demo in (a public model) or that demo alone: then each other
 * demo has a question of its own before its first job may use what is already loaded. One question is out at a time
 * per model, for the demo whose turn it is; jobs of demos that were let in do not wait for it. A refusal is not kept:
 * whoever comes again is asked for again, so that nothing has to be told when a demo is later allowed to.
 *
 * A name has at most one model in the map. When its release changes the model is retired: out of the map, still
 * used by the jobs that were given it, freed with the last of them. The next job finds no model and asks again.
 * That is also why a model counts its jobs, wherever they stand. */
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/infer/supervisor.h"

/* Out of its child's list, the child told to unload it, and out of the map unless it was retired before. */
static void supervisor_model_free(struct supervisor *supervisor, struct supervisor_model *model)
{
    struct supervisor_child *child = model->child;

    for (struct supervisor_model **link = child ? &child->models : NULL; link && *link; link = &(*link)->next)
        if (*link == model) {
            *link = model->next;
            break;
        }
    if (child && child->channel && model->sent)
        channel_send_child_unload(child->channel, 0, &(struct message_child_unload){.name = text_from(model->name)});
    if (!model->retired)
        map_remove(&supervisor->models, text_from(model->name));
    schedule_release(&model->waiting);
    map_release(&model->demos);
    fd_close(&model->fd);
    free(model->digest);
    free(model->name);
    free(model);
}

void supervisor_model_drop_job(struct supervisor *supervisor, struct supervisor_model *model)
{
    model->used_ms = clock_now_ms();
    if (--model->jobs == 0 && model->retired)
        supervisor_model_free(supervisor, model);
}

/* For the demo whose turn it is, if any waits. A new number each time: an answer to an earlier question no longer finds
 * anybody. Without a store the question counts as out; the next store is asked (supervisor_model_ask_again). */
static void supervisor_model_ask(struct supervisor *supervisor, struct supervisor_model *model)
{
    const struct schedule_entry *entry = schedule_peek(&model->waiting);
    struct message_model_open message = {.name = text_from(model->name)};

    model->request = 0;
    if (!entry)
        return;
    model->request = message.request = ++supervisor->next_request;
    model->asked_demo = message.demo_id = entry->demo_id;
    if (supervisor->store)
        channel_send_model_open(supervisor->store, 0, &message);
}

static bool supervisor_model_admits(const struct supervisor_model *model, uint64_t demo_id)
{
    return model->child && (model->shared || map_get_u64(&model->demos, demo_id));
}

static struct supervisor_model *supervisor_model_new(struct supervisor *supervisor, struct text name)
{
    struct supervisor_model *model = MEMORY_NEW(struct supervisor_model);

    model->name = text_copy(name);
    model->fd = -1;
    schedule_init(&model->waiting);
    map_init(&model->demos);
    map_set(&supervisor->models, name, model);
    return model;
}

/* Queued at its child, or, until the store has let the demo in, at the model itself. */
void supervisor_model_add(struct supervisor *supervisor, struct text name, struct supervisor_job *job)
{
    struct supervisor_model *model = map_get(&supervisor->models, name);

    if (!model)
        model = supervisor_model_new(supervisor, name);
    job->model = model;
    job->entry.model = model;
    model->jobs++;
    model->used_ms = clock_now_ms();
    if (supervisor_model_admits(model, job->entry.demo_id)) {
        supervisor_child_add(model->child, job);
        return;
    }
    schedule_push(&model->waiting, &job->entry);
    if (!model->request)
        supervisor_model_ask(supervisor, model);
}

/* The release, or who may use it, is no longer what was answered: jobs that were let in keep what they were given, the
 * others wait at a new model of the same name, which asks anew. */
static void supervisor_model_renew(struct supervisor *supervisor, struct supervisor_model *model)
{
    struct schedule_entry *entry;

    map_remove(&supervisor->models, text_from(model->name));
    model->retired = true;
    model->jobs++; /* so that it outlives its last job */
    while (schedule_take(&model->waiting, &entry, 1) == 1) {
        model->jobs--;
        supervisor_model_add(supervisor, text_from(model->name), (struct supervisor_job *)entry);
    }
    supervisor_model_drop_job(supervisor, model);
}

/* -- what the store answers -- */

struct supervisor_model_search {
    uint32_t request;
    struct supervisor_model *found;
};

static int supervisor_model_visit_request(void *context, struct text key, void *value)
{
    struct supervisor_model_search *search = context;
    struct supervisor_model *model = value;

    (void)key;
    if (model->request != search->request)
        return 0;
    search->found = model;
    return 1;
}

static struct supervisor_model *supervisor_model_asked(struct supervisor *supervisor, uint32_t request)
{
    struct supervisor_model_search search = {.request = request};

    if (request) /* 0 is what a model has that asks nothing */
        map_each(&supervisor->models, supervisor_model_visit_request, &search);
    return search.found;
}

/* After an answer: the next demo's question, or nobody waits. A model that nobody was given is forgotten then. */
static void supervisor_model_go_on(struct supervisor *supervisor, struct supervisor_model *model)
{
    supervisor_model_ask(supervisor, model);
    if (!model->child && model->jobs == 0)
        supervisor_model_free(supervisor, model);
}

/* Fails the jobs of the demo that was asked for. Others may be let in, and have their turn. */
static void supervisor_model_give_up(struct supervisor *supervisor, struct supervisor_model *model, int code,
                                     struct text reason)
{
    struct schedule_entry *entry;

    while ((entry = schedule_take_demo(&model->waiting, model->asked_demo)))
        supervisor_fail(supervisor, (struct supervisor_job *)entry, code, "model %s: " TEXT_FORMAT, model->name,
                        TEXT_ARGUMENT(reason));
    supervisor_model_go_on(supervisor, model);
}

/* The first answer brings the bundle and says whose process it belongs into. */
static bool supervisor_model_place(struct supervisor *supervisor, struct supervisor_model *model,
                                   const struct message_model_opened *message, int *fd)
{
    struct supervisor_child *child = supervisor_child_of(supervisor, message->owner);

    if (!child)
        return false;
    model->digest = text_copy(message->digest);
    model->fd = fd_steal(fd);
    model->child = child;
    model->next = child->models;
    child->models = model;
    return true;
}

/* Whoever may use it stops waiting: all, or the demo that was asked for. */
static void supervisor_model_admit(struct supervisor_model *model, bool shared)
{
    struct schedule_entry *entry;

    model->shared = shared;
    if (!shared)
        map_set_u64(&model->demos, model->asked_demo, model);
    while (shared ? schedule_take(&model->waiting, &entry, 1) == 1
                  : (entry = schedule_take_demo(&model->waiting, model->asked_demo)) != NULL)
        supervisor_child_add(model->child, (struct supervisor_job *)entry);
}

/* An answer that nobody waits for any more only closes its descriptor, by the channel's rule. */
void supervisor_model_on_opened(struct supervisor *supervisor, struct message_in *in)
{
    struct message_model_opened message;
    struct supervisor_model *model;

    if (message_model_opened_unpack(&message, in->body) < 0 ||
        !(model = supervisor_model_asked(supervisor, message.request)))
        return;
    if (model->child && !text_equal(message.digest, text_from(model->digest))) {
        supervisor_model_renew(supervisor, model); /* released again while the store was away */
    } else if (!model->child && !supervisor_model_place(supervisor, model, &message, &in->fds[0])) {
        supervisor_model_give_up(supervisor, model, ERROR_BUSY,
                                 TEXT("the models of too many others are in use right now; try again in a moment"));
    } else {
        supervisor_model_admit(model, message.shared);
        supervisor_model_go_on(supervisor, model);
    }
}

void supervisor_model_on_missing(struct supervisor *supervisor, struct message_in *in)
{
    struct message_model_missing message;
    struct supervisor_model *model;

    if (message_model_missing_unpack(&message, in->body) < 0 ||
        !(model = supervisor_model_asked(supervisor, message.request)))
        return;
    supervisor_model_give_up(supervisor, model, message.status ? -(int)message.status : ERROR_NOT_FOUND,
                             message.reason.length > 0 ? message.reason : TEXT("there is no such model"));
}

void supervisor_model_on_changed(struct supervisor *supervisor, struct message_in *in)
{
    struct message_model_changed message;
    struct supervisor_model *model;

    if (message_model_changed_unpack(&message, in->body) == 0 &&
        (model = map_get(&supervisor->models, message.name)))
        supervisor_model_renew(supervisor, model);
}

static int supervisor_model_visit_ask(void *context, struct text key, void *value)
{
    struct supervisor_model *model = value;

    (void)key;
    model->shared = false;
    map_release(&model->demos);
    map_init(&model->demos);
    supervisor_model_ask(context, model);
    return 0;
}

/* What changed while no store was connected was told to nobody. Bundles are kept: the next job's answer tells by the
 * digest whether it is still that one. */
void supervisor_model_ask_again(struct supervisor *supervisor)
{
    map_each(&supervisor->models, supervisor_model_visit_ask, supervisor);
}

static int supervisor_model_visit_sweep(void *context, struct text key, void *value)
{
    struct supervisor *supervisor = context;
    struct supervisor_model *model = value;

    (void)key;
    if (model->jobs == 0 && clock_now_ms() - model->used_ms >= supervisor->idle_ms)
        supervisor_model_free(supervisor, model);
    return 0;
}

/* Only what no job names: the clock is stopped while somebody waits. */
void supervisor_model_sweep(struct supervisor *supervisor)
{
    map_each(&supervisor->models, supervisor_model_visit_sweep, supervisor);
}
