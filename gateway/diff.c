/* Edits are found by walking both values side by side. The rules are those that both clients decode alike: a longer
 * string is an append, arrays are compared place by place and then shortened from the highest index down, so that no
 * index of an edit depends on an earlier one. The walk gives up where it costs more than it saves, and says
 * "replace". */
#include "gateway/diff.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"

/* One step of a path: an object key, or an array index when `key.data` is NULL. */
struct diff_step {
    struct text key; /* raw, between its quotes */
    uint32_t index;
};

struct diff {
    const struct json *before, *after;
    struct buffer *out;
    size_t end;        /* edits that make `out` longer than this are not worth it */
    bool too_long;
    uint32_t depth;
    struct diff_step path[BOUNDS_JSON_DEPTH + 1];
};

static void diff_compare(struct diff *diff, const struct json_node *before, const struct json_node *after);

static void write_path(struct diff *diff)
{
    buffer_byte(diff->out, '[');
    for (uint32_t i = 0; i < diff->depth; i++) {
        const struct diff_step *step = &diff->path[i];
        if (i > 0)
            buffer_byte(diff->out, ',');
        if (step->key.data)
            buffer_format(diff->out, "\"" TEXT_FORMAT "\"", TEXT_ARGUMENT(step->key));
        else
            buffer_format(diff->out, "%u", step->index);
    }
    buffer_byte(diff->out, ']');
}

/* `value` is appended between `quote`s, so that the tail of a raw string can be given as it stands. */
static void write_edit(struct diff *diff, const char *action, struct text value, const char *quote)
{
    if (diff->too_long)
        return;
    json_write_comma(diff->out);
    buffer_format(diff->out, "[\"%s\",", action);
    write_path(diff);
    buffer_byte(diff->out, ',');
    buffer_string(diff->out, quote);
    buffer_text(diff->out, value);
    buffer_string(diff->out, quote);
    buffer_byte(diff->out, ']');
    diff->too_long = diff->out->length > diff->end;
}

static struct text string_inside(const struct json_node *node)
{
    return (struct text){node->raw.data + 1, node->raw.length - 2};
}

/* Raw texts are compared: `before` ends behind a complete escape and a complete character, and `after` starts with the
 * same bytes, so the cut never falls inside either. A surrogate pair written as two escapes is complete in `before`. */
static void compare_strings(struct diff *diff, const struct json_node *before, const struct json_node *after)
{
    struct text old = string_inside(before), new = string_inside(after);
    if (text_starts(new, old))
        write_edit(diff, "append", text_skip(new, old.length), "\"");
    else
        write_edit(diff, "replace", after->raw, "");
}

static void compare_below(struct diff *diff, struct diff_step step, const struct json_node *before,
                          const struct json_node *after)
{
    diff->path[diff->depth++] = step;
    diff_compare(diff, before, after);
    diff->depth--;
}

static void write_edit_below(struct diff *diff, struct diff_step step, const char *action, struct text value)
{
    diff->path[diff->depth++] = step;
    write_edit(diff, action, value, "");
    diff->depth--;
}

/* Deletes run from the highest index down, so that no index shifts under a later edit. */
static void compare_arrays(struct diff *diff, const struct json_node *before, const struct json_node *after)
{
    const struct json_node *old = json_first(diff->before, before), *new = json_first(diff->after, after);
    uint32_t index = 0;
    while (old && new && !diff->too_long) {
        compare_below(diff, (struct diff_step){.index = index++}, old, new);
        old = json_next(diff->before, before, old);
        new = json_next(diff->after, after, new);
    }
    for (uint32_t i = before->count; i > after->count && !diff->too_long; i--)
        write_edit_below(diff, (struct diff_step){.index = i - 1}, "delete", TEXT("null"));
    for (; new && !diff->too_long; new = json_next(diff->after, after, new))
        write_edit_below(diff, (struct diff_step){.index = index++}, "add", new->raw);
}

static bool same_keys(struct diff *diff, const struct json_node *before, const struct json_node *after)
{
    const struct json_node *old = json_first(diff->before, before), *new = json_first(diff->after, after);
    while (old && new && text_equal(old->name, new->name)) {
        old = json_next(diff->before, before, old);
        new = json_next(diff->after, after, new);
    }
    return !old && !new;
}

static const struct json_node *find_key(const struct json *json, const struct json_node *object, struct text name)
{
    const struct json_node *child = json_first(json, object);
    while (child && !text_equal(child->name, name))
        child = json_next(json, object, child);
    return child;
}

/* Quadratic in the number of keys, which the caller bounds. A key that is escaped differently counts as another key:
 * it is deleted, then added. */
