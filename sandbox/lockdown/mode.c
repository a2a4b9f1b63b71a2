/* Which of the modes this machine can hold. The probe runs the zygote's own start in a child, so it says what will
 * happen: a security module that refuses the mount inside a user namespace is found, as is a hidden Landlock. */
#include "sandbox/lockdown/lockdown.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fd.h"

const char *lockdown_mode_words(enum lockdown_mode mode)
{
    static const char *const words_of[] = {
        [LOCKDOWN_MODE_A] = "A: everything: namespaces, a user for each demo, Landlock, system-call filter",
        [LOCKDOWN_MODE_B] = "B: all but users: demos share a user id; PID namespaces and Landlock part them",
        [LOCKDOWN_MODE_C] = "C: no namespaces: demos see each other's process ids; Landlock and filter hold",
        [LOCKDOWN_MODE_D] = "D: no Landlock or no system-call filter: no demo runs here",
    };
    return words_of[mode];
}

/* What the zygote leaves to its workers: the PID namespace and the nine steps. */
static enum lockdown_mode mode_try_worker(const struct lockdown_zygote *zygote)
{
    struct clone_args arguments = {.flags = zygote->mode == LOCKDOWN_MODE_C ? 0 : CLONE_NEWPID, .exit_signal = SIGCHLD};
    int status = 0, pair[2];

    if (fd_socket_pair(SOCK_SEQPACKET, 0, pair) < 0)
        return LOCKDOWN_MODE_D;
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        struct lockdown_worker worker = {
            .zygote = zygote, .session_fd = pair[0], .data_bytes = 64 << 20, .cpu_seconds = 10};
        lockdown_worker(&worker);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return LOCKDOWN_MODE_D;
    return zygote->mode;
}

enum lockdown_mode lockdown_mode_probe(uid_t uid_base, const char **ret_trouble)
{
    struct {
        enum lockdown_mode mode;
        const char *trouble; /* a string of this program: the pointer means the same in parent and child */
    } found = {LOCKDOWN_MODE_D, "a process to try the sandbox in"};
    int pair[2];

    if (fd_socket_pair(SOCK_SEQPACKET, 0, pair) == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            static struct lockdown_zygote zygote;
            if (lockdown_zygote_init(&zygote, uid_base, LOCKDOWN_MODE_C) == 0) {
                zygote.trouble = zygote.trouble ? zygote.trouble : "locking a worker";
                found.mode = mode_try_worker(&zygote);
            }
            found.trouble = found.mode < LOCKDOWN_MODE_C ? NULL : zygote.trouble;
            _exit(write(pair[1], &found, sizeof found) == sizeof found ? 0 : 1);
        }
        fd_close(&pair[1]);
        if (pid > 0 && (read(pair[0], &found, sizeof found) != sizeof found || waitpid(pid, NULL, 0) < 0))
            found.mode = LOCKDOWN_MODE_D;
        fd_close(&pair[0]);
    }
    *ret_trouble = found.trouble;
    return found.mode;
}
