/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash is two rounds of multiply and fold over the key's words with a secret seed: ids are
 * random already, the seed is there for those that a peer chose.
 */
#include "kernel/index.h"

#include <string.h>

#include "base/panic.h"

enum { INDEX_FIRST = 64 };

void
index_init(struct index *ix, struct mem *m, uint64_t seed, size_t key_at, size_t link_at,
    uint32_t key_size)
{
    STINT_ASSERT(key_size == 16 || key_size == 32);
    *ix = (struct index){ .mem = m,
        .seed = seed,
        .key_size = key_size,
        .key_offset = (ptrdiff_t)key_at - (ptrdiff_t)link_at };
}

static size_t
index_bytes(const struct index *ix)
{
    return ix->buckets == NULL ? 0 : ((size_t)ix->mask + 1) * sizeof *ix->buckets;
}

void
index_fini(struct index *ix)
{
    mem_free(ix->mem, ix->buckets, index_bytes(ix));
    ix->buckets = NULL;
    ix->count = 0;
}

static const uint8_t *
index_key(const struct index *ix, const struct index_link *link)
{
    return (const uint8_t *)link + ix->key_offset;
}

static uint32_t
index_bucket(const struct index *ix, const uint8_t *key)
{
    uint64_t h = ix->seed;
    for (uint32_t i = 0; i < ix->key_size; i += 8) {
        uint64_t word;
        memcpy(&word, key + i, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return (uint32_t)h & ix->mask;
}

/* Twice the buckets. When memory is short the chains get longer instead. */
static void
index_grow(struct index *ix)
{
    uint32_t size = ix->buckets == NULL ? INDEX_FIRST : (ix->mask + 1) * 2;
    if (size == 0) {
        return;
    }
    struct index_link **buckets = mem_zalloc(ix->mem, size * sizeof *buckets);
    if (buckets == NULL) {
        return;
    }
    struct index old = *ix;
    ix->buckets = buckets;
    ix->mask = size - 1;
    for (uint32_t i = 0; old.buckets != NULL && i <= old.mask; i++) {
        struct index_link *link = old.buckets[i];
        while (link != NULL) {
            struct index_link *next = link->next;
            uint32_t bucket = index_bucket(ix, index_key(ix, link));
            link->next = buckets[bucket];
            buckets[bucket] = link;
            link = next;
        }
    }
    mem_free(ix->mem, old.buckets, index_bytes(&old));
}

enum stint_status
index_prepare(struct index *ix)
{
    if (ix->buckets == NULL) {
        index_grow(ix);
    }
    return ix->buckets == NULL ? STINT_NO_MEMORY : STINT_OK;
}

enum stint_status
index_insert(struct index *ix, struct index_link *link)
{
    if (ix->buckets == NULL || ix->count > ix->mask) {
        index_grow(ix);
        if (ix->buckets == NULL) {
            return STINT_NO_MEMORY;
        }
    }
    uint32_t bucket = index_bucket(ix, index_key(ix, link));
    link->next = ix->buckets[bucket];
    ix->buckets[bucket] = link;
    ix->count++;
    return STINT_OK;
}

void
index_remove(struct index *ix, struct index_link *link)
{
    struct index_link **place = &ix->buckets[index_bucket(ix, index_key(ix, link))];
    while (*place != link) {
        STINT_ASSERT(*place != NULL);
        place = &(*place)->next;
    }
    *place = link->next;
    link->next = NULL;
    ix->count--;
}

struct index_link *
index_find(const struct index *ix, const void *key)
{
    if (ix->buckets == NULL) {
        return NULL;
    }
    struct index_link *link = ix->buckets[index_bucket(ix, key)];
    while (link != NULL && memcmp(index_key(ix, link), key, ix->key_size) != 0) {
        link = link->next;
    }
    return link;
}
