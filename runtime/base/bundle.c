/* One release in one file. The reader trusts nothing: a bundle is made in a cage from a stranger's tree and opened
 * by the store, the gateway, workers and models' processes, some of them after years on a disk.
 *
 * bundle_open() checks everything that reading relies on, once: the header, then each entry in order, names without
 * gaps, sorted, legal, contents aligned, in order and within the file, and a checksum over index and names. After
 * it the other functions calculate without checking. Contents have their own checksums, which only bundle_verify()
 * reads: a wake must not touch every page of a large release.
 *
 * FNV is no protection against intent: who can write into the store's folder has won already. It finds damaged
 * disks. */
#include "runtime/base/bundle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

enum {
    HEADER_BYTES = 64,
    ENTRY_BYTES = 40,
    ALIGNMENT = 16,
    KNOWN_FLAGS = BUNDLE_FLAG_EXECUTABLE | BUNDLE_FLAG_GENERATED
};

static const char magic[8] = {'V', 'T', 'R', 'N', 'B', 'N', 'D', '1'};

/* Where each field of the header and of an index entry stands. */
enum {
    AT_VERSION = 8,
    AT_COUNT = 12,
    AT_INDEX = 16,
    AT_NAMES = 24,
    AT_LENGTH = 32,
    AT_CHECKSUM = 40,
    AT_ZERO = 48
};
enum {
    IN_OFFSET = 0,
    IN_LENGTH = 8,
    IN_CHECKSUM = 16,
    IN_NAME = 24,
    IN_NAME_LENGTH = 28,
    IN_FLAGS = 30,
    IN_RESERVED = 32
};

/* Little-endian, byte by byte: fields of a mapped file may stand at any address. */
static uint64_t load(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static void store(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++, value >>= 8)
        at[i] = (unsigned char)value;
}

