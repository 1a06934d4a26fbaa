/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/effect.h"

#include <string.h>

#include "base/panic.h"
#include "kernel/machine.h"

enum { EFFECT_CHUNK = 16384, EFFECT_FIRST = 64 };

struct effect_chunk {
    struct effect_chunk *next;
    size_t size; /* of bytes */
    size_t used;
    uint8_t bytes[];
};

void
effects_init(struct effects *e, struct mem *m)
{
    *e = (struct effects){ .mem = m };
}

static void
chunks_free(struct effects *e, struct effect_chunk *chunk)
{
    while (chunk != NULL) {
        struct effect_chunk *next = chunk->next;
        mem_free(e->mem, chunk, sizeof *chunk + chunk->size);
        chunk = next;
    }
}

/* Empties a batch; one chunk of the usual size stays for the next. */
static void
batch_reset(struct effects *e, struct effect_batch *batch)
{
    struct effect_chunk *chunk = batch->chunks;
    if (chunk != NULL && chunk->size == EFFECT_CHUNK) {
        chunks_free(e, chunk->next);
        chunk->next = NULL;
        chunk->used = 0;
    } else {
        chunks_free(e, chunk);
        batch->chunks = NULL;
    }
    batch->count = 0;
    batch->bytes = 0;
}

static void
batch_fini(struct effects *e, struct effect_batch *batch)
{
    chunks_free(e, batch->chunks);
    mem_free(e->mem, batch->items, batch->capacity * sizeof *batch->items);
    *batch = (struct effect_batch){ 0 };
}

void
effects_fini(struct effects *e)
{
    batch_fini(e, &e->filling);
    batch_fini(e, &e->handed);
}

void
effects_swap(struct effects *e)
{
    struct effect_batch handed = e->filling;
    e->filling = e->handed;
    e->handed = handed;
    batch_reset(e, &e->filling);
}

struct kernel_effect *
effect_new(struct kernel *k, enum kernel_effect_kind kind)
{
    struct effect_batch *batch = &k->effects.filling;
    if (batch->count == batch->capacity) {
        uint32_t capacity = batch->capacity == 0 ? EFFECT_FIRST : batch->capacity * 2;
        struct kernel_effect *items = mem_resize(k->mem, batch->items,
            batch->capacity * sizeof *items, capacity * sizeof *items);
        if (items == NULL) {
            k->broken = true;
            return NULL;
        }
        batch->items = items;
        batch->capacity = capacity;
    }
    struct kernel_effect *effect = &batch->items[batch->count++];
    *effect = (struct kernel_effect){ .kind = kind };
    return effect;
}

/* Room for `size` bytes that live as long as the batch; NULL, and the kernel is broken, when
 * memory is short. */
static uint8_t *
effect_room(struct kernel *k, size_t size)
{
    struct effect_batch *batch = &k->effects.filling;
    struct effect_chunk *chunk = batch->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = size > EFFECT_CHUNK ? size : EFFECT_CHUNK;
        chunk = mem_alloc(k->mem, sizeof *chunk + room);
        if (chunk == NULL) {
            k->broken = true;
            return NULL;
        }
        *chunk = (struct effect_chunk){ .next = batch->chunks, .size = room };
        batch->chunks = chunk;
    }
    uint8_t *bytes = chunk->bytes + chunk->used;
    chunk->used += size;
    batch->bytes += size;
    return bytes;
}

struct stint_span
effect_bytes(struct kernel *k, struct stint_span bytes)
{
    if (bytes.size == 0) {
        return (struct stint_span){ NULL, 0 };
    }
    uint8_t *room = effect_room(k, bytes.size);
    if (room == NULL) {
        return (struct stint_span){ NULL, 0 };
    }
    memcpy(room, bytes.data, bytes.size);
    return (struct stint_span){ room, bytes.size };
}

const char *
effect_text(struct kernel *k, const char *text)
{
    struct stint_span copy =
        effect_bytes(k, (struct stint_span){ (const uint8_t *)text, strlen(text) + 1 });
    return copy.data == NULL ? "" : (const char *)copy.data;
}

enum stint_status
effect_value(struct kernel *k, const struct stint_type *type, const void *value,
    struct stint_span *bytes)
{
    *bytes = (struct stint_span){ NULL, 0 };
    buf_reset(&k->encoded);
    enum stint_status status = type_encode(type, value, &k->encoded);
    if (status != STINT_OK) {
        return status;
    }
    *bytes = effect_bytes(k, buf_span(&k->encoded));
    return STINT_OK;
}

bool
effects_are_many(const struct kernel *k)
{
    const struct effect_batch *batch = &k->effects.filling;
    return batch->count >= KERNEL_EFFECTS_SOFT || batch->bytes >= KERNEL_EFFECT_BYTES_SOFT;
}
