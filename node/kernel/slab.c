/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A freed object is zeroed at once and not when it is used again: whoever looks at a place sees
 * either an object that is alive or zeroes, so a stale hint can be checked against the object
 * itself.
 */
#include "kernel/slab.h"

#include <string.h>

#include "base/panic.h"

enum { SLAB_PAGE = 32768 };

void
slab_init(struct slab *s, struct mem *m, uint32_t size, uint32_t limit)
{
    STINT_ASSERT(size >= 8 && size % 8 == 0 && size <= SLAB_PAGE);
    uint32_t shift = 0;
    while ((size << (shift + 1)) <= SLAB_PAGE) {
        shift++;
    }
    *s = (struct slab){ .mem = m,
        .size = size,
        .shift = shift,
        .limit = limit,
        .free = SLAB_NONE };
}

static size_t
slab_page_size(const struct slab *s)
{
    return (size_t)s->size << s->shift;
}

void
slab_fini(struct slab *s)
{
    for (uint32_t i = 0; i < s->page_count; i++) {
        mem_free(s->mem, s->pages[i], slab_page_size(s));
    }
    mem_free(s->mem, s->pages, s->page_capacity * sizeof *s->pages);
    s->pages = NULL;
    s->page_count = 0;
    s->page_capacity = 0;
}

static bool
slab_add_page(struct slab *s)
{
    if (s->page_count == s->page_capacity) {
        uint32_t capacity = s->page_capacity == 0 ? 4 : s->page_capacity * 2;
        uint8_t **pages = mem_resize(s->mem, s->pages, s->page_capacity * sizeof *pages,
            capacity * sizeof *pages);
        if (pages == NULL) {
            return false;
        }
        s->pages = pages;
        s->page_capacity = capacity;
    }
    uint8_t *page = mem_zalloc(s->mem, slab_page_size(s));
    if (page == NULL) {
        return false;
    }
    s->pages[s->page_count++] = page;
    return true;
}

void *
slab_new(struct slab *s, uint32_t *place)
{
    if (s->free != SLAB_NONE) {
        *place = s->free;
        uint32_t *object = slab_at(s, s->free);
        s->free = *object;
        *object = 0;
        s->used++;
        return object;
    }
    if (s->used >= s->limit) {
        return NULL;
    }
    if (s->fresh >> s->shift == s->page_count && !slab_add_page(s)) {
        return NULL;
    }
    *place = s->fresh++;
    s->used++;
    return slab_at(s, *place);
}

void
slab_free(struct slab *s, void *object, uint32_t place)
{
    STINT_ASSERT(place < s->fresh && slab_at(s, place) == object);
    memset(object, 0, s->size);
    *(uint32_t *)object = s->free;
    s->free = place;
    s->used--;
}
