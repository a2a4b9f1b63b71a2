/* Files coming in by POST and going out by GET, in the name of one demo.
 *
 * Only the gateway can say for which demo (x-vitrine-demo; it strips the header from outside), and it has checked
 * whether the visitor may reach that demo. Here the handle decides: it is the capability. Bodies stream through
 * multipart.c into files.c, so an upload's memory is a buffer, whatever its size. An upload that fails or is cut off
 * leaves no file, except parts that were complete before: they have handles that nobody was told, and expire. */
#include "store/upload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/encode.h"
#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/multipart.h"
#include "store/store.h"
#include "store/upload_progress.h"

/* One upload while its body comes in. */
struct upload {
    struct store *store;
    struct request *request;
    int64_t repository_id;
    struct multipart multipart;
    struct files_writer writer; /* of the part being received */
    bool writing;
    int files;
    struct buffer answer; /* ["f/…","f/…" */
    struct buffer id;     /* upload_id, for progress */
};

/* 0 when there is no such header; no repository has the id 0. */
static int64_t demo_of(const struct request *request)
{
    uint64_t id;
    struct text header = http_exchange_header(request->exchange, "x-vitrine-demo");
    return text_to_u64(header, &id) == 0 && id <= INT64_MAX ? (int64_t)id : 0;
}

/* -- parts -- */

static int part_begin(void *context, struct text name, struct text file_name, struct text mime_type)
{
    struct upload *upload = context;
    if (!text_equal(name, TEXT("files")))
        return 0; /* other fields are read and dropped */
    if (upload->files == BOUNDS_FILES_PER_UPLOAD)
        return ERROR_LIMIT;
    int result = files_begin(&upload->store->files, upload->repository_id, TEXT(""), file_name, &upload->writer);
    if (result != 0)
        return result;
    upload->writing = true;
    upload->files++;
    files_set_type(&upload->writer, mime_type);
    return 0;
}

static int part_data(void *context, struct text data)
{
    struct upload *upload = context;
    if (!upload->writing)
        return 0;
    upload_progress_tell(upload->store, buffer_view(&upload->id), buffer_view(&upload->writer.name), data.length);
    return files_append(&upload->writer, data);
}

static int part_end(void *context)
{
    struct upload *upload = context;
    if (!upload->writing)
        return 0;
    int result = files_finish(&upload->writer);
    if (result == 0) {
        json_write_comma(&upload->answer);
        json_write_string(&upload->answer, buffer_view(&upload->writer.handle));
    }
    upload->writing = false;
    files_abandon(&upload->writer);
    return result;
}

static const struct multipart_handler part_handler = {part_begin, part_data, part_end};

/* -- the body -- */

static void upload_free(struct upload *upload)
{
    upload_progress_end(upload->store, buffer_view(&upload->id));
    if (upload->writing)
        files_abandon(&upload->writer);
    multipart_release(&upload->multipart);
    buffer_release(&upload->answer);
    buffer_release(&upload->id);
    free(upload);
}

static void upload_fail(struct upload *upload, int result)
{
    struct request *request = upload->request;
    http_exchange_attach(request->exchange, NULL, NULL);
    upload_free(upload);
    if (result == ERROR_LIMIT)
        request_error(request, 413, NULL,
                      "These files are too large, too many, or the demo's space for files is used up.");
    else if (result == ERROR_INVALID)
        request_error(request, 400, NULL, "The body is no well-formed multipart/form-data.");
    else
        request_error(request, 500, NULL, "The file could not be stored; try again.");
}

static void body_data(void *context, struct http_exchange *exchange, struct text data)
{
    struct upload *upload = context;
    int result = multipart_feed(&upload->multipart, data);
    if (result != 0)
        upload_fail(upload, result);
}

static void body_end(void *context, struct http_exchange *exchange)
{
    struct upload *upload = context;
    struct request *request = upload->request;
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    int result = multipart_finish(&upload->multipart);
    if (result != 0) {
        upload_fail(upload, result);
        return;
    }
    buffer_byte(&upload->answer, ']');
    buffer_text(&answer, buffer_view(&upload->answer));
    http_exchange_attach(exchange, NULL, NULL);
    upload_free(upload);
    request_json(request, 200, &answer);
}

