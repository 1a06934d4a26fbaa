/* SPDX-License-Identifier: Apache-2.0 */
/* Values of checked types: walking their channel handles, encoding, decoding. */
#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/span.h"
#include "kernel/type.h"
#include "kernel/type_part.h"

STINT_STATIC_ASSERT(
    sizeof(((stint_Channel *)0)->id) == sizeof(struct stint_id), "a channel handle holds an id");

static bool
is_channel(const struct stint_type *type)
{
    return type->size == sizeof(stint_Channel) && type->field_count == 2
           && strcmp(type->name, "stint_Channel") == 0;
}

bool
type_has_channels(const struct stint_type *type)
{
    if (is_channel(type)) {
        return true;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct stint_type *sub = type->fields[i].type;
        if (sub != NULL && type_has_channels(sub)) {
            return true;
        }
    }
    return false;
}

/* How many elements of `f` are there in `value`. A count past its bound (a fault of the module) is
 * cut. */
static uint32_t
field_elements(const struct stint_field *f, const uint8_t *value)
{
    pb_size_t number = 0;
    switch ((enum stint_rule)f->rule) {
    case STINT_RULE_OPTIONAL:
        return value[f->counter] != 0 ? 1 : 0;
    case STINT_RULE_REPEATED:
        memcpy(&number, value + f->counter, sizeof(number));
        return number < f->count ? number : f->count;
    case STINT_RULE_ONEOF:
        memcpy(&number, value + f->counter, sizeof(number));
        return number == f->tag ? 1 : 0;
    case STINT_RULE_FIXARRAY:
        return f->count;
    case STINT_RULE_SINGULAR:
    case STINT_RULE_REQUIRED:
        break;
    }
    return 1;
}

/* Goes through all handles, set or not; stops when `visit` answers true and then answers so itself.
 */
static bool
walk(const struct stint_type *type, uint8_t *value, bool (*visit)(void *, stint_Channel *),
    void *arg)
{
    if (is_channel(type)) {
        return visit(arg, (stint_Channel *)(void *)value);
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct stint_field *f = &type->fields[i];
        if (f->type == NULL) {
            continue;
        }
        uint32_t count = field_elements(f, value);
        for (uint32_t k = 0; k < count; k++) {
            if (walk(f->type, value + f->offset + (size_t)k * f->size, visit, arg)) {
                return true;
            }
        }
    }
    return false;
}

struct each {
    type_visit visit;
    void *arg;
};

static bool
visit_set(void *arg, stint_Channel *ch)
{
    const struct each *e = arg;
    if (stint_channel_is_set(ch)) {
        e->visit(e->arg, ch);
    }
    return false;
}

static bool
visit_scrub(void *arg, stint_Channel *ch)
{
    (void)arg;
    ch->slot = 0;
    return false;
}

static bool
visit_has_slot(void *arg, stint_Channel *ch)
{
    (void)arg;
    return ch->slot != 0;
}

void
type_each_channel(const struct stint_type *type, void *value, type_visit visit, void *arg)
{
    struct each e = { visit, arg };
    (void)walk(type, value, visit_set, &e);
}

void
type_scrub(const struct stint_type *type, void *value)
{
    (void)walk(type, value, visit_scrub, NULL);
}

void
type_init_value(const struct stint_type *type, void *value)
{
    memset(value, 0, type->size);
}

/* ---- bounds of the encoding ---- */

