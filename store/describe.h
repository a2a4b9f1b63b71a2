/* The store's side of a describe cage: streams the checked tree in, takes bundle and report out. For a job thread.
 *
 * The stage stream is a sequence of records {u32 path length, u32 mode, u64 size, path, contents}, little-endian,
 * ended by a record of zeros. The bundle is written to a file of the vault that has no name yet, and hashed on the
 * way. */
#ifndef STORE_DESCRIBE_H
#define STORE_DESCRIBE_H

#include "runtime/base/buffer.h"
#include "store/tree.h"
#include "store/vault.h"

struct describe {
    int stage_fd, bundle_fd, report_fd; /* our ends; closed by describe_run() */
    int file_fd;                        /* the bundle's file; owned, -1 before */
    char file_name[33];                 /* in the vault's incoming folder */
    uint64_t bytes;
    char digest[65];
    struct buffer report;  /* what the cage says: lines for the author */
    struct buffer trouble; /* our own sentence for the author, when describe_run() fails */
};

/* Makes the three pipes: our ends in `describe`, the cage's in `ret_cage_fds` (stage, bundle, report). 0 or
 * ERROR_SYSTEM. */
int describe_init(struct describe *describe, int ret_cage_fds[3]);
/* Runs until the cage has closed bundle and report. 0 (the bundle may still be empty: look at the report and the exit
 * status), ERROR_TIMEOUT, ERROR_LIMIT, ERROR_INVALID (a file of the tree) or ERROR_SYSTEM. */
int describe_run(struct describe *describe, const struct tree *tree, const struct vault *vault);
/* Closes everything and removes the bundle's file unless it was kept. */
void describe_release(struct describe *describe, const struct vault *vault);

#endif
