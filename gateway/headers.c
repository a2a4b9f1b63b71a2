/* The policy of each surface. What is shown where:
 *
 *   the site        our own pages, with accounts: no inline script, no foreign resource, never framed
 *   a demo          its own origin; any page may call it and, unless its author says otherwise, frame it
 *   a path address  the same demo on the site's host: an opaque origin, or it could act for who is signed in
 *   site files      what strangers uploaded, shown on the site's host: no rights at all
 *   demo files      what visitors uploaded to a demo and what it answered with: no rights on the demo's origin either
 *
 * A header stands in one row below together with the surfaces that carry it; to see what a surface sends,
 * read down. */
#include "gateway/headers.h"

#include "runtime/base/memory.h"

#define PERMISSIONS "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
#define SANDBOX "sandbox allow-scripts allow-forms allow-popups allow-downloads allow-modals"

/* Content security policies; frame-ancestors is appended for demos. `%s` in the site's is where demos live. */
static const char site_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self' %s; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
static const char page_policy[] =
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; "
    "media-src 'self' data: blob: https:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "frame-src https:; base-uri 'none'; form-action 'self'";

/* One row per header: the surfaces that carry it, and its value there. */
#define ON(surface) (1u << HEADERS_##surface)
#define FILES (ON(SITE_FILE) | ON(DEMO_FILE))
#define DEMOS (ON(DEMO) | ON(DEMO_STATIC) | ON(PATH))
#define EVERYWHERE ((1u << HEADERS_COUNT) - 1)

static const struct {
    unsigned surfaces;
    const char *line;
} lines[] = {
    {EVERYWHERE, "X-Content-Type-Options: nosniff\r\n"},
    {ON(SITE) | ON(SITE_FILE), "Referrer-Policy: same-origin\r\n"},
    {DEMOS | ON(DEMO_FILE), "Referrer-Policy: strict-origin-when-cross-origin\r\n"},
    {ON(SITE) | DEMOS, "Permissions-Policy: " PERMISSIONS "\r\n"},
    {ON(SITE), "X-Frame-Options: DENY\r\n"},
    {ON(SITE), "Cross-Origin-Opener-Policy: same-origin\r\n"},
    {ON(SITE) | ON(SITE_FILE), "Cross-Origin-Resource-Policy: same-origin\r\n"},
    {DEMOS | ON(DEMO_FILE) | ON(ASSET), "Cross-Origin-Resource-Policy: cross-origin\r\n"},
    /* Demo APIs never read cookies, so that any page may call them (and module scripts of opaque origins load). */
    {DEMOS | ON(DEMO_FILE) | ON(ASSET), "Access-Control-Allow-Origin: *\r\n"},
    {DEMOS | ON(DEMO_FILE), "Access-Control-Expose-Headers: *\r\n"},
    {FILES, "Content-Security-Policy: sandbox; default-src 'none'; style-src 'unsafe-inline'\r\n"},
    {ON(ASSET), "Content-Security-Policy: sandbox; default-src 'none'\r\n"},
};

static const struct text owned[] = {
    {"content-security-policy", 23},      {"x-frame-options", 15},
    {"x-content-type-options", 22},       {"referrer-policy", 15},
    {"permissions-policy", 18},           {"cross-origin-opener-policy", 26},
    {"cross-origin-resource-policy", 28}, {"cross-origin-embedder-policy", 28},
    {"strict-transport-security", 25},    {"access-control-allow-origin", 27},
    {"access-control-allow-credentials", 32},
};

bool headers_is_owned(struct text name)
{
    for (size_t i = 0; i < MEMORY_COUNT(owned); i++)
        if (text_equal_ignore_case(name, owned[i]))
            return true;
    return false;
}

static bool is_host(struct text host)
{
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
        if (!letter && byte != '.' && byte != '-')
            return false;
    }
    return host.length > 0;
}

/* What is let through here is written into a policy as it stands: nothing in it may end a source or a directive. */
bool headers_is_origin(struct text origin)
{
    struct text rest = origin;
    uint64_t port;
    if (text_starts(rest, TEXT("https://")))
        rest = text_skip(rest, 8);
    else if (text_starts(rest, TEXT("http://")))
        rest = text_skip(rest, 7);
    if (text_starts(rest, TEXT("*.")))
        rest = text_skip(rest, 2);
    struct text host = text_cut(&rest, ':');
    bool has_port = rest.data != NULL;
    if (has_port && (text_to_u64(rest, &port) < 0 || port == 0 || port > 65535))
        return false;
    return is_host(host) && origin.length < 256;
}

/* Our own pages may always frame a demo, under every name this server answers to. */
static void write_ancestors(const struct site *site, const struct headers_policy *policy, struct buffer *out)
{
    bool open = !policy || (!policy->embedding_disabled && policy->parents.length == 0);
    if (open) {
        buffer_string(out, "frame-ancestors *");
        return;
    }
    buffer_format(out, "frame-ancestors 'self' %s http://localhost:%u http://127.0.0.1:%u", site->url, site->port,
                  site->port);
    if (policy->embedding_disabled)
        return;
    struct text parents = policy->parents;
    while (parents.data) {
        struct text parent = text_cut(&parents, ' ');
        if (headers_is_origin(parent))
            buffer_format(out, " " TEXT_FORMAT, TEXT_ARGUMENT(parent));
    }
}

static void write_demo_places(const struct site *site, struct buffer *out)
{
    bool local = !site->demo_hosts || text_equal(text_from(site->demo_domain), TEXT("localhost"));
    buffer_format(out, "http://*.localhost:%u", site->port);
    if (!local)
        buffer_format(out, " %s://*.%s:%u", site->tls ? "https" : "http", site->demo_domain, site->public_port);
}

static void write_policy(const struct site *site, enum headers_surface surface, const struct headers_policy *policy,
                         struct buffer *out)
{
    if (surface == HEADERS_SITE) {
        struct buffer BUFFER_AUTO places = BUFFER_EMPTY;
        write_demo_places(site, &places);
        const char *gap = site_policy;
        buffer_string(out, "Content-Security-Policy: ");
        for (; *gap; gap++) {
            if (gap[0] == '%' && gap[1] == 's') {
                buffer_text(out, buffer_view(&places));
                gap++;
            } else {
                buffer_byte(out, *gap);
            }
        }
        buffer_string(out, "\r\n");
        return;
    }
    if (!((1u << surface) & DEMOS))
        return;
    buffer_string(out, "Content-Security-Policy: ");
    if (surface == HEADERS_DEMO)
        buffer_format(out, "%s; ", page_policy);
    if (surface == HEADERS_PATH)
        buffer_string(out, SANDBOX "; ");
    write_ancestors(site, policy, out);
    buffer_string(out, "\r\n");
}

void headers_write(const struct site *site, enum headers_surface surface, const struct headers_policy *policy,
                   struct buffer *out)
{
    for (size_t i = 0; i < MEMORY_COUNT(lines); i++)
        if (lines[i].surfaces & (1u << surface))
            buffer_string(out, lines[i].line);
    write_policy(site, surface, policy, out);
    if (site->tls)
        buffer_string(out, "Strict-Transport-Security: max-age=63072000\r\n");
    if (policy && policy->isolated && ((1u << surface) & DEMOS))
        buffer_string(out, "Cross-Origin-Embedder-Policy: require-corp\r\nCross-Origin-Opener-Policy: same-origin\r\n");
}