static void compare_members(struct diff *diff, const struct json_node *before, const struct json_node *after)
{
    const struct json_node *child;
    for (child = json_first(diff->before, before); child; child = json_next(diff->before, before, child)) {
        const struct json_node *new = find_key(diff->after, after, child->name);
        if (new)
            compare_below(diff, (struct diff_step){.key = child->name}, child, new);
    }
    for (child = json_first(diff->before, before); child; child = json_next(diff->before, before, child))
        if (!find_key(diff->after, after, child->name))
            write_edit_below(diff, (struct diff_step){.key = child->name}, "delete", TEXT("null"));
    for (child = json_first(diff->after, after); child; child = json_next(diff->after, after, child))
        if (!find_key(diff->before, before, child->name))
            write_edit_below(diff, (struct diff_step){.key = child->name}, "add", child->raw);
}

static void compare_objects(struct diff *diff, const struct json_node *before, const struct json_node *after)
{
    if (same_keys(diff, before, after)) {
        const struct json_node *old = json_first(diff->before, before), *new = json_first(diff->after, after);
        for (; old && !diff->too_long; old = json_next(diff->before, before, old)) {
            compare_below(diff, (struct diff_step){.key = old->name}, old, new);
            new = json_next(diff->after, after, new);
        }
    } else if (before->count <= BOUNDS_DIFF_MEMBERS && after->count <= BOUNDS_DIFF_MEMBERS) {
        compare_members(diff, before, after);
    } else {
        write_edit(diff, "replace", after->raw, "");
    }
}

static void diff_compare(struct diff *diff, const struct json_node *before, const struct json_node *after)
{
    if (diff->too_long || text_equal(before->raw, after->raw))
        return;
    if (before->type != after->type)
        write_edit(diff, "replace", after->raw, "");
    else if (after->type == JSON_STRING)
        compare_strings(diff, before, after);
    else if (after->type == JSON_ARRAY)
        compare_arrays(diff, before, after);
    else if (after->type == JSON_OBJECT)
        compare_objects(diff, before, after);
    else
        write_edit(diff, "replace", after->raw, "");
}

static void write_replace(struct buffer *out, struct text value)
{
    buffer_string(out, "[[\"replace\",[],");
    buffer_text(out, value);
    buffer_string(out, "]]");
}

/* The edits between two nodes of parsed texts, as one list. */
static void write_nodes(struct buffer *out, const struct json *json_before, const struct json_node *before,
                        const struct json *json_after, const struct json_node *after)
{
    size_t start = out->length;
    struct diff diff = {.before = json_before, .after = json_after, .out = out};
    diff.end = start + after->raw.length + sizeof "[[\"replace\",[],]]";
    buffer_byte(out, '[');
    diff_compare(&diff, before, after);
    if (diff.too_long) {
        out->length = start;
        write_replace(out, after->raw);
    } else {
        buffer_byte(out, ']');
    }
}

void diff_write_value(struct buffer *out, struct text before, struct text after)
{
    struct json old = {0}, new = {0};
    if (text_equal(before, after))
        buffer_string(out, "[]");
    else if (before.length > BOUNDS_DIFF_BYTES || after.length > BOUNDS_DIFF_BYTES ||
             json_parse(&old, before, NULL) < 0 || json_parse(&new, after, NULL) < 0)
        write_replace(out, after);
    else
        write_nodes(out, &old, &old.nodes[0], &new, &new.nodes[0]);
    json_release(&old);
    json_release(&new);
}

/* Both parsed: one list per output. Outputs that `before` does not have are replaced whole. */
static void write_outputs(struct buffer *out, const struct json *before, const struct json *after)
{
    const struct json_node *old = json_first(before, &before->nodes[0]);
    const struct json_node *new = json_first(after, &after->nodes[0]);
    bool diffed = before->nodes[0].raw.length <= BOUNDS_DIFF_BYTES && after->nodes[0].raw.length <= BOUNDS_DIFF_BYTES;
    buffer_byte(out, '[');
    for (; new; new = json_next(after, &after->nodes[0], new)) {
        json_write_comma(out);
        if (old && (diffed || text_equal(old->raw, new->raw)))
            write_nodes(out, before, old, after, new);
        else
            write_replace(out, new->raw);
        if (old)
            old = json_next(before, &before->nodes[0], old);
    }
    buffer_byte(out, ']');
}

int diff_write_frame(struct buffer *out, struct text before, struct text after)
{
    struct json old = {0}, new = {0};
    int code = json_parse(&old, before, NULL);
    if (code == 0)
        code = json_parse(&new, after, NULL);
    if (code == 0 && (old.nodes[0].type != JSON_ARRAY || new.nodes[0].type != JSON_ARRAY))
        code = ERROR_INVALID;
    if (code == 0)
        write_outputs(out, &old, &new);
    json_release(&old);
    json_release(&new);
    return code;
}
