/* A small Mustache: {{name}} escaped, {{{name}}} as it is, {{#name}}…{{/name}} for lists and truths, {{^name}} for
 * their absence. There is nothing to run in a template, and nothing in the data can become one: values are written,
 * never read again. Names are looked up from the innermost list outwards. Templates are ours and checked at the
 * start; a mistake in one is still an error code and not a crash. */
#include "store/template.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/encode.h"
#include "runtime/base/error.h"

/* Where names are looked up: the root object, and one entry for each list we are inside of. */
struct scope {
    const struct json *json;
    const struct json_node *nodes[BOUNDS_TEMPLATE_DEPTH];
    int depth;
};

enum tag_kind { TAG_VALUE, TAG_RAW, TAG_SECTION, TAG_INVERTED, TAG_END };

struct tag {
    enum tag_kind kind;
    struct text name;
};

static ptrdiff_t find(struct text text, const char *needle)
{
    const char *at = text.length ? memmem(text.data, text.length, needle, strlen(needle)) : NULL;
    return at ? at - text.data : -1;
}

/* Cuts the text up to the next tag off `*rest` into `*ret_before`, and the tag: 1, 0 when there is no further tag
 * (then everything is in `*ret_before`), or ERROR_INVALID. */
static int next_tag(struct text *rest, struct text *ret_before, struct tag *ret_tag)
{
    ptrdiff_t start = find(*rest, "{{");
    if (start < 0) {
        *ret_before = *rest;
        *rest = text_skip(*rest, rest->length);
        return 0;
    }
    *ret_before = text_head(*rest, (size_t)start);
    *rest = text_skip(*rest, (size_t)start + 2);
    bool raw = text_starts(*rest, TEXT("{"));
    ptrdiff_t end = find(*rest, raw ? "}}}" : "}}");
    if (end <= raw)
        return ERROR_INVALID;
    struct text inside = text_head(*rest, (size_t)end);
    *rest = text_skip(*rest, (size_t)end + (raw ? 3 : 2));
    static const char marks[] = {[TAG_RAW] = '{', [TAG_SECTION] = '#', [TAG_INVERTED] = '^', [TAG_END] = '/'};
    *ret_tag = (struct tag){TAG_VALUE, text_trim(inside)};
    for (int kind = TAG_RAW; kind <= TAG_END; kind++) {
        if (inside.data[0] == marks[kind])
            *ret_tag = (struct tag){(enum tag_kind)kind, text_trim(text_skip(inside, 1))};
    }
    return 1;
}

/* Cuts a section's content, up to its end tag, off `*rest`. 0 or ERROR_INVALID. */
static int cut_section(struct text *rest, struct text *ret_content)
{
    const char *begin = rest->data;
    for (int depth = 1;;) {
        struct text before;
        struct tag tag;
        if (next_tag(rest, &before, &tag) != 1)
            return ERROR_INVALID;
        if (tag.kind == TAG_SECTION || tag.kind == TAG_INVERTED)
            depth++;
        if (tag.kind == TAG_END && --depth == 0) {
            *ret_content = (struct text){begin, (size_t)(before.data + before.length - begin)};
            return 0;
        }
    }
}

static const struct json_node *look_up(const struct scope *scope, struct text name)
{
    char key[64];
    if (name.length >= sizeof key)
        return NULL;
    memcpy(key, name.data, name.length);
    key[name.length] = 0;
    for (int level = scope->depth - 1; level >= 0; level--) {
        const struct json_node *node = json_get(scope->json, scope->nodes[level], key);
        if (node != NULL)
            return node;
    }
    return NULL;
}

/* What counts as true: an empty text, an empty list, null and false do not, 0 does. */
static bool shows(const struct json_node *node)
{
    if (node == NULL || node->type == JSON_NULL || node->type == JSON_FALSE)
        return false;
    if (node->type == JSON_ARRAY)
        return node->count > 0;
    return node->type != JSON_STRING || node->raw.length > 2;
}

/* Numbers and the like are written as JSON has them. */
static void write_value(const struct json_node *node, bool raw, struct buffer *out)
{
    BUFFER_AUTO struct buffer value = BUFFER_EMPTY;
    if (node == NULL || node->type == JSON_NULL)
        return;
    if (json_string(node, &value) != 0)
        buffer_text(&value, node->raw);
    if (raw)
        buffer_text(out, buffer_view(&value));
    else
        encode_html(out, buffer_view(&value));
}

static int render(struct text source, struct scope *scope, struct buffer *out);

static int render_section(struct text content, struct scope *scope, const struct json_node *node, struct buffer *out)
{
    if (!shows(node))
        return 0;
    if (node->type != JSON_ARRAY)
        return render(content, scope, out);
    if (scope->depth == BOUNDS_TEMPLATE_DEPTH)
        return ERROR_INVALID;
    int result = 0;
    const struct json_node *entry = json_first(scope->json, node);
    for (; entry != NULL && result == 0; entry = json_next(scope->json, node, entry)) {
        scope->nodes[scope->depth++] = entry;
        result = render(content, scope, out);
        scope->depth--;
    }
    return result;
}

static int render(struct text source, struct scope *scope, struct buffer *out)
{
    for (;;) {
        struct text before, content;
        struct tag tag;
        int found = next_tag(&source, &before, &tag);
        buffer_text(out, before);
        if (found != 1)
            return found;
        const struct json_node *node = look_up(scope, tag.name);
        int result = 0;
        if (tag.kind == TAG_END)
            return ERROR_INVALID;
        if (tag.kind == TAG_VALUE || tag.kind == TAG_RAW) {
            write_value(node, tag.kind == TAG_RAW, out);
            continue;
        }
        result = cut_section(&source, &content);
        if (result == 0 && tag.kind == TAG_SECTION)
            result = render_section(content, scope, node, out);
        else if (result == 0 && !shows(node))
            result = render(content, scope, out);
        if (result != 0)
            return result;
    }
}

/* The comment at the top of a file explains the names and is not part of the page. */
static struct text skip_comment(struct text source)
{
    if (!text_starts(source, TEXT("<!--#")))
        return source;
    ptrdiff_t end = find(source, "-->");
    source = end < 0 ? source : text_skip(source, (size_t)end + 3);
    return text_starts(source, TEXT("\n")) ? text_skip(source, 1) : source;
}

int template_render(struct text source, const struct json *context, struct buffer *out)
{
    struct scope scope = {.json = context, .nodes = {&context->nodes[0]}, .depth = 1};
    return render(skip_comment(source), &scope, out);
}
