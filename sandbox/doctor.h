/* What stands between a demo and this machine, tried out and told. */
#ifndef SANDBOX_DOCTOR_H
#define SANDBOX_DOCTOR_H

#include <stdbool.h>

#include "runtime/base/settings.h"

/* Tries the sandbox and logs its mode; false when it is below the operator's floor, with what to do. */
bool doctor_check(const struct settings *settings);
/* `vitrine doctor [--profiles]`. Exit status 1: `vitrine serve` would not start. */
int doctor_main(int argc, char **argv);

#endif
