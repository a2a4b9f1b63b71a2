#include "sandbox/lockdown/profile.h"

#include <sys/mman.h>

#define ARG_EQUAL(i, v) {(i), PROFILE_EQUAL, (uint64_t)(v)}
#define ARG_AT_MOST(i, v) {(i), PROFILE_AT_MOST, (uint64_t)(v)}
#define ARG_WITHOUT(i, v) {(i), PROFILE_MASKED_ZERO, (uint64_t)(v)}

/* Hot calls stand without argument checks: the kernel answers them from a bitmap. */
static const struct profile_rule worker_rules[] = {
    {.call = "read"},
    {.call = "write"},
    {.call = "exit_group"},
    {.call = "rt_sigreturn"},                                             /* the virtual timer's handler */
    {.call = "clock_gettime", .arguments = {ARG_AT_MOST(0, 2)}},          /* table.sort, os.clock */
    {.call = "brk"},
    {.call = "munmap"},
    {.call = "mmap",
     .arguments = {ARG_WITHOUT(2, ~(uint64_t)(PROT_READ | PROT_WRITE)),
                   ARG_EQUAL(3, MAP_PRIVATE | MAP_ANONYMOUS)}},
    {.call = "mremap", .arguments = {ARG_EQUAL(3, MREMAP_MAYMOVE)}},
    {0},
};

/* The describe cage reads its tree from a pipe and writes the bundle to another. */
static const struct profile_rule describe_rules[] = {
    {.call = "close"},
    {.call = "lseek"},
    {.call = "fstat"},
    {.call = "newfstatat", .optional = 1},
    {.call = "getrandom"},
    {.call = "setitimer"},
    {.call = "rt_sigaction"},
    {.call = "writev"},
    {.call = "madvise"},
    {0},
};

/* Memory, time, threads' life, descriptors: what any event-driven process of ours does. */
static const struct profile_rule service_rules[] = {
    {.call = "read"}, {.call = "write"}, {.call = "readv"}, {.call = "writev"}, {.call = "pread64"}, {.call = "pwrite64"},
    {.call = "recvmsg"}, {.call = "sendmsg"}, {.call = "recvfrom"}, {.call = "sendto"},
    {.call = "epoll_wait", .optional = 1}, {.call = "epoll_pwait"}, {.call = "epoll_ctl"}, {.call = "epoll_create1"},
    {.call = "poll", .optional = 1}, {.call = "ppoll"}, {.call = "eventfd2"}, {.call = "pipe2"},
    {.call = "close"}, {.call = "shutdown"}, {.call = "fcntl"}, {.call = "dup"}, {.call = "dup3"}, {.call = "lseek"},
    {.call = "fstat"}, {.call = "newfstatat", .optional = 1}, {.call = "ioctl", .arguments = {ARG_EQUAL(1, 0x541b)}}, /* FIONREAD */
    {.call = "brk"}, {.call = "munmap"}, {.call = "madvise"}, {.call = "mremap"},
    {.call = "mmap", .arguments = {ARG_WITHOUT(2, ~(uint64_t)(PROT_READ | PROT_WRITE))}},
    {.call = "mprotect", .arguments = {ARG_WITHOUT(2, ~(uint64_t)(PROT_READ | PROT_WRITE))}},
    {.call = "clock_gettime"}, {.call = "clock_getres"}, {.call = "timerfd_settime"}, {.call = "clock_nanosleep"}, {.call = "nanosleep"}, {.call = "gettimeofday", .optional = 1},
    {.call = "getrandom"}, {.call = "getpid"}, {.call = "gettid"}, {.call = "futex"}, {.call = "sched_yield"},
    {.call = "rt_sigaction"}, {.call = "rt_sigprocmask"}, {.call = "rt_sigreturn"}, {.call = "restart_syscall"},
    {.call = "sigaltstack"}, {.call = "tgkill"}, {.call = "exit"}, {.call = "exit_group"}, {.call = "getrusage"}, {.call = "set_robust_list"}, {.call = "rseq", .optional = 1},
    {.call = "socketpair"}, {.call = "getsockopt"}, {.call = "prlimit64", .arguments = {ARG_EQUAL(2, 0)}},
    {0},
};

static const struct profile_rule gateway_rules[] = {
    {.call = "accept4"}, {.call = "setsockopt"}, {.call = "getsockname"}, {.call = "getpeername"},
    {.call = "memfd_create"}, {.call = "ftruncate"}, {.call = "sendfile"}, {.call = "getuid"}, {.call = "geteuid"},
    {0},
};

