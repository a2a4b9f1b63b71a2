/* The sentences of error.h's table, for logs and for callers that have nothing better to say. */
#include "runtime/base/error.h"

#include <stddef.h>

static const struct {
    int code;
    const char *sentence;
} sentences[] = {{ERROR_NONE, "no error"},
#define X(name, code, sentence) {code, sentence},
                 ERROR_TABLE(X)
#undef X
};

const char *error_text(int code)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (sentences[i].code == code)
            return sentences[i].sentence;
    }
    return "an error without a name";
}
