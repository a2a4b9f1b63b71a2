/* The native hostile worker: stands for "the Lua VM has been taken over". It walks through the production lock-down,
 * unchanged, and then runs attack NAME instead of Lua.
 *
 *   hostile NAME     runs one attack locked; prints how the worker ended: "signal N", "exit N"
 *   hostile free NAME  the same without any lock-down: the control that shows what the attack does where nothing stops
 * it hostile list     names, one per line hostile sweep    every system call 0-511: prints the numbers that did not end
 * the worker
 *
 * An attack ends with exit 0 when it got what it wanted, 1 when it was refused with an error. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <netinet/in.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "sandbox/lockdown/lockdown.h"

enum { HOSTILE_UID_BASE = 1879048192, HOSTILE_SLOT = 4000 };

static int got(long result)
{
    return result >= 0 ? 0 : 1;
}

static int open_passwd(void) { return got(open("/etc/passwd", O_RDONLY)); }
static int open_upwards(void) { return got(open("../../../../../etc/passwd", O_RDONLY)); }
static int open_root(void) { return got(open("/", O_RDONLY | O_DIRECTORY)); }
static int open_proc(void) { return got(open("/proc/self/mem", O_RDWR)); }
static int make_file(void) { return got(open("/x", O_CREAT | O_WRONLY, 0600)); }
static int change_root(void) { return got(chroot(".")); }
static int mount_tmpfs(void) { return got(mount("tmpfs", "/", "tmpfs", 0, NULL)); }
static int unmount_root(void) { return got(umount2("/", MNT_DETACH)); }
static int fork_child(void) { return got(fork()); }
static int clone_thread(void)
{
    return got(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL, NULL, NULL, 0));
}
static int exec_self(void)
{
    char *arguments[] = {(char[]){"/proc/self/exe"}, NULL};
    return got(execve(arguments[0], arguments, arguments + 1));
}
static int exec_session(void)
{
    char *arguments[] = {(char[]){"x"}, NULL};
    return got(syscall(SYS_execveat, 3, "", arguments, arguments + 1, AT_EMPTY_PATH));
}
static int become_root(void) { return got(setresuid(0, 0, 0)); }
static int raise_ambient(void) { return got(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0)); }
static int make_dumpable(void) { return got(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }
static int raise_limit(void)
{
    struct rlimit limit = {100, 100};
    return got(setrlimit(RLIMIT_NPROC, &limit));
}
static int raise_priority(void) { return got(setpriority(PRIO_PROCESS, 0, -20)); }
static int read_other_memory(void)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {(void *)0x400000, 1};
    return got(process_vm_readv(getppid(), &local, 1, &remote, 1, 0));
}
static int trace_parent(void) { return got(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)); }
static int kill_everybody(void) { return got(kill(-1, 0)); }
static int personality_exec(void) { return got(personality(READ_IMPLIES_EXEC)); }
static int ignore_signals(void) { return got((long)signal(SIGTERM, SIG_IGN)); }
static int socket_inet(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(22), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 1 : connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != ECONNREFUSED;
}
static int socket_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0vitrine-probe"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? 1 : got(bind(fd, (struct sockaddr *)&address, sizeof address));
}
static int socket_netlink(void) { return got(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int socket_vsock(void) { return got(socket(AF_VSOCK, SOCK_STREAM, 0)); }
static int socket_pair(void)
{
    int pair[2];
    return got(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}
static int pass_descriptor(void)
{
    char byte = 0, room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    return got(sendmsg(3, &message, 0));
}
static int io_ring(void)
{
    char parameters[120] = {0};
    return got(syscall(SYS_io_uring_setup, 4, parameters));
}
static int user_fault(void) { return got(syscall(SYS_userfaultfd, 1)); }
static int load_bpf(void)
{
    char attributes[128] = {1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0};
    return got(syscall(SYS_bpf, 0, attributes, sizeof attributes));
}
static int shared_memory(void) { return got(shmget(IPC_PRIVATE, 4096, 0600)); }
static int make_memfd(void) { return got(memfd_create("x", 0)); }
static int map_executable(void)
{
    return got(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                   ? -1
                   : 0);
}
static int map_shared(void)
{
    return got(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}
static int map_high_bits(void)
{
    return got(syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 1ul << 40, -1, 0) == -1 ? -1 : 0);
}
static int protect_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return got(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}
static int new_namespace(void) { return got(unshare(CLONE_NEWUSER)); }
static int other_clock(void)
{
    struct timespec now;
    return got(clock_gettime(~(clockid_t)1 << 3 | 2, &now) == 0 || errno == EINVAL ? 0 : -1);
}
static int key_ring(void) { return got(syscall(SYS_keyctl, 0, -3, 1)); }
static int more_filters(void) { return got(syscall(SYS_seccomp, 0, 1, NULL) == 0 || errno == EFAULT ? 0 : -1); }
static int system_name(void)
{
    char name[400];
    return got(syscall(SYS_uname, name));
}
static int old_calls(void)
{
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* getpid of the 32-bit table */
    return got(result);
