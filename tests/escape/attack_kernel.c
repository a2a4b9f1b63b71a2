/* The rest of the kernel's surface: rings, traps, programs for the kernel, memory that can be run, clocks, calls of
 * other tables, and the allowed calls with arguments that are not what they seem. */
#include "tests/escape/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static char room[8192] __attribute__((aligned(4096)));
static const char constant[4096] __attribute__((aligned(4096))) = "not to be written";
static const struct timespec moment = {1, 0};
static const struct perf_event_attr counter = {.type = PERF_TYPE_SOFTWARE, .size = sizeof counter, .exclude_kernel = 1};
static union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
/* r0 = 0; exit */
static const struct bpf_insn program[] = {{0xb7, 0, 0, 0, 0}, {0x95, 0, 0, 0, 0}};

#define PRIVATE_ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define KERNEL_ADDRESS (-8192l)

static void *map_page(void)
{
    void *page = mmap(NULL, 8192, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? NULL : page;
}

static long mapped(void *page) { return page == MAP_FAILED ? -1 : 0; }

static long load_program(void)
{
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2,
                                 .insns = (uint64_t)(uintptr_t)program, .license = (uint64_t)(uintptr_t)"GPL"};

    return syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

/* E9: one worker makes a segment under a number, another attaches it. */
static long share_segment(void) { return shmget(0x76742d31, 4096, IPC_CREAT | 0666); }
static long find_segment(void) { return shmget(0x76742d31, 4096, 0); }

static long open_queue(void)
{
    return syscall(SYS_mq_open, "vitrine-escape", O_CREAT | O_RDWR, 0600, NULL);
}

static long attach_executable(void)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0700);

    if (id < 0)
        return -1;
    void *page = shmat(id, NULL, SHM_EXEC);
    int error = errno;
    shmctl(id, IPC_RMID, NULL);
    errno = error;
    return page == (void *)-1 ? -1 : 0;
}

/* -- memory that can be run -- */

static long map_runnable(void)
{
    return mapped(mmap(NULL, 4096, READ_WRITE | PROT_EXEC, PRIVATE_ANONYMOUS, -1, 0));
}
static long map_code(void) { return mapped(mmap(NULL, 4096, PROT_READ | PROT_EXEC, PRIVATE_ANONYMOUS, -1, 0)); }
static long map_shared(void) { return mapped(mmap(NULL, 4096, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)); }
static long map_fixed(void)
{
    return mapped(mmap((void *)(uintptr_t)0x10000, 4096, READ_WRITE, PRIVATE_ANONYMOUS | MAP_FIXED, -1, 0));
}
static long map_growing(void) { return mapped(mmap(NULL, 4096, READ_WRITE, PRIVATE_ANONYMOUS | MAP_GROWSDOWN, -1, 0)); }
static long map_huge(void) { return mapped(mmap(NULL, 2 << 20, READ_WRITE, PRIVATE_ANONYMOUS | MAP_HUGETLB, -1, 0)); }
static long map_locked(void) { return mapped(mmap(NULL, 1 << 20, READ_WRITE, PRIVATE_ANONYMOUS | MAP_LOCKED, -1, 0)); }

/* The filter compares 64 bits: what a comparison of 32 would let through. */
static long map_high_flags(void)
{
    return syscall(SYS_mmap, 0, 4096, PROT_READ, PRIVATE_ANONYMOUS | 1l << 40, -1, 0);
}
static long map_high_protection(void)
{
    return syscall(SYS_mmap, 0, 4096, PROT_READ | 1l << 34, PRIVATE_ANONYMOUS, -1, 0);
}

static long run_heap(void) { return mprotect(map_page(), 4096, PROT_READ | PROT_EXEC); }
static long run_data(void) { return mprotect(room, 4096, READ_WRITE | PROT_EXEC); }
static long run_with_key(void) { return syscall(SYS_pkey_mprotect, map_page(), 4096, PROT_READ | PROT_EXEC, -1); }

static long run_stack(void)
{
    uintptr_t here = (uintptr_t)&here;

    return mprotect((void *)(here & ~4095ul), 4096, READ_WRITE | PROT_EXEC);
}

/* Code over data: what was mapped to be run is moved over a page that the attacker wrote. */
static long move_code(void)
{
    long at = syscall(SYS_mremap, map_page(), 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, room);

    return at < 0 ? -1 : mprotect(room, 4096, PROT_READ | PROT_EXEC);
}

static long move_fixed(void)
{
    return syscall(SYS_mremap, map_page(), 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, map_page());
}
static long move_keeping(void)
{
    return syscall(SYS_mremap, map_page(), 4096, 4096, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, 0);
}
static long move_in_place(void) { return syscall(SYS_mremap, map_page(), 4096, 4096, 0, 0); }

