#include "runtime/base/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

static const struct {
    const char *name;
    const char *contents;
    uint16_t flags;
} files[] = {
    {"app.lua", "return ui.interface {}", 0},
    {".vitrine/manifest.json", "{}", BUNDLE_FLAG_GENERATED},
    {"lib/deep/er/x.lua", "return 1", 0},
    {"run.sh", "#!/bin/sh\n", BUNDLE_FLAG_EXECUTABLE},
    {"empty", "", 0},
    {"app.lua.bak", "prefix of a longer name", 0},
    {"\xC3\xA9.txt", "e with acute", 0},
};

static void make(struct buffer *out)
{
    struct bundle_writer writer;
    bundle_writer_init(&writer);
    for (size_t i = 0; i < MEMORY_COUNT(files); i++)
        assert_int_equal(bundle_writer_add(&writer, text_from(files[i].name), text_from(files[i].contents),
                                           files[i].flags),
                         0);
    assert_int_equal(bundle_writer_finish(&writer, out), 0);
    bundle_writer_release(&writer);
}

static uint64_t fnv(const unsigned char *data, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

/* Makes the index checksum right again after the test changed the index: an attacker does the same. */
static void reseal(struct buffer *bundle)
{
    unsigned char *data = (unsigned char *)bundle->data;
    uint32_t count;
    uint64_t names, checksum;
    memcpy(&count, data + 12, 4);
    memcpy(&names, data + 24, 8);
    if (64 + (size_t)count * 40 + names > bundle->length)
        return;
    checksum = fnv(data + 64, (size_t)count * 40 + names);
    memcpy(data + 40, &checksum, 8);
}

static void what_goes_in_comes_out(void **state)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY;
    struct bundle bundle;
    struct bundle_entry entry;
    make(&data);
    assert_int_equal(bundle_open(&bundle, data.data, data.length), 0);
    assert_int_equal(bundle_verify(&bundle), 0);
    assert_int_equal(bundle.entry_count, MEMORY_COUNT(files));
    for (size_t i = 0; i < MEMORY_COUNT(files); i++) {
        assert_int_equal(bundle_find(&bundle, text_from(files[i].name), &entry), 0);
        assert_true(text_equal(entry.contents, text_from(files[i].contents)));
        assert_int_equal(entry.flags, files[i].flags);
        assert_int_equal((entry.contents.data - data.data) % 16, 0);
    }
    for (uint32_t i = 1; i < bundle.entry_count; i++) {
        MEMORY_AUTO char *before = text_copy(bundle_at(&bundle, i - 1).name);
        MEMORY_AUTO char *after = text_copy(bundle_at(&bundle, i).name);
        assert_true(strcmp(before, after) < 0);
    }
    assert_int_equal(bundle_find(&bundle, TEXT("app"), &entry), ERROR_NOT_FOUND);
    assert_int_equal(bundle_find(&bundle, TEXT(""), &entry), ERROR_NOT_FOUND);
    assert_int_equal(bundle_find(&bundle, TEXT("zzz"), &entry), ERROR_NOT_FOUND);
}

static void the_order_of_adding_does_not_matter(void **state)
{
    BUFFER_AUTO struct buffer forward = BUFFER_EMPTY, backward = BUFFER_EMPTY;
    struct bundle_writer writer;
    make(&forward);
    bundle_writer_init(&writer);
    for (size_t i = MEMORY_COUNT(files); i-- > 0;)
        assert_int_equal(bundle_writer_add(&writer, text_from(files[i].name), text_from(files[i].contents),
                                           files[i].flags),
                         0);
    assert_int_equal(bundle_writer_finish(&writer, &backward), 0);
    bundle_writer_release(&writer);
    assert_true(text_equal(buffer_view(&forward), buffer_view(&backward)));
}

static void an_empty_bundle_is_fine(void **state)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY;
    struct bundle_writer writer;
    struct bundle bundle;
    bundle_writer_init(&writer);
    assert_int_equal(bundle_writer_finish(&writer, &data), 0);
    bundle_writer_release(&writer);
    assert_int_equal(data.length, 64);
    assert_int_equal(bundle_open(&bundle, data.data, data.length), 0);
    assert_int_equal(bundle.entry_count, 0);
}

