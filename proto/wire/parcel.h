/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pickle on its way: cut into chunks of LIMIT_PARCEL_CHUNK bytes (the last may be
 * shorter), put together again in order, and checked against the digest of its manifest
 * before anybody reads a byte of it.
 */
#ifndef STINT_WIRE_PARCEL_H
#define STINT_WIRE_PARCEL_H

#include "base/buf.h"
#include "wire/seal.h"

/* How many chunks a pickle has: at least 1. */
uint32_t parcel_chunks(uint64_t size);

/* Chunk number `index` (below parcel_chunks) of a pickle. */
struct stint_span parcel_chunk(struct stint_span pickle, uint32_t index);

/* One pickle being put together. */
struct parcel {
    struct buf bytes;
    uint64_t size;
    uint32_t chunks;
    uint32_t next; /* the first chunk that is missing */
    uint8_t digest[SEAL_DIGEST_SIZE];
};

/*
 * Begins. Memory grows with what arrives, never ahead of it. STINT_LIMIT: larger than
 * `limit`; STINT_BAD_PICKLE: size and number of chunks contradict each other. On
 * failure there is nothing to end.
 */
STINT_MUST_USE enum stint_status parcel_begin(struct parcel *p, struct mem *m,
                                              uint64_t size, uint32_t chunks,
                                              const uint8_t digest[SEAL_DIGEST_SIZE],
                                              uint64_t limit);

/*
 * Takes a chunk. STINT_OK; STINT_EXISTS: it is here already; STINT_CONFLICT: `next` is
 * missing before it (ask from there on); STINT_BAD_PICKLE: its number or size is wrong;
 * STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status parcel_add(struct parcel *p, uint32_t index,
                                            struct stint_span chunk);

/* STINT_OK when all is here and the digest holds, STINT_BUSY while chunks are missing,
 * STINT_BAD_PICKLE. */
STINT_MUST_USE enum stint_status parcel_check(const struct parcel *p);

/* Frees the bytes. */
void parcel_end(struct parcel *p);

#endif
