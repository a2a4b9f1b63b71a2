#include "runtime/worker/stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/wire/cursor.h"

enum { STAGE_RECORD_BYTES = 16, STAGE_EXECUTABLE = 0100755 };

static int stage_refuse(struct buffer *report, struct text path, const char *what)
{
    buffer_format(report, TEXT_FORMAT ": %s\n", TEXT_ARGUMENT(path), what);
    return ERROR_INVALID;
}

static int stage_add(struct bundle_writer *writer, struct text path, struct text contents, uint16_t flags,
                     struct buffer *report)
{
    int result = text_starts(path, TEXT(".vitrine/")) || text_starts(path, TEXT("release/."))
                     ? ERROR_FORBIDDEN
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

/* -- a folder on disk -- */

static int stage_read_file(int folder, const char *name, const char *path, struct bundle_writer *writer,
                           struct buffer *report)
{
    struct stat status;
    FD_AUTO int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        return stage_refuse(report, text_from(path), "cannot be read");
    if ((uint64_t)status.st_size > BOUNDS_TREE_FILE_BYTES)
        return stage_refuse(report, text_from(path), "is too large");
    MEMORY_AUTO char *contents = memory_alloc((size_t)status.st_size + 1, 1);
    if (fd_read_full(fd, contents, (size_t)status.st_size) != status.st_size)
        return stage_refuse(report, text_from(path), "changed while it was read");
    return stage_add(writer, text_from(path), (struct text){contents, (size_t)status.st_size},
                     status.st_mode & S_IXUSR ? BUNDLE_FLAG_EXECUTABLE : 0, report);
}

static int stage_walk(int parent, const char *name, const char *path, struct bundle_writer *writer,
                      struct buffer *report);

static int stage_walk_entry(int folder, const char *name, const char *path, struct bundle_writer *writer,
                            struct buffer *report)
{
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return stage_refuse(report, text_from(path), "cannot be read");
    if (S_ISDIR(status.st_mode))
        return stage_walk(folder, name, path, writer, report);
    if (!S_ISREG(status.st_mode))
        return stage_refuse(report, text_from(path),
                            "is a symbolic link or a special file; only regular files can be published");
    return stage_read_file(folder, name, path, writer, report);
}

static int stage_walk(int parent, const char *name, const char *path, struct bundle_writer *writer,
                      struct buffer *report)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int result = 0;

    if (!directory) {
        fd_close(&fd);
        return stage_refuse(report, text_from(*path ? path : name), "is not a folder that can be read");
    }
    while (result == 0 && (entry = readdir(directory)) != NULL) {
        char child[BOUNDS_BUNDLE_NAME_BYTES + 1];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, ".git") == 0)
            continue;
        int length = snprintf(child, sizeof child, "%s%s%s", path, *path ? "/" : "", entry->d_name);
        result = length >= (int)sizeof child ? stage_refuse(report, text_from(entry->d_name), "has too long a path")
                                             : stage_walk_entry(fd, entry->d_name, child, writer, report);
    }
    closedir(directory);
    return result;
}

int stage_read_folder(const char *folder, struct bundle_writer *writer, struct buffer *report)
{
    return stage_walk(AT_FDCWD, folder, "", writer, report);
}
