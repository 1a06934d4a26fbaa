/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels of this kernel: a queue of waiters, and with a capacity a buffer of values. All
 * waiters that can be served wait in one direction; `balance` is their number, positive for
 * senders. Orphans keep their places in the queue but are neither counted nor served, so they
 * alone may wait in the other direction.
 */
#ifndef STINT_KERNEL_CHANNEL_H
#define STINT_KERNEL_CHANNEL_H

#include <string.h>

#include "base/panic.h"
#include "kernel/tasklet.h"

struct relation;

enum channel_flags {
    CHANNEL_CLOSING = 1 << 0,
    CHANNEL_WOKEN =
        1 << 1,            /* closed with wake: later receivers get the end of the sequence too */
    CHANNEL_AWAY = 1 << 2, /* its owner is frozen: local operations go out as offers, offers are
                              refused as busy */
    CHANNEL_NAMING = 1 << 3, /* its name is not confirmed yet */
    CHANNEL_ENDING = 1 << 4  /* shared, and closed from outside: it ends when nothing is in it and
                                nobody waits; local operations go out as offers, which look */
};

/* What a rendezvous without a name and without dealings with other nodes does not have. */
struct channel_extra {
    char *name; /* NULL or allocated with name_size bytes */
    uint32_t name_size;
    uint32_t relation_count;
    uint32_t starved;           /* relations that wait for the buffer to drain */
    struct relation *relations; /* chained by next_of_channel, newest first */
    uint8_t *buffer;            /* `room` values of type->size bytes rounded up to 8; a ring */
    uint32_t room;
    uint32_t first;
    uint32_t count;
};

struct channel {
    struct index_link by_id;
    struct stint_id id;
    struct waiter queue; /* the head; kind WAITER_HEAD */
    const struct stint_type *type;
    struct tasklet *owner; /* NULL: shared */
    struct channel *next_owned;
    struct channel_extra *extra;
    uint32_t slot;
    int32_t balance;
    uint32_t capacity;
    int8_t preference;
    bool schedule_all;
    uint16_t flags; /* enum channel_flags */
};

/* A channel entered under `id`; with an owner it is put into its list. NULL: memory or limits.
 * `id` must be free. */
struct channel *channel_new(struct kernel *k, struct stint_id id, const struct stint_type *type,
    uint32_t capacity, struct tasklet *owner);

/* Whether a channel of that capacity would be over a limit. */
bool channel_too_large(const struct stint_type *type, uint32_t capacity);

/* Frees it with buffer, name and relations. Nobody local may wait in it. Tells nobody. */
void channel_free(struct kernel *k, struct channel *ch);

/* By id, or NULL. */
struct channel *channel_find(const struct kernel *k, struct stint_id id);

/* The channel of a handle, by its hint if that is right, else by its id; then the hint is put
 * right. NULL: not here. */
struct channel *channel_resolve(struct kernel *k, stint_Channel *handle);

struct channel_extra *channel_need_extra(struct kernel *k, struct channel *ch);

/* STINT_INVALID, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status channel_set_name(struct kernel *k, struct channel *ch,
    const char *name);

/* As stint_channel_close(). A shared channel that is closed and has nothing left ends here: `ch`
 * may be gone. */
void channel_close(struct kernel *k, struct channel *ch, bool wake);

/* Its end: closes with wake, tells (CHANNEL_GONE, results to those elsewhere) and frees. */
void channel_end(struct kernel *k, struct channel *ch);

/* Ends a shared channel that was closed, with wake or from outside, and has nothing left: `ch` may be
 * gone then. */
void channel_check_end(struct kernel *k, struct channel *ch);

/* What an operation gets that would have to wait in a closed channel. */
enum stint_status channel_refusal(const struct channel *ch, int direction);

/* One of the values in the buffer: 0 is the oldest. */
void *channel_value_at(const struct channel *ch, uint32_t index);

/* Appends a copy of a value. STINT_FULL at the capacity, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status channel_store(struct kernel *k, struct channel *ch,
    const void *value);

/* Takes the oldest value out of the buffer, which is not empty. */
void channel_take(struct channel *ch, void *value);

/* After something changed (a value taken, a waiter revived): moves values of waiting senders into
 * the buffer, and of buffer and senders to waiting receivers, as far as they go. */
void channel_settle(struct kernel *k, struct channel *ch);

/* A value was taken out of the buffer: waiting senders follow, those elsewhere are asked for
 * more. */
void channel_drained(struct kernel *k, struct channel *ch);

/* Ends the wait of a waiter that is out of the queue: a tasklet becomes ready, a relation gets
 * its result. `value` (may be NULL) is what it receives. */
void channel_finish(struct kernel *k, struct channel *ch, struct waiter *w,
    enum stint_status status, const void *value);

/* ---- what is small and on the path of every exchange ---- */

/* Values in the buffer. */
static inline uint32_t
channel_count(const struct channel *ch)
{
    return ch->extra == NULL ? 0 : ch->extra->count;
}

/* Most messages that are sent very often are small. */
static inline void
channel_copy(void *to, const void *from, uint32_t size)
{
    if (size == 8) {
        memcpy(to, from, 8);
    } else {
        memcpy(to, from, size);
    }
}

/* Puts a waiter at the end of the queue (or takes it out) and keeps the balance. */
static inline void
channel_enqueue(struct channel *ch, struct waiter *w, int direction)
{
    STINT_ASSERT(w->next == NULL);
    w->direction = (int8_t)direction;
    w->next = &ch->queue;
    w->prev = ch->queue.prev;
    ch->queue.prev->next = w;
    ch->queue.prev = w;
    if (!w->orphan) {
        ch->balance += direction;
    }
}

static inline void
channel_dequeue(struct channel *ch, struct waiter *w)
{
    STINT_ASSERT(w->next != NULL);
    w->prev->next = w->next;
    w->next->prev = w->prev;
    w->next = NULL;
    w->prev = NULL;
    if (!w->orphan) {
        ch->balance -= w->direction;
    }
}

/* The first waiter that can be served, or NULL. */
static inline struct waiter *
channel_first(const struct channel *ch)
{
    struct waiter *w = ch->queue.next;
    while (w->kind != WAITER_HEAD && w->orphan) {
        w = w->next;
    }
    return w->kind == WAITER_HEAD ? NULL : w;
}

#endif
