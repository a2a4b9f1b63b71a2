/* Buckets and connection counts by address. */
#include "gateway/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"

static void address_of(const char *text, unsigned char address[16])
{
    assert_int_equal(limit_parse_address(text_from(text), address), 0);
}

static int setup(void **state)
{
    setenv("VITRINE_LIMIT_REQUESTS_PER_SECOND", "10", 1);
    setenv("VITRINE_LIMIT_JOINS_PER_SECOND", "1", 1);
    setenv("VITRINE_LIMIT_SIGN_INS_PER_MINUTE", "0", 1);
    setenv("VITRINE_LIMIT_CONNECTIONS_PER_ADDRESS", "3", 1);
    *state = limit_new();
    return 0;
}

static int teardown(void **state)
{
    limit_free(*state);
    return 0;
}

static unsigned take_many(struct limit_table *table, const unsigned char address[16], unsigned count, uint64_t now_ms)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < count; i++)
        taken += limit_take(table, LIMIT_REQUEST, address, 0, now_ms) == 0;
    return taken;
}

static void test_bucket_empties_and_fills(void **state)
{
    struct limit_table *table = *state;
    unsigned char address[16];
    address_of("10.0.0.1", address);
    assert_int_equal(take_many(table, address, 100, 1000), 20); /* two seconds' worth at once */
    assert_int_equal(limit_take(table, LIMIT_REQUEST, address, 0, 1000), 1);
    assert_int_equal(take_many(table, address, 100, 1500), 5);
    assert_int_equal(take_many(table, address, 100, 100000), 20);
}

static void test_addresses_do_not_share(void **state)
{
    struct limit_table *table = *state;
    unsigned char one[16], two[16];
    address_of("10.0.0.1", one);
    address_of("10.0.0.2", two);
    assert_int_equal(take_many(table, one, 100, 1000), 20);
    assert_int_equal(take_many(table, two, 100, 1000), 20);
    /* A whole /64 is one visitor; another /64 is another one. */
    address_of("2001:db8::1", one);
    address_of("2001:db8::ffff:2", two);
    assert_int_equal(take_many(table, one, 100, 1000), 20);
    assert_int_equal(take_many(table, two, 100, 1000), 0);
    address_of("2001:db8:0:1::1", two);
    assert_int_equal(take_many(table, two, 100, 1000), 20);
}

static void test_kinds_and_scopes_do_not_share(void **state)
{
    struct limit_table *table = *state;
    unsigned char address[16];
    address_of("10.0.0.1", address);
    for (int i = 0; i < 2; i++)
        assert_int_equal(limit_take(table, LIMIT_JOIN, address, 7, 1000), 0);
    assert_int_equal(limit_take(table, LIMIT_JOIN, address, 7, 1000), 1);
    assert_int_equal(limit_take(table, LIMIT_JOIN, address, 8, 1000), 0);
    assert_int_equal(limit_take(table, LIMIT_REQUEST, address, 0, 1000), 0);
}

static void test_zero_means_no_limit(void **state)
{
    struct limit_table *table = *state;
    unsigned char address[16];
    address_of("10.0.0.1", address);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(limit_take(table, LIMIT_SIGN_IN, address, 0, 1000), 0);
}

static void test_waiting_time(void **state)
{
    struct limit_table *table = *state;
    unsigned char address[16];
    address_of("10.0.0.1", address);
    for (int i = 0; i < BOUNDS_PUSHES_PER_MINUTE; i++)
        assert_int_equal(limit_take(table, LIMIT_PUSH, address, 0, 1000), 0);
    unsigned wait = limit_take(table, LIMIT_PUSH, address, 0, 1000);
    assert_true(wait >= 1 && wait <= 60);
    assert_int_equal(limit_take(table, LIMIT_PUSH, address, 0, 1000 + wait * 1000), 0);
}

