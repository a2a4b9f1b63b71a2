/* Starting, stopping, and what all parts share.
 *
 * One thread runs the loop and owns everything in struct store; job threads touch nothing but their job. The order of
 * the start is the order of what may be missing: settings, libraries, database and folders (with what a crash left
 * put right), pages, then the walls around this process, then threads and listeners. Whatever fails before the walls
 * ends the start with a logged sentence; the launcher tries again.
 *
 * Requests outlive their answers until the end of the turn (finished_turn), peers may come and go at any time (NULL
 * while away), and everything that waits for somebody else is in one of the maps, found by a number of ours. */
#include "store/store.h"

#include <errno.h>
#include <git2.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "sandbox/lockdown/lockdown.h"
#include "store/cage.h"
#include "store/peer.h"
#include "store/release.h"
#include "store/request.h"
#include "store/route.h"
#include "store/schema.h"
#include "store/signin.h"
#include "store/signin_page.h"
#include "store/stage.h"
#include "store/upload_progress.h"

#define SWEEP_MS 60000
#define EVENTS_KEPT 10000

/* -- HTTP -- */

static void on_request(void *context, struct http_exchange *exchange)
{
    struct request *request = request_new(context, exchange, false);
    if (request != NULL)
        route_dispatch(request);
}

static void on_admin_request(void *context, struct http_exchange *exchange)
{
    struct request *request = request_new(context, exchange, true);
    if (request != NULL)
        route_dispatch_admin(request);
}

/* Also called for exchanges that were refused before they had a request. */
static void on_finished(void *context, struct http_exchange *exchange, int code)
{
    if (exchange->note != NULL)
        request_finished(exchange->note);
    exchange->note = NULL;
}

static void turn_ended(void *context)
{
    request_free_finished(context);
}

static void on_stopped(void *context)
{
    struct store *store = context;
    loop_stop(&store->loop);
}

static const struct http_server_callbacks public_callbacks = {
    .on_request = on_request, .on_finished = on_finished, .on_stopped = on_stopped};
static const struct http_server_callbacks admin_callbacks = {.on_request = on_admin_request,
                                                             .on_finished = on_finished};

/* Whoever reaches the admin socket may do everything, so its mode lets only our own user (and root) connect: the
 * socket is made under a umask that leaves no moment in which others could. */
static int listen_admin(struct store *store)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    FD_AUTO int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", store->settings.data);
    if (length >= (int)sizeof address.sun_path) {
        log_error("the path of the data directory is too long for a socket in it (%d bytes, 107 are possible)", length);
        return ERROR_LIMIT;
    }
    unlink(address.sun_path);
    mode_t before = umask(0177);
    int bound = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(before);
    if (bound != 0 || listen(fd, 16) != 0 || http_server_listen(store->admin, fd_steal(&fd)) != 0) {
        log_error("cannot listen on %s: %s", address.sun_path, strerror(errno));
        return ERROR_SYSTEM;
    }
    return 0;
}

/* -- time -- */

static void flush_due(void *context)
{
    struct store *store = context;
    logs_flush(&store->logs);
    states_flush(&store->states);
}

void store_flush_soon(struct store *store)
{
    loop_timer_start(&store->flush_timer, BOUNDS_LOG_FLUSH_MS);
}

/* Once a minute: what has expired goes. Each of these statements finds its rows by an index. */
static void sweep_due(void *context)
{
    struct store *store = context;
    files_expire(&store->files);
    states_expire(&store->states);
    signin_expire(&store->database);
    signin_page_forget_tries(store);
    database_run(&store->database,
                 "DELETE FROM events WHERE id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?)", "i",
                 (int64_t)EVENTS_KEPT);
    loop_timer_start(&store->sweep_timer, SWEEP_MS);
}

static void jobs_done(void *context, int fd)
{
    job_pool_reap(context);
}

/* -- starting -- */

/* VITRINE_LIMIT_*: nonsense and 0 are not obeyed. */
static int64_t limit_from_environment(const char *name, int64_t fallback)
{
    uint64_t value;
    const char *text = getenv(name);
    return text != NULL && text_to_u64(text_from(text), &value) == 0 && value > 0 ? (int64_t)value : fallback;
}

