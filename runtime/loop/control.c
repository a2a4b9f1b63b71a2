/* What the launcher says, handed to the process that it is said to. One table from message to function; which messages
 * may come from the launcher at all was checked by the channel. */
#include "runtime/loop/control.h"

#include <stdlib.h>

#include "runtime/base/log.h"

/* The descriptor is the callback's from now on; what is not taken is closed by the channel. */
static int control_take_fd(struct message_in *in)
{
    int fd = in->fds[0];
    in->fds[0] = -1;
    return fd;
}

/* The launcher is ours: a message that does not unpack is a bug, not an enemy. */
static void control_expect(int result, const char *name)
{
    if (result == 0)
        return;
    log_error("the launcher's %s cannot be read: ending", name);
    abort();
}

static void control_config(struct control *control, struct message_in *in)
{
    struct message_launcher_config message;

    control_expect(message_launcher_config_unpack(&message, in->body), "launcher_config");
    if (control->callbacks->on_config)
        control->callbacks->on_config(control->context, message.key, message.value);
}

static void control_peer(struct control *control, struct message_in *in)
{
    struct message_launcher_peer message;

    control_expect(message_launcher_peer_unpack(&message, in->body), "launcher_peer");
    if (control->callbacks->on_peer)
        control->callbacks->on_peer(control->context, (enum message_role)message.role, control_take_fd(in));
}

static void control_listener(struct control *control, struct message_in *in)
{
    struct message_launcher_listener message;

    control_expect(message_launcher_listener_unpack(&message, in->body), "launcher_listener");
    if (control->callbacks->on_listener)
        control->callbacks->on_listener(control->context, message.name, control_take_fd(in));
}

static void control_start(struct control *control, struct message_in *in)
{
    (void)in;
    if (control->callbacks->on_start)
        control->callbacks->on_start(control->context);
}

static void control_stop(struct control *control, struct message_in *in)
{
    struct message_launcher_stop message;

    control_expect(message_launcher_stop_unpack(&message, in->body), "launcher_stop");
    if (control->callbacks->on_stop)
        control->callbacks->on_stop(control->context, message.grace_ms);
}

/* on_message gets what is special to one kind of process (a zygote's, the store's). */
static void control_message(void *context, struct message_in *in)
{
    static void (*const handlers[MESSAGE_COUNT])(struct control *, struct message_in *) = {
        [MESSAGE_launcher_config] = control_config,     [MESSAGE_launcher_peer] = control_peer,
        [MESSAGE_launcher_listener] = control_listener, [MESSAGE_launcher_start] = control_start,
        [MESSAGE_launcher_stop] = control_stop,
    };
    struct control *control = context;

    if (handlers[in->type])
        handlers[in->type](control, in);
    else if (control->callbacks->on_message)
        control->callbacks->on_message(control->context, in);
}

/* Without its launcher no process of ours goes on. */
static void control_closed(void *context, int result)
{
    (void)context, (void)result;
    log_info("the launcher is gone: ending");
    exit(0);
}

void control_init(struct control *control, struct loop *loop, int fd, enum message_role own,
                  const struct control_callbacks *callbacks, void *context)
{
    *control = (struct control){.loop = loop, .callbacks = callbacks, .context = context};
    control->channel = loop_channel_attach(loop, fd, own, ROLE_LAUNCHER, CHANNEL_FDS, control_message,
                                           control_closed, control);
}

void control_ready(struct control *control)
{
    channel_send_child_ready(control->channel, 0, &(struct message_child_ready){0});
}
