/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to bytes. The text is parsed by jansson, which refuses doubled names and bad UTF-8; then the
 * object is walked by the description, field by field in order of tags, so equal values give equal
 * bytes.
 */
#include "client/json.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "client/json_parse.h"

#define PATH_SIZE 256

struct reading {
    const struct client_json_in *in;
    char path[PATH_SIZE];
    size_t path_size;
};

static enum stint_status encode_message(struct reading *r, const struct client_type *type,
                                        json_t *object, struct buf *out);

/* ---- mistakes ---- */

/* Adds to the path; gives the length to go back to. */
static size_t
enter(struct reading *r, const char *name)
{
    size_t before = r->path_size;
    r->path_size += text_format(r->path + before, PATH_SIZE - before, "%s%s",
                                before != 0 && name[0] != '[' ? "." : "", name);
    return before;
}

static void
leave(struct reading *r, size_t before)
{
    r->path_size = before;
    r->path[before] = '\0';
}

/* What stands there, in a few characters. */
static void
describe(json_t *value, char out[64])
{
    char quoted[40];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        text_copy(out, 64, "an object");
        return;
    case JSON_ARRAY:
        text_format(out, 64, "a list of %zu", json_array_size(value));
        return;
    case JSON_STRING: {
        size_t length = json_string_length(value);
        size_t shown = 0;
        struct stint_span text = span_of(json_string_value(value), length);
        while (shown < 24 && text.size != 0) {
            size_t one = client_utf8_length(text);
            if (one == 0 || text.data[0] < 0x20) {
                break;
            }
            memcpy(quoted + shown, text.data, one);
            shown += one;
            text.data += one;
            text.size -= one;
        }
        quoted[shown] = '\0';
        text_format(out, 64, "\"%s%s\"", quoted, text.size != 0 ? "..." : "");
        return;
    }
    case JSON_INTEGER:
        text_format(out, 64, "%lld", (long long)json_integer_value(value));
        return;
    case JSON_REAL:
        text_format(out, 64, "%g", json_real_value(value));
        return;
    case JSON_TRUE:
        text_copy(out, 64, "true");
        return;
    case JSON_FALSE:
        text_copy(out, 64, "false");
        return;
    case JSON_NULL:
        break;
    }
    text_copy(out, 64, "null");
}

static enum stint_status
mistake(struct reading *r, const char *expected, json_t *found)
{
    char what[64];
    describe(found, what);
    text_format(r->in->error, r->in->error_size, "%s: expected %s, found %s",
                r->path_size != 0 ? r->path : "value", expected, what);
    return STINT_INVALID;
}

/* ---- numbers ---- */

/* An integer with its sign apart, so that both ends of both 64-bit kinds fit. */
struct integer {
    bool negative;
    uint64_t magnitude;
};

static bool
integer_of(json_t *value, bool texts, struct integer *out)
{
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        out->negative = number < 0;
        out->magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        return true;
    }
    if (!texts || !json_is_string(value)) {
        return false;
    }
    const char *text = json_string_value(value);
    out->negative = text[0] == '-';
    return text_parse_u64(text + (out->negative ? 1 : 0), &out->magnitude);
}

struct range {
    bool is_signed;
    unsigned bits;
};

static struct range
range_of(const stint_FieldDef *def)
{
    struct range range = { .is_signed = true, .bits = 32 };
    switch (def->kind) {
    case stint_FieldKind_FIELD_KIND_UINT64:
    case stint_FieldKind_FIELD_KIND_FIXED64:
        range.bits = 64;
        range.is_signed = false;
        break;
    case stint_FieldKind_FIELD_KIND_UINT32:
    case stint_FieldKind_FIELD_KIND_FIXED32:
        range.is_signed = false;
        break;
    case stint_FieldKind_FIELD_KIND_INT64:
    case stint_FieldKind_FIELD_KIND_SINT64:
    case stint_FieldKind_FIELD_KIND_SFIXED64:
        range.bits = 64;
        break;
    default:
        break;
    }
    /* A C type narrower than the kind. */
    if (def->max_size != 0 && def->max_size < range.bits / 8) {
        range.bits = def->max_size * 8;
    }
    return range;
}

