/* Control groups against hierarchies of plain files: what is written where, and what is said when something is missing.
 * Each case runs in a child with a tmpfs over /sys/fs/cgroup; our own groups are those that /proc/self/cgroup names. */
#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define HIERARCHY "/sys/fs/cgroup"

static void put(const char *path, const char *text)
{
    char folder[4096];

    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        _exit(90);
}

static bool holds(const char *path, const char *text)
{
    char found[128] = "";
    FILE *file = fopen(path, "r");

    if (file && !fgets(found, sizeof found, file))
        found[0] = '\0';
    if (file)
        fclose(file);
    return strcmp(found, text) == 0;
}

static void write_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(91);
    close(fd);
}

/* Hides the machine's groups behind an empty tmpfs, also as an ordinary user. */
static void hide_hierarchies(void)
{
    char map[64];
    uid_t uid = geteuid(), gid = getegid();

    if (uid != 0) {
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(92);
        write_map("/proc/self/setgroups", "deny");
        snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
        write_map("/proc/self/uid_map", map);
        snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
        write_map("/proc/self/gid_map", map);
    }
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", HIERARCHY, "tmpfs", 0, NULL) < 0)
        _exit(93);
}

static void run(int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        hide_hierarchies();
        _exit(body());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Our group of `controller` below its mount point, and in it a file. */
static const char *own_file(const char *controller, const char *mount, const char *name)
{
    static char path[4096];
    char line[2048], wanted[64];
    FILE *file = fopen("/proc/self/cgroup", "r");

    snprintf(wanted, sizeof wanted, ":%s:", controller);
    snprintf(path, sizeof path, "%s/%s", mount, name);
    while (file && fgets(line, sizeof line, file)) {
        char *at = strstr(line, wanted);
        if (!at)
            continue;
        at += strlen(wanted);
        at[strcspn(at, "\n")] = '\0';
        snprintf(path, sizeof path, "%s%s/%s", mount, strcmp(at, "/") == 0 ? "" : at, name);
    }
    if (file)
        fclose(file);
    return path;
}

static const char *demo_file(const char *controller, const char *mount, const char *name)
{
    char below[128];
    snprintf(below, sizeof below, "vitrine-demos-%d/%s", (int)getpid(), name);
    return own_file(controller, mount, below);
}

static int delegated_v2(void)
{
    static struct cgroup cgroup;
    put(own_file("", HIERARCHY, "cgroup.controllers"), "cpu memory pids\n");
    put(own_file("", HIERARCHY, "cgroup.subtree_control"), "");
    put(own_file("", HIERARCHY, "vitrine-services/cgroup.procs"), "");
    static const char *const files[] = {"memory.max", "pids.max", "cpu.weight", "cgroup.procs"};
    for (int i = 0; i < 4; i++)
        put(demo_file("", HIERARCHY, files[i]), "");
    cgroup_init(&cgroup, "auto");
    if (cgroup.version != 2 || strcmp(cgroup.words, "control groups version 2") != 0)
        return 1;
    if (!holds(own_file("", HIERARCHY, "vitrine-services/cgroup.procs"), "0")) /* we left the group that is divided */
        return 2;
    if (!holds(demo_file("", HIERARCHY, "pids.max"), "8192") || !holds(demo_file("", HIERARCHY, "cpu.weight"), "50"))
        return 3;
    if (holds(demo_file("", HIERARCHY, "memory.max"), ""))
        return 4;
    return cgroup_enter(&cgroup) == 0 && holds(demo_file("", HIERARCHY, "cgroup.procs"), "0") ? 0 : 5;
}

/* Controllers are there, but memory's file is not: said by name, the rest is bounded. */
static int partly_delegated_v2(void)
{
    static struct cgroup cgroup;
    put(own_file("", HIERARCHY, "cgroup.controllers"), "pids\n");
    put(own_file("", HIERARCHY, "vitrine-services/cgroup.procs"), "");
    put(demo_file("", HIERARCHY, "pids.max"), "");
    cgroup_init(&cgroup, "auto");
    return cgroup.version == 2 && cgroup.folders[1][0] && !cgroup.folders[0][0] && strstr(cgroup.words, ": memory") &&
                   strstr(cgroup.words, "share of the processor") && !strstr(cgroup.words, "number of processes")
               ? 0
               : 1;
}

static int undelegated_v2_is_left_alone(void)
{
    static struct cgroup cgroup;
    put(own_file("", HIERARCHY, "cgroup.controllers"), "hugetlb\n");
    cgroup_init(&cgroup, "auto");
    if (cgroup.version != 0 || !strstr(cgroup.words, "no control groups"))
        return 1;
    return access(own_file("", HIERARCHY, "vitrine-services"), F_OK) < 0 && cgroup_enter(&cgroup) == 0 ? 0 : 2;
}

static bool kernel_has_v1(void)
{
    char line[2048];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "r");

    while (file && fgets(line, sizeof line, file))
        found = found || strstr(line, ":pids:");
    if (file)
        fclose(file);
    return found;
}

static int v1_only_when_asked_for(void)
{
    static struct cgroup cgroup;
    const char *mount = HIERARCHY "/pids";
    if (!kernel_has_v1()) { /* a machine of version 2 alone: asking changes nothing, and is answered */
        cgroup_init(&cgroup, "v1");
        return cgroup.version == 0 && strstr(cgroup.words, "no control groups") ? 0 : 4;
    }
    put(own_file("pids", mount, "tasks"), "");
    put(demo_file("pids", mount, "pids.max"), "");
    put(demo_file("pids", mount, "cgroup.procs"), "");
    cgroup_init(&cgroup, "auto");
    if (cgroup.version != 0 || !holds(demo_file("pids", mount, "pids.max"), ""))
        return 1;
    cgroup_init(&cgroup, "v1");
    if (cgroup.version != 1 || !holds(demo_file("pids", mount, "pids.max"), "8192"))
        return 2;
    return cgroup_enter(&cgroup) == 0 && holds(demo_file("pids", mount, "cgroup.procs"), "0") ? 0 : 3;
}

static int entering_fails_when_the_group_is_gone(void)
{
    static struct cgroup cgroup;
    strcpy(cgroup.folders[0], HIERARCHY "/gone");
    return cgroup_enter(&cgroup) < 0 ? 0 : 1;
}

static int off_touches_nothing(void)
{
    static struct cgroup cgroup;
    put(own_file("", HIERARCHY, "cgroup.controllers"), "cpu memory pids\n");
    cgroup_init(&cgroup, "off");
    return cgroup.version == 0 && access(own_file("", HIERARCHY, "vitrine-services"), F_OK) < 0 ? 0 : 1;
}

#define CASE(name)                     \
    static void test_##name(void **state) \
    {                                  \
        (void)state;                   \
        run(name);                     \
    }
CASE(delegated_v2)
CASE(partly_delegated_v2)
CASE(undelegated_v2_is_left_alone)
CASE(v1_only_when_asked_for)
CASE(entering_fails_when_the_group_is_gone)
CASE(off_touches_nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delegated_v2),
        cmocka_unit_test(test_partly_delegated_v2),
        cmocka_unit_test(test_undelegated_v2_is_left_alone),
        cmocka_unit_test(test_v1_only_when_asked_for),
        cmocka_unit_test(test_entering_fails_when_the_group_is_gone),
        cmocka_unit_test(test_off_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
