/* Makes a stranger's HTML (a rendered README) fit to stand on the site's own pages.
 *
 * An allow-list of tags and attributes is written anew; nothing is passed through. Tags are balanced, links lead to
 * http, https, mailto or the repository itself, and no script, style, form or frame survives. */
#ifndef STORE_SANITIZE_H
#define STORE_SANITIZE_H

#include "runtime/base/buffer.h"

/* Appends the clean form of `html`. Relative links become `base`/blob/main/…, relative images `base`/resolve/main/….
 * Never fails: what is not understood is left out or escaped. */
void sanitize_html(struct text html, struct text base, struct buffer *out);

#endif
