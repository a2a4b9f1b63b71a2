/* vitrine-gateway: started by the launcher with its control channel as descriptor 3. */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "runtime/base/log.h"
#include "runtime/loop/control.h"
#include "sandbox/lockdown/lockdown.h"

enum { CONTROL_FD = 3 };

static void on_config(void *context, struct text key, struct text value)
{
    gateway_configure(context, key, value);
}

static void on_peer(void *context, enum message_role role, int fd)
{
    static const struct {
        enum message_role role;
        enum gateway_peer peer;
    } peers[] = {
        {ROLE_STORE, GATEWAY_PEER_STORE},
        {ROLE_ZYGOTE, GATEWAY_PEER_ZYGOTE},
        {ROLE_INFER, GATEWAY_PEER_INFER},
    };
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        if (peers[i].role == role) {
            gateway_attach(context, peers[i].peer, fd);
            return;
        }
    }
    log_error("the launcher introduced a peer that the gateway has no use for");
    close(fd);
}

static void on_listener(void *context, struct text name, int fd)
{
    (void)name;
    gateway_listen(context, fd);
}

struct process {
    struct gateway gateway; /* first: the callbacks' context */
    struct loop loop;
    struct control control;
};

/* From here on the gateway opens nothing and starts nothing; then strangers may speak. */
static void on_start(void *context)
{
    struct process *process = context;
    const char *trouble = NULL;
    if (gateway_start(&process->gateway) < 0)
        exit(1);
    if (lockdown_process(LOCKDOWN_PROFILE_GATEWAY, NULL, &trouble) < 0) {
        log_error("the gateway cannot be locked down (%s): it does not serve without", trouble ? trouble : "unknown");
        exit(1);
    }
    if (gateway_accept(&process->gateway) < 0) {
        log_error("a listener cannot be used");
        exit(1);
    }
    control_ready(&process->control);
}

static void on_stop(void *context, uint32_t grace_ms)
{
    gateway_stop(context, grace_ms);
}

static const struct control_callbacks callbacks = {
    .on_config = on_config,
    .on_peer = on_peer,
    .on_listener = on_listener,
    .on_start = on_start,
    .on_stop = on_stop,
};

/* A turn of the loop takes and gives back some hundred kilobytes. Handing them to the kernel each time would cost two
 * calls and as many page faults as there are pages; what a real peak leaves behind still goes back. */
enum { HEAP_KEPT_BYTES = 4 << 20, HEAP_STEP_BYTES = 256 << 10 };

int main(void)
{
    static struct process process;
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
    mallopt(M_TOP_PAD, HEAP_STEP_BYTES);
    log_init("gateway");
    signal(SIGPIPE, SIG_IGN);
    if (loop_init(&process.loop) < 0) {
        log_error("cannot make an event loop");
        return 1;
    }
    gateway_init(&process.gateway, &process.loop);
    control_init(&process.control, &process.loop, CONTROL_FD, ROLE_GATEWAY, &callbacks, &process);
    loop_run(&process.loop);
    gateway_release(&process.gateway);
    loop_release(&process.loop);
    return 0;
}
