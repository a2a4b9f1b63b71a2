/* What transformers.js does between a picture and a model, from the same two files: convert to the model's
 * channels, resize, cut out the middle, scale, normalise; and afterwards soft-max and labels.
 *
 * The files are a stranger's JSON: every number is bounded when it is read (a side by BOUNDS_INFER_SIDE, a mean
 * must be finite, a deviation not zero), so that the arithmetic below needs no checks. A picture is bounded by the
 * message or window that it came in.
 *
 * Pictures are floats with interleaved channels until the last step writes them channel by channel: resizing works
 * along rows and columns of any stride. */
#include "runtime/infer/pipeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

/* -- reading the two files -- */

/* A member that is absent or no truth value counts as what the format says is the default. */
static bool pipeline_flag(const struct json *json, const char *name, bool otherwise)
{
    const struct json_node *node = json_get(json, json->nodes, name);
    return node && (node->type == JSON_TRUE || node->type == JSON_FALSE) ? node->type == JSON_TRUE : otherwise;
}

static bool pipeline_side(const struct json_node *node, uint32_t *ret_side)
{
    int64_t value;

    if (!json_integer(node, &value) || value < 1 || value > BOUNDS_INFER_SIDE)
        return false;
    *ret_side = (uint32_t)value;
    return true;
}

/* A size is a number, {height, width} or, when the caller takes it, {shortest_edge}. */
static bool pipeline_size_member(const struct json *json, const char *name, uint32_t *height, uint32_t *width,
                                 uint32_t *shortest)
{
    const struct json_node *node = json_get(json, json->nodes, name);

    if (pipeline_side(node, height)) {
        *width = *height;
        return true;
    }
    if (pipeline_side(json_get(json, node, "height"), height) && pipeline_side(json_get(json, node, "width"), width))
        return true;
    return shortest && pipeline_side(json_get(json, node, "shortest_edge"), shortest);
}

