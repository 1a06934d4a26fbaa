/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasklet's side of operations on channels that are not here. What is outstanding is kept
 * until it is confirmed, so it can be offered again from wherever the tasklet is; the host sorts
 * repeats out by their numbers.
 *
 * An outlet that has nothing outstanding is kept for its numbers. Numbers to one channel never go
 * back: when an outlet is dropped to make room, those made later begin above it, and their first
 * offer says so (KERNEL_FIRST).
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "kernel/exchange.h"
#include "kernel/relation.h"

struct outlet *
outlet_find(const struct kernel *k, struct stint_id tid, struct stint_id cid)
{
    struct stint_id key[2] = { tid, cid };
    struct index_link *link = index_find(&k->outlets_by_key, key);
    return link == NULL ? NULL : STINT_CONTAINER_OF(link, struct outlet, by_key);
}

static bool
outlet_is_idle(const struct outlet *o)
{
    return o->first == NULL && !o->blocking && o->failed == STINT_OK;
}

static void
emit(struct kernel *k, enum kernel_effect_kind kind, const struct outlet *o, uint64_t number,
    enum kernel_op op, struct stint_span value)
{
    struct kernel_effect *effect = effect_new(k, kind);
    if (effect == NULL) {
        return;
    }
    effect->tid = o->tid;
    effect->cid = o->cid;
    effect->number = number;
    effect->epoch = o->tasklet == NULL ? o->epoch : o->tasklet->epoch;
    effect->op = op;
    effect->place = k->here;
    effect->type_hash = o->type_hash;
    effect->type = value.data == NULL ? NULL : o->type;
    effect->value = value;
    effect->flags = number == o->base + 1 ? KERNEL_FIRST : 0;
}

/* Drops the outlet that has been unused for longest, if one of the last few is idle. */
static void
recycle(struct kernel *k, struct tasklet_extra *extra)
{
    struct list *link = extra->outlets.prev;
    for (uint32_t tries = 0; tries < 8 && link != &extra->outlets; tries++, link = link->prev) {
        struct outlet *o = STINT_CONTAINER_OF(link, struct outlet, of_tasklet);
        if (outlet_is_idle(o)) {
            outlet_release(k, o);
            return;
        }
    }
}

struct outlet *
outlet_new(struct kernel *k, struct tasklet *t, struct stint_id cid)
{
    struct tasklet_extra *extra = tasklet_need_extra(k, t);
    if (extra == NULL) {
        return NULL;
    }
    if (extra->outlet_count >= KERNEL_OUTLETS_KEPT) {
        recycle(k, extra);
    }
    if (extra->outlet_count >= KERNEL_OUTLETS_MAX) {
        return NULL;
    }
    uint32_t slot;
    struct outlet *o = slab_new(&k->outlets, &slot);
    if (o == NULL) {
        return NULL;
    }
    o->slot = slot;
    o->tid = t->id;
    o->cid = cid;
    o->base = extra->number_base;
    o->last = o->base;
    o->done = o->base;
    if (index_insert(&k->outlets_by_key, &o->by_key) != STINT_OK) {
        slab_free(&k->outlets, o, slot);
        return NULL;
    }
    o->tasklet = t;
    list_push_front(&extra->outlets, &o->of_tasklet);
    extra->outlet_count++;
    return o;
}

enum stint_status
outlet_append(struct kernel *k, struct outlet *o, uint64_t number, struct stint_span bytes,
    bool cancel)
{
    struct outlet_send *send = mem_alloc(k->mem, sizeof *send + bytes.size);
    if (send == NULL) {
        return STINT_NO_MEMORY;
    }
    *send =
        (struct outlet_send){ .number = number, .size = (uint32_t)bytes.size, .cancel = cancel };
    if (bytes.size != 0) {
        memcpy(send->bytes, bytes.data, bytes.size);
    }
    if (o->first == NULL) {
        o->first = send;
    } else {
        o->newest->next = send;
    }
    o->newest = send;
    o->window++;
    o->window_bytes += send->size;
    if (o->tasklet != NULL) {
        o->tasklet->extra->outstanding++;
        o->tasklet->extra->outstanding_bytes += send->size;
    }
    return STINT_OK;
}

/* Takes the oldest entry out of the window. */
static void
outlet_shift(struct kernel *k, struct outlet *o)
{
    struct outlet_send *send = o->first;
    o->first = send->next;
    o->newest = o->first == NULL ? NULL : o->newest;
    o->window--;
    o->window_bytes -= send->size;
    if (o->tasklet != NULL) {
        o->tasklet->extra->outstanding--;
        o->tasklet->extra->outstanding_bytes -= send->size;
    }
    mem_free(k->mem, send, sizeof *send + send->size);
}

