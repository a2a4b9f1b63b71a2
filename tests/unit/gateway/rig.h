/* A whole gateway inside the test's process, with a store that is played here: for tests of what answers a request.
 *
 * The played store knows the demos of a table, hands out bundles from memory, knows the tokens "hf_<account>", and
 * answers forwarded requests with what arrived. Everything runs in one loop, turned by rig_ask(). */
#ifndef TESTS_UNIT_GATEWAY_RIG_H
#define TESTS_UNIT_GATEWAY_RIG_H

#include "gateway/gateway.h"
#include "runtime/base/buffer.h"
#include "runtime/http/server.h"
#include "runtime/wire/channel.h"

struct rig_file {
    const char *name, *contents;
};

struct rig_demo {
    const char *label, *path; /* "ann-digits", "ann/digits" */
    uint64_t id, release;     /* release 0: nothing was published */
    const char *settings;     /* JSON, or NULL for none */
};

enum { RIG_RELEASES = 8 };

struct rig {
    struct loop loop;
    struct gateway gateway;
    struct channel *store;               /* our end; owned by the loop */
    struct http_server *pages;           /* what the store serves to the gateway */
    struct rig_demo demos[16];
    size_t demo_count;
    struct buffer bundles[RIG_RELEASES]; /* by release id */
    struct loop_timer patience;
    int client;
    struct buffer answer;                /* what the last request got */
    bool closed, timed_out, silent;      /* silent: the store says nothing */
    void (*other)(void *context, struct message_in *message); /* what else the store is told; or NULL */
    void *other_context;
    bool holds_opens;                    /* the store keeps what it is asked to open in held_open */
    struct message_bundle_open held_open;
    unsigned lookups, opens, identifies, forwarded;
};

void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);
void rig_add(struct rig *rig, const struct rig_demo *demo);
/* Makes release `id` of these files; the list ends with a NULL name. */
void rig_publish(struct rig *rig, uint64_t id, const struct rig_file *files);
/* Sends raw bytes on a fresh connection and turns the loop until the gateway closes it or is silent for a moment. */
const char *rig_ask(struct rig *rig, const char *bytes);
/* GET of a path with Connection: close; `fields` are further finished lines. */
const char *rig_get(struct rig *rig, const char *host, const char *path, const char *fields);
/* Answers the question that was kept while holds_opens was set. */
void rig_open_held(struct rig *rig);
/* Turns the loop for that long. */
void rig_turn(struct rig *rig, unsigned milliseconds);
bool rig_has(const struct rig *rig, const char *part);
int rig_status(const struct rig *rig);
const char *rig_body(const struct rig *rig);
/* The store's process ends, or is there (again). */
void rig_lose_store(struct rig *rig);
void rig_connect_store(struct rig *rig);

#endif
