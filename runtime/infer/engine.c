#include "runtime/infer/engine.h"

#include <onnxruntime_c_api.h>
#include <onnxruntime_session_options_config_keys.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

/* Every call into the library returns a status that must be released, and its texts are written for people who build
 * models, so both go through engine_ok(): the code below reads as conditions, and the sentence for the author is the
 * first line of what the library said.
 *
 * Only what a message can carry is let in: a model with an input that is a sequence, a map or a sparse tensor is
 * refused when it is loaded, by name, not when somebody first calls it. */

/* Of the process: the library knows only one environment. */
static const OrtApi *api;
static OrtEnv *environment;
static OrtMemoryInfo *memory_info;
static OrtRunOptions *run_options; /* of every run: its flag is how a run is stopped */

/* Consumes a status. True when all went well; else its first line, cut to a bound, is appended to `reason`. */
static bool engine_ok(OrtStatus *status, struct buffer *reason)
{
    if (!status)
        return true;
    if (reason) {
        struct text rest = text_from(api->GetErrorMessage(status));
        buffer_printable(reason, text_head(text_cut(&rest, '\n'), BOUNDS_INFER_REASON_BYTES));
    }
    api->ReleaseStatus(status);
    return false;
}

/* Is this process still one thread? Forking and locking down rely on it. */
static bool engine_is_alone(void)
{
    struct stat status;

    return stat("/proc/self/task", &status) == 0 && status.st_nlink == 3; /* ".", ".." and the one thread */
}

int engine_setup(void)
{
    /* Official builds of the library report usage to its maker over the network and keep a database in the home
     * folder, from a thread of their own. Nothing here calls out: switched off before the library wakes up. */
    if (setenv("ORT_DISABLE_TELEMETRY", "1", 1) < 0)
        return ERROR_SYSTEM;
    api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    if (!api || !engine_ok(api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "vitrine", &environment), NULL))
        return ERROR_SYSTEM;
    if (!engine_ok(api->DisableTelemetryEvents(environment), NULL) ||
        !engine_ok(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory_info), NULL) ||
        !engine_ok(api->CreateRunOptions(&run_options), NULL))
        return ERROR_SYSTEM;
    return engine_is_alone() ? 0 : ERROR_UNSUPPORTED;
}

/* -- loading -- */

/* Without the library's arena: it never gives memory back, so every child would stay as large as its largest run, and
 * one owner's many models would each keep theirs. The C library's heap was measured to be as fast here. */
static bool engine_options(OrtSessionOptions *options, struct buffer *reason)
{
    return engine_ok(api->SetIntraOpNumThreads(options, BOUNDS_INFER_THREADS), reason) &&
           engine_ok(api->SetInterOpNumThreads(options, 1), reason) &&
           engine_ok(api->SetSessionExecutionMode(options, ORT_SEQUENTIAL), reason) &&
           engine_ok(api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), reason) &&
           engine_ok(api->DisableCpuMemArena(options), reason) &&
           engine_ok(api->SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_FATAL), reason) &&
           engine_ok(api->AddSessionConfigEntry(options, kOrtSessionOptionsConfigLoadModelFormat, "ONNX"), reason) &&
           engine_ok(api->AddSessionConfigEntry(options, kOrtSessionOptionsConfigAllowIntraOpSpinning, "0"), reason) &&
           engine_ok(api->AddSessionConfigEntry(options, kOrtSessionOptionsConfigAllowInterOpSpinning, "0"), reason) &&
           engine_ok(api->AddSessionConfigEntry(options, kOrtSessionOptionsConfigStrictAllowReleasedOpsetsOnly, "1"),
                     reason);
}

