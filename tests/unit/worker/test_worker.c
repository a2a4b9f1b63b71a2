/* The process around the events: begin exactly once, fail with words, leave at once when the peer is not the gateway. Each
 * case is a child of its own, because a worker ends by ending its process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/worker/release.h"
#include "tests/unit/worker/rig.h"

static const char source[] = "local ui = require 'ui'\nreturn ui.blocks(function()\nlocal a = ui.textbox{label='a'}\n"
                             "ui.button{'Go'}:click{fn=function(x) return x end, inputs=a, outputs=a}\nend)\n";

struct conversation {
    struct channel channel;
    pid_t pid;
    struct buffer said; /* names of messages, and reasons */
};

/* The digest that the manifest must hold, as describing would compute it. */
static void true_digest(struct buffer *out)
{
    static struct rig rig;
    const struct rig_file files[] = {{"app.lua", source, 0}, {NULL, NULL, 0}};
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;

    rig_state(&rig, files);
    assert_int_equal(release_load(&rig.state, "app.lua", 7, &reason, NULL), 0);
    assert_int_equal(release_digest(&rig.state, out), 0);
    rig_close(&rig);
}

/* A worker with this manifest and app.lua, in a process of its own. */
static void start(struct conversation *with, const char *manifest, const char *app)
{
    int pair[2];

    *with = (struct conversation){0};
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 0, pair), 0);
    with->pid = fork();
    if (with->pid == 0) {
        static struct rig rig;
        const struct rig_file files[] = {{"app.lua", app, 0}, {".vitrine/manifest.json", manifest, BUNDLE_FLAG_GENERATED}, {NULL, NULL, 0}};
        close(pair[0]);
        alarm(20);
        rig_state(&rig, files);
        rig.worker.state = &rig.state;
        rig.worker.bundle = rig.bundle;
        rig.worker.page = &rig.page;
        channel_init(&rig.worker.channel, pair[1], ROLE_WORKER, ROLE_GATEWAY, CHANNEL_BLOCKING);
        worker_run(&rig.worker);
    }
    close(pair[1]);
    channel_init(&with->channel, pair[0], ROLE_GATEWAY, ROLE_WORKER, CHANNEL_BLOCKING);
}

static void keep(void *context, struct message_in *in)
{
    struct conversation *with = context;
    struct message_worker_failed failed;

    buffer_string(&with->said, message_info(in->type)->name);
    if (in->type == MESSAGE_worker_failed && message_worker_failed_unpack(&failed, in->body) == 0)
        buffer_format(&with->said, ": " TEXT_FORMAT, TEXT_ARGUMENT(failed.reason));
    buffer_byte(&with->said, '\n');
}

static void send_begin(struct conversation *with, const char *limits)
{
    struct message_worker_begin begin = {.wall_ms = 1, .seed = 9, .limits = text_from(limits)};

    assert_int_equal(channel_send_worker_begin(&with->channel, 0, &begin), 0);
    channel_flush(&with->channel);
}

