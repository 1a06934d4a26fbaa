/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done with ids: compare, hash, test for "none" (all zero). */
#ifndef STINT_BASE_IDS_H
#define STINT_BASE_IDS_H

#include <stdbool.h>

#include "stint/types.h"

#define STINT_ID_NONE ((struct stint_id){ { 0 } })

bool id_equal(struct stint_id a, struct stint_id b);
bool id_is_zero(struct stint_id id);

/* memcmp's order, so that texts and ids sort alike. */
int id_compare(struct stint_id a, struct stint_id b);

/* A keyed 64-bit mix: without `seed` a peer that chooses ids cannot choose collisions.
 */
uint64_t id_hash(struct stint_id id, uint64_t seed);

/* An id that stands for a number, for tables keyed by numbers; its second half is zero.
 */
struct stint_id id_of_u64(uint64_t value);
uint64_t id_to_u64(struct stint_id id);

#endif
