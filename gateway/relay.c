/* Questions and answers. A handler that waits has asked exactly one thing; the question's id comes from the process,
 * so it is only ever looked up among that process's own questions, and a second one with the same id breaks the
 * rules.
 *
 *   call_sleep        a timer of ours
 *   call_file_open    an upload: the store passes a descriptor; a file of the repository: the mapped bundle
 *   call_file_read    a piece of either
 *   call_file_make/append/finish   streams to the store, which says at the end how the file is called
 *   call_model        a job of the inference backend
 *
 * A wait knows what it waits for (timer, request, job), so that it can be given up from either side: when its call
 * ends, the timer is dropped, the store's answer will find nobody, the job is cancelled at the backend. When a peer
 * dies its waits are answered with words; the handler sees an error it can catch. No path leaves a wait without an
 * end.
 *
 * Files belong to the call that opened them and go with it. Their number and that of the questions are bounded per
 * process, because a hostile one would ask for ever. Who writes a file is paced: while much waits for the store, a
 * piece is taken at once but its answer, which allows the next one, comes later. */
#include "gateway/relay.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/calls.h"
#include "gateway/files.h"
#include "gateway/gateway.h"
#include "gateway/request.h"
#include "gateway/worker.h"
#include "runtime/base/clock.h"
#include "runtime/base/encode.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/wire/channel.h"
#include "runtime/wire/cursor.h"

/* One question that waits for its answer. */
struct relay_wait {
    struct relay *relay;
    uint32_t id;             /* the process's */
    uint64_t stream;         /* of the call that asks */
    struct event *timer;     /* sleeping: owned */
    uint32_t request;        /* asked the store: its question */
    uint64_t job;            /* asked the inference backend: its job */
    uint32_t file;           /* finishing this file */
    struct list in_relay;
};

/* A file that a call reads or writes. */
struct relay_file {
    uint32_t id;
    uint64_t stream;
    int fd;                  /* reading an upload; -1 otherwise */
    struct text contents;    /* reading a file of the repository: borrowed of the release, which the worker holds */
    uint32_t request;        /* writing: the store's question, 0 once it was ended */
    uint64_t written;
    bool broken;             /* a piece was lost: it can never be whole, the store drops it when the call ends */
    char *name, *mime_type;  /* owned; writing */
    struct list in_relay;
};

void relay_init(struct relay *relay, struct worker *worker)
{
    *relay = (struct relay){.worker = worker, .next_file = 1};
    map_init(&relay->waits);
    map_init(&relay->files);
    list_init(&relay->wait_list);
    list_init(&relay->file_list);
}

/* ---- questions ---- */

static struct relay_wait *wait_new(struct relay *relay, uint32_t id, uint64_t stream)
{
    struct relay_wait *wait = MEMORY_NEW(struct relay_wait);
    wait->relay = relay;
    wait->id = id;
    wait->stream = stream;
    list_init(&wait->in_relay);
    list_append(&relay->wait_list, &wait->in_relay);
    map_set_u64(&relay->waits, id, wait);
    return wait;
}

/* From every book it may stand in. The process is not answered by this. */
static void wait_free(struct relay_wait *wait)
{
    struct calls *calls = wait->relay->worker->calls;
    map_remove_u64(&wait->relay->waits, wait->id);
    list_remove(&wait->in_relay);
    if (wait->timer)
        event_free(wait->timer);
    if (wait->request)
        request_forget(calls, wait->request);
    if (wait->job)
        map_remove_u64(&calls->jobs, wait->job);
    free(wait);
}

/* The same for one that nobody wants any more: the backend is told to stop computing. */
static void cancel_wait(struct relay_wait *wait)
{
    struct calls *calls = wait->relay->worker->calls;
    struct message_infer_cancel cancel = {.job = wait->job};
    if (wait->job && calls->gateway->infer)
        channel_send_infer_cancel(calls->gateway->infer, 0, &cancel);
    wait_free(wait);
}

/* Answers a question that may not be registered. A process that asks and asks but does not read fills its queue; an
 * answer that finds no place would leave a handler waiting for ever, so the watch ends that process. */
