/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of items that live in their owners' structures, smallest (key, tie)
 * first. Keys are mostly deadlines; the tie is a counter of the owner's, so that equal
 * deadlines fire in the order they were set.
 */
#ifndef STINT_BASE_HEAP_H
#define STINT_BASE_HEAP_H

#include <stdbool.h>

#include "base/mem.h"

struct heap_item {
    uint64_t key;
    uint64_t tie;
    uint32_t place; /* 0 = in no heap, else its place + 1 */
};

struct heap {
    struct mem *mem;
    struct heap_item **items;
    uint32_t count;
    uint32_t capacity;
};

/* An empty heap; allocates nothing yet. */
void heap_init(struct heap *h, struct mem *m);

/* Frees the heap's array; items still in it are out of it. */
void heap_fini(struct heap *h);

/* Makes sure that `count` items fit, so that as many inserts cannot fail.
 * STINT_NO_MEMORY, STINT_LIMIT. */
STINT_MUST_USE enum stint_status heap_reserve(struct heap *h, uint32_t count);

/* Puts in an item that is in no heap; it stays the caller's and must not move in
 * memory. STINT_NO_MEMORY, STINT_LIMIT. */
STINT_MUST_USE enum stint_status heap_insert(struct heap *h, struct heap_item *item,
                                             uint64_t key, uint64_t tie);

/* Takes an item out; nothing happens if it is in no heap. */
void heap_remove(struct heap *h, struct heap_item *item);

/* Gives an item that is in the heap another key. */
void heap_update(struct heap *h, struct heap_item *item, uint64_t key, uint64_t tie);

/* The smallest item, or NULL. It stays in the heap. */
struct heap_item *heap_first(const struct heap *h);

bool heap_contains(const struct heap_item *item);

#endif
