/* The allow-lists: one const table per process kind. Everything that is not in a table kills the process.
 * The git cage alone is the other way round: git is not our code, so its table names what is refused (EPERM). */
#ifndef SANDBOX_LOCKDOWN_PROFILE_H
#define SANDBOX_LOCKDOWN_PROFILE_H

#include <stdint.h>

#include "sandbox/lockdown/lockdown.h"

/* How an argument is compared; always on all 64 bits. */
enum profile_compare { PROFILE_ANY, PROFILE_EQUAL, PROFILE_AT_MOST, PROFILE_MASKED_ZERO };

struct profile_argument {
    uint8_t index;
    uint8_t compare;  /* enum profile_compare */
    uint64_t value;   /* EQUAL, AT_MOST: the value; MASKED_ZERO: (argument & value) must be 0 */
};

struct profile_rule {
    const char *call; /* NULL ends the table */
    struct profile_argument arguments[3];
};

struct profile {
    const char *name;
    const struct profile_rule *tables[4]; /* NULL-terminated list of rule tables */
    int denied;                           /* the tables list what is refused with EPERM instead (the git cage) */
};

const struct profile *profile_get(enum lockdown_profile profile);

#endif
