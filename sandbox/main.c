/* `vitrine`: the launcher and the door to everything else. It only starts other programs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "sandbox/launcher.h"
#include "runtime/base/place.h"

static int command_help(int argc, char **argv)
{
    fputs("usage: vitrine COMMAND\n\n"
          "  serve --data DIR …    run the platform (see vitrine serve --help)\n"
          "  doctor                say how strong the sandbox is on this machine\n"
          "  check DIR             check a demo's folder exactly as a push would\n"
          "  user, token, status … administer a running platform (see vitrine COMMAND --help)\n"
          "  version               print the version\n",
          stdout);
    return 0;
}

static int command_version(int argc, char **argv)
{
    puts("vitrine " VITRINE_VERSION);
    return 0;
}

/* Replaces this process by a program beside it; returns only when that fails. */
static int main_exec(const char *program, char **argv)
{
    char path[PLACE_PATH_BYTES];

    if (place_beside(path, program) == 0)
        execv(path, argv);
    fprintf(stderr, "vitrine: cannot start %s beside this program; reinstall\n", program);
    return 1;
}

static int command_check(int argc, char **argv)
{
    return main_exec("vitrine-worker", argv);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", launcher_main}, {"check", command_check}, {"doctor", doctor_main}, {"help", command_help},
    {"--help", command_help}, {"-h", command_help},     {"version", command_version}, {"--version", command_version},
};

int main(int argc, char **argv)
{
    log_init("vitrine");
    if (argc < 2) {
        command_help(argc, argv);
        return 2;
    }
    for (size_t i = 0; i < MEMORY_COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    return main_exec("vitrine-ctl", argv);
}
