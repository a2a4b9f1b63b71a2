/* Pages of demos. All of a page but its head was computed when the demo was published; the head changes with
 * the kit and the asked colours. Both are put together on the first visit and stay with the release,
 * compressed too, so that a visit costs as much as a static file and starts nothing. */
#include "gateway/page.h"

#include <zlib.h>

#include "gateway/assets.h"
#include "gateway/demo.h"
#include "gateway/files.h"
#include "gateway/gateway.h"
#include "runtime/base/encode.h"

#define PAGE_LINES                                                                                \
    "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n"

enum { COMPRESS_FROM = 1024, GZIP_WINDOW = 15 + 16 };

/* What the address says about colours: ?__theme=light|dark; anything else follows the visitor's system. */
static enum release_theme theme_of(const struct http_exchange *exchange)
{
    struct buffer BUFFER_AUTO value = BUFFER_EMPTY;
    if (!exchange->head.query.data)
        return RELEASE_THEME_SYSTEM;
    if (encode_form_value(exchange->head.query, "__theme", &value) < 0)
        return RELEASE_THEME_SYSTEM;
    if (text_equal(buffer_view(&value), TEXT("dark")))
        return RELEASE_THEME_DARK;
    return text_equal(buffer_view(&value), TEXT("light")) ? RELEASE_THEME_LIGHT : RELEASE_THEME_SYSTEM;
}

/* All addresses are relative, so that the same bytes serve the subdomain, the path address and a token's prefix. */
static void write_head(const struct release *release, const struct assets *assets, struct buffer *out)
{
    const char *icon = assets_name(assets, "icon.svg");
    const char *style = assets_name(assets, "kit.css");
    const char *script = assets_name(assets, "kit.js");
    buffer_string(out, "<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    encode_html(out, text_from(release->title ? release->title : "Demo"));
    buffer_string(out, "</title>\n");
    if (icon)
        buffer_format(out, "<link rel=\"icon\" type=\"image/svg+xml\" href=\"-/kit/%s\">\n", icon);
    if (style)
        buffer_format(out, "<link rel=\"stylesheet\" href=\"-/kit/%s\">\n", style);
    if (script)
        buffer_format(out, "<script type=\"module\" src=\"-/kit/%s\"></script>\n", script);
}

void page_compose(const struct release *release, const struct assets *assets, struct text theme, struct buffer *out)
{
    buffer_string(out, "<!doctype html>\n<html lang=\"en\"");
    if (theme.length)
        buffer_format(out, " data-theme=\"" TEXT_FORMAT "\"", TEXT_ARGUMENT(theme));
    buffer_string(out, ">\n<head>\n");
    write_head(release, assets, out);
    buffer_string(out, "</head>\n<body class=\"vt-demo-page\">\n");
    buffer_text(out, release->page);
    buffer_format(out, "\n<script type=\"application/json\" id=\"vt-config\" data-page=\"" TEXT_FORMAT "\">",
                  TEXT_ARGUMENT(release_page_key(release)));
    json_write_for_html(out, release->config);
    buffer_string(out, "</script>\n</body>\n</html>\n");
}

/* Made on the first visit in these colours. The kit cannot change while the process lives, so neither can the page. */
static struct text composed(struct gateway *gateway, struct release *release, enum release_theme theme)
{
    static const struct text words[RELEASE_THEMES] = {{"", 0}, {"light", 5}, {"dark", 4}};
    struct buffer *html = &release->page_html[theme];
    if (html->length == 0)
        page_compose(release, gateway->assets, words[theme], html);
    return buffer_view(html);
}

static void drop_release(void *owner)
{
    release_drop(owner);
}

/* Compressed once: the page with its configuration shrinks to a quarter. Empty when zlib does not want to. */
static struct text compressed(struct release *release, enum release_theme theme)
{
    struct buffer *gzip = &release->page_gzip[theme];
    const struct buffer *html = &release->page_html[theme];
    z_stream stream = {0};
    if (gzip->length || html->length < COMPRESS_FROM)
        return buffer_view(gzip);
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return (struct text){0};
    size_t most = deflateBound(&stream, html->length);
    stream.next_in = (unsigned char *)html->data;
    stream.avail_in = (unsigned)html->length;
    stream.next_out = (unsigned char *)buffer_reserve(gzip, most);
    stream.avail_out = (unsigned)most;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
        buffer_advance(gzip, stream.total_out);
    deflateEnd(&stream);
    return buffer_view(gzip);
}

/* Release, kit and form (colours, compressed or not): another page in any of them is another tag. */
static struct text write_etag(const struct gateway *gateway, const struct release *release, unsigned variant,
                              char etag[40])
{
    uint64_t version = assets_version(gateway->assets);
    char *place = etag;
    *place++ = '"';
    for (const char *digest = release->digest; *digest && place < etag + 17; digest++)
        *place++ = *digest;
    for (int i = 0; i < 16; i++, version >>= 4)
        *place++ = "0123456789abcdef"[version & 15];
    *place++ = (char)('0' + variant);
    *place++ = '"';
    return (struct text){etag, (size_t)(place - etag)};
}

/* The page is held through its release until the last byte has left. */
void page_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct release *release = route->release;
    if (release->is_static) {
        files_serve(gateway, exchange, route);
        return;
    }
    char etag[40];
    enum release_theme theme = theme_of(exchange);
    struct text body = composed(gateway, release, theme), gzip = {0};
    if (assets_accepts(exchange, "gzip"))
        gzip = compressed(release, theme);
    http_respond_memory(
        exchange,
        &(struct http_memory){.body = gzip.length ? gzip : body,
                              .etag = write_etag(gateway, release, theme + (gzip.length ? RELEASE_THEMES : 0), etag),
                              .headers = gzip.length ? TEXT(PAGE_LINES "Content-Encoding: gzip\r\n") : TEXT(PAGE_LINES),
                              .release = drop_release,
                              .owner = release_hold(release)});
}

static void serve_json(struct http_exchange *exchange, struct release *release, struct text json)
{
    if (!json.data) {
        route_reply_detail(exchange, 404, "this demo has no interface to call: its files are served as they are");
        return;
    }
    files_reply_slice(exchange, release, json, TEXT("Content-Type: application/json\r\nCache-Control: no-cache\r\n"));
}

void page_serve_config(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway;
    serve_json(exchange, route->release, route->release->config);
}

void page_serve_info(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway;
    serve_json(exchange, route->release, route->release->info);
}
