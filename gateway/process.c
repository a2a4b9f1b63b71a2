/* A process is made by the zygote and reached through three things it shares with us: its socket, its control page,
 * its tensor window. All are made here, memory without a name and sealed, and handed on; the gateway keeps the
 * window's descriptor so that a restarted inference backend can be given it again.
 *
 * The slot number stands for all of it towards zygote and inference backend, and for the uid the process runs as. It
 * is free again only when the zygote has reaped the process: a kill is a request, not a fact. So a killed process
 * stays in the table without a worker until zygote_exited comes, and a limit on slots bounds processes that really
 * exist.
 *
 * How it ended is told by the zygote, not by the socket: at end of file we only ask for a kill, in case it merely
 * closed its end, and wait for the status, which becomes a sentence. */
#include "gateway/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/calls.h"
#include "gateway/gateway.h"
#include "gateway/pool.h"
#include "gateway/report.h"
#include "gateway/worker.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/loop/loop.h"
#include "runtime/wire/control_page.h"

/* The worker program's own exit statuses (runtime/worker/state.h). */
enum { EXIT_MEMORY = 86, EXIT_PROTOCOL = 87 };

/* Memory of a fixed size that nobody can shrink under the other's feet. Its descriptor, or ERROR_SYSTEM. */
static int make_memory(const char *name, size_t bytes)
{
    int fd FD_AUTO = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0
        || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return ERROR_SYSTEM;
    return fd_steal(&fd);
}

/* Only when the zygote has reaped it, or is gone: the slot's uid is free from here on. */
static void process_free(struct process *process)
{
    struct calls *calls = process->calls;
    struct message_infer_window_gone gone = {.slot = process->slot};
    map_remove_u64(&calls->slots, process->slot);
    if (process->pooled)
        pool_lose(calls->gateway->pool, process);
    list_remove(&process->in_greedy);
    loop_channel_detach(calls->gateway->loop, process->channel);
    if (process->window_fd >= 0 && calls->gateway->infer)
        channel_send_infer_window_gone(calls->gateway->infer, 0, &gone);
    fd_close(&process->window_fd);
    if (process->page)
        munmap(process->page, CONTROL_PAGE_BYTES);
    free(process);
}

/* ---- its socket ---- */

bool process_is_greedy(const struct process *process)
{
    return !list_is_empty(&process->in_greedy);
}

/* One demo that floods us would slow the calls of all others. Beyond its share of a pulse its calls get no credit for
 * as long as the excess takes, which suspends their handlers one by one while the process goes on reading its socket.
 * What needs no credit (the demo's log, questions) or ignores it comes on all the same; beyond twice the share the
 * socket is not read either. The clock is asked only once per share, not once per message. */
static void charge(struct process *process, size_t bytes)
{
    uint64_t now_ms, due_ms;
    process->used_bytes += bytes + BOUNDS_WORKER_FRAME_COST_BYTES;
    if (process->used_bytes <= BOUNDS_WORKER_SHARE_BYTES || process->paused)
        return;
    now_ms = clock_now_ms();
    due_ms = process->used_since_ms + process->used_bytes * BOUNDS_PULSE_MS / BOUNDS_WORKER_SHARE_BYTES;
    if (due_ms <= now_ms && !process_is_greedy(process)) {
        process->used_bytes = 0;
        process->used_since_ms = now_ms;
        return;
    }
    process->greedy_until_ms = due_ms;
    if (!process_is_greedy(process))
        list_append(&process->calls->greedy, &process->in_greedy);
    if (process->used_bytes > 2 * BOUNDS_WORKER_SHARE_BYTES) {
        process->paused = true;
        loop_channel_pause(process->channel, true);
    }
}

static void end_greed(struct process *process, uint64_t now_ms)
{
    struct worker *worker = process->worker;
    struct call *call;
    list_remove(&process->in_greedy);
    process->used_bytes = 0;
    process->used_since_ms = now_ms;
    if (process->channel && process->paused)
        loop_channel_pause(process->channel, false);
    process->paused = false;
    if (worker)
        LIST_EACH(call, &worker->queue.running_calls, struct call, in_worker)
            report_credit(worker, call, true);
}

void process_resume(struct calls *calls, uint64_t now_ms)
{
    struct process *process;
    LIST_EACH(process, &calls->greedy, struct process, in_greedy)
        if (process->greedy_until_ms <= now_ms)
            end_greed(process, now_ms);
}

/* Charged before it is looked at: a message that breaks the rules was sent all the same. */
static void on_message(void *context, struct message_in *in)
{
    struct process *process = context;
    struct worker *worker = process->worker;
    charge(process, in->body.length);
    if (process->pooled && in->type == MESSAGE_worker_locked && list_is_empty(&process->in_pool)) {
        pool_add(process->calls->gateway->pool, process);
        return;
    }
    if (worker && !report_message(worker, in))
        worker_kill(worker, "it broke the rules of its sandbox");
}

