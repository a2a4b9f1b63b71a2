/* The pipeline "image-classification": a picture in, labels with scores out, as config.json and
 * preprocessor_config.json of the model's repository say (the layout that transformers.js reads). */
#ifndef RUNTIME_INFER_PIPELINE_H
#define RUNTIME_INFER_PIPELINE_H

#include "runtime/wire/tensor.h"

struct pipeline {
    bool resize, crop, rescale, normalize, nearest;
    uint32_t channels;               /* 1 grayscale, 3 RGB */
    uint32_t height, width;          /* of what the model sees */
    uint32_t resize_height, resize_width; /* 0: follows the picture's shape */
    uint32_t shortest_edge;          /* 0: none */
    double factor, mean[3], deviation[3];
    char **labels;                   /* owned; a gap is NULL */
    size_t label_count;
};

/* Reads both files. `preprocessor` empty: none in the repository. 0, or ERROR_INVALID with a sentence that names the
 * file and the member appended to `reason`. */
int pipeline_read(struct pipeline *pipeline, struct text config, struct text preprocessor, struct buffer *reason);
void pipeline_release(struct pipeline *pipeline);
/* Elements of what pipeline_prepare() writes: channels × height × width. */
size_t pipeline_size(const struct pipeline *pipeline);
/* Turns a picture of uint8 (shape height, width, channels 1 to 4) into floats, channel first. A picture with alpha is
 * laid on white. 0, or ERROR_INVALID with a sentence. */
int pipeline_prepare(const struct pipeline *pipeline, const struct tensor *image, const unsigned char *pixels,
                     float *ret_values, struct buffer *reason);
/* Appends [{"label","score"}…], best first, at most `top_k`, from one row of logits. 0, or ERROR_INVALID with a
 * sentence when they are no numbers. */
int pipeline_answer(const struct pipeline *pipeline, const float *logits, size_t count, size_t top_k,
                    struct buffer *out, struct buffer *reason);

#endif
