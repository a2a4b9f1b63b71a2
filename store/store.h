/* vitrine-store: one struct store hangs off one loop and holds everything; nothing is global.
 *
 *   launcher ── control channel ─┐                       ┌─ database, vault, files, logs, states   what is kept
 *   gateway ─── peer channel ────┤ peer.c → struct store ┼─ publish, git, cage                     how it comes in
 *   infer ───── peer channel ────┘                       └─ site, api, upload over route.c         how it is shown
 *   HTTP: stream sockets that the gateway hands over, and <data>/admin.sock for vitrine-ctl */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "runtime/http/server.h"
#include "runtime/loop/control.h"
#include "store/database.h"
#include "store/files.h"
#include "store/job.h"
#include "store/logs.h"
#include "store/pages.h"
#include "store/repository.h"
#include "store/settings.h"
#include "store/states.h"
#include "store/vault.h"

struct store {
    struct loop loop;
    struct control control;
    struct store_settings settings;
    struct database database;
    struct vault vault;
    struct files files;
    struct logs logs;
    struct states states;
    struct pages pages;
    struct job_pool *publish_jobs; /* reading trees, cages' pipes, syncing */
    struct job_pool *quick_jobs;   /* passwords, emptying the trash */
    struct loop_watch publish_watch, quick_watch;
    struct loop_timer flush_timer, sweep_timer;
    struct channel *gateway, *infer; /* NULL while that peer is away */
    struct http_server *server;      /* what the gateway forwards */
    struct http_server *admin;       /* the admin socket */
    struct map stages;               /* demo id → struct store_stage: what the gateway last said */
    uint64_t git_slow_ms;            /* after which a git session says in the log what it waits for */
    struct map cages;                /* request → struct cage_wait */
    struct map publishing;           /* repository id → struct publish */
    struct map writers;              /* request of the gateway → struct files_writer */
    struct map questions;            /* request → struct peer_question: what we asked infer and launcher */
    struct map tries;                /* client address → struct signin_tries */
    int signins;                     /* passwords being checked */
    struct progress_watcher *watchers; /* of uploads */
    struct request *finished;          /* answered in this turn, freed at its end */
    struct loop_deferred finished_turn;
    uint32_t next_request;
    bool stopping;
};

struct store_stage {
    char *stage, *reason; /* owned */
    int64_t since_ms;
};

/* Opens everything below settings.data and serves. 0, or an error after logging it; release either way. */
int store_start(struct store *store);
void store_release(struct store *store);
/* Stops serving; the process ends when the last answer is out or after grace_ms. */
void store_stop(struct store *store, uint32_t grace_ms);

/* A fresh id for a question of ours; never 0. */
uint32_t store_next_request(struct store *store);
/* Adds a line to a repository's log. */
void store_log(struct store *store, int64_t repository_id, const char *source, const char *level, struct text line);
/* Writes the queued lines and states soon. */
void store_flush_soon(struct store *store);
/* Keeps a line of who did what, for the operator. */
void store_event(struct store *store, const char *actor, const char *what, const char *object, const char *detail);
/* Something that others cache has changed: tells gateway and inference backend. */
void store_announce(struct store *store, const struct repository *repository, bool deleted);
/* A token was revoked: whoever cached who it was must forget. */
void store_announce_tokens(struct store *store);
/* Deletes a repository with everything that belongs to it. 0 or an error. */
int store_delete_repository(struct store *store, const struct repository *repository);

#endif
