/* A program's options from one table: flags, VITRINE_* variables, defaults, help. */
#ifndef RUNTIME_BASE_OPTIONS_H
#define RUNTIME_BASE_OPTIONS_H

#include <stddef.h>

struct option_entry {
    const char *name;     /* flag without dashes; the variable is VITRINE_<NAME>, the key the same with '_' */
    const char *fallback; /* NULL: none */
    const char *help;     /* "VALUE  what it means" */
};

/* Reads flags (`--port 7860` or `--port=7860`), then variables, then defaults into `values[count]`; they point into
 * argv, the environment or the table. 0; 1 when --help was asked for; ERROR_INVALID after printing what is wrong, in
 * the name of `program`. */
int options_parse(const struct option_entry *entries, size_t count, const char **values, int argc, char **argv,
                  const char *program) __attribute__((nonnull(1, 3, 6)));
/* One line per option. */
void options_help(const struct option_entry *entries, size_t count);
/* "site-url" → "site_url", in capitals with a prefix for the environment. `room` bytes, always terminated. */
void options_write_key(const char *name, char *ret_key, size_t room);

#endif
