/* Time and surroundings of the call path: the one timer, rest under pressure, a new release, a deleted demo, the end of
 * the server, and its figures. */
#include "gateway/calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "tests/unit/gateway/crew.h"

#define FUNCTIONS "[{\"id\":1,\"api_name\":\"echo\",\"inputs\":[1],\"outputs\":[2]}]"

static int setup(void **state)
{
    static struct crew crew;
    crew_start(&crew, FUNCTIONS);
    *state = &crew;
    return 0;
}

static int teardown(void **state)
{
    crew_stop(*state);
    return 0;
}

static void rest(struct crew *crew)
{
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    crew_done(crew_process(crew), crew_process(crew)->given - 1, "[1]");
    assert_false(list_is_empty(&crew_worker(crew)->in_idle));
}

static void test_who_rests_long_enough_sleeps(void **state)
{
    struct crew *crew = *state;
    rest(crew);
    crew->rig.gateway.worker_idle_ms = 1;
    calls_arm(crew->calls);
    for (int i = 0; i < 3000 && crew_worker(crew); i++)
        crew_turn(crew, 1);
    assert_null(crew_worker(crew));
    assert_int_equal(crew->calls->counts.sleeps, 1);
    assert_int_equal(crew->calls->counts.evictions, 0);
}

static void test_who_works_does_not_sleep(void **state)
{
    struct crew *crew = *state;
    crew->rig.gateway.worker_idle_ms = 1;
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    crew_turn(crew, 2 * BOUNDS_PULSE_MS);
    assert_non_null(crew_worker(crew)->process);
    assert_int_equal(crew->calls->counts.sleeps, 0);
}

/* The whole machine is asked to stay free: whoever rests has to go. */
static void test_memory_is_short(void **state)
{
    struct crew *crew = *state;
    rest(crew);
    crew->calls->pressure.reserve_bytes = 1ull << 60;
    crew->calls->pressure_ms = 0;
    crew->calls->tick_ms = UINT64_MAX;
    calls_arm(crew->calls);
    crew_turn(crew, 20);
    assert_null(crew_worker(crew));
    assert_int_equal(crew->calls->counts.evictions, 1);
}

static void test_a_new_release_drains_the_old_worker(void **state)
{
    struct crew *crew = *state;
    struct crew_client *old = crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_process *process = crew_process(crew);
    crew->rig.demos[0].release = 2;
    rig_publish(&crew->rig, 2, (const struct rig_file[]){
        {".vitrine/config.json", "{}"},
        {".vitrine/info.json", "{}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"tree_digest\":\"t\",\"functions\":" FUNCTIONS "}"},
        {0}});
    channel_send_demo_changed(crew->rig.store, 0, &(struct message_demo_changed){.demo_id = 1});
    crew_turn(crew, 20);
    crew_ask(crew, "run/echo", "{\"data\":[2]}");
    assert_int_equal(crew->process_count, 2);
    crew_expect(&crew_process(crew)->seen, "begin\nstart 1 [2]\n");
    crew_done(process, 0, "[\"old\"]");
    assert_true(crew_has(old, "{\"data\":[\"old\"]"));
    assert_non_null(strstr(crew_text(&crew->zygote_seen), "kill 0\n"));
}

static void test_a_deleted_demo_answers_its_calls(void **state)
{
    struct crew *crew = *state;
    struct crew_client *client = crew_ask(crew, "run/echo", "{\"data\":[1]}");
    channel_send_demo_changed(crew->rig.store, 0, &(struct message_demo_changed){.demo_id = 1, .deleted = 1});
    crew_turn(crew, 20);
    assert_true(crew_has(client, "HTTP/1.1 500"));
    assert_true(crew_has(client, "This demo was deleted."));
    assert_true(list_is_empty(&crew->calls->every_worker));
    assert_int_equal(crew->calls->jobs.count, 0);
}

