/* Cages: git and describe processes that the launcher runs for us behind its walls. */
#ifndef STORE_CAGE_H
#define STORE_CAGE_H

#include "runtime/base/text.h"

struct store;

/* How a cage ended. */
struct cage_end {
    uint32_t status; /* 0-255: exit status; 256 + n: signal */
    uint32_t reason; /* 0 by itself, 1 time limit, 2 could not be set up */
    struct text detail;
};

typedef void cage_exited(void *context, const struct cage_end *end);

struct cage_git {
    int64_t repository_id;
    bool receive, advertise;
    struct text protocol; /* the Git-Protocol header */
    int fds[4];           /* stdin, stdout, stderr of git, hook socket; the caller's, may be closed afterwards */
};
/* Asks for a cage; `exited` is called once, never from inside. The number to name it by, or 0 when the launcher
 * cannot be asked (`exited` is not called then). */
uint32_t cage_start_git(struct store *store, const struct cage_git *git, cage_exited *exited, void *context);
/* `fds`: stage stream, bundle, report. */
uint32_t cage_start_describe(struct store *store, int64_t repository_id, bool model, const int fds[3],
                             cage_exited *exited, void *context);
/* Ends it; `exited` follows. 0 does nothing. */
void cage_kill(struct store *store, uint32_t cage);
/* Nobody wants to know any more. */
void cage_forget(struct store *store, uint32_t cage);
/* How many are running. */
size_t cage_count(const struct store *store);

/* The launcher's answer; from the control channel. */
void cage_heard(struct store *store, struct text body);
void cage_release_all(struct store *store);

#endif
