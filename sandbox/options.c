#include "sandbox/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

static const struct option_entry {
    const char *name; /* flag without dashes; VITRINE_<NAME> in capitals; children's configuration key with '_' */
    const char *fallback;
    const char *help;
} entries[OPTION_COUNT] = {
    [OPTION_DATA] = {"data", NULL, "DIR      where everything is kept (required)"},
    [OPTION_PORT] = {"port", "7860", "N        TCP port of the site"},
    [OPTION_HOST] = {"host", "localhost", "NAME     public host name of the site"},
    [OPTION_LISTEN] = {"listen", "",
                       "ADDRESS  address to listen on (default: loopback when the host is localhost, else all)"},
    [OPTION_DEMO_DOMAIN] = {"demo-domain", "",
                            "NAME     domain below which every demo has its own origin (default: the host)"},
    [OPTION_SITE_URL] = {"site-url", "",
                         "URL      address of the site as people type it, when a proxy stands in front"},
    [OPTION_USER] = {"user", "vitrine", "NAME     when started as root: who runs the services"},
    [OPTION_WORKER_UID_BASE] = {"worker-uid-base", "1879048192",
                                "N  when started as root: first user id of the demo workers"},
    [OPTION_TRUSTED_PROXY] = {"trusted-proxy", "", "ADDRESS  proxy whose X-Forwarded-For is believed"},
    [OPTION_PUBLIC_METRICS] = {"public-metrics", "0", "0|1      serve /metrics to everybody"},
};

static void options_help(FILE *out)
{
    fputs("usage: vitrine serve --data DIR [option …]\n\nEach option can also be given as VITRINE_<NAME>, e.g. "
          "VITRINE_PORT=8080.\n"
          "Limits are VITRINE_LIMIT_*; runtime/base/bounds.h lists them.\n\n",
          out);
    for (int i = 0; i < OPTION_COUNT; i++)
        fprintf(out, "  --%s %s%s%s%s\n", entries[i].name, entries[i].help,
                entries[i].fallback && *entries[i].fallback ? " [" : "", entries[i].fallback ? entries[i].fallback : "",
                entries[i].fallback && *entries[i].fallback ? "]" : "");
}

static int options_find(const char *flag, size_t length)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strlen(entries[i].name) == length && memcmp(entries[i].name, flag, length) == 0)
            return i;
    return ERROR_NOT_FOUND;
}

static void options_from_environment(struct options *options)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        char name[64] = "VITRINE_";
        size_t length = strlen(name);
        for (const char *at = entries[i].name; *at && length + 1 < sizeof name; at++)
            name[length++] = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
        name[length] = '\0';
        const char *value = getenv(name);
        options->values[i] = value && *value ? value : entries[i].fallback;
    }
}

static int options_check(const struct options *options)
{
    uint64_t port, base;

    if (!options->values[OPTION_DATA]) {
        fputs("vitrine serve: --data DIR is missing (or VITRINE_DATA)\n", stderr);
        return ERROR_INVALID;
    }
    if (text_to_u64(text_from(options->values[OPTION_PORT]), &port) < 0 || port == 0 || port > 65535) {
        fprintf(stderr, "vitrine serve: --port must be 1 to 65535, not \"%s\"\n", options->values[OPTION_PORT]);
        return ERROR_INVALID;
    }
    if (text_to_u64(text_from(options->values[OPTION_WORKER_UID_BASE]), &base) < 0 || base < 1000 ||
        base > 4000000000u) {
        fputs("vitrine serve: --worker-uid-base must be a user id from 1000 to 4000000000\n", stderr);
        return ERROR_INVALID;
    }
    return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    options_from_environment(options);
    for (int i = 0; i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0) {
            options_help(stdout);
            return 1;
        }
        size_t length = strcspn(flag, "=");
        int option = strncmp(flag, "--", 2) == 0 ? options_find(flag + 2, length - 2) : ERROR_NOT_FOUND;
        if (option < 0 || (flag[length] == '\0' && i + 1 >= argc)) {
            fprintf(stderr, option < 0 ? "vitrine serve: unknown option %s; see vitrine serve --help\n"
                                       : "vitrine serve: %s needs a value\n", flag);
            return ERROR_INVALID;
        }
        options->values[option] = flag[length] ? flag + length + 1 : argv[++i];
    }
    return options_check(options);
}

const char *options_key(enum option option)
{
    static char keys[OPTION_COUNT][32];
    size_t length = 0;

    for (const char *at = entries[option].name; *at && length + 1 < sizeof keys[option]; at++)
        keys[option][length++] = *at == '-' ? '_' : *at;
    keys[option][length] = '\0';
    return keys[option];
}
