/* A repository's live release, opened for reading its files: what the site shows of it. */
#ifndef STORE_CONTENT_H
#define STORE_CONTENT_H

#include "runtime/base/bundle.h"
#include "runtime/base/json.h"
#include "store/release.h"
#include "store/repository.h"

struct store;

struct content {
    struct release release;
    struct bundle bundle; /* mapped */
    struct json manifest;
    uint64_t total_bytes;
};

/* 0, ERROR_NOT_FOUND (nothing is live), or ERROR_CORRUPT. On the heap, because answers may outlive the handler; end
 * with content_free(). */
int content_open(struct store *store, const struct repository *repository, struct content **ret_content);
void content_free(void *content);
/* The file `path` of the repository: 0 or ERROR_NOT_FOUND; what the server generated is no file. */
int content_find(const struct content *content, struct text path, struct bundle_entry *ret_entry);
/* Appends a JSON array of what is in `folder` ("" for the root): name, href (below `base`), folder, size; folders
 * first. False when there is no such folder. */
bool content_write_folder(const struct content *content, struct text folder, struct text base, struct buffer *out);
/* A text of the manifest's root, appended; nothing when it is absent. */
void content_text(const struct content *content, const char *name, struct buffer *out);

#endif
