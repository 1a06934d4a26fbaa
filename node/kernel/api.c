/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that frames call through stint_context (send and receive are in exchange.c).
 * Begin functions set the outcome in ctx->wake and answer whether the frame unwinds; where they
 * change the ring they leave `head` at whoever runs next.
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "kernel/exchange.h"
#include "kernel/relation.h"

/* Begins an operation: nothing is left over from the one before. */
static struct kernel *
begin(struct stint_context *ctx)
{
    ctx->wake = 0;
    ctx->status = STINT_OK;
    return kernel_of(ctx);
}

static bool
api_call(struct stint_context *ctx, const struct stint_code *definition, const void *locals,
    uint32_t size)
{
    struct kernel *k = begin(ctx);
    const struct code *code = registry_code(&k->registry, definition);
    if (code == NULL || code->size != size) {
        return exchange_fail(k, STINT_UNKNOWN_CODE);
    }
    enum stint_status status = frame_push(k, k->current, code, locals);
    k->result_valid = false;
    return status == STINT_OK || exchange_fail(k, status);
}

static bool
api_yield(struct stint_context *ctx)
{
    struct kernel *k = begin(ctx);
    k->head = tasklet_of_waiter(k->head->wait.next);
    return true;
}

static bool
api_sleep(struct stint_context *ctx, uint64_t ms)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = k->current;
    if (ms == 0) {
        return api_yield(ctx);
    }
    if (tasklet_set_timer(k, t, exchange_deadline(k, ms)) != STINT_OK) {
        return exchange_fail(k, STINT_NO_MEMORY);
    }
    ring_remove(k, t);
    t->state = TASKLET_SLEEPING;
    t->since_ns = k->now_ns;
    return true;
}

static bool
api_pause(struct stint_context *ctx, const struct stint_type *type, void *value)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = k->current;
    if (type == NULL) {
        ring_remove(k, t);
        t->since_ns = k->now_ns;
    } else if (exchange_wait(k, t, type, value, -1, STINT_FOREVER)) {
        t->flags |= TASKLET_WANTS_VALUE;
    } else {
        return exchange_fail(k, STINT_NO_MEMORY);
    }
    t->state = TASKLET_PAUSED;
    return true;
}

/* Whether a tasklet may be put into the ring by another one: STINT_OK, or why not. */
static enum stint_status
may_insert(const struct tasklet *t)
{
    if (t == NULL) {
        return STINT_DEAD;
    }
    if ((t->flags & TASKLET_FROZEN) != 0) {
        return STINT_BUSY;
    }
    return t->state == TASKLET_READY || t->state == TASKLET_PAUSED ? STINT_OK : STINT_BLOCKED;
}

static bool
api_run(struct stint_context *ctx, struct stint_id id, bool leave)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = tasklet_find(k, id);
    if (t == k->current) {
        return false;
    }
    enum stint_status status = may_insert(t);
    if (status == STINT_OK && (t->flags & TASKLET_HELD) != 0) {
        status = STINT_BUSY;
    }
    if (status != STINT_OK) {
        return exchange_fail(k, status);
    }
    if (t->state == TASKLET_PAUSED) {
        tasklet_ready(k, t, t->wake);
    }
    if (leave) {
        ring_remove(k, k->current);
        k->current->state = TASKLET_PAUSED;
        k->current->since_ns = k->now_ns;
    }
    k->head = t;
    return true;
}

static bool
api_run_all(struct stint_context *ctx)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = k->current;
    ring_remove(k, t);
    t->state = TASKLET_RUN_ALL;
    t->since_ns = k->now_ns;
    t->wait.next = k->watchers.next;
    t->wait.prev = &k->watchers;
    k->watchers.next->prev = &t->wait;
    k->watchers.next = &t->wait;
    return true;
}