/* A request. The zygote answers with zygote_exited, also for one that had ended by itself. */
static bool zygote_lives(const struct process *process)
{
    const struct gateway *gateway = process->calls->gateway;
    return process->zygote && (process->zygote == gateway->zygote || process->zygote == gateway->old_zygote);
}

static void send_kill(struct process *process)
{
    struct message_zygote_kill kill = {.slot = process->slot};
    if (zygote_lives(process))
        channel_send_zygote_kill(process->zygote, 0, &kill);
}

/* It closed its socket, or wrote nonsense. The zygote will tell how it ended, once it has. */
static void on_close(void *context, int result)
{
    struct process *process = context;
    process->channel = NULL;
    if (result == ERROR_INVALID && process->worker)
        worker_kill(process->worker, "it broke the rules of its sandbox");
    else
        send_kill(process);
}

/* ---- starting ---- */

/* Slots are used in turn, so that a uid rests before it is used again. */
static bool find_slot(struct calls *calls, uint32_t *ret_slot)
{
    uint32_t limit = calls->gateway->worker_limit;
    if (calls->slots.count >= limit)
        return false;
    while (map_get_u64(&calls->slots, calls->next_slot % limit))
        calls->next_slot++;
    *ret_slot = calls->next_slot++ % limit;
    return true;
}

/* With the bundle the process is for this demo and maps it before its lock-down; without, it is for the pool. */
static int send_spawn(struct process *process, int socket_fd, int page_fd)
{
    struct channel *zygote = process->calls->gateway->zygote;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    int fds[] = {-1, socket_fd, process->window_fd, page_fd};
    if (!process->worker) {
        message_zygote_pool_pack(&body, &(struct message_zygote_pool){process->slot});
        return channel_send(zygote, MESSAGE_zygote_pool, 0, buffer_view(&body), fds + 1, MEMORY_COUNT(fds) - 1);
    }
    struct message_zygote_spawn spawn = {
        .slot = process->slot, .heap_mib = (uint32_t)((process->worker->budget.heap_bytes + (1u << 20) - 1) >> 20)};
    fds[0] = process->worker->release->bundle_fd;
    message_zygote_spawn_pack(&body, &spawn);
    return channel_send(zygote, MESSAGE_zygote_spawn, 0, buffer_view(&body), fds, MEMORY_COUNT(fds));
}

/* The one descriptor that ever passes to a process after its fork. The channel takes none from it, before or after:
 * only this packet is sent with them, at once, into a socket that is empty. */
static int send_bundle(struct process *process)
{
    struct channel *channel = process->channel;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct stat status;
    int fd = process->worker->release->bundle_fd;
    if (!channel || fstat(fd, &status) < 0)
        return ERROR_CLOSED;
    message_worker_bundle_pack(&body, &(struct message_worker_bundle){(uint64_t)status.st_size});
    channel->flags |= CHANNEL_FDS;
    int result = channel_send(channel, MESSAGE_worker_bundle, 0, buffer_view(&body), &fd, 1);
    if (result == 0)
        result = channel_flush(channel);
    channel->flags &= ~(unsigned)CHANNEL_FDS;
    return result;
}

void process_share_window(struct process *process)
{
    struct gateway *gateway = process->calls->gateway;
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct message_infer_window window = {.slot = process->slot};
    if (!gateway->infer || process->window_fd < 0)
        return;
    message_infer_window_pack(&body, &window);
    channel_send(gateway->infer, MESSAGE_infer_window, 0, buffer_view(&body), &process->window_fd, 1);
}

