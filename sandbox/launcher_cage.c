/* What the store may ask for: one git service on one repository, one description of one staged tree. It names things by
 * number only; every path, argument and variable of a cage is put together here, from constants and that number. A cage
 * that lives too long is killed; one whose store died is killed too, because nobody waits for its answer. */
#include "sandbox/launcher.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/wire/message.h"
#include "sandbox/cage.h"

static void cage_report(struct launcher *launcher, uint32_t request, uint32_t exit_code, uint32_t reason,
                        const char *detail)
{
    struct launcher_child *store = launcher_child_find(launcher, ROLE_STORE);
    struct message_cage_exited message = {request, exit_code, reason, text_from(detail)};

    if (store->pid == 0)
        return;
    channel_send_cage_exited(&store->channel, 0, &message);
    channel_flush(&store->channel);
}

static struct launcher_cage *cage_slot(struct launcher *launcher)
{
    for (size_t i = 0; i < LAUNCHER_CAGES; i++)
        if (!launcher->cages[i].used)
            return &launcher->cages[i];
    return NULL;
}

static void cage_run(struct launcher *launcher, uint32_t request, const struct cage *cage, uint64_t wall_ms)
{
    struct launcher_cage *slot = cage_slot(launcher);
    int pidfd = -1;
    pid_t pid = slot ? cage_start(cage, &pidfd) : 0;

    if (pid <= 0) {
        cage_report(launcher, request, CAGE_EXIT_SETUP, 2,
                    slot ? "the cage could not be started" : "too many pushes at once; try again in a moment");
        return;
    }
    *slot = (struct launcher_cage){
        .used = true, .request = request, .pid = pid, .pidfd = pidfd, .deadline_ms = clock_now_ms() + wall_ms};
}

