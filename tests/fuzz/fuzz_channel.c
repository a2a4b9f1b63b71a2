/* A hostile worker: the input is a sequence of packets (u16 length, bytes) that the gateway receives on its
 * channel. Only messages of the table for that direction come through, within their limits, and nothing is
 * left behind. */
#include "runtime/wire/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"

static void receive(void *context, struct message_in *message)
{
    const struct message_info *info = message_info(message->type);
    size_t *sum = context;
    if (!info || !(info->senders & ROLE_WORKER) || message->body.length > info->max_bytes ||
        message->fd_count)
        abort();
    for (size_t i = 0; i < message->body.length; i++)
        *sum += (unsigned char)message->body.data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel channel;
    int ends[2], result = 0;
    size_t sum = 0;
    if (fd_socket_pair(SOCK_SEQPACKET, 1, ends) < 0)
        abort();
    channel_init(&channel, ends[0], ROLE_GATEWAY, ROLE_WORKER, size % 2 ? CHANNEL_FDS : 0);
    while (size >= 2 && result == 0) {
        size_t length = (size_t)(data[0] | data[1] << 8);
        data += 2;
        size -= 2;
        if (length > size)
            length = size;
        if (length && write(ends[1], data, length) != (ssize_t)length)
            abort();
        data += length;
        size -= length;
        result = channel_receive(&channel, receive, &sum);
        if (channel.partial_bytes > BOUNDS_CHANNEL_PARTIAL_BYTES ||
            channel.partial_count > BOUNDS_CHANNEL_PARTIALS)
            abort();
    }
    if (result != 0 && result != ERROR_INVALID)
        abort();
    channel_release(&channel);
    close(ends[1]);
    return 0;
}
