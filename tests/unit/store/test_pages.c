/* The real page templates: all there, all filled without a name left over, all escaping what is given. */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "store/pages.h"

/* A share folder with the tree's own templates and a small manifest. */
static void make_share(const struct scratch *scratch, char share[160])
{
    char path[200];
    static const char manifest[] = "{\"files\":{\"site.css\":{\"name\":\"site-1.css\"},\"site.js\":{\"name\":\"site-2.js\"},"
                                   "\"icon.svg\":{\"name\":\"icon-3.svg\"}}}";
    snprintf(share, 160, "%s/share", scratch->path);
    assert_int_equal(mkdir(share, 0700), 0);
    snprintf(path, sizeof path, "%s/kit", share);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/pages", share);
    assert_int_equal(symlink(TEST_SOURCE_ROOT "/ui-kit/pages", path), 0);
    close(scratch_file(scratch, "share/kit/manifest.json", manifest, sizeof manifest - 1));
}

static void every_page_can_be_composed(void **state)
{
    static const char *const names[] = {"account", "api", "code", "demo", "error", "gallery", "login", "logs", "model", "settings"};
    struct scratch *scratch = *state;
    struct pages pages;
    char share[160];
    make_share(scratch, share);
    assert_int_equal(pages_init(&pages, share), 0);
    for (size_t index = 0; index < MEMORY_COUNT(names); index++) {
        BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
        struct page page = {.template_name = names[index], .word = names[index], .title = TEXT("<T>"), .theme = TEXT("dark"),
                            .user = TEXT("ann"), .context = TEXT("{\"title\":\"<b>\",\"error\":\"<i>\"}")};
        assert_int_equal(pages_compose(&pages, &page, &out), 0);
        assert_null(strstr(out.data, "{{"));
        assert_null(strstr(out.data, "<b>"));
        assert_null(strstr(out.data, "<T>"));
        assert_non_null(strstr(out.data, "site-1.css"));
        assert_non_null(strstr(out.data, "data-theme=\"dark\""));
        assert_non_null(strstr(out.data, "</html>"));
    }
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    assert_int_equal(pages_fill(&pages, "none", TEXT("{}"), &out), ERROR_NOT_FOUND);
    assert_int_equal(pages_fill(&pages, "login", TEXT("{"), &out), ERROR_INVALID);
    pages_release(&pages);
}

static void what_is_missing_is_found_at_start(void **state)
{
    struct scratch *scratch = *state;
    struct pages pages;
    char share[160], path[200];
    assert_int_equal(pages_init(&pages, "/nonexistent"), ERROR_NOT_FOUND);
    make_share(scratch, share);
    close(scratch_file(scratch, "share/kit/manifest.json", "{}", 2));
    assert_int_equal(pages_init(&pages, share), ERROR_INVALID);
    snprintf(path, sizeof path, "%s/pages", share);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    close(scratch_file(scratch, "share/pages/account.html", "{{#open}}", 9));
    assert_int_equal(pages_init(&pages, share), ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_page_can_be_composed, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_found_at_start, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
