/* Sessions: one stream, newest wins; the closing handshake; frames that wait; values between events. */
#include "gateway/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/call.h"
#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"

/* What the surroundings saw, as one readable line. */
struct world {
    struct session_table table;
    struct call_table calls;
    struct buffer seen;
    bool slow, deaf;             /* deaf: nobody takes values */
};

static int world_write(void *context, uint64_t stream, struct text frames)
{
    struct world *world = context;
    buffer_format(&world->seen, "%u<" TEXT_FORMAT, (unsigned)stream, TEXT_ARGUMENT(frames));
    return world->slow ? ERROR_AGAIN : 0;
}

static void world_end(void *context, uint64_t stream)
{
    struct world *world = context;
    buffer_format(&world->seen, "%u.end\n", (unsigned)stream);
}

static void world_resume(void *context, struct session_hold *hold)
{
    struct world *world = context;
    (void)hold;
    buffer_string(&world->seen, "resume\n");
}

static void world_abandon(void *context, struct session *session)
{
    struct world *world = context;
    struct call *call;
    LIST_EACH(call, &session->calls, struct call, in_session) {
        buffer_string(&world->seen, "abandon\n");
        session_remove_call(session, call, 999999);
        call_free(&world->calls, call);
    }
}

static void world_flush(void *context, struct session *session)
{
    (void)context;
    (void)session;
}

static bool world_save(void *context, struct session *session)
{
    struct world *world = context;
    buffer_format(&world->seen, "save %s ", session->name);
    session_write_state(session, &world->seen);
    buffer_string(&world->seen, world->deaf ? " lost\n" : "\n");
    return !world->deaf;
}

static const struct session_actions world_actions = {
    .write = world_write, .end = world_end, .resume = world_resume,
    .abandon = world_abandon, .flush = world_flush, .save = world_save,
};

static int world_setup(void **state)
{
    struct world *world = MEMORY_NEW(struct world);
    session_table_init(&world->table, &world_actions, world);
    call_table_init(&world->calls);
    *state = world;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *world = *state;
    call_table_release(&world->calls);
    session_table_release(&world->table);
    buffer_release(&world->seen);
    free(world);
    return 0;
}

/* Compares what happened since the last look. */
#define expect_seen(world, expected)                                                         \
    do {                                                                                     \
        assert_string_equal((world)->seen.data ? (world)->seen.data : "", expected);         \
        buffer_clear(&(world)->seen);                                                        \
    } while (0)

static struct call *add_call(struct world *world, struct session *session, uint64_t now_ms)
{
    struct call *call = call_new(&world->calls, CALL_ON_SESSION);
    call->joined_us = now_ms * 1000;
    assert_true(session_add_call(session, call));
    return call;
}

static void end_call(struct world *world, struct session *session, struct call *call, uint64_t now_ms)
{
    session_remove_call(session, call, now_ms);
    call_free(&world->calls, call);
}

#define CLOSE "data: {\"msg\":\"close_stream\",\"event_id\":null}\n\n"

static void test_names(void **state)
{
    char long_name[BOUNDS_SESSION_HASH_BYTES + 1];
    (void)state;
    memset(long_name, 'a', sizeof long_name);
    assert_true(session_is_name(TEXT("j27jhwokxk")));
    assert_true(session_is_name(TEXT("0b2e71d4-98a1-4b6e-8a04-000000000000")));
    assert_true(session_is_name((struct text){long_name, BOUNDS_SESSION_HASH_BYTES}));
    assert_false(session_is_name((struct text){long_name, sizeof long_name}));
    assert_false(session_is_name(TEXT("")));
    assert_false(session_is_name(TEXT("../x")));
    assert_false(session_is_name(TEXT("a b")));
}

