/* README.md's front matter, read in the cage that describes a release. Which keys there are, of what type and with
 * which values, is the table; a new key is one line in it. A wrong type or value is an error with the line, an
 * unknown key a warning: cards written for the Hub are full of keys that mean nothing here.
 *
 * libyaml reads the text into a document of nodes. Nothing below follows an alias deeper than one level: lists and
 * maps hold scalars only, so a document that multiplies itself stays as small as its text. */
#include "runtime/worker/card.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

enum card_kind {
    CARD_TEXT,
    CARD_BOOL,
    CARD_INTEGER,
    CARD_LIST,
    CARD_MAP,
    CARD_NUMBERS, /* names out of `allowed` with whole numbers */
    CARD_TEXT_OR_LIST,
    CARD_BOOL_OR_LIST,
    CARD_ANY
};

/* name, kind, what it must be in words, allowed values separated by spaces (NULL: any). */
static const struct card_key {
    const char *name;
    enum card_kind kind;
    const char *words, *allowed;
} card_keys[] = {
    {"title", CARD_TEXT, "a text", NULL},
    {"emoji", CARD_TEXT, "one emoji", NULL},
    {"colorFrom", CARD_TEXT, "a colour", "red yellow green blue indigo purple pink gray"},
    {"colorTo", CARD_TEXT, "a colour", "red yellow green blue indigo purple pink gray"},
    {"sdk", CARD_TEXT, "a text", "lua static gradio docker streamlit"},
    {"sdk_version", CARD_TEXT, "a text", NULL},
    {"python_version", CARD_TEXT, "a text", NULL},
    {"app_file", CARD_TEXT, "a file of the repository", NULL},
    {"app_build_command", CARD_TEXT, "a text", NULL},
    {"app_port", CARD_INTEGER, "a whole number", NULL},
    {"base_path", CARD_TEXT, "a path that begins with /", NULL},
    {"fullWidth", CARD_BOOL, "true or false", NULL},
    {"header", CARD_TEXT, "a text", "default mini"},
    {"short_description", CARD_TEXT, "a text", NULL},
    {"models", CARD_LIST, "a list of texts", NULL},
    {"datasets", CARD_LIST, "a list of texts", NULL},
    {"tags", CARD_LIST, "a list of texts", NULL},
    {"thumbnail", CARD_TEXT, "an address", NULL},
    {"pinned", CARD_BOOL, "true or false", NULL},
    {"license", CARD_TEXT_OR_LIST, "a licence id", NULL},
    {"suggested_hardware", CARD_TEXT, "a text", NULL},
    {"suggested_storage", CARD_TEXT, "a text", NULL},
    {"hf_oauth", CARD_BOOL, "true or false", NULL},
    {"hf_oauth_scopes", CARD_LIST, "a list of texts", NULL},
    {"hf_oauth_expiration_minutes", CARD_INTEGER, "a whole number", NULL},
    {"hf_oauth_authorized_org", CARD_TEXT_OR_LIST, "a text or a list", NULL},
    {"disable_embedding", CARD_BOOL_OR_LIST, "true, false or a list of allowed parents", NULL},
    {"isolation", CARD_TEXT, "demo (one process for all visitors) or visitor (one for each)", "demo visitor"},
    {"startup_duration_timeout", CARD_TEXT, "a duration such as 30s or 10m", NULL},
    {"custom_headers", CARD_MAP, "names and texts", NULL},
    {"limits", CARD_NUMBERS, "whole numbers by name: slice_ms, event_cpu_ms, event_ms, heap_bytes, queue",
     "slice_ms event_cpu_ms event_ms heap_bytes queue"}, /* gateway/budget.c */
    {"preload_from_hub", CARD_LIST, "a list of texts", NULL},
    {"show_error", CARD_BOOL, "true or false", NULL},
    /* model cards */
    {"language", CARD_TEXT_OR_LIST, "a text or a list", NULL},
    {"library_name", CARD_TEXT, "a text", NULL},
    {"pipeline_tag", CARD_TEXT, "a text", NULL},
    {"metrics", CARD_TEXT_OR_LIST, "a list of texts", NULL},
    {"base_model", CARD_TEXT_OR_LIST, "a text or a list", NULL},
    {"model-index", CARD_ANY, NULL, NULL},
    {"widget", CARD_ANY, NULL, NULL},
    {"metaTitle", CARD_TEXT, "a text", NULL},
    {"description", CARD_TEXT, "a text", NULL},
};

struct card_reader {
    yaml_document_t document;
    struct card *card;
    struct buffer *report;
    size_t first_line; /* of the front matter in README.md */
    bool failed;
};

static size_t card_line(const struct card_reader *reader, const yaml_node_t *node)
{
    return reader->first_line + node->start_mark.line;
}

static void card_error(struct card_reader *reader, const yaml_node_t *node, const char *key, const char *what)
{
    buffer_format(reader->report, "README.md:%zu: %s must be %s\n", card_line(reader, node), key, what);
    reader->failed = true;
}

