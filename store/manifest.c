/* The check between a describe cage and everything that trusts a release.
 *
 * The tables say which members a manifest has and of which shape; what is not in them is carried along unread.
 * Checked are shapes, not meaning: gateway and worker refuse numbers that name nothing. Nothing here is the author's
 * fault (the cage wrote it), so the sentences say that it is ours; only `config_error` is for the author. */
#include "store/manifest.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

/* -- shapes: which members an object must or may have, and of which type -- */

enum shape { SHAPE_STRING, SHAPE_NUMBER, SHAPE_BOOL, SHAPE_OBJECT, SHAPE_INTEGERS, SHAPE_STRINGS, SHAPE_LIST };
enum { NEEDED = 1, NULLABLE = 2 };

struct member {
    const char *name;
    enum shape shape;
    unsigned flags;
};

static const struct member manifest_members[] = {
    {"sdk", SHAPE_STRING, NEEDED},       {"title", SHAPE_STRING, NULLABLE},     {"emoji", SHAPE_STRING, NULLABLE},
    {"card", SHAPE_OBJECT, NULLABLE},    {"readme_html", SHAPE_STRING, NULLABLE}, {"functions", SHAPE_LIST, 0},
    {"models", SHAPE_STRINGS, 0},        {"tree_digest", SHAPE_STRING, 0},      {"limits", SHAPE_OBJECT, NULLABLE},
    {"config_error", SHAPE_STRING, 0},
};
static const struct member function_members[] = {
    {"id", SHAPE_NUMBER, NEEDED},
    {"api_name", SHAPE_STRING, NULLABLE},
    {"visibility", SHAPE_STRING, 0},
    {"inputs", SHAPE_INTEGERS, NEEDED},
    {"outputs", SHAPE_INTEGERS, NEEDED},
    {"state_inputs", SHAPE_INTEGERS, 0},
    {"state_outputs", SHAPE_INTEGERS, 0},
    {"file_inputs", SHAPE_INTEGERS, 0},
    {"skipped_inputs", SHAPE_INTEGERS, 0},
    {"time_limit", SHAPE_NUMBER, NULLABLE},
    {"queue", SHAPE_BOOL, 0},
    {"concurrency_limit", SHAPE_NUMBER, NULLABLE},
    {"trigger_mode", SHAPE_STRING, NULLABLE},
    {"defaults", SHAPE_LIST, 0},
    {"parameter_names", SHAPE_STRINGS, 0},
    {"max_queue", SHAPE_NUMBER, NULLABLE},
    {"cancels", SHAPE_INTEGERS, 0},
};

static bool list_holds(const struct json *json, const struct json_node *list, enum shape shape)
{
    /* An empty Lua table may have come out as an object. */
    if (list->type == JSON_OBJECT && list->count == 0)
        return true;
    if (list->type != JSON_ARRAY)
        return false;
    for (const struct json_node *entry = json_first(json, list); entry; entry = json_next(json, list, entry)) {
        int64_t value;
        if (shape == SHAPE_INTEGERS && !json_integer(entry, &value))
            return false;
        if (shape == SHAPE_STRINGS && entry->type != JSON_STRING)
            return false;
    }
    return true;
}

static bool has_shape(const struct json *json, const struct json_node *node, enum shape shape)
{
    switch (shape) {
    case SHAPE_STRING:
        return node->type == JSON_STRING;
    case SHAPE_NUMBER:
        return node->type == JSON_NUMBER;
    case SHAPE_BOOL:
        return node->type == JSON_TRUE || node->type == JSON_FALSE;
    case SHAPE_OBJECT:
        return node->type == JSON_OBJECT || (node->type == JSON_ARRAY && node->count == 0);
    case SHAPE_INTEGERS:
    case SHAPE_STRINGS:
    case SHAPE_LIST:
        return list_holds(json, node, shape);
    }
    return false;
}

/* The name of the first member that is missing or of a wrong type, or NULL. */
static const char *wrong_member(const struct json *json, const struct json_node *object, const struct member *members,
                                size_t count)
{
    for (size_t index = 0; index < count; index++) {
        const struct json_node *node = json_get(json, object, members[index].name);
        if (node == NULL || (node->type == JSON_NULL && members[index].flags & NULLABLE)) {
            if (node == NULL && members[index].flags & NEEDED)
                return members[index].name;
            continue;
        }
        if (!has_shape(json, node, members[index].shape))
            return members[index].name;
    }
    return NULL;
}

/* -- the parts of a bundle -- */

static int damaged(struct buffer *reason, const char *what)
{
    buffer_format(reason, "the computed release is not usable (%s); this is a fault of the server, not of the push",
                  what);
    return ERROR_CORRUPT;
}

/* A generated document that is larger than any honest one is treated like one that is missing. */
static int find_document(const struct bundle *bundle, const char *name, struct text *ret_contents)
{
    struct bundle_entry entry;
    int result = bundle_find(bundle, text_from(name), &entry);
    if (result == 0 && entry.contents.length > BOUNDS_MANIFEST_BYTES)
        result = ERROR_LIMIT;
    if (result == 0)
        *ret_contents = entry.contents;
    return result;
}