/* Running calls may finish, new ones are refused with words, and what is left at the end reads why. */
static void test_a_graceful_stop(void **state)
{
    struct crew *crew = *state;
    struct gateway *gateway = &crew->rig.gateway;
    struct crew_client *one = crew_ask(crew, "run/echo", "{\"data\":[1]}");
    struct crew_client *two = crew_ask(crew, "run/echo", "{\"data\":[2]}");
    gateway->stopping = true;
    gateway->stop_until_ms = clock_now_ms() + BOUNDS_STOP_LAST_MS + 200;
    calls_part.stop(gateway);
    assert_true(calls_part.is_busy(gateway));
    assert_true(crew_has(crew_ask(crew, "run/echo", "{\"data\":[3]}"), "This server is restarting."));
    crew_done(crew_process(crew), 0, "[1]");
    assert_true(crew_has(one, "HTTP/1.1 200"));
    for (int i = 0; i < 3000 && calls_part.is_busy(gateway); i++)
        crew_turn(crew, 1);
    crew_turn(crew, 10);
    assert_true(crew_has(two, "This server restarts."));
    assert_true(list_is_empty(&crew->calls->every_worker));
}

/* A manifest whose functions make no sense: the demo can be looked at and not called, and is read once. */
static void test_a_damaged_manifest(void **state)
{
    struct crew *crew = *state;
    rig_publish(&crew->rig, 1, (const struct rig_file[]){
        {".vitrine/config.json", "{}"},
        {".vitrine/info.json", "{}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[{\"id\":0}]}"},
        {0}});
    assert_true(crew_has(crew_ask(crew, "run/echo", "{\"data\":[1]}"), "HTTP/1.1 404"));
    struct demo *demo = map_get_u64(&crew->rig.gateway.demos.by_id, 1);
    assert_non_null(demo);
    assert_int_equal(calls_functions(demo->release)->count, 0);
    assert_ptr_equal(calls_functions(demo->release), calls_functions(demo->release));
}

static void test_the_timer_is_armed_only_for_something(void **state)
{
    struct crew *crew = *state;
    assert_int_equal(crew->calls->tick_ms, UINT64_MAX);
    crew_ask(crew, "run/echo", "{\"data\":[1]}");
    uint64_t due_ms = crew->calls->tick_ms;
    assert_true(due_ms <= clock_now_ms() + BOUNDS_PULSE_MS);
    calls_arm(crew->calls); /* never moved back */
    assert_true(crew->calls->tick_ms <= due_ms);
}

static void test_figures(void **state)
{
    struct crew *crew = *state;
    struct buffer out BUFFER_AUTO = BUFFER_EMPTY;
    rest(crew);
    crew_ask(crew, "run/echo", "{\"data\":[]}");
    calls_part.metrics(&crew->rig.gateway, &out);
    const char *text = crew_text(&out);
    assert_non_null(strstr(text, "# TYPE vitrine_calls_joined_total counter\nvitrine_calls_joined_total 1\n"));
    assert_non_null(strstr(text, "vitrine_calls_done_total 1\n"));
    assert_non_null(strstr(text, "vitrine_calls_failed_total 0\n"));
    assert_non_null(strstr(text, "vitrine_calls_refused_total 1\n"));
    assert_non_null(strstr(text, "vitrine_worker_wakes_total 1\n"));
    assert_non_null(strstr(text, "# TYPE vitrine_workers gauge\nvitrine_workers 1\n"));
}

#define CALLS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALLS_TEST(test_who_rests_long_enough_sleeps),
        CALLS_TEST(test_who_works_does_not_sleep),
        CALLS_TEST(test_memory_is_short),
        CALLS_TEST(test_a_new_release_drains_the_old_worker),
        CALLS_TEST(test_a_deleted_demo_answers_its_calls),
        CALLS_TEST(test_a_graceful_stop),
        CALLS_TEST(test_a_damaged_manifest),
        CALLS_TEST(test_the_timer_is_armed_only_for_something),
        CALLS_TEST(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
