/* Questions to the store and their callbacks. A question is remembered by its id until its answer comes, it is
 * forgotten, or the store dies; then everybody is answered ERROR_BUSY. Asking while the store is away must not call
 * back from inside the asker, so such questions stand in `unasked` until the next tick. */
#include "gateway/request.h"

#include <stdlib.h>

#include "gateway/calls.h"
#include "gateway/gateway.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/wire/channel.h"

struct request {
    uint32_t id;
    request_done *done;
    void *context;
    struct list in_failed; /* it could not be asked: answered by request_fail_asked() */
};

/* Remembered before it is sent: the answer may come in the same turn. */
static uint32_t request_new(struct calls *calls, request_done *done, void *context, struct request **ret_request)
{
    struct request *request = MEMORY_NEW(struct request);
    request->id = gateway_next_request(calls->gateway);
    request->done = done;
    request->context = context;
    list_init(&request->in_failed);
    map_set_u64(&calls->requests, request->id, request);
    *ret_request = request;
    return request->id;
}

/* It could not be asked: answered from the next tick, never from inside the asker. */
static void settle_sent(struct calls *calls, struct request *request, int code)
{
    if (code == 0)
        return;
    list_append(&calls->unasked, &request->in_failed);
    calls_arm(calls);
}

#define SEND(calls, name, message) \
    ((calls)->gateway->store ? channel_send_##name((calls)->gateway->store, 0, message) : ERROR_CLOSED)

uint32_t request_state(struct calls *calls, uint64_t demo_id, const char *session, request_done *done, void *context)
{
    struct request *request;
    struct message_state_load load = {.request = request_new(calls, done, context, &request), .demo_id = demo_id,
                                      .session = text_from(session)};
    settle_sent(calls, request, SEND(calls, state_load, &load));
    return request->id;
}

uint32_t request_file_open(struct calls *calls, const struct request_file *file, request_done *done, void *context)
{
    struct request *request;
    struct message_file_open open = {.request = request_new(calls, done, context, &request), .demo_id = file->demo_id,
                                     .session = file->session, .handle = file->handle};
    settle_sent(calls, request, SEND(calls, file_open, &open));
    return request->id;
}

uint32_t request_file_begin(struct calls *calls, const struct request_file *file, request_done *done, void *context)
{
    struct request *request;
    struct message_file_begin begin = {.request = request_new(calls, done, context, &request),
                                       .demo_id = file->demo_id,
                                       .session = file->session,
                                       .name = file->name,
                                       .mime_type = file->mime_type};
    settle_sent(calls, request, SEND(calls, file_begin, &begin));
    return request->id;
}

int request_file_append(struct calls *calls, uint32_t request, struct text bytes)
{
    struct message_file_append append = {.request = request, .bytes = bytes};
    return SEND(calls, file_append, &append);
}

void request_file_end(struct calls *calls, uint32_t request, bool keep)
{
    struct message_file_end end = {.request = request, .keep = keep};
    SEND(calls, file_end, &end);
    if (!keep)
        request_forget(calls, request);
}

void request_redirect(struct calls *calls, uint32_t request, request_done *done, void *context)
{
    struct request *found = map_get_u64(&calls->requests, request);
    if (!found)
        return;
    found->done = done;
    found->context = context;
}

static void request_free(struct calls *calls, struct request *request)
{
    map_remove_u64(&calls->requests, request->id);
    list_remove(&request->in_failed);
    free(request);
}

void request_forget(struct calls *calls, uint32_t request)
{
    struct request *found = map_get_u64(&calls->requests, request);
    if (found)
        request_free(calls, found);
}

/* ---- answers ---- */

/* Takes the request out first: whoever is told may ask again, or free itself. */
static void answer_request(struct calls *calls, uint32_t id, struct request_answer *answer)
{
    struct request *request = map_get_u64(&calls->requests, id);
    if (request) {
        request_done *done = request->done;
        void *context = request->context;
        request_free(calls, request);
        done(context, answer);
    }
    fd_close(&answer->fd);
}

static bool on_failed(struct calls *calls, struct message_in *in)
{
    struct message_request_failed message;
    struct request_answer answer = {.fd = -1};
    if (message_request_failed_unpack(&message, in->body) < 0 || !map_get_u64(&calls->requests, message.request))
        return false;
    answer.status = message.status ? -(int)message.status : ERROR_SYSTEM;
    answer.reason = message.reason;
    answer_request(calls, message.request, &answer);
    return true;
}

static bool on_state(struct calls *calls, struct message_in *in)
{
    struct message_state_loaded message;
    struct request_answer answer = {.fd = -1};
    if (message_state_loaded_unpack(&message, in->body) < 0)
        return false;
    answer.state = message.state;
    answer_request(calls, message.request, &answer);
    return true;
}

static bool on_opened(struct calls *calls, struct message_in *in)
{
    struct message_file_opened message;
    struct request_answer answer = {.fd = -1};
    if (message_file_opened_unpack(&message, in->body) < 0)
        return false;
    answer.fd = fd_steal(&in->fds[0]);
    answer.size = message.size;
    answer.mime_type = message.mime_type;
    answer.name = message.name;
    answer_request(calls, message.request, &answer);
    return true;
}

static bool on_made(struct calls *calls, struct message_in *in)
{
    struct message_file_made message;
    struct request_answer answer = {.fd = -1};
    if (message_file_made_unpack(&message, in->body) < 0)
        return false;
    answer.handle = message.handle;
    answer.size = message.size;
    answer_request(calls, message.request, &answer);
    return true;
}

bool request_message(struct calls *calls, struct message_in *in)
{
    static bool (*const handlers[MESSAGE_COUNT])(struct calls *calls, struct message_in *in) = {
        [MESSAGE_request_failed] = on_failed,
        [MESSAGE_state_loaded] = on_state,
        [MESSAGE_file_opened] = on_opened,
        [MESSAGE_file_made] = on_made,
    };
    return handlers[in->type] && handlers[in->type](calls, in);
}

static void fail_request(struct calls *calls, uint32_t id)
{
    struct request_answer answer = {.status = ERROR_BUSY, .fd = -1, .reason = TEXT("the file store is restarting")};
    answer_request(calls, id, &answer);
}

void request_fail_unasked(struct calls *calls)
{
    struct request *request;
    while ((request = LIST_FIRST(&calls->unasked, struct request, in_failed)) != NULL)
        fail_request(calls, request->id);
}

static int visit_mark(void *context, struct text key, void *value)
{
    struct calls *calls = context;
    struct request *request = value;
    (void)key;
    list_append(&calls->unasked, &request->in_failed);
    return 0;
}

void request_fail_all(struct calls *calls)
{
    map_each(&calls->requests, visit_mark, calls);
    request_fail_unasked(calls);
}