#else
    return got(syscall(SYS_getpid));
#endif
}
static int strange_abi(void) { return got(syscall(0x40000000 + 39)); }

static const struct attack {
    const char *name;
    int (*run)(void);
} attacks[] = {
    {"A1-open-passwd", open_passwd},
    {"A2-open-upwards", open_upwards},
    {"A3-open-root", open_root},
    {"A5-open-proc", open_proc},
    {"A5-make-file", make_file},
    {"A6-chroot", change_root},
    {"A7-mount", mount_tmpfs},
    {"A7-unmount", unmount_root},
    {"B1-fork", fork_child},
    {"B1-thread", clone_thread},
    {"B2-exec-self", exec_self},
    {"B2-exec-session", exec_session},
    {"B3-setresuid", become_root},
    {"B3-ambient", raise_ambient},
    {"B5-dumpable", make_dumpable},
    {"B6-setrlimit", raise_limit},
    {"B7-priority", raise_priority},
    {"B9-process-vm-readv", read_other_memory},
    {"B9-ptrace", trace_parent},
    {"B10-personality", personality_exec},
    {"C1-kill", kill_everybody},
    {"C3-sigaction", ignore_signals},
    {"D1-inet", socket_inet},
    {"D2-unix", socket_unix},
    {"D5-netlink", socket_netlink},
    {"D5-vsock", socket_vsock},
    {"D6-socketpair", socket_pair},
    {"F5-sendmsg", pass_descriptor},
    {"E3-int80", old_calls},
    {"E2-x32", strange_abi},
    {"E5-io-uring", io_ring},
    {"E6-userfaultfd", user_fault},
    {"E7-bpf", load_bpf},
    {"E9-shmget", shared_memory},
    {"E10-memfd", make_memfd},
    {"E11-mmap-exec", map_executable},
    {"E11-mmap-shared", map_shared},
    {"E11-mmap-high-bits", map_high_bits},
    {"E11-mprotect", protect_executable},
    {"A7-namespace", new_namespace},
    {"E18-clock", other_clock},
    {"E15-keyctl", key_ring},
    {"E17-seccomp", more_filters},
    {"L6-uname", system_name},
};

static struct lockdown_zygote zygote;

static pid_t hostile_spawn(int *ret_session)
{
    int pair[2];
    struct clone_args arguments = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        exit(3);
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        struct lockdown_worker worker = {
            .zygote = &zygote, .slot = HOSTILE_SLOT, .session_fd = pair[1], .data_bytes = 64 << 20, .cpu_seconds = 5};
        lockdown_worker(&worker);
        return 0;
    }
    close(pair[1]);
    *ret_session = pair[0];
    return pid;
}

static int hostile_wait(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) < 0)
        exit(3);
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int hostile_attack(const struct attack *attack)
{
    int session;
    pid_t pid = hostile_spawn(&session);

    if (pid == 0)
        _exit(attack->run());
    int code = hostile_wait(pid);
    printf(code >= 256 ? "signal %d\n" : "exit %d\n", code & 255);
    return 0;
}

/* E1: each call with arguments 0 and with arguments -1 in a worker of its own. exit_group ends it by itself. */
static int hostile_sweep(void)
{
    for (int number = 0; number < 512; number++)
        for (int round = 0; round < 2; round++) {
            int session;
            pid_t pid = hostile_spawn(&session);
            if (pid == 0) {
                long a = round ? -1 : 0;
                syscall(number, a, a, a, a, a, a);
                syscall(SYS_exit_group, 42);
            }
            close(session); /* a read ends at once */
            int code = hostile_wait(pid);
            if (code != 256 + SIGSYS)
                printf("%d %d %s %d\n", number, round, code >= 256 ? "signal" : "exit", code & 255);
        }
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[argc - 1] : "list";
    bool locked = !(argc > 2 && strcmp(argv[1], "free") == 0);

    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(name, "list") == 0) {
        for (size_t i = 0; i < MEMORY_COUNT(attacks); i++)
            puts(attacks[i].name);
        return 0;
    }
    if (locked && lockdown_zygote_init(&zygote, HOSTILE_UID_BASE) < 0) {
        fprintf(stderr, "the sandbox could not be set up: %s: %s\n", zygote.trouble, strerror(errno));
        return 2;
    }
    if (strcmp(name, "sweep") == 0)
        return hostile_sweep();
    for (size_t i = 0; i < MEMORY_COUNT(attacks); i++)
        if (strcmp(name, attacks[i].name) == 0)
            return locked ? hostile_attack(&attacks[i]) : (printf("exit %d\n", attacks[i].run()), 0);
    return 2;
}
