/* The inference backend's supervisor: knows which model belongs to whom, who waits for what, and which child runs it.
 * It never looks into a model or a tensor; that is the children's business.
 *
 *   job arrives → its model is asked of the store once → the job waits in the schedule of the owner's child →
 *   the child, when idle, gets the next batch → results go back to the gateway
 *
 * Each infer_job gets exactly one infer_result, whatever happens: an answer, a failure, or the word that it was
 * cancelled. A child that dies, takes too long or needs too much memory fails the jobs it was given; those that still
 * wait run in a fresh child. */
#ifndef RUNTIME_INFER_SUPERVISOR_H
#define RUNTIME_INFER_SUPERVISOR_H

#include "runtime/infer/schedule.h"
#include "runtime/base/bounds.h"
#include "runtime/loop/control.h"

struct supervisor_child;

/* A model under its name, as the store last gave it, and who may use it. With a child it has a bundle too, which is
 * not to say that a process has loaded it. */
struct supervisor_model {
    char *name;    /* owned */
    uint32_t request;               /* a question to the store that is out; 0: none */
    uint64_t asked_demo;            /* for whom it was asked */
    bool shared;                    /* every demo may use it */
    struct map demos;               /* else: ids of those that may (value: non-NULL) */
    char *digest;                   /* owned; NULL until the store first gave it, like the rest */
    int fd;                         /* the bundle, kept so that a new child can have it */
    struct supervisor_child *child;
    struct supervisor_model *next;  /* of the same child */
    struct schedule waiting;        /* jobs of demos that the store has not let in yet */
    size_t jobs;                    /* that name this model anywhere */
    bool sent;                      /* the child has it */
    bool retired;                   /* no longer in the map: freed with its last job */
    uint64_t used_ms;
    uint64_t entry_us;              /* what one call of it takes, as lately measured; 0: not known */
};

struct supervisor_job {
    struct schedule_entry entry;    /* first: entries are jobs */
    uint64_t id;                    /* ours, never used twice: what children see */
    uint64_t gateway_job;           /* the gateway's, which begins again with a new gateway */
    uint32_t slot;                  /* whose tensor window */
    struct supervisor_model *model;
    struct supervisor_child *child; /* given to it */
    struct supervisor_job *next;    /* of the child's batch */
    bool cancelled;                 /* answered already; kept until the child lets go of it */
    char *op;                       /* owned */
    struct buffer arguments, tensors; /* as they came: nobody looks into them here */
};

/* One process: an owner's models, or one pushed model on trial. */
struct supervisor_child {
    struct supervisor *supervisor;
    char *owner;            /* owned; NULL for a trial */
    uint32_t id;            /* the nursery's; 0: no process now */
    struct channel *channel;   /* NULL: none, or it closed and its end is awaited */
    struct schedule schedule;  /* jobs that wait for it */
    struct supervisor_job *batch; /* given, unanswered */
    struct supervisor_model *batch_model; /* whose time the batch tells; NULL: loading it counts, so nobody's */
    size_t batch_count;
    uint64_t batch_us;      /* when it was given */
    struct supervisor_model *models; /* the owner's, whether a process has them now or not */
    struct map windows;     /* slots it was sent (value: non-NULL) */
    struct loop_timer patience; /* for the next answer; twice: a word, then the end */
    struct loop_timer grace;    /* for a cancelled run to stop */
    bool urged;                 /* it was told that it takes too long */
    struct loop_deferred turn; /* gives the next batch, at the end of a loop's turn */
    const char *verdict;    /* why we killed it; NULL: we did not */
    uint64_t used_ms;
    uint32_t trial;         /* the store's request; owner NULL */
    char *trial_name;       /* owned */
    uint32_t trial_epoch;   /* of the store's connection */
};

struct supervisor {
    struct loop *loop;
    struct control control;
    struct channel *gateway, *store; /* NULL while the launcher has none for us */
    int nursery_fd;
    struct loop_watch nursery_watch;
    struct loop_timer sweep;    /* looks for idle models and children */
    struct loop_timer farewell; /* the launcher's patience at a stop */
    struct map models;    /* name → struct supervisor_model */
    struct map owners;    /* owner → struct supervisor_child */
    struct map processes; /* nursery id → struct supervisor_child */
    struct map jobs;      /* our id → struct supervisor_job */
    struct map gateway_jobs; /* the gateway's number → struct supervisor_job */
    struct map demo_jobs; /* demo id → number of its jobs */
    struct map windows;   /* slot → descriptor + 1 */
    uint64_t next_job;
    uint32_t next_process, next_request;
    uint32_t store_epoch;     /* counts the store's connections: an answer to an old one is nobody's */
    uint32_t trials;          /* pushed models that are being tried */
    uint64_t job_ms, idle_ms; /* limits, as the operator set them */
    uint32_t children_max;
    bool stopping;            /* no new jobs; ends with the last */
};

/* Serves on the control channel `control_fd` until the launcher says stop; then the process exits. */
void supervisor_run(struct loop *loop, int control_fd, int nursery_fd) __attribute__((noreturn));

/* -- supervisor_child.c -- */
/* The owner's child, made when there is none. NULL when too many owners' models are busy. */
struct supervisor_child *supervisor_child_of(struct supervisor *supervisor, struct text owner);
/* Puts a job into the schedule of its model's child. */
void supervisor_child_add(struct supervisor_child *child, struct supervisor_job *job);
/* Ends the process; the batch it was given fails with `verdict` in the sentence. */
void supervisor_child_kill(struct supervisor_child *child, const char *verdict);
/* Nobody waits any more for this job of its batch: interrupts the run when it is what runs. */
void supervisor_child_cancel(struct supervisor_child *child, struct supervisor_job *job);
void supervisor_child_forget_window(struct supervisor *supervisor, uint32_t slot);
/* Starts a trial of a pushed model in the bundle `fd`, which stays the caller's. */
void supervisor_child_try(struct supervisor *supervisor, const struct message_model_try *message, int fd);
/* The nursery has something to read. */
void supervisor_child_on_nursery(void *context, int fd);
/* Ends children that nobody needs any more: no model, no job. */
void supervisor_child_sweep(struct supervisor *supervisor);

/* -- supervisor_model.c -- */
/* Finds or opens the model and queues the job at it. */
void supervisor_model_add(struct supervisor *supervisor, struct text name, struct supervisor_job *job);
void supervisor_model_on_opened(struct supervisor *supervisor, struct message_in *in);
void supervisor_model_on_missing(struct supervisor *supervisor, struct message_in *in);
void supervisor_model_on_changed(struct supervisor *supervisor, struct message_in *in);
/* The store's connection is new: asks again what was not answered, and anew who may use what. */
void supervisor_model_ask_again(struct supervisor *supervisor);
/* One job less; frees a retired model with the last. */
void supervisor_model_drop_job(struct supervisor *supervisor, struct supervisor_model *model);
/* Unloads what nobody used for long. */
void supervisor_model_sweep(struct supervisor *supervisor);

/* -- supervisor.c: ends of a job; each frees it -- */
void supervisor_finish(struct supervisor *supervisor, struct supervisor_job *job,
                       const struct message_child_result *result);
void supervisor_fail(struct supervisor *supervisor, struct supervisor_job *job, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
