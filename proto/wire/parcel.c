/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/parcel.h"

#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "wire/limits.h"

uint32_t
parcel_chunks(uint64_t size)
{
    STINT_ASSERT(size <= LIMIT_PICKLE);
    uint64_t chunks = (size + LIMIT_PARCEL_CHUNK - 1) / LIMIT_PARCEL_CHUNK;
    return chunks == 0 ? 1 : (uint32_t)chunks;
}

/* The size of a chunk of a pickle of `size` bytes. */
static size_t
chunk_size(uint64_t size, uint32_t index)
{
    uint64_t start = (uint64_t)index * LIMIT_PARCEL_CHUNK;
    STINT_ASSERT(start <= size);
    uint64_t rest = size - start;
    return rest < LIMIT_PARCEL_CHUNK ? (size_t)rest : LIMIT_PARCEL_CHUNK;
}

struct stint_span
parcel_chunk(struct stint_span pickle, uint32_t index)
{
    STINT_ASSERT(index < parcel_chunks(pickle.size));
    size_t start = (size_t)index * LIMIT_PARCEL_CHUNK;
    size_t size = chunk_size(pickle.size, index);
    return span_of(size == 0 ? pickle.data : pickle.data + start, size);
}

enum stint_status
parcel_begin(struct parcel *p, struct mem *m, uint64_t size, uint32_t chunks,
             const uint8_t digest[SEAL_DIGEST_SIZE], uint64_t limit)
{
    if (size > limit || size > LIMIT_PICKLE) {
        return STINT_LIMIT;
    }
    if (chunks != parcel_chunks(size)) {
        return STINT_BAD_PICKLE;
    }
    *p = (struct parcel){ .size = size, .chunks = chunks };
    buf_init(&p->bytes, m, (size_t)size);
    memcpy(p->digest, digest, SEAL_DIGEST_SIZE);
    return STINT_OK;
}

enum stint_status
parcel_add(struct parcel *p, uint32_t index, struct stint_span chunk)
{
    if (index >= p->chunks || chunk.size != chunk_size(p->size, index)) {
        return STINT_BAD_PICKLE;
    }
    if (index != p->next) {
        return index < p->next ? STINT_EXISTS : STINT_CONFLICT;
    }
    if (buf_reserve(&p->bytes, chunk.size) != STINT_OK) {
        return STINT_NO_MEMORY;
    }
    bool taken = buf_append_span(&p->bytes, chunk);
    STINT_ASSERT(taken);
    p->next++;
    return STINT_OK;
}

enum stint_status
parcel_check(const struct parcel *p)
{
    if (p->next < p->chunks) {
        return STINT_BUSY;
    }
    STINT_ASSERT(p->bytes.size == p->size);
    uint8_t digest[SEAL_DIGEST_SIZE];
    seal_digest(digest, buf_span(&p->bytes));
    return seal_equal(digest, p->digest, sizeof digest) ? STINT_OK : STINT_BAD_PICKLE;
}

void
parcel_end(struct parcel *p)
{
    buf_fini(&p->bytes);
}
