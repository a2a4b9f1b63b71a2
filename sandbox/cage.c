/* The steps run in the forked child, in the order of the table at the end. Order is most of the safety here:
 *
 *   - descriptors first, so that nothing inherited survives into any later step;
 *   - the root is put together on a tmpfs that hides /proc: the folder nobody keeps data in. Bind mounts are remade
 *     read-only and nosuid one by one, because a bind mount begins with the flags of what it shows;
 *   - limits before the change of user, because lowering needs no right and raising must be impossible afterwards;
 *   - users and capabilities go after the last mount, the filter last of all: it refuses what the steps before need.
 *
 * The program is executed by a descriptor that was opened outside, so the new root need not contain it. */
#include "sandbox/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "sandbox/lockdown/lockdown.h"

/* Where the new root is put together: the one folder that nobody keeps data in, and that is not needed any more. */
#define CAGE_ROOT "/proc"

enum { CAGE_STAGE_FD = 64, CAGE_PROGRAM_FD = 60 };

/* What the steps hand on to each other inside the child. */
struct cage_setup {
    const struct cage *cage;
    uid_t outer_uid;
    gid_t outer_gid;
    bool root;
};

/* -- steps, in the order of the table below -- */

/* The caller's numbers may overlap with the ones wanted inside, so all go to high numbers first and come down from
 * there. Standard ones that the caller does not fill are /dev/null, or the first file opened would become one. */
/* The cage's descriptors may have any number in the launcher, also one that is wanted here: so they are first copied to
 * free numbers above all wanted ones, and only then put in place. */
static int step_fds(struct cage_setup *setup)
{
    const struct cage *cage = setup->cage;
    int staged[CAGE_MAX_FDS], count = 0;

    int opened = open(cage->program, O_PATH | O_CLOEXEC);
    int program = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, CAGE_STAGE_FD);
    for (; count < CAGE_MAX_FDS && cage->fds[count] >= 0; count++)
        if ((staged[count] = fcntl(cage->fds[count], F_DUPFD, CAGE_STAGE_FD)) < 0)
            return ERROR_SYSTEM;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        if (program < 0 || null < 0 || dup2(null, fd) < 0)
            return ERROR_SYSTEM;
    for (int i = 0; i < count; i++)
        if (dup2(staged[i], cage->first_fd + i) < 0)
            return ERROR_SYSTEM;
    unsigned first_free = (unsigned)(cage->first_fd + count < 3 ? 3 : cage->first_fd + count);
    if (dup3(program, CAGE_PROGRAM_FD, O_CLOEXEC) < 0 ||
        syscall(SYS_close_range, first_free, CAGE_PROGRAM_FD - 1, 0) < 0 ||
        syscall(SYS_close_range, CAGE_PROGRAM_FD + 1, ~0u, 0) < 0)
        return ERROR_SYSTEM;
    return 0;
}

static int cage_write(const char *path, const char *text)
{
    FD_AUTO int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : ERROR_SYSTEM;
}

/* The clone made the user namespace when we are not root; here it gets its one-line maps. */
static int step_identity_map(struct cage_setup *setup)
{
    char map[64];

    if (setup->root)
        return 0;
    snprintf(map, sizeof map, "%u %u 1\n", setup->outer_uid, setup->outer_uid);
    if (cage_write("/proc/self/setgroups", "deny") < 0 || cage_write("/proc/self/uid_map", map) < 0)
        return ERROR_SYSTEM;
    snprintf(map, sizeof map, "%u %u 1\n", setup->outer_gid, setup->outer_gid);
    return cage_write("/proc/self/gid_map", map);
}

static int step_session(struct cage_setup *setup)
{
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return ERROR_SYSTEM;
    return sethostname("vitrine", 7) == 0 ? 0 : ERROR_SYSTEM;
}

static int step_new_root(struct cage_setup *setup)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return ERROR_SYSTEM;
    return mount("tmpfs", CAGE_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,nr_inodes=256,mode=755") == 0
               ? 0
               : ERROR_SYSTEM;
}

static int cage_bind(const char *source, const char *target, bool writable)
{
    struct stat status;
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID | (writable ? MS_NODEV : MS_RDONLY);

    if (stat(source, &status) < 0)
        return ERROR_NOT_FOUND;
    if (S_ISDIR(status.st_mode)) {
        if (mkdir(target, 0755) < 0 && errno != EEXIST)
            return ERROR_SYSTEM;
    } else {
        FD_AUTO int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
            return ERROR_SYSTEM;
    }
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return ERROR_SYSTEM;
    if (mount(NULL, target, NULL, flags, NULL) == 0)
        return 0;
    /* In a user namespace the flags that the outer mount carries are locked: keep them. */
    return mount(NULL, target, NULL, flags | MS_NODEV, NULL) == 0 ? 0 : ERROR_SYSTEM;
}

static int cage_bind_device(const char *path)
{
    char target[64];

    snprintf(target, sizeof target, CAGE_ROOT "%s", path);
    return mknod(target, S_IFREG | 0666, 0) == 0 && mount(path, target, NULL, MS_BIND, NULL) == 0 ? 0 : ERROR_SYSTEM;
}

