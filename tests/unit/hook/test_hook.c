/* The pre-receive hook against a played store: only a yes lets git move anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/wire/channel.h"
#include "store/hook/hook.h"

struct played {
    struct channel channel;
    const char *lines[4];
    int verdict; /* -1: hang up without one */
    char updates[256], quarantine[64];
    bool garbage;
};

static void heard(void *context, struct message_in *in)
{
    struct played *played = context;
    struct message_hook_push push;
    assert_int_equal(in->type, MESSAGE_hook_push);
    assert_int_equal(message_hook_push_unpack(&push, in->body), 0);
    snprintf(played->updates, sizeof played->updates, TEXT_FORMAT, TEXT_ARGUMENT(push.updates));
    snprintf(played->quarantine, sizeof played->quarantine, TEXT_FORMAT, TEXT_ARGUMENT(push.quarantine));
}

static void *store(void *context)
{
    struct played *played = context;
    while (played->updates[0] == 0 && channel_receive(&played->channel, heard, played) == 0)
        continue;
    for (int index = 0; played->lines[index] != NULL; index++)
        channel_send_hook_text(&played->channel, 0, &(struct message_hook_text){text_from(played->lines[index])});
    channel_flush(&played->channel);
    if (played->garbage)
        send(played->channel.fd, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, MSG_NOSIGNAL);
    else if (played->verdict >= 0)
        channel_send_hook_verdict(&played->channel, 0, &(struct message_hook_verdict){(uint32_t)played->verdict});
    channel_flush(&played->channel);
    channel_release(&played->channel);
    channel_leave_thread();
    return NULL;
}

/* Runs the hook; its exit status, and what it printed. */
static int run(struct played *played, const char *input, char *output, size_t size)
{
    int pair[2], pipes[2];
    pthread_t thread;
    FILE *printed = tmpfile();
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], input, strlen(input)), (ssize_t)strlen(input));
    close(pipes[1]);
    channel_init(&played->channel, pair[0], ROLE_STORE, ROLE_HOOK, CHANNEL_FDS | CHANNEL_BLOCKING);
    assert_int_equal(pthread_create(&thread, NULL, store, played), 0);
    int status = hook_run(pipes[0], pair[1], fileno(printed), "/repository/objects/tmp_objdir-incoming-x");
    pthread_join(thread, NULL);
    close(pipes[0]);
    rewind(printed);
    output[fread(output, 1, size - 1, printed)] = 0;
    fclose(printed);
    return status;
}

static const char updates[] = "0000 1111 refs/heads/main\n0000 2222 refs/tags/v1\n";

static void yes_and_its_words(void **state)
{
    struct played played = {.lines = {"warning: something", "Published"}, .verdict = 0};
    char output[512];
    assert_int_equal(run(&played, updates, output, sizeof output), 0);
    assert_string_equal(output, "warning: something\nPublished\n");
    assert_string_equal(played.updates, updates);
    assert_string_equal(played.quarantine, "/repository/objects/tmp_objdir-incoming-x");
}

static void no(void **state)
{
    for (int verdict = 1; verdict < 300; verdict += 50) {
        struct played played = {.lines = {"app.lua:3: no"}, .verdict = verdict};
        char output[512];
        assert_int_equal(run(&played, updates, output, sizeof output), 1);
        assert_string_equal(output, "app.lua:3: no\n");
    }
}

static void in_doubt_no(void **state)
{
    struct played silent = {.verdict = -1};
    struct played broken = {.lines = {"half a"}, .garbage = true};
    char output[512];
    assert_int_equal(run(&silent, updates, output, sizeof output), 1);
    assert_string_equal(output, "the server stopped while it checked this push; nothing was changed, push again\n");
    assert_int_equal(run(&broken, updates, output, sizeof output), 1);
    assert_non_null(strstr(output, "nothing was changed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(yes_and_its_words), cmocka_unit_test(no), cmocka_unit_test(in_doubt_no)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
