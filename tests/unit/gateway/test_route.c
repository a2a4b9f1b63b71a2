/* From host and path to a handler, or to the words why there is none. */
#include "gateway/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/unit/gateway/rig.h"

static const struct rig_file digits[] = {
    {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"title\":\"Digits\",\"functions\":[],\"models\":[]}"},
    {".vitrine/config.json", "{\"version\":\"6\"}"},
    {".vitrine/info.json", "{\"named_endpoints\":{}}"},
    {".vitrine/page.html", "<p>draw</p>"},
    {"app.lua", "return 1"},
    {"config", "a file of that name"},
    {NULL, NULL},
};
static const struct rig_file site[] = {
    {".vitrine/manifest.json", "{\"sdk\":\"static\",\"title\":\"Card\"}"},
    {"index.html", "<h1>card</h1>"},
    {NULL, NULL},
};

static int setup(void **state)
{
    static struct rig rig;
    rig_start(&rig);
    rig_publish(&rig, 1, digits);
    rig_publish(&rig, 2, site);
    rig_add(&rig, &(struct rig_demo){"ann-digits", "ann/digits", 7, 1, NULL});
    rig_add(&rig, &(struct rig_demo){"ann-card", "ann/card", 8, 2, NULL});
    rig_add(&rig, &(struct rig_demo){"eve-secret", "eve/secret", 9, 2, "{\"private\":true}"});
    rig_add(&rig, &(struct rig_demo){"eve-paused", "eve/paused", 10, 2, "{\"paused\":true}"});
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static int get(struct rig *rig, const char *host, const char *path)
{
    rig_get(rig, host, path, "");
    return rig_status(rig);
}

static void test_hosts(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(get(rig, "localhost:7860", "/healthz"), 200);
    assert_int_equal(get(rig, "ann-digits.localhost:7860", "/"), 200);
    assert_int_equal(get(rig, "ANN-DIGITS.LOCALHOST", "/"), 200);
    assert_int_equal(get(rig, "evil.example", "/"), 421);
    assert_true(rig_has(rig, "http://localhost:7860"));
    assert_int_equal(get(rig, "localhost:7861", "/"), 421);
    assert_int_equal(get(rig, "nobody.localhost", "/"), 404);
}

static void test_both_addresses_have_the_same_routes(void **state)
{
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/", 200},           {"/config", 200},  {"/config/", 200},           {"/gradio_api/info", 200},
        {"/info?x=y", 200},   {"/app.lua", 200}, {"/none", 404},              {"/gradio_api/nothing", 404},
        {"/%61pp.lua", 200},  {"//", 400},       {"/../app.lua", 400},        {"/%00", 400},
        {"/.vitrine/x", 404}, {"/a%2fb", 400},   {"/-/kit/none.js", 404},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct buffer BUFFER_AUTO path = BUFFER_EMPTY;
        buffer_format(&path, "/spaces/ann/digits/-%s", cases[i].path);
        if (get(rig, "ann-digits.localhost", cases[i].path) != cases[i].status)
            print_error("%s: %s\n", cases[i].path, rig->answer.data);
        assert_int_equal(rig_status(rig), cases[i].status);
        assert_false(rig_has(rig, "Content-Security-Policy: sandbox allow-scripts") && cases[i].status == 200);
        assert_int_equal(get(rig, "localhost", path.data), cases[i].status);
        assert_true(rig_has(rig, "Content-Security-Policy: sandbox"));
        assert_false(rig_has(rig, "allow-same-origin"));
    }
}

