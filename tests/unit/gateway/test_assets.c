/* The built kit: names, encodings, lifetimes, conditional requests; a damaged folder. Over a real server. */
#include "gateway/assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/http/server.h"

struct fixture {
    char folder[64];
    struct assets *assets;
    struct event_base *base;
    struct http_server *server;
    int client;
    struct buffer answer;
};

static void put(const char *folder, const char *name, const char *contents)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static void on_request(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    struct text name = text_skip(exchange->head.path, 1);
    bool found = text_equal(name, TEXT("embed.js")) ? assets_reply_stable(fixture->assets, exchange, "embed.js")
                                                    : assets_reply(fixture->assets, exchange, name);
    if (!found)
        http_reply_error(exchange, 404, "nothing");
}

static const struct http_server_callbacks callbacks = {.on_request = on_request};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    int pair[2];
    strcpy(fixture->folder, "/tmp/vitrine-kit-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    put(fixture->folder, "kit-1.js", "plain script");
    put(fixture->folder, "kit-1.js.br", "brotli");
    put(fixture->folder, "kit-1.js.gz", "gzip");
    put(fixture->folder, "embed-1.js", "embed");
    put(fixture->folder, "secret", "not in the manifest");
    put(fixture->folder, "manifest.json",
        "{\"files\":{\"kit.js\":{\"name\":\"kit-1.js\",\"type\":\"text/javascript\"},"
        "\"embed.js\":{\"name\":\"embed-1.js\",\"type\":\"text/javascript\"},"
        "\"evil\":{\"name\":\"../secret\",\"type\":\"text/plain\"},"
        "\"odd\":{\"name\":\"secret\",\"type\":\"text/plain\\r\\nX: y\"},"
        "\"gone\":{\"name\":\"gone-1.js\",\"type\":\"text/javascript\"}}}");
    fixture->assets = assets_open(fixture->folder, TEXT("X-Common: 1\r\n"));
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    fixture->base = event_base_new();
    fixture->server = http_server_new(fixture->base, &http_limits_internal, &callbacks, fixture);
    http_server_adopt(fixture->server, pair[0]);
    fixture->client = pair[1];
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    http_server_free(fixture->server);
    event_base_free(fixture->base);
    assets_free(fixture->assets);
    close(fixture->client);
    buffer_release(&fixture->answer);
    snprintf(command, sizeof(command), "rm -r %s", fixture->folder);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void get(struct fixture *fixture, const char *path, const char *fields)
{
    struct buffer BUFFER_AUTO request = BUFFER_EMPTY;
    char bytes[8192];
    ssize_t count;
    buffer_format(&request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, fields);
    assert_true(send(fixture->client, request.data, request.length, 0) > 0);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    buffer_clear(&fixture->answer);
    while ((count = recv(fixture->client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        buffer_append(&fixture->answer, bytes, (size_t)count);
}

static bool has(struct fixture *fixture, const char *part)
{
    return strstr(fixture->answer.data, part) != NULL;
}

static void test_plain(void **state)
{
    struct fixture *fixture = *state;
    get(fixture, "/kit-1.js", "");
    assert_true(has(fixture, "\r\n\r\nplain script"));
    assert_true(has(fixture, "Cache-Control: public, max-age=31536000, immutable"));
    assert_true(has(fixture, "Vary: Accept-Encoding"));
    assert_true(has(fixture, "X-Common: 1"));
    assert_false(has(fixture, "Content-Encoding"));
}

static void test_encodings(void **state)
{
    struct fixture *fixture = *state;
    get(fixture, "/kit-1.js", "Accept-Encoding: gzip, deflate, br\r\n");
    assert_true(has(fixture, "Content-Encoding: br\r\n"));
    assert_true(has(fixture, "\r\n\r\nbrotli"));
    get(fixture, "/kit-1.js", "Accept-Encoding: gzip, br;q=0\r\n");
    assert_true(has(fixture, "\r\n\r\ngzip"));
    get(fixture, "/kit-1.js", "Accept-Encoding: zstd\r\n");
    assert_true(has(fixture, "\r\n\r\nplain script"));
    get(fixture, "/kit-1.js", "Accept-Encoding: *\r\n");
    assert_true(has(fixture, "\r\n\r\nbrotli"));
    get(fixture, "/kit-1.js", "Accept-Encoding: *, br;q=0.00, gzip; Q=0.000\r\n");
    assert_true(has(fixture, "\r\n\r\nplain script"));
    get(fixture, "/kit-1.js", "Accept-Encoding: br;q=0.001\r\n");
    assert_true(has(fixture, "\r\n\r\nbrotli"));
    get(fixture, "/kit-1.js", "Accept-Encoding: br, *;q=0\r\n");
    assert_true(has(fixture, "\r\n\r\nbrotli"));
    get(fixture, "/embed-1.js", "Accept-Encoding: br\r\n"); /* was not precompressed */
    assert_true(has(fixture, "\r\n\r\nembed"));
}

static void test_each_form_has_its_tag(void **state)
{
    struct fixture *fixture = *state;
    get(fixture, "/kit-1.js", "If-None-Match: \"kit-1.js\"\r\n");
    assert_true(has(fixture, "304 Not Modified"));
    get(fixture, "/kit-1.js", "If-None-Match: \"kit-1.js\"\r\nAccept-Encoding: br\r\n");
    assert_true(has(fixture, "200 OK"));
    get(fixture, "/kit-1.js", "If-None-Match: \"kit-1.js.br\"\r\nAccept-Encoding: br\r\n");
    assert_true(has(fixture, "304 Not Modified"));
}

static void test_stable_address(void **state)
{
    struct fixture *fixture = *state;
    get(fixture, "/embed.js", "");
    assert_true(has(fixture, "Cache-Control: public, max-age=300"));
    assert_true(has(fixture, "\r\n\r\nembed"));
}

static void test_only_what_the_manifest_names(void **state)
{
    struct fixture *fixture = *state;
    static const char *const paths[] = {"/secret", "/manifest.json", "/kit.js", "/kit-1.js.br", "/gone-1.js", "/"};
    for (size_t i = 0; i < MEMORY_COUNT(paths); i++) {
        get(fixture, paths[i], "");
        assert_true(has(fixture, "404 Not Found"));
    }
    assert_string_equal(assets_name(fixture->assets, "kit.js"), "kit-1.js");
    assert_null(assets_name(fixture->assets, "evil"));
    assert_null(assets_name(fixture->assets, "odd"));
}

static void test_missing_folder(void **state)
{
    (void)state;
    struct assets *assets = assets_open("/nonexistent", TEXT(""));
    assert_null(assets_name(assets, "kit.js"));
    assets_free(assets);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_plain),
        TEST(test_encodings),
        TEST(test_each_form_has_its_tag),
        TEST(test_stable_address),
        TEST(test_only_what_the_manifest_names),
        cmocka_unit_test(test_missing_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
