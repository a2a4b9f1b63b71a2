/* What gateway, inference backend and launcher say, as tables of handlers.
 *
 * A peer may die and come back at any time (peer_attach replaces its channel), so nothing here waits for an answer: a
 * question of ours is a number in store->questions with what to do when the answer comes, and a peer that goes away
 * has its questions answered with a failure. Which messages a peer may send at all is checked by the channel from the
 * message table; a body that does not unpack is ignored here, because the channel has already dropped a hostile peer.
 *
 * The gateway's questions are answered in the same turn of the loop. Only file_begin … file_end keep something
 * between messages: a half-written file in store->writers, abandoned when the gateway goes. */
#include "store/peer.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/cage.h"
#include "store/publish.h"
#include "store/release.h"
#include "store/stage.h"
#include "store/store.h"
#include "store/token.h"

/* A question of ours that infer or launcher will answer. */
struct peer_question {
    struct publish *publish;
    void (*answered)(void *context, struct text json);
    void *context;
};

/* On the wire an error is its number without the sign; 0 is good. */
static uint32_t positive(int result)
{
    return (uint32_t)-result;
}

static void fail(struct store *store, uint32_t request, int result)
{
    struct message_request_failed message = {request, positive(result), text_from(error_text(result))};
    if (store->gateway != NULL)
        channel_send_request_failed(store->gateway, 0, &message);
}

/* -- demos -- */

/* `disable_embedding` is true, or the list of parents that may frame the demo. */
static void write_embedding(const struct json *card, struct buffer *out)
{
    const struct json_node *disable = json_get(card, &card->nodes[0], "disable_embedding");
    bool list = disable != NULL && disable->type == JSON_ARRAY;
    json_write_name(out, "embedding");
    buffer_string(out, "{\"disabled\":");
    buffer_string(out, disable != NULL && disable->type == JSON_TRUE ? "true" : "false");
    buffer_string(out, ",\"parents\":");
    buffer_text(out, list ? disable->raw : TEXT("[]"));
    buffer_byte(out, '}');
}

/* What the gateway needs beside the release: the stage, who may see it, who may frame it, which headers it adds. The
 * card is a stranger's text: only members of the right type are passed on, and the gateway checks their values. */
static void write_settings(struct store *store, const struct repository *repository, struct text card_json,
                           struct buffer *out)
{
    struct stage stage;
    struct json card;
    stage_init(&stage, store, repository);
    buffer_byte(out, '{');
    json_write_member(out, "stage", text_from(stage.name));
    json_write_member(out, "stage_reason", buffer_view(&stage.reason));
    pages_write_flag(out, "private", repository->is_private);
    pages_write_flag(out, "paused", repository->paused);
    buffer_string(out, ",\"idle_ms\":null");
    if (json_parse(&card, card_json, NULL) == 0) {
        const struct json_node *headers = json_get(&card, &card.nodes[0], "custom_headers");
        write_embedding(&card, out);
        json_write_name(out, "custom_headers");
        buffer_text(out, headers != NULL && headers->type == JSON_OBJECT ? headers->raw : TEXT("{}"));
    }
    buffer_byte(out, '}');
    json_release(&card);
    stage_release(&stage);
}

/* "ann-digits" or, for one release, "ann-digits--0a1b2c3". */
static int find_label(struct store *store, struct text label, struct repository *ret_repository,
                      struct text *ret_commit)
{
    int result = repository_find_subdomain(&store->database, label, ret_repository);
    if (result != ERROR_NOT_FOUND || label.length < 10)
        return result;
    struct text tail = text_skip(label, label.length - 9);
    if (!text_starts(tail, TEXT("--")))
        return ERROR_NOT_FOUND;
    *ret_commit = text_skip(tail, 2);
    return repository_find_subdomain(&store->database, text_head(label, label.length - 9), ret_repository);
}

