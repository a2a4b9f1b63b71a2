/* Host names. What arrives in Host was typed by a stranger and may be anything; nothing that we print ever
 * comes from it before it was found among the names that the operator gave us. */
#include "gateway/site.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

enum { LABEL_BYTES = 63, ADDRESS_BYTES = 48 };

/* Splits "name:port": false for an empty or impossible port. `*ret_port` is 0 when there is none. */
static bool split_host(struct text host, struct text *ret_name, uint64_t *ret_port)
{
    size_t end = host.length;
    while (end && host.data[end - 1] >= '0' && host.data[end - 1] <= '9')
        end--;
    *ret_name = host;
    *ret_port = 0;
    bool has_port = end && host.data[end - 1] == ':' && (host.data[0] != '[' || host.data[end - 2] == ']');
    if (!has_port)
        return true;
    *ret_name = text_head(host, end - 1);
    return text_to_u64(text_skip(host, end), ret_port) == 0 && *ret_port > 0 && *ret_port <= 65535;
}

/* An address cannot be rebound by somebody's DNS: whoever sends one in Host typed it. IPv6 only in brackets, IPv4 only
 * without. */
static bool is_address(struct text name)
{
    char copy[ADDRESS_BYTES];
    unsigned char bytes[16];
    bool bracketed = name.length > 2 && name.data[0] == '[';
    if (bracketed)
        name = text_head(text_skip(name, 1), name.length - 2);
    if (name.length >= sizeof(copy) || name.length == 0)
        return false;
    memcpy(copy, name.data, name.length);
    copy[name.length] = '\0';
    return inet_pton(bracketed ? AF_INET6 : AF_INET, copy, bytes) == 1;
}

/* The public address that the operator gave: scheme, host, port. Whether there is TLS in front is known only from
 * here. */
static int read_url(struct site *site, struct text url)
{
    struct text rest = url, name;
    uint64_t port = 0;
    site->tls = text_starts(rest, TEXT("https://"));
    if (!site->tls && !text_starts(rest, TEXT("http://")))
        return ERROR_INVALID;
    rest = text_skip(rest, site->tls ? 8 : 7);
    while (rest.length && rest.data[rest.length - 1] == '/')
        rest.length--;
    if (rest.length == 0 || text_find(rest, '/') >= 0 || !split_host(rest, &name, &port))
        return ERROR_INVALID;
    site->public_port = (uint16_t)(port ? port : site->tls ? 443 : 80);
    site->url_host = text_copy(name);
    struct buffer copy = BUFFER_EMPTY;
    buffer_format(&copy, "%s" TEXT_FORMAT, site->tls ? "https://" : "http://", TEXT_ARGUMENT(rest));
    site->url = buffer_steal(&copy);
    return 0;
}

/* Without a demo domain demos live below the host itself; below an IP address there are no names, and only the path
 * address is left. */
int site_init(struct site *site, const char *host, const char *demo_domain, const char *url, uint16_t port)
{
    *site = (struct site){.port = port};
    site->host = memory_copy_string(host && *host ? host : "localhost");
    site->demo_hosts = !is_address(text_from(site->host));
    site->demo_domain = memory_copy_string(demo_domain && *demo_domain ? demo_domain : site->host);
    if (url && *url)
        return read_url(site, text_from(url));
    struct buffer BUFFER_AUTO made = BUFFER_EMPTY;
    buffer_format(&made, "http://%s:%u", site->host, port);
    return read_url(site, buffer_view(&made));
}

void site_release(struct site *site)
{
    free(site->host);
    free(site->demo_domain);
    free(site->url);
    free(site->url_host);
    *site = (struct site){0};
}

/* "ann-digits" of "ann-digits.localhost" below `domain`. */
static bool cut_label(struct text name, struct text domain, struct text *ret_label)
{
    if (name.length <= domain.length + 1 || name.data[name.length - domain.length - 1] != '.' ||
        !text_equal_ignore_case(text_skip(name, name.length - domain.length), domain))
        return false;
    *ret_label = text_head(name, name.length - domain.length - 1);
    return ret_label->length <= LABEL_BYTES && text_find(*ret_label, '.') < 0 && text_find(*ret_label, '_') < 0;
}

/* The ports that may stand in Host are the one that is bound and the public one (behind a proxy they differ). Any
 * other is somebody's attempt to make our answers count for another server. */
enum site_kind site_classify(const struct site *site, struct text host, struct text *ret_label)
{
    struct text name;
    uint64_t port;
    if (host.length == 0)
        return SITE_SELF; /* HTTP/1.0 without Host */
    if (!split_host(host, &name, &port) || (port && port != site->port && port != site->public_port))
        return SITE_UNKNOWN;
    if (text_equal_ignore_case(name, text_from(site->host)) ||
        text_equal_ignore_case(name, text_from(site->url_host)) || text_equal_ignore_case(name, TEXT("localhost")) ||
        is_address(name))
        return SITE_SELF;
    if (cut_label(name, text_from(site->demo_domain), ret_label) || cut_label(name, TEXT("localhost"), ret_label))
        return SITE_DEMO;
    return SITE_UNKNOWN;
}

/* The host is echoed only because site_classify() found it among ours before. */
void site_write_origin(const struct site *site, struct text host, char *ret_origin, size_t size)
{
    struct text scheme = site->tls ? TEXT("https://") : TEXT("http://");
    if (host.length == 0) {
        scheme = text_from(site->url);
        host = TEXT("");
    }
    ret_origin[0] = '\0';
    if (scheme.length + host.length >= size)
        return;
    memcpy(ret_origin, scheme.data, scheme.length);
    memcpy(ret_origin + scheme.length, host.data, host.length);
    ret_origin[scheme.length + host.length] = '\0';
}

/* The one rule from a demo's name to its label; the store refuses two demos whose labels would be equal. */
void site_write_label(const char *owner, const char *name, struct buffer *out)
{
    const char *const parts[] = {owner, "-", name};
    for (size_t i = 0; i < MEMORY_COUNT(parts); i++) {
        for (const char *place = parts[i]; *place; place++) {
            char byte = *place >= 'A' && *place <= 'Z' ? (char)(*place | 0x20) : *place;
            bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
            buffer_byte(out, plain ? byte : '-');
        }
    }
}