static bool
api_kill(struct stint_context *ctx, struct stint_id id, bool pending)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = tasklet_find(k, id);
    if (t == NULL) {
        /* It has ended, or lives elsewhere: who knows is the cluster. Killing what has ended is a
         * success. */
        struct kernel_effect *effect = effect_new(k, KERNEL_KILL);
        if (effect != NULL) {
            effect->tid = id;
            effect->flags = pending ? KERNEL_PENDING : 0;
        }
        return false;
    }
    if (t == k->current) {
        ctx->status = pending ? STINT_INVALID : STINT_KILLED;
        return exchange_fail(k, ctx->status);
    }
    if ((t->flags & TASKLET_FROZEN) != 0) {
        ctx->status = STINT_BUSY;
        return exchange_fail(k, STINT_BUSY);
    }
    tasklet_kill(k, t, !pending);
    return !pending;
}

/* A channel for the running tasklet, its handle filled in. */
static enum stint_status
make_channel(struct kernel *k, stint_Channel *handle, const struct stint_type *type,
    uint32_t capacity, struct tasklet *owner, struct channel **made)
{
    *made = NULL;
    if (registry_type(&k->registry, type) == NULL) {
        return STINT_INVALID;
    }
    bool many = owner != NULL && owner->owned_count >= KERNEL_OWNED_MAX;
    if (channel_too_large(type, capacity) || many || k->channels.used >= k->channels.limit) {
        return STINT_LIMIT;
    }
    struct channel *ch = channel_new(k, prng_id(&k->prng), type, capacity, owner);
    if (ch == NULL) {
        return STINT_NO_MEMORY;
    }
    memcpy(handle->id, ch->id.bytes, sizeof handle->id);
    handle->slot = ch->slot;
    *made = ch;
    return STINT_OK;
}

static bool
api_channel_open(struct stint_context *ctx, stint_Channel *handle, const char *name,
    const struct stint_type *type, uint32_t capacity)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = k->current;
    struct channel *ch;
    if (!text_is_name(name, KERNEL_NAME_MAX)) {
        return exchange_fail(k, STINT_INVALID);
    }
    enum stint_status status = make_channel(k, handle, type, capacity, t, &ch);
    if (status != STINT_OK) {
        return exchange_fail(k, status);
    }
    status = channel_set_name(k, ch, name);
    if (status != STINT_OK) {
        channel_free(k, ch);
        return exchange_fail(k, status);
    }
    ch->flags |= CHANNEL_NAMING;
    ring_remove(k, t);
    t->state = TASKLET_NAMING;
    t->on.channel = ch;
    t->since_ns = k->now_ns;
    kernel_ask_name(k, ch);
    return true;
}

static bool
api_migrate(struct stint_context *ctx, const stint_Node *node)
{
    struct kernel *k = begin(ctx);
    struct tasklet *t = k->current;
    struct tasklet_extra *extra = tasklet_need_extra(k, t);
    if (extra == NULL) {
        return exchange_fail(k, STINT_NO_MEMORY);
    }
    memcpy(extra->target.bytes, node->id, sizeof extra->target.bytes);
    if (id_is_zero(extra->target)) {
        return exchange_fail(k, STINT_INVALID);
    }
    if (id_equal(extra->target, k->here.node)) {
        return false;
    }
    ring_remove(k, t);
    t->state = TASKLET_MOVING;
    t->since_ns = k->now_ns;
    kernel_ask_move(k, t);
    return true;
}

static enum stint_status
api_finish(struct stint_context *ctx, void *value)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = k->current;
    uint32_t wake = ctx->wake;
    enum stint_status status = (enum stint_status)(wake & WAKE_STATUS);
    if ((wake & WAKE_VALUE) != 0 && status == STINT_OK && value != NULL) {
        memcpy(value, frame_end(t->top), t->scratch);
    }
    t->scratch = 0;
    ctx->wake = 0;
    ctx->status = status;
    if ((wake & WAKE_FAULT) == 0 && t->extra != NULL && t->extra->fault != NULL) {
        /* An error that a TRY swallowed is not the origin of this one. */
        fault_drop(k, t, UINT32_MAX, true);
    }
    return status;
}

