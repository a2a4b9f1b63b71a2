/* Accounts, passwords, access tokens, sign-in links and sessions. */
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "store/secret.h"
#include "store/signin.h"
#include "store/token.h"

static void accounts_are_found_however_they_are_written(void **state)
{
    struct scratch *scratch = *state;
    struct account found;
    assert_int_equal(account_find(&scratch->database, TEXT("ANN"), &found), 0);
    assert_int_equal(found.id, scratch->ann.id);
    assert_string_equal(found.name, "ann");
    assert_false(found.admin);
    assert_int_equal(account_find_id(&scratch->database, scratch->bob.id, &found), 0);
    assert_true(found.admin);
    assert_int_equal(account_find(&scratch->database, TEXT("eve"), &found), ERROR_NOT_FOUND);
    assert_int_equal(account_create(&scratch->database, TEXT("Ann"), false, &found), ERROR_EXISTS);
    assert_int_equal(account_create(&scratch->database, TEXT("api"), false, &found), ERROR_INVALID);
}

static void passwords(void **state)
{
    struct scratch *scratch = *state;
    MEMORY_AUTO char *hash = account_password_hash(TEXT("correct horse"));
    assert_non_null(hash);
    assert_non_null(strstr(hash, "$argon2id$"));
    assert_true(account_password_verify(hash, TEXT("correct horse")));
    assert_false(account_password_verify(hash, TEXT("correct horse ")));
    assert_false(account_password_verify(hash, TEXT("")));
    assert_null(account_password_get(&scratch->database, TEXT("ann")));
    assert_int_equal(account_password_set(&scratch->database, scratch->ann.id, hash), 0);
    MEMORY_AUTO char *kept = account_password_get(&scratch->database, TEXT("Ann"));
    assert_string_equal(kept, hash);
    assert_int_equal(account_password_set(&scratch->database, 999, hash), ERROR_NOT_FOUND);
    assert_non_null(account_password_refuse(TEXT("short")));
    assert_non_null(account_password_refuse(TEXT("\xff\xff\xff\xff\xff\xff\xff\xff")));
    assert_null(account_password_refuse(TEXT("long enough")));
}

/* A name that does not exist must not be told by the time its refusal takes. */
static void nobody_takes_as_long_as_somebody(void **state)
{
    MEMORY_AUTO char *hash = account_password_hash(TEXT("correct horse"));
    uint64_t start = clock_now_us();
    assert_false(account_password_verify(hash, TEXT("wrong")));
    uint64_t somebody = clock_now_us() - start;
    start = clock_now_us();
    assert_false(account_password_verify(NULL, TEXT("wrong")));
    uint64_t nobody = clock_now_us() - start;
    assert_true(nobody > somebody / 4);
}

static void tokens(void **state)
{
    struct scratch *scratch = *state;
    struct database *database = &scratch->database;
    struct identity who;
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer reader = BUFFER_EMPTY;
    assert_int_equal(token_create(database, scratch->ann.id, TEXT("laptop"), true, &token), 0);
    assert_int_equal(token.length, 67);
    assert_true(text_starts(buffer_view(&token), TEXT("hf_")));
    assert_int_equal(token_create(database, scratch->ann.id, TEXT("laptop"), true, &token), ERROR_EXISTS);
    assert_int_equal(token_create(database, scratch->ann.id, TEXT(""), true, &token), ERROR_INVALID);
    assert_int_equal(token_create(database, scratch->ann.id, TEXT("a\nb"), true, &token), ERROR_INVALID);
    assert_int_equal(token_create(database, scratch->ann.id, TEXT("ci"), false, &reader), 0);
    assert_int_equal(token_identify(database, buffer_view(&token), &who), 0);
    assert_string_equal(who.account.name, "ann");
    assert_true(who.write);
    assert_string_equal(who.token_name, "laptop");
    assert_int_equal(token_identify(database, buffer_view(&reader), &who), 0);
    assert_false(who.write);
    token.data[10] ^= 1;
    assert_int_equal(token_identify(database, buffer_view(&token), &who), ERROR_NOT_FOUND);
    assert_int_equal(token_identify(database, TEXT(""), &who), ERROR_NOT_FOUND);
    assert_int_equal(token_identify(database, TEXT("hf_"), &who), ERROR_NOT_FOUND);
    /* the secret itself is nowhere in the database */
    assert_int_equal(database_integer(database, "SELECT count(*) FROM tokens WHERE instr(digest, ?) > 0", "t",
                                      text_skip(buffer_view(&reader), 3)), 0);
    assert_int_equal(token_revoke(database, scratch->ann.id, TEXT("ci")), 0);
    assert_int_equal(token_revoke(database, scratch->ann.id, TEXT("ci")), ERROR_NOT_FOUND);
    assert_int_equal(token_identify(database, buffer_view(&reader), &who), ERROR_NOT_FOUND);
}

