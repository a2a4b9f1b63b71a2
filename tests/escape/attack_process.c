/* Processes, privileges, signals, limits, and what the kernel tells about others. Where an attack needs a victim it is
 * the process that the test named (attack_target): outside of every sandbox, owned by the test. */
#include "tests/escape/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char room[4096];
static char *const nothing[] = {NULL};
static const struct rlimit more = {16, 16}, unbounded = {RLIM_INFINITY, RLIM_INFINITY};
static const unsigned long first_processor = 1;
static const struct sched_param fifo = {.sched_priority = 10};
static const struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} deadline = {48, 6, 0, 0, 0, 1000000, 10000000, 10000000};

/* A child of a successful fork leaves at once: the parent's answer is the attack's. */
static long fork_with(long number, long flags)
{
    long pid = syscall(number, flags, 0, 0, 0, 0);

    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return pid;
}

#ifdef SYS_fork
static long fork_old(void) { return fork_with(SYS_fork, 0); }
#endif
static long fork_clone(void) { return fork_with(SYS_clone, SIGCHLD); }
static long fork_namespace(void) { return fork_with(SYS_clone, CLONE_NEWUSER | SIGCHLD); }

static long fork_clone3(void)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &arguments, sizeof arguments);

    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return pid;
}

/* A second thread of control. It ends at once, and without a stack: its first instructions use none. */
static long make_thread(void)
{
    struct clone_args arguments = {.flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD};
    long tid = SYS_clone3;

#ifdef __x86_64__
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tmov $60, %%eax\n\tsyscall\n1:"
                     : "+a"(tid) : "D"(&arguments), "S"(sizeof arguments) : "rcx", "r11", "memory");
    errno = tid < 0 ? (int)-tid : 0;
    return tid < 0 ? -1 : tid;
#else
    tid = syscall(SYS_clone, arguments.flags, 0, 0, 0, 0);
    return tid;
#endif
}

static long enter_namespace(void)
{
    int fd = open("/proc/1/ns/net", O_RDONLY);

    return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

/* A program of the attacker's own: as little as the kernel takes for one, from memory. */
static long exec_memory(long flags)
{
    char *arguments[] = {(char[]){"x"}, NULL};
    long fd = syscall(SYS_memfd_create, "x", 0);

    if (fd < 0)
        return -1;
    syscall(SYS_write, fd, "#!/bin/true\n", 12);
    return syscall(SYS_execveat, fd, "", arguments, nothing, flags);
}

static long exec_memfd(void) { return exec_memory(AT_EMPTY_PATH); }

static long add_capability(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{1u << CAP_SYS_ADMIN, 1u << CAP_SYS_ADMIN, 0}, {0, 0, 0}};

    return syscall(SYS_capset, &header, data);
}

/* What survives an execve: inheritable first, then ambient. */
static long ambient_capability(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    data[0].inheritable |= 1u << CAP_SYS_ADMIN;
    if (syscall(SYS_capset, &header, data) < 0)
        return -1;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0);
}

/* -- victims -- */

static long limit_other(void) { return syscall(SYS_prlimit64, attack_target(), RLIMIT_NOFILE, 0, room); }
static long trace_other(void) { return ptrace(PTRACE_SEIZE, (pid_t)attack_target(), NULL, NULL); }
static long compare_other(void)
{
    return syscall(SYS_kcmp, attack_target(), attack_target(), 0, 0, 0);
}
static long open_other(void) { return syscall(SYS_pidfd_open, attack_target(), 0); }
static long pid_of_other(void) { return syscall(SYS_getpgid, attack_target()); }
static long scheduler_of_other(void) { return syscall(SYS_sched_getscheduler, attack_target()); }

/* Reads the first bytes of the program header, which every process has at the same place only without PIE: EFAULT says
 * that the kernel would have let us read. */
static long memory_of_other(long number)
{
    struct iovec local = {room, 16}, remote = {(void *)0x10000, 16};
    long result = syscall(number, attack_target(), &local, 1ul, &remote, 1ul, 0ul);

    return result < 0 && errno == EFAULT ? 0 : result;
}

static long read_other(void) { return memory_of_other(SYS_process_vm_readv); }
static long write_other(void) { return memory_of_other(SYS_process_vm_writev); }

static long descriptor_of_other(void)
{
    long pidfd = syscall(SYS_pidfd_open, attack_target(), 0);

    return pidfd < 0 ? -1 : syscall(438 /* pidfd_getfd */, pidfd, 0, 0);
}

static long advise_other(void)
{
    struct iovec page = {(void *)0x10000, 4096};
    long pidfd = syscall(SYS_pidfd_open, attack_target(), 0);

    if (pidfd < 0)
        return -1;
    long result = syscall(440 /* process_madvise */, pidfd, &page, 1ul, 20 /* MADV_COLD */, 0);
    return result < 0 && errno == ENOMEM ? 0 : result;
}

