/* Expected trouble, as a negative code to the caller; sentences are made once, at the edge.
 *
 * A function that can fail returns 0 (or a count) on success and one of these codes otherwise. A bug of our
 * own is not an error code: it is abort(), and the launcher restarts the process. */
#ifndef RUNTIME_BASE_ERROR_H
#define RUNTIME_BASE_ERROR_H

/* The one table of codes: name, number, what a person reads. */
#define ERROR_TABLE(X)                                            \
    X(ERROR_SYSTEM, -1, "the operating system refused")           \
    X(ERROR_INVALID, -2, "malformed data")                        \
    X(ERROR_LIMIT, -3, "a limit was passed")                      \
    X(ERROR_NOT_FOUND, -4, "not found")                           \
    X(ERROR_EXISTS, -5, "already there")                          \
    X(ERROR_FORBIDDEN, -6, "not allowed")                         \
    X(ERROR_BUSY, -7, "busy")                                     \
    X(ERROR_AGAIN, -8, "not ready yet")                           \
    X(ERROR_CLOSED, -9, "the other side closed")                  \
    X(ERROR_TIMEOUT, -10, "took too long")                        \
    X(ERROR_CORRUPT, -11, "stored data is damaged")               \
    X(ERROR_UNSUPPORTED, -12, "not supported here")

enum error {
    ERROR_NONE = 0,
#define X(name, code, sentence) name = code,
    ERROR_TABLE(X)
#undef X
};

/* The sentence for a code (static storage, never NULL; unknown codes say so). */
const char *error_text(int code);

#endif
