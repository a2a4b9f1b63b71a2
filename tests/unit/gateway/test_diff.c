/* Edit lists, applied as Gradio's clients apply them: before + edits must give after. */
#include "gateway/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

/* A JSON value that edits can change. */
struct value {
    enum json_type type;
    char *scalar;         /* raw text of numbers and words, unescaped text of strings */
    char **keys;
    struct value **items;
    uint32_t count;
};

static struct value *value_from(const struct json *json, const struct json_node *node)
{
    struct value *value = MEMORY_NEW(struct value);
    value->type = node->type;
    value->scalar = node->type == JSON_STRING ? json_string_copy(node) : text_copy(node->raw);
    value->items = memory_alloc(256, sizeof *value->items);
    value->keys = memory_alloc(256, sizeof *value->keys);
    for (const struct json_node *child = json_first(json, node); child; child = json_next(json, node, child)) {
        value->keys[value->count] = text_copy(child->name);
        value->items[value->count++] = value_from(json, child);
    }
    return value;
}

static void value_free(struct value *value)
{
    for (uint32_t i = 0; i < value->count; i++) {
        free(value->keys[i]);
        value_free(value->items[i]);
    }
    free(value->scalar);
    free(value->keys);
    free(value->items);
    free(value);
}

static int find_item(const struct value *value, const char *key)
{
    for (uint32_t i = 0; i < value->count; i++)
        if (strcmp(value->keys[i], key) == 0)
            return (int)i;
    return -1;
}

/* Equal whatever the order of keys. */
static bool values_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type < JSON_ARRAY)
        return strcmp(a->scalar, b->scalar) == 0;
    for (uint32_t i = 0; i < a->count; i++) {
        int at = a->type == JSON_OBJECT ? find_item(b, a->keys[i]) : (int)i;
        if (at < 0 || !values_equal(a->items[i], b->items[at]))
            return false;
    }
    return true;
}

static void put_item(struct value *parent, uint32_t at, const char *key, struct value *item, bool insert)
{
    if (insert) {
        assert_true(at <= parent->count && parent->count < 256);
        memmove(&parent->items[at + 1], &parent->items[at], (parent->count - at) * sizeof *parent->items);
        memmove(&parent->keys[at + 1], &parent->keys[at], (parent->count - at) * sizeof *parent->keys);
        parent->count++;
        parent->keys[at] = memory_copy_string(key);
    } else {
        assert_true(at < parent->count);
        value_free(parent->items[at]);
    }
    parent->items[at] = item;
}

static void cut_item(struct value *parent, uint32_t at)
{
    assert_true(at < parent->count);
    value_free(parent->items[at]);
    free(parent->keys[at]);
    parent->count--;
    memmove(&parent->items[at], &parent->items[at + 1], (parent->count - at) * sizeof *parent->items);
    memmove(&parent->keys[at], &parent->keys[at + 1], (parent->count - at) * sizeof *parent->keys);
}

static struct value *appended(const struct value *old, const struct value *tail)
{
    struct value *joined = MEMORY_NEW(struct value);
    assert_int_equal(old->type, JSON_STRING);
    joined->type = JSON_STRING;
    joined->scalar = memory_alloc(strlen(old->scalar) + strlen(tail->scalar) + 1, 1);
    strcat(strcpy(joined->scalar, old->scalar), tail->scalar);
    joined->items = memory_alloc(256, sizeof *joined->items);
    joined->keys = memory_alloc(256, sizeof *joined->keys);
    return joined;
}

static uint32_t step_index(struct value *parent, const struct json_node *step, bool adding)
{
    MEMORY_AUTO char *key =
        step->type == JSON_STRING ? text_copy((struct text){step->raw.data + 1, step->raw.length - 2}) : NULL;
    int64_t index = 0;
    assert_int_equal(parent->type, key ? JSON_OBJECT : JSON_ARRAY);
    if (!key) {
        assert_true(json_integer(step, &index));
        return (uint32_t)index;
    }
    int found = find_item(parent, key);
    if (adding) {
        assert_int_equal(found, -1);
        return parent->count;
    }
    assert_true(found >= 0);
    return (uint32_t)found;
}

