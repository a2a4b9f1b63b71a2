/* A release as one immutable file: header, index, names, contents.
 *
 *   header  64 bytes: magic "VTRNBND1", u32 version = 1, u32 entry_count, u64 index_offset (64),
 *           u64 names_length, u64 file_length, u64 index_checksum, rest zero
 *   index   entry_count × 40 bytes, sorted by name (bytewise): u64 offset, u64 length, u64 checksum of contents,
 *           u32 name_offset, u16 name_length, u16 flags (bit 0: executable in the tree; bit 1: generated),
 *           u64 reserved 0
 *   names   the names, one behind the other, no NUL, relative paths without "." ".." or empty segments
 *   then the contents, each aligned to 16 bytes, in index order
 *
 * All integers little-endian. Checksums are FNV-1a 64: they find damage, not malice; authenticity is the SHA-256 of
 * the whole file, which is its name in the store. The writer runs in the describe cage, so every reader treats a
 * bundle as hostile: bundle_open() checks header, index, names and ranges and never reads outside `length`. */
#ifndef RUNTIME_BASE_BUNDLE_H
#define RUNTIME_BASE_BUNDLE_H

#include "runtime/base/buffer.h"

struct bundle {
    const unsigned char *data; /* borrowed mapping */
    size_t length;
    uint32_t entry_count;
};

struct bundle_entry {
    struct text name;
    struct text contents;
    uint64_t checksum;
    uint16_t flags;
};

enum { BUNDLE_FLAG_EXECUTABLE = 1, BUNDLE_FLAG_GENERATED = 2 };

/* Checks everything but the contents' checksums. 0, or ERROR_CORRUPT / ERROR_LIMIT. Borrows `data`. */
int bundle_open(struct bundle *bundle, const void *data, size_t length);
/* 0 when every entry's contents match their checksum, else ERROR_CORRUPT. */
int bundle_verify(const struct bundle *bundle);
/* Binary search. 0 and `*ret_entry`, or ERROR_NOT_FOUND. */
int bundle_find(const struct bundle *bundle, struct text name, struct bundle_entry *ret_entry);
/* The index-th entry (index < entry_count). */
struct bundle_entry bundle_at(const struct bundle *bundle, uint32_t index);
/* Maps a whole bundle file read-only: 0 and an opened bundle, or an error. Release with bundle_unmap(). */
int bundle_map(struct bundle *bundle, int fd);
void bundle_unmap(struct bundle *bundle);

/* Writing: add entries in any order, then write. */
struct bundle_writer {
    struct bundle_writer_entry *entries; /* owned */
    size_t count, capacity;
};
void bundle_writer_init(struct bundle_writer *writer);
void bundle_writer_release(struct bundle_writer *writer);
/* Copies name and contents. 0, ERROR_INVALID (name), ERROR_EXISTS or ERROR_LIMIT. */
int bundle_writer_add(struct bundle_writer *writer, struct text name, struct text contents, uint16_t flags);
/* Appends the finished file to `out`. */
int bundle_writer_finish(struct bundle_writer *writer, struct buffer *out);

#endif
