/* The options of `vitrine serve`: one table gives flags, VITRINE_* variables, defaults, help and who is told. */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include <stddef.h>

enum option {
    OPTION_DATA,
    OPTION_PORT,
    OPTION_HOST,
    OPTION_LISTEN,
    OPTION_DEMO_DOMAIN,
    OPTION_SITE_URL,
    OPTION_USER,
    OPTION_WORKER_UID_BASE,
    OPTION_TRUSTED_PROXY,
    OPTION_PUBLIC_METRICS,
    OPTION_COUNT
};

struct options {
    const char *values[OPTION_COUNT];
};

/* Reads flags (`--port 7860` or `--port=7860`), then VITRINE_PORT and so on, then defaults. Values point into argv,
 * the environment or static storage. 0; 1 after printing the help text; ERROR_INVALID after printing what is wrong. */
int options_parse(struct options *options, int argc, char **argv);
/* The key under which children are told the option ("port", "site_url"). */
const char *options_key(enum option option);

#endif
