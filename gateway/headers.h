/* Which security headers go out with which kind of answer. The table is the policy; gateway/headers.c is where to read
 * and change it. */
#ifndef GATEWAY_HEADERS_H
#define GATEWAY_HEADERS_H

#include "gateway/site.h"

/* Surfaces, by who may have written what is shown there. */
enum headers_surface {
    HEADERS_SITE,        /* our own pages with accounts */
    HEADERS_SITE_FILE,   /* bytes of strangers on the site's host (raw files): never a document with rights */
    HEADERS_DEMO,        /* a demo on its own origin, page composed by us */
    HEADERS_DEMO_STATIC, /* a demo on its own origin, all bytes the author's */
    HEADERS_PATH,        /* a demo on the site's host: opaque origin */
    HEADERS_DEMO_FILE,   /* uploads and results of a demo: any page may use them, none is a document with rights */
    HEADERS_ASSET,       /* kit files and embed.js */
    HEADERS_COUNT
};

/* Who may frame a demo and what it asks for, from the store's settings. Origins are checked by headers_is_origin()
 * before they come here, and once more when they are written. */
struct headers_policy {
    bool embedding_disabled;  /* only our own site frames it */
    struct text parents;      /* origins, separated by spaces; empty: anybody */
    bool isolated;            /* custom_headers asks for COEP require-corp and COOP same-origin */
};

/* Appends the surface's lines. `policy` may be NULL for those that are no demo's. */
void headers_write(const struct site *site, enum headers_surface surface, const struct headers_policy *policy,
                   struct buffer *out);
/* True when an origin may stand in frame-ancestors: scheme://host[:port], or a host with a leading "*.". */
bool headers_is_origin(struct text origin);
/* True for fields that are the gateway's to send: a process behind it is not asked about them. */
bool headers_is_owned(struct text name);

#endif
