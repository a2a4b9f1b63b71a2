/* The steps of a worker, in their order and why it is that:
 *
 *   descriptors, limits     while the rights to set them are there, and before anything can be inherited by mistake
 *   priority, privileges    no_new_privs must precede Landlock and the filter for a process without capabilities
 *   identity, capabilities  the user first: a change of user may give back sets that were emptied before
 *   parent                  after identity, which clears the parent-death signal
 *   Landlock, filter        last: the filter has none of the calls above
 *
 * Each layer is meant to hold when the others fail: tests take one away and look at what stops an attack then. */
#include "sandbox/lockdown/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
enum { LOCKDOWN_MDWE_REFUSE_EXEC_GAIN = 1, LOCKDOWN_SESSION_FD = 3, LOCKDOWN_RULESET_FD = 4, LOCKDOWN_NICE = 19 };

const char *lockdown_step_text(int step)
{
    static const char *const texts[] = {
#define X(name, number, what) [number] = what,
        LOCKDOWN_STEPS(X)
#undef X
    };
    return step > 0 && step < (int)MEMORY_COUNT(texts) ? texts[step] : "an unknown step";
}

int lockdown_drop_capabilities(void)
{
    cap_t empty = cap_init();
    cap_t now = NULL;
    int result = ERROR_SYSTEM;

    if (empty && cap_set_proc(empty) == 0 && (now = cap_get_proc()) != NULL && cap_compare(now, empty) == 0)
        result = 0;
    if (now)
        cap_free(now);
    if (empty)
        cap_free(empty);
    return result;
}

int lockdown_drop_bounding_set(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return ERROR_SYSTEM;
    return errno == EINVAL ? 0 : ERROR_SYSTEM; /* the kernel knows no more of them; anything else left some in */
}

/* -- the nine steps of a worker -- */

static int step_fds(const struct lockdown_worker *worker)
{
    /* Both may already sit on the other's number: move them out of the way first. */
    int session = fcntl(worker->session_fd, F_DUPFD, 16);
    int ruleset = fcntl(worker->zygote->ruleset_fd, F_DUPFD, 16);

    /* 0 to 2 are the operator's terminal or log: a worker must neither read nor forge nor flood them. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(worker->zygote->null_fd, fd) < 0)
            return ERROR_SYSTEM;
    if (session < 0 || ruleset < 0 || dup2(session, LOCKDOWN_SESSION_FD) < 0 || dup2(ruleset, LOCKDOWN_RULESET_FD) < 0)
        return ERROR_SYSTEM;
    return syscall(SYS_close_range, LOCKDOWN_RULESET_FD + 1, ~0u, 0) == 0 ? 0 : ERROR_SYSTEM;
}

/* Second locks, should the filter have a hole: without locked memory no io_uring, with eight descriptors no
 * userfaultfd and no inotify to speak of, without processes no fork. The processor limit is the last resort behind the
 * gateway's clock; of the two only its hard form counts, since the first process of a namespace ignores SIGXCPU. */
static int step_limits(const struct lockdown_worker *worker)
{
    const struct {
        int resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, 8}, {RLIMIT_NPROC, 0}, {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0}, {RLIMIT_SIGPENDING, 8}, {RLIMIT_NICE, 0}, {RLIMIT_RTPRIO, 0}, {RLIMIT_STACK, 1 << 20},
        {RLIMIT_DATA, worker->data_bytes}, {RLIMIT_CPU, worker->cpu_seconds},
    };
    for (size_t i = 0; i < MEMORY_COUNT(limits); i++) {
        struct rlimit limit = {limits[i].value, limits[i].value};
        if (setrlimit(limits[i].resource, &limit) < 0)
            return ERROR_SYSTEM;
    }
    return 0;
}

static int step_priority(const struct lockdown_worker *worker)
{
    return setpriority(PRIO_PROCESS, 0, LOCKDOWN_NICE) == 0 ? 0 : ERROR_SYSTEM;
}

static int step_privileges(const struct lockdown_worker *worker)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERROR_SYSTEM;
    /* Linux before 6.3 has no MDWE: there the filter alone refuses executable memory. */
    if (prctl(PR_SET_MDWE, LOCKDOWN_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
        return ERROR_SYSTEM;
    return 0;
}

static int step_identity(const struct lockdown_worker *worker)
{
    if (!worker->zygote->root)
        return 0; /* one user namespace, one id: siblings are apart by PID namespace and Landlock scope */
    uid_t uid = worker->zygote->uid_base + worker->slot;
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return ERROR_SYSTEM;
    return 0;
}

static int step_capabilities(const struct lockdown_worker *worker)
{
    return lockdown_drop_capabilities();
}

/* After the change of credentials, which clears it. */
static int step_parent(const struct lockdown_worker *worker)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return ERROR_SYSTEM;
    /* A zygote that died before this line sends nothing. Inside a PID namespace the parent's number is always 0, and
     * the end of file on the session socket is the only other sign. */
    return worker->zygote->mode != LOCKDOWN_MODE_C || getppid() == worker->zygote->pid ? 0 : ERROR_SYSTEM;
}

static int step_landlock(const struct lockdown_worker *worker)
{
    if (lockdown_landlock_enter(LOCKDOWN_RULESET_FD) < 0)
        return ERROR_SYSTEM;
    return close(LOCKDOWN_RULESET_FD) == 0 ? 0 : ERROR_SYSTEM;
}

static int step_seccomp(const struct lockdown_worker *worker)
{
    return lockdown_filter_load(worker->pooled ? &worker->zygote->pool_filter : &worker->zygote->filter);
}

