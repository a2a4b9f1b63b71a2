#include "runtime/wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

/* ---- what arrived ---- */

enum { KEPT = 64 };

struct inbox {
    size_t count;
    unsigned types[KEPT];
    uint64_t streams[KEPT];
    struct buffer bodies[KEPT];
    int fd;                  /* the last descriptor taken, -1 */
    struct channel *release; /* released by the callback */
};

static void note(void *context, struct message_in *message)
{
    struct inbox *inbox = context;
    assert_true(inbox->count < KEPT);
    inbox->types[inbox->count] = message->type;
    inbox->streams[inbox->count] = message->stream;
    buffer_clear(&inbox->bodies[inbox->count]);
    buffer_text(&inbox->bodies[inbox->count], message->body);
    inbox->count++;
    if (message->fd_count)
        inbox->fd = fd_steal(&message->fds[0]);
    if (inbox->release)
        channel_release(inbox->release);
}

struct pair {
    struct channel a, b;
    int raw; /* the other end of `a` in tests that speak raw packets */
    struct inbox inbox;
};

static void pair_init(struct pair *pair, unsigned a, unsigned b, unsigned flags)
{
    int ends[2];
    memset(pair, 0, sizeof *pair);
    pair->inbox.fd = -1;
    pair->raw = -1;
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, !(flags & CHANNEL_BLOCKING), ends), 0);
    channel_init(&pair->a, ends[0], a, b, flags);
    channel_init(&pair->b, ends[1], b, a, flags);
}

/* A worker's channel as the gateway sees it, and the raw socket of a worker that may send anything. */
static void raw_init(struct pair *pair, unsigned own, unsigned peer, unsigned flags)
{
    pair_init(pair, own, peer, flags);
    pair->raw = fd_steal(&pair->b.fd);
    channel_release(&pair->b);
}

static void pair_release(struct pair *pair)
{
    channel_release(&pair->a);
    channel_release(&pair->b);
    fd_close(&pair->raw);
    fd_close(&pair->inbox.fd);
    for (size_t i = 0; i < KEPT; i++)
        buffer_release(&pair->inbox.bodies[i]);
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- raw packets ---- */

static void frame(struct buffer *packet, unsigned type, unsigned flags, size_t length, const char *body)
{
    unsigned char header[16] = {
        (unsigned char)type,           (unsigned char)(type >> 8),    (unsigned char)flags,
        (unsigned char)(flags >> 8),   (unsigned char)length,         (unsigned char)(length >> 8),
        (unsigned char)(length >> 16), (unsigned char)(length >> 24), 7};
    buffer_append(packet, header, sizeof header);
    buffer_string(packet, body);
}

static void send_raw(int socket, struct text packet, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)packet.data, packet.length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * count);
    }
    assert_int_equal(sendmsg(socket, &header, 0), (ssize_t)packet.length);
}

/* The verdict over one raw packet, and that no descriptor is left behind. */
static int verdict(unsigned own, unsigned peer, struct text packet, size_t fd_count)
{
    struct pair pair;
    int fds[8];
    raw_init(&pair, own, peer, CHANNEL_FDS);
    for (size_t i = 0; i < fd_count; i++)
        fds[i] = STDERR_FILENO;
    size_t before = open_descriptors();
    send_raw(pair.raw, packet, fds, fd_count);
    int result = channel_receive(&pair.a, note, &pair.inbox);
    fd_close(&pair.inbox.fd);
    assert_int_equal(open_descriptors(), before);
    pair_release(&pair);
    return result;
}

static int worker_says(const struct buffer *packet)
{
    return verdict(ROLE_GATEWAY, ROLE_WORKER, buffer_view(packet), 0);
}

/* ---- tests ---- */

static void many_messages_travel_in_one_packet(void **state)
{
    struct pair pair;
    char room[BOUNDS_PACKET_BYTES];
    raw_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(channel_send_worker_credit(&pair.a, i, &(struct message_worker_credit){i}), 0);
    assert_int_equal(channel_queued_bytes(&pair.a), 100 * 20);
    assert_true(channel_wants_write(&pair.a));
    assert_int_equal(channel_flush(&pair.a), 0);
    assert_false(channel_wants_write(&pair.a));
    assert_int_equal(channel_queued_bytes(&pair.a), 0);
    assert_int_equal(read(pair.raw, room, sizeof room), 100 * 20);
    assert_int_equal(read(pair.raw, room, sizeof room), -1);
    pair_release(&pair);
}

