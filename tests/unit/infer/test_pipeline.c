/* Preprocessing and answers of image-classification against values worked out by hand. */
#include "runtime/infer/pipeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/error.h"

static struct pipeline pipeline;
static struct buffer reason;

static int read_pipeline(const char *config, const char *preprocessor)
{
    buffer_clear(&reason);
    return pipeline_read(&pipeline, text_from(config), text_from(preprocessor), &reason);
}

static int clean(void **state)
{
    (void)state;
    pipeline_release(&pipeline);
    buffer_release(&reason);
    return 0;
}

static int prepare(uint64_t height, uint64_t width, uint64_t channels, const unsigned char *pixels, float *values)
{
    struct tensor image = {.type = TENSOR_UINT8, .rank = 3, .shape = {height, width, channels}};

    return pipeline_prepare(&pipeline, &image, pixels, values, &reason);
}

#define NEAR(a, b) assert_true(fabs((double)(a) - (double)(b)) < 1e-4)

static void test_scales_and_normalizes(void **state)
{
    static const unsigned char pixels[] = {0, 255, 51, 102};
    float values[4];

    (void)state;
    assert_int_equal(read_pipeline("", "{\"image_mode\":\"grayscale\",\"size\":{\"height\":2,\"width\":2},"
                                       "\"image_mean\":[0.5],\"image_std\":[0.5]}"), 0);
    assert_int_equal(pipeline_size(&pipeline), 4);
    assert_int_equal(prepare(2, 2, 1, pixels, values), 0);
    NEAR(values[0], -1);
    NEAR(values[1], 1);
    NEAR(values[2], -0.6);
    NEAR(values[3], -0.2);
}

static void test_colours_stand_channel_first(void **state)
{
    static const unsigned char pixels[] = {10, 20, 30, 40, 50, 60};
    float values[6];

    (void)state;
    assert_int_equal(read_pipeline("",
                                   "{\"size\":{\"height\":1,\"width\":2},\"do_rescale\":false,\"do_normalize\":true,"
                                   "\"image_mean\":[0,1,2],\"image_std\":[1,1,2]}"),
                     0);
    assert_int_equal(prepare(1, 2, 3, pixels, values), 0);
    const float wanted[] = {10, 40, 19, 49, 14, 29};
    for (int i = 0; i < 6; i++)
        NEAR(values[i], wanted[i]);
}

static void test_colour_becomes_grey_and_alpha_lies_on_white(void **state)
{
    static const unsigned char colour[] = {255, 0, 0}, clear[] = {0, 0, 0, 0}, grey_alpha[] = {0, 51};
    float value;

    (void)state;
    assert_int_equal(read_pipeline("", "{\"image_mode\":\"L\",\"size\":1,\"do_rescale\":false,\"do_normalize\":false}"),
                     0);
    assert_int_equal(prepare(1, 1, 3, colour, &value), 0);
    NEAR(value, 76.245);
    assert_int_equal(prepare(1, 1, 4, clear, &value), 0);
    NEAR(value, 255);
    assert_int_equal(prepare(1, 1, 2, grey_alpha, &value), 0);
    NEAR(value, 204);
}

static void test_shrinking_loses_no_pixel(void **state)
{
    unsigned char pixels[64] = {0};
    float values[4], sum = 0;

    (void)state;
    assert_int_equal(read_pipeline("", "{\"image_mode\":\"L\",\"size\":2,\"do_rescale\":false,\"do_normalize\":false}"),
                     0);
    pixels[27] = 255;
    assert_int_equal(prepare(8, 8, 1, pixels, values), 0);
    for (int i = 0; i < 4; i++)
        sum += values[i];
    assert_true(sum > 8 && sum < 32);
    memset(pixels, 99, sizeof pixels);
    assert_int_equal(prepare(8, 8, 1, pixels, values), 0);
    for (int i = 0; i < 4; i++)
        NEAR(values[i], 99);
}

static void test_growing_is_bilinear(void **state)
{
    static const unsigned char pixels[] = {0, 100};
    float values[4];

    (void)state;
    assert_int_equal(read_pipeline("", "{\"image_mode\":\"L\",\"size\":{\"height\":1,\"width\":4},\"do_rescale\":false,"
                                       "\"do_normalize\":false}"),
                     0);
    assert_int_equal(prepare(1, 2, 1, pixels, values), 0);
    const float wanted[] = {0, 25, 75, 100};
    for (int i = 0; i < 4; i++)
        NEAR(values[i], wanted[i]);
}