void lockdown_worker_seal(const struct lockdown_zygote *zygote)
{
    if (lockdown_filter_load(&zygote->filter) < 0)
        _exit(LOCKDOWN_EXIT_BASE + LOCKDOWN_SECCOMP);
}

void lockdown_worker(const struct lockdown_worker *worker)
{
    static int (*const steps[])(const struct lockdown_worker *) = {
        [LOCKDOWN_FDS] = step_fds,               [LOCKDOWN_LIMITS] = step_limits,
        [LOCKDOWN_PRIORITY] = step_priority,     [LOCKDOWN_PRIVILEGES] = step_privileges,
        [LOCKDOWN_IDENTITY] = step_identity,     [LOCKDOWN_CAPABILITIES] = step_capabilities,
        [LOCKDOWN_PARENT] = step_parent,         [LOCKDOWN_LANDLOCK] = step_landlock,
        [LOCKDOWN_SECCOMP] = step_seccomp,
    };
    for (int step = 1; step < (int)MEMORY_COUNT(steps); step++)
        if (steps[step](worker) < 0)
            _exit(LOCKDOWN_EXIT_BASE + step);
}

/* -- the zygote -- */

static int zygote_write(const char *path, const char *text, size_t length)
{
    FD_AUTO int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, length) == (ssize_t)length ? 0 : ERROR_SYSTEM;
}

/* One id is mapped to itself, and groups cannot be changed any more: inside, as outside, we are nobody special. */
static int zygote_user_namespace(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (unshare(CLONE_NEWUSER) < 0 || zygote_write("/proc/self/setgroups", "deny", 4) < 0)
        return ERROR_SYSTEM;
    int length = snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
    if (zygote_write("/proc/self/uid_map", map, (size_t)length) < 0)
        return ERROR_SYSTEM;
    length = snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
    return zygote_write("/proc/self/gid_map", map, (size_t)length);
}

/* An empty tmpfs of one page as root, then a chroot into its only folder: a chrooted process cannot create
 * user namespaces, so even without the filter a worker cannot grow one. */
static int zygote_empty_root(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=3,mode=555") < 0 ||
        mkdir("/tmp/e", 0555) < 0 || chdir("/tmp") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 ||
        mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return ERROR_SYSTEM;
    return chroot("/e") == 0 && chdir("/") == 0 ? 0 : ERROR_SYSTEM;
}

static int zygote_namespaces(struct lockdown_zygote *zygote)
{
    zygote->trouble =
        "user namespaces (as an ordinary user the sandbox needs them: kernel.unprivileged_userns_clone, AppArmor)";
    if (!zygote->root && zygote_user_namespace() < 0)
        return ERROR_SYSTEM;
    zygote->trouble = "mount, network, IPC, UTS and cgroup namespaces";
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
        return ERROR_SYSTEM;
    (void)!sethostname("vitrine", 7); /* cosmetic: no worker can read it */
    zygote->trouble = "the empty root file system";
    return zygote_empty_root();
}

int lockdown_zygote_init(struct lockdown_zygote *zygote, uid_t uid_base, enum lockdown_mode floor)
{
    const char *missing = NULL;

    *zygote = (struct lockdown_zygote){.uid_base = uid_base, .ruleset_fd = -1, .pid = getpid()};
    zygote->root = geteuid() == 0;
    zygote->mode = zygote->root ? LOCKDOWN_MODE_A : LOCKDOWN_MODE_B;
    zygote->trouble = "/dev/null"; /* opened while there still are files */
    zygote->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (zygote->null_fd < 0)
        return ERROR_SYSTEM;
    if (zygote_namespaces(zygote) < 0) {
        zygote->mode = LOCKDOWN_MODE_C;
        if (floor < LOCKDOWN_MODE_C)
            return ERROR_SYSTEM;
        missing = zygote->trouble;
    }
    /* Without namespaces we may lack the right to; then no_new_privs alone keeps the set from ever being used. */
    zygote->trouble = "the capability bounding set";
    if ((lockdown_drop_bounding_set() < 0 && zygote->mode != LOCKDOWN_MODE_C) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return ERROR_SYSTEM;
    zygote->trouble = "Landlock (Linux 5.13 or later with landlock among its security modules)";
    zygote->ruleset_fd = lockdown_landlock_ruleset();
    if (zygote->ruleset_fd < 0)
        return ERROR_UNSUPPORTED;
    zygote->trouble = "seccomp filters";
    int result = lockdown_filter_build(&zygote->filter, LOCKDOWN_PROFILE_WORKER);
    if (result == 0)
        result = lockdown_filter_build(&zygote->pool_filter, LOCKDOWN_PROFILE_POOL);
    if (result == 0)
        zygote->trouble = missing;
    return result;
}

/* -- long-lived processes -- */

/* The filter last: the layers before it are made with calls that it takes away. */
int lockdown_process(enum lockdown_profile profile, const struct lockdown_paths *paths, const char **ret_trouble)
{
    static const struct lockdown_paths nothing;
    struct lockdown_filter filter;

    *ret_trouble = "no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return ERROR_SYSTEM;
    *ret_trouble = "Landlock";
    FD_AUTO int ruleset = lockdown_landlock_paths(paths ? paths : &nothing);
    if (ruleset < 0 || lockdown_landlock_enter(ruleset) < 0)
        return ruleset < 0 ? ruleset : ERROR_SYSTEM;
    *ret_trouble = "dropping capabilities";
    if (lockdown_drop_capabilities() < 0)
        return ERROR_SYSTEM;
    *ret_trouble = "the system-call filter";
    int result = lockdown_filter_build(&filter, profile);
    if (result == 0)
        result = lockdown_filter_load(&filter);
    lockdown_filter_release(&filter);
    if (result == 0)
        *ret_trouble = NULL;
    return result;
}
