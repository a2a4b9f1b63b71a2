/* Drives a real zygote and its locked workers as the gateway does, and measures with the clock of one machine:
 *
 *   spawn_driver WORKER BUNDLE cold COUNT        request → the first line that app.lua prints, or the first event's value
 *   spawn_driver WORKER BUNDLE pool COUNT        the same with a worker that was locked before the request
 *   spawn_driver WORKER BUNDLE rate COUNT        spawns (locked, answered, killed, reaped) per second
 *   spawn_driver WORKER BUNDLE live COUNT        COUNT idle workers that have answered: memory each, wake among them
 *   spawn_driver WORKER BUNDLE kill COUNT        SIGKILL of a computing worker → its end is reported
 *
 * Every line printed is one JSON object. Microseconds. The request includes everything the gateway does for a wake:
 * socket pair, tensor window, control page. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"
#include "runtime/wire/control_page.h"

enum { DRIVER_FUNCTION = 1 };

struct driver {
    struct channel control, zygote;
    pid_t pid;
    int bundle_fd;
    uint32_t next_slot;
    uint32_t exits;      /* reported so far */
    pid_t pids[BOUNDS_WORKERS]; /* by slot; 0: not told yet */
    const char *data;    /* of the first event */
};

struct session {
    struct channel channel;
    uint32_t slot;
    bool locked, said, done;
    double said_us, done_us; /* the first line that the demo's Lua printed; the first event's value */
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "spawn_driver: %s\n", what);
    exit(1);
}

/* -- the zygote -- */

static void on_zygote(void *context, struct message_in *in)
{
    struct driver *driver = context;
    struct message_zygote_spawned spawned;

    driver->exits += in->type == MESSAGE_zygote_exited;
    if (in->type == MESSAGE_zygote_spawned && message_zygote_spawned_unpack(&spawned, in->body) == 0 &&
        spawned.slot < BOUNDS_WORKERS)
        driver->pids[spawned.slot] = (pid_t)spawned.pid;
}

static void on_nothing(void *context, struct message_in *in)
{
    (void)context, (void)in;
}

static void start_zygote(struct driver *driver, const char *program)
{
    int control[2], gateway[2];
    struct buffer body = BUFFER_EMPTY;

    if (fd_socket_pair(SOCK_SEQPACKET, 0, control) < 0 || fd_socket_pair(SOCK_SEQPACKET, 0, gateway) < 0)
        give_up("no socket pair");
    driver->pid = fork();
    if (driver->pid == 0) {
        dup2(control[1], 3);
        syscall(SYS_close_range, 4, ~0u, 0);
        execl(program, "vitrine-worker", "zygote", NULL);
        _exit(127);
    }
    close(control[1]);
    channel_init(&driver->control, control[0], ROLE_LAUNCHER, ROLE_ZYGOTE, CHANNEL_FDS | CHANNEL_BLOCKING);
    channel_init(&driver->zygote, gateway[0], ROLE_GATEWAY, ROLE_ZYGOTE, CHANNEL_FDS | CHANNEL_BLOCKING);
    struct message_launcher_config base = {TEXT("worker_uid_base"), TEXT("1879048192")};
    channel_send_launcher_config(&driver->control, 0, &base);
    message_launcher_peer_pack(&body, &(struct message_launcher_peer){ROLE_GATEWAY});
    channel_send(&driver->control, MESSAGE_launcher_peer, 0, buffer_view(&body), &gateway[1], 1);
    channel_send_launcher_start(&driver->control, 0, &(struct message_launcher_start){0});
    channel_flush(&driver->control);
    close(gateway[1]);
    buffer_release(&body);
    if (channel_receive(&driver->control, on_nothing, NULL) < 0)
        give_up("the zygote did not start");
}

static void stop_zygote(struct driver *driver)
{
    channel_release(&driver->control);
    channel_release(&driver->zygote);
    waitpid(driver->pid, NULL, 0);
}

/* -- one worker -- */

static int make_memory(size_t bytes)
{
    int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        give_up("no memory to share");
    return fd;
}

static void on_worker(void *context, struct message_in *in);

/* Asks for a process; for the pool without the demo, which session_give() brings. */
static void session_spawn(struct driver *driver, struct session *session, bool pooled)
{
    int pair[2], page_fd = make_memory(CONTROL_PAGE_BYTES), window_fd = make_memory(BOUNDS_TENSOR_WINDOW_BYTES);
    struct buffer body = BUFFER_EMPTY;

    *session = (struct session){.slot = driver->next_slot++ % BOUNDS_WORKERS};
    if (fd_socket_pair(SOCK_SEQPACKET, 0, pair) < 0)
        give_up("no socket pair");
    channel_init(&session->channel, pair[0], ROLE_GATEWAY, ROLE_WORKER, CHANNEL_BLOCKING);
    int fds[] = {driver->bundle_fd, pair[1], window_fd, page_fd};
    if (pooled)
        message_zygote_pool_pack(&body, &(struct message_zygote_pool){session->slot});
    else
        message_zygote_spawn_pack(&body, &(struct message_zygote_spawn){.slot = session->slot});
    channel_send(&driver->zygote, pooled ? MESSAGE_zygote_pool : MESSAGE_zygote_spawn, 0, buffer_view(&body),
                 fds + pooled, MEMORY_COUNT(fds) - pooled);
    channel_flush(&driver->zygote);
    close(pair[1]);
    close(page_fd);
    close(window_fd);
    buffer_release(&body);
}

