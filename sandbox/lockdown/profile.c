/* The tables. Hot calls stand without argument checks: those the kernel answers from a bitmap. Where two tables of a
 * profile name a call, the wider row counts (the zygote sets limits, other services only ask for theirs). A call
 * that an architecture does not have is left out there (arm64 has no `open`); a name that is no call at all fails
 * every start.
 *
 * Adding a call: say in the commit which code needs it. tests/proc/test_lockdown.py compares these tables with the
 * manual and with what the test set was seen to use. */
#include "sandbox/lockdown/profile.h"

#include <sys/mman.h>

#define ARG_EQUAL(i, v) {(i), PROFILE_EQUAL, (uint64_t)(v)}
#define ARG_AT_MOST(i, v) {(i), PROFILE_AT_MOST, (uint64_t)(v)}
#define ARG_WITHOUT(i, v) {(i), PROFILE_MASKED_ZERO, (uint64_t)(v)}
#define WRITABLE_ONLY(i) ARG_WITHOUT(i, ~(uint64_t)(PROT_READ | PROT_WRITE)) /* never executable */

#define CALL(name) {.call = #name},

enum { FIONREAD_REQUEST = 0x541b, FAMILY_UNIX = 1, NEW_NAMESPACES = 0x7e020000, OPEN_FOR_WRITING = 3 };

/* One demo. rt_sigreturn: the virtual timer's handler. */
static const struct profile_rule worker_rules[] = {
    CALL(read) CALL(write) CALL(exit_group) CALL(rt_sigreturn) CALL(brk) CALL(munmap)
    {.call = "clock_gettime", .arguments = {ARG_AT_MOST(0, 2)}}, /* table.sort picks pivots by it; os.clock */
    {.call = "mmap", .arguments = {WRITABLE_ONLY(2), ARG_EQUAL(3, MAP_PRIVATE | MAP_ANONYMOUS)}},
    {.call = "mremap", .arguments = {ARG_EQUAL(3, MREMAP_MAYMOVE)}},
    {0},
};

/* What a pooled worker may do beyond a worker until it has its demo: take one descriptor, map it read-only, close it,
 * and stack the final filter, which has none of this. */
static const struct profile_rule pool_rules[] = {
    CALL(close)
    {.call = "recvmsg", .arguments = {ARG_EQUAL(0, 3)}},
    {.call = "mmap", .arguments = {ARG_EQUAL(2, PROT_READ), ARG_EQUAL(3, MAP_PRIVATE)}},
    {.call = "seccomp", .arguments = {ARG_EQUAL(0, 1), ARG_EQUAL(1, 0)}}, /* SECCOMP_SET_MODE_FILTER */
    {0},
};

/* The describe cage reads its tree from a pipe and writes the bundle to another. */
static const struct profile_rule describe_rules[] = {
    CALL(close) CALL(lseek) CALL(fstat) CALL(newfstatat) CALL(getrandom) CALL(setitimer) CALL(rt_sigaction)
    CALL(writev) CALL(madvise)
    {0},
};

/* Memory, time, threads' life, descriptors: what any event-driven process of ours does. */
static const struct profile_rule service_rules[] = {
    CALL(read) CALL(write) CALL(readv) CALL(writev) CALL(pread64) CALL(pwrite64) CALL(recvmsg) CALL(sendmsg)
    CALL(recvfrom) CALL(sendto) CALL(epoll_wait) CALL(epoll_pwait) CALL(epoll_ctl) CALL(epoll_create1) CALL(poll)
    CALL(ppoll) CALL(eventfd2) CALL(pipe2) CALL(close) CALL(shutdown) CALL(fcntl) CALL(dup) CALL(dup3) CALL(lseek)
    CALL(fstat) CALL(newfstatat) CALL(brk) CALL(munmap) CALL(madvise) CALL(mremap) CALL(clock_gettime)
    CALL(clock_getres) CALL(timerfd_settime) CALL(clock_nanosleep) CALL(nanosleep) CALL(gettimeofday) CALL(getrandom)
    CALL(getpid) CALL(gettid) CALL(futex) CALL(sched_yield) CALL(rt_sigaction) CALL(rt_sigprocmask) CALL(rt_sigreturn)
    CALL(restart_syscall) CALL(sigaltstack) CALL(tgkill) CALL(exit) CALL(exit_group) CALL(getrusage)
    CALL(set_robust_list) CALL(rseq) CALL(socketpair) CALL(getsockopt)
    {.call = "ioctl", .arguments = {ARG_EQUAL(1, FIONREAD_REQUEST)}},
    {.call = "mmap", .arguments = {WRITABLE_ONLY(2)}},
    {.call = "mprotect", .arguments = {WRITABLE_ONLY(2)}},
    {.call = "prlimit64", .arguments = {ARG_EQUAL(2, 0)}}, /* ask, not set */
    {0},
};