static void send_answer(struct relay *relay, uint64_t stream, const struct message_call_answer *answer)
{
    struct process *process = relay->worker->process;
    if (!process || !process->channel)
        return;
    process->told++;
    if (channel_send_call_answer(process->channel, stream, answer) < 0)
        relay->worker->stuck = true;
}

static void answer_text(struct relay *relay, uint64_t stream, uint32_t id, struct text body)
{
    struct message_call_answer answer = {.call = id, .body = body};
    send_answer(relay, stream, &answer);
}

static void answer_error(struct relay *relay, uint64_t stream, uint32_t id, int code, struct text sentence)
{
    struct message_call_answer answer = {.call = id, .status = (uint32_t)-code, .body = sentence};
    send_answer(relay, stream, &answer);
}

/* ---- files ---- */

static struct relay_file *file_new(struct relay *relay, uint64_t stream)
{
    struct relay_file *file = MEMORY_NEW(struct relay_file);
    file->id = relay->next_file++;
    file->stream = stream;
    file->fd = -1;
    list_init(&file->in_relay);
    list_append(&relay->file_list, &file->in_relay);
    map_set_u64(&relay->files, file->id, file);
    return file;
}

/* An upload that was not finished is discarded at the store. */
static void file_free(struct relay *relay, struct relay_file *file)
{
    map_remove_u64(&relay->files, file->id);
    list_remove(&file->in_relay);
    fd_close(&file->fd);
    if (file->request)
        request_file_end(relay->worker->calls, file->request, false);
    free(file->name);
    free(file->mime_type);
    free(file);
}

/* The file with this id, if it belongs to that call. */
static struct relay_file *find_file(struct relay *relay, uint32_t id, uint64_t stream)
{
    struct relay_file *file = map_get_u64(&relay->files, id);
    return file && file->stream == stream ? file : NULL;
}

void relay_forget_call(struct relay *relay, uint64_t stream)
{
    struct relay_wait *wait;
    struct relay_file *file;
    LIST_EACH(wait, &relay->wait_list, struct relay_wait, in_relay)
        if (wait->stream == stream)
            cancel_wait(wait);
    LIST_EACH(file, &relay->file_list, struct relay_file, in_relay)
        if (file->stream == stream)
            file_free(relay, file);
}

/* File numbers start anew: the next process begins with none. */
void relay_reset(struct relay *relay)
{
    struct relay_wait *wait;
    struct relay_file *file;
    LIST_EACH(wait, &relay->wait_list, struct relay_wait, in_relay)
        cancel_wait(wait);
    LIST_EACH(file, &relay->file_list, struct relay_file, in_relay)
        file_free(relay, file);
    relay->next_file = 1;
}

void relay_release(struct relay *relay)
{
    relay_reset(relay);
    map_release(&relay->waits);
    map_release(&relay->files);
}

/* ---- sleeping ---- */

/* Freed before it is answered: the answer may make the process ask again with the same id. */
static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct relay_wait *wait = context;
    struct relay *relay = wait->relay;
    uint64_t stream = wait->stream;
    uint32_t id = wait->id;
    (void)fd;
    (void)what;
    wait_free(wait);
    answer_text(relay, stream, id, TEXT(""));
}

/* Answers the question, with nothing, after that time. */
static void answer_later(struct relay *relay, uint64_t stream, uint32_t id, uint32_t delay_ms)
{
    struct event_base *base = relay->worker->calls->gateway->base;
    struct relay_wait *wait = wait_new(relay, id, stream);
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000};
    wait->timer = evtimer_new(base, on_timer, wait);
    evtimer_add(wait->timer, &delay);
}

/* The longest sleep is bounded, and by the call's time as a whole (worker_pulse). */
static bool on_sleep(struct relay *relay, uint64_t stream, const struct message_call_sleep *sleep)
{
    answer_later(relay, stream, sleep->call,
                 sleep->delay_ms < BOUNDS_WORKER_SLEEP_MS ? sleep->delay_ms : BOUNDS_WORKER_SLEEP_MS);
    return true;
}