/* EINVAL: the victim lives, so there is nothing to reap; the kernel would have done it. */
static long reap_other(void)
{
    long pidfd = syscall(SYS_pidfd_open, attack_target(), 0);

    if (pidfd < 0)
        return -1;
    long result = syscall(448 /* process_mrelease */, pidfd, 0);
    return result < 0 && errno == EINVAL ? 0 : result;
}

static long signal_pidfd(void)
{
    long pidfd = syscall(SYS_pidfd_open, attack_target(), 0);

    return pidfd < 0 ? -1 : syscall(SYS_pidfd_send_signal, pidfd, 0, 0, 0);
}

static long signal_other(void) { return syscall(SYS_kill, attack_target(), 0); }
static long signal_thread(void) { return syscall(SYS_tkill, attack_target(), 0); }
static long signal_group_thread(void) { return syscall(SYS_tgkill, attack_target(), attack_target(), 0); }

static long signal_queue(void)
{
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};

    return syscall(SYS_rt_sigqueueinfo, attack_target(), 0, &info);
}

/* -- its own signals -- */

static long block_signals(void)
{
    uint64_t all = ~0ull;

    return syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, 0, sizeof all);
}

static long ignore_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    return sigaction(SIGTERM, &action, NULL);
}

/* -- crashes: the session's own end and nobody else's -- */

static long crash_abort(void)
{
    abort();
}

static long crash_divide(void)
{
    volatile int seven = 7, zero = 0;

    return seven / zero;
}

static long crash_jump(void)
{
    void (*volatile nowhere)(void) = NULL;
    nowhere();
    return 0;
}

static long crash_trap(void)
{
    __builtin_trap();
}

/* The volatile pointer and the use after the call keep the compiler from turning this into a loop. */
static long crash_stack(void)
{
    volatile char frame[4096];
    long (*volatile again)(void) = crash_stack;

    frame[0] = 1;
    return again() + frame[0];
}

/* -- limits -- */

/* Fills all the memory there is; the answer is that there is an end of it. */
static long fill_memory(void)
{
    for (long megabytes = 0; megabytes < 4096; megabytes++) {
        char *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return -1;
        for (size_t at = 0; at < 1 << 20; at += 4096)
            page[at] = 1;
    }
    return 0;
}

/* Maps that cannot be merged: kernel memory that no data limit counts. */
static long many_maps(void)
{
    for (int i = 0; i < 100000; i++)
        if (mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED)
            return -1;
    return 0;
}

