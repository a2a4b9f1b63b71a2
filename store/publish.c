/* One push, from git's hook to a live release: a state machine that is moved on by jobs, cages, peers and the hook.
 *
 *   state       moved on by            what may go wrong there
 *   WAITING     the hook's message     refs that are not main: stored, nothing else
 *   CHECKING    a job: tree_load       names, kinds, sizes
 *   DESCRIBING  a job AND the cage     the card, the script; either may end first
 *   KEEPING     a job: check and sync  a bundle that is not what it claims
 *   TRYING      the inference backend  a model that does not run
 *   ACCEPTED    git's exit             git moves no ref after all
 *   LATE        a timer                the database is locked or full just now
 *   OVER        git's exit             nothing any more: a verdict was given
 *
 * Who frees it: the git session calls publish_settle() exactly once, when git has exited; if a job still runs then,
 * its `done` finds `settled` and frees. Every other callback (cage, peer, timer) is taken back in publish_free(), so
 * none can find it gone. At most one publish of a repository is past WAITING (store->publishing): two pushes at once
 * would both be checked against the same old main, and git would let only one move it. */
#include "store/publish.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/cage.h"
#include "store/describe.h"
#include "store/manifest.h"
#include "store/peer.h"
#include "store/release.h"
#include "store/store.h"

enum publish_state { WAITING, CHECKING, DESCRIBING, KEEPING, TRYING, ACCEPTED, LATE, OVER };

struct publish {
    struct job job; /* first: a job of this publish */
    struct store *store;
    struct repository repository;
    struct channel *hook; /* NULL when it is gone */
    char *actor;          /* owned */
    enum publish_state state;
    bool settled; /* the git cage is gone: free when no job runs */
    bool working; /* a job runs */
    int result;   /* of the last job */
    uint64_t started_ms;
    /* the push */
    struct buffer path, quarantine; /* of the repository; the folder below objects/ */
    char commit[41];
    struct tree tree;
    /* the cage */
    struct describe describe;
    bool describe_used, cage_done;
    uint32_t cage;
    struct cage_end end;
    /* what came of it */
    struct buffer card, reason;
    int64_t release_id;
    uint32_t question;          /* to the inference backend, 0 for none */
    struct loop_timer patience; /* TRYING: for its answer; LATE: until the next attempt */
};

static void publish_free(struct publish *publish)
{
    struct store *store = publish->store;
    if (map_get_u64(&store->publishing, (uint64_t)publish->repository.id) == publish)
        map_remove_u64(&store->publishing, (uint64_t)publish->repository.id);
    loop_channel_detach(&store->loop, publish->hook);
    loop_timer_release(&publish->patience);
    peer_forget(store, publish->question);
    cage_forget(store, publish->cage);
    if (publish->release_id == 0) /* kept, but refused afterwards */
        release_remove_unused(&store->database, &store->vault, text_from(publish->describe.digest));
    if (publish->describe_used)
        describe_release(&publish->describe, &store->vault);
    tree_release(&publish->tree);
    buffer_release(&publish->path);
    buffer_release(&publish->quarantine);
    buffer_release(&publish->card);
    buffer_release(&publish->reason);
    free(publish->actor);
    free(publish);
}

/* -- words to the author -- */

static void say(struct publish *publish, struct text line)
{
    struct message_hook_text message = {line};
    if (publish->hook != NULL)
        channel_send_hook_text(publish->hook, 0, &message);
}

/* Lines for the author, also kept in the build log. */
static void say_lines(struct publish *publish, struct text lines, const char *level)
{
    while (lines.length > 0) {
        struct text line = text_trim(text_cut(&lines, '\n'));
        if (line.length == 0)
            continue;
        say(publish, line);
        store_log(publish->store, publish->repository.id, "build", level, line);
    }
}

static void answer(struct publish *publish, int status)
{
    struct message_hook_verdict message = {(uint32_t)-status};
    if (publish->hook != NULL)
        channel_send_hook_verdict(publish->hook, 0, &message);
    if (publish->state != ACCEPTED)
        publish->state = OVER;
}