/* ---- reading a file ---- */

static void write_opened(struct buffer *out, const struct relay_file *file, const struct request_answer *answer)
{
    buffer_format(out, "{\"file\":%u,\"size\":%llu,\"mime_type\":", file->id, (unsigned long long)answer->size);
    json_write_string(out, answer->mime_type);
    buffer_string(out, ",\"name\":");
    json_write_string(out, answer->name);
    buffer_byte(out, '}');
}

/* The descriptor is ours from here on; the process reads through us. */
static void on_opened(void *context, struct request_answer *answer)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct relay_wait *wait = context;
    struct relay *relay = wait->relay;
    uint64_t stream = wait->stream;
    uint32_t id = wait->id;
    wait->request = 0;
    wait_free(wait);
    if (answer->status != 0) {
        answer_error(relay, stream, id, answer->status, answer->reason);
        return;
    }
    struct relay_file *file = file_new(relay, stream);
    file->fd = fd_steal(&answer->fd);
    write_opened(&body, file, answer);
    answer_text(relay, stream, id, buffer_view(&body));
}

/* The stream must be a call of this very worker: a process cannot speak for another's. */
static struct call *call_of(struct relay *relay, uint64_t stream)
{
    struct call *call = call_find_stream(&relay->worker->calls->table, stream);
    return call && call->worker == relay->worker ? call : NULL;
}

static struct text session_name(const struct call *call)
{
    return call && call->session ? text_from(call->session->name) : TEXT("");
}

struct text relay_release_file(const struct release *release, struct text path)
{
    struct bundle_entry entry;
    struct text name = text_skip(path, sizeof RELAY_RELEASE_PREFIX - 1);
    if (!files_has(release, name) || bundle_find(&release->bundle, name, &entry) < 0)
        return (struct text){0};
    return entry.contents.data ? entry.contents : TEXT("");
}

/* A file of the repository is in the mapped bundle: nobody has to be asked. */
static void open_release_file(struct relay *relay, uint64_t stream, const struct message_call_file_open *open)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct text contents = relay_release_file(relay->worker->release, open->handle), name = open->handle;
    struct request_answer answer = {.size = contents.length, .mime_type = text_from(files_type(name))};
    struct relay_file *file;
    if (!contents.data) {
        answer_error(relay, stream, open->call, ERROR_NOT_FOUND, TEXT("the repository has no file of this name"));
        return;
    }
    for (ptrdiff_t slash; (slash = text_find(name, '/')) >= 0;)
        name = text_skip(name, (size_t)slash + 1);
    answer.name = name;
    file = file_new(relay, stream);
    file->contents = contents;
    write_opened(&body, file, &answer);
    answer_text(relay, stream, open->call, buffer_view(&body));
}

static bool on_file_open(struct relay *relay, uint64_t stream, const struct message_call_file_open *open)
{
    struct request_file file = {.demo_id = relay->worker->demo->id, .handle = open->handle};
    struct relay_wait *wait;
    if (relay->files.count + relay->waits.count >= BOUNDS_WORKER_FILES) {
        answer_error(relay, stream, open->call, ERROR_LIMIT, TEXT("too many files are open in this demo"));
        return true;
    }
    if (text_starts(open->handle, TEXT(RELAY_RELEASE_PREFIX))) {
        open_release_file(relay, stream, open);
        return true;
    }
    file.session = session_name(call_of(relay, stream));
    wait = wait_new(relay, open->call, stream);
    wait->request = request_file_open(relay->worker->calls, &file, on_opened, wait);
    return true;
}