static void test_messages_wait_for_the_stream(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 1000);
    session_send(session, TEXT("{1}"));
    session_send(session, TEXT("{2}"));
    expect_seen(world, "");
    session_open_stream(session, 5, 1001);
    expect_seen(world, "5<data: {1}\n\ndata: {2}\n\n");
    session_send(session, TEXT("{3}"));
    expect_seen(world, "5<data: {3}\n\n");
    end_call(world, session, call, 1002);
    expect_seen(world, "");
}

static void test_closing_handshake(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct session_hold hold = {0};
    struct call *call = add_call(world, session, 1000);
    session_open_stream(session, 5, 1000);
    end_call(world, session, call, 1000);
    assert_int_equal(session_next_ms(&world->table), 1000 + BOUNDS_CLOSE_LINGER_MS);
    /* A call within the linger keeps the stream. */
    call = add_call(world, session, 1200);
    session_tick(&world->table, 5000);
    expect_seen(world, "");
    end_call(world, session, call, 6000);
    session_tick(&world->table, 6000 + BOUNDS_CLOSE_LINGER_MS);
    expect_seen(world, "5<" CLOSE);
    assert_true(session_is_closing(session));
    assert_true(session_hold(session, &hold));
    expect_seen(world, "");
    session_pin(session);
    session_close_stream(session, 5, 6600);
    expect_seen(world, "resume\n");
    assert_false(session_is_closing(session));
    session_unpin(session, 6600);
    assert_null(session_find(&world->table, 7, TEXT("s")));
}

static void test_closing_falls_back(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 0);
    session_open_stream(session, 5, 0);
    end_call(world, session, call, 0);
    session_tick(&world->table, BOUNDS_CLOSE_LINGER_MS);
    expect_seen(world, "5<" CLOSE);
    session_tick(&world->table, BOUNDS_CLOSE_LINGER_MS + BOUNDS_CLOSE_FALLBACK_MS);
    expect_seen(world, "5.end\n");
    assert_null(session_find(&world->table, 7, TEXT("s")));
}

static void test_stop_closes_streams(void **state)
{
    struct world *world = *state;
    struct session *idle = session_need(&world->table, 7, TEXT("idle")),
                   *busy = session_need(&world->table, 7, TEXT("busy"));
    struct call *call = add_call(world, busy, 0);
    session_open_stream(idle, 5, 0);
    session_open_stream(busy, 6, 0);
    session_table_stop(&world->table, 10);
    expect_seen(world, "5<" CLOSE);
    end_call(world, busy, call, 20);
    session_tick(&world->table, 20);
    expect_seen(world, "6<" CLOSE);
}

static void test_newest_stream_wins(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 0);
    session_open_stream(session, 5, 0);
    session_open_stream(session, 6, 10);
    expect_seen(world, "5<" CLOSE "5.end\n");
    session_close_stream(session, 5, 11); /* a late notice about the old one changes nothing */
    session_send(session, TEXT("{}"));
    expect_seen(world, "6<data: {}\n\n");
    end_call(world, session, call, 12);
}

static void test_new_stream_while_closing_frees_held_calls(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct session_hold hold = {0};
    session_open_stream(session, 5, 0);
    session_tick(&world->table, BOUNDS_CLOSE_LINGER_MS);
    assert_true(session_hold(session, &hold));
    expect_seen(world, "5<" CLOSE);
    session_open_stream(session, 6, 600);
    expect_seen(world, "resume\n5.end\n");
}

static void test_nobody_listens(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    add_call(world, session, 1000);
    add_call(world, session, 1000);
    session_open_stream(session, 5, 1001);
    session_close_stream(session, 5, 2000);
    assert_int_equal(session_next_ms(&world->table), 2000 + BOUNDS_EVENT_GRACE_MS);
    session_tick(&world->table, 2000 + BOUNDS_EVENT_GRACE_MS);
    expect_seen(world, "abandon\nabandon\n");
    assert_null(session_find(&world->table, 7, TEXT("s")));
}

