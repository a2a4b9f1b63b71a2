/* What the store believes of a bundle out of a describe cage. */
#include "scratch.h"

#include <string.h>
#include <unistd.h>

#include "runtime/base/bundle.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/manifest.h"

#define GOOD "{\"sdk\":\"lua\",\"title\":\"T\",\"card\":{\"emoji\":\"x\",\"pinned\":true,\"tags\":[\"a\"],\"models\":[\"o/n\"]}," \
             "\"functions\":[{\"id\":0,\"inputs\":[1],\"outputs\":[]}],\"models\":[\"o/n\"]}"

/* A bundle as a good cage makes it, with one part replaced or (NULL) left out. */
struct change {
    const char *name, *contents;
};

static int bundle_of(struct scratch *scratch, struct change change)
{
    static const struct change parts[] = {
        {"app.lua", "return 1"}, {".vitrine/manifest.json", GOOD}, {".vitrine/config.json", "{}"},
        {".vitrine/info.json", "{}"}, {".vitrine/page.html", "<p>page</p>"},
    };
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer bundle = BUFFER_EMPTY;
    bool known = false;
    bundle_writer_init(&writer);
    for (size_t index = 0; index < MEMORY_COUNT(parts); index++) {
        bool changed = change.name != NULL && strcmp(change.name, parts[index].name) == 0;
        const char *contents = changed ? change.contents : parts[index].contents;
        known = known || changed;
        if (contents != NULL)
            assert_int_equal(bundle_writer_add(&writer, text_from(parts[index].name), text_from(contents),
                                               parts[index].name[0] == '.' ? BUNDLE_FLAG_GENERATED : 0), 0);
    }
    if (change.name != NULL && !known)
        assert_int_equal(bundle_writer_add(&writer, text_from(change.name), text_from(change.contents), 0), 0);
    assert_int_equal(bundle_writer_finish(&writer, &bundle), 0);
    bundle_writer_release(&writer);
    return scratch_file(scratch, "bundle", bundle.data, bundle.length);
}

static int check(struct scratch *scratch, struct change change, bool model, struct buffer *card, struct buffer *reason)
{
    struct tree_entry entry = {.path = (char *)(uintptr_t)"app.lua", .size = 8};
    struct tree tree = {.entries = &entry, .count = 1};
    int fd = bundle_of(scratch, change);
    int result = manifest_check(fd, &tree, model, card, reason);
    close(fd);
    return result;
}

static void a_good_one_gives_its_card(void **state)
{
    BUFFER_AUTO struct buffer card = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct json json;
    assert_int_equal(check(*state, (struct change){0}, false, &card, &reason), 0);
    assert_int_equal(reason.length, 0);
    assert_int_equal(json_parse(&json, buffer_view(&card), NULL), 0);
    assert_true(json_equals(json_get(&json, &json.nodes[0], "title"), "T"));
    assert_true(json_equals(json_get(&json, &json.nodes[0], "sdk"), "lua"));
    assert_int_equal(json_get(&json, &json.nodes[0], "pinned")->type, JSON_TRUE);
    assert_null(json_get(&json, &json.nodes[0], "functions"));
    json_release(&json);
}

static void what_a_broken_or_hostile_cage_sends(void **state)
{
    static const struct change changes[] = {
        {"app.lua", NULL}, {"app.lua", "return 22"}, {"extra.txt", "not pushed"}, {".vitrine/manifest.json", NULL},
        {".vitrine/manifest.json", "no json"}, {".vitrine/manifest.json", "[]"}, {".vitrine/manifest.json", "{}"},
        {".vitrine/manifest.json", "{\"sdk\":\"gradio\"}"}, {".vitrine/manifest.json", "{\"sdk\":\"model\"}"},
        {".vitrine/manifest.json", "{\"sdk\":1}"}, {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"title\":{}}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"models\":[1]}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[1]}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[{\"inputs\":[],\"outputs\":[]}]}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[{\"id\":\"0\",\"inputs\":[],\"outputs\":[]}]}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[{\"id\":0,\"inputs\":[\"1\"],\"outputs\":[]}]}"},
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[{\"id\":0,\"inputs\":[1.5],\"outputs\":[]}]}"},
        {".vitrine/config.json", NULL}, {".vitrine/config.json", "{"}, {".vitrine/info.json", NULL},
        {".vitrine/page.html", NULL}, {".vitrine/page.html", "\xff"},
    };
    for (size_t index = 0; index < MEMORY_COUNT(changes); index++) {
        BUFFER_AUTO struct buffer card = BUFFER_EMPTY;
        BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
        int result = check(*state, changes[index], false, &card, &reason);
        if (result != ERROR_CORRUPT)
            fail_msg("%s %s gave %d", changes[index].name, changes[index].contents, result);
        assert_non_null(strstr(reason.data, "a fault of the server, not of the push"));
        assert_int_equal(card.length, 0);
    }
}

static void what_is_no_bundle(void **state)
{
    static const char *const files[] = {"", "garbage", "VTRNBND1", "VTRNBND1\1\0\0\0\377\377\377\377"};
    struct tree tree = {0};
    for (size_t index = 0; index < MEMORY_COUNT(files); index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
        int fd = scratch_file(*state, "no-bundle", files[index], strlen(files[index]));
        assert_int_equal(manifest_check(fd, &tree, false, &out, &reason), ERROR_CORRUPT);
        assert_true(reason.length > 0);
        close(fd);
    }
}

static void damage_is_found(void **state)
{
    BUFFER_AUTO struct buffer card = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct tree_entry entry = {.path = (char *)(uintptr_t)"app.lua", .size = 8};
    struct tree tree = {.entries = &entry, .count = 1};
    int fd = bundle_of(*state, (struct change){0});
    off_t end = lseek(fd, 0, SEEK_END);
    assert_int_equal(pwrite(fd, "X", 1, end - 1), 1);
    assert_int_equal(manifest_check(fd, &tree, false, &card, &reason), ERROR_CORRUPT);
    assert_non_null(strstr(reason.data, "its checksums are wrong"));
    close(fd);
}

static void other_kinds(void **state)
{
    BUFFER_AUTO struct buffer card = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    struct change model = {".vitrine/manifest.json", "{\"sdk\":\"model\"}"};
    struct change fixed = {".vitrine/manifest.json", "{\"sdk\":\"static\",\"functions\":{}}"};
    struct change foreign = {".vitrine/manifest.json", "{\"sdk\":\"gradio\",\"config_error\":\"sdk: gradio cannot run here\"}"};
    assert_int_equal(check(*state, model, true, &card, &reason), 0);
    assert_int_equal(check(*state, fixed, false, &card, &reason), 0);
    assert_int_equal(reason.length, 0);
    assert_int_equal(check(*state, foreign, false, &card, &reason), ERROR_UNSUPPORTED);
    assert_string_equal(reason.data, "sdk: gradio cannot run here");
    buffer_clear(&reason);
    assert_int_equal(check(*state, (struct change){0}, true, &card, &reason), ERROR_CORRUPT); /* a demo where a model was pushed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_one_gives_its_card, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_a_broken_or_hostile_cage_sends, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_bundle, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(other_kinds, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
