/* Logs as server-sent events: what is kept at once, then each line as it comes. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "store/api.h"
#include "store/store.h"

/* Somebody who reads a log. */
struct log_reader {
    struct logs_follower follower; /* first */
    struct http_exchange *exchange;
    struct loop_timer heartbeat;
};

static void write_event(struct buffer *out, const struct logs_line *line)
{
    buffer_string(out, "data: ");
    logs_write_json(out, line);
    buffer_string(out, "\n\n");
}

static void reader_line(struct logs_follower *follower, const struct logs_line *line)
{
    struct log_reader *reader = (struct log_reader *)follower;
    BUFFER_AUTO struct buffer event = BUFFER_EMPTY;
    if (http_respond_queued(reader->exchange) > BOUNDS_SESSION_QUEUED_BYTES)
        return; /* whoever reads so slowly finds the line in the log later */
    write_event(&event, line);
    http_respond_write(reader->exchange, buffer_view(&event));
}

/* An empty event: clients that count lines do not count it, and no proxy takes the stream for dead. */
static void reader_heartbeat(void *context)
{
    struct log_reader *reader = context;
    http_respond_write(reader->exchange, TEXT("data:\n\n"));
    loop_timer_start(&reader->heartbeat, BOUNDS_HEARTBEAT_MS);
}

static void reader_left(void *context, struct http_exchange *exchange, int code)
{
    struct log_reader *reader = context;
    logs_unfollow(&reader->follower);
    loop_timer_release(&reader->heartbeat);
    free(reader);
}

static void add_line(void *context, const struct logs_line *line)
{
    write_event(context, line);
}

/* 0 asks for everything that is kept, which is what a client replays from when it reconnects. */
static int64_t tail_of(const struct request *request)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    uint64_t tail;
    if (!request_query(request, "tail", &text) || text_to_u64(buffer_view(&text), &tail) != 0)
        return 0;
    return tail > BOUNDS_LOG_LINES_KEPT ? BOUNDS_LOG_LINES_KEPT : (int64_t)tail;
}

static bool wants_old_lines(const struct request *request)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    return !request_query(request, "after", &text) || !text_equal(buffer_view(&text), TEXT("now"));
}

/* Logs hold what a stranger's code printed and what was wrong with a push, so they are for those who may write. What
 * is kept goes out first and at once (a client that does not follow reads until its first pause), then the reader is
 * hung on the log; both happen in one turn of the loop, so no line is lost or doubled between them. */
void api_logs(struct request *request)
{
    static const struct http_handler handler = {.on_abort = reader_left};
    BUFFER_AUTO struct buffer old = BUFFER_EMPTY;
    struct repository repository;
    struct store *store = request->store;
    const char *source = text_equal(request->rest, TEXT("build")) ? "build" : "run";
    bool both = text_equal(request->rest, TEXT("all"));
    if (!both && !text_equal(request->rest, TEXT("build")) && !text_equal(request->rest, TEXT("run"))) {
        request_error(request, 404, NULL, "There are the logs run, build and all.");
        return;
    }
    if (request_writable(request, &repository) != 0)
        return;
    if (wants_old_lines(request))
        logs_each(&store->logs, repository.id, both ? NULL : source, tail_of(request), add_line, &old);
    struct log_reader *reader = MEMORY_NEW(struct log_reader);
    *reader = (struct log_reader){
        .follower = {.repository_id = repository.id, .source = both ? NULL : source, .on_line = reader_line},
        .exchange = request->exchange};
    loop_timer_init(&store->loop, &reader->heartbeat, reader_heartbeat, reader);
    loop_timer_start(&reader->heartbeat, BOUNDS_HEARTBEAT_MS);
    http_exchange_attach(reader->exchange, &handler, reader);
    http_respond_start(reader->exchange, 200,
                       TEXT("Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"),
                       -1);
    if (old.length > 0)
        http_respond_write(reader->exchange, buffer_view(&old));
    logs_follow(&store->logs, &reader->follower);
}
