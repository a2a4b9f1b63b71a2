/* Bundles by their SHA-256, two hex digits to a folder.
 *
 * A bundle is written under a random name in incoming/, synced, renamed to its digest, and the folders are synced:
 * when vault_keep() returns, it survives a power cut, and no half of one ever had a digest for a name. Names come
 * from digests that are checked letter by letter (is_digest) and are opened relative to one descriptor, without
 * following links. All of it is thread-safe, since nothing here has a state but two descriptors. */
#include "store/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"

#define DIGEST_DIGITS 64
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int open_directory(int parent_fd, const char *path)
{
    if (mkdirat(parent_fd, path, 0700) != 0 && errno != EEXIST)
        return ERROR_SYSTEM;
    int fd = openat(parent_fd, path, DIRECTORY_FLAGS);
    return fd < 0 ? ERROR_SYSTEM : fd;
}

/* What a crash left half-written: nobody knows these names. */
static void clear_directory(int directory_fd)
{
    int copy = openat(directory_fd, ".", DIRECTORY_FLAGS);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.')
            unlinkat(directory_fd, entry->d_name, 0);
    }
    closedir(directory);
}

int vault_init(struct vault *vault, const char *data)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/bundles", data);
    *vault = (struct vault){-1, -1};
    vault->directory_fd = open_directory(AT_FDCWD, path.data);
    if (vault->directory_fd >= 0)
        vault->incoming_fd = open_directory(vault->directory_fd, "incoming");
    if (vault->directory_fd < 0 || vault->incoming_fd < 0) {
        log_error("cannot use %s: %s", path.data, strerror(errno));
        vault_release(vault);
        return ERROR_SYSTEM;
    }
    clear_directory(vault->incoming_fd);
    return 0;
}

void vault_release(struct vault *vault)
{
    fd_close(&vault->directory_fd);
    fd_close(&vault->incoming_fd);
}

/* Mode 0400: from the first byte on nobody can open it for writing again. */
int vault_begin(const struct vault *vault, char ret_name[33])
{
    random_hex(ret_name, 16);
    int fd = openat(vault->incoming_fd, ret_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0)
        log_error("cannot write a bundle: %s", strerror(errno));
    return fd < 0 ? ERROR_SYSTEM : fd;
}

static int trouble(const char *what)
{
    log_error("cannot %s a bundle: %s", what, strerror(errno));
    return ERROR_SYSTEM;
}

/* Renaming over an equal bundle is harmless: same digest, same bytes, and readers keep the old file open. */
int vault_keep(const struct vault *vault, int fd, const char *name, const char *digest)
{
    char folder[3] = {digest[0], digest[1], 0};
    if (fsync(fd) != 0)
        return trouble("sync");
    FD_AUTO int folder_fd = open_directory(vault->directory_fd, folder);
    if (folder_fd < 0)
        return trouble("make a folder for");
    if (renameat(vault->incoming_fd, name, folder_fd, digest) != 0)
        return trouble("rename");
    if (fsync(folder_fd) != 0 || fsync(vault->directory_fd) != 0)
        return trouble("sync the folder of");
    return 0;
}

void vault_discard(const struct vault *vault, const char *name)
{
    unlinkat(vault->incoming_fd, name, 0);
}

static bool is_digest(struct text digest)
{
    for (size_t index = 0; index < digest.length; index++) {
        char byte = digest.data[index];
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f'))
            return false;
    }
    return digest.length == DIGEST_DIGITS;
}

static void digest_path(char path[DIGEST_DIGITS + 4], struct text digest)
{
    snprintf(path, DIGEST_DIGITS + 4, "%.2s/%.64s", digest.data, digest.data);
}

/* O_NONBLOCK: a FIFO that somebody put there must not hold the loop; fstat then refuses it. */
int vault_open(const struct vault *vault, struct text digest)
{
    char path[DIGEST_DIGITS + 4];
    if (!is_digest(digest))
        return ERROR_INVALID;
    digest_path(path, digest);
    FD_AUTO int fd = openat(vault->directory_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? ERROR_NOT_FOUND : ERROR_CORRUPT;
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return ERROR_CORRUPT;
    return fd_steal(&fd);
}

void vault_remove(const struct vault *vault, struct text digest)
{
    char path[DIGEST_DIGITS + 4];
    if (!is_digest(digest))
        return;
    digest_path(path, digest);
    unlinkat(vault->directory_fd, path, 0);
}

static void each_in_folder(const struct vault *vault, const char *folder,
                           void (*visit)(void *context, struct text digest), void *context)
{
    int fd = openat(vault->directory_fd, folder, DIRECTORY_FLAGS);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        fd_close(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (is_digest(text_from(entry->d_name)))
            visit(context, text_from(entry->d_name));
    }
    closedir(directory);
}

/* Folder by folder in order; a bundle that appears meanwhile may be visited or not. */
void vault_each(const struct vault *vault, void (*visit)(void *context, struct text digest), void *context)
{
    for (unsigned first = 0; first < 256; first++) {
        char folder[3];
        snprintf(folder, sizeof folder, "%02x", first);
        each_in_folder(vault, folder, visit, context);
    }
}
