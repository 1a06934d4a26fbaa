/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds objects by a key of one or two ids that lies in the object, with 8 bytes an object: a
 * chained hash table whose links lie in the objects. (base/table.h keeps order, which costs 40
 * bytes more; nothing iterates over an index.)
 */
#ifndef STINT_KERNEL_INDEX_H
#define STINT_KERNEL_INDEX_H

#include <stdbool.h>

#include "base/mem.h"

struct index_link {
    struct index_link *next;
};

struct index {
    struct mem *mem;
    struct index_link **buckets;
    uint32_t mask;
    uint32_t count;
    uint64_t seed;
    ptrdiff_t key_offset; /* from the link to the key */
    uint32_t key_size;    /* 16 or 32 */
};

/* `key_at` and `link_at` are offsets in the object. Allocates nothing yet. */
void index_init(struct index *ix, struct mem *m, uint64_t seed, size_t key_at, size_t link_at,
    uint32_t key_size);
void index_fini(struct index *ix);

/* Allocates the first buckets, so that no later insert can fail. STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status index_prepare(struct index *ix);

/* Puts in an object whose key is not there. STINT_NO_MEMORY only if the table has no buckets at
 * all yet. */
STINT_MUST_USE enum stint_status index_insert(struct index *ix, struct index_link *link);

/* Takes an object out that is in. */
void index_remove(struct index *ix, struct index_link *link);

/* The link of the object with that key, or NULL. */
struct index_link *index_find(const struct index *ix, const void *key);

#endif
