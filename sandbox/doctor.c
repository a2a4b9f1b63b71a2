/* What the sandbox is made of on this machine, tried and not read from files: `vitrine doctor`, and every start. */
#include "sandbox/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "sandbox/cgroup.h"
#include "sandbox/lockdown/lockdown.h"

enum { DOCTOR_CALLS = 256 };

bool doctor_check(const struct settings *settings)
{
    const char *floor = settings->values[SETTING_SANDBOX_FLOOR], *trouble = NULL;
    uid_t base = (uid_t)strtoul(settings->values[SETTING_WORKER_UID_BASE], NULL, 10);
    enum lockdown_mode mode = lockdown_mode_probe(base, &trouble);

    log_info("sandbox mode %s", lockdown_mode_words(mode));
    if (trouble)
        log_warning("this machine does not offer %s", trouble);
    if (mode == LOCKDOWN_MODE_C)
        log_warning("git and publishing need namespaces: demos that are live run, pushes are refused");
    if (mode != LOCKDOWN_MODE_D && lockdown_mode_words(mode)[0] <= *floor)
        return true;
    const char *advice[] = {
        [LOCKDOWN_MODE_B] = "Start as root",
        [LOCKDOWN_MODE_C] = "Start as root, allow user namespaces, or take floor C if all demos are yours",
        [LOCKDOWN_MODE_D] = "It takes Linux 5.13 or later with Landlock among its security modules",
    };
    log_error("the sandbox is weaker than --sandbox-floor %s, so nothing is served. %s", floor, advice[mode]);
    return false;
}

/* For the manual, which a test holds against it: one line per kind of process. */
static int doctor_print_profiles(void)
{
    const char *calls[DOCTOR_CALLS];

    for (int profile = 0; profile < LOCKDOWN_PROFILE_COUNT; profile++) {
        size_t count = lockdown_profile_calls((enum lockdown_profile)profile, calls, MEMORY_COUNT(calls));
        printf("%s%s:", lockdown_profile_name((enum lockdown_profile)profile),
               profile == LOCKDOWN_PROFILE_GIT ? " (refused)" : "");
        for (size_t i = 0; i < count; i++)
            printf(" %s", calls[i]);
        puts("");
    }
    return 0;
}

int doctor_main(int argc, char **argv)
{
    struct settings settings;
    static struct cgroup cgroup; /* large */
    bool profiles = argc > 2 && strcmp(argv[2], "--profiles") == 0;
    int result = profiles ? 0 : settings_read(&settings, argc - 2, argv + 2, "vitrine doctor");

    if (result != 0)
        return result < 0 ? 2 : 0;
    if (profiles)
        return doctor_print_profiles();
    setenv("VITRINE_LOG", "text", 0);
    log_init("vitrine");
    bool good = doctor_check(&settings);
    cgroup_init(&cgroup, settings.values[SETTING_CGROUPS]);
    log_info("%s", cgroup.words);
    cgroup_release(&cgroup);
    return good ? 0 : 1;
}
