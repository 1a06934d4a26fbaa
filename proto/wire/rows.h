/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store keeps, as seen by the rules that fill it (cluster/authority) and by
 * the engine that keeps it (node/store): rows of bytes under a view number. The
 * rules never see an engine, the engine never sees a rule.
 */
#ifndef STINT_WIRE_ROWS_H
#define STINT_WIRE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stint/types.h"

/* One row. `kind` is the table it belongs to; (kind, key) is unique. Bytes are borrowed. */
struct store_row {
    uint8_t kind;
    struct stint_span key;   /* at most 64 bytes */
    struct stint_span value; /* at most 4 KiB */
};

/* A change of one row: put (insert or replace), or remove when `remove` is set. */
struct store_write {
    struct store_row row;
    bool remove;
};

/*
 * A change of many rows as one transaction. It takes effect as a whole, and only if the
 * store's view number still is `expected_view`; it then becomes `next_view` (equal to
 * `expected_view` when the change is none of membership).
 */
struct store_commit {
    uint64_t number; /* names this commit in its completion */
    uint64_t expected_view;
    uint64_t next_view;
    const struct store_write *writes;
    size_t count;
};

/* How a commit ended. UNKNOWN: it may or may not have taken effect; load the rows again. */
enum store_result {
    STORE_COMMITTED,
    STORE_CONFLICT, /* the view number was another one; nothing changed */
    STORE_FAILED,   /* nothing changed */
    STORE_UNKNOWN,
};

#endif
