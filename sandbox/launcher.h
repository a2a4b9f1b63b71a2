/* The launcher: starts everything, hands out the sockets, restarts what dies, builds cages for the store.
 *
 *   launcher_main  options → data folder → listeners → four children, each with one control channel (its fd 3)
 *        │
 *        ├─ launcher_child.c  one child: exec with a clean descriptor table, peers, configuration, back-off
 *        ├─ launcher_cage.c   git and describe cages on the store's request, paths derived from ids here
 *        └─ launcher.c        the poll loop: control channels, pidfds, signals, timers
 *
 * It parses no network byte, JSON or Lua: only the fixed messages of runtime/wire/message.def. */
#ifndef SANDBOX_LAUNCHER_H
#define SANDBOX_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/wire/channel.h"
#include "sandbox/cgroup.h"
#include "runtime/base/settings.h"
#include "runtime/base/place.h"

enum { LAUNCHER_CHILDREN = 4, LAUNCHER_CAGES = 64, LAUNCHER_LISTENERS = 2 };

/* What is fixed about a child: who it is and what it may see. */
struct launcher_kind {
    enum message_role role;
    const char *name;
    const char *program;
    const char *argument;  /* argv[1], or NULL */
    unsigned uid_offset;   /* below the worker range, when there is no --user; ignored by the zygote */
    bool privileged;       /* stays root (the zygote) */
};

/* One place for each kind; its process comes and goes. `pid` 0 means that it is to be started at restart_at_ms. */
struct launcher_child {
    const struct launcher_kind *kind;
    pid_t pid;             /* 0 while down */
    int pidfd;
    struct channel channel;
    bool ready;
    bool spent;            /* it asked for its successor (the zygote) */
    uint64_t started_ms, restart_at_ms;
    unsigned failures;     /* in a row: the back-off's exponent */
    unsigned restarts;
};

/* A running cage, until its end was reported to the store under the number of its request. */
struct launcher_cage {
    bool used;
    uint32_t request;
    pid_t pid;
    int pidfd;
    uint64_t deadline_ms;
    bool timed_out;
};

/* Everything, in one static piece: the launcher allocates next to nothing while it runs. */
struct launcher {
    struct settings settings;
    struct cgroup cgroup;        /* of all demos: the zygote enters it */
    char data[PLACE_PATH_BYTES]; /* absolute */
    char site_url[512];
    uid_t uid;                   /* of store, gateway and backend when root */
    gid_t gid;
    bool root;
    int listeners[LAUNCHER_LISTENERS];
    int signal_fd;
    bool stopping;
    uint64_t kill_at_ms;
    struct launcher_child children[LAUNCHER_CHILDREN];
    struct launcher_child retired; /* a zygote whose successor runs, until its last worker has ended */
    struct launcher_cage cages[LAUNCHER_CAGES];
};

/* `vitrine serve …`: runs until a signal. Returns the exit status. */
int launcher_main(int argc, char **argv);

/* -- doctor.c -- */
/* Tries the sandbox and logs its mode; false when it is below the operator's floor, with what to do. */
bool doctor_check(const struct settings *settings);
/* `vitrine doctor [--profiles]`. Exit status 1: `vitrine serve` would not start. */
int doctor_main(int argc, char **argv);

/* -- launcher_child.c -- */
struct launcher_child *launcher_child_find(struct launcher *launcher, enum message_role role);
/* Starts a child that is down and connects it with its living peers. 0 or ERROR_SYSTEM (logged). */
int launcher_child_start(struct launcher *launcher, struct launcher_child *child);
/* After its death: closes what belonged to it and plans the restart with back-off. */
void launcher_child_gone(struct launcher *launcher, struct launcher_child *child, int exit_code);

/* -- launcher_cage.c -- */
/* Handles one message of the store. */
void launcher_cage_message(struct launcher *launcher, struct launcher_child *store, const struct message_in *message);
void launcher_cage_exited(struct launcher *launcher, struct launcher_cage *cage, int exit_code);
/* Kills cages past their deadline; the earliest remaining deadline, or UINT64_MAX. */
uint64_t launcher_cage_expire(struct launcher *launcher, uint64_t now_ms);
/* Kills all cages (the store died or we stop). */
void launcher_cage_kill_all(struct launcher *launcher);

/* Reaps `pidfd`: exit status, or 256 + signal. */
int launcher_reap(int pidfd);

#endif
