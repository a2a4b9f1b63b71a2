/* wrap: lockdown_process */
/* What gateway and backend are told: names, rights, descriptors, files that are written in pieces. */
#include "store/peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"
#include "runtime/base/json.h"
#include "store/token.h"

static bool contains(struct text text, const char *part)
{
    return memmem(text.data, text.length, part, strlen(part)) != NULL;
}

/* -- demos -- */

static void test_a_demo_is_found_by_each_of_its_names(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "My.Digits", false);
    struct message_demo_found found;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)demo.id);
    const struct text names[] = {TEXT("ann-my-digits"), TEXT("ann/My.Digits"), text_from(id)};
    for (uint8_t by = 0; by < 3; by++) {
        BOX_ASK(box, gateway, demo_lookup, 7, by, names[by]);
        BOX_GOT(box, demo_found, &found);
        assert_int_equal(found.request, 7);
        assert_int_equal(found.status, 0);
        assert_int_equal(found.demo_id, demo.id);
        assert_true(text_equal(found.name, TEXT("My.Digits")));
        assert_int_equal(found.digest.length, 64);
    }
}

static void test_what_is_no_demo_is_not_found(void **state)
{
    struct box *box = *state;
    struct repository model = box_publish(box, "net", true);
    struct message_demo_found found;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)model.id);
    const struct message_demo_lookup lookups[] = {
        {1, 0, TEXT("")}, {1, 0, TEXT("ann-none")}, {1, 1, TEXT("ann/net")}, {1, 1, TEXT("ann")}, {1, 1, TEXT("/")},
        {1, 2, TEXT("x")}, {1, 2, TEXT("-1")}, {1, 2, TEXT("18446744073709551615")}, {1, 2, text_from(id)},
        {1, 9, TEXT("ann/net")}, {1, 0, TEXT("ann-none--0123456")}, {1, 0, TEXT("--0123456")},
    };
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
        BOX_ASK(box, gateway, demo_lookup, lookups[i].request, lookups[i].by, lookups[i].name);
        BOX_GOT(box, demo_found, &found);
        assert_int_equal(found.status, -ERROR_NOT_FOUND);
        assert_int_equal(found.demo_id, 0);
    }
}

/* A demo that was never published has a name and a stage, so that the gateway can say what is wrong. */
static void test_a_demo_without_a_release_has_a_stage(void **state)
{
    struct box *box = *state;
    struct message_demo_found found;
    struct json settings;
    struct repository demo = scratch_repository(&box->scratch, "empty", false);
    BOX_ASK(box, gateway, demo_lookup, 1, 1, TEXT("ann/empty"));
    BOX_GOT(box, demo_found, &found);
    assert_int_equal(found.status, -ERROR_NOT_FOUND);
    assert_int_equal(found.demo_id, demo.id);
    assert_int_equal(json_parse(&settings, found.settings, NULL), 0);
    assert_true(json_equals(json_get(&settings, &settings.nodes[0], "stage"), "NO_APP_FILE"));
    json_release(&settings);
}

/* The card is a stranger's: members of a wrong type must not reach the gateway as they stand. */
static void test_a_card_of_wrong_types_is_not_passed_on(void **state)
{
    struct box *box = *state;
    struct message_demo_found found;
    struct repository demo = box_publish(box, "odd", false);
    assert_int_equal(database_run(&box->scratch.database, "UPDATE releases SET card = ? WHERE repository_id = ?", "si",
                                  "{\"disable_embedding\":\"yes\",\"custom_headers\":[\"x\"]}", demo.id), 1);
    BOX_ASK(box, gateway, demo_lookup, 1, 1, TEXT("ann/odd"));
    BOX_GOT(box, demo_found, &found);
    assert_true(contains(found.settings, "\"embedding\":{\"disabled\":false,\"parents\":[]}"));
    assert_true(contains(found.settings, "\"custom_headers\":{}"));
}

