#include "runtime/base/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"

int folder_make(const char *path, uid_t uid, gid_t gid)
{
    struct stat status;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return ERROR_SYSTEM;
    if (lstat(path, &status) < 0)
        return ERROR_SYSTEM;
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return ERROR_SYSTEM;
    }
    return status.st_uid == uid || lchown(path, uid, gid) == 0 ? 0 : ERROR_SYSTEM;
}

int folder_check_reach(const char *path, uid_t uid, char ret_closed[FOLDER_PATH_BYTES])
{
    struct stat status;

    snprintf(ret_closed, FOLDER_PATH_BYTES, "%s", path);
    for (char *slash = strrchr(ret_closed, '/'); slash && slash != ret_closed; slash = strrchr(ret_closed, '/')) {
        *slash = '\0';
        if (stat(ret_closed, &status) < 0 || (status.st_uid != uid && !(status.st_mode & S_IXOTH)))
            return ERROR_FORBIDDEN;
    }
    return 0;
}