/* Folders are made with mode 0700; the umask of the process lets nobody else in either. */
static int open_data(struct store *store)
{
    static const char *const folders[] = {"repos", "trash"};
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    for (size_t index = 0; index < MEMORY_COUNT(folders); index++) {
        buffer_clear(&path);
        buffer_format(&path, "%s/%s", store->settings.data, folders[index]);
        if (mkdir(path.data, 0700) != 0 && errno != EEXIST) {
            log_error("cannot make %s: %s", path.data, strerror(errno));
            return ERROR_SYSTEM;
        }
    }
    buffer_clear(&path);
    buffer_format(&path, "%s/vitrine.db", store->settings.data);
    int result = database_open(&store->database, path.data, schema_migrations, schema_migration_count);
    if (result == 0)
        result = vault_init(&store->vault, store->settings.data);
    if (result == 0)
        result = files_init(&store->files, &store->database, store->settings.data);
    store->files.quota_bytes = limit_from_environment("VITRINE_LIMIT_FILE_QUOTA_BYTES", BOUNDS_FILE_QUOTA_BYTES);
    store->files.ttl_ms = limit_from_environment("VITRINE_LIMIT_FILE_TTL_MS", BOUNDS_FILE_TTL_MS);
    if (result == 0 && release_reconcile(&store->database, &store->vault, store->settings.data) < 0)
        result = ERROR_SYSTEM;
    return result;
}

static int libraries_init(void)
{
    if (sodium_init() < 0 || git_libgit2_init() < 0)
        return ERROR_SYSTEM;
    /* No configuration of this machine or of whoever started us. */
    static const int levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                 GIT_CONFIG_LEVEL_GLOBAL};
    for (size_t i = 0; i < MEMORY_COUNT(levels); i++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    /* Objects are read once each; and what a push claims about them is checked. */
    git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0); /* all below our own private directory */
    return 0;
}

/* A build with the address sanitizer looks for leaks at its end (asan_rules in sandbox/lockdown/profile.c). */
#ifdef VITRINE_SANITIZED_ADDRESS
#define LEAK_CHECK , "/proc/self/task"
#else
#define LEAK_CHECK
#endif

/* From here on the store touches its data and nothing else of the machine, and starts no program. Before the first
 * thread: Landlock holds for the thread that asks for it and for those it makes. */
static int lock_down(const struct store *store)
{
    const struct lockdown_paths paths = {.read_only = {store->settings.share, "/dev/urandom" LEAK_CHECK},
                                         .read_write = {store->settings.data, "/dev/null"}};
    BUFFER_AUTO struct buffer temporary = BUFFER_EMPTY;
    const char *trouble = NULL;

    buffer_format(&temporary, "%s/tmp", store->settings.data);
    setenv("SQLITE_TMPDIR", temporary.data, 1); /* its default lies outside */
    if (lockdown_process(LOCKDOWN_PROFILE_STORE, &paths, &trouble) == 0)
        return 0;
    log_error("the store cannot be locked down (%s: %s): it does not serve without", trouble ? trouble : "unknown",
              strerror(errno));
    return ERROR_SYSTEM;
}

static void start_serving(struct store *store)
{
    store->git_slow_ms = (uint64_t)limit_from_environment("VITRINE_LIMIT_GIT_SLOW_MS", BOUNDS_GIT_SLOW_MS);
    store->publish_jobs = job_pool_new((int)limit_from_environment("VITRINE_LIMIT_PUBLISHES", BOUNDS_PUBLISHES));
    store->quick_jobs = job_pool_new(1);
    loop_watch_init(&store->loop, &store->publish_watch, job_pool_fd(store->publish_jobs), false, jobs_done,
                    store->publish_jobs);
    loop_watch_init(&store->loop, &store->quick_watch, job_pool_fd(store->quick_jobs), false, jobs_done,
                    store->quick_jobs);
    loop_timer_init(&store->loop, &store->flush_timer, flush_due, store);
    loop_timer_init(&store->loop, &store->sweep_timer, sweep_due, store);
    loop_timer_start(&store->sweep_timer, SWEEP_MS);
    store->server = http_server_new(store->loop.base, &http_limits_internal, &public_callbacks, store);
    store->admin = http_server_new(store->loop.base, &http_limits_internal, &admin_callbacks, store);
}

int store_start(struct store *store)
{
    logs_init(&store->logs, &store->database);
    states_init(&store->states, &store->database);
    map_init(&store->stages);
    map_init(&store->cages);
    map_init(&store->publishing);
    map_init(&store->writers);
    map_init(&store->questions);
    map_init(&store->tries);
    store->finished_turn = (struct loop_deferred){.callback = turn_ended, .context = store};
    int result = settings_check(&store->settings);
    if (result == 0)
        result = libraries_init();
    if (result == 0)
        result = open_data(store);
    if (result == 0)
        result = pages_init(&store->pages, store->settings.share);
    if (result == 0)
        result = lock_down(store);
    if (result != 0)
        return result;
    repository_empty_trash(store->settings.data);
    start_serving(store);
    result = listen_admin(store);
    if (result == 0 && !settings_is_secure(&store->settings) && strcmp(store->settings.host, "localhost") != 0)
        log_warning(
            "the site is served over plain http: passwords and tokens can be read on the way. Put TLS in front");
    return result;
}

