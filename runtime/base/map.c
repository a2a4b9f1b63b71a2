/* Chains hung into a power of two of buckets, doubled when there are as many entries as buckets and never shrunk.
 *
 * Keys are what strangers send: names, tokens, addresses. The hash is therefore keyed with random bytes of the
 * process, so that nobody outside can choose keys that share a chain. Numbers go the same way as eight bytes: slots
 * and ids are few enough that a second kind of table would not pay.
 *
 * Each entry keeps its whole hash: growing needs no key, and a chain compares keys only where the hash is equal. */
#include "runtime/base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/base/random.h"

struct map_entry {
    struct map_entry *next;
    void *value;
    uint64_t hash;
    uint32_t length;
    char key[];
};

enum { FIRST_BUCKETS = 16 };

/* SipHash-1-3: one round per word, three at the end; keyed, so collisions cannot be made from outside. */
struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

static uint64_t process_key[2];

static void make_process_key(void)
{
    random_bytes(process_key, sizeof process_key);
}

uint64_t map_hash(struct text key)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_process_key);
    const uint64_t *secret = process_key;
    struct sip s = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                    secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
    uint64_t word, last = (uint64_t)key.length << 56;
    size_t at = 0;
    for (; key.length - at >= sizeof word; at += sizeof word) {
        memcpy(&word, key.data + at, sizeof word);
        sip_word(&s, word);
    }
    for (size_t i = 0; at + i < key.length; i++)
        last |= (uint64_t)(unsigned char)key.data[at + i] << (8 * i);
    sip_word(&s, last);
    s.c ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_release(struct map *map)
{
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_entry *next;
        for (struct map_entry *entry = map->buckets[i]; entry; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    free(map->buckets);
    map_init(map);
}

/* Entries are hung over, not copied: pointers to values stay what they are. */
static void map_grow(struct map *map)
{
    size_t bucket_count = map->bucket_count ? map->bucket_count * 2 : FIRST_BUCKETS;
    struct map_entry **buckets = memory_alloc(bucket_count, sizeof(struct map_entry *));
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_entry *next;
        for (struct map_entry *entry = map->buckets[i]; entry; entry = next) {
            struct map_entry **bucket = &buckets[entry->hash & (bucket_count - 1)];
            next = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(map->buckets);
    map->buckets = buckets;
    map->bucket_count = bucket_count;
}

/* The link that points to the entry of `key`, or to the end of its chain; NULL in a map without buckets. */
static struct map_entry **map_link(const struct map *map, struct text key, uint64_t hash)
{
    if (map->bucket_count == 0)
        return NULL;
    struct map_entry **link = &map->buckets[hash & (map->bucket_count - 1)];
    for (; *link; link = &(*link)->next) {
        struct map_entry *entry = *link;
        if (entry->hash == hash && text_equal((struct text){entry->key, entry->length}, key))
            break;
    }
    return link;
}

void *map_get(const struct map *map, struct text key)
{
    struct map_entry **link = map->count ? map_link(map, key, map_hash(key)) : NULL;
    return link && *link ? (*link)->value : NULL;
}

/* Replaces in place, or grows first and hangs the new entry at the end of its chain. */
void *map_set(struct map *map, struct text key, void *value)
{
    uint64_t hash = map_hash(key);
    struct map_entry **link = map_link(map, key, hash);
    if (link && *link) {
        void *before = (*link)->value;
        (*link)->value = value;
        return before;
    }
    if (key.length > UINT32_MAX)
        abort();
    if (map->count >= map->bucket_count) {
        map_grow(map);
        link = map_link(map, key, hash);
    }
    struct map_entry *entry = memory_alloc(1, sizeof *entry + key.length);
    *entry = (struct map_entry){.value = value, .hash = hash, .length = (uint32_t)key.length};
    if (key.length)
        memcpy(entry->key, key.data, key.length);
    *link = entry;
    map->count++;
    return NULL;
}

void *map_remove(struct map *map, struct text key)
{
    struct map_entry **link = map->count ? map_link(map, key, map_hash(key)) : NULL;
    if (!link || !*link)
        return NULL;
    struct map_entry *entry = *link;
    void *value = entry->value;
    *link = entry->next;
    free(entry);
    map->count--;
    return value;
}

/* The bytes of the number itself; the slice lives as long as the number does. */
static struct text number_key(const uint64_t *key)
{
    return (struct text){(const char *)key, sizeof *key};
}

void *map_get_u64(const struct map *map, uint64_t key)
{
    return map_get(map, number_key(&key));
}

void *map_set_u64(struct map *map, uint64_t key, void *value)
{
    return map_set(map, number_key(&key), value);
}

void *map_remove_u64(struct map *map, uint64_t key)
{
    return map_remove(map, number_key(&key));
}

int map_each(struct map *map, int (*visit)(void *context, struct text key, void *value), void *context)
{
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_entry *next;
        for (struct map_entry *entry = map->buckets[i]; entry; entry = next) {
            next = entry->next; /* the visitor may remove this entry */
            int result = visit(context, (struct text){entry->key, entry->length}, entry->value);
            if (result != 0)
                return result;
        }
    }
    return 0;
}