/* /usr and what stands beside it: a symlink into /usr on today's Debian, a folder on older layouts. */
static int step_libraries(struct cage_setup *setup)
{
    static const char *const folders[] = {"/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"};

    if (!setup->cage->libraries)
        return 0;
    if (mkdir(CAGE_ROOT "/etc", 0755) < 0 || mkdir(CAGE_ROOT "/dev", 0755) < 0)
        return ERROR_SYSTEM;
    for (size_t i = 0; i < MEMORY_COUNT(folders); i++) {
        char target[64], link[64];
        snprintf(target, sizeof target, CAGE_ROOT "%s", folders[i]);
        ssize_t length = readlink(folders[i], link, sizeof link - 1);
        if (length > 0) {
            link[length] = '\0';
            if (symlink(link, target) < 0)
                return ERROR_SYSTEM;
        } else if (cage_bind(folders[i], target, false) == ERROR_SYSTEM) {
            return ERROR_SYSTEM;
        }
    }
    return cage_bind_device("/dev/null") == 0 && cage_bind_device("/dev/urandom") == 0 ? 0 : ERROR_SYSTEM;
}

static int step_repository(struct cage_setup *setup)
{
    return setup->cage->repository ? cage_bind(setup->cage->repository, CAGE_ROOT "/repository", true) : 0;
}

static int step_helper(struct cage_setup *setup)
{
    const struct cage *cage = setup->cage;
    char path[64];

    if (mkdir(CAGE_ROOT "/tmp", 01777) < 0 || !cage->helper)
        return cage->helper ? ERROR_SYSTEM : 0;
    if (cage_bind(cage->helper, CAGE_ROOT "/helper", false) < 0 || mkdir(CAGE_ROOT "/hooks", 0755) < 0)
        return ERROR_SYSTEM;
    snprintf(path, sizeof path, CAGE_ROOT "/hooks/%s", cage->hooks[0]);
    return symlink("/helper", path) == 0 ? 0 : ERROR_SYSTEM;
}

static int step_enter_root(struct cage_setup *setup)
{
    if (chdir(CAGE_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
        return ERROR_SYSTEM;
    return chdir(setup->cage->repository ? "/repository" : "/") == 0 ? 0 : ERROR_SYSTEM;
}

static int step_read_only_root(struct cage_setup *setup)
{
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) == 0 ? 0
                                                                                                      : ERROR_SYSTEM;
}

static int step_limits(struct cage_setup *setup)
{
    const struct cage *cage = setup->cage;
    const struct {
        int resource;
        rlim_t value;
    } limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_CPU, cage->cpu_seconds}, {RLIMIT_AS, cage->memory_bytes},
                  {RLIMIT_FSIZE, cage->file_bytes}, {RLIMIT_NOFILE, 128}, {RLIMIT_MEMLOCK, 0}, {RLIMIT_MSGQUEUE, 0}};
    for (size_t i = 0; i < MEMORY_COUNT(limits); i++) {
        struct rlimit limit = {limits[i].value, limits[i].value};
        if (limits[i].value != RLIM_INFINITY && setrlimit(limits[i].resource, &limit) < 0)
            return ERROR_SYSTEM;
    }
    return setpriority(PRIO_PROCESS, 0, 10) == 0 ? 0 : ERROR_SYSTEM;
}

/* The bounding set goes while the right to empty it is there; PDEATHSIG comes last, a change of user clears it. */
static int step_drop(struct cage_setup *setup)
{
    const struct cage *cage = setup->cage;

    if (lockdown_drop_bounding_set() < 0)
        return ERROR_SYSTEM;
    if (setup->root && (setgroups(0, NULL) < 0 || setresgid(cage->gid, cage->gid, cage->gid) < 0 ||
                        setresuid(cage->uid, cage->uid, cage->uid) < 0))
        return ERROR_SYSTEM;
    if (lockdown_drop_capabilities() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERROR_SYSTEM;
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 ? 0 : ERROR_SYSTEM;
}

static int step_filter(struct cage_setup *setup)
{
    struct lockdown_filter filter;

    if (!setup->cage->filter_git)
        return 0;
    int result = lockdown_filter_build(&filter, LOCKDOWN_PROFILE_GIT);
    if (result == 0)
        result = lockdown_filter_load(&filter);
    lockdown_filter_release(&filter);
    return result;
}

static const struct {
    const char *name;
    int (*run)(struct cage_setup *);
} cage_steps[] = {
    {"descriptors", step_fds},
    {"the user namespace", step_identity_map},
    {"a session of its own", step_session},
    {"an empty root", step_new_root},
    {"system libraries", step_libraries},
    {"the repository", step_repository},
    {"the hook", step_helper},
    {"changing to the new root", step_enter_root},
    {"a read-only root", step_read_only_root},
    {"resource limits", step_limits},
    {"dropping privileges", step_drop},
    {"the system-call filter", step_filter},
};

static _Noreturn void cage_child(const struct cage *cage, uid_t uid, gid_t gid)
{
    struct cage_setup setup = {.cage = cage, .outer_uid = uid, .outer_gid = gid, .root = uid == 0};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < MEMORY_COUNT(cage_steps); i++)
        if (cage_steps[i].run(&setup) < 0) {
            dprintf(cage->report_fd, "the cage could not be set up: %s: %s\n", cage_steps[i].name, strerror(errno));
            _exit(CAGE_EXIT_SETUP);
        }
    syscall(SYS_execveat, CAGE_PROGRAM_FD, "", cage->argv, cage->environment, AT_EMPTY_PATH);
    _exit(CAGE_EXIT_SETUP);
}

pid_t cage_start(const struct cage *cage, int *ret_pidfd)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int pidfd = -1;
    struct clone_args arguments = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                 CLONE_PIDFD | (uid == 0 ? 0 : CLONE_NEWUSER),
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0)
        cage_child(cage, uid, gid);
    if (pid < 0)
        return ERROR_SYSTEM;
    *ret_pidfd = pidfd;
    return pid;
}
