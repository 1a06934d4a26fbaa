/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of one size in pages that are never given back before the end, each with a number: its
 * place. A place finds its object without hashing, and places in order are an iteration whose
 * order comes from no address.
 */
#ifndef STINT_KERNEL_SLAB_H
#define STINT_KERNEL_SLAB_H

#include <stdbool.h>

#include "base/mem.h"

#define SLAB_NONE 0xffffffffu

struct slab {
    struct mem *mem;
    uint8_t **pages;
    uint32_t page_count;
    uint32_t page_capacity;
    uint32_t size;  /* of an object */
    uint32_t shift; /* objects a page, as a power of two */
    uint32_t used;  /* objects alive */
    uint32_t limit;
    uint32_t fresh; /* places below it have been used once */
    uint32_t free;  /* place of the first free object, which holds the next; SLAB_NONE */
};

/* `size` is at least 4 and a multiple of 8. */
void slab_init(struct slab *s, struct mem *m, uint32_t size, uint32_t limit);
void slab_fini(struct slab *s);

/* A zeroed object and its place, or NULL at the limit or when memory is short. */
void *slab_new(struct slab *s, uint32_t *place);

/* Gives an object back. It is zeroed but for its first 4 bytes. */
void slab_free(struct slab *s, void *object, uint32_t place);

/* The same with the object's size known to the compiler. */
#define SLAB_AT(s, place, T) ((T *)(void *)slab_at_sized((s), (place), (uint32_t)sizeof(T)))

static inline void *
slab_at_sized(const struct slab *s, uint32_t place, uint32_t size)
{
    return s->pages[place >> s->shift] + (size_t)(place & ((1u << s->shift) - 1)) * size;
}

/* The object at a place that has been used once (free ones included); place < s->fresh. */
static inline void *
slab_at(const struct slab *s, uint32_t place)
{
    return s->pages[place >> s->shift] + (size_t)(place & ((1u << s->shift) - 1)) * s->size;
}

#endif
