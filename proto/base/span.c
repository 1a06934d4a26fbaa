/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

void
reader_init(struct reader *r, struct stint_span input)
{
    r->rest = input;
    r->failed = false;
}

struct stint_span
reader_bytes(struct reader *r, size_t size)
{
    if (r->failed || size > r->rest.size) {
        r->failed = true;
        return (struct stint_span){ NULL, 0 };
    }
    struct stint_span taken = { r->rest.data, size };
    if (size != 0) {
        r->rest.data += size;
        r->rest.size -= size;
    }
    return taken;
}

uint8_t
reader_u8(struct reader *r)
{
    struct stint_span bytes = reader_bytes(r, 1);
    return r->failed ? 0 : bytes.data[0];
}

uint16_t
reader_u16(struct reader *r)
{
    struct stint_span bytes = reader_bytes(r, 2);
    return r->failed ? 0 : le16_get(bytes.data);
}

uint32_t
reader_u32(struct reader *r)
{
    struct stint_span bytes = reader_bytes(r, 4);
    return r->failed ? 0 : le32_get(bytes.data);
}

uint64_t
reader_u64(struct reader *r)
{
    struct stint_span bytes = reader_bytes(r, 8);
    return r->failed ? 0 : le64_get(bytes.data);
}

struct stint_id
reader_id(struct reader *r)
{
    struct stint_id id = { { 0 } };
    struct stint_span bytes = reader_bytes(r, sizeof id.bytes);
    if (!r->failed) {
        memcpy(id.bytes, bytes.data, sizeof id.bytes);
    }
    return id;
}

bool
reader_done(const struct reader *r)
{
    return !r->failed && r->rest.size == 0;
}
