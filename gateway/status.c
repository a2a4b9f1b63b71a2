/* Whether we are there, and words for what cannot be shown.
 *
 * Everybody who asks for a page that is not there, or not there for them, comes through status_reply(): a program
 * reads {"detail", "error"} as Gradio's clients know it, a browser a page in the site's dress. Words are ours; what
 * comes from an author (a stage's reason) is escaped by whoever writes it into HTML or JSON. Which headers go out
 * with it was decided by the route before: an error at a demo's address carries the demo's policy. */
#include "gateway/status.h"

#include "gateway/assets.h"
#include "gateway/demo.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "runtime/base/encode.h"

#define PAGE_LINES "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
#define PLAIN TEXT("Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n")

/* "The process turns its loop": no more than that, or a failing store would get healthy gateways killed. */
void status_serve_health(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)gateway, (void)route;
    http_reply(exchange, 200, PLAIN, TEXT("ok\n"));
}

/* "Send visitors here": not while stopping, and not before the store has said something. */
void status_serve_ready(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    (void)route;
    if (gateway->stopping)
        http_reply(exchange, 503, PLAIN, TEXT("stopping\n"));
    else if (!gateway->store_answers)
        http_reply(exchange, 503, PLAIN, TEXT("the store is away\n"));
    else
        http_reply(exchange, 200, PLAIN, TEXT("ready\n"));
}

void status_serve_metrics(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    (void)route;
    if (!gateway->public_metrics) {
        http_reply_error(exchange, 404, "Metrics are not public here: start the server with --public-metrics 1.");
        return;
    }
    metrics_write(gateway, &body);
    http_reply(exchange, 200, TEXT("Content-Type: text/plain; version=0.0.4\r\nCache-Control: no-store\r\n"),
               buffer_view(&body));
}

/* The style sheet stands below the base of this address, so that the page of an unknown demo is dressed as well. */
static void write_page(struct demo_route *route, int status, const char *heading, const char *sentence,
                       struct buffer *out)
{
    const char *style = assets_name(route->gateway->assets, "site.css");
    buffer_format(out,
                  "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n",
                  heading);
    if (style)
        buffer_format(out, "<link rel=\"stylesheet\" href=\"%s-/kit/%s\">\n", route->base[0] ? route->base : "/",
                      style);
    buffer_format(out,
                  "</head>\n<body class=\"vt-site vt-page-error\">\n<main class=\"vt-main\">\n"
                  "<section class=\"vt-narrow vt-error-page\">\n"
                  "<p class=\"vt-error-status\" aria-hidden=\"true\">%d</p>\n<h1>%s</h1>\n<p class=\"vt-lead\">",
                  status, heading);
    encode_html(out, text_from(sentence));
    buffer_format(out,
                  "</p>\n<p><a class=\"vt-button vt-primary vt-md\" href=\"%s/\" target=\"_blank\" rel=\"noopener\">"
                  "All demos</a></p>\n</section>\n</main>\n</body>\n</html>\n",
                  route->gateway->site.url);
}

void status_reply(struct demo_route *route, int status, const char *heading, const char *sentence)
{
    struct http_exchange *exchange = route->exchange;
    if (!http_head_has_token(&exchange->head, "accept", "text/html")) {
        route_reply_detail(exchange, status, sentence);
        return;
    }
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    write_page(route, status, heading, sentence, &body);
    http_reply(exchange, status,
               status == 503 ? TEXT(PAGE_LINES "Retry-After: 1\r\n") : TEXT(PAGE_LINES), buffer_view(&body));
}

/* Says where we are, from the configuration: the host of the request is not repeated. */
void status_reply_unknown_host(struct demo_route *route)
{
    struct buffer BUFFER_AUTO sentence = BUFFER_EMPTY;
    http_exchange_decorate(route->exchange, text_from(route->gateway->path_headers));
    buffer_format(&sentence, "This server is %s; it does not answer for the host of this request.",
                  route->gateway->site.url);
    status_reply(route, 421, "Not this server", sentence.data);
}

/* The same words whether there is none or it is private: what exists is nobody's business. */
void status_reply_no_such_demo(struct demo_route *route)
{
    status_reply(route, 404, "There is no such demo", "There is no demo at this address.");
}

/* A demo without a release: its stage says how far it is. */
static void reply_unpublished(struct demo_route *route)
{
    const struct demo *demo = route->demo;
    struct buffer BUFFER_AUTO sentence = BUFFER_EMPTY;
    if (!demo) {
        status_reply_no_such_demo(route);
        return;
    }
    buffer_format(&sentence, "%s/%s has no release that works yet", demo->owner, demo->name);
    if (demo->stage_reason && demo->stage_reason[0])
        buffer_format(&sentence, ": %s", demo->stage_reason);
    else
        buffer_byte(&sentence, '.');
    status_reply(route, 404, "Nothing is published here yet", sentence.data);
}

void status_reply_no_demo(struct demo_route *route, int result)
{
    switch (result) {
    case ERROR_NOT_FOUND:
        reply_unpublished(route);
        break;
    case ERROR_FORBIDDEN:
        status_reply(route, 503, "This demo is paused", "Its author has paused this demo.");
        break;
    case ERROR_CORRUPT:
        status_reply(route, 500, "This demo is damaged",
                     "Its published files cannot be read. Its author can push it again; the operator finds the "
                     "reason in the log.");
        break;
    default:
        status_reply(route, 503, "One moment", "This server is just starting a part of itself. Try again in a moment.");
    }
}