/* What waits is written first, because the grace may be too short for anything else. */
void store_stop(struct store *store, uint32_t grace_ms)
{
    store->stopping = true;
    flush_due(store);
    http_server_stop(store->server, grace_ms);
}

void store_release(struct store *store)
{
    if (store->server != NULL)
        http_server_free(store->server);
    if (store->admin != NULL)
        http_server_free(store->admin);
    if (store->publish_jobs != NULL) {
        loop_watch_release(&store->publish_watch);
        loop_watch_release(&store->quick_watch);
        loop_timer_release(&store->flush_timer);
        loop_timer_release(&store->sweep_timer);
        job_pool_free(store->publish_jobs);
        job_pool_free(store->quick_jobs);
    }
    if (store->database.handle != NULL)
        flush_due(store);
    request_free_finished(store);
    upload_progress_release(store);
    peer_release_all(store);
    cage_release_all(store);
    stage_forget_all(store);
    signin_page_forget_tries(store);
    map_release(&store->publishing); /* pushes under way end with the process; the next start reconciles them */
    pages_release(&store->pages);
    if (store->database.handle != NULL) {
        files_release(&store->files);
        vault_release(&store->vault);
        database_release(&store->database);
    }
}

/* -- for all parts -- */

uint32_t store_next_request(struct store *store)
{
    store->next_request++;
    return store->next_request != 0 ? store->next_request : ++store->next_request;
}

void store_log(struct store *store, int64_t repository_id, const char *source, const char *level, struct text text)
{
    struct logs_line line = {source, clock_wall_ms(), text_from(level), text};
    if (logs_append(&store->logs, repository_id, &line))
        store_flush_soon(store);
}

/* Names and not ids: an event is read when its subject is long gone. A full disk loses it, and nothing else. */
void store_event(struct store *store, const char *actor, const char *what, const char *object, const char *detail)
{
    database_run(&store->database, "INSERT INTO events (wall_ms, actor, what, object, detail) VALUES (?, ?, ?, ?, ?)",
                 "issss", clock_wall_ms(), actor, what, object, detail);
}

/* Written at once and not at the end of the turn: the answer that says "done" leaves before that, and whoever reads it
 * must not meet a gateway that has not heard. What the socket does not take now, or an error, is the loop's to see. */
static void flush_gateway(struct store *store)
{
    channel_flush(store->gateway);
}

void store_announce(struct store *store, const struct repository *repository, bool deleted)
{
    BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
    if (repository->model && store->infer != NULL) {
        buffer_format(&name, "%s/%s", repository->owner, repository->name);
        channel_send_model_changed(store->infer, 0, &(struct message_model_changed){buffer_view(&name)});
    }
    if (repository->model || store->gateway == NULL)
        return;
    channel_send_demo_changed(store->gateway, 0, &(struct message_demo_changed){(uint64_t)repository->id, deleted});
    flush_gateway(store);
}

void store_announce_tokens(struct store *store)
{
    if (store->gateway == NULL)
        return;
    channel_send_tokens_changed(store->gateway, 0, &(struct message_tokens_changed){0});
    flush_gateway(store);
}

/* Removing a large repository takes long, so a thread does it. */
struct trash_job {
    struct job job;
    char *data;
};

static void trash_work(struct job *job)
{
    repository_empty_trash(((struct trash_job *)job)->data);
}

static void trash_done(struct job *job)
{
    free(((struct trash_job *)job)->data);
    free(job);
}

/* Files and bundles first, then the row: what a crash leaves is a repository without contents, which can be deleted
 * again, never files that no row leads to. While a push is being published it is not deleted under its feet. */
int store_delete_repository(struct store *store, const struct repository *repository)
{
    if (map_get_u64(&store->publishing, (uint64_t)repository->id) != NULL)
        return ERROR_BUSY;
    files_drop_repository(&store->files, repository->id);
    release_drop_all(&store->database, &store->vault, repository->id);
    int result = repository_delete(&store->database, store->settings.data, repository->id);
    if (result != 0)
        return result;
    stage_forget(store, repository->id);
    store_announce(store, repository, true);
    struct trash_job *trash = MEMORY_NEW(struct trash_job);
    *trash = (struct trash_job){{.work = trash_work, .done = trash_done}, memory_copy_string(store->settings.data)};
    job_submit(store->quick_jobs, &trash->job);
    return 0;
}
