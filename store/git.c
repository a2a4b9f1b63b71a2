/* Smart HTTP: one git process for each request, its three pipes and an HTTP exchange tied together.
 *
 *   client ─▶ body (gzip inflated) ─▶ in ─▶ git's stdin          git's stdout ─▶ (held) ─▶ answer ─▶ client
 *                                            git's stderr ─▶ err, for the log only
 *
 * Both directions push back: the client is paused while git does not read, git's stdout is not read while the client
 * does not. The session ends when git has exited AND its stdout is at its end, whichever is later; then, and only
 * then, a push is settled. From the moment the hook was told yes, git's last words are held back until then, so that
 * "main -> main" on the author's terminal means that the release is live. A client that leaves ends its git, except
 * when its push was accepted already: then it is carried through.
 *
 * Refusals are plain text before git starts (git shows them as "remote:" lines) and go through the hook afterwards. */
#include "store/git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/cage.h"
#include "store/publish.h"
#include "store/store.h"

#define PIECE_BYTES 65536
#define HELD_BYTES (1u << 20)

/* One git process and the exchange it serves. */
struct git_session {
    struct store *store;
    struct http_exchange *exchange; /* NULL when the client left or was answered */
    struct repository repository;
    const char *service;            /* "upload-pack" or "receive-pack" */
    bool advertise;
    int in_fd, out_fd, err_fd;      /* our ends of git's stdin, stdout, stderr; -1 when closed */
    struct loop_watch in_watch, out_watch, err_watch; /* in use while their .event is set */
    struct buffer in, held, err;    /* not yet taken by git; git's words that wait for publish_settle(); its errors */
    struct buffer prefix;           /* what goes before git's first word */
    bool in_ended, in_paused;       /* the body is complete; the client is not read */
    bool started, cage_done;        /* the answer has begun; git has exited */
    struct cage_end end;
    uint32_t cage;
    struct publish *publish;        /* of a receive-pack */
    z_stream inflater;
    bool inflating;
    uint64_t inflated_bytes;
    struct loop_timer slow;         /* runs once; nothing depends on it */
};

/* Begins to listen on one of the pipes; twice is fine, and so is one that is closed already. */
static void session_watch(struct git_session *session, struct loop_watch *watch, int fd, void (*callback)(void *, int))
{
    if (watch->event == NULL && fd >= 0)
        loop_watch_init(&session->store->loop, watch, fd, watch == &session->in_watch, callback, session);
}

static void session_unwatch(struct loop_watch *watch)
{
    if (watch->event != NULL)
        loop_watch_release(watch);
    watch->event = NULL;
}

static void session_close(struct loop_watch *watch, int *fd)
{
    session_unwatch(watch);
    fd_close(fd);
}

static void session_free(struct git_session *session)
{
    session_close(&session->in_watch, &session->in_fd);
    session_close(&session->out_watch, &session->out_fd);
    session_close(&session->err_watch, &session->err_fd);
    loop_timer_release(&session->slow);
    cage_forget(session->store, session->cage);
    if (session->inflating)
        inflateEnd(&session->inflater);
    buffer_release(&session->in);
    buffer_release(&session->held);
    buffer_release(&session->err);
    buffer_release(&session->prefix);
    free(session);
}

/* -- git's answer -- */

/* As late as possible: until the first byte of git's answer, trouble can still be told with a status. */
static void start_answer(struct git_session *session)
{
    BUFFER_AUTO struct buffer headers = BUFFER_EMPTY;
    if (session->started || session->exchange == NULL)
        return;
    session->started = true;
    buffer_format(&headers, "Content-Type: application/x-git-%s-%s\r\nCache-Control: no-cache, max-age=0, "
                            "must-revalidate\r\n",
                  session->service, session->advertise ? "advertisement" : "result");
    http_respond_start(session->exchange, 200, buffer_view(&headers), -1);
    if (session->prefix.length > 0)
        http_respond_write(session->exchange, buffer_view(&session->prefix));
}

static void out_readable(void *context, int fd);

/* A client that does not keep up stops us from reading git, and so git from working, until on_drain. */
static void pass_on(struct git_session *session, struct text data)
{
    start_answer(session);
    if (session->exchange != NULL && http_respond_write(session->exchange, data) == ERROR_AGAIN)
        session_unwatch(&session->out_watch);
}

/* What was held goes out before anything that git said later. */
static void pass_held(struct git_session *session)
{
    if (session->held.length > 0)
        pass_on(session, buffer_view(&session->held));
    buffer_clear(&session->held);
}

