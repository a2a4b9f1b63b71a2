/* The site's page templates (share/vitrine/pages) and the hashed names of its assets
 * (share/vitrine/kit/manifest.json), read once at start. What is missing or malformed is found then, not when a
 * visitor comes. */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include "runtime/base/buffer.h"
#include "runtime/base/map.h"

struct pages {
    struct map templates; /* name without ".html" → char * */
    struct buffer assets; /* members `"site_css":"…","site_js":"…","icon":"…"` for the layout */
};

/* Reads everything below `share`. 0, or ERROR_NOT_FOUND / ERROR_INVALID / ERROR_SYSTEM after logging which file. */
int pages_init(struct pages *pages, const char *share);
void pages_release(struct pages *pages);

/* One page of the site. Texts may be empty; `context` is a JSON object, see the template of this name. */
struct page {
    const char *template_name;
    const char *word; /* for styles: gallery, demo, … */
    struct text title, description, theme, user;
    struct text context;
};
/* Appends one template filled with a JSON object, without the layout. ERROR_INVALID when `context` is no JSON. */
int pages_fill(const struct pages *pages, const char *template_name, struct text context, struct buffer *out);
/* Appends the whole document. */
int pages_compose(const struct pages *pages, const struct page *page, struct buffer *out);

/* Words for people: "2 hours ago", "4.1 kB". */
void pages_write_age(struct buffer *out, int64_t wall_ms);
void pages_write_size(struct buffer *out, uint64_t bytes);
/* Appends the members name: "2 hours ago" and name_iso: the exact time. Empty texts when wall_ms is 0. */
void pages_write_time(struct buffer *out, const char *name, int64_t wall_ms);
void pages_write_flag(struct buffer *out, const char *name, bool value);

#endif
