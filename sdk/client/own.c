/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that the client hosts: their life, their queue and buffer, the client's own operations,
 * and their registrations. */
#include "client/own.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "client/own_internal.h"

struct own *
own_new(const struct own_config *config)
{
    struct own *o = mem_zalloc(config->mem, sizeof *o);
    if (o == NULL) {
        return NULL;
    }
    o->mem = config->mem;
    o->config = *config;
    struct list *lists[] = { &o->channels, &o->verdicts, &o->done,
                             &o->tell,     &o->orphans,  &o->ended };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        list_init(lists[i]);
    }
    buf_init(&o->body, o->mem, OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE);
    return o;
}

/* ---- values ---- */

struct own_value *
own_value_new(struct own *o, struct stint_span bytes)
{
    struct own_value *v = mem_alloc(o->mem, sizeof *v + bytes.size);
    if (v == NULL) {
        return NULL;
    }
    list_init(&v->link);
    v->size = (uint32_t)bytes.size;
    bytes_copy(v->bytes, bytes.data, bytes.size);
    o->bytes += v->size;
    o->values++;
    return v;
}

void
own_value_free(struct own *o, struct own_value *v)
{
    if (v != NULL) {
        list_remove(&v->link);
        o->bytes -= v->size;
        o->values--;
        mem_free(o->mem, v, sizeof *v + v->size);
    }
}

/* ---- channels ---- */

static void
free_channel(struct own *o, struct own_channel *ch)
{
    struct list *first;
    own_relations_free(o, ch);
    while ((first = list_first(&ch->buffer)) != NULL) {
        own_value_free(o, STINT_CONTAINER_OF(first, struct own_value, link));
    }
    STINT_ASSERT(list_is_empty(&ch->queue));
    table_fini(&ch->relations);
    list_remove(&ch->link);
    list_remove(&ch->verdict);
    o->channel_count--;
    mem_free(o->mem, ch, sizeof *ch);
}

void
own_free(struct own *o)
{
    if (o == NULL) {
        return;
    }
    own_end_all(o);
    struct list *first;
    while ((first = list_first(&o->channels)) != NULL) {
        free_channel(o, STINT_CONTAINER_OF(first, struct own_channel, link));
    }
    STINT_ASSERT(list_is_empty(&o->done) && o->values == 0);
    buf_fini(&o->body);
    mem_free(o->mem, o, sizeof *o);
}

enum stint_status
own_open(struct own *o, const char *type, uint64_t type_hash, uint32_t capacity,
         const uint8_t nonce[OWN_CHANNEL_NONCE_SIZE], struct own_channel **out)
{
    *out = NULL;
    if (o->channel_count >= LIMIT_CLIENT_CHANNELS) {
        return STINT_LIMIT;
    }
    struct own_channel *ch = mem_zalloc(o->mem, sizeof *ch);
    if (ch == NULL) {
        return STINT_NO_MEMORY;
    }
    memcpy(ch->nonce, nonce, sizeof ch->nonce);
    ch->id = own_channel_id(o->config.role, o->config.subject, nonce);
    text_copy(ch->type, sizeof ch->type, type);
    ch->type_hash = type_hash;
    ch->capacity = capacity;
    ch->wanted = true;
    list_init(&ch->verdict);
    list_init(&ch->buffer);
    list_init(&ch->queue);
    list_init(&ch->used);
    table_init(&ch->relations, o->mem, o->config.seed);
    list_push_back(&o->channels, &ch->link);
    o->channel_count++;
    *out = ch;
    return STINT_OK;
}

struct own_channel *
own_find(const struct own *o, struct stint_id id)
{
    LIST_EACH (link, &o->channels) {
        struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        if (id_equal(ch->id, id)) {
            return ch->leaving ? NULL : ch;
        }
    }
    return NULL;
}

bool
own_has_ended(const struct own *o, struct stint_id id)
{
    for (uint32_t i = 0; i < OWN_ENDED_KEPT; i++) {
        if (id_equal(o->past[i], id) && !id_is_zero(id)) {
            return true;
        }
    }
    return false;
}

struct stint_id
own_id(const struct own_channel *ch)
{
    return ch->id;
}

const char *
own_type(const struct own_channel *ch)
{
    return ch->type;
}

/* ---- the queue ---- */

static uint32_t *
count_of(struct own_waiter *w)
{
    return w->direction > 0 ? &w->channel->senders : &w->channel->receivers;
}

static void
enqueue(struct own_waiter *w)
{
    list_push_back(&w->channel->queue, &w->place);
    w->queued = true;
    *count_of(w) += !w->orphan;
}

void
own_dequeue(struct own_waiter *w)
{
    if (w->queued) {
        list_remove(&w->place);
        w->queued = false;
        *count_of(w) -= !w->orphan;
    }
}

