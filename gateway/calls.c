/* Time and surroundings of the call path.
 *
 * One timer serves all that waits for a moment: ends of sessions' phases, state to be written, results to be
 * forgotten, idle workers, memory to be looked at, and the pulse of workers that have calls. Nothing is scheduled
 * singly; calls_arm() asks everybody for the soonest moment and moves the timer forward when that is sooner. It never
 * moves it back: a tick that comes too early finds nothing due and arms again, which costs less than keeping the
 * timer exact on every call.
 *
 * An idle server has no tick at all, only the heartbeat of open streams. The order inside a tick matters once:
 * workers are pulsed, and may end calls, before sessions are, so that an answer still finds its session. */
#include "gateway/calls.h"

#include <stdlib.h>

#include "gateway/api.h"
#include "gateway/gateway.h"
#include "gateway/request.h"
#include "gateway/stream.h"
#include "gateway/watch.h"
#include "gateway/worker.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"

/* ---- time ---- */

/* When something waits for a time, whatever it is. */
static uint64_t next_ms(const struct calls *calls, uint64_t now_ms)
{
    const struct worker *idle = LIST_FIRST(&calls->idle_workers, struct worker, in_idle);
    const struct call *kept = LIST_FIRST(&calls->table.kept, struct call, in_kept);
    uint64_t soonest = session_next_ms(&calls->sessions);
    if (!list_is_empty(&calls->unasked))
        return now_ms;
    if ((!list_is_empty(&calls->busy_workers) || !list_is_empty(&calls->greedy)) && soonest > now_ms + BOUNDS_PULSE_MS)
        soonest = now_ms + BOUNDS_PULSE_MS;
    if (idle && calls->pressure_ms < soonest)
        soonest = calls->pressure_ms > now_ms ? calls->pressure_ms : now_ms;
    if (idle && idle->idle_since_ms + worker_idle_ms(idle) < soonest)
        soonest = idle->idle_since_ms + worker_idle_ms(idle);
    if (kept && kept->kept_until_ms < soonest)
        soonest = kept->kept_until_ms;
    return soonest;
}

/* The timer is only ever moved forward: a tick that comes too early looks again. */
void calls_arm(struct calls *calls)
{
    uint64_t now_ms = clock_now_ms(), soonest = next_ms(calls, now_ms);
    if (soonest >= calls->tick_ms)
        return;
    calls->tick_ms = soonest;
    loop_timer_start(&calls->tick, soonest > now_ms ? soonest - now_ms : 0);
}

/* Idle workers stand in the order of their rest, but each demo may have its own patience: all are looked at, which is
 * cheap because it happens only when some rest has ended. */
static void sleep_idle(struct calls *calls, uint64_t now_ms)
{
    struct worker *worker;
    LIST_EACH(worker, &calls->idle_workers, struct worker, in_idle)
        if (worker->idle_since_ms + worker_idle_ms(worker) <= now_ms)
            worker_sleep(worker);
}

/* A process that rests has nothing to compute. Of many only some are looked at each time: asking for a process's clock
 * costs a system call. */
static void look_at_idle(struct calls *calls, uint64_t now_ms)
{
    uint64_t count = 0, at = 0, turns, turn;
    struct worker *worker;
    LIST_EACH(worker, &calls->idle_workers, struct worker, in_idle)
        count++;
    turns = count / BOUNDS_IDLE_LOOKS + 1;
    turn = now_ms / BOUNDS_PRESSURE_MS % turns;
    LIST_EACH(worker, &calls->idle_workers, struct worker, in_idle)
        if (at++ % turns == turn)
            watch_pulse(worker, now_ms);
}

/* Memory is short: the least recently used idle workers go, as many as should bring back what is missing but never more
 * than a quarter of them at a time, because what they hold is an estimate and the next look is a second away. */
static void sleep_under_pressure(struct calls *calls, uint64_t now_ms)
{
    uint64_t missing, count = 0;
    struct worker *worker;
    if (now_ms < calls->pressure_ms || list_is_empty(&calls->idle_workers))
        return;
    calls->pressure_ms = now_ms + BOUNDS_PRESSURE_MS;
    look_at_idle(calls, now_ms);
    missing = pressure_missing(&calls->pressure);
    if (missing == 0)
        return;
    LIST_EACH(worker, &calls->idle_workers, struct worker, in_idle)
        count++;
    count = count / 4 + 1;
    if (missing / BOUNDS_WORKER_REST_BYTES + 1 < count)
        count = missing / BOUNDS_WORKER_REST_BYTES + 1;
    log_info("memory is short by %llu MiB: %llu idle workers go to sleep", (unsigned long long)(missing >> 20),
             (unsigned long long)count);
    while (count-- > 0 && (worker = LIST_FIRST(&calls->idle_workers, struct worker, in_idle)) != NULL) {
        calls->counts.evictions++;
        worker_sleep(worker);
    }
}