/* The three ways to name a demo: by host label, by owner/name, by id. */
static int find_demo(struct store *store, const struct message_demo_lookup *lookup, struct repository *ret_repository,
                     struct text *ret_commit)
{
    struct text name = lookup->name;
    uint64_t id;
    *ret_commit = (struct text){0};
    if (lookup->by == 0)
        return find_label(store, name, ret_repository, ret_commit);
    if (lookup->by == 2)
        return text_to_u64(name, &id) != 0 ? ERROR_NOT_FOUND
                                           : repository_find_id(&store->database, (int64_t)id, ret_repository);
    struct text owner = text_cut(&name, '/');
    return repository_find(&store->database, false, owner, name, ret_repository);
}

/* The live release, or the one of `commit`. Releases that are not live are for those who may write, unless the owner
 * opened them: the gateway cannot know who asks, so the closed ones are not given out at all. */
static int find_release(struct store *store, const struct repository *repository, struct text commit,
                        struct release *ret_release)
{
    if (commit.length == 0)
        return release_find_live(&store->database, repository->id, ret_release);
    int result = release_find_commit(&store->database, repository->id, commit, ret_release);
    if (result == 0 && !ret_release->live && !repository->open_previews)
        return ERROR_FORBIDDEN;
    return result;
}

static void read_card(struct store *store, int64_t release_id, struct buffer *out)
{
    DATABASE_QUERY_AUTO struct database_query query;
    database_query_start(&query, &store->database, "SELECT card FROM releases WHERE id = ?", "i", release_id);
    if (database_query_step(&query) == 1)
        buffer_text(out, database_query_text(&query, 0));
    else
        buffer_string(out, "{}");
}

/* Answered also when nothing is live: owner, name and stage let the gateway say what is wrong, and where. */
static void on_demo_lookup(struct store *store, struct message_in *in)
{
    struct message_demo_lookup lookup;
    struct repository repository;
    struct release release = {0};
    struct text commit;
    BUFFER_AUTO struct buffer card = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer settings = BUFFER_EMPTY;
    if (message_demo_lookup_unpack(&lookup, in->body) != 0)
        return;
    struct message_demo_found found = {.request = lookup.request};
    int result = find_demo(store, &lookup, &repository, &commit);
    if (result == 0 && repository.model)
        result = ERROR_NOT_FOUND;
    if (result == 0) {
        found.demo_id = (uint64_t)repository.id;
        found.owner = text_from(repository.owner);
        found.name = text_from(repository.name);
        result = find_release(store, &repository, commit, &release);
        read_card(store, release.id, &card);
        write_settings(store, &repository, buffer_view(&card), &settings);
        found.settings = buffer_view(&settings);
    }
    if (result == 0) {
        found.release_id = (uint64_t)release.id;
        found.commit = text_from(release.commit);
        found.digest = text_from(release.digest);
    }
    found.status = positive(result);
    channel_send_demo_found(store->gateway, 0, &found);
}

/* The descriptor is the only way to a release's bytes: the gateway cannot open files. */
static void on_bundle_open(struct store *store, struct message_in *in)
{
    struct message_bundle_open open;
    struct release release;
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    if (message_bundle_open_unpack(&open, in->body) != 0)
        return;
    int result = release_find(&store->database, (int64_t)open.release_id, &release);
    FD_AUTO int fd = result == 0 ? vault_open(&store->vault, text_from(release.digest)) : result;
    if (fd < 0) {
        fail(store, open.request, fd);
        return;
    }
    message_bundle_opened_pack(&body, &(struct message_bundle_opened){open.request, open.release_id});
    channel_send(store->gateway, MESSAGE_bundle_opened, 0, buffer_view(&body), &fd, 1);
}

static void on_identify(struct store *store, struct message_in *in)
{
    struct message_identify identify;
    struct identity who = {0};
    if (message_identify_unpack(&identify, in->body) != 0)
        return;
    int result = token_identify(&store->database, identify.token, &who);
    struct message_identity message = {
        .request = identify.request, .status = positive(result), .account_id = (uint64_t)who.account.id,
        .name = text_from(who.account.name), .role = who.write ? TEXT("write") : TEXT("read"),
    };
    channel_send_identity(store->gateway, 0, &message);
}

static void on_demo_stage(struct store *store, struct message_in *in)
{
    struct message_demo_stage message;
    if (message_demo_stage_unpack(&message, in->body) == 0)
        stage_heard(store, (int64_t)message.demo_id, message.stage, message.reason);
}

