/* Tokens: asked once, remembered whatever the answer was, forgotten when the store says so or is away. */
#include "gateway/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "tests/unit/gateway/rig.h"

static int setup(void **state)
{
    static struct rig rig;
    rig_start(&rig);
    rig.identifies = 0; /* the gateway asks once to learn whether the store is there */
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_stop(*state);
    return 0;
}

static struct {
    int answers;
    bool reached; /* the store said something */
    char name[64];
    bool may_write;
} seen;

static void on_identity(void *context, const struct identity *identity)
{
    (void)context;
    seen.answers++;
    seen.reached = identity != NULL;
    seen.may_write = identity && identity->may_write;
    seen.name[0] = '\0';
    if (identity && identity->name)
        strncpy(seen.name, identity->name, sizeof(seen.name) - 1);
}

static struct identity_query *ask(struct rig *rig, const char *token)
{
    memset(&seen, 0, sizeof(seen));
    struct identity_query *query = identity_ask(&rig->gateway.identities, text_from(token), on_identity, NULL);
    rig_turn(rig, 20);
    return query;
}

static void test_known_and_unknown(void **state)
{
    struct rig *rig = *state;
    ask(rig, "hf_ann");
    assert_int_equal(seen.answers, 1);
    assert_string_equal(seen.name, "ann");
    assert_true(seen.may_write);
    ask(rig, "guess");
    assert_int_equal(seen.answers, 1);
    assert_true(seen.reached);
    assert_string_equal(seen.name, "");
    assert_int_equal(rig->identifies, 2);
    /* Both are remembered: guessing costs the store one question. */
    assert_null(ask(rig, "hf_ann"));
    assert_string_equal(seen.name, "ann");
    assert_null(ask(rig, "guess"));
    assert_int_equal(rig->identifies, 2);
}

static void test_forgotten(void **state)
{
    struct rig *rig = *state;
    ask(rig, "hf_ann");
    channel_send_tokens_changed(rig->store, 0, &(struct message_tokens_changed){0});
    rig_turn(rig, 20);
    ask(rig, "hf_ann");
    assert_int_equal(rig->identifies, 2);
    rig_lose_store(rig);
    ask(rig, "hf_ann");
    assert_int_equal(seen.answers, 1);
    assert_false(seen.reached);
}

/* Who waits is answered when the store goes, and not at all after cancelling. */
static void test_waiting(void **state)
{
    struct rig *rig = *state;
    rig->silent = true;
    assert_non_null(ask(rig, "hf_ann"));
    assert_int_equal(seen.answers, 0);
    rig_lose_store(rig);
    assert_int_equal(seen.answers, 1);
    assert_false(seen.reached);
    rig_connect_store(rig);
    struct identity_query *query = ask(rig, "hf_ann");
    assert_non_null(query);
    identity_query_cancel(query);
    rig_lose_store(rig);
    assert_int_equal(seen.answers, 0);
}

static struct text token_of(const char *field)
{
    static struct buffer bytes;
    static struct http_head_parser parser;
    buffer_clear(&bytes);
    buffer_format(&bytes, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", field);
    assert_true(http_head_parse_request(&parser, buffer_view(&bytes)) > 0);
    const struct http_exchange exchange = {.head = parser.head};
    return identity_token(&exchange);
}

static void test_fields(void **state)
{
    struct buffer BUFFER_AUTO field = BUFFER_EMPTY;
    (void)state;
    assert_true(text_equal(token_of("Authorization: Bearer hf_x\r\n"), TEXT("hf_x")));
    assert_true(text_equal(token_of("authorization: bEARER   hf_x \r\n"), TEXT("hf_x")));
    assert_int_equal(token_of("").length, 0);
    assert_int_equal(token_of("Authorization: Basic hf_x\r\n").length, 0);
    assert_int_equal(token_of("Authorization: Bearer\r\n").length, 0);
    assert_int_equal(token_of("Authorization: Bearer \r\n").length, 0);
    buffer_string(&field, "Authorization: Bearer ");
    for (int i = 0; i <= BOUNDS_BEARER_BYTES; i++)
        buffer_byte(&field, 'x');
    buffer_string(&field, "\r\n");
    assert_int_equal(token_of(field.data).length, 0);
    buffer_release(&field);
}

/* More tokens than are remembered: the table begins again and still answers right. */
static void test_many(void **state)
{
    struct rig *rig = *state;
    char token[32];
    for (int i = 0; i < BOUNDS_BEARERS_KNOWN + 10; i++) {
        snprintf(token, sizeof(token), "hf_%d", i);
        identity_ask(&rig->gateway.identities, text_from(token), on_identity, NULL);
        if (i % 256 == 0)
            rig_turn(rig, 10);
    }
    rig_turn(rig, 100);
    assert_true(rig->gateway.identities.known.count <= BOUNDS_BEARERS_KNOWN);
    ask(rig, "hf_ann");
    assert_string_equal(seen.name, "ann");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_known_and_unknown), CASE(test_forgotten), CASE(test_waiting), CASE(test_fields),
                                       CASE(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
