/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registration is all or nothing: entries are appended, and taken back when something further on
 * is wrong. Several modules may be linked into one program and then share the linker's sections;
 * so a module takes those points whose function is that of one of its codes, and types that are
 * known already (the same description) are left alone.
 */
#include "kernel/code.h"

#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "kernel/kernel_limits.h"

static const char execute_prefix[] = "stint_execute_";

void
registry_init(struct registry *r, struct mem *m, uint64_t seed)
{
    *r = (struct registry){ .mem = m };
    table_init(&r->by_definition, m, seed);
}

static struct stint_id
pointer_id(const void *p)
{
    return id_of_u64((uint64_t)(uintptr_t)p);
}

static void
code_free(struct registry *r, struct code *code)
{
    mem_free(r->mem, code->points, code->point_count * sizeof *code->points);
    mem_free(r->mem, code, sizeof *code);
}

/* Takes back all entries from these counts on. */
static void
registry_truncate(struct registry *r, uint32_t modules, uint32_t codes, uint32_t types)
{
    while (r->module_count > modules) {
        struct module *module = r->modules[--r->module_count];
        mem_free(r->mem, module, sizeof *module);
    }
    while (r->code_count > codes) {
        struct code *code = r->codes[--r->code_count];
        table_remove(&r->by_definition, pointer_id(code->definition));
        code_free(r, code);
    }
    while (r->type_count > types) {
        struct known_type *known = r->types[--r->type_count];
        table_remove(&r->by_definition, pointer_id(known->type));
        mem_free(r->mem, known, sizeof *known);
    }
    memset(r->code_cache, 0, sizeof r->code_cache);
    memset(r->type_cache, 0, sizeof r->type_cache);
}

void
registry_fini(struct registry *r)
{
    registry_truncate(r, 0, 0, 0);
    mem_free(r->mem, r->modules, r->module_capacity * sizeof *r->modules);
    mem_free(r->mem, r->codes, r->code_capacity * sizeof *r->codes);
    mem_free(r->mem, r->types, r->type_capacity * sizeof *r->types);
    table_fini(&r->by_definition);
}

/* Room for one more pointer in an array; NULL when memory is short, the array being as it was. */
static void *
grow(struct registry *r, void *array, uint32_t count, uint32_t *capacity)
{
    if (count < *capacity) {
        return array;
    }
    uint32_t larger = *capacity == 0 ? 8 : *capacity * 2;
    void *moved = mem_resize(r->mem, array, *capacity * sizeof(void *), larger * sizeof(void *));
    if (moved != NULL) {
        *capacity = larger;
    }
    return moved;
}

struct code *
registry_code_slowly(struct registry *r, const struct stint_code *definition)
{
    struct code *code = table_find(&r->by_definition, pointer_id(definition));
    if (code != NULL) {
        r->code_cache[registry_place(definition)] = code;
    }
    return code;
}

struct known_type *
registry_type_slowly(struct registry *r, const struct stint_type *type)
{
    struct known_type *known = table_find(&r->by_definition, pointer_id(type));
    if (known != NULL) {
        r->type_cache[registry_place(type)] = known;
    }
    return known;
}

bool
registry_same(struct registry *r, const struct stint_type *a, const struct stint_type *b)
{
    if (a == b) {
        return true;
    }
    const struct known_type *known_a = registry_type(r, a);
    const struct known_type *known_b = registry_type(r, b);
    return known_a != NULL && known_b != NULL && known_a->canonical == known_b->canonical;
}

const struct module *
registry_find_module(const struct registry *r, const char *module)
{
    for (uint32_t i = 0; i < r->module_count; i++) {
        if (strcmp(r->modules[i]->definition->name, module) == 0) {
            return r->modules[i];
        }
    }
    return NULL;
}

struct code *
registry_find_code(const struct registry *r, const char *module, const char *name)
{
    for (uint32_t i = 0; i < r->code_count; i++) {
        struct code *code = r->codes[i];
        if ((module == NULL || strcmp(code->module->definition->name, module) == 0) &&
            (strcmp(code->name, name) == 0 || strcmp(code->definition->name, name) == 0)) {
            return code;
        }
    }
    return NULL;
}

struct known_type *
registry_find_type(const struct registry *r, const char *name)
{
    for (uint32_t i = 0; i < r->type_count; i++) {
        struct known_type *known = r->types[i];
        if (strcmp(known->name, name) == 0 || strcmp(known->type->name, name) == 0) {
            return known;
        }
    }
    return NULL;
}

