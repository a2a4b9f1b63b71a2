/* The store's half of a describe cage.
 *
 *   tree ─▶ stage pipe ─▶ cage ─▶ bundle pipe ─▶ incoming file + SHA-256
 *                           └───▶ report pipe ─▶ lines for the author
 *
 * One poll loop on a job thread serves all three pipes, because the cage may write a report, or give up, before it
 * has read the whole tree: feeding first and reading afterwards would deadlock on a full pipe. The tree is loaded one
 * file at a time; the bundle goes to disk as it comes. So memory here is bounded by the largest file, whatever the
 * cage does. The cage is hostile: it may send too much (BOUNDS_BUNDLE_BYTES, BOUNDS_REPORT_BYTES), nothing, or never
 * end (the deadline). */
#include "store/describe.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"

#define PIPE_BYTES (1 << 20)
#define PIECE_BYTES 65536

/* How far the tree has been sent. */
struct feeder {
    const struct tree *tree;
    size_t next;           /* entry to be loaded next; tree->count: the end record, then done */
    struct buffer header;  /* of the record being sent */
    struct tree_blob blob; /* its contents */
    size_t sent;           /* of header and contents together */
    bool done;
};

struct run {
    struct describe *describe;
    struct feeder feeder;
    crypto_hash_sha256_state hash;
};

/* -- pipes -- */

static int make_pipe(int ret_pair[2])
{
    if (pipe2(ret_pair, O_CLOEXEC) != 0)
        return ERROR_SYSTEM;
    fcntl(ret_pair[1], F_SETPIPE_SZ, PIPE_BYTES); /* only faster; a refusal is fine */
    return 0;
}

int describe_init(struct describe *describe, int ret_cage_fds[3])
{
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    *describe = (struct describe){.stage_fd = -1, .bundle_fd = -1, .report_fd = -1, .file_fd = -1};
    int result = 0;
    for (int index = 0; index < 3 && result == 0; index++)
        result = make_pipe(pipes[index]);
    describe->stage_fd = pipes[0][1];
    describe->bundle_fd = pipes[1][0];
    describe->report_fd = pipes[2][0];
    ret_cage_fds[0] = pipes[0][0];
    ret_cage_fds[1] = pipes[1][1];
    ret_cage_fds[2] = pipes[2][1];
    if (result == 0)
        result = fd_set_nonblocking(describe->stage_fd);
    if (result != 0) {
        log_error("cannot make pipes for a describe cage: %s", strerror(errno));
        for (int index = 0; index < 3; index++)
            fd_close(&ret_cage_fds[index]);
    }
    return result;
}

/* -- the tree in -- */

static void put_header(struct buffer *out, struct text path, uint32_t mode, uint64_t size)
{
    uint32_t words[2] = {htole32((uint32_t)path.length), htole32(mode)};
    uint64_t length = htole64(size);
    buffer_clear(out);
    buffer_append(out, words, sizeof words);
    buffer_append(out, &length, sizeof length);
    buffer_text(out, path);
}

/* Loads the next record. 0 or the error of reading it. */
static int feeder_load(struct feeder *feeder, struct buffer *trouble)
{
    tree_blob_release(&feeder->blob);
    feeder->sent = 0;
    if (feeder->next > feeder->tree->count) {
        feeder->done = true;
        return 0;
    }
    if (feeder->next == feeder->tree->count) {
        put_header(&feeder->header, TEXT(""), 0, 0);
        feeder->next++;
        return 0;
    }
    const struct tree_entry *entry = &feeder->tree->entries[feeder->next++];
    put_header(&feeder->header, text_from(entry->path), entry->mode, entry->size);
    return tree_read(feeder->tree, entry, &feeder->blob, trouble);
}

static struct text feeder_rest(const struct feeder *feeder)
{
    if (feeder->sent < feeder->header.length)
        return text_skip(buffer_view(&feeder->header), feeder->sent);
    return text_skip(feeder->blob.contents, feeder->sent - feeder->header.length);
}

