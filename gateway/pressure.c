/* Why not pressure stall information: it tells that tasks already wait for memory, and its triggers need a writable
 * file and a poll of their own. Idle workers should go before anybody waits, so what counts is what is left:
 * MemAvailable of the machine, and for every control group above us that has a limit, limit − use + page cache that
 * can be dropped.
 *
 * Workers run in groups below the same ancestors as the gateway, so the walk from our own group to the root sees
 * every limit that they share. Version 2 and version 1 of the interface differ in names only. */
#include "gateway/pressure.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/limit.h"
#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

enum { FILE_BYTES = 8192 };

static const struct interface {
    const char *line;   /* what its line in /proc/self/cgroup holds between number and path */
    const char *folder; /* where the groups are mounted */
    const char *limit, *used, *reclaimable;
} interfaces[] = {
    {"::", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

bool pressure_field(struct text file, const char *name, uint64_t *ret_value)
{
    while (file.length > 0) {
        struct text line = text_cut(&file, '\n');
        if (!text_starts(line, text_from(name)) || line.length == strlen(name) || line.data[strlen(name)] != ' ')
            continue;
        line = text_trim(text_skip(line, strlen(name)));
        struct text number = text_cut(&line, ' ');
        return text_to_u64(number, ret_value) == 0;
    }
    return false;
}

static struct text read_fd(int fd, char memory[FILE_BYTES])
{
    ssize_t count = fd < 0 ? -1 : pread(fd, memory, FILE_BYTES, 0);
    return (struct text){memory, count > 0 ? (size_t)count : 0};
}

static bool read_number(int fd, uint64_t *ret_value)
{
    char memory[FILE_BYTES];
    return text_to_u64(text_trim(read_fd(fd, memory)), ret_value) == 0; /* "max": no limit, no number */
}

static int open_at(const char *root, const char *folder, struct text path, const char *name)
{
    struct buffer file BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&file, "%s%s" TEXT_FORMAT "/%s", root, folder, TEXT_ARGUMENT(path), name);
    return open(file.data, O_RDONLY | O_CLOEXEC);
}

static void close_group(struct pressure_group *group)
{
    fd_close(&group->limit_fd);
    fd_close(&group->used_fd);
    fd_close(&group->stat_fd);
}

/* A group is worth watching when it has the files; whether it has a limit may change while we run. */
static void open_group(struct pressure *pressure, const char *root, const struct interface *interface, struct text path)
{
    struct pressure_group group = {
        .limit_fd = open_at(root, interface->folder, path, interface->limit),
        .used_fd = open_at(root, interface->folder, path, interface->used),
        .stat_fd = open_at(root, interface->folder, path, "memory.stat"),
    };
    if (group.limit_fd >= 0 && group.used_fd >= 0 && pressure->group_count < PRESSURE_GROUPS)
        pressure->groups[pressure->group_count++] = group;
    else
        close_group(&group);
}

/* The group of this path and all above it; the path is "/" at the top, or in a container's own namespace. */
static void open_ancestors(struct pressure *pressure, const char *root, const struct interface *interface,
                           struct text path)
{
    while (path.length > 1) {
        open_group(pressure, root, interface, path);
        while (path.length > 1 && path.data[path.length - 1] != '/')
            path.length--;
        path.length--; /* the slash */
    }
    open_group(pressure, root, interface, TEXT(""));
}

static void open_groups(struct pressure *pressure, const char *root)
{
    char memory[FILE_BYTES];
    int fd FD_AUTO = open_at(root, "/proc", TEXT(""), "self/cgroup");
    struct text file = read_fd(fd, memory);
    while (file.length > 0) {
        struct text line = text_cut(&file, '\n');
        ptrdiff_t colon = text_find(line, ':');
        for (size_t i = 0; colon >= 0 && i < MEMORY_COUNT(interfaces); i++)
            if (text_starts(text_skip(line, (size_t)colon), text_from(interfaces[i].line)))
                open_ancestors(pressure, root, &interfaces[i],
                               text_skip(line, (size_t)colon + strlen(interfaces[i].line)));
    }
}

void pressure_open(struct pressure *pressure, const char *root)
{
    *pressure = (struct pressure){.reserve_bytes = limit_environment("MEMORY_FREE_BYTES", 0)};
    pressure->meminfo_fd = open_at(root, "/proc", TEXT(""), "meminfo");
    open_groups(pressure, root);
}

void pressure_close(struct pressure *pressure)
{
    fd_close(&pressure->meminfo_fd);
    while (pressure->group_count > 0)
        close_group(&pressure->groups[--pressure->group_count]);
}

/* Without the operator's word a sixteenth stays free, on large machines no more than BOUNDS_MEMORY_FREE_BYTES. */
static uint64_t missing_of(const struct pressure *pressure, uint64_t total, uint64_t available)
{
    uint64_t reserve = total / 16 < BOUNDS_MEMORY_FREE_BYTES ? total / 16 : BOUNDS_MEMORY_FREE_BYTES;
    if (pressure->reserve_bytes > 0)
        reserve = pressure->reserve_bytes;
    return available < reserve ? reserve - available : 0;
}

static uint64_t missing_in_machine(const struct pressure *pressure)
{
    char memory[FILE_BYTES];
    struct text file = read_fd(pressure->meminfo_fd, memory);
    uint64_t total, available;
    if (!pressure_field(file, "MemTotal:", &total) || !pressure_field(file, "MemAvailable:", &available))
        return 0;
    return missing_of(pressure, total * 1024, available * 1024);
}

static uint64_t missing_in_group(const struct pressure *pressure, const struct pressure_group *group)
{
    char memory[FILE_BYTES];
    struct text stat = read_fd(group->stat_fd, memory);
    uint64_t limit, used, cache = 0;
    if (!read_number(group->limit_fd, &limit) || !read_number(group->used_fd, &used) || limit > INT64_MAX / 2)
        return 0; /* version 1 says "no limit" with a number near 2^63 */
    for (size_t i = 0; cache == 0 && i < MEMORY_COUNT(interfaces); i++)
        pressure_field(stat, interfaces[i].reclaimable, &cache);
    used = cache < used ? used - cache : 0;
    return missing_of(pressure, limit, used < limit ? limit - used : 0);
}

uint64_t pressure_missing(const struct pressure *pressure)
{
    uint64_t most = missing_in_machine(pressure);
    for (uint32_t i = 0; i < pressure->group_count; i++) {
        uint64_t missing = missing_in_group(pressure, &pressure->groups[i]);
        most = missing > most ? missing : most;
    }
    return most;
}
