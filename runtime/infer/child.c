/* The process that meets strangers' models. One thread, one loop: read all messages that are there, run one group
 * of jobs, answer, look for messages again. The supervisor gives a batch and waits, so the list of jobs is short
 * and bounded by it.
 *
 * A job is checked completely when its message is read: names, types and shapes against the model, tensors copied
 * out of the message or of the window. What waits in the list can run. Groups are found at the moment of running:
 * jobs of one model with equal shapes are joined along their first dimension, run once, and the answer is cut
 * apart. When that fails they run one by one.
 *
 * Every job is answered exactly once; `settled` says that it was. A job that is settled stays in the list until its
 * turn, so a group may hold pointers to jobs that were cancelled meanwhile.
 *
 * Nothing here can hang others: endless computing is stopped by cancel.h or by the supervisor's clock, memory ends
 * the process, and both cost one owner's jobs. */
#include "runtime/infer/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/map.h"
#include "runtime/base/memory.h"
#include "runtime/infer/cancel.h"
#include "runtime/infer/held.h"
#include "runtime/infer/model.h"
#include "runtime/wire/channel.h"
#include "sandbox/lockdown/lockdown.h"

enum { CHILD_TOP_K = 5 };

enum child_op { CHILD_DESCRIBE, CHILD_RUN, CHILD_FETCH, CHILD_PIPELINE, CHILD_TRY };

struct child_job {
    struct child_job *next;
    uint64_t id;
    uint32_t slot;
    struct model *model;
    enum child_op op;
    size_t top_k;                                /* of a pipeline */
    int64_t held, offset, length;                /* of a fetch */
    struct engine_input inputs[TENSOR_LIST_MAX]; /* bytes owned; in the model's order */
    bool settled;                                /* answered */
};

struct child {
    struct channel channel;
    struct map models;  /* name → struct model */
    struct map windows; /* slot → struct tensor_window */
    struct held held;   /* large answers */
    struct child_job *first, **end;
};

/* -- answers -- */

/* An answer that its message cannot hold becomes a sentence; the channel's queue has room for those. */
static void child_send(struct child *child, uint64_t id, int code, struct text body, struct text tensors)
{
    struct message_child_result result = {.job = id, .status = (uint32_t)-code, .body = body, .tensors = tensors};

    if (channel_send_child_result(&child->channel, 0, &result) == ERROR_LIMIT) {
        result = (struct message_child_result){.job = id, .status = (uint32_t)-ERROR_LIMIT,
                                               .body = TEXT("the model's answer is too large for one message")};
        channel_send_child_result(&child->channel, 0, &result);
    }
}

/* The sentence in `reason` (of the model `name`) answers the job. */
static void child_refuse(struct child *child, uint64_t id, struct text name, int code, struct text reason)
{
    struct buffer BUFFER_AUTO sentence = BUFFER_EMPTY;

    buffer_format(&sentence, "model " TEXT_FORMAT ": ", TEXT_ARGUMENT(name));
    buffer_text(&sentence, reason);
    child_send(child, id, code, buffer_view(&sentence), TEXT(""));
}

static void child_fail(struct child *child, struct child_job *job, int code, const struct buffer *reason)
{
    child_refuse(child, job->id, text_from(job->model->name), code, buffer_view(reason));
    job->settled = true;
}

/* Said by child_fail() of jobs whose run was stopped; nobody reads it but a caller that outlives its own cancel. */
static void child_fail_stopped(struct child *child, struct child_job *job, enum cancel_verdict verdict)
{
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;

    buffer_string(&reason, verdict == CANCEL_TOO_LONG ? "it took too long and was stopped"
                                                      : "the call was cancelled while it ran");
    child_fail(child, job, verdict == CANCEL_TOO_LONG ? ERROR_TIMEOUT : ERROR_CLOSED, &reason);
}

static void child_free_job(struct child_job *job)
{
    for (size_t i = 0; i < TENSOR_LIST_MAX; i++)
        free(job->inputs[i].bytes);
    free(job);
}

/* -- windows and models -- */

static void child_drop_window(struct child *child, uint32_t slot)
{
    struct tensor_window *window = map_remove_u64(&child->windows, slot);

    held_drop_slot(&child->held, slot);
    if (!window)
        return;
    munmap(window->base, window->length);
    free(window);
}