/* The line that says what is wrong: behind log lines and warnings. */
static struct text main_line(struct text report)
{
    struct text first = report;
    first = text_trim(text_cut(&first, '\n'));
    while (report.length > 0) {
        struct text line = text_trim(text_cut(&report, '\n'));
        if (line.length > 0 && !text_starts(line, TEXT("log: ")) && !text_starts(line, TEXT("warning: ")))
            return line;
    }
    return first;
}

/* The stage that a refused push leaves behind: card trouble is named apart. */
static void keep_stage(struct publish *publish, struct text reason)
{
    struct text line = main_line(reason);
    const char *stage = "BUILD_ERROR";
    if (text_starts(line, TEXT("README.md")))
        stage = "CONFIG_ERROR";
    if (text_ends(line, TEXT("(NO_APP_FILE)")))
        stage = "NO_APP_FILE";
    repository_set_stage(&publish->store->database, publish->repository.id, stage, line);
}

static void refuse(struct publish *publish, struct text reason)
{
    say_lines(publish, reason, "error");
    say(publish, TEXT("Not published; what was live before stays live."));
    keep_stage(publish, reason);
    store_event(publish->store, publish->actor, "refuse", publish->repository.name, "");
    log_info("push to %s/%s was refused: " TEXT_FORMAT, publish->repository.owner, publish->repository.name,
             TEXT_ARGUMENT(text_head(reason, 200)));
    answer(publish, ERROR_FORBIDDEN);
}

static void refuse_ours(struct publish *publish)
{
    refuse(publish,
           TEXT("the server could not publish this; its operator finds the reason in the log. Push again later"));
}

/* -- jobs -- */

static void job_start(struct publish *publish, void (*work)(struct job *), void (*done)(struct job *))
{
    publish->job.work = work;
    publish->job.done = done;
    publish->working = true;
    job_submit(publish->store->publish_jobs, &publish->job);
}

/* At the begin of each `done`: false when nobody waits for this publish any more. */
static bool job_ended(struct publish *publish)
{
    publish->working = false;
    if (!publish->settled)
        return true;
    publish_free(publish);
    return false;
}

/* -- TRYING and the end -- */

static void accept(struct publish *publish)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    struct store *store = publish->store;
    struct release_draft draft = {
        .repository_id = publish->repository.id,
        .commit = publish->commit,
        .digest = publish->describe.digest,
        .bytes = publish->describe.bytes,
        .card = buffer_view(&publish->card),
        .message = publish->tree.message,
        .author = publish->tree.author,
    };
    /* A release that is being dropped could have taken the same bundle away a moment ago. */
    FD_AUTO int fd = vault_open(&store->vault, text_from(draft.digest));
    if (fd < 0 || release_add(&store->database, &draft, &publish->release_id) != 0) {
        refuse_ours(publish);
        return;
    }
    say_lines(publish, buffer_view(&publish->describe.report), "warning");
    buffer_format(&line, "Published in %llu ms: ", (unsigned long long)(clock_now_ms() - publish->started_ms));
    settings_repository_url(&store->settings, &line, publish->repository.model, publish->repository.owner,
                            publish->repository.name);
    say(publish, buffer_view(&line));
    publish->state = ACCEPTED;
    answer(publish, 0);
}

void publish_tried(struct publish *publish, int status, struct text reason)
{
    publish->question = 0;
    loop_timer_stop(&publish->patience);
    if (publish->state != TRYING)
        return;
    if (status == 0)
        accept(publish);
    else
        refuse(publish, reason.length ? reason : TEXT("the model could not be run"));
}

static void go_live_late(struct publish *publish);

static void lost_patience(void *context)
{
    struct publish *publish = context;
    if (publish->state == LATE) {
        go_live_late(publish);
        return;
    }
    peer_forget(publish->store, publish->question);
    publish_tried(publish, ERROR_TIMEOUT, TEXT("trying the model took too long; make it smaller or push again"));
}

