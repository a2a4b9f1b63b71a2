/* The attempts of a worker whose Lua VM has been taken over: native code after the production lock-down.
 *
 * An attack is one row of a table, named after the row of the catalogue (docs of the tests: test_native.py) and what it
 * tries. Most are one system call with its arguments; the others are a function. Both answer as a system call does:
 * 0 or more means the attack got what it wanted, -1 with errno means that something refused. What kills the worker
 * does not answer at all.
 *
 * Each table ends with a row without a name:
 *   attack_files.c    A, F   files, mounts, descriptors
 *   attack_process.c  B C G  processes, privileges, signals, limits; J and L: what the kernel tells about others
 *   attack_network.c  D      sockets
 *   attack_kernel.c   E      the rest of the kernel's surface, memory, clocks, old and foreign system calls
 *   attack_session.c  H      what goes over the session socket, and lies on the control page */
#ifndef TESTS_ESCAPE_ATTACK_H
#define TESTS_ESCAPE_ATTACK_H

#include <stddef.h>

struct worker;

struct attack {
    const char *name;
    long (*run)(void); /* NULL: the system call below */
    long number, arguments[6];
};

/* One system call. Pointers are given as (long)pointer. */
#define ATTACK_CALL(name, number, ...) {name, NULL, number, {__VA_ARGS__}}
#define ATTACK(name, run) {name, run, 0, {0}}

extern const struct attack attacks_files[], attacks_process[], attacks_network[], attacks_kernel[], attacks_session[];

/* What the test gave behind the name ("B9-ptrace=1234"): a process outside, a port. 0: nothing. */
long attack_target(void);
/* The worker that runs the attack; NULL where nothing is locked (hostile free). */
struct worker *attack_worker(void);
/* The event that asked for the attack. */
unsigned long attack_event(void);

#endif
