/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records by table. The form is canonical by construction: fields stand in order of their tags,
 * those that are zero are not written, and a reader that finds anything but the next field of the
 * table in its shortest form stops.
 */
#include <stddef.h>
#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "kernel/pickle_part.h"

enum { KEY_MAX = 5, NUMBER_MAX = 10 };

/* ---- writing ---- */

struct writer {
    uint8_t bytes[WIRE_MESSAGE_MAX];
    size_t size;
};

static void
write_number(struct writer *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        w->bytes[w->size++] = (uint8_t)(value | 0x80);
    }
    w->bytes[w->size++] = (uint8_t)value;
}

static void
write_bytes(struct writer *w, uint32_t tag, const void *bytes, size_t size)
{
    write_number(w, tag << 3 | WIRE_BYTES);
    write_number(w, size);
    memcpy(w->bytes + w->size, bytes, size);
    w->size += size;
}

static uint64_t
number_of(const struct wire_item *item, const uint8_t *member)
{
    uint32_t small;
    uint64_t large;
    switch ((enum wire_kind)item->kind) {
    case WIRE_U32:
        memcpy(&small, member, sizeof(small));
        return small;
    case WIRE_S32:
        memcpy(&small, member, sizeof(small));
        return small << 1 ^ (small >> 31 != 0 ? UINT32_MAX : 0);
    case WIRE_BOOL:
        return *member != 0;
    default:
        memcpy(&large, member, sizeof(large));
        return large;
    }
}

static void
write_item(struct writer *w, const struct wire_item *item, const uint8_t *member)
{
    pb_size_t count;
    STINT_ASSERT(w->size + item->size + KEY_MAX + NUMBER_MAX <= sizeof(w->bytes));
    switch ((enum wire_kind)item->kind) {
    case WIRE_ID:
        write_bytes(w, item->tag, member, item->size);
        return;
    case WIRE_TEXT:
        if (member[0] != 0) {
            write_bytes(w, item->tag, member, strlen((const char *)member));
        }
        return;
    case WIRE_SOME:
        memcpy(&count, member, sizeof(count));
        if (count != 0) {
            write_bytes(w, item->tag, member + offsetof(pb_bytes_array_t, bytes), count);
        }
        return;
    default:
        break;
    }
    uint64_t number = number_of(item, member);
    if (number == 0) {
        return;
    }
    if (item->kind == WIRE_HASH) {
        write_number(w, (uint32_t)item->tag << 3 | WIRE_FIXED64);
        le64_put(w->bytes + w->size, number);
        w->size += 8;
    } else {
        write_number(w, (uint32_t)item->tag << 3 | WIRE_VARINT);
        write_number(w, number);
    }
}

bool
wire_put_record(
    struct buf *out, uint32_t tag, const struct wire_record *record, const void *message)
{
    struct writer w;
    w.size = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        write_item(&w, &record->items[i], (const uint8_t *)message + record->items[i].offset);
    }
    return wire_put_bytes(out, tag, span_of(w.bytes, w.size));
}

/* ---- reading ---- */

static bool
read_number(const struct wire_item *item, uint8_t *member, uint64_t number)
{
    uint32_t small = (uint32_t)number;
    switch ((enum wire_kind)item->kind) {
    case WIRE_U64:
        memcpy(member, &number, sizeof(number));
        return true;
    case WIRE_BOOL:
        *member = 1;
        return number == 1;
    case WIRE_S32:
        small = small >> 1 ^ ((small & 1) != 0 ? UINT32_MAX : 0);
        break;
    case WIRE_U32:
        break;
    default:
        return false;
    }
    memcpy(member, &small, sizeof(small));
    return number <= UINT32_MAX;
}

static bool
read_bytes(const struct wire_item *item, uint8_t *member, struct stint_span bytes)
{
    size_t header = offsetof(pb_bytes_array_t, bytes);
    pb_size_t count = (pb_size_t)bytes.size;
    switch ((enum wire_kind)item->kind) {
    case WIRE_ID:
        if (bytes.size != item->size) {
            return false;
        }
        memcpy(member, bytes.data, bytes.size);
        return true;
    case WIRE_TEXT:
        if (bytes.size == 0 || bytes.size >= item->size
            || memchr(bytes.data, 0, bytes.size) != NULL) {
            return false;
        }
        memcpy(member, bytes.data, bytes.size);
        return true;
    case WIRE_SOME:
        if (bytes.size == 0 || bytes.size > item->size - header) {
            return false;
        }
        memcpy(member, &count, sizeof(count));
        memcpy(member + header, bytes.data, bytes.size);
        return true;
    default:
        return false;
    }
}

static bool
read_item(const struct wire_item *item, const struct wire_field *field, uint8_t *member)
{
    switch (field->form) {
    case WIRE_BYTES:
        return read_bytes(item, member, field->bytes);
    case WIRE_FIXED64:
        if (item->kind != WIRE_HASH || field->number == 0) { /* the member may be smaller */
            return false;
        }
        memcpy(member, &field->number, sizeof(field->number));
        return true;
    case WIRE_VARINT:
        break;
    }
    return field->number != 0 && read_number(item, member, field->number);
}

