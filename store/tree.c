/* Reading a pushed tree without trusting a byte of it.
 *
 * The objects still lie in git's quarantine when the hook asks, so no git_repository of the real folder would see
 * them (and opening one would read its configuration). Instead two object folders, quarantine first, are put into one
 * bare object database, and a repository without refs is wrapped around it. Objects are read once each and checked
 * against their names (strict hash verification, no cache: store.c). What names, kinds, counts and sizes may be is
 * decided in runtime/base/entry.c, because `vitrine check` decides the same. Nothing of the tree is kept in memory
 * but its list; the contents are read one file at a time while they are sent into the describe cage. */
#include "store/tree.h"

#include <ctype.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/bounds.h"
#include "runtime/base/entry.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"

/* What the walk carries along. */
struct walk {
    struct tree *tree;
    git_repository *repository; /* made up around tree->odb: no configuration, no refs, only objects */
    struct entry_rules rules;
    struct buffer path;         /* of the entry being looked at */
    struct buffer *reason;      /* the caller's */
};

/* libgit2's own words go to the log; the author gets a sentence from whoever called. */
static int git_trouble(const char *what)
{
    const git_error *trouble = git_error_last();
    log_error("cannot %s: %s", what, trouble ? trouble->message : "no reason given");
    return ERROR_SYSTEM;
}

/* The hook sees the repository under another path than the store does, so only the folder's name is taken, and only
 * one as git makes them. */
int tree_quarantine_name(struct text path, struct buffer *out)
{
    static const char prefix[] = "tmp_objdir-incoming-";
    while (text_find(path, '/') >= 0)
        text_cut(&path, '/');
    if (!text_starts(path, text_from(prefix)) || path.length == sizeof prefix - 1 || path.length > 64)
        return ERROR_INVALID;
    for (size_t index = sizeof prefix - 1; index < path.length; index++) {
        if (!isalnum((unsigned char)path.data[index]))
            return ERROR_INVALID;
    }
    buffer_text(out, path);
    return 0;
}

/* -- opening -- */

/* lstat: a link that a compromised git cage put there must not lead to somebody else's objects. */
static int add_objects(git_odb *odb, const struct tree_source *source, const char *folder)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
    struct stat status;
    buffer_format(&path, "%s/objects%s%s", source->repository, folder ? "/" : "", folder ? folder : "");
    if (lstat(path.data, &status) != 0 || !S_ISDIR(status.st_mode)) {
        log_error("%s is no folder", path.data);
        return ERROR_SYSTEM;
    }
    return git_odb_add_disk_alternate(odb, path.data) == 0 ? 0 : git_trouble("open a repository's objects");
}

static int open_objects(struct tree *tree, const struct tree_source *source)
{
    if (git_odb_new(&tree->odb) != 0)
        return git_trouble("make an object database");
    int result = source->quarantine ? add_objects(tree->odb, source, source->quarantine) : 0;
    return result != 0 ? result : add_objects(tree->odb, source, NULL);
}

/* -- listing -- */

static int refuse(struct walk *walk, int code, const char *sentence)
{
    entry_write_path(walk->reason, walk->path.length ? buffer_view(&walk->path) : TEXT("the repository"));
    buffer_format(walk->reason, ": %s", sentence);
    return code;
}

static enum entry_kind kind_of(const git_tree_entry *entry)
{
    switch ((unsigned)git_tree_entry_filemode_raw(entry)) {
    case GIT_FILEMODE_TREE:
        return ENTRY_FOLDER;
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE:
    case 0100664: /* written by very old versions of git */
        return ENTRY_FILE;
    case GIT_FILEMODE_LINK:
        return ENTRY_LINK;
    case GIT_FILEMODE_COMMIT:
        return ENTRY_SUBMODULE;
    default:
        return ENTRY_OTHER;
    }
}

static void add_file(struct walk *walk, const git_tree_entry *entry, size_t size)
{
    struct tree *tree = walk->tree;
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity ? tree->capacity * 2 : 64;
        tree->entries = memory_resize(tree->entries, tree->capacity, sizeof *tree->entries);
    }
    struct tree_entry *added = &tree->entries[tree->count++];
    *added = (struct tree_entry){
        .path = text_copy(buffer_view(&walk->path)),
        .mode = git_tree_entry_filemode_raw(entry) == GIT_FILEMODE_BLOB_EXECUTABLE ? 0100755 : 0100644,
        .size = size,
    };
    memcpy(added->oid, git_tree_entry_id(entry)->id, sizeof added->oid);
}

static int list(struct walk *walk, const git_oid *oid, int depth);

