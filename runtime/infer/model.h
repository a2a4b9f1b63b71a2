/* One loaded model of a child: the mapped bundle, the session, and what its pipeline needs. A model that cannot be
 * loaded stays as the sentence that says why. */
#ifndef RUNTIME_INFER_MODEL_H
#define RUNTIME_INFER_MODEL_H

#include "runtime/base/bundle.h"
#include "runtime/infer/engine.h"
#include "runtime/infer/pipeline.h"

struct model {
    char *name; /* owned: "owner/name" */
    struct bundle bundle;         /* mapped read-only: the session reads its weights there */
    bool mapped;                  /* there is a bundle */
    bool opened;                  /* there is an engine; else `trouble` says why not */
    bool has_pipeline;            /* image-classification works; else `pipeline_trouble` */
    struct engine engine;
    struct pipeline pipeline;
    struct buffer trouble;          /* why it is not opened */
    struct buffer pipeline_trouble; /* why has_pipeline is false */
};

/* Maps and loads. Takes over `fd`. Never fails: see `opened`. */
struct model *model_load(struct text name, int fd);
void model_free(struct model *model);
/* Runs it once with random input within its shapes. 0, or a negative code with a sentence in `reason`. */
int model_try(struct model *model, struct buffer *reason);

#endif
