/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: modules, their codes with resume points in order, and message types with their
 * hashes. Filled by kernel_add_module(), never emptied. What frames give us are pointers to a
 * module's own const descriptions; the registry finds its entry for one in a small cache keyed by
 * the pointer, so a call or spawn of a registered code costs a compare, and one of an
 * unregistered code is refused.
 */
#ifndef STINT_KERNEL_CODE_H
#define STINT_KERNEL_CODE_H

#include "base/mem.h"
#include "base/table.h"
#include "kernel/type.h"
#include "stint/tasklet.h"

#define RESUME_START 0u
#define RESUME_EXCEPT 0xffffffffu
#define POINT_NONE 0xffffffffu

struct module;

struct code {
    stint_execute execute;
    const struct stint_code *definition;
    const struct stint_type *locals;
    uint32_t size;        /* of the locals */
    uint32_t index;       /* in the registry */
    uint64_t locals_hash; /* type_hash(locals) */
    uint64_t fingerprint; /* type_fingerprint() */
    const struct module *module;
    const struct stint_point *
        *points; /* by line; the place is the resume index of a pickle, minus 1 */
    uint32_t point_count;
    char name[TYPE_NAME_SIZE]; /* as shown */
};

struct module {
    const struct stint_module *definition;
    uint32_t first_code; /* in the registry */
    uint32_t code_count;
};

struct known_type {
    const struct stint_type *type;
    const struct known_type
        *canonical; /* the first of that name; two modules may bring one message each */
    uint64_t hash;
    char name[TYPE_NAME_SIZE]; /* as shown */
};

enum { CODE_CACHE = 64 };

struct registry {
    struct mem *mem;
    struct module **modules;
    struct code **codes;
    struct known_type **types;
    uint32_t module_count, module_capacity;
    uint32_t code_count, code_capacity;
    uint32_t type_count, type_capacity;
    struct table
        by_definition; /* pointers of descriptions, as ids, to struct code or struct known_type */
    struct code *code_cache[CODE_CACHE];
    struct known_type *type_cache[CODE_CACHE];
};

void registry_init(struct registry *r, struct mem *m, uint64_t seed);
void registry_fini(struct registry *r);

/* See kernel_add_module(). */
STINT_MUST_USE enum stint_status registry_add(struct registry *r,
    const struct stint_module *module, char *error, size_t error_size);

/* The entry of a description that a frame named, or NULL if it is not registered. The first two
 * look into the cache. */
struct code *registry_code_slowly(struct registry *r, const struct stint_code *definition);
struct known_type *registry_type_slowly(struct registry *r, const struct stint_type *type);

static inline uint32_t
registry_place(const void *p)
{
    return (uint32_t)((uintptr_t)p >> 4 ^ (uintptr_t)p >> 10) % CODE_CACHE;
}

static inline struct code *
registry_code(struct registry *r, const struct stint_code *definition)
{
    struct code *code = r->code_cache[registry_place(definition)];
    return code != NULL && code->definition == definition ? code
                                                          : registry_code_slowly(r, definition);
}

static inline struct known_type *
registry_type(struct registry *r, const struct stint_type *type)
{
    struct known_type *known = r->type_cache[registry_place(type)];
    return known != NULL && known->type == type ? known : registry_type_slowly(r, type);
}

/* Whether values of both types are the same bytes. */
bool registry_same(struct registry *r, const struct stint_type *a, const struct stint_type *b);

/* By names, shown or C. `module` may be NULL in the second: any. */
const struct module *registry_find_module(const struct registry *r, const char *module);
struct code *registry_find_code(const struct registry *r, const char *module, const char *name);
struct known_type *registry_find_type(const struct registry *r, const char *name);

/* The place of the resume point at `line`, or POINT_NONE. */
uint32_t code_point_at(const struct code *code, uint32_t line);


#endif