static void apply_edit(struct value **root, const struct json *json, const struct json_node *edit)
{
    const struct json_node *action = json_at(json, edit, 0), *path = json_at(json, edit, 1);
    struct value *parent = NULL, *item = value_from(json, json_at(json, edit, 2));
    MEMORY_AUTO char *name = json_string_copy(action);
    struct value **place = root;
    uint32_t at = 0;
    const struct json_node *last = NULL;
    for (const struct json_node *step = json_first(json, path); step; step = json_next(json, path, step)) {
        bool final = json_next(json, path, step) == NULL;
        parent = *place;
        last = step;
        at = step_index(parent, step, final && strcmp(name, "add") == 0);
        place = &parent->items[at];
    }
    if (strcmp(name, "replace") == 0 && !parent) {
        value_free(*root);
        *root = item;
    } else if (strcmp(name, "replace") == 0) {
        put_item(parent, at, NULL, item, false);
    } else if (strcmp(name, "append") == 0) {
        struct value *joined = appended(*place, item);
        value_free(*place);
        value_free(item);
        *place = joined;
    } else if (strcmp(name, "add") == 0) {
        MEMORY_AUTO char *key =
            text_copy((struct text){last->raw.data + 1, last->raw.length > 1 ? last->raw.length - 2 : 0});
        assert_non_null(parent);
        put_item(parent, at, last->type == JSON_STRING ? key : "", item, true);
    } else {
        assert_string_equal(name, "delete");
        assert_non_null(parent);
        assert_int_equal(item->type, JSON_NULL);
        value_free(item);
        cut_item(parent, at);
    }
}

static void check_round_trip(const char *before, const char *after)
{
    struct buffer edits = BUFFER_EMPTY;
    struct json old = {0}, new = {0}, list = {0};
    diff_write_value(&edits, text_from(before), text_from(after));
    assert_int_equal(json_parse(&old, text_from(before), NULL), 0);
    assert_int_equal(json_parse(&new, text_from(after), NULL), 0);
    if (json_parse(&list, buffer_view(&edits), NULL) != 0)
        fail_msg("not JSON: %s", edits.data);
    struct value *have = value_from(&old, &old.nodes[0]), *want = value_from(&new, &new.nodes[0]);
    for (const struct json_node *edit = json_first(&list, &list.nodes[0]); edit;
         edit = json_next(&list, &list.nodes[0], edit))
        apply_edit(&have, &list, edit);
    if (!values_equal(have, want))
        fail_msg("%s -> %s gave %s", before, after, edits.data);
    value_free(have);
    value_free(want);
    json_release(&old);
    json_release(&new);
    json_release(&list);
    buffer_release(&edits);
}

static void check_edits(const char *before, const char *after, const char *expected)
{
    struct buffer edits = BUFFER_EMPTY;
    diff_write_value(&edits, text_from(before), text_from(after));
    assert_string_equal(edits.data, expected);
    buffer_release(&edits);
    check_round_trip(before, after);
}

#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_each_rule(void **state)
{
    (void)state;
    check_edits("1", "1", "[]");
    check_edits("\"1\"", "\"1 2\"", "[[\"append\",[],\" 2\"]]");
    check_edits("\"abc\"", "\"x\"", "[[\"replace\",[],\"x\"]]");
    check_edits("1", "2", "[[\"replace\",[],2]]");
    check_edits("null", "\"a\"", "[[\"replace\",[],\"a\"]]");
    check_edits("[100000000,200000000]", "[100000000,200000000,3]", "[[\"add\",[2],3]]");
    check_edits("[\"" LONG "\",2,3,4]", "[\"" LONG "\"]",
                "[[\"delete\",[3],null],[\"delete\",[2],null],[\"delete\",[1],null]]");
    check_edits("{\"text\":\"a long beginning of it\",\"n\":1}", "{\"text\":\"a long beginning of it!\",\"n\":1}",
                "[[\"append\",[\"text\"],\"!\"]]");
    check_edits("{\"keep\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"old\":1}",
                "{\"keep\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"new\":2}",
                "[[\"delete\",[\"old\"],null],[\"add\",[\"new\"],2]]");
}

static void test_never_longer_than_the_value(void **state)
{
    (void)state;
    check_edits("[1,2,3,4]", "[5,6,7,8]", "[[\"replace\",[],[5,6,7,8]]]");
    check_edits("[1,2,3,4,5,6,7,8,9]", "[]", "[[\"replace\",[],[]]]");
}

static void test_text_is_cut_between_characters(void **state)
{
    (void)state;
    check_edits("\"h\xc3\xa9\"", "\"h\xc3\xa9\xf0\x9f\x8e\x88!\"", "[[\"append\",[],\"\xf0\x9f\x8e\x88!\"]]");
    check_edits("\"\\ud83c\\udf88\"", "\"\\ud83c\\udf88 up\"", "[[\"append\",[],\" up\"]]");
    check_edits("\"a\\n\"", "\"a\\nb\"", "[[\"append\",[],\"b\"]]");
    /* Same lead byte, other character: nothing is common. */
    check_edits("\"\xc3\xa9\"", "\"\xc3\xa8\"", "[[\"replace\",[],\"\xc3\xa8\"]]");
    check_edits("\"\\\\\"", "\"\\\\n\"", "[[\"append\",[],\"n\"]]");
}

