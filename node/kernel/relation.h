/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations between tasklets and channels that are not in the same place (protocol C of the
 * wire, both its sides).
 *
 * Each pair of a tasklet and a channel counts its operations: number 1, 2, 3 ...; the numbers go
 * along with the tasklet and with the channel. On the tasklet's side an *outlet* holds what is
 * outstanding: sends that were pipelined (at most KERNEL_WINDOW, only to channels with a buffer)
 * and behind them at most one operation that the tasklet waits for. On the channel's side a
 * *relation* holds the last number completed with its result, until a later number proves that it
 * has arrived, and at most one pending operation.
 *
 * Operations of a tasklet on a channel of the same kernel have no numbers; they take place only
 * while nothing of that tasklet is outstanding, so the order holds.
 */
#ifndef STINT_KERNEL_RELATION_H
#define STINT_KERNEL_RELATION_H

#include "base/list.h"
#include "kernel/channel.h"

/* An operation that nobody waits for: a pipelined send, or the cancelling of one out of which the
 * tasklet was killed. */
struct outlet_send {
    struct outlet_send *next;
    uint64_t number;
    uint32_t size;
    bool cancel;
    uint8_t bytes[]; /* encoded */
};

struct outlet {
    struct index_link by_key;
    struct stint_id tid; /* the key is tid and cid */
    struct stint_id cid;
    struct tasklet
        *tasklet; /* NULL: it has ended, and what is outstanding is still to be confirmed */
    struct list of_tasklet;        /* in extra.outlets */
    const struct stint_type *type; /* of the operations outstanding */
    uint64_t type_hash;
    uint64_t epoch; /* of the tasklet, once that has ended */
    uint64_t base;  /* numbers begin after it */
    uint64_t last;  /* number of the last operation issued */
    uint64_t done;  /* all up to this one are confirmed */
    struct outlet_send
        *first; /* what is not confirmed and not waited for, oldest first: the window */
    struct outlet_send *newest;
    uint32_t window; /* how many, */
    uint32_t slot;
    uint64_t window_bytes; /* with how many bytes of values */
    enum stint_status
        failed;      /* of an earlier send that nobody waited for: raised by the next operation */
    uint8_t op;      /* enum kernel_op: of the blocking operation */
    bool blocking;   /* operation `last` is one that the tasklet waits for */
    bool cancelling; /* its deadline has passed: CANCEL is on its way */
    bool buffered;   /* the host said that the channel has a buffer */
};

enum relation_flags {
    RELATION_GAP_TOLD =
        1 << 0, /* REFUSE was sent for what is missing; not again until it has come */
    RELATION_DROPPED = 1 << 1, /* something after the pending operation came and was dropped:
                                  REFUSE when it completes */
    RELATION_ENDING = 1 << 2,  /* FIN has come for `fin_number` */
    RELATION_HAS_RESULT = 1 << 3,
    RELATION_ENDED = 1 << 5, /* see relation_end() */
    RELATION_STARVED =
        1 << 4 /* REFUSE is due when the buffer has drained; counted in extra.starved */
};

struct relation {
    struct waiter wait; /* in the channel's queue while an operation is pending */
    struct index_link by_key;
    struct stint_id cid; /* the key is cid and tid */
    struct stint_id tid;
    struct channel *channel;
    struct relation *next_of_channel;
    struct relation *prev_of_channel;
    struct kernel_place place; /* newest of the tasklet */
    uint64_t epoch;            /* of the tasklet there */
    uint64_t last;             /* number of the last completed operation */
    uint64_t fin_number;
    uint8_t *result_value; /* of operation `last`, encoded */
    uint32_t result_size;
    enum stint_status result;
    void *value;   /* pending send: the value, channel->type->size bytes */
    uint8_t op;    /* enum kernel_op: pending operation last + 1; 0: none */
    uint8_t flags; /* enum relation_flags */
    uint32_t slot;
    struct list orphaned; /* in kernel.orphans, oldest first */
    uint64_t orphan_until;
};

static inline struct relation *
relation_of_waiter(struct waiter *w)
{
    return (struct relation *)(void *)w;
}

