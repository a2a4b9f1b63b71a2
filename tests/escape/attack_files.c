/* Files, mounts and descriptors. The paths are those a thief would try first; every machine has them. */
#include "tests/escape/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/wire/message.h"

static char room[4096];
static const struct open_how how_beneath = {.flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS};

#define PASSWD (long)"/etc/passwd"
#define UPWARDS (long)"../../../../../../etc/passwd"

/* From every descriptor that was inherited: one of them might be a directory. */
static long open_from_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++)
        if (openat(fd, "../../../../etc/passwd", O_RDONLY) >= 0)
            return 0;
    return -1;
}

static long list_root(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return -1;
    /* An empty folder has two entries of 24 bytes each. More is a world outside. */
    errno = ENOENT;
    return syscall(SYS_getdents64, fd, room, sizeof room) > 48 ? 0 : -1;
}

static long chroot_fresh(void)
{
    mkdir("/tmp/vitrine-fresh", 0700);
    return chroot("/tmp/vitrine-fresh");
}

/* By its number in the file system, where no path leads. */
static long open_by_number(void)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } file = {.handle.handle_bytes = 128};
    int mount_id;

    if (name_to_handle_at(AT_FDCWD, "/etc", &file.handle, &mount_id, 0) < 0)
        return -1;
    int where = open("/etc", O_RDONLY | O_DIRECTORY);
    return open_by_handle_at(where, &file.handle, O_RDONLY);
}

static long number_of_root(void)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } file = {.handle.handle_bytes = 128};
    int mount_id;

    return name_to_handle_at(AT_FDCWD, "/", &file.handle, &mount_id, 0);
}

static long watch_files(void)
{
    int fd = inotify_init1(0);

    return fd < 0 ? -1 : inotify_add_watch(fd, "/etc", IN_ALL_EVENTS);
}

/* The classic way out of a chroot: keep a folder open, go one root deeper, walk up from the kept one. */
static long chroot_walk_up(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return -1;
    mkdir("/tmp", 0700);
    if (chroot("/tmp") < 0 || fchdir(fd) < 0)
        return -1;
    for (int i = 0; i < 32; i++)
        if (chdir("..") < 0)
            return -1;
    return chroot(".") < 0 ? -1 : open("etc/passwd", O_RDONLY);
}

static long map_session(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0) == MAP_FAILED ? -1 : 0;
}

static long map_null_device(void)
{
    return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0) == MAP_FAILED ? -1 : 0;
}

/* F5: a descriptor over the session, in a well-formed frame. */
static long pass_descriptor(void)
{
    char frame[16] = {MESSAGE_worker_log, 0, 0, 0, 8}, body[8] = {0}; /* two empty texts */
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec parts[] = {{frame, sizeof frame}, {body, sizeof body}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2,
                             .msg_control = &control, .msg_controllen = sizeof control};

    return sendmsg(3, &message, 0);
}

static long send_to_session(void)
{
    char frame[24] = {MESSAGE_worker_log, 0, 0, 0, 8};

    return sendto(3, frame, sizeof frame, 0, NULL, 0);
}

/* F1: how many descriptors answer to a write of nothing. The session and 0-2 do; a fifth would be a find. */
static long find_descriptor(void)
{
    for (int fd = 4; fd < 1024; fd++)
        if (write(fd, room, 0) >= 0 || errno != EBADF)
            return fd;
    errno = EBADF;
    return -1;
}

static long duplicate_thousands(void)
{
    for (int i = 0; i < 10000; i++)
        if (dup(0) < 0)
            return -1;
    return 0;
}

/* Watchers of watchers: the kernel's wake-up path was quadratic in this once. */
static long nest_watchers(void)
{
    int outer = epoll_create1(0);

    for (int depth = 0; outer >= 0 && depth < 5; depth++) {
        struct epoll_event event = {.events = EPOLLIN};
        int inner = epoll_create1(0);
        if (inner < 0 || epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event) < 0)
            return -1;
        outer = inner;
    }
    return outer;
}

