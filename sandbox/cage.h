/* Cages: one git service or one describe computation, behind its own namespaces, seeing one repository or nothing.
 *
 * The launcher forks; the child walks an ordered list of setup steps (cage.c) and executes. Whatever fails, the
 * child exits with CAGE_EXIT_SETUP and a sentence on its report descriptor: a cage never runs half built. */
#ifndef SANDBOX_CAGE_H
#define SANDBOX_CAGE_H

#include <stdbool.h>
#include <sys/types.h>

enum { CAGE_EXIT_SETUP = 125, CAGE_MAX_FDS = 4 };

#ifdef VITRINE_SANITIZED /* its libraries are shared ones; every other build of vitrine-worker is one static file */
enum { CAGE_WORKER_IS_DYNAMIC = 1 };
#else
enum { CAGE_WORKER_IS_DYNAMIC = 0 };
#endif

/* What is in the cage, as data: the steps read it, nobody else decides. What is not named here is not inside. Strings
 * are the caller's and need to live only until cage_start() returns. */
struct cage {
    const char *program;        /* path outside; executed by descriptor when static, so that the root can be empty */
    const char *const *argv;
    const char *const *environment;
    const char *repository;     /* bound read-write at /repository, or NULL */
    const char *helper;         /* a program bound read-only at /helper, or NULL */
    const char *hooks[2];       /* {hook name, NULL}: /hooks/<name> points at /helper */
    bool libraries;             /* bind /usr, /lib*, /bin read-only (git, dynamically linked builds) */
    bool filter_git;            /* load the git profile's filter before exec; other programs lock themselves down */
    uid_t uid;                  /* who runs inside, when the launcher is root */
    gid_t gid;
    int fds[CAGE_MAX_FDS];      /* become first_fd, first_fd + 1 …; -1 ends the list */
    int first_fd;
    int report_fd;              /* of the child: where a sentence goes when it cannot be built */
    unsigned cpu_seconds;
    unsigned long long memory_bytes, file_bytes;
    unsigned processes;
};

/* Starts the cage. The pid (its pidfd in `*ret_pidfd`, owned by the caller), or ERROR_SYSTEM. */
pid_t cage_start(const struct cage *cage, int *ret_pidfd);

#endif
