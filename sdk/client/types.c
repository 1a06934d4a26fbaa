/* SPDX-License-Identifier: Apache-2.0 */
#include "client/types.h"

#include <string.h>

#include <pb_decode.h>

#include "base/span.h"
#include "base/text.h"

enum { SCHEMA_VERSION = 1, TAG_VERSION = 1, TAG_TYPE = 2, TAG_FIELD = 3, TAG_CODE = 4 };

struct reading {
    struct client_types *t;
    uint32_t missing; /* fields that the last type still has to come */
    bool version_seen;
    char *error;
    size_t error_size;
};

static enum stint_status
refuse(struct reading *r, const char *what)
{
    text_format(r->error, r->error_size, "description of types: %s", what);
    return STINT_INVALID;
}

static bool
decode(struct stint_span bytes, const pb_msgdesc_t *desc, void *out)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
    return pb_decode(&stream, desc, out);
}

/* Makes room for one more element of `size` bytes. */
static enum stint_status
grow(struct mem *mem, void **array, uint32_t count, uint32_t *room, uint32_t max, size_t size)
{
    if (count < *room) {
        return STINT_OK;
    }
    if (count == max) {
        return STINT_LIMIT;
    }
    uint32_t next = *room == 0 ? 8 : *room * 2;
    next = next > max ? max : next;
    void *moved = mem_resize(mem, *array, *room * size, next * size);
    if (moved == NULL) {
        return STINT_NO_MEMORY;
    }
    *array = moved;
    *room = next;
    return STINT_OK;
}

static enum client_type_role
role_of(const char *name)
{
    if (strcmp(name, "stint.Channel") == 0) {
        return CLIENT_TYPE_CHANNEL;
    }
    if (strcmp(name, "stint.Tasklet") == 0 || strcmp(name, "stint.Node") == 0) {
        return CLIENT_TYPE_ID;
    }
    return CLIENT_TYPE_PLAIN;
}

static enum stint_status
read_type(struct reading *r, struct stint_span bytes)
{
    struct client_types *t = r->t;
    stint_TypeDef def = stint_TypeDef_init_zero;
    if (r->missing != 0 || t->code_count != 0) {
        return refuse(r, "out of order");
    }
    if (!decode(bytes, stint_TypeDef_fields, &def) || def.name[0] == '\0' ||
        !text_is_printable(def.name, sizeof def.name - 1) || def.fields > CLIENT_TYPE_FIELDS) {
        return refuse(r, "a malformed type");
    }
    void *types = t->types;
    enum stint_status status =
        grow(t->mem, &types, t->type_count, &t->type_room, CLIENT_TYPES, sizeof *t->types);
    t->types = types;
    if (status != STINT_OK) {
        return status;
    }
    struct client_type *type = &t->types[t->type_count++];
    *type = (struct client_type){ .hash = def.hash,
                                  .role = role_of(def.name),
                                  .first = t->field_count,
                                  .count = def.fields,
                                  .depth = 1 };
    text_copy(type->name, sizeof type->name, def.name);
    r->missing = def.fields;
    return STINT_OK;
}

static bool
field_is_sane(const stint_FieldDef *f)
{
    bool list = client_field_is_list(f);
    bool sized = f->kind == stint_FieldKind_FIELD_KIND_FIXED_BYTES;
    return f->name[0] != '\0' && text_is_printable(f->name, sizeof f->name - 1) &&
           f->kind > stint_FieldKind_FIELD_KIND_NONE &&
           f->kind <= stint_FieldKind_FIELD_KIND_MESSAGE &&
           f->label <= stint_FieldLabel_FIELD_LABEL_REQUIRED && f->tag != 0 &&
           f->tag < UINT32_C(1) << 29 && f->max_size <= LIMIT_MESSAGE &&
           f->max_count <= LIMIT_MESSAGE && (f->max_count != 0) == list &&
           (f->subtype != 0) == (f->kind == stint_FieldKind_FIELD_KIND_MESSAGE) &&
           (!sized || f->max_size != 0) &&
           (f->oneof[0] != '\0') == (f->label == stint_FieldLabel_FIELD_LABEL_ONEOF);
}