/* A window that could shrink under us would be a way to crash the owner's models: it must be sealed. */
static void child_map_window(struct child *child, uint32_t slot, int fd)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    child_drop_window(child, slot);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &status) < 0 || status.st_size <= 0 ||
        status.st_size > BOUNDS_TENSOR_WINDOW_BYTES)
        return; /* its jobs are told that there is no window */
    void *base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return;
    struct tensor_window *window = MEMORY_NEW(struct tensor_window);
    *window = (struct tensor_window){base, (size_t)status.st_size};
    map_set_u64(&child->windows, slot, window);
}

/* Jobs that are already filled point into the model: they are answered before it goes. */
static void child_forget_model(struct child *child, struct text name)
{
    struct model *model = map_remove(&child->models, name);
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;

    buffer_string(&reason, "it was replaced while the call waited; try again");
    for (struct child_job *job = child->first; model && job; job = job->next)
        if (job->model == model && !job->settled)
            child_fail(child, job, ERROR_NOT_FOUND, &reason);
    model_free(model);
}

/* -- a job's tensors -- */

static struct tensor_window child_window_of(struct child *child, uint32_t slot)
{
    const struct tensor_window *window = map_get_u64(&child->windows, slot);

    return window ? *window : (struct tensor_window){0};
}

/* Copies a tensor out of where it came: what the worker writes later changes nothing. */
static int child_copy(struct engine_input *input, const struct tensor *tensor, const struct tensor_window *window)
{
    const unsigned char *from = tensor_bytes(tensor, window);

    if (!from && tensor->byte_length > 0)
        return ERROR_INVALID;
    input->length = (size_t)tensor->byte_length;
    input->bytes = memory_alloc(input->length + 1, 1);
    if (input->length > 0)
        memcpy(input->bytes, from, input->length);
    input->rank = tensor->rank;
    for (uint32_t i = 0; i < tensor->rank; i++)
        input->shape[i] = (int64_t)tensor->shape[i];
    return 0;
}

static int child_take_input(struct child_job *job, const struct tensor *tensor, const struct tensor_window *window,
                            struct buffer *reason)
{
    const struct engine *engine = &job->model->engine;
    int index = engine_find_input(engine, tensor->name);

    if (index < 0 || job->inputs[index].bytes) {
        buffer_format(reason,
                      index < 0 ? "the model has no input \"" TEXT_FORMAT "\"; it has"
                                : "the input \"" TEXT_FORMAT "\" was given twice; the model has",
                      TEXT_ARGUMENT(tensor->name));
        for (size_t i = 0; i < engine->input_count; i++)
            buffer_format(reason, "%s \"%s\"", i ? "," : "", engine->inputs[i].name);
        return ERROR_INVALID;
    }
    int result = engine_check(&engine->inputs[index], tensor, reason);
    if (result == 0 && (result = child_copy(&job->inputs[index], tensor, window)) < 0)
        buffer_format(reason, "the tensor \"" TEXT_FORMAT "\" could not be read", TEXT_ARGUMENT(tensor->name));
    return result;
}

/* All inputs, each once, in any order. */
static int child_take_run(struct child_job *job, const struct tensor *tensors, int count,
                          const struct tensor_window *window, struct buffer *reason)
{
    const struct engine *engine = &job->model->engine;

    for (int i = 0; i < count; i++) {
        int result = child_take_input(job, &tensors[i], window, reason);
        if (result < 0)
            return result;
    }
    for (size_t i = 0; i < engine->input_count; i++) {
        if (job->inputs[i].bytes)
            continue;
        buffer_format(reason, "the model's input \"%s\" is missing", engine->inputs[i].name);
        return ERROR_INVALID;
    }
    return 0;
}

