/* Fields of strangers that decide something: Host, Range and the conditions, X-Forwarded-For, origins in settings. The
 * first byte of the input says which. */
#include <stdlib.h>
#include <string.h>

#include "gateway/headers.h"
#include "gateway/limit.h"
#include "gateway/site.h"
#include "runtime/base/error.h"
#include "runtime/http/range.h"

enum { LENGTH = 1000 };

/* What Host leads to is a label without a dot, and only below a domain that is ours. */
static void check_host(struct text host)
{
    static struct site site;
    struct text label = {0};
    char origin[288];
    if (!site.host && site_init(&site, "hub.example", "demos.example", "https://hub.example", 7860) < 0)
        abort();
    if (site_classify(&site, host, &label) == SITE_DEMO &&
        (label.length == 0 || label.length > 63 || text_find(label, '.') >= 0 || label.data < host.data ||
         label.data + label.length > host.data + host.length))
        abort();
    site_write_origin(&site, host, origin, sizeof(origin));
    if (strlen(origin) >= sizeof(origin))
        abort();
}

static void check_range(struct text fields)
{
    static struct http_head_parser parser;
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
    struct http_range range;
    buffer_string(&bytes, "GET / HTTP/1.1\r\nHost: a\r\n");
    buffer_text(&bytes, fields);
    buffer_string(&bytes, "\r\n\r\n");
    if (http_head_parse_request(&parser, buffer_view(&bytes)) <= 0)
        return;
    int status = http_range_decide(&parser.head, TEXT("\"x\""), LENGTH, &range);
    if (status != 200 && status != 206 && status != 304 && status != 412 && status != 416)
        abort();
    if (range.first > LENGTH || range.length > LENGTH || range.first + range.length > LENGTH)
        abort();
    if (status == 206 && range.length == 0)
        abort();
}

/* An address that was understood is written so that it is understood again. */
static void check_address(struct text value)
{
    unsigned char address[16], again[16];
    char written[48];
    if (limit_parse_address(value, address) < 0)
        return;
    limit_format_address(address, written);
    if (strcmp(written, "local") == 0)
        return;
    if (limit_parse_address(text_from(written), again) < 0 || memcmp(address, again, 16) != 0)
        abort();
}

/* What may stand in a policy ends neither its source nor its directive. */
static void check_origin(struct text origin)
{
    if (!headers_is_origin(origin))
        return;
    for (size_t i = 0; i < origin.length; i++)
        if (strchr(" ;,'\"\r\n\t", origin.data[i]) || (unsigned char)origin.data[i] <= ' ')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct text) = {check_host, check_range, check_address, check_origin};
    if (size < 1 || size > 4096)
        return 0;
    checks[data[0] % 4]((struct text){(const char *)data + 1, size - 1});
    return 0;
}
