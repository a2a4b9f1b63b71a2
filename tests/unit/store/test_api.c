/* wrap: lockdown_process */
/* The Hub API as clients meet it: listings and their pages, making and deleting, bodies that are none. */
#include "store/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

/* How many entries the last answer's array has. */
static int entries(struct box *box)
{
    struct json json;
    int count = 0;
    assert_int_equal(json_parse(&json, text_from(strstr(box->answer.data, "\r\n\r\n") + 4), NULL), 0);
    while (json_at(&json, &json.nodes[0], (uint32_t)count))
        count++;
    json_release(&json);
    return count;
}

static int post(struct box *box, const char *path, const char *credential, const char *body)
{
    char fields[300];
    snprintf(fields, sizeof fields, "%sContent-Type: application/json\r\n", credential);
    return box_post(box, path, fields, body);
}

static int delete(struct box *box, const char *credential, const char *body)
{
    char request[700];
    int length = snprintf(request, sizeof request,
                          "DELETE /api/repos/delete HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Type: "
                          "application/json\r\nContent-Length: %zu\r\n\r\n%s", credential, strlen(body), body);
    return box_send(box, request, (size_t)length);
}

static void test_a_listing_has_pages(void **state)
{
    struct box *box = *state;
    static const struct {
        const char *query;
        int count;
        bool more;
    } cases[] = {
        {"", 5, false}, {"?limit=2", 2, true}, {"?limit=2&offset=4", 1, false}, {"?limit=5", 5, false},
        {"?offset=5", 0, false}, {"?limit=0", 5, false}, {"?limit=-1", 5, false}, {"?limit=x&offset=y", 5, false},
        {"?limit=99999999999999999999", 5, false}, {"?limit=1000000", 5, false}, {"?offset=1000000", 0, false},
        {"?search=d3", 1, false}, {"?author=ann&limit=1", 1, true}, {"?author=nobody", 0, false},
        {"?search=%25", 0, false}, {"?search=_", 0, false}, {"?search=%27%20OR%201=1", 0, false},
    };
    for (char name[3] = "d1"; name[1] < '6'; name[1]++)
        box_publish(box, name, false);
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        char path[100];
        snprintf(path, sizeof path, "/api/spaces%s", cases[i].query);
        assert_int_equal(box_get(box, path, ""), 200);
        if (entries(box) != cases[i].count || box_has(box, "rel=\"next\"") != cases[i].more)
            fail_msg("%s\n%s", path, box->answer.data);
    }
}

/* A search that holds characters of a header must not write one. */
static void test_the_next_page_s_address_is_encoded(void **state)
{
    struct box *box = *state;
    box_publish(box, "aa1", false);
    box_publish(box, "aa2", false);
    assert_int_equal(box_get(box, "/api/spaces?limit=1&full=1&search=aa&author=ann", ""), 200);
    assert_true(box_has(box, "Link: <http://localhost:7860/api/spaces?limit=1&offset=1&full=true&search=aa"
                             "&author=ann>; rel=\"next\"\r\n"));
    assert_int_equal(box_get(box, "/api/spaces?limit=1&search=aa%0d%0aX-Evil:%201", ""), 200);
    assert_false(box_has(box, "X-Evil"));
}

static void test_private_ones_are_listed_for_their_owner_only(void **state)
{
    struct box *box = *state;
    struct account eve;
    struct repository demo = box_publish(box, "digits", false);
    assert_int_equal(account_create(&box->scratch.database, TEXT("eve"), false, &eve), 0);
    assert_int_equal(database_run(&box->scratch.database, "UPDATE repositories SET private = 1 WHERE id = ?", "i",
                                  demo.id), 1);
    const struct account *const accounts[] = {&eve, &box->scratch.ann, &box->scratch.bob};
    for (int i = 0; i < 3; i++) {
        MEMORY_AUTO char *bearer = box_bearer(box, accounts[i], false);
        assert_int_equal(box_get(box, "/api/spaces?full=true", bearer), 200);
        assert_int_equal(entries(box), i > 0);
        assert_int_equal(box_get(box, "/api/spaces/ann/digits/runtime", bearer), i > 0 ? 200 : 404);
    }
    assert_int_equal(box_get(box, "/api/spaces?author=ann&search=digits", ""), 200);
    assert_int_equal(entries(box), 0);
}

static void test_making_and_deleting(void **state)
{
    struct box *box = *state;
    MEMORY_AUTO char *ann = box_bearer(box, &box->scratch.ann, true);
    MEMORY_AUTO char *reader = box_bearer(box, &box->scratch.ann, false);
    static const char create[] = "/api/repos/create";
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {"{\"type\":\"space\",\"name\":\"a\"}", 200},        {"{\"type\":\"space\",\"name\":\"A\"}", 409},
        {"{\"type\":\"model\",\"name\":\"a\"}", 200},        {"{\"type\":\"space\",\"name\":\"a--b\"}", 400},
        {"{\"type\":\"space\",\"name\":\"../a\"}", 403},     {"{\"type\":\"space\",\"name\":\"\"}", 400},
        {"{\"type\":\"space\",\"name\":\"a\\u0000b\"}", 400}, {"{\"type\":\"space\",\"name\":7}", 400},
        {"{\"type\":\"space\",\"name\":\"bob/x\"}", 403},    {"{\"type\":\"space\",\"name\":\"nobody/x\"}", 403},
        {"{\"type\":\"dataset\",\"name\":\"x\"}", 400},      {"[]", 400}, {"", 400}, {"{", 400}, {"null", 400},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++)
        if (post(box, create, ann, cases[i].body) != cases[i].status)
            fail_msg("%s: %s", cases[i].body, box->answer.data);
    assert_int_equal(post(box, create, reader, "{\"type\":\"space\",\"name\":\"r\"}"), 403);
    assert_int_equal(post(box, create, "", "{\"type\":\"space\",\"name\":\"r\"}"), 401);
    assert_int_equal(delete(box, reader, "{\"type\":\"space\",\"name\":\"a\"}"), 403);
    assert_int_equal(delete(box, "", "{\"type\":\"space\",\"name\":\"a\"}"), 401);
    assert_int_equal(delete(box, ann, "{\"type\":\"space\",\"name\":\"none\"}"), 404);
    assert_int_equal(delete(box, ann, "{\"type\":\"space\",\"name\":\"a\"}"), 200);
    assert_int_equal(delete(box, ann, "{\"type\":\"space\",\"name\":\"a\"}"), 404);
    assert_int_equal(box_get(box, "/api/models/ann/a", ""), 200); /* the model of that name stays */
    box_turn(box, 100); /* a job empties the trash */
    assert_int_equal(scratch_exists(&box->scratch, "repos/1.git"), 0);
}

/* Lines of a log are for who may write, and begin with what is kept. */
static void test_who_reads_a_log(void **state)
{
    struct box *box = *state;
    box_publish(box, "digits", false);
    MEMORY_AUTO char *reader = box_bearer(box, &box->scratch.ann, false);
    assert_int_equal(box_get(box, "/api/spaces/ann/digits/logs/run", ""), 401);
    assert_int_equal(box_get(box, "/api/spaces/ann/digits/logs/run", reader), 403);
    assert_int_equal(box_get(box, "/api/spaces/ann/digits/logs/other", reader), 404);
    assert_int_equal(box_get(box, "/api/spaces/ann/none/logs/run", reader), 404);
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_a_listing_has_pages),
        BOXED(test_the_next_page_s_address_is_encoded),
        BOXED(test_private_ones_are_listed_for_their_owner_only),
        BOXED(test_making_and_deleting),
        BOXED(test_who_reads_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
