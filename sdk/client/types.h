/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message types as a node describes them (proto/schema/schema.proto), checked and ready for turning
 * values into JSON and back. A description is believed in nothing: counts, indices, order, names,
 * bounds and depth are checked, no type contains itself.
 */
#ifndef STINT_CLIENT_TYPES_H
#define STINT_CLIENT_TYPES_H

#include "base/mem.h"
#include "client/limits.h"
#include "client/rawpb.h"
#include "schema/schema.pb.h"

/* What a message type is to JSON besides a message. */
enum client_type_role {
    CLIENT_TYPE_PLAIN,
    CLIENT_TYPE_CHANNEL, /* stint.Channel: written as id or name */
    CLIENT_TYPE_ID,      /* stint.Tasklet, stint.Node: written as id */
};

struct client_type {
    char name[sizeof((stint_TypeDef *)0)->name];
    uint64_t hash;
    enum client_type_role role;
    uint32_t first; /* of its fields in client_types.fields */
    uint32_t count;
    uint32_t depth; /* 1: contains no message */
};

struct client_types {
    struct mem *mem;
    struct client_type *types;
    uint32_t type_count, type_room;
    stint_FieldDef *fields; /* as described; `subtype` is an index plus 1 */
    uint32_t field_count, field_room;
    stint_CodeDef *codes;
    uint32_t code_count, code_room;
};

/* Reads a description. STINT_BAD_VERSION another version; STINT_INVALID what breaks its rules
 * (`error`: which); STINT_LIMIT, STINT_NO_MEMORY. On failure `t` is empty. Free it with
 * client_types_fini either way. */
STINT_MUST_USE enum stint_status client_types_read(struct client_types *t, struct mem *mem,
                                                   struct stint_span schema, char *error,
                                                   size_t error_size);
void client_types_fini(struct client_types *t);

/* The type that was asked for: the locals of the one code described, else type 0. NULL when there
 * is none. */
const struct client_type *client_types_root(const struct client_types *t);

/* The type of that name, or NULL. */
const struct client_type *client_types_find(const struct client_types *t, const char *name);

/* The fields of a type; of a field of messages the type of these. */
const stint_FieldDef *client_type_fields(const struct client_types *t,
                                         const struct client_type *type);
const struct client_type *client_field_type(const struct client_types *t,
                                            const stint_FieldDef *field);

/* How values of a kind stand on the wire. */
enum rawpb_wire client_kind_wire(stint_FieldKind kind);

/* True for fields that hold several values. */
bool client_field_is_list(const stint_FieldDef *field);

#endif
