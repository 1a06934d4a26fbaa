/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of effects of one node: filled during a step, emptied by the shell after it. Bytes and texts are copied
 * into an arena that lives until the next step, so no effect points into state that may change.
 */
#ifndef STINT_CORE_OUTBOX_H
#define STINT_CORE_OUTBOX_H

#include "base/buf.h"
#include "core/core.h"

#define OUTBOX_TEXT_MAX 512

struct outbox_slot {
    struct node_effect effect;
    size_t bytes_at; /* places in the arena; it may move while it grows */
    size_t text_at;
    bool has_text;
};

struct outbox {
    struct mem own; /* not under the node's limit: what must be said when memory is short can be said */
    struct mem *mem; /* &own */
    struct outbox_slot *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t next; /* handed out so far */
    struct buf arena;
    struct store_write *writes; /* of the one commit that can be under way */
    size_t write_count;
    struct outbox_slot last; /* of a node that ends because memory failed */
    bool failed, ended;      /* something that must not be lost could not be kept; and it was told */
};

void outbox_init(struct outbox *e, struct stint_allocator allocator);
void outbox_fini(struct outbox *e);

/* Forgets what has been handed out; called at the start of a step. */
void outbox_clear(struct outbox *e);

/*
 * Appends. Memory is bounded by what the windows of the sessions allow. If the allocator itself fails a SEND is lost
 * (sessions repeat), and a LOG; everything else ends the node as if it had died before the step: outbox_next gives
 * nothing more but an EXIT with STINT_NO_MEMORY.
 */
void outbox_connect(struct outbox *e, uint64_t link, const char *endpoint);
void outbox_disconnect(struct outbox *e, uint64_t link);
void outbox_send(struct outbox *e, uint64_t link, struct stint_span frame);
void outbox_commit(struct outbox *e, const struct store_commit *commit);
void outbox_simple(struct outbox *e, enum node_effect_kind kind);
void outbox_persist(struct outbox *e, uint64_t incarnation, uint64_t generation, uint64_t view);
void outbox_exit(struct outbox *e, enum stint_status status, const char *text);
void outbox_log(struct outbox *e, enum node_log_level level, const char *format, ...) STINT_PRINTF(3, 4);

const struct node_effect *outbox_next(struct outbox *e);

#endif
