#include "runtime/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/base/buffer.h"

static void dates_are_written_as_the_formats_say(void **state)
{
    static const struct {
        int64_t ms;
        const char *iso, *http;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400123, "2000-02-29T00:00:00.123Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1767225599999, "2025-12-31T23:59:59.999Z", "Wed, 31 Dec 2025 23:59:59 GMT"},
        {-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
        {-86400000, "1969-12-31T00:00:00.000Z", "Wed, 31 Dec 1969 00:00:00 GMT"},
        {253402300799000, "9999-12-31T23:59:59.000Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUFFER_AUTO struct buffer iso = BUFFER_EMPTY, http = BUFFER_EMPTY;
        clock_write_iso(&iso, cases[i].ms);
        clock_write_http(&http, cases[i].ms);
        assert_string_equal(iso.data, cases[i].iso);
        assert_string_equal(http.data, cases[i].http);
    }
}

/* The zone of the machine must not show, also not in a process that never read it. */
static void the_zone_of_the_machine_does_not_matter(void **state)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    setenv("TZ", "XYZ-11", 1);
    clock_write_http(&out, 0);
    assert_string_equal(out.data, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    uint64_t before = clock_now_us();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_now_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_now_ms() >= before / 1000);
    assert_true(clock_wall_ms() > 1600000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_as_the_formats_say),
        cmocka_unit_test(the_zone_of_the_machine_does_not_matter),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