static uint64_t fnv(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static const uint64_t FNV_START = 0xcbf29ce484222325u;

static size_t names_at(const struct bundle *bundle)
{
    return HEADER_BYTES + (size_t)bundle->entry_count * ENTRY_BYTES;
}

static const unsigned char *entry_at(const struct bundle *bundle, uint32_t index)
{
    return bundle->data + HEADER_BYTES + (size_t)index * ENTRY_BYTES;
}

static struct text entry_name(const struct bundle *bundle, const unsigned char *entry)
{
    return (struct text){(const char *)bundle->data + names_at(bundle) + load(entry + IN_NAME, 4),
                         (size_t)load(entry + IN_NAME_LENGTH, 2)};
}

/* Bytewise, a prefix before what it begins. */
static int name_compare(struct text a, struct text b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* No absolute path, no empty, "." or ".." part: a name can be joined to a folder without leaving it. */
static bool name_is_legal(struct text name)
{
    if (name.length == 0 || name.length > BOUNDS_BUNDLE_NAME_BYTES || name.data[name.length - 1] == '/')
        return false;
    if (text_find(name, '\0') >= 0)
        return false;
    for (struct text rest = name; rest.length;) {
        struct text segment = text_cut(&rest, '/');
        if (segment.length == 0 || text_equal(segment, TEXT(".")) || text_equal(segment, TEXT("..")))
            return false;
    }
    return true;
}

/* ---- reading ---- */

/* The header alone. On success the index and the names lie within the file. */
static int check_header(const unsigned char *data, size_t length, uint32_t *ret_count,
                        size_t *ret_names_length)
{
    if (length < HEADER_BYTES || memcmp(data, magic, sizeof magic) != 0 || load(data + AT_VERSION, 4) != 1)
        return ERROR_CORRUPT;
    if (load(data + AT_LENGTH, 8) != length || load(data + AT_INDEX, 8) != HEADER_BYTES)
        return ERROR_CORRUPT;
    for (int i = AT_ZERO; i < HEADER_BYTES; i++) {
        if (data[i] != 0)
            return ERROR_CORRUPT;
    }
    uint64_t count = load(data + AT_COUNT, 4), names_length = load(data + AT_NAMES, 8);
    if (count > BOUNDS_BUNDLE_ENTRIES)
        return ERROR_LIMIT;
    if (count * ENTRY_BYTES > length - HEADER_BYTES ||
        names_length > length - HEADER_BYTES - count * ENTRY_BYTES)
        return ERROR_CORRUPT;
    *ret_count = (uint32_t)count;
    *ret_names_length = (size_t)names_length;
    return 0;
}

/* One entry: names follow each other without gaps, contents in order, aligned, within the file. */
static int check_entry(const struct bundle *bundle, uint32_t index, size_t names_length, uint64_t *name_end,
                       uint64_t *contents_end)
{
    const unsigned char *entry = entry_at(bundle, index);
    uint64_t offset = load(entry + IN_OFFSET, 8), length = load(entry + IN_LENGTH, 8);
    uint64_t name_length = load(entry + IN_NAME_LENGTH, 2);
    if (load(entry + IN_RESERVED, 8) != 0 || (load(entry + IN_FLAGS, 2) & ~(uint64_t)KNOWN_FLAGS))
        return ERROR_CORRUPT;
    if (load(entry + IN_NAME, 4) != *name_end || name_length > names_length - *name_end)
        return ERROR_CORRUPT;
    if (offset % ALIGNMENT || offset < *contents_end || offset > bundle->length ||
        length > bundle->length - offset)
        return ERROR_CORRUPT;
    struct text name = entry_name(bundle, entry);
    if (!name_is_legal(name))
        return ERROR_CORRUPT;
    if (index && name_compare(entry_name(bundle, entry - ENTRY_BYTES), name) >= 0)
        return ERROR_CORRUPT;
    *name_end += name_length;
    *contents_end = offset + length;
    return 0;
}

int bundle_open(struct bundle *bundle, const void *data, size_t length)
{
    struct bundle opened = {data, length, 0};
    size_t names_length;
    if (length > BOUNDS_BUNDLE_BYTES)
        return ERROR_LIMIT;
    int result = check_header(data, length, &opened.entry_count, &names_length);
    if (result < 0)
        return result;
    size_t index_length = (size_t)opened.entry_count * ENTRY_BYTES + names_length;
    if (fnv(FNV_START, opened.data + HEADER_BYTES, index_length) != load(opened.data + AT_CHECKSUM, 8))
        return ERROR_CORRUPT;
    uint64_t name_end = 0, contents_end = HEADER_BYTES + index_length;
    for (uint32_t i = 0; i < opened.entry_count; i++) {
        result = check_entry(&opened, i, names_length, &name_end, &contents_end);
        if (result < 0)
            return result;
    }
    if (name_end != names_length)
        return ERROR_CORRUPT;
    *bundle = opened;
    return 0;
}

/* No check but the index: bundle_open() did them. */
struct bundle_entry bundle_at(const struct bundle *bundle, uint32_t index)
{
    if (index >= bundle->entry_count)
        abort();
    const unsigned char *entry = entry_at(bundle, index);
    return (struct bundle_entry){
        .name = entry_name(bundle, entry),
        .contents = {(const char *)bundle->data + load(entry + IN_OFFSET, 8),
                     (size_t)load(entry + IN_LENGTH, 8)},
        .checksum = load(entry + IN_CHECKSUM, 8),
        .flags = (uint16_t)load(entry + IN_FLAGS, 2),
    };
}

int bundle_verify(const struct bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->entry_count; i++) {
        struct bundle_entry entry = bundle_at(bundle, i);
        if (fnv(FNV_START, entry.contents.data, entry.contents.length) != entry.checksum)
            return ERROR_CORRUPT;
    }
    return 0;
}

/* Binary search; a folder of 20,000 files takes fifteen comparisons. */
int bundle_find(const struct bundle *bundle, struct text name, struct bundle_entry *ret_entry)
{
    uint32_t low = 0, high = bundle->entry_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = name_compare(entry_name(bundle, entry_at(bundle, middle)), name);
        if (order == 0) {
            *ret_entry = bundle_at(bundle, middle);
            return 0;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ERROR_NOT_FOUND;
}

int bundle_map(struct bundle *bundle, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return ERROR_SYSTEM;
    if (status.st_size < HEADER_BYTES)
        return ERROR_CORRUPT;
    if ((uint64_t)status.st_size > BOUNDS_BUNDLE_BYTES)
        return ERROR_LIMIT;
    size_t length = (size_t)status.st_size;
    void *data = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return ERROR_SYSTEM;
    int result = bundle_open(bundle, data, length);
    if (result < 0)
        munmap(data, length);
    return result;
}

void bundle_unmap(struct bundle *bundle)
{
    if (bundle->data)
        munmap((void *)(uintptr_t)bundle->data, bundle->length);
    *bundle = (struct bundle){0};
}

/* ---- writing ---- */

struct bundle_writer_entry {
    struct text name;     /* owned */
    struct text contents; /* owned */
    uint16_t flags;
};

void bundle_writer_init(struct bundle_writer *writer)
{
    *writer = (struct bundle_writer){0};
}

void bundle_writer_release(struct bundle_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        free((void *)(uintptr_t)writer->entries[i].name.data);
        free((void *)(uintptr_t)writer->entries[i].contents.data);
    }
    free(writer->entries);
    bundle_writer_init(writer);
}

/* Entries are kept sorted while they come, which also finds a name that is there already. */
static bool writer_position(const struct bundle_writer *writer, struct text name, size_t *ret_position)
{
    size_t low = 0, high = writer->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = name_compare(writer->entries[middle].name, name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_position = low;
    return false;
}

int bundle_writer_add(struct bundle_writer *writer, struct text name, struct text contents, uint16_t flags)
{
    size_t position;
    if (!name_is_legal(name) || (flags & ~KNOWN_FLAGS))
        return ERROR_INVALID;
    if (writer_position(writer, name, &position))
        return ERROR_EXISTS;
    if (writer->count >= BOUNDS_BUNDLE_ENTRIES || contents.length > BOUNDS_BUNDLE_BYTES)
        return ERROR_LIMIT;
    if (writer->count == writer->capacity) {
        writer->capacity = writer->capacity ? writer->capacity * 2 : 32;
        writer->entries = memory_resize(writer->entries, writer->capacity, sizeof *writer->entries);
    }
    struct bundle_writer_entry *entry = &writer->entries[position];
    memmove(entry + 1, entry, (writer->count - position) * sizeof *entry);
    *entry = (struct bundle_writer_entry){.name = {text_copy(name), name.length},
                                          .contents = {text_copy(contents), contents.length},
                                          .flags = flags};
    writer->count++;
    return 0;
}

static uint64_t align(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Where everything will stand: total length and length of the names. */
static uint64_t writer_measure(const struct bundle_writer *writer, uint64_t *ret_names_length)
{
    uint64_t names_length = 0;
    for (size_t i = 0; i < writer->count; i++)
        names_length += writer->entries[i].name.length;
    uint64_t length = HEADER_BYTES + writer->count * ENTRY_BYTES + names_length;
    for (size_t i = 0; i < writer->count; i++)
        length = align(length) + writer->entries[i].contents.length;
    *ret_names_length = names_length;
    return length;
}

static void write_entry(unsigned char *at, const struct bundle_writer_entry *entry, uint64_t offset,
                        uint64_t name)
{
    store(at + IN_OFFSET, offset, 8);
    store(at + IN_LENGTH, entry->contents.length, 8);
    store(at + IN_CHECKSUM, fnv(FNV_START, entry->contents.data, entry->contents.length), 8);
    store(at + IN_NAME, name, 4);
    store(at + IN_NAME_LENGTH, entry->name.length, 2);
    store(at + IN_FLAGS, entry->flags, 2);
}

static void write_header(unsigned char *data, const struct bundle_writer *writer, uint64_t names_length,
                         uint64_t length)
{
    size_t index_length = writer->count * ENTRY_BYTES + (size_t)names_length;
    memcpy(data, magic, sizeof magic);
    store(data + AT_VERSION, 1, 4);
    store(data + AT_COUNT, writer->count, 4);
    store(data + AT_INDEX, HEADER_BYTES, 8);
    store(data + AT_NAMES, names_length, 8);
    store(data + AT_LENGTH, length, 8);
    store(data + AT_CHECKSUM, fnv(FNV_START, data + HEADER_BYTES, index_length), 8);
}

/* Two passes: measure, then fill a block that is zeroed first, so that gaps hold nothing of ours. */
int bundle_writer_finish(struct bundle_writer *writer, struct buffer *out)
{
    uint64_t names_length, length = writer_measure(writer, &names_length);
    if (length > BOUNDS_BUNDLE_BYTES)
        return ERROR_LIMIT;
    unsigned char *data = (unsigned char *)buffer_reserve(out, (size_t)length);
    memset(data, 0, (size_t)length);
    uint64_t names = HEADER_BYTES + writer->count * ENTRY_BYTES, name = 0, offset = names + names_length;
    for (size_t i = 0; i < writer->count; i++) {
        const struct bundle_writer_entry *entry = &writer->entries[i];
        offset = align(offset);
        write_entry(data + HEADER_BYTES + i * ENTRY_BYTES, entry, offset, name);
        memcpy(data + names + name, entry->name.data, entry->name.length);
        memcpy(data + offset, entry->contents.data, entry->contents.length);
        name += entry->name.length;
        offset += entry->contents.length;
    }
    write_header(data, writer, names_length, length);
    buffer_advance(out, (size_t)length);
    return 0;
}
