/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol M: a tasklet changes its node (PROTOCOLS section 5, checked as
 * tests/model/migration.pml). One machine a node, for all its moves in both roles. Two-phase
 * hand-over between source S and target D; the only thing that breaks a tie is a view.
 *
 *   S:  OFFERED --ACCEPT--> FREEZING --frozen--> FROZEN --PREPARED--> COMMITTED --DONE--> committed
 *          |                   |                  |  \--own timer--> ABORTING --ABORTED--> returned
 *          |                   |                  `-- view without D, ABORTED: resume --> returned
 *          `-------------------`-- REFUSE, no answer, not movable: it never stopped --> returned
 *
 *   D:  ASKING --admitted--> RESERVED --TRANSFER--> RECEIVING --arrived--> INSTALLING
 *                                                       --installed--> PREPARED --COMMIT--> RUN
 *       PREPARED and a view without S: RUN (adopted).   ABORT before RUN, or refused: tombstone.
 *
 * Rules, by their names in PROTOCOLS:
 *   R1   COMMIT only after PREPARED and only if no ABORT was sent; then it never runs here again.
 *   R2   ABORT on S's own timer, once (repeated until heard); S resumes only on ABORTED or by M-S.
 *   R3   D answers ABORT with ABORTED unless it runs the tasklet, and keeps a tombstone, even of a
 *        TRANSFER it never saw.
 *   R4   D takes TRANSFER once for a move, never after a tombstone, never of an incarnation that
 *        it knows dead.
 *   M-S  S is frozen, has sent no COMMIT, and installs a view with itself and without D: resume.
 *   M-D  D is prepared and installs a view with itself and without S: run.
 *   R5   a view without this node: everything is dropped first.
 *   R6   no other timer changes residency.
 * A tasklet frozen at epoch e runs at D under e + 1; returned, it runs at S under e + 2.
 *
 * Driven by core: call in, then empty the queue with moves_next(). Effects that ask something
 * (ADMIT, FREEZE, INSTALL) are answered by the call named beside them, at once or later,
 * exactly once. Parcels never come through here: SHIP asks core to send chunks, RECEIVE to
 * collect them. A tombstone is forgotten when the source says so (the watermark `forget` in all
 * its messages).
 */
#ifndef STINT_CLUSTER_MOVE_H
#define STINT_CLUSTER_MOVE_H

#include "cluster/view.h"

#define MOVE_OUT_MAX 64  /* a node, as source, unsettled */
#define MOVE_IN_MAX 64   /* a node, as target, before RUN */
#define MOVE_PAIR_MAX 16 /* of these between the same two nodes */
#define MOVE_HISTORY_MAX 1024
/* of one source; then its offers are refused until it forgets some */
#define MOVE_TOMBSTONES_MAX 256
#define MOVE_REASON_SIZE 160
#define MOVE_BY_SIZE 64
#define MOVE_DETAIL_SIZE 160

struct move_key {
    struct node_ref source;
    uint64_t counter; /* from 1 */
};

enum move_phase {
    MOVE_NO_PHASE,
    MOVE_OFFERED,
    MOVE_FREEZING,
    MOVE_FROZEN,
    MOVE_ABORTING,
    MOVE_COMMITTED,
    MOVE_ASKING,
    MOVE_RESERVED,
    MOVE_RECEIVING,
    MOVE_INSTALLING,
    MOVE_PREPARED,
    MOVE_ENDED,
    MOVE_PHASE_COUNT_
};

enum move_outcome {
    MOVE_PENDING,
    MOVE_OUTCOME_COMMITTED, /* it lives at the target */
    MOVE_RETURNED,          /* it lives at the source, as if nothing had been */
    /* pending: only an answer or a view can tell. Ended: the target vanished after COMMIT */
    MOVE_IN_DOUBT,
    MOVE_FAILED,            /* it was lost with a node */
};

/*
 * What is known of one move, for lists; kept in both nodes. Times are this node's monotonic
 * clock, 0: did not happen.
 */
struct move_record {
    struct move_key key;
    struct stint_id id; /* the key as 16 bytes, the same at both ends */
    struct stint_id tasklet;
    struct node_ref from, to;
    bool outgoing;
    enum move_phase phase;
    enum move_outcome outcome;
    enum stint_status status; /* of a move that did not commit */
    uint64_t epoch;           /* before the move */
    uint64_t bytes;           /* estimate until frozen */
    /* at the source: from frozen until it ran again somewhere, as far as the source knows */
    uint64_t frozen_us;
    uint64_t phase_ns[MOVE_PHASE_COUNT_];
    char reason[MOVE_REASON_SIZE];
    char by[MOVE_BY_SIZE];
    char detail[MOVE_DETAIL_SIZE]; /* why it did not commit */
    char tags[LIMIT_LABELS + 1];   /* of the tasklet, which takes them along */
};

enum move_effect_kind {
    MOVE_SEND,     /* `message` to `peer` */
    MOVE_ADMIT,    /* D: may `message` (the OFFER) come here? -> moves_admitted */
    MOVE_FREEZE,   /* S: freeze `tasklet` at its next scheduling point -> moves_frozen */
    MOVE_SHIP,     /* S: send the chunks of the parcel from number `first` on to `peer` */
    /* D: collect `bytes` in `chunks` with `digest` -> moves_progress, moves_arrived */
    MOVE_RECEIVE,
    MOVE_INSTALL,  /* D: build the tasklet, not runnable, under `epoch` -> moves_installed */
    MOVE_RUN,      /* D: make it runnable; re-offer, tell its home */
    MOVE_DISCARD,  /* D: free whatever there is of it: parcel, copy */
    MOVE_RESUME,   /* S: run the frozen tasklet under `epoch` */
    /* S: free the frozen tasklet; it is at `peer` under `epoch`: forward to there */
    MOVE_DROP,
    MOVE_FINISHED, /* the move is over: `record` */
};

struct move_effect {
    enum move_effect_kind kind;
    struct node_ref peer;
    struct move_key key;
    struct stint_id tasklet;
    uint64_t epoch;
    uint64_t bytes;
    uint32_t chunks;
    uint32_t first;
    bool adopted;                     /* RUN by M-D */
    uint8_t digest[32];
    stint_MoveMessage message;        /* SEND, ADMIT */
    const struct move_record *record; /* FINISHED; valid until the next call but moves_next */
};

struct moves_config {
    struct mem *mem;
    struct node_ref self;
    uint32_t offer_ms;   /* an unanswered OFFER is given up; 0: 2000 */
    /* S's timer of R2, to which a parcel's size adds 1 ms for 16 KiB; 0: 2000 */
    uint32_t abort_ms;
    uint32_t resend_ms;  /* first repeat; doubles up to 2 s; 0: 250 */
    uint32_t reserve_ms; /* a reservation without TRANSFER; 0: 10000 */
};

struct moves;

/*
 * NULL when memory is short. `self` has its incarnation: a node that joins again makes a new
 * machine.
 */
struct moves *moves_new(const struct moves_config *config);
void moves_free(struct moves *m);

/* What core knows of a tasklet that is to move. Texts are copied, cut to fit. */
struct move_order {
    struct stint_id tasklet;
    uint64_t epoch;
    uint64_t bytes; /* estimate */
    uint64_t fingerprint;
    const char *module;
    const char *code;
    const char *reason;
    const char *by;
    const char *tags;
};

/*
 * S: begins a move of a tasklet that runs here. STINT_UNREACHABLE: the view does not have `to`;
 * STINT_INVALID: it is this node; STINT_EXISTS: it is being moved; STINT_BUSY: too many at
 * once, try later; STINT_FENCED. `key` may be NULL.
 */
STINT_MUST_USE enum stint_status moves_start(struct moves *m, const struct move_order *order,
                                             struct node_ref to, uint64_t now_ns,
                                             struct move_key *key);

/*
 * What freezing gave: the parcel is ready to be sent in `chunks` pieces. `epoch` is the
 * tasklet's, unchanged.
 */
struct move_parcel {
    uint64_t epoch;
    uint64_t bytes;
    uint32_t chunks; /* at least 1 */
    uint8_t digest[32];
};

/*
 * S: answers FREEZE. With a status other than STINT_OK (it ended meanwhile, cannot be moved)
 * the tasklet was not frozen, `parcel` is not read and `detail` says why; with STINT_OK it
 * stays frozen until RESUME or DROP.
 */
void moves_frozen(struct moves *m, struct move_key key, enum stint_status status,
                  const struct move_parcel *parcel, const char *detail, uint64_t now_ns);

/* S: calls it off if it can be. STINT_NOT_FOUND; STINT_REFUSED after COMMIT. */
STINT_MUST_USE enum stint_status moves_cancel(struct moves *m, struct stint_id tasklet,
                                              const char *why, uint64_t now_ns);

/* D: answers ADMIT. A status other than STINT_OK refuses, with the reason. */
void moves_admitted(struct moves *m, struct move_key key, enum stint_status status,
                    const char *detail, uint64_t now_ns);

/* D: chunks up to `next` (exclusive) are here. Lets a repeated TRANSFER ask only for the rest. */
void moves_progress(struct moves *m, struct move_key key, uint32_t next, uint64_t now_ns);

/* D: the whole parcel is here (or is damaged: a status; then the move is refused). */
void moves_arrived(struct moves *m, struct move_key key, enum stint_status status,
                   const char *detail, uint64_t now_ns);

/*
 * D: answers INSTALL. With a status other than STINT_OK nothing was built, and the source
 * resumes.
 */
void moves_installed(struct moves *m, struct move_key key, enum stint_status status,
                     const char *detail, uint64_t now_ns);

/*
 * A message of protocol M from a peer whose identity is proved and whose incarnation is in the
 * view (core refuses others; so does this). STINT_OK also when it is late or repeated;
 * STINT_BAD_FRAME when it makes no sense, STINT_REFUSED when the sender may not send it: worth
 * a line in the log, nothing else happens.
 */
STINT_MUST_USE enum stint_status moves_receive(struct moves *m, struct node_ref from,
                                               const stint_MoveMessage *message,
                                               uint64_t now_ns);

/*
 * A view was installed: M-S and M-D, or R5 when it lacks `self`: then every frozen and prepared
 * tasklet is dropped, and the machine does nothing ever again. To be called before anything is
 * sent under the new view; the RUN effects (adoptions) come out first, so that homes learn of
 * them before this node reports the view as installed.
 */
void moves_view(struct moves *m, const struct view *view, uint64_t now_ns);

/*
 * While false, offers are refused: the node is cordoned, draining or short of memory; `why` is
 * copied.
 */
void moves_accept(struct moves *m, bool accept, const char *why);

void moves_tick(struct moves *m, uint64_t now_ns);
uint64_t moves_deadline(const struct moves *m);

/* Takes the next effect; false when there is none. To be emptied after each call above. */
bool moves_next(struct moves *m, struct move_effect *effect);

/* True while this node may begin another move to `to`. */
bool moves_has_room(const struct moves *m, struct node_ref to);

/*
 * The unsettled move of a tasklet that runs or is frozen here as source (before COMMIT), or
 * NULL.
 */
const struct move_record *moves_of_tasklet(const struct moves *m, struct stint_id tasklet);

/* All that is known: ended ones, oldest first, then those under way. NULL past the end. */
const struct move_record *moves_list(const struct moves *m, uint32_t index);
const struct move_record *moves_find(const struct moves *m, struct stint_id id);

struct moves_counts {
    uint32_t outgoing, incoming; /* under way */
    uint32_t in_doubt;           /* of these */
    uint64_t out_committed, in_committed, returned, failed;
    uint64_t refused_messages;
};

struct moves_counts moves_counts(const struct moves *m);

struct stint_id move_key_id(struct move_key key);
bool move_key_equal(struct move_key a, struct move_key b);

/*
 * "offered", "frozen", …; "committed", "returned", "in_doubt", "failed", "" while pending.
 * Static storage.
 */
const char *move_phase_text(enum move_phase phase);
const char *move_outcome_text(enum move_outcome outcome);

#endif