uint32_t
code_point_at(const struct code *code, uint32_t line)
{
    uint32_t low = 0;
    uint32_t high = code->point_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (code->points[middle]->line < line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < code->point_count && code->points[low]->line == line ? low : POINT_NONE;
}

static enum stint_status
add_type(struct registry *r, const struct stint_type *type, char *error, size_t error_size)
{
    if (registry_type_slowly(r, type) != NULL) {
        return STINT_OK;
    }
    enum stint_status status = type_check(type, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    const struct known_type *first = registry_find_type(r, type->name);
    if (first != NULL && !type_same(first->type, type)) {
        text_format(error, error_size,
            "message %s: another module has a message of that name with other fields",
            first->name);
        return STINT_CONFLICT;
    }
    void *types = grow(r, r->types, r->type_count, &r->type_capacity);
    struct known_type *known = types == NULL ? NULL : mem_zalloc(r->mem, sizeof *known);
    r->types = types == NULL ? r->types : types;
    if (known == NULL || table_insert(&r->by_definition, pointer_id(type), known) != STINT_OK) {
        mem_free(r->mem, known, sizeof *known);
        text_format(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    known->type = type;
    known->hash = type_hash(type);
    known->canonical = first == NULL ? known : first;
    type_name(type, known->name);
    r->types[r->type_count++] = known;
    return STINT_OK;
}

/* Whether the point stands in the function of a code of that C name. */
static bool
point_is_of(const struct stint_point *point, const char *name)
{
    size_t prefix = sizeof execute_prefix - 1;
    return strncmp(point->function, execute_prefix, prefix) == 0 &&
           strcmp(point->function + prefix, name) == 0;
}

/* Collects the code's points and sorts them by line (the linker's order means nothing; few, so by
 * insertion). */
static enum stint_status
collect_points(struct registry *r, const struct stint_module *m, struct code *code, char *error,
    size_t error_size)
{
    uint32_t count = 0;
    for (const struct stint_point *const *p = m->points; p < m->points_end; p++) {
        count += point_is_of(*p, code->definition->name);
    }
    if (count > KERNEL_POINTS_MAX) {
        text_format(error, error_size, "code %s has %u resume points, at most %u are possible",
            code->name, count, KERNEL_POINTS_MAX);
        return STINT_LIMIT;
    }
    if (count == 0) {
        return STINT_OK;
    }
    code->points = mem_alloc(r->mem, count * sizeof *code->points);
    if (code->points == NULL) {
        text_format(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    code->point_count = count;
    uint32_t filled = 0;
    for (const struct stint_point *const *p = m->points; p < m->points_end; p++) {
        if (point_is_of(*p, code->definition->name)) {
            uint32_t at = filled++;
            for (; at > 0 && code->points[at - 1]->line > (*p)->line; at--) {
                code->points[at] = code->points[at - 1];
            }
            code->points[at] = *p;
        }
    }
    for (uint32_t i = 1; i < count; i++) {
        if (code->points[i]->line == code->points[i - 1]->line) {
            text_format(error, error_size, "code %s has two resume points in line %u", code->name,
                code->points[i]->line);
            return STINT_INVALID;
        }
    }
    return STINT_OK;
}

/* "tally.Tally" of module tally is shown as "Tally". */
static void
name_code(struct code *code, const struct stint_module *m)
{
    char shown[TYPE_NAME_SIZE];
    type_show_name(code->definition->name, shown);
    size_t prefix = strlen(m->name);
    bool own =
        strncmp(shown, m->name, prefix) == 0 && shown[prefix] == '.' && shown[prefix + 1] != 0;
    text_copy(code->name, sizeof code->name, own ? shown + prefix + 1 : shown);
}

static enum stint_status
check_code(struct registry *r, const struct stint_module *m, const struct stint_code *definition,
    char *error, size_t error_size)
{
    if (definition->execute == NULL || definition->locals == NULL || definition->file == NULL) {
        text_format(error, error_size, "code %s is incomplete", definition->name);
        return STINT_INVALID;
    }
    if (strcmp(definition->name, definition->locals->name) != 0) {
        text_format(error, error_size, "code %s has locals of another name, %s", definition->name,
            definition->locals->name);
        return STINT_INVALID;
    }
    if (registry_code_slowly(r, definition) != NULL ||
        registry_find_code(r, m->name, definition->name) != NULL) {
        text_format(error, error_size, "code %s is registered already", definition->name);
        return STINT_EXISTS;
    }
    enum stint_status status = add_type(r, definition->locals, error, error_size);
    if (status == STINT_OK && definition->locals->size > KERNEL_LOCALS_MAX) {
        text_format(error, error_size, "code %s has %u bytes of locals, at most %u are possible",
            definition->name, definition->locals->size, KERNEL_LOCALS_MAX);
        return STINT_LIMIT;
    }
    return status;
}

static enum stint_status
add_code(struct registry *r, struct module *module, const struct stint_code *definition,
    char *error, size_t error_size)
{
    const struct stint_module *m = module->definition;
    enum stint_status status = check_code(r, m, definition, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    void *codes = grow(r, r->codes, r->code_count, &r->code_capacity);
    r->codes = codes == NULL ? r->codes : codes;
    struct code *code = codes == NULL ? NULL : mem_zalloc(r->mem, sizeof *code);
    if (code == NULL) {
        text_format(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    code->definition = definition;
    code->execute = definition->execute;
    code->locals = definition->locals;
    code->size = definition->locals->size;
    code->index = r->code_count;
    code->module = module;
    name_code(code, m);
    status = collect_points(r, m, code, error, error_size);
    if (status == STINT_OK) {
        status = table_insert(&r->by_definition, pointer_id(definition), code);
        if (status != STINT_OK) {
            text_format(error, error_size, "out of memory");
        }
    }
    if (status != STINT_OK) {
        code_free(r, code);
        return status;
    }
    code->locals_hash = type_hash(code->locals);
    code->fingerprint =
        type_fingerprint(code->locals_hash, code->points, code->point_count, definition->mark);
    r->codes[r->code_count++] = code;
    module->code_count++;
    return STINT_OK;
}

static enum stint_status
check_module(struct registry *r, const struct stint_module *m, char *error, size_t error_size)
{
    if (m->abi != STINT_ABI || m->size != sizeof *m) {
        text_format(error, error_size, "the module is built for ABI %u, this node has ABI %u",
            m->abi, STINT_ABI);
        return STINT_BAD_VERSION;
    }
    if (!text_is_name(m->name, KERNEL_NAME_MAX) || m->version == NULL ||
        !text_is_printable(m->version, KERNEL_NAME_MAX)) {
        text_format(error, error_size,
            "the module's name or version is not a name of at most %u characters",
            KERNEL_NAME_MAX);
        return STINT_INVALID;
    }
    if (registry_find_module(r, m->name) != NULL) {
        text_format(error, error_size, "a module named %s is loaded already", m->name);
        return STINT_EXISTS;
    }
    if (r->module_count >= KERNEL_MODULES_MAX) {
        text_format(error, error_size, "at most %u modules are possible", KERNEL_MODULES_MAX);
        return STINT_LIMIT;
    }
    return STINT_OK;
}

static enum stint_status
fill_module(struct registry *r, struct module *module, char *error, size_t error_size)
{
    const struct stint_module *m = module->definition;
    size_t prefix = strlen(m->name);
    for (const struct stint_type *const *t = m->types; t < m->types_end; t++) {
        enum stint_status status = add_type(r, *t, error, error_size);
        bool own = strncmp((*t)->name, m->name, prefix) == 0 && (*t)->name[prefix] == '_';
        if (status == STINT_INVALID && (m->flags & STINT_MODULE_SHARED) != 0 && !own) {
            error[0] = 0;
            continue;
        }
        if (status != STINT_OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < m->code_count; i++) {
        const struct stint_code *definition = m->codes[i];
        if (definition != NULL && definition->name != NULL) {
            enum stint_status status = add_code(r, module, definition, error, error_size);
            if (status != STINT_OK) {
                return status;
            }
        }
    }
    return STINT_OK;
}

enum stint_status
registry_add(struct registry *r, const struct stint_module *m, char *error, size_t error_size)
{
    enum stint_status status = check_module(r, m, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    uint32_t modules = r->module_count;
    uint32_t codes = r->code_count;
    uint32_t types = r->type_count;
    void *array = grow(r, r->modules, r->module_count, &r->module_capacity);
    r->modules = array == NULL ? r->modules : array;
    struct module *module = array == NULL ? NULL : mem_zalloc(r->mem, sizeof *module);
    if (module == NULL) {
        text_format(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    module->definition = m;
    module->first_code = codes;
    r->modules[r->module_count++] = module;
    status = fill_module(r, module, error, error_size);
    if (status != STINT_OK) {
        registry_truncate(r, modules, codes, types);
    }
    return status;
}