static const struct profile_rule gateway_rules[] = {
    CALL(accept4) CALL(setsockopt) CALL(getsockname) CALL(getpeername) CALL(memfd_create) CALL(ftruncate)
    CALL(sendfile) CALL(getuid) CALL(geteuid)
    {0},
};

/* The store opens files, but only where Landlock lets it. */
static const struct profile_rule store_rules[] = {
    CALL(clone3) CALL(accept4) CALL(setsockopt) CALL(getsockname) CALL(getpeername) CALL(bind) CALL(listen) CALL(chmod)
    CALL(fchmod) CALL(fchmodat) CALL(umask) CALL(open) CALL(openat) CALL(openat2) CALL(stat) CALL(lstat) CALL(statx)
    CALL(access) CALL(faccessat) CALL(faccessat2) CALL(readlink) CALL(readlinkat) CALL(mkdir) CALL(mkdirat) CALL(rmdir)
    CALL(unlink) CALL(unlinkat) CALL(rename) CALL(renameat) CALL(renameat2) CALL(link) CALL(linkat) CALL(symlink)
    CALL(ftruncate) CALL(fallocate) CALL(fsync) CALL(fdatasync) CALL(flock) CALL(getdents64) CALL(getcwd) CALL(statfs)
    CALL(fstatfs) CALL(utimensat) CALL(getuid) CALL(geteuid) CALL(getgid) CALL(getegid) CALL(fchown) CALL(uname)
    CALL(sysinfo) CALL(sched_getaffinity) CALL(copy_file_range) CALL(sendfile) CALL(memfd_create) CALL(fadvise64)
    CALL(getppid)
    {.call = "socket", .arguments = {ARG_EQUAL(0, FAMILY_UNIX)}},
    {.call = "clone", .arguments = {ARG_WITHOUT(0, NEW_NAMESPACES)}}, /* and clone3: threads of its job pools */
    {0},
};

/* ONNX Runtime: threads, and look-ups in /proc and /sys that fail in Landlock and must not kill. */
static const struct profile_rule model_rules[] = {
    CALL(clone3) CALL(sched_getaffinity) CALL(sched_setaffinity) CALL(sched_getparam) CALL(sched_getscheduler)
    CALL(getcpu) CALL(sysinfo) CALL(uname) CALL(access) CALL(faccessat) CALL(readlink) CALL(readlinkat) CALL(stat)
    CALL(prctl) CALL(setitimer) CALL(getuid) CALL(geteuid) CALL(getdents64)
    {0},
};
static const struct profile_rule infer_child_rules[] = {
    {.call = "clone", .arguments = {ARG_WITHOUT(0, NEW_NAMESPACES)}},
    {.call = "openat", .arguments = {ARG_WITHOUT(2, OPEN_FOR_WRITING)}},
    {.call = "open", .arguments = {ARG_WITHOUT(1, OPEN_FOR_WRITING)}},
    {0},
};

/* The supervisor starts the children, which lock themselves further. */
static const struct profile_rule infer_rules[] = {
    CALL(timerfd_create) CALL(memfd_create) CALL(clone) CALL(vfork) CALL(execve) CALL(execveat) CALL(wait4)
    CALL(waitid) CALL(kill) CALL(pidfd_send_signal) CALL(pidfd_open) CALL(close_range) CALL(dup2) CALL(seccomp)
    CALL(openat) CALL(open) CALL(arch_prctl) CALL(set_tid_address) CALL(setpriority) CALL(getgid) CALL(getegid)
    CALL(landlock_create_ruleset) CALL(landlock_add_rule) CALL(landlock_restrict_self) CALL(capget) CALL(capset)
    CALL(prlimit64)
    {0},
};