static void messages_arrive_in_order(void **state)
{
    struct pair pair;
    struct message_worker_log got, sent = {TEXT("info"), TEXT("hello")};
    pair_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    assert_int_equal(channel_send_worker_log(&pair.b, 1, &sent), 0);
    assert_int_equal(channel_send_worker_ready(&pair.b, 2, &(struct message_worker_ready){TEXT("")}), 0);
    assert_int_equal(channel_flush(&pair.b), 0);
    assert_int_equal(channel_receive(&pair.a, note, &pair.inbox), 0);
    assert_int_equal(pair.inbox.count, 2);
    assert_int_equal(pair.inbox.types[0], MESSAGE_worker_log);
    assert_int_equal(pair.inbox.types[1], MESSAGE_worker_ready);
    assert_int_equal(pair.inbox.streams[1], 2);
    assert_int_equal(message_worker_log_unpack(&got, buffer_view(&pair.inbox.bodies[0])), 0);
    assert_true(text_equal(got.line, sent.line));
    pair_release(&pair);
}

static struct text large(size_t length)
{
    char *data = memory_alloc(length, 1);
    for (size_t i = 0; i < length; i++)
        data[i] = (char)(i * 31 + i / 257);
    return (struct text){data, length};
}

/* A body above the fragment size is put together again, also between other streams and across a full socket.
 */
static void large_messages_are_fragmented(void **state)
{
    const size_t sizes[] = {0, BOUNDS_FRAGMENT_BYTES - 1, BOUNDS_FRAGMENT_BYTES, BOUNDS_FRAGMENT_BYTES + 1,
                            8u << 20};
    struct pair pair;
    pair_init(&pair, ROLE_WORKER, ROLE_GATEWAY, 0);
    for (size_t i = 0; i < MEMORY_COUNT(sizes); i++) {
        struct text body = large(sizes[i]);
        int result;
        pair.inbox.count = 0;
        assert_int_equal(channel_send(&pair.a, MESSAGE_event_partial, 9, body, NULL, 0), 0);
        assert_int_equal(channel_send_worker_credit(&pair.a, 9, &(struct message_worker_credit){1}), 0);
        do {
            result = channel_flush(&pair.a);
            assert_int_equal(channel_receive(&pair.b, note, &pair.inbox), 0);
        } while (result == ERROR_AGAIN);
        assert_int_equal(result, 0);
        assert_int_equal(channel_receive(&pair.b, note, &pair.inbox), 0);
        assert_int_equal(pair.inbox.count, 2);
        assert_true(text_equal(buffer_view(&pair.inbox.bodies[0]), body));
        assert_int_equal(pair.b.partial_bytes, 0);
        assert_int_equal(pair.b.partial_count, 0);
        free((void *)(uintptr_t)body.data);
    }
    pair_release(&pair);
}

static void what_is_too_large_is_not_queued(void **state)
{
    struct pair pair;
    struct text body = large((8u << 20) + 1);
    pair_init(&pair, ROLE_WORKER, ROLE_GATEWAY, 0);
    assert_int_equal(channel_send(&pair.a, MESSAGE_event_partial, 1, body, NULL, 0), ERROR_LIMIT);
    body.length--;
    assert_int_equal(channel_send(&pair.a, MESSAGE_event_partial, 1, body, NULL, 0), 0);
    assert_int_equal(channel_send(&pair.a, MESSAGE_event_partial, 1, body, NULL, 0), ERROR_LIMIT);
    assert_true(channel_queued_bytes(&pair.a) <= BOUNDS_CHANNEL_QUEUE_BYTES);
    free((void *)(uintptr_t)body.data);
    pair_release(&pair);
}

static void forbidden_messages_are_not_sent(void **state)
{
    struct pair pair;
    int fd = STDERR_FILENO;
    pair_init(&pair, ROLE_WORKER, ROLE_GATEWAY, 0);
    assert_int_equal(channel_send_event_cancel(&pair.a, 1, &(struct message_event_cancel){0}),
                     ERROR_FORBIDDEN);
    assert_int_equal(channel_send(&pair.a, MESSAGE_none, 1, TEXT(""), NULL, 0), ERROR_FORBIDDEN);
    assert_int_equal(channel_send(&pair.a, MESSAGE_worker_credit, 1, TEXT("...."), &fd, 1), ERROR_FORBIDDEN);
    assert_int_equal(channel_queued_bytes(&pair.a), 0);
    pair_release(&pair);
}

