/* One child from fork to reaping. Before exec it holds its control channel and nothing else of ours; all that it needs
 * comes over that channel afterwards: configuration, a channel to each peer, listeners, and then the word to start. A
 * child that dies is started again with a wait that doubles, and its peers get new channels: none of them restarts
 * because another one did. */
#include "sandbox/launcher.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/wire/message.h"

enum {
    CHILD_CONTROL_FD = 3,
    CHILD_BACKOFF_FIRST_MS = 50,
    CHILD_BACKOFF_LAST_MS = 10000,
    CHILD_STABLE_MS = 60000, /* living that long forgets earlier failures */
};

/* Who talks to whom: one channel per row. */
static const struct {
    enum message_role a, b;
} pairs[] = {
    {ROLE_GATEWAY, ROLE_STORE},
    {ROLE_GATEWAY, ROLE_ZYGOTE},
    {ROLE_GATEWAY, ROLE_INFER},
    {ROLE_INFER, ROLE_STORE},
};

struct launcher_child *launcher_child_find(struct launcher *launcher, enum message_role role)
{
    for (size_t i = 0; i < LAUNCHER_CHILDREN; i++)
        if (launcher->children[i].kind->role == role)
            return &launcher->children[i];
    return NULL;
}

/* A child sees the variables that our programs read and nothing else of the caller's environment: no HOME, no LD_*, no
 * token that somebody exported under our name. The zygote's memory is every worker's. */
static void child_environment(char **ret_environment, size_t capacity)
{
    static const char *const read[] = {"VITRINE_LOG=", "VITRINE_ACCESS_LOG=", "VITRINE_LIMIT_", "VITRINE_SANDBOX="};
    static char path[] = "PATH=/usr/bin:/bin", language[] = "LANG=C.UTF-8";
    size_t count = 0;

    for (char **at = environ; *at && count + 3 < capacity; at++)
        for (size_t i = 0; i < MEMORY_COUNT(read); i++)
            if (strncmp(*at, read[i], strlen(read[i])) == 0) {
                ret_environment[count++] = *at;
                break;
            }
    ret_environment[count++] = path;
    ret_environment[count++] = language;
    ret_environment[count] = NULL;
}

/* In the forked child: nothing inherited but the control channel, then the program. */
static _Noreturn void child_exec(const struct launcher *launcher, const struct launcher_kind *kind, int control_fd)
{
    char path[PLACE_PATH_BYTES];
    char *environment[128];
    char *arguments[] = {strdup(kind->name), kind->argument ? strdup(kind->argument) : NULL, NULL}; /* execve's type */
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* a terminal's Ctrl-C reaches the launcher only, which stops us in order */
    if (dup2(control_fd, CHILD_CONTROL_FD) < 0 || syscall(SYS_close_range, CHILD_CONTROL_FD + 1, ~0u, 0) < 0 ||
        place_beside(path, kind->program) < 0)
        _exit(126);
    if (launcher->root && !kind->privileged &&
        (setgroups(0, NULL) < 0 || setresgid(launcher->gid, launcher->gid, launcher->gid) < 0 ||
         setresuid(launcher->uid, launcher->uid, launcher->uid) < 0))
        _exit(126);
    if (kind->role == ROLE_ZYGOTE && cgroup_enter(&launcher->cgroup) < 0)
        _exit(126);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        _exit(126);
    child_environment(environment, MEMORY_COUNT(environment));
    execve(path, arguments, environment);
    _exit(127);
}

static int child_fork(struct launcher *launcher, struct launcher_child *child)
{
    int pair[2];

    if (fd_socket_pair(SOCK_SEQPACKET, 0, pair) < 0)
        return ERROR_SYSTEM;
    pid_t pid = fork();
    if (pid == 0)
        child_exec(launcher, child->kind, pair[1]);
    fd_close(&pair[1]);
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        fd_close(&pair[0]);
        return ERROR_SYSTEM;
    }
    fd_set_nonblocking(pair[0]);
    child->pid = pid;
    child->pidfd = pidfd;
    child->ready = false;
    child->started_ms = clock_now_ms();
    channel_init(&child->channel, pair[0], ROLE_LAUNCHER, child->kind->role, CHANNEL_FDS);
    return 0;
}

/* VITRINE_LIMIT_WORKERS=100 reaches the children as limit_workers. */
static void child_send_limits(struct launcher_child *child)
{
    for (char **at = environ; *at; at++) {
        BUFFER_AUTO struct buffer key = BUFFER_EMPTY;
        struct text rest = text_from(*at), name = text_cut(&rest, '=');
        if (!text_starts(name, TEXT("VITRINE_LIMIT_")))
            continue;
        for (size_t i = strlen("VITRINE_"); i < name.length; i++)
            buffer_byte(&key, (char)tolower((unsigned char)name.data[i]));
        channel_send_launcher_config(&child->channel, 0, &(struct message_launcher_config){buffer_view(&key), rest});
    }
}

