/* Files of visitors and demos: found only by their handle, bounded by a quota that counts what is under way, gone in time. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "store/files.h"

struct fixture {
    struct scratch scratch;
    struct files files;
    int64_t demo, other;
};

static int setup(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    scratch_open(&fixture->scratch);
    fixture->demo = scratch_repository(&fixture->scratch, "one", false).id;
    fixture->other = scratch_repository(&fixture->scratch, "two", false).id;
    assert_int_equal(files_init(&fixture->files, &fixture->scratch.database, fixture->scratch.path), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    files_release(&fixture->files);
    scratch_close(&fixture->scratch);
    free(fixture);
    return 0;
}

/* Stores a file and appends its handle. */
static int put(struct fixture *fixture, const char *session, struct text data, struct buffer *ret_handle)
{
    struct files_writer writer;
    int result = files_begin(&fixture->files, fixture->demo, text_from(session), TEXT("a b.txt"), &writer);
    if (result != 0)
        return result;
    files_set_type(&writer, TEXT("text/plain"));
    result = files_append(&writer, data);
    if (result == 0)
        result = files_finish(&writer);
    if (result == 0)
        buffer_text(ret_handle, buffer_view(&writer.handle));
    files_abandon(&writer);
    return result;
}

static int find(struct fixture *fixture, int64_t demo, const char *session, struct text handle)
{
    struct files_entry entry;
    struct text name = text_from(session ? session : "");
    int result = files_find(&fixture->files, demo, session ? &name : NULL, handle, &entry);
    files_entry_release(&entry);
    return result;
}

static void a_handle_leads_to_the_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct files_entry entry;
    char bytes[8] = {0};
    BUFFER_AUTO struct buffer handle = BUFFER_EMPTY;
    assert_int_equal(put(fixture, "", TEXT("hello"), &handle), 0);
    assert_int_equal(files_find(&fixture->files, fixture->demo, NULL, buffer_view(&handle), &entry), 0);
    assert_int_equal(entry.bytes, 5);
    assert_string_equal(entry.name.data, "a b.txt");
    assert_string_equal(entry.mime_type.data, "text/plain");
    int fd = files_open(&fixture->files, &entry);
    assert_int_equal(read(fd, bytes, sizeof bytes), 5);
    assert_string_equal(bytes, "hello");
    close(fd);
    files_entry_release(&entry);
    /* The secret is in the handle and nowhere below the folder. */
    assert_null(strstr(entry.path, text_head(buffer_view(&handle), 66).data + 2));
}

static void only_for_its_demo_and_session(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_AUTO struct buffer anybody = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer bound = BUFFER_EMPTY;
    assert_int_equal(put(fixture, "", TEXT("x"), &anybody), 0);
    assert_int_equal(put(fixture, "s1", TEXT("x"), &bound), 0);
    assert_int_equal(find(fixture, fixture->demo, "s9", buffer_view(&anybody)), 0);
    assert_int_equal(find(fixture, fixture->demo, "s1", buffer_view(&bound)), 0);
    assert_int_equal(find(fixture, fixture->demo, NULL, buffer_view(&bound)), 0);
    assert_int_equal(find(fixture, fixture->demo, "s2", buffer_view(&bound)), ERROR_NOT_FOUND);
    assert_int_equal(find(fixture, fixture->demo, "", buffer_view(&bound)), ERROR_NOT_FOUND);
    assert_int_equal(find(fixture, fixture->other, NULL, buffer_view(&anybody)), ERROR_NOT_FOUND);
}

static void handles_that_were_not_issued(void **state)
{
    static const char *const handles[] = {
        "", "f/", "f", "/", "f//x", "x/0000", "f/../../vitrine.db", "/etc/passwd",
        "f/0000000000000000000000000000000000000000000000000000000000000000/x",
        "f/000000000000000000000000000000000000000000000000000000000000000/x",
        "F/0000000000000000000000000000000000000000000000000000000000000000/x",
    };
    struct fixture *fixture = *state;
    BUFFER_AUTO struct buffer handle = BUFFER_EMPTY;
    assert_int_equal(put(fixture, "", TEXT("x"), &handle), 0);
    for (size_t index = 0; index < MEMORY_COUNT(handles); index++)
        assert_int_equal(find(fixture, fixture->demo, NULL, text_from(handles[index])), ERROR_NOT_FOUND);
    for (size_t index = 2; index < 66; index += 7) { /* one digit off */
        handle.data[index] = handle.data[index] == '0' ? '1' : '0';
        assert_int_equal(find(fixture, fixture->demo, NULL, buffer_view(&handle)), ERROR_NOT_FOUND);
    }
}

static void the_quota_counts_what_is_under_way(void **state)
{
    struct fixture *fixture = *state;
    struct files_writer first, second, third;
    BUFFER_AUTO struct buffer handle = BUFFER_EMPTY;
    static char block[BOUNDS_FILE_COST_BYTES];
    fixture->files.quota_bytes = 3 * BOUNDS_FILE_COST_BYTES;
    assert_int_equal(files_begin(&fixture->files, fixture->demo, TEXT(""), TEXT("1"), &first), 0);
    assert_int_equal(files_begin(&fixture->files, fixture->demo, TEXT(""), TEXT("2"), &second), 0);
    assert_int_equal(files_append(&first, (struct text){block, sizeof block}), 0); /* as its first block, which is paid */
    assert_int_equal(files_append(&first, (struct text){block, sizeof block}), 0);
    assert_int_equal(files_append(&first, TEXT("x")), ERROR_LIMIT);
    assert_int_equal(files_begin(&fixture->files, fixture->demo, TEXT(""), TEXT("3"), &third), ERROR_LIMIT);
    files_abandon(&second); /* gives its room back */
    assert_int_equal(files_append(&first, TEXT("x")), 0);
    assert_int_equal(files_finish(&first), 0);
    files_abandon(&first); /* finished: this only releases */
    assert_int_equal(put(fixture, "", TEXT("x"), &handle), ERROR_LIMIT);
    /* Another demo has its own. */
    assert_int_equal(files_begin(&fixture->files, fixture->other, TEXT(""), TEXT("4"), &third), 0);
    files_abandon(&third);
    /* What a restart reads from the database is the same. */
    int64_t quota = fixture->files.quota_bytes;
    files_release(&fixture->files);
    assert_int_equal(files_init(&fixture->files, &fixture->scratch.database, fixture->scratch.path), 0);
    fixture->files.quota_bytes = quota;
    assert_int_equal(put(fixture, "", TEXT("x"), &handle), ERROR_LIMIT);
    fixture->files.quota_bytes += BOUNDS_FILE_COST_BYTES;
    assert_int_equal(put(fixture, "", TEXT("x"), &handle), 0);
}