/* The store's files are on local disk and were just written or checked: reading a piece does not wait long. */
static bool on_file_read(struct relay *relay, uint64_t stream, const struct message_call_file_read *read)
{
    struct relay_file *file = find_file(relay, read->file, stream);
    char piece[BOUNDS_TENSOR_INLINE_BYTES];
    size_t length = read->length < sizeof piece ? read->length : sizeof piece;
    ssize_t count = -1;
    if (file && file->contents.data) {
        size_t start = read->offset < file->contents.length ? (size_t)read->offset : file->contents.length;
        struct text rest = text_skip(file->contents, start);
        answer_text(relay, stream, read->call, text_head(rest, length));
        return true;
    }
    if (file && file->fd >= 0 && read->offset <= INT64_MAX)
        count = pread(file->fd, piece, length, (off_t)read->offset);
    if (count < 0)
        answer_error(relay, stream, read->call, ERROR_NOT_FOUND, TEXT("this file cannot be read"));
    else
        answer_text(relay, stream, read->call, (struct text){piece, (size_t)count});
    return true;
}

/* ---- making a file ---- */

/* FileData as the clients read it. The address is that under which this caller came, so that it works for him. */
static void write_made(struct buffer *out, const struct relay_file *file, const struct call *call,
                       const struct request_answer *answer)
{
    buffer_string(out, "{\"path\":");
    json_write_string(out, answer->handle);
    buffer_string(out, ",\"url\":");
    if (call && call->file_prefix) {
        struct buffer url BUFFER_AUTO = BUFFER_EMPTY;
        buffer_string(&url, call->file_prefix);
        encode_percent(&url, answer->handle, "/");
        json_write_string(out, buffer_view(&url));
    } else {
        buffer_string(out, "null");
    }
    buffer_format(out, ",\"size\":%llu,\"orig_name\":", (unsigned long long)answer->size);
    json_write_string(out, text_from(file->name));
    buffer_string(out, ",\"mime_type\":");
    json_write_string(out, text_from(file->mime_type));
    buffer_string(out, ",\"is_stream\":false,\"meta\":{\"_type\":\"gradio.FileData\"}}");
}

static void on_made(void *context, struct request_answer *answer)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct relay_wait *wait = context;
    struct relay *relay = wait->relay;
    uint64_t stream = wait->stream;
    uint32_t id = wait->id;
    struct relay_file *file = find_file(relay, wait->file, stream);
    wait->request = 0;
    wait_free(wait);
    if (answer->status != 0)
        answer_error(relay, stream, id, answer->status, answer->reason);
    else if (file) {
        write_made(&body, file, call_of(relay, stream), answer);
        answer_text(relay, stream, id, buffer_view(&body));
    }
    if (file)
        file_free(relay, file);
}

static void on_made_early(void *context, struct request_answer *answer);

/* What a demo makes is bound to the demo, not to the session: its address is its secret. */
static bool on_file_make(struct relay *relay, uint64_t stream, const struct message_call_file_make *make)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    struct request_file question = {
        .demo_id = relay->worker->demo->id, .name = make->name, .mime_type = make->mime_type};
    struct relay_file *file;
    if (relay->files.count + relay->waits.count >= BOUNDS_WORKER_FILES) {
        answer_error(relay, stream, make->call, ERROR_LIMIT, TEXT("too many files are open in this demo"));
        return true;
    }
    file = file_new(relay, stream);
    file->name = text_copy(make->name);
    file->mime_type = text_copy(make->mime_type);
    file->request = request_file_begin(relay->worker->calls, &question, on_made_early, file);
    buffer_format(&body, "{\"file\":%u}", file->id);
    answer_text(relay, stream, make->call, buffer_view(&body));
    return true;
}

/* The store gave up before the file was finished (quota): the next append or finish says so. */
static void on_made_early(void *context, struct request_answer *answer)
{
    struct relay_file *file = context;
    (void)answer;
    file->request = 0;
}

static bool store_is_behind(const struct gateway *gateway)
{
    return gateway->store && channel_queued_bytes(gateway->store) > BOUNDS_STORE_BEHIND_BYTES;
}

