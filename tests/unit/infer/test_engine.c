/* Models of strangers meet the library here: what is let in, what is refused by name, and what a run gives back. */
#include "runtime/infer/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "tests/unit/infer/onnx.h"

static int set_up(void **state)
{
    return engine_setup();
}

static void assert_has(const struct buffer *text, const char *part)
{
    BUFFER_AUTO struct buffer copy = BUFFER_EMPTY;

    buffer_text(&copy, buffer_view(text));
    buffer_byte(&copy, 0);
    if (!strstr(copy.data, part))
        fail_msg("\"%s\" does not hold \"%s\"", copy.data, part);
}

/* What engine_open() says of a model with these ends; `reason` gets its sentence. */
static int open_model(struct engine *engine, struct buffer *bytes, const char *op, const struct onnx_value *in,
                      const struct onnx_value *out, struct buffer *reason)
{
    onnx_write(bytes, op, in, out);
    return engine_open(engine, buffer_view(bytes), reason);
}

static const struct onnx_value sum_in[] = {{"a", 1, 2, {-1, 2}}, {"b", 1, 2, {-1, 2}}, {0}};
static const struct onnx_value sum_out[] = {{"sum", 1, 2, {-1, 2}}, {0}};

static void a_model_is_described_and_run(void **state)
{
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY, reason = BUFFER_EMPTY, words = BUFFER_EMPTY;
    struct engine engine;
    struct engine_answer answer;
    float a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 40};
    const struct engine_input inputs[] = {{(unsigned char *)a, sizeof a, 2, {2, 2}}, {(unsigned char *)b, sizeof b, 2, {2, 2}}};

    assert_int_equal(open_model(&engine, &bytes, "Add", sum_in, sum_out, &reason), 0);
    assert_true(engine.batchable);
    engine_describe(&engine, &words);
    assert_has(&words, "{\"inputs\":[{\"name\":\"a\",\"type\":\"float32\",\"shape\":[-1,2]},{\"name\":\"b\"");
    assert_int_equal(engine_find_input(&engine, TEXT("b")), 1);
    assert_int_equal(engine_find_input(&engine, TEXT("sum")), ERROR_NOT_FOUND);
    assert_int_equal(engine_run(&engine, inputs, &answer, &reason), 0);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.tensors[0].byte_length, sizeof a);
    assert_true(((const float *)(const void *)answer.tensors[0].inline_bytes.data)[3] == 44.0f);
    engine_answer_clear(&answer);
    engine_answer_clear(&answer); /* once more is harmless */
    engine_close(&engine);
}

static void a_run_that_cannot_be_fails_with_words_and_the_next_one_works(void **state)
{
    static const struct onnx_value in[] = {{"a", 1, 1, {-1}}, {"b", 1, 1, {-1}}, {0}}, out[] = {{"sum", 1, 1, {-1}}, {0}};
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY, reason = BUFFER_EMPTY;
    struct engine engine;
    struct engine_answer answer;
    float a[] = {1, 2, 3}, b[] = {10, 20};
    struct engine_input inputs[] = {{(unsigned char *)a, sizeof a, 1, {3}}, {(unsigned char *)b, sizeof b, 1, {2}}};

    assert_int_equal(open_model(&engine, &bytes, "Add", in, out, &reason), 0);
    assert_true(engine_run(&engine, inputs, &answer, &reason) < 0); /* 3 and 2 elements cannot be added */
    assert_has(&reason, "the model failed while it ran: ");
    assert_int_equal(answer.count, 0);
    inputs[0].length = sizeof b;
    inputs[0].shape[0] = 2;
    assert_int_equal(engine_run(&engine, inputs, &answer, &reason), 0);
    engine_answer_clear(&answer);
    engine_close(&engine);
}

static void a_stopped_run_fails_until_it_is_armed_again(void **state)
{
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY, reason = BUFFER_EMPTY;
    struct engine engine;
    struct engine_answer answer;
    float a[] = {1, 2};
    const struct engine_input inputs[] = {{(unsigned char *)a, sizeof a, 2, {1, 2}}, {(unsigned char *)a, sizeof a, 2, {1, 2}}};

    assert_int_equal(open_model(&engine, &bytes, "Add", sum_in, sum_out, &reason), 0);
    engine_stop();
    assert_true(engine_run(&engine, inputs, &answer, &reason) < 0);
    engine_arm();
    assert_int_equal(engine_run(&engine, inputs, &answer, &reason), 0);
    engine_answer_clear(&answer);
    engine_close(&engine);
}