static uint64_t
varint_size(uint64_t value)
{
    uint64_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

/* One element without its tag; texts and messages with their length. */
static uint64_t
element_max(const struct stint_field *f)
{
    uint64_t size = 0;
    switch ((enum stint_kind)f->kind) {
    case STINT_KIND_BOOL:
        return 1;
    case STINT_KIND_UINT32:
    case STINT_KIND_SINT32:
        return 5;
    case STINT_KIND_FIXED32:
    case STINT_KIND_SFIXED32:
    case STINT_KIND_FLOAT:
        return 4;
    case STINT_KIND_FIXED64:
    case STINT_KIND_SFIXED64:
    case STINT_KIND_DOUBLE:
        return 8;
    case STINT_KIND_STRING:
    case STINT_KIND_BYTES:
    case STINT_KIND_FIXED_LENGTH_BYTES:
        size = type_field_bound(f);
        return size + varint_size(size);
    case STINT_KIND_MESSAGE:
        size = type_encoded_max(f->type);
        return size + varint_size(size);
    default:
        return 10; /* negative numbers take ten bytes in every signed varint */
    }
}

/* True if another member of the oneof of `f` is larger, or as large and before it. */
static bool
is_overshadowed(const struct stint_type *type, const struct stint_field *f)
{
    uint64_t size = element_max(f);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct stint_field *other = &type->fields[i];
        if (other != f && other->rule == STINT_RULE_ONEOF && other->counter == f->counter) {
            uint64_t theirs = element_max(other);
            if (theirs > size || (theirs == size && other < f)) {
                return true;
            }
        }
    }
    return false;
}

uint32_t
type_encoded_max(const struct stint_type *type)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < type->field_count && total <= TYPE_SIZE_MAX; i++) {
        const struct stint_field *f = &type->fields[i];
        uint64_t tag = varint_size((uint64_t)f->tag << 3);
        if (f->rule == STINT_RULE_ONEOF && is_overshadowed(type, f)) {
            continue;
        }
        total += (tag + element_max(f)) * f->count;
    }
    return total <= TYPE_SIZE_MAX ? (uint32_t)total : UINT32_MAX;
}

/* ---- encoding ---- */

static bool
append_to_buf(pb_ostream_t *stream, const pb_byte_t *bytes, size_t count)
{
    return buf_append(stream->state, bytes, count);
}

static enum stint_status
encode_scrubbed(const struct stint_type *type, const void *value, struct buf *out)
{
    size_t before = out->size;
    size_t room = out->maximum - before;
    if (out->failed) {
        return STINT_NO_MEMORY;
    }
    bool narrow = room < TYPE_SIZE_MAX;
    pb_ostream_t stream = { append_to_buf, out, narrow ? room : TYPE_SIZE_MAX, 0, NULL };
    if (pb_encode(&stream, type->descriptor, value)) {
        STINT_ASSERT(out->size - before == stream.bytes_written);
        return STINT_OK;
    }
    bool memory = out->failed;
    out->size = before;
    out->failed = false;
    if (memory) {
        return STINT_NO_MEMORY;
    }
    return strcmp(PB_GET_ERROR(&stream), "stream full") == 0 ? STINT_LIMIT : STINT_INVALID;
}

enum stint_status
type_encode(const struct stint_type *type, const void *value, struct buf *out)
{
    /* The walk for reading takes the same function as the one for writing, hence the cast. */
    uint8_t *bytes = (uint8_t *)(uintptr_t)value;
    if (!walk(type, bytes, visit_has_slot, NULL)) {
        return encode_scrubbed(type, value, out);
    }
    void *copy = mem_alloc(out->mem, type->size);
    if (copy == NULL) {
        return STINT_NO_MEMORY;
    }
    memcpy(copy, value, type->size);
    type_scrub(type, copy);
    enum stint_status st = encode_scrubbed(type, copy, out);
    mem_free(out->mem, copy, type->size);
    return st;
}

enum stint_status
type_decode(const struct stint_type *type, struct stint_span bytes, void *value, const char **why)
{
    const char *ignored = NULL;
    why = why != NULL ? why : &ignored;
    *why = "";
    type_init_value(type, value);
    if (bytes.size > TYPE_SIZE_MAX) {
        *why = "too long";
        return STINT_LIMIT;
    }
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    /* The default of every field is zero (type_check), so the value is initialised already. */
    if (!pb_decode_ex(&stream, type->descriptor, value, PB_DECODE_NOINIT)
        || stream.bytes_left != 0) {
        *why = PB_GET_ERROR(&stream);
        type_init_value(type, value);
        return STINT_INVALID;
    }
    type_scrub(type, value);
    return STINT_OK;
}