/* Writes what the pipe takes. 0 or an error; a cage that stopped reading just ends the feeding. */
static int feed(struct run *run)
{
    struct feeder *feeder = &run->feeder;
    for (;;) {
        struct text rest = feeder_rest(feeder);
        if (rest.length == 0) {
            int result = feeder_load(feeder, &run->describe->trouble);
            if (result != 0)
                return result;
            if (feeder->done)
                break;
            continue;
        }
        ssize_t written = write(run->describe->stage_fd, rest.data, rest.length);
        if (written < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (written < 0) {
            feeder->done = true;
            break;
        }
        feeder->sent += (size_t)written;
    }
    fd_close(&run->describe->stage_fd);
    return 0;
}

/* -- bundle and report out -- */

/* The author cannot do anything about it, the operator can: each is told what concerns them. */
static void no_room(struct describe *describe)
{
    log_error("cannot write a bundle (%llu bytes so far): %s", (unsigned long long)describe->bytes, strerror(errno));
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        buffer_string(&describe->trouble,
                      "the server has no room left for this release; tell its operator, and push again later");
}

static int take_bundle(struct run *run)
{
    struct describe *describe = run->describe;
    char piece[PIECE_BYTES];
    ssize_t count = read(describe->bundle_fd, piece, sizeof piece);
    if (count == 0)
        fd_close(&describe->bundle_fd);
    if (count <= 0)
        return 0;
    describe->bytes += (uint64_t)count;
    if (describe->bytes > BOUNDS_BUNDLE_BYTES) {
        buffer_string(&describe->trouble, "the release would be larger than 1 GiB; remove some files");
        return ERROR_LIMIT;
    }
    crypto_hash_sha256_update(&run->hash, (const unsigned char *)piece, (unsigned long long)count);
    int result = fd_write_full(describe->file_fd, piece, (size_t)count);
    if (result != 0)
        no_room(describe);
    return result;
}

static void take_report(struct describe *describe)
{
    char piece[4096];
    ssize_t count = read(describe->report_fd, piece, sizeof piece);
    if (count == 0)
        fd_close(&describe->report_fd);
    size_t room = BOUNDS_REPORT_BYTES - describe->report.length;
    if (count > 0)
        buffer_append(&describe->report, piece, (size_t)count < room ? (size_t)count : room);
}

static int turn(struct run *run, uint64_t deadline)
{
    struct describe *describe = run->describe;
    struct pollfd polls[3] = {
        {describe->stage_fd, POLLOUT, 0}, {describe->bundle_fd, POLLIN, 0}, {describe->report_fd, POLLIN, 0}};
    uint64_t now = clock_now_ms();
    int ready = now < deadline ? poll(polls, 3, (int)(deadline - now)) : 0;
    if (ready < 0 && errno != EINTR)
        return ERROR_SYSTEM;
    if (ready == 0) {
        buffer_string(&describe->trouble, "reading the repository took too long; make it smaller or push again");
        return ERROR_TIMEOUT;
    }
    int result = 0;
    if (polls[0].revents != 0)
        result = feed(run);
    if (result == 0 && polls[1].revents != 0)
        result = take_bundle(run);
    if (polls[2].revents != 0)
        take_report(describe);
    return result;
}

int describe_run(struct describe *describe, const struct tree *tree, const struct vault *vault)
{
    struct run run = {.describe = describe, .feeder = {.tree = tree}};
    unsigned char digest[crypto_hash_sha256_BYTES];
    uint64_t deadline = clock_now_ms() + BOUNDS_DESCRIBE_WALL_MS + BOUNDS_DESCRIBE_MS;
    crypto_hash_sha256_init(&run.hash);
    describe->file_fd = vault_begin(vault, describe->file_name);
    int result = describe->file_fd < 0 ? describe->file_fd : 0;
    while (result == 0 && (describe->bundle_fd >= 0 || describe->report_fd >= 0))
        result = turn(&run, deadline);
    crypto_hash_sha256_final(&run.hash, digest);
    sodium_bin2hex(describe->digest, sizeof describe->digest, digest, sizeof digest);
    tree_blob_release(&run.feeder.blob);
    buffer_release(&run.feeder.header);
    fd_close(&describe->stage_fd);
    fd_close(&describe->bundle_fd);
    fd_close(&describe->report_fd);
    return result;
}

void describe_release(struct describe *describe, const struct vault *vault)
{
    fd_close(&describe->stage_fd);
    fd_close(&describe->bundle_fd);
    fd_close(&describe->report_fd);
    if (describe->file_fd >= 0)
        vault_discard(vault, describe->file_name); /* after vault_keep() the name is gone and this does nothing */
    fd_close(&describe->file_fd);
    buffer_release(&describe->report);
    buffer_release(&describe->trouble);
}
