/* vitrine-store: started by the launcher with its control channel as descriptor 3. */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/base/log.h"
#include "store/peer.h"
#include "store/store.h"

#define CONTROL_FD 3

static void on_config(void *context, struct text key, struct text value)
{
    struct store *store = context;
    settings_take(&store->settings, key, value);
}

static void on_peer(void *context, enum message_role role, int fd)
{
    peer_attach(context, role, fd);
}

static void on_start(void *context)
{
    struct store *store = context;
    if (store_start(store) != 0)
        exit(1);
    control_ready(&store->control);
}

static void on_stop(void *context, uint32_t grace_ms)
{
    store_stop(context, grace_ms);
}

static const struct control_callbacks callbacks = {
    .on_config = on_config, .on_peer = on_peer, .on_start = on_start, .on_stop = on_stop,
    .on_message = peer_launcher_message,
};

int main(void)
{
    static struct store store;
    log_init("store");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of that write, not the end of the store */
    umask(077);
    if (loop_init(&store.loop) != 0) {
        log_error("cannot make an event loop");
        return 1;
    }
    control_init(&store.control, &store.loop, CONTROL_FD, ROLE_STORE, &callbacks, &store);
    loop_run(&store.loop);
    store_release(&store);
    settings_release(&store.settings);
    loop_release(&store.loop);
    return 0;
}
