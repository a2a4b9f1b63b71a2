#include "tests/unit/gateway/rig.h"

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

#include "runtime/base/bundle.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

enum { SILENCE_MS = 60, PATIENCE_MS = 5000 };

/* ---- the store ---- */

static const struct rig_demo *find_demo(const struct rig *rig, struct text name)
{
    char id[24];
    for (size_t i = 0; i < rig->demo_count; i++) {
        const struct rig_demo *demo = &rig->demos[i];
        snprintf(id, sizeof(id), "%llu", (unsigned long long)demo->id);
        if (text_equal(name, text_from(demo->label)) || text_equal(name, text_from(demo->path)) ||
            text_equal(name, text_from(id)))
            return demo;
    }
    return NULL;
}

static void take_lookup(struct rig *rig, const struct message_demo_lookup *lookup)
{
    const struct rig_demo *demo = find_demo(rig, lookup->name);
    struct message_demo_found found = {.request = lookup->request, .status = (uint32_t)-ERROR_NOT_FOUND};
    rig->lookups++;
    if (demo) {
        struct text rest = text_from(demo->path);
        found = (struct message_demo_found){.request = lookup->request,
                                            .demo_id = demo->id,
                                            .owner = text_cut(&rest, '/'),
                                            .name = rest,
                                            .release_id = demo->release,
                                            .commit = TEXT("0123456789abcdef0123456789abcdef01234567"),
                                            .digest = TEXT("d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1"),
                                            .settings = text_from(demo->settings ? demo->settings : "{}")};
    }
    channel_send_demo_found(rig->store, 0, &found);
}

static void take_open(struct rig *rig, const struct message_bundle_open *open)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    const struct buffer *bytes = open->release_id < RIG_RELEASES ? &rig->bundles[open->release_id] : NULL;
    rig->opens++;
    if (!bytes || bytes->length == 0) {
        channel_send_request_failed(rig->store, 0,
                                    &(struct message_request_failed){open->request, (uint32_t)-ERROR_NOT_FOUND, TEXT("")});
        return;
    }
    int FD_AUTO fd = memfd_create("bundle", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes->data, bytes->length), bytes->length);
    message_bundle_opened_pack(&body, &(struct message_bundle_opened){open->request, open->release_id});
    assert_int_equal(channel_send(rig->store, MESSAGE_bundle_opened, 0, buffer_view(&body), &fd, 1), 0);
}

void rig_open_held(struct rig *rig)
{
    rig->holds_opens = false;
    take_open(rig, &rig->held_open);
}

static void take_identify(struct rig *rig, const struct message_identify *identify)
{
    bool known = text_starts(identify->token, TEXT("hf_"));
    rig->identifies++;
    channel_send_identity(rig->store, 0,
                          &(struct message_identity){.request = identify->request,
                                                     .status = known ? 0 : (uint32_t)-ERROR_NOT_FOUND,
                                                     .account_id = known ? 5 : 0,
                                                     .name = known ? text_skip(identify->token, 3) : TEXT(""),
                                                     .role = TEXT("write")});
}

static void on_store_message(void *context, struct message_in *message)
{
    struct rig *rig = context;
    struct message_demo_lookup lookup;
    struct message_bundle_open open;
    struct message_identify identify;
    if (rig->silent)
        return;
    if (rig->holds_opens && message->type == MESSAGE_bundle_open) {
        assert_int_equal(message_bundle_open_unpack(&rig->held_open, message->body), 0);
        return;
    }
    if (message->type == MESSAGE_demo_lookup && message_demo_lookup_unpack(&lookup, message->body) == 0)
        take_lookup(rig, &lookup);
    else if (message->type == MESSAGE_bundle_open && message_bundle_open_unpack(&open, message->body) == 0)
        take_open(rig, &open);
    else if (message->type == MESSAGE_identify && message_identify_unpack(&identify, message->body) == 0)
        take_identify(rig, &identify);
    else if (message->type == MESSAGE_store_connect)
        assert_int_equal(http_server_adopt(rig->pages, fd_steal(&message->fds[0])), 0);
    else if (rig->other)
        rig->other(rig->other_context, message);
}

/* Says what arrived: method, target, then the fields, a line each; "/file…" answers as with an uploaded file. */
static void reply_seen(void *context, struct http_exchange *exchange, struct text body)
{
    struct buffer BUFFER_AUTO seen = BUFFER_EMPTY;
    const struct http_head *head = &exchange->head;
    (void)context;
    buffer_format(&seen, "%s " TEXT_FORMAT " %zu\n", http_method_name(head->method), TEXT_ARGUMENT(head->target), body.length);
    for (size_t i = 0; i < head->field_count; i++)
        buffer_format(&seen, TEXT_FORMAT "=" TEXT_FORMAT "\n", TEXT_ARGUMENT(http_head_name(head, i)),
                      TEXT_ARGUMENT(http_head_value(head, i)));
    bool file = memmem(head->target.data, head->target.length, "file", 4) != NULL;
    http_reply(exchange, 200, file ? TEXT("Content-Type: text/html\r\nContent-Disposition: inline\r\n") : TEXT("X-Frame-Options: ALLOWALL\r\n"),
               buffer_view(&seen));
}

