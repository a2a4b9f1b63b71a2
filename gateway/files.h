/* A release's own files as answers, straight from the mapped bundle. */
#ifndef GATEWAY_FILES_H
#define GATEWAY_FILES_H

#include "gateway/route.h"

/* "text/html; charset=utf-8" for "a/b.html"; "application/octet-stream" when unknown. Static storage. */
const char *files_type(struct text name);
/* True when the type may be shown by a browser as it is; others are sent as attachments. */
bool files_is_shown(const char *type);

/* Answers with the file `name` of the route's release: 200, 206, 304 or 416. false (nothing was answered) when there is
 * no such file; what is generated or hidden (a segment begins with '.') counts as absent. */
bool files_reply(struct http_exchange *exchange, struct demo_route *route, struct text name);
bool files_has(const struct release *release, struct text name);
/* Any slice of the release's mapping, e.g. release->config; `headers` as in http_memory. */
void files_reply_slice(struct http_exchange *exchange, struct release *release, struct text body, struct text headers);

/* Handler of static demos: the file at the path, index.html of a folder, 404.html. */
void files_serve(struct gateway *gateway, struct http_exchange *exchange, struct demo_route *route);

#endif