/* The store opens files, but only where Landlock lets it. */
static const struct profile_rule store_rules[] = {
    {.call = "accept4"}, {.call = "setsockopt"}, {.call = "getsockname"}, {.call = "getpeername"}, {.call = "socket", .arguments = {ARG_EQUAL(0, 1)}},
    {.call = "bind"}, {.call = "listen"}, {.call = "chmod", .optional = 1}, {.call = "fchmod"}, {.call = "fchmodat", .optional = 1}, {.call = "umask"},
    {.call = "open", .optional = 1}, {.call = "openat"}, {.call = "openat2", .optional = 1}, {.call = "stat", .optional = 1}, {.call = "lstat", .optional = 1}, {.call = "statx", .optional = 1},
    {.call = "access", .optional = 1}, {.call = "faccessat", .optional = 1}, {.call = "faccessat2", .optional = 1}, {.call = "readlink", .optional = 1}, {.call = "readlinkat"},
    {.call = "mkdir", .optional = 1}, {.call = "mkdirat"}, {.call = "rmdir", .optional = 1}, {.call = "unlink", .optional = 1}, {.call = "unlinkat"}, {.call = "rename", .optional = 1}, {.call = "renameat", .optional = 1}, {.call = "renameat2", .optional = 1},
    {.call = "link", .optional = 1}, {.call = "linkat"}, {.call = "symlink", .optional = 1}, {.call = "ftruncate"}, {.call = "fallocate"}, {.call = "fsync"}, {.call = "fdatasync"}, {.call = "flock"},
    {.call = "getdents64"}, {.call = "getcwd"}, {.call = "statfs", .optional = 1}, {.call = "fstatfs"}, {.call = "utimensat"}, {.call = "getuid"}, {.call = "geteuid"}, {.call = "getgid"}, {.call = "getegid"}, {.call = "fchown"}, {.call = "uname"}, {.call = "sysinfo"}, {.call = "sched_getaffinity"},
    {.call = "copy_file_range"}, {.call = "sendfile"}, {.call = "memfd_create"}, {.call = "fadvise64"}, {.call = "getppid"},
    {0},
};

/* ONNX Runtime's threads; the supervisor additionally starts children. */
static const struct profile_rule infer_child_rules[] = {
    {.call = "clone3", .optional = 1}, {.call = "clone", .arguments = {ARG_WITHOUT(0, 0x7e020000)}}, /* threads, no namespaces */
    {.call = "sched_getaffinity"}, {.call = "sched_setaffinity"}, {.call = "sched_getparam"}, {.call = "sched_getscheduler"}, {.call = "getcpu", .optional = 1}, {.call = "sysinfo"}, {.call = "uname"},
    {.call = "openat", .arguments = {ARG_WITHOUT(2, 3)}}, /* /proc and /sys look-ups of the runtime fail in Landlock, they must not kill */
    {.call = "open", .optional = 1, .arguments = {ARG_WITHOUT(1, 3)}}, {.call = "access", .optional = 1}, {.call = "faccessat", .optional = 1}, {.call = "readlink", .optional = 1}, {.call = "readlinkat"}, {.call = "stat", .optional = 1},
    {.call = "prctl"}, {.call = "setitimer"}, {.call = "getuid"}, {.call = "geteuid"}, {.call = "getdents64"},
    {0},
};

static const struct profile_rule infer_rules[] = {
    {.call = "timerfd_create"}, {.call = "memfd_create"}, {.call = "sched_getparam"}, {.call = "sched_getscheduler"}, {.call = "getcpu", .optional = 1},
    {.call = "clone3", .optional = 1}, {.call = "clone"}, {.call = "vfork", .optional = 1}, {.call = "execve"}, {.call = "execveat"}, {.call = "wait4"}, {.call = "waitid"},
    {.call = "kill"}, {.call = "pidfd_send_signal"}, {.call = "pidfd_open"}, {.call = "close_range"}, {.call = "dup2", .optional = 1}, {.call = "prctl"}, {.call = "seccomp"},
    {.call = "openat"}, {.call = "open", .optional = 1}, {.call = "access", .optional = 1}, {.call = "faccessat", .optional = 1}, {.call = "readlink", .optional = 1}, {.call = "readlinkat"}, {.call = "stat", .optional = 1}, {.call = "arch_prctl", .optional = 1}, {.call = "set_tid_address"}, {.call = "setpriority"},
    {.call = "sched_getaffinity"}, {.call = "sched_setaffinity"}, {.call = "sysinfo"}, {.call = "uname"}, {.call = "getuid"}, {.call = "geteuid"}, {.call = "getgid"}, {.call = "getegid"}, {.call = "getdents64"},
    {.call = "landlock_create_ruleset"}, {.call = "landlock_add_rule"}, {.call = "landlock_restrict_self"}, {.call = "capget"}, {.call = "capset"}, {.call = "prlimit64"}, {.call = "setitimer"},
    {0},
};

