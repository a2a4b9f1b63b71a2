/* The pre-receive hook inside the git cage: git's list of refs to the store, the store's sentences to the author.
 *
 * It decides nothing. Exit status 0 lets git move the refs, and is given only after the store said so; a store that
 * dies, a channel that breaks or a list that is too long end with 1 and words, so in doubt nothing moves. */
#include "store/hook/hook.h"

#include <stdio.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/wire/channel.h"

#define UPDATES_BYTES (1u << 19)

struct hook {
    struct channel channel;
    int output_fd;
    int status; /* -1 until the verdict */
};

static int refuse(int output_fd, const char *sentence)
{
    dprintf(output_fd, "%s\n", sentence);
    return 1;
}

/* Everything git writes to a hook: "<old> <new> <ref>" lines, until end of file. */
static int read_updates(int input_fd, struct buffer *out)
{
    for (;;) {
        ssize_t count = read(input_fd, buffer_reserve(out, 4096), 4096);
        if (count <= 0)
            return count == 0 ? 0 : ERROR_SYSTEM;
        buffer_advance(out, (size_t)count);
        if (out->length > UPDATES_BYTES)
            return ERROR_LIMIT;
    }
}

/* Lines may come at any time before the verdict; each goes out at once, so that the author sees progress. */
static void heard(void *context, struct message_in *in)
{
    struct hook *hook = context;
    struct message_hook_text text;
    struct message_hook_verdict verdict;
    if (in->type == MESSAGE_hook_text && message_hook_text_unpack(&text, in->body) == 0) {
        dprintf(hook->output_fd, TEXT_FORMAT "\n", TEXT_ARGUMENT(text.line));
        return;
    }
    if (in->type == MESSAGE_hook_verdict && message_hook_verdict_unpack(&verdict, in->body) == 0)
        hook->status = verdict.status == 0 ? 0 : 1;
}

static int ask(struct hook *hook, const struct message_hook_push *push)
{
    int result = channel_send_hook_push(&hook->channel, 0, push);
    if (result == 0)
        result = channel_flush(&hook->channel);
    while (result == 0 && hook->status < 0)
        result = channel_receive(&hook->channel, heard, hook);
    return hook->status >= 0 ? 0 : result;
}

int hook_run(int input_fd, int store_fd, int output_fd, const char *quarantine)
{
    struct hook hook = {.output_fd = output_fd, .status = -1};
    BUFFER_AUTO struct buffer updates = BUFFER_EMPTY;
    channel_init(&hook.channel, store_fd, ROLE_HOOK, ROLE_STORE, CHANNEL_FDS | CHANNEL_BLOCKING);
    int result = read_updates(input_fd, &updates);
    if (result == 0) {
        struct message_hook_push push = {text_from(quarantine), buffer_view(&updates)};
        result = ask(&hook, &push);
    }
    channel_release(&hook.channel);
    if (result == ERROR_LIMIT)
        return refuse(output_fd, "too many branches and tags in one push; push fewer at a time");
    if (result != 0)
        return refuse(output_fd, "the server stopped while it checked this push; nothing was changed, push again");
    return hook.status;
}