/* The bytes are not copied by us; the library keeps what it needs of them. */
static int engine_start(struct engine *engine, struct text bytes, struct buffer *reason)
{
    OrtSessionOptions *options = NULL;
    struct buffer BUFFER_AUTO trouble = BUFFER_EMPTY;

    bool ok = engine_ok(api->CreateSessionOptions(&options), &trouble) && engine_options(options, &trouble) &&
              engine_ok(api->CreateSessionFromArray(environment, bytes.data, bytes.length, options, &engine->session),
                        &trouble);
    if (options)
        api->ReleaseSessionOptions(options);
    if (ok)
        return 0;
    buffer_string(reason, "onnx/model.onnx cannot be loaded: ");
    buffer_text(reason, buffer_view(&trouble));
    return ERROR_INVALID;
}

/* A free or symbolic dimension is -1. */
static int engine_read_shape(struct engine_value *value, const OrtTensorTypeAndShapeInfo *info)
{
    ONNXTensorElementDataType type;
    size_t rank;

    if (!engine_ok(api->GetTensorElementType(info, &type), NULL) ||
        !engine_ok(api->GetDimensionsCount(info, &rank), NULL))
        return ERROR_INVALID;
    if (tensor_type_size(type) == 0 || rank > TENSOR_RANK_MAX)
        return ERROR_UNSUPPORTED;
    value->type = (enum tensor_type)type;
    value->rank = (uint32_t)rank;
    return engine_ok(api->GetDimensions(info, value->shape, rank), NULL) ? 0 : ERROR_INVALID;
}

/* One input or output, with a name that a message can carry. */
static int engine_read_value(struct engine *engine, struct engine_value *value, bool output, size_t index)
{
    OrtAllocator *allocator;
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *info = NULL;
    char *name = NULL;

    if (!engine_ok(api->GetAllocatorWithDefaultOptions(&allocator), NULL) ||
        !engine_ok(
            (output ? api->SessionGetOutputName : api->SessionGetInputName)(engine->session, index, allocator, &name),
            NULL))
        return ERROR_INVALID;
    value->name = memory_copy_string(name);
    allocator->Free(allocator, name);
    if (strlen(value->name) > TENSOR_NAME_MAX || !text_is_utf8(text_from(value->name)) ||
        !engine_ok(
            (output ? api->SessionGetOutputTypeInfo : api->SessionGetInputTypeInfo)(engine->session, index, &type),
            NULL))
        return ERROR_INVALID;
    int result = engine_ok(api->CastTypeInfoToTensorInfo(type, &info), NULL) && info ? engine_read_shape(value, info)
                                                                                     : ERROR_UNSUPPORTED;
    api->ReleaseTypeInfo(type);
    return result;
}

/* Reads all inputs or all outputs. Refuses what a message cannot carry, by name. */
static int engine_read_values(struct engine *engine, bool output, struct buffer *reason)
{
    size_t count = 0;

    if (!engine_ok((output ? api->SessionGetOutputCount : api->SessionGetInputCount)(engine->session, &count), NULL) ||
        count == 0 || count > TENSOR_LIST_MAX) {
        buffer_format(reason, "the model has %zu %s; from 1 to %d can be used", count, output ? "outputs" : "inputs",
                      TENSOR_LIST_MAX);
        return ERROR_INVALID;
    }
    struct engine_value *values = memory_alloc(count, sizeof *values);
    *(output ? &engine->outputs : &engine->inputs) = values;
    *(output ? &engine->output_count : &engine->input_count) = count;
    for (size_t i = 0; i < count; i++) {
        if (engine_read_value(engine, &values[i], output, i) == 0)
            continue;
        buffer_format(
            reason,
            "the model's %s \"%.*s\" is not a tensor of numbers, truth values or text with at most %d dimensions",
            output ? "output" : "input", TENSOR_NAME_MAX, values[i].name ? values[i].name : "?", TENSOR_RANK_MAX);
        return ERROR_INVALID;
    }
    return 0;
}

/* The first dimension of each takes any size. */
static bool engine_first_is_free(const struct engine_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].rank == 0 || values[i].shape[0] >= 0)
            return false;
    return true;
}

