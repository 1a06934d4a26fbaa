/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans of bytes, little-endian numbers, and a reader that checks every bound once and
 * remembers the first failure, so that a decoder reads all its fields and looks at the
 * error once.
 */
#ifndef STINT_BASE_SPAN_H
#define STINT_BASE_SPAN_H

#include <stdbool.h>
#include <string.h>

#include "stint/types.h"

static inline struct stint_span
span_of(const void *data, size_t size)
{
    return (struct stint_span){ (const uint8_t *)data, size };
}

static inline struct stint_span
span_text(const char *text)
{
    return span_of(text, strlen(text));
}

static inline bool
span_equal(struct stint_span a, struct stint_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* memcpy that allows NULL with size 0, as empty spans have it. */
static inline void
bytes_copy(void *to, const void *from, size_t size)
{
    if (size != 0) {
        memcpy(to, from, size);
    }
}

static inline uint16_t
le16_get(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
le32_get(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static inline uint64_t
le64_get(const uint8_t *p)
{
    return (uint64_t)le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

static inline void
le16_put(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void
le32_put(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
}

static inline void
le64_put(uint8_t *p, uint64_t value)
{
    le32_put(p, (uint32_t)value);
    le32_put(p + 4, (uint32_t)(value >> 32));
}

/* Reads a span from front to end. After the first read past the end every read gives 0
 * or empty, and `failed` stays true. */
struct reader {
    struct stint_span rest;
    bool failed;
};

void reader_init(struct reader *r, struct stint_span input);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
struct stint_id reader_id(struct reader *r);

/* The next `size` bytes, still owned by the input; an empty span and failure when there
 * are fewer. */
struct stint_span reader_bytes(struct reader *r, size_t size);

/* True when nothing failed and nothing is left: the check that refuses trailing
 * garbage. */
bool reader_done(const struct reader *r);

#endif