static void test_a_stream_in_time_saves_the_calls(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 1000);
    session_open_stream(session, 5, 1001);
    session_close_stream(session, 5, 2000);
    session_send(session, TEXT("{1}"));
    session_open_stream(session, 6, 3000);
    session_tick(&world->table, 2000 + BOUNDS_EVENT_GRACE_MS);
    expect_seen(world, "6<data: {1}\n\n");
    end_call(world, session, call, 30000);
}

static void test_slow_client(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 0);
    session_open_stream(session, 5, 0);
    world->slow = true;
    session_send(session, TEXT("{1}"));
    expect_seen(world, "5<data: {1}\n\n");
    session_send(session, TEXT("{2}"));
    expect_seen(world, "");
    assert_false(session_is_full(session));
    while (!session_is_full(session))
        session_send(session, TEXT("{\"a\":\"0123456789012345678901234567890123456789\"}"));
    world->slow = false;
    session_drained(session, 10);
    assert_false(session_is_full(session));
    assert_true(text_starts(buffer_view(&world->seen), TEXT("5<data: {2}\n\n")));
    end_call(world, session, call, 20);
}

static void test_what_waits_is_bounded(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 0);
    MEMORY_AUTO char *large = memory_alloc(1, 1 << 20);
    struct text message = {memset(large, 'x', 1 << 20), 1 << 20};
    int sent = 0;
    while (session_send(session, message) == 0)
        assert_true(++sent < 100);
    assert_int_equal(sent, (BOUNDS_SESSION_RESULT_BYTES >> 20) - 1);
    assert_int_equal(session_send(session, TEXT("{small}")), 0);
    end_call(world, session, call, 0);
}

static void test_counts_are_bounded(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct session_hold holds[BOUNDS_SESSION_HELD_JOINS + 1] = {0};
    session_pin(session);
    for (int i = 0; i < BOUNDS_SESSION_EVENTS; i++)
        add_call(world, session, 0);
    struct call *more = call_new(&world->calls, CALL_ON_SESSION);
    assert_false(session_add_call(session, more));
    for (int i = 0; i < BOUNDS_SESSION_HELD_JOINS; i++)
        assert_true(session_hold(session, &holds[i]));
    assert_false(session_hold(session, &holds[BOUNDS_SESSION_HELD_JOINS]));
    for (int i = 0; i <= BOUNDS_SESSION_HELD_JOINS; i++)
        session_release_hold(session, &holds[i]);
    assert_int_equal(session->held_count, 0);
}

static void test_values_between_calls(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    struct call *call = add_call(world, session, 0);
    assert_null(session_state(session, 3));
    assert_int_equal(session_set_state(session, 3, TEXT("[1]"), 100), 0);
    assert_int_equal(session_set_state(session, 3, TEXT("[1,2]"), 500), 0);
    end_call(world, session, call, 600);
    session_tick(&world->table, 100 + BOUNDS_STATE_WRITE_MS - 1);
    expect_seen(world, "");
    session_tick(&world->table, 100 + BOUNDS_STATE_WRITE_MS);
    expect_seen(world, "save s {\"3\":[1,2]}\n");
    session_tick(&world->table, 600 + BOUNDS_SESSION_STATE_MS - 1);
    assert_ptr_equal(session_find(&world->table, 7, TEXT("s")), session);
    assert_int_equal(world->table.state_bytes, 5);
    /* Nothing changed: nothing is written again. */
    assert_int_equal(session_set_state(session, 3, TEXT("[1,2]"), 700), 0);
    session_tick(&world->table, 600 + BOUNDS_SESSION_STATE_MS);
    expect_seen(world, "");
    assert_null(session_find(&world->table, 7, TEXT("s")));
    assert_int_equal(world->table.state_bytes, 0);
}