static void strings_go_through_as_messages_carry_them(void **state)
{
    static const struct onnx_value in[] = {{"in", TENSOR_STRING, 1, {-1}}, {0}}, out[] = {{"out", TENSOR_STRING, 1, {-1}}, {0}};
    static unsigned char list[] = "\3\0\0\0abc\0\0\0\0\2\0\0\0\xc3\xbc"; /* "abc", "", "ü" */
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY, reason = BUFFER_EMPTY;
    struct engine engine;
    struct engine_answer answer;
    const struct engine_input inputs[] = {{list, sizeof list - 1, 1, {3}}};

    assert_int_equal(open_model(&engine, &bytes, "Identity", in, out, &reason), 0);
    assert_false(engine.batchable); /* strings cannot be cut into equal pieces */
    assert_int_equal(engine_run(&engine, inputs, &answer, &reason), 0);
    assert_int_equal(answer.tensors[0].byte_length, sizeof list - 1);
    assert_memory_equal(answer.tensors[0].inline_bytes.data, list, sizeof list - 1);
    engine_answer_clear(&answer);
    engine_close(&engine);
}

static void what_no_message_can_carry_is_refused_by_name(void **state)
{
    static const struct onnx_value ranks[] = {{"deep", 1, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}}, {0}};
    static const struct onnx_value complex[] = {{"odd", 14, 1, {2}}, {0}}; /* complex64 */
    static const struct onnx_value lists[] = {{"list", 0, 1, {2}}, {0}};
    static const struct onnx_value *const ends[] = {ranks, complex, lists};

    for (size_t i = 0; i < MEMORY_COUNT(ends); i++) {
        BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY, reason = BUFFER_EMPTY;
        const struct onnx_value out[] = {{"out", ends[i]->type, ends[i]->rank, {1, 1, 1, 1, 1, 1, 1, 1, 1}}, {0}};
        struct engine engine;
        assert_int_equal(open_model(&engine, &bytes, "Identity", ends[i], out, &reason), ERROR_INVALID);
        assert_has(&reason, "model"); /* the library or we: a sentence about the model in any case */
        assert_null(engine.session);
    }
}

static void what_is_no_model_is_refused(void **state)
{
    static const struct text texts[] = {TEXT("x"), TEXT("not a model at all"), TEXT("\x08\x07"), TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")};

    for (size_t i = 0; i < MEMORY_COUNT(texts); i++) {
        BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
        struct engine engine;
        assert_int_equal(engine_open(&engine, texts[i], &reason), ERROR_INVALID);
        assert_has(&reason, "onnx/model.onnx cannot be loaded: ");
        assert_true(text_find(buffer_view(&reason), '\n') < 0); /* one line */
        assert_null(engine.session);
    }
}

static void every_cut_of_a_model_is_survived(void **state)
{
    BUFFER_AUTO struct buffer bytes = BUFFER_EMPTY;
    size_t refused = 0;

    onnx_write(&bytes, "Add", sum_in, sum_out);
    for (size_t length = 1; length < bytes.length; length += 3) {
        BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
        struct engine engine;
        if (engine_open(&engine, text_head(buffer_view(&bytes), length), &reason) == 0)
            engine_close(&engine);
        else
            refused += reason.length > 0;
    }
    assert_true(refused > bytes.length / 6);
}

static void a_tensor_that_does_not_fit_is_told_both_shapes(void **state)
{
    char name[] = "a";
    const struct engine_value input = {name, TENSOR_FLOAT32, 3, {-1, 3, 224}};
    static const struct {
        struct tensor tensor;
        const char *sentence;
    } cases[] = {
        {{.type = TENSOR_INT64, .rank = 3, .shape = {1, 3, 224}}, "the model's input \"a\" takes float32, not int64"},
        {{.type = TENSOR_FLOAT32, .rank = 3, .shape = {1, 3, 225}}, "has the shape [any, 3, 224], but the tensor's is [1, 3, 225]"},
        {{.type = TENSOR_FLOAT32, .rank = 2, .shape = {3, 224}}, "but the tensor's is [3, 224]"},
        {{.type = TENSOR_FLOAT32, .rank = 0}, "but the tensor's is []"},
        {{.type = TENSOR_FLOAT32, .rank = 3, .shape = {UINT64_MAX, 3, 224}}, "[9223372036854775807, 3, 224]"},
    };
    const struct tensor fits = {.type = TENSOR_FLOAT32, .rank = 3, .shape = {7, 3, 224}};
    BUFFER_AUTO struct buffer none = BUFFER_EMPTY;

    assert_int_equal(engine_check(&input, &fits, &none), 0);
    assert_int_equal(none.length, 0);
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
        assert_int_equal(engine_check(&input, &cases[i].tensor, &reason), ERROR_INVALID);
        assert_has(&reason, cases[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_described_and_run),
        cmocka_unit_test(a_run_that_cannot_be_fails_with_words_and_the_next_one_works),
        cmocka_unit_test(a_stopped_run_fails_until_it_is_armed_again),
        cmocka_unit_test(strings_go_through_as_messages_carry_them),
        cmocka_unit_test(what_no_message_can_carry_is_refused_by_name),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(every_cut_of_a_model_is_survived),
        cmocka_unit_test(a_tensor_that_does_not_fit_is_told_both_shapes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
