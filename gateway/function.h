/* The callable functions of a release, as its manifest names them: what the gateway needs to check, fill in and queue
 * a call without asking the worker. */
#ifndef GATEWAY_FUNCTION_H
#define GATEWAY_FUNCTION_H

#include "runtime/base/json.h"
#include "runtime/base/map.h"

enum function_visibility { FUNCTION_PUBLIC, FUNCTION_UNDOCUMENTED, FUNCTION_PRIVATE };
enum function_trigger { FUNCTION_ONCE, FUNCTION_MULTIPLE, FUNCTION_ALWAYS_LAST };

/* Bits of function.positions[i]. */
enum {
    FUNCTION_STATE = 1,       /* ui.state: kept here, callers send null or nothing */
    FUNCTION_FILE = 2,
    FUNCTION_HAS_DEFAULT = 4,
    FUNCTION_SKIPPED = 8      /* a button or the like: the page sends it, API callers do not know of it */
};

struct function {
    uint32_t id;               /* fn_index on the wire, >= 1 */
    char *api_name;            /* owned; NULL when it has none */
    enum function_visibility visibility;
    enum function_trigger trigger;
    bool queue;                /* false: clients use /run */
    uint64_t time_limit_ms;    /* how long one call may take, waits included; 0: as long as the demo's budget says */
    uint32_t concurrency;      /* how many of its group run at once */
    uint32_t group;            /* index into function_table.groups */
    uint32_t input_count, output_count;
    unsigned char *positions;  /* owned, one per input: the bits above */
    bool *state_outputs;       /* owned, one per output */
    uint32_t *inputs, *outputs; /* owned: component ids */
    char **defaults;           /* owned, one JSON text per input, NULL without FUNCTION_HAS_DEFAULT */
    char **names;              /* owned, one parameter name per input, NULL when unknown */
    uint32_t *cancels;         /* owned: ids of functions whose running events a call of this one cancels */
    uint32_t cancel_count;
    bool has_state;            /* some input or output is ui.state */
};

struct function_table {
    struct function *functions; /* owned */
    uint32_t count;
    uint32_t group_count;       /* concurrency groups: functions of one group share a limit */
    uint32_t *group_limits;     /* owned */
    uint32_t max_queue;         /* events of this demo that may wait */
    struct map by_name;         /* api_name → struct function */
};

/* Reads the manifest (.vitrine/manifest.json of a release). 0, or ERROR_INVALID / ERROR_LIMIT when it is not what the
 * describe cage writes; the table is empty then. Release with function_table_release() either way. */
int function_table_read(struct function_table *table, struct text manifest);
void function_table_release(struct function_table *table);

/* The function with this id / this api_name (a leading '/' is allowed), or NULL. */
const struct function *function_by_id(const struct function_table *table, int64_t id);
const struct function *function_by_name(const struct function_table *table, struct text name);

/* How many of a function's inputs have none of these bits. */
uint32_t function_inputs_without(const struct function *function, unsigned char bits);

#endif
