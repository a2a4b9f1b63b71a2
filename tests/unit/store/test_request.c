/* wrap: lockdown_process */
/* Who asks, what a browser of another site may not do, where a redirect may lead, and how trouble is told to whom. */
#include "store/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "runtime/base/encode.h"
#include "runtime/base/memory.h"
#include "store/signin.h"

static const char whoami[] = "/api/whoami-v2";

/* "Cookie: vitrine_session=…", as a finished line. */
static char *cookie_of(struct box *box, const struct account *account, const char *name)
{
    struct buffer line = BUFFER_EMPTY;
    buffer_format(&line, "Cookie: a=b; %s=", name);
    assert_int_equal(signin_session_make(&box->scratch.database, account->id, &line), 0);
    buffer_string(&line, "; c=d\r\n");
    return buffer_steal(&line);
}

/* -- who asks -- */

static void test_each_credential_names_its_account(void **state)
{
    struct box *box = *state;
    MEMORY_AUTO char *bearer = box_bearer(box, &box->scratch.ann, false);
    MEMORY_AUTO char *cookie = cookie_of(box, &box->scratch.bob, "vitrine_session");
    assert_int_equal(box_get(box, whoami, bearer), 200);
    assert_true(box_has(box, "\"name\":\"ann\""));
    assert_int_equal(box_get(box, whoami, cookie), 200);
    assert_true(box_has(box, "\"name\":\"bob\""));
    assert_int_equal(box_get(box, whoami, ""), 401);
}

static void test_a_token_as_password_or_as_user_name(void **state)
{
    struct box *box = *state;
    MEMORY_AUTO char *bearer = box_bearer(box, &box->scratch.ann, true);
    struct text token = text_trim(text_skip(text_from(bearer), strlen("Authorization: Bearer ")));
    for (size_t i = 0; i < 3; i++) {
        char pair[160], field[320];
        BUFFER_AUTO struct buffer encoded = BUFFER_EMPTY;
        int length = i == 0 ? snprintf(pair, sizeof pair, "whoever:" TEXT_FORMAT, TEXT_ARGUMENT(token))
                            : snprintf(pair, sizeof pair, TEXT_FORMAT "%s", TEXT_ARGUMENT(token), i == 1 ? ":" : "");
        encode_base64(&encoded, pair, (size_t)length);
        snprintf(field, sizeof field, "Authorization: basic %.*s\r\n", (int)encoded.length, encoded.data);
        assert_int_equal(box_get(box, whoami, field), 200);
    }
}

/* A credential that is shown and wrong is not passed over for the cookie beside it. */
static void test_a_wrong_credential_counts_alone(void **state)
{
    struct box *box = *state;
    MEMORY_AUTO char *cookie = cookie_of(box, &box->scratch.ann, "vitrine_session");
    static const char *const wrong[] = {"Bearer hf_0", "Bearer ", "Bearer x", "Basic !!!", "Basic OmhmXzA=", "Basic "};
    for (size_t i = 0; i < MEMORY_COUNT(wrong); i++) {
        char fields[300];
        snprintf(fields, sizeof fields, "%sAuthorization: %s\r\n", cookie, wrong[i]);
        assert_int_equal(box_get(box, whoami, fields), 401);
        assert_true(box_has(box, "Invalid credentials in Authorization header"));
    }
}

/* Behind TLS only the cookie counts that no subdomain can set. */
static void test_a_cookie_of_the_wrong_kind_is_none(void **state)
{
    struct box *box = *state;
    static const struct {
        const char *name, *origin;
        int status;
    } cases[] = {
        {"vitrine_session", "http://localhost:7860", 200},
        {"__Host-vitrine_session", "https://x.example", 200},
        {"vitrine_session", "https://x.example", 401},
        {"__Host-vitrine_session", "http://x.example", 401},
        {"Vitrine_session", "http://x.example", 401},
        {"xvitrine_session", "http://x.example", 401},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        MEMORY_AUTO char *cookie = cookie_of(box, &box->scratch.ann, cases[i].name);
        char fields[300];
        snprintf(fields, sizeof fields, "%sX-Vitrine-Origin: %s\r\n", cookie, cases[i].origin);
        assert_int_equal(box_get(box, whoami, fields), cases[i].status);
    }
}

/* -- forgery -- */

static void test_only_our_own_pages_may_change_something(void **state)
{
    struct box *box = *state;
    box_publish(box, "digits", false);
    MEMORY_AUTO char *cookie = cookie_of(box, &box->scratch.ann, "vitrine_session");
    MEMORY_AUTO char *bearer = box_bearer(box, &box->scratch.ann, true);
    static const struct {
        const char *fields;
        int status;
    } cases[] = {
        {"", 403},
        {"Content-Type: text/plain\r\n", 403},
        {"Content-Type: application/json\r\n", 200},
        {"Sec-Fetch-Site: same-origin\r\n", 200},
        {"Sec-Fetch-Site: cross-site\r\nContent-Type: application/json\r\n", 403},
        {"Sec-Fetch-Site: same-site\r\n", 403}, /* a demo's origin */
        {"Sec-Fetch-Site: none\r\n", 403},
        {"Sec-Fetch-Site: none\r\nContent-Type: application/json\r\n", 200},
        {"Origin: http://localhost:7860\r\n", 200},
        {"Origin: http://ann-digits.localhost:7860\r\n", 403},
        {"Origin: null\r\n", 403},
        {"Origin: null\r\nContent-Type: application/json\r\n", 403},
        {"Origin: http://other.example\r\nX-Vitrine-Origin: http://other.example\r\n", 200},
        {"Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost:7860\r\n", 403},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        char fields[400];
        snprintf(fields, sizeof fields, "%s%s", cookie, cases[i].fields);
        if (box_post(box, "/api/spaces/ann/digits/restart", fields, "") != cases[i].status)
            fail_msg("%s: %.12s", cases[i].fields, box->answer.data);
    }
    assert_int_equal(box_post(box, "/api/spaces/ann/digits/restart", bearer, ""), 200); /* browsers send no tokens */
}

