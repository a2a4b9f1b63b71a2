#include "runtime/base/place.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/error.h"

static int place_folder(char folder[PLACE_PATH_BYTES])
{
    ssize_t length = readlink("/proc/self/exe", folder, PLACE_PATH_BYTES - 1);
    if (length <= 0)
        return ERROR_SYSTEM;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (!slash)
        return ERROR_SYSTEM;
    *slash = '\0';
    return 0;
}

static int place_join(char ret_path[PLACE_PATH_BYTES], const char *between, const char *name)
{
    char folder[PLACE_PATH_BYTES];

    if (place_folder(folder) < 0)
        return ERROR_SYSTEM;
    int length = snprintf(ret_path, PLACE_PATH_BYTES, "%s/%s%s", folder, between, name);
    return length < PLACE_PATH_BYTES ? 0 : ERROR_LIMIT;
}

int place_beside(char ret_path[PLACE_PATH_BYTES], const char *program)
{
    return place_join(ret_path, "", program);
}

int place_share(char ret_path[PLACE_PATH_BYTES], const char *name)
{
    return place_join(ret_path, "../share/vitrine/", name);
}
