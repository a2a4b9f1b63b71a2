/* The stage stream: how the store hands a pushed tree to the describe cage.
 *
 *   records {u32 path length, u32 git mode, u64 size, path, contents}, little-endian, ended by a record of zeroes */
#ifndef RUNTIME_WORKER_STAGE_H
#define RUNTIME_WORKER_STAGE_H

#include "runtime/base/bundle.h"

/* Reads the stream from `fd` into `writer`. 0, or an error with a sentence appended to `report`. */
int stage_read(int fd, struct bundle_writer *writer, struct buffer *report);
/* The same from a folder on disk (`vitrine check`): regular files, without .git; symlinks are an error. */
int stage_read_folder(const char *folder, struct bundle_writer *writer, struct buffer *report);

#endif
