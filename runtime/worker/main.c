/* vitrine-worker: the zygote, the describe cage's program, and `vitrine check`. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/worker/describe.h"
#include "runtime/worker/zygote.h"

static int main_zygote(int argc, char **argv)
{
    (void)argc, (void)argv;
    return zygote_main();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } modes[] = {{"zygote", main_zygote}, {"describe", describe_main}, {"check", describe_check}};

    for (size_t i = 0; argc > 1 && i < MEMORY_COUNT(modes); i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run(argc, argv);
    fputs("vitrine-worker is started by vitrine; see vitrine help\n", stderr);
    return 2;
}