static void unsafe_names_are_refused(void **state)
{
    static const struct text names[] = {
        TEXT(""),   TEXT("/a"),     TEXT("a/"),  TEXT("a//b"), TEXT("."),
        TEXT(".."), TEXT("a/../b"), TEXT("./a"), TEXT("a/."),  TEXT("a\0b"),
    };
    struct bundle_writer writer;
    bundle_writer_init(&writer);
    for (size_t i = 0; i < MEMORY_COUNT(names); i++)
        assert_int_equal(bundle_writer_add(&writer, names[i], TEXT("x"), 0), ERROR_INVALID);
    MEMORY_AUTO char *longest = memory_alloc(BOUNDS_BUNDLE_NAME_BYTES + 1, 1);
    memset(longest, 'n', BOUNDS_BUNDLE_NAME_BYTES + 1);
    assert_int_equal(
        bundle_writer_add(&writer, (struct text){longest, BOUNDS_BUNDLE_NAME_BYTES + 1}, TEXT("x"), 0),
        ERROR_INVALID);
    assert_int_equal(
        bundle_writer_add(&writer, (struct text){longest, BOUNDS_BUNDLE_NAME_BYTES}, TEXT("x"), 0), 0);
    assert_int_equal(bundle_writer_add(&writer, TEXT("..."), TEXT("x"), 0), 0);
    assert_int_equal(bundle_writer_add(&writer, TEXT("..."), TEXT("y"), 0), ERROR_EXISTS);
    assert_int_equal(bundle_writer_add(&writer, TEXT("f"), TEXT("y"), 4), ERROR_INVALID);
    bundle_writer_release(&writer);
}

/* Every byte of header, index and names, set to something else, with the checksum made right again. What is
 * still accepted must hold its promises: names, ranges and order. */
static void a_changed_index_never_leads_outside(void **state)
{
    BUFFER_AUTO struct buffer good = BUFFER_EMPTY;
    make(&good);
    size_t index_end = 64 + MEMORY_COUNT(files) * 40 + 80;
    for (size_t at = 0; at < index_end; at++) {
        for (int change = 0; change < 4; change++) {
            static const unsigned char values[] = {0xFF, 0x01, 0x80, '/'};
            BUFFER_AUTO struct buffer bad = BUFFER_EMPTY;
            struct bundle bundle;
            buffer_text(&bad, buffer_view(&good));
            bad.data[at] = (char)(bad.data[at] ^ values[change]);
            reseal(&bad);
            if (bundle_open(&bundle, bad.data, bad.length) < 0)
                continue;
            for (uint32_t i = 0; i < bundle.entry_count; i++) {
                struct bundle_entry entry = bundle_at(&bundle, i);
                assert_true(entry.contents.data >= bad.data);
                assert_true(entry.contents.data + entry.contents.length <= bad.data + bad.length);
                assert_true(entry.name.length > 0 && entry.name.data[0] != '/');
            }
            bundle_verify(&bundle);
        }
    }
}

static void a_shortened_file_is_refused(void **state)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY;
    struct bundle bundle;
    make(&data);
    for (size_t length = 0; length < data.length; length++)
        assert_int_equal(bundle_open(&bundle, data.data, length), ERROR_CORRUPT);
    buffer_byte(&data, 0);
    assert_int_equal(bundle_open(&bundle, data.data, data.length), ERROR_CORRUPT);
}

static void too_many_entries_are_a_limit(void **state)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY;
    struct bundle bundle;
    uint32_t count = BOUNDS_BUNDLE_ENTRIES + 1;
    make(&data);
    memcpy(data.data + 12, &count, 4);
    assert_int_equal(bundle_open(&bundle, data.data, data.length), ERROR_LIMIT);
}

static void damaged_contents_are_found(void **state)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY;
    struct bundle bundle;
    make(&data);
    data.data[data.length - 1] ^= 1;
    assert_int_equal(bundle_open(&bundle, data.data, data.length), 0);
    assert_int_equal(bundle_verify(&bundle), ERROR_CORRUPT);
}

static void a_file_is_mapped(void **state)
{
    BUFFER_AUTO struct buffer data = BUFFER_EMPTY;
    struct bundle bundle;
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    make(&data);
    assert_int_equal(bundle_map(&bundle, fd), ERROR_CORRUPT); /* empty */
    assert_int_equal(write(fd, data.data, data.length), (ssize_t)data.length);
    assert_int_equal(bundle_map(&bundle, fd), 0);
    assert_int_equal(bundle.entry_count, MEMORY_COUNT(files));
    bundle_unmap(&bundle);
    bundle_unmap(&bundle);
    assert_int_equal(ftruncate(fd, (off_t)data.length - 1), 0);
    assert_int_equal(bundle_map(&bundle, fd), ERROR_CORRUPT);
    assert_int_equal(ftruncate(fd, (off_t)BOUNDS_BUNDLE_BYTES + 1), 0);
    assert_int_equal(bundle_map(&bundle, fd), ERROR_LIMIT);
    close(fd);
    assert_int_equal(bundle_map(&bundle, fd), ERROR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(the_order_of_adding_does_not_matter),
        cmocka_unit_test(an_empty_bundle_is_fine),
        cmocka_unit_test(unsafe_names_are_refused),
        cmocka_unit_test(a_changed_index_never_leads_outside),
        cmocka_unit_test(a_shortened_file_is_refused),
        cmocka_unit_test(too_many_entries_are_a_limit),
        cmocka_unit_test(damaged_contents_are_found),
        cmocka_unit_test(a_file_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
