/* The cache of demos: what is asked once, what is asked again, and what happens while the store is away. */
#include "gateway/demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/memory.h"
#include "tests/unit/gateway/rig.h"

static const struct rig_file first[] = {
    {".vitrine/manifest.json", "{\"sdk\":\"static\"}"}, {"index.html", "first"}, {NULL, NULL}};
static const struct rig_file second[] = {
    {".vitrine/manifest.json", "{\"sdk\":\"static\"}"}, {"index.html", "second"}, {NULL, NULL}};

static const struct rig_file third[] = {
    {".vitrine/manifest.json", "{\"sdk\":\"static\"}"}, {"index.html", "third"}, {NULL, NULL}};

static int setup(void **state)
{
    static struct rig rig;
    rig_start(&rig);
    rig_publish(&rig, 1, first);
    rig_publish(&rig, 2, second);
    rig_publish(&rig, 3, third);
    rig_add(&rig, &(struct rig_demo){"ann-one", "ann/one", 7, 1, NULL});
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static const char *page(struct rig *rig)
{
    rig_get(rig, "ann-one.localhost", "/", "");
    return rig_body(rig);
}

static void say_changed(struct rig *rig, uint64_t id, bool deleted)
{
    channel_send_demo_changed(rig->store, 0, &(struct message_demo_changed){id, deleted});
    rig_turn(rig, 20);
}

static void test_asked_once(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 3; i++)
        assert_string_equal(page(rig), "first");
    assert_int_equal(rig->lookups, 1);
    assert_int_equal(rig->opens, 1);
    /* The other address is another question, but the bundle is here. */
    rig_get(rig, "localhost", "/spaces/ann/one/-/", "");
    assert_string_equal(rig_body(rig), "first");
    assert_int_equal(rig->lookups, 2);
    assert_int_equal(rig->opens, 1);
    assert_non_null(demo_by_id(&rig->gateway.demos, 7));
    assert_null(demo_by_id(&rig->gateway.demos, 8));
}

static void test_change_is_seen(void **state)
{
    struct rig *rig = *state;
    assert_string_equal(page(rig), "first");
    rig->demos[0].release = 2;
    assert_string_equal(page(rig), "first"); /* nobody said so yet */
    say_changed(rig, 7, false);
    assert_string_equal(page(rig), "second");
    assert_int_equal(rig->opens, 2);
    say_changed(rig, 99, false); /* of a demo that nobody asked for */
    assert_string_equal(page(rig), "second");
    assert_int_equal(rig->lookups, 2);
}

/* From demo_changed on nobody gets what was live before it, however the store's answers are spread over time. */
static void test_change_while_a_bundle_is_opened(void **state)
{
    struct rig *rig = *state;
    char answer[4096];
    assert_string_equal(page(rig), "first");
    rig->demos[0].release = 2;
    say_changed(rig, 7, false);
    rig->holds_opens = true;
    for (int i = 0; i < 2; i++) {
        page(rig);
        assert_int_equal(rig_status(rig), 0); /* waits: release 2 is known, but not here */
        assert_true(demo_by_id(&rig->gateway.demos, 7)->is_stale);
    }
    rig->demos[0].release = 3;
    say_changed(rig, 7, false);
    rig_open_held(rig); /* release 2 comes, too late */
    rig_turn(rig, 40);
    ssize_t count = recv(rig->client, answer, sizeof(answer), MSG_DONTWAIT);
    assert_true(count > 5);
    assert_memory_equal(answer + count - 5, "third", 5);
    assert_int_equal(demo_by_id(&rig->gateway.demos, 7)->release->id, 3);
    assert_false(demo_by_id(&rig->gateway.demos, 7)->is_stale);
}

static void test_deleted(void **state)
{
    struct rig *rig = *state;
    assert_string_equal(page(rig), "first");
    rig->demo_count = 0;
    say_changed(rig, 7, true);
    page(rig);
    assert_int_equal(rig_status(rig), 404);
    /* A demo of that name is made again. */
    rig->demo_count = 1;
    rig->demos[0].release = 2;
    say_changed(rig, 7, false);
    assert_string_equal(page(rig), "second");
}

