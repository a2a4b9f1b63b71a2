/* Files that visitors upload and demos make: found only by a 256-bit handle, bound to one demo, gone after a while.
 *
 * What clients get as `path` is "f/<64 hex digits>/<clean name>". The digits are the secret; on disk and in the
 * database stands their SHA-256 (`<data>/files/<demo id>/<sha256>`). */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "runtime/base/map.h"
#include "store/database.h"

struct files {
    struct database *database; /* borrowed */
    int directory_fd;          /* <data>/files */
    int64_t ttl_ms, quota_bytes;
    struct map uses;           /* demo id → struct files_use: what counts against its quota */
};

/* One file being written. */
struct files_writer {
    struct files *files;
    int fd;
    int64_t repository_id;
    uint64_t bytes;       /* written so far */
    int64_t charged;      /* of the demo's quota; given back when the file is abandoned */
    char path[96];        /* below directory_fd */
    struct buffer handle, name, mime_type, session;
};

/* What a handle stands for. */
struct files_entry {
    int64_t repository_id, bytes;
    struct buffer name, mime_type;
    char path[96];
};

/* Opens `<data>/files` and removes what no row knows. 0 or ERROR_SYSTEM. */
int files_init(struct files *files, struct database *database, const char *data);
void files_release(struct files *files);

/* Begins a file of a demo. `session` may be empty: then every session of the demo may use it. 0, ERROR_LIMIT (the
 * quota is used up), or ERROR_SYSTEM. End with files_finish() or files_abandon(). */
int files_begin(struct files *files, int64_t repository_id, struct text session, struct text name,
                struct files_writer *ret_writer);
void files_set_type(struct files_writer *writer, struct text mime_type);
int files_append(struct files_writer *writer, struct text data); /* 0, ERROR_LIMIT or ERROR_SYSTEM */
/* Writes the row; afterwards `writer->handle` is valid for others, and the writer is released by files_abandon(). */
int files_finish(struct files_writer *writer);
/* Removes the file unless it was finished, and releases the writer. */
void files_abandon(struct files_writer *writer);

/* Looks a handle up: 0, or ERROR_NOT_FOUND when there is none, it expired, or it is another demo's or session's (a
 * NULL session asks for no session: the handle alone decides). Release the entry either way. */
int files_find(struct files *files, int64_t repository_id, const struct text *session, struct text handle,
               struct files_entry *ret_entry);
void files_entry_release(struct files_entry *entry);
int files_open(const struct files *files, const struct files_entry *entry); /* a read-only fd, or an error */
/* The MIME type a browser may be told for this content, and whether it may show it in place. */
const char *files_safe_type(struct text mime_type, struct text name, bool *ret_inline);
/* Deletes what has expired; returns how many. */
int files_expire(struct files *files);
void files_drop_repository(struct files *files, int64_t repository_id);

#endif