static void
api_raise(struct stint_context *ctx, enum stint_status status, const char *format, va_list args)
{
    struct kernel *k = kernel_of(ctx);
    char text[KERNEL_ERROR_TEXT_MAX];
    text_format_list(text, sizeof text, format, args);
    status = status == STINT_OK ? STINT_ERROR : status;
    fault_raise(k, k->current, status, text);
    ctx->status = status;
}

static void
api_reraise(struct stint_context *ctx)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = k->current;
    const struct frame *f = t->top;
    struct fault *fault = fault_of(t, f->depth);
    ctx->status = f->error == 0 ? STINT_ERROR : (enum stint_status)f->error;
    if (fault != NULL) {
        fault_drop(k, t, UINT32_MAX, true);
        fault->depth = FAULT_TRAVELS;
    }
}

static void
api_handled(struct stint_context *ctx)
{
    struct kernel *k = kernel_of(ctx);
    struct frame *f = k->current->top;
    fault_drop(k, k->current, f->depth, true);
    f->flags &= (uint16_t)~FRAME_IN_EXCEPT;
    f->error = 0;
    ctx->status = STINT_OK;
}

static void *
api_result(struct stint_context *ctx, const struct stint_code *definition)
{
    struct kernel *k = kernel_of(ctx);
    struct frame *above = (struct frame *)(void *)frame_end(k->current->top);
    /* Asking for a result where none is, or for another code's, is an error of the module's
     * author. */
    STINT_ASSERT(k->result_valid && above->code->definition == definition);
    return frame_locals(above);
}

static enum stint_status
api_spawn(struct stint_context *ctx, const struct stint_code *definition, const void *locals,
    uint32_t size, bool paused, struct stint_id *id)
{
    struct kernel *k = kernel_of(ctx);
    const struct code *code = registry_code(&k->registry, definition);
    if (code == NULL || code->size != size) {
        return STINT_UNKNOWN_CODE;
    }
    struct stint_id fresh = prng_id(&k->prng);
    struct tasklet *t = kernel_make_tasklet(k, code, locals, fresh, paused ? KERNEL_PAUSED : 0);
    if (t == NULL) {
        return k->tasklets.used >= k->tasklets.limit ? STINT_LIMIT : STINT_NO_MEMORY;
    }
    if (id != NULL) {
        *id = fresh;
    }
    return STINT_OK;
}

static enum stint_status
api_insert(struct stint_context *ctx, struct stint_id id, const struct stint_type *type,
    const void *value)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = tasklet_find(k, id);
    enum stint_status status = may_insert(t);
    if (status != STINT_OK) {
        return status;
    }
    uint32_t wake = t->wake;
    if (type != NULL) {
        if ((t->flags & TASKLET_WANTS_VALUE) == 0) {
            return STINT_INVALID;
        }
        if (!registry_same(&k->registry, t->type, type)) {
            return STINT_TYPE_MISMATCH;
        }
        memcpy(t->value, value, type->size);
        wake = t->scratch != 0 ? WAKE_VALUE : 0;
    }
    if (t->state == TASKLET_PAUSED) {
        tasklet_ready(k, t, wake);
    }
    return STINT_OK;
}

static enum stint_status
api_remove(struct stint_context *ctx, struct stint_id id)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = tasklet_find(k, id);
    enum stint_status status = may_insert(t);
    if (status != STINT_OK || t == k->current) {
        return status != STINT_OK ? status : STINT_INVALID;
    }
    if ((t->flags & TASKLET_IN_RING) != 0) {
        ring_remove(k, t);
    }
    t->state = TASKLET_PAUSED; /* its outcome stays in `wake` for when it is inserted again */
    t->since_ns = k->now_ns;
    return STINT_OK;
}

static enum stint_status
api_unbind(struct stint_context *ctx, struct stint_id id)
{
    struct kernel *k = kernel_of(ctx);
    struct tasklet *t = tasklet_find(k, id);
    if (t == NULL) {
        return STINT_DEAD;
    }
    if (t->state != TASKLET_PAUSED || (t->flags & TASKLET_FROZEN) != 0) {
        return STINT_INVALID;
    }
    tasklet_end(k, t, STINT_KILLED);
    return STINT_OK;
}

