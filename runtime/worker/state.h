/* The Lua state that demo code sees: a bounded heap and one table of globals.
 *
 *   state.c    the state, its allocator (over the limit the process ends with STATE_EXIT_MEMORY: returning NULL to
 *              Lua would run an emergency collection in the middle of anything), the table of globals
 *   guard.c    library functions that bound their C loops before they start
 *   coro.c     coroutine.resume/wrap that pass a host wait outward, whatever coroutine it was made in
 *   values.c   module "json"
 *   modules.c  require, io.open/io.lines over the bundle, os.*, print
 *   core.c     module "core": what ui-kit/lua/host.lua and ai.lua build on */
#ifndef RUNTIME_WORKER_STATE_H
#define RUNTIME_WORKER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bundle.h"
#include "runtime/worker/arena.h"

struct lua_State;

enum { STATE_EXIT_MEMORY = 86, STATE_EXIT_PROTOCOL = 87, STATE_EXIT_CLOSED = 88 };

/* What a demo's code is run against; set once before its first line. */
struct state_demo {
    const struct bundle *bundle; /* the release; NULL in the zygote */
    bool loading;                /* app.lua runs at top level: frozen clock, no waits */
    uint64_t wall_ms;            /* the time that os.time() tells while an event runs */
    void (*print)(void *context, const char *level, struct text line);
    void (*out_of_memory)(void *context); /* last words before STATE_EXIT_MEMORY; must not touch Lua. NULL: none */
    void *context;
};

struct state {
    struct lua_State *lua;
    struct arena arena;                  /* where all of Lua's objects live */
    size_t heap_bytes, heap_limit;       /* what is alive, and how much may be: beyond it the process ends */
    bool sorted_json; /* while describing: names in byte order */
    struct state_demo demo;
};

/* The frozen moment at which every app.lua is loaded, at describing and at waking: 2000-01-01T00:00:00Z. */
#define STATE_FROZEN_MS 946684800000ull

/* Makes the state with libraries, kit and registry loaded, ready to fork. Aborts when the embedded kit is broken. */
void state_init(struct state *state, size_t heap_limit);
/* Reseeds math.random. */
void state_seed(struct state *state, uint64_t seed);
/* The state behind a lua_State. */
struct state *state_of(struct lua_State *lua);
/* Pushes the result of the kit-internal require of `name` ("app", "ui"…). */
void state_require(struct state *state, const char *name);
/* Compiles and runs app.lua: 0 and its result on the stack, or ERROR_INVALID and the error text on the stack
 * ("app.lua:3: …", with a traceback in `ret_trace` when it is not NULL). */
int state_run_app(struct state *state, const char *file, struct buffer *ret_trace);
/* Runs a few lines of our own, for what they touch: the pages that every demo writes to (string table, stacks, random
 * state) become this process's own before anybody waits for it. */
void state_rehearse(struct state *state);
/* Before a fork: collects, and seals the arena. What exists now is shared with all workers. */
void state_settle(struct state *state);

/* -- the parts, each registering itself -- */
void guard_register(struct lua_State *lua);
void coro_register(struct lua_State *lua);
void values_register(struct lua_State *lua);   /* pushes module json */
void modules_register(struct lua_State *lua);
void core_register(struct lua_State *lua);     /* pushes module core */

/* -- coro.c: waiting -- */
/* False where Lua cannot suspend what runs now: in a sort comparator, a gsub callback, a finalizer, also when a
 * coroutine was resumed from inside of one. Ask before something is sent whose answer a wait would take. */
bool coro_can_wait(struct lua_State *lua);
/* Yields out of every coroutine of the demo up to the event's; `count` values on the stack top are what the event
 * loop gets. Raises "cannot wait here" where Lua cannot yield. Use as `return coro_wait(lua, n);`. The C function
 * returns to Lua with what the event loop resumes with: (true, values…) or (false, message). */
int coro_wait(struct lua_State *lua, int count);
/* True when the values a coroutine yielded are a wait (not an author's yield). */
bool coro_is_wait(struct lua_State *lua, int count);
/* The coroutine that runs now (for the time-limit hook); NULL outside. */
struct lua_State *coro_running(void);
void coro_set_running(struct lua_State *lua);

/* -- values.c: JSON -- */
/* Pushes the Lua value of a JSON text. 0, or ERROR_INVALID (nothing pushed). */
int values_push_json(struct lua_State *lua, struct text json);
/* Appends the JSON of the value at `index`, without running metamethods. 0, or ERROR_INVALID with `*ret_reason`
 * (static) when it holds something without a JSON form, is too deep or cyclic. */
int values_write_json(struct lua_State *lua, int index, struct buffer *out, const char **ret_reason);

#endif
