/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a tasklet out of the run so that it can be pickled, and putting it back, here or
 * elsewhere. Places in local queues are turned into those of foreign waiters and stay so: whoever
 * is frozen goes on as one that waits for a remote operation, wherever that may be. That this is
 * done before it is known whether the move will happen changes nothing that can be seen.
 */
#include "base/ids.h"
#include "base/panic.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

static struct tasklet *
frozen_tasklet(struct kernel *k, struct stint_id tid, enum stint_status *status)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL) {
        *status = STINT_NOT_HERE;
    } else {
        *status = (t->flags & TASKLET_FROZEN) == 0 ? STINT_INVALID : STINT_OK;
    }
    return t;
}

/* All local waiters of a channel go on as waiting for a remote operation. */
static enum stint_status
convert_waiters(struct kernel *k, struct channel *ch)
{
    struct waiter *w = ch->queue.next;
    while (w->kind != WAITER_HEAD) {
        struct waiter *next = w->next;
        if (w->kind == WAITER_TASKLET) {
            enum stint_status status = relation_convert(k, tasklet_of_waiter(w));
            if (status != STINT_OK) {
                return status;
            }
        }
        w = next;
    }
    return STINT_OK;
}

enum stint_status
kernel_freeze(struct kernel *k, struct stint_id tid)
{
    struct tasklet *t = tasklet_find(k, tid);
    STINT_ASSERT(k->current == NULL);
    if (t == NULL) {
        return STINT_NOT_HERE;
    }
    if ((t->flags & TASKLET_FROZEN) != 0) {
        return STINT_BUSY;
    }
    enum stint_status status = t->state == TASKLET_BLOCKED ? relation_convert(k, t) : STINT_OK;
    for (struct channel *ch = t->owned; ch != NULL && status == STINT_OK; ch = ch->next_owned) {
        status = convert_waiters(k, ch);
    }
    if (status != STINT_OK) {
        return status;
    }
    if (t->state == TASKLET_RUN_ALL) {
        /* The ring that it waits for is not the one elsewhere; it goes on. */
        tasklet_leave(k, t);
        tasklet_ready(k, t, 0);
    }
    if ((t->flags & TASKLET_IN_RING) != 0) {
        ring_remove(k, t);
    }
    if (t->extra != NULL && heap_contains(&t->extra->timer)) {
        uint64_t deadline = t->extra->timer.key;
        t->extra->time_left = deadline > k->now_ns ? deadline - k->now_ns : 0;
        heap_remove(&k->timers, &t->extra->timer);
    }
    for (struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        ch->flags |= CHANNEL_AWAY;
    }
    t->flags |= TASKLET_FROZEN;
    return STINT_OK;
}

/* Its owned channels are here now, and so is what it has pending in them. */
static void
thaw_channels(struct kernel *k, struct tasklet *t)
{
    for (struct channel *ch = t->owned; ch != NULL; ch = ch->next_owned) {
        ch->flags &= (uint16_t)~CHANNEL_AWAY;
        relation_resume(k, ch);
        struct relation *r = relation_find(k, ch->id, t->id);
        if (r != NULL) {
            r->place = k->here;
            r->epoch = t->epoch;
        }
        if ((ch->flags & CHANNEL_NAMING) != 0) {
            kernel_ask_name(k, ch);
        }
    }
}

/* What it waits for is asked for again. */
static void
thaw_waiting(struct kernel *k, struct tasklet *t)
{
    if (t->state == TASKLET_READY && tasklet_may_run(t)) {
        ring_append(k, t);
    } else if (t->state == TASKLET_MOVING) {
        if (id_equal(t->extra->target, k->here.node)) {
            tasklet_ready(k, t, 0);
        } else {
            kernel_ask_move(k, t);
        }
    }
    if (t->extra != NULL) {
        LIST_EACH (link, &t->extra->outlets) {
            outlet_reoffer(k, STINT_CONTAINER_OF(link, struct outlet, of_tasklet), 0);
        }
    }
}

enum stint_status
kernel_thaw(struct kernel *k, struct stint_id tid, uint64_t epoch)
{
    enum stint_status status;
    struct tasklet *t = frozen_tasklet(k, tid, &status);
    if (status != STINT_OK) {
        return status;
    }
    uint64_t left = t->extra == NULL ? UINT64_MAX : t->extra->time_left;
    if (left != UINT64_MAX) {
        uint64_t deadline = left < UINT64_MAX - 1 - k->now_ns ? k->now_ns + left : UINT64_MAX - 1;
        status = tasklet_set_timer(k, t, deadline);
        if (status != STINT_OK) {
            return status;
        }
        t->extra->time_left = UINT64_MAX;
    }
    t->epoch = epoch;
    t->flags &= (uint16_t)~TASKLET_FROZEN;
    thaw_channels(k, t);
    thaw_waiting(k, t);
    return STINT_OK;
}

enum stint_status
kernel_discard(struct kernel *k, struct stint_id tid)
{
    enum stint_status status;
    struct tasklet *t = frozen_tasklet(k, tid, &status);
    if (status != STINT_OK) {
        return status;
    }
    while (t->owned != NULL) {
        channel_free(k, t->owned);
    }
    while (t->extra != NULL && !list_is_empty(&t->extra->outlets)) {
        outlet_free(k,
            STINT_CONTAINER_OF(list_first(&t->extra->outlets), struct outlet, of_tasklet));
    }
    tasklet_free(k, t);
    return STINT_OK;
}

void
kernel_move_refused(struct kernel *k, struct stint_id tid, enum stint_status status,
    const char *text)
{
    struct tasklet *t = tasklet_find(k, tid);
    if (t == NULL || t->state != TASKLET_MOVING) {
        return;
    }
    fault_raise(k, t, status, text);
    tasklet_ready(k, t, (uint32_t)status | WAKE_FAULT);
}

uint32_t
kernel_explain(const struct kernel *k, struct stint_id tid, kernel_explain_fn *tell, void *arg)
{
    const struct tasklet *t = tasklet_find(k, tid);
    uint32_t reasons = 0;
    if (t == NULL) {
        tell(arg, STINT_NOT_HERE, "the tasklet is not on this node", UINT32_MAX);
        return 1;
    }
    if ((t->flags & TASKLET_FROZEN) != 0) {
        tell(arg, STINT_BUSY, "the tasklet is being moved", UINT32_MAX);
        reasons++;
    }
    if ((t->flags & TASKLET_SYSTEM) != 0) {
        tell(arg, STINT_NOT_MOVABLE, "the tasklet belongs to the node itself", UINT32_MAX);
        reasons++;
    }
    if ((t->flags & TASKLET_PINNED) != 0) {
        tell(arg, STINT_NOT_MOVABLE, "the tasklet is pinned", UINT32_MAX);
        reasons++;
    }
    if (t == k->current) {
        tell(arg, STINT_NOT_MOVABLE, "the tasklet is running", UINT32_MAX);
        reasons++;
    }
    for (uint32_t i = 0; i < frame_count(t); i++) {
        const struct frame *f = frame_at(t, i);
        if (f->resume != RESUME_START && code_point_at(f->code, f->resume) == POINT_NONE) {
            tell(arg, STINT_NOT_MOVABLE, "the frame waits at a place that is no resume point", i);
            reasons++;
        }
    }
    return reasons;
}
