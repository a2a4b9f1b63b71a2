#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/text.h"
#include "store/hook/hook.h"

int main(void)
{
    const char *number = getenv("VITRINE_HOOK_FD");
    const char *quarantine = getenv("GIT_QUARANTINE_PATH");
    uint64_t fd = 0;
    signal(SIGPIPE, SIG_IGN);
    if (number == NULL || text_to_u64(text_from(number), &fd) != 0 || fd < 3 || fd > 1023) {
        fputs("vitrine-hook is started by git receive-pack under vitrine, not by hand\n", stderr);
        return 1;
    }
    return hook_run(0, (int)fd, 2, quarantine ? quarantine : ""); /* a push that only deletes has none */
}
