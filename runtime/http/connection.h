/* One connection of the server engine; private to runtime/http.
 *
 * All destruction and all writing happens in the server's flush pass at the end of a turn: whatever a handler calls,
 * its exchange may end, but no connection disappears under its feet. */
#ifndef RUNTIME_HTTP_CONNECTION_H
#define RUNTIME_HTTP_CONNECTION_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "runtime/http/body.h"
#include "runtime/http/output.h"
#include "runtime/http/server.h"

/* What the deadline is for. */
enum http_timed {
    HTTP_TIMED_NOTHING, /* the handler's time */
    HTTP_TIMED_HEAD,    /* a head must be whole */
    HTTP_TIMED_IDLE,    /* between requests; looked at early once, for who has not taken the last answer */
    HTTP_TIMED_PROGRESS, /* a body that comes, an output that leaves: looked at in windows */
    HTTP_TIMED_LINGER,  /* the client still sends what nobody reads */
};

enum http_phase {
    HTTP_PHASE_IDLE,   /* between requests */
    HTTP_PHASE_HEAD,   /* a head has begun */
    HTTP_PHASE_BUSY,   /* an exchange is under way */
    HTTP_PHASE_LINGER, /* answered, our side shut; reading what the client still sends so that it sees the answer */
};

/* Everything that an idle client costs us, the allocator's header and its place in libevent's map aside: keep it small.
 * Buffers are there only while something is under way. */
struct http_connection {
    struct event event; /* reading always, writing after a short write */
    struct http_server *server;
    struct http_connection *next, **link; /* in a slot of the wheel */
    struct http_connection *dirty_next;   /* those the flush pass looks at; valid while `dirty` */
    struct http_exchange *exchange;       /* the one under way; NULL between requests */
    struct http_output output;            /* of this answer and of pipelined ones before it */
    struct buffer held; /* unfinished head, or bytes behind the current request */
    struct http_peer peer;
    uint32_t deadline;   /* ticks; 0: none */
    uint32_t slot;       /* tick under which it stands in the wheel */
    uint32_t born;       /* tick */
    uint32_t idle_until; /* tick; while it is idle */
    uint32_t requests;
    uint32_t lingered;   /* bytes read while lingering */
    uint32_t sent;       /* bytes the kernel took, wrapping */
    uint32_t delivered;  /* bytes the client had at the last look, wrapping */
    uint8_t phase;       /* enum http_phase */
    uint8_t timed;       /* enum http_timed: what `deadline` was set for */
    uint8_t stalls;      /* looks in a row at which the client had taken too little */
    bool keep_alive : 1; /* another request may follow the present one */
    bool dirty : 1;      /* on the server's list for the flush pass */
    bool dead : 1;      /* to be destroyed by the flush pass, nothing more is sent */
    bool closing : 1;   /* no further request; ends when the output is out */
    bool unread : 1;    /* the client may still be sending: linger */
    bool writing : 1;   /* EV_WRITE is armed */
    bool reading : 1;   /* EV_READ is armed */
    bool measured : 1;  /* `delivered` is of the state that lasts */
    bool blocked : 1;    /* too much output waits to begin another request */
};

struct http_connection *http_connection_new(struct http_server *server, int fd, const struct http_peer *peer);
/* Only from the flush pass or http_server_free(): closes and frees; an open exchange is aborted with `code`. */
void http_connection_free(struct http_connection *connection, int code);
/* The flush pass for one connection: goes on with held bytes, writes, tells on_drain, closes. */
void http_connection_flush(struct http_connection *connection);
void http_connection_expire(struct http_connection *connection); /* its deadline has passed */
/* Answers a request that never became an exchange, then closes. */
void http_connection_refuse(struct http_connection *connection, int status, const char *reason);
/* The exchange is over (answered and its body read): ready for the next request. */
void http_connection_finish(struct http_connection *connection);
/* Drops the connection without sending what is queued. */
void http_connection_kill(struct http_connection *connection);
/* Something changed: have a look in the flush pass. */
void http_connection_touch(struct http_connection *connection);
void http_connection_arm(struct http_connection *connection, uint32_t milliseconds); /* 0: no deadline */

/* ---- exchange.c, for the connection ---- */
struct http_exchange *http_exchange_new(struct http_connection *connection, const struct http_head *head);
/* Hands on what it can of `data`: bytes consumed (0 can be progress), or ERROR_AGAIN when nothing can go on. */
ssize_t http_exchange_feed(struct http_exchange *exchange, struct text data);
bool http_exchange_wants_data(const struct http_exchange *exchange); /* reading more makes sense */
bool http_exchange_is_receiving(const struct http_exchange *exchange);
/* Tells the handler that the client is gone, logs and frees. */
void http_exchange_abort(struct http_exchange *exchange, int code);
void http_exchange_time_out(struct http_exchange *exchange);
void http_exchange_drained(struct http_exchange *exchange);
uint64_t http_exchange_take_window(struct http_exchange *exchange); /* body bytes since the last call */

/* ---- server.c, for both ---- */
/* A place in the table of handles: its number and generation are what http_exchange_handle() gives away. */
struct http_slot {
    struct http_exchange *exchange;
    uint32_t generation; /* one more with each use */
    uint32_t next_free;  /* number + 1 of the next one; 0 ends the list */
};

enum { HTTP_WHEEL_SLOTS = 64, HTTP_SCRATCH_BYTES = 65536 };

struct http_server {
    struct event_base *base;
    const struct http_limits *limits;
    const struct http_server_callbacks *callbacks;
    void *context;
    struct event flush;              /* the pass at the end of the turn */
    struct event tick;               /* each second, while there are connections */
    struct event stop;               /* the end of the grace */
    struct http_listener *listeners; /* owned */
    struct http_connection *dirty;   /* in order of marking: answers leave in the order they were made */
    struct http_connection **dirty_tail;
    struct http_connection *wheel[HTTP_WHEEL_SLOTS]; /* those with a deadline, by second */
    struct http_connection *unscheduled; /* those without a deadline */
    struct http_server_counts counts;
    struct http_slot *slots;         /* owned; grows to the most exchanges with a handle at once */
    uint32_t slot_count, slot_free;  /* number + 1 of the first free one */
    uint32_t now; /* ticks of one second, from 1 */
    uint64_t tick_ms;                /* when `now` began, by the process's clock */
    bool flushing, flush_pending;    /* the pass runs; it was asked for */
    bool stopping, stopped;          /* no new connections; on_stopped was called */
    bool paused;                     /* not accepting until the next tick */
    char date[64]; /* "Server: vitrine\r\nDate: …\r\n" */
    uint64_t date_second;
    size_t date_length;
    struct http_head_parser parser;    /* of the head that is read now */
    char scratch[HTTP_SCRATCH_BYTES];  /* what was read now; nothing of it stays */
};

/* The Server and Date lines, made once a second. */
struct text http_server_stamp(struct http_server *server);
void http_server_link(struct http_server *server, struct http_connection *connection, uint32_t deadline);
void http_server_unlink(struct http_server *server, struct http_connection *connection);
void http_server_mark(struct http_server *server, struct http_connection *connection);
void http_server_closed(struct http_server *server);
void http_server_drop_handle(struct http_server *server, struct http_exchange *exchange);

#endif
