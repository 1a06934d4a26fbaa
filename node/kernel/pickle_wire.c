/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths stand before what they measure, and what they measure is not known before it is written.
 * One byte is kept for the length, which suffices for nearly all records; a longer one is moved up
 * once it is known.
 */
#include "kernel/pickle_wire.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/span.h"
#include "kernel/type.h"

enum { VARINT_MAX = 10, TAG_MAX = (1 << 29) - 1 };

static size_t
varint_write(uint8_t bytes[VARINT_MAX], uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        bytes[size++] = (uint8_t)(value | 0x80);
    }
    bytes[size++] = (uint8_t)value;
    return size;
}

static bool
put_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    return buf_append(out, bytes, varint_write(bytes, value));
}

static bool
put_tag(struct buf *out, uint32_t tag, enum wire_form form)
{
    STINT_ASSERT(tag > 0 && tag <= TAG_MAX);
    return put_varint(out, (uint64_t)tag << 3 | (uint64_t)form);
}

bool
wire_put_varint(struct buf *out, uint32_t tag, uint64_t value)
{
    return put_tag(out, tag, WIRE_VARINT) && put_varint(out, value);
}

bool
wire_put_fixed64(struct buf *out, uint32_t tag, uint64_t value)
{
    return put_tag(out, tag, WIRE_FIXED64) && buf_put_u64(out, value);
}

bool
wire_put_bytes(struct buf *out, uint32_t tag, struct stint_span bytes)
{
    return put_tag(out, tag, WIRE_BYTES) && put_varint(out, bytes.size)
           && buf_append_span(out, bytes);
}

/* Puts the length of all that follows `start` (the byte kept for it) there. */
static bool
close_length(struct buf *out, size_t start)
{
    uint8_t bytes[VARINT_MAX];
    size_t body = out->size - start - 1;
    size_t size = varint_write(bytes, body);
    if (size > 1) {
        if (buf_extend(out, size - 1) == NULL) {
            return false;
        }
        memmove(out->data + start + size, out->data + start + 1, body);
    }
    memcpy(out->data + start, bytes, size);
    return true;
}

static bool
append_to_buf(pb_ostream_t *stream, const pb_byte_t *bytes, size_t count)
{
    return buf_append(stream->state, bytes, count);
}

bool
wire_put_message(struct buf *out, uint32_t tag, const pb_msgdesc_t *desc, const void *message)
{
    if (!put_tag(out, tag, WIRE_BYTES) || !buf_put_u8(out, 0)) {
        return false;
    }
    size_t start = out->size - 1;
    pb_ostream_t stream = { append_to_buf, out, SIZE_MAX, 0, NULL };
    if (!pb_encode(&stream, desc, message)) {
        /* The project's own messages always encode; so it was the memory. */
        STINT_ASSERT(out->failed);
        return false;
    }
    STINT_ASSERT(stream.bytes_written <= WIRE_MESSAGE_MAX);
    return close_length(out, start);
}

enum stint_status
wire_put_value(struct buf *out, uint32_t tag, const struct stint_type *type, const void *value)
{
    size_t before = out->size;
    if (!put_tag(out, tag, WIRE_BYTES) || !buf_put_u8(out, 0)) {
        return STINT_NO_MEMORY;
    }
    size_t start = out->size - 1;
    enum stint_status st = type_encode(type, value, out);
    if (st == STINT_OK && !close_length(out, start)) {
        st = STINT_NO_MEMORY;
    }
    if (st != STINT_OK) {
        out->size = before;
    }
    return st;
}

uint64_t
wire_check(struct stint_span bytes)
{
    uint64_t h = bytes.size;
    size_t at = 0;
    for (; bytes.size - at >= 8; at += 8) {
        h = hash_mix(h ^ le64_get(bytes.data + at));
    }
    uint8_t last[8] = { 0 };
    bytes_copy(last, bytes.data + at, bytes.size - at);
    return hash_mix(h ^ le64_get(last));
}

void
wire_reader_init(struct wire_reader *r, struct stint_span input)
{
    *r = (struct wire_reader){ .input = input };
}

static bool
read_varint(struct wire_reader *r, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->input.size; shift += 7) {
        uint8_t byte = r->input.data[r->at++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            /* A last byte of 0 adds nothing: not the shortest form. */
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static bool
read_bytes(struct wire_reader *r, uint64_t size, struct stint_span *bytes)
{
    if (size > r->input.size - r->at) {
        return false;
    }
    *bytes = span_of(r->input.data + r->at, (size_t)size);
    r->at += (size_t)size;
    return true;
}

static bool
read_body(struct wire_reader *r, struct wire_field *f)
{
    struct stint_span bytes;
    uint64_t size;
    switch (f->form) {
    case WIRE_VARINT:
        return read_varint(r, &f->number);
    case WIRE_FIXED64:
        if (!read_bytes(r, 8, &bytes)) {
            return false;
        }
        f->number = le64_get(bytes.data);
        return true;
    case WIRE_BYTES:
        return read_varint(r, &size) && read_bytes(r, size, &f->bytes);
    }
    return false;
}

bool
wire_read(struct wire_reader *r, struct wire_field *field)
{
    uint64_t key;
    if (r->failed || r->at == r->input.size) {
        return false;
    }
    *field = (struct wire_field){ .start = r->at };
    r->failed = true;
    if (!read_varint(r, &key) || key >> 3 == 0 || key >> 3 > TAG_MAX || (key & 7) > WIRE_BYTES) {
        return false;
    }
    field->tag = (uint32_t)(key >> 3);
    field->form = (enum wire_form)(key & 7);
    r->failed = !read_body(r, field);
    return !r->failed;
}

bool
wire_done(const struct wire_reader *r)
{
    return !r->failed && r->at == r->input.size;
}

bool
wire_read_message(
    struct stint_span bytes, const pb_msgdesc_t *desc, void *message, size_t message_size)
{
    uint8_t again[WIRE_MESSAGE_MAX];
    memset(message, 0, message_size);
    if (bytes.size > WIRE_MESSAGE_MAX) {
        return false;
    }
    pb_istream_t in = pb_istream_from_buffer(bytes.data, bytes.size);
    if (!pb_decode(&in, desc, message)) {
        return false;
    }
    pb_ostream_t out = pb_ostream_from_buffer(again, sizeof(again));
    return pb_encode(&out, desc, message) && out.bytes_written == bytes.size
           && span_equal(bytes, span_of(again, bytes.size));
}
