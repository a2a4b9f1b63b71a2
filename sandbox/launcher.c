/* One thread, one poll: a turn sees deaths before messages, so that a message is never taken for one of a child's
 * successor. Signals come as a descriptor; there is no handler. Of what children say only the store's requests and a
 * spent zygote mean anything here. */
#include "sandbox/launcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/folder.h"
#include "runtime/base/listen.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/wire/message.h"

enum {
    LAUNCHER_STOP_MS = 10000,  /* running calls get this long to finish */
    LAUNCHER_STOP_SLACK_MS = 2000,
    LAUNCHER_POLL_SLOTS = 2 + 2 * LAUNCHER_CHILDREN + LAUNCHER_CAGES,
};

/* Everything that runs, in the order of starting. */
static const struct launcher_kind kinds[LAUNCHER_CHILDREN] = {
    {ROLE_STORE, "store", "vitrine-store", NULL, 1, false},
    {ROLE_INFER, "inference", "vitrine-infer", NULL, 2, false},
    {ROLE_ZYGOTE, "zygote", "vitrine-worker", "zygote", 0, true},
    {ROLE_GATEWAY, "gateway", "vitrine-gateway", NULL, 3, false},
};

/* -- before anything runs -- */

static int launcher_say(const char *what)
{
    fprintf(stderr, "vitrine serve: %s: %s\n", what, strerror(errno));
    return ERROR_SYSTEM;
}

/* The services run as another user: a private folder above the data would shut them out, which is said before
 * anything starts. */
static int launcher_prepare_data(struct launcher *launcher)
{
    static const char *const folders[] = {"", "/repos", "/bundles", "/files", "/tmp"};
    const char *wanted = launcher->settings.values[SETTING_DATA];
    char path[PLACE_PATH_BYTES + 16];

    if ((mkdir(wanted, 0700) < 0 && errno != EEXIST) || !realpath(wanted, launcher->data))
        return launcher_say(wanted);
    if (launcher->root && folder_check_reach(launcher->data, launcher->uid, path) < 0) {
        fprintf(stderr,
                "vitrine serve: the services run as user %u, who may not pass through %s; choose another --data, "
                "or chmod o+x it\n",
                launcher->uid, path);
        return ERROR_FORBIDDEN;
    }
    for (size_t i = 0; i < MEMORY_COUNT(folders); i++) {
        snprintf(path, sizeof path, "%s%s", launcher->data, folders[i]);
        if (folder_make(path, launcher->uid, launcher->gid) < 0)
            return launcher_say(path);
    }
    return 0;
}

/* One IPv4 and, where the machine has it, one IPv6 listener; or the one that --listen names. */
static int launcher_listen(struct launcher *launcher)
{
    const char *wanted = launcher->settings.values[SETTING_LISTEN];
    uint16_t port = (uint16_t)strtoul(launcher->settings.values[SETTING_PORT], NULL, 10);
    bool local = strcmp(launcher->settings.values[SETTING_HOST], "localhost") == 0;

    launcher->listeners[0] = listen_tcp(*wanted ? wanted : local ? "127.0.0.1" : "0.0.0.0", port);
    launcher->listeners[1] = *wanted ? -1 : listen_tcp(local ? "::1" : "::", port);
    if (launcher->listeners[0] >= 0)
        return 0;
    if (launcher->listeners[0] == ERROR_INVALID)
        fprintf(stderr, "vitrine serve: --listen takes an IPv4 or IPv6 address, not \"%s\"\n", wanted);
    else
        fprintf(stderr, "vitrine serve: cannot listen on port %u: %s (choose another with --port)\n", port,
                strerror(errno));
    return ERROR_SYSTEM;
}

static int launcher_signals(struct launcher *launcher)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return ERROR_SYSTEM;
    launcher->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return launcher->signal_fd < 0 ? ERROR_SYSTEM : 0;
}

static void launcher_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* -- running -- */

static void launcher_message(void *context, struct message_in *in)
{
    struct launcher_child *child = ((void **)context)[1];
    struct launcher *launcher = ((void **)context)[0];

    if (in->type == MESSAGE_child_ready) {
        child->ready = true;
        log_info("%s is ready (%llu ms)", child->kind->name, (unsigned long long)(clock_now_ms() - child->started_ms));
        return;
    }
    if (in->type == MESSAGE_zygote_spent)
        child->spent = true;
    else if (child->kind->role == ROLE_STORE)
        launcher_cage_message(launcher, child, in);
}

