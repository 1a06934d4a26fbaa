/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge of the kernel: one scheduler with its tasklets and channels, for one thread. It knows
 * no cluster: what crosses its edge leaves as an *effect* and comes in by a call below. Nothing
 * here calls back, blocks, or looks at a clock.
 *
 * The life of an operation on a channel that is not here (protocol C): the kernel emits OFFER;
 * the core brings it to the channel's host and calls kernel_offer() there; that kernel emits DONE
 * (or REFUSE) to where the tasklet is; the core there calls kernel_done() (kernel_refused()).
 * Everything may be repeated, in any order: numbers and epochs sort it out.
 */
#ifndef STINT_KERNEL_KERNEL_H
#define STINT_KERNEL_KERNEL_H

#include <stdbool.h>

#include "base/mem.h"
#include "kernel/kernel_limits.h"
#include "stint/tasklet.h"
#include "stint/types.h"

struct kernel;
struct code; /* kernel/code.h */

/* Which life of which node. */
struct kernel_place {
    struct stint_id node;
    uint64_t inc;
};

struct kernel_config {
    struct mem *mem; /* borrowed; everything is allocated through it */
    uint64_t seed;   /* of ids, of stint_random() and of the hash tables */
    struct kernel_place here;
    uint32_t tasklets_max; /* 0: 16 M */
    uint32_t channels_max; /* 0: 16 M */
};

/* A kernel without modules, or NULL when memory is short. kernel_free() frees it with all that is
 * in it, and emits nothing. */
struct kernel *kernel_new(const struct kernel_config *config);
void kernel_free(struct kernel *k);

/* The time from here on: monotonic for deadlines, wall clock for stint_now_ms(). Never goes back.
 */
void kernel_set_time(struct kernel *k, uint64_t now_ns, uint64_t wall_ms);

/* What stint_nodes() answers: copied, at most KERNEL_NODES_MAX. */
void kernel_set_nodes(struct kernel *k, const struct stint_id *nodes, uint32_t count);

/* Where this kernel is, once the incarnation is known (or another one after a new join). */
void kernel_set_here(struct kernel *k, struct kernel_place here);

/* True after memory ran out where nothing could be undone: effects are missing, the node must
 * drop all and join anew. */
bool kernel_is_broken(const struct kernel *k);

/* ---- modules ---- */

/*
 * Registers a module; it must outlive the kernel. On failure nothing is registered and `error`
 * holds a sentence. STINT_BAD_VERSION (ABI), STINT_INVALID (a type that cannot be pickled, bad
 * names, two points alike), STINT_EXISTS (another module of that name), STINT_CONFLICT (a type of
 * that name with other fields), STINT_LIMIT, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status kernel_add_module(struct kernel *k,
    const struct stint_module *module, char *error, size_t error_size);

/* A code by module and by name, shown ("Tally") or C ("tally_Tally"). STINT_UNKNOWN_MODULE,
 * STINT_UNKNOWN_CODE. */
STINT_MUST_USE enum stint_status kernel_find_code(const struct kernel *k, const char *module,
    const char *name, const struct code **code);

/* A message type by name, shown ("tally.Add") or C ("tally_Add"), or NULL. Messages of modules
 * and stint.Empty etc. */
const struct stint_type *kernel_find_type(const struct kernel *k, const char *name);

/* The same by the hash that offers carry. */
const struct stint_type *kernel_find_type_hash(const struct kernel *k, uint64_t hash);

/* Modules and codes in the order of their registration; start with index 0; NULL at the end. */
const struct stint_module *kernel_module_at(const struct kernel *k, uint32_t index);
const struct code *kernel_code_at(const struct kernel *k, uint32_t index);

/* ---- running ---- */

/*
 * Runs at most `max_turns` turns of tasklets, after making those runnable whose deadline has
 * passed. Stops early when nothing is runnable or the effects want to be taken away. Returns the
 * number of frames entered.
 */
uint64_t kernel_run(struct kernel *k, uint32_t max_turns);

bool kernel_runnable(const struct kernel *k);     /* kernel_run() would do something now */
uint64_t kernel_deadline(
    const struct kernel *k); /* when kernel_run() must be called next; UINT64_MAX: never */

struct kernel_counters {
    uint32_t tasklets; /* system ones included */
    uint32_t system;
    uint32_t runnable;
    uint32_t channels;
    uint32_t relations; /* host side */
    uint32_t outlets;   /* tasklet side */
    uint64_t steps;     /* frames entered since the start */
    uint64_t turns;
    uint64_t spawned;
    uint64_t ended;
};
void kernel_count(const struct kernel *k, struct kernel_counters *counters);

/* ---- effects ---- */

enum kernel_op { KERNEL_SEND = 1, KERNEL_RECEIVE = 2 };

