/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels but for the exchange of two running tasklets (exchange.c): their life, their buffer,
 * their queue, and what must happen when something other than a local operation changed them.
 */
#include "kernel/channel.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "kernel/machine.h"
#include "kernel/relation.h"

bool
channel_too_large(const struct stint_type *type, uint32_t capacity)
{
    return capacity > KERNEL_CAPACITY_MAX ||
           (uint64_t)capacity * FRAME_ALIGN(type->size) > KERNEL_BUFFER_MAX;
}

struct channel *
channel_new(struct kernel *k, struct stint_id id, const struct stint_type *type,
    uint32_t capacity, struct tasklet *owner)
{
    uint32_t slot;
    if (channel_too_large(type, capacity) ||
        (owner != NULL && owner->owned_count >= KERNEL_OWNED_MAX)) {
        return NULL;
    }
    struct channel *ch = slab_new(&k->channels, &slot);
    if (ch == NULL) {
        return NULL;
    }
    ch->id = id;
    ch->slot = slot;
    ch->type = type;
    ch->capacity = capacity;
    ch->preference = capacity == 0 ? -1 : 0;
    ch->queue = (struct waiter){ .next = &ch->queue, .prev = &ch->queue, .kind = WAITER_HEAD };
    if (index_insert(&k->channels_by_id, &ch->by_id) != STINT_OK) {
        slab_free(&k->channels, ch, slot);
        return NULL;
    }
    if (owner != NULL) {
        ch->owner = owner;
        ch->next_owned = owner->owned;
        owner->owned = ch;
        owner->owned_count++;
    }
    return ch;
}

static uint32_t
value_stride(const struct channel *ch)
{
    return FRAME_ALIGN(ch->type->size);
}

/* Takes a channel out of its owner's list. */
static void
disown(struct channel *ch)
{
    struct channel **place = &ch->owner->owned;
    while (*place != ch) {
        STINT_ASSERT(*place != NULL);
        place = &(*place)->next_owned;
    }
    *place = ch->next_owned;
    ch->owner->owned_count--;
    ch->owner = NULL;
}

void
channel_free(struct kernel *k, struct channel *ch)
{
    if (ch->extra != NULL) {
        while (ch->extra->relations != NULL) {
            relation_free(k, ch->extra->relations);
        }
        mem_free(k->mem, ch->extra->name, ch->extra->name_size);
        mem_free(k->mem, ch->extra->buffer, (size_t)ch->extra->room * value_stride(ch));
        mem_free(k->mem, ch->extra, sizeof *ch->extra);
    }
    STINT_ASSERT(ch->queue.next == &ch->queue);
    if (ch->owner != NULL) {
        disown(ch);
    }
    index_remove(&k->channels_by_id, &ch->by_id);
    slab_free(&k->channels, ch, ch->slot);
}

struct channel *
channel_find(const struct kernel *k, struct stint_id id)
{
    struct index_link *link = index_find(&k->channels_by_id, id.bytes);
    return link == NULL ? NULL : STINT_CONTAINER_OF(link, struct channel, by_id);
}

struct channel *
channel_resolve(struct kernel *k, stint_Channel *handle)
{
    if (handle->slot < k->channels.fresh) {
        struct channel *ch = SLAB_AT(&k->channels, handle->slot, struct channel);
        uint64_t has[2];
        uint64_t wanted[2];
        memcpy(has, ch->id.bytes, sizeof has);
        memcpy(wanted, handle->id, sizeof wanted);
        if (ch->type != NULL && ((has[0] ^ wanted[0]) | (has[1] ^ wanted[1])) == 0) {
            return ch;
        }
    }
    struct stint_id id;
    memcpy(id.bytes, handle->id, sizeof id.bytes);
    struct channel *ch = channel_find(k, id);
    if (ch != NULL) {
        handle->slot = ch->slot;
    }
    return ch;
}

