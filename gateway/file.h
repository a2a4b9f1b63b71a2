/* Files by handle: what was uploaded to a demo, or what it produced. The store opens them, we map and send them. */
#ifndef GATEWAY_FILE_H
#define GATEWAY_FILE_H

#include "gateway/route.h"

/* Handler of gradio_api/file=<handle>: the file, with ranges; a path of the repository works too. */
void file_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);

#endif
