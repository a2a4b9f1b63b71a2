#include "runtime/base/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

enum { VARIABLE_BYTES = 96 };

void options_help(const struct option_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *fallback = entries[i].fallback ? entries[i].fallback : "";
        printf("  --%s %s%s%s%s\n", entries[i].name, entries[i].help, *fallback ? " [" : "", fallback,
               *fallback ? "]" : "");
    }
}

void options_write_key(const char *name, char *ret_key, size_t room)
{
    size_t length = 0;

    for (; *name && length + 1 < room; name++)
        ret_key[length++] = *name == '-' ? '_' : *name;
    ret_key[length] = '\0';
}

static const char *from_environment(const char *name)
{
    char variable[VARIABLE_BYTES] = "VITRINE_";
    size_t prefix = strlen(variable);

    options_write_key(name, variable + prefix, sizeof variable - prefix);
    for (char *at = variable; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return getenv(variable);
}

static size_t find(const struct option_entry *entries, size_t count, const char *name, size_t length)
{
    size_t i = 0;

    while (i < count && (strlen(entries[i].name) != length || memcmp(entries[i].name, name, length) != 0))
        i++;
    return i;
}

int options_parse(const struct option_entry *entries, size_t count, const char **values, int argc, char **argv,
                  const char *program)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = from_environment(entries[i].name);
        values[i] = value && *value ? value : entries[i].fallback;
    }
    for (int i = 0; i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0)
            return 1;
        size_t length = strcspn(flag, "=");
        size_t option = strncmp(flag, "--", 2) == 0 ? find(entries, count, flag + 2, length - 2) : count;
        if (option == count || (flag[length] == '\0' && i + 1 >= argc)) {
            fprintf(stderr, option == count ? "%s: unknown option %s; see %s --help\n" : "%s: %s needs a value\n",
                    program, flag, program);
            return ERROR_INVALID;
        }
        values[option] = flag[length] ? flag + length + 1 : argv[++i];
    }
    return 0;
}