/* git's stderr is for the operator and only when it failed; what the author should know goes through the hook. */
static void log_errors(const struct git_session *session)
{
    if (session->end.status == 0 || session->err.length == 0)
        return;
    log_warning("git %s of %s/%s ended with %u: " TEXT_FORMAT, session->service, session->repository.owner,
                session->repository.name, session->end.status,
                TEXT_ARGUMENT(text_head(text_trim(buffer_view(&session->err)), 500)));
}

static void answer_error(struct http_exchange *exchange, int status, const char *sentence)
{
    request_error(exchange->note, status, NULL, sentence);
}

/* A git that ended badly after its answer began can only be told by cutting the connection: its client then knows
 * that something is missing. A plain exit status other than 0 is not that: receive-pack says what it refused inside
 * its answer. */
static void end_answer(struct git_session *session)
{
    bool failed = session->end.reason != 0 || session->end.status >= 256;
    if (!session->started && session->end.reason == 2)
        answer_error(session->exchange, 503, "The server could not start git just now; try again in a moment.");
    else if (!session->started && session->end.reason == 1)
        answer_error(session->exchange, 503, "git took too long; push or fetch less at a time.");
    else if (!session->started && session->end.status != 0)
        answer_error(session->exchange, 500, "git could not do this; the operator finds the reason in the log.");
    else if (failed)
        http_respond_abort(session->exchange);
    else {
        start_answer(session);
        http_respond_end(session->exchange);
    }
}

/* Git has exited and all it said was read: the push is settled before the client hears the end. */
static void session_end(struct git_session *session)
{
    if (!session->cage_done || session->out_fd >= 0)
        return;
    log_errors(session);
    if (session->publish != NULL)
        publish_settle(session->publish);
    session->publish = NULL;
    pass_held(session);
    struct http_exchange *exchange = session->exchange;
    if (exchange != NULL) {
        http_exchange_attach(exchange, NULL, NULL);
        end_answer(session);
    }
    session_free(session);
}

static void out_readable(void *context, int fd)
{
    struct git_session *session = context;
    char piece[PIECE_BYTES];
    ssize_t count = read(fd, piece, sizeof piece);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        session_close(&session->out_watch, &session->out_fd);
        session_end(session);
        return;
    }
    struct text data = {piece, (size_t)count};
    if (session->publish != NULL && publish_is_accepted(session->publish) && session->held.length < HELD_BYTES) {
        buffer_text(&session->held, data);
        return;
    }
    pass_held(session);
    pass_on(session, data);
}

static void err_readable(void *context, int fd)
{
    struct git_session *session = context;
    char piece[4096];
    ssize_t count = read(fd, piece, sizeof piece);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0)
        session_close(&session->err_watch, &session->err_fd);
    else if (session->err.length < BOUNDS_GIT_STDERR_BYTES)
        buffer_append(&session->err, piece, (size_t)count);
}

static void git_exited(void *context, const struct cage_end *end)
{
    struct git_session *session = context;
    session->cage = 0;
    session->cage_done = true;
    session->end = (struct cage_end){end->status, end->reason, {0}};
    if (end->detail.length > 0)
        log_warning("git cage: " TEXT_FORMAT, TEXT_ARGUMENT(end->detail));
    session_end(session);
}

/* -- the client's body to git -- */

/* git stops reading when it has decided (a refused push, mostly): the rest of the body is read and thrown away, so
 * that the client gets to read the answer instead of a broken connection. */
static void in_writable(void *context, int fd)
{
    struct git_session *session = context;
    while (session->in.length > 0) {
        ssize_t count = write(fd, session->in.data, session->in.length);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (count < 0) { /* git has heard enough; its answer says why */
            buffer_clear(&session->in);
            session->in_ended = true;
            break;
        }
        buffer_consume(&session->in, (size_t)count);
    }
    if (session->in.length == 0) {
        session_unwatch(&session->in_watch);
        if (session->in_ended)
            fd_close(&session->in_fd);
    }
    if (session->in_paused && session->in.length < BOUNDS_HTTP_QUEUE_LOW_BYTES) {
        session->in_paused = false;
        if (session->exchange != NULL)
            http_exchange_resume(session->exchange);
    }
}

/* Queues a piece of the body. What the queue holds beyond the high mark is bounded by pausing the client. */
static void give(struct git_session *session, struct text data)
{
    if (session->in_fd < 0)
        return; /* git closed its ears; the rest of the body is drained */
    buffer_text(&session->in, data);
    session_watch(session, &session->in_watch, session->in_fd, in_writable);
}