/* One number stands for all channels. */
static bool pipeline_numbers(const struct json *json, const char *name, double *values, uint32_t count)
{
    const struct json_node *node = json_get(json, json->nodes, name);

    if (!node || node->type != JSON_ARRAY || node->count < 1 || (node->count != 1 && node->count < count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!json_number(json_at(json, node, node->count == 1 ? 0 : i), &values[i]) || !isfinite(values[i]))
            return false;
    return true;
}

/* Sets what the model sees; NULL, or what is wrong. */
static const char *pipeline_read_sizes(struct pipeline *pipeline, const struct json *json)
{
    pipeline->resize = pipeline_flag(json, "do_resize", true);
    pipeline->crop = pipeline_flag(json, "do_center_crop", false);
    if (pipeline->resize && !pipeline_size_member(json, "size", &pipeline->resize_height, &pipeline->resize_width,
                                                  &pipeline->shortest_edge))
        return "\"size\" must be {\"height\", \"width\"} or {\"shortest_edge\"}";
    if (pipeline->crop && !pipeline_size_member(json, "crop_size", &pipeline->height, &pipeline->width, NULL))
        return "\"crop_size\" must be {\"height\", \"width\"}";
    if (!pipeline->crop && (!pipeline->resize || pipeline->shortest_edge))
        return "either \"size\" must have a height and a width, or \"do_center_crop\" be true";
    if (!pipeline->crop) {
        pipeline->height = pipeline->resize_height;
        pipeline->width = pipeline->resize_width;
    }
    return NULL;
}

static const char *pipeline_read_values(struct pipeline *pipeline, const struct json *json)
{
    const struct json_node *factor = json_get(json, json->nodes, "rescale_factor");
    int64_t resample = 2;

    pipeline->channels = json_equals(json_get(json, json->nodes, "image_mode"), "grayscale") ||
                                 json_equals(json_get(json, json->nodes, "image_mode"), "L") ? 1 : 3;
    json_integer(json_get(json, json->nodes, "resample"), &resample);
    pipeline->nearest = resample == 0;
    pipeline->rescale = pipeline_flag(json, "do_rescale", true);
    pipeline->factor = 1.0 / 255.0;
    if (factor && !json_number(factor, &pipeline->factor))
        return "\"rescale_factor\" must be a number";
    pipeline->normalize = pipeline_flag(json, "do_normalize", true);
    if (!pipeline->normalize)
        return NULL;
    if (!pipeline_numbers(json, "image_mean", pipeline->mean, pipeline->channels) ||
        !pipeline_numbers(json, "image_std", pipeline->deviation, pipeline->channels))
        return "\"image_mean\" and \"image_std\" must be lists with a number for each channel";
    for (uint32_t i = 0; i < pipeline->channels; i++)
        if (pipeline->deviation[i] == 0)
            return "\"image_std\" must not be 0";
    return NULL;
}

/* id2label: {"0": "cat", …}. Names that are no index, or beyond the bound, are passed over. */
static void pipeline_read_labels(struct pipeline *pipeline, const struct json *json)
{
    const struct json_node *table = json_get(json, json->nodes, "id2label");
    uint64_t index;

    if (!table || table->type != JSON_OBJECT)
        return;
    for (const struct json_node *node = json_first(json, table); node; node = json_next(json, table, node)) {
        if (text_to_u64(node->name, &index) < 0 || index >= BOUNDS_INFER_LABELS)
            continue;
        if (index >= pipeline->label_count) {
            pipeline->labels = memory_resize(pipeline->labels, index + 1, sizeof(char *));
            memset(pipeline->labels + pipeline->label_count, 0, (index + 1 - pipeline->label_count) * sizeof(char *));
            pipeline->label_count = index + 1;
        }
        free(pipeline->labels[index]);
        pipeline->labels[index] = json_string_copy(node);
    }
}

static int pipeline_parse(struct json *json, struct text file, const char *name, struct buffer *reason)
{
    size_t position = 0;

    if (file.length > 0 && json_parse(json, file, &position) == 0 && json->nodes[0].type == JSON_OBJECT)
        return 0;
    if (file.length == 0)
        buffer_format(reason, "the model's repository has no %s, which this pipeline needs", name);
    else
        buffer_format(reason, "%s is not a JSON object (byte %zu)", name, position);
    return ERROR_INVALID;
}

int pipeline_read(struct pipeline *pipeline, struct text config, struct text preprocessor, struct buffer *reason)
{
    struct json json = {0};
    const char *trouble = NULL;

    *pipeline = (struct pipeline){0};
    int result = pipeline_parse(&json, preprocessor, "preprocessor_config.json", reason);
    if (result == 0 && !(trouble = pipeline_read_sizes(pipeline, &json)))
        trouble = pipeline_read_values(pipeline, &json);
    json_release(&json);
    if (result < 0)
        return result;
    if (trouble) {
        buffer_format(reason, "preprocessor_config.json: %s", trouble);
        return ERROR_INVALID;
    }
    json = (struct json){0};
    if (config.length > 0) {
        result = pipeline_parse(&json, config, "config.json", reason);
        if (result == 0)
            pipeline_read_labels(pipeline, &json);
        json_release(&json);
    }
    return result;
}

void pipeline_release(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->label_count; i++)
        free(pipeline->labels[i]);
    free(pipeline->labels);
    *pipeline = (struct pipeline){0};
}

size_t pipeline_size(const struct pipeline *pipeline)
{
    return (size_t)pipeline->channels * pipeline->height * pipeline->width;
}

/* -- pictures -- */

/* Floats 0…255, channels interleaved. */
struct pipeline_picture {
    uint32_t height, width, channels;
    float *values; /* owned */
};

static struct pipeline_picture pipeline_picture_make(uint32_t height, uint32_t width, uint32_t channels)
{
    return (struct pipeline_picture){height, width, channels,
                                     memory_alloc((size_t)height * width * channels, sizeof(float))};
}

