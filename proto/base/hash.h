/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit hashes that are part of formats (fingerprints, rendezvous): the same on every
 * machine and in every version. They keep accidents apart, not enemies; digests that
 * must withstand enemies are in wire/seal.h.
 */
#ifndef STINT_BASE_HASH_H
#define STINT_BASE_HASH_H

#include "stint/types.h"

/* A bijective mix of 64 bits in which every bit of the input reaches every bit of the
 * output. */
uint64_t hash_mix(uint64_t x);

/* FNV-1a over all that is added, then hash_mix. */
struct hash {
    uint64_t state;
};

void hash_init(struct hash *h);
void hash_add(struct hash *h, const void *data, size_t size);
void hash_add_u64(struct hash *h, uint64_t value);

/* The text and its terminator, so that two texts in a row are not one. */
void hash_add_text(struct hash *h, const char *text);
uint64_t hash_final(const struct hash *h);

/* The weight of `node` as a home of `key`: the largest weight wins (highest random
 * weight). Ties: larger id. */
uint64_t hash_rendezvous(struct stint_id key, struct stint_id node);

#endif