/* Inflates a gzip body piece by piece. 0, ERROR_INVALID or ERROR_LIMIT. */
static int inflate_piece(struct git_session *session, struct text data)
{
    unsigned char piece[PIECE_BYTES];
    session->inflater.next_in = (Bytef *)(uintptr_t)data.data;
    session->inflater.avail_in = (uInt)data.length;
    do {
        session->inflater.next_out = piece;
        session->inflater.avail_out = sizeof piece;
        int code = inflate(&session->inflater, Z_NO_FLUSH);
        size_t length = sizeof piece - session->inflater.avail_out;
        session->inflated_bytes += length;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return ERROR_INVALID;
        if (session->inflated_bytes > BOUNDS_PUSH_BYTES)
            return ERROR_LIMIT;
        give(session, (struct text){(const char *)piece, length});
        if (code != Z_OK)
            break;
    } while (session->inflater.avail_in > 0 || session->inflater.avail_out == 0);
    return 0;
}

/* The client's request cannot go on: answers unless the answer has begun, and ends git. */
static void give_up(struct git_session *session, int status, const char *sentence)
{
    struct http_exchange *exchange = session->exchange;
    session->exchange = NULL;
    cage_kill(session->store, session->cage);
    http_exchange_attach(exchange, NULL, NULL);
    if (session->started)
        http_respond_abort(exchange);
    else
        answer_error(exchange, status, sentence);
}

static void body_data(void *context, struct http_exchange *exchange, struct text data)
{
    struct git_session *session = context;
    int result = 0;
    if (session->inflating)
        result = inflate_piece(session, data);
    else
        give(session, data);
    if (result != 0) {
        give_up(session, result == ERROR_LIMIT ? 413 : 400,
                result == ERROR_LIMIT ? "The push is larger than 512 MiB; push less at a time."
                                      : "The gzip body is damaged.");
        return;
    }
    if (session->in.length > BOUNDS_HTTP_QUEUE_HIGH_BYTES && !session->in_paused) {
        session->in_paused = true;
        http_exchange_pause(exchange);
    }
}

static void body_end(void *context, struct http_exchange *exchange)
{
    struct git_session *session = context;
    session->in_ended = true;
    if (session->in.length == 0)
        session_close(&session->in_watch, &session->in_fd);
}

static void answer_drained(void *context, struct http_exchange *exchange)
{
    struct git_session *session = context;
    session_watch(session, &session->out_watch, session->out_fd, out_readable);
}

/* The client left. A push that was accepted goes on, because its author may have been told; anything else ends. */
static void client_left(void *context, struct http_exchange *exchange, int code)
{
    struct git_session *session = context;
    session->exchange = NULL;
    if (session->publish == NULL || !publish_is_accepted(session->publish))
        cage_kill(session->store, session->cage);
    session_watch(session, &session->out_watch, session->out_fd, out_readable);
}

static const struct http_handler session_handler = {body_data, body_end, answer_drained, client_left};

/* -- starting -- */

/* Git's ends of the pipes and the hook socket, in the cage's order. A fetch has no hook; its socket just has nobody
 * at the other end. */
static int open_fds(struct git_session *session, int ret_fds[4], int *ret_hook)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, hook[2] = {-1, -1};
    bool good = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0;
    good = good && fd_socket_pair(SOCK_SEQPACKET, 0, hook) == 0;
    session->in_fd = in[1];
    session->out_fd = out[0];
    session->err_fd = err[0];
    memcpy(ret_fds, (int[4]){in[0], out[1], err[1], hook[0]}, 4 * sizeof(int));
    *ret_hook = hook[1];
    if (good)
        good = fd_set_nonblocking(in[1]) == 0 && fd_set_nonblocking(out[0]) == 0 && fd_set_nonblocking(err[0]) == 0;
    return good ? 0 : ERROR_SYSTEM;
}

/* Our ends stay in the session, git's are closed here whatever happens: the launcher has its own copies by then. */
static int start_cage(struct git_session *session, struct text protocol, const char *actor)
{
    struct cage_git cage = {
        .repository_id = session->repository.id, .receive = strcmp(session->service, "receive-pack") == 0,
        .advertise = session->advertise, .protocol = protocol,
    };
    int hook = -1;
    int result = open_fds(session, cage.fds, &hook);
    if (result == 0) {
        session->cage = cage_start_git(session->store, &cage, git_exited, session);
        result = session->cage == 0 ? ERROR_BUSY : 0;
    }
    for (int index = 0; index < 4; index++)
        fd_close(&cage.fds[index]);
    if (result == 0 && cage.receive && !session->advertise)
        session->publish = publish_new(session->store, &session->repository, actor, fd_steal(&hook));
    fd_close(&hook);
    return result;
}

