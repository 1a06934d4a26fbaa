/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to JSON. A message is read once to find which fields it has and the last place of each,
 * then written in the order of its description; lists are read again for their elements. So the
 * work is bounded by fields times bytes, the depth by the description and the text by the buffer.
 */
#include "client/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "base/text.h"

struct found {
    struct rawpb_field last;
    uint32_t order; /* 0: absent; else which field of the message it was */
};

struct writing {
    struct mem *mem;
    const struct client_types *types;
    struct buf *out;
};

static enum stint_status write_message(struct writing *w, const struct client_type *type,
                                       struct stint_span bytes);

size_t
client_utf8_length(struct stint_span text)
{
    const uint8_t *p = text.data;
    if (text.size == 0) {
        return 0;
    }
    size_t length = p[0] < 0x80                   ? 1
                    : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > text.size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool beyond = p[0] == 0xf4 && p[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

void
client_json_put_text(struct buf *out, struct stint_span text)
{
    (void)buf_put_u8(out, '"');
    while (text.size != 0) {
        size_t length = client_utf8_length(text);
        uint8_t c = text.data[0];
        /* U+0080 to U+009F are control characters, too: a terminal may act on them. */
        bool control = c < 0x20 || c == 0x7f || (length == 2 && c == 0xc2 && text.data[1] < 0xa0);
        if (length == 0) {
            (void)buf_append_text(out, "\\ufffd");
            length = 1;
        } else if (control) {
            char escape[8];
            text_format(escape, sizeof escape, "\\u%04x", length == 2 ? text.data[1] : c);
            (void)buf_append_text(out, c == '\n'   ? "\\n"
                                       : c == '\t' ? "\\t"
                                       : c == '\r' ? "\\r"
                                                   : escape);
        } else {
            if (c == '"' || c == '\\') {
                (void)buf_put_u8(out, '\\');
            }
            (void)buf_append(out, text.data, length);
        }
        text.data += length;
        text.size -= length;
    }
    (void)buf_put_u8(out, '"');
}

void
client_json_put_double(struct buf *out, double value, bool is_float)
{
    if (isnan(value) || isinf(value)) {
        (void)buf_append_text(out, isnan(value) ? "\"NaN\""
                                   : value > 0  ? "\"Infinity\""
                                                : "\"-Infinity\"");
        return;
    }
    if (value == 0 && signbit(value)) {
        (void)buf_append_text(out, "-0.0"); /* "-0" would be read as an integer, which has no such zero */
        return;
    }
    char text[40];
    int digits = is_float ? FLT_DIG : DBL_DIG;
    int most = is_float ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    for (;; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (digits == most || (is_float ? (float)back == (float)value : back == value)) {
            break;
        }
    }
    /* Whatever the program's locale writes as its decimal point. */
    for (char *p = text; *p != '\0'; p++) {
        if (strchr("+-0123456789e", *p) == NULL) {
            *p = '.';
        }
    }
    (void)buf_append_text(out, text);
}

static void
put_unsigned(struct buf *out, uint64_t number)
{
    char text[24];
    text_format(text, sizeof text, "%llu", (unsigned long long)number);
    (void)buf_append_text(out, text);
}

static void
put_signed(struct buf *out, int64_t number)
{
    char text[24];
    text_format(text, sizeof text, "%lld", (long long)number);
    (void)buf_append_text(out, text);
}

static void
put_hex(struct buf *out, struct stint_span bytes)
{
    (void)buf_put_u8(out, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        char digits[3];
        text_hex(digits, &bytes.data[i], 1);
        (void)buf_append(out, digits, 2);
    }
    (void)buf_put_u8(out, '"');
}

static int64_t
unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

static void
put_number(struct buf *out, stint_FieldKind kind, uint64_t number)
{
    float f;
    double d;
    uint32_t low = (uint32_t)number;
    switch (kind) {
    case stint_FieldKind_FIELD_KIND_BOOL:
        (void)buf_append_text(out, number != 0 ? "true" : "false");
        break;
    case stint_FieldKind_FIELD_KIND_INT32:
    case stint_FieldKind_FIELD_KIND_ENUM:
    case stint_FieldKind_FIELD_KIND_SFIXED32:
        put_signed(out, (int32_t)low);
        break;
    case stint_FieldKind_FIELD_KIND_INT64:
    case stint_FieldKind_FIELD_KIND_SFIXED64:
        put_signed(out, (int64_t)number);
        break;
    case stint_FieldKind_FIELD_KIND_SINT32:
        put_signed(out, (int32_t)unzigzag(low));
        break;
    case stint_FieldKind_FIELD_KIND_SINT64:
        put_signed(out, unzigzag(number));
        break;
    case stint_FieldKind_FIELD_KIND_UINT32:
    case stint_FieldKind_FIELD_KIND_FIXED32:
        put_unsigned(out, low);
        break;
    case stint_FieldKind_FIELD_KIND_FLOAT:
        memcpy(&f, &low, sizeof f);
        client_json_put_double(out, (double)f, true);
        break;
    case stint_FieldKind_FIELD_KIND_DOUBLE:
        memcpy(&d, &number, sizeof d);
        client_json_put_double(out, d, false);
        break;
    default:
        put_unsigned(out, number);
    }
}

/* A channel, tasklet or node: its id, or null for none. */
static enum stint_status
write_reference(struct writing *w, struct stint_span bytes)
{
    struct stint_span id = { NULL, 0 };
    for (;;) {
        struct rawpb_field field;
        enum stint_status status = rawpb_next(&bytes, &field);
        if (status == STINT_END_OF_SEQUENCE) {
            break;
        }
        if (status != STINT_OK ||
            (field.tag == 1 &&
             (field.wire != RAWPB_BYTES || (field.bytes.size != 0 && field.bytes.size != 16)))) {
            return STINT_INVALID;
        }
        if (field.tag == 1) {
            id = field.bytes;
        }
    }
    static const uint8_t none[16];
    if (id.size == 0 || memcmp(id.data, none, sizeof none) == 0) {
        (void)buf_append_text(w->out, "null");
    } else {
        put_hex(w->out, id);
    }
    return STINT_OK;
}

/* One value of a field; an empty span and 0 are its default. */
static enum stint_status
write_value(struct writing *w, const stint_FieldDef *def, uint64_t number, struct stint_span bytes)
{
    static const uint8_t zeros[256];
    switch (def->kind) {
    case stint_FieldKind_FIELD_KIND_STRING:
        client_json_put_text(w->out, bytes);
        return STINT_OK;
    case stint_FieldKind_FIELD_KIND_FIXED_BYTES:
        if (bytes.size == 0 && def->max_size <= sizeof zeros) {
            bytes = span_of(zeros, def->max_size);
        }
        put_hex(w->out, bytes);
        return STINT_OK;
    case stint_FieldKind_FIELD_KIND_BYTES:
        put_hex(w->out, bytes);
        return STINT_OK;
    case stint_FieldKind_FIELD_KIND_MESSAGE: {
        const struct client_type *type = client_field_type(w->types, def);
        return type->role != CLIENT_TYPE_PLAIN ? write_reference(w, bytes)
                                               : write_message(w, type, bytes);
    }
    default:
        put_number(w->out, def->kind, number);
        return STINT_OK;
    }
}

/* All elements of a list, packed or not. */
static enum stint_status
write_list(struct writing *w, const stint_FieldDef *def, struct stint_span bytes)
{
    enum rawpb_wire wire = client_kind_wire(def->kind);
    bool first = true;
    enum stint_status status;
    struct rawpb_field field;
    (void)buf_put_u8(w->out, '[');
    while ((status = rawpb_next(&bytes, &field)) == STINT_OK) {
        if (field.tag != def->tag) {
            continue;
        }
        bool packed = field.wire == RAWPB_BYTES && wire != RAWPB_BYTES;
        do {
            if (packed && field.bytes.size == 0) {
                break;
            }
            if (packed && !rawpb_packed(&field.bytes, wire, &field.number)) {
                return STINT_INVALID;
            }
            if (!first) {
                (void)buf_put_u8(w->out, ',');
            }
            first = false;
            status = write_value(w, def, field.number, field.bytes);
            if (status != STINT_OK || w->out->failed) {
                return status != STINT_OK ? status : STINT_LIMIT;
            }
        } while (packed);
    }
    (void)buf_put_u8(w->out, ']');
    return status == STINT_END_OF_SEQUENCE ? STINT_OK : status;
}

/* Notes the last place of each field; STINT_INVALID for malformed bytes and for a field in a form
 * that its kind does not have. */
static enum stint_status
find_fields(const struct writing *w, const struct client_type *type, struct stint_span bytes,
            struct found *found)
{
    const stint_FieldDef *defs = client_type_fields(w->types, type);
    struct rawpb_field field;
    enum stint_status status;
    for (uint32_t order = 1; (status = rawpb_next(&bytes, &field)) == STINT_OK; order++) {
        uint32_t low = 0, high = type->count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (defs[middle].tag < field.tag) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low == type->count || defs[low].tag != field.tag) {
            continue;
        }
        bool packed = field.wire == RAWPB_BYTES && client_field_is_list(&defs[low]);
        if (field.wire != client_kind_wire(defs[low].kind) && !packed) {
            return STINT_INVALID;
        }
        found[low] = (struct found){ field, order };
    }
    return status == STINT_END_OF_SEQUENCE ? STINT_OK : status;
}

/* Of the members of a oneof the last one counts; an optional field that is absent is not shown. */
static bool
field_is_shown(const stint_FieldDef *defs, uint32_t count, const struct found *found, uint32_t at)
{
    const stint_FieldDef *def = &defs[at];
    if (def->label == stint_FieldLabel_FIELD_LABEL_OPTIONAL) {
        return found[at].order != 0;
    }
    if (def->label != stint_FieldLabel_FIELD_LABEL_ONEOF) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(defs[i].oneof, def->oneof) == 0 && found[i].order > found[at].order) {
            return false;
        }
    }
    return found[at].order != 0;
}

