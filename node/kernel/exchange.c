/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Send and receive of the running tasklet: the path that everything waits for. With a partner in
 * the queue the value is copied once, from locals to locals, and the table of CONFORMANCE a.3
 * decides who runs; with room in the buffer it is copied there; else the tasklet blocks. Whatever
 * is not local, or not in order with what the tasklet has outstanding, goes the long way
 * (outlet.c).
 */
#include "kernel/exchange.h"

#include <string.h>

#include "base/panic.h"
#include "kernel/relation.h"

/* The operation is over: the frame goes on at once. A turn's budget is the exception: the tasklet
 * then stays at the head of the ring and goes on in its next turn, so nothing that can be seen
 * changes. */
static bool
goes_on(struct kernel *k)
{
    if (k->budget == 0) {
        return true;
    }
    k->budget--;
    return false;
}

bool
exchange_fail(struct kernel *k, enum stint_status status)
{
    k->context.wake = (uint32_t)status;
    return false;
}

/* Whether the operation may take place here and now. */
static bool
is_local(const struct kernel *k, const struct tasklet *t, const struct channel *ch)
{
    if (ch == NULL || (ch->flags & (CHANNEL_AWAY | CHANNEL_ENDING)) != 0) {
        return false;
    }
    if (t->extra == NULL || t->extra->outstanding == 0 || MUTANT(k->mem, FAST_PATH)) {
        return true;
    }
    const struct outlet *o = outlet_find(k, t->id, ch->id);
    return o == NULL || (o->window == 0 && o->failed == STINT_OK);
}

/* After an exchange with a local partner, which is out of the queue: who runs. Returns whether
 * the actor unwinds. */
static bool
who_runs(struct kernel *k, const struct channel *ch, struct tasklet *partner, uint32_t wake,
    int direction)
{
    if (partner->extra != NULL) {
        tasklet_stop_timer(k, partner);
    }
    partner->on.channel = NULL;
    partner->state = TASKLET_READY;
    partner->wake = wake;
    if (!tasklet_may_run(partner)) {
        return goes_on(k);
    }
    ring_append(k, partner);
    if (ch->schedule_all) {
        k->head = tasklet_of_waiter(k->head->wait.next);
        return true;
    }
    if (ch->preference == -direction) {
        /* Right behind the actor, and on with it: the actor is last then. */
        struct waiter *actor = &k->head->wait;
        struct waiter *w = &partner->wait;
        if (actor->next != w) {
            w->prev->next = w->next;
            w->next->prev = w->prev;
            w->next = actor->next;
            w->prev = actor;
            actor->next->prev = w;
            actor->next = w;
        }
        k->head = partner;
        return true;
    }
    return goes_on(k);
}

/* The value of a blocked operation: in the frames if it is there, else in the scratch above them.
 */
static bool
place_value(struct kernel *k, struct tasklet *t, const struct stint_type *type, void *value,
    int direction)
{
    t->type = type;
    t->scratch = 0;
    t->wait.direction = (int8_t)direction;
    if (frame_holds(t, value, type->size)) {
        t->value = value;
        return true;
    }
    t->value = frame_scratch(k, t, direction > 0 ? value : NULL, type->size);
    return t->value != NULL;
}

bool
exchange_wait(struct kernel *k, struct tasklet *t, const struct stint_type *type, void *value,
    int direction, int64_t timeout_ms)
{
    if (!place_value(k, t, type, value, direction)) {
        return false;
    }
    if (timeout_ms >= 0 &&
        tasklet_set_timer(k, t, exchange_deadline(k, (uint64_t)timeout_ms)) != STINT_OK) {
        t->scratch = 0;
        return false;
    }
    t->since_ns = k->now_ns;
    ring_remove(k, t);
    return true;
}

uint64_t
exchange_deadline(const struct kernel *k, uint64_t ms)
{
    uint64_t most = (UINT64_MAX - 1 - k->now_ns) / 1000000u;
    return k->now_ns + (ms < most ? ms : most) * 1000000u;
}

/* Nobody is there to exchange with: CH-5, in its order. */
static bool
block(struct kernel *k, struct channel *ch, struct tasklet *t, void *value, int direction,
    int64_t timeout_ms)
{
    if ((t->flags & TASKLET_BLOCK_TRAP) != 0) {
        return exchange_fail(k, STINT_BLOCKED);
    }
    if ((ch->flags & CHANNEL_CLOSING) != 0) {
        return exchange_fail(k, channel_refusal(ch, direction));
    }
    if (timeout_ms == 0) {
        return exchange_fail(k, STINT_TIMED_OUT);
    }
    if (!exchange_wait(k, t, ch->type, value, direction, timeout_ms)) {
        return exchange_fail(k, STINT_NO_MEMORY);
    }
    t->state = TASKLET_BLOCKED;
    t->on.channel = ch;
    channel_enqueue(ch, &t->wait, direction);
    return true;
}

