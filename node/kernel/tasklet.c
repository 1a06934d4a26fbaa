/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, waking, killing and ending tasklets. The ring is circular and `head` is the one that
 * runs (or runs next), so "at the end" is "before the head". Whoever takes a tasklet out of what
 * it waits for leaves it PAUSED; whoever makes it READY says with which outcome.
 */
#include "kernel/tasklet.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

/* Enters all tasklets that wait for it and are still alive into the table of ids. */
static void
index_all(const struct kernel *k)
{
    struct tasklet_ids *ids = k->ids;
    for (uint32_t i = 0; i < ids->count; i++) {
        struct tasklet *t = SLAB_AT(&k->tasklets, ids->waiting[i], struct tasklet);
        if (t->state != 0 && (t->flags & TASKLET_INDEXED) == 0) {
            t->flags |= TASKLET_INDEXED;
            enum stint_status status = index_insert(&ids->index, &t->by_id);
            STINT_ASSERT(status == STINT_OK);
        }
    }
    ids->count = 0;
}

struct tasklet *
tasklet_new(struct kernel *k, struct stint_id id)
{
    uint32_t slot;
    struct tasklet *t = slab_new(&k->tasklets, &slot);
    if (t == NULL) {
        return NULL;
    }
    t->id = id;
    t->slot = slot;
    t->state = TASKLET_PAUSED;
    t->epoch = 1;
    t->wait.kind = WAITER_TASKLET;
    t->since_ns = k->now_ns;
    if (k->ids->count == KERNEL_UNINDEXED) {
        index_all(k);
    }
    k->ids->waiting[k->ids->count++] = slot;
    return t;
}

struct tasklet *
tasklet_find(const struct kernel *k, struct stint_id id)
{
    index_all(k);
    struct index_link *link = index_find(&k->ids->index, id.bytes);
    return link == NULL ? NULL : STINT_CONTAINER_OF(link, struct tasklet, by_id);
}

struct tasklet_extra *
tasklet_need_extra(struct kernel *k, struct tasklet *t)
{
    if (t->extra == NULL) {
        uint32_t slot;
        t->extra = slab_new(&k->extras, &slot);
        if (t->extra != NULL) {
            t->extra->slot = slot;
            t->extra->tasklet = t;
            t->extra->time_left = UINT64_MAX;
            list_init(&t->extra->outlets);
        }
    }
    return t->extra;
}

enum stint_status
tasklet_set_timer(struct kernel *k, struct tasklet *t, uint64_t deadline_ns)
{
    if (tasklet_need_extra(k, t) == NULL) {
        return STINT_NO_MEMORY;
    }
    return heap_insert(&k->timers, &t->extra->timer, deadline_ns, k->timer_tie++);
}

void
tasklet_stop_timer(struct kernel *k, struct tasklet *t)
{
    if (t->extra != NULL) {
        heap_remove(&k->timers, &t->extra->timer);
    }
}

void
tasklet_ready(struct kernel *k, struct tasklet *t, uint32_t wake)
{
    STINT_ASSERT(t->wait.next == NULL);
    if (t->extra != NULL) {
        heap_remove(&k->timers, &t->extra->timer);
        t->extra->time_left = UINT64_MAX;
    }
    t->state = TASKLET_READY;
    t->wake = wake;
    t->flags &= (uint16_t)~TASKLET_WANTS_VALUE;
    if (tasklet_may_run(t)) {
        ring_append(k, t);
    }
}

/* Takes a waiter of STINT_RUN_ALL out of their stack. */
static void
watcher_remove(struct tasklet *t)
{
    t->wait.prev->next = t->wait.next;
    t->wait.next->prev = t->wait.prev;
    t->wait.next = NULL;
    t->wait.prev = NULL;
}

