/* What handlers wait for: timers, files, models. A process cannot reach any of them; it asks, the gateway asks on and
 * brings the answer. Each question has an id that the process chose; it gets exactly one answer, unless its call was
 * cancelled before. */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "gateway/list.h"
#include "runtime/base/map.h"
#include "runtime/base/text.h"

struct calls;
struct message_in;
struct release;
struct worker;

/* FileData paths with this in front name a file of the demo's own repository: examples have them. */
#define RELAY_RELEASE_PREFIX "release/"

struct relay {
    struct worker *worker;
    struct map waits;        /* question id → struct relay_wait */
    struct list wait_list;
    struct map files;        /* file id → struct relay_file */
    struct list file_list;
    uint32_t next_file;
    uint64_t log_second;     /* the second that log_lines counts */
    uint32_t log_lines;
};

void relay_init(struct relay *relay, struct worker *worker);
void relay_release(struct relay *relay);
/* The process is gone: nothing is waited for any more, everything asked on is cancelled. */
void relay_reset(struct relay *relay);
/* The call with this frame stream is over or cancelled: the same for what it waits for. */
void relay_forget_call(struct relay *relay, uint64_t stream);

/* A question or a log line of the process. false: it broke the rules. */
bool relay_message(struct relay *relay, const struct message_in *in);
/* The contents of the file that such a path names; no data: there is none, or it is hidden or generated. They live as
 * long as the release. */
struct text relay_release_file(const struct release *release, struct text path);
/* A line of ours in the demo's log, for its author. */
void relay_log(struct worker *worker, struct text level, struct text line);
/* A message of the inference backend. false: not one of ours. */
bool relay_result(struct calls *calls, const struct message_in *in);
/* The inference backend is gone: its jobs are answered with words. */
void relay_lose_infer(struct calls *calls);

#endif