static enum stint_status
encode_integer(struct reading *r, const stint_FieldDef *def, json_t *value, uint64_t *number)
{
    struct range range = range_of(def);
    struct integer integer = { false, 0 };
    uint64_t most =
        range.is_signed ? (UINT64_C(1) << (range.bits - 1)) - 1 : UINT64_MAX >> (64 - range.bits);
    char expected[96];
    if (range.is_signed) {
        text_format(expected, sizeof expected, "an integer -%llu to %llu",
                    (unsigned long long)most + 1, (unsigned long long)most);
    } else {
        text_format(expected, sizeof expected, "an integer 0 to %llu", (unsigned long long)most);
    }
    bool wide = range.bits == 64;
    if (!integer_of(value, wide, &integer) ||
        integer.magnitude > most + (integer.negative && range.is_signed ? 1 : 0) ||
        (integer.negative && !range.is_signed && integer.magnitude != 0)) {
        return mistake(r, expected, value);
    }
    uint64_t bits = integer.negative ? 0 - integer.magnitude : integer.magnitude;
    bool zigzag = def->kind == stint_FieldKind_FIELD_KIND_SINT32 ||
                  def->kind == stint_FieldKind_FIELD_KIND_SINT64;
    *number = zigzag ? (bits << 1) ^ (integer.negative ? UINT64_MAX : 0) : bits;
    return STINT_OK;
}

static enum stint_status
encode_real(struct reading *r, const stint_FieldDef *def, json_t *value, uint64_t *number)
{
    bool is_float = def->kind == stint_FieldKind_FIELD_KIND_FLOAT;
    const char *expected = is_float ? "a number (single precision)" : "a number";
    struct integer integer;
    double d = json_number_value(value);
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        if (strcmp(text, "NaN") == 0) {
            d = (double)NAN;
        } else if (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0) {
            d = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        } else if (integer_of(value, true, &integer)) {
            d = integer.negative ? -(double)integer.magnitude : (double)integer.magnitude;
        } else {
            return mistake(r, expected, value);
        }
    } else if (!json_is_number(value)) {
        return mistake(r, expected, value);
    } else if (is_float && fabs(d) > (double)FLT_MAX) {
        return mistake(r, "a number that single precision can hold", value);
    }
    if (is_float) {
        float f = (float)d;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        *number = bits;
    } else {
        memcpy(number, &d, sizeof d);
    }
    return STINT_OK;
}

static enum stint_status
encode_number(struct reading *r, const stint_FieldDef *def, json_t *value, uint64_t *number)
{
    switch (def->kind) {
    case stint_FieldKind_FIELD_KIND_BOOL:
        if (!json_is_boolean(value)) {
            return mistake(r, "true or false", value);
        }
        *number = json_is_true(value);
        return STINT_OK;
    case stint_FieldKind_FIELD_KIND_FLOAT:
    case stint_FieldKind_FIELD_KIND_DOUBLE:
        return encode_real(r, def, value, number);
    default:
        return encode_integer(r, def, value, number);
    }
}

/* ---- texts, bytes, references ---- */

static enum stint_status
encode_text(struct reading *r, const stint_FieldDef *def, json_t *value, struct buf *out)
{
    char expected[64];
    text_format(expected, sizeof expected, "a text of at most %u bytes", def->max_size);
    if (!json_is_string(value)) {
        return mistake(r, expected, value);
    }
    size_t length = json_string_length(value);
    if (length > def->max_size) {
        text_format(r->in->error, r->in->error_size, "%s: expected %s, found %zu bytes", r->path,
                    expected, length);
        return STINT_INVALID;
    }
    (void)buf_append(out, json_string_value(value), length);
    return STINT_OK;
}

static enum stint_status
encode_bytes(struct reading *r, const stint_FieldDef *def, json_t *value, struct buf *out)
{
    bool fixed = def->kind == stint_FieldKind_FIELD_KIND_FIXED_BYTES;
    char expected[80];
    text_format(expected, sizeof expected, "%s %u bytes in hex digits",
                fixed ? "exactly" : "at most", def->max_size);
    if (!json_is_string(value)) {
        return mistake(r, expected, value);
    }
    const char *text = json_string_value(value);
    size_t size = json_string_length(value) / 2;
    if (json_string_length(value) % 2 != 0 || size > def->max_size ||
        (fixed && size != def->max_size)) {
        return mistake(r, expected, value);
    }
    for (size_t i = 0; i < size; i++) {
        char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };
        uint8_t byte;
        if (!text_unhex(&byte, 1, pair)) {
            return mistake(r, expected, value);
        }
        (void)buf_put_u8(out, byte);
    }
    return STINT_OK;
}

/* stint.Channel, stint.Tasklet, stint.Node: the message, from a text. */
static enum stint_status
encode_reference(struct reading *r, const struct client_type *type, json_t *value, struct buf *out)
{
    if (json_is_null(value)) {
        return STINT_OK;
    }
    bool named = type->role == CLIENT_TYPE_CHANNEL && r->in->resolve != NULL;
    const char *expected = named ? "a channel's id or name" : "an id of 32 hex digits";
    struct stint_id id;
    if (!json_is_string(value)) {
        return mistake(r, expected, value);
    }
    const char *text = json_string_value(value);
    if (stint_id_parse(text, &id) != STINT_OK) {
        if (!named || !text_is_name(text, LIMIT_NAME)) {
            return mistake(r, expected, value);
        }
        enum stint_status status = r->in->resolve(r->in->arg, text, &id);
        if (status == STINT_NOT_FOUND || status == STINT_AMBIGUOUS) {
            text_format(r->in->error, r->in->error_size, "%s: %s \"%s\"", r->path,
                        status == STINT_NOT_FOUND ? "there is no channel"
                                                  : "several channels begin with",
                        text);
        }
        if (status != STINT_OK) {
            return status;
        }
    }
    if (!id_is_zero(id)) {
        rawpb_put_bytes(out, 1, span_of(id.bytes, sizeof id.bytes));
    }
    return STINT_OK;
}

