/* The control page that a worker's process shares with us, and the clock over it: telling a handler to stop without a
 * message, and killing a process whose handler does not let the others run.
 *
 * The page belongs to the process as much as to us: what stands in it is believed only where it harms the demo itself.
 */
#ifndef GATEWAY_WATCH_H
#define GATEWAY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct process;
struct worker;

/* What was seen at the last look. */
struct watch {
    uint64_t running, slices;  /* the call that computed, and how many slices there had been */
    uint64_t told, told_before;/* process->told at the last look and the one before */
    uint64_t look_ms;          /* when the last look was */
    bool named;                /* a call of its worker computed then */
    uint64_t secret_ms;        /* processor time that nothing we sent explains */
    uint64_t slice_ms;         /* the process's clock when that slice was first seen */
    uint64_t clock_ms;         /* the process's clock then */
    bool by_wall;              /* that was the clock on the wall, because the process's own could not be read */
};

/* The visitor is gone: a handler that computes stops at its next instruction. */
void watch_cancel(struct process *process, uint64_t stream);
/* The call that the process computes for, by its frame stream; 0: it waits. */
uint64_t watch_running(const struct process *process);
/* Called every BOUNDS_PULSE_MS while calls are in the process, and now and then while it rests. Kills it when a
 * limit was passed, true then: the worker may be gone. */
bool watch_pulse(struct worker *worker, uint64_t now_ms);

#endif
