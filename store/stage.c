/* The stage of a demo, put together from three places.
 *
 *   the row           what the last publish left (NO_APP_FILE, CONFIG_ERROR, BUILD_ERROR, or '' for published)
 *   the gateway       whether a worker runs, sleeps, died; kept in memory, forgotten with the gateway
 *   store->publishing whether a push is being checked right now
 *
 * A refused push does not change what a demo is: with a live release behind it the demo runs, and `reason` tells its
 * owner about the push. */
#include "store/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "store/store.h"

static const struct {
    const char *name, *kind, *label;
} stages[] = {
    {"RUNNING", "live", "Running"},
    {"LIVE", "live", "Live"}, /* a model: whether it is loaded somewhere is the inference backend's business */
    {"SLEEPING", "asleep", "Sleeping"},
    {"PAUSED", "paused", "Paused"},
    {"NO_APP_FILE", "asleep", "Nothing published"},
    {"CONFIG_ERROR", "failed", "Card is wrong"},
    {"BUILD_ERROR", "failed", "Build failed"},
    {"RUNTIME_ERROR", "failed", "Stopped by an error"},
    {"BUILDING", "busy", "Building"},
    {"RUNNING_BUILDING", "busy", "Updating"},
    {"APP_STARTING", "busy", "Starting"},
    {"DELETING", "busy", "Being deleted"},
};

/* Unknown names end at the last row; stage_heard() uses that to refuse them. */
static size_t stage_index(const char *name)
{
    size_t index = 0;
    while (index + 1 < MEMORY_COUNT(stages) && strcmp(stages[index].name, name) != 0)
        index++;
    return index;
}

const char *stage_kind(const char *name)
{
    return stages[stage_index(name)].kind;
}

const char *stage_label(const char *name)
{
    return stages[stage_index(name)].label;
}

static void set_name(struct stage *stage, const char *name)
{
    snprintf(stage->name, sizeof stage->name, "%s", name);
}

/* A live release: paused, building, or what the gateway knows. */
static void read_running(struct stage *stage, struct store *store, const struct repository *repository)
{
    const struct store_stage *heard = map_get_u64(&store->stages, (uint64_t)repository->id);
    bool publishing = map_get_u64(&store->publishing, (uint64_t)repository->id) != NULL;
    const char *resting = repository->model ? "LIVE" : "SLEEPING";
    set_name(stage, publishing ? "RUNNING_BUILDING" : repository->paused ? "PAUSED" : resting);
    if (heard == NULL || repository->paused || publishing || repository->model)
        return;
    set_name(stage, heard->stage);
    stage->since_ms = heard->since_ms;
    if (!stage->refused)
        buffer_string(&stage->reason, heard->reason);
}

void stage_init(struct stage *stage, struct store *store, const struct repository *repository)
{
    *stage = (struct stage){.name = "NO_APP_FILE"};
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(
        &query, &store->database,
        "SELECT stage, stage_reason, stage_ms, (SELECT count(*) FROM releases WHERE repository_id = r.id "
        "AND state = 'live') FROM repositories r WHERE id = ?",
        "i", repository->id);
    if (database_query_step(&query) != 1)
        return;
    struct text kept = database_query_text(&query, 0);
    buffer_text(&stage->reason, database_query_text(&query, 1));
    stage->since_ms = database_query_integer(&query, 2);
    stage->serves = database_query_integer(&query, 3) != 0;
    stage->refused = text_ends(kept, TEXT("_ERROR"));
    if (stage->serves)
        read_running(stage, store, repository);
    else if (map_get_u64(&store->publishing, (uint64_t)repository->id) != NULL)
        set_name(stage, "BUILDING");
    else if (kept.length > 0)
        snprintf(stage->name, sizeof stage->name, TEXT_FORMAT, TEXT_ARGUMENT(kept));
}

void stage_release(struct stage *stage)
{
    buffer_release(&stage->reason);
}

/* -- what the gateway says -- */

static void store_stage_free(struct store_stage *stage)
{
    if (stage == NULL)
        return;
    free(stage->stage);
    free(stage->reason);
    free(stage);
}

/* A stage that is not in the table is dropped: clients take an unknown word for an error. */
void stage_heard(struct store *store, int64_t repository_id, struct text name, struct text reason)
{
    MEMORY_AUTO char *copy = text_copy(name);
    if (strcmp(stages[stage_index(copy)].name, copy) != 0)
        return;
    struct store_stage *stage = MEMORY_NEW(struct store_stage);
    *stage = (struct store_stage){MEMORY_STEAL(copy), text_copy(reason), clock_wall_ms()};
    store_stage_free(map_set_u64(&store->stages, (uint64_t)repository_id, stage));
}

void stage_forget(struct store *store, int64_t repository_id)
{
    store_stage_free(map_remove_u64(&store->stages, (uint64_t)repository_id));
}

static int free_stage(void *context, struct text key, void *value)
{
    store_stage_free(value);
    return 0;
}

void stage_forget_all(struct store *store)
{
    map_each(&store->stages, free_stage, NULL);
    map_release(&store->stages);
    map_init(&store->stages);
}
