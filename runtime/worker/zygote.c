/* Three lives in one file, in the order of time:
 *
 *   the start      Lua state, libraries and kit are made once; then the launcher's word, then namespaces, filters, and
 *                  most rights are given up. What is in memory now is what every worker is born with.
 *   the loop       poll over three descriptors. Requests are of fixed size; a slot names a worker for the gateway and
 *                  its user id for the kernel, so that nobody can ask for an id outside the range.
 *   the worker     after clone3: maps, warms up, locks itself, waits for its bundle if it is the pool's, and never
 *                  comes back. It runs on the zygote's stack and heap, copied page by page as it writes; every page
 *                  that it need not write is one that a thousand workers share. Hence the care for what is touched.
 *
 * Children are found by their number among the slots when they end: a few thousand comparisons per death, for which no
 * table is kept that a fork would have to copy. */
#include "runtime/worker/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"
#include "runtime/worker/worker.h"
#include "sandbox/lockdown/lockdown.h"

enum {
    ZYGOTE_CONTROL_FD = 3,
    ZYGOTE_SESSION_FD = 3,
    ZYGOTE_EXIT_MAP = 89,
    ZYGOTE_AGE_CHECK_MS = 60000,
    ZYGOTE_WARM_BYTES = 96 << 10,   /* about what the smallest demo uses until its first answer */
    ZYGOTE_BESIDE_BYTES = 64 << 20, /* pictures and messages, which are not in the Lua heap */
};

struct zygote_child {
    pid_t pid; /* 0: the slot is free */
    int pidfd;
};

struct zygote {
    struct channel control, gateway;
    bool has_gateway, started, stopping;
    uid_t uid_base;
    enum lockdown_mode floor; /* the weakest sandbox that the operator takes */
    int signal_fd;
    struct lockdown_zygote lockdown;
    struct state state;
    size_t heap_bytes; /* the most that a worker may have: VITRINE_LIMIT_WORKER_HEAP_BYTES */
    uint64_t spawns, spent_at_spawns, spent_at_ms; /* made so far; when enough are made, whichever comes first */
    bool spent;         /* told so: no more spawns are asked of us, and the last gateway channel's end is ours */
    struct zygote_child children[BOUNDS_WORKERS];
};

/* -- in the new worker -- */

