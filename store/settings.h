/* What the launcher told us at start, and the addresses that follow from it. */
#ifndef STORE_SETTINGS_H
#define STORE_SETTINGS_H

#include "runtime/base/buffer.h"

struct store_settings {
    char *data;        /* owned: where everything is kept */
    char *share;       /* owned: templates and assets */
    char *site_url;    /* owned: "http://localhost:7860", without a slash at the end */
    char *host;        /* owned: public host name */
    char *demo_domain; /* owned: demos live below it; empty: below the host */
};

void settings_release(struct store_settings *settings);
/* Takes one key of launcher_config; unknown keys are other processes' business. */
void settings_take(struct store_settings *settings, struct text key, struct text value);
/* 0 when everything needed is there, else ERROR_INVALID after logging what is missing. */
int settings_check(struct store_settings *settings);

/* Addresses, appended. `kind_path` is "/spaces/owner/name" for demos and "/owner/name" for models. */
void settings_repository_path(struct buffer *out, bool model, const char *owner, const char *name);
void settings_repository_url(const struct store_settings *settings, struct buffer *out, bool model, const char *owner,
                             const char *name);
/* The demo's own origin with a slash at the end, or its path address where there are no subdomains. `commit` (NULL
 * for the live release) names one release. */
void settings_demo_url(const struct store_settings *settings, struct buffer *out, const char *owner, const char *name,
                       const char *commit);
/* Whether demos have origins of their own (the host is a name, not an address). */
bool settings_has_origins(const struct store_settings *settings);
/* "http://ann@host:7860/spaces/ann/digits": what to push to. */
void settings_push_url(const struct store_settings *settings, struct buffer *out, bool model, const char *owner,
                       const char *name);
bool settings_is_secure(const struct store_settings *settings);

#endif
