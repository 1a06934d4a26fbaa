/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte buffer that grows by doubling, up to a maximum. A failed append changes
 * nothing and sets `failed`, so a writer may append many things and look once.
 */
#ifndef STINT_BASE_BUF_H
#define STINT_BASE_BUF_H

#include <stdbool.h>

#include "base/mem.h"

struct buf {
    struct mem *mem;
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t maximum;
    bool failed;
};

/* An empty buffer of at most `maximum` bytes; allocates nothing yet. */
void buf_init(struct buf *b, struct mem *m, size_t maximum);

/* Frees the memory; the buffer is empty and may be used again. */
void buf_fini(struct buf *b);

/* Empties the buffer and clears the failure; the memory stays. */
void buf_reset(struct buf *b);

/* Makes room for `more` further bytes. STINT_LIMIT over the maximum, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status buf_reserve(struct buf *b, size_t more);

/* Grows the content by `size` bytes for the caller to fill; NULL (and failed) when
 * there is no room. */
uint8_t *buf_extend(struct buf *b, size_t size);

/* Each appends; false (and failed) when there is no room, and after any earlier
 * failure. */
bool buf_append(struct buf *b, const void *data, size_t size);
bool buf_append_span(struct buf *b, struct stint_span span);
bool buf_append_text(struct buf *b, const char *text);
bool buf_put_u8(struct buf *b, uint8_t value);
bool buf_put_u16(struct buf *b, uint16_t value);
bool buf_put_u32(struct buf *b, uint32_t value);
bool buf_put_u64(struct buf *b, uint64_t value);
bool buf_put_id(struct buf *b, struct stint_id id);

/* Forgets the first `size` bytes (at most all) and moves the rest to the front. */
void buf_consume(struct buf *b, size_t size);

/* The content; valid until the next change. */
struct stint_span buf_span(const struct buf *b);

#endif