enum kernel_effect_kind {
    KERNEL_OFFER = 1, /* to cid's host: tid epoch number op type type_hash value */
    KERNEL_CANCEL,    /* to cid's host: tid epoch number; it answers as to an offer */
    KERNEL_FIN,       /* to cid's host: tid ended, number was its last operation */
    KERNEL_DONE,   /* to tid at `place`: cid number status flags epoch (the channel's) type_hash
                      value */
    KERNEL_REFUSE, /* to tid at `place`: cid number (the last one completed) epoch */
    KERNEL_CLOSE,  /* to cid's host: flags KERNEL_WAKE */
    KERNEL_KILL,   /* to tid, which is not here: flags KERNEL_PENDING */
    KERNEL_NAME_CHANNEL, /* wants `text` to be cid's name, unique; answer by kernel_named() */
    KERNEL_CHANNEL_GONE, /* cid has ended; text is its name or NULL; tid its owner or zero */
    KERNEL_SUSPENDED,    /* tid, spawned with KERNEL_NOTIFY, gave up its first turn (or was born
                            paused) */
    KERNEL_ENDED, /* tid, spawned with KERNEL_NOTIFY, moved, or ended by an error: status text; value:
                     locals of the first frame, with KERNEL_NOTIFY */
    KERNEL_MIGRATE_SELF, /* tid asks to be moved to `place.node`; kernel_freeze() etc., or
                            kernel_move_refused() */
    KERNEL_LOG           /* tid says `text` */
};

enum kernel_flags {
    KERNEL_BUFFERED = 1, /* DONE: the channel has a buffer, so sends may be pipelined */
    KERNEL_WAKE = 2,
    KERNEL_PENDING = 4,
    KERNEL_NOTIFY = 8,
    KERNEL_PINNED = 16,
    KERNEL_SYSTEM = 32,
    KERNEL_PAUSED = 64,
    KERNEL_FIRST = 128 /* OFFER, CANCEL: the first number that this tasklet uses with this
                          channel, whatever it is */
};

struct kernel_effect {
    enum kernel_effect_kind kind;
    uint32_t flags;
    struct stint_id tid;
    struct stint_id cid;
    struct kernel_place place;
    uint64_t number;
    uint64_t epoch; /* of tid in OFFER, CANCEL, FIN; of the channel in DONE, REFUSE */
    uint64_t type_hash;
    const struct stint_type *type; /* of `value`; NULL if there is none */
    struct stint_span value;       /* encoded, handles' slots cleared */
    const char *text;
    enum kernel_op op;
    enum stint_status status;
};

/*
 * Takes the waiting effects away, oldest first. They and their bytes stay as they are until the
 * next call of this function, whatever else is called meanwhile; what that emits is in the next
 * batch.
 */
const struct kernel_effect *kernel_effects(struct kernel *k, uint32_t *count);

/* How many wait. */
uint32_t kernel_effect_count(const struct kernel *k);

/* ---- tasklets, from outside ---- */

/*
 * Starts a tasklet at the end of the ring with locals decoded from `args`. *id zero: a new id is
 * made and stored there. Flags: NOTIFY, PINNED, SYSTEM, PAUSED. STINT_INVALID (args do not
 * decode), STINT_EXISTS, STINT_LIMIT, STINT_NO_MEMORY.
 */
STINT_MUST_USE enum stint_status kernel_spawn(struct kernel *k, const struct code *code,
    struct stint_span args, uint32_t flags, struct stint_id *id);

/* From here on the tasklet's end is an effect ENDED (as with KERNEL_NOTIFY). STINT_NOT_HERE. */
enum stint_status kernel_watch(struct kernel *k, struct stint_id tid);

/* Kills. Immediate: it is the next to run; pending: at its place. STINT_NOT_HERE; STINT_BUSY when
 * frozen: ask again. */
STINT_MUST_USE enum stint_status kernel_kill(struct kernel *k, struct stint_id tid, bool pending);

/* Holds a tasklet: it does not run until resumed, but keeps its place in queues and is served
 * there. STINT_NOT_HERE. */
STINT_MUST_USE enum stint_status kernel_pause(struct kernel *k, struct stint_id tid);
STINT_MUST_USE enum stint_status kernel_resume(struct kernel *k, struct stint_id tid);

STINT_MUST_USE enum stint_status kernel_set_pinned(struct kernel *k, struct stint_id tid,
    bool pinned);
bool kernel_pinned(const struct kernel *k, struct stint_id tid);

/* ---- moving ---- */

/* Each reason why a tasklet cannot be frozen and pickled: code, sentence, frame from the bottom
 * (UINT32_MAX: none). */
typedef void kernel_explain_fn(void *arg, enum stint_status reason, const char *text,
    uint32_t frame);

/* Calls `tell` for each reason, in order; returns their number; 0: it can move. STINT_NOT_HERE is
 * told as a reason. */
