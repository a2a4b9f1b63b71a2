/* The site's pages: templates read once at the start, filled from JSON.
 *
 * Handlers write a JSON object and name a template; escaping is the template's business, so no handler puts HTML
 * together (the one exception, a README, has been through sanitize.c). A page is two fillings: its own template, then
 * the layout around it. A template that is missing or does not parse stops the start, not the first visitor. */
#include "store/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "store/template.h"

#define SITE_NAME "vitrine"

static const char *const names[] = {
    "account", "api", "code", "demo", "demo_head", "error", "gallery", "layout", "login", "logs", "model", "settings",
};
static const struct {
    const char *file, *member;
} assets[] = {{"site.css", "site_css"}, {"site.js", "site_js"}, {"icon.svg", "icon"}};

/* -- reading -- */

static int read_file(const char *path, struct buffer *out)
{
    FD_AUTO int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_error("cannot read %s: %s", path, strerror(errno));
        return ERROR_NOT_FOUND;
    }
    ssize_t count;
    do {
        count = fd_read_full(fd, buffer_reserve(out, 16384), 16384);
        buffer_advance(out, count > 0 ? (size_t)count : 0);
    } while (count == 16384 && out->length < BOUNDS_TEMPLATE_BYTES);
    return count >= 0 && out->length < BOUNDS_TEMPLATE_BYTES ? 0 : ERROR_LIMIT;
}

/* Renders against an empty object: every section must close, whatever is in the data. */
static int check_template(const char *path, const struct buffer *source)
{
    struct json nothing;
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    int result = json_parse(&nothing, TEXT("{}"), NULL);
    if (result == 0)
        result = template_render(buffer_view(source), &nothing, &out);
    json_release(&nothing);
    if (result != 0)
        log_error("%s is no template: a section does not close", path);
    return result;
}

static int read_template(struct pages *pages, const char *share, const char *name)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer source = BUFFER_EMPTY;
    buffer_format(&path, "%s/pages/%s.html", share, name);
    int result = read_file(path.data, &source);
    if (result == 0)
        result = check_template(path.data, &source);
    if (result == 0)
        free(map_set(&pages->templates, text_from(name), buffer_steal(&source)));
    return result;
}

/* The kit's files carry a hash in their names; the layout gets today's names from the kit's manifest. */
static int read_assets(struct pages *pages, const char *share)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer source = BUFFER_EMPTY;
    struct json json = {0};
    buffer_format(&path, "%s/kit/manifest.json", share);
    int result = read_file(path.data, &source);
    if (result == 0)
        result = json_parse(&json, buffer_view(&source), NULL);
    const struct json_node *files = result == 0 ? json_get(&json, &json.nodes[0], "files") : NULL;
    for (size_t index = 0; index < MEMORY_COUNT(assets) && result == 0; index++) {
        MEMORY_AUTO char *name = json_string_copy(json_get(&json, json_get(&json, files, assets[index].file), "name"));
        if (name == NULL)
            result = ERROR_INVALID;
        else
            json_write_member(&pages->assets, assets[index].member, text_from(name));
    }
    json_release(&json);
    if (result == ERROR_INVALID)
        log_error("%s does not name the site's assets", path.data);
    return result;
}

int pages_init(struct pages *pages, const char *share)
{
    *pages = (struct pages){0};
    map_init(&pages->templates);
    int result = 0;
    for (size_t index = 0; index < MEMORY_COUNT(names) && result == 0; index++)
        result = read_template(pages, share, names[index]);
    if (result == 0)
        result = read_assets(pages, share);
    if (result != 0)
        pages_release(pages);
    return result;
}

static int free_template(void *context, struct text key, void *value)
{
    free(value);
    return 0;
}

void pages_release(struct pages *pages)
{
    map_each(&pages->templates, free_template, NULL);
    map_release(&pages->templates);
    buffer_release(&pages->assets);
}

/* -- filling -- */

int pages_fill(const struct pages *pages, const char *template_name, struct text context, struct buffer *out)
{
    const char *source = map_get(&pages->templates, text_from(template_name));
    struct json json;
    int result = json_parse(&json, context, NULL);
    if (source == NULL)
        result = ERROR_NOT_FOUND;
    if (result == 0)
        result = template_render(text_from(source), &json, out);
    json_release(&json);
    if (result != 0)
        log_error("page %s cannot be filled: %s", template_name, error_text(result));
    return result;
}

int pages_compose(const struct pages *pages, const struct page *page, struct buffer *out)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer layout = BUFFER_EMPTY;
    int result = pages_fill(pages, page->template_name, page->context, &body);
    if (result != 0)
        return result;
    buffer_byte(&layout, '{');
    json_write_member(&layout, "title", page->title);
    json_write_member(&layout, "site_name", TEXT(SITE_NAME));
    json_write_member(&layout, "description", page->description);
    json_write_member(&layout, "theme", page->theme);
    json_write_member(&layout, "page", text_from(page->word));
    json_write_member(&layout, "user", page->user);
    buffer_byte(&layout, ',');
    buffer_text(&layout, buffer_view(&pages->assets));
    json_write_member(&layout, "body", buffer_view(&body));
    buffer_byte(&layout, '}');
    return pages_fill(pages, "layout", buffer_view(&layout), out);
}

/* -- words -- */

/* Rounded down to the largest unit that is at least one: "3 days ago". A clock that went backwards gives "just now". */
void pages_write_age(struct buffer *out, int64_t wall_ms)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{31536000, "year"}, {2592000, "month"}, {86400, "day"}, {3600, "hour"}, {60, "minute"}};
    int64_t age = (clock_wall_ms() - wall_ms) / 1000;
    for (size_t index = 0; index < MEMORY_COUNT(units); index++) {
        int64_t count = age / units[index].seconds;
        if (count > 0) {
            buffer_format(out, "%lld %s%s ago", (long long)count, units[index].unit, count == 1 ? "" : "s");
            return;
        }
    }
    buffer_string(out, "just now");
}

void pages_write_size(struct buffer *out, uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes / 1000;
    size_t unit = 0;
    if (bytes < 1000) {
        buffer_format(out, "%u B", (unsigned)bytes);
        return;
    }
    for (; size >= 1000 && unit + 1 < MEMORY_COUNT(units); unit++)
        size /= 1000;
    buffer_format(out, size < 10 ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

/* Two members: `name` in words for people, `name`_iso for <time datetime>. 0 means never and leaves both empty. */
void pages_write_time(struct buffer *out, const char *name, int64_t wall_ms)
{
    BUFFER_AUTO struct buffer words = BUFFER_EMPTY;
    char iso_name[64];
    snprintf(iso_name, sizeof iso_name, "%s_iso", name);
    if (wall_ms != 0)
        pages_write_age(&words, wall_ms);
    json_write_member(out, name, buffer_view(&words));
    buffer_clear(&words);
    if (wall_ms != 0)
        clock_write_iso(&words, wall_ms);
    json_write_member(out, iso_name, buffer_view(&words));
}

void pages_write_flag(struct buffer *out, const char *name, bool value)
{
    json_write_name(out, name);
    buffer_string(out, value ? "true" : "false");
}