static void test_values_are_bounded_and_loaded(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    MEMORY_AUTO char *large = memory_alloc(1, BOUNDS_SESSION_STATE_BYTES);
    memset(large, '1', BOUNDS_SESSION_STATE_BYTES);
    session_pin(session);
    assert_int_equal(session_set_state(session, 1, (struct text){large, BOUNDS_SESSION_STATE_BYTES}, 0), 0);
    assert_int_equal(session_set_state(session, 2, TEXT("1"), 0), ERROR_LIMIT);
    assert_int_equal(session_set_state(session, 1, TEXT("2"), 0), 0);
    session_load_state(session, TEXT("{\"1\":9,\"4\":{\"a\":[]},\"nonsense\":1}"));
    assert_string_equal(session_state(session, 1), "2");
    assert_string_equal(session_state(session, 4), "{\"a\":[]}");
    assert_true(session->state_known);
    session_load_state(session, TEXT(""));
    session_load_state(session, TEXT("{"));
}

static void test_unsaved_values_are_saved_at_the_end(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    assert_int_equal(session_set_state(session, 1, TEXT("2"), 0), 0);
    session_table_release(&world->table);
    expect_seen(world, "save s {\"1\":2}\n");
}

/* The store restarts: what it did not take is offered again until it does. */
static void test_values_wait_for_the_store(void **state)
{
    struct world *world = *state;
    struct session *session = session_need(&world->table, 7, TEXT("s"));
    session_pin(session);
    session_set_state(session, 3, TEXT("1"), 0);
    world->deaf = true;
    session_tick(&world->table, BOUNDS_STATE_WRITE_MS);
    expect_seen(world, "save s {\"3\":1} lost\n");
    assert_int_equal(session_next_ms(&world->table), 2 * BOUNDS_STATE_WRITE_MS);
    world->deaf = false;
    session_tick(&world->table, 2 * BOUNDS_STATE_WRITE_MS - 1);
    expect_seen(world, "");
    session_tick(&world->table, 2 * BOUNDS_STATE_WRITE_MS);
    expect_seen(world, "save s {\"3\":1}\n");
    assert_int_equal(session_next_ms(&world->table), UINT64_MAX);
    session_unpin(session, 2 * BOUNDS_STATE_WRITE_MS);
}

/* Names are free: whoever invents a hundred thousand of them pushes out the oldest remembered one, not the next visitor. */
static void test_remembered_values_make_room(void **state)
{
    struct world *world = *state;
    char name[16];
    for (int i = 0; i < BOUNDS_SESSIONS; i++) {
        snprintf(name, sizeof name, "s%d", i);
        struct session *session = session_need(&world->table, 7, text_from(name));
        session_pin(session);
        if (i < 2)
            session_set_state(session, 1, TEXT("5"), 0);
    }
    assert_null(session_need(&world->table, 7, TEXT("new"))); /* all are in use */
    session_unpin(session_find(&world->table, 7, TEXT("s1")), 10);
    session_unpin(session_find(&world->table, 7, TEXT("s0")), 11);
    assert_non_null(session_need(&world->table, 7, TEXT("new")));
    expect_seen(world, "save s1 {\"1\":5}\n");
    assert_null(session_find(&world->table, 7, TEXT("s1")));
    assert_non_null(session_find(&world->table, 7, TEXT("s0")));
}

#define SESSION_TEST(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        SESSION_TEST(test_messages_wait_for_the_stream),
        SESSION_TEST(test_closing_handshake),
        SESSION_TEST(test_closing_falls_back),
        SESSION_TEST(test_stop_closes_streams),
        SESSION_TEST(test_newest_stream_wins),
        SESSION_TEST(test_new_stream_while_closing_frees_held_calls),
        SESSION_TEST(test_nobody_listens),
        SESSION_TEST(test_a_stream_in_time_saves_the_calls),
        SESSION_TEST(test_slow_client),
        SESSION_TEST(test_what_waits_is_bounded),
        SESSION_TEST(test_counts_are_bounded),
        SESSION_TEST(test_values_between_calls),
        SESSION_TEST(test_values_are_bounded_and_loaded),
        SESSION_TEST(test_unsaved_values_are_saved_at_the_end),
        SESSION_TEST(test_values_wait_for_the_store),
        SESSION_TEST(test_remembered_values_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
