/* wrap: lockdown_process */
/* What is seen of a live release: its files, its folders, and what stays ours. */
#include "store/content.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";

/* A release of these files (names, contents, …, NULL), live in a fresh demo. */
static struct repository publish_files(struct box *box, const char *const *files)
{
    struct bundle_writer writer;
    BUFFER_AUTO struct buffer bundle = BUFFER_EMPTY;
    char name[33], digest[65];
    struct repository demo = scratch_repository(&box->scratch, "digits", false);
    bundle_writer_init(&writer);
    for (; *files; files += 2)
        assert_int_equal(bundle_writer_add(&writer, text_from(files[0]), text_from(files[1]), 0), 0);
    assert_int_equal(bundle_writer_finish(&writer, &bundle), 0);
    bundle_writer_release(&writer);
    memset(digest, 'a', 64);
    digest[64] = 0;
    int fd = vault_begin(&box->scratch.vault, name);
    assert_true(fd >= 0 && write(fd, bundle.data, bundle.length) == (ssize_t)bundle.length);
    assert_int_equal(vault_keep(&box->scratch.vault, fd, name, digest), 0);
    close(fd);
    scratch_release(&box->scratch, demo.id, commit, digest);
    return demo;
}

static struct content *open_files(struct box *box, const char *const *files)
{
    struct repository demo = publish_files(box, files);
    struct content *content = NULL;
    assert_int_equal(content_open(&box->store, &demo, &content), 0);
    return content;
}

#define MANIFEST ".vitrine/manifest.json", "{\"title\":\"Digits \\u00e4\",\"n\":1}"

static void assert_folder(const struct content *content, const char *folder, const char *names)
{
    BUFFER_AUTO struct buffer json = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer found = BUFFER_EMPTY;
    struct json parsed;
    bool there = content_write_folder(content, text_from(folder), TEXT("/spaces/ann/digits"), &json);
    assert_int_equal(there, names != NULL);
    assert_int_equal(json_parse(&parsed, buffer_view(&json), NULL), 0);
    for (size_t index = 0; json_at(&parsed, &parsed.nodes[0], index); index++) {
        const struct json_node *entry = json_at(&parsed, &parsed.nodes[0], index);
        json_string(json_get(&parsed, entry, "name"), &found);
        buffer_string(&found, json_get(&parsed, entry, "folder")->type == JSON_TRUE ? "/ " : " ");
    }
    buffer_byte(&found, 0);
    assert_string_equal(found.data, names ? names : "");
    json_release(&parsed);
}

static void test_folders_come_first_and_once(void **state)
{
    static const char *const files[] = {"README.md", "1", "a-b", "22", "a.txt", "3", "a/x", "4", "a/y/z", "5",
                                        "a/y/zz", "6", "b/only", "7", MANIFEST, NULL};
    struct content *content = open_files(*state, files);
    assert_folder(content, "", "a/ b/ README.md a-b a.txt ");
    assert_folder(content, "a", "y/ x ");
    assert_folder(content, "a/y", "z zz ");
    assert_folder(content, "b", "only ");
    static const char *const none[] = {"c", "a/", "/a", "a/x", "README.md", ".vitrine", "A", "a/y/z", ".."};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_folder(content, none[i], NULL);
    assert_int_equal(content->total_bytes, 8);
    content_free(content);
}

static void test_names_of_files_are_no_markup_and_no_address(void **state)
{
    static const char *const files[] = {"a\"<b>/?#%.txt", "1", MANIFEST, NULL};
    struct content *content = open_files(*state, files);
    BUFFER_AUTO struct buffer json = BUFFER_EMPTY;
    assert_true(content_write_folder(content, TEXT("a\"<b>"), TEXT("/spaces/ann/digits"), &json));
    buffer_byte(&json, 0);
    assert_non_null(strstr(json.data, "\"href\":\"/spaces/ann/digits/blob/main/a%22%3Cb%3E/%3F%23%25.txt\""));
    content_free(content);
}

static void test_files_are_found_by_exactly_their_name(void **state)
{
    static const char *const files[] = {"a/b.txt", "hello", "empty", "", MANIFEST, NULL};
    struct content *content = open_files(*state, files);
    struct bundle_entry entry;
    assert_int_equal(content_find(content, TEXT("a/b.txt"), &entry), 0);
    assert_true(text_equal(entry.contents, TEXT("hello")));
    assert_int_equal(content_find(content, TEXT("empty"), &entry), 0);
    assert_int_equal(entry.contents.length, 0);
    static const char *const none[] = {"", "a", "a/", "/a/b.txt", "./a/b.txt", "a//b.txt", "a/../a/b.txt", "A/b.txt",
                                       ".vitrine/manifest.json", "a/b.tx", "a/b.txt/"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(content_find(content, text_from(none[i]), &entry), ERROR_NOT_FOUND);
    content_free(content);
}

static void test_texts_of_the_manifest(void **state)
{
    static const char *const files[] = {MANIFEST, NULL};
    struct content *content = open_files(*state, files);
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;
    content_text(content, "absent", &out);
    content_text(content, "n", &out); /* no text */
    assert_int_equal(out.length, 0);
    content_text(content, "title", &out);
    assert_true(text_equal(buffer_view(&out), TEXT("Digits \xc3\xa4")));
    assert_folder(content, "", "");
    content_free(content);
}

static void test_what_cannot_be_opened(void **state)
{
    struct box *box = *state;
    struct content *content = NULL;
    struct repository empty = scratch_repository(&box->scratch, "empty", false);
    assert_int_equal(content_open(&box->store, &empty, &content), ERROR_NOT_FOUND);
    static const char *const files[] = {"app.lua", "1", NULL};
    struct repository demo = publish_files(box, files);
    assert_int_equal(content_open(&box->store, &demo, &content), ERROR_CORRUPT); /* no manifest */
    assert_null(content);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "digits" : "empty";
        char path[64];
        snprintf(path, sizeof path, "/spaces/ann/%s/tree/main", name);
        assert_int_equal(box_get(box, path, ""), 200); /* an empty root */
        snprintf(path, sizeof path, "/spaces/ann/%s/tree/main/a", name);
        assert_int_equal(box_get(box, path, ""), 404);
    }
}

/* The next push replaces it while an answer still shows it. */
static void test_it_stays_readable_when_the_bundle_goes(void **state)
{
    static const char *const files[] = {"a", "hello", MANIFEST, NULL};
    struct box *box = *state;
    struct content *content = open_files(box, files);
    struct bundle_entry entry;
    vault_remove(&box->store.vault, text_from(content->release.digest));
    assert_int_equal(content_find(content, TEXT("a"), &entry), 0);
    assert_true(text_equal(entry.contents, TEXT("hello")));
    content_free(content);
    content_free(NULL);
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        BOXED(test_folders_come_first_and_once),
        BOXED(test_names_of_files_are_no_markup_and_no_address),
        BOXED(test_files_are_found_by_exactly_their_name),
        BOXED(test_texts_of_the_manifest),
        BOXED(test_what_cannot_be_opened),
        BOXED(test_it_stays_readable_when_the_bundle_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