/* A batch's answer is cut into equal pieces, which strings are not. */
static bool engine_can_batch(const struct engine *engine)
{
    for (size_t i = 0; i < engine->output_count; i++)
        if (engine->outputs[i].type == TENSOR_STRING)
            return false;
    return engine_first_is_free(engine->inputs, engine->input_count) &&
           engine_first_is_free(engine->outputs, engine->output_count);
}

int engine_open(struct engine *engine, struct text bytes, struct buffer *reason)
{
    *engine = (struct engine){0};
    int result = engine_start(engine, bytes, reason);
    if (result == 0)
        result = engine_read_values(engine, false, reason);
    if (result == 0)
        result = engine_read_values(engine, true, reason);
    if (result < 0) {
        engine_close(engine);
        return result;
    }
    engine->batchable = engine_can_batch(engine);
    return 0;
}

static void engine_free_values(struct engine_value *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        free(values[i].name);
    free(values);
}

/* Also of an engine that was opened half: what is not there is NULL. */
void engine_close(struct engine *engine)
{
    engine_free_values(engine->inputs, engine->input_count);
    engine_free_values(engine->outputs, engine->output_count);
    if (engine->session)
        api->ReleaseSession(engine->session);
    *engine = (struct engine){0};
}

/* -- running -- */

/* Strings are the library's own objects: each element is copied into one that it makes. */
static bool engine_fill_strings(OrtValue *value, struct text bytes, struct buffer *reason)
{
    struct text element;
    char *room = NULL;

    for (size_t i = 0; tensor_next_string(&bytes, &element); i++) {
        if (!engine_ok(api->GetResizedStringTensorElementBuffer(value, i, element.length, &room), reason))
            return false;
        if (element.length > 0)
            memcpy(room, element.data, element.length);
    }
    return true;
}

static bool engine_make_strings(const struct engine_input *input, OrtValue **value, struct buffer *reason)
{
    OrtAllocator *allocator;

    return engine_ok(api->GetAllocatorWithDefaultOptions(&allocator), reason) &&
           engine_ok(api->CreateTensorAsOrtValue(allocator, input->shape, input->rank,
                                                 ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, value), reason) &&
           engine_fill_strings(*value, (struct text){(const char *)input->bytes, input->length}, reason);
}

static bool engine_make_input(const struct engine_input *input, enum tensor_type type, OrtValue **value,
                              struct buffer *reason)
{
    if (type == TENSOR_STRING)
        return engine_make_strings(input, value, reason);
    return engine_ok(api->CreateTensorWithDataAsOrtValue(memory_info, input->bytes, input->length, input->shape,
                                                         input->rank, (ONNXTensorElementDataType)type, value), reason);
}

/* Numbers are used in place; what was made before a failure is released by the caller. */
static bool engine_make_inputs(const struct engine *engine, const struct engine_input *inputs, OrtValue **values,
                               struct buffer *reason)
{
    for (size_t i = 0; i < engine->input_count; i++)
        if (!engine_make_input(&inputs[i], engine->inputs[i].type, &values[i], reason))
            return false;
    return true;
}

static bool engine_run_values(struct engine *engine, OrtValue *const *inputs, OrtValue **outputs, struct buffer *reason)
{
    const char *input_names[TENSOR_LIST_MAX], *output_names[TENSOR_LIST_MAX];

    for (size_t i = 0; i < engine->input_count; i++)
        input_names[i] = engine->inputs[i].name;
    for (size_t i = 0; i < engine->output_count; i++)
        output_names[i] = engine->outputs[i].name;
    return engine_ok(api->Run(engine->session, run_options, input_names, (const OrtValue *const *)inputs,
                              engine->input_count, output_names, engine->output_count, outputs),
                     reason);
}

/* Writes the elements of a string tensor as a message carries them. The library gives all text in one piece, and where
 * each element begins in it. */