/* One picture, turned into what the model's one input wants. */
static int child_take_picture(struct child_job *job, const struct tensor *tensors, int count,
                              const struct tensor_window *window, struct buffer *reason)
{
    const struct pipeline *pipeline = &job->model->pipeline;
    struct engine_input picture = {0};

    if (!job->model->has_pipeline) {
        buffer_text(reason, buffer_view(&job->model->pipeline_trouble));
        return ERROR_INVALID;
    }
    if (count != 1 || !text_equal(tensors[0].name, TEXT("image")) || child_copy(&picture, &tensors[0], window) < 0) {
        buffer_string(reason, "the pipeline takes one tensor, \"image\"");
        return ERROR_INVALID;
    }
    struct engine_input *input = &job->inputs[0];
    *input = (struct engine_input){.rank = 4, .shape = {1, pipeline->channels, pipeline->height, pipeline->width},
                                   .length = pipeline_size(pipeline) * sizeof(float)};
    input->bytes = memory_alloc(pipeline_size(pipeline), sizeof(float));
    int result = pipeline_prepare(pipeline, &tensors[0], picture.bytes, (float *)(void *)input->bytes, reason);
    free(picture.bytes);
    return result;
}

static const char *child_read_pipeline(struct child_job *job, const struct json *json)
{
    const struct json_node *top = json_get(json, json->nodes, "top_k");
    int64_t top_k = CHILD_TOP_K;

    if (!json_equals(json_get(json, json->nodes, "task"), "image-classification"))
        return "the pipeline's task must be \"image-classification\"";
    if (top && top->type != JSON_NULL && (!json_integer(top, &top_k) || top_k < 1))
        return "top_k must be a whole number of at least 1";
    job->top_k = (size_t)top_k;
    return NULL;
}

static const char *child_read_fetch(struct child_job *job, const struct json *json)
{
    bool given = json_integer(json_get(json, json->nodes, "held"), &job->held) &&
                 json_integer(json_get(json, json->nodes, "offset"), &job->offset) &&
                 json_integer(json_get(json, json->nodes, "length"), &job->length);

    return given && job->held >= 0 && job->offset >= 0 && job->length >= 0 ? NULL
                                                                           : "a large answer was asked for wrongly";
}

/* What goes with the operation; other operations take no arguments. */
static int child_read_arguments(struct child_job *job, struct text arguments, struct buffer *reason)
{
    struct json json = {0};
    const char *trouble = "the call's arguments are not JSON";

    if (job->op != CHILD_PIPELINE && job->op != CHILD_FETCH)
        return 0;
    if (json_parse(&json, arguments, NULL) == 0)
        trouble = (job->op == CHILD_PIPELINE ? child_read_pipeline : child_read_fetch)(job, &json);
    json_release(&json);
    if (!trouble)
        return 0;
    buffer_string(reason, trouble);
    return ERROR_INVALID;
}

/* Checks and copies all that the job needs. A negative code with a sentence: it was never in the list. */
static int child_fill(struct child *child, struct child_job *job, const struct message_child_job *message,
                      struct buffer *reason)
{
    struct tensor tensors[TENSOR_LIST_MAX];
    struct tensor_window window = child_window_of(child, job->slot);

    if (!job->model->opened) {
        buffer_text(reason, buffer_view(&job->model->trouble));
        return ERROR_INVALID;
    }
    int result = child_read_arguments(job, message->arguments, reason);
    if (result < 0 || (job->op != CHILD_RUN && job->op != CHILD_PIPELINE))
        return result;
    int count = tensor_list_read(message->tensors, window.length, tensors, TENSOR_LIST_MAX);
    if (count < 0) {
        buffer_string(reason, "the tensors of this call are malformed or too large");
        return count;
    }
    return (job->op == CHILD_RUN ? child_take_run : child_take_picture)(job, tensors, count, &window, reason);
}

/* -- running -- */

/* Also ranks: shapes are compared only as far as both have dimensions. */
static bool child_shapes_equal(const struct child_job *a, const struct child_job *b)
{
    for (size_t i = 0; i < a->model->engine.input_count; i++)
        if (a->inputs[i].rank != b->inputs[i].rank ||
            memcmp(a->inputs[i].shape, b->inputs[i].shape, a->inputs[i].rank * sizeof(int64_t)) != 0)
            return false;
    return true;
}

/* Every input must have the same number of rows, or an answer could not be cut apart again. */
static bool child_can_batch(const struct child_job *job)
{
    const struct engine *engine = &job->model->engine;

    if (!engine->batchable)
        return false;
    for (size_t i = 0; i < engine->input_count; i++)
        if (job->inputs[i].shape[0] != job->inputs[0].shape[0] || job->inputs[i].shape[0] < 1)
            return false;
    return true;
}