static void test_connections(void **state)
{
    struct limit_table *table = *state;
    unsigned char address[16], other[16];
    address_of("10.0.0.1", address);
    address_of("10.0.0.2", other);
    for (int i = 0; i < 3; i++)
        assert_true(limit_enter(table, address));
    assert_false(limit_enter(table, address));
    assert_true(limit_enter(table, other));
    limit_leave(table, address);
    assert_true(limit_enter(table, address));
}

/* More addresses than fit: old ones are forgotten, connections are not. */
static void test_bounded(void **state)
{
    struct limit_table *table = *state;
    unsigned char address[16], holder[16];
    address_of("10.0.0.1", address);
    address_of("192.0.2.1", holder);
    for (int i = 0; i < 3; i++)
        assert_true(limit_enter(table, holder));
    for (uint32_t i = 0; i < BOUNDS_LIMIT_ENTRIES + 1000; i++) {
        memcpy(address + 12, &i, 4);
        limit_take(table, LIMIT_REQUEST, address, 0, 1000);
    }
    assert_false(limit_enter(table, holder));
}

static void test_addresses_as_text(void **state)
{
    unsigned char address[16];
    char text[48];
    (void)state;
    address_of(" 10.20.30.40 ", address);
    limit_format_address(address, text);
    assert_string_equal(text, "10.20.30.40");
    address_of("2001:db8::1", address);
    limit_format_address(address, text);
    assert_string_equal(text, "2001:db8::1");
    memset(address, 0, sizeof(address));
    limit_format_address(address, text);
    assert_string_equal(text, "local");
    assert_int_equal(limit_parse_address(TEXT("10.0.0"), address), ERROR_INVALID);
    assert_int_equal(limit_parse_address(TEXT(""), address), ERROR_INVALID);
    assert_int_equal(limit_parse_address(TEXT("unknown"), address), ERROR_INVALID);
}

static void client_of(const char *forwarded, const char *trusted, char text[48])
{
    static struct http_head_parser parser;
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
    unsigned char proxy[16], address[16];
    struct http_peer peer;
    buffer_format(&bytes, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\n\r\n", forwarded);
    assert_true(http_head_parse_request(&parser, buffer_view(&bytes)) > 0);
    address_of("127.0.0.1", peer.address);
    peer.local = false;
    if (trusted)
        address_of(trusted, proxy);
    const struct http_exchange exchange = {.head = parser.head, .peer = &peer};
    limit_address(&exchange, trusted ? proxy : NULL, address);
    limit_format_address(address, text);
}

static void test_forwarded_addresses(void **state)
{
    char text[48];
    (void)state;
    client_of("1.2.3.4", NULL, text);
    assert_string_equal(text, "127.0.0.1");
    client_of("1.2.3.4", "10.0.0.9", text);
    assert_string_equal(text, "127.0.0.1");
    client_of("6.6.6.6, 1.2.3.4", "127.0.0.1", text);
    assert_string_equal(text, "1.2.3.4");
    client_of("nonsense", "127.0.0.1", text);
    assert_string_equal(text, "127.0.0.1");
}

static void test_environment(void **state)
{
    (void)state;
    setenv("VITRINE_LIMIT_TESTED", "42", 1);
    assert_int_equal(limit_environment("TESTED", 7), 42);
    setenv("VITRINE_LIMIT_TESTED", "many", 1);
    assert_int_equal(limit_environment("TESTED", 7), 7);
    unsetenv("VITRINE_LIMIT_TESTED");
    assert_int_equal(limit_environment("TESTED", 7), 7);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bucket_empties_and_fills),
        TEST(test_addresses_do_not_share),
        TEST(test_kinds_and_scopes_do_not_share),
        TEST(test_zero_means_no_limit),
        TEST(test_waiting_time),
        TEST(test_connections),
        TEST(test_bounded),
        cmocka_unit_test(test_addresses_as_text),
        cmocka_unit_test(test_forwarded_addresses),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
