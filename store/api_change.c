/* Creating and deleting repositories over the Hub API. */
#include <stdio.h>
#include <stdlib.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/api.h"
#include "store/store.h"

/* The repository that the body names: {"name", "organization" (null: self), "type"}; name may be "owner/name". */
struct change {
    struct json json;
    char *name, *owner, *type; /* owned */
    bool model;
};

static void change_release(struct change *change)
{
    json_release(&change->json);
    free(change->name);
    free(change->owner);
    free(change->type);
}

/* "owner/name" in `name` wins over "organization". */
static void split_name(struct change *change)
{
    char *slash = strchr(change->name, '/');
    if (slash == NULL)
        return;
    char *name = memory_copy_string(slash + 1);
    *slash = 0;
    free(change->owner);
    change->owner = change->name;
    change->name = name;
}

/* 0, or it was answered. Clients say the owner in one of two ways, or not at all: then it is whoever asks. Without
 * a type it is a model, as the Hub has it. */
static int read_change(struct request *request, struct text body, struct change *change)
{
    *change = (struct change){0};
    bool good = json_parse(&change->json, body, NULL) == 0 && change->json.nodes[0].type == JSON_OBJECT;
    const struct json_node *root = good ? &change->json.nodes[0] : NULL;
    change->name = json_string_copy(json_get(&change->json, root, "name"));
    change->owner = json_string_copy(json_get(&change->json, root, "organization"));
    change->type = json_string_copy(json_get(&change->json, root, "type"));
    change->model = change->type == NULL || strcmp(change->type, "model") == 0;
    if (change->name == NULL) {
        request_error(request, 400, NULL, "The body must be a JSON object with a \"name\".");
        return ERROR_INVALID;
    }
    if (!change->model && strcmp(change->type, "space") != 0) {
        request_error(request, 400, NULL, "This server has repositories of the types \"space\" and \"model\".");
        return ERROR_INVALID;
    }
    split_name(change);
    if (change->owner == NULL)
        change->owner = memory_copy_string(request->identity.account.name);
    return 0;
}

/* Before the body is read: a stranger cannot make the store collect a megabyte. */
static bool may_change(struct request *request)
{
    const struct identity *identity = &request->identity;
    if (request_same_site(request) != 0)
        return false;
    if (identity->account.id == 0)
        request_error(request, 401, NULL, "Invalid credentials in Authorization header");
    else if (!identity->write)
        request_error(request, 403, NULL, "This token may only read; make one with the role write.");
    return identity->account.id != 0 && identity->write;
}

/* Older clients send "private", newer ones "visibility". */
static bool is_private(const struct json *json)
{
    const struct json_node *flag = json_get(json, &json->nodes[0], "private");
    return (flag != NULL && flag->type == JSON_TRUE) ||
           json_equals(json_get(json, &json->nodes[0], "visibility"), "private");
}

/* A name that is taken is 409 with the address that is there: clients that were told "it may exist" read it from
 * here. */
static void answer_created(struct request *request, int result, const struct repository *repository, const char *reason)
{
    static const struct {
        int result, status;
    } statuses[] = {{ERROR_INVALID, 400}, {ERROR_LIMIT, 403}, {ERROR_EXISTS, 409}};
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    int status = result == 0 ? 200 : 500;
    settings_repository_url(&request->store->settings, &url, repository->model, repository->owner, repository->name);
    buffer_byte(&body, '{');
    for (size_t index = 0; index < MEMORY_COUNT(statuses); index++) {
        if (statuses[index].result == result)
            status = statuses[index].status;
    }
    if (result != 0)
        json_write_member(&body, "error", text_from(reason));
    if (result == 0 || result == ERROR_EXISTS)
        json_write_member(&body, "url", buffer_view(&url));
    if (result == 0) {
        buffer_format(&body, ",\"name\":\"%s/%s\",\"id\":\"%024llx\"", repository->owner, repository->name,
                      (unsigned long long)repository->id);
    }
    buffer_byte(&body, '}');
    request_json(request, status, &body);
}

/* The first push makes a repository by itself; this is for clients that create first and commit afterwards. */
static void create(void *context, struct http_exchange *exchange, struct text body)
{
    struct request *request = context;
    struct change change;
    struct account owner;
    const char *reason = NULL;
    if (read_change(request, body, &change) != 0) {
        change_release(&change);
        return;
    }
    int result = account_find(&request->store->database, text_from(change.owner), &owner);
    if (result != 0 || (owner.id != request->identity.account.id && !request->identity.account.admin)) {
        request_error(request, 403, NULL, "You may only create repositories under your own name.");
    } else {
        struct repository wanted = {
            .account_id = owner.id, .model = change.model, .is_private = is_private(&change.json)};
        memcpy(wanted.owner, owner.name, sizeof wanted.owner);
        int length = snprintf(wanted.name, sizeof wanted.name, "%s", change.name);
        struct repository made = wanted;
        reason = "The name is too long.";
        result = length > BOUNDS_NAME_BYTES ? ERROR_INVALID
                                            : repository_create(&request->store->database,
                                                                request->store->settings.data, &wanted, &made, &reason);
        if (result == 0)
            store_event(request->store, request->identity.account.name, "create", made.name, "");
        answer_created(request, result, &made, reason);
    }
    change_release(&change);
}

void api_create(struct request *request)
{
    if (may_change(request))
        http_exchange_collect(request->exchange, BOUNDS_API_BODY_BYTES, create, request);
}

/* The same checks as for any change of a repository, on the one that the body names instead of the path. */
static void delete(void *context, struct http_exchange *exchange, struct text body)
{
    struct request *request = context;
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    struct change change;
    struct repository repository;
    if (read_change(request, body, &change) == 0) {
        request->model = change.model;
        request->owner = text_from(change.owner);
        request->name = text_from(change.name);
        if (request_writable(request, &repository) == 0) {
            int result = store_delete_repository(request->store, &repository);
            buffer_string(&answer, "{\"success\":true}");
            if (result == 0) {
                store_event(request->store, request->identity.account.name, "delete", repository.name, "");
                request_json(request, 200, &answer);
            } else {
                request_error(request, result == ERROR_BUSY ? 409 : 500, NULL,
                              result == ERROR_BUSY ? "A push to it is being published; try again in a moment."
                                                   : "It could not be deleted; try again.");
            }
        }
    }
    change_release(&change);
}

void api_delete(struct request *request)
{
    if (may_change(request))
        http_exchange_collect(request->exchange, BOUNDS_API_BODY_BYTES, delete, request);
}