/* From now on the outlet has no tasklet. */
static void
outlet_detach(struct outlet *o)
{
    struct tasklet *t = o->tasklet;
    if (t == NULL) {
        return;
    }
    o->epoch = t->epoch;
    t->extra->outstanding -= o->window;
    t->extra->outstanding_bytes -= o->window_bytes;
    t->extra->outlet_count--;
    list_remove(&o->of_tasklet);
    if (o->last > t->extra->number_base) {
        t->extra->number_base = o->last;
    }
    o->tasklet = NULL;
}

void
outlet_free(struct kernel *k, struct outlet *o)
{
    outlet_detach(o);
    while (o->first != NULL) {
        outlet_shift(k, o);
    }
    index_remove(&k->outlets_by_key, &o->by_key);
    slab_free(&k->outlets, o, o->slot);
}

/* The end of an outlet that has no tasklet and nothing outstanding. */
static void
outlet_fin(struct kernel *k, struct outlet *o)
{
    if (o->last != o->base) {
        emit(k, KERNEL_FIN, o, o->last, KERNEL_SEND, (struct stint_span){ NULL, 0 });
    }
    outlet_free(k, o);
}

void
outlet_release(struct kernel *k, struct outlet *o)
{
    if (o->blocking) {
        outlet_abandon(k, o);
    }
    outlet_detach(o);
    o->failed = STINT_OK;
    if (o->first == NULL) {
        outlet_fin(k, o);
    }
}

/* What the tasklet waits for, offered (again). */
static void
offer_blocking(struct kernel *k, struct outlet *o)
{
    struct stint_span value = { NULL, 0 };
    if (o->cancelling) {
        emit(k, KERNEL_CANCEL, o, o->last, (enum kernel_op)o->op, value);
        return;
    }
    /* It was encoded when it began, so it can be encoded. */
    if (o->op == KERNEL_SEND && effect_value(k, o->type, o->tasklet->value, &value) != STINT_OK) {
        k->broken = true;
        return;
    }
    emit(k, KERNEL_OFFER, o, o->last, (enum kernel_op)o->op, value);
}

void
outlet_reoffer(struct kernel *k, struct outlet *o, uint64_t after)
{
    for (const struct outlet_send *send = o->first; send != NULL; send = send->next) {
        if (send->number > after) {
            struct stint_span value =
                effect_bytes(k, (struct stint_span){ send->bytes, send->size });
            emit(k, send->cancel ? KERNEL_CANCEL : KERNEL_OFFER, o, send->number, KERNEL_SEND,
                value);
        }
    }
    if (o->blocking) {
        offer_blocking(k, o);
    }
}

/* The outlet for an operation that begins, or NULL and what is wrong. */
static struct outlet *
outlet_for(struct kernel *k, struct tasklet *t, const stint_Channel *handle,
    const struct stint_type *type, uint32_t *wake)
{
    struct stint_id cid;
    memcpy(cid.bytes, handle->id, sizeof cid.bytes);
    const struct known_type *known = registry_type(&k->registry, type);
    if (id_is_zero(cid) || known == NULL) {
        *wake = STINT_INVALID;
        return NULL;
    }
    struct outlet *o = outlet_find(k, t->id, cid);
    if (o == NULL) {
        o = outlet_new(k, t, cid);
    } else {
        list_remove(&o->of_tasklet);
        list_push_front(&t->extra->outlets, &o->of_tasklet);
    }
    if (o == NULL) {
        *wake = t->extra != NULL && t->extra->outlet_count >= KERNEL_OUTLETS_MAX
                    ? STINT_LIMIT
                    : STINT_NO_MEMORY;
        return NULL;
    }
    if (o->failed != STINT_OK) {
        *wake = (uint32_t)o->failed;
        o->failed = STINT_OK;
        return NULL;
    }
    if (o->window >= 2 * KERNEL_WINDOW) {
        *wake = STINT_LIMIT;
        return NULL;
    }
    if (o->first != NULL && o->type_hash != known->hash) {
        *wake = STINT_TYPE_MISMATCH;
        return NULL;
    }
    o->type = known->type;
    o->type_hash = known->hash;
    return o;
}

/* Whether a send may go on without being waited for. What is waited for is confirmed by itself, so nobody waits
 * for room that another channel's answers would have to make. */
static bool
has_room(const struct outlet *o, uint32_t window_max, size_t size)
{
    return o->buffered && o->window < window_max
           && o->tasklet->extra->outstanding_bytes + size <= KERNEL_OUTSTANDING_BYTES;
}

