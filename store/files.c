/* Visitors' and demos' files.
 *
 * The handle that a client holds is 256 random bits; here only their SHA-256 is known, which is also the file's name.
 * So neither the database nor a look into the folder tells how to fetch a file, and no part of what a client sent
 * (name, type, path) ever becomes part of a path: the demo's id and the digest do.
 *
 * The file is there before its row and goes before it. What a crash leaves is therefore a file without a row (swept
 * at the next start) or a row without a file (not found, gone when it expires), never a row that names foreign bytes.
 */
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/secret.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* -- the quota -- */

/* What one demo's files take: rows and files being written together, so that many uploads at once cannot each use
 * what is left. Read from the database once, then kept up to date here: this process is the only one that makes rows.
 */
struct files_use {
    int64_t bytes;
};

static struct files_use *use_of(struct files *files, int64_t repository_id)
{
    struct files_use *use = map_get_u64(&files->uses, (uint64_t)repository_id);
    if (use != NULL)
        return use;
    use = MEMORY_NEW(struct files_use);
    use->bytes = database_integer(files->database,
                                  "SELECT coalesce(sum(max(bytes, ?)), 0) FROM files WHERE repository_id = ?", "ii",
                                  (int64_t)BOUNDS_FILE_COST_BYTES, repository_id);
    map_set_u64(&files->uses, (uint64_t)repository_id, use);
    return use;
}

/* An empty file costs a block, too: rows without bytes would be free otherwise. */
static int64_t cost_of(uint64_t bytes)
{
    return bytes > BOUNDS_FILE_COST_BYTES ? (int64_t)bytes : (int64_t)BOUNDS_FILE_COST_BYTES;
}

/* Charges a writer up to the cost of `bytes`. 0 or ERROR_LIMIT (and nothing is charged). */
static int charge(struct files_writer *writer, uint64_t bytes)
{
    struct files_use *use = use_of(writer->files, writer->repository_id);
    int64_t more = cost_of(bytes) - writer->charged;
    if (more > writer->files->quota_bytes - use->bytes)
        return ERROR_LIMIT;
    use->bytes += more;
    writer->charged += more;
    return 0;
}

static int free_use(void *context, struct text key, void *value)
{
    free(value);
    return 0;
}

/* -- the directory -- */

static void file_path(char path[96], int64_t repository_id, const struct secret_digest *digest)
{
    BUFFER_AUTO struct buffer hex = BUFFER_EMPTY;
    encode_hex(&hex, digest->bytes, sizeof digest->bytes);
    snprintf(path, 96, "%lld/%s", (long long)repository_id, hex.data);
}

static bool row_exists(struct files *files, const char *name)
{
    struct secret_digest digest;
    if (encode_unhex(text_from(name), digest.bytes, sizeof digest.bytes) != 0)
        return false;
    return database_integer(files->database, "SELECT count(*) FROM files WHERE digest = ?", "b", secret_view(&digest)) >
           0;
}

/* Calls `visit` for each name in a directory below files->directory_fd. */
static void each_name(struct files *files, const char *path,
                      void (*visit)(struct files *files, const char *path, const char *name))
{
    int fd = openat(files->directory_fd, path, DIRECTORY_FLAGS);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        fd_close(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.')
            visit(files, path, entry->d_name);
    }
    closedir(directory);
}

static void remove_orphan(struct files *files, const char *folder, const char *name)
{
    char path[512];
    if (row_exists(files, name))
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlinkat(files->directory_fd, path, 0);
}

static void visit_folder(struct files *files, const char *path, const char *name)
{
    each_name(files, name, remove_orphan);
    unlinkat(files->directory_fd, name, AT_REMOVEDIR); /* only when it is empty now */
}

int files_init(struct files *files, struct database *database, const char *data)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/files", data);
    *files = (struct files){.database = database, .ttl_ms = BOUNDS_FILE_TTL_MS, .quota_bytes = BOUNDS_FILE_QUOTA_BYTES};
    map_init(&files->uses);
    if (mkdir(path.data, 0700) == 0 || errno == EEXIST)
        files->directory_fd = open(path.data, DIRECTORY_FLAGS);
    else
        files->directory_fd = -1;
    if (files->directory_fd < 0) {
        log_error("cannot use %s: %s", path.data, strerror(errno));
        return ERROR_SYSTEM;
    }
    each_name(files, ".", visit_folder);
    return 0;
}

