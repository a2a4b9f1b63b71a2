/* One line per event on standard error, as text for a terminal and as JSON for a collector (VITRINE_LOG=json|text,
 * or by what standard error is). A line goes out in one write, so lines of several processes stay whole.
 *
 * What strangers chose (names, paths, error texts) stands in lines too. So control characters are escaped: nobody
 * writes a line of their own into the log, or drives the terminal of who reads it. */
#include "runtime/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"

static const char *program_name = "vitrine";
static enum log_level lowest_level = LOG_LEVEL_INFO;
static bool as_json;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_init(const char *program)
{
    const char *form = getenv("VITRINE_LOG");
    program_name = program;
    as_json = form && *form ? strcmp(form, "json") == 0 : !isatty(STDERR_FILENO);
    /* gmtime_r() would read the zone file at its first use, which a locked process may not open. */
    setenv("TZ", "UTC0", 1);
    tzset();
}

void log_set_level(enum log_level level)
{
    lowest_level = level;
}

/* What strangers put into a line must neither end it nor drive the terminal. */
static void write_escaped(struct buffer *line, struct text message)
{
    for (size_t i = 0; i < message.length; i++) {
        unsigned char byte = (unsigned char)message.data[i];
        if (byte < 0x20 || byte == 0x7F)
            buffer_format(line, "\\x%02x", byte);
        else
            buffer_byte(line, (char)byte);
    }
}

static void write_for_people(struct buffer *line, enum log_level level, struct text message)
{
    BUFFER_AUTO struct buffer stamp = BUFFER_EMPTY;
    clock_write_iso(&stamp, clock_wall_ms());
    buffer_text(line, text_head(text_skip(buffer_view(&stamp), 11), 12));
    buffer_format(line, " %s: ", program_name);
    if (level >= LOG_LEVEL_WARNING)
        buffer_format(line, "%s: ", level_names[level]);
    write_escaped(line, message);
}

static void write_for_machines(struct buffer *line, enum log_level level, struct text message)
{
    buffer_string(line, "{\"time\":\"");
    clock_write_iso(line, clock_wall_ms());
    buffer_byte(line, '"');
    json_write_member(line, "level", text_from(level_names[level]));
    json_write_member(line, "program", text_from(program_name));
    json_write_member(line, "message", message);
    buffer_byte(line, '}');
}

/* Escapes make a message up to six times as long: it is shortened until the line fits. */
static void write_line(struct buffer *line, enum log_level level, struct text message)
{
    for (;;) {
        buffer_clear(line);
        (as_json ? write_for_machines : write_for_people)(line, level, message);
        buffer_byte(line, '\n');
        if (line->length <= BOUNDS_LOG_LINE_BYTES || message.length == 0)
            return;
        size_t excess = (line->length - BOUNDS_LOG_LINE_BYTES + 5) / 6;
        message.length -= excess < message.length ? excess : message.length;
    }
}

/* Keeps errno, like fd_close(): callers log on their way to an error. */
void log_write(enum log_level level, const char *format, ...)
{
    char message[BOUNDS_LOG_LINE_BYTES];
    int saved = errno;
    va_list arguments;
    if (level < lowest_level)
        return;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    struct text text = {message, (size_t)length < sizeof message ? (size_t)length : sizeof message - 1};
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    write_line(&line, level, text);
    /* one write per line, so that lines of several processes do not mix; a full or closed stderr loses it */
    ssize_t put;
    do {
        put = write(STDERR_FILENO, line.data, line.length);
    } while (put < 0 && errno == EINTR);
    errno = saved;
}