/* A model is run once with random inputs, in a throw-away child, before anybody can use it. */
static void try_model(struct publish *publish)
{
    BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
    FD_AUTO int fd = vault_open(&publish->store->vault, text_from(publish->describe.digest));
    publish->state = TRYING;
    buffer_format(&name, "%s/%s", publish->repository.owner, publish->repository.name);
    publish->question = fd < 0 ? 0 : peer_try_model(publish->store, buffer_view(&name), fd, publish);
    if (publish->question == 0) {
        refuse(publish,
               TEXT("the inference backend is not ready, so the model could not be tried; push again in a moment"));
        return;
    }
    loop_timer_start(&publish->patience, BOUNDS_MODEL_TRY_MS);
}

/* -- KEEPING -- */

static void keep_work(struct job *job)
{
    struct publish *publish = (struct publish *)job;
    publish->result = manifest_check(publish->describe.file_fd, &publish->tree, publish->repository.model,
                                     &publish->card, &publish->reason);
    if (publish->result == 0)
        publish->result = vault_keep(&publish->store->vault, publish->describe.file_fd, publish->describe.file_name,
                                     publish->describe.digest);
}

/* What this server cannot run is stored like any repository, and its stage says so. */
static void store_only(struct publish *publish)
{
    say_lines(publish, buffer_view(&publish->reason), "error");
    say(publish, TEXT("Stored, but not published."));
    repository_set_stage(&publish->store->database, publish->repository.id, "CONFIG_ERROR",
                         buffer_view(&publish->reason));
    answer(publish, 0);
}

static void keep_done(struct job *job)
{
    struct publish *publish = (struct publish *)job;
    if (!job_ended(publish))
        return;
    if (publish->result == ERROR_UNSUPPORTED)
        store_only(publish);
    else if (publish->result != 0 && publish->reason.length > 0)
        refuse(publish, buffer_view(&publish->reason));
    else if (publish->result != 0)
        refuse_ours(publish);
    else if (publish->repository.model)
        try_model(publish);
    else
        accept(publish);
}

/* -- DESCRIBING -- */

/* Job and cage have both ended, in whatever order; or the job gave up. */
static void describe_ended(struct publish *publish)
{
    const struct describe *describe = &publish->describe;
    if (publish->working || publish->state != DESCRIBING || (!publish->cage_done && publish->result == 0))
        return;
    if (describe->trouble.length > 0)
        refuse(publish, buffer_view(&describe->trouble));
    else if (publish->end.reason == 1)
        refuse(publish, TEXT("app.lua: computing the page took too long; do less work outside of functions"));
    else if (publish->result != 0 || publish->end.reason == 2)
        refuse_ours(publish);
    else if (publish->end.status != 0 && describe->report.length > 0)
        refuse(publish, buffer_view(&describe->report));
    else if (publish->end.status != 0)
        refuse(publish, TEXT("app.lua: computing the page used too much memory or time and was ended"));
    else {
        publish->state = KEEPING;
        job_start(publish, keep_work, keep_done);
    }
}

static void cage_ended(void *context, const struct cage_end *end)
{
    struct publish *publish = context;
    publish->cage = 0;
    publish->cage_done = true;
    publish->end = (struct cage_end){end->status, end->reason, {0}};
    if (end->status != 0 && end->detail.length > 0)
        log_warning("describe cage: " TEXT_FORMAT, TEXT_ARGUMENT(end->detail));
    describe_ended(publish);
}

static void describe_work(struct job *job)
{
    struct publish *publish = (struct publish *)job;
    publish->result = describe_run(&publish->describe, &publish->tree, &publish->store->vault);
}

static void describe_done(struct job *job)
{
    struct publish *publish = (struct publish *)job;
    if (!job_ended(publish))
        return;
    if (publish->result != 0)
        cage_kill(publish->store, publish->cage);
    describe_ended(publish);
}

