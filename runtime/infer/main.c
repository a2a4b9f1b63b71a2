/* vitrine-infer: models, loaded once for all demos. Started by the launcher with its control channel as descriptor 3.
 *
 * Order matters: load ONNX Runtime while files can still be read, lock down, fork the nursery before a single byte of
 * anybody was read, and only then listen. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/infer/child.h"
#include "runtime/infer/engine.h"
#include "runtime/infer/nursery.h"
#include "runtime/infer/supervisor.h"
#include "sandbox/lockdown/lockdown.h"

enum { MAIN_CONTROL_FD = 3 };

int main(void)
{
    static const struct lockdown_paths paths = {.read_write = {"/dev/null"}};
    const char *trouble = NULL;
    struct loop loop;

    log_init("inference");
    signal(SIGPIPE, SIG_IGN);
    int result = engine_setup();
    if (result < 0) {
        log_error(result == ERROR_UNSUPPORTED
                      ? "ONNX Runtime started threads of its own, which is not allowed here; run ops/up again"
                      : "ONNX Runtime cannot be used: the library beside this program does not fit; run ops/up again");
        return 1;
    }
    if (child_prepare() < 0 || loop_init(&loop) < 0) {
        log_error("not started: no event loop or no system-call filter could be made (%s)", strerror(errno));
        return 1;
    }
    if (lockdown_process(LOCKDOWN_PROFILE_INFER, &paths, &trouble) < 0) {
        log_error("not started: %s failed (%s)", trouble ? trouble : "lock-down", strerror(errno));
        return 1;
    }
    int nursery_fd = nursery_start(child_run);
    if (nursery_fd < 0) {
        log_error("not started: no process for models could be made (%s)", strerror(errno));
        return 1;
    }
    supervisor_run(&loop, MAIN_CONTROL_FD, nursery_fd);
}
