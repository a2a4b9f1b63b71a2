/* The JSON texts that clients read: messages of a session's stream, frames of the curl API, bodies of /run and errors.
 * Everything is one line. Values come from a worker, so they were checked with output_is_data() before. */
#ifndef GATEWAY_OUTPUT_H
#define GATEWAY_OUTPUT_H

#include "runtime/base/buffer.h"

/* How a function's call went, for the fields that clients may show. */
struct output_times {
    double seconds, average_seconds;
};

/* True for a worker's `data`: one well-formed JSON array that stays on one line. */
bool output_is_data(struct text data);
/* True for a well-formed JSON object on one line. */
bool output_is_object(struct text object);

void output_write_estimation(struct buffer *out, const char *id, uint32_t rank, uint32_t size);
void output_write_starts(struct buffer *out, const char *id, double eta_seconds);
void output_write_progress(struct buffer *out, const char *id, struct text progress_data);
/* `log` is the worker's object; its members are copied behind msg and event_id. */
void output_write_log(struct buffer *out, const char *id, struct text log);
void output_write_generating(struct buffer *out, const char *id, struct text data);
void output_write_completed(struct buffer *out, const char *id, struct text data, const struct output_times *times);
/* `error` is an object of the form of output_write_error(). */
void output_write_failed(struct buffer *out, const char *id, struct text error);
/* {"error","duration","visible","title"}: what a failed call's `output` is. `sentence` NULL: details are withheld. */
void output_write_error(struct buffer *out, const char *sentence, const char *title, bool visible);
/* The body of a good /run reply. */
void output_write_result(struct buffer *out, struct text data, const struct output_times *times);
/* A frame of the curl API: event and data lines. */
void output_write_frame(struct buffer *out, const char *event, struct text data);
/* {"detail":sentence} */
void output_write_detail(struct buffer *out, const char *sentence);

/* Appends a worker's data as API clients should see it: an update of a component becomes the value it carries, when it
 * carries one. Pages get updates as they are and never come here. */
void output_write_plain(struct buffer *out, struct text data);

#endif
