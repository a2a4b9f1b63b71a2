/* The hostile worker with layers of the lock-down taken away, to see what the others stop alone. The production code
 * runs unchanged here too: the linker sends the calls by which it builds a layer to the functions below, and those that
 * are named in VITRINE_HOSTILE_OFF answer "done" without doing it.
 *
 *   seccomp       the system-call filter            landlock    files and abstract sockets
 *   limits        resource limits                   mdwe        memory that is written is not run
 *   privileges    no_new_privs, not dumpable        identity    a user of its own
 *   capabilities  empty sets, bounding set          root        the empty root (and the chroot)
 *   chroot        the chroot alone                  namespaces  network, IPC, UTS, cgroup namespaces
 *   pidns         the PID namespace of the worker   fds         closing what was inherited
 *
 * When the attack begins everything is as the real thing again: an attack's own setrlimit is a setrlimit. */
#include <linux/sched.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/lockdown/lockdown.h"

/* The real ones, and ours. */
#define LAYER(result, name, parameters) \
    result __real_##name parameters;    \
    result __wrap_##name parameters;    \
    result __wrap_##name parameters

static bool layers_done;

void hostile_locked(void);
void hostile_locked(void)
{
    layers_done = true;
}

static bool layer_is_off(const char *name)
{
    const char *list = getenv("VITRINE_HOSTILE_OFF");
    size_t length = strlen(name);

    for (const char *at = layers_done ? NULL : list; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

LAYER(int, lockdown_filter_load, (const struct lockdown_filter *filter))
{
    return layer_is_off("seccomp") ? 0 : __real_lockdown_filter_load(filter);
}

LAYER(int, lockdown_landlock_enter, (int ruleset_fd))
{
    return layer_is_off("landlock") ? 0 : __real_lockdown_landlock_enter(ruleset_fd);
}

/* With 64-bit file offsets this is what setrlimit is called. */
LAYER(int, setrlimit64, (int resource, const struct rlimit *limit))
{
    return layer_is_off("limits") ? 0 : __real_setrlimit64(resource, limit);
}

LAYER(int, setresuid, (uid_t real, uid_t effective, uid_t saved))
{
    return layer_is_off("identity") ? 0 : __real_setresuid(real, effective, saved);
}

LAYER(int, setresgid, (gid_t real, gid_t effective, gid_t saved))
{
    return layer_is_off("identity") ? 0 : __real_setresgid(real, effective, saved);
}

LAYER(int, setgroups, (size_t count, const gid_t *list))
{
    return layer_is_off("identity") ? 0 : __real_setgroups(count, list);
}

LAYER(int, cap_set_proc, (cap_t set))
{
    return layer_is_off("capabilities") ? 0 : __real_cap_set_proc(set);
}

/* The check that the sets are empty after all. */
LAYER(int, cap_compare, (cap_t one, cap_t other))
{
    return layer_is_off("capabilities") ? 0 : __real_cap_compare(one, other);
}

LAYER(int, chroot, (const char *path))
{
    return layer_is_off("root") || layer_is_off("chroot") ? 0 : __real_chroot(path);
}

LAYER(int, chdir, (const char *path))
{
    return layer_is_off("root") ? 0 : __real_chdir(path);
}

LAYER(int, mkdir, (const char *path, mode_t mode))
{
    return layer_is_off("root") ? 0 : __real_mkdir(path, mode);
}

LAYER(int, umount2, (const char *path, int flags))
{
    return layer_is_off("root") ? 0 : __real_umount2(path, flags);
}

/* Five parameters are mount's own. */
LAYER(int, mount, (const char *source, const char *target, const char *type, unsigned long flags, const void *data))
{
    return layer_is_off("root") ? 0 : __real_mount(source, target, type, flags, data);
}

LAYER(int, unshare, (int flags))
{
    if (layer_is_off("namespaces"))
        flags &= ~(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
    return __real_unshare(flags);
}

/* Without a namespace of its own the zygote would give the machine its name. */
LAYER(int, sethostname, (const char *name, size_t length))
{
    return layer_is_off("namespaces") ? 0 : __real_sethostname(name, length);
}

static const char *layer_of_option(int option)
{
    switch (option) {
    case 65: /* PR_SET_MDWE */
        return "mdwe";
    case PR_SET_DUMPABLE:
    case PR_SET_NO_NEW_PRIVS:
        return "privileges";
    case PR_CAPBSET_DROP:
        return "capabilities";
    default:
        return "";
    }
}

LAYER(int, prctl, (int option, ...))
{
    va_list list;
    unsigned long a[4];

    va_start(list, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(list, unsigned long);
    va_end(list);
    return layer_is_off(layer_of_option(option)) ? 0 : __real_prctl(option, a[0], a[1], a[2], a[3]);
}

LAYER(long, syscall, (long number, ...))
{
    va_list list;
    long a[6];

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if ((number == SYS_close_range && layer_is_off("fds")) || (number == SYS_pivot_root && layer_is_off("root")))
        return 0;
    if (number == SYS_clone3 && layer_is_off("pidns"))
        ((struct clone_args *)a[0])->flags &= ~(uint64_t)CLONE_NEWPID;
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
