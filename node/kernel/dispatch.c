/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: takes the top frame of the tasklet at the ring's head, executes it, does what
 * it says, until the tasklet gives up its turn. The C stack is at its base between any two
 * frames.
 *
 * Errors travel by two steps. A frame that answers RAISED is entered once more at its except
 * section, if it has one and is not in it; if it raises again (or has none) it is taken off, and
 * the frame below goes on at its call with the status as the call's outcome: its macro raises, or
 * with TRY hands it over.
 */
#include "base/panic.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

/* What a turn does next. */
enum next { NEXT_FRAME, NEXT_TURN };

/* The top frame is done with an error: the one below gets it, or the tasklet ends. */
static enum next
propagate(struct kernel *k, struct tasklet *t, enum stint_status status)
{
    frame_pop(k, t);
    if (t->top == NULL) {
        tasklet_end(k, t, status);
        return NEXT_TURN;
    }
    k->context.wake = status | WAKE_FAULT;
    return NEXT_FRAME;
}

/* Enters the except section of the top frame. */
static enum stint_outcome
enter_except(struct kernel *k, struct tasklet *t, enum stint_status status)
{
    struct frame *f = t->top;
    f->flags |= FRAME_IN_EXCEPT;
    f->error = status;
    fault_catch(k, t, f->depth);
    k->context.resume = RESUME_EXCEPT;
    k->context.status = status;
    k->context.wake = 0;
    k->result_valid = false;
    k->steps++;
    t->steps++;
    return f->code->execute(&k->context, frame_locals(f));
}

/* The tasklet gives up its turn. */
static void
turn_ends(struct kernel *k, struct tasklet *t)
{
    if ((t->flags & TASKLET_FIRST_TURN) != 0) {
        t->flags &= (uint16_t)~TASKLET_FIRST_TURN;
        struct kernel_effect *effect = effect_new(k, KERNEL_SUSPENDED);
        if (effect != NULL) {
            effect->tid = t->id;
            effect->epoch = t->epoch;
        }
    }
}

static enum next
frame_returned(struct kernel *k, struct tasklet *t)
{
    if (t->extra != NULL && t->extra->fault != NULL) {
        fault_drop(k, t, t->top->depth, true);
    }
    frame_pop(k, t);
    if (t->top == NULL) {
        tasklet_end(k, t, STINT_OK);
        return NEXT_TURN;
    }
    k->context.wake = 0;
    k->context.status = STINT_OK;
    k->result_valid = true;
    return NEXT_FRAME;
}

static enum next
frame_called(struct kernel *k, struct tasklet *t)
{
    frame_below(t, t->top)->resume = k->context.resume;
    k->context.wake = 0;
    k->context.status = STINT_OK;
    if (k->budget == 0) {
        return NEXT_TURN; /* it stays at the head */
    }
    k->budget--;
    return NEXT_FRAME;
}

/* The frame raised, or has no place to go on at. */
static enum next
frame_raised(struct kernel *k, struct tasklet *t, enum stint_outcome outcome)
{
    for (;;) {
        struct frame *f = t->top;
        enum stint_status status =
            k->context.status == STINT_OK ? STINT_ERROR : k->context.status;
        if (outcome == STINT_NO_POINT) {
            status = STINT_INCOMPATIBLE;
            fault_raise(k, t, status,
                "the frame has no resume point of its line (does one stand in a switch?)");
        } else if (fault_of(t, FAULT_TRAVELS) == NULL && status != STINT_KILLED) {
            fault_raise(k, t, status, NULL);
        }
        if ((f->flags & FRAME_IN_EXCEPT) != 0) {
            return propagate(k, t, status);
        }
        outcome = enter_except(k, t, status);
        f = t->top;
        switch (outcome) {
        case STINT_NO_POINT: { /* there is no except section */
            struct fault *fault = fault_of(t, f->depth);
            if (fault != NULL) {
                fault->depth = FAULT_TRAVELS;
            }
            return propagate(k, t, status);
        }
        case STINT_UNWINDING:
            f->resume = k->context.resume;
            turn_ends(k, t);
            return NEXT_TURN;
        case STINT_CALLED:
            return frame_called(k, t);
        case STINT_RETURNED:
            return frame_returned(k, t);
        case STINT_RAISED:
            break;
        }
    }
}