static void test_store_is_away(void **state)
{
    struct rig *rig = *state;
    rig_add(rig, &(struct rig_demo){"ann-two", "ann/two", 8, 2, NULL});
    assert_string_equal(page(rig), "first");
    rig_lose_store(rig);
    assert_string_equal(page(rig), "first"); /* what is known is better than nothing */
    rig_get(rig, "ann-two.localhost", "/", "");
    assert_int_equal(rig_status(rig), 503);
    assert_true(rig_has(rig, "Retry-After: 1\r\n") || rig_has(rig, "application/json"));
    rig->demos[0].release = 2;
    rig_connect_store(rig);
    rig_turn(rig, 20);
    assert_string_equal(page(rig), "second"); /* it may have changed while nobody listened */
    rig_get(rig, "ann-two.localhost", "/", "");
    assert_string_equal(rig_body(rig), "second");
}

static void test_nothing_published(void **state)
{
    struct rig *rig = *state;
    rig->demos[0].release = 0;
    rig->demos[0].settings = "{\"stage\":\"BUILD_ERROR\",\"stage_reason\":\"line 3: <oops>\"}";
    page(rig);
    assert_int_equal(rig_status(rig), 404);
    assert_true(rig_has(rig, "ann/one has no release that works yet: line 3: <oops>"));
    rig_get(rig, "ann-one.localhost", "/", "Accept: text/html\r\n");
    assert_true(rig_has(rig, "line 3: &lt;oops&gt;"));
    assert_int_equal(rig->lookups, 1);
}

static void test_release_that_cannot_be_used(void **state)
{
    static const struct rig_file bare[] = {{"index.html", "no manifest"}, {NULL, NULL}};
    struct rig *rig = *state;
    rig_publish(rig, 3, bare);
    rig->demos[0].release = 3;
    page(rig);
    assert_int_equal(rig_status(rig), 500);
    rig->demos[0].release = 6; /* the store does not have it */
    say_changed(rig, 7, false);
    page(rig);
    assert_int_equal(rig_status(rig), 404);
    rig->demos[0].release = 1;
    say_changed(rig, 7, false);
    assert_string_equal(page(rig), "first");
}

static void test_settings_are_headers(void **state)
{
    struct rig *rig = *state;
    rig->demos[0].settings = "{\"embedding\":{\"parents\":[\"https://a.example\",\"javascript:x\",7,\"https://b.example; x\"]},"
                             "\"custom_headers\":{\"cross-origin-embedder-policy\":\"require-corp\"}}";
    page(rig);
    assert_true(rig_has(rig, "frame-ancestors 'self'"));
    assert_true(rig_has(rig, "https://a.example"));
    assert_false(rig_has(rig, "javascript"));
    assert_false(rig_has(rig, "b.example"));
    assert_true(rig_has(rig, "Cross-Origin-Embedder-Policy: require-corp\r\n"));
    rig->demos[0].settings = "not JSON";
    say_changed(rig, 7, false);
    assert_string_equal(page(rig), "first");
    assert_true(rig_has(rig, "frame-ancestors *"));
}

static void test_names_that_are_too_long(void **state)
{
    struct rig *rig = *state;
    char host[400];
    memset(host, 'a', 120);
    strcpy(host + 120, ".localhost");
    rig_get(rig, host, "/", "");
    assert_int_equal(rig_status(rig), 421);
    assert_int_equal(rig->lookups, 0);
}

/* The release that each of two visitors was given. */
static void take_release(void *context, int result, struct demo *demo, struct release *release)
{
    struct release **slot = context;
    (void)demo;
    assert_int_equal(result, 0);
    *slot = release_hold(release);
}

static void test_two_first_visitors_share_one_mapping(void **state)
{
    struct rig *rig = *state;
    struct demo_table *demos = &rig->gateway.demos;
    struct release *one = NULL, *two = NULL;
    demo_find(demos, DEMO_BY_LABEL, TEXT("ann-one"), take_release, &one);
    demo_find(demos, DEMO_BY_PATH, TEXT("ann/one"), take_release, &two);
    rig_turn(rig, 40);
    assert_int_equal(rig->opens, 2);
    assert_non_null(one);
    assert_ptr_equal(one, two);
    release_drop(one);
    release_drop(two);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_asked_once),       CASE(test_change_is_seen),
        CASE(test_change_while_a_bundle_is_opened),
        CASE(test_deleted),          CASE(test_store_is_away),
        CASE(test_nothing_published), CASE(test_release_that_cannot_be_used),
        CASE(test_settings_are_headers), CASE(test_names_that_are_too_long),
        CASE(test_two_first_visitors_share_one_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
