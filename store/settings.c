/* What the launcher configured, and the addresses that follow from it.
 *
 * All addresses that the store writes come from here, so that one place knows when demos have origins of their own:
 * not when the site is reached by an IP address, which has no subdomains; then a demo's address is a path of the
 * site. */
#include "store/settings.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/names.h"

static const struct {
    const char *key;
    size_t offset;
} keys[] = {
    {"data", offsetof(struct store_settings, data)},
    {"share", offsetof(struct store_settings, share)},
    {"site_url", offsetof(struct store_settings, site_url)},
    {"host", offsetof(struct store_settings, host)},
    {"demo_domain", offsetof(struct store_settings, demo_domain)},
};

static char **member(struct store_settings *settings, size_t offset)
{
    return (char **)(void *)((char *)settings + offset);
}

void settings_release(struct store_settings *settings)
{
    for (size_t index = 0; index < MEMORY_COUNT(keys); index++)
        free(*member(settings, keys[index].offset));
    *settings = (struct store_settings){0};
}

void settings_take(struct store_settings *settings, struct text key, struct text value)
{
    for (size_t index = 0; index < MEMORY_COUNT(keys); index++) {
        if (text_equal(key, text_from(keys[index].key))) {
            char **target = member(settings, keys[index].offset);
            free(*target);
            *target = text_copy(value);
        }
    }
}

/* Fills in what may be left out; complains about what may not. */
int settings_check(struct store_settings *settings)
{
    if (settings->host == NULL)
        settings->host = memory_copy_string("localhost");
    if (settings->demo_domain == NULL || settings->demo_domain[0] == 0) {
        free(settings->demo_domain);
        settings->demo_domain = memory_copy_string(settings->host);
    }
    if (settings->data == NULL || settings->share == NULL || settings->site_url == NULL) {
        log_error("the launcher did not say where data, share and site are");
        return ERROR_INVALID;
    }
    size_t length = strlen(settings->site_url);
    while (length > 0 && settings->site_url[length - 1] == '/')
        settings->site_url[--length] = 0;
    return 0;
}

/* -- addresses -- */

/* The site's address in pieces: "http://", "localhost", ":7860". */
struct url_parts {
    struct text scheme, host, port;
};

/* The slices borrow `url`. An IPv6 address keeps its brackets. */
static struct url_parts split_url(const char *url)
{
    struct url_parts parts = {.scheme = text_from(url)};
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    parts.scheme.length = (size_t)(host - url);
    parts.host = text_from(host);
    const char *bracket = strchr(host, ']');
    const char *colon = strchr(bracket ? bracket : host, ':');
    if (colon != NULL) {
        parts.host.length = (size_t)(colon - host);
        parts.port = text_from(colon);
    }
    return parts;
}

bool settings_is_secure(const struct store_settings *settings)
{
    return strncmp(settings->site_url, "https://", 8) == 0;
}

/* False for IPv4 and IPv6 addresses. */
bool settings_has_origins(const struct store_settings *settings)
{
    unsigned char address[16];
    return inet_pton(AF_INET, settings->demo_domain, address) != 1 && settings->demo_domain[0] != '[' &&
           strchr(settings->demo_domain, ':') == NULL;
}

void settings_repository_path(struct buffer *out, bool model, const char *owner, const char *name)
{
    buffer_format(out, "%s/%s/%s", model ? "" : "/spaces", owner, name);
}

void settings_repository_url(const struct store_settings *settings, struct buffer *out, bool model, const char *owner,
                             const char *name)
{
    buffer_string(out, settings->site_url);
    settings_repository_path(out, model, owner, name);
}

void settings_demo_url(const struct store_settings *settings, struct buffer *out, const char *owner, const char *name,
                       const char *commit)
{
    struct url_parts parts = split_url(settings->site_url);
    if (!settings_has_origins(settings)) {
        settings_repository_url(settings, out, false, owner, name);
        buffer_string(out, "/-/");
        return;
    }
    buffer_text(out, parts.scheme);
    names_subdomain(out, text_from(owner), text_from(name));
    if (commit != NULL)
        buffer_format(out, "--%.7s", commit);
    buffer_format(out, ".%s", settings->demo_domain);
    buffer_text(out, parts.port);
    buffer_byte(out, '/');
}

/* With the user's name in it, so that git asks for a password (the token) and for nothing else. */
void settings_push_url(const struct store_settings *settings, struct buffer *out, bool model, const char *owner,
                       const char *name)
{
    struct url_parts parts = split_url(settings->site_url);
    buffer_text(out, parts.scheme);
    buffer_format(out, "%s@", owner);
    buffer_text(out, parts.host);
    buffer_text(out, parts.port);
    settings_repository_path(out, model, owner, name);
}
