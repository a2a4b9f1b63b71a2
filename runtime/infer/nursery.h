/* Where children are forked: a process that loaded ONNX Runtime, was locked down, and has never seen a byte of a model
 * or of a call. So a child starts in a millisecond and inherits nobody's data, and nothing here needs exec.
 *
 *   supervisor → nursery   {NURSERY_SPAWN, id} with the child's end of its channel, {NURSERY_KILL, id}, or
 *                          {NURSERY_CANCEL, id, job}: a signal that carries the job's number (cancel.h)
 *   nursery → supervisor   {id, exit}: exit status 0-255, or 256 + signal; exactly once per spawn
 *
 * The nursery is the children's parent: it reaps them, so an id never means another process. When the supervisor's end
 * closes it kills all and ends. */
#ifndef RUNTIME_INFER_NURSERY_H
#define RUNTIME_INFER_NURSERY_H

#include <stdint.h>

enum { NURSERY_SPAWN = 1, NURSERY_KILL = 2, NURSERY_CANCEL = 3 };
enum { NURSERY_EXIT_SIGNAL = 256 };

struct nursery_request {
    uint32_t operation, id;
    uint64_t job; /* of NURSERY_CANCEL */
};

struct nursery_exit {
    uint32_t id, exit;
};

/* Forks the nursery and returns the supervisor's end (non-blocking, close-on-exec), or ERROR_SYSTEM. Call it in a
 * locked, single-threaded process that has read nothing yet. `run` is what a child does; it never returns. */
int nursery_start(void (*run)(int channel_fd));
/* Asks for a child; takes over `fd`, its end of the channel. 0, or ERROR_BUSY / ERROR_SYSTEM. */
int nursery_spawn(int nursery_fd, uint32_t id, int fd);
int nursery_kill(int nursery_fd, uint32_t id);
/* Interrupts the child where it computes. What is lost when the socket is full (ERROR_BUSY) is only time. */
int nursery_cancel(int nursery_fd, uint32_t id, uint64_t job);
/* One notice: 1 and `*ret_exit`, 0 when there is none yet, ERROR_CLOSED when the nursery is gone. */
int nursery_read(int nursery_fd, struct nursery_exit *ret_exit);

#endif
