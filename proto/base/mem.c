/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <string.h>

#include "base/panic.h"

void
mem_init(struct mem *m, struct stint_allocator allocator, size_t limit)
{
    STINT_ASSERT(allocator.resize != NULL);
    *m = (struct mem){ .allocator = allocator, .limit = limit };
}

void *
mem_alloc(struct mem *m, size_t size)
{
    return size == 0 ? NULL : mem_resize(m, NULL, 0, size);
}

void *
mem_zalloc(struct mem *m, size_t size)
{
    void *ptr = mem_alloc(m, size);
    if (ptr != NULL) {
        memset(ptr, 0, size);
    }
    return ptr;
}

void *
mem_resize(struct mem *m, void *ptr, size_t old_size, size_t size)
{
    STINT_ASSERT(size > 0);
    STINT_ASSERT(old_size <= m->used);
    STINT_ASSERT(ptr != NULL || old_size == 0);
    size_t others = m->used - old_size;
    if (size > SIZE_MAX - others) {
        return NULL;
    }
    /* Shrinking always passes: a limit lowered meanwhile must not keep memory in use.
     */
    if (m->limit != 0 && size > old_size && others + size > m->limit) {
        return NULL;
    }
    void *moved = m->allocator.resize(m->allocator.arg, ptr, old_size, size);
    if (moved == NULL) {
        return NULL;
    }
    m->used = others + size;
    if (m->used > m->peak) {
        m->peak = m->used;
    }
    return moved;
}

void
mem_free(struct mem *m, void *ptr, size_t size)
{
    if (ptr == NULL) {
        return;
    }
    STINT_ASSERT(size > 0);
    STINT_ASSERT(size <= m->used);
    m->used -= size;
    (void)m->allocator.resize(m->allocator.arg, ptr, size, 0);
}