static bool engine_read_strings(OrtValue *value, size_t count, struct buffer *out)
{
    size_t length = 0;

    if (!engine_ok(api->GetStringTensorDataLength(value, &length), NULL) || length > BOUNDS_TENSOR_WINDOW_BYTES)
        return false;
    MEMORY_AUTO char *text = memory_alloc(length + 1, 1);
    MEMORY_AUTO size_t *starts = memory_alloc(count + 1, sizeof *starts);
    if (!engine_ok(api->GetStringTensorContent(value, text, length, starts, count), NULL))
        return false;
    starts[count] = length;
    for (size_t i = 0; i < count; i++) {
        uint32_t size = (uint32_t)(starts[i + 1] - starts[i]);
        if (!text_is_utf8((struct text){text + starts[i], size}))
            return false;
        buffer_append(out, &size, sizeof size);
        buffer_append(out, text + starts[i], size);
    }
    return true;
}

/* Where the elements are: in the library's memory, or in `strings`. A count was checked against a bound. */
static bool engine_read_elements(OrtValue *value, uint64_t count, struct tensor *tensor, struct buffer *strings)
{
    void *data = NULL;

    if (tensor->type == TENSOR_STRING) {
        if (!engine_read_strings(value, (size_t)count, strings))
            return false;
        tensor->inline_bytes = buffer_view(strings);
    } else {
        if (!engine_ok(api->GetTensorMutableData(value, &data), NULL))
            return false;
        tensor->inline_bytes = (struct text){data, (size_t)count * tensor_type_size(tensor->type)};
    }
    tensor->byte_length = tensor->inline_bytes.length;
    return true;
}

static bool engine_read_type(OrtValue *value, struct engine_value *seen)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    int is_tensor = 0;

    if (!value || !engine_ok(api->IsTensor(value, &is_tensor), NULL) || !is_tensor ||
        !engine_ok(api->GetTensorTypeAndShape(value, &info), NULL))
        return false;
    int result = engine_read_shape(seen, info);
    api->ReleaseTensorTypeAndShapeInfo(info);
    return result == 0;
}

/* What a model says about its outputs binds nobody: type, rank and size are looked at again on what really came. */
static int engine_read_answer(struct engine_answer *answer, size_t index, const char *name, struct buffer *reason)
{
    OrtValue *value = answer->values[index];
    struct tensor *tensor = &answer->tensors[index];
    struct engine_value seen = {0};
    uint64_t count;

    if (!engine_read_type(value, &seen))
        goto unusable;
    *tensor = (struct tensor){.name = text_from(name), .type = seen.type, .rank = seen.rank};
    for (uint32_t i = 0; i < seen.rank; i++)
        tensor->shape[i] = (uint64_t)seen.shape[i];
    /* A batch of answers may be larger than one answer may be. */
    if (tensor_count(tensor, (uint64_t)BOUNDS_TENSOR_WINDOW_BYTES * BOUNDS_INFER_BATCH, &count) < 0) {
        buffer_format(reason, "the model's output \"%s\" is too large", name);
        return ERROR_LIMIT;
    }
    if (engine_read_elements(value, count, tensor, &answer->strings[index]))
        return 0;
unusable:
    buffer_format(reason, "the model's output \"%s\" is not a tensor that can be answered", name);
    return ERROR_INVALID;
}

int engine_run(struct engine *engine, const struct engine_input *inputs, struct engine_answer *ret_answer,
               struct buffer *reason)
{
    OrtValue *values[TENSOR_LIST_MAX] = {NULL};
    struct buffer BUFFER_AUTO trouble = BUFFER_EMPTY;

    *ret_answer = (struct engine_answer){.count = engine->output_count};
    bool ok = engine_make_inputs(engine, inputs, values, &trouble) &&
              engine_run_values(engine, values, ret_answer->values, &trouble);
    for (size_t i = 0; i < engine->input_count; i++)
        if (values[i])
            api->ReleaseValue(values[i]);
    if (!ok) {
        buffer_string(reason, "the model failed while it ran: ");
        buffer_text(reason, buffer_view(&trouble));
        engine_answer_clear(ret_answer);
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < engine->output_count; i++) {
        int result =
            engine_read_answer(ret_answer, i, engine->outputs[i].name, reason);
        if (result < 0) {
            engine_answer_clear(ret_answer);
            return result;
        }
    }
    return 0;
}

