/* Where the installed programs and shared files are: beside this program, found through /proc/self/exe. */
#ifndef RUNTIME_BASE_PLACE_H
#define RUNTIME_BASE_PLACE_H

enum { PLACE_PATH_BYTES = 4096 };

/* Writes the path of `program` in this program's own folder. 0, or ERROR_SYSTEM / ERROR_LIMIT. */
int place_beside(char ret_path[PLACE_PATH_BYTES], const char *program);
/* Writes the path of share/vitrine/<name> of this installation. 0, or ERROR_SYSTEM / ERROR_LIMIT. */
int place_share(char ret_path[PLACE_PATH_BYTES], const char *name);

#endif
