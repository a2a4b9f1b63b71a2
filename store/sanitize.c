/* A README's HTML, made safe to stand in a page of the site itself.
 *
 * An allow-list in two tables (elements, attributes) and one pass over the text: what is read is never copied
 * through, it is written anew from the tables. So there is no clever input to find, only names that are in the tables
 * or not. Text keeps its entities, '<' and '>' outside of tags are escaped, every element that was opened is closed,
 * and elements whose content is code for somebody (script, style, svg …) vanish with it. Addresses may be web, mail,
 * or a path of the repository; whatever could hide a scheme (entities, control characters, back-slashes) makes the
 * address unusable. */
#include "store/sanitize.h"

#include <ctype.h>
#include <string.h>

#include "runtime/base/encode.h"
#include "runtime/base/memory.h"

enum tag_flag { VOID = 1, SWALLOW = 2 }; /* without an end tag; dropped together with its content */
enum value_kind { VALUE_PLAIN, VALUE_LINK, VALUE_IMAGE, VALUE_NUMBER, VALUE_LANGUAGE };

static const struct tag_rule {
    const char *name;
    unsigned flags;
} tag_rules[] = {
    {"a", 0},      {"b", 0},      {"blockquote", 0}, {"br", VOID}, {"code", 0},  {"dd", 0},         {"del", 0},
    {"details", 0}, {"dl", 0},    {"dt", 0},         {"em", 0},    {"h1", 0},    {"h2", 0},         {"h3", 0},
    {"h4", 0},     {"h5", 0},     {"h6", 0},         {"hr", VOID}, {"i", 0},     {"img", VOID},     {"kbd", 0},
    {"li", 0},     {"ol", 0},     {"p", 0},          {"pre", 0},   {"s", 0},     {"strong", 0},     {"sub", 0},
    {"summary", 0}, {"sup", 0},   {"table", 0},      {"tbody", 0}, {"td", 0},    {"th", 0},         {"thead", 0},
    {"tr", 0},     {"u", 0},      {"ul", 0},
    {"script", SWALLOW}, {"style", SWALLOW}, {"iframe", SWALLOW}, {"object", SWALLOW}, {"svg", SWALLOW},
    {"math", SWALLOW}, {"template", SWALLOW}, {"textarea", SWALLOW}, {"title", SWALLOW}, {"noscript", SWALLOW},
};

static const struct attribute_rule {
    const char *tag, *name;
    enum value_kind kind;
} attribute_rules[] = {
    {"a", "href", VALUE_LINK},      {"a", "title", VALUE_PLAIN},     {"img", "src", VALUE_IMAGE},
    {"img", "alt", VALUE_PLAIN},    {"img", "title", VALUE_PLAIN},   {"img", "width", VALUE_NUMBER},
    {"img", "height", VALUE_NUMBER}, {"ol", "start", VALUE_NUMBER},  {"td", "align", VALUE_PLAIN},
    {"th", "align", VALUE_PLAIN},   {"td", "colspan", VALUE_NUMBER}, {"th", "colspan", VALUE_NUMBER},
    {"code", "class", VALUE_LANGUAGE},
};

enum { OPEN_DEPTH = 64 };

struct cleaner {
    struct text rest, base;
    struct buffer *out;
    const struct tag_rule *open[OPEN_DEPTH];
    int depth;
};

static const struct tag_rule *find_rule(struct text name)
{
    for (size_t index = 0; index < MEMORY_COUNT(tag_rules); index++) {
        if (text_equal_ignore_case(text_from(tag_rules[index].name), name))
            return &tag_rules[index];
    }
    return NULL;
}

static const struct attribute_rule *find_attribute(const struct tag_rule *tag, struct text name)
{
    for (size_t index = 0; index < MEMORY_COUNT(attribute_rules); index++) {
        if (strcmp(attribute_rules[index].tag, tag->name) == 0 &&
            text_equal_ignore_case(text_from(attribute_rules[index].name), name))
            return &attribute_rules[index];
    }
    return NULL;
}

/* -- values -- */

static bool is_number(struct text value)
{
    uint64_t number;
    return value.length <= 5 && text_to_u64(value, &number) == 0;
}

/* The only class that passes, since it is how Markdown says what a block of code is written in. */
static bool is_language(struct text value)
{
    if (!text_starts(value, TEXT("language-")) || value.length > 40)
        return false;
    for (size_t index = 0; index < value.length; index++) {
        if (!isalnum((unsigned char)value.data[index]) && value.data[index] != '-' && value.data[index] != '+')
            return false;
    }
    return true;
}

