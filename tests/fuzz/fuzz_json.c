/* JSON from strangers: the parser and the validator agree, look-ups stay inside, what is written reads back
 * the same. */
#include "runtime/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void check_string(const struct json_node *node)
{
    BUFFER_AUTO struct buffer characters = BUFFER_EMPTY, written = BUFFER_EMPTY, again = BUFFER_EMPTY;
    struct json json;
    expect(json_string(node, &characters) == 0 && text_is_utf8(buffer_view(&characters)));
    json_write_string(&written, buffer_view(&characters));
    expect(json_parse(&json, buffer_view(&written), NULL) == 0);
    expect(json_string(&json.nodes[0], &again) == 0);
    expect(text_equal(buffer_view(&characters), buffer_view(&again)));
    json_release(&json);
    free(json_string_copy(node));
}

static void check_number(const struct json_node *node)
{
    BUFFER_AUTO struct buffer written = BUFFER_EMPTY;
    double value;
    int64_t integer;
    expect(json_number(node, &value));
    json_write_number(&written, value);
    expect(json_is_valid(buffer_view(&written)));
    if (isfinite(value))
        expect(strtod(written.data, NULL) == value);
    json_integer(node, &integer);
}

/* Each node lies inside its parent, and the children are as many as were counted. */
static void check_children(const struct json *json, const struct json_node *parent)
{
    uint32_t count = 0;
    for (const struct json_node *child = json_first(json, parent); child;
         child = json_next(json, parent, child)) {
        expect(child > parent && child->next <= parent->next);
        expect(child->raw.data > parent->raw.data);
        expect(child->raw.data + child->raw.length < parent->raw.data + parent->raw.length);
        count++;
    }
    expect(count == parent->count);
    json_get(json, parent, "a");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};
    struct json json;
    size_t position = 0;
    int result = json_parse(&json, text, &position);
    expect((result == 0) == json_is_valid(text) && position <= size);
    if (result == 0) {
        expect(text_is_utf8(text) && json.nodes[0].next == json.count);
        for (uint32_t i = 0; i < json.count; i++) {
            expect(json_is_valid(json.nodes[i].raw));
            if (json.nodes[i].type == JSON_STRING)
                check_string(&json.nodes[i]);
            else if (json.nodes[i].type == JSON_NUMBER)
                check_number(&json.nodes[i]);
            else
                check_children(&json, &json.nodes[i]);
            if (i == 200)
                break; /* large documents teach nothing new and are slow */
        }
        BUFFER_AUTO struct buffer html = BUFFER_EMPTY;
        json_write_for_html(&html, text);
        expect(json_is_valid(buffer_view(&html)) && text_find(buffer_view(&html), '<') < 0);
    }
    json_release(&json);
    return 0;
}