static size_t child_job_bytes(const struct child_job *job)
{
    size_t total = 0;

    for (size_t i = 0; i < job->model->engine.input_count; i++)
        total += job->inputs[i].length;
    return total;
}

/* The jobs behind `job` that may run with it, itself first. */
static size_t child_gather(struct child_job *job, struct child_job **group)
{
    size_t count = 1, bytes = child_job_bytes(job);

    group[0] = job;
    if (!child_can_batch(job))
        return 1;
    for (struct child_job *each = job->next; each && count < BOUNDS_INFER_BATCH; each = each->next) {
        bool runs = each->op == CHILD_RUN || each->op == CHILD_PIPELINE;
        if (each->settled || !runs || each->model != job->model || !child_shapes_equal(job, each))
            continue;
        if (bytes + child_job_bytes(each) > BOUNDS_INFER_BATCH_BYTES)
            break;
        bytes += child_job_bytes(each);
        group[count++] = each;
    }
    return count;
}

/* Row-major elements of equal shapes: one after another is already the batch. */
static void child_join(struct child_job *const *group, size_t count, struct engine_input *joined)
{
    for (size_t i = 0; i < group[0]->model->engine.input_count; i++) {
        const struct engine_input *one = &group[0]->inputs[i];
        size_t length = 0;
        for (size_t j = 0; j < count; j++)
            length += group[j]->inputs[i].length; /* differs for strings */
        joined[i] = *one;
        joined[i].shape[0] *= (int64_t)count;
        joined[i].bytes = memory_alloc(length + 1, 1);
        joined[i].length = 0;
        for (size_t j = 0; j < count; j++) {
            memcpy(joined[i].bytes + joined[i].length, group[j]->inputs[i].bytes, group[j]->inputs[i].length);
            joined[i].length += group[j]->inputs[i].length;
        }
    }
}

/* Is every output `count` equal pieces along its first dimension? */
static bool child_divides(const struct engine_answer *answer, uint64_t rows)
{
    for (size_t i = 0; i < answer->count; i++)
        if (answer->tensors[i].rank == 0 || answer->tensors[i].shape[0] != rows)
            return false;
    return true;
}

/* The part of an output that belongs to one of `count` jobs. */
static struct tensor child_piece(const struct tensor *tensor, size_t index, size_t count)
{
    struct tensor piece = *tensor;

    if (count == 1)
        return piece;
    piece.shape[0] /= count;
    piece.byte_length /= count;
    piece.inline_bytes = text_head(text_skip(tensor->inline_bytes, index * piece.byte_length), piece.byte_length);
    return piece;
}

/* Writes the list when all of it fits a message. */
static bool child_pack(const struct tensor *tensors, size_t count, struct buffer *out)
{
    static const struct tensor_window none;
    size_t used = 0;

    tensor_list_begin(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        if (tensor_list_add(out, &tensors[i], tensors[i].inline_bytes.data, &none, &used) < 0)
            return false;
    return true;
}

static size_t child_bytes(const struct tensor *tensors, size_t count, bool *strings)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        total += (size_t)tensors[i].byte_length;
        *strings = *strings || tensors[i].type == TENSOR_STRING;
    }
    return total;
}

/* Too large for a message: kept, when the worker has a window that it could ever go into. */
static void child_hold(struct child *child, struct child_job *job, const struct tensor *pieces, size_t count)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    struct tensor_window window = child_window_of(child, job->slot);
    bool strings = false;

    if (child_bytes(pieces, count, &strings) + TENSOR_LIST_MAX * 64 > window.length || strings) {
        buffer_format(&body, "its answer is larger than %zu KiB",
                      strings ? (size_t)BOUNDS_TENSOR_INLINE_BYTES >> 10 : window.length >> 10);
        child_fail(child, job, ERROR_LIMIT, &body);
        return;
    }
    size_t need = held_keep(&child->held, job->slot, job->id, pieces, count);
    buffer_format(&body, "{\"held\":%llu,\"bytes\":%zu}", (unsigned long long)job->id, need);
    child_send(child, job->id, 0, buffer_view(&body), TEXT(""));
    job->settled = true;
}

