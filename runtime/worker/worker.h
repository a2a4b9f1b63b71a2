/* A locked worker: one demo, one socket, many visitors; one coroutine per event.
 *
 *   read a packet → for each frame: start, resume or cancel a coroutine → write all that they produced → read …
 *
 *   worker.c   the socket's loop and the frames
 *   event.c    one event: its coroutine, its waits, its end
 *   core.c     what the Lua side calls (module "core")
 *   slice.c    time: the virtual timer, the friendly error, cancelling what computes */
#ifndef RUNTIME_WORKER_WORKER_H
#define RUNTIME_WORKER_WORKER_H

#include "runtime/base/map.h"
#include "runtime/wire/channel.h"
#include "runtime/wire/tensor.h"
#include "runtime/wire/control_page.h"
#include "runtime/worker/state.h"

struct event {
    uint64_t id;
    struct lua_State *coroutine;
    int coroutine_reference, context_reference; /* in the registry */
    struct worker *worker;
    uint32_t waiting_for; /* call id; 0: none */
    int64_t credit;       /* bytes it may still send while it runs; the message that passes it suspends the handler */
    char *excuse;         /* owned: the host's own sentence when it could not answer a wait; NULL: none */
    bool starved;         /* suspended until the gateway gives credit */
    bool cancelled;
    size_t window_start, window_length; /* its place in the tensor window; length 0: none */
};

struct worker {
    struct state *state;
    struct channel channel;
    struct bundle bundle;
    struct control_page *page;
    struct tensor_window window;
    char *app_file;              /* owned: from the manifest */
    uint64_t published_seed;
    struct map events;           /* id → struct event */
    struct map calls;            /* call id → struct event */
    uint32_t next_call;
    struct event *running;
    uint64_t log_second;         /* the second that log_lines counts */
    uint32_t log_lines;
    bool begun, show_error;
    unsigned slice_ms;
};

/* Serves until the gateway closes the socket; never returns. All of `worker` but events was set by the zygote. */
_Noreturn void worker_run(struct worker *worker);

/* -- event.c -- */
void event_start(struct worker *worker, uint64_t id, const struct message_event_start *message);
void event_cancel(struct worker *worker, uint64_t id);
void event_answer(struct worker *worker, const struct message_call_answer *message);
/* The gateway gives back `bytes` of the event's credit. */
void event_credit(struct worker *worker, uint64_t id, uint32_t bytes);
/* Books a message of the running event that the gateway counts. False: the handler must be suspended now, and was
 * noted for event_credit(). */
bool event_spend(struct event *event, struct text text);
/* Logs a text of several lines to the demo's log. */
void event_log(struct worker *worker, const char *level, struct text text);

/* -- slice.c -- */
/* Before lock-down: arms the virtual timer and its handler. 0 or ERROR_SYSTEM. */
int slice_init(struct worker *worker);
void slice_enter(struct worker *worker, struct event *event);
void slice_leave(struct worker *worker);
/* In the describe cage: app.lua may compute for `ms` of CPU time, then it ends with an error. */
int slice_limit_loading(struct state *state, unsigned ms);

/* -- core.c -- */
/* The worker that the Lua side belongs to; NULL while describing. */
void core_attach(struct worker *worker);
/* The event that runs; raises while app.lua loads. */
struct event *core_event(struct lua_State *lua);
/* Names of the models that app.lua mentioned while loading, one per line. */
struct text core_models(void);

#endif