static void test_frames(void **state)
{
    struct buffer out = BUFFER_EMPTY;
    (void)state;
    assert_int_equal(diff_write_frame(&out, TEXT("[\"a\",1]"), TEXT("[\"ab\",1]")), 0);
    assert_string_equal(out.data, "[[[\"append\",[],\"b\"]],[]]");
    buffer_clear(&out);
    assert_int_equal(diff_write_frame(&out, TEXT("[]"), TEXT("[7]")), 0);
    assert_string_equal(out.data, "[[[\"replace\",[],7]]]");
    buffer_clear(&out);
    assert_int_equal(diff_write_frame(&out, TEXT("{}"), TEXT("[7]")), ERROR_INVALID);
    assert_int_equal(diff_write_frame(&out, TEXT("[1]"), TEXT("[")), ERROR_INVALID);
    assert_int_equal(out.length, 0);
    buffer_release(&out);
}

static void test_large_values_are_replaced(void **state)
{
    struct buffer before = BUFFER_EMPTY, after = BUFFER_EMPTY, out = BUFFER_EMPTY;
    (void)state;
    buffer_byte(&before, '"');
    for (size_t i = 0; i < BOUNDS_DIFF_BYTES; i++)
        buffer_byte(&before, 'x');
    buffer_text(&after, buffer_view(&before));
    buffer_string(&before, "\"");
    buffer_string(&after, "y\"");
    diff_write_value(&out, buffer_view(&before), buffer_view(&after));
    assert_true(text_starts(buffer_view(&out), TEXT("[[\"replace\",[],\"xxx")));
    buffer_release(&before);
    buffer_release(&after);
    buffer_release(&out);
}

static void test_many_keys_do_not_cost_quadratic_time(void **state)
{
    struct buffer before = BUFFER_EMPTY, after = BUFFER_EMPTY, out = BUFFER_EMPTY;
    (void)state;
    for (int i = 0; i < 12000; i++) {
        buffer_format(&before, "%s\"a%d\":1", i ? "," : "{", i);
        buffer_format(&after, "%s\"b%d\":1", i ? "," : "{", i);
    }
    buffer_byte(&before, '}');
    buffer_byte(&after, '}');
    diff_write_value(&out, buffer_view(&before), buffer_view(&after));
    assert_true(text_starts(buffer_view(&out), TEXT("[[\"replace\",[],{\"b0\"")));
    buffer_release(&before);
    buffer_release(&after);
    buffer_release(&out);
}

/* Random trees that share a lot: the second is made from the seed of the first, slightly changed. */
static unsigned random_state;
static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % limit;
}

static void write_random(struct buffer *out, int depth)
{
    static const char *const strings[] = {
        "\"\"", "\"a\"",  "\"ab\"", "\"ab \xf0\x9f\x8e\x88\"", "\"\\u00e9\\n\"", "null", "true", "false",
        "0",    "-1.5e3", "12"};
    unsigned kind = depth > 3 ? 0 : random_below(3), count = random_below(5);
    if (kind == 0) {
        buffer_string(out, strings[random_below(11)]);
        return;
    }
    buffer_byte(out, kind == 1 ? '[' : '{');
    unsigned first = random_below(3);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            buffer_byte(out, ',');
        if (kind == 2)
            buffer_format(out, "\"k%u\":", (first + i) % 7);
        write_random(out, depth + 1);
    }
    buffer_byte(out, kind == 1 ? ']' : '}');
}

static void test_random_trees(void **state)
{
    struct buffer before = BUFFER_EMPTY, after = BUFFER_EMPTY;
    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        random_state = round;
        buffer_clear(&before);
        buffer_clear(&after);
        /* A wide unchanged part, so that edits are shorter than a replacement. */
        buffer_string(&before, "[\"0123456789012345678901234567890123456789012345678901234567890123456789\",");
        buffer_text(&after, buffer_view(&before));
        write_random(&before, 0);
        random_state = random_below(2) ? round : round + 77;
        write_random(&after, random_below(2) ? 0 : 1);
        buffer_byte(&before, ']');
        buffer_byte(&after, ']');
        check_round_trip(before.data, after.data);
    }
    buffer_release(&before);
    buffer_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule),
        cmocka_unit_test(test_never_longer_than_the_value),
        cmocka_unit_test(test_text_is_cut_between_characters),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_large_values_are_replaced),
        cmocka_unit_test(test_many_keys_do_not_cost_quadratic_time),
        cmocka_unit_test(test_random_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
