#include "box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "sandbox/lockdown/lockdown.h"
#include "store/peer.h"
#include "store/token.h"

enum { PATIENCE_MS = 5000, MOMENT_MS = 30, TOKENS = 100 };

int __wrap_lockdown_process(enum lockdown_profile profile, const struct lockdown_paths *paths,
                            const char **ret_trouble);

int __wrap_lockdown_process(enum lockdown_profile profile, const struct lockdown_paths *paths,
                            const char **ret_trouble)
{
    (void)paths, (void)ret_trouble;
    assert_int_equal(profile, LOCKDOWN_PROFILE_STORE);
    return 0;
}

/* -- peers -- */

static void on_message(void *context, struct message_in *in)
{
    struct box *box = context;
    fd_close(&box->fd);
    buffer_clear(&box->body);
    buffer_text(&box->body, in->body);
    box->type = in->type;
    if (in->fd_count == 1)
        box->fd = fd_steal(&in->fds[0]);
    box->heard = true;
    box->messages++;
    loop_stop(&box->store.loop);
}

static void on_closed(void *context, int result)
{
    fail_msg("the store dropped a peer (%d)", result);
}

static struct channel *connect_peer(struct box *box, enum message_role role)
{
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    peer_attach(&box->store, role, pair[0]);
    return loop_channel_attach(&box->store.loop, pair[1], role, ROLE_STORE, CHANNEL_FDS, on_message, on_closed, box);
}

static void lost_patience(void *context)
{
    struct box *box = context;
    loop_stop(&box->store.loop);
}

void box_turn(struct box *box, unsigned milliseconds)
{
    loop_timer_start(&box->patience, milliseconds);
    loop_run(&box->store.loop);
    loop_timer_stop(&box->patience);
}

static void send_message(struct box *box, struct channel *peer, enum message_type type, const struct buffer *body)
{
    box->heard = false;
    assert_int_equal(channel_send(peer, type, 0, buffer_view(body), NULL, 0), 0);
}

void box_ask(struct box *box, struct channel *peer, enum message_type type, const struct buffer *body)
{
    send_message(box, peer, type, body);
    box_turn(box, PATIENCE_MS);
    assert_true(box->heard);
}

bool box_tell(struct box *box, struct channel *peer, enum message_type type, const struct buffer *body)
{
    send_message(box, peer, type, body);
    box_turn(box, MOMENT_MS);
    return !box->heard;
}

/* -- life -- */

/* The pages of the source tree, and assets without a build. */
static void make_share(struct box *box, char *ret_path, size_t size)
{
    static const char assets[] = "{\"files\":{\"site.css\":{\"name\":\"site.css\"},\"site.js\":{\"name\":\"site.js\"},"
                                 "\"icon.svg\":{\"name\":\"icon.svg\"}}}";
    char path[160];
    snprintf(ret_path, size, "%s/share", box->scratch.path);
    assert_int_equal(mkdir(ret_path, 0700), 0);
    snprintf(path, sizeof path, "%s/kit", ret_path);
    assert_int_equal(mkdir(path, 0700), 0);
    int fd = scratch_file(&box->scratch, "share/kit/manifest.json", assets, sizeof assets - 1);
    close(fd);
    snprintf(path, sizeof path, "%s/pages", ret_path);
    assert_int_equal(symlink(TEST_SOURCE_ROOT "/ui-kit/pages", path), 0);
}

int box_setup(void **state)
{
    struct box *box = MEMORY_NEW(struct box);
    char share[128];
    box->fd = -1;
    scratch_open(&box->scratch);
    make_share(box, share, sizeof share);
    assert_int_equal(loop_init(&box->store.loop), 0);
    loop_timer_init(&box->store.loop, &box->patience, lost_patience, box);
    settings_take(&box->store.settings, TEXT("data"), text_from(box->scratch.path));
    settings_take(&box->store.settings, TEXT("share"), text_from(share));
    settings_take(&box->store.settings, TEXT("site_url"), TEXT("http://localhost:7860"));
    assert_int_equal(store_start(&box->store), 0);
    box->gateway = connect_peer(box, ROLE_GATEWAY);
    box->infer = connect_peer(box, ROLE_INFER);
    *state = box;
    return 0;
}

int box_teardown(void **state)
{
    struct box *box = *state;
    store_release(&box->store);
    settings_release(&box->store.settings);
    loop_timer_release(&box->patience);
    loop_release(&box->store.loop);
    scratch_close(&box->scratch);
    fd_close(&box->fd);
    buffer_release(&box->answer);
    buffer_release(&box->body);
    free(box);
    return 0;
}

struct repository box_publish(struct box *box, const char *name, bool model)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    struct repository made = scratch_repository(&box->scratch, name, model);
    char digest[65];
    scratch_bundle(&box->scratch, name, digest);
    scratch_release(&box->scratch, made.id, commit, digest);
    return made;
}

/* -- HTTP -- */

static void on_readable(void *context, int fd)
{
    struct box *box = context;
    char bytes[65536];
    ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) {
        buffer_append(&box->answer, bytes, (size_t)count);
        return;
    }
    box->closed = true;
    loop_stop(&box->store.loop);
}

int box_send(struct box *box, const char *bytes, size_t length)
{
    struct loop_watch watch;
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    assert_int_equal(http_server_adopt(box->store.server, pair[0]), 0);
    assert_int_equal(send(pair[1], bytes, length, MSG_NOSIGNAL), (ssize_t)length);
    buffer_clear(&box->answer);
    box->closed = false;
    loop_watch_init(&box->store.loop, &watch, pair[1], false, on_readable, box);
    for (box->heard = true; !box->closed && box->heard;) { /* a message to a peer ends a turn too */
        box->heard = false;
        box_turn(box, PATIENCE_MS);
    }
    loop_watch_release(&watch);
    close(pair[1]);
    assert_true(box->closed);
    buffer_byte(&box->answer, 0);
    return box->answer.length > 12 ? atoi(box->answer.data + 9) : 0;
}

int box_get(struct box *box, const char *path, const char *fields)
{
    BUFFER_AUTO struct buffer request = BUFFER_EMPTY;
    buffer_format(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path, fields);
    return box_send(box, request.data, request.length);
}

int box_post(struct box *box, const char *path, const char *fields, const char *body)
{
    BUFFER_AUTO struct buffer request = BUFFER_EMPTY;
    buffer_format(&request,
                  "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", path,
                  strlen(body), fields, body);
    return box_send(box, request.data, request.length);
}

bool box_has(const struct box *box, const char *part)
{
    return strstr(box->answer.data, part) != NULL;
}

char *box_bearer(struct box *box, const struct account *account, bool write)
{
    static unsigned made;
    struct buffer line = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
    buffer_format(&name, "t%u", made++ % TOKENS);
    buffer_string(&line, "Authorization: Bearer ");
    assert_int_equal(token_create(&box->scratch.database, account->id, buffer_view(&name), write, &line), 0);
    buffer_string(&line, "\r\n");
    return buffer_steal(&line);
}
