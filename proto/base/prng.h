/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The random numbers of one machine: xoshiro256** started by splitmix64. Given the same
 * seed it gives the same numbers, which is what makes a run repeatable. It makes ids,
 * jitter and nonces; keys are made from the system's entropy (link/entropy.h) and never
 * from here.
 */
#ifndef STINT_BASE_PRNG_H
#define STINT_BASE_PRNG_H

#include "stint/types.h"

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *p, uint64_t seed);

/* Starts from 32 bytes of entropy: 256 bits of state that nobody can guess. */
void prng_init_entropy(struct prng *p, const uint8_t entropy[32]);

uint64_t prng_next(struct prng *p);

/* Uniform in [0, bound), without bias; bound is not 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);
void prng_bytes(struct prng *p, void *out, size_t size);

/* A random id that is not STINT_ID_NONE. */
struct stint_id prng_id(struct prng *p);

#endif
