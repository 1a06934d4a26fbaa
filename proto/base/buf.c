/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <string.h>

#include "base/panic.h"
#include "base/span.h"

enum { BUF_FIRST_CAPACITY = 64 };

void
buf_init(struct buf *b, struct mem *m, size_t maximum)
{
    *b = (struct buf){ .mem = m, .maximum = maximum };
}

void
buf_fini(struct buf *b)
{
    mem_free(b->mem, b->data, b->capacity);
    buf_init(b, b->mem, b->maximum);
}

void
buf_reset(struct buf *b)
{
    b->size = 0;
    b->failed = false;
}

enum stint_status
buf_reserve(struct buf *b, size_t more)
{
    STINT_ASSERT(b->size <= b->capacity);
    if (more <= b->capacity - b->size) {
        return STINT_OK;
    }
    if (b->size > b->maximum || more > b->maximum - b->size) {
        return STINT_LIMIT;
    }
    size_t wanted = b->size + more;
    size_t capacity =
        b->capacity < BUF_FIRST_CAPACITY ? BUF_FIRST_CAPACITY : b->capacity;
    while (capacity < wanted) {
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    }
    if (capacity > b->maximum) {
        capacity = b->maximum;
    }
    uint8_t *data = mem_resize(b->mem, b->data, b->capacity, capacity);
    if (data == NULL) {
        return STINT_NO_MEMORY;
    }
    b->data = data;
    b->capacity = capacity;
    return STINT_OK;
}

uint8_t *
buf_extend(struct buf *b, size_t size)
{
    if (b->failed || buf_reserve(b, size) != STINT_OK) {
        b->failed = true;
        return NULL;
    }
    uint8_t *place = b->data + b->size;
    b->size += size;
    return place;
}

bool
buf_append(struct buf *b, const void *data, size_t size)
{
    if (size == 0) {
        return !b->failed;
    }
    uint8_t *place = buf_extend(b, size);
    if (place == NULL) {
        return false;
    }
    memcpy(place, data, size);
    return true;
}

bool
buf_append_span(struct buf *b, struct stint_span span)
{
    return buf_append(b, span.data, span.size);
}

bool
buf_append_text(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

bool
buf_put_u8(struct buf *b, uint8_t value)
{
    return buf_append(b, &value, 1);
}

bool
buf_put_u16(struct buf *b, uint16_t value)
{
    uint8_t bytes[2];
    le16_put(bytes, value);
    return buf_append(b, bytes, sizeof bytes);
}

bool
buf_put_u32(struct buf *b, uint32_t value)
{
    uint8_t bytes[4];
    le32_put(bytes, value);
    return buf_append(b, bytes, sizeof bytes);
}

bool
buf_put_u64(struct buf *b, uint64_t value)
{
    uint8_t bytes[8];
    le64_put(bytes, value);
    return buf_append(b, bytes, sizeof bytes);
}

bool
buf_put_id(struct buf *b, struct stint_id id)
{
    return buf_append(b, id.bytes, sizeof id.bytes);
}

void
buf_consume(struct buf *b, size_t size)
{
    STINT_ASSERT(size <= b->size);
    if (size != 0) {
        memmove(b->data, b->data + size, b->size - size);
        b->size -= size;
    }
}

struct stint_span
buf_span(const struct buf *b)
{
    return (struct stint_span){ b->data, b->size };
}
