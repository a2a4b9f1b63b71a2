/* wrap: lockdown_process */
/* What the hook's message leads to before any cage is needed: which refs count, which are refused with which words, and
 * that whatever happens, what was live stays live and nothing is left over. */
#include "store/publish.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "box.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"

#define OLD "1111111111111111111111111111111111111111"
#define NEW "2222222222222222222222222222222222222222"
#define ZERO "0000000000000000000000000000000000000000"

/* A push as the hook sees it. */
struct push {
    struct box *box;
    struct publish *publish;
    struct channel *hook; /* our end */
    struct buffer said;   /* the lines, each with a line end */
    bool decided;
    uint32_t status;
};

static void on_hook(void *context, struct message_in *in)
{
    struct push *push = context;
    struct message_hook_text line;
    struct message_hook_verdict verdict;
    if (in->type == MESSAGE_hook_text && message_hook_text_unpack(&line, in->body) == 0) {
        buffer_text(&push->said, line.line);
        buffer_byte(&push->said, '\n');
    } else if (in->type == MESSAGE_hook_verdict && message_hook_verdict_unpack(&verdict, in->body) == 0) {
        assert_false(push->decided); /* exactly one */
        push->decided = true;
        push->status = verdict.status;
        loop_stop(&push->box->store.loop);
    }
}

static void on_hook_closed(void *context, int result)
{
    struct push *push = context;
    push->hook = NULL;
}

static void push_begin(struct push *push, struct box *box, const struct repository *repository)
{
    int pair[2];
    *push = (struct push){.box = box};
    assert_int_equal(fd_socket_pair(SOCK_SEQPACKET, 1, pair), 0);
    push->publish = publish_new(&box->store, repository, "ann", pair[0]);
    push->hook = loop_channel_attach(&box->store.loop, pair[1], ROLE_HOOK, ROLE_STORE, 0, on_hook,
                                     on_hook_closed, push);
}

static void push_send(struct push *push, const char *quarantine, const char *updates)
{
    struct message_hook_push message = {text_from(quarantine), text_from(updates)};
    assert_int_equal(channel_send_hook_push(push->hook, 0, &message), 0);
    for (int i = 0; !push->decided && i < 100; i++)
        box_turn(push->box, 100);
    assert_true(push->decided);
    buffer_byte(&push->said, 0);
}

/* git has exited. */
static void push_end(struct push *push)
{
    assert_false(publish_is_accepted(push->publish));
    publish_settle(push->publish);
    loop_channel_detach(&push->box->store.loop, push->hook);
    buffer_release(&push->said);
    assert_int_equal(push->box->store.publishing.count, 0);
}

static bool is_live(struct box *box, const struct repository *repository)
{
    return database_integer(&box->scratch.database, "SELECT count(*) FROM releases WHERE repository_id = ? AND "
                            "state = 'live'", "i", repository->id) == 1;
}

static void test_which_refs_are_taken(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    static const struct {
        const char *updates, *says;
        uint32_t status;
    } cases[] = {
        {OLD " " NEW " refs/heads/topic\n", "To publish this branch: git push <remote> topic:main", 0},
        {OLD " " NEW " refs/tags/v1\n", "Stored. Only pushes to main publish a release.\n", 0},
        {OLD " " ZERO " refs/heads/topic\n", "Stored. Only pushes to main publish a release.\n", 0},
        {OLD " " NEW " refs/heads/a\n" OLD " " NEW " refs/heads/b\n", "Stored. Only pushes to main publish", 0},
        {"", "Stored. Only pushes to main publish a release.\n", 0},
        {OLD " " NEW " refs/heads/Main\n", "To publish this branch: git push <remote> Main:main", 0},
        {OLD " " ZERO " refs/heads/main\n", "main cannot be deleted; delete the repository on its settings page\n",
         -ERROR_INVALID},
        {OLD " " NEW " refs/notes/x\n", "only branches and tags can be pushed\n", -ERROR_INVALID},
        {OLD " " NEW " HEAD\n", "only branches and tags can be pushed\n", -ERROR_INVALID},
        {OLD " " NEW " refs/heads/a\n" OLD " " NEW " refs/x/y\n", "only branches and tags can be pushed\n",
         -ERROR_INVALID},
        {"nonsense\n", "only branches and tags can be pushed\n", -ERROR_INVALID},
        {OLD " 22 refs/heads/main\n", "this server only takes repositories with SHA-1 object names\n", -ERROR_INVALID},
        {OLD " " NEW NEW " refs/heads/main\n", "this server only takes repositories with SHA-1 object names\n",
         -ERROR_INVALID},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct push push;
        push_begin(&push, box, &demo);
        push_send(&push, "", cases[i].updates);
        if (push.status != cases[i].status || strstr(push.said.data, cases[i].says) == NULL)
            fail_msg("%s: %u %s", cases[i].updates, push.status, push.said.data);
        push_end(&push);
    }
    assert_true(is_live(box, &demo));
}