/* The successor starts beside it. The gateway sends new work there and keeps the old channel as long as workers live
 * behind it; its end is the end of the old zygote. One at a time: a second one waits, spent or not. */
static void launcher_replace(struct launcher *launcher, struct launcher_child *child)
{
    if (!child->spent || launcher->retired.pid || launcher->stopping)
        return;
    log_info("%s has forked enough, a fresh one takes over", child->kind->name);
    launcher->retired = *child;
    *child = (struct launcher_child){.kind = child->kind, .pidfd = -1, .restarts = child->restarts};
    launcher_child_start(launcher, child); /* when that fails, the next turn tries again */
}

static void launcher_retired_died(struct launcher *launcher)
{
    launcher_reap(launcher->retired.pidfd);
    channel_release(&launcher->retired.channel);
    fd_close(&launcher->retired.pidfd);
    launcher->retired = (struct launcher_child){.pidfd = -1};
}

static void launcher_child_readable(struct launcher *launcher, struct launcher_child *child)
{
    void *context[2] = {launcher, child};
    int result = channel_receive(&child->channel, launcher_message, context);

    /* EOF comes with the death that its pidfd reports; anything else is a peer out of its mind. */
    if (result < 0 && result != ERROR_CLOSED && result != ERROR_AGAIN && child->pid) {
        log_error("%s broke the protocol (%s): killed", child->kind->name, error_text(result));
        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
    }
}

static void launcher_child_died(struct launcher *launcher, struct launcher_child *child)
{
    int exit_code = launcher_reap(child->pidfd);

    if (child->kind->role == ROLE_STORE)
        launcher_cage_kill_all(launcher);
    launcher_child_gone(launcher, child, exit_code);
}

static void launcher_begin_stop(struct launcher *launcher)
{
    struct message_launcher_stop message = {.grace_ms = LAUNCHER_STOP_MS};

    if (launcher->stopping) { /* a second Ctrl-C means now */
        launcher->kill_at_ms = 0;
        return;
    }
    log_info("stopping: running calls have %d s to finish; press Ctrl-C again to end at once", LAUNCHER_STOP_MS / 1000);
    launcher->stopping = true;
    launcher->kill_at_ms = clock_now_ms() + LAUNCHER_STOP_MS + LAUNCHER_STOP_SLACK_MS;
    struct launcher_child *gateway = launcher_child_find(launcher, ROLE_GATEWAY);
    if (gateway->pid) {
        channel_send_launcher_stop(&gateway->channel, 0, &message);
        channel_flush(&gateway->channel);
    }
}

/* The gateway goes first, so that its last state still reaches the store. */
static bool launcher_continue_stop(struct launcher *launcher)
{
    struct message_launcher_stop message = {.grace_ms = LAUNCHER_STOP_SLACK_MS};
    bool gateway_gone = launcher_child_find(launcher, ROLE_GATEWAY)->pid == 0;
    bool any = false;

    for (size_t i = 0; i < LAUNCHER_CHILDREN; i++) {
        struct launcher_child *child = &launcher->children[i];
        if (!child->pid)
            continue;
        any = true;
        if (clock_now_ms() >= launcher->kill_at_ms) {
            syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
        } else if (gateway_gone && child->ready) {
            child->ready = false; /* told once */
            channel_send_launcher_stop(&child->channel, 0, &message);
            channel_flush(&child->channel);
        }
    }
    return any;
}

static uint64_t launcher_due(struct launcher *launcher, uint64_t now)
{
    uint64_t due = launcher_cage_expire(launcher, now);

    if (launcher->stopping && launcher->kill_at_ms < due)
        due = launcher->kill_at_ms;
    for (size_t i = 0; i < LAUNCHER_CHILDREN && !launcher->stopping; i++) {
        struct launcher_child *child = &launcher->children[i];
        if (child->pid)
            continue;
        if (child->restart_at_ms <= now && launcher_child_start(launcher, child) < 0)
            child->restart_at_ms = now + 1000;
        else if (!child->pid && child->restart_at_ms < due)
            due = child->restart_at_ms;
    }
    return due;
}