static void body_aborted(void *context, struct http_exchange *exchange, int code)
{
    upload_free(context);
}

static const struct http_handler body_handler = {body_data, body_end, NULL, body_aborted};

void upload_post(struct request *request)
{
    struct repository repository;
    int64_t id = demo_of(request);
    if (repository_find_id(&request->store->database, id, &repository) != 0 || repository.model) {
        request_error(request, 404, NULL, "There is no such demo.");
        return;
    }
    struct upload *upload = MEMORY_NEW(struct upload);
    *upload = (struct upload){.store = request->store, .request = request, .repository_id = id};
    buffer_byte(&upload->answer, '[');
    request_query(request, "upload_id", &upload->id);
    struct text type = http_exchange_header(request->exchange, "content-type");
    if (multipart_init(&upload->multipart, type, &part_handler, upload) != 0) {
        upload_fail(upload, ERROR_INVALID);
        return;
    }
    upload_progress_begin(upload->store, buffer_view(&upload->id));
    http_exchange_attach(request->exchange, &body_handler, upload);
    if (!http_exchange_receive(request->exchange, BOUNDS_UPLOAD_BODY_BYTES)) {
        request->exchange = NULL; /* answered 413 */
        upload_free(upload);
    }
}

/* -- fetching -- */

struct mapping {
    void *data;
    size_t length;
};

static void mapping_free(void *owner)
{
    struct mapping *mapping = owner;
    if (mapping->length > 0)
        munmap(mapping->data, mapping->length);
    free(mapping);
}

/* The name in its percent-encoded form only: no quoting to get wrong, and every browser reads it. */
static void write_disposition(struct buffer *headers, struct text name, bool shown)
{
    buffer_format(headers, "Content-Disposition: %s; filename*=UTF-8''", shown ? "inline" : "attachment");
    encode_percent(headers, name, "");
    buffer_string(headers, "\r\n");
}

/* Mapped and handed to the connection, which releases it when the last byte is out or the client is gone. */
static void send_file(struct request *request, const struct files_entry *entry, int fd)
{
    BUFFER_AUTO struct buffer headers = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer etag = BUFFER_EMPTY;
    bool shown;
    const char *type = files_safe_type(buffer_view(&entry->mime_type), buffer_view(&entry->name), &shown);
    struct mapping *mapping = MEMORY_NEW(struct mapping);
    mapping->length = (size_t)entry->bytes;
    if (mapping->length > 0)
        mapping->data = mmap(NULL, mapping->length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping->data == MAP_FAILED) {
        free(mapping);
        request_error(request, 500, NULL, "The file could not be read; try again.");
        return;
    }
    buffer_format(&headers, "Content-Type: %s\r\nCache-Control: private, max-age=3600\r\n", type);
    write_disposition(&headers, buffer_view(&entry->name), shown);
    /* The file never changes, so the tail of its own (hashed) name serves as entity tag. */
    buffer_format(&etag, "\"%.32s\"", strchr(entry->path, '/') + 1);
    struct http_exchange *exchange = request->exchange;
    request->exchange = NULL;
    http_respond_memory(exchange, &(struct http_memory){.body = {mapping->data ? mapping->data : "", mapping->length},
                                                        .etag = buffer_view(&etag), .headers = buffer_view(&headers),
                                                        .release = mapping_free, .owner = mapping});
}

/* Absent, expired and another demo's look the same from outside. */
void upload_get(struct request *request)
{
    struct files_entry entry;
    struct files *files = &request->store->files;
    int result = files_find(files, demo_of(request), NULL, request->rest, &entry);
    FD_AUTO int fd = result == 0 ? files_open(files, &entry) : result;
    if (fd < 0)
        request_error(request, 403, NULL, "This file is not there (any more), or it is not this demo's.");
    else
        send_file(request, &entry, fd);
    files_entry_release(&entry);
}
