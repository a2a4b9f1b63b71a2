/* A repository's files become something that runs: onnx/model.onnx a session, and, where the two JSON files are
 * there and fit the session, a pipeline. Trouble is kept as a sentence instead of an error code, because it is told
 * much later, to whoever calls the model; the one for the pipeline is kept apart, since the same model may still be
 * run with tensors.
 *
 * The session reads its weights where they are mapped, so the bundle stays mapped as long as the session lives. */
#include "runtime/infer/model.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/base/random.h"
#include "runtime/infer/scan.h"

enum { MODEL_TRY_FREE_SIDE = 8 }; /* for a dimension of any size, when nothing says more */

static struct text model_file(const struct model *model, struct text name)
{
    struct bundle_entry entry;

    return bundle_find(&model->bundle, name, &entry) == 0 ? entry.contents : (struct text){0};
}

/* Does the pipeline's picture fit the model's one input, and is the answer a row of floats? */
static int model_check_pipeline(const struct model *model, struct buffer *reason)
{
    const struct engine *engine = &model->engine;
    const struct engine_value *output = &engine->outputs[0];
    struct tensor picture = {.type = TENSOR_FLOAT32, .rank = 4,
                             .shape = {1, model->pipeline.channels, model->pipeline.height, model->pipeline.width}};

    if (engine->input_count != 1) {
        buffer_format(reason, "image-classification needs a model with one input; this one has %zu",
                      engine->input_count);
        return ERROR_INVALID;
    }
    if (output->type != TENSOR_FLOAT32 || output->rank != 2) {
        buffer_format(reason, "image-classification needs a float32 output [batch, classes]; \"%s\" is not one",
                      output->name);
        return ERROR_INVALID;
    }
    size_t start = reason->length;
    if (engine_check(&engine->inputs[0], &picture, reason) == 0)
        return 0;
    if (reason->length > start)
        buffer_string(reason, " that preprocessor_config.json asks for");
    return ERROR_INVALID;
}

/* Without the files, or where they do not fit, a model for model:run{} only. */
static void model_load_pipeline(struct model *model)
{
    struct text config = model_file(model, TEXT("config.json"));
    struct text preprocessor = model_file(model, TEXT("preprocessor_config.json"));

    if (pipeline_read(&model->pipeline, config, preprocessor, &model->pipeline_trouble) < 0)
        return;
    model->has_pipeline = model_check_pipeline(model, &model->pipeline_trouble) == 0;
}

/* The descriptor is closed when the bundle is mapped: a child keeps none. */
struct model *model_load(struct text name, int fd)
{
    struct model *model = MEMORY_NEW(struct model);

    model->name = text_copy(name);
    int result = bundle_map(&model->bundle, fd);
    fd_close(&fd);
    model->mapped = result == 0;
    struct text bytes = model->mapped ? model_file(model, TEXT("onnx/model.onnx")) : (struct text){0};
    if (!model->mapped)
        buffer_string(&model->trouble, "its stored release is damaged; push it again");
    else if (bytes.length == 0)
        buffer_string(&model->trouble, "its repository has no onnx/model.onnx");
    else if (scan_model(bytes, &model->trouble) == 0)
        model->opened = engine_open(&model->engine, bytes, &model->trouble) == 0;
    if (model->opened)
        model_load_pipeline(model);
    return model;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    pipeline_release(&model->pipeline);
    if (model->opened)
        engine_close(&model->engine);
    if (model->mapped)
        bundle_unmap(&model->bundle);
    buffer_release(&model->trouble);
    buffer_release(&model->pipeline_trouble);
    free(model->name);
    free(model);
}

/* -- trying -- */

/* Random, and within what inputs usually take; every element's first byte is the draw. */
static void model_fill(enum tensor_type type, unsigned char *bytes, size_t count)
{
    size_t size = tensor_type_size(type);

    for (size_t i = 0; i < count; i++) {
        unsigned draw = bytes[i * size];
        if (type == TENSOR_FLOAT32)
            ((float *)(void *)bytes)[i] = (float)draw / 255.0f;
        else if (type == TENSOR_FLOAT64)
            ((double *)(void *)bytes)[i] = draw / 255.0;
        else if (type == TENSOR_FLOAT16)
            ((uint16_t *)(void *)bytes)[i] = tensor_half_from((float)draw / 255.0f);
        else if (type == TENSOR_STRING)
            memset(bytes + i * size, 0, size); /* an empty text: its length */
        else /* 0 or 1: in range also as a token's number, a mask or a truth value */
            for (size_t j = 0; j < size; j++)
                bytes[i * size + j] = j == 0 ? (unsigned char)(draw & 1) : 0;
    }
}

/* Chooses a shape: fixed sizes as they are, 1 for a free first one, the picture's for a picture. `*guessed` is set when
 * nothing told the size. */
static int model_choose(const struct model *model, const struct engine_value *value, struct engine_input *input,
                        bool *guessed)
{
    struct tensor tensor = {.type = value->type, .rank = value->rank};
    const int64_t picture[4] = {1, model->pipeline.channels, model->pipeline.height, model->pipeline.width};
    uint64_t count;

    input->rank = value->rank;
    for (uint32_t i = 0; i < value->rank; i++) {
        bool told = value->shape[i] >= 0 || i == 0 || model->has_pipeline;
        input->shape[i] = value->shape[i] >= 0  ? value->shape[i]
                          : i == 0              ? 1
                          : model->has_pipeline ? picture[i]
                                                : MODEL_TRY_FREE_SIDE;
        *guessed = *guessed || !told;
        tensor.shape[i] = (uint64_t)input->shape[i];
    }
    if (tensor_count(&tensor, BOUNDS_INFER_BATCH_BYTES, &count) < 0)
        return ERROR_LIMIT;
    input->length = (size_t)count * tensor_type_size(value->type);
    input->bytes = memory_alloc(input->length + 1, 1);
    random_bytes(input->bytes, input->length);
    model_fill(value->type, input->bytes, (size_t)count);
    return 0;
}

/* A model with free dimensions may rightly refuse the size we guessed. */
static int model_try_run(struct model *model, const struct engine_input *inputs, bool guessed, struct buffer *reason)
{
    struct buffer BUFFER_AUTO trouble = BUFFER_EMPTY;
    struct engine_answer answer;

    if (engine_run(&model->engine, inputs, &answer, &trouble) == 0) {
        engine_answer_clear(&answer);
        return 0;
    }
    if (guessed) /* it may have been our guess at a size that it could not take */
        return 0;
    buffer_text(reason, buffer_view(&trouble));
    return ERROR_INVALID;
}

/* A preprocessor_config.json that does not fit is the author's mistake and refuses the push as well. */
int model_try(struct model *model, struct buffer *reason)
{
    struct engine_input inputs[TENSOR_LIST_MAX] = {{0}};
    bool guessed = false;
    int result = 0;

    if (!model->opened || (!model->has_pipeline && model_file(model, TEXT("preprocessor_config.json")).length > 0)) {
        buffer_text(reason, buffer_view(model->opened ? &model->pipeline_trouble : &model->trouble));
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < model->engine.input_count && result == 0; i++) {
        result = model_choose(model, &model->engine.inputs[i], &inputs[i], &guessed);
        if (result < 0)
            buffer_format(reason, "the model's input \"%s\" is larger than %u MiB", model->engine.inputs[i].name,
                          BOUNDS_INFER_BATCH_BYTES >> 20);
    }
    if (result == 0)
        result = model_try_run(model, inputs, guessed, reason);
    for (size_t i = 0; i < model->engine.input_count; i++)
        free(inputs[i].bytes);
    return result;
}
