#include "tests/unit/worker/rig.h"

#include <lauxlib.h>
#include <lua.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/worker/release.h"

void rig_bundle(const struct rig_file *files, struct buffer *bytes, struct bundle *bundle)
{
    struct bundle_writer writer;

    bundle_writer_init(&writer);
    for (; files->name; files++)
        assert_int_equal(
            bundle_writer_add(&writer, text_from(files->name), text_from(files->contents), files->flags), 0);
    assert_int_equal(bundle_writer_finish(&writer, bytes), 0);
    assert_int_equal(bundle_open(bundle, bytes->data, bytes->length), 0);
    bundle_writer_release(&writer);
}

void rig_state(struct rig *rig, const struct rig_file *files)
{
    memset(rig, 0, sizeof *rig);
    state_init(&rig->state, BOUNDS_WORKER_HEAP_BYTES);
    rig_bundle(files, &rig->bytes, &rig->bundle);
    rig->state.demo.bundle = &rig->bundle;
}

static void rig_print(void *context, const char *level, struct text line)
{
    event_log(context, level, line);
}

static void rig_connect(struct rig *rig)
{
    int pair[2];

    /* Not blocking, unlike a real worker's: nobody reads beside it. What the socket does not take waits in the queue. */
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    channel_init(&rig->gateway, pair[0], ROLE_GATEWAY, ROLE_WORKER, 0);
    channel_init(&rig->worker.channel, pair[1], ROLE_WORKER, ROLE_GATEWAY, 0);
}

void rig_open(struct rig *rig, const char *source)
{
    const struct rig_file files[] = {{"app.lua", source, 0}, {NULL, NULL, 0}};
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;

    rig_state(rig, files);
    rig_connect(rig);
    rig->worker.state = &rig->state;
    rig->worker.bundle = rig->bundle;
    rig->worker.page = &rig->page;
    rig->worker.slice_ms = BOUNDS_WORKER_SLICE_MS;
    rig->worker.show_error = true;
    map_init(&rig->worker.events);
    map_init(&rig->worker.calls);
    rig->state.demo.print = rig_print;
    rig->state.demo.context = &rig->worker;
    core_attach(&rig->worker);
    if (release_load(&rig->state, "app.lua", 7, &reason, NULL) < 0)
        fail_msg("%.*s", TEXT_ARGUMENT(buffer_view(&reason)));
}

void rig_open_handler(struct rig *rig, const char *body)
{
    BUFFER_AUTO struct buffer source = BUFFER_EMPTY;

    buffer_format(&source,
                  "local ui, ai = require 'ui', require 'ai'\nreturn ui.blocks(function()\n"
                  "local a, b = ui.textbox{label='a'}, ui.textbox{label='b'}\n"
                  "ui.button{'Go'}:click{fn=function(text)\n%s\nend, inputs=a, outputs=b, api_name='go'}\nend)\n",
                  body);
    buffer_byte(&source, 0);
    rig_open(rig, source.data);
}

void rig_close(struct rig *rig)
{
    for (size_t i = 0; i < rig->count; i++) {
        buffer_release(&rig->messages[i].text);
        buffer_release(&rig->messages[i].state);
    }
    core_attach(NULL);
    if (rig->worker.state) {
        channel_release(&rig->gateway);
        channel_release(&rig->worker.channel);
        map_release(&rig->worker.events);
        map_release(&rig->worker.calls);
    }
    lua_close(rig->state.lua);
    buffer_release(&rig->bytes);
}

void rig_start(struct rig *rig, uint64_t id, uint32_t function, const char *data)
{
    struct message_event_start message = {.function = function, .wall_ms = 1700000000000u, .data = text_from(data)};

    event_start(&rig->worker, id, &message);
}

void rig_answer(struct rig *rig, uint32_t call, uint32_t status, const char *body)
{
    event_answer(&rig->worker, &(struct message_call_answer){.call = call, .status = status, .body = text_from(body)});
}

static void rig_keep(struct buffer *out, struct text text)
{
    buffer_text(out, text);
    buffer_byte(out, 0);
}

static void rig_message(void *context, struct message_in *in)
{
    struct rig *rig = context;
    union {
        struct message_call_sleep sleep;
        struct message_call_model model;
        struct message_event_done done;
        struct message_event_failed failed;
        struct message_event_partial partial;
        struct message_event_log log;
        struct message_worker_log line;
    } m;

    assert_true(rig->count < RIG_MESSAGES);
    struct rig_message *message = &rig->messages[rig->count++];
    *message = (struct rig_message){.type = in->type, .stream = in->stream};
    if (in->type == MESSAGE_call_sleep && message_call_sleep_unpack(&m.sleep, in->body) == 0) {
        message->call = m.sleep.call;
        message->number = m.sleep.delay_ms;
    } else if (in->type == MESSAGE_call_model && message_call_model_unpack(&m.model, in->body) == 0) {
        message->call = m.model.call;
        rig_keep(&message->text, m.model.model);
    } else if (in->type == MESSAGE_event_done && message_event_done_unpack(&m.done, in->body) == 0) {
        rig_keep(&message->text, m.done.data);
        rig_keep(&message->state, m.done.state);
    } else if (in->type == MESSAGE_event_failed && message_event_failed_unpack(&m.failed, in->body) == 0) {
        rig_keep(&message->text, m.failed.error);
        rig_keep(&message->state, m.failed.state);
    } else if (in->type == MESSAGE_event_partial && message_event_partial_unpack(&m.partial, in->body) == 0) {
        rig_keep(&message->text, m.partial.data);
    } else if (in->type == MESSAGE_event_log && message_event_log_unpack(&m.log, in->body) == 0) {
        rig_keep(&message->text, m.log.log);
    } else if (in->type == MESSAGE_worker_log && message_worker_log_unpack(&m.line, in->body) == 0) {
        rig_keep(&message->text, m.line.line);
    }
}

void rig_take(struct rig *rig)
{
    int flushed;

    do {
        flushed = channel_flush(&rig->worker.channel);
        assert_int_equal(channel_receive(&rig->gateway, rig_message, rig), 0);
    } while (flushed == ERROR_AGAIN);
    assert_int_equal(flushed, 0);
}

const struct rig_message *rig_find(struct rig *rig, enum message_type type, size_t index)
{
    rig_take(rig);
    for (size_t i = 0; i < rig->count; i++)
        if (rig->messages[i].type == type && index-- == 0)
            return &rig->messages[i];
    for (size_t i = 0; i < rig->count; i++)
        print_message("%s %s\n", message_info(rig->messages[i].type)->name,
                      rig->messages[i].text.data ? rig->messages[i].text.data : "");
    fail_msg("there is no such message %s", message_info(type)->name);
    return NULL;
}

size_t rig_number_of(struct rig *rig, enum message_type type)
{
    size_t count = 0;

    rig_take(rig);
    for (size_t i = 0; i < rig->count; i++)
        count += rig->messages[i].type == type;
    return count;
}

const char *rig_run(struct rig *rig, const char *code)
{
    lua_State *lua = rig->state.lua;

    lua_settop(lua, 0);
    (void)(luaL_loadbuffer(lua, code, strlen(code), "@app.lua") || lua_pcall(lua, 0, 1, 0));
    return luaL_tolstring(lua, -1, NULL);
}
