/* What goes over the session socket of a worker that is somebody else's: broken frames, frames of other roles, answers
 * nobody asked for, floods, silence; and lies on the control page. The gateway is the victim. */
#include "tests/escape/attack.h"

#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/worker/worker.h"

enum { FRAME_HEADER_BYTES = 16 };

static char packet[BOUNDS_PACKET_BYTES + 4096];

/* A frame by hand, at the start of `packet`: the header's four fields may contradict each other. */
static size_t frame(unsigned type, unsigned flags, uint32_t length, uint64_t stream)
{
    memcpy(packet, &(uint16_t){(uint16_t)type}, 2);
    memcpy(packet + 2, &(uint16_t){(uint16_t)flags}, 2);
    memcpy(packet + 4, &length, 4);
    memcpy(packet + 8, &stream, 8);
    return FRAME_HEADER_BYTES;
}

static long send_bytes(size_t length) { return write(3, packet, length); }

/* Then it waits to be told off: what the gateway does is the outcome. */
static long send_and_wait(size_t length)
{
    char byte;
    long result = send_bytes(length);

    while (result >= 0 && read(3, &byte, 1) > 0)
        ;
    return result;
}

static long send_random(void)
{
    uint32_t seed = 0x2545f491;

    for (size_t i = 0; i < 4096; i++)
        packet[i] = (char)(seed = seed * 1664525 + 1013904223, seed >> 24);
    return send_and_wait(4096);
}

static long send_empty(void) { return send_and_wait(0); }
static long send_one_byte(void) { return send_and_wait(1); }
static long send_half_header(void) { return send_and_wait(frame(MESSAGE_event_done, 0, 0, attack_event()) - 1); }
static long send_too_large(void)
{
    frame(MESSAGE_event_done, 0, BOUNDS_PACKET_BYTES - FRAME_HEADER_BYTES + 1, attack_event());
    return send_and_wait(BOUNDS_PACKET_BYTES + 1);
}
static long send_length(uint32_t length) { return send_and_wait(frame(MESSAGE_event_done, 0, length, attack_event())); }
static long send_length_zero(void) { return send_length(0); }
static long send_length_half(void) { return send_length(0x80000000u); }
static long send_length_all(void) { return send_length(0xffffffffu); }
static long send_flags(void) { return send_and_wait(frame(MESSAGE_worker_log, 0xfffe, 0, 0)); }
static long send_type_none(void) { return send_and_wait(frame(0, 0, 0, 0)); }
static long send_type_unknown(void) { return send_and_wait(frame(0xffff, 0, 0, 0)); }

/* H7: a message of the zygote's channel; on this socket it is nobody's. */
static long send_spawn(void)
{
    size_t length = frame(MESSAGE_zygote_spawn, 0, 8, 0);

    memset(packet + length, 0, 8);
    return send_and_wait(length + 8);
}

static long send_launcher(void)
{
    size_t length = frame(MESSAGE_cage_kill, 0, 4, 0);

    memset(packet + length, 0, 4);
    return send_and_wait(length + 4);
}

/* Fragments without end: the message never gets whole. */
static long send_fragments(void)
{
    for (int i = 0; i < 100000; i++) {
        size_t length = frame(MESSAGE_event_done, 1, 60000, attack_event());
        if (send_bytes(length + 60000) < 0)
            return -1;
    }
    return 0;
}

/* 100,000 messages that were begun and never end, each of one byte. */
static long send_beginnings(void)
{
    for (uint64_t stream = 0; stream < 100000; stream++) {
        size_t length = frame(MESSAGE_event_partial, 1, 1, stream);
        if (send_bytes(length + 1) < 0)
            return -1;
    }
    return 0;
}

/* -- frames that are well formed -- */

static struct channel *session(void) { return &attack_worker()->channel; }

/* Then the driver answers "got": who hears that was not told off. */
static long flush(void) { return channel_flush(session()); }

static void say_done(uint64_t stream, const char *data)
{
    struct message_event_done done = {text_from(data), TEXT("{}")};

    channel_send_event_done(session(), stream, &done);
}

