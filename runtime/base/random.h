/* Randomness from the kernel (getrandom); never fails, aborts when the kernel cannot answer: a token or a hash key
 * that can be guessed is worse than a restart. Good for secrets, and safe across a fork, since nothing is kept in
 * between. */
#ifndef RUNTIME_BASE_RANDOM_H
#define RUNTIME_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *data, size_t length);
uint64_t random_u64(void);
/* For tokens and ids that people see. Fills `ret_hex` with 2 × bytes lower-case hex digits and a NUL. */
void random_hex(char *ret_hex, size_t bytes);

#endif