bool
wire_read_record(struct stint_span bytes, const struct wire_record *record, void *message)
{
    struct wire_reader r;
    struct wire_field field;
    const struct wire_item *item = record->items;
    const struct wire_item *end = item + record->count;
    memset(message, 0, record->size);
    wire_reader_init(&r, bytes);
    while (wire_read(&r, &field)) {
        while (item != end && item->tag != field.tag && item->kind != WIRE_ID) {
            item++;
        }
        if (item == end || item->tag != field.tag
            || !read_item(item, &field, (uint8_t *)message + item->offset)) {
            return false;
        }
        item++;
    }
    while (item != end && item->kind != WIRE_ID) {
        item++;
    }
    return item == end && wire_done(&r);
}

/* ---- the records of a pickle ---- */

#define RECORD(type, ...)                                                                          \
    static const struct wire_item items_of_##type[] = { __VA_ARGS__ };                             \
    const struct wire_record pickle_##type = { items_of_##type,                                    \
        sizeof(items_of_##type) / sizeof(items_of_##type[0]), sizeof(stint_##type) }

#define ITEM(type, kind, name) WIRE_ITEM(stint_##type, kind, name, stint_##type##_##name##_tag)

RECORD(PickleHead, ITEM(PickleHead, WIRE_U32, version), ITEM(PickleHead, WIRE_ID, id),
    ITEM(PickleHead, WIRE_U64, epoch), ITEM(PickleHead, WIRE_U32, flags),
    ITEM(PickleHead, WIRE_U32, state), ITEM(PickleHead, WIRE_U64, time_left_ns),
    ITEM(PickleHead, WIRE_U32, wake), ITEM(PickleHead, WIRE_U32, on),
    ITEM(PickleHead, WIRE_U32, value_type), ITEM(PickleHead, WIRE_BOOL, has_value),
    ITEM(PickleHead, WIRE_U32, moves), ITEM(PickleHead, WIRE_U64, steps),
    ITEM(PickleHead, WIRE_U32, codes), ITEM(PickleHead, WIRE_U32, types),
    ITEM(PickleHead, WIRE_U32, frames), ITEM(PickleHead, WIRE_U32, faults),
    ITEM(PickleHead, WIRE_U32, channels), ITEM(PickleHead, WIRE_U32, outlets),
    ITEM(PickleHead, WIRE_U64, number_base), ITEM(PickleHead, WIRE_SOME, target));

RECORD(PickleCode, ITEM(PickleCode, WIRE_TEXT, module), ITEM(PickleCode, WIRE_TEXT, name),
    ITEM(PickleCode, WIRE_HASH, fingerprint), ITEM(PickleCode, WIRE_HASH, locals),
    ITEM(PickleCode, WIRE_TEXT, type), ITEM(PickleCode, WIRE_U32, mark));

RECORD(PickleType, ITEM(PickleType, WIRE_TEXT, name), ITEM(PickleType, WIRE_HASH, hash));

RECORD(PickleFrame, ITEM(PickleFrame, WIRE_U32, code), ITEM(PickleFrame, WIRE_U32, resume),
    ITEM(PickleFrame, WIRE_U32, flags), ITEM(PickleFrame, WIRE_TEXT, label),
    ITEM(PickleFrame, WIRE_TEXT, file), ITEM(PickleFrame, WIRE_U32, line),
    ITEM(PickleFrame, WIRE_U32, error));

RECORD(PickleFault, ITEM(PickleFault, WIRE_U32, status), ITEM(PickleFault, WIRE_U32, depth),
    ITEM(PickleFault, WIRE_U32, line), ITEM(PickleFault, WIRE_TEXT, origin),
    ITEM(PickleFault, WIRE_TEXT, text));

RECORD(PickleChannel, ITEM(PickleChannel, WIRE_ID, id), ITEM(PickleChannel, WIRE_U32, type),
    ITEM(PickleChannel, WIRE_U32, capacity), ITEM(PickleChannel, WIRE_U32, flags),
    ITEM(PickleChannel, WIRE_S32, preference), ITEM(PickleChannel, WIRE_TEXT, name),
    ITEM(PickleChannel, WIRE_U32, buffered), ITEM(PickleChannel, WIRE_U32, relations));

RECORD(PickleRelation, ITEM(PickleRelation, WIRE_ID, tasklet),
    ITEM(PickleRelation, WIRE_U64, epoch), ITEM(PickleRelation, WIRE_ID, node),
    ITEM(PickleRelation, WIRE_U64, incarnation), ITEM(PickleRelation, WIRE_U64, last),
    ITEM(PickleRelation, WIRE_U32, op), ITEM(PickleRelation, WIRE_U32, result),
    ITEM(PickleRelation, WIRE_U32, flags), ITEM(PickleRelation, WIRE_U64, fin),
    ITEM(PickleRelation, WIRE_U64, orphan_left_ns),
    ITEM(PickleRelation, WIRE_BOOL, has_result_value), ITEM(PickleRelation, WIRE_BOOL, has_value));

RECORD(PickleOutlet, ITEM(PickleOutlet, WIRE_ID, channel), ITEM(PickleOutlet, WIRE_U32, type),
    ITEM(PickleOutlet, WIRE_U64, base), ITEM(PickleOutlet, WIRE_U64, last),
    ITEM(PickleOutlet, WIRE_U64, done), ITEM(PickleOutlet, WIRE_U32, failed),
    ITEM(PickleOutlet, WIRE_U32, op), ITEM(PickleOutlet, WIRE_U32, flags),
    ITEM(PickleOutlet, WIRE_U32, sends));

RECORD(PickleSend, ITEM(PickleSend, WIRE_BOOL, cancel));