struct channel_extra *
channel_need_extra(struct kernel *k, struct channel *ch)
{
    if (ch->extra == NULL) {
        ch->extra = mem_zalloc(k->mem, sizeof *ch->extra);
    }
    return ch->extra;
}

enum stint_status
channel_set_name(struct kernel *k, struct channel *ch, const char *name)
{
    if (!text_is_name(name, KERNEL_NAME_MAX)) {
        return STINT_INVALID;
    }
    struct channel_extra *extra = channel_need_extra(k, ch);
    uint32_t size = (uint32_t)strlen(name) + 1;
    char *copy = extra == NULL ? NULL : mem_alloc(k->mem, size);
    if (copy == NULL) {
        return STINT_NO_MEMORY;
    }
    memcpy(copy, name, size);
    mem_free(k->mem, extra->name, extra->name_size);
    extra->name = copy;
    extra->name_size = size;
    return STINT_OK;
}

void *
channel_value_at(const struct channel *ch, uint32_t index)
{
    const struct channel_extra *extra = ch->extra;
    STINT_ASSERT(extra != NULL && index < extra->count);
    return extra->buffer +
           (size_t)((extra->first + index) & (extra->room - 1)) * value_stride(ch);
}

/* Twice the room, the oldest value first. The room is a power of two. */
static bool
buffer_grow(struct kernel *k, struct channel *ch)
{
    struct channel_extra *extra = channel_need_extra(k, ch);
    if (extra == NULL) {
        return false;
    }
    uint32_t room = extra->room == 0 ? 4 : extra->room * 2;
    size_t stride = value_stride(ch);
    uint8_t *buffer = mem_alloc(k->mem, room * stride);
    if (buffer == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < extra->count; i++) {
        memcpy(buffer + i * stride, channel_value_at(ch, i), stride);
    }
    mem_free(k->mem, extra->buffer, extra->room * stride);
    extra->buffer = buffer;
    extra->room = room;
    extra->first = 0;
    return true;
}

enum stint_status
channel_store(struct kernel *k, struct channel *ch, const void *value)
{
    uint32_t count = channel_count(ch);
    if (count >= ch->capacity) {
        return STINT_FULL;
    }
    if ((ch->extra == NULL || count == ch->extra->room) && !buffer_grow(k, ch)) {
        return STINT_NO_MEMORY;
    }
    ch->extra->count++;
    channel_copy(channel_value_at(ch, count), value, ch->type->size);
    return STINT_OK;
}

void
channel_take(struct channel *ch, void *value)
{
    channel_copy(value, channel_value_at(ch, 0), ch->type->size);
    ch->extra->first = (ch->extra->first + 1) & (ch->extra->room - 1);
    ch->extra->count--;
}

/* The first that can be served and waits in that direction. Only after a revival there may be
 * some in both. */
static struct waiter *
first_towards(const struct channel *ch, int direction)
{
    struct waiter *w = ch->queue.next;
    while (w->kind != WAITER_HEAD && (w->orphan || w->direction != direction)) {
        w = w->next;
    }
    return w->kind == WAITER_HEAD ? NULL : w;
}

/* What a waiting sender sends. */
static const void *
waiter_value(struct waiter *w)
{
    return w->kind == WAITER_TASKLET ? tasklet_of_waiter(w)->value : relation_of_waiter(w)->value;
}

void
channel_finish(struct kernel *k, struct channel *ch, struct waiter *w, enum stint_status status,
    const void *value)
{
    if (w->kind == WAITER_FOREIGN) {
        relation_complete(k, relation_of_waiter(w), status, value);
        return;
    }
    struct tasklet *t = tasklet_of_waiter(w);
    uint32_t wake = (uint32_t)status;
    if (value != NULL) {
        memcpy(t->value, value, ch->type->size);
        wake |= t->scratch != 0 ? WAKE_VALUE : 0;
    }
    t->on.channel = NULL;
    tasklet_ready(k, t, wake);
}