static enum stint_status
read_field(struct reading *r, struct stint_span bytes)
{
    struct client_types *t = r->t;
    if (r->missing == 0) {
        return refuse(r, "a field without its type");
    }
    void *fields = t->fields;
    enum stint_status status =
        grow(t->mem, &fields, t->field_count, &t->field_room, CLIENT_FIELDS, sizeof *t->fields);
    t->fields = fields;
    if (status != STINT_OK) {
        return status;
    }
    stint_FieldDef *f = &t->fields[t->field_count];
    *f = (stint_FieldDef)stint_FieldDef_init_zero;
    if (!decode(bytes, stint_FieldDef_fields, f) || !field_is_sane(f)) {
        return refuse(r, "a malformed field");
    }
    const struct client_type *type = &t->types[t->type_count - 1];
    for (uint32_t i = type->first; i < t->field_count; i++) {
        if (t->fields[i].tag >= f->tag || strcmp(t->fields[i].name, f->name) == 0) {
            return refuse(r, "fields out of order or twice");
        }
    }
    t->field_count++;
    r->missing--;
    return STINT_OK;
}

static enum stint_status
read_code(struct reading *r, struct stint_span bytes)
{
    struct client_types *t = r->t;
    if (r->missing != 0) {
        return refuse(r, "out of order");
    }
    void *codes = t->codes;
    enum stint_status status =
        grow(t->mem, &codes, t->code_count, &t->code_room, CLIENT_CODES, sizeof *t->codes);
    t->codes = codes;
    if (status != STINT_OK) {
        return status;
    }
    stint_CodeDef *code = &t->codes[t->code_count];
    *code = (stint_CodeDef)stint_CodeDef_init_zero;
    if (!decode(bytes, stint_CodeDef_fields, code) || code->locals == 0 ||
        code->locals > t->type_count || !text_is_printable(code->module, sizeof code->module - 1) ||
        !text_is_printable(code->name, sizeof code->name - 1)) {
        return refuse(r, "a malformed code");
    }
    t->code_count++;
    return STINT_OK;
}

static enum stint_status
read_record(struct reading *r, const struct rawpb_field *field)
{
    if (!r->version_seen) {
        if (field->tag != TAG_VERSION || field->wire != RAWPB_VARINT) {
            return refuse(r, "it does not begin with its version");
        }
        if (field->number != SCHEMA_VERSION) {
            text_format(r->error, r->error_size,
                        "description of types: version %llu, this program knows version %d",
                        (unsigned long long)field->number, SCHEMA_VERSION);
            return STINT_BAD_VERSION;
        }
        r->version_seen = true;
        return STINT_OK;
    }
    if (field->wire != RAWPB_BYTES) {
        return refuse(r, "an unknown field");
    }
    switch (field->tag) {
    case TAG_TYPE:
        return read_type(r, field->bytes);
    case TAG_FIELD:
        return read_field(r, field->bytes);
    case TAG_CODE:
        return read_code(r, field->bytes);
    default:
        return refuse(r, "an unknown field");
    }
}

/* What only holds for the whole: indices of types, special types as they must be, no type inside
 * itself. */
static enum stint_status
check_whole(struct reading *r)
{
    struct client_types *t = r->t;
    if (!r->version_seen || r->missing != 0) {
        return refuse(r, "it ends too early");
    }
    for (uint32_t i = 0; i < t->field_count; i++) {
        if (t->fields[i].subtype > t->type_count) {
            return refuse(r, "a field of an unknown type");
        }
    }
    for (uint32_t i = 0; i < t->type_count; i++) {
        const struct client_type *type = &t->types[i];
        const stint_FieldDef *id = client_type_fields(t, type);
        if (type->role != CLIENT_TYPE_PLAIN &&
            (type->count == 0 || id->tag != 1 ||
             id->kind != stint_FieldKind_FIELD_KIND_FIXED_BYTES || id->max_size != 16 ||
             client_field_is_list(id))) {
            return refuse(r, "a reference that is none");
        }
    }
    bool changed = true;
    for (uint32_t round = 0; changed; round++) {
        if (round > t->type_count) {
            return refuse(r, "types that contain themselves");
        }
        changed = false;
        for (uint32_t i = 0; i < t->type_count; i++) {
            struct client_type *type = &t->types[i];
            for (uint32_t k = 0; k < type->count; k++) {
                const struct client_type *inner = client_field_type(t, &t->fields[type->first + k]);
                if (inner != NULL && inner->depth >= type->depth) {
                    type->depth = inner->depth + 1;
                    changed = true;
                }
            }
        }
    }
    for (uint32_t i = 0; i < t->type_count; i++) {
        if (t->types[i].depth > CLIENT_TYPE_DEPTH) {
            return refuse(r, "types that are too deep");
        }
    }
    return STINT_OK;
}