/* The store's protocol text goes into git's environment: only what git's own clients send. */
static bool cage_protocol_is_safe(struct text protocol)
{
    for (size_t i = 0; i < protocol.length; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789=:-", protocol.data[i]))
            return false;
    return protocol.length < 64;
}

/* Configuration comes from here and nowhere else: not from the repository, not from the machine. */
static const char *const git_environment[] = {
    "PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_HTTP_EXPORT_ALL=1", "VITRINE_HOOK_FD=3", "GIT_CONFIG_COUNT=9",
    "GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=/hooks",
    "GIT_CONFIG_KEY_1=receive.fsckObjects", "GIT_CONFIG_VALUE_1=true",
    "GIT_CONFIG_KEY_2=safe.directory", "GIT_CONFIG_VALUE_2=*",
    "GIT_CONFIG_KEY_3=receive.autogc", "GIT_CONFIG_VALUE_3=false",
    "GIT_CONFIG_KEY_4=gc.auto", "GIT_CONFIG_VALUE_4=0",
    "GIT_CONFIG_KEY_5=receive.denyDeleteCurrent", "GIT_CONFIG_VALUE_5=refuse",
    "GIT_CONFIG_KEY_6=uploadpack.allowFilter", "GIT_CONFIG_VALUE_6=true",
    "GIT_CONFIG_KEY_7=transfer.hideRefs", "GIT_CONFIG_VALUE_7=refs/vitrine",
    "GIT_CONFIG_KEY_8=receive.maxInputSize",
};

static void cage_git(struct launcher *launcher, const struct message_cage_git *message, const int fds[4])
{
    char repository[PLACE_PATH_BYTES + 64], helper[PLACE_PATH_BYTES], limit[64], protocol[96] = "GIT_PROTOCOL=";
    const char *arguments[6] = {"git", message->receive ? "receive-pack" : "upload-pack", "--stateless-rpc"};
    const char *environment[MEMORY_COUNT(git_environment) + 3];
    size_t count = MEMORY_COUNT(git_environment);

    if (!cage_protocol_is_safe(message->protocol) || place_beside(helper, "vitrine-hook") < 0) {
        cage_report(launcher, message->request, CAGE_EXIT_SETUP, 2,
                    "the Git-Protocol header is not one that git sends");
        return;
    }
    snprintf(repository, sizeof repository, "%s/repos/%llu.git", launcher->data,
             (unsigned long long)message->repository_id);
    snprintf(limit, sizeof limit, "GIT_CONFIG_VALUE_8=%llu", (unsigned long long)BOUNDS_PUSH_BYTES);
    snprintf(protocol, sizeof protocol, "GIT_PROTOCOL=" TEXT_FORMAT, TEXT_ARGUMENT(message->protocol));
    memcpy(environment, git_environment, sizeof git_environment);
    environment[count++] = limit;
    environment[count++] = protocol;
    environment[count] = NULL;
    size_t last = 3;
    if (message->advertise)
        arguments[last++] = "--advertise-refs";
    arguments[last++] = "/repository";
    arguments[last] = NULL;
    struct cage cage = {
        .program = "/usr/bin/git", .argv = arguments, .environment = environment, .repository = repository,
        .helper = helper, .hooks = {"pre-receive", NULL}, .libraries = true, .filter_git = true,
        .uid = launcher->uid, .gid = launcher->gid, .fds = {fds[0], fds[1], fds[2], fds[3]},
        .first_fd = 0, .report_fd = 2, .cpu_seconds = 120, .file_bytes = BOUNDS_PUSH_BYTES * 2,
        .memory_bytes = CAGE_WORKER_IS_DYNAMIC ? ~0ull : 4ull << 30,
    };
    cage_run(launcher, message->request, &cage, BOUNDS_GIT_WALL_MS);
}

static void cage_describe(struct launcher *launcher, const struct message_cage_describe *message, const int fds[3])
{
    char program[PLACE_PATH_BYTES];
    const char *arguments[] = {"vitrine-worker", "describe", message->model ? "--model" : NULL, NULL};
    const char *environment[] = {"TZ=UTC0", "LANG=C", NULL};

    if (place_beside(program, "vitrine-worker") < 0)
        return;
    struct cage cage = {
        .program = program, .argv = arguments, .environment = environment, .libraries = CAGE_WORKER_IS_DYNAMIC,
        .uid = launcher->uid, .gid = launcher->gid, .fds = {fds[0], fds[1], fds[2], -1}, .first_fd = 3, .report_fd = 5,
        .cpu_seconds = (BOUNDS_DESCRIBE_MS + 999) / 1000 + 1,
        .memory_bytes = CAGE_WORKER_IS_DYNAMIC ? ~0ull : 2ull << 30, .file_bytes = ~0ull,
    };
    cage_run(launcher, message->request, &cage, BOUNDS_DESCRIBE_WALL_MS);
}

static void cage_stop(struct launcher *launcher, uint32_t request)
{
    for (size_t i = 0; i < LAUNCHER_CAGES; i++)
        if (launcher->cages[i].used && launcher->cages[i].request == request)
            syscall(SYS_pidfd_send_signal, launcher->cages[i].pidfd, SIGKILL, NULL, 0);
}

/* What `vitrine status` shows about processes. */
static void launcher_answer_status(struct launcher *launcher, struct launcher_child *store, uint32_t request)
{
    BUFFER_AUTO struct buffer json = BUFFER_EMPTY;
    uint64_t now = clock_now_ms();

    buffer_byte(&json, '[');
    for (size_t i = 0; i < LAUNCHER_CHILDREN; i++) {
        const struct launcher_child *child = &launcher->children[i];
        buffer_format(&json, "%s{\"name\":\"%s\",\"pid\":%d,\"ready\":%s,\"restarts\":%u,\"uptime_s\":%llu}",
                      i ? "," : "", child->kind->name, (int)child->pid, child->ready ? "true" : "false",
                      child->restarts, child->pid ? (unsigned long long)((now - child->started_ms) / 1000) : 0ull);
    }
    buffer_byte(&json, ']');
    struct message_launcher_status message = {request, buffer_view(&json)};
    channel_send_launcher_status(&store->channel, 0, &message);
    channel_flush(&store->channel);
}

void launcher_cage_message(struct launcher *launcher, struct launcher_child *store, const struct message_in *in)
{
    union {
        struct message_cage_git git;
        struct message_cage_describe describe;
        struct message_cage_kill kill;
        struct message_launcher_query query;
    } message;

    if (in->type == MESSAGE_cage_git && message_cage_git_unpack(&message.git, in->body) == 0)
        cage_git(launcher, &message.git, in->fds);
    else if (in->type == MESSAGE_cage_describe && message_cage_describe_unpack(&message.describe, in->body) == 0)
        cage_describe(launcher, &message.describe, in->fds);
    else if (in->type == MESSAGE_cage_kill && message_cage_kill_unpack(&message.kill, in->body) == 0)
        cage_stop(launcher, message.kill.request);
    else if (in->type == MESSAGE_launcher_query && message_launcher_query_unpack(&message.query, in->body) == 0)
        launcher_answer_status(launcher, store, message.query.request);
    else
        log_warning("the store sent a message that the launcher does not take");
}

void launcher_cage_exited(struct launcher *launcher, struct launcher_cage *cage, int exit_code)
{
    cage_report(launcher, cage->request, (uint32_t)exit_code,
                cage->timed_out ? 1 : exit_code == CAGE_EXIT_SETUP ? 2 : 0, "");
    fd_close(&cage->pidfd);
    cage->used = false;
}

uint64_t launcher_cage_expire(struct launcher *launcher, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < LAUNCHER_CAGES; i++) {
        struct launcher_cage *cage = &launcher->cages[i];
        if (!cage->used || cage->timed_out)
            continue;
        if (cage->deadline_ms <= now_ms) {
            cage->timed_out = true;
            syscall(SYS_pidfd_send_signal, cage->pidfd, SIGKILL, NULL, 0);
        } else if (cage->deadline_ms < next) {
            next = cage->deadline_ms;
        }
    }
    return next;
}

void launcher_cage_kill_all(struct launcher *launcher)
{
    for (size_t i = 0; i < LAUNCHER_CAGES; i++)
        if (launcher->cages[i].used)
            syscall(SYS_pidfd_send_signal, launcher->cages[i].pidfd, SIGKILL, NULL, 0);
}
