/* Folders that a privileged process prepares for others. */
#ifndef RUNTIME_BASE_FOLDER_H
#define RUNTIME_BASE_FOLDER_H

#include <sys/types.h>

enum { FOLDER_PATH_BYTES = 4096 };

/* Makes it, mode 0700, unless it is there, and gives it to that user. A link in its place is refused: whoever owns the
 * folder above could point it anywhere. 0, or ERROR_SYSTEM with errno. */
int folder_make(const char *path, uid_t uid, gid_t gid);
/* Whether `uid`, who is in no group that matters, may pass through every folder above `path` (absolute). 0, or
 * ERROR_FORBIDDEN and the first closed one from below in `ret_closed`. */
int folder_check_reach(const char *path, uid_t uid, char ret_closed[FOLDER_PATH_BYTES]);

#endif
