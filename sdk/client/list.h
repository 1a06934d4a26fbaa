/* SPDX-License-Identifier: Apache-2.0 */
/* A list of items as admin.h hands it out: records, and the item that was taken last, decoded. */
#ifndef STINT_CLIENT_LIST_H
#define STINT_CLIENT_LIST_H

#include "client/client_internal.h"
#include "schema/pickle.pb.h"
#include "stint/admin.h"

/* Kinds of records that no node sends. */
enum { LIST_KEY = 1000, LIST_FILE = 1001 };

/* The item of a LIST_KEY record, as it is; only in this process. */
struct list_key {
    uint32_t role;
    char name[CERT_NAME_SIZE];
    uint64_t serial, not_before_ms, not_after_ms;
    bool has_secret, revoked;
};

/* The item of a LIST_FILE record. */
struct list_file {
    stint_ExportInfo info;
    uint32_t frames;
};

/* An empty list in this memory, which it holds; NULL when it is short. */
struct stint_list *list_new(struct client_heap *heap);

/* The records of a list that is being made. */
struct buf *list_records(struct stint_list *list);

/* Takes the records of a call that is over, its note, and where it goes on: once. STINT_INVALID when
 * it has no list, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status list_of_call(struct stint_call *call, struct stint_list **list);

/* Encodes an item of the project's own protos into `out`, which has its size; gives the size taken.
 */
size_t list_encode(const pb_msgdesc_t *desc, const void *item, uint8_t *out, size_t size);

#endif
