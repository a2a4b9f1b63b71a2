/* Two clocks that must not be mixed up: the monotonic one for everything that is compared or added, the wall
 * clock for what people read. Dates are written with gmtime_r() and fixed English names: strftime() would ask
 * the locale. */
#include "runtime/base/clock.h"

#include <stdlib.h>
#include <time.h>

#include "runtime/base/buffer.h"

static struct timespec now(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        abort();
    return time;
}

uint64_t clock_now_us(void)
{
    struct timespec time = now(CLOCK_MONOTONIC);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

uint64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec time = now(CLOCK_REALTIME);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Splits towards minus infinity, so that dates before 1970 are right too. */
static struct tm split(int64_t wall_ms, int *ret_ms)
{
    int64_t ms = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm parts = {0};
    if (!gmtime_r(&seconds, &parts))
        abort();
    *ret_ms = (int)ms;
    return parts;
}

void clock_write_iso(struct buffer *out, int64_t wall_ms)
{
    int ms;
    struct tm parts = split(wall_ms, &ms);
    buffer_format(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                  parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms);
}

void clock_write_http(struct buffer *out, int64_t wall_ms)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int ms;
    struct tm parts = split(wall_ms, &ms);
    buffer_format(out, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday], parts.tm_mday,
                  months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}
