/* From a repository's bundle to something that runs, or to the sentence that says why not. */
#include "runtime/infer/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "tests/unit/infer/onnx.h"

static int set_up(void **state)
{
    return engine_setup();
}

static const struct onnx_value picture_in[] = {{"x", 1, 4, {-1, 1, 4, 4}}, {0}};
static const struct onnx_value picture_out[] = {{"y", 1, 4, {-1, 1, 4, 4}}, {0}};
static const struct onnx_value row_in[] = {{"x", 1, 2, {-1, 3}}, {0}};
static const struct onnx_value row_out[] = {{"y", 1, 2, {-1, 3}}, {0}};

/* A file with these bytes that a bundle can be mapped from. */
static int file_of(struct text bytes)
{
    int fd = memfd_create("bundle", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.length), (ssize_t)bytes.length);
    return fd;
}

/* The model of a repository with this onnx/model.onnx and preprocessor_config.json (empty: none). */
static struct model *loaded(struct text onnx, const char *preprocessor)
{
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY;
    struct bundle_writer writer;

    bundle_writer_init(&writer);
    if (onnx.length > 0)
        assert_int_equal(bundle_writer_add(&writer, TEXT("onnx/model.onnx"), onnx, 0), 0);
    if (*preprocessor)
        assert_int_equal(bundle_writer_add(&writer, TEXT("preprocessor_config.json"), text_from(preprocessor), 0), 0);
    assert_int_equal(bundle_writer_add(&writer, TEXT("README.md"), TEXT("#"), 0), 0);
    assert_int_equal(bundle_writer_finish(&writer, &bytes), 0);
    bundle_writer_release(&writer);
    struct model *model = model_load(TEXT("ann/m"), file_of(buffer_view(&bytes)));
    assert_string_equal(model->name, "ann/m");
    return model;
}

static void assert_says(const struct buffer *text, const char *part)
{
    BUFFER_AUTO struct buffer copy = BUFFER_EMPTY;

    buffer_text(&copy, buffer_view(text));
    buffer_byte(&copy, 0);
    if (!strstr(copy.data, part))
        fail_msg("\"%s\" does not hold \"%s\"", copy.data, part);
}

static void a_model_without_pipeline_files_runs_with_tensors(void **state)
{
    BUFFER_AUTO struct buffer onnx = BUFFER_EMPTY, reason = BUFFER_EMPTY;

    onnx_write(&onnx, "Relu", row_in, row_out);
    struct model *model = loaded(buffer_view(&onnx), "");
    assert_true(model->opened);
    assert_false(model->has_pipeline);
    assert_true(model->pipeline_trouble.length > 0); /* told to who asks for a pipeline */
    assert_int_equal(model_try(model, &reason), 0);
    assert_int_equal(reason.length, 0);
    model_free(model);
}

static void what_is_no_release_is_told_later(void **state)
{
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct model *model = model_load(TEXT("ann/m"), file_of(TEXT("this is no bundle at all")));

    assert_false(model->opened || model->mapped);
    assert_says(&model->trouble, "its stored release is damaged; push it again");
    assert_true(model_try(model, &reason) < 0);
    assert_says(&reason, "push it again");
    model_free(model);
    model_free(NULL);

    model = loaded((struct text){0}, "");
    assert_false(model->opened);
    assert_says(&model->trouble, "its repository has no onnx/model.onnx");
    model_free(model);

    model = loaded(TEXT("\x08\x07garbage"), "");
    assert_false(model->opened);
    assert_true(model->trouble.length > 0);
    model_free(model);
}

/* A preprocessor_config.json is a promise: what does not keep it is the author's mistake, found at the push. */
static void a_pipeline_that_cannot_be_refuses_the_push(void **state)
{
    static const char *const configs[] = {"{", "[]", "{\"size\":{\"height\":-1,\"width\":4}}", "{\"do_resize\":true,\"size\":{\"height\":4,\"width\":4}}"};

    for (size_t i = 0; i < MEMORY_COUNT(configs); i++) {
        BUFFER_AUTO struct buffer onnx = BUFFER_EMPTY, reason = BUFFER_EMPTY;
        onnx_write(&onnx, "Relu", picture_in, picture_out); /* its answer is no row of scores */
        struct model *model = loaded(buffer_view(&onnx), configs[i]);
        assert_true(model->opened);
        assert_false(model->has_pipeline);
        assert_true(model_try(model, &reason) < 0);
        assert_true(reason.length > 0);
        model_free(model);
    }
}