static void test_a_preview_is_closed_unless_it_was_opened(void **state)
{
    struct box *box = *state;
    struct message_demo_found found;
    struct repository demo = box_publish(box, "two", false);
    char digest[65];
    scratch_bundle(&box->scratch, "newer", digest);
    scratch_release(&box->scratch, demo.id, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", digest);
    BOX_ASK(box, gateway, demo_lookup, 1, 0, TEXT("ann-two--0123456"));
    BOX_GOT(box, demo_found, &found);
    assert_int_equal(found.status, -ERROR_FORBIDDEN);
    assert_int_equal(found.digest.length, 0);
    assert_int_equal(database_run(&box->scratch.database, "UPDATE repositories SET open_previews = 1", ""), 1);
    BOX_ASK(box, gateway, demo_lookup, 1, 0, TEXT("ann-two--0123456"));
    BOX_GOT(box, demo_found, &found);
    assert_int_equal(found.status, 0);
    assert_true(text_starts(found.commit, TEXT("0123456")));
    BOX_ASK(box, gateway, demo_lookup, 1, 0, TEXT("ann-two--aaaaaaa"));
    BOX_GOT(box, demo_found, &found);
    assert_int_equal(found.status, 0);
}

static void test_a_bundle_is_a_descriptor_or_a_failure(void **state)
{
    struct box *box = *state;
    struct message_request_failed failed;
    struct message_bundle_opened opened;
    struct stat status;
    box_publish(box, "digits", false);
    BOX_ASK(box, gateway, bundle_open, 3, 1);
    BOX_GOT(box, bundle_opened, &opened);
    assert_int_equal(opened.request, 3);
    assert_int_equal(fstat(box->fd, &status), 0);
    assert_true(S_ISREG(status.st_mode) && status.st_size > 0);
    assert_int_equal(write(box->fd, "x", 1), -1);
    const uint64_t wrong[] = {0, 2, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        BOX_ASK(box, gateway, bundle_open, 4, wrong[i]);
        BOX_GOT(box, request_failed, &failed);
        assert_int_equal(failed.status, -ERROR_NOT_FOUND);
    }
}

/* -- identity -- */

static void test_a_token_is_its_account(void **state)
{
    struct box *box = *state;
    struct message_identity who;
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    assert_int_equal(token_create(&box->scratch.database, box->scratch.ann.id, TEXT("t"), false, &token), 0);
    BOX_ASK(box, gateway, identify, 1, buffer_view(&token));
    BOX_GOT(box, identity, &who);
    assert_int_equal(who.status, 0);
    assert_true(text_equal(who.name, TEXT("ann")) && text_equal(who.role, TEXT("read")));
    token.data[token.length - 1] ^= 1;
    BOX_ASK(box, gateway, identify, 1, buffer_view(&token));
    BOX_GOT(box, identity, &who);
    assert_int_equal(who.status, -ERROR_NOT_FOUND);
    assert_int_equal(who.account_id, 0);
    assert_int_equal(who.name.length, 0);
}

/* -- files in pieces -- */

static void begin_file(struct box *box, uint32_t request, const struct repository *demo)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    message_file_begin_pack(&body, &(struct message_file_begin){request, (uint64_t)demo->id, TEXT("s"), TEXT("out.txt"),
                                                                TEXT("text/plain")});
    assert_true(box_tell(box, box->gateway, MESSAGE_file_begin, &body));
}

static bool append_file(struct box *box, uint32_t request, struct text bytes)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    message_file_append_pack(&body, &(struct message_file_append){request, bytes});
    return box_tell(box, box->gateway, MESSAGE_file_append, &body);
}

static void test_a_file_is_made_in_pieces_and_opened_by_its_session(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false), other = box_publish(box, "other", false);
    struct message_file_made made;
    struct message_file_opened opened;
    struct message_request_failed failed;
    char handle[256], bytes[16] = {0};
    begin_file(box, 5, &demo);
    assert_true(append_file(box, 5, TEXT("hello ")) && append_file(box, 5, TEXT("world")));
    BOX_ASK(box, gateway, file_end, 5, 1);
    BOX_GOT(box, file_made, &made);
    assert_int_equal(made.size, 11);
    snprintf(handle, sizeof handle, TEXT_FORMAT, TEXT_ARGUMENT(made.handle));
    BOX_ASK(box, gateway, file_open, 6, (uint64_t)demo.id, TEXT("s"), text_from(handle));
    BOX_GOT(box, file_opened, &opened);
    assert_true(opened.size == 11 && text_equal(opened.name, TEXT("out.txt")));
    assert_int_equal(read(box->fd, bytes, sizeof bytes), 11);
    assert_string_equal(bytes, "hello world");
    BOX_ASK(box, gateway, file_open, 6, (uint64_t)demo.id, TEXT("stranger"), text_from(handle));
    BOX_GOT(box, request_failed, &failed);
    assert_int_equal(failed.status, -ERROR_NOT_FOUND);
    BOX_ASK(box, gateway, file_open, 6, (uint64_t)other.id, TEXT("s"), text_from(handle));
    BOX_GOT(box, request_failed, &failed);
    assert_int_equal(failed.status, -ERROR_NOT_FOUND);
}

static void test_a_file_over_the_quota_fails_once_and_leaves_nothing(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    struct message_request_failed failed;
    char folder[128];
    static char large[20000];
    box->store.files.quota_bytes = 10000;
    begin_file(box, 5, &demo);
    assert_false(append_file(box, 5, (struct text){large, sizeof large}));
    BOX_GOT(box, request_failed, &failed);
    assert_int_equal(failed.status, -ERROR_LIMIT);
    assert_true(append_file(box, 5, TEXT("x"))); /* on its way already: vanishes */
    assert_int_equal(box->store.writers.count, 0);
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    message_file_end_pack(&body, &(struct message_file_end){5, 1});
    assert_true(box_tell(box, box->gateway, MESSAGE_file_end, &body)); /* no second answer */
    snprintf(folder, sizeof folder, "%s/files/%lld", box->scratch.path, (long long)demo.id);
    rmdir(folder);
    assert_int_not_equal(access(folder, F_OK), 0); /* it was empty */
}