/* ---- fields ---- */

/* The content of a length-delimited field. */
static enum stint_status
encode_content(struct reading *r, const stint_FieldDef *def, json_t *value, struct buf *out)
{
    switch (def->kind) {
    case stint_FieldKind_FIELD_KIND_STRING:
        return encode_text(r, def, value, out);
    case stint_FieldKind_FIELD_KIND_MESSAGE: {
        const struct client_type *type = client_field_type(r->in->types, def);
        return type->role != CLIENT_TYPE_PLAIN ? encode_reference(r, type, value, out)
                                               : encode_message(r, type, value, out);
    }
    default:
        return encode_bytes(r, def, value, out);
    }
}

static bool
is_zero(const struct buf *bytes)
{
    size_t at = 0;
    while (at < bytes->size && bytes->data[at] == 0) {
        at++;
    }
    return at == bytes->size;
}

/* One field with a tag; `always`: also when it is the default. */
static enum stint_status
encode_single(struct reading *r, const stint_FieldDef *def, json_t *value, bool always,
              struct buf *out)
{
    enum rawpb_wire wire = client_kind_wire(def->kind);
    if (wire != RAWPB_BYTES) {
        uint64_t number = 0;
        enum stint_status status = encode_number(r, def, value, &number);
        if (status == STINT_OK && (number != 0 || always)) {
            rawpb_put_tag(out, def->tag, wire);
            rawpb_put_number(out, wire, number);
        }
        return status;
    }
    struct buf content;
    buf_init(&content, r->in->mem, LIMIT_MESSAGE);
    enum stint_status status = encode_content(r, def, value, &content);
    if (status == STINT_OK && content.failed) {
        status = STINT_LIMIT;
    }
    bool is_default = content.size == 0 ||
                      (def->kind == stint_FieldKind_FIELD_KIND_FIXED_BYTES && is_zero(&content));
    if (status == STINT_OK && (!is_default || always)) {
        rawpb_put_bytes(out, def->tag, buf_span(&content));
    }
    buf_fini(&content);
    return status;
}

/* A fixed array that is not given: its elements all have their default. */
static void
encode_default_array(const stint_FieldDef *def, struct buf *out)
{
    enum rawpb_wire wire = client_kind_wire(def->kind);
    if (wire == RAWPB_BYTES) {
        for (uint32_t i = 0; i < def->max_count && !out->failed; i++) {
            rawpb_put_bytes(out, def->tag, span_of(NULL, 0));
        }
        return;
    }
    size_t one = wire == RAWPB_VARINT ? 1 : wire == RAWPB_FIXED32 ? 4 : 8;
    rawpb_put_tag(out, def->tag, RAWPB_BYTES);
    rawpb_put_varint(out, def->max_count * one);
    for (size_t i = 0; i < def->max_count * one && !out->failed; i++) {
        (void)buf_put_u8(out, 0);
    }
}

static enum stint_status
encode_elements(struct reading *r, const stint_FieldDef *def, json_t *list, struct buf *packed,
                struct buf *out)
{
    enum rawpb_wire wire = client_kind_wire(def->kind);
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        char index[24];
        text_format(index, sizeof index, "[%zu]", i);
        size_t before = enter(r, index);
        enum stint_status status;
        if (wire == RAWPB_BYTES) {
            status = encode_single(r, def, json_array_get(list, i), true, out);
        } else {
            uint64_t number = 0;
            status = encode_number(r, def, json_array_get(list, i), &number);
            rawpb_put_number(packed, wire, number);
        }
        if (status != STINT_OK) {
            return status;
        }
        leave(r, before);
    }
    return STINT_OK;
}

static enum stint_status
encode_list(struct reading *r, const stint_FieldDef *def, json_t *value, struct buf *out)
{
    bool fixed = def->label == stint_FieldLabel_FIELD_LABEL_FIXED_ARRAY;
    char expected[64];
    text_format(expected, sizeof expected, "a list of %s %u", fixed ? "exactly" : "at most",
                def->max_count);
    if (!json_is_array(value) || json_array_size(value) > def->max_count ||
        (fixed && json_array_size(value) != def->max_count)) {
        return mistake(r, expected, value);
    }
    struct buf packed;
    buf_init(&packed, r->in->mem, LIMIT_MESSAGE);
    enum stint_status status = encode_elements(r, def, value, &packed, out);
    if (status == STINT_OK && packed.failed) {
        status = STINT_LIMIT;
    }
    if (status == STINT_OK && packed.size != 0) {
        rawpb_put_bytes(out, def->tag, buf_span(&packed));
    }
    buf_fini(&packed);
    return status;
}

