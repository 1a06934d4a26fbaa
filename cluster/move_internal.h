/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of protocol M share: one slot a move under way, tombstones a source, the queue
 * of effects.
 */
#ifndef STINT_CLUSTER_MOVE_INTERNAL_H
#define STINT_CLUSTER_MOVE_INTERNAL_H

#include "cluster/move.h"

#define MOVE_NEVER UINT64_MAX
#define MOVE_RESEND_MAX_MS 2000
#define MOVE_MS UINT64_C(1000000)
#define MOVE_NAME_SIZE 64

/* The most effects of one call: each of all moves ends, with what it does and its record. */
#define MOVE_EFFECTS_MAX (2 * (MOVE_OUT_MAX + MOVE_IN_MAX) + 16)

/* Enough records that those of one call are never overwritten in it. */
#define MOVE_HISTORY_FIRST 256

/* One move under way; free while its phase is MOVE_NO_PHASE. */
struct move {
    struct move_record record;
    uint64_t resend_ns; /* source: repeat the message of this phase */
    uint64_t resend_ms;
    uint64_t limit_ns;  /* the phase's own timer: see where it is set */
    struct move_parcel parcel;
    uint64_t fingerprint;
    char module[MOVE_NAME_SIZE];
    char code[MOVE_NAME_SIZE];
    uint32_t next;  /* target: first chunk that is missing */
    bool revoked;   /* source, FREEZING: called off; resume as soon as it is frozen */
    bool aborted;   /* target, INSTALLING: ABORT came; discard what comes of it */
    /* target, INSTALLING: the source left the view; adopt what comes of it (M-D) */
    bool orphaned;
};

/* How a move ended here as target; kept until its source forgets it. */
struct move_tombstone {
    uint64_t counter;
    uint32_t status;
    bool ran;
};

/* What a target keeps of one source. */
struct move_source {
    struct node_ref ref;
    uint64_t watermark; /* all moves up to this one are settled and forgotten */
    uint32_t tombstone_count;
    struct move_tombstone tombstones[MOVE_TOMBSTONES_MAX];
};

struct move_pending {
    struct move_effect effect;
    uint64_t record_number; /* 0: the effect has no record */
};

struct moves {
    struct moves_config config;
    struct mem *mem;
    struct node_ref self;
    bool fenced;
    bool accepting;
    char not_accepting[MOVE_DETAIL_SIZE];
    uint64_t counter; /* of the last move begun here */

    struct move out[MOVE_OUT_MAX];
    struct move in[MOVE_IN_MAX];
    uint32_t out_count, in_count;

    uint32_t peer_count; /* living members but this one */
    struct node_ref peers[VIEW_MEMBERS_MAX];
    uint32_t source_count;
    struct move_source *sources[VIEW_MEMBERS_MAX];

    uint32_t pending_first, pending_count;
    struct move_pending pending[MOVE_EFFECTS_MAX];

    struct move_record *history; /* ring; record number n stands at (n - 1) % capacity */
    uint32_t history_capacity;
    uint64_t history_last;  /* number of the newest record */
    uint64_t history_first; /* number of the oldest that is still there */

    uint64_t deadline_ns;
    bool deadline_known;
    struct moves_counts counts;
};

/* move.c */
bool moves_knows(const struct moves *m, struct node_ref peer);
struct move_effect *moves_emit(struct moves *m, enum move_effect_kind kind,
                               const struct move *mv);
stint_MoveMessage *moves_send(struct moves *m, struct node_ref peer, struct move_key key,
                              stint_MoveOp op);

/*
 * Puts a move into another phase, if the drawing in move.h has that arrow (asserted), and
 * restarts its timers: `limit_ms` 0 is none; resending begins anew if `resend`.
 */
void move_enter(struct moves *m, struct move *mv, enum move_phase phase, uint64_t limit_ms,
                bool resend, uint64_t now_ns);

/* Ends a move: its record goes to the history and is reported, its slot is free. */
void move_settle(struct moves *m, struct move *mv, enum move_outcome outcome,
                 enum stint_status status, const char *detail, uint64_t now_ns);

/* move_record.c */
bool move_history_init(struct moves *m);
void move_history_fini(struct moves *m);
uint64_t move_history_add(struct moves *m, const struct move_record *record);
const struct move_record *move_history_get(const struct moves *m, uint64_t number);
void move_set_detail(struct move_record *record, enum stint_status status, const char *detail);

/* move_source.c */
enum stint_status source_receive(struct moves *m, struct node_ref from,
                                 const stint_MoveMessage *message, uint64_t now_ns);
void source_view(struct moves *m, uint64_t now_ns);
void source_tick(struct moves *m, struct move *mv, uint64_t now_ns);
uint64_t source_watermark(const struct moves *m, struct node_ref target);
struct move *source_find_tasklet(struct moves *m, struct stint_id tasklet);

/* move_target.c */
enum stint_status target_receive(struct moves *m, struct node_ref from,
                                 const stint_MoveMessage *message, uint64_t now_ns);
void target_view(struct moves *m, uint64_t now_ns);
void target_tick(struct moves *m, struct move *mv, uint64_t now_ns);

/* move_tombstone.c */
struct move_source *move_source_get(struct moves *m, struct node_ref ref, bool create);
const struct move_tombstone *move_tombstone_find(const struct move_source *s, uint64_t counter);

/* Room for another tombstone beside those that the moves under way may need. */
bool move_tombstone_room(const struct moves *m, const struct move_source *s);
void move_tombstone_add(struct move_source *s, uint64_t counter, bool ran,
                        enum stint_status status);
void move_tombstones_forget(struct move_source *s, uint64_t watermark);
void move_sources_drop_absent(struct moves *m);
void move_sources_fini(struct moves *m);

#endif