static void *zygote_map(int fd, int protection, int flags, size_t length)
{
    void *address = mmap(NULL, length, protection, flags, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

extern const char __executable_start[], __etext[]; /* the linker's */

/* Time that the wake does not have, a waiting worker has: it touches what every demo will. Text pages are the page
 * cache's, they cost page tables only; the arena's first pages are its own. */
static void zygote_warm_up(struct state *state)
{
    uintptr_t first = (uintptr_t)__executable_start & ~(uintptr_t)4095, last = (uintptr_t)__etext;

    (void)!madvise((void *)first, last - first, MADV_POPULATE_READ);
    arena_populate(&state->arena, ZYGOTE_WARM_BYTES);
    state_rehearse(state);
}

/* Everything the worker will ever see of the world is mapped before the doors close; of a pooled one, everything but
 * the bundle (bundle_fd is -1). */
static int zygote_map_all(struct worker *worker, int bundle_fd, const int fds[3])
{
    struct stat window;

    if ((bundle_fd >= 0 && bundle_map(&worker->bundle, bundle_fd) < 0) || fstat(fds[1], &window) < 0)
        return ERROR_SYSTEM;
    worker->window.length = (size_t)window.st_size;
    worker->window.base = zygote_map(fds[1], PROT_READ | PROT_WRITE, MAP_SHARED, worker->window.length);
    worker->page = zygote_map(fds[2], PROT_READ | PROT_WRITE, MAP_SHARED, CONTROL_PAGE_BYTES);
    return worker->window.base && worker->page ? 0 : ERROR_SYSTEM;
}

/* The kernel counts the arena whole against RLIMIT_DATA, also what a smaller heap_limit keeps out of reach. The address
 * sanitizer's shadow is private memory by the terabyte: in that build no limit would let a worker live. */
static size_t zygote_data_bytes(const struct state *state)
{
#ifdef VITRINE_SANITIZED_ADDRESS
    (void)state;
    return SIZE_MAX; /* RLIM_INFINITY */
#else
    return (size_t)(state->arena.end - state->arena.base) + ZYGOTE_BESIDE_BYTES;
#endif
}

static void zygote_take_bundle(void *context, struct message_in *in)
{
    struct worker *worker = context;
    struct message_worker_bundle message;

    if (in->type != MESSAGE_worker_bundle || message_worker_bundle_unpack(&message, in->body) < 0)
        _exit(STATE_EXIT_PROTOCOL);
    /* Read-only and by its exact length: the filter knows this mmap and no other of a file. */
    void *data = message.length > 0 && message.length <= BOUNDS_BUNDLE_BYTES
                     ? zygote_map(in->fds[0], PROT_READ, MAP_PRIVATE, (size_t)message.length)
                     : NULL;
    if (!data)
        _exit(ZYGOTE_EXIT_MAP);
    worker->bundle = (struct bundle){.data = data, .length = (size_t)message.length};
}

/* A pooled worker waits here, locked, for the demo it will run. The packet with the descriptor comes alone, so
 * nothing of the demo is read before the final filter is on; only then the bundle's first byte is looked at. */
static void zygote_await_bundle(struct zygote *zygote, struct worker *worker)
{
    channel_send_worker_locked(&worker->channel, 0, &(struct message_worker_locked){0});
    if (channel_flush(&worker->channel) < 0)
        _exit(STATE_EXIT_CLOSED);
    worker->channel.flags |= CHANNEL_FDS;
    if (channel_receive(&worker->channel, zygote_take_bundle, worker) < 0)
        _exit(STATE_EXIT_CLOSED);
    worker->channel.flags &= ~(unsigned)CHANNEL_FDS;
    lockdown_worker_seal(&zygote->lockdown);
    if (bundle_open(&worker->bundle, worker->bundle.data, worker->bundle.length) < 0)
        _exit(ZYGOTE_EXIT_MAP);
}

/* In the new process. `fds`: session socket, tensor window, control page. */
static _Noreturn void zygote_become_worker(struct zygote *zygote, uint32_t slot, int bundle_fd, const int fds[3])
{
    static struct worker worker;
    int flags = fcntl(fds[0], F_GETFL);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    worker.state = &zygote->state;
    if (zygote_map_all(&worker, bundle_fd, fds) < 0 || slice_init(&worker) < 0 || flags < 0 ||
        fcntl(fds[0], F_SETFL, flags & ~O_NONBLOCK) < 0)
        _exit(ZYGOTE_EXIT_MAP);
    struct lockdown_worker lockdown = {
        .zygote = &zygote->lockdown,
        .slot = slot,
        .session_fd = fds[0],
        .data_bytes = zygote_data_bytes(&zygote->state),
        .cpu_seconds = 24 * 3600,
        .pooled = bundle_fd < 0,
    };
    if (bundle_fd < 0)
        zygote_warm_up(&zygote->state);
    lockdown_worker(&lockdown);
    channel_init(&worker.channel, ZYGOTE_SESSION_FD, ROLE_WORKER, ROLE_GATEWAY, CHANNEL_BLOCKING);
    if (bundle_fd < 0)
        zygote_await_bundle(zygote, &worker);
    worker_run(&worker);
}

/* -- the gateway's two requests -- */

static void zygote_report(struct zygote *zygote, uint32_t slot, uint32_t exit_code)
{
    if (zygote->has_gateway)
        channel_send_zygote_exited(&zygote->gateway, 0, &(struct message_zygote_exited){slot, exit_code});
}

/* `bundle_fd` -1: for the pool. */
static void zygote_fork(struct zygote *zygote, uint32_t slot, int bundle_fd, const int fds[3])
{
    int pidfd = -1;

    if (slot >= BOUNDS_WORKERS || zygote->children[slot].pid != 0) {
        log_warning("spawn for slot %u, which is not free", slot);
        zygote_report(zygote, slot, 255);
        return;
    }
    struct clone_args arguments = {
        .flags = CLONE_PIDFD | (zygote->lockdown.mode == LOCKDOWN_MODE_C ? 0 : CLONE_NEWPID),
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0)
        zygote_become_worker(zygote, slot, bundle_fd, fds);
    if (pid < 0) {
        log_error("a worker could not be started: %s", strerror(errno));
        zygote_report(zygote, slot, 255);
        return;
    }
    zygote->children[slot] = (struct zygote_child){pid, pidfd};
    zygote->spawns++;
    channel_send_zygote_spawned(&zygote->gateway, 0, &(struct message_zygote_spawned){slot, (uint32_t)pid});
}

static void zygote_spawn(struct zygote *zygote, struct message_in *in)
{
    struct message_zygote_spawn spawn;

    if (message_zygote_spawn_unpack(&spawn, in->body) < 0)
        return;
    /* In the parent, for the child: a copy-on-write page less there. */
    zygote->state.heap_limit = spawn.heap_mib ? (size_t)spawn.heap_mib << 20 : zygote->heap_bytes;
    zygote_fork(zygote, spawn.slot, in->fds[0], in->fds + 1);
    zygote->state.heap_limit = zygote->heap_bytes;
}

static void zygote_pool(struct zygote *zygote, struct message_in *in)
{
    struct message_zygote_pool pool;

    if (message_zygote_pool_unpack(&pool, in->body) == 0)
        zygote_fork(zygote, pool.slot, -1, in->fds);
}

static void zygote_kill(struct zygote *zygote, struct message_in *in)
{
    struct message_zygote_kill kill;

    if (message_zygote_kill_unpack(&kill, in->body) == 0 && kill.slot < BOUNDS_WORKERS &&
        zygote->children[kill.slot].pid != 0)
        syscall(SYS_pidfd_send_signal, zygote->children[kill.slot].pidfd, SIGKILL, NULL, 0);
}

static void zygote_gateway_message(void *context, struct message_in *in)
{
    if (in->type == MESSAGE_zygote_spawn)
        zygote_spawn(context, in);
    else if (in->type == MESSAGE_zygote_pool)
        zygote_pool(context, in);
    else if (in->type == MESSAGE_zygote_kill)
        zygote_kill(context, in);
}

static uint32_t zygote_exit_code(int status)
{
    if (WIFSIGNALED(status))
        return 256 + (uint32_t)WTERMSIG(status);
    uint32_t code = (uint32_t)WEXITSTATUS(status);
    return code > LOCKDOWN_EXIT_BASE && code <= LOCKDOWN_EXIT_BASE + LOCKDOWN_SECCOMP ? 512 + code - LOCKDOWN_EXIT_BASE
                                                                                      : code;
}

/* Several deaths may hide behind one signal, so the descriptor is emptied first and then everything that ended is
 * collected: one that ends in between makes the descriptor readable again. */
static void zygote_reap(struct zygote *zygote)
{
    struct signalfd_siginfo drop[16];
    int status;
    pid_t pid;

    while (read(zygote->signal_fd, drop, sizeof drop) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t slot = 0; slot < BOUNDS_WORKERS; slot++) {
            if (zygote->children[slot].pid != pid)
                continue;
            uint32_t code = zygote_exit_code(status);
            if (code > 512)
                log_error("a worker was not started: %s failed", lockdown_step_text((int)code - 512));
            fd_close(&zygote->children[slot].pidfd);
            zygote->children[slot].pid = 0;
            zygote_report(zygote, slot, code);
            break;
        }
}

/* Workers of a gateway that is gone end by themselves at end of file; those that compute do not read. */
static void zygote_drop_gateway(struct zygote *zygote)
{
    for (uint32_t slot = 0; slot < BOUNDS_WORKERS; slot++)
        if (zygote->children[slot].pid != 0)
            syscall(SYS_pidfd_send_signal, zygote->children[slot].pidfd, SIGKILL, NULL, 0);
    if (zygote->has_gateway)
        channel_release(&zygote->gateway);
    zygote->has_gateway = false;
}

/* -- the launcher's side -- */

/* Of its privileges the zygote keeps what making a PID namespace, changing a worker's user and killing it take. An
 * ordinary user without namespaces has none to keep. */
static int zygote_keep_capabilities(const struct lockdown_zygote *lockdown)
{
    if (lockdown->mode == LOCKDOWN_MODE_C && !lockdown->root)
        return lockdown_drop_capabilities();
    static const cap_value_t kept[] = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_KILL};
    cap_t set = cap_init();
    int result = set && cap_set_flag(set, CAP_PERMITTED, MEMORY_COUNT(kept), kept, CAP_SET) == 0 &&
                         cap_set_flag(set, CAP_EFFECTIVE, MEMORY_COUNT(kept), kept, CAP_SET) == 0 &&
                         cap_set_proc(set) == 0
                     ? 0
                     : ERROR_SYSTEM;
    if (set)
        cap_free(set);
    return result;
}

/* The zygote's own filter. Every worker inherits it, so it allows each of the nine steps; what it costs a worker is
 * nothing where it counts, since the kernel answers read and write from the bitmap of all filters together. */
static int zygote_filter(void)
{
    struct lockdown_filter filter;
    int result = lockdown_filter_build(&filter, LOCKDOWN_PROFILE_ZYGOTE);

    if (result == 0)
        result = lockdown_filter_load(&filter);
    lockdown_filter_release(&filter);
    return result;
}

static void zygote_start(struct zygote *zygote)
{
    int result = lockdown_zygote_init(&zygote->lockdown, zygote->uid_base, zygote->floor);

    if (result == 0 && zygote_keep_capabilities(&zygote->lockdown) < 0) {
        zygote->lockdown.trouble = "dropping capabilities";
        result = ERROR_SYSTEM;
    }
    if (result == 0 && zygote_filter() < 0) {
        zygote->lockdown.trouble = "the zygote's own system-call filter";
        result = ERROR_SYSTEM;
    }
    if (result < 0) {
        log_error("the sandbox cannot be set up, no demo will run: %s: %s", zygote->lockdown.trouble, strerror(errno));
        exit(1);
    }
    malloc_trim(0);
    zygote->started = true;
    channel_send_child_ready(&zygote->control, 0, &(struct message_child_ready){0});
}

static void zygote_config(struct zygote *zygote, struct message_in *in)
{
    struct message_launcher_config config;
    uint64_t base;

    if (message_launcher_config_unpack(&config, in->body) < 0)
        return;
    if (text_equal(config.key, TEXT("worker_uid_base")) && text_to_u64(config.value, &base) == 0)
        zygote->uid_base = (uid_t)base;
    else if (text_equal(config.key, TEXT("sandbox_floor")) && text_equal(config.value, TEXT("C")))
        zygote->floor = LOCKDOWN_MODE_C;
}

/* A gateway that was restarted knows nothing of its predecessor's workers: they go before it may speak. */
static void zygote_take_gateway(struct zygote *zygote, struct message_in *in)
{
    zygote_drop_gateway(zygote);
    fd_set_nonblocking(in->fds[0]);
    channel_init(&zygote->gateway, in->fds[0], ROLE_ZYGOTE, ROLE_GATEWAY, CHANNEL_FDS);
    in->fds[0] = -1;
    zygote->has_gateway = true;
}

static void zygote_control_message(void *context, struct message_in *in)
{
    struct zygote *zygote = context;

    switch (in->type) {
    case MESSAGE_launcher_config:
        zygote_config(zygote, in);
        break;
    case MESSAGE_launcher_peer:
        zygote_take_gateway(zygote, in);
        break;
    case MESSAGE_launcher_start:
        zygote_start(zygote);
        break;
    case MESSAGE_launcher_stop:
        zygote->stopping = true;
        break;
    default:
        break;
    }
}

static uint64_t zygote_limit(const char *name, uint64_t least, uint64_t fallback)
{
    const char *given = getenv(name);
    uint64_t value;

    return given && text_to_u64(text_from(given), &value) == 0 && value >= least && value <= UINT32_MAX ? value
                                                                                                        : fallback;
}

/* Siblings share address layout and hash seeds, and what one worker learned of them helps against the next. So the
 * launcher is asked for a fresh zygote now and then. This one keeps its living workers, of which it is the reaper. */
static void zygote_check_age(struct zygote *zygote)
{
    if (zygote->spent || !zygote->started ||
        (zygote->spawns < zygote->spent_at_spawns && clock_now_ms() < zygote->spent_at_ms))
        return;
    zygote->spent = true;
    channel_send_zygote_spent(&zygote->control, 0, &(struct message_zygote_spent){0});
}

/* Everything that takes time or randomness, while waiting for the launcher would be idle anyway. Child-death signals
 * are blocked for good: they come through a descriptor, and a worker unblocks them for itself. */
static int zygote_prepare(struct zygote *zygote)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return ERROR_SYSTEM;
    zygote->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    fd_set_nonblocking(ZYGOTE_CONTROL_FD);
    channel_init(&zygote->control, ZYGOTE_CONTROL_FD, ROLE_ZYGOTE, ROLE_LAUNCHER, CHANNEL_FDS);
    /* The gateway reads the same variable for what it allows; the arena is reserved for it once, here. */
    zygote->heap_bytes =
        (size_t)zygote_limit("VITRINE_LIMIT_WORKER_HEAP_BYTES", 4u << 20, BOUNDS_WORKER_HEAP_BYTES);
    zygote->spent_at_spawns = zygote_limit("VITRINE_LIMIT_ZYGOTE_SPAWNS", 1, BOUNDS_ZYGOTE_SPAWNS);
    zygote->spent_at_ms = clock_now_ms() + BOUNDS_ZYGOTE_MS;
    state_init(&zygote->state, zygote->heap_bytes);
    state_require(&zygote->state, "ui");
    state_require(&zygote->state, "ai");
    state_settle(&zygote->state);
    map_hash(TEXT("")); /* draws the process key now: a locked worker may not ask for randomness */
    return zygote->signal_fd < 0 ? ERROR_SYSTEM : 0;
}