/* Every type that a message can carry is tried with values that it can hold. */
static void each_type_can_be_tried(void **state)
{
    static const int types[] = {TENSOR_FLOAT32, TENSOR_FLOAT64, TENSOR_FLOAT16, TENSOR_INT64, TENSOR_INT32, TENSOR_INT16,
                                TENSOR_INT8,    TENSOR_UINT64,  TENSOR_UINT32,  TENSOR_UINT16, TENSOR_UINT8, TENSOR_BOOL, TENSOR_STRING};

    for (size_t i = 0; i < MEMORY_COUNT(types); i++) {
        BUFFER_AUTO struct buffer onnx = BUFFER_EMPTY, reason = BUFFER_EMPTY;
        const struct onnx_value in[] = {{"x", types[i], 2, {-1, 3}}, {0}}, out[] = {{"y", types[i], 2, {-1, 3}}, {0}};
        onnx_write(&onnx, "Identity", in, out);
        struct model *model = loaded(buffer_view(&onnx), "");
        if (!model->opened || model_try(model, &reason) < 0)
            fail_msg("type %d: %.*s %.*s", types[i], TEXT_ARGUMENT(buffer_view(&model->trouble)), TEXT_ARGUMENT(buffer_view(&reason)));
        model_free(model);
    }
}

static void an_input_beyond_the_bound_is_named_and_not_allocated(void **state)
{
    static const struct onnx_value in[] = {{"huge", 1, 3, {1, 65536, 65536}}, {0}}, out[] = {{"y", 1, 3, {1, 65536, 65536}}, {0}};
    BUFFER_AUTO struct buffer onnx = BUFFER_EMPTY, reason = BUFFER_EMPTY;

    onnx_write(&onnx, "Relu", in, out);
    struct model *model = loaded(buffer_view(&onnx), "");
    assert_true(model->opened);
    assert_int_equal(model_try(model, &reason), ERROR_LIMIT);
    assert_says(&reason, "the model's input \"huge\" is larger than 64 MiB");
    model_free(model);
}

/* With fixed sizes a failure is the model's; where we guessed one it may be our guess. */
static void a_failure_counts_only_where_nothing_was_guessed(void **state)
{
    static const struct onnx_value fixed[] = {{"a", 1, 2, {-1, 3}}, {"b", 1, 2, {-1, 4}}, {0}};
    static const struct onnx_value guessed[] = {{"a", 1, 2, {-1, -1}}, {"b", 1, 2, {-1, 3}}, {0}};
    static const struct onnx_value out[] = {{"y", 1, 2, {-1, 4}}, {0}}, square[] = {{"y", 1, 2, {-1, -1}}, {0}};
    BUFFER_AUTO struct buffer first = BUFFER_EMPTY, second = BUFFER_EMPTY, reason = BUFFER_EMPTY;

    onnx_write(&first, "MatMul", fixed, out); /* one row each, which is said, but 3 columns and one row do not multiply */
    struct model *model = loaded(buffer_view(&first), "");
    assert_true(model->opened);
    assert_true(model_try(model, &reason) < 0);
    assert_says(&reason, "the model failed while it ran: ");
    model_free(model);
    buffer_clear(&reason);
    onnx_write(&second, "Add", guessed, square); /* 8 columns, as guessed, and 3 cannot be added */
    model = loaded(buffer_view(&second), "");
    assert_true(model->opened);
    assert_int_equal(model_try(model, &reason), 0);
    assert_int_equal(reason.length, 0);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_without_pipeline_files_runs_with_tensors),
        cmocka_unit_test(what_is_no_release_is_told_later),
        cmocka_unit_test(a_pipeline_that_cannot_be_refuses_the_push),
        cmocka_unit_test(each_type_can_be_tried),
        cmocka_unit_test(an_input_beyond_the_bound_is_named_and_not_allocated),
        cmocka_unit_test(a_failure_counts_only_where_nothing_was_guessed),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