/* The length of "scheme:" at the start, or 0 when the address is relative. Character references and control
 * characters could hide one, so they make the whole address unusable (-1). */
static ptrdiff_t scheme_length(struct text address)
{
    for (size_t index = 0; index < address.length; index++) {
        unsigned char byte = (unsigned char)address.data[index];
        if (byte < 0x21 || byte == 0x7f || byte == '\\')
            return -1;
    }
    for (size_t index = 0; index < address.length; index++) {
        char byte = address.data[index];
        if (byte == ':')
            return (ptrdiff_t)index + 1;
        if (byte == '/' || byte == '?' || byte == '#')
            return 0;
        if (byte == '&')
            return -1;
    }
    return 0;
}

static void write_escaped_again(struct text value, struct buffer *out)
{
    /* The value already has its entities; only what could end the attribute is written anew. */
    for (size_t index = 0; index < value.length; index++) {
        char byte = value.data[index];
        if (byte == '"' || byte == '<' || byte == '>' || byte == '\'')
            encode_html(out, (struct text){&value.data[index], 1});
        else
            buffer_byte(out, byte);
    }
}

/* Appends the address in the form it may have here; false when it may not be used at all. */
static bool write_address(const struct cleaner *cleaner, struct text address, bool image, struct buffer *out)
{
    ptrdiff_t length = scheme_length(address);
    struct text scheme = text_head(address, length > 0 ? (size_t)length : 0);
    bool web = text_equal_ignore_case(scheme, TEXT("https:")) || text_equal_ignore_case(scheme, TEXT("http:"));
    if (length < 0 || (length > 0 && !web && (image || !text_equal_ignore_case(scheme, TEXT("mailto:")))))
        return false;
    if (length == 0 && text_starts(address, TEXT("//")))
        return false;
    if (length == 0 && !text_starts(address, TEXT("/")) && !text_starts(address, TEXT("#"))) {
        while (text_starts(address, TEXT("./")))
            address = text_skip(address, 2);
        encode_html(out, cleaner->base);
        buffer_string(out, image ? "/resolve/main/" : "/blob/main/");
    }
    write_escaped_again(address, out);
    return true;
}

static void write_attribute(const struct cleaner *cleaner, const struct attribute_rule *rule, struct text value)
{
    BUFFER_AUTO struct buffer clean = BUFFER_EMPTY;
    bool good = true;
    switch (rule->kind) {
    case VALUE_LINK:
    case VALUE_IMAGE:
        good = write_address(cleaner, text_trim(value), rule->kind == VALUE_IMAGE, &clean);
        break;
    case VALUE_NUMBER:
        good = is_number(value);
        break;
    case VALUE_LANGUAGE:
        good = is_language(value);
        break;
    case VALUE_PLAIN:
        break;
    }
    if (!good)
        return;
    if (clean.length == 0)
        write_escaped_again(value, &clean);
    buffer_format(cleaner->out, " %s=\"", rule->name);
    buffer_text(cleaner->out, buffer_view(&clean));
    buffer_byte(cleaner->out, '"');
    if (rule->kind == VALUE_LINK)
        buffer_string(cleaner->out, " rel=\"nofollow noopener noreferrer\"");
}

/* -- tags -- */

static struct text cut_while(struct text *rest, bool (*keep)(char))
{
    size_t length = 0;
    while (length < rest->length && keep(rest->data[length]))
        length++;
    struct text cut = text_head(*rest, length);
    *rest = text_skip(*rest, length);
    return cut;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f' || byte == '/';
}

static bool is_name(char byte)
{
    return !is_blank(byte) && byte != '=' && byte != '>';
}

static bool is_unquoted(char byte)
{
    return !is_blank(byte) && byte != '>';
}

static bool is_tag_letter(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-';
}

/* A quoted value ends at its quote, or at the end of everything; browsers agree on both. */
static struct text cut_value(struct text *rest)
{
    cut_while(rest, is_blank);
    if (rest->length > 0 && (rest->data[0] == '"' || rest->data[0] == '\'')) {
        char quote = rest->data[0];
        *rest = text_skip(*rest, 1);
        return text_cut(rest, quote);
    }
    return cut_while(rest, is_unquoted);
}