static void session_await_lock(struct session *session)
{
    while (!session->locked)
        if (channel_receive(&session->channel, on_worker, session) < 0)
            give_up("the worker was not locked");
}

/* The pooled worker's demo. */
static void session_give(struct driver *driver, struct session *session)
{
    struct buffer body = BUFFER_EMPTY;
    struct stat status;

    fstat(driver->bundle_fd, &status);
    message_worker_bundle_pack(&body, &(struct message_worker_bundle){(uint64_t)status.st_size});
    session->channel.flags |= CHANNEL_FDS;
    channel_send(&session->channel, MESSAGE_worker_bundle, 0, buffer_view(&body), &driver->bundle_fd, 1);
    channel_flush(&session->channel);
    session->channel.flags &= ~(unsigned)CHANNEL_FDS;
    buffer_release(&body);
}

/* Gives it the demo and the first event. */
static void session_begin(struct driver *driver, struct session *session)
{
    struct message_worker_begin begin = {.wall_ms = 1700000000000, .seed = 7, .limits = TEXT("")};
    struct message_event_start start = {.function = DRIVER_FUNCTION, .wall_ms = 1700000000000,
                                        .data = text_from(driver->data), .state = TEXT("{}"), .request = TEXT("{}")};

    channel_send_worker_begin(&session->channel, 0, &begin);
    channel_send_event_start(&session->channel, 1, &start);
    channel_flush(&session->channel);
}

static void on_worker(void *context, struct message_in *in)
{
    struct session *session = context;

    if (in->type == MESSAGE_worker_log && !session->said) {
        session->said = true;
        session->said_us = now_us();
    } else if (in->type == MESSAGE_event_done) {
        session->done = true;
        session->done_us = now_us();
    } else if (in->type == MESSAGE_worker_locked) {
        session->locked = true;
    } else if (in->type == MESSAGE_worker_failed && session->said) {
        session->done = true; /* the demo that only speaks: bench_spawn.py */
        session->done_us = now_us();
    } else if (in->type != MESSAGE_worker_log && in->type != MESSAGE_worker_ready) {
        fprintf(stderr, "%.*s\n", (int)in->body.length, in->body.data);
        give_up("the worker failed");
    }
}

static void session_await(struct session *session)
{
    while (!session->done)
        if (channel_receive(&session->channel, on_worker, session) < 0)
            give_up("the worker ended");
}

static void session_event(struct driver *driver, struct session *session, uint64_t id)
{
    struct message_event_start start = {.function = DRIVER_FUNCTION, .wall_ms = 1700000000000,
                                        .data = text_from(driver->data), .state = TEXT("{}"), .request = TEXT("{}")};

    session->done = false;
    channel_send_event_start(&session->channel, id, &start);
    channel_flush(&session->channel);
    session_await(session);
}

static void send_kill(struct driver *driver, struct session *session)
{
    channel_send_zygote_kill(&driver->zygote, 0, &(struct message_zygote_kill){session->slot});
    channel_flush(&driver->zygote);
}

static void await_exits(struct driver *driver, uint32_t exits)
{
    while (driver->exits < exits)
        if (channel_receive(&driver->zygote, on_zygote, driver) < 0)
            give_up("the zygote ended");
}

static void session_end(struct driver *driver, struct session *session)
{
    uint32_t before = driver->exits;

    send_kill(driver, session);
    await_exits(driver, before + 1);
    channel_release(&session->channel);
}

/* -- figures -- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const char *name, double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    printf("{\"figure\":\"%s\",\"count\":%d,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", name,
           count, values[count / 2], values[count * 9 / 10], values[count * 99 / 100], values[count - 1]);
}

/* With `pooled`, the request begins when the worker has been locked for a while. */
static void measure_wakes(struct driver *driver, int count, bool pooled)
{
    double *said = calloc((size_t)count, sizeof *said), *done = calloc((size_t)count, sizeof *done);
    bool speaks = true;

    for (int i = 0; i < count; i++) {
        struct session session;
        double before = now_us();
        session_spawn(driver, &session, pooled);
        if (pooled) {
            session_await_lock(&session);
            usleep(1000);
            before = now_us();
            session_give(driver, &session);
        }
        session_begin(driver, &session);
        session_await(&session);
        speaks = speaks && session.said;
        said[i] = session.said_us - before;
        done[i] = session.done_us - before;
        session_end(driver, &session);
    }
    if (speaks)
        print_row("first Lua answer", said, count);
    else
        print_row("first event's value", done, count);
}

