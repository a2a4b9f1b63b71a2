/* Memory: out of memory is not an expected trouble here, so these never return NULL; they abort and the
 * launcher restarts the process. Sizes that come from outside are checked against bounds.h before. */
#ifndef RUNTIME_BASE_MEMORY_H
#define RUNTIME_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for count × size bytes (overflow aborts). The caller owns it and gives it to free(). */
void *memory_alloc(size_t count, size_t size);
/* Grows or shrinks `block` (may be NULL) to count × size bytes; new bytes are not zeroed. */
void *memory_resize(void *block, size_t count, size_t size);
/* A NUL-terminated copy of `length` bytes. The caller owns it. */
char *memory_copy(const void *data, size_t length);
/* A copy of a C string, NULL for NULL. The caller owns it. */
char *memory_copy_string(const char *string);

#define MEMORY_NEW(type) ((type *)memory_alloc(1, sizeof(type)))
#define MEMORY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Scope cleans up, success steals: `MEMORY_AUTO char *path = …; *ret_path = MEMORY_STEAL(path);` */
void memory_free_pointer(void *pointer_to_pointer);
#define MEMORY_AUTO __attribute__((cleanup(memory_free_pointer)))
#define MEMORY_STEAL(pointer) __extension__({ __typeof__(pointer) stolen_ = (pointer); (pointer) = NULL; stolen_; })

/* The struct that contains `member` at address `pointer`. */
#define MEMORY_CONTAINER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

#endif
