/* How much memory the machine, or the control groups this server runs in, has left. The files are opened before the
 * process locks itself down and read again and again. */
#ifndef GATEWAY_PRESSURE_H
#define GATEWAY_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"

enum { PRESSURE_GROUPS = 8 };

/* One control group that has a limit: descriptors of its files, owned. */
struct pressure_group {
    int limit_fd, used_fd, stat_fd;
};

struct pressure {
    int meminfo_fd; /* -1: not to be had */
    struct pressure_group groups[PRESSURE_GROUPS];
    uint32_t group_count;
    uint64_t reserve_bytes; /* what the operator wants to stay free; 0: a share of the whole, see pressure.c */
};

/* Opens what there is: a machine without control groups is judged by /proc/meminfo alone. `root` is "" but in tests. */
void pressure_open(struct pressure *pressure, const char *root);
void pressure_close(struct pressure *pressure);
/* How many bytes are missing where it is tightest; 0: there is enough everywhere, or nothing is known. */
uint64_t pressure_missing(const struct pressure *pressure);

/* The number behind `name` at the beginning of a line ("MemAvailable:", "inactive_file"), in the file's own unit. */
bool pressure_field(struct text file, const char *name, uint64_t *ret_value);

#endif
