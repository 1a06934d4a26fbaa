/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/panic.h"

enum {
    HEAP_CAPACITY_MIN = 16,
    HEAP_CAPACITY_MAX = 1 << 30,
};

void
heap_init(struct heap *h, struct mem *m)
{
    *h = (struct heap){ .mem = m };
}

void
heap_fini(struct heap *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        h->items[i]->place = 0;
    }
    mem_free(h->mem, h->items, h->capacity * sizeof *h->items);
    heap_init(h, h->mem);
}

enum stint_status
heap_reserve(struct heap *h, uint32_t count)
{
    if (count <= h->capacity) {
        return STINT_OK;
    }
    if (count > HEAP_CAPACITY_MAX) {
        return STINT_LIMIT;
    }
    uint32_t capacity =
        h->capacity < HEAP_CAPACITY_MIN ? HEAP_CAPACITY_MIN : h->capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    struct heap_item **items = mem_resize(h->mem, h->items, h->capacity * sizeof *items,
                                          capacity * sizeof *items);
    if (items == NULL) {
        return STINT_NO_MEMORY;
    }
    h->items = items;
    h->capacity = capacity;
    return STINT_OK;
}

static bool
item_before(const struct heap_item *a, const struct heap_item *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void
heap_place(struct heap *h, uint32_t at, struct heap_item *item)
{
    h->items[at] = item;
    item->place = at + 1;
}

static void
heap_sift_up(struct heap *h, uint32_t at)
{
    struct heap_item *item = h->items[at];
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!item_before(item, h->items[parent])) {
            break;
        }
        heap_place(h, at, h->items[parent]);
        at = parent;
    }
    heap_place(h, at, item);
}

static void
heap_sift_down(struct heap *h, uint32_t at)
{
    struct heap_item *item = h->items[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && item_before(h->items[child + 1], h->items[child])) {
            child++;
        }
        if (!item_before(h->items[child], item)) {
            break;
        }
        heap_place(h, at, h->items[child]);
        at = child;
    }
    heap_place(h, at, item);
}

enum stint_status
heap_insert(struct heap *h, struct heap_item *item, uint64_t key, uint64_t tie)
{
    STINT_ASSERT(item->place == 0);
    enum stint_status status = heap_reserve(h, h->count + 1);
    if (status != STINT_OK) {
        return status;
    }
    item->key = key;
    item->tie = tie;
    heap_place(h, h->count++, item);
    heap_sift_up(h, h->count - 1);
    return STINT_OK;
}

void
heap_remove(struct heap *h, struct heap_item *item)
{
    if (item->place == 0) {
        return;
    }
    uint32_t at = item->place - 1;
    STINT_ASSERT(at < h->count && h->items[at] == item);
    item->place = 0;
    struct heap_item *last = h->items[--h->count];
    if (last == item) {
        return;
    }
    heap_place(h, at, last);
    heap_sift_up(h, at);
    heap_sift_down(h, last->place - 1);
}

void
heap_update(struct heap *h, struct heap_item *item, uint64_t key, uint64_t tie)
{
    STINT_ASSERT(item->place != 0 && h->items[item->place - 1] == item);
    item->key = key;
    item->tie = tie;
    heap_sift_up(h, item->place - 1);
    if (!MUTANT(h->mem, HEAP_UPDATE)) {
        heap_sift_down(h, item->place - 1);
    }
}

struct heap_item *
heap_first(const struct heap *h)
{
    return h->count == 0 ? NULL : h->items[0];
}

bool
heap_contains(const struct heap_item *item)
{
    return item->place != 0;
}