/* One turn: who is ready, then deaths, then messages, then signals. */
static void launcher_turn(struct launcher *launcher, int timeout_ms)
{
    struct pollfd slots[LAUNCHER_POLL_SLOTS];
    nfds_t count = 0;

    slots[count++] = (struct pollfd){launcher->signal_fd, POLLIN, 0};
    for (size_t i = 0; i < LAUNCHER_CHILDREN; i++) {
        launcher_replace(launcher, &launcher->children[i]);
        struct launcher_child *child = &launcher->children[i];
        short events = (short)(POLLIN | (child->pid && channel_wants_write(&child->channel) ? POLLOUT : 0));
        slots[count++] = (struct pollfd){child->pid ? child->channel.fd : -1, events, 0};
        slots[count++] = (struct pollfd){child->pid ? child->pidfd : -1, POLLIN, 0};
    }
    for (size_t i = 0; i < LAUNCHER_CAGES; i++)
        slots[count++] = (struct pollfd){launcher->cages[i].used ? launcher->cages[i].pidfd : -1, POLLIN, 0};
    slots[count++] = (struct pollfd){launcher->retired.pid ? launcher->retired.pidfd : -1, POLLIN, 0};
    if (poll(slots, count, timeout_ms) <= 0)
        return;
    if (slots[count - 1].revents)
        launcher_retired_died(launcher);
    for (size_t i = 0; i < LAUNCHER_CAGES; i++)
        if (slots[1 + 2 * LAUNCHER_CHILDREN + i].revents)
            launcher_cage_exited(launcher, &launcher->cages[i], launcher_reap(launcher->cages[i].pidfd));
    for (size_t i = 0; i < LAUNCHER_CHILDREN; i++) {
        if (slots[1 + 2 * i].revents & POLLOUT)
            channel_flush(&launcher->children[i].channel);
        if (slots[2 + 2 * i].revents)
            launcher_child_died(launcher, &launcher->children[i]);
        else if (slots[1 + 2 * i].revents & POLLIN)
            launcher_child_readable(launcher, &launcher->children[i]);
    }
    struct signalfd_siginfo info;
    while (read(launcher->signal_fd, &info, sizeof info) == sizeof info)
        launcher_begin_stop(launcher);
}

static int launcher_run(struct launcher *launcher)
{
    for (size_t i = 0; i < LAUNCHER_CHILDREN; i++)
        launcher->children[i] = (struct launcher_child){.kind = &kinds[i], .pidfd = -1};
    for (size_t i = 0; i < LAUNCHER_CAGES; i++)
        launcher->cages[i].pidfd = -1;
    while (!launcher->stopping || launcher_continue_stop(launcher)) {
        uint64_t now = clock_now_ms();
        uint64_t due = launcher_due(launcher, now);
        uint64_t wait = due <= now ? 0 : due - now;
        launcher_turn(launcher, due == UINT64_MAX ? -1 : (int)(wait > INT_MAX ? INT_MAX : wait));
    }
    launcher_cage_kill_all(launcher);
    log_info("stopped");
    return 0;
}

/* Demos must not become somebody who has files. */
static bool launcher_users_are_free(const struct launcher *launcher)
{
    const char *squatter = launcher->root ? settings_find_squatter(&launcher->settings) : NULL;

    if (squatter)
        log_error("the account %s has one of the user ids that demos run as; choose others with --worker-uid-base",
                  squatter);
    return !squatter;
}

int launcher_main(int argc, char **argv)
{
    static struct launcher launcher; /* large: kept off the stack */
    int result = settings_parse(&launcher.settings, argc - 2, argv + 2);

    if (result != 0)
        return result < 0 ? 2 : 0;
    if (!doctor_check(&launcher.settings))
        return 1;
    cgroup_init(&launcher.cgroup, launcher.settings.values[SETTING_CGROUPS]);
    log_info("%s", launcher.cgroup.words);
    launcher.root = geteuid() == 0;
    settings_find_user(&launcher.settings, &launcher.uid, &launcher.gid);
    if (!launcher_users_are_free(&launcher))
        return 1;
    if (launcher_signals(&launcher) < 0)
        return launcher_say("signals"), 1;
    /* Orphaned grandchildren (a hook of a killed git) come to us, and die with us. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    launcher_raise_descriptors();
    settings_write_site_url(&launcher.settings, launcher.site_url, sizeof launcher.site_url);
    if (launcher_prepare_data(&launcher) < 0 || launcher_listen(&launcher) < 0)
        return 1;
    result = launcher_run(&launcher);
    cgroup_release(&launcher.cgroup);
    return result;
}