/* Each piece is answered, so a handler is never more than one piece ahead of us. */
static bool on_file_append(struct relay *relay, uint64_t stream, const struct message_call_file_append *append)
{
    struct calls *calls = relay->worker->calls;
    struct relay_file *file = find_file(relay, append->file, stream);
    if (!file || !file->request || file->broken || file->written + append->bytes.length > BOUNDS_UPLOAD_BODY_BYTES) {
        answer_error(relay, stream, append->call, ERROR_LIMIT,
                     TEXT("the file was not stored: it is too large, or the demo's space is used up"));
        return true;
    }
    if (request_file_append(calls, file->request, append->bytes) < 0) {
        file->broken = true;
        answer_error(relay, stream, append->call, ERROR_BUSY,
                     TEXT("the file was not stored: the server cannot write that fast; try again in a moment"));
        return true;
    }
    file->written += append->bytes.length;
    if (store_is_behind(calls->gateway))
        answer_later(relay, stream, append->call, BOUNDS_PULSE_MS);
    else
        answer_text(relay, stream, append->call, TEXT(""));
    return true;
}

static bool on_file_finish(struct relay *relay, uint64_t stream, const struct message_call_file_finish *finish)
{
    struct relay_file *file = find_file(relay, finish->file, stream);
    struct relay_wait *wait;
    if (!file || !file->request || file->broken) {
        answer_error(relay, stream, finish->call, ERROR_LIMIT,
                     TEXT("the file was not stored: the demo's space is used up"));
        return true;
    }
    wait = wait_new(relay, finish->call, stream);
    wait->file = file->id;
    wait->request = file->request;
    file->request = 0;
    request_redirect(relay->worker->calls, wait->request, on_made, wait);
    request_file_end(relay->worker->calls, wait->request, true);
    return true;
}

/* ---- models ---- */

/* Tensors stay where they are: inline in the message, or in the window, which backend and process share. */
static bool on_model(struct relay *relay, uint64_t stream, const struct message_call_model *model)
{
    struct worker *worker = relay->worker;
    struct calls *calls = worker->calls;
    struct message_infer_job job = {.slot = worker->process->slot, .demo_id = worker->demo->id, .model = model->model,
                                    .op = model->op, .arguments = model->arguments, .tensors = model->tensors};
    struct relay_wait *wait;
    if (!calls->gateway->infer) {
        answer_error(relay, stream, model->call, ERROR_BUSY,
                     TEXT("the inference backend is restarting; try again in a moment"));
        return true;
    }
    job.job = ++calls->next_job;
    if (channel_send_infer_job(calls->gateway->infer, 0, &job) < 0) {
        answer_error(relay, stream, model->call, ERROR_BUSY,
                     TEXT("the inference backend has too much to do; try again in a moment"));
        return true;
    }
    wait = wait_new(relay, model->call, stream);
    wait->job = job.job;
    map_set_u64(&calls->jobs, wait->job, wait);
    return true;
}

/* The job names the wait; one of a call that ended meanwhile is not known any more and not wrong either. */
bool relay_result(struct calls *calls, const struct message_in *in)
{
    struct message_infer_result result;
    if (message_infer_result_unpack(&result, in->body) < 0)
        return false;
    struct message_call_answer answer = {.status = result.status, .body = result.body, .tensors = result.tensors};
    struct relay_wait *wait = map_get_u64(&calls->jobs, result.job);
    if (!wait)
        return result.job <= calls->next_job; /* cancelled meanwhile */
    struct relay *relay = wait->relay;
    uint64_t stream = wait->stream;
    answer.call = wait->id;
    wait_free(wait);
    send_answer(relay, stream, &answer);
    return true;
}

static int visit_lose(void *context, struct text key, void *value)
{
    struct relay_wait *wait = value;
    struct relay *relay = wait->relay;
    uint64_t stream = wait->stream;
    uint32_t id = wait->id;
    (void)context;
    (void)key;
    wait_free(wait);
    answer_error(relay, stream, id, ERROR_CLOSED,
                 TEXT("the inference backend stopped while it worked on this; try again"));
    return 0;
}

void relay_lose_infer(struct calls *calls)
{
    map_each(&calls->jobs, visit_lose, NULL);
}

/* ---- the log ---- */

