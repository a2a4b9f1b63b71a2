/* wrap: lockdown_process */
/* Files of demos over HTTP: what a multipart body becomes, whose file it is, and what a browser may do with it. */
#include "store/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

#define FORM "Content-Type: multipart/form-data; boundary=cut\r\n"
#define PART(name, rest, body) "--cut\r\nContent-Disposition: form-data; name=\"" name "\"" rest "\r\n\r\n" body "\r\n"
#define END "--cut--\r\n"

static const char upload[] = "/gradio_api/upload";

/* "X-Vitrine-Demo: <id>" and more finished lines. */
static const char *as_demo(const struct repository *demo, const char *more)
{
    static char fields[256];
    snprintf(fields, sizeof fields, "X-Vitrine-Demo: %lld\r\n%s", (long long)demo->id, more);
    return fields;
}

static int send_form(struct box *box, const struct repository *demo, const char *body)
{
    return box_post(box, upload, as_demo(demo, FORM), body);
}

/* The n-th handle of the last answer. */
static void handle_at(struct box *box, int index, char *out, size_t size)
{
    struct json json;
    const char *body = strstr(box->answer.data, "\r\n\r\n");
    assert_int_equal(json_parse(&json, text_from(body + 4), NULL), 0);
    MEMORY_AUTO char *handle = json_string_copy(json_at(&json, &json.nodes[0], (size_t)index));
    assert_non_null(handle);
    snprintf(out, size, "%s", handle);
    json_release(&json);
}

static int fetch(struct box *box, const struct repository *demo, const char *handle, const char *more)
{
    char path[300];
    snprintf(path, sizeof path, "/gradio_api/file=%s", handle);
    return box_get(box, path, as_demo(demo, more));
}

static int64_t rows(struct box *box)
{
    return database_integer(&box->scratch.database, "SELECT count(*) FROM files", "");
}

static void test_files_come_back_to_their_demo_only(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false), other = box_publish(box, "other", false);
    char first[200], second[200];
    assert_int_equal(send_form(box, &demo, PART("files", "; filename=\"a.txt\"", "hello")
                                           PART("other", "", "dropped")
                                           PART("files", "; filename=\"../../e\"", "") END), 200);
    handle_at(box, 0, first, sizeof first);
    handle_at(box, 1, second, sizeof second);
    assert_int_equal(rows(box), 2);
    assert_true(strncmp(first, "f/", 2) == 0 && strstr(second, "..") == NULL);
    assert_int_equal(fetch(box, &demo, first, ""), 200);
    assert_true(box_has(box, "\r\n\r\nhello") && box_has(box, "Cache-Control: private"));
    assert_int_equal(fetch(box, &demo, second, ""), 200);
    assert_int_equal(fetch(box, &other, first, ""), 403);
    assert_false(box_has(box, "hello"));
    first[10] ^= 1;
    assert_int_equal(fetch(box, &demo, first, ""), 403);
}

static void test_addresses_that_are_no_handles(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    static const char *const handles[] = {"", "f/", "/etc/passwd", "../vitrine.db", "f/..%2f..%2fvitrine.db", "%00",
                                          "app.lua",
                                          "f/0000000000000000000000000000000000000000000000000000000000000000/x"};
    for (size_t i = 0; i < MEMORY_COUNT(handles); i++) {
        int status = fetch(box, &demo, handles[i], "");
        if (status != 403 && status != 400)
            fail_msg("%s: %d", handles[i], status);
    }
}

