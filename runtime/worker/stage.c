/* The tree of a push, as a stream in the cage or as a folder for `vitrine check`. Both end in the same calls, so a
 * check says what a push would. Limits are looked at before memory is taken for a file, and only regular files are
 * let in: a symbolic link in a release would be a name that leads out of it. */
#include "runtime/worker/stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/entry.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/wire/cursor.h"

enum { STAGE_RECORD_BYTES = 16, STAGE_EXECUTABLE = 0100755 };

static int stage_refuse(struct buffer *report, struct text path, const char *what)
{
    entry_write_path(report, path);
    buffer_format(report, ": %s\n", what);
    return ERROR_INVALID;
}

/* The codes of the bundle writer as sentences about the file. */
static int stage_add(struct bundle_writer *writer, struct text path, struct text contents, uint16_t flags,
                     struct buffer *report)
{
    int result = text_starts(path, TEXT(".vitrine/")) ? ERROR_FORBIDDEN
                                                      : bundle_writer_add(writer, path, contents, flags);
    switch (result) {
    case 0:
        return 0;
    case ERROR_FORBIDDEN:
        return stage_refuse(report, path, "the folder .vitrine is reserved; rename it");
    case ERROR_EXISTS:
        return stage_refuse(report, path, "stands in the tree twice");
    case ERROR_LIMIT:
        return stage_refuse(report, path, "there are too many files, or they are too large together");
    default:
        return stage_refuse(report, path, "is not a name that a file can have here");
    }
}

/* One record: 1 and the file was added, 0 at the end, or an error. */
static int stage_read_record(int fd, struct bundle_writer *writer, uint64_t *total, struct buffer *report)
{
    char record[STAGE_RECORD_BYTES];

    if (fd_read_full(fd, record, sizeof record) != sizeof record)
        return ERROR_CLOSED;
    struct cursor cursor = cursor_from((struct text){record, sizeof record});
    uint32_t path_length = cursor_u32(&cursor), mode = cursor_u32(&cursor);
    uint64_t size = cursor_u64(&cursor);
    if (path_length == 0)
        return 0;
    if (path_length > BOUNDS_BUNDLE_NAME_BYTES || size > BOUNDS_TREE_FILE_BYTES || size > BOUNDS_TREE_BYTES - *total)
        return ERROR_LIMIT;
    *total += size;
    MEMORY_AUTO char *path = memory_alloc(path_length + 1, 1);
    MEMORY_AUTO char *contents = memory_alloc((size_t)size + 1, 1);
    if (fd_read_full(fd, path, path_length) != (ssize_t)path_length ||
        fd_read_full(fd, contents, (size_t)size) != (ssize_t)size)
        return ERROR_CLOSED;
    int result = stage_add(writer, (struct text){path, path_length}, (struct text){contents, (size_t)size},
                           mode == STAGE_EXECUTABLE ? BUNDLE_FLAG_EXECUTABLE : 0, report);
    return result < 0 ? result : 1;
}

int stage_read(int fd, struct bundle_writer *writer, struct buffer *report)
{
    uint64_t total = 0;
    int result;

    while ((result = stage_read_record(fd, writer, &total, report)) > 0)
        ;
    if (result < 0 && report->length == 0)
        buffer_format(report, "the tree could not be read: %s\n", error_text(result));
    return result;
}

/* -- a folder on disk, by the rules and in the words of a push -- */

struct stage_folder {
    struct bundle_writer *writer;
    struct buffer *report;
    struct entry_rules rules;
};

/* Opened without following links: what was looked at is what is read. */
static int stage_read_file(struct stage_folder *stage, int parent, const char *name, const char *path)
{
    struct stat status;
    const char *sentence;
    FD_AUTO int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        return stage_refuse(stage->report, text_from(path), "cannot be read");
    if (entry_admit(&stage->rules, text_from(path), ENTRY_FILE, (uint64_t)status.st_size, &sentence) < 0)
        return stage_refuse(stage->report, text_from(path), sentence);
    MEMORY_AUTO char *contents = memory_alloc((size_t)status.st_size + 1, 1);
    if (fd_read_full(fd, contents, (size_t)status.st_size) != status.st_size)
        return stage_refuse(stage->report, text_from(path), "changed while it was read");
    struct text text = {contents, (size_t)status.st_size};
    sentence = entry_contents_objection(text);
    if (sentence)
        return stage_refuse(stage->report, text_from(path), sentence);
    return stage_add(stage->writer, text_from(path), text, status.st_mode & S_IXUSR ? BUNDLE_FLAG_EXECUTABLE : 0,
                     stage->report);
}

static int stage_walk(struct stage_folder *stage, int parent, const char *name, const char *path, int depth);

/* A repository inside the repository: git would commit it as a submodule. */
static bool stage_is_repository(int parent, const char *name)
{
    char path[NAME_MAX + 8];
    struct stat status;

    snprintf(path, sizeof path, "%s/.git", name);
    return fstatat(parent, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int stage_walk_entry(struct stage_folder *stage, int parent, const char *name, const char *path, int depth)
{
    struct stat status;
    const char *sentence;
    enum entry_kind kind = ENTRY_OTHER;

    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return stage_refuse(stage->report, text_from(path), "cannot be read");
    if (S_ISREG(status.st_mode))
        return stage_read_file(stage, parent, name, path);
    if (S_ISDIR(status.st_mode))
        kind = stage_is_repository(parent, name) ? ENTRY_SUBMODULE : ENTRY_FOLDER;
    if (S_ISLNK(status.st_mode))
        kind = ENTRY_LINK;
    if (entry_admit(&stage->rules, text_from(path), kind, 0, &sentence) < 0)
        return stage_refuse(stage->report, text_from(path), sentence);
    return stage_walk(stage, parent, name, path, depth + 1);
}

/* The repository's own .git is not a file of the demo. */
static bool stage_is_skipped(const char *name, int depth)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (depth == 0 && strcmp(name, ".git") == 0);
}

static int stage_compare(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* In the order of names, as git keeps them: what is wrong first is then the same thing as in a push. */
static int stage_walk(struct stage_folder *stage, int parent, const char *name, const char *path, int depth)
{
    FD_AUTO int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct dirent **entries = NULL;
    int count = fd < 0 ? -1 : scandirat(fd, ".", &entries, NULL, stage_compare), result = 0;

    if (count < 0)
        return stage_refuse(stage->report, text_from(*path ? path : name), "is not a folder that can be read");
    if (depth > BOUNDS_TREE_DEPTH)
        result = stage_refuse(stage->report, text_from(path), "folders are nested more than 64 deep; flatten them");
    for (int i = 0; i < count; i++) {
        char child[BOUNDS_BUNDLE_NAME_BYTES + NAME_MAX + 2];
        snprintf(child, sizeof child, "%s%s%s", path, *path ? "/" : "", entries[i]->d_name);
        if (result == 0 && !stage_is_skipped(entries[i]->d_name, depth))
            result = stage_walk_entry(stage, fd, entries[i]->d_name, child, depth);
        free(entries[i]);
    }
    free(entries);
    return result;
}

int stage_read_folder(const char *folder, struct bundle_writer *writer, struct buffer *report)
{
    struct stage_folder stage = {.writer = writer, .report = report};

    entry_rules_init(&stage.rules);
    int result = stage_walk(&stage, AT_FDCWD, folder, "", 0);
    const char *sentence = result == 0 ? entry_tree_objection(&stage.rules) : NULL;
    if (sentence) {
        buffer_format(report, "%s\n", sentence);
        result = ERROR_INVALID;
    }
    entry_rules_release(&stage.rules);
    return result;
}
