/* Calls that nobody waits for any more, learned while a model runs.
 *
 * A child is one thread: while ONNX Runtime computes it reads no message. So the supervisor sends a cancel twice: as a
 * message, which reaches a job that has not begun, and as a real-time signal with the job's number, sent by the
 * nursery, which reaches the one that runs. The handler notes the number; once every job of the running batch is noted
 * it tells the engine to stop before the next operator. A batch with one caller left goes on for that caller.
 *
 * The notes are a small ring and outlive the run they came in: the signal may be faster than the message with the job
 * itself. A note that is overwritten costs time, never an answer: the supervisor ends a child that does not stop. */
#ifndef RUNTIME_INFER_CANCEL_H
#define RUNTIME_INFER_CANCEL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The signal, and the number that means "whatever runs now took too long". Jobs count from 1. */
#define CANCEL_SIGNAL SIGRTMIN
enum { CANCEL_RUNNING = 0 };

/* Why a run was told to stop. */
enum cancel_verdict { CANCEL_NONE, CANCEL_NOBODY_WAITS, CANCEL_TOO_LONG };

/* Installs the handler: from now on the signal does not end the process. 0 or ERROR_SYSTEM. */
int cancel_init(void);
/* A run of these jobs begins. At most BOUNDS_INFER_BATCH of them. */
void cancel_begin(const uint64_t *jobs, size_t count);
/* The run is over; says whether it was told to stop, which is not to say that it did. */
enum cancel_verdict cancel_end(void);
/* Was this job cancelled, as far as the last signals tell? */
bool cancel_has(uint64_t job);

#endif
