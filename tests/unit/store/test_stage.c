/* Stages as clients know them, and lists of repositories. */
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "store/listing.h"
#include "store/stage.h"
#include "store/store.h"

struct fixture {
    struct scratch scratch;
    struct store store;
    struct repository demo;
    char digest[65];
};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    scratch_open(&fixture->scratch);
    fixture->store.database = fixture->scratch.database;
    map_init(&fixture->store.stages);
    map_init(&fixture->store.publishing);
    fixture->demo = scratch_repository(&fixture->scratch, "one", false);
    scratch_bundle(&fixture->scratch, "x", fixture->digest);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    stage_forget_all(&fixture->store);
    map_release(&fixture->store.stages);
    map_release(&fixture->store.publishing);
    fixture->scratch.database = fixture->store.database;
    scratch_close(&fixture->scratch);
    free(fixture);
    return 0;
}

static void expect(struct fixture *fixture, const char *name, const char *reason, bool serves)
{
    struct stage stage;
    stage_init(&stage, &fixture->store, &fixture->demo);
    assert_string_equal(stage.name, name);
    assert_string_equal(stage.reason.data ? stage.reason.data : "", reason);
    assert_int_equal(stage.serves, serves);
    stage_release(&stage);
}

static void before_the_first_release(void **state)
{
    struct fixture *fixture = *state;
    struct database *database = &fixture->store.database;
    expect(fixture, "NO_APP_FILE", "", false);
    assert_int_equal(repository_set_stage(database, fixture->demo.id, "BUILD_ERROR", TEXT("app.lua:1: no")), 0);
    expect(fixture, "BUILD_ERROR", "app.lua:1: no", false);
    map_set_u64(&fixture->store.publishing, (uint64_t)fixture->demo.id, fixture);
    expect(fixture, "BUILDING", "app.lua:1: no", false);
    map_remove_u64(&fixture->store.publishing, (uint64_t)fixture->demo.id);
    stage_heard(&fixture->store, fixture->demo.id, TEXT("RUNNING"), TEXT("")); /* nothing to run */
    expect(fixture, "BUILD_ERROR", "app.lua:1: no", false);
}

/* A model is run by the inference backend and neither sleeps nor wakes. */
static void of_a_model(void **state)
{
    struct fixture *fixture = *state;
    fixture->demo = scratch_repository(&fixture->scratch, "net", true);
    expect(fixture, "NO_APP_FILE", "", false);
    scratch_release(&fixture->scratch, fixture->demo.id, "2222222222222222222222222222222222222222", fixture->digest);
    expect(fixture, "LIVE", "", true);
    assert_string_equal(stage_kind("LIVE"), "live");
    stage_heard(&fixture->store, fixture->demo.id, TEXT("SLEEPING"), TEXT(""));
    expect(fixture, "LIVE", "", true);
    map_set_u64(&fixture->store.publishing, (uint64_t)fixture->demo.id, fixture);
    expect(fixture, "RUNNING_BUILDING", "", true);
    map_remove_u64(&fixture->store.publishing, (uint64_t)fixture->demo.id);
}

static void with_a_release(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = &fixture->store;
    scratch_release(&fixture->scratch, fixture->demo.id, "1111111111111111111111111111111111111111", fixture->digest);
    expect(fixture, "SLEEPING", "", true);
    stage_heard(store, fixture->demo.id, TEXT("RUNNING"), TEXT(""));
    expect(fixture, "RUNNING", "", true);
    stage_heard(store, fixture->demo.id, TEXT("RUNTIME_ERROR"), TEXT("out of memory"));
    expect(fixture, "RUNTIME_ERROR", "out of memory", true);
    stage_heard(store, fixture->demo.id, TEXT("<script>"), TEXT("x"));
    expect(fixture, "RUNTIME_ERROR", "out of memory", true);
    /* a refused push: the live one runs on, and its owner reads why the newest is not */
    assert_int_equal(repository_set_stage(&store->database, fixture->demo.id, "CONFIG_ERROR", TEXT("README.md:2: no")), 0);
    expect(fixture, "RUNTIME_ERROR", "README.md:2: no", true);
    map_set_u64(&store->publishing, (uint64_t)fixture->demo.id, fixture);
    expect(fixture, "RUNNING_BUILDING", "README.md:2: no", true);
    map_remove_u64(&store->publishing, (uint64_t)fixture->demo.id);
    fixture->demo.paused = true;
    expect(fixture, "PAUSED", "README.md:2: no", true);
    fixture->demo.paused = false;
    stage_forget(store, fixture->demo.id);
    expect(fixture, "SLEEPING", "README.md:2: no", true);
}