static enum stint_status
encode_field(struct reading *r, const stint_FieldDef *def, json_t *value, struct buf *out)
{
    /* null: as if it were not there; but where it means "no channel", in a place that counts by
     * being there. */
    bool absent = value == NULL || json_is_null(value);
    if (absent && def->label == stint_FieldLabel_FIELD_LABEL_FIXED_ARRAY) {
        encode_default_array(def, out);
        return STINT_OK;
    }
    if (absent && def->label == stint_FieldLabel_FIELD_LABEL_REQUIRED) {
        text_format(r->in->error, r->in->error_size, "%s: is required and missing", r->path);
        return STINT_INVALID;
    }
    if (absent) {
        return STINT_OK;
    }
    if (client_field_is_list(def)) {
        return encode_list(r, def, value, out);
    }
    return encode_single(r, def, value, def->label != stint_FieldLabel_FIELD_LABEL_SINGULAR, out);
}

/* ---- messages ---- */

static enum stint_status
refuse_unknown(struct reading *r, const struct client_type *type, const char *key)
{
    char names[256] = "none";
    size_t size = 0;
    const stint_FieldDef *defs = client_type_fields(r->in->types, type);
    for (uint32_t i = 0; i < type->count && size < sizeof names - 1; i++) {
        size += text_format(names + size, sizeof names - size, "%s%s", i != 0 ? ", " : "",
                            defs[i].name);
    }
    json_t *name = json_string(key);
    char shown[64] = "?";
    if (name != NULL) {
        describe(name, shown);
        json_decref(name);
    }
    text_format(r->in->error, r->in->error_size, "%s%s%s has no field %s; its fields are: %s",
                r->path, r->path_size != 0 ? ": " : "", type->name, shown, names);
    return STINT_INVALID;
}

/* Every name in the object is a field, and of each oneof there is one at most. */
static enum stint_status
check_keys(struct reading *r, const struct client_type *type, json_t *object)
{
    const stint_FieldDef *defs = client_type_fields(r->in->types, type);
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        uint32_t at = 0;
        while (at < type->count && strcmp(defs[at].name, key) != 0) {
            at++;
        }
        if (at == type->count) {
            return refuse_unknown(r, type, key);
        }
        for (uint32_t i = 0; i < at && defs[at].oneof[0] != '\0' && !json_is_null(value); i++) {
            json_t *other = json_object_get(object, defs[i].name);
            if (strcmp(defs[i].oneof, defs[at].oneof) == 0 && other != NULL &&
                !json_is_null(other)) {
                text_format(r->in->error, r->in->error_size,
                            "%s%sonly one of `%s` and `%s` may be set", r->path,
                            r->path_size != 0 ? ": " : "", defs[i].name, defs[at].name);
                return STINT_INVALID;
            }
        }
    }
    return STINT_OK;
}

static enum stint_status
encode_message(struct reading *r, const struct client_type *type, json_t *object, struct buf *out)
{
    if (!json_is_object(object)) {
        char expected[160];
        text_format(expected, sizeof expected, "an object (%s)", type->name);
        return mistake(r, expected, object);
    }
    enum stint_status status = check_keys(r, type, object);
    const stint_FieldDef *defs = client_type_fields(r->in->types, type);
    for (uint32_t i = 0; i < type->count && status == STINT_OK; i++) {
        size_t before = enter(r, defs[i].name);
        status = encode_field(r, &defs[i], json_object_get(object, defs[i].name), out);
        if (status == STINT_OK) {
            leave(r, before);
        }
    }
    return status;
}

enum stint_status
client_json_encode(const struct client_json_in *in, struct buf *out)
{
    enum stint_status status = STINT_OK;
    text_copy(in->error, in->error_size, "");
    json_t *root = client_json_parse(in, &status);
    if (root == NULL) {
        return status;
    }
    struct reading r = { .in = in };
    struct buf bytes;
    buf_init(&bytes, in->mem, LIMIT_MESSAGE);
    status = encode_message(&r, in->type, root, &bytes);
    json_decref(root);
    if (status == STINT_OK && bytes.failed) {
        status = STINT_LIMIT;
    }
    if (status == STINT_OK && !buf_append_span(out, buf_span(&bytes))) {
        status = STINT_NO_MEMORY;
    }
    if (status == STINT_LIMIT) {
        text_format(in->error, in->error_size, "the value takes more than %d bytes", LIMIT_MESSAGE);
    }
    buf_fini(&bytes);
    return status;
}