/* One pixel with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels, as what the model wants. */
static void pipeline_convert_pixel(const unsigned char *from, uint32_t given, float *to, uint32_t wanted)
{
    bool colour = given >= 3;
    float alpha = given == 2 || given == 4 ? (float)from[given - 1] / 255.0f : 1.0f, seen[3];

    for (uint32_t i = 0; i < 3; i++)
        seen[i] = (float)from[colour ? i : 0] * alpha + 255.0f * (1.0f - alpha);
    if (wanted == 3)
        memcpy(to, seen, sizeof seen);
    else
        *to = colour ? 0.299f * seen[0] + 0.587f * seen[1] + 0.114f * seen[2] : seen[0];
}

static struct pipeline_picture pipeline_convert(const struct tensor *image, const unsigned char *pixels,
                                                uint32_t channels)
{
    struct pipeline_picture picture =
        pipeline_picture_make((uint32_t)image->shape[0], (uint32_t)image->shape[1], channels);
    size_t count = (size_t)picture.height * picture.width, given = (size_t)image->shape[2];

    for (size_t i = 0; i < count; i++)
        pipeline_convert_pixel(pixels + i * given, (uint32_t)given, picture.values + i * channels, channels);
    return picture;
}

/* Resamples along one axis: `line` values of `stride` apart. A triangle whose width follows the scale when shrinking,
 * so that no source pixel is lost; or the nearest pixel. */
static void pipeline_resample_line(const float *from, uint32_t given, float *to, uint32_t wanted, size_t stride,
                                   bool nearest)
{
    double scale = (double)given / wanted, support = scale > 1 ? scale : 1;

    for (uint32_t i = 0; i < wanted; i++) {
        double center = (i + 0.5) * scale, sum = 0, weights = 0;
        if (nearest) {
            to[i * stride] = from[(size_t)center * stride];
            continue;
        }
        long first = (long)floor(center - support), last = (long)ceil(center + support);
        for (long j = first < 0 ? 0 : first; j < last && j < (long)given; j++) {
            double weight = 1 - fabs((double)j + 0.5 - center) / support;
            if (weight <= 0)
                continue;
            sum += weight * from[(size_t)j * stride];
            weights += weight;
        }
        to[i * stride] = (float)(sum / weights);
    }
}

static void pipeline_resize_width(struct pipeline_picture *picture, uint32_t width, bool nearest)
{
    uint32_t channels = picture->channels;
    struct pipeline_picture done = pipeline_picture_make(picture->height, width, channels);

    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t c = 0; c < channels; c++)
            pipeline_resample_line(picture->values + (size_t)y * picture->width * channels + c, picture->width,
                                   done.values + (size_t)y * width * channels + c, width, channels, nearest);
    free(picture->values);
    *picture = done;
}

static void pipeline_resize_height(struct pipeline_picture *picture, uint32_t height, bool nearest)
{
    size_t row = (size_t)picture->width * picture->channels;
    struct pipeline_picture done = pipeline_picture_make(height, picture->width, picture->channels);

    for (size_t column = 0; column < row; column++)
        pipeline_resample_line(picture->values + column, picture->height, done.values + column, height, row, nearest);
    free(picture->values);
    *picture = done;
}

/* A height that shrinks goes first, one that grows last: what lies between is never larger than both ends. */
static void pipeline_resize(struct pipeline_picture *picture, uint32_t height, uint32_t width, bool nearest)
{
    if (height < picture->height)
        pipeline_resize_height(picture, height, nearest);
    if (width != picture->width)
        pipeline_resize_width(picture, width, nearest);
    if (height > picture->height)
        pipeline_resize_height(picture, height, nearest);
}

/* The size before cropping: fixed, or the shorter side fixed and the other in proportion. */
static void pipeline_resize_as_told(const struct pipeline *pipeline, struct pipeline_picture *picture)
{
    uint32_t height = pipeline->resize_height, width = pipeline->resize_width;

    if (!pipeline->resize)
        return;
    if (pipeline->shortest_edge) {
        double shorter = picture->height < picture->width ? picture->height : picture->width;
        height = (uint32_t)lround(fmin(picture->height * pipeline->shortest_edge / shorter, 2.0 * BOUNDS_INFER_SIDE));
        width = (uint32_t)lround(fmin(picture->width * pipeline->shortest_edge / shorter, 2.0 * BOUNDS_INFER_SIDE));
    }
    pipeline_resize(picture, height, width, pipeline->nearest);
}