/* It was deleted while its worker still wrote: the row is refused, and the file goes with it. */
static void test_a_demo_that_is_gone_keeps_no_file(void **state)
{
    struct box *box = *state;
    struct repository gone = {.id = 4711};
    struct message_request_failed failed;
    begin_file(box, 5, &gone);
    assert_true(append_file(box, 5, TEXT("hello")));
    BOX_ASK(box, gateway, file_end, 5, 1);
    BOX_GOT(box, request_failed, &failed);
    assert_int_not_equal(failed.status, 0);
    assert_int_equal(database_integer(&box->scratch.database, "SELECT count(*) FROM files", ""), 0);
    assert_int_equal(box->store.writers.count, 0);
}

/* -- models -- */

static struct repository owned(struct box *box, const struct account *owner, const char *name)
{
    struct repository wanted = {.account_id = owner->id}, made;
    const char *reason = NULL;
    memcpy(wanted.owner, owner->name, sizeof wanted.owner);
    snprintf(wanted.name, sizeof wanted.name, "%s", name);
    assert_int_equal(repository_create(&box->scratch.database, box->scratch.path, &wanted, &made, &reason), 0);
    return made;
}

static bool opens(struct box *box, const struct repository *demo, struct text name, bool *ret_shared)
{
    struct message_model_opened opened;
    struct message_model_missing missing;
    BOX_ASK(box, infer, model_open, 1, (uint64_t)demo->id, name);
    if (box->type == MESSAGE_model_missing) {
        BOX_GOT(box, model_missing, &missing);
        assert_int_equal(missing.status, -ERROR_NOT_FOUND);
        return false;
    }
    BOX_GOT(box, model_opened, &opened);
    assert_true(box->fd >= 0 && text_equal(opened.owner, TEXT("ann")));
    *ret_shared = opened.shared;
    return true;
}

static void test_a_private_model_is_for_demos_of_those_who_may_read_it(void **state)
{
    struct box *box = *state;
    struct account eve;
    bool shared = false;
    assert_int_equal(account_create(&box->scratch.database, TEXT("eve"), false, &eve), 0);
    struct repository model = box_publish(box, "net", true);
    struct repository own = owned(box, &box->scratch.ann, "own"), admins = owned(box, &box->scratch.bob, "d"),
                      strange = owned(box, &eve, "d"), none = {.id = 4711};
    assert_true(opens(box, &strange, TEXT("ann/net"), &shared) && shared);
    assert_true(opens(box, &none, TEXT("ann/net"), &shared) && shared);
    assert_int_equal(database_run(&box->scratch.database, "UPDATE repositories SET private = 1 WHERE id = ?", "i",
                                  model.id), 1);
    assert_true(opens(box, &own, TEXT("ann/net"), &shared) && !shared);
    assert_true(opens(box, &admins, TEXT("ann/net"), &shared) && !shared);
    assert_false(opens(box, &strange, TEXT("ann/net"), &shared));
    assert_false(opens(box, &none, TEXT("ann/net"), &shared));
    assert_false(opens(box, &model, TEXT("ann/net"), &shared)); /* a model's id is no demo's */
}

static void test_a_model_has_one_spelling(void **state)
{
    struct box *box = *state;
    bool shared;
    struct repository demo = box_publish(box, "digits", false);
    box_publish(box, "net", true);
    static const char *const names[] = {"Ann/net", "ann/Net", "ann/net.git", "ann/digits", "ann/net/", "ann",
                                        "/net", ""};
    assert_true(opens(box, &demo, TEXT("ann/net"), &shared));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(opens(box, &demo, text_from(names[i]), &shared));
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_a_demo_is_found_by_each_of_its_names),
        BOXED(test_what_is_no_demo_is_not_found),
        BOXED(test_a_demo_without_a_release_has_a_stage),
        BOXED(test_a_card_of_wrong_types_is_not_passed_on),
        BOXED(test_a_preview_is_closed_unless_it_was_opened),
        BOXED(test_a_bundle_is_a_descriptor_or_a_failure),
        BOXED(test_a_token_is_its_account),
        BOXED(test_a_file_is_made_in_pieces_and_opened_by_its_session),
        BOXED(test_a_file_over_the_quota_fails_once_and_leaves_nothing),
        BOXED(test_a_demo_that_is_gone_keeps_no_file),
        BOXED(test_a_private_model_is_for_demos_of_those_who_may_read_it),
        BOXED(test_a_model_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