/* ---- the tasklet's side (outlet.c) ---- */

/* The outlet of a tasklet to a channel, or NULL. */
struct outlet *outlet_find(const struct kernel *k, struct stint_id tid, struct stint_id cid);

/* A new outlet of t, entered; NULL: limits or memory. */
struct outlet *outlet_new(struct kernel *k, struct tasklet *t, struct stint_id cid);

/* Frees an outlet with its sends, entered or not; the tasklet's counts are kept. Tells nobody. */
void outlet_free(struct kernel *k, struct outlet *o);

/* Appends an entry to the window: a copy of an encoded send, or a cancelling. The number is above
 * all in it. STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status outlet_append(struct kernel *k, struct outlet *o,
    uint64_t number, struct stint_span bytes, bool cancel);

/*
 * The operation of the running tasklet on a channel that is not here. True: it blocks (state
 * REMOTE). False: *wake is the outcome (a pipelined send, or what cannot be done).
 */
bool outlet_begin(struct kernel *k, struct tasklet *t, const stint_Channel *handle,
    const struct stint_type *type, void *value, int direction, int64_t timeout_ms,
    uint32_t *wake);

/* Emits the offers (or CANCEL) of all that is outstanding with a number above `after`. */
void outlet_reoffer(struct kernel *k, struct outlet *o, uint64_t after);

/* The tasklet's deadline for its blocking operation has passed: CANCEL, and the tasklet waits for
 * the answer. */
void outlet_cancel(struct kernel *k, struct outlet *o);

/* The tasklet is killed out of its blocking operation: CANCEL, and the answer is for nobody. */
void outlet_abandon(struct kernel *k, struct outlet *o);

/* What is outstanding fails with that status; of an ended tasklet, the outlet is gone then. */
void outlet_lose(struct kernel *k, struct outlet *o, enum stint_status status);

/* The tasklet has ended: emits FIN, at once or when all is confirmed. */
void outlet_release(struct kernel *k, struct outlet *o);

/* ---- the channel's side (relation.c) ---- */

struct relation *relation_find(const struct kernel *k, struct stint_id cid, struct stint_id tid);

/* A new relation, entered, last number 0; NULL: limits or memory. */
struct relation *relation_new(struct kernel *k, struct channel *ch, struct stint_id tid);

/* Frees it, out of the queue first. Tells nobody. */
void relation_free(struct kernel *k, struct relation *r);

/*
 * Its tasklet has ended. If it or the channel has ever moved, an offer may still be on a way that
 * is longer than the one of the end; then the last number is remembered for KERNEL_ENDED_NS.
 */
void relation_end(struct kernel *k, struct relation *r);

/* A channel has come here in a pickle: its ended relations are remembered from now on. */
void relation_resume(struct kernel *k, struct channel *ch);

/* Completes operation last + 1, which is not in the queue, and emits DONE. `value` is what it
 * receives, or NULL. May free r (FIN had come). */
void relation_complete(struct kernel *k, struct relation *r, enum stint_status status,
    const void *value);

/* The same with the value encoded already (relation_encode()). */
void relation_complete_bytes(struct kernel *k, struct relation *r, enum stint_status status,
    struct stint_span bytes);

/* The encoding of a value in the kernel's buffer, valid until the next; STINT_INVALID if it has
 * none. */
STINT_MUST_USE enum stint_status relation_encode(struct kernel *k, const struct stint_type *type,
    const void *value, struct stint_span *bytes);

/*
 * Turns the place of a local tasklet in a local queue into that of a foreign waiter, and the
 * tasklet into one that waits for a remote operation (state REMOTE). STINT_NO_MEMORY,
 * STINT_LIMIT: nothing changed.
 */
STINT_MUST_USE enum stint_status relation_convert(struct kernel *k, struct tasklet *t);

/* The buffer has drained, or the channel closes: asks for what was dropped, if it is worth while. */
void relation_feed(struct kernel *k, struct channel *ch);

/* Forgets orphans whose time is over; the time of the next one, or UINT64_MAX. */
void relation_expire(struct kernel *k);
uint64_t relation_deadline(const struct kernel *k);

#endif