static void on_tick(void *context)
{
    struct calls *calls = context;
    uint64_t now_ms = clock_now_ms();
    struct worker *worker;
    calls->tick_ms = UINT64_MAX;
    request_fail_unasked(calls);
    process_resume(calls, now_ms);
    LIST_EACH(worker, &calls->busy_workers, struct worker, in_busy)
        worker_pulse(worker, now_ms);
    session_tick(&calls->sessions, now_ms);
    call_expire(&calls->table, now_ms);
    sleep_idle(calls, now_ms);
    sleep_under_pressure(calls, now_ms);
    calls_arm(calls);
}

/* Beats come from one timer for all streams: proxies in between only need to see something now and then. */
static void on_beat(void *context)
{
    struct calls *calls = context;
    stream_beat(calls);
    loop_timer_start(&calls->beat, BOUNDS_HEARTBEAT_MS);
}

/* ---- releases ---- */

static void free_functions(void *functions)
{
    function_table_release(functions);
    free(functions);
}

/* Read when the first call needs it, not when the release is mapped: most demos are looked at, few are called. A
 * damaged manifest gives an empty table, which is kept, so that it is logged once. */
const struct function_table *calls_functions(struct release *release)
{
    struct function_table *table = release->functions;
    if (table)
        return table;
    table = MEMORY_NEW(struct function_table);
    if (function_table_read(table, release->manifest.nodes[0].raw) < 0)
        log_error("release %llu: its manifest names functions that make no sense", (unsigned long long)release->id);
    release->functions = table;
    release->functions_free = free_functions;
    return table;
}

/* ---- the end ---- */

/* Answers every call of every worker; each worker is freed on the way, which LIST_EACH survives. */
static void end_workers(struct calls *calls, const char *sentence)
{
    struct worker *worker;
    LIST_EACH(worker, &calls->every_worker, struct worker, in_every)
        worker_end(worker, sentence);
}

/* A little before the end of the grace: time for the clients to read what happened. */
static void on_last_call(void *context)
{
    struct calls *calls = context;
    end_workers(calls, "This server restarts. Try again in a moment.");
    calls_arm(calls);
}

/* ---- the part ---- */

static void part_init(struct gateway *gateway)
{
    struct calls *calls = MEMORY_NEW(struct calls);
    calls->gateway = gateway;
    gateway->calls = calls;
    calls->tick_ms = UINT64_MAX;
    budget_init(&calls->budget);
    pressure_open(&calls->pressure, "");
    call_table_init(&calls->table);
    session_table_init(&calls->sessions, &stream_actions, calls);
    map_init(&calls->workers);
    map_init(&calls->slots);
    map_init(&calls->requests);
    map_init(&calls->jobs);
    list_init(&calls->every_worker);
    list_init(&calls->busy_workers);
    list_init(&calls->idle_workers);
    list_init(&calls->greedy);
    list_init(&calls->unasked);
    list_init(&calls->streams);
    loop_timer_init(gateway->loop, &calls->tick, on_tick, calls);
    loop_timer_init(gateway->loop, &calls->beat, on_beat, calls);
    loop_timer_init(gateway->loop, &calls->last_call, on_last_call, calls);
    loop_timer_start(&calls->beat, BOUNDS_HEARTBEAT_MS);
}

static void part_release(struct gateway *gateway)
{
    struct calls *calls = gateway->calls;
    end_workers(calls, "This server stops. Try again in a moment.");
    process_lose_all(calls);
    request_fail_all(calls);
    pressure_close(&calls->pressure);
    session_table_release(&calls->sessions);
    call_table_release(&calls->table);
    loop_timer_release(&calls->tick);
    loop_timer_release(&calls->beat);
    loop_timer_release(&calls->last_call);
    map_release(&calls->workers);
    map_release(&calls->slots);
    map_release(&calls->requests);
    map_release(&calls->jobs);
    buffer_release(&calls->message);
    buffer_release(&calls->frame);
    free(calls);
    gateway->calls = NULL;
}

/* A new inference backend knows of no window. */
static int visit_share(void *context, struct text key, void *value)
{
    (void)context;
    (void)key;
    process_share_window(value);
    return 0;
}

/* A peer died or came back; either way whatever was asked of the old one is over. */
static void part_peer(struct gateway *gateway, enum gateway_peer peer)
{
    struct calls *calls = gateway->calls;
    if (peer == GATEWAY_PEER_STORE)
        request_fail_all(calls);
    if (peer == GATEWAY_PEER_ZYGOTE)
        process_lose_all(calls);
    if (peer == GATEWAY_PEER_INFER) {
        relay_lose_infer(calls);
        map_each(&calls->slots, visit_share, NULL);
    }
    calls_arm(calls);
}