/* The name is judged first: a folder that is refused is never opened, a submodule has no object to look at. */
static int judge(struct walk *walk, const git_tree_entry *entry, enum entry_kind kind)
{
    size_t size = 0;
    git_object_t type;
    const char *sentence;
    if (kind == ENTRY_FILE && (git_odb_read_header(&size, &type, walk->tree->odb, git_tree_entry_id(entry)) != 0 ||
                               type != GIT_OBJECT_BLOB))
        return refuse(walk, ERROR_INVALID,
                      "the file's contents are missing from the push; push again with a full clone");
    int result = entry_admit(&walk->rules, buffer_view(&walk->path), kind, size, &sentence);
    if (result != 0)
        return refuse(walk, result, sentence);
    if (kind == ENTRY_FILE)
        add_file(walk, entry, size);
    return 0;
}

static int list_entry(struct walk *walk, const git_tree_entry *entry, int depth)
{
    size_t length = walk->path.length;
    enum entry_kind kind = kind_of(entry);
    buffer_format(&walk->path, "%s%s", length ? "/" : "", git_tree_entry_name(entry));
    int result = judge(walk, entry, kind);
    if (result == 0 && kind == ENTRY_FOLDER)
        result = list(walk, git_tree_entry_id(entry), depth + 1);
    walk->path.length = length;
    if (walk->path.data != NULL)
        walk->path.data[length] = 0;
    return result;
}

static int list(struct walk *walk, const git_oid *oid, int depth)
{
    git_tree *tree = NULL;
    if (depth > BOUNDS_TREE_DEPTH)
        return refuse(walk, ERROR_LIMIT, "folders are nested more than 64 deep; flatten them");
    if (git_tree_lookup(&tree, walk->repository, oid) != 0)
        return refuse(walk, ERROR_INVALID, "the folder is missing from the push; push again with a full clone");
    int result = 0;
    size_t count = git_tree_entrycount(tree);
    for (size_t index = 0; index < count && result == 0; index++)
        result = list_entry(walk, git_tree_entry_byindex(tree, index), depth);
    git_tree_free(tree);
    return result;
}

/* -- the whole -- */

/* Cut at a whole character, since it goes into JSON. */
static char *first_line(const char *string, size_t limit)
{
    struct text line = text_from(string ? string : "");
    line = text_head(text_trim(text_cut(&line, '\n')), limit);
    while (line.length > 0 && !text_is_utf8(line))
        line.length--;
    return text_copy(line);
}

static int load_commit(struct walk *walk, const char *commit)
{
    git_oid oid;
    git_commit *found = NULL;
    if (git_oid_fromstr(&oid, commit) != 0 || git_commit_lookup(&found, walk->repository, &oid) != 0) {
        buffer_string(walk->reason, "main must point at a commit that is part of the push");
        return ERROR_INVALID;
    }
    walk->tree->message = first_line(git_commit_message(found), 200);
    walk->tree->author = first_line(git_commit_author(found)->name, 100);
    int result = list(walk, git_commit_tree_id(found), 0);
    git_commit_free(found);
    const char *sentence = result == 0 ? entry_tree_objection(&walk->rules) : NULL;
    if (sentence != NULL) {
        buffer_string(walk->reason, sentence);
        result = ERROR_INVALID;
    }
    return result;
}

int tree_load(struct tree *tree, const struct tree_source *source, const char *commit, struct buffer *reason)
{
    struct walk walk = {.tree = tree, .reason = reason};
    *tree = (struct tree){0};
    entry_rules_init(&walk.rules);
    int result = open_objects(tree, source);
    if (result == 0 && git_repository_wrap_odb(&walk.repository, tree->odb) != 0)
        result = git_trouble("wrap an object database");
    if (result == 0)
        result = load_commit(&walk, commit);
    entry_rules_release(&walk.rules);
    buffer_release(&walk.path);
    git_repository_free(walk.repository);
    return result;
}

void tree_release(struct tree *tree)
{
    for (size_t index = 0; index < tree->count; index++)
        free(tree->entries[index].path);
    free(tree->entries);
    free(tree->message);
    free(tree->author);
    git_odb_free(tree->odb);
    *tree = (struct tree){0};
}

/* The size was checked when the tree was listed; an object that is another size now is our own trouble. */
int tree_read(const struct tree *tree, const struct tree_entry *entry, struct tree_blob *ret_blob,
              struct buffer *reason)
{
    git_oid oid;
    *ret_blob = (struct tree_blob){0};
    memcpy(oid.id, entry->oid, sizeof entry->oid);
    if (git_odb_read(&ret_blob->object, tree->odb, &oid) != 0)
        return git_trouble("read a file of a push");
    ret_blob->contents = (struct text){git_odb_object_data(ret_blob->object), git_odb_object_size(ret_blob->object)};
    const char *sentence = entry_contents_objection(ret_blob->contents);
    if (sentence != NULL) {
        buffer_format(reason, "%s: %s", entry->path, sentence);
        return ERROR_INVALID;
    }
    return ret_blob->contents.length == entry->size ? 0 : ERROR_SYSTEM;
}

void tree_blob_release(struct tree_blob *blob)
{
    git_odb_object_free(blob->object);
    *blob = (struct tree_blob){0};
}
