/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from ids to pointers. The entries stand in an array in the order of
 * their insertion, a second array finds them; so iteration follows the insertion order,
 * whatever the hash. It grows and shrinks with its content.
 */
#ifndef STINT_BASE_TABLE_H
#define STINT_BASE_TABLE_H

#include <stdbool.h>

#include "base/mem.h"

struct table_entry;

struct table {
    struct mem *mem;
    struct table_entry *entries; /* in insertion order, with holes */
    uint32_t *index; /* open addressing: 0 = free, else a place in entries, plus 1 */
    uint64_t seed;
    uint64_t next_order;
    uint32_t count;    /* live entries */
    uint32_t used;     /* places of `entries` in use, holes included */
    uint32_t capacity; /* places of `entries` */
    uint32_t mask;     /* size of `index` - 1 */
};

/* A place in an iteration: begin with {0}. Entries may be removed and inserted
 * meanwhile; new ones are visited. */
struct table_cursor {
    uint64_t next_order;
    uint32_t hint;
};

/* An empty table; allocates nothing yet. The seed is the machine's secret (peers may
 * choose ids). */
void table_init(struct table *t, struct mem *m, uint64_t seed);

/* Frees the table's arrays, not what the values point to; the table is empty and may be
 * used again. */
void table_fini(struct table *t);

/* Puts `value` (not NULL) under `id`. STINT_EXISTS, STINT_NO_MEMORY (nothing changed)
 * or STINT_LIMIT (2^30 entries). */
STINT_MUST_USE enum stint_status table_insert(struct table *t, struct stint_id id,
                                              void *value);

/* The value of `id`, or NULL. */
void *table_find(const struct table *t, struct stint_id id);

/* Takes `id` out and returns its value, or NULL. */
void *table_remove(struct table *t, struct stint_id id);

/* The next entry in insertion order; false at the end. `id` and `value` may be NULL. */
bool table_each(const struct table *t, struct table_cursor *cursor, struct stint_id *id,
                void **value);

/* The first entry's value in insertion order, or NULL. */
void *table_first(const struct table *t);

uint32_t table_count(const struct table *t);

#endif
