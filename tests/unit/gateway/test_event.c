/* The table of events: ids, the state diagram, results that stay fetchable within bounds. */
#include "gateway/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/bounds.h"

static void test_ids_are_found(void **state) {
    struct event_table table;
    (void)state;
    event_table_init(&table);
    struct event *one = event_new(&table, EVENT_ON_SESSION), *two = event_new(&table, EVENT_ON_RUN);
    assert_int_equal(strlen(one->id), EVENT_ID_LENGTH);
    assert_int_equal(strspn(one->id, "0123456789abcdef"), EVENT_ID_LENGTH);
    assert_ptr_equal(event_find(&table, text_from(one->id)), one);
    assert_ptr_equal(event_find_stream(&table, two->stream), two);
    assert_int_equal(strlen(two->id), 0);
    assert_null(event_find(&table, TEXT("")));
    event_free(&table, one);
    assert_null(event_find_stream(&table, 1));
    event_table_release(&table);
}

/* True when the move ends the process, as a bug of ours should. */
static bool move_aborts(enum event_state from, enum event_state to) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct event event = {.state = from};
        signal(SIGABRT, SIG_DFL);
        event_move(&event, to);
        _exit(event.state == to ? 0 : 1);
    }
    assert_true(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status);
}

static void test_only_the_diagrams_moves(void **state) {
    static const char *const legal[] = {"QS", "QD", "QC", "SQ", "SR", "SD", "SC", "RD", "RC", NULL};
    static const char letters[] = "QSRDC";
    (void)state;
    for (int from = 0; from < EVENT_STATE_COUNT; from++)
        for (int to = 0; to < EVENT_STATE_COUNT; to++) {
            char move[] = {letters[from], letters[to], 0};
            bool expected = false;
            for (int i = 0; legal[i]; i++)
                expected = expected || strcmp(move, legal[i]) == 0;
            assert_int_equal(move_aborts((enum event_state)from, (enum event_state)to), !expected);
        }
    assert_string_equal(event_state_name(EVENT_CANCELLED), "CANCELLED");
}

static struct event *finished_event(struct event_table *table, size_t bytes, uint64_t now_ms) {
    struct event *event = event_new(table, EVENT_ON_CALL);
    event_move(event, EVENT_CANCELLED);
    buffer_reserve(&event->transcript, bytes);
    buffer_string(&event->transcript, "event: complete\n");
    event_keep(table, event, now_ms);
    return event;
}

static void test_results_expire(void **state) {
    struct event_table table;
    (void)state;
    event_table_init(&table);
    struct event *event = finished_event(&table, 10, 1000);
    char id[EVENT_ID_LENGTH + 1];
    memcpy(id, event->id, sizeof id);
    event_expire(&table, 1000 + BOUNDS_RESULT_KEEP_MS - 1);
    assert_ptr_equal(event_find(&table, text_from(id)), event);
    event_expire(&table, 1000 + BOUNDS_RESULT_KEEP_MS);
    assert_null(event_find(&table, text_from(id)));
    assert_int_equal(table.kept_bytes, 0);
    event_table_release(&table);
}

static void test_oldest_leaves_when_crowded(void **state) {
    struct event_table table;
    (void)state;
    event_table_init(&table);
    char first[EVENT_ID_LENGTH + 1];
    memcpy(first, finished_event(&table, BOUNDS_RESULTS_KEPT_BYTES / 2, 1)->id, sizeof first);
    struct event *second = finished_event(&table, BOUNDS_RESULTS_KEPT_BYTES / 4, 2);
    assert_non_null(event_find(&table, text_from(first)));
    struct event *third = finished_event(&table, BOUNDS_RESULTS_KEPT_BYTES / 2, 3);
    assert_null(event_find(&table, text_from(first)));
    assert_ptr_equal(event_find_stream(&table, second->stream), second);
    assert_ptr_equal(event_find_stream(&table, third->stream), third);
    event_table_release(&table);
}

static void test_watchers(void **state) {
    struct event_table table;
    (void)state;
    event_table_init(&table);
    struct event *event = event_new(&table, EVENT_ON_CALL);
    for (uint64_t i = 1; i <= 5; i++)
        event_watch(event, i);
    event_unwatch(event, 2);
    event_unwatch(event, 77);
    assert_int_equal(event->watcher_count, 4);
    for (uint32_t i = 0; i < event->watcher_count; i++)
        assert_int_not_equal(event->watchers[i], 2);
    event_table_release(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_found),  cmocka_unit_test(test_only_the_diagrams_moves),
        cmocka_unit_test(test_results_expire), cmocka_unit_test(test_oldest_leaves_when_crowded),
        cmocka_unit_test(test_watchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