void relay_log(struct worker *worker, struct text level, struct text line)
{
    struct message_log_append append = {.demo_id = worker->demo->id, .wall_ms = (uint64_t)clock_wall_ms(),
                                        .level = level, .line = line};
    if (worker->calls->gateway->store)
        channel_send_log_append(worker->calls->gateway->store, 0, &append);
}

static bool is_level(struct text level)
{
    return text_equal(level, TEXT("info")) || text_equal(level, TEXT("warning")) || text_equal(level, TEXT("error"));
}

/* A line of a demo is shown in terminals and pages and stands between lines of others: nothing in it may end the line
 * or steer a terminal. Control characters of ASCII and Latin-1 (C2 80 to C2 9F in UTF-8) become U+FFFD; tabs stay. */
static void put_visible(struct buffer *out, struct text line)
{
    for (size_t i = 0; i < line.length; i++) {
        unsigned char byte = (unsigned char)line.data[i];
        unsigned char next = i + 1 < line.length ? (unsigned char)line.data[i + 1] : 0;
        bool high = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
        if (high || byte == 0x7f || (byte < 0x20 && byte != '\t'))
            buffer_string(out, "\xef\xbf\xbd");
        else
            buffer_byte(out, (char)byte);
        i += high;
    }
}

/* The second line over the limit says that lines are missing, the others of that second are dropped. */
static bool on_log(struct relay *relay, uint64_t stream, const struct message_worker_log *log)
{
    uint64_t second = clock_now_ms() / 1000;
    struct buffer visible BUFFER_AUTO = BUFFER_EMPTY;
    if (!text_is_utf8(log->line))
        return false;
    if (second != relay->log_second) {
        relay->log_second = second;
        relay->log_lines = 0;
    }
    relay->log_lines++;
    if (relay->log_lines <= BOUNDS_LOG_LINES_PER_SECOND) {
        put_visible(&visible, log->line);
        relay_log(relay->worker, is_level(log->level) ? log->level : TEXT("info"), buffer_view(&visible));
    } else if (relay->log_lines == BOUNDS_LOG_LINES_PER_SECOND + 1) {
        relay_log(relay->worker, TEXT("warning"), TEXT("(too many lines in one second: the rest of them is dropped)"));
    }
    return true;
}

/* ---- all of them ---- */

/* One unpacking wrapper per message: take_call_sleep() → on_sleep(). */
#define RELAY_TABLE(X)                     \
    X(call_sleep, on_sleep)                \
    X(call_file_open, on_file_open)        \
    X(call_file_read, on_file_read)        \
    X(call_file_make, on_file_make)        \
    X(call_file_append, on_file_append)    \
    X(call_file_finish, on_file_finish)    \
    X(call_model, on_model)                \
    X(worker_log, on_log)

#define X(name, handler)                                                                            \
    static bool take_##name(struct relay *relay, const struct message_in *in) {                     \
        struct message_##name message;                                                              \
        return message_##name##_unpack(&message, in->body) == 0 && handler(relay, in->stream, &message); \
    }
RELAY_TABLE(X)
#undef X

static bool (*const relay_takers[MESSAGE_COUNT])(struct relay *relay, const struct message_in *in) = {
#define X(name, handler) [MESSAGE_##name] = take_##name,
    RELAY_TABLE(X)
#undef X
};

/* A question must be fresh, and its call alive; that of a call that was cancelled meanwhile is not answered. */
static bool take_question(struct relay *relay, const struct message_in *in)
{
    struct cursor cursor = cursor_from(in->body);
    uint32_t id = cursor_u32(&cursor); /* every question begins with its id */
    struct call *call = call_of(relay, in->stream);
    if (relay->waits.count >= BOUNDS_WORKER_CALLS || map_get_u64(&relay->waits, id))
        return false;
    if (!call || call_is_finished(call))
        return in->stream < relay->worker->calls->table.next_stream;
    return relay_takers[in->type](relay, in);
}

bool relay_message(struct relay *relay, const struct message_in *in)
{
    if (!relay_takers[in->type])
        return false;
    return in->type == MESSAGE_worker_log ? take_worker_log(relay, in) : take_question(relay, in);
}
