#include "runtime/worker/markdown.h"

#include <ctype.h>
#include <md4c-html.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"

static void markdown_append(const MD_CHAR *text, MD_SIZE size, void *context)
{
    buffer_append(context, text, size);
}

/* An address is safe when no scheme stands before its first '/', '?' or '#', or a known one does. */
static bool markdown_address_is_safe(struct text address)
{
    static const char *const schemes[] = {"http:", "https:", "mailto:"};
    size_t end = 0;

    while (end < address.length && !strchr("/?#", address.data[end]))
        end++;
    struct text head = text_head(address, end);
    /* md4c writes a colon as itself; character references in addresses are decoded before, so '&' cannot hide one. */
    if (text_find(head, ':') < 0 && text_find(head, '&') < 0)
        return true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (address.length >= strlen(schemes[i]) &&
            text_equal_ignore_case(text_head(address, strlen(schemes[i])), text_from(schemes[i])))
            return true;
    return false;
}

/* Copies the renderer's HTML, emptying unsafe href and src. Quotes inside attributes are always escaped by md4c. */
static void markdown_filter(struct text html, struct buffer *out)
{
    while (html.length > 0) {
        const char *href = memmem(html.data, html.length, " href=\"", 7);
        const char *src = memmem(html.data, html.length, " src=\"", 6);
        const char *next = !href ? src : !src ? href : href < src ? href : src;
        if (!next) {
            buffer_text(out, html);
            return;
        }
        size_t value = (size_t)(next - html.data) + (next == href ? 7 : 6);
        buffer_append(out, html.data, value);
        html = text_skip(html, value);
        ptrdiff_t end = text_find(html, '"');
        struct text address = text_head(html, end < 0 ? html.length : (size_t)end);
        if (markdown_address_is_safe(address))
            buffer_text(out, address);
        html = text_skip(html, address.length);
    }
}

/* Raw HTML of the text is not rendered at all; the filter is for addresses only. */
int markdown_to_html(struct text markdown, struct buffer *out)
{
    BUFFER_AUTO struct buffer html = BUFFER_EMPTY;

    if (markdown.length > BOUNDS_README_BYTES)
        return ERROR_LIMIT;
    if (md_html(markdown.data ? markdown.data : "", (MD_SIZE)markdown.length, markdown_append, &html,
                MD_DIALECT_GITHUB | MD_FLAG_NOHTML, 0) != 0)
        return ERROR_INVALID;
    markdown_filter(buffer_view(&html), out);
    return 0;
}