static struct text card_scalar(const yaml_node_t *node)
{
    return (struct text){(const char *)node->data.scalar.value, node->data.scalar.length};
}

/* Quoted, it is a text: "true" in quotes is a title somebody chose. */
static bool card_is_plain_bool(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text_equal(card_scalar(node), TEXT("true")) || text_equal(card_scalar(node), TEXT("false")));
}

static bool card_is_integer(const yaml_node_t *node)
{
    uint64_t value;
    return node->type == YAML_SCALAR_NODE && text_to_u64(card_scalar(node), &value) == 0;
}

static bool card_is_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && !card_is_plain_bool(node);
}

/* Whatever the scalars look like: a tag may be a number. */
static bool card_is_text_list(struct card_reader *reader, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return false;
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++)
        if (yaml_document_get_node(&reader->document, *item)->type != YAML_SCALAR_NODE)
            return false;
    return true;
}

static bool card_is_text_map(struct card_reader *reader, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return false;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
        if (yaml_document_get_node(&reader->document, pair->key)->type != YAML_SCALAR_NODE ||
            yaml_document_get_node(&reader->document, pair->value)->type != YAML_SCALAR_NODE)
            return false;
    return true;
}

static bool card_is_allowed(const char *allowed, struct text value)
{
    struct text rest = text_from(allowed);

    while (rest.length > 0)
        if (text_equal(text_cut(&rest, ' '), value))
            return true;
    return false;
}

static bool card_is_number_map(struct card_reader *reader, const yaml_node_t *node, const char *allowed)
{
    if (!card_is_text_map(reader, node))
        return false;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
        if (!card_is_allowed(allowed, card_scalar(yaml_document_get_node(&reader->document, pair->key))) ||
            !card_is_integer(yaml_document_get_node(&reader->document, pair->value)))
            return false;
    return true;
}

static bool card_fits(struct card_reader *reader, const struct card_key *key, const yaml_node_t *node)
{
    switch (key->kind) {
    case CARD_TEXT:
        return card_is_text(node);
    case CARD_BOOL:
        return card_is_plain_bool(node);
    case CARD_INTEGER:
        return card_is_integer(node);
    case CARD_LIST:
        return card_is_text_list(reader, node);
    case CARD_MAP:
        return card_is_text_map(reader, node);
    case CARD_NUMBERS:
        return card_is_number_map(reader, node, key->allowed);
    case CARD_TEXT_OR_LIST:
        return card_is_text(node) || card_is_text_list(reader, node);
    case CARD_BOOL_OR_LIST:
        return card_is_plain_bool(node) || card_is_text_list(reader, node);
    case CARD_ANY:
        return true;
    }
    return false;
}

/* As JSON. A plain whole number stays a number, unless a leading zero says that it is a text of digits. */
static void card_write(struct card_reader *reader, const yaml_node_t *node)
{
    struct buffer *out = &reader->card->json;

    if (node->type == YAML_SCALAR_NODE &&
        (card_is_plain_bool(node) || (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && card_is_integer(node) &&
                                      node->data.scalar.value[0] != '0'))) {
        buffer_text(out, card_scalar(node));
    } else if (node->type == YAML_SCALAR_NODE) {
        json_write_string(out, card_scalar(node));
    } else if (node->type == YAML_SEQUENCE_NODE) {
        buffer_byte(out, '[');
        for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
            json_write_comma(out);
            json_write_string(out, card_scalar(yaml_document_get_node(&reader->document, *item)));
        }
        buffer_byte(out, ']');
    } else {
        buffer_byte(out, '{');
        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
            json_write_comma(out);
            json_write_string(out, card_scalar(yaml_document_get_node(&reader->document, pair->key)));
            buffer_byte(out, ':');
            json_write_string(out, card_scalar(yaml_document_get_node(&reader->document, pair->value)));
        }
        buffer_byte(out, '}');
    }
}

static const struct card_key *card_find_key(struct text name)
{
    for (size_t i = 0; i < MEMORY_COUNT(card_keys); i++)
        if (text_equal(name, text_from(card_keys[i].name)))
            return &card_keys[i];
    return NULL;
}

/* The two keys that this program acts on itself. */
static void card_keep(struct card *card, const char *name, const yaml_node_t *node)
{
    if (strcmp(name, "sdk") == 0)
        card->sdk = text_copy(card_scalar(node));
    else if (strcmp(name, "app_file") == 0)
        card->app_file = text_copy(card_scalar(node));
}

