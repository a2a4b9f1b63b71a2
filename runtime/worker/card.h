/* The front matter of README.md: the keys and types that the Hub documents, checked, as one JSON object. */
#ifndef RUNTIME_WORKER_CARD_H
#define RUNTIME_WORKER_CARD_H

#include "runtime/base/buffer.h"

struct card {
    struct buffer json;     /* the known keys and their values */
    struct text body;       /* README.md behind the front matter */
    char *sdk, *app_file;   /* owned; NULL when not given */
};

/* Reads `readme`. Sentences "README.md:LINE: …" are appended to `report`, warnings as "warning: README.md:LINE: …".
 * 0, or ERROR_INVALID when at least one is an error. Release with card_release() either way. */
int card_read(struct card *card, struct text readme, struct buffer *report);
void card_release(struct card *card);

#endif
