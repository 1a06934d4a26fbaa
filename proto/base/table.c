/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index is probed linearly and a removal closes its gap by shifting back, so it
 * never holds tombstones and a lookup's cost depends on the load alone. The entry array
 * does hold holes until it is rebuilt: that is what keeps its order.
 */
#include "base/table.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"

struct table_entry {
    struct stint_id id;
    void *value; /* NULL = a hole */
    uint64_t order;
};

enum {
    TABLE_CAPACITY_MIN = 8,
    TABLE_CAPACITY_MAX = 1 << 30,
};

/* The index has twice as many places as there are entries, so it is never more than
 * half full. */
static size_t
index_size(uint32_t capacity)
{
    return (size_t)capacity * 2;
}

void
table_init(struct table *t, struct mem *m, uint64_t seed)
{
    *t = (struct table){ .mem = m, .seed = seed };
}

void
table_fini(struct table *t)
{
    mem_free(t->mem, t->entries, t->capacity * sizeof *t->entries);
    mem_free(t->mem, t->index, index_size(t->capacity) * sizeof *t->index);
    /* The order goes on counting: a cursor that outlives the content sees an empty
     * table, not a repeated one. */
    uint64_t next_order = t->next_order;
    table_init(t, t->mem, t->seed);
    t->next_order = next_order;
}

static uint32_t
table_slot(const struct table *t, struct stint_id id)
{
    return (uint32_t)id_hash(id, t->seed) & t->mask;
}

/* The index place that holds `id`, or the free one where it would stand. */
static uint32_t
table_probe(const struct table *t, struct stint_id id)
{
    uint32_t at = table_slot(t, id);
    while (t->index[at] != 0 && !id_equal(t->entries[t->index[at] - 1].id, id)) {
        at = (at + 1) & t->mask;
    }
    return at;
}

/* Moves the live entries, in order, into arrays of `capacity` places. */
static enum stint_status
table_rebuild(struct table *t, uint32_t capacity)
{
    STINT_ASSERT(capacity >= t->count);
    struct table_entry *entries = mem_alloc(t->mem, capacity * sizeof *entries);
    uint32_t *index = mem_zalloc(t->mem, index_size(capacity) * sizeof *index);
    if (entries == NULL || index == NULL) {
        mem_free(t->mem, entries, capacity * sizeof *entries);
        mem_free(t->mem, index, index_size(capacity) * sizeof *index);
        return STINT_NO_MEMORY;
    }
    struct table old = *t;
    t->entries = entries;
    t->index = index;
    t->capacity = capacity;
    t->mask = (uint32_t)(index_size(capacity) - 1);
    t->used = 0;
    for (uint32_t i = 0; i < old.used; i++) {
        if (old.entries[i].value != NULL) {
            entries[t->used] = old.entries[i];
            index[table_probe(t, old.entries[i].id)] = t->used + 1;
            t->used++;
        }
    }
    STINT_ASSERT(t->used == t->count);
    mem_free(t->mem, old.entries, old.capacity * sizeof *entries);
    mem_free(t->mem, old.index, index_size(old.capacity) * sizeof *index);
    return STINT_OK;
}

static enum stint_status
table_make_room(struct table *t)
{
    if (t->used < t->capacity) {
        return STINT_OK;
    }
    uint32_t capacity = t->capacity == 0 ? TABLE_CAPACITY_MIN : t->capacity;
    /* Enough holes: the same size again pays for itself within a quarter of its places.
     */
    if (t->count > capacity - capacity / 4) {
        if (capacity >= TABLE_CAPACITY_MAX) {
            return STINT_LIMIT;
        }
        capacity *= 2;
    }
    return table_rebuild(t, capacity);
}

enum stint_status
table_insert(struct table *t, struct stint_id id, void *value)
{
    STINT_ASSERT(value != NULL);
    if (table_find(t, id) != NULL) {
        return STINT_EXISTS;
    }
    enum stint_status status = table_make_room(t);
    if (status != STINT_OK) {
        return status;
    }
    uint32_t at = table_probe(t, id);
    STINT_ASSERT(t->index[at] == 0);
    t->entries[t->used] = (struct table_entry){ id, value, t->next_order++ };
    t->index[at] = ++t->used;
    t->count++;
    return STINT_OK;
}

void *
table_find(const struct table *t, struct stint_id id)
{
    if (t->count == 0) {
        return NULL;
    }
    uint32_t place = t->index[table_probe(t, id)];
    return place == 0 ? NULL : t->entries[place - 1].value;
}

/* Frees the index place `gap` and shifts back what was pushed past it. */
static void
index_close_gap(struct table *t, uint32_t gap)
{
    uint32_t at = gap;
    for (;;) {
        at = (at + 1) & t->mask;
        if (t->index[at] == 0) {
            break;
        }
        uint32_t wanted = table_slot(t, t->entries[t->index[at] - 1].id);
        /* It may move into the gap if its own place is not between the gap and where it
         * stands. */
        if (((at - wanted) & t->mask) >= ((at - gap) & t->mask)) {
            t->index[gap] = t->index[at];
            gap = at;
        }
    }
    t->index[gap] = 0;
}

void *
table_remove(struct table *t, struct stint_id id)
{
    if (t->count == 0) {
        return NULL;
    }
    uint32_t at = table_probe(t, id);
    uint32_t place = t->index[at];
    if (place == 0) {
        return NULL;
    }
    void *value = t->entries[place - 1].value;
    index_close_gap(t, at);
    t->entries[place - 1].value = NULL;
    t->count--;
    while (t->used > 0 && t->entries[t->used - 1].value == NULL) {
        t->used--;
    }
    if (t->capacity > TABLE_CAPACITY_MIN && t->count < t->capacity / 8) {
        /* Without memory for a smaller one the large one goes on serving. */
        (void)(table_rebuild(t, t->capacity / 4 < TABLE_CAPACITY_MIN
                                    ? TABLE_CAPACITY_MIN
                                    : t->capacity / 4) == STINT_OK);
    }
    return value;
}

/* The first place whose order is at least `order`; `used` if there is none. */
static uint32_t
table_seek(const struct table *t, uint64_t order)
{
    uint32_t low = 0;
    uint32_t high = t->used;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->entries[middle].order < order) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool
table_each(const struct table *t, struct table_cursor *cursor, struct stint_id *id,
           void **value)
{
    uint32_t at = cursor->hint;
    /* A rebuild moves entries: the hint holds only if the place before it is the one
     * visited last. */
    bool holds =
        at > 0 && at <= t->used && t->entries[at - 1].order + 1 == cursor->next_order;
    if (!holds) {
        at = table_seek(t, cursor->next_order);
    }
    while (at < t->used && t->entries[at].value == NULL) {
        at++;
    }
    if (at >= t->used) {
        return false;
    }
    cursor->next_order = t->entries[at].order + 1;
    cursor->hint = at + 1;
    if (id != NULL) {
        *id = t->entries[at].id;
    }
    if (value != NULL) {
        *value = t->entries[at].value;
    }
    return true;
}

void *
table_first(const struct table *t)
{
    struct table_cursor cursor = { 0 };
    void *value = NULL;
    return table_each(t, &cursor, NULL, &value) ? value : NULL;
}

uint32_t
table_count(const struct table *t)
{
    return t->count;
}
