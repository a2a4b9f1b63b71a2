/* Time. Deadlines use the monotonic clock; only logs, rows and certificates use the wall clock.
 *
 * The monotonic clock begins anywhere and is the same for all processes of one boot: its values may be compared between
 * them, but mean nothing in a file. The wall clock can jump both ways; nobody waits by it. */
#ifndef RUNTIME_BASE_CLOCK_H
#define RUNTIME_BASE_CLOCK_H

#include <stdint.h>

struct buffer;

uint64_t clock_now_us(void);      /* monotonic microseconds */
uint64_t clock_now_ms(void);      /* monotonic milliseconds */
int64_t clock_wall_ms(void);      /* milliseconds since 1970 UTC */
/* Appends "2026-01-31T12:34:56.789Z". */
void clock_write_iso(struct buffer *out, int64_t wall_ms);
/* Appends an HTTP date, "Sat, 31 Jan 2026 12:34:56 GMT". */
void clock_write_http(struct buffer *out, int64_t wall_ms);

#endif