/* One step of settling; false: there is nothing to do. A sender's value is copied before the
 * sender is finished, for a relation frees it then. */
static bool
settle_once(struct kernel *k, struct channel *ch)
{
    struct waiter *receiver = first_towards(ch, -1);
    struct waiter *sender = first_towards(ch, +1);
    if (channel_count(ch) > 0 && receiver != NULL) {
        channel_take(ch, k->scratch);
        channel_dequeue(ch, receiver);
        channel_finish(k, ch, receiver, STINT_OK, k->scratch);
        return true;
    }
    if (sender != NULL && ch->capacity > 0) {
        if (channel_store(k, ch, waiter_value(sender)) != STINT_OK) {
            return false;
        }
        channel_dequeue(ch, sender);
        channel_finish(k, ch, sender, STINT_OK, NULL);
        return true;
    }
    if (sender != NULL && receiver != NULL) {
        memcpy(k->scratch, waiter_value(sender), ch->type->size);
        channel_dequeue(ch, sender);
        channel_dequeue(ch, receiver);
        channel_finish(k, ch, sender, STINT_OK, NULL);
        channel_finish(k, ch, receiver, STINT_OK, k->scratch);
        return true;
    }
    return false;
}

void
channel_settle(struct kernel *k, struct channel *ch)
{
    while (settle_once(k, ch)) {
    }
}

void
channel_drained(struct kernel *k, struct channel *ch)
{
    if (ch->balance > 0) {
        channel_settle(k, ch);
    }
    if (ch->extra->starved > 0) {
        relation_feed(k, ch);
    }
}

enum stint_status
channel_refusal(const struct channel *ch, int direction)
{
    return direction < 0 && (ch->flags & CHANNEL_WOKEN) != 0 ? STINT_END_OF_SEQUENCE
                                                             : STINT_CLOSED;
}

/* Ends the wait of all, orphans too: their results are kept for when they ask. */
static void
wake_all(struct kernel *k, struct channel *ch)
{
    while (ch->queue.next->kind != WAITER_HEAD) {
        struct waiter *w = ch->queue.next;
        channel_dequeue(ch, w);
        channel_finish(k, ch, w, channel_refusal(ch, w->direction), NULL);
    }
}

/* Senders elsewhere whose values were dropped for want of room hear that there will be none. */
static void
tell_starved(struct kernel *k, struct channel *ch)
{
    if (ch->extra != NULL && ch->extra->starved > 0) {
        relation_feed(k, ch);
    }
}

void
channel_close(struct kernel *k, struct channel *ch, bool wake)
{
    ch->flags |= CHANNEL_CLOSING;
    tell_starved(k, ch);
    if (wake) {
        ch->flags |= CHANNEL_WOKEN;
        wake_all(k, ch);
        channel_check_end(k, ch);
    }
}

void
channel_check_end(struct kernel *k, struct channel *ch)
{
    bool over = (ch->flags & (CHANNEL_WOKEN | CHANNEL_ENDING)) != 0 && ch->owner == NULL &&
                ch->queue.next->kind == WAITER_HEAD && channel_count(ch) == 0;
    if (over) {
        channel_end(k, ch);
    }
}

void
channel_end(struct kernel *k, struct channel *ch)
{
    ch->flags |= CHANNEL_CLOSING | CHANNEL_WOKEN;
    tell_starved(k, ch);
    wake_all(k, ch);
    const char *name =
        ch->extra == NULL || ch->extra->name == NULL ? NULL : effect_text(k, ch->extra->name);
    struct kernel_effect *effect = effect_new(k, KERNEL_CHANNEL_GONE);
    if (effect != NULL) {
        effect->cid = ch->id;
        effect->text = name;
        effect->tid = ch->owner == NULL ? STINT_ID_NONE : ch->owner->id;
    }
    channel_free(k, ch);
}