static long answer_twice(void)
{
    say_done(attack_event(), "[\"once\"]");
    say_done(attack_event(), "[\"twice\"]");
    return flush();
}

static long answer_future(void) { return say_done(attack_event() + 1000, "[\"mine\"]"), flush(); }
static long answer_nothing(void) { return say_done(0, "[\"mine\"]"), flush(); }
static long answer_huge_stream(void) { return say_done(~0ull, "[\"mine\"]"), flush(); }

/* H3: who one is, in one's own words. The gateway knows it from the socket. */
static long claim_identity(void)
{
    say_done(attack_event(), "[{\"demo\":\"admin\",\"owner\":\"root\",\"session\":\"other\"}]");
    return flush();
}

static long ready_again(void)
{
    struct message_worker_ready ready = {TEXT("x")};

    channel_send_worker_ready(session(), 0, &ready);
    return flush();
}

static long state_of_others(void)
{
    struct message_event_done done = {TEXT("[\"x\"]"), TEXT("{\"99\":\"stolen\"}")};

    channel_send_event_done(session(), attack_event(), &done);
    return flush();
}

static long log_escapes(void)
{
    struct message_worker_log log = {TEXT("error"), TEXT("fine\r\nERROR other demo: \x1b[2J\x1b]0;owned\x07")};

    channel_send_worker_log(session(), 0, &log);
    say_done(attack_event(), "[\"logged\"]");
    return flush();
}

static long call_twice(void)
{
    struct message_call_sleep sleep = {7, 60000};

    channel_send_call_sleep(session(), attack_event(), &sleep);
    channel_send_call_sleep(session(), attack_event(), &sleep);
    return flush();
}

static long read_unopened(void)
{
    struct message_call_file_read file = {1, 4000000000u, ~0ull, 0xffffffffu};

    channel_send_call_file_read(session(), attack_event(), &file);
    return flush();
}

/* -- floods and silence -- */

static long flood_logs(void)
{
    struct message_worker_log log = {TEXT("info"), TEXT("0123456789012345678901234567890123456789")};

    for (;;) {
        channel_send_worker_log(session(), 0, &log);
        if (channel_queued_bytes(session()) > 60000 && channel_flush(session()) < 0)
            return -1;
    }
}

static long flood_partials(void)
{
    static char text[1 << 20];
    struct message_event_partial partial = {{text, sizeof text - 1}};

    memset(text, 'x', sizeof text - 1);
    memcpy(text, "[\"", 2);
    memcpy(text + sizeof text - 3, "\"]", 2);
    for (;;) {
        channel_send_event_partial(session(), attack_event(), &partial);
        if (channel_flush(session()) < 0)
            return -1;
    }
}

static long flood_small_frames(void)
{
    for (;;)
        if (send_bytes(frame(MESSAGE_worker_log, 0, 8, 0) + 8) < 0) /* two empty texts */
            return -1;
}

static long flood_null_device(void)
{
    for (;;)
        if (write(1, packet, 4096) < 0)
            return -1;
}

/* Takes everything, answers nothing, burns nothing. */
static long silence(void)
{
    while (read(3, packet, sizeof packet) > 0)
        ;
    return 0;
}

/* Computes and says so: the page names the event. */
static _Noreturn long spin_honestly(void)
{
    struct control_page *page = attack_worker()->page;

    atomic_store(&page->running, attack_event());
    for (;;)
        ;
}

/* Computes and says that it rests. */
static _Noreturn long spin_secretly(void)
{
    struct control_page *page = attack_worker()->page;

    atomic_store(&page->running, 0);
    for (;;)
        ;
}

/* Computes and says all the time that a new slice has begun. */
static _Noreturn long spin_in_slices(void)
{
    struct control_page *page = attack_worker()->page;

    atomic_store(&page->running, attack_event());
    for (;;)
        atomic_fetch_add(&page->slices, 1);
}

