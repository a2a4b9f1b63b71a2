/* One way to get memory, and it never returns NULL: no path of ours is better off trying to go on without it, and
 * paths that nobody can test are where the holes are. The process ends and the launcher starts it again; the demo's
 * own heap is bounded elsewhere (worker/arena.h), so a stranger cannot bring a shared process here.
 *
 * Memory comes zeroed: a struct's fields that nobody set have one meaning everywhere. */
#include "runtime/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void memory_exhausted(void)
{
    /* write, not stdio: stdio may want memory of its own */
    static const char sentence[] = "out of memory: the process ends and is started again\n";
    if (write(STDERR_FILENO, sentence, sizeof sentence - 1) < 0)
        abort();
    abort();
}

void *memory_alloc(size_t count, size_t size)
{
    /* calloc checks the multiplication; never ask for nothing, so that NULL always means trouble */
    void *block = calloc(count ? count : 1, size ? size : 1);
    if (!block)
        memory_exhausted();
    return block;
}

/* Unlike memory_alloc(), what grows is not zeroed. */
void *memory_resize(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        memory_exhausted();
    void *resized = realloc(block, total ? total : 1);
    if (!resized)
        memory_exhausted();
    return resized;
}

char *memory_copy(const void *data, size_t length)
{
    if (length == SIZE_MAX)
        memory_exhausted();
    char *copy = memory_resize(NULL, length + 1, 1);
    if (length)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}

char *memory_copy_string(const char *string)
{
    return string ? memory_copy(string, strlen(string)) : NULL;
}

/* For the cleanup attribute, which hands over the address of the variable. */
void memory_free_pointer(void *pointer_to_pointer)
{
    void *block;
    memcpy(&block, pointer_to_pointer, sizeof block);
    free(block);
}
