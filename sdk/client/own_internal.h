/* SPDX-License-Identifier: Apache-2.0 */
/* What own.c (channels and the client's operations) and own_relation.c (those of tasklets) share. */
#ifndef STINT_CLIENT_OWN_INTERNAL_H
#define STINT_CLIENT_OWN_INTERNAL_H

#include "base/table.h"
#include "client/own.h"

#define OWN_ENDED_KEPT 64  /* ids of channels that ended */
#define OWN_REFUSALS 256   /* offers for which there was no room at all */
#define OWN_RETRY_NS (UINT64_C(1000) * 1000000)  /* before a registration is tried again */
#define OWN_ORPHAN_NS (UINT64_C(60000) * 1000000) /* how long who may be no more is waited for */
#define OWN_FORGET_NS (UINT64_C(10000) * 1000000) /* how long the end of one that moved is known */

enum own_flags {
    OWN_GAP_TOLD = 1 << 0,   /* NACK was sent for what is missing; not again until it has come */
    OWN_DROPPED = 1 << 1,    /* what came behind the pending operation was dropped */
    OWN_ENDING = 1 << 2,     /* FIN has come for `fin_number` */
    OWN_HAS_RESULT = 1 << 3,
    OWN_STARVED = 1 << 4,    /* to be asked for more when the buffer has drained */
    OWN_ENDED = 1 << 5,      /* the tasklet is no more; `last` is remembered for a while */
    OWN_TELL_DONE = 1 << 6,  /* in own.tell for these */
    OWN_TELL_NACK = 1 << 7,
    OWN_TELL_BUSY = 1 << 8,
    OWN_TELL = OWN_TELL_DONE | OWN_TELL_NACK | OWN_TELL_BUSY,
};

/* How far a tasklet is with a channel. */
struct own_relation {
    struct own_waiter waiter; /* in the queue while an operation is pending */
    struct stint_id tid;
    struct list of_channel; /* in order of their last use */
    struct list tell;       /* in own.tell */
    struct list timed;      /* in own.orphans or own.ended, until `until_ns` */
    struct own_channel_place place;
    uint64_t epoch; /* of the tasklet there */
    uint64_t last;  /* number of the last completed operation */
    uint64_t fin_number;
    uint64_t used_ns, until_ns;
    struct own_value *result;
    enum stint_status status; /* of operation `last` */
    uint8_t op;               /* pending operation last + 1; 0: none */
    bool node_gone;           /* orphan because its node is gone, not only in doubt */
    uint16_t flags;           /* enum own_flags */
};

struct own_channel {
    struct list link; /* in own.channels */
    struct stint_id id;
    uint8_t nonce[OWN_CHANNEL_NONCE_SIZE];
    char type[OWN_TYPE_SIZE];
    uint64_t type_hash;
    uint32_t capacity;
    bool closing, woken;

    /* registration */
    uint64_t epoch;
    uint64_t retry_ns;
    bool wanted;    /* in this session, not asked for yet */
    bool asked;     /* and not answered */
    bool confirmed; /* once */
    bool leaving;   /* it has ended, and the node is to be told */
    struct list verdict; /* in own.verdicts */
    enum stint_status status;
    char detail[OWN_DETAIL_SIZE];

    struct list buffer; /* own_value */
    uint32_t count;
    struct list queue; /* own_waiter */
    uint32_t senders, receivers; /* in it, without orphans */
    struct table relations; /* by tid */
    struct list used;       /* all of them, longest unused first */
    uint32_t starved;
};

struct own_refusal {
    struct stint_id cid, tid;
    struct own_channel_place place;
};

struct own {
    struct mem *mem;
    struct own_config config;
    uint64_t now_ns;
    struct list channels;
    uint32_t channel_count;
    struct list verdicts; /* own_channel */
    struct list done;     /* own_wait */
    struct list tell;     /* own_relation */
    struct list orphans;  /* own_relation, earliest first */
    struct list ended;    /* the same */
    size_t bytes;
    uint32_t values;
    struct own_refusal refusals[OWN_REFUSALS]; /* a ring */
    uint32_t refusal_first, refusal_count;
    struct stint_id past[OWN_ENDED_KEPT];
    uint32_t past_next;
    struct buf body; /* scratch */
};

/* ---- own.c ---- */

struct own_value *own_value_new(struct own *o, struct stint_span bytes);
void own_value_free(struct own *o, struct own_value *v);

/* A waiter enters the queue, and what can be exchanged is. */
void own_enter(struct own *o, struct own_waiter *w);

/* Moves values of waiting senders into the buffer, and of buffer and senders to waiting receivers,
 * as far as they go. */
void own_settle(struct own *o, struct own_channel *ch);

/* Out of the queue, if it is in it. */
void own_dequeue(struct own_waiter *w);
void own_set_orphan(struct own_waiter *w, bool orphan);

/* The wait of a waiter that is out of the queue is over. The value is the callee's. */
void own_finish(struct own *o, struct own_waiter *w, enum stint_status status,
                struct own_value *value);

/* Ends a channel that was closed and has nothing left: the node is to be told. */
void own_check_end(struct own *o, struct own_channel *ch);

/* The same channel is to be registered anew, so that everything is offered again. */
void own_register_again(struct own *o, struct own_channel *ch);

/* ---- own_relation.c ---- */

void own_relation_finish(struct own *o, struct own_relation *r, enum stint_status status,
                         struct own_value *value);
void own_relations_free(struct own *o, struct own_channel *ch);

/* The buffer has drained, or the channel closes: asks for what was dropped, if it is worth while. */
void own_relations_feed(struct own *o, struct own_channel *ch);

/* A new session: whoever waits is in doubt until he offers again. */
void own_relations_doubt(struct own *o, struct own_channel *ch);

static inline struct own_relation *
own_relation_of(struct own_waiter *w)
{
    return (struct own_relation *)(void *)w;
}

static inline struct own_wait *
own_wait_of(struct own_waiter *w)
{
    return (struct own_wait *)(void *)w;
}

#endif
