/* A demo's own page: head with the kit's current names, the body that was rendered when it was published, and the
 * configuration for the script. Composed once per release and theme, kept with the release. */
#ifndef GATEWAY_PAGE_H
#define GATEWAY_PAGE_H

#include "gateway/route.h"

struct assets;
struct buffer;

/* Handler of "": the page, or the files of a static demo. */
void page_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);
/* Handlers of /config and /gradio_api/info. */
void page_serve_config(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);
void page_serve_info(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);

/* The whole document; `theme` is "light", "dark" or empty. */
void page_compose(const struct release *release, const struct assets *assets, struct text theme, struct buffer *out);

#endif
