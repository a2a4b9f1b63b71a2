#include "runtime/worker/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static void put_record(FILE *stage, const char *path, uint32_t mode, uint64_t size, const char *contents)
{
    uint32_t length = (uint32_t)strlen(path);
    fwrite(&length, 4, 1, stage);
    fwrite(&mode, 4, 1, stage);
    fwrite(&size, 8, 1, stage);
    fwrite(path, 1, length, stage);
    fwrite(contents, 1, strlen(contents), stage);
}

static int read_stage(FILE *stage, struct bundle_writer *writer, struct buffer *report)
{
    fflush(stage);
    lseek(fileno(stage), 0, SEEK_SET);
    bundle_writer_init(writer);
    int result = stage_read(fileno(stage), writer, report);
    fclose(stage);
    return result;
}

static void a_tree_is_read_whole(void **state)
{
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer report = BUFFER_EMPTY, bytes = BUFFER_EMPTY;
    struct bundle bundle;
    struct bundle_entry entry;
    FILE *stage = tmpfile();

    put_record(stage, "b/run", 0100755, 2, "#!");
    put_record(stage, "a", 0100644, 0, "");
    put_record(stage, "", 0, 0, "");
    assert_int_equal(read_stage(stage, &writer, &report), 0);
    assert_int_equal(bundle_writer_finish(&writer, &bytes), 0);
    assert_int_equal(bundle_open(&bundle, bytes.data, bytes.length), 0);
    assert_int_equal(bundle.entry_count, 2);
    assert_int_equal(bundle_find(&bundle, TEXT("b/run"), &entry), 0);
    assert_int_equal(entry.flags, BUNDLE_FLAG_EXECUTABLE);
    assert_true(text_equal(entry.contents, TEXT("#!")));
    assert_int_equal(bundle_find(&bundle, TEXT("a"), &entry), 0);
    assert_int_equal(entry.flags, 0);
    bundle_writer_release(&writer);
}

static void bad_names_are_refused_with_words(void **state)
{
    static const struct {
        const char *path, *words;
    } cases[] = {
        {".vitrine/config.json", ".vitrine/config.json: the folder .vitrine is reserved; rename it\n"},
        {"../a", "../a: is not a name that a file can have here\n"},
        {"/etc/passwd", "/etc/passwd: is not a name that a file can have here\n"},
        {"a//b", "a//b: is not a name that a file can have here\n"},
        {"a/", "a/: is not a name that a file can have here\n"},
    };
    for (size_t i = 0; i < MEMORY_COUNT(cases); i++) {
        struct bundle_writer writer;
        BUFFER_AUTO struct buffer report = BUFFER_EMPTY;
        FILE *stage = tmpfile();
        put_record(stage, cases[i].path, 0100644, 0, "");
        put_record(stage, "", 0, 0, "");
        assert_true(read_stage(stage, &writer, &report) < 0);
        assert_true(text_equal(buffer_view(&report), text_from(cases[i].words)));
        bundle_writer_release(&writer);
    }
}

static void a_name_may_come_once(void **state)
{
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer report = BUFFER_EMPTY;
    FILE *stage = tmpfile();
    put_record(stage, "a", 0100644, 1, "1");
    put_record(stage, "a", 0100644, 1, "2");
    assert_true(read_stage(stage, &writer, &report) < 0);
    assert_true(text_equal(buffer_view(&report), TEXT("a: stands in the tree twice\n")));
    bundle_writer_release(&writer);
}

static void streams_that_lie_or_end_early(void **state)
{
    static const struct {
        uint64_t size;
        int result;
    } sizes[] = {{5, ERROR_CLOSED}, {BOUNDS_TREE_FILE_BYTES + 1, ERROR_LIMIT}, {UINT64_MAX, ERROR_LIMIT}, {1ull << 63, ERROR_LIMIT}};
    for (size_t i = 0; i < MEMORY_COUNT(sizes); i++) {
        struct bundle_writer writer;
        BUFFER_AUTO struct buffer report = BUFFER_EMPTY;
        FILE *stage = tmpfile();
        put_record(stage, "a", 0100644, sizes[i].size, "1234");
        assert_int_equal(read_stage(stage, &writer, &report), sizes[i].result);
        assert_true(report.length > 0);
        bundle_writer_release(&writer);
    }
    for (size_t cut = 0; cut < 21; cut++) { /* everywhere within a record and its end */
        struct bundle_writer writer;
        BUFFER_AUTO struct buffer report = BUFFER_EMPTY;
        FILE *stage = tmpfile();
        put_record(stage, "a", 0100644, 4, "1234");
        fflush(stage);
        assert_int_equal(ftruncate(fileno(stage), (off_t)cut), 0);
        assert_int_equal(read_stage(stage, &writer, &report), ERROR_CLOSED);
        bundle_writer_release(&writer);
    }
}

static void a_path_longer_than_a_name_is_not_read(void **state)
{
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer report = BUFFER_EMPTY;
    FILE *stage = tmpfile();
    const uint32_t head[4] = {UINT32_MAX, 0100644, 0, 0};
    fwrite(head, sizeof head, 1, stage);
    assert_int_equal(read_stage(stage, &writer, &report), ERROR_LIMIT);
    bundle_writer_release(&writer);
}

static void folders_are_walked_without_following_links(void **state)
{
    char folder[] = "/tmp/vitrine-stage-XXXXXX", path[128];
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer report = BUFFER_EMPTY;
    FILE *file;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/.git", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/app.lua", folder);
    assert_non_null(file = fopen(path, "w"));
    fclose(file);
    bundle_writer_init(&writer);
    assert_int_equal(stage_read_folder(folder, &writer, &report), 0);
    assert_int_equal(writer.count, 1);
    bundle_writer_release(&writer);
    snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_true(stage_read_folder(folder, &writer, &report) < 0);
    assert_true(text_equal(buffer_view(&report),
                           TEXT("link: symbolic links are not supported; commit the file itself\n")));
    bundle_writer_release(&writer);
    buffer_clear(&report);
    assert_true(stage_read_folder("/tmp/vitrine-not-there", &writer, &report) < 0);
    assert_true(report.length > 0);
    bundle_writer_release(&writer);
    unlink(path);
    snprintf(path, sizeof path, "%s/app.lua", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/.git", folder);
    rmdir(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_read_whole),
        cmocka_unit_test(bad_names_are_refused_with_words),
        cmocka_unit_test(a_name_may_come_once),
        cmocka_unit_test(streams_that_lie_or_end_early),
        cmocka_unit_test(a_path_longer_than_a_name_is_not_read),
        cmocka_unit_test(folders_are_walked_without_following_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