static void child_answer_run(struct child *child, struct child_job *job, const struct tensor *pieces, size_t count)
{
    struct buffer BUFFER_AUTO list = BUFFER_EMPTY;

    if (!child_pack(pieces, count, &list)) {
        child_hold(child, job, pieces, count);
        return;
    }
    child_send(child, job->id, 0, TEXT(""), buffer_view(&list));
    job->settled = true;
}

static void child_answer_fetch(struct child *child, struct child_job *job)
{
    struct buffer BUFFER_AUTO list = BUFFER_EMPTY;
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;
    struct held_place place = {.window = child_window_of(child, job->slot), .offset = (size_t)job->offset};

    if ((size_t)job->length < place.window.length && place.offset < place.window.length - (size_t)job->length)
        place.window.length = place.offset + (size_t)job->length;
    int result = held_fetch(&child->held, job->slot, (uint64_t)job->held, place, &list);
    if (result < 0) {
        buffer_string(&reason, result == ERROR_NOT_FOUND ? "its answer was not kept so long; call it again"
                                                         : "its answer does not fit there");
        child_fail(child, job, result, &reason);
        return;
    }
    child_send(child, job->id, 0, TEXT(""), buffer_view(&list));
    job->settled = true;
}

/* Scores of one row; a model that answers otherwise than it said is told so. */
static void child_answer_picture(struct child *child, struct child_job *job, const struct tensor *logits)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;

    if (logits->type != TENSOR_FLOAT32 || logits->rank != 2 || logits->shape[0] != 1 || logits->shape[1] < 1) {
        buffer_format(&reason, "its output \"" TEXT_FORMAT "\" is not one row of scores", TEXT_ARGUMENT(logits->name));
        child_fail(child, job, ERROR_INVALID, &reason);
    } else if (pipeline_answer(&job->model->pipeline, (const float *)(const void *)logits->inline_bytes.data,
                               (size_t)logits->shape[1], job->top_k, &body, &reason) < 0) {
        child_fail(child, job, ERROR_INVALID, &reason);
    } else {
        child_send(child, job->id, 0, buffer_view(&body), TEXT(""));
        job->settled = true;
    }
}

static void child_answer(struct child *child, struct child_job *const *group, size_t count,
                         const struct engine_answer *answer)
{
    struct tensor pieces[TENSOR_LIST_MAX];

    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < answer->count; i++)
            pieces[i] = child_piece(&answer->tensors[i], j, count);
        if (cancel_has(group[j]->id))
            child_fail_stopped(child, group[j], CANCEL_NOBODY_WAITS); /* its neighbours were waited for */
        else if (group[j]->op == CHILD_RUN)
            child_answer_run(child, group[j], pieces, answer->count);
        else
            child_answer_picture(child, group[j], &pieces[0]);
    }
}

/* One run of the engine for the jobs of a group, which a cancel of all of them stops. A stopped run answers the jobs
 * and returns ERROR_CLOSED, also when it came to its end just then: the outcome is thrown away. */
static int child_run_engine(struct child *child, struct child_job *const *group, size_t count,
                            const struct engine_input *inputs, struct engine_answer *ret_answer, struct buffer *reason)
{
    uint64_t ids[BOUNDS_INFER_BATCH];

    for (size_t i = 0; i < count; i++)
        ids[i] = group[i]->id;
    cancel_begin(ids, count);
    int result = engine_run(&group[0]->model->engine, inputs, ret_answer, reason);
    enum cancel_verdict verdict = cancel_end();
    if (verdict == CANCEL_NONE)
        return result;
    if (result == 0)
        engine_answer_clear(ret_answer);
    for (size_t i = 0; i < count; i++)
        child_fail_stopped(child, group[i], verdict);
    return ERROR_CLOSED;
}

static bool child_run_alone(struct child *child, struct child_job *job)
{
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;
    struct engine_answer answer;

    int result = child_run_engine(child, &job, 1, job->inputs, &answer, &reason);
    if (result == 0) {
        child_answer(child, &job, 1, &answer);
        engine_answer_clear(&answer);
    } else if (!job->settled) {
        child_fail(child, job, result, &reason);
    }
    return result == 0;
}

