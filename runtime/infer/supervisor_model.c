/* Models by name. The first job for a name asks the store, further ones wait with it; the store's answer names the
 * owner and brings the release's bundle, whose descriptor is kept so that every later process of that owner can be
 * given it.
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

/* A new number each time: an answer to an earlier question no longer finds anybody. */
static void supervisor_model_ask(struct supervisor *supervisor, struct supervisor_model *model)
{
    model->request = ++supervisor->next_request;
    if (supervisor->store)
        channel_send_model_open(
            supervisor->store, 0,
            &(struct message_model_open){.request = model->request, .name = text_from(model->name)});
}

static struct supervisor_model *supervisor_model_new(struct supervisor *supervisor, struct text name)
{
    struct supervisor_model *model = MEMORY_NEW(struct supervisor_model);

    model->name = text_copy(name);
    model->fd = -1;
    schedule_init(&model->waiting);
    map_set(&supervisor->models, name, model);
    supervisor_model_ask(supervisor, model);
    return model;
}

/* Queued at its child, or, while the store is asked, at the model itself. */
void supervisor_model_add(struct supervisor *supervisor, struct text name, struct supervisor_job *job)
{
    struct supervisor_model *model = map_get(&supervisor->models, name);

    if (!model)
        model = supervisor_model_new(supervisor, name);
    job->model = model;
    job->entry.model = model;
    model->jobs++;
    model->used_ms = clock_now_ms();
    if (model->state == SUPERVISOR_READY)
        supervisor_child_add(model->child, job);
    else
        schedule_push(&model->waiting, &job->entry);
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
    if (model->state != SUPERVISOR_OPENING || model->request != search->request)
        return 0;
    search->found = model;
    return 1;
}

static struct supervisor_model *supervisor_model_asked(struct supervisor *supervisor, uint32_t request)
{
    struct supervisor_model_search search = {.request = request};

    map_each(&supervisor->models, supervisor_model_visit_request, &search);
    return search.found;
}

/* Fails all jobs that wait for the model, and forgets it: the next job asks again. */
static void supervisor_model_give_up(struct supervisor *supervisor, struct supervisor_model *model, int code,
                                     struct text reason)
{
    struct schedule_entry *entry;

    map_remove(&supervisor->models, text_from(model->name));
    model->retired = true;
    model->jobs++; /* so that it outlives its last job */
    while (schedule_take(&model->waiting, &entry, 1) == 1)
        supervisor_fail(supervisor, (struct supervisor_job *)entry, code, "model %s: " TEXT_FORMAT, model->name,
                        TEXT_ARGUMENT(reason));
    supervisor_model_drop_job(supervisor, model);
}

/* An answer that nobody waits for any more only closes its descriptor, by the channel's rule. */
void supervisor_model_on_opened(struct supervisor *supervisor, struct message_in *in)
{
    struct message_model_opened message;
    struct supervisor_model *model;
    struct schedule_entry *entry;

    if (message_model_opened_unpack(&message, in->body) < 0 ||
        !(model = supervisor_model_asked(supervisor, message.request)))
        return;
    struct supervisor_child *child = supervisor_child_of(supervisor, message.owner);
    if (!child) {
        supervisor_model_give_up(supervisor, model, ERROR_BUSY,
                                 TEXT("the models of too many others are in use right now; try again in a moment"));
        return;
    }
    model->state = SUPERVISOR_READY;
    model->digest = text_copy(message.digest);
    model->fd = fd_steal(&in->fds[0]);
    model->child = child;
    model->next = child->models;
    child->models = model;
    while (schedule_take(&model->waiting, &entry, 1) == 1)
        supervisor_child_add(child, (struct supervisor_job *)entry);
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

/* Jobs that came before the change keep what they were given; the next one asks anew. */
void supervisor_model_on_changed(struct supervisor *supervisor, struct message_in *in)
{
    struct message_model_changed message;
    struct supervisor_model *model;

    if (message_model_changed_unpack(&message, in->body) < 0 || !(model = map_get(&supervisor->models, message.name)))
        return;
    if (model->state == SUPERVISOR_OPENING) {
        supervisor_model_ask(supervisor, model);
        return;
    }
    map_remove(&supervisor->models, message.name);
    model->retired = true;
    if (model->jobs == 0)
        supervisor_model_free(supervisor, model);
}

static int supervisor_model_visit_ask(void *context, struct text key, void *value)
{
    struct supervisor_model *model = value;

    (void)key;
    if (model->state == SUPERVISOR_OPENING)
        supervisor_model_ask(context, model);
    return 0;
}

void supervisor_model_ask_again(struct supervisor *supervisor)
{
    map_each(&supervisor->models, supervisor_model_visit_ask, supervisor);
}

static int supervisor_model_visit_sweep(void *context, struct text key, void *value)
{
    struct supervisor *supervisor = context;
    struct supervisor_model *model = value;

    (void)key;
    if (model->state == SUPERVISOR_READY && model->jobs == 0 && clock_now_ms() - model->used_ms >= supervisor->idle_ms)
        supervisor_model_free(supervisor, model);
    return 0;
}

/* Only what no job names: the clock is stopped while somebody waits. */
void supervisor_model_sweep(struct supervisor *supervisor)
{
    map_each(&supervisor->models, supervisor_model_visit_sweep, supervisor);
}