/* One key. What is wrong with it is told, and the next is looked at: an author reads all errors at once. */
static void card_take(struct card_reader *reader, const yaml_node_t *name, const yaml_node_t *value)
{
    const struct card_key *key = name->type == YAML_SCALAR_NODE ? card_find_key(card_scalar(name)) : NULL;

    if (!key) {
        buffer_format(reader->report, "warning: README.md:%zu: the key \"%.*s\" is not known here\n",
                      card_line(reader, name),
                      name->type == YAML_SCALAR_NODE ? (int)text_head(card_scalar(name), 80).length : 1,
                      name->type == YAML_SCALAR_NODE ? card_scalar(name).data : "?");
        return;
    }
    if (!card_fits(reader, key, value)) {
        card_error(reader, value, key->name, key->words);
        return;
    }
    if (key->kind == CARD_TEXT && key->allowed && !card_is_allowed(key->allowed, card_scalar(value))) {
        BUFFER_AUTO struct buffer words = BUFFER_EMPTY;
        buffer_format(&words, "one of: %s", key->allowed);
        card_error(reader, value, key->name, words.data);
        return;
    }
    if (strcmp(key->name, "base_path") == 0 && !text_starts(card_scalar(value), TEXT("/"))) {
        card_error(reader, value, key->name, key->words);
        return;
    }
    if (reader->card->sdk && strcmp(key->name, "sdk") == 0)
        return;
    if (key->kind == CARD_ANY)
        return; /* shown from the README, not acted on */
    json_write_name(&reader->card->json, key->name);
    card_write(reader, value);
    card_keep(reader->card, key->name, value);
}

static void card_take_all(struct card_reader *reader)
{
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);

    if (!root)
        return;
    if (root->type != YAML_MAPPING_NODE) {
        card_error(reader, root, "the front matter", "a list of \"key: value\" lines");
        return;
    }
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++)
        card_take(reader, yaml_document_get_node(&reader->document, pair->key),
                  yaml_document_get_node(&reader->document, pair->value));
}

/* libyaml takes time by the square of the depth. Brackets in quotes count too: nobody's title has so many. */
static bool card_is_nested(struct text yaml)
{
    int depth = 0;

    for (size_t i = 0; i < yaml.length && depth <= BOUNDS_CARD_DEPTH; i++)
        depth += (yaml.data[i] == '[' || yaml.data[i] == '{') - (yaml.data[i] == ']' || yaml.data[i] == '}');
    return depth > BOUNDS_CARD_DEPTH;
}

/* The parser counts lines from the first one behind the "---". */
static void card_parse(struct card_reader *reader, struct text yaml)
{
    yaml_parser_t parser;

    if (card_is_nested(yaml)) {
        buffer_format(reader->report,
                      "README.md:%zu: the front matter has brackets inside brackets, more than %d deep\n",
                      reader->first_line, BOUNDS_CARD_DEPTH);
        reader->failed = true;
        return;
    }
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.data, yaml.length);
    if (!yaml_parser_load(&parser, &reader->document)) {
        buffer_format(reader->report, "README.md:%zu: the front matter is not YAML: %s\n",
                      reader->first_line + parser.problem_mark.line,
                      parser.problem ? parser.problem : "it cannot be read");
        reader->failed = true;
    } else {
        card_take_all(reader);
        yaml_document_delete(&reader->document);
    }
    yaml_parser_delete(&parser);
}

/* Cuts "---\n…\n---\n" off the front: true and the YAML when it is there. */
static bool card_split(struct text readme, struct text *ret_yaml, struct text *ret_body, bool *ret_unclosed)
{
    struct text rest = readme;
    struct text first = text_trim(text_cut(&rest, '\n'));

    *ret_body = readme;
    if (!text_equal(first, TEXT("---")))
        return false;
    const char *start = rest.data;
    while (rest.length > 0) {
        const char *line_start = rest.data;
        struct text line = text_cut(&rest, '\n');
        if (text_equal(text_trim(line), TEXT("---"))) {
            *ret_yaml = (struct text){start, (size_t)(line_start - start)};
            *ret_body = rest;
            return true;
        }
    }
    *ret_unclosed = true;
    return false;
}

/* A README without front matter is a whole body and an empty card. */
int card_read(struct card *card, struct text readme, struct buffer *report)
{
    struct card_reader reader = {.card = card, .report = report, .first_line = 2};
    struct text yaml = {0};
    bool unclosed = false;

    *card = (struct card){0};
    buffer_byte(&card->json, '{');
    if (readme.length > BOUNDS_README_BYTES) {
        buffer_format(report, "README.md:1: is larger than %d KiB\n", (int)(BOUNDS_README_BYTES >> 10));
        reader.failed = true;
    } else if (card_split(readme, &yaml, &card->body, &unclosed)) {
        card_parse(&reader, yaml);
    } else if (unclosed) {
        buffer_string(report, "README.md:1: the front matter has no closing --- line\n");
        reader.failed = true;
    }
    buffer_byte(&card->json, '}');
    return reader.failed ? ERROR_INVALID : 0;
}

void card_release(struct card *card)
{
    buffer_release(&card->json);
    free(card->sdk);
    free(card->app_file);
    *card = (struct card){0};
}
