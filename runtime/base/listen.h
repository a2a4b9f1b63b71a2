/* Listening TCP sockets. */
#ifndef RUNTIME_BASE_LISTEN_H
#define RUNTIME_BASE_LISTEN_H

#include <stdint.h>

/* A non-blocking, close-on-exec listener on an IPv4 or IPv6 address, written as numbers; the IPv6 one takes no IPv4.
 * Its descriptor; ERROR_INVALID when `address` is none; ERROR_SYSTEM with errno when it cannot be had. */
int listen_tcp(const char *address, uint16_t port);

#endif
