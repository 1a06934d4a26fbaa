/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of effects of one node: filled during a step, emptied by the shell after it. Bytes and texts are copied
 * into an arena that lives until the next step, so no effect points into state that may change.
 */
#ifndef STINT_CORE_EFFECTS_H
#define STINT_CORE_EFFECTS_H

#include "base/buf.h"
#include "core/core.h"

#define EFFECTS_TEXT_MAX 512

struct effect_slot {
    struct node_effect effect;
    size_t bytes_at; /* places in the arena; it may move while it grows */
    size_t text_at;
    bool has_text;
};

struct effects {
    struct mem *mem;
    struct effect_slot *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t next; /* handed out so far */
    struct buf arena;
    struct store_write *writes; /* of the one commit that can be under way */
    size_t write_count;
};

void effects_init(struct effects *e, struct mem *m);
void effects_fini(struct effects *e);

/* Forgets what has been handed out; called at the start of a step. */
void effects_clear(struct effects *e);

/*
 * Appends. Memory is bounded by what the windows of the sessions allow; if it runs out all the same a SEND is lost
 * (sessions repeat) and everything else stops the process, because an effect that must not be lost would be.
 */
void effects_connect(struct effects *e, uint64_t link, const char *endpoint);
void effects_disconnect(struct effects *e, uint64_t link);
void effects_send(struct effects *e, uint64_t link, struct stint_span frame);
void effects_commit(struct effects *e, const struct store_commit *commit);
void effects_simple(struct effects *e, enum node_effect_kind kind);
void effects_persist(struct effects *e, uint64_t incarnation, uint64_t generation, uint64_t view);
void effects_exit(struct effects *e, enum stint_status status, const char *text);
void effects_log(struct effects *e, enum node_log_level level, const char *format, ...) STINT_PRINTF(3, 4);

const struct node_effect *effects_next(struct effects *e);

#endif