uint32_t kernel_explain(const struct kernel *k, struct stint_id tid, kernel_explain_fn *tell,
    void *arg);

/*
 * Takes a tasklet out of the run: it and its owned channels change no more, offers to them are
 * STINT_BUSY. Its place in local queues becomes that of a foreign waiter; so do the places of
 * local waiters of its channels, which go on as waiting for a remote operation. Nothing is
 * emitted. STINT_NOT_HERE, STINT_BUSY (frozen already); STINT_LIMIT: a channel that is concerned has
 * dealings with as many tasklets elsewhere as it can; STINT_NO_MEMORY (nothing changed).
 */
STINT_MUST_USE enum stint_status kernel_freeze(struct kernel *k, struct stint_id tid);

/* Sets a frozen (or loaded) tasklet to run here under `epoch`: to the ring if it was runnable;
 * the offers of all that it has outstanding are emitted, its deadlines go on. STINT_NOT_HERE,
 * STINT_INVALID (not frozen), STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status kernel_thaw(struct kernel *k, struct stint_id tid,
    uint64_t epoch);

/* Drops a frozen tasklet with its channels; nothing is emitted, for it lives elsewhere.
 * STINT_NOT_HERE, STINT_INVALID. */
STINT_MUST_USE enum stint_status kernel_discard(struct kernel *k, struct stint_id tid);

/* Ends the wait of STINT_MIGRATE with an error, frozen or not; ignored if the tasklet does not
 * wait there. */
void kernel_move_refused(struct kernel *k, struct stint_id tid, enum stint_status status,
    const char *text);

/* ---- protocol C, host side ---- */

struct kernel_offer {
    struct stint_id cid;
    struct stint_id tid;
    uint64_t number;
    uint64_t epoch; /* of the tasklet; 0 for clients */
    uint64_t type_hash;
    struct kernel_place place; /* where the answer goes */
    uint32_t flags;            /* KERNEL_FIRST; number 1 always is one */
    enum kernel_op op;
    struct stint_span value;
};

/*
 * An operation from elsewhere, or from here by the loop. The answer, now or later, is an effect.
 * STINT_NOT_HERE: no such channel; STINT_BUSY: it is frozen; STINT_LIMIT; STINT_NO_MEMORY:
 * nothing was taken in, and it may be offered again.
 */
STINT_MUST_USE enum stint_status kernel_offer(struct kernel *k, const struct kernel_offer *offer);

/* Gives an operation up: if it is pending (or unknown yet) it is completed with STINT_CANCELLED,
 * else its result is repeated. The answer is an effect. Statuses as kernel_offer(). */
STINT_MUST_USE enum stint_status kernel_cancel(struct kernel *k,
    const struct kernel_offer *offer);

/* The tasklet has ended: its relation with the channel is forgotten once `number` is completed.
 * STINT_NOT_HERE; STINT_BUSY: the channel is frozen, tell it where it goes. */
enum stint_status kernel_fin(struct kernel *k, struct stint_id cid, struct stint_id tid,
    uint64_t number);

/* That life of a node is over: relations of tasklets placed there are orphans. They keep their
 * places in the queues but are not served, until the tasklet offers again from elsewhere; after
 * KERNEL_ORPHAN_NS they are forgotten. */
void kernel_node_gone(struct kernel *k, struct kernel_place place);

/* ---- protocol C, tasklet side ---- */

struct kernel_done {
    struct stint_id tid;
    struct stint_id cid;
    uint64_t number;
    uint64_t type_hash;
    uint32_t flags; /* KERNEL_BUFFERED */
    enum stint_status status;
    struct stint_span value;
};

/* The result of an operation. Ignored unless it is outstanding and the tasklet not frozen. */
void kernel_done(struct kernel *k, const struct kernel_done *done);

/* The host expects `last` + 1: what is outstanding after it is offered again. */
void kernel_refused(struct kernel *k, struct stint_id tid, struct stint_id cid, uint64_t last);

/* Offers again all that the tasklet has outstanding (its offers may be lost), or that any tasklet
 * here has with cid. */
void kernel_reoffer(struct kernel *k, struct stint_id tid);
/* The same for what one tasklet, perhaps ended since, has outstanding with one channel. */
void kernel_reoffer_one(struct kernel *k, struct stint_id tid, struct stint_id cid);
void kernel_reoffer_channel(struct kernel *k, struct stint_id cid);

/* No host has cid any more: what is outstanding with it fails with STINT_CHANNEL_LOST. */
void kernel_channel_lost(struct kernel *k, struct stint_id cid);

/* The channels with which tasklets here have something outstanding (for re-routing after a view
 * change). Start with *cursor 0; false at the end. A channel may come more than once. */
bool kernel_outstanding(const struct kernel *k, uint32_t *cursor, struct stint_id *cid,
    struct stint_id *tid);

