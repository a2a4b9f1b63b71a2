#include "runtime/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <regex.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/json.h"

/* What one call writes to stderr. */
static void caught(struct buffer *out, const char *form, enum log_level level, const char *message)
{
    int ends[2], kept = dup(STDERR_FILENO);
    static char room[65536];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    setenv("VITRINE_LOG", form, 1);
    log_init("tester");
    errno = 5;
    log_write(level, "%s", message);
    assert_int_equal(errno, 5);
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t length = fd_read_full(ends[0], room, sizeof room);
    assert_true(length >= 0);
    buffer_clear(out);
    buffer_append(out, room, (size_t)length);
    close(ends[0]);
}

static void matches(const char *line, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, line, 0, NULL, 0) != 0)
        fail_msg("'%s' does not match '%s'", line, pattern);
    regfree(&regex);
}

static void lines_for_people(void **state)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    caught(&line, "text", LOG_LEVEL_INFO, "two\nlines \x1B[31mred\x7F caf\xC3\xA9");
    matches(line.data, "^[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} tester: two\\\\x0alines "
                       "\\\\x1b\\[31mred\\\\x7f caf\xC3\xA9\n$");
    caught(&line, "text", LOG_LEVEL_ERROR, "broken");
    matches(line.data, "tester: error: broken\n$");
}

static void lines_for_machines(void **state)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    struct json json;
    caught(&line, "json", LOG_LEVEL_WARNING, "a \"quoted\"\nline\xFF");
    assert_int_equal(json_parse(&json, buffer_view(&line), NULL), 0);
    const struct json_node *root = &json.nodes[0];
    assert_true(json_equals(json_get(&json, root, "level"), "warning"));
    assert_true(json_equals(json_get(&json, root, "program"), "tester"));
    assert_true(json_equals(json_get(&json, root, "message"), "a \"quoted\"\nline\xEF\xBF\xBD"));
    assert_int_equal(json_get(&json, root, "time")->raw.length, 26);
    json_release(&json);
}

static void levels(void **state)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    caught(&line, "text", LOG_LEVEL_DEBUG, "hidden");
    assert_int_equal(line.length, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    caught(&line, "text", LOG_LEVEL_DEBUG, "shown");
    assert_true(line.length > 0);
    log_set_level(LOG_LEVEL_ERROR);
    caught(&line, "text", LOG_LEVEL_WARNING, "hidden");
    assert_int_equal(line.length, 0);
    log_set_level(LOG_LEVEL_INFO);
}

static void long_lines_are_cut(void **state)
{
    BUFFER_AUTO struct buffer line = BUFFER_EMPTY;
    static char message[3 * BOUNDS_LOG_LINE_BYTES];
    memset(message, 'm', sizeof message - 1);
    caught(&line, "text", LOG_LEVEL_INFO, message);
    assert_true(line.length <= BOUNDS_LOG_LINE_BYTES);
    memset(message, 1, sizeof message - 1); /* also when escapes make it longer */
    caught(&line, "json", LOG_LEVEL_INFO, message);
    assert_true(line.length <= BOUNDS_LOG_LINE_BYTES);
    assert_true(json_is_valid(buffer_view(&line)));
}

static void dates(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *iso, *http;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777001, "1994-11-06T08:49:37.001Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951827696999, "2000-02-29T12:34:56.999Z", "Tue, 29 Feb 2000 12:34:56 GMT"},
        {-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        BUFFER_AUTO struct buffer iso = BUFFER_EMPTY, http = BUFFER_EMPTY;
        clock_write_iso(&iso, cases[i].wall_ms);
        clock_write_http(&http, cases[i].wall_ms);
        assert_string_equal(iso.data, cases[i].iso);
        assert_string_equal(http.data, cases[i].http);
    }
}

static void clocks_go_forward(void **state)
{
    uint64_t us = clock_now_us(), ms = clock_now_ms();
    assert_true(ms >= us / 1000);
    usleep(2000);
    assert_true(clock_now_us() >= us + 2000);
    assert_true(clock_wall_ms() > 1600000000000);
}

static void every_error_has_a_sentence(void **state)
{
#define X(name, code, sentence) assert_string_equal(error_text(name), sentence);
    ERROR_TABLE(X)
#undef X
    assert_non_null(error_text(0));
    assert_string_equal(error_text(-999), error_text(17));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_for_people),
        cmocka_unit_test(lines_for_machines),
        cmocka_unit_test(levels),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(dates),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(every_error_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
