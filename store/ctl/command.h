/* vitrine-ctl: administers a running platform over its admin socket. Each command is a row of a table (command.c). */
#ifndef STORE_CTL_COMMAND_H
#define STORE_CTL_COMMAND_H

#include "runtime/base/buffer.h"

/* Sends one request to the store and returns its status with the body, or a negative error. */
typedef int command_ask(void *context, const char *method, const char *target, struct text body,
                        struct buffer *ret_body);

struct command {
    command_ask *ask;        /* how the store is reached; tests put their own here */
    void *context;           /* of `ask` */
    int output_fd, error_fd; /* results; complaints and usage */
    int input_fd;            /* where a password is read from */
};

/* Runs `user add ann --admin` and so on (argv[0] is the first word). The exit status: 0, 1 after saying what went
 * wrong, 2 after saying how it is used. */
int command_run(struct command *command, int argc, char **argv);

#endif