static void on_page(void *context, struct http_exchange *exchange)
{
    struct rig *rig = context;
    rig->forwarded++;
    if (text_starts(exchange->head.path, TEXT("/drop")))
        http_respond_abort(exchange);
    else
        http_exchange_collect(exchange, 1 << 20, reply_seen, rig);
}

static const struct http_server_callbacks pages = {.on_request = on_page};

void rig_connect_store(struct rig *rig)
{
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    rig->store = loop_channel_attach(&rig->loop, pair[0], ROLE_STORE, ROLE_GATEWAY, CHANNEL_FDS, on_store_message, NULL, rig);
    gateway_attach(&rig->gateway, GATEWAY_PEER_STORE, pair[1]);
}

void rig_lose_store(struct rig *rig)
{
    loop_channel_detach(&rig->loop, rig->store);
    rig->store = NULL;
    rig_turn(rig, 20);
}

/* ---- demos ---- */

void rig_add(struct rig *rig, const struct rig_demo *demo)
{
    assert_true(rig->demo_count < MEMORY_COUNT(rig->demos));
    rig->demos[rig->demo_count++] = *demo;
}

void rig_publish(struct rig *rig, uint64_t id, const struct rig_file *files)
{
    struct bundle_writer writer;
    bundle_writer_init(&writer);
    for (; files->name; files++) {
        bool generated = text_starts(text_from(files->name), TEXT(".vitrine/"));
        assert_int_equal(bundle_writer_add(&writer, text_from(files->name), text_from(files->contents),
                                           generated ? BUNDLE_FLAG_GENERATED : 0), 0);
    }
    buffer_clear(&rig->bundles[id]);
    assert_int_equal(bundle_writer_finish(&writer, &rig->bundles[id]), 0);
    bundle_writer_release(&writer);
}

/* ---- life ---- */

static void on_patience(void *context)
{
    struct rig *rig = context;
    rig->timed_out = true;
    loop_stop(&rig->loop);
}

void rig_start(struct rig *rig)
{
    *rig = (struct rig){.client = -1};
    setenv("VITRINE_ACCESS_LOG", "0", 1);
    assert_int_equal(loop_init(&rig->loop), 0);
    gateway_init(&rig->gateway, &rig->loop);
    gateway_configure(&rig->gateway, TEXT("port"), TEXT("7860"));
    gateway_configure(&rig->gateway, TEXT("share"), TEXT("/nonexistent"));
    loop_timer_init(&rig->loop, &rig->patience, on_patience, rig);
    rig->pages = http_server_new(rig->loop.base, &http_limits_internal, &pages, rig);
    rig_connect_store(rig);
    assert_int_equal(gateway_start(&rig->gateway), 0);
    rig_turn(rig, 20);
}

void rig_stop(struct rig *rig)
{
    if (rig->client >= 0)
        close(rig->client);
    gateway_release(&rig->gateway);
    http_server_free(rig->pages);
    if (rig->store)
        loop_channel_detach(&rig->loop, rig->store);
    loop_timer_release(&rig->patience);
    loop_release(&rig->loop);
    buffer_release(&rig->answer);
    for (size_t i = 0; i < RIG_RELEASES; i++)
        buffer_release(&rig->bundles[i]);
}

void rig_turn(struct rig *rig, unsigned milliseconds)
{
    loop_timer_start(&rig->patience, milliseconds);
    loop_run(&rig->loop);
}

/* ---- asking ---- */

static void on_answer(void *context, int fd)
{
    struct rig *rig = context;
    char bytes[65536];
    ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (count > 0) {
        buffer_append(&rig->answer, bytes, (size_t)count);
        loop_timer_start(&rig->patience, SILENCE_MS);
    } else {
        rig->closed = true;
        loop_stop(&rig->loop);
    }
}

const char *rig_ask(struct rig *rig, const char *bytes)
{
    int pair[2];
    struct loop_watch watch;
    if (rig->client >= 0)
        close(rig->client);
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    assert_int_equal(http_server_adopt(rig->gateway.server, pair[0]), 0);
    rig->client = pair[1];
    rig->closed = rig->timed_out = false;
    buffer_clear(&rig->answer);
    assert_int_equal(send(rig->client, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    loop_watch_init(&rig->loop, &watch, rig->client, false, on_answer, rig);
    rig_turn(rig, rig->silent || rig->holds_opens ? SILENCE_MS : PATIENCE_MS);
    loop_watch_release(&watch);
    buffer_byte(&rig->answer, '\0');
    return rig->answer.data;
}

const char *rig_get(struct rig *rig, const char *host, const char *path, const char *fields)
{
    struct buffer BUFFER_AUTO request = BUFFER_EMPTY;
    buffer_format(&request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", path, host, fields);
    return rig_ask(rig, request.data);
}

bool rig_has(const struct rig *rig, const char *part)
{
    return strstr(rig->answer.data, part) != NULL;
}

int rig_status(const struct rig *rig)
{
    return rig->answer.length > 12 ? atoi(rig->answer.data + 9) : 0;
}

const char *rig_body(const struct rig *rig)
{
    const char *end = strstr(rig->answer.data, "\r\n\r\n");
    return end ? end + 4 : "";
}