static enum stint_status
api_describe(struct stint_context *ctx, struct stint_id id, struct stint_tasklet_info *info)
{
    const struct kernel *k = kernel_of(ctx);
    const struct tasklet *t = tasklet_find(k, id);
    *info = (struct stint_tasklet_info){ 0 };
    if (t == NULL) {
        return STINT_DEAD;
    }
    info->alive = true;
    info->current = t == k->current;
    info->runnable = (t->flags & TASKLET_IN_RING) != 0;
    info->blocked = t->state == TASKLET_BLOCKED || t->state == TASKLET_REMOTE;
    info->linked = t->wait.next != NULL || info->blocked;
    info->paused = !info->linked;
    info->depth = frame_count(t);
    return STINT_OK;
}

static enum stint_status
api_channel_new(struct stint_context *ctx, stint_Channel *handle, const struct stint_type *type,
    uint32_t capacity, bool owned)
{
    struct kernel *k = kernel_of(ctx);
    struct channel *ch;
    return make_channel(k, handle, type, capacity, owned ? k->current : NULL, &ch);
}

/* The channel of a handle if it is here and may be changed, or NULL. */
static struct channel *
local_channel(struct kernel *k, stint_Channel *handle)
{
    struct channel *ch = channel_resolve(k, handle);
    return ch == NULL || (ch->flags & CHANNEL_AWAY) != 0 ? NULL : ch;
}

static enum stint_status
api_channel_close(struct stint_context *ctx, stint_Channel *handle, bool wake)
{
    struct kernel *k = kernel_of(ctx);
    struct channel *ch = local_channel(k, handle);
    if (ch != NULL) {
        channel_close(k, ch, wake);
        return STINT_OK;
    }
    if (!stint_channel_is_set(handle)) {
        return STINT_INVALID;
    }
    struct kernel_effect *effect = effect_new(k, KERNEL_CLOSE);
    if (effect != NULL) {
        memcpy(effect->cid.bytes, handle->id, sizeof handle->id);
        effect->tid = k->current->id;
        effect->flags = wake ? KERNEL_WAKE : 0;
    }
    return STINT_OK;
}

static enum stint_status
api_channel_reopen(struct stint_context *ctx, stint_Channel *handle)
{
    struct channel *ch = local_channel(kernel_of(ctx), handle);
    if (ch == NULL) {
        return STINT_NOT_HERE;
    }
    ch->flags &= (uint16_t) ~(CHANNEL_CLOSING | CHANNEL_WOKEN | CHANNEL_ENDING);
    return STINT_OK;
}

/* A preference of 2 and a schedule_all of -1 leave that as it is. */
static enum stint_status
api_channel_prefer(struct stint_context *ctx, stint_Channel *handle, int preference,
    int schedule_all)
{
    struct channel *ch = local_channel(kernel_of(ctx), handle);
    if (ch == NULL) {
        return STINT_NOT_HERE;
    }
    if (schedule_all < 0) {
        ch->preference = (int8_t)((preference > 0) - (preference < 0));
    } else {
        ch->schedule_all = schedule_all != 0;
    }
    return STINT_OK;
}

static enum stint_status
api_channel_describe(struct stint_context *ctx, stint_Channel *handle,
    struct stint_channel_info *info)
{
    struct channel *ch = channel_resolve(kernel_of(ctx), handle);
    *info = (struct stint_channel_info){ 0 };
    if (ch == NULL) {
        return STINT_NOT_HERE;
    }
    struct waiter *first = channel_first(ch);
    info->balance = ch->balance;
    info->count = channel_count(ch);
    info->capacity = ch->capacity;
    info->closing = (ch->flags & CHANNEL_CLOSING) != 0;
    info->closed = info->closing && ch->balance == 0;
    info->preference = ch->preference;
    info->schedule_all = ch->schedule_all;
    if (first != NULL) {
        info->first = first->kind == WAITER_TASKLET ? tasklet_of_waiter(first)->id
                                                    : relation_of_waiter(first)->tid;
    }
    return STINT_OK;
}