static bool
elsewhere(struct kernel *k, struct tasklet *t, const stint_Channel *handle,
    const struct stint_type *type, void *value, int direction, int64_t timeout_ms)
{
    uint32_t wake = 0;
    bool blocks = outlet_begin(k, t, handle, type, value, direction, timeout_ms, &wake);
    k->context.wake = wake;
    return blocks || (wake == 0 && goes_on(k));
}

bool
exchange_send(struct stint_context *ctx, stint_Channel *handle, const struct stint_type *type,
    const void *value, int64_t timeout_ms)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = k->current;
    struct channel *ch = channel_resolve(k, handle);
    ctx->wake = 0;
    ctx->status = STINT_OK;
    /* The cast drops a const that the operation keeps: a sent value is only read. */
    void *source = (void *)(uintptr_t)value;
    if (!is_local(k, t, ch)) {
        return elsewhere(k, t, handle, type, source, +1, timeout_ms);
    }
    if (ch->type != type && !registry_same(&k->registry, ch->type, type)) {
        return exchange_fail(k, STINT_TYPE_MISMATCH);
    }
    if (ch->balance < 0) {
        struct waiter *w = channel_first(ch);
        if (w->kind == WAITER_TASKLET) {
            struct tasklet *partner = tasklet_of_waiter(w);
            channel_copy(partner->value, value, type->size);
            channel_dequeue(ch, w);
            return who_runs(k, ch, partner, partner->scratch != 0 ? WAKE_VALUE : 0, +1);
        }
        struct stint_span bytes;
        enum stint_status status = relation_encode(k, type, value, &bytes);
        if (status != STINT_OK) {
            return exchange_fail(k, status);
        }
        channel_dequeue(ch, w);
        relation_complete_bytes(k, relation_of_waiter(w), STINT_OK, bytes);
        return goes_on(k);
    }
    if (ch->capacity > 0 && (ch->flags & CHANNEL_CLOSING) == 0 &&
        channel_count(ch) < ch->capacity) {
        enum stint_status status = channel_store(k, ch, value);
        return status == STINT_OK ? goes_on(k) : exchange_fail(k, status);
    }
    return block(k, ch, t, source, +1, timeout_ms);
}

/* Takes from the buffer; the longest waiting sender's value follows into it. */
static bool
receive_buffered(struct kernel *k, struct channel *ch, void *value)
{
    struct waiter *w =
        ch->balance > 0 && channel_count(ch) == ch->capacity ? channel_first(ch) : NULL;
    channel_take(ch, value);
    if (w != NULL && w->kind == WAITER_TASKLET) {
        /* The buffer is full and a local sender waits: its value follows. There is room, so this
         * cannot fail. */
        struct tasklet *partner = tasklet_of_waiter(w);
        enum stint_status status = channel_store(k, ch, partner->value);
        STINT_ASSERT(status == STINT_OK);
        channel_dequeue(ch, w);
        partner->on.channel = NULL;
        tasklet_ready(k, partner, 0);
    } else {
        channel_drained(k, ch);
    }
    if ((ch->flags & CHANNEL_WOKEN) != 0) {
        channel_check_end(k, ch);
    }
    return goes_on(k);
}

bool
exchange_receive(struct stint_context *ctx, stint_Channel *handle, const struct stint_type *type,
    void *value, int64_t timeout_ms)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = k->current;
    struct channel *ch = channel_resolve(k, handle);
    ctx->wake = 0;
    ctx->status = STINT_OK;
    if (!is_local(k, t, ch)) {
        return elsewhere(k, t, handle, type, value, -1, timeout_ms);
    }
    if (ch->type != type && !registry_same(&k->registry, ch->type, type)) {
        return exchange_fail(k, STINT_TYPE_MISMATCH);
    }
    bool past = MUTANT(k->mem, FIFO_PASSED) && ch->balance > 0;
    if (ch->capacity > 0 && channel_count(ch) > 0 && !past) {
        return receive_buffered(k, ch, value);
    }
    if (ch->balance > 0) {
        struct waiter *w = channel_first(ch);
        if (w->kind == WAITER_TASKLET) {
            struct tasklet *partner = tasklet_of_waiter(w);
            channel_copy(value, partner->value, type->size);
            channel_dequeue(ch, w);
            return who_runs(k, ch, partner, 0, -1);
        }
        memcpy(value, relation_of_waiter(w)->value, type->size);
        channel_dequeue(ch, w);
        relation_complete(k, relation_of_waiter(w), STINT_OK, NULL);
        return goes_on(k);
    }
    return block(k, ch, t, value, -1, timeout_ms);
}