enum stint_status
client_types_read(struct client_types *t, struct mem *mem, struct stint_span schema, char *error,
                  size_t error_size)
{
    *t = (struct client_types){ .mem = mem };
    struct reading r = { .t = t, .error = error, .error_size = error_size };
    text_copy(error, error_size, "");
    enum stint_status status = schema.size > CLIENT_SCHEMA_MAX ? STINT_LIMIT : STINT_OK;
    while (status == STINT_OK) {
        struct rawpb_field field;
        status = rawpb_next(&schema, &field);
        if (status == STINT_INVALID) {
            status = refuse(&r, "malformed");
        } else if (status == STINT_OK) {
            status = read_record(&r, &field);
        }
    }
    if (status == STINT_END_OF_SEQUENCE) {
        status = check_whole(&r);
    }
    if (status != STINT_OK) {
        if (error_size != 0 && error[0] == '\0') {
            text_format(error, error_size, "description of types: %s", stint_strerror(status));
        }
        client_types_fini(t);
    }
    return status;
}

void
client_types_fini(struct client_types *t)
{
    if (t->mem == NULL) {
        return;
    }
    mem_free(t->mem, t->types, t->type_room * sizeof *t->types);
    mem_free(t->mem, t->fields, t->field_room * sizeof *t->fields);
    mem_free(t->mem, t->codes, t->code_room * sizeof *t->codes);
    *t = (struct client_types){ .mem = t->mem };
}

const struct client_type *
client_types_root(const struct client_types *t)
{
    if (t->code_count == 1) {
        return &t->types[t->codes[0].locals - 1];
    }
    return t->type_count != 0 ? &t->types[0] : NULL;
}

const struct client_type *
client_types_find(const struct client_types *t, const char *name)
{
    for (uint32_t i = 0; i < t->type_count; i++) {
        if (strcmp(t->types[i].name, name) == 0) {
            return &t->types[i];
        }
    }
    return NULL;
}

const stint_FieldDef *
client_type_fields(const struct client_types *t, const struct client_type *type)
{
    return type->count != 0 ? &t->fields[type->first] : NULL;
}

const struct client_type *
client_field_type(const struct client_types *t, const stint_FieldDef *field)
{
    return field->subtype != 0 ? &t->types[field->subtype - 1] : NULL;
}

enum rawpb_wire
client_kind_wire(stint_FieldKind kind)
{
    switch (kind) {
    case stint_FieldKind_FIELD_KIND_FIXED32:
    case stint_FieldKind_FIELD_KIND_SFIXED32:
    case stint_FieldKind_FIELD_KIND_FLOAT:
        return RAWPB_FIXED32;
    case stint_FieldKind_FIELD_KIND_FIXED64:
    case stint_FieldKind_FIELD_KIND_SFIXED64:
    case stint_FieldKind_FIELD_KIND_DOUBLE:
        return RAWPB_FIXED64;
    case stint_FieldKind_FIELD_KIND_STRING:
    case stint_FieldKind_FIELD_KIND_BYTES:
    case stint_FieldKind_FIELD_KIND_FIXED_BYTES:
    case stint_FieldKind_FIELD_KIND_MESSAGE:
        return RAWPB_BYTES;
    default:
        return RAWPB_VARINT;
    }
}

bool
client_field_is_list(const stint_FieldDef *field)
{
    return field->label == stint_FieldLabel_FIELD_LABEL_REPEATED ||
           field->label == stint_FieldLabel_FIELD_LABEL_FIXED_ARRAY;
}
