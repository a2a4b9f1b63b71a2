/* message.def read four times: as rows of facts, as packers, as unpackers, and (in channel.c) as senders. The
 * macros at each reading say what a field becomes there; a new message is one line in the table and nothing else. */
#include "runtime/wire/message.h"

#include "runtime/base/error.h"
#include "runtime/wire/cursor.h"

#define LAUNCHER ROLE_LAUNCHER
#define GATEWAY ROLE_GATEWAY
#define STORE ROLE_STORE
#define ZYGOTE ROLE_ZYGOTE
#define WORKER ROLE_WORKER
#define INFER ROLE_INFER
#define HOOK ROLE_HOOK
#define CHILD ROLE_CHILD
#define ANYCHILD (ROLE_GATEWAY | ROLE_STORE | ROLE_ZYGOTE | ROLE_INFER)

static const struct message_info messages[MESSAGE_COUNT] = {
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) \
    [MESSAGE_##name] = {#name, senders, receivers, fds, max_bytes},
#include "runtime/wire/message.def"
#undef MESSAGE
};

const struct message_info *message_info(unsigned type)
{
    return type > MESSAGE_none && type < MESSAGE_COUNT ? &messages[type] : NULL;
}

/* Checked at both ends: a peer that was taken over cannot speak for another. */
bool message_allowed(unsigned type, enum message_role from, enum message_role to)
{
    const struct message_info *info = message_info(type);
    return info && (info->senders & from) && (info->receivers & to);
}

#undef TEXT
#define U8(n) cursor_put_u8(out, message->n);
#define U32(n) cursor_put_u32(out, message->n);
#define U64(n) cursor_put_u64(out, message->n);
#define TEXT(n) cursor_put_text(out, message->n);
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields)                        \
    void message_##name##_pack(struct buffer *out, const struct message_##name *message) \
    {                                                                                    \
        fields                                                                           \
    }
#include "runtime/wire/message.def"
#undef MESSAGE
#undef U8
#undef U32
#undef U64
#undef TEXT

#define U8(n) message->n = cursor_u8(&cursor);
#define U32(n) message->n = cursor_u32(&cursor);
#define U64(n) message->n = cursor_u64(&cursor);
#define TEXT(n) message->n = cursor_text(&cursor);
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields)                 \
    int message_##name##_unpack(struct message_##name *message, struct text body) \
    {                                                                             \
        struct cursor cursor = cursor_from(body);                                 \
        fields return cursor_end(&cursor);                                        \
    }
#include "runtime/wire/message.def"
#undef MESSAGE