void engine_arm(void)
{
    engine_ok(api->RunOptionsUnsetTerminate(run_options), NULL);
}

/* Not engine_ok(): nothing is released in a signal handler, and this call returns no status to release. */
void engine_stop(void)
{
    (void)!api->RunOptionsSetTerminate(run_options);
}

void engine_answer_clear(struct engine_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        buffer_release(&answer->strings[i]);
        if (answer->values[i])
            api->ReleaseValue(answer->values[i]);
    }
    answer->count = 0;
}

/* -- describing and checking -- */

static void engine_write_shape(struct buffer *out, const int64_t *shape, uint32_t rank)
{
    buffer_byte(out, '[');
    for (uint32_t i = 0; i < rank; i++)
        buffer_format(out, "%s%lld", i ? "," : "", (long long)(shape[i] < 0 ? -1 : shape[i]));
    buffer_byte(out, ']');
}

static void engine_describe_values(struct buffer *out, const struct engine_value *values, size_t count)
{
    buffer_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        json_write_comma(out);
        buffer_byte(out, '{');
        json_write_member(out, "name", text_from(values[i].name));
        json_write_member(out, "type", text_from(tensor_type_name(values[i].type)));
        json_write_name(out, "shape");
        engine_write_shape(out, values[i].shape, values[i].rank);
        buffer_byte(out, '}');
    }
    buffer_byte(out, ']');
}

void engine_describe(const struct engine *engine, struct buffer *out)
{
    buffer_string(out, "{\"inputs\":");
    engine_describe_values(out, engine->inputs, engine->input_count);
    buffer_string(out, ",\"outputs\":");
    engine_describe_values(out, engine->outputs, engine->output_count);
    buffer_byte(out, '}');
}

int engine_find_input(const struct engine *engine, struct text name)
{
    for (size_t i = 0; i < engine->input_count; i++)
        if (text_equal(name, text_from(engine->inputs[i].name)))
            return (int)i;
    return ERROR_NOT_FOUND;
}

/* For people: [any, 3, 224]. */
static void engine_write_wanted(struct buffer *out, const int64_t *shape, uint32_t rank)
{
    buffer_byte(out, '[');
    for (uint32_t i = 0; i < rank; i++) {
        buffer_string(out, i ? ", " : "");
        if (shape[i] < 0)
            buffer_string(out, "any");
        else
            buffer_format(out, "%lld", (long long)shape[i]);
    }
    buffer_byte(out, ']');
}

/* A size beyond what the library counts in is no size. */
static bool engine_shape_fits(const struct engine_value *input, const struct tensor *tensor)
{
    if (input->rank != tensor->rank)
        return false;
    for (uint32_t i = 0; i < input->rank; i++)
        if (tensor->shape[i] > INT64_MAX || (input->shape[i] >= 0 && (uint64_t)input->shape[i] != tensor->shape[i]))
            return false;
    return true;
}

int engine_check(const struct engine_value *input, const struct tensor *tensor, struct buffer *reason)
{
    int64_t given[TENSOR_RANK_MAX];

    if (tensor->type != input->type) {
        buffer_format(reason, "the model's input \"%s\" takes %s, not %s", input->name, tensor_type_name(input->type),
                      tensor_type_name(tensor->type));
        return ERROR_INVALID;
    }
    if (engine_shape_fits(input, tensor))
        return 0;
    for (uint32_t i = 0; i < tensor->rank; i++)
        given[i] = tensor->shape[i] > INT64_MAX ? INT64_MAX : (int64_t)tensor->shape[i];
    buffer_format(reason, "the model's input \"%s\" has the shape ", input->name);
    engine_write_wanted(reason, input->shape, input->rank);
    buffer_string(reason, ", but the tensor's is ");
    engine_write_wanted(reason, given, tensor->rank);
    return ERROR_INVALID;
}
