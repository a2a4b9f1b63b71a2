#include "runtime/infer/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* -- protobuf, as much as a test needs -- */

static void put_varint(struct buffer *out, uint64_t value)
{
    for (; value > 127; value >>= 7)
        buffer_byte(out, (char)((value & 127) | 128));
    buffer_byte(out, (char)value);
}

static void put_number(struct buffer *out, unsigned number, uint64_t value)
{
    put_varint(out, number << 3);
    put_varint(out, value);
}

static void put_bytes(struct buffer *out, unsigned number, struct text bytes)
{
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.length);
    buffer_text(out, bytes);
}

/* Wraps what `inner` holds as field `number` of a message of its own. */
static void wrap(struct buffer *inner, unsigned number)
{
    BUFFER_AUTO struct buffer outer = BUFFER_EMPTY;

    put_bytes(&outer, number, buffer_view(inner));
    buffer_clear(inner);
    buffer_text(inner, buffer_view(&outer));
}

static void put_external(struct buffer *tensor, struct text file)
{
    BUFFER_AUTO struct buffer entry = BUFFER_EMPTY;

    put_bytes(&entry, 1, TEXT("location"));
    put_bytes(&entry, 2, file);
    put_number(tensor, 1, 2);
    put_bytes(tensor, 13, buffer_view(&entry));
    put_number(tensor, 14, 1);
}

static void assert_scan(const struct buffer *model, int result, const char *sentence)
{
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;

    assert_int_equal(scan_model(buffer_view(model), &reason), result);
    buffer_byte(&reason, 0);
    assert_string_equal(reason.data, sentence);
}

#define EXTERNAL(file)                                                                                            \
    "onnx/model.onnx keeps weights in another file, \"" file "\"; a model is one file here: save it again with its " \
    "weights inside"

static void weights_elsewhere_are_found_wherever_tensors_stand(void **state)
{
    /* the way from the model to a tensor, by field numbers from the inside out */
    static const unsigned ways[][9] = {
        {5, 7},                   /* an initialiser of the graph */
        {5, 5, 1, 7},             /* an attribute of a node */
        {10, 5, 1, 7},            /* one of many in an attribute */
        {1, 15, 7}, {2, 15, 7},   /* values and indices of a sparse initialiser */
        {1, 22, 5, 1, 7},         /* a sparse attribute */
        {5, 6, 5, 1, 7},          /* an initialiser of a subgraph */
        {5, 11, 5, 1, 7},         /* of one of many subgraphs */
        {5, 5, 7, 25},            /* an attribute of a node of a function */
        {5, 6, 5, 1, 6, 5, 1, 7}, /* two subgraphs deep */
    };
    for (size_t i = 0; i < MEMORY_COUNT(ways); i++) {
        BUFFER_AUTO struct buffer model = BUFFER_EMPTY;
        put_external(&model, TEXT("weights.bin"));
        for (size_t step = 0; ways[i][step]; step++)
            wrap(&model, ways[i][step]);
        assert_scan(&model, ERROR_UNSUPPORTED, EXTERNAL("weights.bin"));
    }
}

static void ordinary_tensors_pass(void **state)
{
    BUFFER_AUTO struct buffer model = BUFFER_EMPTY;
    put_number(&model, 1, 2);
    put_number(&model, 14, 0); /* says itself that its data is inside */
    put_bytes(&model, 9, TEXT("12345678"));
    wrap(&model, 5);
    wrap(&model, 7);
    assert_scan(&model, 0, "");
    /* the same numbers in messages that are no tensors mean other things */
    buffer_clear(&model);
    put_external(&model, TEXT("weights.bin"));
    wrap(&model, 2); /* the graph's name */
    wrap(&model, 7);
    assert_scan(&model, 0, "");
}

static void a_file_name_is_made_fit_to_read(void **state)
{
    BUFFER_AUTO struct buffer model = BUFFER_EMPTY;
    put_external(&model, TEXT("a\nb\xff\x1b[31m"));
    wrap(&model, 5);
    wrap(&model, 7);
    assert_scan(&model, ERROR_UNSUPPORTED, EXTERNAL("a b? [31m"));
    buffer_clear(&model);
    put_number(&model, 14, 1); /* external, and no file named */
    wrap(&model, 5);
    wrap(&model, 7);
    assert_scan(&model, ERROR_UNSUPPORTED, EXTERNAL(""));
}

static void graphs_inside_graphs_have_an_end(void **state)
{
    static const struct {
        unsigned levels;
        bool fine;
    } cases[] = {{1, true}, {25, true}, {40, false}, {20000, false}};

    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer model = BUFFER_EMPTY, reason = BUFFER_EMPTY;
        for (unsigned level = 0; level < cases[i].levels; level++) {
            wrap(&model, 6);
            wrap(&model, 5);
            wrap(&model, 1);
        }
        wrap(&model, 7);
        assert_int_equal(scan_model(buffer_view(&model), &reason), cases[i].fine ? 0 : ERROR_UNSUPPORTED);
        assert_int_equal(reason.length == 0, cases[i].fine);
    }
}

/* Cut or changed anywhere, it reads nothing outside of its bytes (the sanitizers look) and ends. */
static void damage_is_left_to_the_library(void **state)
{
    BUFFER_AUTO struct buffer model = BUFFER_EMPTY, reason = BUFFER_EMPTY;
    static const char *const odd[] = {"", "\x3a", "\x3a\xff", "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x3b\x3b\x3b",
                                      "\x3c", "\x3d\1\2", "\x3e", "\x3f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};

    for (size_t i = 0; i < MEMORY_COUNT(odd); i++)
        assert_int_equal(scan_model(text_from(odd[i]), &reason), 0);
    put_external(&model, TEXT("weights.bin"));
    wrap(&model, 5);
    wrap(&model, 7);
    for (size_t cut = 0; cut < model.length; cut++) {
        MEMORY_AUTO char *copy = memory_alloc(cut + 1, 1);
        memcpy(copy, model.data, cut);
        assert_int_equal(scan_model((struct text){copy, cut}, &reason), 0);
    }
    for (size_t bit = 0; bit < model.length * 8; bit++) {
        model.data[bit / 8] ^= (char)(1 << bit % 8);
        int result = scan_model(buffer_view(&model), &reason);
        assert_true(result == 0 || result == ERROR_UNSUPPORTED);
        model.data[bit / 8] ^= (char)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_elsewhere_are_found_wherever_tensors_stand),
        cmocka_unit_test(ordinary_tensors_pass),
        cmocka_unit_test(a_file_name_is_made_fit_to_read),
        cmocka_unit_test(graphs_inside_graphs_have_an_end),
        cmocka_unit_test(damage_is_left_to_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
