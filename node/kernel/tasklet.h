/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tasklet: frames, a state, at most one pending operation, and what it owns. It is in at most
 * one chain at a time (the run ring, a channel's queue, the stack of STINT_RUN_ALL), so one pair
 * of links serves them all.
 *
 *     READY     may run: it is in the ring, unless HELD or FROZEN
 *     PAUSED    in no chain, until inserted, run or killed
 *     BLOCKED   in the queue of `on.channel`, of this kernel
 *     REMOTE    waits for the result of the last operation of `on.outlet`
 *     SLEEPING  waits for its timer
 *     NAMING    waits until the cluster has accepted the name of `on.channel`
 *     MOVING    asked to be moved to extra->target
 *     RUN_ALL   waits for the ring to be empty
 *
 * The value of a pending operation: `value` points to what is sent or where to receive; into the
 * frames when it can stay there, else into the scratch above them. When it is over `wake` holds
 * the status, and WAKE_VALUE if a received value lies in the scratch; the macro's finishing call
 * takes both.
 */
#ifndef STINT_KERNEL_TASKLET_H
#define STINT_KERNEL_TASKLET_H

#include "base/heap.h"
#include "base/list.h"
#include "kernel/frame.h"
#include "kernel/index.h"
#include "kernel/kernel.h"

struct channel;
struct outlet;

enum waiter_kind { WAITER_HEAD = 0, WAITER_TASKLET, WAITER_FOREIGN };

/* What stands in a queue: a tasklet of this kernel, or the relation of one elsewhere. */
struct waiter {
    struct waiter *next; /* NULL: in no chain */
    struct waiter *prev;
    uint8_t kind;
    int8_t direction; /* +1 sends, -1 receives */
    bool orphan;      /* of a relation: keeps its place and is not served */
    uint8_t unused[5];
};

enum tasklet_state {
    TASKLET_READY = 1,
    TASKLET_PAUSED,
    TASKLET_BLOCKED,
    TASKLET_REMOTE,
    TASKLET_SLEEPING,
    TASKLET_NAMING,
    TASKLET_MOVING,
    TASKLET_RUN_ALL
};

enum tasklet_flags {
    TASKLET_FROZEN = 1 << 0,
    TASKLET_HELD = 1 << 1, /* by kernel_pause() */
    TASKLET_PINNED = 1 << 2,
    TASKLET_SYSTEM = 1 << 3,
    TASKLET_NOTIFY = 1 << 4,
    TASKLET_FIRST_TURN = 1 << 5, /* has not given up its first turn yet */
    TASKLET_BLOCK_TRAP = 1 << 6,
    TASKLET_IN_RING = 1 << 7,
    TASKLET_INDEXED = 1 << 9,    /* in kernel.ids */
    TASKLET_WANTS_VALUE = 1 << 8 /* PAUSED in STINT_PAUSE_FOR: `value` is where to put a `type` */
};

#define WAKE_STATUS 0xffu /* the status of the operation */
#define WAKE_VALUE 0x100u /* its value lies in the scratch */
#define WAKE_FAULT 0x200u /* the status is that of the travelling fault, from a callee */

/* What few tasklets have. */
struct tasklet_extra {
    struct heap_item timer; /* key: the deadline in ns; in kernel.timers */
    struct fault *fault;
    struct list outlets; /* of outlet.of_tasklet, last used first */
    uint32_t outlet_count;
    uint32_t outstanding; /* entries in the windows of all outlets, */
    uint64_t outstanding_bytes; /* and their values */
    uint64_t number_base; /* new outlets begin after it, so that numbers to one channel never go
                             back */
    struct tasklet *tasklet;
    uint64_t time_left;     /* of a frozen one's timer; UINT64_MAX: none */
    struct stint_id target; /* of a move that it asked for */
    uint32_t moves;
    uint32_t slot;
};

struct tasklet {
    struct waiter wait;
    struct frame *top; /* NULL: ended */
    uint8_t *stack;
    uint32_t stack_size;
    uint32_t scratch; /* bytes */
    uint32_t wake;
    uint8_t state; /* enum tasklet_state */
    uint8_t unused;
    uint16_t flags; /* enum tasklet_flags */
    void *value;
    const struct stint_type *type; /* of *value, and of what lies in the scratch */
    union {
        struct channel *channel;
        struct outlet *outlet;
    } on;
    struct tasklet_extra *extra; /* NULL: none */
    struct channel *owned;       /* chained by next_owned, oldest last */
    struct index_link by_id;
    struct stint_id id;
    uint64_t epoch;
    uint64_t steps;
    uint64_t since_ns;
    uint32_t slot; /* place among the kernel's tasklets */
    uint32_t owned_count;
};

/* A tasklet in state PAUSED, epoch 1, without frames, known by `id`. NULL: STINT_LIMIT or memory.
 * `id` must be free. */
struct tasklet *tasklet_new(struct kernel *k, struct stint_id id);

/* Takes it out of everything (chain, timer, table), frees faults and frames. Its channels and
 * outlets must be gone. */
void tasklet_free(struct kernel *k, struct tasklet *t);

/* By id, or NULL. Enters those into the table of ids that are not in it yet, which nobody can
 * see. */
struct tasklet *tasklet_find(const struct kernel *k, struct stint_id id);

/* Its extra part, made if it has none; NULL when memory is short. */
struct tasklet_extra *tasklet_need_extra(struct kernel *k, struct tasklet *t);

/* The end of its life, after its last frame: closes its channels, ends its dealings, tells, frees
 * it. `status` is the error that nobody handled, STINT_OK for a good end. The locals of the first
 * frame are still above. */
void tasklet_end(struct kernel *k, struct tasklet *t, enum stint_status status);

/* Makes it READY with `wake` as the outcome and puts it at the end of the ring (unless held or
 * frozen). It must be in no chain; its timer is stopped. */
void tasklet_ready(struct kernel *k, struct tasklet *t, uint32_t wake);

/* Takes it out of whatever it waits for, without waking it: it is PAUSED then. An operation at
 * another node becomes one whose result nobody wants. */
void tasklet_leave(struct kernel *k, struct tasklet *t);

/* Sets or stops its timer. tasklet_need_extra() must have succeeded before for the first. */
STINT_MUST_USE enum stint_status tasklet_set_timer(struct kernel *k, struct tasklet *t,
    uint64_t deadline_ns);
void tasklet_stop_timer(struct kernel *k, struct tasklet *t);

/* Kills, as KL-1 to KL-6 say: delivers STINT_KILLED at the next run. With `at_once` it becomes
 * the head of the ring. */
void tasklet_kill(struct kernel *k, struct tasklet *t, bool at_once);

static inline struct tasklet *
tasklet_of_waiter(struct waiter *w)
{
    return (struct tasklet *)(void *)w;
}

static inline bool
tasklet_may_run(const struct tasklet *t)
{
    return (t->flags & (TASKLET_HELD | TASKLET_FROZEN)) == 0;
}

#endif
