/* One request that starts a call, from its arrival to the reply: read the body, find the function, check the values,
 * wait for what must be waited for (a closing stream, the session's state, uploaded files), then hand a call to the
 * worker. */
#ifndef GATEWAY_JOIN_H
#define GATEWAY_JOIN_H

#include "gateway/call.h"

struct calls;
struct demo_route;
struct http_exchange;
struct session_hold;

struct join_form {
    enum call_kind kind;
    bool named;       /* the body is an object of named values */
    struct text name; /* the function's api_name; empty: fn_index decides */
};

/* Takes over the exchange: it is answered now or later. */
void join_start(struct calls *calls, struct http_exchange *exchange, struct demo_route *route,
                const struct join_form *form);
/* The stream that a held call waited for is gone. */
void join_resume(struct session_hold *hold);

#endif
