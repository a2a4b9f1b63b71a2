/* ui.state never lives in a worker: it travels with the call and comes back with the answer, so that sleep, eviction,
 * a kill and a new release lose nothing. What comes back may only name the function's own state outputs: otherwise
 * one function could write what another one trusts. */
#include "gateway/state.h"

#include "gateway/call.h"
#include "gateway/calls.h"
#include "gateway/function.h"
#include "gateway/gateway.h"
#include "gateway/session.h"
#include "runtime/base/error.h"
#include "runtime/wire/channel.h"

void state_write(const struct call *call, struct buffer *out)
{
    const struct function *function = call->function;
    buffer_byte(out, '{');
    for (uint32_t i = 0; call->session && function->has_state && i < function->input_count; i++) {
        const char *value =
            function->positions[i] & FUNCTION_STATE ? session_state(call->session, function->inputs[i]) : NULL;
        if (!value)
            continue;
        json_write_comma(out);
        buffer_format(out, "\"%u\":%s", function->inputs[i], value);
    }
    buffer_byte(out, '}');
}

static bool is_state_output(const struct function *function, uint64_t component)
{
    for (uint32_t i = 0; i < function->output_count; i++)
        if (function->state_outputs[i] && function->outputs[i] == component)
            return true;
    return false;
}

/* The session may be gone (a /run call without one): then the values are checked and forgotten. */
static int read_values(struct call *call, const struct json *json, uint64_t now_ms)
{
    const struct json_node *root = &json->nodes[0], *child;
    if (root->type != JSON_OBJECT)
        return ERROR_INVALID;
    for (child = json_first(json, root); child; child = json_next(json, root, child)) {
        uint64_t component;
        if (text_to_u64(child->name, &component) < 0 || !is_state_output(call->function, component))
            return ERROR_INVALID;
        if (call->session && session_set_state(call->session, (uint32_t)component, child->raw, now_ms) < 0)
            return ERROR_LIMIT;
    }
    return 0;
}

int state_read(struct call *call, struct text object, uint64_t now_ms)
{
    struct json json = {0};
    int code;
    if (object.length == 0)
        return 0;
    code = json_parse(&json, object, NULL);
    if (code == 0)
        code = read_values(call, &json, now_ms);
    json_release(&json);
    return code;
}

bool state_save(struct calls *calls, struct session *session)
{
    struct buffer state BUFFER_AUTO = BUFFER_EMPTY;
    struct message_state_save save = {.demo_id = session->demo_id, .session = text_from(session->name)};
    session_write_state(session, &state);
    save.state = buffer_view(&state);
    return calls->gateway->store && channel_send_state_save(calls->gateway->store, 0, &save) == 0;
}
