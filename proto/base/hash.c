/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

#include "base/span.h"

static const uint64_t FNV_OFFSET = 0xcbf29ce484222325u;
static const uint64_t FNV_PRIME = 0x100000001b3u;

uint64_t
hash_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void
hash_init(struct hash *h)
{
    h->state = FNV_OFFSET;
}

void
hash_add(struct hash *h, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t state = h->state;
    for (size_t i = 0; i < size; i++) {
        state = (state ^ bytes[i]) * FNV_PRIME;
    }
    h->state = state;
}

void
hash_add_u64(struct hash *h, uint64_t value)
{
    uint8_t bytes[8];
    le64_put(bytes, value);
    hash_add(h, bytes, sizeof bytes);
}

void
hash_add_text(struct hash *h, const char *text)
{
    hash_add(h, text, strlen(text) + 1);
}

uint64_t
hash_final(const struct hash *h)
{
    return hash_mix(h->state);
}

uint64_t
hash_rendezvous(struct stint_id key, struct stint_id node)
{
    uint64_t weight = hash_mix(le64_get(key.bytes) ^ le64_get(node.bytes));
    return hash_mix(weight + le64_get(key.bytes + 8) + 3 * le64_get(node.bytes + 8));
}
