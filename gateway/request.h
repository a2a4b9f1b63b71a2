/* Questions of the call path to the store, each answered exactly once: by the store, or with ERROR_BUSY when the store
 * is away. */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include "runtime/base/text.h"

struct calls;
struct message_in;

struct request_answer {
    int status;                   /* 0 or an enum error */
    struct text reason;           /* a sentence when status is not 0 */
    struct text state;            /* state_loaded */
    int fd;                       /* file_opened: take it with fd_steal(), else it is closed; -1 */
    uint64_t size;                /* file_opened, file_made */
    struct text mime_type, name;  /* file_opened */
    struct text handle;           /* file_made */
};

typedef void request_done(void *context, struct request_answer *answer);

/* Asks; `done` is never called from inside. Returns the question's id (never 0), to be given to request_forget() when
 * nobody waits any more. */
uint32_t request_state(struct calls *calls, uint64_t demo_id, const char *session, request_done *done, void *context);
struct request_file {
    uint64_t demo_id;
    struct text session, handle, name, mime_type;
};
uint32_t request_file_open(struct calls *calls, const struct request_file *file, request_done *done, void *context);
/* A new file: begin, then append as often as needed, then end; `done` is called after request_file_end(keep). */
uint32_t request_file_begin(struct calls *calls, const struct request_file *file, request_done *done, void *context);
/* append: 0; ERROR_LIMIT or ERROR_CLOSED when the store did not take the piece: the file cannot become whole. */
int request_file_append(struct calls *calls, uint32_t request, struct text bytes);
void request_file_end(struct calls *calls, uint32_t request, bool keep);
/* Somebody else waits for the answer from now on. */
void request_redirect(struct calls *calls, uint32_t request, request_done *done, void *context);
void request_forget(struct calls *calls, uint32_t request);

/* A message of the store: true when it was the answer to one of these questions. */
bool request_message(struct calls *calls, struct message_in *in);
/* Answers the questions that could not be asked; called by the tick. */
void request_fail_unasked(struct calls *calls);
/* The store is gone: every open question is answered ERROR_BUSY. */
void request_fail_all(struct calls *calls);

#endif
