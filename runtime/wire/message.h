/* Internal messages: structs, packing, permissions and names, all made from message.def. */
#ifndef RUNTIME_WIRE_MESSAGE_H
#define RUNTIME_WIRE_MESSAGE_H

#include "runtime/base/buffer.h"

/* Who a process is on a channel. The bits make masks of senders and receivers in the table. */
enum message_role {
    ROLE_LAUNCHER = 1 << 0,
    ROLE_GATEWAY = 1 << 1,
    ROLE_STORE = 1 << 2,
    ROLE_ZYGOTE = 1 << 3,
    ROLE_WORKER = 1 << 4,
    ROLE_INFER = 1 << 5,
    ROLE_HOOK = 1 << 6,  /* the pre-receive program inside a git cage */
    ROLE_CHILD = 1 << 7, /* a process of the inference backend that runs one owner's models */
};

/* One struct per message: `struct message_demo_lookup { uint32_t request; uint8_t by; struct text name; }`. */
#define U8(n) uint8_t n;
#define U32(n) uint32_t n;
#define U64(n) uint64_t n;
#define TEXT_FIELD(n) struct text n;
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) \
    struct message_##name {                                       \
        fields                                                    \
    };
#pragma push_macro("TEXT")
#undef TEXT
#define TEXT TEXT_FIELD
#include "runtime/wire/message.def"
#undef TEXT
#pragma pop_macro("TEXT")
#undef MESSAGE
#undef U8
#undef U32
#undef U64

/* Numbered in the table's order from 1. All processes of one installation are built together, so the numbers may
 * change with every version; nothing stores them. */
enum message_type {
    MESSAGE_none,
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) MESSAGE_##name,
#include "runtime/wire/message.def"
#undef MESSAGE
    MESSAGE_COUNT
};

/* `message_X_pack` appends the body; `message_X_unpack` reads one that must end exactly at its end: 0, or
 * ERROR_INVALID. Text fields borrow the body. */
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields)                      \
    void message_##name##_pack(struct buffer *out, const struct message_##name *message); \
    int message_##name##_unpack(struct message_##name *message, struct text body);
#include "runtime/wire/message.def"
#undef MESSAGE

/* A row of the table, for the channel's checks and for logs. */
struct message_info {
    const char *name;
    unsigned senders, receivers; /* role masks */
    unsigned fds;                /* descriptors that come with it, neither more nor fewer */
    uint32_t max_bytes;          /* of the whole body, fragments put together */
};

/* The row of a type, or NULL when there is none. */
const struct message_info *message_info(unsigned type);
/* True when `from` may send `type` to `to`. */
bool message_allowed(unsigned type, enum message_role from, enum message_role to);

#endif
