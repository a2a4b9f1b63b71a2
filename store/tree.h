/* The tree of a commit that is being pushed, read with libgit2 out of git's quarantine, checked before anything runs.
 *
 * Only plain and executable files pass: symlinks, submodules, too many, too large, and names that a bundle cannot
 * hold are refused with a sentence that names the file. Everything here is for a job thread. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "runtime/base/buffer.h"

struct git_odb;
struct git_odb_object;

struct tree_entry {
    char *path; /* owned */
    uint32_t mode; /* 0100644 or 0100755 */
    uint64_t size;
    unsigned char oid[20];
};

struct tree {
    struct git_odb *odb;
    struct tree_entry *entries; /* owned */
    size_t count, capacity;
    char *message, *author; /* of the commit: first line, name; owned */
};

/* Where the objects are: the repository's own, and the quarantine folder inside it (NULL for none). */
struct tree_source {
    const char *repository; /* path of the bare repository */
    const char *quarantine; /* name of a folder below its objects/ */
};

/* Takes the last segment of what the hook sent as quarantine path: 0 and the checked folder name, or ERROR_INVALID. */
int tree_quarantine_name(struct text path, struct buffer *out);
/* Opens the commit and lists and checks its files. 0; or ERROR_INVALID/ERROR_LIMIT with a sentence for the author in
 * `reason`, ERROR_SYSTEM when our own side fails. Release either way. */
int tree_load(struct tree *tree, const struct tree_source *source, const char *commit, struct buffer *reason);
void tree_release(struct tree *tree);
/* The contents of one file, in memory while it is sent. */
struct tree_blob {
    struct git_odb_object *object; /* owned */
    struct text contents;
};
/* 0, ERROR_INVALID with a sentence (a Git LFS pointer), or ERROR_SYSTEM. Release either way. */
int tree_read(const struct tree *tree, const struct tree_entry *entry, struct tree_blob *ret_blob,
              struct buffer *reason);
void tree_blob_release(struct tree_blob *blob);

#endif