/* Reads to the end of what it says; its exit status. `hang_up` when it would go on otherwise. */
static int listen_to(struct conversation *with, bool hang_up)
{
    int status;

    if (hang_up)
        shutdown(with->channel.fd, SHUT_WR);
    while (channel_receive(&with->channel, keep, with) == 0)
        ;
    buffer_byte(&with->said, 0);
    assert_int_equal(waitpid(with->pid, &status, 0), with->pid);
    channel_release(&with->channel);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void it_is_ready_when_its_interface_is_the_published_one(void **state)
{
    static const char *const limits[] = {"", "{\"slice_ms\":50}", "{\"slice_ms\":-1,\"heap_bytes\":0}", "{", "[]", "{\"slice_ms\":\"x\"}"};
    BUFFER_AUTO struct buffer digest = BUFFER_EMPTY, manifest = BUFFER_EMPTY;

    true_digest(&digest);
    buffer_format(&manifest, "{\"app_file\":\"app.lua\",\"seed\":7,\"tree_digest\":\"" TEXT_FORMAT "\"}", TEXT_ARGUMENT(buffer_view(&digest)));
    buffer_byte(&manifest, 0);
    for (size_t i = 0; i < MEMORY_COUNT(limits); i++) {
        struct conversation with;
        start(&with, manifest.data, source);
        send_begin(&with, limits[i]);
        assert_int_equal(listen_to(&with, true), STATE_EXIT_CLOSED);
        assert_string_equal(with.said.data, "worker_ready\n");
        buffer_release(&with.said);
    }
}

static void what_cannot_serve_says_why_and_ends(void **state)
{
    static const struct {
        const char *manifest, *app, *said;
    } cases[] = {
        {"{", source, "worker_failed: the release is damaged: its manifest cannot be read\n"},
        {"{}", source, "worker_failed: the release is damaged"},
        {"{\"app_file\":\"app.lua\",\"tree_digest\":7}", source, "worker_failed: the release is damaged"},
        {"{\"app_file\":\"gone.lua\",\"tree_digest\":\"x\"}", source, "gone.lua: there is no such file"},
        {"{\"app_file\":\"app.lua\",\"tree_digest\":\"x\"}", "\nerror 'no'", "worker_log\nworker_log\nworker_log"},
        {"{\"app_file\":\"app.lua\",\"tree_digest\":\"x\"}", "\nerror 'no'", "worker_failed: app.lua:2: no\n"},
        {"{\"app_file\":\"app.lua\",\"tree_digest\":\"0\"}", source, "worker_failed: app.lua built another interface than when it was published\n"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct conversation with;
        start(&with, cases[i].manifest, cases[i].app);
        send_begin(&with, "");
        assert_int_equal(listen_to(&with, false), 0);
        if (!strstr(with.said.data, cases[i].said))
            fail_msg("case %zu says \"%s\"", i, with.said.data);
        buffer_release(&with.said);
    }
}

/* Before begin, twice begin, and what no gateway says. */
static void whoever_breaks_the_order_finds_nobody(void **state)
{
    BUFFER_AUTO struct buffer digest = BUFFER_EMPTY, manifest = BUFFER_EMPTY;

    true_digest(&digest);
    buffer_format(&manifest, "{\"app_file\":\"app.lua\",\"seed\":7,\"tree_digest\":\"" TEXT_FORMAT "\"}", TEXT_ARGUMENT(buffer_view(&digest)));
    buffer_byte(&manifest, 0);
    for (int i = 0; i < 5; i++) {
        struct conversation with;
        start(&with, manifest.data, source);
        if (i == 0)
            channel_send_event_cancel(&with.channel, 1, &(struct message_event_cancel){0});
        if (i > 0)
            send_begin(&with, "");
        if (i == 1)
            send_begin(&with, "");
        if (i == 2)
            channel_send(&with.channel, MESSAGE_event_start, 1, TEXT("short"), NULL, 0);
        if (i == 3)
            channel_send(&with.channel, MESSAGE_call_answer, 1, TEXT(""), NULL, 0);
        channel_flush(&with.channel);
        if (i == 4) /* not a frame at all */
            assert_int_equal(send(with.channel.fd, "\xff\xff\xff\xff", 4, MSG_NOSIGNAL), 4);
        assert_int_equal(listen_to(&with, false), STATE_EXIT_PROTOCOL);
        buffer_release(&with.said);
    }
}

static void memory_ends_the_process_with_its_own_status(void **state)
{
    struct conversation with;

    start(&with, "{\"app_file\":\"app.lua\",\"tree_digest\":\"x\"}", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end");
    send_begin(&with, "{\"heap_bytes\":4194304}");
    assert_int_equal(listen_to(&with, false), STATE_EXIT_MEMORY);
    buffer_release(&with.said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_ready_when_its_interface_is_the_published_one),
        cmocka_unit_test(what_cannot_serve_says_why_and_ends),
        cmocka_unit_test(whoever_breaks_the_order_finds_nobody),
        cmocka_unit_test(memory_ends_the_process_with_its_own_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