/* -- who may see and write -- */

static void test_rights_and_the_words_for_them(void **state)
{
    struct box *box = *state;
    struct account eve;
    struct repository demo = box_publish(box, "digits", false);
    assert_int_equal(account_create(&box->scratch.database, TEXT("eve"), false, &eve), 0);
    MEMORY_AUTO char *owner = box_bearer(box, &box->scratch.ann, true);
    MEMORY_AUTO char *reader = box_bearer(box, &box->scratch.ann, false);
    MEMORY_AUTO char *admin = box_bearer(box, &box->scratch.bob, true);
    MEMORY_AUTO char *stranger = box_bearer(box, &eve, true);
    static const char path[] = "/api/spaces/ann/digits/restart", seen[] = "/api/spaces/ann/digits";
    static const char json[] = "Content-Type: application/json\r\n";
    assert_int_equal(box_post(box, path, json, ""), 401);
    assert_int_equal(box_post(box, path, reader, ""), 403);
    assert_int_equal(box_post(box, path, stranger, ""), 403);
    assert_int_equal(box_post(box, path, owner, ""), 200);
    assert_int_equal(box_post(box, path, admin, ""), 200);
    assert_int_equal(database_run(&box->scratch.database, "UPDATE repositories SET private = 1 WHERE id = ?", "i",
                                  demo.id), 1);
    assert_int_equal(box_post(box, path, stranger, ""), 404);
    MEMORY_AUTO char *hidden = memory_copy_string(strstr(box->answer.data, "\r\n\r\n"));
    assert_int_equal(box_post(box, "/api/spaces/ann/none/restart", stranger, ""), 404);
    assert_string_equal(strstr(box->answer.data, "\r\n\r\n"), hidden);
    assert_int_equal(box_get(box, seen, ""), 404);
    assert_int_equal(box_get(box, seen, stranger), 404);
    assert_int_equal(box_get(box, seen, "Authorization: Bearer hf_wrong\r\n"), 401);
    assert_int_equal(box_get(box, seen, reader), 200);
    assert_int_equal(box_get(box, seen, admin), 200);
}

/* -- the form of errors -- */

static void test_errors_are_told_in_the_asker_s_language(void **state)
{
    struct box *box = *state;
    assert_int_equal(box_get(box, "/api/spaces/ann/none", ""), 404);
    assert_true(box_has(box, "Content-Type: application/json") && box_has(box, "X-Error-Code: RepoNotFound"));
    assert_int_equal(box_get(box, "/spaces/ann/none", ""), 404);
    assert_true(box_has(box, "Content-Type: text/html") && box_has(box, "There is no such page"));
    assert_int_equal(box_get(box, "/spaces/ann/none/info/refs?service=git-upload-pack", ""), 401);
    assert_true(box_has(box, "Content-Type: text/plain") && box_has(box, "WWW-Authenticate: Basic"));
    assert_int_equal(box_get(box, "/%00", ""), 400);
    assert_int_equal(box_get(box, "/%zz", ""), 400);
}

/* A visitor's own words come back as text. */
static void test_a_page_holds_no_markup_of_the_address(void **state)
{
    struct box *box = *state;
    assert_int_equal(box_get(box, "/login?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", ""), 200);
    assert_false(box_has(box, "<script>alert"));
    static const char *const elsewhere[] = {"//evil.example", "/%5Cevil.example", "/%09/evil.example",
                                            "http://evil.example", "evil", "/%0d%0aSet-Cookie:x=y"};
    for (size_t i = 0; i < MEMORY_COUNT(elsewhere); i++) {
        char path[100];
        snprintf(path, sizeof path, "/login?next=%s", elsewhere[i]);
        assert_int_equal(box_get(box, path, ""), 200);
        assert_false(box_has(box, "evil"));
        assert_false(box_has(box, "x=y"));
    }
}

static void test_a_stranger_is_sent_to_sign_in_and_back(void **state)
{
    struct box *box = *state;
    assert_int_equal(box_get(box, "/spaces/ann/d%20e/settings", ""), 303);
    assert_true(box_has(box, "Location: /login?next=/spaces/ann/d%20e/settings\r\n"));
    assert_int_equal(box_get(box, "/settings", ""), 303);
    assert_true(box_has(box, "Location: /login?next=/settings\r\n") && box_has(box, "Cache-Control: no-store"));
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_each_credential_names_its_account),
        BOXED(test_a_token_as_password_or_as_user_name),
        BOXED(test_a_wrong_credential_counts_alone),
        BOXED(test_a_cookie_of_the_wrong_kind_is_none),
        BOXED(test_only_our_own_pages_may_change_something),
        BOXED(test_rights_and_the_words_for_them),
        BOXED(test_errors_are_told_in_the_asker_s_language),
        BOXED(test_a_page_holds_no_markup_of_the_address),
        BOXED(test_a_stranger_is_sent_to_sign_in_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
