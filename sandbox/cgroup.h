/* The control group of all demo workers: how much memory, how many processes and which share of the processor they may
 * have together, so that strangers' demos cannot starve the services beside them.
 *
 * The zygote enters it once, before it is executed, and its workers are born inside: writing a process number into
 * cgroup.procs at each spawn would cost 5 ms. Version 2 is used where our own group was delegated to us (the service
 * manager's Delegate=yes). Version 1 knows no delegation: a group below ours is one in somebody else's hierarchy, so it
 * is made only when asked for. What a machine offers is found by trying, because a read-only hierarchy looks like any
 * other. Without a group the limits per worker still hold, only the sum of all is unbounded, and the start says so. */
#ifndef SANDBOX_CGROUP_H
#define SANDBOX_CGROUP_H

#include "runtime/base/place.h"

enum { CGROUP_CONTROLLERS = 3 };

struct cgroup {
    int version;                                  /* 2, 1, or 0: none could be made */
    char folders[CGROUP_CONTROLLERS][PLACE_PATH_BYTES]; /* of the demos, by controller; empty: not bounded here */
    char words[256];                              /* for people: what bounds the demos together, and what does not */
};

/* Makes the group below our own and sets its limits; `wanted`: "auto" (version 2 when delegated), "v1", "off".
 * Cannot fail: what could not be had is in `words`. */
void cgroup_init(struct cgroup *cgroup, const char *wanted);
/* Moves the calling process, and all that it will start, into it. 0 or ERROR_SYSTEM. */
int cgroup_enter(const struct cgroup *cgroup);
/* Removes the group again; its processes must be gone. */
void cgroup_release(struct cgroup *cgroup);

#endif
