/* SPDX-License-Identifier: Apache-2.0 */
#include "client/records.h"

#include <string.h>

#include "base/panic.h"
#include "base/span.h"

struct header {
    uint32_t kind;
    uint32_t item_size;
    uint32_t payload_size;
};

bool
record_append(struct buf *records, const struct record *record)
{
    STINT_ASSERT(record->item.size <= UINT32_MAX && record->payload.size <= UINT32_MAX);
    struct header header = { record->kind, (uint32_t)record->item.size,
                             (uint32_t)record->payload.size };
    if (buf_reserve(records, sizeof header + record->item.size + record->payload.size) !=
        STINT_OK) {
        return false;
    }
    return buf_append(records, &header, sizeof header) && buf_append_span(records, record->item) &&
           buf_append_span(records, record->payload);
}

bool
record_next(const struct buf *records, size_t *at, struct record *record)
{
    struct header header;
    if (*at >= records->size) {
        return false;
    }
    STINT_ASSERT(records->size - *at >= sizeof header);
    memcpy(&header, records->data + *at, sizeof header);
    const uint8_t *content = records->data + *at + sizeof header;
    *record = (struct record){ header.kind, span_of(content, header.item_size),
                               span_of(content + header.item_size, header.payload_size) };
    *at += sizeof header + header.item_size + header.payload_size;
    STINT_ASSERT(*at <= records->size);
    return true;
}
