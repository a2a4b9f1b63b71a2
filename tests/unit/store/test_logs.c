/* The logs of demos: queued, written in batches, a ring for each repository, followed live. */
#include "scratch.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "store/logs.h"

static struct logs_line line_of(const char *source, const char *text)
{
    return (struct logs_line){source, 1700000000000, TEXT("info"), text_from(text)};
}

static void collect(void *context, const struct logs_line *line)
{
    buffer_format(context, "%s:" TEXT_FORMAT " ", line->source, TEXT_ARGUMENT(line->line));
}

static void expect(struct logs *logs, int64_t id, const char *source, int64_t tail, const char *expected)
{
    BUFFER_AUTO struct buffer found = BUFFER_EMPTY;
    logs_each(logs, id, source, tail, collect, &found);
    assert_string_equal(found.data ? found.data : "", expected);
}

static void lines_come_back_in_order(void **state)
{
    struct scratch *scratch = *state;
    struct logs logs;
    int64_t one = scratch_repository(scratch, "one", false).id, two = scratch_repository(scratch, "two", false).id;
    logs_init(&logs, &scratch->database);
    struct logs_line a = line_of("build", "a"), b = line_of("run", "b"), c = line_of("run", "c"), d = line_of("odd", "d");
    assert_true(logs_append(&logs, one, &a)); /* arm the timer */
    assert_false(logs_append(&logs, one, &b));
    assert_false(logs_append(&logs, two, &c));
    assert_false(logs_append(&logs, one, &d));
    expect(&logs, one, NULL, 0, "build:a run:b run:d ");
    expect(&logs, one, "run", 0, "run:b run:d ");
    expect(&logs, one, NULL, 1, "run:d ");
    expect(&logs, two, "build", 0, "");
    assert_true(logs_append(&logs, one, &a)); /* the queue was written */
    logs_release(&logs);
}

static void a_line_for_nobody_is_dropped(void **state)
{
    struct scratch *scratch = *state;
    struct logs logs;
    int64_t one = scratch_repository(scratch, "one", false).id;
    logs_init(&logs, &scratch->database);
    struct logs_line a = line_of("run", "a");
    logs_append(&logs, one + 77, &a);
    logs_append(&logs, one, &a);
    logs_flush(&logs);
    expect(&logs, one, NULL, 0, "run:a ");
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM log_lines", ""), 1);
    logs_release(&logs);
}

static void the_ring_and_the_queue_are_bounded(void **state)
{
    struct scratch *scratch = *state;
    struct logs logs;
    int64_t one = scratch_repository(scratch, "one", false).id;
    char text[BOUNDS_LOG_LINE_BYTES + 10];
    logs_init(&logs, &scratch->database);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct logs_line line = line_of("run", text);
    logs_append(&logs, one, &line);
    logs_flush(&logs);
    assert_int_equal(database_integer(&scratch->database, "SELECT length(line) FROM log_lines", ""), BOUNDS_LOG_LINE_BYTES);
    line.line = TEXT("short");
    for (int index = 0; index < BOUNDS_LOG_QUEUED_LINES + 5; index++)
        logs_append(&logs, one, &line);
    assert_int_equal(logs.dropped, 5);
    logs_flush(&logs);
    assert_int_equal(logs.dropped, 0);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM log_lines", ""), BOUNDS_LOG_LINES_KEPT);
    logs_release(&logs);
}

struct watcher {
    struct logs_follower follower;
    int heard;
    bool leaves;
};

static void heard(struct logs_follower *follower, const struct logs_line *line)
{
    struct watcher *watcher = (struct watcher *)follower;
    watcher->heard++;
    if (watcher->leaves)
        logs_unfollow(follower);
}

static void followers_hear_their_own(void **state)
{
    struct scratch *scratch = *state;
    struct logs logs;
    int64_t one = scratch_repository(scratch, "one", false).id;
    struct watcher all = {{.repository_id = one, .on_line = heard}, 0, false};
    struct watcher builds = {{.repository_id = one, .source = "build", .on_line = heard}, 0, false};
    struct watcher once = {{.repository_id = one, .on_line = heard}, 0, true};
    struct watcher others = {{.repository_id = one + 1, .on_line = heard}, 0, false};
    logs_init(&logs, &scratch->database);
    logs_follow(&logs, &all.follower);
    logs_follow(&logs, &once.follower);
    logs_follow(&logs, &builds.follower);
    logs_follow(&logs, &others.follower);
    struct logs_line run = line_of("run", "r"), build = line_of("build", "b");
    logs_append(&logs, one, &run);
    logs_append(&logs, one, &build);
    assert_int_equal(all.heard, 2);
    assert_int_equal(once.heard, 1);
    assert_int_equal(builds.heard, 1);
    assert_int_equal(others.heard, 0);
    logs_unfollow(&all.follower);
    logs_unfollow(&all.follower); /* twice is fine */
    logs_append(&logs, one, &run);
    assert_int_equal(all.heard, 2);
    logs_unfollow(&builds.follower);
    logs_unfollow(&others.follower);
    assert_null(logs.followers);
    logs_release(&logs);
}

static void as_clients_get_it(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    struct logs_line line = line_of("run", "a \"b\"\n\x01");
    logs_write_json(&out, &line);
    assert_string_equal(out.data,
                        "{\"data\":\"a \\\"b\\\"\\n\\u0001\",\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"level\":\"info\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_back_in_order, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_line_for_nobody_is_dropped, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_ring_and_the_queue_are_bounded, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(followers_hear_their_own, scratch_setup, scratch_teardown),
        cmocka_unit_test(as_clients_get_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