static void on_log_append(struct store *store, struct message_in *in)
{
    struct message_log_append message;
    if (message_log_append_unpack(&message, in->body) != 0)
        return;
    struct logs_line line = {"run", (int64_t)message.wall_ms, message.level, message.line};
    if (logs_append(&store->logs, (int64_t)message.demo_id, &line))
        store_flush_soon(store);
}

/* -- state -- */

/* No answer: the gateway keeps its own copy and saves the newest state again. */
static void on_state_save(struct store *store, struct message_in *in)
{
    struct message_state_save message;
    if (message_state_save_unpack(&message, in->body) == 0 &&
        states_save(&store->states, (int64_t)message.demo_id, message.session, message.state))
        store_flush_soon(store);
}

static void on_state_load(struct store *store, struct message_in *in)
{
    struct message_state_load message;
    BUFFER_AUTO struct buffer state = BUFFER_EMPTY;
    if (message_state_load_unpack(&message, in->body) != 0)
        return;
    states_load(&store->states, (int64_t)message.demo_id, message.session, &state);
    channel_send_state_loaded(store->gateway, 0, &(struct message_state_loaded){message.request, buffer_view(&state)});
}

/* -- files -- */

/* A handle of another demo or session looks like one that never was. */
static void on_file_open(struct store *store, struct message_in *in)
{
    struct message_file_open message;
    struct files_entry entry;
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    if (message_file_open_unpack(&message, in->body) != 0)
        return;
    int result = files_find(&store->files, (int64_t)message.demo_id, &message.session, message.handle, &entry);
    FD_AUTO int fd = result == 0 ? files_open(&store->files, &entry) : result;
    if (fd < 0) {
        fail(store, message.request, fd);
    } else {
        struct message_file_opened opened = {message.request, (uint64_t)entry.bytes, buffer_view(&entry.mime_type),
                                             buffer_view(&entry.name)};
        message_file_opened_pack(&body, &opened);
        channel_send(store->gateway, MESSAGE_file_opened, 0, buffer_view(&body), &fd, 1);
    }
    files_entry_release(&entry);
}

static void writer_free(struct files_writer *writer)
{
    if (writer == NULL)
        return;
    files_abandon(writer);
    free(writer);
}

static void on_file_begin(struct store *store, struct message_in *in)
{
    struct message_file_begin message;
    if (message_file_begin_unpack(&message, in->body) != 0)
        return;
    struct files_writer *writer = MEMORY_NEW(struct files_writer);
    int result = store->writers.count >= BOUNDS_FILES_OPEN ? ERROR_LIMIT
                                                           : files_begin(&store->files, (int64_t)message.demo_id,
                                                                         message.session, message.name, writer);
    if (result != 0) {
        free(writer);
        fail(store, message.request, result);
        return;
    }
    files_set_type(writer, message.mime_type);
    writer_free(map_set_u64(&store->writers, message.request, writer));
}

/* The first failure is answered and ends the writing; pieces that are still on their way find no writer and vanish. */
static void on_file_append(struct store *store, struct message_in *in)
{
    struct message_file_append message;
    if (message_file_append_unpack(&message, in->body) != 0)
        return;
    struct files_writer *writer = map_get_u64(&store->writers, message.request);
    int result = writer == NULL ? 0 : files_append(writer, message.bytes);
    if (result == 0)
        return;
    writer_free(map_remove_u64(&store->writers, message.request));
    fail(store, message.request, result);
}

static void on_file_end(struct store *store, struct message_in *in)
{
    struct message_file_end message;
    if (message_file_end_unpack(&message, in->body) != 0)
        return;
    struct files_writer *writer = map_remove_u64(&store->writers, message.request);
    if (writer == NULL)
        return; /* it failed before, and the gateway was told */
    int result = message.keep ? files_finish(writer) : 0;
    if (result != 0) {
        fail(store, message.request, result);
    } else if (message.keep) {
        struct message_file_made made = {message.request, buffer_view(&writer->handle), writer->bytes};
        channel_send_file_made(store->gateway, 0, &made);
    }
    writer_free(writer);
}