/* A frame that has not begun does not begin when the tasklet is killed or its caller's wait
 * failed. */
static bool
ends_before_start(const struct kernel *k, const struct tasklet *t)
{
    return (k->context.wake & WAKE_STATUS) != 0 && t->top->resume == RESUME_START;
}

static void
run_turn(struct kernel *k, struct tasklet *t)
{
    struct stint_context *ctx = &k->context;
    k->current = t;
    k->turns++;
    k->budget = KERNEL_TURN_STEPS;
    k->result_valid = false;
    ctx->wake = t->wake;
    ctx->status = STINT_OK;
    t->wake = 0;
    if (ctx->wake != 0 && ends_before_start(k, t)) {
        if (propagate(k, t, ctx->wake & WAKE_STATUS) == NEXT_TURN) {
            return;
        }
    }
    enum next next = NEXT_FRAME;
    while (next == NEXT_FRAME) {
        struct frame *f = t->top;
        ctx->resume = f->resume;
        k->steps++;
        t->steps++;
        enum stint_outcome outcome = f->code->execute(ctx, frame_locals(f));
        switch (outcome) {
        case STINT_UNWINDING:
            t->top->resume = ctx->resume;
            turn_ends(k, t);
            next = NEXT_TURN;
            break;
        case STINT_CALLED:
            next = frame_called(k, t);
            break;
        case STINT_RETURNED:
            next = frame_returned(k, t);
            break;
        case STINT_RAISED:
        case STINT_NO_POINT:
            next = frame_raised(k, t, outcome);
            break;
        }
    }
    k->current = NULL;
}

/* The ring is empty: the innermost waiter of STINT_RUN_ALL goes on. */
static bool
wake_watcher(struct kernel *k)
{
    struct waiter *w = k->watchers.next;
    if (w == &k->watchers) {
        return false;
    }
    w->prev->next = w->next;
    w->next->prev = w->prev;
    w->next = NULL;
    w->prev = NULL;
    tasklet_ready(k, tasklet_of_waiter(w), 0);
    return true;
}

uint64_t
kernel_run(struct kernel *k, uint32_t max_turns)
{
    uint64_t before = k->steps;
    kernel_expire(k);
    for (uint32_t turn = 0; turn < max_turns && !effects_are_many(k) && !k->broken; turn++) {
        if (k->head == NULL && !wake_watcher(k)) {
            break;
        }
        if (k->head != NULL) {
            run_turn(k, k->head);
        }
    }
    return k->steps - before;
}

bool
kernel_runnable(const struct kernel *k)
{
    return k->head != NULL || k->watchers.next != &k->watchers || kernel_deadline(k) <= k->now_ns;
}

/* The deadline of what the tasklet waits for has passed. */
static void
timer_fires(struct kernel *k, struct tasklet *t)
{
    switch ((enum tasklet_state)t->state) {
    case TASKLET_BLOCKED: {
        struct channel *ch = t->on.channel;
        channel_dequeue(ch, &t->wait);
        t->on.channel = NULL;
        tasklet_ready(k, t, STINT_TIMED_OUT);
        channel_check_end(k, ch);
        break;
    }
    case TASKLET_REMOTE:
        if (MUTANT(k->mem, CANCEL_DEAF)) {
            tasklet_leave(k, t);
            tasklet_ready(k, t, STINT_TIMED_OUT);
            break;
        }
        outlet_cancel(k, t->on.outlet);
        break;
    default:
        STINT_ASSERT(t->state == TASKLET_SLEEPING);
        tasklet_ready(k, t, 0);
        break;
    }
}

void
kernel_expire(struct kernel *k)
{
    for (;;) {
        struct heap_item *first = heap_first(&k->timers);
        if (first == NULL || first->key > k->now_ns) {
            break;
        }
        heap_remove(&k->timers, first);
        timer_fires(k, STINT_CONTAINER_OF(first, struct tasklet_extra, timer)->tasklet);
    }
    relation_expire(k);
}

uint64_t
kernel_deadline(const struct kernel *k)
{
    const struct heap_item *first = heap_first(&k->timers);
    uint64_t timers = first == NULL ? UINT64_MAX : first->key;
    uint64_t relations = relation_deadline(k);
    return timers < relations ? timers : relations;
}