/* Answers its call as it should and goes on computing for itself. */
static long spin_afterwards(void)
{
    say_done(attack_event(), "[\"done\"]");
    channel_flush(session());
    spin_secretly();
}

static long scribble_page(void)
{
    memset(attack_worker()->page, 0xff, CONTROL_PAGE_BYTES);
    memset(attack_worker()->window.base, 0xff, attack_worker()->window.length);
    say_done(attack_event(), "[\"scribbled\"]");
    return flush();
}

static long exit_at_once(void) { return syscall(SYS_exit_group, 0); }
static long close_session(void) { return close(3); }
static long shutdown_session(void) { return syscall(SYS_shutdown, 3, 1); }

/* J2: looks through everything that is mapped for the test's secret, which the gateway and its environment hold. mremap
 * in place answers whether a page is there, without touching it. The words are put together here so
 * that the search does not find itself. */
static long find_secret(void)
{
    char needle[24] = "vitrine-";
    uintptr_t here = (uintptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) & ~4095ul;
    const uintptr_t centres[] = {here, (uintptr_t)find_secret & ~4095ul, (uintptr_t)&needle & ~4095ul};
    uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);
    long found = 0;

    memcpy(needle + 8, "canary-42", 10);
    for (size_t c = 0; c < sizeof centres / sizeof *centres; c++)
        for (uintptr_t at = centres[c] - (64u << 20); at < centres[c] + (64u << 20); at += 4096) {
            /* Pages of the clock: not all of them can be read. */
            bool clock = at + (16u << 12) >= vdso && at < vdso + (4u << 12);
            if (clock || syscall(SYS_mremap, at, 4096, 4096, MREMAP_MAYMOVE, 0) < 0)
                continue;
            for (const char *p = (const char *)at; p + 17 <= (const char *)at + 4096; p++)
                if (p != needle && memcmp(p, needle, 17) == 0)
                    found++;
        }
    say_done(attack_event(), found ? "[\"found\"]" : "[\"nothing\"]");
    return flush();
}

const struct attack attacks_session[] = {
    ATTACK("H1-random", send_random),
    ATTACK("H1-empty", send_empty),
    ATTACK("H1-one-byte", send_one_byte),
    ATTACK("H1-half-header", send_half_header),
    ATTACK("H1-too-large", send_too_large),
    ATTACK("H1-length-zero", send_length_zero),
    ATTACK("H1-length-half", send_length_half),
    ATTACK("H1-length-all", send_length_all),
    ATTACK("H1-flags", send_flags),
    ATTACK("H1-type-none", send_type_none),
    ATTACK("H1-type-unknown", send_type_unknown),
    ATTACK("H1-fragments", send_fragments),
    ATTACK("H1-beginnings", send_beginnings),
    ATTACK("H2-twice", answer_twice),
    ATTACK("H2-future", answer_future),
    ATTACK("H2-nothing", answer_nothing),
    ATTACK("H2-huge-stream", answer_huge_stream),
    ATTACK("H2-ready-again", ready_again),
    ATTACK("H3-identity", claim_identity),
    ATTACK("H3-state", state_of_others),
    ATTACK("H5-silence", silence),
    ATTACK("H6-exit", exit_at_once),
    ATTACK("H6-close", close_session),
    ATTACK("H6-shutdown", shutdown_session),
    ATTACK("H7-spawn", send_spawn),
    ATTACK("H7-launcher", send_launcher),
    ATTACK("H8-call-twice", call_twice),
    ATTACK("H8-read-unopened", read_unopened),
    ATTACK("H9-page", scribble_page),
    ATTACK("H10-log", log_escapes),
    ATTACK("F2-null-device", flood_null_device),
    ATTACK("G1-honest", spin_honestly),
    ATTACK("G1-secret", spin_secretly),
    ATTACK("G1-slices", spin_in_slices),
    ATTACK("G1-afterwards", spin_afterwards),
    ATTACK("G9-logs", flood_logs),
    ATTACK("G9-partials", flood_partials),
    ATTACK("G9-frames", flood_small_frames),
    ATTACK("J2-secret", find_secret),
    {0},
};