static void start_describing(struct publish *publish)
{
    int fds[3];
    if (describe_init(&publish->describe, fds) != 0) {
        refuse_ours(publish);
        return;
    }
    publish->describe_used = true;
    publish->cage = cage_start_describe(publish->store, publish->repository.id, publish->repository.model, fds,
                                        cage_ended, publish);
    for (int index = 0; index < 3; index++)
        fd_close(&fds[index]);
    if (publish->cage == 0) {
        refuse_ours(publish);
        return;
    }
    publish->state = DESCRIBING;
    job_start(publish, describe_work, describe_done);
}

/* -- CHECKING -- */

static void check_work(struct job *job)
{
    struct publish *publish = (struct publish *)job;
    struct tree_source source = {publish->path.data, publish->quarantine.data};
    publish->result = tree_load(&publish->tree, &source, publish->commit, &publish->reason);
}

static void check_done(struct job *job)
{
    struct publish *publish = (struct publish *)job;
    if (!job_ended(publish))
        return;
    if (publish->result == 0)
        start_describing(publish);
    else if (publish->reason.length > 0)
        refuse(publish, buffer_view(&publish->reason));
    else
        refuse_ours(publish);
}

/* -- WAITING: what the hook sends -- */

static bool is_zero(struct text id)
{
    for (size_t index = 0; index < id.length; index++) {
        if (id.data[index] != '0')
            return false;
    }
    return true;
}

/* Reads git's lines. 0 and the new commit of main in publish->commit (empty when main is not part of the push), or
 * ERROR_INVALID with a sentence. */
static int read_updates(struct publish *publish, struct text updates)
{
    for (int count = 0; updates.length > 0; count++) {
        struct text line = text_cut(&updates, '\n');
        text_cut(&line, ' ');
        struct text id = text_cut(&line, ' ');
        if (count == BOUNDS_HOOK_UPDATES)
            buffer_string(&publish->reason, "too many branches and tags in one push; push fewer at a time");
        else if (!text_starts(line, TEXT("refs/heads/")) && !text_starts(line, TEXT("refs/tags/")))
            buffer_string(&publish->reason, "only branches and tags can be pushed");
        else if (id.length != 40)
            buffer_string(&publish->reason, "this server only takes repositories with SHA-1 object names");
        else if (text_equal(line, TEXT("refs/heads/main")) && is_zero(id))
            buffer_string(&publish->reason, "main cannot be deleted; delete the repository on its settings page");
        else if (text_equal(line, TEXT("refs/heads/main")))
            memcpy(publish->commit, id.data, 40);
        if (publish->reason.length > 0)
            return ERROR_INVALID;
    }
    return 0;
}

/* A push that leaves main alone. Whoever pushed one branch (git's old default name, most often) may have meant to
 * publish it, and is told how. */
static void say_stored(struct publish *publish, struct text updates)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    struct text first = text_cut(&updates, '\n');
    text_cut(&first, ' ');
    struct text id = text_cut(&first, ' ');
    say(publish, TEXT("Stored. Only pushes to main publish a release."));
    if (updates.length > 0 || is_zero(id) || !text_starts(first, TEXT("refs/heads/")))
        return;
    first = text_skip(first, sizeof "refs/heads/" - 1);
    buffer_format(&line, "To publish this branch: git push <remote> " TEXT_FORMAT ":main", TEXT_ARGUMENT(first));
    say(publish, buffer_view(&line));
}

static void hook_push(struct publish *publish, const struct message_hook_push *push)
{
    struct store *store = publish->store;
    if (read_updates(publish, push->updates) != 0) {
        say(publish, buffer_view(&publish->reason));
        answer(publish, ERROR_INVALID);
        return;
    }
    if (publish->commit[0] == 0) {
        say_stored(publish, push->updates);
        answer(publish, 0);
        return;
    }
    if (map_get_u64(&store->publishing, (uint64_t)publish->repository.id) != NULL) {
        say(publish, TEXT("another push is being published right now; push again in a moment"));
        answer(publish, ERROR_BUSY);
        return;
    }
    /* Without a quarantine nothing new was sent: the commit is in the repository already. */
    if (push->quarantine.length > 0 && tree_quarantine_name(push->quarantine, &publish->quarantine) != 0) {
        refuse_ours(publish);
        return;
    }
    map_set_u64(&store->publishing, (uint64_t)publish->repository.id, publish);
    publish->started_ms = clock_now_ms();
    publish->state = CHECKING;
    job_start(publish, check_work, check_done);
}

