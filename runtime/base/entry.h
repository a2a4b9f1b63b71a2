/* What may stand in a published tree, and the words for what may not: one set of rules for a push (the store walks
 * git's tree) and for `vitrine check` (the worker walks a folder), so that an author reads the same sentence from
 * both.
 *
 * The walker shows every entry once, a folder before what is in it. Names are judged as bytes; two that differ only
 * in the case of ASCII letters are refused together, because one of them is lost in a clone on macOS or Windows.
 * Folders are counted like files: a tree of nested folders that all are the same git object costs its author a few
 * hundred bytes, and a walker without a limit years. */
#ifndef RUNTIME_BASE_ENTRY_H
#define RUNTIME_BASE_ENTRY_H

#include "runtime/base/buffer.h"
#include "runtime/base/map.h"

enum entry_kind { ENTRY_FILE, ENTRY_FOLDER, ENTRY_LINK, ENTRY_SUBMODULE, ENTRY_OTHER };

/* What a walk has seen so far. */
struct entry_rules {
    struct map names;      /* path in lower case → nothing; to find names that differ only in case */
    size_t files, folders; /* passed so far */
    uint64_t bytes;        /* of all files */
};

void entry_rules_init(struct entry_rules *rules);
void entry_rules_release(struct entry_rules *rules);

/* 0 and the entry is counted; or ERROR_INVALID or ERROR_LIMIT and a static sentence, to be said behind the path.
 * `bytes` is a file's size, else 0. */
int entry_admit(struct entry_rules *rules, struct text path, enum entry_kind kind, uint64_t bytes,
                const char **ret_sentence);
/* Appends a path so that it can stand in a sentence: control bytes, and all others of a path that is no UTF-8, as
 * \xNN. */
void entry_write_path(struct buffer *out, struct text path);
/* What speaks against a file's contents: a static sentence, or NULL. */
const char *entry_contents_objection(struct text contents);
/* What speaks against a tree that was walked to its end: a static sentence, or NULL. */
const char *entry_tree_objection(const struct entry_rules *rules);

#endif
