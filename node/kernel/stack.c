/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of 64, 96, 128, 192, 256 ... bytes: half steps, because a million idle tasklets pay for
 * every byte that their stack is larger than their frames.
 */
#include "kernel/stack.h"

#include <string.h>

#include "base/panic.h"

enum { STACK_CHUNK = 65536, STACK_SMALLEST = 64, STACK_CLASS_MAX = 6144 };

struct stack_chunk {
    struct stack_chunk *next;
    uint64_t unused;
};

static uint32_t
class_size(uint32_t class)
{
    return class % 2 == 0 ? 64u << (class / 2) : 96u << (class / 2);
}

STINT_STATIC_ASSERT(STACK_CLASSES == 14, "the last class has 6144 bytes");

/* The smallest class that holds `size`, which is at most STACK_CLASS_MAX. */
static uint32_t
class_for(uint32_t size)
{
    if (size <= STACK_SMALLEST) {
        return 0;
    }
    uint32_t power = 31u - (uint32_t)__builtin_clz(size - 1); /* 2^power < size <= 2^(power+1) */
    return 2 * (power - 6) + (size <= (3u << (power - 1)) ? 1u : 2u);
}

void
stack_pool_init(struct stack_pool *p, struct mem *m)
{
    *p = (struct stack_pool){ .mem = m };
}

void
stack_pool_fini(struct stack_pool *p)
{
    struct stack_chunk *chunk = p->chunks;
    while (chunk != NULL) {
        struct stack_chunk *next = chunk->next;
        mem_free(p->mem, chunk, STACK_CHUNK);
        chunk = next;
    }
    stack_pool_init(p, p->mem);
}

static void
stack_put(struct stack_pool *p, void *stack, uint32_t class)
{
    memcpy(stack, &p->free[class], sizeof(void *));
    p->free[class] = stack;
}

/* Begins another chunk; the rest of the old one goes to the free lists. */
static bool
stack_add_chunk(struct stack_pool *p)
{
    struct stack_chunk *chunk = mem_alloc(p->mem, STACK_CHUNK);
    if (chunk == NULL) {
        return false;
    }
    for (uint32_t class = STACK_CLASSES; class -- > 0;) {
        while (p->fresh_left >= class_size(class)) {
            stack_put(p, p->fresh, class);
            p->fresh += class_size(class);
            p->fresh_left -= class_size(class);
        }
    }
    chunk->next = p->chunks;
    p->chunks = chunk;
    p->fresh = (uint8_t *)(chunk + 1);
    p->fresh_left = STACK_CHUNK - (uint32_t)sizeof *chunk;
    return true;
}

void *
stack_new(struct stack_pool *p, uint32_t *size)
{
    if (*size > STACK_CLASS_MAX) {
        uint32_t large = 8192;
        while (large < *size) {
            large *= 2;
        }
        *size = large;
        return mem_alloc(p->mem, large);
    }
    uint32_t class = class_for(*size);
    *size = class_size(class);
    void *stack = p->free[class];
    if (stack != NULL) {
        memcpy(&p->free[class], stack, sizeof(void *));
        return stack;
    }
    if (p->fresh_left < *size && !stack_add_chunk(p)) {
        return NULL;
    }
    stack = p->fresh;
    p->fresh += *size;
    p->fresh_left -= *size;
    return stack;
}

void
stack_free(struct stack_pool *p, void *stack, uint32_t size)
{
    if (stack == NULL) {
        return;
    }
    if (size > STACK_CLASS_MAX) {
        mem_free(p->mem, stack, size);
        return;
    }
    uint32_t class = class_for(size);
    STINT_ASSERT(class_size(class) == size);
    stack_put(p, stack, class);
}
