/* The access log. A line is put together by hand: it is written for every request, and printf and a calendar
 * computation would cost as much as answering. Nobody who reads the log slowly may slow the server down:
 * what standard output does not take at once waits in a bounded buffer, and beyond it lines are dropped and
 * counted. */
#include "gateway/access.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/demo.h"
#include "gateway/limit.h"
#include "gateway/route.h"
#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/loop/loop.h"

enum { FLUSH_MS = 1000, PIPE_BYTES = 4096 /* a pipe that is writable takes as much */ };

struct access {
    struct buffer lines;
    struct loop_timer timer;
    bool waiting; /* the timer runs */
    bool is_file; /* standard output is a file: it has no reader who could be slow */
    uint64_t dropped;
};

static bool is_writable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT);
}

/* Writes what the reader of our standard output takes without making us wait. The descriptor is shared with the
 * launcher and the other processes, so that it cannot be made non-blocking; a pipe is asked before each page. */
static void flush(struct access *access)
{
    size_t done = 0;
    while (done < access->lines.length && (access->is_file || is_writable(STDOUT_FILENO))) {
        size_t count = access->lines.length - done;
        if (!access->is_file && count > PIPE_BYTES)
            count = PIPE_BYTES;
        ssize_t written = write(STDOUT_FILENO, access->lines.data + done, count);
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    buffer_consume(&access->lines, done);
}

static void on_timer(void *context)
{
    struct access *access = context;
    access->waiting = false;
    flush(access);
    if (access->dropped)
        log_warning("access log: nobody reads it, %llu lines were dropped", (unsigned long long)access->dropped);
    access->dropped = 0;
}

struct access *access_new(struct loop *loop)
{
    const char *wish = getenv("VITRINE_ACCESS_LOG");
    /* On a terminal people read the log of events; every request would bury it. */
    bool wanted = wish && *wish ? strcmp(wish, "0") != 0 : !isatty(STDOUT_FILENO);
    if (!wanted)
        return NULL;
    struct access *access = MEMORY_NEW(struct access);
    struct stat status;
    access->is_file = fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    loop_timer_init(loop, &access->timer, on_timer, access);
    return access;
}

void access_free(struct access *access)
{
    if (!access)
        return;
    flush(access);
    loop_timer_release(&access->timer);
    buffer_release(&access->lines);
    free(access);
}

/* ---- writing without printf ---- */
static void put_number(struct buffer *out, uint64_t value)
{
    char digits[20];
    size_t length = 0;
    do
        digits[sizeof(digits) - ++length] = (char)('0' + value % 10);
    while (value /= 10);
    buffer_append(out, digits + sizeof(digits) - length, length);
}

/* A JSON string without its quotes; bytes from outside that could confuse a reader become \u00XX. */
static void put_escaped(struct buffer *out, struct text text)
{
    static const char hex[] = "0123456789abcdef";
    text = text_head(text, BOUNDS_LOG_FIELD_BYTES);
    size_t start = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\')
            continue;
        char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        buffer_append(out, text.data + start, i - start);
        buffer_append(out, escape, sizeof(escape));
        start = i + 1;
    }
    buffer_append(out, text.data + start, text.length - start);
}

/* The date and time are made once a second; a line only fills in its milliseconds. */
static void put_time(struct buffer *out)
{
    static struct {
        int64_t second;
        char text[32]; /* "2026-01-31T12:34:56" */
        size_t length;
    } last;
    int64_t now = clock_wall_ms();
    if (now / 1000 != last.second) {
        struct buffer BUFFER_AUTO iso = BUFFER_EMPTY;
        clock_write_iso(&iso, now);
        last.second = now / 1000;
        last.length = iso.length - 5;
        memcpy(last.text, iso.data, last.length);
    }
    int ms = (int)(now % 1000);
    char rest[5] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z'};
    buffer_string(out, "{\"time\":\"");
    buffer_append(out, last.text, last.length);
    buffer_append(out, rest, sizeof(rest));
}

/* How it ended, for who reads the log: "left" is a client that did not wait. */
static const char *end_of(int code)
{
    static const struct {
        int code;
        const char *word;
    } words[] = {{ERROR_NONE, "done"}, {ERROR_CLOSED, "left"}, {ERROR_LIMIT, "limit"}, {ERROR_TIMEOUT, "timeout"},
                 {ERROR_INVALID, "invalid"}};
    for (size_t i = 0; i < MEMORY_COUNT(words); i++)
        if (words[i].code == code)
            return words[i].word;
    return "failed";
}

/* The query is never written: it may hold a token or what a visitor typed. The host is, because it says which demo was
 * meant when none was found. */
void access_format(struct buffer *out, const struct http_exchange *exchange, const struct demo_route *route, int code)
{
    uint64_t us = clock_now_us() - exchange->started_us;
    char client[48];
    if (!route)
        limit_format_address(exchange->peer->address, client);
    put_time(out);
    buffer_string(out, "\",\"client\":\"");
    buffer_string(out, route ? route->client : client);
    buffer_string(out, "\",\"host\":\"");
    put_escaped(out, exchange->head.host);
    if (route && route->demo) {
        buffer_string(out, "\",\"demo\":\"");
        buffer_string(out, route->demo->owner);
        buffer_byte(out, '/');
        buffer_string(out, route->demo->name);
    }
    buffer_string(out, "\",\"method\":\"");
    buffer_string(out, http_method_name(exchange->head.method));
    buffer_string(out, "\",\"path\":\"");
    put_escaped(out, exchange->head.path);
    buffer_string(out, "\",\"status\":");
    put_number(out, exchange->status);
    buffer_string(out, ",\"bytes\":");
    put_number(out, exchange->body_sent);
    buffer_string(out, ",\"received\":");
    put_number(out, exchange->body_received);
    buffer_string(out, ",\"ms\":");
    put_number(out, us / 1000);
    char fraction[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10)};
    buffer_append(out, fraction, sizeof(fraction));
    buffer_string(out, ",\"end\":\"");
    buffer_string(out, end_of(code));
    buffer_string(out, "\"}\n");
}

/* False when the line must be dropped: nobody has read for as long as it takes to fill the buffer. */
static bool begin(struct access *access)
{
    if (!access)
        return false;
    if (access->lines.length > BOUNDS_LOG_BUFFER_BYTES)
        flush(access);
    if (access->lines.length > BOUNDS_LOG_BUFFER_BYTES) {
        access->dropped++;
        return false;
    }
    if (!access->waiting) {
        access->waiting = true;
        loop_timer_start(&access->timer, FLUSH_MS);
    }
    return true;
}

void access_write(struct access *access, const struct http_exchange *exchange, const struct demo_route *route, int code)
{
    if (begin(access))
        access_format(&access->lines, exchange, route, code);
}

/* What was sent is not quoted: it may be anything, and the reason says enough. */
void access_write_refused(struct access *access, const struct http_peer *peer, int status, const char *reason)
{
    char client[48];
    if (!begin(access))
        return;
    limit_format_address(peer->address, client);
    put_time(&access->lines);
    buffer_format(&access->lines, "\",\"client\":\"%s\",\"status\":%d,\"end\":\"refused\",\"reason\":\"%s\"}\n", client,
                  status, reason);
}
