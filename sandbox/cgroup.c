/* Every attempt writes and looks whether that worked; nothing is believed because a file exists. What cannot be
 * bounded is left out of `folders` and named in `words`; a start never fails for it, since the operator's machine
 * may be a container that hides its groups. */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"

/* What the demos may have together. */
static const struct controller {
    const char *name, *meaning;
    const char *file_v2, *file_v1;
    unsigned long long value_v2, value_v1; /* 0: a share of the machine's memory */
} controllers[CGROUP_CONTROLLERS] = {
    {"memory", "memory", "memory.max", "memory.limit_in_bytes", 0, 0},
    {"pids", "number of processes", "pids.max", "pids.max", BOUNDS_DEMOS_PROCESSES, BOUNDS_DEMOS_PROCESSES},
    {"cpu", "share of the processor", "cpu.weight", "cpu.shares", BOUNDS_DEMOS_CPU_WEIGHT,
     BOUNDS_DEMOS_CPU_WEIGHT * 1024 / 100},
};

static int cgroup_write(const char *folder, const char *file, const char *text)
{
    char path[PLACE_PATH_BYTES + 64];

    snprintf(path, sizeof path, "%s/%s", folder, file);
    FD_AUTO int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : ERROR_SYSTEM;
}

static unsigned long long cgroup_memory_bytes(void)
{
    return (unsigned long long)sysconf(_SC_PHYS_PAGES) * (unsigned long long)sysconf(_SC_PAGESIZE) / 100 *
           BOUNDS_DEMOS_MEMORY_PERCENT;
}

/* Our own group of `controller` as /proc/self/cgroup tells it ("" is version 2), below the usual mount points. */
static bool cgroup_own(const char *controller, const char *mount, char ret_folder[PLACE_PATH_BYTES])
{
    char line[PLACE_PATH_BYTES];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file && !found && fgets(line, sizeof line, file)) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        for (char *name = strtok(names + 1, ","); name && !found; name = strtok(NULL, ","))
            found = strcmp(name, controller) == 0;
        found = found || (!*controller && names[1] == '\0');
        if (found)
            snprintf(ret_folder, PLACE_PATH_BYTES, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    }
    if (file)
        fclose(file);
    return found && access(ret_folder, W_OK) == 0;
}

static int cgroup_make(char ret_folder[PLACE_PATH_BYTES], const char *own)
{
    if (snprintf(ret_folder, PLACE_PATH_BYTES, "%s/vitrine-demos-%d", own, (int)getpid()) >= PLACE_PATH_BYTES)
        return ERROR_LIMIT;
    return mkdir(ret_folder, 0755) == 0 || errno == EEXIST ? 0 : ERROR_SYSTEM;
}

static bool cgroup_bound(struct cgroup *cgroup, size_t index, const char *folder)
{
    const struct controller *controller = &controllers[index];
    unsigned long long value = cgroup->version == 2 ? controller->value_v2 : controller->value_v1;
    char text[32];

    snprintf(text, sizeof text, "%llu", value ? value : cgroup_memory_bytes());
    if (cgroup_write(folder, cgroup->version == 2 ? controller->file_v2 : controller->file_v1, text) < 0)
        return false;
    snprintf(cgroup->folders[index], PLACE_PATH_BYTES, "%s", folder);
    return true;
}

/* True when our own group was given at least one controller that we need. */
static bool cgroup_is_delegated(const char *own)
{
    char path[PLACE_PATH_BYTES + 32], names[256] = "";

    snprintf(path, sizeof path, "%s/cgroup.controllers", own);
    FD_AUTO int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, names, sizeof names - 1) > 0 && (strstr(names, "memory") || strstr(names, "pids"));
}

/* Version 2 allows limits only below a group that holds no process itself: we move into a folder of our own first. */
static bool cgroup_try_v2(struct cgroup *cgroup, const char *mount)
{
    char own[PLACE_PATH_BYTES], folder[PLACE_PATH_BYTES], services[PLACE_PATH_BYTES + 32];

    if (!cgroup_own("", mount, own) || !cgroup_is_delegated(own))
        return false;
    snprintf(services, sizeof services, "%s/vitrine-services", own);
    if ((mkdir(services, 0755) < 0 && errno != EEXIST) || cgroup_write(services, "cgroup.procs", "0") < 0)
        return false;
    cgroup->version = 2;
    for (size_t c = 0; c < CGROUP_CONTROLLERS; c++) {
        char enable[32];
        snprintf(enable, sizeof enable, "+%s", controllers[c].name);
        cgroup_write(own, "cgroup.subtree_control", enable); /* one that was not delegated shows when it is bound */
    }
    for (size_t c = 0; c < CGROUP_CONTROLLERS && cgroup_make(folder, own) == 0; c++)
        cgroup_bound(cgroup, c, folder);
    return true;
}

static void cgroup_try_v1(struct cgroup *cgroup)
{
    char own[PLACE_PATH_BYTES], folder[PLACE_PATH_BYTES], mount[64];

    cgroup->version = 1;
    for (size_t c = 0; c < CGROUP_CONTROLLERS; c++) {
        snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controllers[c].name);
        if (cgroup_own(controllers[c].name, mount, own) && cgroup_make(folder, own) == 0 &&
            !cgroup_bound(cgroup, c, folder))
            rmdir(folder);
    }
}

static void cgroup_describe(struct cgroup *cgroup)
{
    size_t room = sizeof cgroup->words, length = 0;
    const char *between = "; not bounded for all demos together: ";
    bool any = false;

    for (size_t c = 0; c < CGROUP_CONTROLLERS; c++)
        any |= cgroup->folders[c][0] != '\0';
    cgroup->version = any ? cgroup->version : 0;
    length = (size_t)snprintf(cgroup->words, room,
                              any ? "control groups version %d"
                                  : "no control groups (version 2 must be delegated to us; version "
                                    "1 is asked for with --cgroups v1)",
                              cgroup->version);
    for (size_t c = 0; c < CGROUP_CONTROLLERS && length < room; c++)
        if (!cgroup->folders[c][0]) {
            length += (size_t)snprintf(cgroup->words + length, room - length, "%s%s", between, controllers[c].meaning);
            between = ", ";
        }
}

void cgroup_init(struct cgroup *cgroup, const char *wanted)
{
    *cgroup = (struct cgroup){0};
    if (strcmp(wanted, "v1") == 0)
        cgroup_try_v1(cgroup);
    else if (strcmp(wanted, "off") != 0 && !cgroup_try_v2(cgroup, "/sys/fs/cgroup"))
        cgroup_try_v2(cgroup, "/sys/fs/cgroup/unified");
    cgroup_describe(cgroup);
}

/* "0" is whoever writes. A group that was promised and cannot be entered is an error: its bounds were announced. */
int cgroup_enter(const struct cgroup *cgroup)
{
    for (size_t c = 0; c < CGROUP_CONTROLLERS; c++)
        if (cgroup->folders[c][0] && cgroup_write(cgroup->folders[c], "cgroup.procs", "0") < 0)
            return ERROR_SYSTEM;
    return 0;
}

void cgroup_release(struct cgroup *cgroup)
{
    for (size_t c = 0; c < CGROUP_CONTROLLERS; c++)
        if (cgroup->folders[c][0])
            rmdir(cgroup->folders[c]); /* on version 2 one folder for all: the second attempt finds it gone */
    *cgroup = (struct cgroup){0};
}
