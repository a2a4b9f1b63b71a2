/* What gateway and worker process say to each other about calls. Everything a process says is input from an enemy: it
 * is checked here, and a process that breaks the rules is killed. */
#ifndef GATEWAY_REPORT_H
#define GATEWAY_REPORT_H

#include "runtime/base/text.h"

struct call;
struct message_in;
struct worker;

/* The first frame to a new process. */
void report_begin(struct worker *worker);
/* The process has taken most of what it was given: it may be handed another call. */
bool report_has_room(const struct worker *worker);
/* Hands a call to the process. */
void report_start(struct worker *worker, struct call *call);
void report_cancel(struct worker *worker, struct call *call);
/* Gives back what the call's messages have used of its credit, unless its reader is slow; small amounts are collected
 * until `now`. To be called again when the reader has caught up. */
void report_credit(struct worker *worker, struct call *call, bool now);
/* Tells the store what the demo does. */
void report_stage(struct worker *worker, const char *stage, struct text reason);

/* One message of the process. false: it broke the rules. The worker may be gone afterwards. */
bool report_message(struct worker *worker, const struct message_in *in);

#endif
