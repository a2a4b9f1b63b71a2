/* A worker without its process: the Lua state, the event layer and a socket whose other end the test holds as the
 * gateway does. Nothing is locked down and nothing runs by itself: the test calls event_start() and its like, then looks
 * at what was sent. */
#ifndef TESTS_UNIT_WORKER_RIG_H
#define TESTS_UNIT_WORKER_RIG_H

#include "runtime/worker/worker.h"

enum { RIG_MESSAGES = 512 };

struct rig_file {
    const char *name, *contents;
    uint16_t flags;
};

/* One message that the worker sent, unpacked as far as tests look. */
struct rig_message {
    enum message_type type;
    uint64_t stream;
    uint32_t call;       /* of call_… */
    uint32_t number;     /* of call_sleep: the delay */
    struct buffer text;  /* data, error or line; NUL-terminated */
    struct buffer state; /* of event_done and event_failed; NUL-terminated */
};

struct rig {
    struct state state;
    struct worker worker;
    struct control_page page;
    struct channel gateway;
    struct bundle bundle;
    struct buffer bytes; /* the bundle's */
    struct rig_message messages[RIG_MESSAGES];
    size_t count;
};

/* A bundle of the files in `bytes`, opened as `bundle`. The list ends with a NULL name. */
void rig_bundle(const struct rig_file *files, struct buffer *bytes, struct bundle *bundle);
/* The state with the files as its release; no worker. */
void rig_state(struct rig *rig, const struct rig_file *files);
/* A worker whose app.lua is `source`, loaded. */
void rig_open(struct rig *rig, const char *source);
/* The same with one button whose handler is `body`, from the text `a` to a text; its function is number 1. */
void rig_open_handler(struct rig *rig, const char *body);
void rig_close(struct rig *rig);
/* Starts event `id` with a list of values as JSON. */
void rig_start(struct rig *rig, uint64_t id, uint32_t function, const char *data);
/* Answers a waiting call. */
void rig_answer(struct rig *rig, uint32_t call, uint32_t status, const char *body);
/* Reads what the worker has sent so far, behind what was read before. */
void rig_take(struct rig *rig);
/* The index-th message of that type; fails the test when there is none. */
const struct rig_message *rig_find(struct rig *rig, enum message_type type, size_t index);
size_t rig_number_of(struct rig *rig, enum message_type type);
/* Runs a chunk named app.lua in the state: its first result, or its error, as text. Valid until the next call. */
const char *rig_run(struct rig *rig, const char *code);

#endif
