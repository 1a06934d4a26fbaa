/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of effects, in two batches: one being filled, one that was handed out. It grows as
 * needed, for an effect must never be lost; kernel_run() keeps it short by stopping when it is
 * long. The bytes and texts of effects lie in chunks of their batch.
 */
#ifndef STINT_KERNEL_EFFECT_H
#define STINT_KERNEL_EFFECT_H

#include "kernel/kernel.h"

struct effect_chunk;

struct effect_batch {
    struct kernel_effect *items;
    uint32_t count;
    uint32_t capacity;
    size_t bytes;
    struct effect_chunk *chunks; /* newest first */
};

struct effects {
    struct mem *mem;
    struct effect_batch filling;
    struct effect_batch handed;
};

void effects_init(struct effects *e, struct mem *m);
void effects_fini(struct effects *e);

/* Swaps the batches and empties the one to be filled. */
void effects_swap(struct effects *e);

/* A zeroed effect at the end of the queue, or NULL (and the kernel is broken) when memory is
 * short. The pointer is valid until the next one. */
struct kernel_effect *effect_new(struct kernel *k, enum kernel_effect_kind kind);

/* Copies of bytes and of a text that live as long as the effects. On failure the kernel is broken
 * and they are empty. */
struct stint_span effect_bytes(struct kernel *k, struct stint_span bytes);
const char *effect_text(struct kernel *k, const char *text);

/* The encoding of a value, living as long as the effects; STINT_INVALID for a value that has
 * none. */
STINT_MUST_USE enum stint_status effect_value(struct kernel *k, const struct stint_type *type,
    const void *value, struct stint_span *bytes);

/* Whether the queue is so long that no further turn should begin. */
bool effects_are_many(const struct kernel *k);

#endif