/* Memory, socket and the request to the zygote. Whatever was made is released with the process. */
static int set_up(struct process *process)
{
    struct calls *calls = process->calls;
    int pair[2], page_fd FD_AUTO = make_memory("vitrine-control", CONTROL_PAGE_BYTES), socket_fd FD_AUTO = -1;
    void *page;
    process->window_fd = make_memory("vitrine-window", BOUNDS_TENSOR_WINDOW_BYTES);
    if (page_fd < 0 || process->window_fd < 0 || fd_socket_pair(SOCK_SEQPACKET, 0, pair) < 0)
        return ERROR_SYSTEM;
    socket_fd = pair[1];
    process->channel = loop_channel_attach(calls->gateway->loop, pair[0], ROLE_GATEWAY, ROLE_WORKER, 0, on_message,
                                           on_close, process);
    page = mmap(NULL, CONTROL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
    if (page == MAP_FAILED)
        return ERROR_SYSTEM;
    process->page = page;
    return send_spawn(process, socket_fd, page_fd);
}

static struct process *start_new(struct calls *calls, struct worker *worker)
{
    struct process *process;
    uint32_t slot;
    if (!calls->gateway->zygote || !find_slot(calls, &slot))
        return NULL;
    process = MEMORY_NEW(struct process);
    process->calls = calls;
    process->zygote = calls->gateway->zygote;
    process->worker = worker;
    process->pooled = !worker;
    process->slot = slot;
    process->window_fd = -1;
    process->used_since_ms = clock_now_ms();
    list_init(&process->in_greedy);
    list_init(&process->in_pool);
    process->woken_us = clock_now_us();
    map_set_u64(&calls->slots, slot, process);
    if (set_up(process) < 0) {
        process->pooled = false; /* it never was in the pool's books */
        process_free(process);
        return NULL;
    }
    process_share_window(process);
    return process;
}

bool process_start_pooled(struct calls *calls)
{
    return start_new(calls, NULL) != NULL;
}

struct process *process_start(struct worker *worker)
{
    struct process *process;
    while ((process = pool_take(worker->calls->gateway->pool)) != NULL) {
        process->worker = worker;
        process->woken_us = clock_now_us();
        if (send_bundle(process) == 0)
            return process;
        process_kill(process); /* it died in the pool, and we have not heard of it yet */
    }
    return start_new(worker->calls, worker);
}

void process_kill(struct process *process)
{
    struct calls *calls = process->calls;
    process->worker = NULL;
    if (process->pooled)
        pool_lose(calls->gateway->pool, process);
    loop_channel_detach(calls->gateway->loop, process->channel);
    process->channel = NULL;
    send_kill(process);
}

/* ---- what the zygote says ---- */

bool process_spawned(struct calls *calls, uint32_t slot, pid_t pid)
{
    struct process *process = map_get_u64(&calls->slots, slot);
    if (process)
        process->pid = pid;
    return process != NULL;
}

/* Why it ended, from the number that the zygote reports. */
static const char *exit_reason(uint32_t exit, char *memory, size_t length)
{
    static const struct {
        uint32_t exit;
        const char *reason;
    } reasons[] = {
        {EXIT_MEMORY, "it used more memory than a demo may have"},
        {EXIT_PROTOCOL, "it did not understand what it was sent"},
        {256 + SIGKILL, "it was killed, perhaps because the machine had no memory left"},
        {256 + SIGSYS, "it tried something that its sandbox does not allow"},
        {256 + SIGSEGV, "it crashed"},
        {255, "its process could not be started"},
        {256 + SIGXCPU, "it used more time than a demo may have"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(reasons); i++)
        if (reasons[i].exit == exit)
            return reasons[i].reason;
    if (exit >= 512)
        snprintf(memory, length, "its sandbox could not be set up (step %u); the operator finds the reason in the log",
                 exit - 512);
    else
        snprintf(memory, length, "it ended by itself (status %u)", exit);
    return memory;
}

/* The end of a slot. Its worker is told last, because it may start the next process at once, perhaps in this slot. */
static int visit_count_old(void *context, struct text key, void *value)
{
    const struct process *process = value;
    (void)key;
    *(size_t *)context += process->zygote == process->calls->gateway->old_zygote;
    return 0;
}

/* Looked at whenever one of its processes ends: that is at most as often as it once started one. */
static void release_old_zygote(struct calls *calls)
{
    size_t left = 0;
    if (!calls->gateway->old_zygote)
        return;
    map_each(&calls->slots, visit_count_old, &left);
    if (left == 0)
        gateway_release_zygote(calls->gateway);
}

bool process_exited(struct calls *calls, uint32_t slot, uint32_t exit)
{
    struct process *process = map_get_u64(&calls->slots, slot);
    struct worker *worker = process ? process->worker : NULL;
    char memory[128];
    uint64_t begun;
    if (!process)
        return false;
    begun = watch_running(process);
    process_free(process);
    release_old_zygote(calls);
    if (worker) {
        calls->counts.crashes++;
        worker_lost(worker, exit_reason(exit, memory, sizeof memory), begun);
    }
    worker_slot_free(calls);
    return true;
}

/* The worker's idle link serves as the list of those to be told: they leave the idle list anyway. */
static int visit_lose(void *context, struct text key, void *value)
{
    struct process *process = value;
    struct worker *worker = process->worker;
    struct list *lost = context;
    (void)key;
    if (zygote_lives(process)) {
        if (process->pooled && process->zygote == process->calls->gateway->old_zygote)
            process_kill(process);
        return 0;
    }
    process_free(process);
    if (worker) {
        worker->process = NULL;
        list_append(lost, &worker->in_idle);
    }
    return 0;
}

/* First all processes go, then the workers are told: they would start new ones at once. */
void process_lose_all(struct calls *calls)
{
    struct list lost;
    struct worker *worker;
    list_init(&lost);
    map_each(&calls->slots, visit_lose, &lost);
    release_old_zygote(calls);
    pool_begin(calls->gateway->pool);
    while ((worker = LIST_FIRST(&lost, struct worker, in_idle)) != NULL) {
        list_remove(&worker->in_idle);
        worker_lost(worker, "the process that starts demos was restarted", 0);
    }
}

bool process_is_old(const struct process *process)
{
    return process->served >= BOUNDS_WORKER_EVENTS_SERVED ||
           clock_now_us() / 1000 > process->woken_us / 1000 + BOUNDS_WORKER_AGE_MS;
}
