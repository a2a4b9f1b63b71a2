/* The table of events: ids, the state diagram, results that stay fetchable within bounds. */
#include "gateway/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/bounds.h"

static void test_ids_are_found(void **state)
{
    struct call_table table;
    (void)state;
    call_table_init(&table);
    struct call *one = call_new(&table, CALL_ON_SESSION), *two = call_new(&table, CALL_ON_REPLY);
    assert_int_equal(strlen(one->id), CALL_ID_LENGTH);
    assert_int_equal(strspn(one->id, "0123456789abcdef"), CALL_ID_LENGTH);
    assert_ptr_equal(call_find(&table, text_from(one->id)), one);
    assert_ptr_equal(call_find_stream(&table, two->stream), two);
    assert_int_equal(strlen(two->id), 0);
    assert_null(call_find(&table, TEXT("")));
    call_free(&table, one);
    assert_null(call_find_stream(&table, 1));
    call_table_release(&table);
}

/* True when the move ends the process, as a bug of ours should. */
static bool move_aborts(enum call_state from, enum call_state to)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct call call = {.state = from};
        signal(SIGABRT, SIG_DFL);
        call_move(&call, to);
        _exit(call.state == to ? 0 : 1);
    }
    assert_true(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status);
}

static void test_only_the_diagrams_moves(void **state)
{
    static const char *const legal[] = {"QS", "QD", "QC", "SQ", "SR", "SD", "SC", "RD", "RC", NULL};
    static const char letters[] = "QSRDC";
    (void)state;
    for (int from = 0; from < CALL_STATE_COUNT; from++)
        for (int to = 0; to < CALL_STATE_COUNT; to++) {
            char move[] = {letters[from], letters[to], 0};
            bool expected = false;
            for (int i = 0; legal[i]; i++)
                expected = expected || strcmp(move, legal[i]) == 0;
            assert_int_equal(move_aborts((enum call_state)from, (enum call_state)to), !expected);
        }
    assert_string_equal(call_state_name(CALL_CANCELLED), "CANCELLED");
}

static struct call *finished_call(struct call_table *table, size_t bytes, uint64_t now_ms)
{
    struct call *call = call_new(table, CALL_ON_READERS);
    call_move(call, CALL_CANCELLED);
    buffer_reserve(&call->transcript, bytes);
    buffer_string(&call->transcript, "event: complete\n");
    call_keep(table, call, now_ms);
    return call;
}

static void test_results_expire(void **state)
{
    struct call_table table;
    (void)state;
    call_table_init(&table);
    struct call *call = finished_call(&table, 10, 1000);
    char id[CALL_ID_LENGTH + 1];
    memcpy(id, call->id, sizeof id);
    call_expire(&table, 1000 + BOUNDS_RESULT_KEEP_MS - 1);
    assert_ptr_equal(call_find(&table, text_from(id)), call);
    call_expire(&table, 1000 + BOUNDS_RESULT_KEEP_MS);
    assert_null(call_find(&table, text_from(id)));
    assert_int_equal(table.kept_bytes, 0);
    call_table_release(&table);
}

static void test_oldest_leaves_when_crowded(void **state)
{
    struct call_table table;
    (void)state;
    call_table_init(&table);
    char first[CALL_ID_LENGTH + 1];
    memcpy(first, finished_call(&table, BOUNDS_RESULTS_KEPT_BYTES / 2, 1)->id, sizeof first);
    struct call *second = finished_call(&table, BOUNDS_RESULTS_KEPT_BYTES / 4, 2);
    assert_non_null(call_find(&table, text_from(first)));
    struct call *third = finished_call(&table, BOUNDS_RESULTS_KEPT_BYTES / 2, 3);
    assert_null(call_find(&table, text_from(first)));
    assert_ptr_equal(call_find_stream(&table, second->stream), second);
    assert_ptr_equal(call_find_stream(&table, third->stream), third);
    call_table_release(&table);
}

static void test_watchers(void **state)
{
    struct call_table table;
    (void)state;
    call_table_init(&table);
    struct call *call = call_new(&table, CALL_ON_READERS);
    for (uintptr_t i = 1; i <= 5; i++)
        call_watch(call, (struct stream *)i);
    call_unwatch(call, (struct stream *)2);
    call_unwatch(call, (struct stream *)77);
    assert_int_equal(call->watcher_count, 4);
    for (uint32_t i = 0; i < call->watcher_count; i++)
        assert_ptr_not_equal(call->watchers[i], (struct stream *)2);
    call_table_release(&table);
}

/* What waiting calls hold is counted once and given back once, on whatever way they leave. */
static void test_waiting_bytes_are_counted(void **state)
{
    struct call_table table;
    struct buffer data = BUFFER_EMPTY, request = BUFFER_EMPTY;
    (void)state;
    call_table_init(&table);
    struct call *calls[4];
    for (int i = 0; i < 4; i++) {
        calls[i] = call_new(&table, CALL_ON_READERS);
        buffer_reserve(&data, BOUNDS_CALLS_WAITING_BYTES / 4);
        buffer_string(&data, "[]");
        assert_false(call_table_is_full(&table));
        call_give_input(&table, calls[i], &data, &request);
        assert_null(data.data);
    }
    assert_true(call_table_is_full(&table));
    call_drop_input(&table, calls[0]); /* its handler began */
    assert_false(call_table_is_full(&table));
    call_free(&table, calls[0]);
    call_free(&table, calls[1]);
    call_move(calls[2], CALL_CANCELLED);
    buffer_string(&calls[2]->transcript, "x");
    call_keep(&table, calls[2], 0);
    call_expire(&table, BOUNDS_RESULT_KEEP_MS);
    call_free(&table, calls[3]);
    assert_int_equal(table.waiting_bytes, 0);
    call_table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_found),  cmocka_unit_test(test_only_the_diagrams_moves),
        cmocka_unit_test(test_results_expire), cmocka_unit_test(test_oldest_leaves_when_crowded),
        cmocka_unit_test(test_watchers),       cmocka_unit_test(test_waiting_bytes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
