#include "runtime/base/entry.h"

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"

static char seen; /* its address stands for "there" in a map whose values nobody reads */

void entry_rules_init(struct entry_rules *rules)
{
    *rules = (struct entry_rules){0};
    map_init(&rules->names);
}

void entry_rules_release(struct entry_rules *rules)
{
    map_release(&rules->names);
}

static bool path_is_clean(struct text path)
{
    for (size_t index = 0; index < path.length; index++) {
        unsigned char byte = (unsigned char)path.data[index];
        if (byte < 0x20 || byte == 0x7f || byte == '\\')
            return false;
    }
    return path.length > 0 && text_is_utf8(path);
}

static struct text last_segment(struct text path)
{
    while (text_find(path, '/') >= 0)
        text_cut(&path, '/');
    return path;
}

/* git refuses most of these itself when it receives a push; a folder on disk is judged only here. */
static const char *name_objection(struct text path)
{
    struct text name = last_segment(path);
    if (!path_is_clean(path))
        return "this name has control characters, backslashes or is not UTF-8; rename the file";
    if (path.length > BOUNDS_BUNDLE_NAME_BYTES)
        return "this path is longer than 1024 bytes; shorten it";
    if (name.length == 0 || text_equal(name, TEXT(".")) || text_equal(name, TEXT("..")) ||
        text_equal_ignore_case(name, TEXT(".git")))
        return "no file or folder can have this name here; rename it";
    if (text_equal_ignore_case(text_head(path, 8), TEXT(".vitrine")) && (path.length == 8 || path.data[8] == '/'))
        return "the folder .vitrine is made by this server; rename yours";
    return NULL;
}

static const char *kind_objection(enum entry_kind kind)
{
    static const char *const sentences[] = {
        [ENTRY_FILE] = NULL,
        [ENTRY_FOLDER] = NULL,
        [ENTRY_LINK] = "symbolic links are not supported; commit the file itself",
        [ENTRY_SUBMODULE] = "submodules are not supported; commit the files themselves",
        [ENTRY_OTHER] = "this is neither a file nor a folder; commit plain files only",
    };
    return sentences[kind];
}

static const char *count(struct entry_rules *rules, enum entry_kind kind, uint64_t bytes)
{
    if (kind == ENTRY_FOLDER)
        return ++rules->folders > BOUNDS_TREE_FOLDERS ? "a repository may have at most 10,000 folders; remove some"
                                                      : NULL;
    if (++rules->files > BOUNDS_TREE_FILES)
        return "a repository may have at most 10,000 files; remove some";
    if (bytes > BOUNDS_TREE_FILE_BYTES)
        return "the file is larger than 256 MiB; make it smaller";
    rules->bytes += bytes; /* cannot overflow: each is at most 256 MiB, and there are at most 10,000 */
    if (rules->bytes > BOUNDS_TREE_BYTES)
        return "with this file the repository is larger than 512 MiB; remove some files";
    return NULL;
}

static bool is_new(struct entry_rules *rules, struct text path)
{
    BUFFER_AUTO struct buffer lower = BUFFER_EMPTY;
    for (size_t index = 0; index < path.length; index++) {
        char byte = path.data[index];
        buffer_byte(&lower, byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte);
    }
    return map_set(&rules->names, buffer_view(&lower), &seen) == NULL;
}

int entry_admit(struct entry_rules *rules, struct text path, enum entry_kind kind, uint64_t bytes,
                const char **ret_sentence)
{
    const char *sentence = name_objection(path);
    if (sentence == NULL)
        sentence = kind_objection(kind);
    if (sentence == NULL && !is_new(rules, path))
        sentence = "another name differs from this one only in capital letters, so a clone on macOS or Windows loses "
                   "one of them; rename one";
    if (sentence != NULL) {
        *ret_sentence = sentence;
        return ERROR_INVALID;
    }
    sentence = count(rules, kind, bytes);
    if (sentence != NULL)
        *ret_sentence = sentence;
    return sentence != NULL ? ERROR_LIMIT : 0;
}

void entry_write_path(struct buffer *out, struct text path)
{
    bool utf8 = text_is_utf8(path);
    for (size_t index = 0; index < path.length; index++) {
        unsigned char byte = (unsigned char)path.data[index];
        if (byte < 0x20 || byte == 0x7f || (byte > 0x7f && !utf8))
            buffer_format(out, "\\x%02x", byte);
        else
            buffer_byte(out, (char)byte);
    }
}

const char *entry_contents_objection(struct text contents)
{
    if (text_starts(contents, TEXT("version https://git-lfs.github.com/spec/")))
        return "this is a Git LFS pointer, not the file; run \"git lfs migrate export\" and push the file itself";
    return NULL;
}

const char *entry_tree_objection(const struct entry_rules *rules)
{
    return rules->files == 0 ? "the repository is empty; commit a README.md and an app.lua" : NULL;
}
