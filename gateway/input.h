/* The body of a call, read, checked against the function and turned into what the worker is given.
 *
 * Worker data has exactly one entry per input: state slots are null, missing ones get their default, and every
 * FileData object is rewritten to what the gateway knows of it: the handle, a clean name, the marker. */
#ifndef GATEWAY_INPUT_H
#define GATEWAY_INPUT_H

#include "gateway/function.h"
#include "runtime/base/bounds.h"
#include "runtime/base/json.h"

struct input {
    struct json json;                    /* owned; borrows the body */
    const struct json_node *root;
    const struct json_node *data;        /* an array, or NULL */
    const struct json_node *event_data;  /* or NULL */
    const struct json_node *trigger_id;  /* or NULL */
    int64_t fn_index;                    /* -1: none */
    struct text session;                 /* empty: none; else a legal session name */
    struct text page;                    /* what the demo's own page proves itself with; empty: none */
};

/* 0; ERROR_INVALID: not a JSON object, or a member has the wrong type, and `*ret_sentence` says which. Release it
 * either way. The body must outlive it. */
int input_parse(struct input *input, struct text body, const char **ret_sentence);
void input_release(struct input *input);

struct input_files {
    char *handles[BOUNDS_EVENT_FILES]; /* owned */
    int positions[BOUNDS_EVENT_FILES]; /* of the inputs they belong to */
    uint32_t count;
};
void input_files_release(struct input_files *files);

/* What the checked call consists of. */
struct input_result {
    struct buffer data;        /* JSON array for the worker */
    struct buffer problems;    /* JSON list of validation objects; empty when all is well */
    struct input_files files;  /* handles that must be checked with the store */
};
void input_result_release(struct input_result *result);

/* Positional values: one per input, or fewer: callers may leave out state, and inputs that the API description does not
 * have. The page sends all, so for it nothing is guessed. True when there is no problem. */
bool input_check(const struct input *input, const struct function *function, bool from_page,
                 struct input_result *result);
/* Named values: the body itself is the object (the second curl API). */
bool input_check_named(const struct input *input, const struct function *function, struct input_result *result);
/* Adds a problem by hand: what is wrong with the function's `position`-th input (-1: with the call). */
void input_add_problem(struct input_result *result, const struct function *function, int position,
                       const char *sentence);

#endif
