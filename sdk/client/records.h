/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The items of an answer, one behind the other in a buffer of this process: kind, sizes, the item's
 * message as it came (a message of admin.proto, encoded), its payload.
 */
#ifndef STINT_CLIENT_RECORDS_H
#define STINT_CLIENT_RECORDS_H

#include "base/buf.h"

struct record {
    uint32_t kind; /* stint_ItemKind, or one of the client's own (list.h) */
    struct stint_span item;
    struct stint_span payload;
};

/* Appends; false when there is no room, and the buffer is as before. */
bool record_append(struct buf *records, const struct record *record);

/* The record at *at, which moves on behind it; false at the end. Points into the buffer. */
bool record_next(const struct buf *records, size_t *at, struct record *record);

#endif