static void on_store_connect(struct store *store, struct message_in *in)
{
    int fd = in->fds[0];
    in->fds[0] = -1;
    if (http_server_adopt(store->server, fd) != 0)
        log_warning("a connection of the gateway could not be served");
}

static void (*const gateway_handlers[MESSAGE_COUNT])(struct store *, struct message_in *) = {
    [MESSAGE_store_connect] = on_store_connect, [MESSAGE_demo_lookup] = on_demo_lookup,
    [MESSAGE_bundle_open] = on_bundle_open,     [MESSAGE_identify] = on_identify,
    [MESSAGE_demo_stage] = on_demo_stage,       [MESSAGE_log_append] = on_log_append,
    [MESSAGE_state_save] = on_state_save,       [MESSAGE_state_load] = on_state_load,
    [MESSAGE_file_open] = on_file_open,         [MESSAGE_file_begin] = on_file_begin,
    [MESSAGE_file_append] = on_file_append,     [MESSAGE_file_end] = on_file_end,
};

/* -- models -- */

/* A demo runs what its owner may read: a model is used in the name of the author, whoever visits the demo. */
static bool demo_may_use(struct store *store, uint64_t demo_id, const struct repository *model)
{
    struct repository demo;
    struct account owner;
    if (!model->is_private)
        return true;
    return repository_find_id(&store->database, (int64_t)demo_id, &demo) == 0 && !demo.model &&
           account_find_id(&store->database, demo.account_id, &owner) == 0 && repository_may_read(model, &owner);
}

/* 0 and the model, or the error with its sentence. A private model of others is not found, with the words for one that
 * does not exist. Only the model's own spelling opens it (the database finds others too): the backend knows models by
 * the name it asked for, and what is announced of them carries their own. */
static int find_model(struct store *store, const struct message_model_open *open, struct repository *ret_repository,
                      struct text *ret_reason)
{
    struct text name = open->name, owner = text_cut(&name, '/');
    int result = repository_find(&store->database, true, owner, name, ret_repository);
    *ret_reason = TEXT("there is no such model");
    if (result == 0 && !demo_may_use(store, open->demo_id, ret_repository))
        return ERROR_NOT_FOUND;
    if (result == 0 && (!text_equal(owner, text_from(ret_repository->owner)) ||
                        !text_equal(name, text_from(ret_repository->name)))) {
        *ret_reason = TEXT("its name is spelled differently; write it as its page does");
        return ERROR_NOT_FOUND;
    }
    return result;
}

static void on_model_open(struct store *store, struct message_in *in)
{
    struct message_model_open open;
    struct repository repository;
    struct release release;
    struct text reason;
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    if (message_model_open_unpack(&open, in->body) != 0)
        return;
    int result = find_model(store, &open, &repository, &reason);
    if (result == 0)
        result = release_find_live(&store->database, repository.id, &release);
    FD_AUTO int fd = result == 0 ? vault_open(&store->vault, text_from(release.digest)) : result;
    if (fd < 0) {
        struct message_model_missing missing = {open.request, positive(fd), reason};
        channel_send_model_missing(store->infer, 0, &missing);
        return;
    }
    struct message_model_opened opened = {open.request, !repository.is_private, text_from(repository.owner),
                                          text_from(release.digest)};
    message_model_opened_pack(&body, &opened);
    channel_send(store->infer, MESSAGE_model_opened, 0, buffer_view(&body), &fd, 1);
}

static void on_model_tried(struct store *store, struct message_in *in)
{
    struct message_model_tried tried;
    if (message_model_tried_unpack(&tried, in->body) != 0)
        return;
    struct peer_question *question = map_remove_u64(&store->questions, tried.request);
    if (question != NULL && question->publish != NULL)
        publish_tried(question->publish, -(int)tried.status, tried.reason);
    free(question);
}

static void (*const infer_handlers[MESSAGE_COUNT])(struct store *, struct message_in *) = {
    [MESSAGE_model_open] = on_model_open,
    [MESSAGE_model_tried] = on_model_tried,
};

