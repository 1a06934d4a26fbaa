/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"

static uint64_t
rotate_left(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

void
prng_init(struct prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        /* hash_mix(seed + i * gamma) is splitmix64's i-th output; four in a row are
         * never all zero. */
        p->state[i] = hash_mix(seed + (uint64_t)i * 0x9e3779b97f4a7c15u);
    }
}

void
prng_init_entropy(struct prng *p, const uint8_t entropy[32])
{
    uint64_t any = 0;
    for (int i = 0; i < 4; i++) {
        p->state[i] = le64_get(entropy + 8 * i);
        any |= p->state[i];
    }
    if (any == 0) {
        prng_init(p, 0);
    }
}

uint64_t
prng_next(struct prng *p)
{
    uint64_t *s = p->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t
prng_below(struct prng *p, uint64_t bound)
{
    STINT_ASSERT(bound > 0);
    /* Numbers under 2^64 mod bound are thrown away: what is left is a whole multiple of
     * bound. */
    uint64_t rejected = (0 - bound) % bound;
    uint64_t x;
    do {
        x = prng_next(p);
    } while (x < rejected);
    return x % bound;
}

void
prng_bytes(struct prng *p, void *out, size_t size)
{
    uint8_t *to = out;
    while (size > 0) {
        uint8_t bytes[8];
        le64_put(bytes, prng_next(p));
        size_t n = size < sizeof bytes ? size : sizeof bytes;
        memcpy(to, bytes, n);
        to += n;
        size -= n;
    }
}

struct stint_id
prng_id(struct prng *p)
{
    struct stint_id id;
    do {
        prng_bytes(p, id.bytes, sizeof id.bytes);
    } while (id_is_zero(id));
    return id;
}
