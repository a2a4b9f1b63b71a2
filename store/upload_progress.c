/* Telling how far an upload is, to whoever knows its id.
 *
 * The id is chosen by the client and is no secret worth keeping: what is told is a file's name and sizes of pieces. A
 * watcher usually comes before its upload; it is kept without an answer for WAIT_MS and told 404 when nothing begins.
 */
#include "store/upload_progress.h"

#include <stdlib.h>

#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/store.h"
#include "store/upload.h"

#define WAIT_MS 3000 /* for an upload whose progress is asked for before it begins */

/* Somebody who watches one upload. */
struct progress_watcher {
    struct store *store;
    struct progress_watcher *next, **link;
    struct http_exchange *exchange;
    struct request *request;
    char *id; /* owned */
    bool begun;
    struct loop_timer patience;
};

static void watcher_free(struct progress_watcher *watcher)
{
    *watcher->link = watcher->next;
    if (watcher->next != NULL)
        watcher->next->link = watcher->link;
    loop_timer_release(&watcher->patience);
    free(watcher->id);
    free(watcher);
}

/* The answer starts with the upload, so that a 404 is still possible before. */
static void watcher_begin(struct progress_watcher *watcher)
{
    if (watcher->begun)
        return;
    watcher->begun = true;
    loop_timer_stop(&watcher->patience);
    http_respond_start(watcher->exchange, 200,
                       TEXT("Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"),
                       -1);
}

static void watcher_end(struct progress_watcher *watcher)
{
    http_exchange_attach(watcher->exchange, NULL, NULL);
    http_respond_write(watcher->exchange, TEXT("data: {\"msg\":\"done\"}\n\n"));
    http_respond_end(watcher->exchange);
    watcher_free(watcher);
}

/* The exchange is taken away from the watcher first; answering it would call watcher_left() otherwise. */
static void lost_patience(void *context)
{
    struct progress_watcher *watcher = context;
    struct request *request = watcher->request;
    http_exchange_attach(watcher->exchange, NULL, NULL);
    watcher_free(watcher);
    request_error(request, 404, NULL, "There is no such upload.");
}

static void watcher_left(void *context, struct http_exchange *exchange, int code)
{
    watcher_free(context);
}

/* Calls `act` for each watcher of this upload, which may free it. */
static void each_watcher(struct store *store, struct text id, void (*act)(struct progress_watcher *watcher))
{
    struct progress_watcher *next;
    for (struct progress_watcher *watcher = store->watchers; watcher != NULL && id.length > 0; watcher = next) {
        next = watcher->next;
        if (text_equal(text_from(watcher->id), id))
            act(watcher);
    }
}

void upload_progress_begin(struct store *store, struct text id)
{
    each_watcher(store, id, watcher_begin);
}

void upload_progress_tell(struct store *store, struct text id, struct text file_name, size_t bytes)
{
    BUFFER_AUTO struct buffer event = BUFFER_EMPTY;
    if (store->watchers == NULL || id.length == 0)
        return;
    buffer_string(&event, "data: {\"msg\":\"update\"");
    json_write_member(&event, "orig_name", file_name);
    buffer_format(&event, ",\"chunk_size\":%zu}\n\n", bytes);
    for (struct progress_watcher *watcher = store->watchers; watcher != NULL; watcher = watcher->next) {
        if (!text_equal(text_from(watcher->id), id))
            continue;
        watcher_begin(watcher);
        if (http_respond_queued(watcher->exchange) < BOUNDS_HTTP_QUEUE_LOW_BYTES) /* a slow reader misses some */
            http_respond_write(watcher->exchange, buffer_view(&event));
    }
}

static void finish(struct progress_watcher *watcher)
{
    watcher_begin(watcher);
    watcher_end(watcher);
}

void upload_progress_end(struct store *store, struct text id)
{
    each_watcher(store, id, finish);
}

void upload_progress_release(struct store *store)
{
    while (store->watchers != NULL)
        watcher_free(store->watchers);
}

void upload_progress(struct request *request)
{
    static const struct http_handler handler = {.on_abort = watcher_left};
    BUFFER_AUTO struct buffer id = BUFFER_EMPTY;
    if (!request_query(request, "upload_id", &id) || id.length == 0 || id.length > 128) {
        request_error(request, 404, NULL, "There is no such upload.");
        return;
    }
    struct store *store = request->store;
    struct progress_watcher *watcher = MEMORY_NEW(struct progress_watcher);
    *watcher = (struct progress_watcher){.store = store, .next = store->watchers, .link = &store->watchers,
                                         .exchange = request->exchange, .request = request, .id = buffer_steal(&id)};
    if (watcher->next != NULL)
        watcher->next->link = &watcher->next;
    store->watchers = watcher;
    loop_timer_init(&store->loop, &watcher->patience, lost_patience, watcher);
    loop_timer_start(&watcher->patience, WAIT_MS);
    http_exchange_attach(request->exchange, &handler, watcher);
}