/* A worker walks through its lock-down under the zygote's filter: every one of the nine steps is in here. */
static const struct profile_rule zygote_rules[] = {
    CALL(clone3) CALL(wait4) CALL(waitid) CALL(pidfd_send_signal) CALL(close_range) CALL(dup2) CALL(prlimit64)
    CALL(setrlimit) CALL(setpriority) CALL(prctl) CALL(setgroups) CALL(setresgid) CALL(setresuid) CALL(getresuid)
    CALL(getresgid) CALL(capget) CALL(capset) CALL(landlock_restrict_self) CALL(seccomp) CALL(setitimer) CALL(getppid)
    {0},
};

/* git runs behind empty namespaces; this closes the kernel surface that namespaces do not. */
static const struct profile_rule git_refused[] = {
    CALL(socket) CALL(ptrace) CALL(process_vm_readv) CALL(process_vm_writev) CALL(bpf) CALL(perf_event_open)
    CALL(userfaultfd) CALL(keyctl) CALL(add_key) CALL(request_key) CALL(mount) CALL(umount2) CALL(pivot_root)
    CALL(chroot) CALL(setns) CALL(unshare) CALL(move_mount) CALL(open_tree) CALL(fsopen) CALL(fsmount)
    CALL(io_uring_setup) CALL(io_uring_enter) CALL(io_uring_register) CALL(kexec_load) CALL(init_module)
    CALL(finit_module) CALL(delete_module) CALL(swapon) CALL(swapoff) CALL(reboot) CALL(settimeofday)
    CALL(clock_settime) CALL(personality) CALL(modify_ldt) CALL(mknod) CALL(mknodat) CALL(shmget) CALL(semget)
    CALL(msgget) CALL(name_to_handle_at) CALL(open_by_handle_at)
    {0},
};

/* The address sanitizer's own calls: its allocator places mappings itself, its reports have a stack of their own, and
 * at a process's end a thread looks for leaks. No other build has this row (tests/proc/test_lockdown.py). */
#ifdef VITRINE_SANITIZED_ADDRESS
enum { ASAN_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE };
static const struct profile_rule asan_rules[] = {
    CALL(ptrace) CALL(wait4) CALL(prctl) CALL(getdents) CALL(sigaltstack) CALL(madvise)
    {.call = "mmap", .arguments = {WRITABLE_ONLY(2), ARG_WITHOUT(3, ~(uint64_t)ASAN_FLAGS)}},
    {0},
};
#define ASAN_RULES , asan_rules
#else
#define ASAN_RULES
#endif

static const struct profile profiles[LOCKDOWN_PROFILE_COUNT] = {
    [LOCKDOWN_PROFILE_WORKER] = {"worker", {worker_rules ASAN_RULES}, 0},
    [LOCKDOWN_PROFILE_POOL] = {"pool", {worker_rules, pool_rules ASAN_RULES}, 0},
    [LOCKDOWN_PROFILE_DESCRIBE] = {"describe", {worker_rules, describe_rules ASAN_RULES}, 0},
    [LOCKDOWN_PROFILE_ZYGOTE] = {"zygote", {service_rules, zygote_rules}, 0},
    [LOCKDOWN_PROFILE_GATEWAY] = {"gateway", {service_rules, gateway_rules}, 0},
    [LOCKDOWN_PROFILE_STORE] = {"store", {service_rules, store_rules ASAN_RULES}, 0},
    [LOCKDOWN_PROFILE_INFER] = {"infer", {service_rules, model_rules, infer_rules}, 0},
    [LOCKDOWN_PROFILE_INFER_CHILD] = {"infer-child", {service_rules, model_rules, infer_child_rules}, 0},
    [LOCKDOWN_PROFILE_GIT] = {"git", {git_refused}, 1},
};

const struct profile *profile_get(enum lockdown_profile profile)
{
    return &profiles[profile];
}
