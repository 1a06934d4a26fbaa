/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for tasklets' stacks: size classes with free lists, carved from chunks; large ones
 * straight from the allocator. */
#ifndef STINT_KERNEL_STACK_H
#define STINT_KERNEL_STACK_H

#include <stdbool.h>

#include "base/mem.h"

enum { STACK_CLASSES = 14 };

struct stack_pool {
    struct mem *mem;
    void *free[STACK_CLASSES];
    void *chunks;
    uint8_t *fresh;
    uint32_t fresh_left;
};

void stack_pool_init(struct stack_pool *p, struct mem *m);

/* Frees all chunks; large stacks must have been given back. */
void stack_pool_fini(struct stack_pool *p);

/* A stack of at least `size` bytes, aligned to 8; *size becomes its real size. NULL when memory
 * is short. */
void *stack_new(struct stack_pool *p, uint32_t *size);
void stack_free(struct stack_pool *p, void *stack, uint32_t size);

#endif