/* A stranger's page must not run on the demo's origin: only harmless kinds are shown in place. */
static void test_what_a_browser_may_show(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    static const struct {
        const char *part, *shown;
    } cases[] = {
        {PART("files", "; filename=\"x.png\"\r\nContent-Type: image/png", "x"), "Content-Disposition: inline;"},
        {PART("files", "; filename=\"x.html\"\r\nContent-Type: text/html", "x"), "Content-Disposition: attachment;"},
        {PART("files", "; filename=\"x.svg\"\r\nContent-Type: image/svg+xml", "x"), "Content-Disposition: attachment;"},
        {PART("files", "; filename=\"x\"\r\nContent-Type: Text/HTML; x=y", "x"), "Content-Disposition: attachment;"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        char body[400], handle[200];
        snprintf(body, sizeof body, "%s" END, cases[i].part);
        assert_int_equal(send_form(box, &demo, body), 200);
        handle_at(box, 0, handle, sizeof handle);
        assert_int_equal(fetch(box, &demo, handle, ""), 200);
        if (!box_has(box, cases[i].shown) || box_has(box, "text/html"))
            fail_msg("%s\n%s", cases[i].part, box->answer.data);
    }
}

static void test_ranges_and_what_is_known_already(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    char handle[200], fields[200];
    assert_int_equal(send_form(box, &demo, PART("files", "; filename=\"a\"", "0123456789") END), 200);
    handle_at(box, 0, handle, sizeof handle);
    assert_int_equal(fetch(box, &demo, handle, "Range: bytes=3-5\r\n"), 206);
    assert_true(box_has(box, "Content-Range: bytes 3-5/10\r\n") && box_has(box, "\r\n\r\n345"));
    assert_int_equal(fetch(box, &demo, handle, "Range: bytes=10-\r\n"), 416);
    assert_int_equal(fetch(box, &demo, handle, ""), 200);
    const char *etag = strcasestr(box->answer.data, "\r\netag: ");
    assert_non_null(etag);
    snprintf(fields, sizeof fields, "If-None-Match: %.34s\r\n", etag + 8);
    assert_int_equal(fetch(box, &demo, handle, fields), 304);
}

/* -- refusals: none leaves a file or a charge behind -- */

static void test_bodies_that_are_refused(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false), model = box_publish(box, "net", true);
    static const char *const bad[] = {"", "--cut", "--cut--", "--cut\r\n", PART("files", "; filename=\"a\"", "x"),
                                      "--cut\r\nNonsense\r\n\r\nx\r\n" END, "no boundary at all",
                                      "--cut\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\nx"};
    for (size_t i = 0; i < MEMORY_COUNT(bad); i++) {
        int status = send_form(box, &demo, bad[i]);
        if (status != 400 && !(status == 200 && box_has(box, "\r\n\r\n[]")))
            fail_msg("%s: %d", bad[i], status);
    }
    assert_int_equal(box_post(box, upload, as_demo(&demo, "Content-Type: text/plain\r\n"), "x"), 400);
    assert_int_equal(box_post(box, upload, as_demo(&demo, ""), "x"), 400);
    assert_int_equal(send_form(box, &model, PART("files", "; filename=\"a\"", "x") END), 404);
    assert_int_equal(box_post(box, upload, "X-Vitrine-Demo: 4711\r\n" FORM, END), 404);
    assert_int_equal(box_post(box, upload, "X-Vitrine-Demo: -1\r\n" FORM, END), 404);
    assert_int_equal(box_post(box, upload, FORM, END), 405); /* of no demo: a model's address, which takes no POST */
    box->store.files.quota_bytes = 1;
    assert_int_equal(send_form(box, &demo, PART("files", "; filename=\"a\"", "x") END), 413);
    box->store.files.quota_bytes = BOUNDS_FILE_QUOTA_BYTES;
    assert_int_equal(send_form(box, &demo, PART("files", "; filename=\"a\"", "x") END), 200);
}

static void test_more_files_than_one_upload_may_have(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    for (int i = 0; i < BOUNDS_FILES_PER_UPLOAD; i++)
        buffer_string(&body, PART("files", "; filename=\"a\"", "x"));
    size_t full = body.length;
    buffer_string(&body, END);
    assert_int_equal(send_form(box, &demo, body.data), 200);
    assert_int_equal(rows(box), BOUNDS_FILES_PER_UPLOAD);
    body.length = full;
    buffer_string(&body, PART("files", "; filename=\"a\"", "x") END);
    assert_int_equal(send_form(box, &demo, body.data), 413);
}

/* -- progress -- */

static void test_progress_that_nobody_makes(void **state)
{
    struct box *box = *state;
    struct repository demo = box_publish(box, "digits", false);
    char path[300];
    assert_int_equal(box_get(box, "/gradio_api/upload_progress", as_demo(&demo, "")), 404);
    assert_int_equal(box_get(box, "/gradio_api/upload_progress?upload_id=", as_demo(&demo, "")), 404);
    snprintf(path, sizeof path, "/gradio_api/upload_progress?upload_id=%0200d", 0);
    assert_int_equal(box_get(box, path, as_demo(&demo, "")), 404);
    assert_int_equal(box_get(box, "/gradio_api/upload_progress?upload_id=x", as_demo(&demo, "")), 404);
    assert_null(box->store.watchers);
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_files_come_back_to_their_demo_only),
        BOXED(test_addresses_that_are_no_handles),
        BOXED(test_what_a_browser_may_show),
        BOXED(test_ranges_and_what_is_known_already),
        BOXED(test_bodies_that_are_refused),
        BOXED(test_more_files_than_one_upload_may_have),
        BOXED(test_progress_that_nobody_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
