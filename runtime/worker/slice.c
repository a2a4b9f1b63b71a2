/* A demo computes as long as Lua lets it, and Lua cannot be interrupted from outside except by a hook. A hook that is
 * always on costs half the speed; so a timer of the process's own CPU time ticks every SLICE_TICK_MS, and its handler
 * sets a hook, which Lua allows from a signal handler, only when something is due: the slice is used up, or the
 * gateway noted a cancel or a deadline in the control page.
 *
 * The hook raises an error with the line that was running, as if that line had failed. It stays set while something
 * is due, so code that catches the error meets it again at its next instruction. An error that left the coroutine
 * which the hook was on is followed by the next tick, which sets it on the one that runs then.
 *
 * What never comes back to the interpreter (a long pattern match) is not reached; the gateway kills the process for
 * that (gateway/watch.c). The handler may run at any instruction, so all it reads is plain words that were written
 * outside of it. */
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/worker/worker.h"

enum { SLICE_TICK_MS = 10 };

/* What the signal handler reads; plain words, written outside of it. */
static struct worker *slice_worker;
static volatile sig_atomic_t slice_ticks;
static volatile sig_atomic_t slice_limit_ticks;

/* Read from a signal handler: two relaxed loads of the shared page, which is the gateway's to write. A slot of the page
 * is shared by every sixteenth event, so the id is compared, not the place. */
static bool slice_is_cancelled(const struct worker *worker)
{
    const struct event *event = worker->running;

    return event && (atomic_load_explicit(&worker->page->cancel[event->id % CONTROL_PAGE_CANCELS],
                                          memory_order_relaxed) == event->id ||
                     atomic_load_explicit(&worker->page->deadline_event, memory_order_relaxed) == event->id);
}

/* An error with the position of the Lua code that the hook interrupted (luaL_error would name its caller). */
static int slice_raise(lua_State *lua, const char *sentence)
{
    lua_Debug frame = {.currentline = -1};

    for (int level = 0; frame.currentline < 0 && lua_getstack(lua, level, &frame); level++)
        lua_getinfo(lua, "Sl", &frame);
    if (frame.currentline > 0)
        lua_pushfstring(lua, "%s:%d: %s", frame.short_src, frame.currentline, sentence);
    else
        lua_pushstring(lua, sentence);
    return lua_error(lua);
}

/* Raised from the VM's next instruction. Stays armed: a pcall that swallows it meets it again at once. */
static void slice_hook(lua_State *lua, lua_Debug *record)
{
    (void)record;
    struct worker *worker = slice_worker;
    char sentence[160];

    if (worker && worker->running && slice_is_cancelled(worker))
        slice_raise(lua, "stopped: the visitor cancelled, or the call used up its time");
    if (slice_limit_ticks > 0 && slice_ticks >= slice_limit_ticks) {
        bool loading = !worker || !worker->running; /* nothing can wait at top level, so ui.sleep is no way out */
        snprintf(sentence, sizeof sentence, "computed for more than %d ms %s", (int)slice_limit_ticks * SLICE_TICK_MS,
                 loading ? "while the page was made; do less outside of functions"
                         : "without a pause; let others run with ui.sleep(0)");
        slice_raise(lua, sentence);
    }
    lua_sethook(lua, NULL, 0, 0);
}

/* lua_sethook is the one function of Lua that a signal handler may call. */
static void slice_tick(int number)
{
    lua_State *lua = coro_running();

    (void)number;
    slice_ticks++;
    if (!lua)
        return;
    bool due = slice_limit_ticks > 0 && slice_ticks >= slice_limit_ticks;
    if (due || (slice_worker && slice_is_cancelled(slice_worker)))
        lua_sethook(lua, slice_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* Processor time, not time on the wall: a worker that waits is not ticked, and costs nothing. SA_RESTART, or a tick
 * could cut the one blocking read short. */
static int slice_arm(void)
{
    struct sigaction action = {.sa_handler = slice_tick, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, SLICE_TICK_MS * 1000}, {0, SLICE_TICK_MS * 1000}};

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGVTALRM, &action, NULL) < 0 || setitimer(ITIMER_VIRTUAL, &every, NULL) < 0)
        return ERROR_SYSTEM;
    return 0;
}

int slice_init(struct worker *worker)
{
    slice_worker = worker;
    return slice_arm();
}

/* There is no worker and no page: only the time counts. */
int slice_limit_loading(struct state *state, unsigned ms)
{
    (void)state;
    slice_ticks = 0;
    slice_limit_ticks = (sig_atomic_t)(ms / SLICE_TICK_MS);
    return slice_arm();
}

/* Everything of the demo runs between enter and leave: app.lua itself (event NULL), handlers, finalizers of a close.
 * Every entry begins a new slice: a wait is a pause. */
void slice_enter(struct worker *worker, struct event *event)
{
    worker->running = event;
    slice_ticks = 0;
    slice_limit_ticks = (sig_atomic_t)(worker->slice_ms / SLICE_TICK_MS);
    atomic_store_explicit(&worker->page->running, event ? event->id : 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&worker->page->slices, 1, memory_order_relaxed);
}

void slice_leave(struct worker *worker)
{
    worker->running = NULL;
    slice_limit_ticks = 0;
    atomic_store_explicit(&worker->page->running, 0, memory_order_relaxed);
}