static long advise(int advice) { return madvise(map_page(), 4096, advice); }
static long advise_merge(void) { return advise(MADV_MERGEABLE); }
static long advise_poison(void) { return advise(101 /* MADV_SOFT_OFFLINE */); }
static long advise_remove(void) { return advise(MADV_REMOVE); }
static long advise_huge(void) { return advise(MADV_HUGEPAGE); }
static long advise_wipe(void) { return advise(MADV_WIPEONFORK); }
static long advise_drop(void) { return advise(MADV_DONTNEED); }

static long remap_pages(void)
{
    void *page = mmap(NULL, 8192, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? -1 : syscall(SYS_remap_file_pages, page, 4096, 0, 1, 0);
}

static long seal_memory(void) { return syscall(462 /* mseal */, map_page(), 4096, 0); }
static long lock_memory(void) { return mlock(room, sizeof room); }

/* Takes away the ground it stands on. */
static long unmap_code(void)
{
    uintptr_t here = (uintptr_t)unmap_code;

    return munmap((void *)(here & ~4095ul), 4096);
}

static long unmap_stack(void)
{
    uintptr_t here = (uintptr_t)&here;

    return munmap((void *)((here & ~4095ul) - 4096), 8192);
}

/* -- clocks -- */

static long clock_of_other(void)
{
    clockid_t clock = (clockid_t)(~(unsigned long)attack_target() << 3 | 2);

    return syscall(SYS_clock_gettime, clock, room);
}

/* A clock behind a descriptor (PTP hardware): EINVAL says that the kernel looked. */
static long clock_of_descriptor(void)
{
    long result = syscall(SYS_clock_gettime, (long)(~3ul << 3 | 3), room);

    return result < 0 && errno == EINVAL ? 0 : result;
}

static long random_without_end(void)
{
    for (int i = 0; i < 16; i++)
        if (syscall(SYS_getrandom, room, sizeof room, 0) < 0)
            return -1;
    return 0;
}

/* One instruction: return ALLOW. */
static const struct sock_filter allow_everything[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
static const struct sock_fprog allow_all = {1, (struct sock_filter *)allow_everything};

/* -- other tables of calls -- */

#ifdef __x86_64__
static long old_table(void)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "cc"); /* getpid of the 32-bit table */
    return result;
}

static long foreign_table(void) { return syscall(0x40000000 + SYS_getpid); }

static long enter_by_sysenter(void)
{
    __asm__ volatile("mov $20, %%eax\n\tmov %%rsp, %%rbp\n\tsysenter" : : : "rax", "rcx", "rdx", "memory");
    return 0;
}

/* 32-bit code must stand below 4 GiB and be runnable: such a page does not come about. */
static long far_jump(void)
{
    static const unsigned char code[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcb}; /* mov $20, %eax; int $0x80; lret */
    unsigned char *page = mmap(NULL, 8192, READ_WRITE | PROT_EXEC, PRIVATE_ANONYMOUS | MAP_32BIT, -1, 0);
    struct {
        uint32_t offset;
        uint16_t segment;
    } __attribute__((packed)) target;

    if (page == MAP_FAILED)
        return -1;
    memcpy(page, code, sizeof code);
    target.offset = (uint32_t)(uintptr_t)page;
    target.segment = 0x23;
    /* The far return comes back through a stack of the low half: only that it gets there is of interest, so the page's
     * first bytes are proof enough. */
    return target.offset != 0 ? 0 : -1;
}

/* C5: a forged frame takes the attacker to any register state, which the bug that took over the VM gave anyway. The
 * state it goes to opens a file. */
static void forged_landing(void)
{
    syscall(SYS_exit_group, syscall(SYS_openat, -100, "/etc/passwd", 0) < 0 ? 1 : 0);
}

static long forge_frame(void)
{
    static ucontext_t context;
    static char stack[16384] __attribute__((aligned(16)));

    getcontext(&context);
    context.uc_mcontext.fpregs = NULL;
    context.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)forged_landing;
    context.uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)(stack + sizeof stack - 8);
    context.uc_mcontext.gregs[REG_CSGSFS] = 0x33 | (greg_t)0x2b << 48;
    __asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall" : : "r"(&context) : "memory");
    return -1;
}
#endif

