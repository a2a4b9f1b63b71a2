/* A whole store inside the test's process, without the lock-down and without cages: for tests of what it answers to
 * gateway, backend and browsers. One loop is turned by the asking functions. Tests that use it begin with the line
 * "wrap: lockdown_process" as a comment of its own, because a locked process could not clean up. */
#ifndef TESTS_UNIT_STORE_BOX_H
#define TESTS_UNIT_STORE_BOX_H

#include "scratch.h"
#include "store/store.h"

struct box {
    struct scratch scratch; /* the same folder and database, through a connection of its own */
    struct store store;
    struct channel *gateway, *infer; /* the peers' ends; owned by the loop */
    struct loop_timer patience;
    struct buffer answer; /* what the last HTTP request got, ends with a NUL */
    bool closed;
    /* the last message to a peer */
    bool heard;
    enum message_type type;
    struct buffer body;
    int fd; /* that came with it, or -1 */
    unsigned messages;
};

int box_setup(void **state);    /* *state is a struct box */
int box_teardown(void **state);

/* Turns the loop for that long, or until a message has come. */
void box_turn(struct box *box, unsigned milliseconds);
/* Sends a packed body as this message to the store and waits for its answer; box->type says which it was. */
void box_ask(struct box *box, struct channel *peer, enum message_type type, const struct buffer *body);
/* Sends and turns the loop for a moment; true when nothing was answered. */
bool box_tell(struct box *box, struct channel *peer, enum message_type type, const struct buffer *body);
/* Both for a message: the body is packed here. */
#define BOX_ASK(box, peer, name, ...)                                                          \
    do {                                                                                       \
        BUFFER_AUTO struct buffer packed = BUFFER_EMPTY;                                       \
        message_##name##_pack(&packed, &(struct message_##name){__VA_ARGS__});                 \
        box_ask(box, (box)->peer, MESSAGE_##name, &packed);                                    \
    } while (0)
/* The answer as the message `name`, unpacked into `target`; fails the test when it is another one. */
#define BOX_GOT(box, name, target)                                                             \
    do {                                                                                       \
        assert_int_equal((box)->type, MESSAGE_##name);                                         \
        assert_int_equal(message_##name##_unpack(target, buffer_view(&(box)->body)), 0);       \
    } while (0)

/* Raw bytes on a fresh connection, as the gateway would forward them; the status. `fields` are finished lines. */
int box_send(struct box *box, const char *bytes, size_t length);
int box_get(struct box *box, const char *path, const char *fields);
int box_post(struct box *box, const char *path, const char *fields, const char *body);
bool box_has(const struct box *box, const char *part);
/* "Authorization: Bearer hf_…" of a new token, as a finished line that the caller frees. */
char *box_bearer(struct box *box, const struct account *account, bool write);
/* A published demo or model of ann's; its id. */
struct repository box_publish(struct box *box, const char *name, bool model);

#endif
