/* File descriptors: scope closes them, success steals them. -1 is "none" everywhere, so a struct that holds descriptors
 * must not merely be zeroed: 0 is one. */
#ifndef RUNTIME_BASE_FD_H
#define RUNTIME_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

void fd_close(int *fd); /* closes unless negative, then sets it to -1; errno is kept */
/* For a local: closed at the end of its scope unless stolen before. */
#define FD_AUTO __attribute__((cleanup(fd_close)))
int fd_steal(int *fd); /* returns *fd and sets it to -1 */

int fd_set_nonblocking(int fd);        /* 0 or ERROR_SYSTEM */
int fd_set_cloexec(int fd, int on);    /* 0 or ERROR_SYSTEM */
/* Reads until `length` bytes or end of file, retrying EINTR: bytes read, or ERROR_SYSTEM. Blocking fds only. */
ssize_t fd_read_full(int fd, void *data, size_t length);
/* Writes all, retrying EINTR: 0, ERROR_CLOSED (EPIPE) or ERROR_SYSTEM. Blocking fds only. */
int fd_write_full(int fd, const void *data, size_t length);
/* A close-on-exec SOCK_SEQPACKET or SOCK_STREAM pair (type), both ends non-blocking when asked. */
int fd_socket_pair(int type, int nonblocking, int ret_pair[2]);

#endif
