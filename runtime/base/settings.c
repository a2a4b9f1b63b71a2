#include "runtime/base/settings.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/options.h"
#include "runtime/base/text.h"

static const struct option_entry entries[SETTING_COUNT] = {
    [SETTING_DATA] = {"data", NULL, "DIR      where everything is kept (required)"},
    [SETTING_PORT] = {"port", "7860", "N        TCP port of the site"},
    [SETTING_HOST] = {"host", "localhost", "NAME     public host name of the site"},
    [SETTING_LISTEN] = {"listen", "", "ADDRESS  address to listen on (default: loopback for localhost, else all)"},
    [SETTING_DEMO_DOMAIN] = {"demo-domain", "",
                             "NAME     domain below which every demo has its own origin (default: the host)"},
    [SETTING_SITE_URL] = {"site-url", "",
                          "URL      address of the site as people type it, when a proxy stands in front"},
    [SETTING_USER] = {"user", "vitrine", "NAME     when started as root: who runs the services"},
    [SETTING_WORKER_UID_BASE] = {"worker-uid-base", "1879048192",
                                 "N  when started as root: first user id of the demo workers"},
    [SETTING_TRUSTED_PROXY] = {"trusted-proxy", "", "ADDRESS  proxy whose X-Forwarded-For is believed"},
    [SETTING_PUBLIC_METRICS] = {"public-metrics", "0", "0|1      serve /metrics to everybody"},
    [SETTING_SANDBOX_FLOOR] = {"sandbox-floor", "B", "A|B|C    weakest sandbox to serve with; see vitrine doctor"},
    [SETTING_CGROUPS] = {"cgroups", "auto", "auto|v1|off  control groups that bound all demos together"},
};

static int settings_refuse(const char *rule, const char *value)
{
    fprintf(stderr, "vitrine: %s, not \"%s\"\n", rule, value);
    return ERROR_INVALID;
}

static int settings_check(const struct settings *settings)
{
    const char *const *values = settings->values;
    uint64_t port, base;

    if (!values[SETTING_DATA])
        return settings_refuse("--data (or VITRINE_DATA) must name a folder", "");
    if (text_to_u64(text_from(values[SETTING_PORT]), &port) < 0 || port == 0 || port > 65535)
        return settings_refuse("--port must be 1 to 65535", values[SETTING_PORT]);
    if (text_to_u64(text_from(values[SETTING_WORKER_UID_BASE]), &base) < 0 || base < 1000 || base > 4000000000u)
        return settings_refuse("--worker-uid-base must be a user id from 1000 to 4000000000",
                               values[SETTING_WORKER_UID_BASE]);
    return 0;
}

int settings_read(struct settings *settings, int argc, char **argv, const char *program)
{
    int result = options_parse(entries, SETTING_COUNT, settings->values, argc, argv, program);
    const char *floor = settings->values[SETTING_SANDBOX_FLOOR], *cgroups = settings->values[SETTING_CGROUPS];

    if (result == 1) {
        printf("usage: %s [--data DIR] [option …]\n\nEach option can also be given as VITRINE_<NAME>, e.g. "
               "VITRINE_PORT=8080.\nLimits are VITRINE_LIMIT_*; runtime/base/bounds.h lists them.\n\n", program);
        options_help(entries, SETTING_COUNT);
    }
    if (result == 0 && (strlen(floor) != 1 || !strchr("ABC", *floor)))
        return settings_refuse("--sandbox-floor must be A, B or C", floor);
    if (result == 0 && strcmp(cgroups, "auto") != 0 && strcmp(cgroups, "v1") != 0 && strcmp(cgroups, "off") != 0)
        return settings_refuse("--cgroups must be auto, v1 or off", cgroups);
    return result;
}

int settings_parse(struct settings *settings, int argc, char **argv)
{
    int result = settings_read(settings, argc, argv, "vitrine serve");

    return result == 0 ? settings_check(settings) : result;
}

void settings_find_user(const struct settings *settings, uid_t *ret_uid, gid_t *ret_gid)
{
    struct passwd *entry = geteuid() == 0 ? getpwnam(settings->values[SETTING_USER]) : NULL;
    uid_t below = (uid_t)strtoul(settings->values[SETTING_WORKER_UID_BASE], NULL, 10) - 1;

    *ret_uid = geteuid() != 0 ? geteuid() : entry && entry->pw_uid != 0 ? entry->pw_uid : below;
    *ret_gid = geteuid() != 0 ? getegid() : entry && entry->pw_uid != 0 ? entry->pw_gid : below;
}

const char *settings_find_squatter(const struct settings *settings)
{
    uid_t base = (uid_t)strtoul(settings->values[SETTING_WORKER_UID_BASE], NULL, 10);
    struct passwd *entry;

    setpwent();
    while ((entry = getpwent()) != NULL && (entry->pw_uid < base || entry->pw_uid - base >= BOUNDS_WORKERS))
        ;
    endpwent();
    return entry ? entry->pw_name : NULL;
}

void settings_write_site_url(const struct settings *settings, char *ret_url, size_t room)
{
    const char *const *values = settings->values;

    if (*values[SETTING_SITE_URL])
        snprintf(ret_url, room, "%s", values[SETTING_SITE_URL]);
    else
        snprintf(ret_url, room, "http://%s:%s", values[SETTING_HOST], values[SETTING_PORT]);
}

const char *settings_key(enum setting setting)
{
    static char keys[SETTING_COUNT][32];

    options_write_key(entries[setting].name, keys[setting], sizeof keys[setting]);
    return keys[setting];
}
