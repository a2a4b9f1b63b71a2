/* Every internal channel, from the side that must not trust the other: the first byte of the input chooses who listens
 * to whom, the second how many descriptors come with each packet, the rest is a sequence of packets (u16 length and
 * bytes).
 *
 * Whatever comes, the listener hears only messages that the table allows from that peer, whole, within their limits and
 * with exactly their descriptors; each body that it takes has one reading; and when the peer breaks a rule nothing is
 * left: no partial message, no descriptor. fuzz_channel.c does the same for the worker's socket, which takes none. */
#include "runtime/wire/channel.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"

static const struct {
    enum message_role own, peer;
} pairs[] = {
    {ROLE_LAUNCHER, ROLE_STORE}, {ROLE_LAUNCHER, ROLE_GATEWAY}, {ROLE_LAUNCHER, ROLE_ZYGOTE},
    {ROLE_LAUNCHER, ROLE_INFER}, {ROLE_ZYGOTE, ROLE_GATEWAY}, {ROLE_ZYGOTE, ROLE_LAUNCHER},
    {ROLE_GATEWAY, ROLE_STORE},  {ROLE_GATEWAY, ROLE_ZYGOTE},
    {ROLE_GATEWAY, ROLE_INFER},  {ROLE_STORE, ROLE_GATEWAY},   {ROLE_STORE, ROLE_HOOK},    {ROLE_STORE, ROLE_INFER},
    {ROLE_INFER, ROLE_GATEWAY},  {ROLE_INFER, ROLE_STORE},     {ROLE_INFER, ROLE_CHILD},   {ROLE_CHILD, ROLE_INFER},
    {ROLE_WORKER, ROLE_GATEWAY},
};

/* A body that unpacks must pack to the same bytes. */
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) \
    static void try_##name(struct text body)                      \
    {                                                             \
        BUFFER_AUTO struct buffer packed = BUFFER_EMPTY;          \
        struct message_##name message;                            \
        if (message_##name##_unpack(&message, body) < 0)          \
            return;                                               \
        message_##name##_pack(&packed, &message);                 \
        if (!text_equal(buffer_view(&packed), body))              \
            abort();                                              \
    }
#include "runtime/wire/message.def"
#undef MESSAGE

static void (*const trials[MESSAGE_COUNT])(struct text body) = {
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) [MESSAGE_##name] = try_##name,
#include "runtime/wire/message.def"
#undef MESSAGE
};

static void receive(void *context, struct message_in *in)
{
    const struct channel *channel = context;
    const struct message_info *info = message_info(in->type);

    if (!info || !message_allowed(in->type, channel->peer, channel->own) || in->body.length > info->max_bytes ||
        in->fd_count != info->fds)
        abort();
    /* Half of the receivers take the descriptors over, half leave them to be closed. */
    for (unsigned i = 0; i < in->fd_count && in->stream % 2; i++) {
        close(in->fds[i]);
        in->fds[i] = -1;
    }
    trials[in->type](in->body);
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void send_packet(int fd, const uint8_t *data, size_t length, unsigned descriptors)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)data, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (descriptors) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        *rights = (struct cmsghdr){CMSG_LEN(descriptors * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memset(CMSG_DATA(rights), 0, descriptors * sizeof(int)); /* descriptor 0, again and again */
    }
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel channel;
    int ends[2], result = 0, before = count_descriptors();

    if (size < 2 || fd_socket_pair(SOCK_SEQPACKET, 1, ends) < 0)
        return 0;
    size_t pair = data[0] % (sizeof pairs / sizeof *pairs);
    unsigned descriptors = data[1] % 9;
    channel_init(&channel, ends[0], pairs[pair].own, pairs[pair].peer, CHANNEL_FDS);
    for (data += 2, size -= 2; size >= 2 && result == 0;) {
        size_t length = (size_t)(data[0] | data[1] << 8);
        data += 2;
        size -= 2;
        length = length > size ? size : length;
        if (length)
            send_packet(ends[1], data, length, descriptors);
        data += length;
        size -= length;
        result = channel_receive(&channel, receive, &channel);
        if (channel.partial_bytes > BOUNDS_CHANNEL_PARTIAL_BYTES || channel.partial_count > BOUNDS_CHANNEL_PARTIALS)
            abort();
    }
    if (result != 0 && result != ERROR_INVALID)
        abort();
    channel_release(&channel);
    close(ends[1]);
    if (count_descriptors() != before)
        abort();
    return 0;
}