/* ---- channels, from outside ---- */

/* Makes a shared channel. *cid zero: a new id. `name` may be NULL; its uniqueness is the caller's
 * business. STINT_INVALID (name), STINT_EXISTS, STINT_LIMIT, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status kernel_channel_create(struct kernel *k,
    const struct stint_type *type, uint32_t capacity, const char *name, struct stint_id *cid);

/* As stint_channel_close(). STINT_NOT_HERE, STINT_BUSY. A shared channel ends
 * (CHANNEL_GONE) as soon as nothing is in it and nobody waits. */
STINT_MUST_USE enum stint_status kernel_channel_close(struct kernel *k, struct stint_id cid,
    bool wake);

/* The answer to NAME_CHANNEL; anything but STINT_OK ends the channel and is raised in its maker.
 */
void kernel_named(struct kernel *k, struct stint_id tid, struct stint_id cid,
    enum stint_status status);

bool kernel_has_channel(const struct kernel *k, struct stint_id cid);
bool kernel_has_tasklet(const struct kernel *k, struct stint_id tid);

/* ---- looking ---- */

enum kernel_state {
    KERNEL_RUNNABLE = 1,
    KERNEL_IS_PAUSED,  /* by itself, or by kernel_pause() */
    KERNEL_IS_BLOCKED, /* on `channel` */
    KERNEL_SLEEPING,
    KERNEL_NAMING,  /* waits for the name of `channel` */
    KERNEL_MOVING,  /* waits for its move */
    KERNEL_WAITING, /* in STINT_RUN_ALL */
    KERNEL_FROZEN
};

struct kernel_tasklet_view {
    struct stint_id id;
    const struct code *code; /* of the first frame */
    enum kernel_state state;
    uint32_t flags;    /* KERNEL_PINNED, KERNEL_SYSTEM */
    const char *label; /* of the top frame's resume point, "start" or "except" */
    const char *file;
    uint32_t line;
    struct stint_id channel; /* zero if it waits on none */
    enum kernel_op op;
    bool remote;          /* the channel is not here */
    uint64_t since_ns;    /* when it entered its state (not kept for runnable ones) */
    uint64_t deadline_ns; /* UINT64_MAX: none */
    uint64_t steps;       /* frames entered */
    uint64_t epoch;
    uint32_t moves;
    uint32_t frames;
    uint32_t stack_bytes;
    uint32_t owned; /* channels */
};

/* One tasklet. STINT_NOT_HERE. The pointers are valid until the kernel changes. */
STINT_MUST_USE enum stint_status kernel_look(const struct kernel *k, struct stint_id tid,
    struct kernel_tasklet_view *view);

/* All of them, in an order that is stable while they live; start with *cursor 0; false at the
 * end. */
bool kernel_each_tasklet(const struct kernel *k, uint32_t *cursor,
    struct kernel_tasklet_view *view);

struct kernel_frame_view {
    const struct code *code;
    const char *label;
    const char *file;
    uint32_t line;      /* where it will go on; of a frame that called: the call */
    const void *locals; /* a struct of code's type */
};

/* Frame `index` from the bottom. STINT_NOT_HERE, STINT_NOT_FOUND. */
STINT_MUST_USE enum stint_status kernel_frame(const struct kernel *k, struct stint_id tid,
    uint32_t index, struct kernel_frame_view *view);

struct kernel_channel_view {
    struct stint_id id;
    struct stint_id owner; /* zero: shared */
    const char *name;      /* NULL: none */
    const struct stint_type *type;
    uint32_t capacity;
    uint32_t count;     /* values in the buffer */
    uint32_t senders;   /* waiting */
    uint32_t receivers; /* waiting */
    uint32_t relations;
    bool closing;
    bool frozen;
};

STINT_MUST_USE enum stint_status kernel_look_channel(const struct kernel *k, struct stint_id cid,
    struct kernel_channel_view *view);
bool kernel_each_channel(const struct kernel *k, uint32_t *cursor,
    struct kernel_channel_view *view);

/* The ids of the channels that a tasklet owns, at most `max` (KERNEL_OWNED_MAX are all); returns
 * how many. */
uint32_t kernel_owned(const struct kernel *k, struct stint_id tid, struct stint_id *cids,
    uint32_t max);

/* The tasklets elsewhere that have an operation pending on a channel here, and where they are. */
void kernel_each_pending(const struct kernel *k, struct stint_id cid,
    void (*tell)(void *arg, struct stint_id tid, struct kernel_place place), void *arg);

/* The tasklets that wait on a channel, longest first; start with *cursor 0. */
bool kernel_each_waiter(const struct kernel *k, struct stint_id cid, uint32_t *cursor,
    struct stint_id *tid, enum kernel_op *op);

#endif