static void measure_rate(struct driver *driver, int count)
{
    double before = now_us();

    for (int i = 0; i < count; i++) {
        struct session session;
        session_spawn(driver, &session, false);
        session_begin(driver, &session);
        session_await(&session);
        session_end(driver, &session);
    }
    double seconds = (now_us() - before) / 1e6;
    printf("{\"figure\":\"rate\",\"count\":%d,\"per_second\":%.0f}\n", count, count / seconds);
}

/* The sum of a file's lines that begin with one of `names` (NULL-terminated), in KiB. */
static double sum_lines(const char *path, const char *const *names)
{
    FILE *file = fopen(path, "r");
    char line[256];
    double sum = 0, value;

    while (file && fgets(line, sizeof line, file))
        for (const char *const *name = names; *name; name++)
            if (strncmp(line, *name, strlen(*name)) == 0 && sscanf(line + strlen(*name), ": %lf", &value) == 1)
                sum += value;
    if (file)
        fclose(file);
    return sum;
}

/* What the kernel itself holds: everything of a worker that is not a page of its own. */
static double kernel_kib(void)
{
    return sum_lines("/proc/meminfo", (const char *const[]){"SUnreclaim", "KernelStack", "PageTables", "Percpu", NULL});
}

static double private_kib(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return sum_lines(path, (const char *const[]){"Private_Clean", "Private_Dirty", NULL});
}

static void measure_live(struct driver *driver, int count)
{
    struct session *sessions = calloc((size_t)count, sizeof *sessions);
    double before = kernel_kib(), private = 0, *wakes = calloc((size_t)count, sizeof *wakes);
    enum { EVENTS = 500 };
    double events[EVENTS];

    for (int i = 0; i < count; i++) {
        double begin = now_us();
        session_spawn(driver, &sessions[i], false);
        session_begin(driver, &sessions[i]);
        session_await(&sessions[i]);
        wakes[i] = sessions[i].done_us - begin;
    }
    double kernel = (kernel_kib() - before) / count;
    while (driver->pids[sessions[count - 1].slot] == 0)
        if (channel_receive(&driver->zygote, on_zygote, driver) < 0)
            give_up("the zygote ended");
    for (int i = 0; i < count; i++)
        private += private_kib(driver->pids[sessions[i].slot]) / count;
    printf("{\"figure\":\"memory of a live worker\",\"count\":%d,\"kib\":%.0f,\"private_kib\":%.0f,\"kernel_kib\":%.0f}\n",
           count, private + kernel, private, kernel);
    print_row("cold among the live ones (last fifth), first event's value", wakes + count * 4 / 5, count / 5);
    for (int i = 0; i < EVENTS; i++) {
        struct session *session = &sessions[(size_t)rand() % (size_t)count];
        double begin = now_us();
        session_event(driver, session, 2 + (uint64_t)i);
        events[i] = session->done_us - begin;
    }
    print_row("event to a live worker picked at random", events, EVENTS);
    uint32_t exits = driver->exits;
    for (int i = 0; i < count; i++)
        send_kill(driver, &sessions[i]);
    await_exits(driver, exits + (uint32_t)count);
}

static void measure_kills(struct driver *driver, int count)
{
    double *times = calloc((size_t)count, sizeof *times);

    for (int i = 0; i < count; i++) {
        struct session session;
        session_spawn(driver, &session, false);
        session_begin(driver, &session);
        session_await(&session);
        double begin = now_us();
        session_end(driver, &session);
        times[i] = now_us() - begin;
    }
    print_row("SIGKILL asked for → its end reported", times, count);
}

int main(int argc, char **argv)
{
    static struct driver driver;
    struct rlimit files;

    driver.data = argc > 5 ? argv[5] : "[\"a\"]";
    if (argc < 5)
        give_up("usage: spawn_driver WORKER BUNDLE cold|pool|rate|live|kill COUNT [DATA]");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    int count = atoi(argv[4]);
    driver.bundle_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (driver.bundle_fd < 0)
        give_up("the bundle cannot be opened");
    start_zygote(&driver, argv[1]);
    const char *mode = argv[3];
    if (strcmp(mode, "cold") == 0 || strcmp(mode, "pool") == 0)
        measure_wakes(&driver, count, mode[0] == 'p');
    else if (strcmp(mode, "rate") == 0)
        measure_rate(&driver, count);
    else if (strcmp(mode, "live") == 0)
        measure_live(&driver, count);
    else
        measure_kills(&driver, count);
    stop_zygote(&driver);
    return 0;
}