static struct stint_id
api_self(struct stint_context *ctx)
{
    return kernel_of(ctx)->current->id;
}

static stint_Node
api_here(struct stint_context *ctx)
{
    stint_Node node;
    memcpy(node.id, kernel_of(ctx)->here.node.bytes, sizeof node.id);
    return node;
}

static uint32_t
api_nodes(struct stint_context *ctx, stint_Node *nodes, uint32_t max)
{
    const struct kernel *k = kernel_of(ctx);
    uint32_t count = k->node_count < max ? k->node_count : max;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(nodes[i].id, k->nodes[i].bytes, sizeof nodes[i].id);
    }
    return count;
}

static uint64_t
api_now_ms(struct stint_context *ctx)
{
    return kernel_of(ctx)->wall_ms;
}

static uint64_t
api_random(struct stint_context *ctx)
{
    return prng_next(&kernel_of(ctx)->prng);
}

static uint32_t
api_runcount(struct stint_context *ctx)
{
    return kernel_of(ctx)->runcount;
}

/* Sets or clears a flag of the running tasklet; what it was. */
static bool
set_flag(struct stint_context *ctx, uint16_t flag, bool on)
{
    struct tasklet *t = kernel_of(ctx)->current;
    bool was = (t->flags & flag) != 0;
    t->flags = (uint16_t)(on ? t->flags | flag : t->flags & ~flag);
    return was;
}

static bool
api_set_pinned(struct stint_context *ctx, bool pinned)
{
    return set_flag(ctx, TASKLET_PINNED, pinned);
}

static bool
api_set_block_trap(struct stint_context *ctx, bool trap)
{
    return set_flag(ctx, TASKLET_BLOCK_TRAP, trap);
}

static const char *
api_error_text(struct stint_context *ctx)
{
    struct kernel *k = kernel_of(ctx);
    const struct tasklet *t = k->current;
    const struct frame *f = t->top;
    if (f->error != 0 &&
        (ctx->status == STINT_OK || ctx->status == (enum stint_status)f->error)) {
        return fault_describe(k, t, f->depth, (enum stint_status)f->error);
    }
    return fault_describe(k, t, FAULT_TRAVELS, ctx->status);
}

static void
api_log(struct stint_context *ctx, const char *format, va_list args)
{
    struct kernel *k = kernel_of(ctx);
    char text[KERNEL_LOG_TEXT_MAX];
    text_format_list(text, sizeof text, format, args);
    const char *copy = effect_text(k, text);
    struct kernel_effect *effect = effect_new(k, KERNEL_LOG);
    if (effect != NULL) {
        effect->tid = k->current->id;
        effect->text = copy;
    }
}

static const struct stint_api api = {
    .abi = STINT_ABI,
    .size = sizeof(struct stint_api),
    .call = api_call,
    .send = exchange_send,
    .receive = exchange_receive,
    .yield = api_yield,
    .sleep = api_sleep,
    .pause = api_pause,
    .run = api_run,
    .run_all = api_run_all,
    .kill = api_kill,
    .channel_open = api_channel_open,
    .migrate = api_migrate,
    .finish = api_finish,
    .raise = api_raise,
    .reraise = api_reraise,
    .handled = api_handled,
    .result = api_result,
    .spawn = api_spawn,
    .insert = api_insert,
    .remove = api_remove,
    .unbind = api_unbind,
    .describe = api_describe,
    .channel_new = api_channel_new,
    .channel_close = api_channel_close,
    .channel_reopen = api_channel_reopen,
    .channel_prefer = api_channel_prefer,
    .channel_describe = api_channel_describe,
    .self = api_self,
    .here = api_here,
    .nodes = api_nodes,
    .now_ms = api_now_ms,
    .random = api_random,
    .runcount = api_runcount,
    .set_pinned = api_set_pinned,
    .set_block_trap = api_set_block_trap,
    .error_text = api_error_text,
    .log = api_log,
};

const struct stint_api *
kernel_api(void)
{
    return &api;
}
