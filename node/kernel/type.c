/* SPDX-License-Identifier: Apache-2.0 */
/* Checking, naming and hashing types. What happens to values stands in type_value.c. */
#include "kernel/type.h"

#include <pb_common.h>
#include <string.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/text.h"
#include "kernel/type_part.h"

/* A type may be reached by many ways; walks go all of them, so the number of steps is bounded too.
 */
enum { TYPE_WALK_MAX = 4096 };

struct check {
    const struct stint_type *path[TYPE_DEPTH_MAX];
    unsigned depth;
    unsigned steps;
    char *error;
    size_t error_size;
};

const char *
type_show_name(const char *c_name, char out[TYPE_NAME_SIZE])
{
    size_t at = 0;
    for (; c_name[at] != '\0' && at < TYPE_NAME_SIZE - 1; at++) {
        char next = c_name[at + 1];
        bool dot = c_name[at] == '_' && at > 0 && next >= 'A' && next <= 'Z';
        out[at] = dot ? '.' : c_name[at];
    }
    out[at] = '\0';
    return out;
}

const char *
type_name(const struct stint_type *type, char out[TYPE_NAME_SIZE])
{
    return type_show_name(type->name, out);
}

/* The file that nanopb reads bounds from is named like the package, as a rule. */
static void
options_file(const struct stint_type *type, char *out, size_t size)
{
    char name[TYPE_NAME_SIZE];
    type_name(type, name);
    char *dot = strchr(name, '.');
    if (dot != NULL) {
        *dot = '\0';
    }
    text_format(out, size, "%s.options", dot != NULL ? name : "its");
}

STINT_PRINTF(4, 5)
static enum stint_status
refuse(struct check *c, const struct stint_type *type, const struct stint_field *field,
    const char *format, ...)
{
    char name[TYPE_NAME_SIZE];
    char why[256];
    va_list args;
    va_start(args, format);
    text_format_list(why, sizeof(why), format, args);
    va_end(args);
    type_name(type, name);
    if (field != NULL) {
        text_format(c->error, c->error_size, "message %s: field `%s` %s", name, field->name, why);
    } else {
        text_format(c->error, c->error_size, "message %s: %s", name, why);
    }
    return STINT_INVALID;
}

/* A field without a bound became a callback or a pointer; say which bound is missing. */
static enum stint_status
refuse_storage(struct check *c, const struct stint_type *type, const struct stint_field *f)
{
    char file[TYPE_NAME_SIZE + 16];
    options_file(type, file, sizeof(file));
    const char *form = f->storage == STINT_STORAGE_POINTER ? "pointer" : "callback";
    bool sized = f->kind == STINT_KIND_STRING || f->kind == STINT_KIND_BYTES;
    bool repeated = f->rule == STINT_RULE_REPEATED || f->rule == STINT_RULE_FIXARRAY;
    if (!sized && !repeated) {
        return refuse(c, type, f, "is a %s by an option of nanopb; remove it from %s", form, file);
    }
    return refuse(c, type, f, "has no %s (nanopb would make it a %s); give it one in %s",
        sized && repeated ? "max_size or no max_count"
        : sized           ? "max_size"
                          : "max_count",
        form, file);
}