const struct attack attacks_process[] = {
#ifdef SYS_fork
    ATTACK("B1-fork", fork_old),
#endif
    ATTACK("B1-clone", fork_clone),
    ATTACK("B1-clone-namespace", fork_namespace),
    ATTACK("B1-clone3", fork_clone3),
    ATTACK_CALL("B1-clone3-bad-pointer", SYS_clone3, -8, 88),
    ATTACK("B1-thread", make_thread),
    ATTACK_CALL("B1-unshare", SYS_unshare, CLONE_NEWUSER),
    ATTACK_CALL("B1-unshare-mount", SYS_unshare, CLONE_NEWNS),
    ATTACK("B1-setns", enter_namespace),
    ATTACK_CALL("B2-exec-self", SYS_execve, (long)"/proc/self/exe", (long)nothing, (long)nothing),
    ATTACK_CALL("B2-exec-shell", SYS_execve, (long)"/bin/true", (long)nothing, (long)nothing),
    ATTACK("B2-exec-memory", exec_memfd),
    ATTACK_CALL("B2-exec-session", SYS_execveat, 3, (long)"", (long)nothing, (long)nothing, AT_EMPTY_PATH),
    ATTACK_CALL("B3-setresuid", SYS_setresuid, 0, 0, 0),
    ATTACK_CALL("B3-setresgid", SYS_setresgid, 0, 0, 0),
    ATTACK_CALL("B3-setuid", SYS_setuid, 0),
    ATTACK_CALL("B3-setgroups", SYS_setgroups, 0, 0),
    ATTACK_CALL("B3-setfsuid", SYS_setfsuid, 0),
    ATTACK_CALL("B3-setfsgid", SYS_setfsgid, 0),
    ATTACK("B3-capset", add_capability),
    ATTACK("B3-ambient", ambient_capability),
    ATTACK_CALL("B3-keepcaps", SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0),
    ATTACK_CALL("B3-securebits", SYS_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0),
    ATTACK_CALL("B5-new-privileges", SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0),
    ATTACK_CALL("B5-dumpable", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0),
    ATTACK_CALL("B5-mdwe", SYS_prctl, 65 /* PR_SET_MDWE */, 0, 0, 0, 0),
    ATTACK_CALL("B5-pdeathsig", SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0),
    ATTACK_CALL("B5-name", SYS_prctl, PR_SET_NAME, (long)"gateway", 0, 0, 0),
    ATTACK_CALL("B5-subreaper", SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0),
    ATTACK_CALL("B5-ptracer", SYS_prctl, PR_SET_PTRACER, -1, 0, 0, 0),
    ATTACK_CALL("B5-speculation", SYS_prctl, 53 /* PR_SET_SPECULATION_CTRL */, 0, 2, 0, 0),
    ATTACK_CALL("B5-tsc", SYS_prctl, PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0),
    ATTACK_CALL("B6-nproc", SYS_setrlimit, RLIMIT_NPROC, (long)&more),
    ATTACK_CALL("B6-nofile", SYS_setrlimit, RLIMIT_NOFILE, (long)&more),
    ATTACK_CALL("B6-stack", SYS_setrlimit, RLIMIT_STACK, (long)&unbounded),
    ATTACK_CALL("B6-prlimit", SYS_prlimit64, 0, RLIMIT_DATA, (long)&unbounded, 0),
    ATTACK("B6-prlimit-other", limit_other),
    ATTACK_CALL("B7-priority", SYS_setpriority, PRIO_PROCESS, 0, -20),
    ATTACK_CALL("B7-fifo", SYS_sched_setscheduler, 0, SCHED_FIFO, (long)&fifo),
    ATTACK_CALL("B7-deadline", SYS_sched_setattr, 0, (long)&deadline, 0),
    ATTACK_CALL("B7-affinity", SYS_sched_setaffinity, 0, 8, (long)&first_processor),
    ATTACK_CALL("B7-ioprio", SYS_ioprio_set, 1, 0, 1 << 13),
    ATTACK("B9-read-memory", read_other),
    ATTACK("B9-write-memory", write_other),
    ATTACK("B9-kcmp", compare_other),
    ATTACK("B9-pidfd-open", open_other),
    ATTACK("B9-pidfd-getfd", descriptor_of_other),
    ATTACK("B9-madvise", advise_other),
    ATTACK("B9-mrelease", reap_other),
    ATTACK("B9-ptrace", trace_other),
    ATTACK_CALL("B9-traceme", SYS_ptrace, PTRACE_TRACEME, 0, 0, 0),
    ATTACK("B9-getpgid", pid_of_other),
    ATTACK("B9-scheduler", scheduler_of_other),
    ATTACK_CALL("B10-read-implies-exec", SYS_personality, 0x0400000),
    ATTACK_CALL("B10-no-randomize", SYS_personality, 0x0040000),
    ATTACK("B15-abort", crash_abort),
    ATTACK("B15-divide", crash_divide),
    ATTACK("B15-jump", crash_jump),
    ATTACK("B15-trap", crash_trap),
    ATTACK("B15-stack", crash_stack),
    ATTACK_CALL("C1-kill-all", SYS_kill, -1, 0),
    ATTACK_CALL("C1-kill-group", SYS_kill, 0, 0),
    ATTACK_CALL("C1-kill-init", SYS_kill, 1, 0),
    ATTACK("C1-kill-other", signal_other),
    ATTACK("C1-tkill", signal_thread),
    ATTACK("C1-tgkill", signal_group_thread),
    ATTACK("C1-sigqueue", signal_queue),
    ATTACK("C1-pidfd-signal", signal_pidfd),
    ATTACK_CALL("C2-setown", SYS_fcntl, 3, F_SETOWN, 1),
    ATTACK_CALL("C2-setsig", SYS_fcntl, 3, F_SETSIG, SIGKILL),
    ATTACK("C3-block", block_signals),
    ATTACK("C3-ignore", ignore_signals),
    ATTACK_CALL("C3-sigsuspend", SYS_rt_sigpending, (long)room, 8),
    ATTACK_CALL("C3-timer", SYS_setitimer, 1 /* ITIMER_VIRTUAL */, (long)room, 0),
    ATTACK_CALL("C3-timer-create", SYS_timer_create, 0, 0, (long)room),
    ATTACK("G14-fill", fill_memory),
    ATTACK("G14-maps", many_maps),
    ATTACK_CALL("J5-sysinfo", SYS_sysinfo, (long)room),
    ATTACK_CALL("J5-rusage", SYS_getrusage, RUSAGE_SELF, (long)room),
    ATTACK_CALL("J5-times", SYS_times, (long)room),
    ATTACK_CALL("J5-getpid", SYS_getpid, 0),
    ATTACK_CALL("L6-uname", SYS_uname, (long)room),
    ATTACK_CALL("L6-getcpu", SYS_getcpu, (long)room, (long)room, 0),
    ATTACK_CALL("L6-affinity", SYS_sched_getaffinity, 0, 128, (long)room),
    ATTACK_CALL("L6-getuid", SYS_getuid, 0),
    {0},
};
