/* The pre-receive hook: asks the store whether a push may go in, says its words to the author, and exits with its
 * answer.
 *
 * It runs inside the git cage with one inherited socket to the store. Whatever goes wrong on the way refuses the push.
 */
#ifndef STORE_HOOK_HOOK_H
#define STORE_HOOK_HOOK_H

/* Reads git's "old new ref" lines from `input_fd`, talks over `store_fd` (owned from now on), prints to `output_fd`.
 * `quarantine` is git's GIT_QUARANTINE_PATH. Returns the exit status: 0 only after the store said yes. */
int hook_run(int input_fd, int store_fd, int output_fd, const char *quarantine);

#endif