static enum stint_status
check_field(struct check *c, const struct stint_type *type, const struct stint_field *f)
{
    if (f->kind == STINT_KIND_EXTENSION) {
        return refuse(c, type, f, "is an extension, which has no bound; use a message or a oneof");
    }
    if (f->kind == STINT_KIND_MSG_W_CB) {
        return refuse(c, type, f, "has a callback (option submsg_callback); remove the option");
    }
    if (f->storage != STINT_STORAGE_STATIC) {
        return refuse_storage(c, type, f);
    }
    if (f->rule == STINT_RULE_REQUIRED) {
        return refuse(
            c, type, f, "is required, so no later version could leave it out; use proto3");
    }
    if (f->kind < STINT_KIND_BOOL || f->kind > STINT_KIND_EXTENSION || f->rule < STINT_RULE_SINGULAR
        || f->rule > STINT_RULE_ONEOF) {
        return refuse(c, type, f,
            "has an unknown form (%u, %u); build the module with this "
            "version's headers",
            f->kind, f->rule);
    }
    if (strlen(f->name) >= TYPE_FIELD_NAME_SIZE
        || (f->group != NULL && strlen(f->group) >= TYPE_FIELD_NAME_SIZE)) {
        return refuse(c, type, f, "has a name of more than %d bytes", TYPE_FIELD_NAME_SIZE - 1);
    }
    if (f->tag == 0 || f->count == 0 || f->size == 0
        || (uint64_t)f->offset + (uint64_t)f->size * f->count > type->size) {
        return refuse(c, type, f, "lies outside the struct; was the header generated anew?");
    }
    if ((f->kind == STINT_KIND_MESSAGE) != (f->type != NULL)) {
        return refuse(c, type, f, "has no description of its message; list its proto in PROTOS");
    }
    return STINT_OK;
}

/* Our table and nanopb's descriptor are made from the same list; a module of another layout shows
 * here. */
static enum stint_status
check_descriptor(struct check *c, const struct stint_type *type)
{
    const pb_msgdesc_t *d = type->descriptor;
    if (d->field_count != type->field_count) {
        return refuse(c, type, NULL,
            "%u fields described, nanopb knows %u; was the header generated "
            "anew?",
            type->field_count, d->field_count);
    }
    if (d->default_value != NULL) {
        return refuse(c, type, NULL, "has default values of its own; use proto3");
    }
    pb_field_iter_t it;
    if (!pb_field_iter_begin(&it, d, NULL)) {
        return STINT_OK;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct stint_field *f = &type->fields[i];
        const pb_msgdesc_t *sub = PB_LTYPE_IS_SUBMSG(it.type) ? it.submsg_desc : NULL;
        if (it.tag != f->tag || it.data_size != f->size || PB_ATYPE(it.type) != PB_ATYPE_STATIC
            || sub != (f->type != NULL ? f->type->descriptor : NULL)) {
            return refuse(c, type, f,
                "is described otherwise by nanopb; was the header generated "
                "anew?");
        }
        (void)pb_field_iter_next(&it);
    }
    return STINT_OK;
}

static enum stint_status
check_alone(struct check *c, const struct stint_type *type)
{
    if (strlen(type->name) >= TYPE_NAME_SIZE) {
        return refuse(c, type, NULL, "its name has more than %d bytes", TYPE_NAME_SIZE - 1);
    }
    if (type->field_count > TYPE_FIELDS_MAX) {
        return refuse(c, type, NULL, "has %u fields; at most %d are allowed", type->field_count,
            TYPE_FIELDS_MAX);
    }
    if (type->size == 0 || type->size > TYPE_SIZE_MAX) {
        return refuse(c, type, NULL, "its struct has %u bytes; at most %d are allowed", type->size,
            TYPE_SIZE_MAX);
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        enum stint_status st = check_field(c, type, &type->fields[i]);
        if (st != STINT_OK) {
            return st;
        }
    }
    return check_descriptor(c, type);
}

/* Recursion ends at TYPE_DEPTH_MAX. */
static enum stint_status
check_all(struct check *c, const struct stint_type *type)
{
    enum stint_status st = check_alone(c, type);
    c->path[c->depth++] = type;
    for (uint32_t i = 0; st == STINT_OK && i < type->field_count; i++) {
        const struct stint_field *f = &type->fields[i];
        if (++c->steps > TYPE_WALK_MAX) {
            return refuse(c, type, f,
                "is one too many: a type with all it contains has at most %d fields",
                TYPE_WALK_MAX);
        }
        if (f->type == NULL) {
            continue;
        }
        for (unsigned k = 0; k < c->depth; k++) {
            if (c->path[k] == f->type || c->path[k]->descriptor == f->type->descriptor) {
                return refuse(
                    c, type, f, "makes the message contain itself; its size must be bounded");
            }
        }
        if (c->depth == TYPE_DEPTH_MAX) {
            return refuse(c, type, f, "is nested deeper than %d messages", TYPE_DEPTH_MAX);
        }
        st = check_all(c, f->type);
    }
    c->depth--;
    return st;
}

