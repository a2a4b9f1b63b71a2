/* Bodies of messages: the first two bytes choose the message, the rest is its body. What unpacks must pack to
 * the same bytes again: no body has two readings. */
#include "runtime/wire/message.h"

#include <stdlib.h>

#include "runtime/base/error.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned type = (unsigned)(data[0] | data[1] << 8) % MESSAGE_COUNT;
    if (trials[type])
        trials[type]((struct text){(const char *)data + 2, size - 2});
    return 0;
}