int zygote_main(void)
{
    static struct zygote zygote;

    log_init("zygote");
    if (zygote_prepare(&zygote) < 0)
        return 1;
    while (!zygote.stopping && !(zygote.spent && !zygote.has_gateway)) {
        /* A gateway that is slow to read must still hear everything: what its socket did not take waits here. */
        bool waiting = zygote.has_gateway && channel_wants_write(&zygote.gateway);
        struct pollfd slots[3] = {{zygote.control.fd, POLLIN, 0},
                                  {zygote.has_gateway && zygote.started ? zygote.gateway.fd : -1,
                                   (short)(POLLIN | (waiting ? POLLOUT : 0)), 0},
                                  {zygote.signal_fd, POLLIN, 0}};
        if (poll(slots, 3, zygote.spent ? -1 : ZYGOTE_AGE_CHECK_MS) < 0 && errno != EINTR)
            return 1;
        if (slots[2].revents)
            zygote_reap(&zygote);
        if ((slots[1].revents & ~POLLOUT) && channel_receive(&zygote.gateway, zygote_gateway_message, &zygote) < 0)
            zygote_drop_gateway(&zygote);
        if (slots[0].revents && channel_receive(&zygote.control, zygote_control_message, &zygote) < 0)
            break; /* the launcher is gone: workers die with us */
        zygote_check_age(&zygote);
        channel_flush(&zygote.control);
        if (zygote.has_gateway && channel_flush(&zygote.gateway) == ERROR_CLOSED)
            zygote_drop_gateway(&zygote);
    }
    zygote_drop_gateway(&zygote);
    return 0;
}