static void what_is_abandoned_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct files_writer writer;
    char path[128];
    assert_int_equal(files_begin(&fixture->files, fixture->demo, TEXT(""), TEXT("x"), &writer), 0);
    snprintf(path, sizeof path, "files/%s", writer.path);
    assert_true(scratch_exists(&fixture->scratch, path));
    assert_int_equal(files_append(&writer, TEXT("half")), 0);
    files_abandon(&writer);
    assert_false(scratch_exists(&fixture->scratch, path));
    assert_int_equal(database_integer(&fixture->scratch.database, "SELECT count(*) FROM files", ""), 0);
}

static void time_is_up(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_AUTO struct buffer old = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer fresh = BUFFER_EMPTY;
    fixture->files.quota_bytes = 2 * BOUNDS_FILE_COST_BYTES;
    assert_int_equal(put(fixture, "", TEXT("old"), &old), 0);
    assert_int_equal(database_run(&fixture->scratch.database, "UPDATE files SET expires_ms = ?", "i", clock_wall_ms()), 1);
    assert_int_equal(put(fixture, "", TEXT("fresh"), &fresh), 0);
    assert_int_equal(find(fixture, fixture->demo, NULL, buffer_view(&old)), ERROR_NOT_FOUND); /* before any sweep */
    assert_int_equal(files_expire(&fixture->files), 1);
    assert_int_equal(files_expire(&fixture->files), 0);
    assert_int_equal(find(fixture, fixture->demo, NULL, buffer_view(&fresh)), 0);
    buffer_clear(&old);
    assert_int_equal(put(fixture, "", TEXT("its room is free again"), &old), 0);
}

static void what_a_crash_left_is_swept(void **state)
{
    struct fixture *fixture = *state;
    BUFFER_AUTO struct buffer handle = BUFFER_EMPTY;
    char path[128], folder[32];
    assert_int_equal(put(fixture, "", TEXT("kept"), &handle), 0);
    snprintf(folder, sizeof folder, "files/%lld", (long long)fixture->demo);
    snprintf(path, sizeof path, "%s/%064d", folder, 0);
    close(scratch_file(&fixture->scratch, path, "orphan", 6));
    files_release(&fixture->files);
    assert_int_equal(files_init(&fixture->files, &fixture->scratch.database, fixture->scratch.path), 0);
    assert_false(scratch_exists(&fixture->scratch, path));
    assert_int_equal(find(fixture, fixture->demo, NULL, buffer_view(&handle)), 0);
    files_drop_repository(&fixture->files, fixture->demo);
    assert_false(scratch_exists(&fixture->scratch, folder));
    assert_int_equal(find(fixture, fixture->demo, NULL, buffer_view(&handle)), ERROR_NOT_FOUND);
}

static void a_link_is_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct files_entry entry;
    BUFFER_AUTO struct buffer handle = BUFFER_EMPTY;
    char path[256];
    assert_int_equal(put(fixture, "", TEXT("x"), &handle), 0);
    assert_int_equal(files_find(&fixture->files, fixture->demo, NULL, buffer_view(&handle), &entry), 0);
    snprintf(path, sizeof path, "%s/files/%s", fixture->scratch.path, entry.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(files_open(&fixture->files, &entry), ERROR_NOT_FOUND);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(files_open(&fixture->files, &entry), ERROR_SYSTEM);
    files_entry_release(&entry);
}

static void types_a_browser_is_told(void **state)
{
    static const struct {
        const char *type, *name, *expected;
        bool shown;
    } cases[] = {
        {"image/png", "x", "image/png", true}, {"IMAGE/PNG; q=1", "x", "image/png", true},
        {"text/plain", "x.html", "text/plain; charset=utf-8", true}, {"", "x.png", "image/png", true},
        {"application/octet-stream", "x.wav", "audio/wav", true}, {"", "x.svg", "application/octet-stream", false},
        {"image/svg+xml", "x.png", "application/octet-stream", false}, {"text/html", "x", "application/octet-stream", false},
        {"", "x", "application/octet-stream", false}, {"text/html\r\nX: y", "x", "application/octet-stream", false},
    };
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        bool shown;
        assert_string_equal(files_safe_type(text_from(cases[index].type), text_from(cases[index].name), &shown),
                            cases[index].expected);
        assert_int_equal(shown, cases[index].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handle_leads_to_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(only_for_its_demo_and_session, setup, teardown),
        cmocka_unit_test_setup_teardown(handles_that_were_not_issued, setup, teardown),
        cmocka_unit_test_setup_teardown(the_quota_counts_what_is_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_abandoned_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_up, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_is_swept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed, setup, teardown),
        cmocka_unit_test(types_a_browser_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
