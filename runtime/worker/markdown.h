/* Markdown to HTML: CommonMark with tables, strikethrough and task lists; raw HTML is shown as text, and links that
 * are neither http(s), mailto nor relative lose their address. */
#ifndef RUNTIME_WORKER_MARKDOWN_H
#define RUNTIME_WORKER_MARKDOWN_H

#include "runtime/base/buffer.h"

/* Appends the HTML. 0, or ERROR_LIMIT. */
int markdown_to_html(struct text markdown, struct buffer *out);

#endif