enum stint_status
type_check(const struct stint_type *type, char *error, size_t error_size)
{
    struct check c = { .error = error, .error_size = error_size };
    STINT_ASSERT(type != NULL && error_size > 0);
    if (type->name == NULL || type->descriptor == NULL
        || (type->field_count > 0 && type->fields == NULL)) {
        text_format(error, error_size, "a message type without name, descriptor or fields");
        return STINT_INVALID;
    }
    enum stint_status st = check_all(&c, type);
    if (st != STINT_OK) {
        return st;
    }
    if (type_encoded_max(type) > TYPE_SIZE_MAX) {
        return refuse(&c, type, NULL,
            "may take more than %d bytes when encoded; lower the bounds of its "
            "fields",
            TYPE_SIZE_MAX);
    }
    return STINT_OK;
}

uint32_t
type_field_bound(const struct stint_field *f)
{
    uint32_t natural = 0;
    switch ((enum stint_kind)f->kind) {
    case STINT_KIND_STRING:
        return f->size - 1;
    case STINT_KIND_BYTES:
        return f->size - (uint32_t)offsetof(pb_bytes_array_t, bytes);
    case STINT_KIND_FIXED_LENGTH_BYTES:
        return f->size;
    case STINT_KIND_INT32:
    case STINT_KIND_UINT32:
    case STINT_KIND_SINT32:
        natural = 4;
        break;
    case STINT_KIND_INT64:
    case STINT_KIND_UINT64:
    case STINT_KIND_SINT64:
        natural = 8;
        break;
    default:
        return 0;
    }
    return f->size < natural ? f->size : 0;
}

/* An enum is an enum, whether nanopb saw a negative value in it or not. */
static uint64_t
kind_hashed(uint8_t kind)
{
    return kind == STINT_KIND_UENUM ? STINT_KIND_ENUM : kind;
}

uint64_t
type_hash(const struct stint_type *type)
{
    char name[TYPE_NAME_SIZE];
    struct hash h;
    hash_init(&h);
    hash_add_text(&h, type_name(type, name));
    hash_add_u64(&h, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct stint_field *f = &type->fields[i];
        hash_add_text(&h, f->name);
        hash_add_text(&h, f->group != NULL ? f->group : "");
        hash_add_u64(&h, f->tag);
        hash_add_u64(&h, kind_hashed(f->kind));
        hash_add_u64(&h, f->rule);
        hash_add_u64(&h, type_field_bound(f));
        hash_add_u64(&h, f->count);
        hash_add_u64(&h, f->type != NULL ? type_hash(f->type) : 0);
    }
    return hash_final(&h);
}

uint64_t
type_fingerprint(
    uint64_t locals_hash, const struct stint_point *const *points, uint32_t count, uint32_t mark)
{
    struct hash h;
    hash_init(&h);
    hash_add_u64(&h, locals_hash);
    hash_add_u64(&h, mark);
    hash_add_u64(&h, count);
    for (uint32_t i = 0; i < count; i++) {
        hash_add_text(&h, points[i]->label);
    }
    return hash_final(&h);
}

static bool
field_same(const struct stint_field *a, const struct stint_field *b)
{
    bool group = (a->group == NULL) == (b->group == NULL)
                 && (a->group == NULL || strcmp(a->group, b->group) == 0);
    return group && strcmp(a->name, b->name) == 0 && a->tag == b->tag && a->offset == b->offset
           && a->size == b->size && a->count == b->count && a->counter == b->counter
           && a->kind == b->kind && a->rule == b->rule && (a->type == NULL) == (b->type == NULL)
           && (a->type == NULL || type_same(a->type, b->type));
}

bool
type_same(const struct stint_type *a, const struct stint_type *b)
{
    if (a == b) {
        return true;
    }
    if (a->size != b->size || a->field_count != b->field_count || strcmp(a->name, b->name) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < a->field_count; i++) {
        if (!field_same(&a->fields[i], &b->fields[i])) {
            return false;
        }
    }
    return true;
}
