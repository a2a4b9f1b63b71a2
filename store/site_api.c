/* The API tab: what programs can call, with examples, from the release's own document. */
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "store/content.h"
#include "store/site.h"
#include "store/store.h"

/* An absent member becomes an empty text: the document is a stranger's and may lack anything. */
static void write_copy(const struct json *json, const struct json_node *from, const char *name, const char *as,
                       struct buffer *out)
{
    BUFFER_AUTO struct buffer value = BUFFER_EMPTY;
    json_string(json_get(json, from, name), &value);
    json_write_member(out, as, buffer_view(&value));
}

/* A slot's type in words: {"type": "string"} of the schema, or Python's words for it. */
static void write_type(const struct json *json, const struct json_node *slot, struct buffer *out)
{
    BUFFER_AUTO struct buffer type = BUFFER_EMPTY;
    if (json_string(json_get(json, json_get(json, slot, "python_type"), "type"), &type) != 0 || type.length == 0)
        json_string(json_get(json, json_get(json, slot, "type"), "type"), &type);
    json_write_member(out, "type", type.length ? buffer_view(&type) : TEXT("any"));
}

static void write_slot(const struct json *json, const struct json_node *slot, bool parameter, struct buffer *out)
{
    const struct json_node *has_default = json_get(json, slot, "parameter_has_default");
    const struct json_node *fallback = json_get(json, slot, "parameter_default");
    bool optional = has_default != NULL && has_default->type == JSON_TRUE;
    json_write_comma(out);
    buffer_byte(out, '{');
    write_copy(json, slot, "label", "label", out);
    write_copy(json, slot, "component", "component", out);
    write_type(json, slot, out);
    if (parameter) {
        write_copy(json, slot, "parameter_name", "name", out);
        pages_write_flag(out, "optional", optional);
        json_write_member(out, "default", optional && fallback ? text_head(fallback->raw, 100) : TEXT(""));
    }
    buffer_byte(out, '}');
}

/* As JSON, since that is also how it stands in JavaScript and nearly how it stands in Python. */
static struct text example_of(const struct json *json, const struct json_node *slot)
{
    const struct json_node *example = json_get(json, slot, "example_input");
    return example != NULL && example->raw.length < 500 ? example->raw : TEXT("null");
}

/* JSON's words in Python. */
static struct text python_word(struct text json)
{
    if (text_equal(json, TEXT("true")))
        return TEXT("True");
    if (text_equal(json, TEXT("false")))
        return TEXT("False");
    return text_equal(json, TEXT("null")) ? TEXT("None") : json;
}

static void write_examples(const struct json *json, const struct json_node *parameters, struct buffer *out)
{
    BUFFER_AUTO struct buffer plain = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer script = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer python = BUFFER_EMPTY;
    const struct json_node *slot = json_first(json, parameters);
    for (; slot != NULL; slot = json_next(json, parameters, slot)) {
        BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
        struct text example = example_of(json, slot);
        const char *gap = plain.length ? ", " : "";
        json_string(json_get(json, slot, "parameter_name"), &name);
        buffer_format(&plain, "%s" TEXT_FORMAT, gap, TEXT_ARGUMENT(example));
        buffer_format(&script, "%s%s: " TEXT_FORMAT, gap, name.data ? name.data : "", TEXT_ARGUMENT(example));
        buffer_format(&python, "%s%s=" TEXT_FORMAT, gap, name.data ? name.data : "",
                      TEXT_ARGUMENT(python_word(example)));
    }
    BUFFER_AUTO struct buffer wrapped = BUFFER_EMPTY;
    buffer_format(&wrapped, "[%s]", plain.data ? plain.data : "");
    json_write_member(out, "example_json", buffer_view(&wrapped));
    buffer_clear(&wrapped);
    buffer_format(&wrapped, script.length ? "{ %s }" : "{}%s", script.data ? script.data : "");
    json_write_member(out, "example_javascript", buffer_view(&wrapped));
    json_write_member(out, "example_python", buffer_view(&python));
}

/* One function that programs can call: its slots, and the same call written for three kinds of client. */
static void write_endpoint(const struct json *json, const struct json_node *endpoint, struct buffer *out)
{
    static const char *const lists[] = {"parameters", "returns"};
    BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
    struct text key = endpoint->name;
    if (text_starts(key, TEXT("/")))
        key = text_skip(key, 1);
    json_write_comma(out);
    buffer_byte(out, '{');
    json_write_member(out, "name", key);
    write_copy(json, endpoint, "description", "description", out);
    for (size_t index = 0; index < MEMORY_COUNT(lists); index++) {
        const struct json_node *list = json_get(json, endpoint, lists[index]);
        json_write_name(out, lists[index]);
        buffer_byte(out, '[');
        for (const struct json_node *slot = json_first(json, list); slot; slot = json_next(json, list, slot))
            write_slot(json, slot, index == 0, out);
        buffer_byte(out, ']');
    }
    write_examples(json, json_get(json, endpoint, "parameters"), out);
    buffer_byte(out, '}');
}

static void write_endpoints(const struct content *content, struct buffer *out)
{
    struct bundle_entry entry;
    struct json json = {0};
    buffer_string(out, ",\"endpoints\":[");
    if (content != NULL && bundle_find(&content->bundle, TEXT(".vitrine/info.json"), &entry) == 0 &&
        json_parse(&json, entry.contents, NULL) == 0) {
        const struct json_node *named = json_get(&json, &json.nodes[0], "named_endpoints");
        for (const struct json_node *one = json_first(&json, named); one; one = json_next(&json, named, one))
            write_endpoint(&json, one, out);
    }
    json_release(&json);
    buffer_byte(out, ']');
}

/* Clients that do not resolve *.localhost (Node, Python) are given the path address. */
static void write_base_url(struct request *request, const struct repository *repository, struct buffer *out)
{
    const struct store_settings *settings = &request->store->settings;
    BUFFER_AUTO struct buffer url = BUFFER_EMPTY;
    if (text_equal(text_from(settings->demo_domain), TEXT("localhost")) || !settings_has_origins(settings)) {
        settings_repository_url(settings, &url, false, repository->owner, repository->name);
        buffer_string(&url, "/-");
    } else {
        settings_demo_url(settings, &url, repository->owner, repository->name, NULL);
        url.length--;
    }
    json_write_member(out, "base_url", buffer_view(&url));
}

void site_demo_api(struct request *request)
{
    BUFFER_AUTO struct buffer context = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer title = BUFFER_EMPTY;
    struct repository repository;
    struct content *content = NULL;
    struct stage stage;
    if (request_repository(request, &repository) != 0)
        return;
    content_open(request->store, &repository, &content);
    stage_init(&stage, request->store, &repository);
    buffer_byte(&context, '{');
    site_write_head(request, &repository, &stage, SITE_TAB_API, &context);
    write_base_url(request, &repository, &context);
    write_endpoints(content, &context);
    buffer_byte(&context, '}');
    buffer_format(&title, "%s/%s: API", repository.owner, repository.name);
    request_page(request, &(struct request_page){200, "api", "api", buffer_view(&title), {0}}, &context);
    stage_release(&stage);
    content_free(content);
}
