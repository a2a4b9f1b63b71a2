/* One page shared by the gateway and a worker, mapped before lock-down: what must reach a worker that is computing and
 * therefore not reading its socket. Only the gateway writes `cancel` and `deadline`; only the worker writes `running`
 * and `slices` (hints for the gateway's own measurement, never trusted for more). */
#ifndef RUNTIME_WIRE_CONTROL_PAGE_H
#define RUNTIME_WIRE_CONTROL_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { CONTROL_PAGE_BYTES = 4096, CONTROL_PAGE_CANCELS = 16 };

struct control_page {
    _Atomic uint64_t running;                         /* event that computes now; 0: the worker waits */
    _Atomic uint64_t slices; /* grows each time an event is entered: unchanged means still the same slice */
    _Atomic uint64_t deadline_event;                  /* the event that used up its time as a whole; 0: none */
    _Atomic uint64_t cancel[CONTROL_PAGE_CANCELS];    /* events to stop: slot = event % CONTROL_PAGE_CANCELS */
};

#endif