static void tokens_are_bounded_and_their_use_is_noted(void **state)
{
    struct scratch *scratch = *state;
    struct identity who;
    BUFFER_AUTO struct buffer token = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;
    for (int index = 0; index < BOUNDS_TOKENS_PER_ACCOUNT; index++) {
        BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
        buffer_format(&name, "n%d", index);
        buffer_clear(&token);
        assert_int_equal(token_create(&scratch->database, scratch->ann.id, buffer_view(&name), true, &token), 0);
    }
    assert_int_equal(token_create(&scratch->database, scratch->ann.id, TEXT("more"), true, &list), ERROR_LIMIT);
    assert_int_equal(token_create(&scratch->database, scratch->bob.id, TEXT("more"), true, &list), 0);
    assert_int_equal(token_identify(&scratch->database, buffer_view(&token), &who), 0);
    assert_int_equal(who.used_ms, 0);
    token_touch(&scratch->database, &who);
    assert_int_equal(token_identify(&scratch->database, buffer_view(&token), &who), 0);
    assert_true(who.used_ms > 0);
    buffer_clear(&list);
    token_list(&scratch->database, scratch->ann.id, &list);
    assert_non_null(strstr(list.data, "\"name\":\"n0\",\"role\":\"write\""));
    assert_non_null(strstr(list.data, "\"used\":\"never\""));
    assert_non_null(strstr(list.data, "\"used\":\"just now\""));
}

static void links_work_once_and_in_time(void **state)
{
    struct scratch *scratch = *state;
    struct account who;
    BUFFER_AUTO struct buffer link = BUFFER_EMPTY;
    assert_int_equal(signin_link_make(&scratch->database, scratch->ann.id, &link), 0);
    assert_int_equal(signin_link_use(&scratch->database, TEXT("something"), &who), ERROR_NOT_FOUND);
    assert_int_equal(signin_link_use(&scratch->database, buffer_view(&link), &who), 0);
    assert_int_equal(who.id, scratch->ann.id);
    assert_int_equal(signin_link_use(&scratch->database, buffer_view(&link), &who), ERROR_NOT_FOUND);
    buffer_clear(&link);
    assert_int_equal(signin_link_make(&scratch->database, scratch->ann.id, &link), 0);
    assert_int_equal(database_run(&scratch->database, "UPDATE signin_links SET expires_ms = ?", "i", clock_wall_ms() - 1), 1);
    assert_int_equal(signin_link_use(&scratch->database, buffer_view(&link), &who), ERROR_NOT_FOUND);
    signin_expire(&scratch->database);
    assert_int_equal(database_integer(&scratch->database, "SELECT count(*) FROM signin_links", ""), 0);
}

static void sessions_end(void **state)
{
    struct scratch *scratch = *state;
    struct account who;
    BUFFER_AUTO struct buffer secret = BUFFER_EMPTY;
    assert_int_equal(signin_session_make(&scratch->database, scratch->bob.id, &secret), 0);
    assert_int_equal(signin_session_find(&scratch->database, buffer_view(&secret), &who), 0);
    assert_true(who.admin);
    assert_int_equal(signin_session_find(&scratch->database, text_head(buffer_view(&secret), 63), &who), ERROR_NOT_FOUND);
    signin_session_end(&scratch->database, buffer_view(&secret));
    assert_int_equal(signin_session_find(&scratch->database, buffer_view(&secret), &who), ERROR_NOT_FOUND);
    buffer_clear(&secret);
    assert_int_equal(signin_session_make(&scratch->database, scratch->bob.id, &secret), 0);
    assert_int_equal(database_run(&scratch->database, "UPDATE site_sessions SET expires_ms = 1", ""), 1);
    assert_int_equal(signin_session_find(&scratch->database, buffer_view(&secret), &who), ERROR_NOT_FOUND);
}

static void secrets_differ(void **state)
{
    BUFFER_AUTO struct buffer a = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer b = BUFFER_EMPTY;
    secret_make(&a);
    secret_make(&b);
    assert_int_equal(a.length, 2 * SECRET_BYTES);
    assert_string_not_equal(a.data, b.data);
    struct secret_digest digest = secret_digest(TEXT("abc"));
    assert_memory_equal(digest.bytes, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accounts_are_found_however_they_are_written, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(passwords, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(nobody_takes_as_long_as_somebody, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(tokens, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(tokens_are_bounded_and_their_use_is_noted, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(links_work_once_and_in_time, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(sessions_end, scratch_setup, scratch_teardown),
        cmocka_unit_test(secrets_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