static void test_the_advice_is_for_one_branch(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    static const char *const updates[] = {OLD " " NEW " refs/tags/v1\n", OLD " " ZERO " refs/heads/topic\n",
                                          OLD " " NEW " refs/heads/a\n" OLD " " NEW " refs/heads/b\n", ""};
    for (size_t i = 0; i < MEMORY_COUNT(updates); i++) {
        struct push push;
        push_begin(&push, box, &demo);
        push_send(&push, "", updates[i]);
        assert_null(strstr(push.said.data, "To publish"));
        push_end(&push);
    }
}

static void test_a_push_of_very_many_refs(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    for (int more = 0; more < 2; more++) {
        BUFFER_AUTO struct buffer updates = BUFFER_EMPTY;
        struct push push;
        for (int i = 0; i < BOUNDS_HOOK_UPDATES + more; i++)
            buffer_format(&updates, OLD " " NEW " refs/tags/v%d\n", i);
        push_begin(&push, box, &demo);
        push_send(&push, "", updates.data);
        assert_int_equal(push.status, more ? -ERROR_INVALID : 0);
        assert_int_equal(strstr(push.said.data, "too many branches and tags in one push") != NULL, more);
        push_end(&push);
    }
}

/* The hook runs behind a stranger's push: the folder it names must be git's own quarantine. */
static void test_a_quarantine_that_is_none(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    static const char *const names[] = {"/", "..", "objects", "/etc", "x/../../y", "tmp_objdir-incoming-../x",
                                        "/a/objects/tmp_objdir-incoming-a/b"};
    for (size_t i = 0; i < MEMORY_COUNT(names); i++) {
        struct push push;
        push_begin(&push, box, &demo);
        push_send(&push, names[i], OLD " " NEW " refs/heads/main\n");
        assert_int_equal(push.status, -ERROR_FORBIDDEN);
        assert_non_null(strstr(push.said.data, "Not published; what was live before stays live."));
        push_end(&push);
    }
    assert_true(is_live(box, &demo));
}

/* The job looks for a commit that nobody sent: refused, and the author sees at the demo that a push failed. */
static void test_a_commit_that_is_not_there(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    struct push push, second;
    push_begin(&push, box, &demo);
    push_send(&push, "", OLD " " NEW " refs/heads/main\n");
    assert_int_equal(push.status, -ERROR_FORBIDDEN);
    assert_non_null(strstr(push.said.data, "Not published; what was live before stays live."));
    assert_int_equal(database_integer(&box->scratch.database, "SELECT stage = 'BUILD_ERROR' FROM repositories WHERE "
                                      "id = ?", "i", demo.id), 1);
    /* Until git has exited the repository belongs to this push. */
    push_begin(&second, box, &demo);
    push_send(&second, "", OLD " " NEW " refs/heads/main\n");
    assert_int_equal(second.status, -ERROR_BUSY);
    assert_string_equal(second.said.data, "another push is being published right now; push again in a moment\n");
    publish_settle(second.publish);
    loop_channel_detach(&box->store.loop, second.hook);
    buffer_release(&second.said);
    assert_int_equal(box->store.publishing.count, 1); /* the first one's place was not given up */
    push_end(&push);
    assert_true(is_live(box, &demo));
}

/* git dies while the job still reads: the job's end finds nobody and cleans up. */
static void test_git_exits_while_a_job_runs(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    struct push push;
    push_begin(&push, box, &demo);
    struct message_hook_push message = {TEXT(""), TEXT(OLD " " NEW " refs/heads/main\n")};
    assert_int_equal(channel_send_hook_push(push.hook, 0, &message), 0);
    for (int i = 0; box->store.publishing.count == 0 && i < 1000; i++)
        box_turn(box, 0);
    assert_int_equal(box->store.publishing.count, 1);
    loop_channel_detach(&box->store.loop, push.hook); /* the hook goes with git */
    publish_settle(push.publish);
    for (int i = 0; box->store.publishing.count > 0 && i < 100; i++)
        box_turn(box, 20);
    assert_int_equal(box->store.publishing.count, 0);
    buffer_release(&push.said);
    assert_true(is_live(box, &demo));
}

/* A hook that never says anything, and one that says it twice. */
static void test_a_hook_that_is_no_hook(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    struct push push;
    push_begin(&push, box, &demo);
    push_end(&push);
    push_begin(&push, box, &demo);
    push_send(&push, "", OLD " " NEW " refs/tags/v1\n");
    struct message_hook_push again = {TEXT(""), TEXT(OLD " " NEW " refs/heads/main\n")};
    assert_int_equal(channel_send_hook_push(push.hook, 0, &again), 0);
    box_turn(box, 50); /* on_hook fails the test at a second verdict */
    assert_int_equal(box->store.publishing.count, 0);
    push_end(&push);
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_which_refs_are_taken),       BOXED(test_the_advice_is_for_one_branch),
        BOXED(test_a_push_of_very_many_refs),   BOXED(test_a_quarantine_that_is_none),
        BOXED(test_a_commit_that_is_not_there), BOXED(test_git_exits_while_a_job_runs),
        BOXED(test_a_hook_that_is_no_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