/* The answer comes to publish_tried(), also when the backend dies meanwhile (infer_closed). */
uint32_t peer_try_model(struct store *store, struct text name, int bundle_fd, struct publish *publish)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    if (store->infer == NULL)
        return 0;
    struct message_model_try message = {store_next_request(store), name};
    message_model_try_pack(&body, &message);
    if (channel_send(store->infer, MESSAGE_model_try, 0, buffer_view(&body), &bundle_fd, 1) != 0)
        return 0;
    struct peer_question *question = MEMORY_NEW(struct peer_question);
    question->publish = publish;
    map_set_u64(&store->questions, message.request, question);
    return message.request;
}

/* -- the launcher -- */

void peer_launcher_message(void *context, struct message_in *in)
{
    struct store *store = context;
    struct message_launcher_status status;
    if (in->type == MESSAGE_cage_exited) {
        cage_heard(store, in->body);
        return;
    }
    if (in->type != MESSAGE_launcher_status || message_launcher_status_unpack(&status, in->body) != 0)
        return;
    struct peer_question *question = map_remove_u64(&store->questions, status.request);
    if (question != NULL && question->answered != NULL)
        question->answered(question->context, status.json);
    free(question);
}

uint32_t peer_ask_status(struct store *store, void (*answered)(void *context, struct text json), void *context)
{
    struct message_launcher_query message = {store_next_request(store)};
    if (channel_send_launcher_query(store->control.channel, 0, &message) != 0)
        return 0;
    struct peer_question *question = MEMORY_NEW(struct peer_question);
    *question = (struct peer_question){.answered = answered, .context = context};
    map_set_u64(&store->questions, message.request, question);
    return message.request;
}

void peer_forget(struct store *store, uint32_t question)
{
    free(map_remove_u64(&store->questions, question));
}

/* -- coming and going -- */

static int drop_writer(void *context, struct text key, void *value)
{
    writer_free(value);
    map_remove(context, key);
    return 0;
}

static void gateway_message(void *context, struct message_in *in)
{
    struct store *store = context;
    if (gateway_handlers[in->type] != NULL)
        gateway_handlers[in->type](store, in);
}

/* Its workers ended with it, and nobody will finish their files. */
static void gateway_closed(void *context, int result)
{
    struct store *store = context;
    store->gateway = NULL;
    stage_forget_all(store);
    map_each(&store->writers, drop_writer, &store->writers);
}

static void infer_message(void *context, struct message_in *in)
{
    struct store *store = context;
    if (infer_handlers[in->type] != NULL)
        infer_handlers[in->type](store, in);
}

static int fail_trial(void *context, struct text key, void *value)
{
    struct peer_question *question = value;
    struct publish *publish = question->publish;
    if (publish == NULL)
        return 0;
    map_remove(context, key);
    free(question);
    publish_tried(publish, ERROR_CLOSED,
                  TEXT("the inference backend stopped while it tried the model; the model may be "
                       "broken, or push again in a moment"));
    return 1; /* the map may have changed: begin again */
}

static void infer_closed(void *context, int result)
{
    struct store *store = context;
    store->infer = NULL;
    while (map_each(&store->questions, fail_trial, &store->questions) != 0)
        continue;
}

void peer_attach(struct store *store, enum message_role role, int fd)
{
    bool gateway = role == ROLE_GATEWAY;
    struct channel **slot = gateway ? &store->gateway : &store->infer;
    if (!gateway && role != ROLE_INFER) {
        fd_close(&fd);
        return;
    }
    if (*slot != NULL) {
        loop_channel_detach(&store->loop, *slot);
        (gateway ? gateway_closed : infer_closed)(store, 0);
    }
    *slot =
        loop_channel_attach(&store->loop, fd, ROLE_STORE, role, CHANNEL_FDS, gateway ? gateway_message : infer_message,
                            gateway ? gateway_closed : infer_closed, store);
}

static int free_question(void *context, struct text key, void *value)
{
    free(value);
    return 0;
}

void peer_release_all(struct store *store)
{
    map_each(&store->questions, free_question, NULL);
    map_release(&store->questions);
    map_each(&store->writers, drop_writer, &store->writers);
    map_release(&store->writers);
}