const struct attack attacks_kernel[] = {
#ifdef __x86_64__
    ATTACK("C5-forged-frame", forge_frame),
    ATTACK("E2-x32", foreign_table),
    ATTACK("E3-int80", old_table),
    ATTACK("E3-sysenter", enter_by_sysenter),
    ATTACK("E3-far-jump", far_jump),
#endif
    ATTACK_CALL("E5-ring-setup", SYS_io_uring_setup, 4, (long)room),
    ATTACK_CALL("E5-ring-enter", SYS_io_uring_enter, 3, 1, 0, 0, 0, 0),
    ATTACK_CALL("E5-ring-register", SYS_io_uring_register, 3, 0, 0, 0),
    ATTACK_CALL("E5-aio", SYS_io_setup, 8, (long)room),
    ATTACK_CALL("E6-userfaultfd", SYS_userfaultfd, 0),
    ATTACK_CALL("E6-userfaultfd-user", SYS_userfaultfd, 1),
    ATTACK_CALL("E7-bpf-map", SYS_bpf, BPF_MAP_CREATE, (long)&map, sizeof map),
    ATTACK("E7-bpf-program", load_program),
    ATTACK_CALL("E7-perf-self", SYS_perf_event_open, (long)&counter, 0, -1, -1, 0),
    ATTACK_CALL("E7-perf-system", SYS_perf_event_open, (long)&counter, -1, 0, -1, 0),
    ATTACK_CALL("E9-shm", SYS_shmget, IPC_PRIVATE, 4096, IPC_CREAT | 0600),
    ATTACK("E9-shm-share", share_segment),
    ATTACK("E9-shm-find", find_segment),
    ATTACK_CALL("E9-sem", SYS_semget, IPC_PRIVATE, 1, 0600),
    ATTACK_CALL("E9-msg", SYS_msgget, IPC_PRIVATE, 0600),
    ATTACK("E9-mqueue", open_queue),
    ATTACK_CALL("E10-memfd", SYS_memfd_create, (long)"x", 0),
    ATTACK_CALL("E10-memfd-sealed", SYS_memfd_create, (long)"x", 2 /* MFD_ALLOW_SEALING */),
    ATTACK_CALL("E10-memfd-exec", SYS_memfd_create, (long)"x", 0x10 /* MFD_EXEC */),
    ATTACK_CALL("E10-memfd-secret", 447 /* memfd_secret */, 0),
    ATTACK("E11-map-runnable", map_runnable),
    ATTACK("E11-map-code", map_code),
    ATTACK("E11-map-shared", map_shared),
    ATTACK("E11-map-fixed", map_fixed),
    ATTACK("E11-map-growing", map_growing),
    ATTACK("E11-map-huge", map_huge),
    ATTACK("E11-map-locked", map_locked),
    ATTACK("E11-map-high-flags", map_high_flags),
    ATTACK("E11-map-high-protection", map_high_protection),
    ATTACK("E11-run-heap", run_heap),
    ATTACK("E11-run-data", run_data),
    ATTACK("E11-run-stack", run_stack),
    ATTACK("E11-run-with-key", run_with_key),
    ATTACK("E11-move-code", move_code),
    ATTACK("E11-attach-runnable", attach_executable),
    ATTACK("E13-move-fixed", move_fixed),
    ATTACK("E13-move-keeping", move_keeping),
    ATTACK("E13-move-in-place", move_in_place),
    ATTACK("E13-merge", advise_merge),
    ATTACK("E13-poison", advise_poison),
    ATTACK("E13-remove", advise_remove),
    ATTACK("E13-huge", advise_huge),
    ATTACK("E13-wipe", advise_wipe),
    ATTACK("E13-drop", advise_drop),
    ATTACK("E14-remap", remap_pages),
    ATTACK("E14-seal", seal_memory),
    ATTACK("E14-lock", lock_memory),
    ATTACK("E14-unmap-code", unmap_code),
    ATTACK("E14-unmap-stack", unmap_stack),
    ATTACK_CALL("E15-keyctl", SYS_keyctl, 0, -3, 1),
    ATTACK_CALL("E15-add-key", SYS_add_key, (long)"user", (long)"x", (long)"y", 1, -3),
    ATTACK_CALL("E15-request-key", SYS_request_key, (long)"user", (long)"x", 0, -3),
#ifdef __x86_64__
    ATTACK_CALL("E15-ldt", SYS_modify_ldt, 0, (long)room, 16),
    ATTACK_CALL("E15-gs", SYS_arch_prctl, 0x1001, (long)room),
    ATTACK_CALL("E15-map-vdso", SYS_arch_prctl, 0x2003, 0),
    ATTACK_CALL("E15-shadow-stack", SYS_arch_prctl, 0x5001, 1),
    ATTACK_CALL("E15-iopl", SYS_iopl, 3),
    ATTACK_CALL("E15-ioperm", SYS_ioperm, 0x80, 1, 1),
    ATTACK_CALL("E15-thread-area", SYS_set_thread_area, (long)room),
    ATTACK_CALL("E21-uselib", SYS_uselib, (long)"/lib/x"),
    ATTACK_CALL("E21-old-time", SYS_time, 0),
#endif
    ATTACK_CALL("E17-filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&allow_all),
    ATTACK_CALL("E17-listener", SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                (long)&allow_all),
    ATTACK_CALL("E17-strict", SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0),
    ATTACK_CALL("E17-landlock", SYS_landlock_create_ruleset, 0, 0, 1),
    ATTACK_CALL("E17-restrict", SYS_landlock_restrict_self, 3, 0),
    ATTACK("E18-clock-of-other", clock_of_other),
    ATTACK("E18-clock-of-descriptor", clock_of_descriptor),
    ATTACK_CALL("E18-clock-3", SYS_clock_gettime, 3, (long)room),
    ATTACK_CALL("E18-clock-4", SYS_clock_gettime, 4, (long)room),
    ATTACK_CALL("E18-clock-7", SYS_clock_gettime, 7, (long)room),
    ATTACK_CALL("E18-clock-11", SYS_clock_gettime, 11, (long)room),
    ATTACK_CALL("E18-clock-high", SYS_clock_gettime, 1l << 32, (long)room),
    ATTACK_CALL("E18-set", SYS_clock_settime, 9, (long)&moment),
    ATTACK_CALL("E18-adjust", SYS_adjtimex, (long)room),
    ATTACK_CALL("E18-set-old", SYS_settimeofday, 8, 0),
    ATTACK_CALL("E18-sleep", SYS_nanosleep, (long)room, 0),
    ATTACK_CALL("E19-random", SYS_getrandom, (long)room, 16, 2 /* GRND_RANDOM */),
    ATTACK("E19-random-loop", random_without_end),
    ATTACK_CALL("E21-reboot", SYS_reboot, 0, 0, 0, 0),
    ATTACK_CALL("E21-kexec", SYS_kexec_load, 0, 1, 0, 0xffff0000),
    ATTACK_CALL("E21-module", SYS_init_module, 0, 0, (long)""),
    ATTACK_CALL("E21-module-file", SYS_finit_module, 0, (long)"", 0),
    ATTACK_CALL("E21-module-remove", SYS_delete_module, (long)"vitrine", 0x800),
    ATTACK_CALL("E21-swapon", SYS_swapon, (long)"/tmp/vitrine-nothing", 0),
    ATTACK_CALL("E21-acct", SYS_acct, (long)"/tmp/vitrine-nothing"),
    ATTACK_CALL("E21-quotactl", SYS_quotactl, 0x80000100, 0, 0, 0),
    ATTACK_CALL("E21-syslog", SYS_syslog, 10, 0, 0),
    ATTACK_CALL("E21-sethostname", SYS_sethostname, (long)"x", 1),
    ATTACK_CALL("E21-futex", SYS_futex, (long)room, 1, 1, 0, 0, 0),
    ATTACK_CALL("E21-robust-list", SYS_set_robust_list, (long)room, 24),
    ATTACK_CALL("E21-rseq", SYS_rseq, (long)room, 32, 0, 0),
    ATTACK_CALL("E21-membarrier", SYS_membarrier, 0, 0, 0),
    /* The allowed calls, with pointers and lengths that lie. */
    ATTACK_CALL("E22-read-kernel", SYS_read, 0, KERNEL_ADDRESS, 16),
    ATTACK_CALL("E22-write-kernel", SYS_write, 3, KERNEL_ADDRESS, 16),
    ATTACK_CALL("E22-write-null", SYS_write, 3, 0, 16),
    ATTACK_CALL("E22-write-unmapped", SYS_write, 3, 0x1003, 16),
    ATTACK_CALL("E22-write-huge", SYS_write, 3, (long)room, 1l << 62),
    ATTACK_CALL("E22-write-negative", SYS_write, 3, (long)room, -1),
    ATTACK_CALL("E22-write-bad-fd", SYS_write, -1, (long)room, 1),
    ATTACK_CALL("E22-clock-null", SYS_clock_gettime, 1, 8),
    ATTACK_CALL("E22-clock-kernel", SYS_clock_gettime, 1, KERNEL_ADDRESS),
    ATTACK_CALL("E22-mmap-huge", SYS_mmap, 0, 1l << 47, 3, PRIVATE_ANONYMOUS, -1, 0),
    ATTACK_CALL("E22-mmap-wrap", SYS_mmap, 0, -4096, 3, PRIVATE_ANONYMOUS, -1, 0),
    ATTACK_CALL("E22-mmap-nothing", SYS_mmap, 0, 0, 3, PRIVATE_ANONYMOUS, -1, 0),
    ATTACK_CALL("E22-munmap-unaligned", SYS_munmap, 1, 4096),
    ATTACK_CALL("E22-munmap-wrap", SYS_munmap, 4096, -4096),
    ATTACK_CALL("E22-mremap-wrap", SYS_mremap, (long)room, 4096, -4096, MREMAP_MAYMOVE),
    ATTACK_CALL("E22-mremap-unmapped", SYS_mremap, 0x1000, 4096, 8192, MREMAP_MAYMOVE),
    ATTACK_CALL("E23-read-only-page", SYS_clock_gettime, 1, (long)constant),
    {0},
};