static void test_shortest_edge_and_crop(void **state)
{
    static const unsigned char pixels[] = {1, 2, 3, 4, 5, 6, 7, 8};
    float values[4];

    (void)state;
    assert_int_equal(
        read_pipeline("", "{\"image_mode\":\"L\",\"size\":{\"shortest_edge\":2},\"do_center_crop\":true,"
                          "\"crop_size\":{\"height\":2,\"width\":2},\"do_rescale\":false,\"do_normalize\":false}"),
        0);
    assert_int_equal(prepare(2, 4, 1, pixels, values), 0);
    const float wanted[] = {2, 3, 6, 7};
    for (int i = 0; i < 4; i++)
        NEAR(values[i], wanted[i]);
}

static void test_bad_pictures_are_refused(void **state)
{
    float value;
    struct tensor image = {.type = TENSOR_FLOAT32, .rank = 3, .shape = {1, 1, 1}};

    (void)state;
    assert_int_equal(read_pipeline("", "{\"size\":1,\"do_normalize\":false}"), 0);
    assert_int_equal(pipeline_prepare(&pipeline, &image, (const unsigned char *)"", &value, &reason), ERROR_INVALID);
    assert_int_equal(prepare(0, 1, 1, (const unsigned char *)"", &value), ERROR_INVALID);
    assert_int_equal(prepare(1, 1, 5, (const unsigned char *)"", &value), ERROR_INVALID);
}

static void test_bad_files_are_named(void **state)
{
    static const struct {
        const char *config, *preprocessor, *word;
    } cases[] = {
        {"", "", "no preprocessor_config.json"},
        {"", "{", "preprocessor_config.json"},
        {"", "{}", "size"},
        {"", "{\"size\":{\"height\":0,\"width\":2}}", "size"},
        {"", "{\"size\":99999999}", "size"},
        {"", "{\"size\":{\"shortest_edge\":2},\"do_normalize\":false}", "do_center_crop"},
        {"", "{\"size\":2}", "image_mean"},
        {"", "{\"size\":2,\"image_mean\":[1,1,1],\"image_std\":[1,0,1]}", "image_std"},
        {"[]", "{\"size\":2,\"do_normalize\":false}", "config.json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_pipeline(cases[i].config, cases[i].preprocessor), ERROR_INVALID);
        buffer_byte(&reason, 0);
        assert_non_null(strstr(reason.data, cases[i].word));
        pipeline_release(&pipeline);
    }
}

static void test_answers_are_sorted(void **state)
{
    static const float logits[] = {0, 2, 1, 2};
    struct buffer BUFFER_AUTO out = BUFFER_EMPTY;

    (void)state;
    assert_int_equal(
        read_pipeline("{\"id2label\":{\"0\":\"ant\",\"1\":\"bee\",\"3\":\"\\u0064og\",\"x\":\"no\",\"-1\":\"no\"}}",
                      "{\"size\":2,\"do_normalize\":false}"),
        0);
    assert_int_equal(pipeline_answer(&pipeline, logits, 4, 3, &out, &reason), 0);
    assert_non_null(strstr(out.data, "[{\"label\":\"bee\",\"score\":0.39"));
    assert_non_null(strstr(out.data, "},{\"label\":\"dog\",\"score\":0.39"));
    assert_non_null(strstr(out.data, "},{\"label\":\"LABEL_2\",\"score\":0.14"));
    assert_null(strstr(out.data, "ant"));
}

static void test_answers_without_numbers_are_refused(void **state)
{
    const float bad[][2] = {{NAN, 1}, {INFINITY, 1}, {-INFINITY, -INFINITY}};
    struct buffer BUFFER_AUTO out = BUFFER_EMPTY;

    (void)state;
    assert_int_equal(read_pipeline("", "{\"size\":2,\"do_normalize\":false}"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pipeline_answer(&pipeline, bad[i], 2, 2, &out, &reason), ERROR_INVALID);
    assert_int_equal(out.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_scales_and_normalizes, clean),
        cmocka_unit_test_teardown(test_colours_stand_channel_first, clean),
        cmocka_unit_test_teardown(test_colour_becomes_grey_and_alpha_lies_on_white, clean),
        cmocka_unit_test_teardown(test_shrinking_loses_no_pixel, clean),
        cmocka_unit_test_teardown(test_growing_is_bilinear, clean),
        cmocka_unit_test_teardown(test_shortest_edge_and_crop, clean),
        cmocka_unit_test_teardown(test_bad_pictures_are_refused, clean),
        cmocka_unit_test_teardown(test_bad_files_are_named, clean),
        cmocka_unit_test_teardown(test_answers_are_sorted, clean),
        cmocka_unit_test_teardown(test_answers_without_numbers_are_refused, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