static bool on_spawned(struct calls *calls, struct message_in *in)
{
    struct message_zygote_spawned message;
    return message_zygote_spawned_unpack(&message, in->body) == 0
           && process_spawned(calls, message.slot, (pid_t)message.pid);
}

static bool on_exited(struct calls *calls, struct message_in *in)
{
    struct message_zygote_exited message;
    return message_zygote_exited_unpack(&message, in->body) == 0 && process_exited(calls, message.slot, message.exit);
}

static bool on_result(struct calls *calls, struct message_in *in)
{
    return relay_result(calls, in);
}

/* The role of the sender was checked by the channel; here only the kind of message decides. */
static bool part_message(struct gateway *gateway, enum gateway_peer peer, struct message_in *in)
{
    static bool (*const handlers[MESSAGE_COUNT])(struct calls *calls, struct message_in *in) = {
        [MESSAGE_zygote_spawned] = on_spawned,
        [MESSAGE_zygote_exited] = on_exited,
        [MESSAGE_infer_result] = on_result,
    };
    struct calls *calls = gateway->calls;
    bool known = peer == GATEWAY_PEER_STORE ? request_message(calls, in)
                                            : handlers[in->type] && handlers[in->type](calls, in);
    calls_arm(calls);
    return known;
}

/* Another release went live. The old one's worker finishes what it has, new calls go to the new one. */
static void part_changed(struct gateway *gateway, struct demo *demo, struct release *before)
{
    if (before && demo->release != before)
        worker_drain_release(gateway->calls, before);
}

static void part_deleted(struct gateway *gateway, struct demo *demo)
{
    struct worker *worker;
    LIST_EACH(worker, &gateway->calls->every_worker, struct worker, in_every)
        if (worker->demo == demo)
            worker_end(worker, "This demo was deleted.");
}

/* Draining workers take no new calls (api.c refuses them with words) and leave as they finish. What is still there
 * shortly before the end of the grace is answered, so that clients read why and do not see a broken stream. */
static void part_stop(struct gateway *gateway)
{
    struct calls *calls = gateway->calls;
    uint64_t now_ms = clock_now_ms(), last_ms = gateway->stop_until_ms - BOUNDS_STOP_LAST_MS;
    struct worker *worker;
    LIST_EACH(worker, &calls->every_worker, struct worker, in_every)
        worker_drain(worker);
    session_table_stop(&calls->sessions, now_ms);
    loop_timer_start(&calls->last_call, last_ms > now_ms ? last_ms - now_ms : 0);
    calls_arm(calls);
}

static bool part_is_busy(struct gateway *gateway)
{
    return !list_is_empty(&gateway->calls->busy_workers);
}

static void write_metric(struct buffer *out, const char *name, const char *kind, uint64_t value)
{
    buffer_format(out, "# TYPE vitrine_%s %s\nvitrine_%s %llu\n", name, kind, name, (unsigned long long)value);
}

static void part_metrics(struct gateway *gateway, struct buffer *out)
{
    const struct calls *calls = gateway->calls;
    const struct calls_counts *counts = &calls->counts;
    write_metric(out, "calls_joined_total", "counter", counts->joined);
    write_metric(out, "calls_done_total", "counter", counts->done);
    write_metric(out, "calls_failed_total", "counter", counts->failed);
    write_metric(out, "calls_cancelled_total", "counter", counts->cancelled);
    write_metric(out, "calls_expired_total", "counter", counts->expired);
    write_metric(out, "calls_refused_total", "counter", counts->refused);
    write_metric(out, "worker_wakes_total", "counter", counts->wakes);
    write_metric(out, "worker_sleeps_total", "counter", counts->sleeps);
    write_metric(out, "worker_evictions_total", "counter", counts->evictions);
    write_metric(out, "worker_kills_total", "counter", counts->kills);
    write_metric(out, "worker_crashes_total", "counter", counts->crashes);
    write_metric(out, "workers", "gauge", calls->slots.count);
    write_metric(out, "sessions", "gauge", calls->sessions.sessions.count);
    write_metric(out, "session_state_bytes", "gauge", calls->sessions.state_bytes);
    write_metric(out, "kept_result_bytes", "gauge", calls->table.kept_bytes);
}

const struct gateway_part calls_part = {
    .routes = api_routes,
    .route_count = API_ROUTE_COUNT,
    .init = part_init,
    .release = part_release,
    .peer = part_peer,
    .message = part_message,
    .changed = part_changed,
    .deleted = part_deleted,
    .stop = part_stop,
    .is_busy = part_is_busy,
    .metrics = part_metrics,
};
