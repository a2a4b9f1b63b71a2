/* Health, readiness, metrics, and the words for what cannot be shown. */
#include "gateway/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/metrics.h"
#include "tests/unit/gateway/rig.h"

static int setup(void **state)
{
    static struct rig rig;
    rig_start(&rig);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static int get(struct rig *rig, const char *path, const char *fields)
{
    rig_get(rig, "localhost", path, fields);
    return rig_status(rig);
}

static void test_health_and_readiness(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(get(rig, "/healthz", ""), 200);
    assert_int_equal(get(rig, "/readyz", ""), 200);
    rig_lose_store(rig);
    assert_int_equal(get(rig, "/healthz", ""), 200);
    assert_int_equal(get(rig, "/readyz", ""), 503);
    assert_string_equal(rig_body(rig), "the store is away\n");
    rig->silent = true; /* the channel is there, the store behind it is not up yet */
    rig_connect_store(rig);
    assert_int_equal(get(rig, "/readyz", ""), 503);
}

static unsigned long long value_of(const struct rig *rig, const char *name)
{
    struct buffer BUFFER_AUTO line = BUFFER_EMPTY;
    buffer_format(&line, "\n%s ", name);
    const char *place = strstr(rig->answer.data, line.data);
    assert_non_null(place);
    return strtoull(place + line.length, NULL, 10);
}

static void test_metrics(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(get(rig, "/metrics", ""), 404);
    rig->gateway.public_metrics = true;
    get(rig, "/healthz", "");
    rig_get(rig, "evil.example", "/", "");
    rig_ask(rig, "nonsense\r\n\r\n");
    rig_turn(rig, 20);
    assert_int_equal(get(rig, "/metrics", ""), 200);
    assert_int_equal(value_of(rig, "vitrine_http_refused_total"), 1);
    assert_int_equal(value_of(rig, "vitrine_http_answers_total{class=\"2xx\"}"), 1);
    assert_int_equal(value_of(rig, "vitrine_http_answers_total{class=\"4xx\"}"), 2);
    assert_in_range(value_of(rig, "vitrine_http_connections"), 1, 2); /* the refused client may still read its answer */
    assert_int_equal(value_of(rig, "vitrine_http_requests_running"), 1);
    assert_int_equal(value_of(rig, "vitrine_http_request_seconds_count"), 3);
    assert_int_equal(value_of(rig, "vitrine_http_request_seconds_bucket{le=\"+Inf\"}"), 3);
    assert_int_equal(value_of(rig, "vitrine_http_aborted_total"), 0);
}

/* Programs get JSON, browsers a page; what an author or visitor wrote is escaped in both. */
static void test_words(void **state)
{
    struct rig *rig = *state;
    rig_add(rig, &(struct rig_demo){"ann-new", "ann/new", 7, 0, "{\"stage_reason\":\"\\\"<b>\\\"\"}"});
    rig_get(rig, "ann-new.localhost", "/", "");
    assert_int_equal(rig_status(rig), 404);
    assert_true(rig_has(rig, "\\\"<b>\\\""));
    assert_true(rig_has(rig, "Content-Type: application/json\r\n"));
    rig_get(rig, "ann-new.localhost", "/", "Accept: text/html\r\n");
    assert_true(rig_has(rig, "&lt;b&gt;"));
    assert_false(rig_has(rig, "<b>"));
    assert_true(rig_has(rig, "<a class=\"vt-button vt-primary vt-md\" href=\"http://localhost:7860/\""));
    assert_true(rig_has(rig, "Cache-Control: no-store\r\n"));
    assert_true(rig_has(rig, "Content-Security-Policy: "));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_health_and_readiness), CASE(test_metrics), CASE(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
