/* Requests on their way to the store: what is added, what stays behind, and what comes back. */
#include "gateway/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"
#include "tests/unit/gateway/rig.h"

static int setup(void **state)
{
    static const struct rig_file files[] = {
        {".vitrine/manifest.json", "{\"sdk\":\"lua\",\"functions\":[],\"models\":[]}"},
        {".vitrine/config.json", "{}"},
        {".vitrine/info.json", "{}"},
        {".vitrine/page.html", ""},
        {NULL, NULL},
    };
    static struct rig rig;
    rig_start(&rig);
    rig_publish(&rig, 1, files);
    rig_add(&rig, &(struct rig_demo){"ann-digits", "ann/digits", 7, 1, NULL});
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static void test_what_the_store_reads(void **state)
{
    struct rig *rig = *state;
    rig_get(rig, "localhost:7860", "/a%20b?c=d",
            "Cookie: e=f\r\nX-Vitrine-Client: 6.6.6.6\r\nx-vitrine-demo: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n"
            "Upgrade: h2c\r\nX-Own: 1\r\n");
    assert_int_equal(rig_status(rig), 200);
    assert_memory_equal(rig_body(rig), "GET /a%20b?c=d 0\n", 17);
    assert_true(rig_has(rig, "Host=localhost:7860\n"));
    assert_true(rig_has(rig, "x-vitrine-client=local\n"));
    assert_true(rig_has(rig, "x-vitrine-origin=http://localhost:7860\n"));
    assert_true(rig_has(rig, "Cookie=e=f\n"));
    assert_true(rig_has(rig, "X-Own=1\n"));
    for (const char *const *word = (const char *const[]){"6.6.6.6", "x-vitrine-demo", "X-Hop", "TE=", "Upgrade", NULL}; *word; word++)
        assert_false(rig_has(rig, *word));
    assert_true(rig_has(rig, "X-Frame-Options: DENY\r\n"));
    assert_false(rig_has(rig, "ALLOWALL"));
}

static void test_absolute_form_becomes_a_path(void **state)
{
    struct rig *rig = *state;
    rig_get(rig, "localhost", "http://localhost/x?y", "");
    assert_memory_equal(rig_body(rig), "GET /x?y 0\n", 11);
    rig_get(rig, "localhost", "http://localhost", "");
    assert_memory_equal(rig_body(rig), "GET / 0\n", 8);
}

static void test_bodies(void **state)
{
    struct rig *rig = *state;
    rig_ask(rig, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    assert_memory_equal(rig_body(rig), "POST /x 5\n", 10);
    rig_ask(rig, "PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n");
    assert_memory_equal(rig_body(rig), "PUT /x 5\n", 9);
    assert_false(rig_has(rig, "X=y"));
    rig_ask(rig, "HEAD /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(rig_status(rig), 200);
    assert_string_equal(rig_body(rig), "");
}

/* As many and as long header lines as the gateway takes are taken by the store too, with ours beside them. */
static void test_a_full_head_passes(void **state)
{
    struct rig *rig = *state;
    struct buffer BUFFER_AUTO fields = BUFFER_EMPTY;
    for (int i = 0; i < BOUNDS_HTTP_FIELDS - 2; i++) /* Host and Connection stand there already */
        buffer_format(&fields, "X-%d: y\r\n", i);
    rig_get(rig, "localhost:7860", "/x", fields.data);
    assert_int_equal(rig_status(rig), 200);
    assert_true(rig_has(rig, "X-97=y\n"));
    assert_true(rig_has(rig, "x-vitrine-origin=http://localhost:7860\n"));
    buffer_string(&fields, "X-more: y\r\n");
    rig_get(rig, "localhost:7860", "/x", fields.data);
    assert_int_equal(rig_status(rig), 431);

    buffer_clear(&fields);
    while (fields.length < BOUNDS_HTTP_HEAD_BYTES - 2200)
        buffer_format(&fields, "X: %01990d\r\n", 1);
    rig_get(rig, "localhost:7860", "/x", fields.data);
    int left = BOUNDS_HTTP_HEAD_BYTES - (int)fields.length - (int)strlen("GET /x HTTP/1.1\r\nHost: localhost:7860\r\n"
                                                                        "Connection: close\r\n\r\nX: \r\n");
    buffer_format(&fields, "X: %0*d\r\n", left, 1); /* to the last byte */
    rig_get(rig, "localhost:7860", "/x", fields.data);
    assert_int_equal(rig_status(rig), 200);
}

/* What the store said before it answered is known before the client reads the answer, also when the channel's turn had
 * not come. */
static void test_the_channel_is_heard_first(void **state)
{
    struct rig *rig = *state;
    rig_get(rig, "localhost:7860", "/spaces/ann/digits/-/config", "");
    assert_false(demo_by_id(&rig->gateway.demos, 7)->is_stale);
    loop_channel_pause(rig->gateway.store, true);
    channel_send_demo_changed(rig->store, 0, &(struct message_demo_changed){7, false});
    rig_turn(rig, 20);
    assert_false(demo_by_id(&rig->gateway.demos, 7)->is_stale);
    rig_get(rig, "localhost:7860", "/x", "");
    assert_int_equal(rig_status(rig), 200);
    assert_true(demo_by_id(&rig->gateway.demos, 7)->is_stale);
    loop_channel_pause(rig->gateway.store, false);
}

/* Announced sizes are checked before a byte of the body is asked for; only git's requests may be large. */
static void test_sizes(void **state)
{
    static const struct {
        const char *path;
        unsigned long long bytes;
        int status;
    } cases[] = {
        {"/x", BOUNDS_UPLOAD_BODY_BYTES + 1ull, 413},
        {"/spaces/ann/digits/-/gradio_api/upload", BOUNDS_UPLOAD_BODY_BYTES + 1ull, 413},
        {"/ann/m/git-receive-pack", BOUNDS_PUSH_BYTES + 1ull, 413},
        {"/ann/m/git-receive-pack", BOUNDS_UPLOAD_BODY_BYTES + 1ull, 100},
        {"/x", 9, 100},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct buffer BUFFER_AUTO request = BUFFER_EMPTY;
        buffer_format(&request, "POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %llu\r\n\r\n",
                      cases[i].path, cases[i].bytes);
        rig_ask(rig, request.data);
        assert_int_equal(rig_status(rig), cases[i].status);
    }
}

static void test_uploads_and_files_of_a_demo(void **state)
{
    struct rig *rig = *state;
    rig_ask(rig, "POST /spaces/ann/digits/-/gradio_api/upload?upload_id=u HTTP/1.1\r\nHost: localhost\r\nCookie: session=1\r\n"
                 "Content-Length: 2\r\nConnection: close\r\n\r\nhi");
    assert_int_equal(rig_status(rig), 200);
    assert_memory_equal(rig_body(rig), "POST /gradio_api/upload?upload_id=u 2\n", 38);
    assert_true(rig_has(rig, "x-vitrine-demo=7\n"));
    assert_true(rig_has(rig, "x-vitrine-base=/spaces/ann/digits/-/\n"));
    assert_false(rig_has(rig, "session=1"));
    rig_get(rig, "ann-digits.localhost", "/gradio_api/file=abc", "");
    assert_int_equal(rig_status(rig), 200);
    assert_true(rig_has(rig, "Content-Security-Policy: sandbox; default-src 'none'"));
    assert_false(rig_has(rig, "script-src"));
    assert_true(rig_has(rig, "Access-Control-Allow-Origin: *\r\n"));
}

static void test_store_that_breaks_off(void **state)
{
    struct rig *rig = *state;
    rig_get(rig, "localhost", "/drop", "");
    assert_int_equal(rig_status(rig), 502);
    assert_int_equal(rig->forwarded, 2); /* a request that left no trace is asked once more */
    rig_get(rig, "localhost", "/x", "");
    assert_int_equal(rig_status(rig), 200);
    rig_lose_store(rig);
    rig_get(rig, "localhost", "/x", "");
    assert_int_equal(rig_status(rig), 503);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_what_the_store_reads),       CASE(test_absolute_form_becomes_a_path), CASE(test_bodies), CASE(test_sizes),
        CASE(test_a_full_head_passes),         CASE(test_the_channel_is_heard_first),
        CASE(test_uploads_and_files_of_a_demo), CASE(test_store_that_breaks_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
