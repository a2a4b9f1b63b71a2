/* The bits of http_exchange.state, shared by exchange.c (request) and respond.c (answer). They only ever go from
 * clear to set, but for PAUSED, FULL and EXPECTS; request and answer go their ways independently, and the exchange
 * ends when both COMPLETE and ANSWERED are set, or the connection does. */
#ifndef RUNTIME_HTTP_EXCHANGE_STATE_H
#define RUNTIME_HTTP_EXCHANGE_STATE_H

#include "runtime/http/exchange.h"

enum {
    EXCHANGE_EXPECTS = 1,     /* the client waits for 100 Continue */
    EXCHANGE_RECEIVING = 2,   /* the handler asked for the body */
    EXCHANGE_PAUSED = 4,
    EXCHANGE_COMPLETE = 8,    /* the body is read */
    EXCHANGE_END_TOLD = 16,   /* and the handler knows */
    EXCHANGE_STARTED = 32,    /* the answer's head is queued */
    EXCHANGE_ANSWERED = 64,   /* all of the answer is queued; the handler is gone */
    EXCHANGE_CHUNKED = 128,   /* the answer is sent in chunks */
    EXCHANGE_BODILESS = 256,  /* the answer has no body: HEAD, 204, 304 */
    EXCHANGE_FULL = 512,      /* above the high mark: on_drain is due */
};

/* Nothing of the request's body is left to be read: there was none, or all of it came. */
bool http_exchange_body_is_complete(const struct http_exchange *exchange);
void http_exchange_answered(struct http_exchange *exchange); /* the exchange may be freed */

#endif
