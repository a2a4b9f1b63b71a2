/* Landlock through its three system calls; the structures are written out because the headers of older
 * distributions lack the network and scope fields that newer kernels honour. */
#include "sandbox/lockdown/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

struct landlock_attributes {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

struct landlock_path {
    uint64_t access;
    int32_t parent_fd;
} __attribute__((packed));

enum {
    LANDLOCK_FILES_V1 = (1 << 13) - 1, /* execute … make_sym */
    LANDLOCK_FILE_REFER = 1 << 13,
    LANDLOCK_FILE_TRUNCATE = 1 << 14,
    LANDLOCK_FILE_IOCTL = 1 << 15,
    LANDLOCK_READ_ONLY = 1 << 2 | 1 << 3,     /* read_file, read_dir */
    LANDLOCK_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15,
    LANDLOCK_NETWORK = 3,                     /* bind, connect TCP */
    LANDLOCK_SCOPED = 3,                      /* abstract sockets, signals */
};

/* How much of the structure and which rights each version of the interface knows. */
static void landlock_fill(struct landlock_attributes *attributes, long version, size_t *ret_size)
{
    attributes->files = LANDLOCK_FILES_V1;
    attributes->files |= version >= 2 ? LANDLOCK_FILE_REFER : 0;
    attributes->files |= version >= 3 ? LANDLOCK_FILE_TRUNCATE : 0;
    attributes->files |= version >= 5 ? LANDLOCK_FILE_IOCTL : 0;
    attributes->network = version >= 4 ? LANDLOCK_NETWORK : 0;
    attributes->scoped = version >= 6 ? LANDLOCK_SCOPED : 0;
    *ret_size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
}

/* Everything that this kernel can restrict is restricted: what an older one does not know cannot be asked of it, and
 * the filter stands before all of it anyway. */
static int landlock_create(struct landlock_attributes *attributes)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    size_t size;

    if (version < 1)
        return ERROR_UNSUPPORTED;
    landlock_fill(attributes, version, &size);
    long fd = syscall(SYS_landlock_create_ruleset, attributes, size, 0);
    return fd < 0 ? ERROR_UNSUPPORTED : (int)fd;
}

int lockdown_landlock_ruleset(void)
{
    struct landlock_attributes attributes = {0};

    return landlock_create(&attributes);
}

/* A path that is not there needs no rule; one that is made later is not covered, which is the safe side. */
static int landlock_allow(int ruleset, const char *path, uint64_t access)
{
    FD_AUTO int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : ERROR_SYSTEM;
    struct landlock_path rule = {.access = access, .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0) == 0)
        return 0;
    rule.access &= LANDLOCK_OF_FILES; /* a plain file takes fewer rights than a folder */
    return syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0) == 0 ? 0 : ERROR_SYSTEM;
}

int lockdown_landlock_paths(const struct lockdown_paths *paths)
{
    struct landlock_attributes attributes = {0};
    FD_AUTO int ruleset = landlock_create(&attributes);
    int result = ruleset < 0 ? ruleset : 0;

    for (size_t i = 0; result == 0 && i < MEMORY_COUNT(paths->read_only) && paths->read_only[i]; i++)
        result = landlock_allow(ruleset, paths->read_only[i], LANDLOCK_READ_ONLY);
    for (size_t i = 0; result == 0 && i < MEMORY_COUNT(paths->read_write) && paths->read_write[i]; i++)
        result = landlock_allow(ruleset, paths->read_write[i], attributes.files & ~(uint64_t)1);
    return result < 0 ? result : fd_steal(&ruleset);
}

int lockdown_landlock_enter(int ruleset_fd)
{
    return syscall(SYS_landlock_restrict_self, ruleset_fd, 0) == 0 ? 0 : ERROR_SYSTEM;
}
