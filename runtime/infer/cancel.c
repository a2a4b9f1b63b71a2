#include "runtime/infer/cancel.h"

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/infer/engine.h"

/* Everything here is shared between one thread and its own signal handler: volatile is what that needs. Aligned 64-bit
 * words are written in one piece on the machines we run on. */
static volatile uint64_t cancel_notes[BOUNDS_INFER_CANCELS];
static volatile unsigned cancel_next;
static volatile uint64_t cancel_jobs[BOUNDS_INFER_BATCH];
static volatile size_t cancel_count; /* 0: nothing runs */
static volatile enum cancel_verdict cancel_why;

bool cancel_has(uint64_t job)
{
    for (unsigned i = 0; i < BOUNDS_INFER_CANCELS; i++)
        if (job != CANCEL_RUNNING && cancel_notes[i] == job)
            return true;
    return false;
}

/* Called by both sides: the handler after a note, cancel_begin() for notes that came before. */
static void cancel_look(void)
{
    size_t gone = 0;

    for (size_t i = 0; i < cancel_count; i++)
        gone += cancel_has(cancel_jobs[i]);
    if (cancel_count == 0 || gone < cancel_count)
        return;
    cancel_why = CANCEL_NOBODY_WAITS;
    engine_stop();
}

static void cancel_on_signal(int number, siginfo_t *info, void *context)
{
    uint64_t job = (uint64_t)(uintptr_t)info->si_value.sival_ptr;

    (void)number, (void)context;
    if (info->si_code != SI_QUEUE)
        return; /* not the nursery's */
    if (job == CANCEL_RUNNING) {
        if (cancel_count == 0)
            return;
        cancel_why = CANCEL_TOO_LONG;
        engine_stop();
        return;
    }
    cancel_notes[cancel_next++ % BOUNDS_INFER_CANCELS] = job;
    cancel_look();
}

int cancel_init(void)
{
    struct sigaction action = {.sa_sigaction = cancel_on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigemptyset(&action.sa_mask);
    return sigaction(CANCEL_SIGNAL, &action, NULL) == 0 ? 0 : ERROR_SYSTEM;
}

/* The engine is armed before the jobs are published, and the notes are looked through after that: a signal at any
 * point in between is seen by one of the two. */
void cancel_begin(const uint64_t *jobs, size_t count)
{
    engine_arm();
    cancel_why = CANCEL_NONE;
    for (size_t i = 0; i < count && i < BOUNDS_INFER_BATCH; i++)
        cancel_jobs[i] = jobs[i];
    cancel_count = count < BOUNDS_INFER_BATCH ? count : BOUNDS_INFER_BATCH;
    cancel_look();
}

enum cancel_verdict cancel_end(void)
{
    cancel_count = 0;
    return cancel_why;
}