/* Most sessions last milliseconds. One that takes long is a large transfer or a slow machine, or something is wrong:
 * then this line tells the operator which of the many hands it passes through still holds it. */
static void session_is_slow(void *context)
{
    const struct git_session *session = context;
    const char *output = session->out_fd < 0                ? "ended"
                         : session->out_watch.event != NULL ? "read"
                                                            : "not read: the client is slow";
    log_warning("git %s of %s/%s still runs: client %s, body %s (%zu bytes wait for git), cage %s, git's output %s "
                "(%zu bytes held), publishing waits for %s",
                session->service, session->repository.owner, session->repository.name,
                session->exchange != NULL ? "there" : "gone", session->in_ended ? "complete" : "incomplete",
                session->in.length, session->cage_done ? "ended" : "running", output,
                session->held.length, session->publish != NULL ? publish_state_text(session->publish) : "nothing");
}

/* Only versions that git speaks; receive-pack has no version 2. */
static struct text safe_protocol(struct text header, bool receive)
{
    if (text_equal(header, TEXT("version=1")))
        return TEXT("version=1");
    return !receive && text_equal(header, TEXT("version=2")) ? TEXT("version=2") : TEXT("");
}

static struct git_session *session_start(struct request *request, const struct repository *repository,
                                         const char *service, bool advertise)
{
    bool receive = strcmp(service, "receive-pack") == 0;
    struct text protocol = safe_protocol(http_exchange_header(request->exchange, "git-protocol"), receive);
    /* Who was let in to ask for the refs may also send: a refusal in the middle of a push is hard to read in git. */
    size_t most = advertise ? BOUNDS_GIT_CAGES : BOUNDS_GIT_BEGUN_CAGES;
    if (cage_count(request->store) >= most || request->store->stopping) {
        request_error(request, 503, NULL, "The server is busy with other pushes and clones; try again in a moment.");
        return NULL;
    }
    struct git_session *session = MEMORY_NEW(struct git_session);
    *session = (struct git_session){.store = request->store,
                                    .exchange = request->exchange,
                                    .repository = *repository,
                                    .service = service,
                                    .advertise = advertise,
                                    .in_fd = -1,
                                    .out_fd = -1,
                                    .err_fd = -1};
    if (start_cage(session, protocol, request->identity.account.name) != 0) {
        session_free(session);
        request_error(request, 503, NULL, "The server could not start git just now; try again in a moment.");
        return NULL;
    }
    loop_timer_init(&session->store->loop, &session->slow, session_is_slow, session);
    loop_timer_start(&session->slow, session->store->git_slow_ms);
    http_exchange_attach(session->exchange, &session_handler, session);
    session_watch(session, &session->out_watch, session->out_fd, out_readable);
    session_watch(session, &session->err_watch, session->err_fd, err_readable);
    if (advertise && !text_equal(protocol, TEXT("version=2"))) {
        char line[64];
        int length = snprintf(line, sizeof line, "%04zx# service=git-%s\n0000", strlen(service) + 19, service);
        buffer_append(&session->prefix, line, (size_t)length);
    }
    return session;
}

/* -- who may -- */

static void ask_password(struct request *request)
{
    http_exchange_decorate(request->exchange, TEXT("WWW-Authenticate: Basic realm=\"vitrine\", charset=\"UTF-8\"\r\n"));
    request_error(request, 401, NULL,
                  request->bad_credential
                      ? "Invalid credentials: the password must be one of your access tokens (hf_…)."
                      : "Authentication is needed: give your user name, and an access token as password.");
}

/* Said of a repository that is another's and of one that is not there, so that a push tells nobody which private ones
 * there are. */
static const char only_own[] = "You may only push to repositories of your own.";