/* Runs the group at once; false when that failed or the answer cannot be cut, and nothing was answered. */
static bool child_run_together(struct child *child, struct child_job *const *group, size_t count)
{
    struct engine *engine = &group[0]->model->engine;
    struct engine_input joined[TENSOR_LIST_MAX];
    struct engine_answer answer;
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;

    child_join(group, count, joined);
    bool ran = child_run_engine(child, group, count, joined, &answer, &reason) == 0;
    if (ran && child_divides(&answer, (uint64_t)joined[0].shape[0]))
        child_answer(child, group, count, &answer);
    for (size_t i = 0; i < engine->input_count; i++)
        free(joined[i].bytes);
    if (ran)
        engine_answer_clear(&answer);
    return group[0]->settled;
}

/* A group that failed together may hold one job that fails alone: only when none does is it the model that cannot
 * take a batch, or one caller's bad input would cost all others their batches for good. */
static void child_run_models(struct child *child, struct child_job *job)
{
    struct child_job *group[BOUNDS_INFER_BATCH];
    size_t count = child_gather(job, group), ran = 0;

    if (count > 1 && child_run_together(child, group, count))
        return;
    for (size_t i = 0; i < count; i++)
        ran += child_run_alone(child, group[i]);
    if (count > 1 && ran == count)
        job->model->engine.batchable = false;
}

/* "try" is the last thing a throw-away child does: its answer is the verdict on a push. */
static void child_run_job(struct child *child, struct child_job *job)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    int result = 0;

    if (job->op == CHILD_RUN || job->op == CHILD_PIPELINE) {
        child_run_models(child, job);
        return;
    }
    if (job->op == CHILD_FETCH) {
        child_answer_fetch(child, job);
        return;
    }
    if (job->op == CHILD_DESCRIBE)
        engine_describe(&job->model->engine, &body);
    else
        result = model_try(job->model, &body);
    child_send(child, job->id, result, buffer_view(&body), TEXT(""));
    job->settled = true;
}

/* -- messages -- */

/* Takes the place of an earlier release under the same name. */
static int child_on_model(struct child *child, struct message_in *in)
{
    struct message_child_model message;

    if (message_child_model_unpack(&message, in->body) < 0)
        return ERROR_INVALID;
    child_forget_model(child, message.name);
    map_set(&child->models, message.name, model_load(message.name, fd_steal(&in->fds[0])));
    return 0;
}

static int child_on_unload(struct child *child, struct message_in *in)
{
    struct message_child_unload message;

    if (message_child_unload_unpack(&message, in->body) < 0)
        return ERROR_INVALID;
    child_forget_model(child, message.name);
    return 0;
}

static int child_on_window(struct child *child, struct message_in *in)
{
    struct message_child_window message;

    if (message_child_window_unpack(&message, in->body) < 0)
        return ERROR_INVALID;
    child_map_window(child, message.slot, in->fds[0]);
    return 0;
}

static int child_on_window_gone(struct child *child, struct message_in *in)
{
    struct message_child_window_gone message;

    if (message_child_window_gone_unpack(&message, in->body) < 0)
        return ERROR_INVALID;
    child_drop_window(child, message.slot);
    return 0;
}

static int child_op_parse(struct text name)
{
    static const char *const names[] = {
        [CHILD_DESCRIBE] = "describe", [CHILD_RUN] = "run", [CHILD_FETCH] = "fetch", [CHILD_PIPELINE] = "pipeline",
        [CHILD_TRY] = "try"};

    for (size_t i = 0; i < MEMORY_COUNT(names); i++)
        if (text_equal(name, text_from(names[i])))
            return (int)i;
    return ERROR_UNSUPPORTED;
}

/* Refused jobs are answered here and never queued. */
static int child_on_job(struct child *child, struct message_in *in)
{
    struct message_child_job message;
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;

    if (message_child_job_unpack(&message, in->body) < 0)
        return ERROR_INVALID;
    struct model *model = map_get(&child->models, message.model);
    int op = child_op_parse(message.op);
    if (!model || op < 0) {
        child_refuse(child, message.job, message.model, ERROR_UNSUPPORTED, TEXT("unknown operation"));
        return 0;
    }
    struct child_job *job = MEMORY_NEW(struct child_job);
    *job = (struct child_job){.id = message.job, .slot = message.slot, .model = model, .op = (enum child_op)op};
    int result = child_fill(child, job, &message, &reason);
    if (result < 0) {
        child_fail(child, job, result, &reason);
        child_free_job(job);
        return 0;
    }
    *child->end = job;
    child->end = &job->next;
    return 0;
}