void
own_set_orphan(struct own_waiter *w, bool orphan)
{
    if (w->queued && w->orphan != orphan) {
        *count_of(w) += orphan ? UINT32_MAX : 1; /* wraps: one less */
    }
    w->orphan = orphan;
}

/* ---- exchange ---- */

/* The first that can be served and waits in that direction. */
static struct own_waiter *
first_towards(const struct own_channel *ch, int direction)
{
    if ((direction > 0 ? ch->senders : ch->receivers) == 0) {
        return NULL;
    }
    LIST_EACH (link, &ch->queue) {
        struct own_waiter *w = STINT_CONTAINER_OF(link, struct own_waiter, place);
        if (!w->orphan && w->direction == direction) {
            return w;
        }
    }
    return NULL;
}

void
own_finish(struct own *o, struct own_waiter *w, enum stint_status status, struct own_value *value)
{
    if (w->foreign) {
        own_relation_finish(o, own_relation_of(w), status, value);
        return;
    }
    struct own_wait *wait = own_wait_of(w);
    own_value_free(o, w->value); /* what was not sent */
    w->value = value;
    wait->status = status;
    wait->over = true;
    list_push_back(&o->done, &w->place);
}

static struct own_value *
take_value(struct own_waiter *w)
{
    struct own_value *value = w->value;
    w->value = NULL;
    return value;
}

/* One step of settling; false: there is nothing to do. */
static bool
settle_once(struct own *o, struct own_channel *ch)
{
    struct own_waiter *receiver = first_towards(ch, -1);
    if (ch->count > 0 && receiver != NULL) {
        struct own_value *value =
            STINT_CONTAINER_OF(list_pop_front(&ch->buffer), struct own_value, link);
        ch->count--;
        own_dequeue(receiver);
        own_finish(o, receiver, STINT_OK, value);
        return true;
    }
    bool room = ch->count < ch->capacity;
    struct own_waiter *sender = room || receiver != NULL ? first_towards(ch, +1) : NULL;
    if (sender == NULL) {
        return false;
    }
    struct own_value *value = take_value(sender);
    own_dequeue(sender);
    own_finish(o, sender, STINT_OK, NULL);
    if (receiver != NULL) {
        own_dequeue(receiver);
        own_finish(o, receiver, STINT_OK, value);
    } else {
        list_push_back(&ch->buffer, &value->link);
        ch->count++;
    }
    return true;
}

void
own_settle(struct own *o, struct own_channel *ch)
{
    while (settle_once(o, ch)) {
    }
    if (ch->starved > 0) {
        own_relations_feed(o, ch);
    }
}

/* What an operation gets that would have to wait in a closed channel. */
static enum stint_status
refusal(const struct own_channel *ch, int direction)
{
    return direction < 0 && ch->woken ? STINT_END_OF_SEQUENCE : STINT_CLOSED;
}

void
own_enter(struct own *o, struct own_waiter *w)
{
    struct own_channel *ch = w->channel;
    bool meets = first_towards(ch, -w->direction) != NULL || (w->direction < 0 && ch->count > 0);
    if (ch->closing && !meets) {
        own_finish(o, w, refusal(ch, w->direction), NULL);
        return;
    }
    enqueue(w);
    own_settle(o, ch);
    own_check_end(o, ch);
}

/* ---- the end ---- */

static void
leave(struct own *o, struct own_channel *ch)
{
    if (ch->leaving) {
        return;
    }
    ch->leaving = true;
    o->past[o->past_next++ % OWN_ENDED_KEPT] = ch->id;
    if (ch->epoch == 0) {
        free_channel(o, ch); /* nobody ever heard of it */
        return;
    }
    ch->asked = false;
    ch->wanted = true;
    ch->retry_ns = 0;
}

/* Ends the wait of all, orphans too: their results are kept for when they ask. */
static void
wake_all(struct own *o, struct own_channel *ch)
{
    struct list *first;
    ch->closing = true;
    ch->woken = true;
    if (ch->starved > 0) {
        own_relations_feed(o, ch);
    }
    while ((first = list_first(&ch->queue)) != NULL) {
        struct own_waiter *w = STINT_CONTAINER_OF(first, struct own_waiter, place);
        own_dequeue(w);
        own_finish(o, w, refusal(ch, w->direction), NULL);
    }
}

void
own_check_end(struct own *o, struct own_channel *ch)
{
    if (ch->closing && list_is_empty(&ch->queue) && ch->count == 0) {
        leave(o, ch);
    }
}

void
own_close(struct own *o, struct own_channel *ch, bool wake)
{
    ch->closing = true;
    if (wake) {
        wake_all(o, ch);
    } else if (ch->starved > 0) {
        own_relations_feed(o, ch);
    }
    own_check_end(o, ch);
}

