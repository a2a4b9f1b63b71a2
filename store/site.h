/* The site's pages: gallery, a demo's tabs, a model's page. */
#ifndef STORE_SITE_H
#define STORE_SITE_H

#include "store/request.h"
#include "store/stage.h"

void site_gallery(struct request *request);  /* / */
void site_demo(struct request *request);     /* /spaces/o/n */
void site_demo_api(struct request *request); /* /spaces/o/n/api */
void site_logs(struct request *request);     /* /spaces/o/n/logs */
void site_model(struct request *request);    /* /o/n */
void site_tree(struct request *request);     /* …/tree/main[/folder] */
void site_blob(struct request *request);     /* …/blob/main/file */
void site_resolve(struct request *request);  /* …/resolve/main/file, …/raw/main/file: the bytes */

/* The tab that a page of a demo is. */
enum site_tab { SITE_TAB_APP, SITE_TAB_CODE, SITE_TAB_LOGS, SITE_TAB_SETTINGS, SITE_TAB_API };
/* Appends the members `demo_head` (filled), owner, name, path, title to a context under construction. */
void site_write_head(struct request *request, const struct repository *repository, const struct stage *stage,
                     enum site_tab tab, struct buffer *context);
/* A list row's names that gallery and account page share: owner, name, path, title, …, stage_kind, stage_label. */
struct listing_row;
void site_write_row(struct store *store, const struct listing_row *row, struct buffer *out);

#endif
