#include "runtime/loop/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"

/* A gateway under a launcher that the test plays. */
struct child {
    struct loop loop;
    struct control control;
    struct channel launcher;
    struct loop_timer guard;
    struct buffer story; /* what the callbacks heard, in order */
    int fd;
};

static void on_config(void *context, struct text key, struct text value)
{
    struct child *child = context;
    buffer_format(&child->story, "config " TEXT_FORMAT "=" TEXT_FORMAT "\n", TEXT_ARGUMENT(key),
                  TEXT_ARGUMENT(value));
}

static void on_peer(void *context, enum message_role role, int fd)
{
    struct child *child = context;
    buffer_format(&child->story, "peer %d\n", (int)role);
    assert_true(fd >= 0);
    close(fd);
}

static void on_listener(void *context, struct text name, int fd)
{
    struct child *child = context;
    buffer_format(&child->story, "listener " TEXT_FORMAT "\n", TEXT_ARGUMENT(name));
    child->fd = fd;
}

static void on_start(void *context)
{
    struct child *child = context;
    buffer_string(&child->story, "start\n");
    control_ready(&child->control);
}

static void on_stop(void *context, uint32_t grace_ms)
{
    struct child *child = context;
    buffer_format(&child->story, "stop %u\n", grace_ms);
    loop_stop(&child->loop);
}

static void on_status(void *context, struct message_in *message)
{
    struct child *child = context;
    buffer_format(&child->story, "message %s\n", message_info(message->type)->name);
}

static void hangs(void *context)
{
    fail_msg("the launcher's stop never came");
}

static void child_init(struct child *child, enum message_role role, const struct control_callbacks *callbacks)
{
    int ends[2];
    memset(child, 0, sizeof *child);
    child->fd = -1;
    assert_int_equal(loop_init(&child->loop), 0);
    loop_timer_init(&child->loop, &child->guard, hangs, NULL);
    loop_timer_start(&child->guard, 20000);
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, ends), 0);
    control_init(&child->control, &child->loop, ends[0], role, callbacks, child);
    channel_init(&child->launcher, ends[1], ROLE_LAUNCHER, role, CHANNEL_FDS);
}

static void child_release(struct child *child)
{
    loop_timer_release(&child->guard);
    loop_release(&child->loop);
    channel_release(&child->launcher);
    buffer_release(&child->story);
    fd_close(&child->fd);
}

/* Sends a message that comes with one descriptor. */
static void pass(struct child *child, enum message_type type, struct buffer *body)
{
    int fd = STDERR_FILENO;
    assert_int_equal(channel_send(&child->launcher, type, 0, buffer_view(body), &fd, 1), 0);
    buffer_clear(body);
}

static void note_type(void *context, struct message_in *message)
{
    *(unsigned *)context = message->type;
}

static void a_child_hears_its_whole_start(void **state)
{
    static const struct control_callbacks callbacks = {on_config, on_peer, on_listener,
                                                       on_start,  on_stop, on_status};
    struct child child;
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    unsigned answer = 0;
    child_init(&child, ROLE_STORE, &callbacks);
    struct message_launcher_config config = {TEXT("data"), TEXT("/srv/v")};
    channel_send_launcher_config(&child.launcher, 0, &config);
    message_launcher_peer_pack(&body, &(struct message_launcher_peer){ROLE_GATEWAY});
    pass(&child, MESSAGE_launcher_peer, &body);
    message_launcher_listener_pack(&body, &(struct message_launcher_listener){TEXT("admin")});
    pass(&child, MESSAGE_launcher_listener, &body);
    channel_send_launcher_start(&child.launcher, 0, &(struct message_launcher_start){0});
    channel_send_launcher_status(&child.launcher, 0, &(struct message_launcher_status){1, TEXT("{}")});
    channel_send_launcher_stop(&child.launcher, 0, &(struct message_launcher_stop){250});
    assert_int_equal(channel_flush(&child.launcher), 0);
    loop_run(&child.loop);
    buffer_byte(&child.story, '\0');
    assert_string_equal(child.story.data, "config data=/srv/v\npeer 2\nlistener admin\nstart\n"
                                          "message launcher_status\nstop 250\n");
    assert_int_equal(channel_receive(&child.launcher, note_type, &answer), 0);
    assert_int_equal(answer, MESSAGE_child_ready);
    assert_true(child.fd >= 0);
    child_release(&child);
}

/* A child that serves no listener lets the loop close what comes for one. */
static void callbacks_may_be_left_out(void **state)
{
    static const struct control_callbacks callbacks = {.on_stop = on_stop};
    struct child child;
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    child_init(&child, ROLE_INFER, &callbacks);
    struct message_launcher_config config = {TEXT("a"), TEXT("b")};
    channel_send_launcher_config(&child.launcher, 0, &config);
    message_launcher_peer_pack(&body, &(struct message_launcher_peer){ROLE_GATEWAY});
    pass(&child, MESSAGE_launcher_peer, &body);
    message_launcher_listener_pack(&body, &(struct message_launcher_listener){TEXT("x")});
    pass(&child, MESSAGE_launcher_listener, &body);
    channel_send_launcher_start(&child.launcher, 0, &(struct message_launcher_start){0});
    channel_send_launcher_stop(&child.launcher, 0, &(struct message_launcher_stop){1});
    assert_int_equal(channel_flush(&child.launcher), 0);
    loop_run(&child.loop);
    assert_string_equal(child.story.data, "stop 1\n");
    child_release(&child);
}

/* How a process ends whose launcher does `last`. */
static int ending(void (*last)(struct child *child))
{
    static const struct control_callbacks callbacks = {.on_stop = on_stop};
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct child child;
        close(STDERR_FILENO);
        child_init(&child, ROLE_GATEWAY, &callbacks);
        last(&child);
        loop_run(&child.loop);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void launcher_dies(struct child *child)
{
    channel_release(&child->launcher);
}

static void launcher_mumbles(struct child *child)
{
    channel_send(&child->launcher, MESSAGE_launcher_stop, 0, TEXT("odd"), NULL, 0);
    channel_flush(&child->launcher);
}

static void without_a_launcher_the_process_ends(void **state)
{
    int status = ending(launcher_dies);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_message_that_cannot_be_read_is_our_bug(void **state)
{
    assert_true(WIFSIGNALED(ending(launcher_mumbles)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_hears_its_whole_start),
        cmocka_unit_test(callbacks_may_be_left_out),
        cmocka_unit_test(without_a_launcher_the_process_ends),
        cmocka_unit_test(a_message_that_cannot_be_read_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
