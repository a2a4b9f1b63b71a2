/* wrap: lockdown_process */
/* Which address leads where: spelling, methods, and that a demo's addresses are not the site's. */
#include "store/route.h"

#include <stdio.h>
#include <string.h>

#include "box.h"
#include "runtime/base/memory.h"

static void test_each_kind_of_address_has_its_handler(void **state)
{
    struct box *box = *state;
    static const struct {
        const char *path, *has;
        int status;
    } cases[] = {
        {"/", "text/html", 200},
        {"/spaces", "text/html", 200},
        {"/api/spaces", "[{\"_id\"", 200},
        {"/api/models", "\"id\":\"ann/net\"", 200},
        {"/api/spaces/ann/digits", "\"id\":\"ann/digits\"", 200},
        {"/api/spaces/ann/digits/revision/HEAD", "\"id\":\"ann/digits\"", 200},
        {"/api/models/ann/net", "\"id\":\"ann/net\"", 200},
        {"/api/models/ann/digits", "RepoNotFound", 404}, /* it is a demo */
        {"/api/spaces/ann/net", "RepoNotFound", 404},
        {"/spaces/ann/digits/resolve/main/app.lua", "\r\n\r\ndigits", 200},
        {"/ann/net/resolve/main/app.lua", "\r\n\r\nnet", 200},
        {"/ann/digits", "There is no such", 404},
        {"/spaces/ann/digits/tree/main", "app.lua", 200},
        {"/spaces/ann/digits/", "digits", 200}, /* a slash at the end makes no difference */
        {"/spaces/ann/digits///", "this address is malformed", 400},
        {"/api/spaces/ann/digits/", "ann/digits", 200},
        {"/SPACES/ann/digits", "", 404},
        {"/api/Spaces", "", 404},
        {"/spaces/ann", "", 404},
        {"/spaces//digits", "this address is malformed", 400},
        {"/api/none", "There is nothing at this address", 404},
        {"/api/spaces/ann/digits/none", "There is nothing at this address", 404},
        {"/ann", "Nothing is at this address", 404},
        {"/spaces/ann/digits/none", "Nothing is at this address", 404},
    };
    box_publish(box, "digits", false);
    box_publish(box, "net", true);
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        int status = box_get(box, cases[i].path, "");
        if (status != cases[i].status || !box_has(box, cases[i].has))
            fail_msg("%s: %d\n%s", cases[i].path, status, box->answer.data);
    }
}

/* Decoded once: what a second decoding would make of it is no address. */
static void test_a_path_is_decoded_once(void **state)
{
    struct box *box = *state;
    box_publish(box, "digits", false);
    assert_int_equal(box_get(box, "/spaces/ann/d%69gits", ""), 200);
    assert_int_equal(box_get(box, "/spaces/ann/d%2569gits", ""), 404);
    assert_int_equal(box_get(box, "/spaces/ann/digits/resolve/main/%2e%2e/%2e%2e/vitrine.db", "") / 100, 4);
    assert_int_equal(box_get(box, "/spaces/ann/digits/resolve/main/..%2f..%2fvitrine.db", "") / 100, 4);
    assert_int_equal(box_get(box, "/spaces/ann/digits/resolve/main/.vitrine/manifest.json", ""), 404);
}

static void test_methods(void **state)
{
    struct box *box = *state;
    static const char *const only_get[] = {"/", "/api/spaces", "/api/spaces/ann/digits", "/spaces/ann/digits",
                                           "/ann/net"};
    static const char *const only_post[] = {"/logout", "/api/repos/create", "/api/spaces/ann/digits/pause",
                                            "/spaces/ann/digits/git-receive-pack"};
    box_publish(box, "digits", false);
    box_publish(box, "net", true);
    for (size_t i = 0; i < MEMORY_COUNT(only_get); i++)
        assert_int_equal(box_post(box, only_get[i], "Content-Type: application/json\r\n", "{}"), 405);
    for (size_t i = 0; i < MEMORY_COUNT(only_post); i++)
        assert_int_equal(box_get(box, only_post[i], ""), 405);
    static const char head[] = "HEAD /api/spaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_int_equal(box_send(box, head, sizeof head - 1), 200);
    assert_true(strcmp(strstr(box->answer.data, "\r\n\r\n"), "\r\n\r\n") == 0);
}

/* What the gateway forwards in a demo's name reaches uploads and nothing else, whatever it is called. */
static void test_a_demo_reaches_nothing_of_the_site(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    MEMORY_AUTO char *bearer = box_bearer(box, &box->scratch.bob, true);
    static const char *const paths[] = {"/", "/settings", "/api/spaces", "/api/whoami-v2", "/login",
                                        "/spaces/ann/digits", "/spaces/ann/digits/-/api/spaces", "/status", "/users",
                                        "/-/users"};
    char fields[400];
    snprintf(fields, sizeof fields, "X-Vitrine-Demo: %lld\r\n%s", (long long)demo.id, bearer);
    for (size_t i = 0; i < MEMORY_COUNT(paths); i++)
        assert_int_equal(box_get(box, paths[i], fields), 404);
    assert_int_equal(box_get(box, "/gradio_api/upload", fields), 405);
    assert_int_equal(box_get(box, "/spaces/ann/digits/-/gradio_api/upload", fields), 405);
    assert_int_equal(box_get(box, "/gradio_api/file=f/x", fields), 403);
}

/* The operator's handlers are behind their own socket; here they are no addresses. */
static void test_administration_is_not_served_here(void **state)
{
    struct box *box = *state;
    MEMORY_AUTO char *bearer = box_bearer(box, &box->scratch.bob, true);
    static const char *const paths[] = {"/status", "/users", "/tokens", "/events", "/users/link", "/rollback"};
    for (size_t i = 0; i < MEMORY_COUNT(paths); i++) {
        assert_int_equal(box_get(box, paths[i], bearer), 404);
        int status = box_post(box, paths[i], bearer, "{}");
        assert_true(status == 404 || status == 405);
    }
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_each_kind_of_address_has_its_handler), BOXED(test_a_path_is_decoded_once),
        BOXED(test_methods),                              BOXED(test_a_demo_reaches_nothing_of_the_site),
        BOXED(test_administration_is_not_served_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