static void words_for_stages(void **state)
{
    assert_string_equal(stage_kind("RUNNING"), "live");
    assert_string_equal(stage_label("BUILD_ERROR"), "Build failed");
    assert_string_equal(stage_kind("SLEEPING"), "asleep");
    assert_non_null(stage_kind("UNHEARD_OF"));
}

/* -- lists -- */

static void add_name(void *context, const struct listing_row *row)
{
    buffer_format(context, "%s ", row->repository.name);
}

static void expect_list(struct fixture *fixture, struct listing_query query, const char *names, int64_t count)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    query.limit = query.limit ? query.limit : 100;
    assert_int_equal(listing_each(&fixture->store, &query, add_name, &out), count);
    assert_string_equal(out.data ? out.data : "", names);
}

static void lists(void **state)
{
    struct fixture *fixture = *state;
    struct database *database = &fixture->store.database;
    struct account ann = fixture->scratch.ann, bob = fixture->scratch.bob;
    struct repository two = scratch_repository(&fixture->scratch, "two", false);
    struct repository secret = scratch_repository(&fixture->scratch, "secret", false);
    scratch_repository(&fixture->scratch, "net", true);
    assert_int_equal(database_run(database, "UPDATE repositories SET private = 1 WHERE id = ?", "i", secret.id), 1);
    assert_int_equal(database_run(database, "UPDATE repositories SET updated_ms = id", ""), 4);
    expect_list(fixture, (struct listing_query){0}, "two one ", 2);
    expect_list(fixture, (struct listing_query){.model = true}, "net ", 1);
    expect_list(fixture, (struct listing_query){.viewer = &ann}, "secret two one ", 3);
    expect_list(fixture, (struct listing_query){.viewer = &bob}, "secret two one ", 3); /* an administrator */
    expect_list(fixture, (struct listing_query){.limit = 1, .offset = 1}, "one ", 2);
    expect_list(fixture, (struct listing_query){.author = TEXT("ANN")}, "two one ", 2);
    expect_list(fixture, (struct listing_query){.author = TEXT("bob")}, "", 0);
    expect_list(fixture, (struct listing_query){.search = TEXT("TW")}, "two ", 1);
    expect_list(fixture, (struct listing_query){.search = TEXT("%")}, "", 0);
    expect_list(fixture, (struct listing_query){.search = TEXT("' OR 1=1 --")}, "", 0);
    expect_list(fixture, (struct listing_query){.published = true}, "", 0);
    assert_int_equal(database_run(database, "UPDATE repositories SET card = '{\"models\":[\"ann/net\"]}', pinned = 1, title = "
                                            "'A Title' WHERE id = ?", "i", fixture->demo.id), 1);
    expect_list(fixture, (struct listing_query){.uses = TEXT("Ann/Net")}, "one ", 1);
    expect_list(fixture, (struct listing_query){.search = TEXT("a title")}, "one ", 1);
    expect_list(fixture, (struct listing_query){0}, "one two ", 2); /* pinned first */
    scratch_release(&fixture->scratch, two.id, "1111111111111111111111111111111111111111", fixture->digest);
    expect_list(fixture, (struct listing_query){.published = true}, "two ", 1);
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    listing_one(&fixture->store, two.id, add_name, &out);
    listing_one(&fixture->store, 999, add_name, &out);
    assert_string_equal(out.data, "two ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_the_first_release, setup, teardown),
        cmocka_unit_test_setup_teardown(with_a_release, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_model, setup, teardown),
        cmocka_unit_test(words_for_stages),
        cmocka_unit_test_setup_teardown(lists, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