/* Sends without waiting; false: *wake is not 0. */
static void
send_on(struct kernel *k, struct outlet *o, struct stint_span bytes, uint32_t *wake)
{
    if (outlet_append(k, o, o->last + 1, bytes, false) != STINT_OK) {
        *wake = STINT_NO_MEMORY;
        return;
    }
    o->last++;
    emit(k, KERNEL_OFFER, o, o->last, KERNEL_SEND, effect_bytes(k, bytes));
}

bool
outlet_begin(struct kernel *k, struct tasklet *t, const stint_Channel *handle,
    const struct stint_type *type, void *value, int direction, int64_t timeout_ms, uint32_t *wake)
{
    struct outlet *o = outlet_for(k, t, handle, type, wake);
    if (o == NULL) {
        return false;
    }
    if (direction > 0) {
        struct stint_span bytes;
        enum stint_status status = relation_encode(k, type, value, &bytes);
        if (status != STINT_OK) {
            *wake = (uint32_t)status;
            return false;
        }
        uint32_t window = KERNEL_WINDOW + (MUTANT(k->mem, WINDOW_OFF) ? 1 : 0);
        if (has_room(o, window, bytes.size) && !effects_are_many(k)) {
            send_on(k, o, bytes, wake);
            return false;
        }
    }
    if ((t->flags & TASKLET_BLOCK_TRAP) != 0 || timeout_ms == 0) {
        *wake = timeout_ms == 0 ? STINT_TIMED_OUT : STINT_BLOCKED;
        return false;
    }
    if (!exchange_wait(k, t, type, value, direction, timeout_ms)) {
        *wake = STINT_NO_MEMORY;
        return false;
    }
    t->state = TASKLET_REMOTE;
    t->on.outlet = o;
    o->last++;
    o->blocking = true;
    o->cancelling = false;
    o->op = direction > 0 ? KERNEL_SEND : KERNEL_RECEIVE;
    offer_blocking(k, o);
    return true;
}

void
outlet_cancel(struct kernel *k, struct outlet *o)
{
    STINT_ASSERT(o->blocking);
    o->cancelling = true;
    offer_blocking(k, o);
}

void
outlet_abandon(struct kernel *k, struct outlet *o)
{
    STINT_ASSERT(o->blocking);
    o->blocking = false;
    o->cancelling = false;
    if (outlet_append(k, o, o->last, (struct stint_span){ NULL, 0 }, true) != STINT_OK) {
        k->broken = true;
        return;
    }
    emit(k, KERNEL_CANCEL, o, o->last, (enum kernel_op)o->op, (struct stint_span){ NULL, 0 });
}

/* The tasklet's blocking operation is over. */
static void
outlet_wake(struct kernel *k, struct outlet *o, enum stint_status status, struct stint_span value)
{
    struct tasklet *t = o->tasklet;
    uint32_t wake = (uint32_t)status;
    if (status == STINT_CANCELLED && o->cancelling) {
        wake = STINT_TIMED_OUT;
    }
    if (status == STINT_OK && o->op == KERNEL_RECEIVE) {
        if (type_decode(o->type, value, t->value, NULL) != STINT_OK) {
            wake = STINT_INVALID;
        } else if (t->scratch != 0) {
            wake |= WAKE_VALUE;
        }
    }
    o->blocking = false;
    o->cancelling = false;
    t->on.outlet = NULL;
    tasklet_ready(k, t, wake);
}

/* Operations up to `number` are over; those before it went well, for they were taken in order. */
static void
outlet_confirm(struct kernel *k, struct outlet *o, uint64_t number, enum stint_status status)
{
    while (o->first != NULL && o->first->number <= number) {
        bool failed = o->first->number == number && !o->first->cancel && status != STINT_OK;
        if (failed && o->tasklet != NULL) {
            o->failed = status;
        }
        outlet_shift(k, o);
    }
    o->done = number > o->done ? number : o->done;
}

/* The tasklet waits with a send for room in the window, and there is some again: the send joins
 * it and the tasklet goes on. Half a window at a time, so that a stream does not stop for each
 * answer. */
static void
outlet_unblock(struct kernel *k, struct outlet *o)
{
    bool waits = o->blocking && o->op == KERNEL_SEND && !o->cancelling &&
                 has_room(o, KERNEL_WINDOW / 2 + 1, 0);
    struct stint_span bytes;
    if (waits && relation_encode(k, o->type, o->tasklet->value, &bytes) == STINT_OK &&
        has_room(o, KERNEL_WINDOW / 2 + 1, bytes.size) &&
        outlet_append(k, o, o->last, bytes, false) == STINT_OK) {
        outlet_wake(k, o, STINT_OK, (struct stint_span){ NULL, 0 });
    }
}

