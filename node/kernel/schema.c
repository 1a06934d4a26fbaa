/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/schema.h"

#include <string.h>

#include "base/panic.h"
#include "base/text.h"
#include "kernel/pickle_wire.h"
#include "kernel/type_part.h"
#include "schema/schema.pb.h"

enum { TAG_VERSION = 1, TAG_TYPE = 2, TAG_FIELD = 3, TAG_CODE = 4 };

struct types {
    const struct stint_type *list[TYPE_REACH_MAX];
    uint32_t count;
};

static uint32_t
types_find(const struct types *t, const struct stint_type *type)
{
    uint32_t i = 0;
    while (i < t->count && !type_same(t->list[i], type)) {
        i++;
    }
    return i;
}

static bool
types_add(struct types *t, const struct stint_type *type)
{
    if (types_find(t, type) < t->count) {
        return true;
    }
    if (t->count == TYPE_REACH_MAX) {
        return false;
    }
    t->list[t->count++] = type;
    return true;
}

/* Adds what the types in the list contain, until nothing new comes. */
static bool
types_close(struct types *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct stint_type *type = t->list[i];
        for (uint32_t k = 0; k < type->field_count; k++) {
            if (type->fields[k].type != NULL && !types_add(t, type->fields[k].type)) {
                return false;
            }
        }
    }
    return true;
}

static stint_FieldKind
kind_described(uint8_t kind)
{
    static const uint8_t kinds[] = {
        [STINT_KIND_BOOL] = stint_FieldKind_FIELD_KIND_BOOL,
        [STINT_KIND_BYTES] = stint_FieldKind_FIELD_KIND_BYTES,
        [STINT_KIND_DOUBLE] = stint_FieldKind_FIELD_KIND_DOUBLE,
        [STINT_KIND_ENUM] = stint_FieldKind_FIELD_KIND_ENUM,
        [STINT_KIND_UENUM] = stint_FieldKind_FIELD_KIND_ENUM,
        [STINT_KIND_FIXED32] = stint_FieldKind_FIELD_KIND_FIXED32,
        [STINT_KIND_FIXED64] = stint_FieldKind_FIELD_KIND_FIXED64,
        [STINT_KIND_FLOAT] = stint_FieldKind_FIELD_KIND_FLOAT,
        [STINT_KIND_INT32] = stint_FieldKind_FIELD_KIND_INT32,
        [STINT_KIND_INT64] = stint_FieldKind_FIELD_KIND_INT64,
        [STINT_KIND_MESSAGE] = stint_FieldKind_FIELD_KIND_MESSAGE,
        [STINT_KIND_SFIXED32] = stint_FieldKind_FIELD_KIND_SFIXED32,
        [STINT_KIND_SFIXED64] = stint_FieldKind_FIELD_KIND_SFIXED64,
        [STINT_KIND_SINT32] = stint_FieldKind_FIELD_KIND_SINT32,
        [STINT_KIND_SINT64] = stint_FieldKind_FIELD_KIND_SINT64,
        [STINT_KIND_STRING] = stint_FieldKind_FIELD_KIND_STRING,
        [STINT_KIND_UINT32] = stint_FieldKind_FIELD_KIND_UINT32,
        [STINT_KIND_UINT64] = stint_FieldKind_FIELD_KIND_UINT64,
        [STINT_KIND_FIXED_LENGTH_BYTES] = stint_FieldKind_FIELD_KIND_FIXED_BYTES,
    };
    STINT_ASSERT(kind < sizeof(kinds) && kinds[kind] != stint_FieldKind_FIELD_KIND_NONE);
    return (stint_FieldKind)kinds[kind];
}

static stint_FieldLabel
label_described(uint8_t rule)
{
    switch ((enum stint_rule)rule) {
    case STINT_RULE_OPTIONAL:
        return stint_FieldLabel_FIELD_LABEL_OPTIONAL;
    case STINT_RULE_REPEATED:
        return stint_FieldLabel_FIELD_LABEL_REPEATED;
    case STINT_RULE_FIXARRAY:
        return stint_FieldLabel_FIELD_LABEL_FIXED_ARRAY;
    case STINT_RULE_ONEOF:
        return stint_FieldLabel_FIELD_LABEL_ONEOF;
    case STINT_RULE_REQUIRED:
        return stint_FieldLabel_FIELD_LABEL_REQUIRED;
    case STINT_RULE_SINGULAR:
        break;
    }
    return stint_FieldLabel_FIELD_LABEL_SINGULAR;
}

static void
put_field(struct buf *out, const struct types *t, const struct stint_field *f)
{
    stint_FieldDef def = stint_FieldDef_init_zero;
    text_copy(def.name, sizeof(def.name), f->name);
    def.tag = f->tag;
    def.kind = kind_described(f->kind);
    def.label = label_described(f->rule);
    def.max_size = type_field_bound(f);
    if (f->rule == STINT_RULE_REPEATED || f->rule == STINT_RULE_FIXARRAY) {
        def.max_count = f->count;
    }
    if (f->type != NULL) {
        def.subtype = types_find(t, f->type) + 1;
    }
    if (f->group != NULL) {
        text_copy(def.oneof, sizeof(def.oneof), f->group);
    }
    (void)wire_put_message(out, TAG_FIELD, stint_FieldDef_fields, &def);
}

static void
put_type(struct buf *out, const struct types *t, const struct stint_type *type)
{
    stint_TypeDef def = stint_TypeDef_init_zero;
    type_name(type, def.name);
    def.hash = type_hash(type);
    def.fields = type->field_count;
    (void)wire_put_message(out, TAG_TYPE, stint_TypeDef_fields, &def);
    for (uint32_t i = 0; i < type->field_count; i++) {
        put_field(out, t, &type->fields[i]);
    }
}

static void
put_code(struct buf *out, const struct types *t, const struct schema_code *code)
{
    stint_CodeDef def = stint_CodeDef_init_zero;
    text_copy(def.module, sizeof(def.module), code->module);
    text_copy(def.name, sizeof(def.name), code->name);
    def.fingerprint = code->fingerprint;
    def.locals = types_find(t, code->locals) + 1;
    (void)wire_put_message(out, TAG_CODE, stint_CodeDef_fields, &def);
}

enum stint_status
schema_write(struct buf *out, const struct stint_type *type, const struct schema_code *codes,
    size_t code_count)
{
    struct types t = { .count = 0 };
    size_t before = out->size;
    bool fits = type == NULL || types_add(&t, type);
    for (size_t i = 0; fits && i < code_count; i++) {
        fits = types_add(&t, codes[i].locals);
    }
    if (!fits || !types_close(&t)) {
        return STINT_LIMIT;
    }
    if (out->failed) {
        return STINT_NO_MEMORY;
    }
    (void)wire_put_varint(out, TAG_VERSION, SCHEMA_VERSION);
    for (uint32_t i = 0; i < t.count; i++) {
        put_type(out, &t, t.list[i]);
    }
    for (size_t i = 0; i < code_count; i++) {
        put_code(out, &t, &codes[i]);
    }
    if (out->failed) {
        out->size = before;
        out->failed = false;
        return STINT_LIMIT;
    }
    return STINT_OK;
}
