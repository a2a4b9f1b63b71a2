/* What `vitrine serve` can be told: the launcher reads it, and tells it all to every process it starts, each value
 * under its key. One table, so that nobody has to look for what a key is called. */
#ifndef RUNTIME_BASE_SETTINGS_H
#define RUNTIME_BASE_SETTINGS_H

#include <sys/types.h>

enum setting {
    SETTING_DATA,
    SETTING_PORT,
    SETTING_HOST,
    SETTING_LISTEN,
    SETTING_DEMO_DOMAIN,
    SETTING_SITE_URL,
    SETTING_USER,
    SETTING_WORKER_UID_BASE,
    SETTING_TRUSTED_PROXY,
    SETTING_PUBLIC_METRICS,
    SETTING_SANDBOX_FLOOR,
    SETTING_CGROUPS,
    SETTING_COUNT
};

struct settings {
    const char *values[SETTING_COUNT];
};

/* 0; 1 after printing the help text; ERROR_INVALID after printing what is wrong. */
int settings_parse(struct settings *settings, int argc, char **argv);
/* Without the check that everything needed for serving is there: what `vitrine doctor` reads. As above. */
int settings_read(struct settings *settings, int argc, char **argv, const char *program);
/* Who runs the services: ourselves; as root the user of --user when there is one, else an id just below the workers'
 * range, which no account has. */
void settings_find_user(const struct settings *settings, uid_t *ret_uid, gid_t *ret_gid);
/* An account that has one of the user ids that demos' workers get as root, or NULL (static storage until the next
 * getpwent()): its files would be a demo's. */
const char *settings_find_squatter(const struct settings *settings);
/* The site's address as people type it: the given one, or made of host and port. */
void settings_write_site_url(const struct settings *settings, char *ret_url, size_t room);
/* The key under which children are told ("port", "site_url"). */
const char *settings_key(enum setting setting);

#endif