/* An outlet that may change now, or NULL. */
static struct outlet *
outlet_awaiting(struct kernel *k, struct stint_id tid, struct stint_id cid)
{
    struct outlet *o = outlet_find(k, tid, cid);
    bool frozen = o != NULL && o->tasklet != NULL && (o->tasklet->flags & TASKLET_FROZEN) != 0;
    return frozen ? NULL : o;
}

/* The last one of an ended tasklet is done. */
static void
outlet_check_end(struct kernel *k, struct outlet *o)
{
    if (o->tasklet == NULL && o->first == NULL) {
        outlet_fin(k, o);
    }
}

void
kernel_done(struct kernel *k, const struct kernel_done *done)
{
    struct outlet *o = outlet_awaiting(k, done->tid, done->cid);
    if (o == NULL || done->number <= o->done || done->number > o->last) {
        return;
    }
    /* After a refusal the next send waits for its answer too: it is most likely refused as well. */
    if ((done->flags & KERNEL_BUFFERED) != 0) {
        o->buffered = done->status == STINT_OK || done->status == STINT_CANCELLED;
    }
    outlet_confirm(k, o, done->number, done->status);
    if (o->blocking && done->number == o->last) {
        bool wrong = done->status == STINT_OK && o->op == KERNEL_RECEIVE &&
                     done->type_hash != o->type_hash;
        outlet_wake(k, o, wrong ? STINT_TYPE_MISMATCH : done->status, done->value);
    }
    outlet_unblock(k, o);
    outlet_check_end(k, o);
}

void
kernel_refused(struct kernel *k, struct stint_id tid, struct stint_id cid, uint64_t last)
{
    struct outlet *o = outlet_awaiting(k, tid, cid);
    if (o == NULL || last > o->last || last < o->done) {
        return; /* nothing outstanding is meant by it */
    }
    uint64_t confirmed = o->blocking && last == o->last ? last - 1 : last;
    outlet_confirm(k, o, confirmed, STINT_OK);
    outlet_reoffer(k, o, confirmed);
    outlet_check_end(k, o);
}

void
outlet_lose(struct kernel *k, struct outlet *o, enum stint_status status)
{
    bool told = o->blocking;
    outlet_confirm(k, o, o->last, STINT_OK);
    if (o->blocking) {
        outlet_wake(k, o, status, (struct stint_span){ NULL, 0 });
    }
    if (o->tasklet == NULL) {
        outlet_free(k, o);
    } else if (!told) {
        o->failed = status;
    }
}

void
kernel_reoffer(struct kernel *k, struct stint_id tid)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL || t->extra == NULL || (t->flags & TASKLET_FROZEN) != 0) {
        return;
    }
    LIST_EACH (link, &t->extra->outlets) {
        outlet_reoffer(k, STINT_CONTAINER_OF(link, struct outlet, of_tasklet), 0);
    }
}

/* The outlet at a place if there is one that has something outstanding and may change, else NULL.
 */
static struct outlet *
outstanding_at(const struct kernel *k, uint32_t place)
{
    struct outlet *o = slab_at(&k->outlets, place);
    bool alive = o->last != 0 && (o->first != NULL || o->blocking);
    bool frozen = alive && o->tasklet != NULL && (o->tasklet->flags & TASKLET_FROZEN) != 0;
    return alive && !frozen ? o : NULL;
}

void
kernel_reoffer_one(struct kernel *k, struct stint_id tid, struct stint_id cid)
{
    struct outlet *o = outlet_find(k, tid, cid);
    if (o != NULL && (o->tasklet == NULL || (o->tasklet->flags & TASKLET_FROZEN) == 0)) {
        outlet_reoffer(k, o, 0);
    }
}

void
kernel_reoffer_channel(struct kernel *k, struct stint_id cid)
{
    for (uint32_t i = 0; i < k->outlets.fresh; i++) {
        struct outlet *o = outstanding_at(k, i);
        if (o != NULL && id_equal(o->cid, cid)) {
            outlet_reoffer(k, o, 0);
        }
    }
}

void
kernel_channel_lost(struct kernel *k, struct stint_id cid)
{
    for (uint32_t i = 0; i < k->outlets.fresh; i++) {
        struct outlet *o = outstanding_at(k, i);
        if (o != NULL && id_equal(o->cid, cid)) {
            outlet_lose(k, o, STINT_CHANNEL_LOST);
        }
    }
}

bool
kernel_outstanding(const struct kernel *k, uint32_t *cursor, struct stint_id *cid,
    struct stint_id *tid)
{
    while (*cursor < k->outlets.fresh) {
        const struct outlet *o = outstanding_at(k, (*cursor)++);
        if (o != NULL) {
            *cid = o->cid;
            *tid = o->tid;
            return true;
        }
    }
    return false;
}
