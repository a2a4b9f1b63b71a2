/* How what a worker says about a call reaches whoever asked: on the session's stream, to the readers of the curl API,
 * or as the reply to /run. The worker's texts were checked before they come here. */
#ifndef GATEWAY_ANSWER_H
#define GATEWAY_ANSWER_H

#include "gateway/call.h"

struct calls;

/* The handler began. */
void answer_starts(struct calls *calls, struct call *call);
/* New values while it runs. false: the client is slow, the values wait (newest win) and no more should be produced;
 * answer_flush() writes them later. */
bool answer_partial(struct calls *calls, struct call *call, struct text data);
/* Whoever reads the call's answer does not keep up: its handler should not produce more for now. */
bool answer_is_full(const struct call *call);
/* Writes waiting values if the client is ready for them: true when nothing waits any more. */
bool answer_flush(struct calls *calls, struct call *call);
/* Progress is rate-limited, the newest wins; answer_flush_progress() writes what was held back. */
void answer_progress(struct calls *calls, struct call *call, struct text progress_data, uint64_t now_ms);
void answer_flush_progress(struct calls *calls, struct call *call, uint64_t now_ms);
void answer_log(struct calls *calls, struct call *call, struct text log);
void answer_estimation(struct calls *calls, struct call *call, uint32_t rank, uint32_t size);

/* The last word, exactly once. The caller moves the call's state; it leaves its session here. */
void answer_done(struct calls *calls, struct call *call, struct text data);
void answer_failed(struct calls *calls, struct call *call, struct text error);
/* As answer_failed(), with a sentence of ours. */
void answer_sentence(struct calls *calls, struct call *call, const char *sentence);
void answer_cancelled(struct calls *calls, struct call *call);
/* A handler's own validation refused the values: `problems` is the list of the protocol. */
void answer_invalid(struct calls *calls, struct call *call, struct text problems);

/* A reader of the curl API: gets the transcript, then what follows; the response ends with the call. Takes over the
 * exchange. */
struct http_exchange;
void answer_read(struct calls *calls, struct call *call, struct http_exchange *exchange);

#endif