/* Reads attributes up to and including '>'; writes those that `tag` may have (NULL: none). */
static void take_attributes(struct cleaner *cleaner, const struct tag_rule *tag)
{
    for (;;) {
        cut_while(&cleaner->rest, is_blank);
        if (cleaner->rest.length == 0 || cleaner->rest.data[0] == '>')
            break;
        struct text name = cut_while(&cleaner->rest, is_name);
        struct text value = {"", 0};
        cut_while(&cleaner->rest, is_blank);
        if (text_starts(cleaner->rest, TEXT("="))) {
            cleaner->rest = text_skip(cleaner->rest, 1);
            value = cut_value(&cleaner->rest);
        } else if (name.length == 0) {
            cleaner->rest = text_skip(cleaner->rest, 1);
        }
        const struct attribute_rule *rule = tag ? find_attribute(tag, name) : NULL;
        if (rule != NULL)
            write_attribute(cleaner, rule, value);
    }
    cleaner->rest = text_skip(cleaner->rest, 1);
}

static void close_until(struct cleaner *cleaner, int depth)
{
    while (cleaner->depth > depth)
        buffer_format(cleaner->out, "</%s>", cleaner->open[--cleaner->depth]->name);
}

/* Closes what stands between, as browsers do; an end tag without a beginning is dropped. */
static void take_end_tag(struct cleaner *cleaner, struct text name)
{
    const struct tag_rule *rule = find_rule(name);
    take_attributes(cleaner, NULL);
    for (int level = cleaner->depth - 1; rule != NULL && level >= 0; level--) {
        if (cleaner->open[level] == rule) {
            close_until(cleaner, level);
            return;
        }
    }
}

/* Skips the content of a tag that must not leave any: up to its end tag, or everything. */
static void swallow(struct cleaner *cleaner, const struct tag_rule *rule)
{
    size_t length = strlen(rule->name);
    while (cleaner->rest.length > 0) {
        text_cut(&cleaner->rest, '<');
        struct text name = text_head(text_skip(cleaner->rest, 1), length);
        if (text_starts(cleaner->rest, TEXT("/")) && text_equal_ignore_case(name, text_from(rule->name)))
            break;
    }
    text_cut(&cleaner->rest, '>');
}

/* Deeper than OPEN_DEPTH elements are dropped and their text stays: no input makes the stack grow. */
static void take_start_tag(struct cleaner *cleaner, struct text name)
{
    const struct tag_rule *rule = find_rule(name);
    if (rule == NULL || rule->flags & SWALLOW || cleaner->depth == OPEN_DEPTH) {
        take_attributes(cleaner, NULL);
        if (rule != NULL && rule->flags & SWALLOW)
            swallow(cleaner, rule);
        return;
    }
    buffer_format(cleaner->out, "<%s", rule->name);
    take_attributes(cleaner, rule);
    buffer_byte(cleaner->out, '>');
    if (!(rule->flags & VOID))
        cleaner->open[cleaner->depth++] = rule;
}

static void skip_comment(struct cleaner *cleaner)
{
    const char *end = memmem(cleaner->rest.data, cleaner->rest.length, "-->", 3);
    cleaner->rest = text_skip(cleaner->rest,
                              end ? (size_t)(end + 3 - cleaner->rest.data) : cleaner->rest.length);
}

/* What follows a '<' that was just taken. */
static void take_markup(struct cleaner *cleaner)
{
    bool end = text_starts(cleaner->rest, TEXT("/"));
    if (text_starts(cleaner->rest, TEXT("!--"))) {
        skip_comment(cleaner);
        return;
    }
    struct text after = end ? text_skip(cleaner->rest, 1) : cleaner->rest;
    if (after.length == 0 || !isalpha((unsigned char)after.data[0])) {
        buffer_string(cleaner->out, "&lt;");
        return;
    }
    cleaner->rest = after;
    struct text name = cut_while(&cleaner->rest, is_tag_letter);
    if (end)
        take_end_tag(cleaner, name);
    else
        take_start_tag(cleaner, name);
}

void sanitize_html(struct text html, struct text base, struct buffer *out)
{
    struct cleaner cleaner = {.rest = html, .base = base, .out = out};
    while (cleaner.rest.length > 0) {
        bool markup = text_find(cleaner.rest, '<') >= 0;
        struct text plain = text_cut(&cleaner.rest, '<');
        for (size_t index = 0; index < plain.length; index++) {
            if (plain.data[index] == '>')
                buffer_string(out, "&gt;");
            else
                buffer_byte(out, plain.data[index]);
        }
        if (markup)
            take_markup(&cleaner);
    }
    close_until(&cleaner, 0);
}
