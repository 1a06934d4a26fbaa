/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel itself: what its parts share. */
#ifndef STINT_KERNEL_MACHINE_H
#define STINT_KERNEL_MACHINE_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/panic.h"
#include "base/prng.h"
#include "kernel/code.h"
#include "kernel/effect.h"
#include "kernel/index.h"
#include "kernel/kernel.h"
#include "kernel/slab.h"
#include "kernel/stack.h"
#include "kernel/tasklet.h"

/*
 * Tasklets by id. Most end without anybody having asked for them by id, so they are entered late:
 * when somebody asks, or when `waiting` is full. A place in it may have been freed or used again
 * since.
 */
struct tasklet_ids {
    struct index index;
    uint32_t count;
    uint32_t waiting[KERNEL_UNINDEXED];
};

struct kernel {
    struct stint_context context; /* first: frames see the kernel through it */
    struct tasklet *head;         /* of the run ring; the current one during a turn */
    struct tasklet *current;      /* NULL between turns */
    uint32_t runcount;
    bool broken;
    bool result_valid; /* a callee has just returned: its locals are above the top frame */
    uint32_t budget;   /* calls and operations left in this turn */
    uint64_t now_ns;
    uint64_t wall_ms;
    uint64_t steps;
    uint64_t turns;
    uint64_t spawned;
    uint64_t ended;
    uint32_t system_count;
    struct mem *mem;
    struct stack_pool stacks;
    struct slab tasklets;  /* struct tasklet */
    struct slab channels;  /* struct channel */
    struct slab extras;    /* struct tasklet_extra */
    struct slab outlets;   /* struct outlet */
    struct slab relations; /* struct relation */
    struct tasklet_ids *ids;
    struct index channels_by_id;
    struct index outlets_by_key;
    struct index relations_by_key;
    struct registry registry;
    struct heap timers; /* of tasklet_extra.timer */
    uint64_t timer_tie;
    struct waiter watchers; /* RUN_ALL, innermost first */
    struct list orphans;    /* of relation.orphaned */
    struct list ended_relations; /* of relation.orphaned too */
    struct effects effects;
    struct buf encoded; /* a value being encoded */
    uint8_t *scratch;   /* KERNEL_VALUE_MAX bytes aligned to 8: a value being decoded */
    struct prng prng;
    struct kernel_place here;
    struct stint_id nodes[KERNEL_NODES_MAX];
    uint32_t node_count;
    char error_text[KERNEL_ERROR_TEXT_MAX + TYPE_NAME_SIZE + 80];
};

static inline struct kernel *
kernel_of(struct stint_context *ctx)
{
    return (struct kernel *)(void *)ctx;
}

/* The functions of frames (api.c). */
const struct stint_api *kernel_api(void);

/* A tasklet with one frame, at the end of the ring (or KERNEL_PAUSED). NULL: limits or memory.
 * `id` must be free. */
struct tasklet *kernel_make_tasklet(struct kernel *k, const struct code *code, const void *locals,
    struct stint_id id, uint32_t flags);

/* Emits the request for a channel's name, for a tasklet's move. */
void kernel_ask_name(struct kernel *k, const struct channel *ch);
void kernel_ask_move(struct kernel *k, const struct tasklet *t);

/* Fires what is due: timers of tasklets, orphans' ends. */
void kernel_expire(struct kernel *k);

/* ---- the run ring: circular, `head` is the current one or the next to run ---- */

/* Puts a tasklet at the end of the ring, which is before the head. */
static inline void
ring_append(struct kernel *k, struct tasklet *t)
{
    STINT_ASSERT(t->wait.next == NULL);
    if (k->head == NULL) {
        t->wait.next = &t->wait;
        t->wait.prev = &t->wait;
        k->head = t;
    } else {
        struct waiter *head = &k->head->wait;
        t->wait.next = head;
        t->wait.prev = head->prev;
        head->prev->next = &t->wait;
        head->prev = &t->wait;
    }
    t->flags |= TASKLET_IN_RING;
    k->runcount++;
}

/* Takes it out; if it was the head the next one is. */
static inline void
ring_remove(struct kernel *k, struct tasklet *t)
{
    STINT_ASSERT((t->flags & TASKLET_IN_RING) != 0);
    if (t->wait.next == &t->wait) {
        k->head = NULL;
    } else {
        t->wait.prev->next = t->wait.next;
        t->wait.next->prev = t->wait.prev;
        if (k->head == t) {
            k->head = tasklet_of_waiter(t->wait.next);
        }
    }
    t->wait.next = NULL;
    t->wait.prev = NULL;
    t->flags &= (uint16_t)~TASKLET_IN_RING;
    k->runcount--;
}

#endif