static enum stint_status
write_fields(struct writing *w, const struct client_type *type, struct stint_span bytes,
             const struct found *found)
{
    const stint_FieldDef *defs = client_type_fields(w->types, type);
    bool first = true;
    (void)buf_put_u8(w->out, '{');
    for (uint32_t i = 0; i < type->count; i++) {
        if (!field_is_shown(defs, type->count, found, i)) {
            continue;
        }
        if (!first) {
            (void)buf_put_u8(w->out, ',');
        }
        first = false;
        client_json_put_text(w->out, span_text(defs[i].name));
        (void)buf_put_u8(w->out, ':');
        enum stint_status status = STINT_OK;
        if (!client_field_is_list(&defs[i])) {
            status = write_value(w, &defs[i], found[i].last.number, found[i].last.bytes);
        } else if (found[i].order != 0) {
            status = write_list(w, &defs[i], bytes);
        } else {
            (void)buf_append_text(w->out, "[]");
        }
        if (status != STINT_OK || w->out->failed) {
            return status != STINT_OK ? status : STINT_LIMIT;
        }
    }
    (void)buf_put_u8(w->out, '}');
    return STINT_OK;
}

static enum stint_status
write_message(struct writing *w, const struct client_type *type, struct stint_span bytes)
{
    if (type->count == 0) {
        (void)buf_append_text(w->out, "{}");
        return STINT_OK;
    }
    size_t size = type->count * sizeof(struct found);
    struct found *found = mem_zalloc(w->mem, size);
    if (found == NULL) {
        return STINT_NO_MEMORY;
    }
    enum stint_status status = find_fields(w, type, bytes, found);
    if (status == STINT_OK) {
        status = write_fields(w, type, bytes, found);
    }
    mem_free(w->mem, found, size);
    return status;
}

enum stint_status
client_json_decode(struct mem *mem, const struct client_types *types,
                   const struct client_type *type, struct stint_span bytes, struct buf *out)
{
    size_t before = out->size;
    struct writing w = { .mem = mem, .types = types, .out = out };
    enum stint_status status = write_message(&w, type, bytes);
    if (status == STINT_OK && out->failed) {
        status = STINT_LIMIT;
    }
    if (status != STINT_OK) {
        out->size = before;
        out->failed = false;
    }
    return status;
}
