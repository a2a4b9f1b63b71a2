#include "tests/unit/gateway/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"

enum { USUAL_PASSES = 20 };

#define UNPACK(name, variable, message)                       \
    struct message_##name variable;                           \
    assert_int_equal(message_##name##_unpack(&variable, (message)->body), 0)

/* ---- processes ---- */

static void on_start(struct crew_process *process, struct message_in *in)
{
    UNPACK(event_start, start, in);
    assert_true(process->given < CREW_CALLS);
    process->streams[process->given++] = in->stream;
    buffer_format(&process->seen, "start %u " TEXT_FORMAT "\n", start.function, TEXT_ARGUMENT(start.data));
}

static void on_process_message(void *context, struct message_in *in)
{
    struct crew_process *process = context;
    if (in->type == MESSAGE_event_start) {
        on_start(process, in);
    } else if (in->type == MESSAGE_worker_begin) {
        buffer_string(&process->seen, "begin\n");
        if (!process->crew->unready)
            channel_send_worker_ready(process->channel, 0, &(struct message_worker_ready){TEXT("t")});
    } else if (in->type == MESSAGE_event_cancel) {
        buffer_string(&process->seen, "cancel\n");
    } else if (in->type == MESSAGE_worker_bundle) {
        buffer_string(&process->seen, "bundle\n");
    } else if (in->type == MESSAGE_worker_credit) {
        UNPACK(worker_credit, credit, in);
        buffer_format(&process->seen, "credit %u\n", credit.bytes);
    } else if (in->type == MESSAGE_call_answer) {
        UNPACK(call_answer, answer, in);
        buffer_format(&process->seen, "answer %u %u " TEXT_FORMAT "\n", answer.call, answer.status,
                      TEXT_ARGUMENT(answer.body));
    }
}

static void on_process_closed(void *context, int result)
{
    struct crew_process *process = context;
    (void)result;
    process->channel = NULL;
}

static void make_process(struct crew *crew, uint32_t slot, int *socket_fd, int page_fd)
{
    struct crew_process *process = &crew->processes[crew->process_count++];
    assert_true(crew->process_count <= CREW_PROCESSES);
    *process = (struct crew_process){.crew = crew, .slot = slot};
    process->page = mmap(NULL, CONTROL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
    assert_ptr_not_equal(process->page, MAP_FAILED);
    process->channel = loop_channel_attach(&crew->rig.loop, fd_steal(socket_fd), ROLE_WORKER, ROLE_GATEWAY, CHANNEL_FDS,
                                           on_process_message, on_process_closed, process);
}

static void on_zygote_message(void *context, struct message_in *in)
{
    struct crew *crew = context;
    if (in->type == MESSAGE_zygote_kill) {
        UNPACK(zygote_kill, kill, in);
        buffer_format(&crew->zygote_seen, "kill %u\n", kill.slot);
        return;
    }
    bool pool = in->type == MESSAGE_zygote_pool;
    uint32_t slot;
    memcpy(&slot, in->body.data, sizeof slot); /* both begin with it */
    buffer_format(&crew->zygote_seen, "%s %u\n", pool ? "pool" : "spawn", slot);
    if (crew->refuses) {
        channel_send_zygote_exited(crew->zygote, 0, &(struct message_zygote_exited){slot, 255});
        return;
    }
    make_process(crew, slot, &in->fds[pool ? 0 : 1], in->fds[pool ? 2 : 3]);
    channel_send_zygote_spawned(crew->zygote, 0, &(struct message_zygote_spawned){.slot = slot});
}

void crew_attach_zygote(struct crew *crew)
{
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    crew->zygote = loop_channel_attach(&crew->rig.loop, pair[0], ROLE_ZYGOTE, ROLE_GATEWAY, CHANNEL_FDS,
                                       on_zygote_message, NULL, crew);
    gateway_attach(&crew->rig.gateway, GATEWAY_PEER_ZYGOTE, pair[1]);
}

/* ---- the backend ---- */

static void on_infer_message(void *context, struct message_in *in)
{
    struct crew *crew = context;
    if (in->type == MESSAGE_infer_window) {
        UNPACK(infer_window, window, in);
        buffer_format(&crew->infer_seen, "window %u\n", window.slot);
    } else if (in->type == MESSAGE_infer_window_gone) {
        UNPACK(infer_window_gone, gone, in);
        buffer_format(&crew->infer_seen, "gone %u\n", gone.slot);
    } else if (in->type == MESSAGE_infer_job) {
        UNPACK(infer_job, job, in);
        crew->job = job.job;
        buffer_format(&crew->infer_seen, "job " TEXT_FORMAT " " TEXT_FORMAT "\n", TEXT_ARGUMENT(job.model),
                      TEXT_ARGUMENT(job.op));
    } else if (in->type == MESSAGE_infer_cancel) {
        buffer_string(&crew->infer_seen, "cancel\n");
    }
}

void crew_attach_infer(struct crew *crew)
{
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    crew->infer = loop_channel_attach(&crew->rig.loop, pair[0], ROLE_INFER, ROLE_GATEWAY, CHANNEL_FDS, on_infer_message,
                                      NULL, crew);
    gateway_attach(&crew->rig.gateway, GATEWAY_PEER_INFER, pair[1]);
}

/* ---- the store ---- */

static void on_load(struct crew *crew, struct message_in *in)
{
    UNPACK(state_load, load, in);
    crew->question = load.request;
    buffer_format(&crew->store_seen, "load " TEXT_FORMAT "\n", TEXT_ARGUMENT(load.session));
    if (!crew->store_waits)
        channel_send_state_loaded(crew->rig.store, 0, &(struct message_state_loaded){.request = load.request});
}

static void on_store(void *context, struct message_in *in)
{
    struct crew *crew = context;
    struct buffer *seen = &crew->store_seen;
    if (in->type == MESSAGE_state_load) {
        on_load(crew, in);
    } else if (in->type == MESSAGE_state_save) {
        UNPACK(state_save, save, in);
        buffer_format(seen, "save " TEXT_FORMAT "\n", TEXT_ARGUMENT(save.state));
    } else if (in->type == MESSAGE_demo_stage) {
        UNPACK(demo_stage, stage, in);
        buffer_format(seen, "stage " TEXT_FORMAT " " TEXT_FORMAT "\n", TEXT_ARGUMENT(stage.stage),
                      TEXT_ARGUMENT(stage.reason));
    } else if (in->type == MESSAGE_log_append) {
        UNPACK(log_append, append, in);
        buffer_format(seen, "log " TEXT_FORMAT " " TEXT_FORMAT "\n", TEXT_ARGUMENT(append.level),
                      TEXT_ARGUMENT(append.line));
    } else if (in->type == MESSAGE_file_open) {
        UNPACK(file_open, open, in);
        crew->question = open.request;
        buffer_format(seen, "open " TEXT_FORMAT "\n", TEXT_ARGUMENT(open.handle));
    } else if (in->type == MESSAGE_file_begin) {
        UNPACK(file_begin, begin, in);
        crew->question = begin.request;
        buffer_format(seen, "make " TEXT_FORMAT "\n", TEXT_ARGUMENT(begin.name));
    } else if (in->type == MESSAGE_file_append) {
        UNPACK(file_append, append, in);
        buffer_format(seen, "append %zu\n", append.bytes.length);
    } else if (in->type == MESSAGE_file_end) {
        UNPACK(file_end, end, in);
        buffer_format(seen, "end %u\n", end.keep);
    }
}

/* ---- clients ---- */

static void on_readable(void *context, int fd)
{
    struct crew_client *client = context;
    char bytes[65536];
    ssize_t count;
    if (client->deaf)
        return;
    count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) {
        if (client->text.length > 0)
            client->text.length--;
        buffer_append(&client->text, bytes, (size_t)count);
        buffer_byte(&client->text, '\0');
    } else {
        client->closed = true;
        loop_watch_release(&client->watch);
    }
}

struct crew_client *crew_ask(struct crew *crew, const char *path, const char *body)
{
    struct crew_client *client = &crew->clients[crew->client_count++];
    struct buffer request BUFFER_AUTO = BUFFER_EMPTY;
    int pair[2];
    assert_true(crew->client_count <= CREW_CLIENTS);
    *client = (struct crew_client){.crew = crew};
    buffer_format(&request, "%s /spaces/ann/digits/-/gradio_api/%s HTTP/1.1\r\nHost: localhost\r\n",
                  body ? "POST" : "GET", path);
    if (body)
        buffer_format(&request, "Content-Length: %zu\r\nContent-Type: application/json\r\n", strlen(body));
    buffer_format(&request, "\r\n%s", body ? body : "");
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    assert_int_equal(http_server_adopt(crew->rig.gateway.server, pair[0]), 0);
    client->fd = pair[1];
    buffer_byte(&client->text, '\0');
    loop_watch_init(&crew->rig.loop, &client->watch, client->fd, false, on_readable, client);
    for (size_t sent = 0; sent < request.length; crew_turn(crew, 1)) {
        ssize_t count = send(client->fd, request.data + sent, request.length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += count > 0 ? (size_t)count : 0;
        if (client->closed)
            break;
    }
    crew_turn(crew, USUAL_PASSES);
    return client;
}

bool crew_has(const struct crew_client *client, const char *part)
{
    return strstr(client->text.data, part) != NULL;
}

void crew_leave(struct crew_client *client)
{
    loop_watch_release(&client->watch);
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    crew_turn(client->crew, USUAL_PASSES);
}

struct crew_client *crew_join(struct crew *crew, int function, const char *session, const char *data)
{
    struct buffer body BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&body, "{\"fn_index\":%d,\"session_hash\":\"%s\",\"data\":%s}", function, session, data);
    buffer_byte(&body, '\0');
    return crew_ask(crew, "queue/join", body.data);
}

void crew_done(struct crew_process *process, unsigned call, const char *data)
{
    assert_true(call < process->given);
    channel_send_event_done(process->channel, process->streams[call],
                            &(struct message_event_done){.data = text_from(data)});
    crew_turn(process->crew, USUAL_PASSES);
}

void crew_exit(struct crew_process *process, uint32_t exit)
{
    struct crew *crew = process->crew;
    channel_send_zygote_exited(crew->zygote, 0, &(struct message_zygote_exited){process->slot, exit});
    crew_turn(crew, USUAL_PASSES);
}

struct crew_process *crew_process(struct crew *crew)
{
    assert_true(crew->process_count > 0);
    return &crew->processes[crew->process_count - 1];
}

struct worker *crew_worker(struct crew *crew)
{
    return worker_find(crew->calls, crew->rig.demos[0].release);
}

const char *crew_text(struct buffer *seen)
{
    *buffer_reserve(seen, 1) = '\0';
    return seen->data;
}

/* ---- life ---- */

void crew_turn(struct crew *crew, unsigned passes)
{
    while (passes-- > 0)
        rig_turn(&crew->rig, 1);
}

void crew_start(struct crew *crew, const char *functions)
{
    struct buffer manifest BUFFER_AUTO = BUFFER_EMPTY;
    buffer_format(&manifest, "{\"sdk\":\"lua\",\"title\":\"Digits\",\"tree_digest\":\"t\",\"functions\":%s}", functions);
    buffer_byte(&manifest, '\0');
    *crew = (struct crew){0};
    setenv("VITRINE_LIMIT_POOL_WORKERS", "0", 0);
    rig_start(&crew->rig);
    crew->rig.other = on_store;
    crew->rig.other_context = crew;
    crew->calls = crew->rig.gateway.calls;
    rig_add(&crew->rig, &(struct rig_demo){"ann-digits", "ann/digits", 1, 1, NULL});
    rig_publish(&crew->rig, 1, (const struct rig_file[]){{".vitrine/config.json", "{}"},
                                                         {".vitrine/info.json", "{}"},
                                                         {".vitrine/manifest.json", manifest.data},
                                                         {".vitrine/page.html", "<p>page</p>"},
                                                         {"app.lua", "return 1"},
                                                         {"data/seven.txt", "seven"},
                                                         {0}});
    crew_attach_zygote(crew);
    crew_attach_infer(crew);
    crew_turn(crew, USUAL_PASSES);
}

void crew_stop(struct crew *crew)
{
    for (unsigned i = 0; i < crew->client_count; i++) {
        loop_watch_release(&crew->clients[i].watch);
        if (crew->clients[i].fd >= 0)
            close(crew->clients[i].fd);
        buffer_release(&crew->clients[i].text);
    }
    rig_stop(&crew->rig); /* with the loop go all channels */
    for (unsigned i = 0; i < crew->process_count; i++) {
        munmap(crew->processes[i].page, CONTROL_PAGE_BYTES);
        buffer_release(&crew->processes[i].seen);
    }
    buffer_release(&crew->zygote_seen);
    buffer_release(&crew->infer_seen);
    buffer_release(&crew->store_seen);
}