static void child_configure(struct launcher *launcher, struct launcher_child *child)
{
    char share[PLACE_PATH_BYTES] = "";
    struct message_launcher_config config;

    for (int i = 0; i < SETTING_COUNT; i++) {
        const char *value = launcher->settings.values[i];
        config = (struct message_launcher_config){text_from(settings_key(i)), text_from(value)};
        if (i == SETTING_DATA)
            config.value = text_from(launcher->data);
        if (i == SETTING_SITE_URL)
            config.value = text_from(launcher->site_url);
        channel_send_launcher_config(&child->channel, 0, &config);
    }
    (void)place_share(share, ""); /* a child that needs it says what it could not read */
    config = (struct message_launcher_config){TEXT("share"), text_from(share)};
    channel_send_launcher_config(&child->channel, 0, &config);
    child_send_limits(child);
}

static void child_send_fd(struct launcher_child *child, enum message_type type, const struct buffer *body, int fd)
{
    if (channel_send(&child->channel, type, 0, buffer_view(body), &fd, 1) < 0)
        log_error("%s: could not hand over a descriptor", child->kind->name);
}

static void child_introduce(struct launcher_child *to, enum message_role peer, int fd)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    struct message_launcher_peer message = {.role = peer};

    message_launcher_peer_pack(&body, &message);
    child_send_fd(to, MESSAGE_launcher_peer, &body, fd);
}

/* New channels between a just started child and each living peer; the peers take the new end for the old one. */
static int child_connect(struct launcher *launcher, struct launcher_child *child)
{
    for (size_t i = 0; i < MEMORY_COUNT(pairs); i++) {
        enum message_role role = child->kind->role;
        if (pairs[i].a != role && pairs[i].b != role)
            continue;
        struct launcher_child *peer = launcher_child_find(launcher, pairs[i].a == role ? pairs[i].b : pairs[i].a);
        if (peer->pid == 0)
            continue;
        int pair[2];
        if (fd_socket_pair(SOCK_SEQPACKET, 1, pair) < 0)
            return ERROR_SYSTEM;
        child_introduce(child, peer->kind->role, pair[0]);
        child_introduce(peer, role, pair[1]);
        channel_flush(&peer->channel);
        channel_flush(&child->channel);
        fd_close(&pair[0]);
        fd_close(&pair[1]);
    }
    return 0;
}

static void child_give_listeners(struct launcher *launcher, struct launcher_child *child)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    struct message_launcher_listener message = {.name = TEXT("http")};

    message_launcher_listener_pack(&body, &message);
    for (int i = 0; i < LAUNCHER_LISTENERS; i++)
        if (launcher->listeners[i] >= 0)
            child_send_fd(child, MESSAGE_launcher_listener, &body, launcher->listeners[i]);
}

/* All of it is queued before the child runs its first line, so a start never waits for an answer. */
int launcher_child_start(struct launcher *launcher, struct launcher_child *child)
{
    if (child_fork(launcher, child) < 0) {
        log_error("%s could not be started: %s", child->kind->name, strerror(errno));
        return ERROR_SYSTEM;
    }
    child_configure(launcher, child);
    if (child->kind->role == ROLE_GATEWAY)
        child_give_listeners(launcher, child);
    channel_flush(&child->channel);
    if (child_connect(launcher, child) < 0)
        log_error("%s could not be connected: %s", child->kind->name, strerror(errno));
    channel_send_launcher_start(&child->channel, 0, &(struct message_launcher_start){0});
    channel_flush(&child->channel);
    return 0;
}

/* One that lived for a minute has proven itself: its next death is a first one again. */
void launcher_child_gone(struct launcher *launcher, struct launcher_child *child, int exit_code)
{
    uint64_t now = clock_now_ms();
    uint64_t wait = CHILD_BACKOFF_FIRST_MS;

    channel_release(&child->channel);
    fd_close(&child->pidfd);
    child->pid = 0;
    child->ready = false;
    if (launcher->stopping)
        return;
    child->failures = now - child->started_ms > CHILD_STABLE_MS ? 0 : child->failures + 1;
    for (unsigned i = 1; i < child->failures && wait < CHILD_BACKOFF_LAST_MS; i++)
        wait *= 2;
    wait = wait > CHILD_BACKOFF_LAST_MS ? CHILD_BACKOFF_LAST_MS : wait;
    child->restart_at_ms = now + wait;
    child->restarts++;
    if (exit_code >= 256)
        log_error("%s was ended by signal %d; starting it again in %llu ms", child->kind->name, exit_code - 256,
                  (unsigned long long)wait);
    else
        log_error("%s ended with status %d; starting it again in %llu ms", child->kind->name, exit_code,
                  (unsigned long long)wait);
}

int launcher_reap(int pidfd)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
        return 255;
    return info.si_code == CLD_EXITED ? info.si_status : 256 + info.si_status;
}
