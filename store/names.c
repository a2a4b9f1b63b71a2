/* Which names accounts and repositories may have.
 *
 * A demo's host name is owner-name in lower case with everything else turned into '-'. "--" is kept for previews
 * (owner-name--commit), so it may not come out of a name; and two names can give one host name, which the unique
 * column `subdomain` refuses. Owners share the first segment of a path with our own routes: those words are reserved
 * here. */
#include "store/names.h"

#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"

/* First path segments that routes use or may want: an owner with such a name would hide them, or be hidden. */
static const char *const reserved_owners[] = {
    "-",          "about",    "admin",  "api",        "assets",         "blog",       "collections", "config",
    "datasets",   "demos",    "docs",   "embed",      "embed.js",       "explore",    "favicon.ico", "git",
    "gradio_api", "healthz",  "help",   "index.html", "join",           "kit",        "login",       "logout",
    "metrics",    "models",   "new",    "oauth",      "organizations",  "pricing",    "readyz",      "robots.txt",
    "search",     "settings", "signin", "signout",    "site",           "spaces",     "static",      "status",
    "support",    "system",   "tasks",  "users",      "vitrine-system", "well-known", "www",
};
/* Subdomains that the site keeps for itself. */
static const char *const reserved_subdomains[] = {"git-lfs", "api-internal", "xn-site"};

static bool table_has(const char *const *table, size_t count, struct text word)
{
    for (size_t index = 0; index < count; index++) {
        if (text_equal_ignore_case(text_from(table[index]), word))
            return true;
    }
    return false;
}

const char *names_refuse_owner(struct text owner)
{
    if (!text_is_name(owner))
        return "A name is letters, digits, '.', '_' and '-', begins with a letter or digit, has no \"--\" and at most "
               "53 "
               "characters.";
    if (table_has(reserved_owners, MEMORY_COUNT(reserved_owners), owner))
        return "This name is reserved for the site itself; choose another one.";
    return NULL;
}

/* Never empty: owner and name each have at least one character. */
static bool subdomain_is_clean(struct text subdomain)
{
    for (size_t index = 0; index + 1 < subdomain.length; index++) {
        if (subdomain.data[index] == '-' && subdomain.data[index + 1] == '-')
            return false;
    }
    return subdomain.data[subdomain.length - 1] != '-';
}

const char *names_refuse_repository(struct text owner, struct text name, bool demo)
{
    if (!text_is_name(name))
        return "A repository's name is letters, digits, '.', '_' and '-', begins with a letter or digit, has no \"--\" "
               "and "
               "does not end in \".git\".";
    if (!demo)
        return NULL;
    if (owner.length + 1 + name.length > BOUNDS_NAME_BYTES)
        return "Owner and name together may have at most 52 characters, because they become one host name.";
    BUFFER_AUTO struct buffer subdomain = BUFFER_EMPTY;
    names_subdomain(&subdomain, owner, name);
    if (!subdomain_is_clean(buffer_view(&subdomain)))
        return "This name would give a host name with \"--\" or a '-' at its end; use single '-' between words.";
    if (table_has(reserved_subdomains, MEMORY_COUNT(reserved_subdomains), buffer_view(&subdomain)))
        return "This name is reserved for the site itself; choose another one.";
    return NULL;
}

static void subdomain_append(struct buffer *out, struct text text)
{
    for (size_t index = 0; index < text.length; index++) {
        char byte = text.data[index];
        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte - 'A' + 'a');
        bool kept = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        buffer_byte(out, kept ? byte : '-');
    }
}

void names_subdomain(struct buffer *out, struct text owner, struct text name)
{
    subdomain_append(out, owner);
    buffer_byte(out, '-');
    subdomain_append(out, name);
}
