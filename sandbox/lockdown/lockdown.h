/* The lock-down library: how a process gives up what it does not need.
 *
 * Three users, each with one call:
 *   - the zygote enters empty namespaces once (lockdown_zygote_init) and every worker it forks walks through the
 *     nine steps of lockdown_worker(); the ninth returns only when nothing but the filter's calls is left;
 *   - the long-lived processes and the describe cage call lockdown_process() with their profile after start-up;
 *   - the launcher builds cages with sandbox/cage.h, which uses the same steps.
 * There is no "continue without": a step that fails ends a worker with its own exit code and makes every other
 * caller return an error whose text names the layer. */
#ifndef SANDBOX_LOCKDOWN_LOCKDOWN_H
#define SANDBOX_LOCKDOWN_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sock_filter;

/* The steps of a worker, in order: name, what failed when it fails. A worker that fails step n exits with
 * LOCKDOWN_EXIT_BASE + n; the zygote reports 512 + n. */
#define LOCKDOWN_STEPS(X)                                                        \
    X(LOCKDOWN_FDS, 1, "closing inherited descriptors")                          \
    X(LOCKDOWN_LIMITS, 2, "setting resource limits")                             \
    X(LOCKDOWN_PRIORITY, 3, "lowering the priority")                             \
    X(LOCKDOWN_PRIVILEGES, 4, "no_new_privs, dumpable, memory-deny-write-execute") \
    X(LOCKDOWN_IDENTITY, 5, "changing to the worker's own user")                 \
    X(LOCKDOWN_CAPABILITIES, 6, "dropping capabilities")                         \
    X(LOCKDOWN_PARENT, 7, "arming the parent-death signal")                      \
    X(LOCKDOWN_LANDLOCK, 8, "restricting files and sockets with Landlock")       \
    X(LOCKDOWN_SECCOMP, 9, "installing the system-call filter")

enum lockdown_step {
#define X(name, number, what) name = number,
    LOCKDOWN_STEPS(X)
#undef X
};
enum { LOCKDOWN_EXIT_BASE = 96 };

/* What failed in a step (static storage); "an unknown step" otherwise. */
const char *lockdown_step_text(int step);

/* A process kind: its allow-list and limits, see profile.c. */
enum lockdown_profile {
    LOCKDOWN_PROFILE_WORKER,
    LOCKDOWN_PROFILE_POOL,
    LOCKDOWN_PROFILE_DESCRIBE,
    LOCKDOWN_PROFILE_ZYGOTE,
    LOCKDOWN_PROFILE_GATEWAY,
    LOCKDOWN_PROFILE_STORE,
    LOCKDOWN_PROFILE_INFER,
    LOCKDOWN_PROFILE_INFER_CHILD,
    LOCKDOWN_PROFILE_GIT,
    LOCKDOWN_PROFILE_COUNT
};

/* A compiled filter: plain bytes, made once, loaded many times. */
struct lockdown_filter {
    struct sock_filter *program; /* owned */
    unsigned short length;
};

/* How much of the sandbox a machine offers, best first; found by trying, never by looking. */
enum lockdown_mode { LOCKDOWN_MODE_A, LOCKDOWN_MODE_B, LOCKDOWN_MODE_C, LOCKDOWN_MODE_D };
/* What it means; begins with its letter (static storage). */
const char *lockdown_mode_words(enum lockdown_mode mode);
/* Tries it all out in a child process. In a mode below A `*ret_trouble` says which layer failed (static storage). */
enum lockdown_mode lockdown_mode_probe(uid_t uid_base, const char **ret_trouble);

/* What the zygote prepares once and each worker uses. */
struct lockdown_zygote {
    enum lockdown_mode mode;
    bool root;             /* per-worker uids are possible */
    pid_t pid;             /* mode C: whose child a worker must be when it arms its parent-death signal */
    uid_t uid_base;        /* first worker uid (root mode) */
    int ruleset_fd;        /* Landlock ruleset: nothing allowed */
    int null_fd;           /* /dev/null, which every worker gets as descriptors 0 to 2 */
    struct lockdown_filter filter;      /* a worker's only one, or its second */
    struct lockdown_filter pool_filter; /* a pooled worker's first: it may receive, map and close one descriptor */
    const char *trouble;   /* after a failure: which layer, as a sentence part (static storage) */
};

/* Enters empty user/mount/net/ipc/uts/cgroup namespaces with an empty read-only root, empties the bounding set,
 * sets no_new_privs, builds the worker's Landlock ruleset and filter. The caller must be single-threaded and hold
 * no directory descriptor. Where namespaces cannot be had and `floor` is C it goes on without, zygote->mode and
 * zygote->trouble say so. 0, or ERROR_SYSTEM / ERROR_UNSUPPORTED with zygote->trouble set and errno kept. */
int lockdown_zygote_init(struct lockdown_zygote *zygote, uid_t uid_base, enum lockdown_mode floor);

/* One worker's share: which slot it has (and so which user it is), and what may be left of its limits. */
struct lockdown_worker {
    const struct lockdown_zygote *zygote;
    uint32_t slot;           /* uid = uid_base + slot in root mode */
    int session_fd;          /* becomes descriptor 3, the only one beside 0-2 */
    size_t data_bytes;       /* RLIMIT_DATA */
    unsigned cpu_seconds;    /* RLIMIT_CPU hard: the last resort */
    bool pooled;             /* step 9 loads the pool's filter: lockdown_worker_seal() must follow */
};

/* Runs all nine steps. Returns only on success; otherwise _exit(LOCKDOWN_EXIT_BASE + step). */
void lockdown_worker(const struct lockdown_worker *worker);
/* A pooled worker has mapped what it was given, before it reads the first byte of it: stacks the final filter on the
 * first. The kernel asks both from now on, so nothing that the final one refuses comes back. Returns only on
 * success. */
void lockdown_worker_seal(const struct lockdown_zygote *zygote);

/* What a long-lived process may keep touching, beside its open descriptors. Paths may be NULL. */
struct lockdown_paths {
    const char *read_only[6];
    const char *read_write[4];
};

/* Locks the calling process (all its threads come later and inherit) down to `profile`: no_new_privs, not
 * dumpable, empty capability sets, Landlock with `paths` (NULL: no path at all), the profile's filter.
 * 0, or a negative error with `*ret_trouble` naming the layer. VITRINE_SANDBOX=log in debug builds only turns
 * the filter's verdict into a log line. */
int lockdown_process(enum lockdown_profile profile, const struct lockdown_paths *paths, const char **ret_trouble);

/* -- pieces, exported for cages and tests -- */
int lockdown_filter_build(struct lockdown_filter *filter, enum lockdown_profile profile);
void lockdown_filter_release(struct lockdown_filter *filter);
int lockdown_filter_load(const struct lockdown_filter *filter); /* 0 or ERROR_SYSTEM */
int lockdown_landlock_ruleset(void); /* a ruleset fd that allows nothing, or ERROR_UNSUPPORTED */
int lockdown_landlock_paths(const struct lockdown_paths *paths); /* same with these path rules */
int lockdown_landlock_enter(int ruleset_fd);
int lockdown_drop_capabilities(void); /* empties all sets and checks that they are empty */
int lockdown_drop_bounding_set(void);
/* Fills `list` with the profile's allowed call names, NULL-terminated; returns their number. For the manual. */
size_t lockdown_profile_calls(enum lockdown_profile profile, const char **list, size_t capacity);
const char *lockdown_profile_name(enum lockdown_profile profile);

#endif
