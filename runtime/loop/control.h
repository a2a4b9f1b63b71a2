/* A child's side of its control channel to the launcher (descriptor 3): configuration, peers, listeners,
 * start, stop.
 *
 *   launcher_config…, launcher_peer…, launcher_listener…, launcher_start     (any peer may come again later)
 *   → child_ready when control_ready() is called;  launcher_stop → on_stop;  end of file → the process exits
 */
#ifndef RUNTIME_LOOP_CONTROL_H
#define RUNTIME_LOOP_CONTROL_H

#include "runtime/loop/loop.h"

/* Any may be NULL; descriptors nobody takes are closed. */
struct control_callbacks {
    void (*on_config)(void *context, struct text key, struct text value);
    void (*on_peer)(void *context, enum message_role role,
                    int fd);                                      /* takes over fd; replaces an earlier one */
    void (*on_listener)(void *context, struct text name, int fd); /* takes over fd */
    void (*on_start)(void *context); /* once: everything for the start was sent */
    void (*on_stop)(void *context, uint32_t grace_ms);
    void (*on_message)(void *context, struct message_in *message); /* anything else; may be NULL */
};

struct control {
    struct loop *loop;
    struct channel *channel; /* owned by the loop */
    const struct control_callbacks *callbacks;
    void *context;
};

/* Attaches descriptor `fd` (3 in production) as control channel of the process with role `own`. */
void control_init(struct control *control, struct loop *loop, int fd, enum message_role own,
                  const struct control_callbacks *callbacks, void *context);
/* Tells the launcher that we serve. */
void control_ready(struct control *control);

#endif
