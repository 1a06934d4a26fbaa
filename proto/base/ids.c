/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ids.h"

#include <string.h>

#include "base/hash.h"
#include "base/span.h"

bool
id_equal(struct stint_id a, struct stint_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool
id_is_zero(struct stint_id id)
{
    return (le64_get(id.bytes) | le64_get(id.bytes + 8)) == 0;
}

int
id_compare(struct stint_id a, struct stint_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

uint64_t
id_hash(struct stint_id id, uint64_t seed)
{
    /* The seed enters before the first multiplication and again between the halves: a
     * difference in either half passes a nonlinear step that depends on the secret
     * before it meets the other half. */
    uint64_t h = hash_mix(le64_get(id.bytes) ^ seed);
    return hash_mix((h + le64_get(id.bytes + 8)) ^ (seed << 32 | seed >> 32));
}

struct stint_id
id_of_u64(uint64_t value)
{
    struct stint_id id = { { 0 } };
    le64_put(id.bytes, value);
    return id;
}

uint64_t
id_to_u64(struct stint_id id)
{
    return le64_get(id.bytes);
}