static const struct profile_rule zygote_rules[] = {
    {.call = "clone3"}, {.call = "clone"}, {.call = "wait4"}, {.call = "waitid"}, {.call = "pidfd_send_signal"}, {.call = "kill"}, {.call = "close_range"}, {.call = "dup2", .optional = 1},
    {.call = "prlimit64"}, {.call = "setpriority"}, {.call = "prctl"}, {.call = "setgroups"}, {.call = "setresgid"}, {.call = "setresuid"}, {.call = "getresuid", .optional = 1}, {.call = "getresgid", .optional = 1},
    {.call = "capget"}, {.call = "capset"}, {.call = "landlock_restrict_self"}, {.call = "seccomp"}, {.call = "setitimer"}, {.call = "getppid"}, {.call = "set_tid_address"}, {.call = "getuid"}, {.call = "geteuid"}, {.call = "getgid"}, {.call = "getegid"}, {.call = "signalfd4"},
    {0},
};

/* git runs behind empty namespaces; this closes the kernel surface that namespaces do not. */
static const struct profile_rule git_denied[] = {
    {.call = "socket"}, {.call = "ptrace"}, {.call = "process_vm_readv"}, {.call = "process_vm_writev"}, {.call = "bpf"},
    {.call = "perf_event_open"}, {.call = "userfaultfd"}, {.call = "keyctl"}, {.call = "add_key"}, {.call = "request_key"},
    {.call = "mount"}, {.call = "umount2"}, {.call = "pivot_root"}, {.call = "chroot"}, {.call = "setns"}, {.call = "unshare"},
    {.call = "move_mount", .optional = 1}, {.call = "open_tree", .optional = 1}, {.call = "fsopen", .optional = 1},
    {.call = "fsmount", .optional = 1}, {.call = "io_uring_setup", .optional = 1}, {.call = "io_uring_enter", .optional = 1},
    {.call = "io_uring_register", .optional = 1}, {.call = "kexec_load"}, {.call = "init_module"}, {.call = "finit_module"},
    {.call = "delete_module"}, {.call = "swapon"}, {.call = "swapoff"}, {.call = "reboot"}, {.call = "settimeofday"},
    {.call = "clock_settime"}, {.call = "personality"}, {.call = "modify_ldt", .optional = 1}, {.call = "mknod", .optional = 1}, {.call = "mknodat"},
    {.call = "shmget"}, {.call = "semget"}, {.call = "msgget"}, {.call = "name_to_handle_at"}, {.call = "open_by_handle_at"},
    {0},
};

static const struct profile profiles[LOCKDOWN_PROFILE_COUNT] = {
    [LOCKDOWN_PROFILE_WORKER] = {"worker", {worker_rules}, 0},
    [LOCKDOWN_PROFILE_DESCRIBE] = {"describe", {worker_rules, describe_rules}, 0},
    [LOCKDOWN_PROFILE_ZYGOTE] = {"zygote", {service_rules, zygote_rules}, 0},
    [LOCKDOWN_PROFILE_GATEWAY] = {"gateway", {service_rules, gateway_rules}, 0},
    [LOCKDOWN_PROFILE_STORE] = {"store", {service_rules, store_rules}, 0},
    [LOCKDOWN_PROFILE_INFER] = {"infer", {service_rules, infer_rules}, 0},
    [LOCKDOWN_PROFILE_INFER_CHILD] = {"infer-child", {service_rules, infer_child_rules}, 0},
    [LOCKDOWN_PROFILE_GIT] = {"git", {git_denied}, 1},
};

const struct profile *profile_get(enum lockdown_profile profile)
{
    return &profiles[profile];
}