/* Writes the middle of the picture, channel first; what lies outside of it is black. */
static void pipeline_write(const struct pipeline *pipeline, const struct pipeline_picture *picture, float *to)
{
    long top = ((long)picture->height - (long)pipeline->height) / 2,
         left = ((long)picture->width - (long)pipeline->width) / 2;

    for (uint32_t c = 0; c < pipeline->channels; c++) {
        double factor = pipeline->rescale ? pipeline->factor : 1, mean = pipeline->normalize ? pipeline->mean[c] : 0;
        double deviation = pipeline->normalize ? pipeline->deviation[c] : 1;
        for (uint32_t y = 0; y < pipeline->height; y++)
            for (uint32_t x = 0; x < pipeline->width; x++) {
                long from_y = top + y, from_x = left + x;
                bool inside =
                    from_y >= 0 && from_x >= 0 && from_y < (long)picture->height && from_x < (long)picture->width;
                size_t at = ((size_t)from_y * picture->width + (size_t)from_x) * picture->channels + c;
                *to++ = (float)(((inside ? picture->values[at] : 0) * factor - mean) / deviation);
            }
    }
}

int pipeline_prepare(const struct pipeline *pipeline, const struct tensor *image, const unsigned char *pixels,
                     float *ret_values, struct buffer *reason)
{
    if (image->type != TENSOR_UINT8 || image->rank != 3 || image->shape[0] < 1 || image->shape[1] < 1 ||
        image->shape[2] < 1 || image->shape[2] > 4) {
        buffer_string(reason, "the pipeline takes an image with 1 to 4 channels as uint8, [height, width, channels]");
        return ERROR_INVALID;
    }
    struct pipeline_picture picture = pipeline_convert(image, pixels, pipeline->channels);
    pipeline_resize_as_told(pipeline, &picture);
    pipeline_write(pipeline, &picture, ret_values);
    free(picture.values);
    return 0;
}

/* -- answers -- */

struct pipeline_score {
    size_t index;
    double value;
};

/* Equal scores in the order of the labels: the answer to the same picture never changes. */
static int pipeline_compare(const void *a, const void *b)
{
    const struct pipeline_score *left = a, *right = b;

    if (left->value != right->value)
        return left->value < right->value ? 1 : -1;
    return left->index < right->index ? -1 : 1;
}

static void pipeline_write_score(const struct pipeline *pipeline, const struct pipeline_score *score,
                                 struct buffer *out)
{
    char generic[32];
    const char *label = score->index < pipeline->label_count ? pipeline->labels[score->index] : NULL;

    if (!label) {
        snprintf(generic, sizeof generic, "LABEL_%zu", score->index);
        label = generic;
    }
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "label", text_from(label));
    json_write_name(out, "score");
    json_write_number(out, score->value);
    buffer_byte(out, '}');
}

/* Soft-max with the largest logit taken off first, so that large logits do not overflow. */
int pipeline_answer(const struct pipeline *pipeline, const float *logits, size_t count, size_t top_k,
                    struct buffer *out, struct buffer *reason)
{
    struct pipeline_score *scores = memory_alloc(count ? count : 1, sizeof *scores);
    double best = -INFINITY, sum = 0;

    for (size_t i = 0; i < count; i++)
        best = logits[i] > best ? logits[i] : best;
    for (size_t i = 0; i < count; i++) {
        scores[i] = (struct pipeline_score){i, exp((double)logits[i] - best)};
        sum += scores[i].value;
    }
    if (!isfinite(sum) || sum <= 0) {
        free(scores);
        buffer_string(reason, "the model answered with values that are no numbers");
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < count; i++)
        scores[i].value /= sum;
    qsort(scores, count, sizeof *scores, pipeline_compare);
    buffer_byte(out, '[');
    for (size_t i = 0; i < count && i < top_k; i++)
        pipeline_write_score(pipeline, &scores[i], out);
    buffer_byte(out, ']');
    free(scores);
    return 0;
}
