/* SPDX-License-Identifier: Apache-2.0 */
#include "invariants.h"

#include "base/ids.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

/* How often each tasklet was met in a chain, by its place; more of them than any case has. */
enum { TASKLETS = 4096 };

struct census {
    const struct kernel *k;
    uint8_t met[TASKLETS];
};

/* Counts a tasklet that stands in a chain; false: it already stood in one. */
static bool
meet(struct census *c, const struct tasklet *t)
{
    return t->slot < TASKLETS && c->met[t->slot]++ == 0;
}

/* DM-1, DM-4: one ring, linked both ways, as long as the run count; whoever is in it may run. */
static const char *
check_ring(struct census *c)
{
    const struct kernel *k = c->k;
    uint32_t length = 0;
    struct tasklet *t = k->head;
    while (t != NULL && (length == 0 || t != k->head)) {
        if (!meet(c, t)) {
            return "DM-2: a tasklet is twice in the ring, or the ring does not close";
        }
        if (t->wait.next == NULL || t->wait.next->prev != &t->wait || t->wait.kind != WAITER_TASKLET) {
            return "DM-1: the ring's links do not agree";
        }
        if ((t->flags & TASKLET_IN_RING) == 0 || t->state != TASKLET_READY || !tasklet_may_run(t)) {
            return "DM-3: one in the ring is not ready, or is held";
        }
        length++;
        t = tasklet_of_waiter(t->wait.next);
    }
    return length == k->runcount ? NULL : "DM-4: the run count is not the ring's length";
}

/* Those who wait for the ring to be empty. */
static const char *
check_watchers(struct census *c)
{
    for (struct waiter *w = c->k->watchers.next; w != &c->k->watchers; w = w->next) {
        struct tasklet *t = tasklet_of_waiter(w);
        if (w->next->prev != w || t->state != TASKLET_RUN_ALL || !meet(c, t)) {
            return "DM-2: one that waits for the ring to be empty is not only there";
        }
    }
    return NULL;
}

/* DM-5, CH-1: one queue, one direction, and the balance is its length with a sign. */
static const char *
check_queue(struct census *c, const struct channel *ch)
{
    int32_t balance = 0;
    int8_t direction = 0;
    for (struct waiter *w = ch->queue.next; w != &ch->queue; w = w->next) {
        if (w->next == NULL || w->next->prev != w || (w->direction != 1 && w->direction != -1)) {
            return "DM-5: a queue's links do not agree";
        }
        if (w->kind == WAITER_TASKLET) {
            struct tasklet *t = tasklet_of_waiter(w);
            if (t->state != TASKLET_BLOCKED || t->on.channel != ch || t->value == NULL || !meet(c, t)) {
                return "DM-2: one that waits in a queue is not only there";
            }
        } else if (w->kind != WAITER_FOREIGN || relation_of_waiter(w)->channel != ch ||
                   relation_of_waiter(w)->op == 0) {
            return "DM-5: what stands in a queue is neither a tasklet nor an offer";
        }
        if (!w->orphan) {
            if (direction != 0 && direction != w->direction) {
                return "DM-5: they wait in both directions";
            }
            direction = w->direction;
            balance += direction;
        }
    }
    if (balance != ch->balance) {
        return "CH-1: the balance is not the queue's length";
    }
    if (balance > 0 && channel_count(ch) < ch->capacity) {
        return "DM-5: a sender waits though the buffer has room";
    }
    return balance < 0 && channel_count(ch) > 0 ? "DM-5: a receiver waits though there are values" : NULL;
}

static const char *
check_channels(struct census *c)
{
    const struct kernel *k = c->k;
    uint32_t alive = 0;
    for (uint32_t i = 0; i < k->channels.fresh; i++) {
        const struct channel *ch = slab_at(&k->channels, i);
        if (ch->type == NULL) {
            continue;
        }
        alive++;
        const char *broken = check_queue(c, ch);
        if (broken != NULL) {
            return broken;
        }
        if (ch->slot != i || channel_find(k, ch->id) != ch || channel_count(ch) > ch->capacity) {
            return "DM-7: a channel is not known by its id, or holds too much";
        }
        if (ch->owner == NULL && (ch->flags & CHANNEL_WOKEN) != 0 && ch->queue.next == &ch->queue &&
            channel_count(ch) == 0) {
            return "CH-12: a shared channel that is closed and empty is still there";
        }
        const struct channel *owned = ch->owner == NULL ? ch : ch->owner->owned;
        while (owned != NULL && owned != ch) {
            owned = owned->next_owned;
        }
        if (owned == NULL) {
            return "DM-7: a channel is not among those of its owner";
        }
    }
    return alive == k->channels.used ? NULL : "DM-7: the number of channels is wrong";
}

/* DM-3: the state says in which chain a tasklet is, and whether it has a timer. */
static const char *
check_tasklet(const struct census *c, const struct tasklet *t)
{
    bool chained = t->state == TASKLET_BLOCKED || t->state == TASKLET_RUN_ALL ||
                   (t->state == TASKLET_READY && tasklet_may_run(t));
    bool timed = t->extra != NULL && heap_contains(&t->extra->timer);
    bool waits = t->state == TASKLET_BLOCKED || t->state == TASKLET_REMOTE;
    uint32_t owned = 0;
    for (const struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        owned += ch->owner == t;
    }
    if (c->met[t->slot] != chained || (t->wait.next != NULL) != chained) {
        return "DM-2: a tasklet is not in the one chain that its state names";
    }
    if (((t->flags & TASKLET_IN_RING) != 0) != (t->state == TASKLET_READY && chained)) {
        return "DM-1: the flag of the ring is wrong";
    }
    if (t->top == NULL) {
        return "DM-3: one without frames is still there";
    }
    if ((timed && !waits && t->state != TASKLET_SLEEPING) ||
        (!timed && t->state == TASKLET_SLEEPING)) {
        return "DM-3: a timer where none is waited for, or none where one is";
    }
    if (t->state != TASKLET_PAUSED && (t->flags & TASKLET_WANTS_VALUE) != 0) {
        return "DM-3: one waits for a value but is not paused";
    }
    if (owned != t->owned_count) {
        return "DM-7: the number of a tasklet's channels is wrong";
    }
    return tasklet_find(c->k, t->id) == t ? NULL : "DM-3: a tasklet is not known by its id";
}

static const char *
check_tasklets(struct census *c)
{
    const struct kernel *k = c->k;
    uint32_t alive = 0;
    for (uint32_t i = 0; i < k->tasklets.fresh; i++) {
        const struct tasklet *t = slab_at(&k->tasklets, i);
        if (t->state == 0) {
            continue;
        }
        alive++;
        const char *broken = check_tasklet(c, t);
        if (broken != NULL) {
            return broken;
        }
    }
    if (alive != k->tasklets.used || alive != k->spawned - k->ended) {
        return "DM-3: the number of tasklets is wrong";
    }
    return NULL;
}

const char *
invariants_broken(const struct kernel *k)
{
    struct census c = { .k = k };
    if (k->current != NULL && k->current != k->head) {
        return "DM-1: the current tasklet is not the ring's head";
    }
    const char *broken = check_ring(&c);
    broken = broken == NULL ? check_watchers(&c) : broken;
    broken = broken == NULL ? check_channels(&c) : broken;
    return broken == NULL ? check_tasklets(&c) : broken;
}