void
own_end(struct own *o, struct own_channel *ch)
{
    struct list *first;
    while ((first = list_first(&ch->buffer)) != NULL) {
        own_value_free(o, STINT_CONTAINER_OF(first, struct own_value, link));
    }
    ch->count = 0;
    wake_all(o, ch);
    leave(o, ch);
}

void
own_end_all(struct own *o)
{
    LIST_EACH (link, &o->channels) {
        struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        if (!ch->leaving) {
            own_end(o, ch);
        }
    }
}

/* ---- the client's operations ---- */

enum stint_status
own_begin(struct own *o, struct own_channel *ch, struct own_wait *w, int direction,
          struct stint_span value)
{
    w->waiter = (struct own_waiter){ .channel = ch, .direction = (int8_t)direction };
    list_init(&w->waiter.place);
    w->over = false;
    if (direction > 0 && (w->waiter.value = own_value_new(o, value)) == NULL) {
        return STINT_NO_MEMORY;
    }
    own_enter(o, &w->waiter);
    return STINT_OK;
}

void
own_give_up(struct own *o, struct own_wait *w)
{
    own_dequeue(&w->waiter);
    list_remove(&w->waiter.place); /* of those that are over */
    own_value_free(o, w->waiter.value);
    w->waiter.value = NULL;
}

struct own_wait *
own_done(struct own *o)
{
    struct list *first = list_pop_front(&o->done);
    return first == NULL ? NULL
                         : own_wait_of(STINT_CONTAINER_OF(first, struct own_waiter, place));
}

/* ---- registrations ---- */

/* An end is told after all that was answered before it. */
static bool
may_be_asked(const struct own *o, const struct own_channel *ch)
{
    return ch->wanted && ch->retry_ns <= o->now_ns && (!ch->leaving || list_is_empty(&o->tell));
}

bool
own_next_registration(struct own *o, struct own_registration *registration)
{
    LIST_EACH (link, &o->channels) {
        struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        if (!may_be_asked(o, ch)) {
            continue;
        }
        ch->wanted = false;
        ch->asked = true;
        *registration = (struct own_registration){ .id = ch->id,
                                                   .type_hash = ch->type_hash,
                                                   .epoch = ++ch->epoch,
                                                   .capacity = ch->capacity,
                                                   .leave = ch->leaving };
        memcpy(registration->nonce, ch->nonce, sizeof ch->nonce);
        text_copy(registration->type, sizeof registration->type, ch->type);
        return true;
    }
    return false;
}

void
own_register_again(struct own *o, struct own_channel *ch)
{
    ch->wanted = true;
    ch->asked = false;
    ch->retry_ns = o->now_ns + OWN_RETRY_NS;
}

/* Asking again would change nothing. */
static bool
is_final(enum stint_status status)
{
    return status == STINT_INVALID || status == STINT_LIMIT || status == STINT_NOT_AUTHORISED ||
           status == STINT_BAD_VERSION;
}

void
own_registered(struct own *o, struct stint_id id, uint64_t epoch, enum stint_status status,
               const char *detail)
{
    struct own_channel *ch = NULL;
    LIST_EACH (link, &o->channels) {
        struct own_channel *other = STINT_CONTAINER_OF(link, struct own_channel, link);
        ch = id_equal(other->id, id) ? other : ch;
    }
    if (ch == NULL || !ch->asked || ch->epoch != epoch) {
        return; /* of a session before this one */
    }
    ch->asked = false;
    if (ch->leaving && (status == STINT_OK || is_final(status))) {
        free_channel(o, ch);
        return;
    }
    if (!ch->confirmed && (status == STINT_OK || is_final(status))) {
        ch->confirmed = true;
        ch->status = status;
        text_copy(ch->detail, sizeof ch->detail, detail);
        list_push_back(&o->verdicts, &ch->verdict);
        return;
    }
    if (status != STINT_OK) {
        own_register_again(o, ch);
    }
}

struct own_channel *
own_verdict(struct own *o, enum stint_status *status, const char **detail)
{
    struct list *first = list_pop_front(&o->verdicts);
    if (first == NULL) {
        return NULL;
    }
    struct own_channel *ch = STINT_CONTAINER_OF(first, struct own_channel, verdict);
    *status = ch->status;
    *detail = ch->detail;
    return ch;
}

void
own_session(struct own *o)
{
    o->refusal_count = 0; /* all is offered again */
    LIST_EACH (link, &o->channels) {
        struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        ch->wanted = true;
        ch->asked = false;
        ch->retry_ns = 0;
        own_relations_doubt(o, ch);
    }
}

struct own_counts
own_count(const struct own *o)
{
    struct own_counts counts = { .values = o->values, .bytes = o->bytes };
    LIST_EACH (link, &o->channels) {
        const struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        counts.channels += !ch->leaving;
        counts.relations += table_count(&ch->relations);
    }
    return counts;
}