void
tasklet_leave(struct kernel *k, struct tasklet *t)
{
    struct channel *left = NULL;
    tasklet_stop_timer(k, t);
    switch ((enum tasklet_state)t->state) {
    case TASKLET_READY:
        if ((t->flags & TASKLET_IN_RING) != 0) {
            ring_remove(k, t);
        }
        break;
    case TASKLET_BLOCKED:
        left = t->on.channel;
        channel_dequeue(left, &t->wait);
        left->balance += MUTANT(k->mem, KILL_BALANCE) ? t->wait.direction : 0;
        break;
    case TASKLET_REMOTE:
        outlet_abandon(k, t->on.outlet);
        break;
    case TASKLET_RUN_ALL:
        watcher_remove(t);
        break;
    case TASKLET_PAUSED:
    case TASKLET_SLEEPING:
    case TASKLET_NAMING:
    case TASKLET_MOVING:
        break;
    }
    t->on.channel = NULL;
    t->state = TASKLET_PAUSED;
    t->flags &= (uint16_t)~TASKLET_WANTS_VALUE;
    if (left != NULL) {
        channel_check_end(k, left);
    }
}

void
tasklet_kill(struct kernel *k, struct tasklet *t, bool at_once)
{
    STINT_ASSERT((t->flags & TASKLET_FROZEN) == 0 && t != k->current);
    t->flags &= (uint16_t)~TASKLET_HELD;
    if (t->state == TASKLET_READY && (t->flags & TASKLET_IN_RING) != 0) {
        t->wake = STINT_KILLED; /* what it had got is lost: the error wins */
    } else {
        tasklet_leave(k, t);
        tasklet_ready(k, t, STINT_KILLED);
    }
    if (at_once) {
        k->head = t;
    }
}

void
tasklet_free(struct kernel *k, struct tasklet *t)
{
    STINT_ASSERT(t->owned == NULL && t != k->current);
    if ((t->flags & TASKLET_IN_RING) != 0) {
        ring_remove(k, t);
    }
    STINT_ASSERT(t->wait.next == NULL);
    if (t->extra != NULL) {
        STINT_ASSERT(t->extra->outlet_count == 0);
        heap_remove(&k->timers, &t->extra->timer);
        fault_drop(k, t, 0, true);
        slab_free(&k->extras, t->extra, t->extra->slot);
    }
    if ((t->flags & TASKLET_SYSTEM) != 0) {
        k->system_count--;
    }
    stack_free(&k->stacks, t->stack, t->stack_size);
    if ((t->flags & TASKLET_INDEXED) != 0) {
        index_remove(&k->ids->index, &t->by_id);
    }
    slab_free(&k->tasklets, t, t->slot);
}

/* Says how it ended: to whoever watches it, of an error to everybody, and of one that came from elsewhere, because others know it. */
static void
tell_end(struct kernel *k, struct tasklet *t, enum stint_status status)
{
    bool watched = (t->flags & TASKLET_NOTIFY) != 0;
    bool moved = t->extra != NULL && t->extra->moves != 0;
    if (!watched && !moved && (status == STINT_OK || status == STINT_KILLED)) {
        return;
    }
    struct stint_span value = { NULL, 0 };
    const struct frame *first = (const struct frame *)(const void *)t->stack;
    if (watched && first != NULL &&
        effect_value(k, first->code->locals, frame_locals(first), &value) != STINT_OK) {
        value = (struct stint_span){ NULL, 0 };
    }
    const char *text = effect_text(k, fault_describe(k, t, FAULT_TRAVELS, status));
    struct kernel_effect *effect = effect_new(k, KERNEL_ENDED);
    if (effect != NULL) {
        effect->tid = t->id;
        effect->epoch = t->epoch;
        effect->status = status;
        effect->text = text;
        effect->type = value.data == NULL ? NULL : first->code->locals;
        effect->value = value;
        effect->flags = watched ? KERNEL_NOTIFY : 0;
    }
}

void
tasklet_end(struct kernel *k, struct tasklet *t, enum stint_status status)
{
    tell_end(k, t, status);
    while (t->owned != NULL) {
        channel_end(k, t->owned);
    }
    while (t->extra != NULL && !list_is_empty(&t->extra->outlets)) {
        outlet_release(k,
            STINT_CONTAINER_OF(list_first(&t->extra->outlets), struct outlet, of_tasklet));
    }
    if (k->current == t) {
        k->current = NULL;
    }
    k->ended++;
    tasklet_free(k, t);
}
