/* The call path with everybody around it played: on top of rig.h (a gateway in the test's process, a store) a zygote
 * whose processes are sockets in our hands, an inference backend, and clients that keep their connections.
 *
 * Whatever the gateway says to one of them becomes a line of text, so that a test reads as what was said; whatever they
 * say to the gateway is sent by the test through the channel at hand, hostile frames as well. One loop, one thread: what
 * was sent is answered by the next crew_turn(). */
#ifndef TESTS_UNIT_GATEWAY_CREW_H
#define TESTS_UNIT_GATEWAY_CREW_H

#include "gateway/calls.h"
#include "gateway/process.h"
#include "gateway/worker.h"
#include "runtime/wire/control_page.h"
#include "runtime/wire/message.h"
#include "tests/unit/gateway/rig.h"

enum { CREW_PROCESSES = 16, CREW_CLIENTS = 64, CREW_CALLS = 512 };

struct crew;

/* What the zygote made: "begin", "start <function> <data>", "cancel", "credit <bytes>", "answer <call> <status> <body>",
 * "bundle". */
struct crew_process {
    struct crew *crew;
    uint32_t slot;
    struct channel *channel;    /* NULL: it closed its socket, or was let go */
    struct control_page *page;  /* as the process sees it */
    struct buffer seen;
    uint64_t streams[CREW_CALLS]; /* of the calls it was given, in order */
    unsigned given;
};

struct crew_client {
    struct crew *crew;
    int fd;                     /* -1: it left */
    struct loop_watch watch;
    struct buffer text;         /* all that it read, a zero behind it */
    bool closed, deaf;          /* deaf: it does not read */
};

struct crew {
    struct rig rig;
    struct calls *calls;
    struct channel *zygote, *infer;
    struct buffer zygote_seen;  /* "spawn <slot>", "pool <slot>", "kill <slot>" */
    struct buffer infer_seen;   /* "window <slot>", "gone <slot>", "job <model> <op>", "cancel" */
    struct buffer store_seen;   /* "stage …", "log …", "load …", "save …", "open …", "make …", "append …", "end …" */
    uint64_t job;               /* the last one that was sent to the backend */
    uint32_t question;          /* the last one that was put to the store */
    bool store_waits;           /* state_load is not answered by itself */
    bool unready;               /* processes do not say worker_ready */
    bool refuses;               /* the zygote reports every process as one that could not be started */
    struct crew_process processes[CREW_PROCESSES];
    unsigned process_count;
    struct crew_client clients[CREW_CLIENTS];
    unsigned client_count;
};

/* Starts it with one demo, ann/digits, whose manifest has these functions (a JSON array), and with an empty pool. */
void crew_start(struct crew *crew, const char *functions);
void crew_stop(struct crew *crew);
/* Lets that many passes of the loop go by, a millisecond each. */
void crew_turn(struct crew *crew, unsigned passes);

/* A request below the demo's base on a connection of its own, `body` NULL: GET. Turned until it had its chance. */
struct crew_client *crew_ask(struct crew *crew, const char *path, const char *body);
bool crew_has(const struct crew_client *client, const char *part);
void crew_leave(struct crew_client *client);
/* Joins on a session: {"fn_index":…,"data":[…],"session_hash":"s"}. */
struct crew_client *crew_join(struct crew *crew, int function, const char *session, const char *data);
/* The last word of a call: its values. */
void crew_done(struct crew_process *process, unsigned call, const char *data);
/* The zygote reports the end of a process. */
void crew_exit(struct crew_process *process, uint32_t exit);
/* The newest process, and the worker of the demo's release. */
struct crew_process *crew_process(struct crew *crew);
struct worker *crew_worker(struct crew *crew);

/* Attaches a zygote or a backend, also as a successor of the one before. */
void crew_attach_zygote(struct crew *crew);
void crew_attach_infer(struct crew *crew);

/* What was seen, as a string; valid until more is seen. */
const char *crew_text(struct buffer *seen);
/* What was seen since the last look. */
#define crew_expect(buffer, expected)                                                        \
    do {                                                                                     \
        assert_string_equal(crew_text(buffer), expected);                                    \
        buffer_clear(buffer);                                                                \
    } while (0)

#endif