/* Every pushed file with its size, and no other: whatever ran in the cage cannot slip a file into the release. */
static int check_files(const struct bundle *bundle, const struct tree *tree, struct buffer *reason)
{
    size_t repository_files = 0;
    for (size_t index = 0; index < tree->count; index++) {
        struct bundle_entry entry;
        if (bundle_find(bundle, text_from(tree->entries[index].path), &entry) != 0 ||
            entry.contents.length != tree->entries[index].size)
            return damaged(reason, "a pushed file is missing in it");
    }
    for (uint32_t index = 0; index < bundle->entry_count; index++)
        repository_files += !text_starts(bundle_at(bundle, index).name, TEXT(".vitrine/"));
    return repository_files == tree->count ? 0 : damaged(reason, "it has a file that was not pushed");
}

/* A demo with a script brings its page and its documents; a static one and a model only the manifest. */
static int check_documents(const struct bundle *bundle, struct buffer *reason)
{
    static const char *const documents[] = {".vitrine/config.json", ".vitrine/info.json"};
    struct text contents;
    for (size_t index = 0; index < MEMORY_COUNT(documents); index++) {
        if (find_document(bundle, documents[index], &contents) != 0 || !json_is_valid(contents))
            return damaged(reason, documents[index]);
    }
    if (find_document(bundle, ".vitrine/page.html", &contents) != 0 || !text_is_utf8(contents))
        return damaged(reason, ".vitrine/page.html");
    return 0;
}

static int check_functions(const struct json *json, struct buffer *reason)
{
    const struct json_node *functions = json_get(json, &json->nodes[0], "functions");
    const struct json_node *function = json_first(json, functions);
    for (; function != NULL; function = json_next(json, functions, function)) {
        const char *wrong = wrong_member(json, function, function_members, MEMORY_COUNT(function_members));
        if (wrong != NULL)
            return damaged(reason, wrong);
    }
    return 0;
}

static bool is_one_of(const struct json_node *node, const char *const *words, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        if (json_equals(node, words[index]))
            return true;
    }
    return false;
}

/* -- the card -- */

/* Copies a member's text as it stands; it was parsed, so it is one JSON value. Long ones would sit in every listing
 * row and are left out. */
static bool copy_member(const struct json *json, const struct json_node *from, const char *name, struct buffer *out)
{
    const struct json_node *node = json_get(json, from, name);
    if (node == NULL || node->type == JSON_NULL || node->raw.length > BOUNDS_CARD_MEMBER_BYTES)
        return false;
    json_write_name(out, name);
    buffer_text(out, node->raw);
    return true;
}

/* The part of the manifest that listings and pages read without opening the bundle. */
static void write_card(const struct json *json, struct buffer *out)
{
    static const char *const of_both[] = {"title", "emoji", "sdk", "models"}; /* computed, else as in the card */
    static const char *const front_matter[] = {
        "colorFrom",    "colorTo",   "short_description", "license",        "tags",
        "thumbnail",    "base_path", "fullWidth",         "header",         "pipeline_tag",
        "library_name", "datasets",  "disable_embedding", "custom_headers", "app_file",
    };
    const struct json_node *root = &json->nodes[0];
    const struct json_node *card = json_get(json, root, "card");
    const struct json_node *pinned = json_get(json, card, "pinned");
    buffer_byte(out, '{');
    for (size_t index = 0; index < MEMORY_COUNT(of_both); index++) {
        if (!copy_member(json, root, of_both[index], out))
            copy_member(json, card, of_both[index], out);
    }
    for (size_t index = 0; index < MEMORY_COUNT(front_matter); index++)
        copy_member(json, card, front_matter[index], out);
    if (pinned != NULL && pinned->type == JSON_TRUE)
        copy_member(json, card, "pinned", out);
    buffer_byte(out, '}');
}

static int check_manifest(const struct bundle *bundle, bool model, struct buffer *ret_card, struct buffer *reason)
{
    static const char *const sdks[] = {"lua", "static"};
    struct text contents;
    struct json json = {0};
    if (find_document(bundle, ".vitrine/manifest.json", &contents) != 0)
        return damaged(reason, "its manifest is missing");
    if (json_parse(&json, contents, NULL) != 0 || json.nodes[0].type != JSON_OBJECT) {
        json_release(&json);
        return damaged(reason, "its manifest is no JSON object");
    }
    const struct json_node *sdk = json_get(&json, &json.nodes[0], "sdk");
    const char *wrong = wrong_member(&json, &json.nodes[0], manifest_members, MEMORY_COUNT(manifest_members));
    if (wrong == NULL && json_string(json_get(&json, &json.nodes[0], "config_error"), reason) == 0) {
        json_release(&json);
        return ERROR_UNSUPPORTED;
    }
    if (wrong == NULL && !(model ? json_equals(sdk, "model") : is_one_of(sdk, sdks, MEMORY_COUNT(sdks))))
        wrong = "sdk";
    int result = wrong != NULL ? damaged(reason, wrong) : check_functions(&json, reason);
    if (result == 0 && json_equals(sdk, "lua"))
        result = check_documents(bundle, reason);
    if (result == 0)
        write_card(&json, ret_card);
    json_release(&json);
    return result;
}

int manifest_check(int fd, const struct tree *tree, bool model, struct buffer *ret_card, struct buffer *reason)
{
    struct bundle bundle;
    if (bundle_map(&bundle, fd) != 0)
        return damaged(reason, "its index is wrong");
    int result = bundle_verify(&bundle) != 0 ? damaged(reason, "its checksums are wrong") : 0;
    if (result == 0)
        result = check_files(&bundle, tree, reason);
    if (result == 0)
        result = check_manifest(&bundle, model, ret_card, reason);
    bundle_unmap(&bundle);
    return result;
}