static void descriptors_travel(void **state)
{
    struct pair pair;
    int pipe_ends[2];
    char byte = 0;
    pair_init(&pair, ROLE_STORE, ROLE_GATEWAY, CHANNEL_FDS);
    assert_int_equal(pipe(pipe_ends), 0);
    struct message_bundle_opened opened = {1, 2};
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    message_bundle_opened_pack(&body, &opened);
    struct message_demo_changed changed = {3, 0};
    assert_int_equal(channel_send_demo_changed(&pair.a, 0, &changed), 0);
    assert_int_equal(channel_send(&pair.a, MESSAGE_bundle_opened, 0, buffer_view(&body), &pipe_ends[1], 1),
                     0);
    assert_int_equal(channel_send_demo_changed(&pair.a, 0, &changed), 0);
    close(pipe_ends[1]); /* the channel has its own copy */
    assert_int_equal(channel_flush(&pair.a), 0);
    assert_int_equal(channel_receive(&pair.b, note, &pair.inbox), 0);
    assert_int_equal(pair.inbox.count, 3);
    assert_int_equal(pair.inbox.types[1], MESSAGE_bundle_opened);
    assert_true(pair.inbox.fd >= 0);
    assert_true(fcntl(pair.inbox.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(pair.inbox.fd, "x", 1), 1);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(pipe_ends[0]);
    pair_release(&pair);
}

static void descriptors_not_sent_are_closed(void **state)
{
    size_t before = open_descriptors();
    struct pair pair;
    int fds[2] = {STDERR_FILENO, -1};
    pair_init(&pair, ROLE_STORE, ROLE_GATEWAY, CHANNEL_FDS);
    assert_int_equal(channel_send(&pair.a, MESSAGE_bundle_opened, 0, TEXT("twelve bytes"), fds, 1), 0);
    pair_release(&pair);
    assert_int_equal(open_descriptors(), before);

    pair_init(&pair, ROLE_STORE, ROLE_GATEWAY, CHANNEL_FDS);
    assert_int_equal(channel_send(&pair.a, MESSAGE_bundle_opened, 0, TEXT("twelve bytes"), fds + 1, 1),
                     ERROR_SYSTEM);
    assert_int_equal(channel_queued_bytes(&pair.a), 0);
    pair_release(&pair);
    assert_int_equal(open_descriptors(), before);
}

/* The gateway reads workers with plain read(): what a worker attaches is closed by the kernel. */
static void a_worker_cannot_push_descriptors(void **state)
{
    struct pair pair;
    int fd = STDERR_FILENO;
    BUFFER_AUTO struct buffer packet = BUFFER_EMPTY;
    raw_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    size_t before = open_descriptors();
    frame(&packet, MESSAGE_worker_credit, 0, 4, "abcd");
    send_raw(pair.raw, buffer_view(&packet), &fd, 1);
    assert_int_equal(channel_receive(&pair.a, note, &pair.inbox), 0);
    assert_int_equal(pair.inbox.count, 1);
    assert_int_equal(open_descriptors(), before);
    pair_release(&pair);
}

static void broken_frames_are_refused(void **state)
{
    static const struct {
        unsigned type, flags;
        size_t length;
        const char *body;
        int result;
    } cases[] = {
        {MESSAGE_worker_credit, 0, 4, "abcd", 0},
        {MESSAGE_worker_credit, 0, 4, "abcde", ERROR_INVALID},              /* a byte too many */
        {MESSAGE_worker_credit, 0, 5, "abcd", ERROR_INVALID},               /* a byte too few */
        {MESSAGE_worker_credit, 0, 0xFFFFFFFF, "abcd", ERROR_INVALID},      /* far behind the end */
        {MESSAGE_worker_credit, 0, 17, "12345678901234567", ERROR_INVALID}, /* above the table's limit */
        {MESSAGE_worker_credit, 2, 4, "abcd", ERROR_INVALID},               /* unknown flag */
        {MESSAGE_event_cancel, 0, 4, "abcd", ERROR_INVALID}, /* the gateway's word, not the worker's */
        {MESSAGE_identify, 0, 4, "abcd", ERROR_INVALID},     /* nobody's on this channel */
        {MESSAGE_none, 0, 0, "", ERROR_INVALID},
        {MESSAGE_COUNT, 0, 0, "", ERROR_INVALID},
        {0xFFFF, 0, 0, "", ERROR_INVALID},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        BUFFER_AUTO struct buffer packet = BUFFER_EMPTY;
        frame(&packet, cases[i].type, cases[i].flags, cases[i].length, cases[i].body);
        assert_int_equal(worker_says(&packet), cases[i].result);
    }
}

static void wrong_descriptor_counts_are_refused(void **state)
{
    BUFFER_AUTO struct buffer packet = BUFFER_EMPTY;
    frame(&packet, MESSAGE_bundle_opened, 0, 12, "twelve bytes");
    assert_int_equal(verdict(ROLE_GATEWAY, ROLE_STORE, buffer_view(&packet), 1), 0);
    assert_int_equal(verdict(ROLE_GATEWAY, ROLE_STORE, buffer_view(&packet), 0), ERROR_INVALID);
    assert_int_equal(verdict(ROLE_GATEWAY, ROLE_STORE, buffer_view(&packet), 2), ERROR_INVALID);
    assert_int_equal(verdict(ROLE_GATEWAY, ROLE_STORE, buffer_view(&packet), 7), ERROR_INVALID);
    /* two frames may not share descriptors */
    frame(&packet, MESSAGE_bundle_opened, 0, 12, "twelve bytes");
    assert_int_equal(verdict(ROLE_GATEWAY, ROLE_STORE, buffer_view(&packet), 1), ERROR_INVALID);
    buffer_clear(&packet);
    frame(&packet, MESSAGE_demo_changed, 0, 9, "123456789");
    assert_int_equal(verdict(ROLE_GATEWAY, ROLE_STORE, buffer_view(&packet), 1), ERROR_INVALID);
}

/* Fragments of small messages count towards the message's own limit. */
static void reassembly_is_bounded_by_the_message(void **state)
{
    struct pair pair;
    BUFFER_AUTO struct buffer packet = BUFFER_EMPTY;
    raw_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    frame(&packet, MESSAGE_worker_credit, 1, 10, "1234567890");
    send_raw(pair.raw, buffer_view(&packet), NULL, 0);
    assert_int_equal(channel_receive(&pair.a, note, &pair.inbox), 0);
    assert_int_equal(pair.inbox.count, 0);
    send_raw(pair.raw, buffer_view(&packet), NULL, 0);
    assert_int_equal(channel_receive(&pair.a, note, &pair.inbox), ERROR_INVALID);
    pair_release(&pair);
}

/* Neither many begun messages nor their bytes may grow without end. */
static void begun_messages_are_bounded(void **state)
{
    struct pair pair;
    BUFFER_AUTO struct buffer packet = BUFFER_EMPTY;
    int result = 0, begun = 0;
    raw_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    frame(&packet, MESSAGE_event_partial, 1, 0, "");
    for (; result == 0 && begun < 1000; begun++) {
        packet.data[8] = (char)begun;
        packet.data[9] = (char)(begun >> 8);
        send_raw(pair.raw, buffer_view(&packet), NULL, 0);
        result = channel_receive(&pair.a, note, &pair.inbox);
    }
    assert_int_equal(result, ERROR_INVALID);
    assert_int_equal(begun, BOUNDS_CHANNEL_PARTIALS + 1);
    pair_release(&pair);
}

static void reassembled_bytes_are_bounded(void **state)
{
    struct pair pair;
    BUFFER_AUTO struct buffer packet = BUFFER_EMPTY;
    struct text body = large(60000);
    size_t sent = 0;
    int result = 0;
    raw_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    frame(&packet, MESSAGE_event_partial, 1, body.length, "");
    buffer_text(&packet, body);
    for (; result == 0 && sent < 2 * BOUNDS_CHANNEL_PARTIAL_BYTES; sent += body.length) {
        packet.data[8] = (char)(sent / (4u << 20));
        send_raw(pair.raw, buffer_view(&packet), NULL, 0);
        result = channel_receive(&pair.a, note, &pair.inbox);
    }
    assert_int_equal(result, ERROR_INVALID);
    assert_true(sent <= BOUNDS_CHANNEL_PARTIAL_BYTES + body.length);
    free((void *)(uintptr_t)body.data);
    pair_release(&pair);
}

static void the_end_of_the_peer_is_seen(void **state)
{
    struct pair pair;
    pair_init(&pair, ROLE_STORE, ROLE_GATEWAY, CHANNEL_FDS);
    assert_int_equal(channel_send_demo_changed(&pair.a, 0, &(struct message_demo_changed){1, 0}), 0);
    assert_int_equal(channel_flush(&pair.a), 0);
    channel_release(&pair.a);
    assert_int_equal(channel_receive(&pair.b, note, &pair.inbox), ERROR_CLOSED);
    assert_int_equal(pair.inbox.count, 1); /* what was sent before is not lost */
    assert_int_equal(channel_send_identify(&pair.b, 0, &(struct message_identify){1, TEXT("")}), 0);
    assert_int_equal(channel_flush(&pair.b), ERROR_CLOSED);
    assert_int_equal(channel_send_identify(&pair.a, 0, &(struct message_identify){1, TEXT("")}),
                     ERROR_CLOSED);
    pair_release(&pair);
}

static void a_callback_may_release_and_free(void **state)
{
    struct pair pair;
    struct channel *mine = MEMORY_NEW(struct channel);
    pair_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    *mine = pair.a;
    pair.a.fd = -1;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(channel_send_worker_credit(&pair.b, i, &(struct message_worker_credit){1}), 0);
    assert_int_equal(channel_flush(&pair.b), 0);
    pair.inbox.release = mine;
    assert_int_equal(channel_receive(mine, note, &pair.inbox), 0);
    assert_int_equal(pair.inbox.count, 1);
    free(mine);
    pair_release(&pair);
}

struct nested {
    struct channel *other;
    struct inbox *inbox;
    char before[16];
};

static void receive_inside(void *context, struct message_in *message)
{
    struct nested *nested = context;
    memcpy(nested->before, message->body.data, message->body.length);
    assert_int_equal(channel_receive(nested->other, note, nested->inbox), 0);
    assert_memory_equal(nested->before, message->body.data, message->body.length);
}

static void a_callback_may_receive_elsewhere(void **state)
{
    struct pair one, two;
    pair_init(&one, ROLE_GATEWAY, ROLE_WORKER, 0);
    pair_init(&two, ROLE_GATEWAY, ROLE_WORKER, 0);
    assert_int_equal(channel_send_worker_credit(&one.b, 1, &(struct message_worker_credit){0x01020304}), 0);
    assert_int_equal(channel_send_worker_credit(&two.b, 1, &(struct message_worker_credit){0x0A0B0C0D}), 0);
    assert_int_equal(channel_flush(&one.b) | channel_flush(&two.b), 0);
    struct nested nested = {&two.a, &two.inbox, {0}};
    assert_int_equal(channel_receive(&one.a, receive_inside, &nested), 0);
    assert_int_equal(two.inbox.count, 1);
    pair_release(&one);
    pair_release(&two);
}

static void a_blocking_channel_reads_one_packet(void **state)
{
    struct pair pair;
    pair_init(&pair, ROLE_WORKER, ROLE_GATEWAY, CHANNEL_BLOCKING);
    assert_int_equal(channel_send_event_cancel(&pair.b, 5, &(struct message_event_cancel){0}), 0);
    assert_int_equal(channel_flush(&pair.b), 0);
    assert_int_equal(channel_receive(&pair.a, note, &pair.inbox), 0);
    assert_int_equal(pair.inbox.count, 1);
    channel_release(&pair.b);
    assert_int_equal(channel_receive(&pair.a, note, &pair.inbox), ERROR_CLOSED);
    pair_release(&pair);
}

static int queued_calls;

static void count_queued(void *context)
{
    assert_ptr_equal(context, &queued_calls);
    queued_calls++;
}

static void the_first_message_of_a_turn_is_announced(void **state)
{
    struct pair pair;
    pair_init(&pair, ROLE_GATEWAY, ROLE_WORKER, 0);
    pair.a.on_queued = count_queued;
    pair.a.on_queued_context = &queued_calls;
    for (int turn = 1; turn <= 3; turn++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(channel_send_event_cancel(&pair.a, 1, &(struct message_event_cancel){0}), 0);
        assert_int_equal(queued_calls, turn);
        assert_int_equal(channel_flush(&pair.a), 0);
    }
    pair_release(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_messages_travel_in_one_packet),
        cmocka_unit_test(messages_arrive_in_order),
        cmocka_unit_test(large_messages_are_fragmented),
        cmocka_unit_test(what_is_too_large_is_not_queued),
        cmocka_unit_test(forbidden_messages_are_not_sent),
        cmocka_unit_test(descriptors_travel),
        cmocka_unit_test(descriptors_not_sent_are_closed),
        cmocka_unit_test(a_worker_cannot_push_descriptors),
        cmocka_unit_test(broken_frames_are_refused),
        cmocka_unit_test(wrong_descriptor_counts_are_refused),
        cmocka_unit_test(reassembly_is_bounded_by_the_message),
        cmocka_unit_test(begun_messages_are_bounded),
        cmocka_unit_test(reassembled_bytes_are_bounded),
        cmocka_unit_test(the_end_of_the_peer_is_seen),
        cmocka_unit_test(a_callback_may_release_and_free),
        cmocka_unit_test(a_callback_may_receive_elsewhere),
        cmocka_unit_test(a_blocking_channel_reads_one_packet),
        cmocka_unit_test(the_first_message_of_a_turn_is_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