static void hook_message(void *context, struct message_in *in)
{
    struct publish *publish = context;
    struct message_hook_push push;
    if (in->type == MESSAGE_hook_push && publish->state == WAITING && message_hook_push_unpack(&push, in->body) == 0)
        hook_push(publish, &push);
}

static void hook_closed(void *context, int result)
{
    struct publish *publish = context;
    publish->hook = NULL;
    cage_kill(publish->store, publish->cage); /* nobody waits for a manifest any more */
}

/* -- from outside -- */

struct publish *publish_new(struct store *store, const struct repository *repository, const char *actor, int hook_fd)
{
    struct publish *publish = MEMORY_NEW(struct publish);
    publish->store = store;
    publish->repository = *repository;
    publish->actor = memory_copy_string(actor);
    buffer_format(&publish->path, "%s/repos/%lld.git", store->settings.data, (long long)repository->id);
    loop_timer_init(&store->loop, &publish->patience, lost_patience, publish);
    publish->hook = loop_channel_attach(&store->loop, hook_fd, ROLE_STORE, ROLE_HOOK, CHANNEL_FDS, hook_message,
                                        hook_closed, publish);
    return publish;
}

bool publish_is_accepted(const struct publish *publish)
{
    return publish->state == ACCEPTED;
}

const char *publish_state_text(const struct publish *publish)
{
    static const char *const words[] = {
        [WAITING] = "the hook",           [CHECKING] = "reading the tree",      [DESCRIBING] = "describing",
        [KEEPING] = "writing the bundle", [TRYING] = "the inference backend",   [ACCEPTED] = "git's exit",
        [LATE] = "the database",          [OVER] = "git's exit after its refusal",
    };
    return words[publish->state];
}

/* What is left to do when the row says live: everybody who caches something is told. */
static void announce(struct publish *publish)
{
    struct store *store = publish->store;
    release_prune(&store->database, &store->vault, publish->repository.id);
    store_log(store, publish->repository.id, "build", "info", TEXT("published"));
    store_event(store, publish->actor, "publish", publish->repository.name, publish->commit);
    store_announce(store, &publish->repository, false);
    log_info("%s/%s is live at %.7s after %llu ms", publish->repository.owner, publish->repository.name,
             publish->commit, (unsigned long long)(clock_now_ms() - publish->started_ms));
}

/* Git has the last word: only when it moved the ref does the release count. 0, or an error of the database: then git
 * and the rows disagree, and this must be tried again. */
static int go_live(struct publish *publish)
{
    struct store *store = publish->store;
    char head[41];
    if (repository_head(store->settings.data, publish->repository.id, head) != 0 ||
        strcmp(head, publish->commit) != 0) {
        release_drop(&store->database, &store->vault, publish->release_id);
        log_warning("git did not take the push to %s/%s after all", publish->repository.owner,
                    publish->repository.name);
        return 0;
    }
    int result = release_make_live(&store->database, publish->release_id);
    if (result == 0)
        announce(publish);
    return result;
}

/* The author was told yes, so the release goes live as soon as the database takes it; a stop in between is mended by
 * release_reconcile() at the next start. Until then no other push to this repository is taken. */
static void go_live_late(struct publish *publish)
{
    int result = go_live(publish);
    if (result == 0) {
        publish_free(publish);
        return;
    }
    if (publish->state != LATE)
        log_error("release %lld of %s/%s stays pending and is tried again: %s", (long long)publish->release_id,
                  publish->repository.owner, publish->repository.name, error_text(result));
    publish->state = LATE;
    loop_timer_start(&publish->patience, BOUNDS_PUBLISH_RETRY_MS);
}

void publish_settle(struct publish *publish)
{
    publish->settled = true;
    cage_kill(publish->store, publish->cage);
    if (publish->state == ACCEPTED)
        go_live_late(publish);
    else if (!publish->working)
        publish_free(publish);
}
