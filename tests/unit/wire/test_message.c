/* Every message of the table: filled with different values, packed, unpacked, compared; then damaged. The
 * loops come from message.def, so a new message is tested by being there. */
#include "runtime/wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static uint64_t step; /* makes each field's value its own */

static uint64_t next_number(void)
{
    step = step * 6364136223846793005u + 1442695040888963407u;
    return step;
}

static struct text next_text(void)
{
    static const char letters[] = "the quick brown fox \0 jumps over the lazy dog";
    return (struct text){letters, next_number() % (sizeof letters - 1)};
}

/* Cut short anywhere it must be refused, and so must a byte too many. */
#define CHECK_DAMAGE(name)                                                                    \
    for (size_t cut = 0; cut < packed.length; cut++)                                          \
        assert_int_equal(message_##name##_unpack(&got, text_head(buffer_view(&packed), cut)), \
                         ERROR_INVALID);                                                      \
    buffer_byte(&packed, 0);                                                                  \
    assert_int_equal(message_##name##_unpack(&got, buffer_view(&packed)), ERROR_INVALID);

#pragma push_macro("TEXT")
#undef TEXT
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) \
    static void fill_##name(struct message_##name *ret_message)   \
    {                                                             \
        struct message_##name sent;                               \
        memset(&sent, 0, sizeof sent);                            \
        fields *ret_message = sent;                               \
    }
#define U8(n) sent.n = (uint8_t)next_number();
#define U32(n) sent.n = (uint32_t)next_number();
#define U64(n) sent.n = next_number();
#define TEXT(n) sent.n = next_text();
#include "runtime/wire/message.def"
#undef MESSAGE
#undef U8
#undef U32
#undef U64
#undef TEXT

#define U8(n) assert_int_equal(got.n, sent.n);
#define U32(n) assert_int_equal(got.n, sent.n);
#define U64(n) assert_true(got.n == sent.n);
#define TEXT(n)                             \
    assert_true(text_equal(got.n, sent.n)); \
    assert_true(got.n.length == 0 || (got.n.data >= packed.data && got.n.data < packed.data + packed.length));
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields)                     \
    static void round_trip_##name(void **state)                                       \
    {                                                                                 \
        for (int round = 0; round < 20; round++) {                                    \
            BUFFER_AUTO struct buffer packed = BUFFER_EMPTY;                          \
            struct message_##name sent, got;                                          \
            fill_##name(&sent);                                                       \
            message_##name##_pack(&packed, &sent);                                    \
            assert_int_equal(message_##name##_unpack(&got, buffer_view(&packed)), 0); \
            fields CHECK_DAMAGE(name)                                                 \
        }                                                                             \
    }
#include "runtime/wire/message.def"
#undef MESSAGE
#undef U8
#undef U32
#undef U64
#undef TEXT
#pragma pop_macro("TEXT")

/* A length field that points behind the end must not be followed. */
static void text_length_beyond_the_end(void **state)
{
    struct message_worker_failed got;
    assert_int_equal(message_worker_failed_unpack(&got, (struct text){"\xFF\xFF\xFF\xFFx", 5}),
                     ERROR_INVALID);
    assert_int_equal(message_worker_failed_unpack(&got, (struct text){"\x02\x00\x00\x00x", 5}),
                     ERROR_INVALID);
    assert_int_equal(message_worker_failed_unpack(&got, (struct text){"\x01\x00\x00\x00x", 5}), 0);
}

static void every_row_makes_sense(void **state)
{
    assert_null(message_info(MESSAGE_none));
    assert_null(message_info(MESSAGE_COUNT));
    assert_null(message_info(70000));
    for (unsigned type = 1; type < MESSAGE_COUNT; type++) {
        const struct message_info *info = message_info(type);
        assert_non_null(info);
        assert_true(strlen(info->name) > 0);
        assert_true(info->senders != 0 && info->receivers != 0);
        assert_true(info->fds <= 4);
        assert_true(info->max_bytes >= 16);
        for (unsigned other = 1; other < type; other++)
            assert_string_not_equal(info->name, message_info(other)->name);
    }
}

static void only_the_named_roles_may_speak(void **state)
{
    assert_true(message_allowed(MESSAGE_event_start, ROLE_GATEWAY, ROLE_WORKER));
    assert_false(message_allowed(MESSAGE_event_start, ROLE_WORKER, ROLE_GATEWAY));
    assert_false(message_allowed(MESSAGE_event_start, ROLE_GATEWAY, ROLE_STORE));
    assert_true(message_allowed(MESSAGE_worker_credit, ROLE_WORKER, ROLE_GATEWAY));
    assert_true(message_allowed(MESSAGE_child_ready, ROLE_INFER, ROLE_LAUNCHER));
    assert_false(message_allowed(MESSAGE_child_ready, ROLE_WORKER, ROLE_LAUNCHER));
    assert_false(message_allowed(MESSAGE_none, ROLE_GATEWAY, ROLE_WORKER));
    assert_false(message_allowed(MESSAGE_COUNT, ROLE_GATEWAY, ROLE_WORKER));
}

/* What a worker, the least trusted peer, may say is exactly this; a longer list needs a second thought. */
static void the_worker_speaks_only_to_the_gateway(void **state)
{
    for (unsigned type = 1; type < MESSAGE_COUNT; type++) {
        const struct message_info *info = message_info(type);
        if (info->senders & ROLE_WORKER) {
            assert_int_equal(info->receivers & ~(unsigned)(ROLE_GATEWAY | ROLE_WORKER), 0);
            assert_int_equal(info->fds, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define MESSAGE(name, senders, receivers, fds, max_bytes, fields) cmocka_unit_test(round_trip_##name),
#include "runtime/wire/message.def"
#undef MESSAGE
        cmocka_unit_test(text_length_beyond_the_end),
        cmocka_unit_test(every_row_makes_sense),
        cmocka_unit_test(only_the_named_roles_may_speak),
        cmocka_unit_test(the_worker_speaks_only_to_the_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
