/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema: types described in bytes (proto/schema/schema.proto), so that whoever has no .proto
 * file, like a client that turns values into JSON, or a reader of an exported file, can do so.
 */
#ifndef STINT_KERNEL_SCHEMA_H
#define STINT_KERNEL_SCHEMA_H

#include "kernel/type.h"

#define SCHEMA_VERSION 1u

/* A code to be named in a schema. */
struct schema_code {
    const char *module;
    const char *name; /* as shown */
    uint64_t fingerprint;
    const struct stint_type *locals;
};

/*
 * Appends the schema of `type` (may be NULL) and of the locals of `codes`, with all the types that
 * they contain. `type` is type 0, if it is there; a type that occurs several times is described
 * once. STINT_LIMIT for more than TYPE_REACH_MAX types or when `out` is full, STINT_NO_MEMORY; then
 * nothing is appended.
 */
STINT_MUST_USE enum stint_status schema_write(struct buf *out, const struct stint_type *type,
    const struct schema_code *codes, size_t code_count);

#endif