void files_release(struct files *files)
{
    fd_close(&files->directory_fd);
    map_each(&files->uses, free_use, NULL);
    map_release(&files->uses);
}

/* -- writing -- */

int files_begin(struct files *files, int64_t repository_id, struct text session, struct text name,
                struct files_writer *ret_writer)
{
    *ret_writer = (struct files_writer){.files = files, .fd = -1, .repository_id = repository_id};
    if (charge(ret_writer, 0) != 0)
        return ERROR_LIMIT;
    secret_make(&ret_writer->handle);
    encode_file_name(&ret_writer->name, name);
    buffer_text(&ret_writer->session, session);
    struct secret_digest digest = secret_digest(buffer_view(&ret_writer->handle));
    file_path(ret_writer->path, repository_id, &digest);
    char folder[32];
    snprintf(folder, sizeof folder, "%lld", (long long)repository_id);
    if (mkdirat(files->directory_fd, folder, 0700) == 0 || errno == EEXIST)
        ret_writer->fd = openat(files->directory_fd, ret_writer->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (ret_writer->fd >= 0)
        return 0;
    log_error("cannot make a file of demo %lld: %s", (long long)repository_id, strerror(errno));
    files_abandon(ret_writer);
    return ERROR_SYSTEM;
}

void files_set_type(struct files_writer *writer, struct text mime_type)
{
    buffer_clear(&writer->mime_type);
    buffer_text(&writer->mime_type, text_is_utf8(mime_type) ? text_head(mime_type, 100) : TEXT(""));
}

int files_append(struct files_writer *writer, struct text data)
{
    if (charge(writer, writer->bytes + data.length) != 0)
        return ERROR_LIMIT;
    writer->bytes += data.length;
    return fd_write_full(writer->fd, data.data, data.length);
}

int files_finish(struct files_writer *writer)
{
    struct secret_digest digest = secret_digest(buffer_view(&writer->handle));
    int result =
        database_run(writer->files->database,
                     "INSERT INTO files (digest, repository_id, session, name, mime_type, bytes, expires_ms) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?)",
                     "bitttii", secret_view(&digest), writer->repository_id,
                     writer->session.data ? buffer_view(&writer->session) : TEXT(""), buffer_view(&writer->name),
                     writer->mime_type.length ? buffer_view(&writer->mime_type) : TEXT("application/octet-stream"),
                     (int64_t)writer->bytes, clock_wall_ms() + writer->files->ttl_ms);
    if (result < 0)
        return result;
    fd_close(&writer->fd);
    writer->charged = 0; /* the row's now */
    BUFFER_AUTO struct buffer secret = writer->handle;
    writer->handle = BUFFER_EMPTY;
    buffer_format(&writer->handle, "f/%s/%s", secret.data, writer->name.data);
    return 0;
}

void files_abandon(struct files_writer *writer)
{
    if (writer->fd >= 0)
        unlinkat(writer->files->directory_fd, writer->path, 0);
    use_of(writer->files, writer->repository_id)->bytes -= writer->charged;
    writer->charged = 0;
    fd_close(&writer->fd);
    buffer_release(&writer->handle);
    buffer_release(&writer->name);
    buffer_release(&writer->mime_type);
    buffer_release(&writer->session);
}

/* -- reading -- */

/* The digits of "f/<digits>/<name>" (a leading slash is forgiven), or an empty slice. */
static struct text handle_secret(struct text handle)
{
    if (text_starts(handle, TEXT("/")))
        handle = text_skip(handle, 1);
    if (!text_starts(handle, TEXT("f/")))
        return (struct text){0};
    handle = text_skip(handle, 2);
    struct text digits = text_cut(&handle, '/');
    return digits.length == 2 * SECRET_BYTES ? digits : (struct text){0};
}

int files_find(struct files *files, int64_t repository_id, const struct text *session, struct text handle,
               struct files_entry *ret_entry)
{
    struct text secret = handle_secret(handle);
    struct secret_digest digest = secret_digest(secret);
    DATABASE_QUERY_AUTO struct database_query query;
    *ret_entry = (struct files_entry){0};
    database_query_start(&query, files->database,
                         "SELECT session, name, mime_type, bytes FROM files WHERE digest = ? AND repository_id = ? AND "
                         "expires_ms > ?",
                         "bii", secret_view(&digest), repository_id, clock_wall_ms());
    if (secret.length == 0 || database_query_step(&query) != 1)
        return ERROR_NOT_FOUND;
    struct text bound = database_query_text(&query, 0);
    if (session != NULL && bound.length > 0 && !text_equal_secret(bound, *session))
        return ERROR_NOT_FOUND;
    ret_entry->repository_id = repository_id;
    ret_entry->bytes = database_query_integer(&query, 3);
    buffer_text(&ret_entry->name, database_query_text(&query, 1));
    buffer_text(&ret_entry->mime_type, database_query_text(&query, 2));
    file_path(ret_entry->path, repository_id, &digest);
    return 0;
}

void files_entry_release(struct files_entry *entry)
{
    buffer_release(&entry->name);
    buffer_release(&entry->mime_type);
}

int files_open(const struct files *files, const struct files_entry *entry)
{
    int fd = openat(files->directory_fd, entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM;
    return fd;
}

/* Types a browser may show in place, and the endings that name them when the client did not. SVG and HTML are not
 * here: they can carry scripts. */
static const struct {
    const char *ending, *type;
} safe_types[] = {
    {".png", "image/png"},   {".jpg", "image/jpeg"},  {".jpeg", "image/jpeg"}, {".gif", "image/gif"},
    {".webp", "image/webp"}, {".avif", "image/avif"}, {".bmp", "image/bmp"},   {".wav", "audio/wav"},
    {".mp3", "audio/mpeg"},  {".ogg", "audio/ogg"},   {".flac", "audio/flac"}, {".m4a", "audio/mp4"},
    {".mp4", "video/mp4"},   {".webm", "video/webm"}, {".txt", "text/plain; charset=utf-8"},
    {".json", "application/json"},
};

const char *files_safe_type(struct text mime_type, struct text name, bool *ret_inline)
{
    struct text wanted = mime_type;
    wanted = text_trim(text_cut(&wanted, ';'));
    bool unknown = wanted.length == 0 || text_equal_ignore_case(wanted, TEXT("application/octet-stream"));
    *ret_inline = true;
    for (size_t index = 0; index < MEMORY_COUNT(safe_types); index++) {
        struct text type = text_from(safe_types[index].type);
        struct text bare = type;
        bare = text_cut(&bare, ';');
        if (unknown ? text_ends(name, text_from(safe_types[index].ending)) : text_equal_ignore_case(bare, wanted))
            return safe_types[index].type;
    }
    *ret_inline = false;
    return "application/octet-stream";
}

/* -- ending -- */

int files_expire(struct files *files)
{
    int count = 0;
    int64_t now = clock_wall_ms();
    struct database_query query;
    database_query_start(&query, files->database,
                         "SELECT repository_id, digest, bytes FROM files WHERE expires_ms <= ?", "i", now);
    while (database_query_step(&query) == 1) {
        struct secret_digest digest = {0};
        char path[96];
        int64_t repository_id = database_query_integer(&query, 0);
        struct text bytes = database_query_text(&query, 1);
        memcpy(digest.bytes, bytes.data, text_head(bytes, sizeof digest.bytes).length);
        file_path(path, repository_id, &digest);
        use_of(files, repository_id)->bytes -= cost_of((uint64_t)database_query_integer(&query, 2));
        unlinkat(files->directory_fd, path, 0);
        count++;
    }
    database_query_finish(&query);
    if (count > 0)
        database_run(files->database, "DELETE FROM files WHERE expires_ms <= ?", "i", now);
    return count;
}

void files_drop_repository(struct files *files, int64_t repository_id)
{
    char folder[32];
    database_run(files->database, "DELETE FROM files WHERE repository_id = ?", "i", repository_id);
    snprintf(folder, sizeof folder, "%lld", (long long)repository_id);
    visit_folder(files, ".", folder);
    free(map_remove_u64(&files->uses, (uint64_t)repository_id));
}