/* What belongs to the interface wins over a file of that name; other methods are told which ones there are. */
static void test_methods(void **state)
{
    struct rig *rig = *state;
    get(rig, "ann-digits.localhost", "/config");
    assert_string_equal(rig_body(rig), "{\"version\":\"6\"}");
    rig_ask(rig, "POST /config HTTP/1.1\r\nHost: ann-digits.localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_int_equal(rig_status(rig), 405);
    assert_true(rig_has(rig, "Allow: OPTIONS, GET, HEAD\r\n"));
    rig_ask(rig, "HEAD /config HTTP/1.1\r\nHost: ann-digits.localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(rig_status(rig), 200);
    assert_string_equal(rig_body(rig), "");
    rig_ask(rig, "OPTIONS /gradio_api/queue/join HTTP/1.1\r\nHost: ann-digits.localhost\r\nOrigin: null\r\nConnection: close\r\n\r\n");
    assert_int_equal(rig_status(rig), 204);
    assert_true(rig_has(rig, "Access-Control-Allow-Origin: *\r\n"));
    assert_true(rig_has(rig, "Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n"));
    rig_ask(rig, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(rig_status(rig), 204);
    assert_true(rig_has(rig, "Allow: GET"));
    assert_int_equal(rig->forwarded, 0);
}

static void test_static_demos_have_no_interface(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(get(rig, "ann-card.localhost", "/"), 200);
    assert_string_equal(rig_body(rig), "<h1>card</h1>");
    assert_int_equal(get(rig, "ann-card.localhost", "/config"), 404);
    rig_ask(rig, "POST /gradio_api/queue/join HTTP/1.1\r\nHost: ann-card.localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_int_equal(rig_status(rig), 405);
}

static void test_who_may_see_it(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(get(rig, "eve-secret.localhost", "/"), 404);
    rig_get(rig, "eve-secret.localhost", "/", "Authorization: Bearer hf_ann\r\n");
    assert_int_equal(rig_status(rig), 404);
    rig_get(rig, "eve-secret.localhost", "/", "Authorization: Bearer nonsense\r\n");
    assert_int_equal(rig_status(rig), 404);
    rig_get(rig, "eve-secret.localhost", "/", "Authorization: Bearer hf_eve\r\n");
    assert_int_equal(rig_status(rig), 200);
    assert_int_equal(get(rig, "eve-paused.localhost", "/"), 503);
    assert_true(rig_has(rig, "paused"));
}

static void test_forged_requests(void **state)
{
    static const struct {
        const char *fields;
        int status;
    } cases[] = {
        {"", 200},
        {"Sec-Fetch-Site: same-origin\r\n", 200},
        {"Sec-Fetch-Site: none\r\n", 200},
        {"Origin: http://localhost\r\n", 200},
        {"Sec-Fetch-Site: cross-site\r\n", 403},
        {"Sec-Fetch-Site: same-site\r\n", 403},
        {"Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost\r\n", 403},
        {"Origin: null\r\n", 403},
        {"Origin: http://ann-digits.localhost\r\n", 403},
        {"Origin: https://localhost\r\n", 403},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct buffer BUFFER_AUTO request = BUFFER_EMPTY;
        buffer_format(&request, "POST /settings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n",
                      cases[i].fields);
        rig_ask(rig, request.data);
        assert_int_equal(rig_status(rig), cases[i].status);
    }
    assert_int_equal(rig->forwarded, 4);
}

static void test_compressed_bodies(void **state)
{
    struct rig *rig = *state;
    rig_ask(rig, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: br\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    assert_int_equal(rig_status(rig), 415);
    rig_ask(rig, "POST /ann/m/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    assert_int_equal(rig_status(rig), 200);
    assert_true(route_is_git(TEXT("ann/m.git/git-receive-pack")));
    assert_false(route_is_git(TEXT("git-receive-pack")));
    assert_false(route_is_git(TEXT("ann/m/git-receive-pack/x")));
}

/* A client that leaves while the store is thinking takes its question along. */
static void test_client_leaves_during_a_lookup(void **state)
{
    struct rig *rig = *state;
    rig->silent = true;
    assert_string_equal(rig_get(rig, "ann-digits.localhost", "/", ""), "");
    rig->silent = false;
    assert_int_equal(get(rig, "localhost", "/healthz"), 200);
    rig_lose_store(rig);
    assert_int_equal(get(rig, "ann-card.localhost", "/"), 503);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_hosts),
        CASE(test_both_addresses_have_the_same_routes),
        CASE(test_methods),
        CASE(test_static_demos_have_no_interface),
        CASE(test_who_may_see_it),
        CASE(test_forged_requests),
        CASE(test_compressed_bodies),
        CASE(test_client_leaves_during_a_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