/* For jobs that have not begun; what runs is reached by the signal. */
static int child_on_cancel(struct child *child, struct message_in *in)
{
    struct message_child_cancel message;

    if (message_child_cancel_unpack(&message, in->body) < 0)
        return ERROR_INVALID;
    for (struct child_job *job = child->first; job; job = job->next) {
        if (job->id != message.job || job->settled)
            continue;
        child_fail_stopped(child, job, CANCEL_NOBODY_WAITS);
    }
    return 0;
}

/* A supervisor that breaks the protocol is no reason to go on. */
static void child_on_message(void *context, struct message_in *in)
{
    static int (*const handlers[MESSAGE_COUNT])(struct child *, struct message_in *) = {
        [MESSAGE_child_model] = child_on_model,   [MESSAGE_child_unload] = child_on_unload,
        [MESSAGE_child_window] = child_on_window, [MESSAGE_child_window_gone] = child_on_window_gone,
        [MESSAGE_child_job] = child_on_job,       [MESSAGE_child_cancel] = child_on_cancel,
    };

    if (!handlers[in->type] || handlers[in->type](context, in) < 0)
        _exit(1);
}

/* -- the loop -- */

/* Without its supervisor, or with a broken one, a child ends. */
static void child_receive(struct child *child)
{
    if (channel_receive(&child->channel, child_on_message, child) < 0)
        _exit(0);
}

/* Waits for the supervisor to read: a child has nothing better to do, and its answers must not pile up. */
static void child_flush(struct child *child)
{
    int result;

    while ((result = channel_flush(&child->channel)) == ERROR_AGAIN) {
        struct pollfd wait = {.fd = child->channel.fd, .events = POLLOUT};
        poll(&wait, 1, -1);
    }
    if (result < 0)
        _exit(0);
}

/* Runs all that came. Between two batches it looks for cancels and for what came meanwhile. */
static void child_work(struct child *child)
{
    while (child->first) {
        struct child_job *job = child->first;
        if (!job->settled) {
            child_run_job(child, job);
            child_flush(child);
            child_receive(child);
            continue;
        }
        child->first = job->next;
        if (!child->first)
            child->end = &child->first;
        child_free_job(job);
    }
}

/* Compiled before the fork: building a filter needs calls that no locked process has. */
static struct lockdown_filter child_filter;

int child_prepare(void)
{
    return lockdown_filter_build(&child_filter, LOCKDOWN_PROFILE_INFER_CHILD);
}

/* The layers on top of what the nursery already gave up. NULL, or what failed. */
static const char *child_lock(void)
{
    FD_AUTO int ruleset = lockdown_landlock_ruleset();

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return "no_new_privs";
    if (ruleset < 0 || lockdown_landlock_enter(ruleset) < 0)
        return "Landlock";
    if (lockdown_drop_capabilities() < 0)
        return "dropping capabilities";
    return lockdown_filter_load(&child_filter) < 0 ? "the system-call filter" : NULL;
}

void child_run(int channel_fd)
{
    struct child child = {0};
    const char *trouble = child_lock();

    if (trouble) {
        log_error("a model's process was not started: %s failed (%s)", trouble, strerror(errno));
        _exit(LOCKDOWN_EXIT_BASE);
    }
    if (dup3(1, 2, 0) < 0 || fd_set_nonblocking(channel_fd) < 0)
        _exit(1);
    signal(SIGPIPE, SIG_IGN);
    if (cancel_init() < 0)
        _exit(1);
    channel_init(&child.channel, channel_fd, ROLE_CHILD, ROLE_INFER, CHANNEL_FDS);
    map_init(&child.models);
    map_init(&child.windows);
    child.end = &child.first;
    for (;;) {
        struct pollfd wait = {.fd = channel_fd, .events = POLLIN};
        poll(&wait, 1, -1);
        child_receive(&child);
        child_work(&child);
        child_flush(&child);
    }
}