const struct attack attacks_files[] = {
    ATTACK_CALL("A1-open", SYS_openat, AT_FDCWD, PASSWD, O_RDONLY),
    ATTACK_CALL("A1-creat", SYS_openat, AT_FDCWD, (long)"/tmp/vitrine-made", O_CREAT | O_WRONLY, 0600),
    ATTACK_CALL("A1-mkdir", SYS_mkdirat, AT_FDCWD, (long)"/tmp/vitrine-folder", 0700),
    ATTACK_CALL("A1-symlink", SYS_symlinkat, PASSWD, AT_FDCWD, (long)"/tmp/vitrine-link"),
    ATTACK_CALL("A1-link", SYS_linkat, AT_FDCWD, (long)"/tmp/vitrine-file", AT_FDCWD, (long)"/tmp/vitrine-hard", 0),
    ATTACK_CALL("A1-unlink", SYS_unlinkat, AT_FDCWD, (long)"/tmp/vitrine-file", 0),
    ATTACK_CALL("A1-rename", SYS_renameat2, AT_FDCWD, (long)"/tmp/vitrine-file", AT_FDCWD, (long)"/tmp/x", 0),
    ATTACK_CALL("A1-chmod", SYS_fchmodat, AT_FDCWD, (long)"/tmp", 01777),
    ATTACK_CALL("A1-mknod", SYS_mknodat, AT_FDCWD, (long)"/tmp/vitrine-disk", S_IFBLK | 0600, 0x800),
    ATTACK_CALL("A1-truncate", SYS_truncate, (long)"/tmp/vitrine-file", 0),
#ifdef SYS_open
    ATTACK_CALL("A1-open-old", SYS_open, PASSWD, O_RDONLY),
#endif
    ATTACK_CALL("A2-upwards", SYS_openat, AT_FDCWD, UPWARDS, O_RDONLY),
    ATTACK("A2-from-descriptors", open_from_descriptors),
    ATTACK_CALL("A3-open-root", SYS_openat, AT_FDCWD, (long)"/", O_RDONLY | O_DIRECTORY),
    ATTACK_CALL("A3-path-root", SYS_openat, AT_FDCWD, (long)"/", O_PATH),
    ATTACK("A3-list-root", list_root),
    ATTACK_CALL("A5-self-mem", SYS_openat, AT_FDCWD, (long)"/proc/self/mem", O_RDWR),
    ATTACK_CALL("A5-self-exe", SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY),
    ATTACK_CALL("A5-init-root", SYS_openat, AT_FDCWD, (long)"/proc/1/root", O_RDONLY),
    ATTACK_CALL("A5-self-fd", SYS_openat, AT_FDCWD, (long)"/proc/self/fd/0", O_RDWR),
    ATTACK_CALL("A5-sys", SYS_openat, AT_FDCWD, (long)"/sys/kernel", O_RDONLY),
    ATTACK_CALL("A5-dev-mem", SYS_openat, AT_FDCWD, (long)"/dev/kmsg", O_RDONLY),
    ATTACK_CALL("A6-chroot", SYS_chroot, (long)"."),
    ATTACK("A6-chroot-fresh", chroot_fresh),
    ATTACK("A6-walk-up", chroot_walk_up),
    ATTACK_CALL("A6-fchdir", SYS_fchdir, 5),
    ATTACK_CALL("A6-chdir", SYS_chdir, (long)"/etc"),
    ATTACK_CALL("A7-mount-tmpfs", SYS_mount, (long)"tmpfs", (long)"/", (long)"tmpfs", 0, 0),
    ATTACK_CALL("A7-mount-proc", SYS_mount, (long)"proc", (long)"/", (long)"proc", 0, 0),
    ATTACK_CALL("A7-umount", SYS_umount2, (long)"/", MNT_DETACH),
    ATTACK_CALL("A7-pivot-root", SYS_pivot_root, (long)".", (long)"."),
    ATTACK_CALL("A7-move-mount", SYS_move_mount, AT_FDCWD, (long)"/", AT_FDCWD, (long)"/", 0),
    ATTACK_CALL("A7-open-tree", SYS_open_tree, AT_FDCWD, (long)"/", 1 /* OPEN_TREE_CLONE */),
    ATTACK_CALL("A7-fsopen", SYS_fsopen, (long)"tmpfs", 0),
    ATTACK_CALL("A7-fsmount", SYS_fsmount, 3, 0, 0),
    ATTACK_CALL("A7-fspick", SYS_fspick, AT_FDCWD, (long)"/", 0),
    ATTACK_CALL("A7-mount-setattr", 442 /* mount_setattr */, AT_FDCWD, (long)"/", 0, (long)room, 32),
    ATTACK_CALL("A9-openat2", SYS_openat2, AT_FDCWD, PASSWD, (long)&how_beneath, sizeof how_beneath),
    ATTACK_CALL("A9-statx", SYS_statx, AT_FDCWD, PASSWD, 0, 0x7ff, (long)room),
    ATTACK_CALL("A9-stat", SYS_newfstatat, AT_FDCWD, PASSWD, (long)room, 0),
    ATTACK_CALL("A9-access", SYS_faccessat, AT_FDCWD, PASSWD, R_OK),
    ATTACK_CALL("A9-readlink", SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)room, sizeof room),
    ATTACK("A9-handle", number_of_root),
    ATTACK("A9-by-handle", open_by_number),
    ATTACK_CALL("A9-inotify", SYS_inotify_init1, 0),
    ATTACK("A9-inotify-watch", watch_files),
    ATTACK_CALL("A9-fanotify", SYS_fanotify_init, 0x200 /* FAN_REPORT_FID */, O_RDONLY),
    ATTACK_CALL("A9-getxattr", SYS_getxattr, PASSWD, (long)"user.x", (long)room, sizeof room),
    ATTACK_CALL("A9-statfs", SYS_statfs, (long)"/", (long)room),
    ATTACK_CALL("A9-getcwd", SYS_getcwd, (long)room, sizeof room),
    ATTACK("A10-map-session", map_session),
    ATTACK("A10-map-null", map_null_device),
    ATTACK_CALL("A11-fstat", SYS_fstat, 3, (long)room),
    ATTACK_CALL("A11-fchmod", SYS_fchmod, 3, 0777),
    ATTACK_CALL("A11-fchown", SYS_fchown, 3, 0, 0),
    ATTACK_CALL("A11-async", SYS_fcntl, 3, F_SETFL, O_ASYNC | O_NONBLOCK),
    ATTACK_CALL("A11-ioctl", SYS_ioctl, 3, 0x541b /* FIONREAD */, (long)room),
    ATTACK_CALL("A11-terminal", SYS_ioctl, 0, 0x5412 /* TIOCSTI */, (long)room),
    ATTACK_CALL("A11-getsockopt", SYS_getsockopt, 3, SOL_SOCKET, SO_PEERCRED, (long)room, (long)(room + 64)),
    ATTACK_CALL("A11-setsockopt", SYS_setsockopt, 3, SOL_SOCKET, SO_SNDBUF, (long)room, 4),
    ATTACK("F1-descriptors", find_descriptor),
    ATTACK("F5-sendmsg", pass_descriptor),
    ATTACK_CALL("F5-recvmsg", SYS_recvmsg, 3, (long)room, 0x40 /* MSG_DONTWAIT */),
    ATTACK_CALL("F6-dup", SYS_fcntl, 3, F_DUPFD, 100),
    ATTACK("F6-dup-thousands", duplicate_thousands),
    ATTACK("F6-epoll-nested", nest_watchers),
    ATTACK_CALL("F6-pipe", SYS_pipe2, (long)room, 0),
    ATTACK("F7-sendto", send_to_session),
    ATTACK_CALL("F7-splice", SYS_splice, 0, 0, 3, 0, 4096, 0),
    ATTACK_CALL("F7-sendfile", SYS_sendfile, 3, 0, 0, 4096),
    {0},
};