/* The first push of an owner makes the repository. */
static int make_repository(struct request *request, struct repository *ret_repository)
{
    struct account owner;
    struct repository wanted = {.model = request->model};
    const char *reason = "There is no such account, so nothing can be pushed there.";
    struct text name = request->name;
    if (text_ends(name, TEXT(".git")))
        name.length -= 4;
    int result = account_find(&request->store->database, request->owner, &owner);
    if (result == 0 && owner.id != request->identity.account.id && !request->identity.account.admin) {
        reason = only_own;
        result = ERROR_FORBIDDEN;
    }
    if (result == 0) {
        wanted.account_id = owner.id;
        memcpy(wanted.owner, owner.name, sizeof wanted.owner);
        snprintf(wanted.name, sizeof wanted.name, TEXT_FORMAT, TEXT_ARGUMENT(text_head(name, BOUNDS_NAME_BYTES)));
        result = name.length > BOUNDS_NAME_BYTES ? ERROR_INVALID : 0;
        reason = "The name is too long.";
    }
    if (result == 0)
        result = repository_create(&request->store->database, request->store->settings.data, &wanted, ret_repository,
                                   &reason);
    if (result != 0)
        request_error(request, result == ERROR_SYSTEM ? 500 : result == ERROR_NOT_FOUND ? 404 : 403, NULL, reason);
    else
        store_event(request->store, request->identity.account.name, "create", wanted.name, "");
    return result;
}

/* The order of the questions is what keeps private repositories unseen: a stranger is asked for a password before
 * anything is said about what exists; somebody known who may not read hears "no such repository". */
static int find_repository(struct request *request, bool receive, struct repository *ret_repository)
{
    int result =
        repository_find(&request->store->database, request->model, request->owner, request->name, ret_repository);
    const struct account *account = &request->identity.account;
    bool readable = result == 0 && repository_may_read(ret_repository, account);
    if (request->bad_credential || (account->id == 0 && (receive || !readable))) {
        ask_password(request);
        return ERROR_FORBIDDEN;
    }
    if (!receive && !readable) {
        request_error(request, 404, "RepoNotFound", "There is no such repository, or you may not see it.");
        return ERROR_NOT_FOUND;
    }
    if (receive && !request->identity.write) {
        request_error(request, 403, NULL, "This token may only read; make one with the role write.");
        return ERROR_FORBIDDEN;
    }
    if (result != 0)
        return make_repository(request, ret_repository);
    if (receive && !repository_may_write(ret_repository, account)) {
        request_error(request, 403, NULL, only_own);
        return ERROR_FORBIDDEN;
    }
    return 0;
}

/* A cookie is no credential here: git sends none, and a page must not be able to push. */
static void drop_cookie(struct request *request)
{
    if (request->credential == CREDENTIAL_COOKIE)
        request->identity = (struct identity){0};
}

void git_info_refs(struct request *request)
{
    struct repository repository;
    BUFFER_AUTO struct buffer service = BUFFER_EMPTY;
    request->git = true;
    drop_cookie(request);
    request_query(request, "service", &service);
    bool receive = text_equal(buffer_view(&service), TEXT("git-receive-pack"));
    if (!receive && !text_equal(buffer_view(&service), TEXT("git-upload-pack"))) {
        request_error(request, 403, NULL, "This server speaks git's smart protocol only; update your git.");
        return;
    }
    if (find_repository(request, receive, &repository) != 0)
        return;
    struct git_session *session = session_start(request, &repository, receive ? "receive-pack" : "upload-pack", true);
    if (session != NULL)
        fd_close(&session->in_fd);
}

/* The body is not collected: it flows into git as it comes, up to BOUNDS_PUSH_BYTES before and after inflating. */
static void serve_pack(struct request *request, const char *service)
{
    struct repository repository;
    bool receive = strcmp(service, "receive-pack") == 0;
    request->git = true;
    drop_cookie(request);
    if (find_repository(request, receive, &repository) != 0)
        return;
    struct text encoding = http_exchange_header(request->exchange, "content-encoding");
    bool gzip = text_equal_ignore_case(encoding, TEXT("gzip")) || text_equal_ignore_case(encoding, TEXT("x-gzip"));
    if (encoding.length > 0 && !gzip && !text_equal_ignore_case(encoding, TEXT("identity"))) {
        request_error(request, 415, NULL, "The body may be plain or gzip.");
        return;
    }
    struct http_exchange *exchange = request->exchange;
    struct git_session *session = session_start(request, &repository, service, false);
    if (session == NULL)
        return;
    session->inflating = gzip && inflateInit2(&session->inflater, 15 + 16) == Z_OK;
    if (!http_exchange_receive(exchange, BOUNDS_PUSH_BYTES)) {
        session->exchange = NULL; /* answered 413 */
        cage_kill(session->store, session->cage);
    }
}

void git_upload_pack(struct request *request)
{
    serve_pack(request, "upload-pack");
}

void git_receive_pack(struct request *request)
{
    serve_pack(request, "receive-pack");
}
