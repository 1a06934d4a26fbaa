/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one machine: an allocator given from outside, counted and limited.
 * Frees name the size that was allocated, so the count is exact and a wrong size is
 * found by whoever checks that `used` is 0 at the end.
 */
#ifndef STINT_BASE_MEM_H
#define STINT_BASE_MEM_H

#include "base/mutant.h"
#include "stint/types.h"

struct mem {
    struct stint_allocator allocator;
    size_t used;
    size_t peak;
    size_t limit; /* 0 = none */
#ifdef STINT_MUTANTS
    enum mutant mutant; /* of the machine that owns it */
#endif
};

/* Makes `m` hand out at most `limit` bytes at a time of `allocator`'s memory. */
void mem_init(struct mem *m, struct stint_allocator allocator, size_t limit);

/* `size` uninitialised bytes; NULL on failure, over the limit, and for a size of 0. */
void *mem_alloc(struct mem *m, size_t size);

/* The same, zeroed. */
void *mem_zalloc(struct mem *m, size_t size);

/* Grows or shrinks a block (ptr may be NULL with old_size 0). On failure NULL, and
 * `ptr` is as it was. `size` is not 0. */
void *mem_resize(struct mem *m, void *ptr, size_t old_size, size_t size);

/* Gives a block back with the size it has; NULL is allowed with any size. */
void mem_free(struct mem *m, void *ptr, size_t size);

#endif
