/* SPDX-License-Identifier: Apache-2.0 */
#include "client/rawpb.h"

#include "base/panic.h"
#include "base/span.h"

#define TAG_MAX ((UINT32_C(1) << 29) - 1)

static bool
take_varint(struct stint_span *rest, uint64_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < 10 && i < rest->size; i++) {
        uint8_t byte = rest->data[i];
        if (i == 9 && byte > 1) {
            return false;
        }
        *number |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            rest->data += i + 1;
            rest->size -= i + 1;
            return true;
        }
    }
    return false;
}

static bool
take_fixed(struct stint_span *rest, size_t size, uint64_t *number)
{
    if (rest->size < size) {
        return false;
    }
    *number = size == 4 ? le32_get(rest->data) : le64_get(rest->data);
    rest->data += size;
    rest->size -= size;
    return true;
}

bool
rawpb_packed(struct stint_span *rest, enum rawpb_wire wire, uint64_t *number)
{
    switch (wire) {
    case RAWPB_VARINT:
        return take_varint(rest, number);
    case RAWPB_FIXED64:
        return take_fixed(rest, 8, number);
    case RAWPB_FIXED32:
        return take_fixed(rest, 4, number);
    case RAWPB_BYTES:
        break;
    }
    return false;
}

enum stint_status
rawpb_next(struct stint_span *rest, struct rawpb_field *field)
{
    *field = (struct rawpb_field){ 0 };
    if (rest->size == 0) {
        return STINT_END_OF_SEQUENCE;
    }
    struct stint_span at = *rest;
    uint64_t head;
    if (!take_varint(&at, &head) || head >> 3 == 0 || head >> 3 > TAG_MAX) {
        return STINT_INVALID;
    }
    field->tag = (uint32_t)(head >> 3);
    switch (head & 7) {
    case RAWPB_VARINT:
    case RAWPB_FIXED64:
    case RAWPB_FIXED32:
        field->wire = (enum rawpb_wire)(head & 7);
        if (!rawpb_packed(&at, field->wire, &field->number)) {
            return STINT_INVALID;
        }
        break;
    case RAWPB_BYTES: {
        uint64_t size;
        if (!take_varint(&at, &size) || size > at.size) {
            return STINT_INVALID;
        }
        field->wire = RAWPB_BYTES;
        field->bytes = span_of(at.data, (size_t)size);
        at.data += size;
        at.size -= (size_t)size;
        break;
    }
    default:
        return STINT_INVALID;
    }
    *rest = at;
    return STINT_OK;
}

void
rawpb_put_varint(struct buf *out, uint64_t number)
{
    uint8_t bytes[10];
    size_t size = 0;
    do {
        uint8_t low = (uint8_t)(number & 0x7f);
        number >>= 7;
        bytes[size++] = (uint8_t)(low | (number != 0 ? 0x80 : 0));
    } while (number != 0);
    (void)buf_append(out, bytes, size);
}

void
rawpb_put_tag(struct buf *out, uint32_t tag, enum rawpb_wire wire)
{
    STINT_ASSERT(tag != 0 && tag <= TAG_MAX);
    rawpb_put_varint(out, (uint64_t)tag << 3 | wire);
}

void
rawpb_put_number(struct buf *out, enum rawpb_wire wire, uint64_t number)
{
    switch (wire) {
    case RAWPB_VARINT:
        rawpb_put_varint(out, number);
        break;
    case RAWPB_FIXED64:
        (void)buf_put_u64(out, number);
        break;
    case RAWPB_FIXED32:
        (void)buf_put_u32(out, (uint32_t)number);
        break;
    case RAWPB_BYTES:
        STINT_ASSERT(wire != RAWPB_BYTES);
    }
}

void
rawpb_put_bytes(struct buf *out, uint32_t tag, struct stint_span bytes)
{
    rawpb_put_tag(out, tag, RAWPB_BYTES);
    rawpb_put_varint(out, bytes.size);
    (void)buf_append_span(out, bytes);
}
