/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel's side of operations that come from elsewhere: each takes place at most once, in
 * the order of its numbers. The last result is kept until a later number proves that it arrived,
 * so a lost answer is asked for by offering again. What comes after a pending operation is
 * dropped, and asked for again when that is completed.
 */
#include "kernel/relation.h"

#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "kernel/machine.h"

struct relation *
relation_find(const struct kernel *k, struct stint_id cid, struct stint_id tid)
{
    struct stint_id key[2] = { cid, tid };
    struct index_link *link = index_find(&k->relations_by_key, key);
    return link == NULL ? NULL : STINT_CONTAINER_OF(link, struct relation, by_key);
}

struct relation *
relation_new(struct kernel *k, struct channel *ch, struct stint_id tid)
{
    struct channel_extra *extra = channel_need_extra(k, ch);
    uint32_t slot;
    if (extra == NULL || extra->relation_count >= KERNEL_RELATIONS_MAX) {
        return NULL;
    }
    struct relation *r = slab_new(&k->relations, &slot);
    if (r == NULL) {
        return NULL;
    }
    r->wait.kind = WAITER_FOREIGN;
    r->slot = slot;
    r->cid = ch->id;
    r->tid = tid;
    r->channel = ch;
    list_init(&r->orphaned);
    if (index_insert(&k->relations_by_key, &r->by_key) != STINT_OK) {
        slab_free(&k->relations, r, slot);
        return NULL;
    }
    r->next_of_channel = extra->relations;
    if (extra->relations != NULL) {
        extra->relations->prev_of_channel = r;
    }
    extra->relations = r;
    extra->relation_count++;
    return r;
}

static void
drop_result(struct kernel *k, struct relation *r)
{
    mem_free(k->mem, r->result_value, r->result_size);
    r->result_value = NULL;
    r->result_size = 0;
    r->flags &= (uint8_t)~RELATION_HAS_RESULT;
}

static void
drop_pending(struct kernel *k, struct relation *r)
{
    if (r->wait.next != NULL) {
        channel_dequeue(r->channel, &r->wait);
    }
    mem_free(k->mem, r->value, r->channel->type->size);
    r->value = NULL;
    r->op = 0;
    r->wait.orphan = false;
}

void
relation_free(struct kernel *k, struct relation *r)
{
    drop_pending(k, r);
    drop_result(k, r);
    r->channel->extra->starved -= (r->flags & RELATION_STARVED) != 0;
    list_remove(&r->orphaned);
    if (r->next_of_channel != NULL) {
        r->next_of_channel->prev_of_channel = r->prev_of_channel;
    }
    if (r->prev_of_channel != NULL) {
        r->prev_of_channel->next_of_channel = r->next_of_channel;
    } else {
        r->channel->extra->relations = r->next_of_channel;
    }
    r->channel->extra->relation_count--;
    index_remove(&k->relations_by_key, &r->by_key);
    slab_free(&k->relations, r, r->slot);
}

static uint64_t
channel_epoch(const struct channel *ch)
{
    return ch->owner == NULL ? 1 : ch->owner->epoch;
}

static void
emit_refuse(struct kernel *k, const struct relation *r)
{
    struct kernel_effect *effect = effect_new(k, KERNEL_REFUSE);
    if (effect != NULL) {
        effect->tid = r->tid;
        effect->cid = r->cid;
        effect->place = r->place;
        effect->number = r->last;
        effect->epoch = channel_epoch(r->channel);
    }
}

/* The result of operation `last`, told (again). */
static void
emit_done(struct kernel *k, const struct relation *r)
{
    struct stint_span value =
        effect_bytes(k, (struct stint_span){ r->result_value, r->result_size });
    const struct known_type *known = registry_type(&k->registry, r->channel->type);
    struct kernel_effect *effect = effect_new(k, KERNEL_DONE);
    if (effect != NULL) {
        effect->tid = r->tid;
        effect->cid = r->cid;
        effect->place = r->place;
        effect->number = r->last;
        effect->epoch = channel_epoch(r->channel);
        effect->status = r->result;
        effect->type = r->channel->type;
        effect->type_hash = known == NULL ? 0 : known->hash;
        effect->value = value;
        effect->flags = r->channel->capacity > 0 ? KERNEL_BUFFERED : 0;
    }
}

enum stint_status
relation_encode(struct kernel *k, const struct stint_type *type, const void *value,
    struct stint_span *bytes)
{
    buf_reset(&k->encoded);
    enum stint_status status = type_encode(type, value, &k->encoded);
    *bytes = buf_span(&k->encoded);
    return status;
}

void
relation_end(struct kernel *k, struct relation *r)
{
    bool never_moved = r->epoch <= 1 && channel_epoch(r->channel) <= 1;
    if (never_moved || MUTANT(k->mem, END_FORGOTTEN)) {
        relation_free(k, r);
        return;
    }
    drop_pending(k, r);
    drop_result(k, r);
    r->channel->extra->starved -= (r->flags & RELATION_STARVED) != 0;
    r->flags = RELATION_ENDED;
    list_remove(&r->orphaned);
    r->orphan_until = k->now_ns + KERNEL_ENDED_NS;
    list_push_back(&k->ended_relations, &r->orphaned);
}

/* What was dropped is asked for again, but not for a single free place: else each value taken
 * would bring a window of offers, all but one in vain. A channel that closes has no room any more,
 * and says so at once: nobody need ever take what is in it. */
static bool
may_ask(const struct channel *ch)
{
    return channel_count(ch) <= ch->capacity / 2 || (ch->flags & CHANNEL_CLOSING) != 0;
}

static void
starve(struct kernel *k, struct relation *r)
{
    struct channel *ch = r->channel;
    if (may_ask(ch)) {
        emit_refuse(k, r);
    } else if ((r->flags & RELATION_STARVED) == 0) {
        r->flags |= RELATION_STARVED;
        ch->extra->starved++;
    }
}

void
relation_feed(struct kernel *k, struct channel *ch)
{
    if (!may_ask(ch)) {
        return;
    }
    for (struct relation *r = ch->extra->relations; r != NULL && ch->extra->starved > 0;
         r = r->next_of_channel) {
        if ((r->flags & RELATION_STARVED) != 0) {
            r->flags &= (uint8_t)~RELATION_STARVED;
            ch->extra->starved--;
            emit_refuse(k, r);
        }
    }
}

void
relation_complete_bytes(struct kernel *k, struct relation *r, enum stint_status status,
    struct stint_span bytes)
{
    STINT_ASSERT(r->wait.next == NULL);
    drop_pending(k, r);
    drop_result(k, r);
    r->last++;
    r->result = status;
    r->flags |= MUTANT(k->mem, NO_RESULT) ? 0 : RELATION_HAS_RESULT;
    if (bytes.size != 0) {
        r->result_value = mem_alloc(k->mem, bytes.size);
        if (r->result_value == NULL) {
            k->broken =
                true; /* the value is out of the channel and cannot be kept for a repeat */
            return;
        }
        r->result_size = (uint32_t)bytes.size;
        memcpy(r->result_value, bytes.data, bytes.size);
    }
    emit_done(k, r);
    if ((r->flags & RELATION_DROPPED) != 0) {
        r->flags &= (uint8_t)~RELATION_DROPPED;
        starve(k, r);
    }
    if ((r->flags & RELATION_ENDING) != 0 && r->last >= r->fin_number) {
        relation_end(k, r);
    }
}

void
relation_complete(struct kernel *k, struct relation *r, enum stint_status status,
    const void *value)
{
    struct stint_span bytes = { NULL, 0 };
    if (value != NULL) {
        enum stint_status encoded = relation_encode(k, r->channel->type, value, &bytes);
        if (encoded != STINT_OK) {
            status = encoded;
            bytes = (struct stint_span){ NULL, 0 };
        }
    }
    relation_complete_bytes(k, r, status, bytes);
}

/* An orphan's tasklet has come back: its pending operation is served again. */
static void
revive(struct kernel *k, struct relation *r)
{
    list_remove(&r->orphaned);
    if (r->wait.orphan) {
        r->wait.orphan = false;
        r->channel->balance += r->wait.direction;
        channel_settle(k, r->channel);
    }
}

/* Nothing to exchange with: the operation waits at the end of the queue. */
static void
offer_waits(struct kernel *k, struct relation *r, enum kernel_op op)
{
    struct channel *ch = r->channel;
    int direction = op == KERNEL_SEND ? +1 : -1;
    if ((ch->flags & CHANNEL_CLOSING) != 0) {
        relation_complete(k, r, channel_refusal(ch, direction), NULL);
        return;
    }
    if (op == KERNEL_SEND) {
        r->value = mem_alloc(k->mem, ch->type->size);
        if (r->value == NULL) {
            relation_complete(k, r, STINT_NO_MEMORY, NULL);
            return;
        }
        memcpy(r->value, k->scratch, ch->type->size);
    }
    r->op = (uint8_t)op;
    channel_enqueue(ch, &r->wait, direction);
}

/* The next operation of a relation is a send; its value is in k->scratch. */
static void
offer_sends(struct kernel *k, struct relation *r)
{
    struct channel *ch = r->channel;
    if (ch->balance < 0) {
        struct waiter *w = channel_first(ch);
        channel_dequeue(ch, w);
        channel_finish(k, ch, w, STINT_OK, k->scratch);
        relation_complete(k, r, STINT_OK, NULL);
        return;
    }
    bool room = (ch->flags & CHANNEL_CLOSING) == 0 && channel_count(ch) < ch->capacity;
    if (room && channel_store(k, ch, k->scratch) == STINT_OK) {
        relation_complete(k, r, STINT_OK, NULL);
        return;
    }
    offer_waits(k, r, KERNEL_SEND);
}

static void
offer_receives(struct kernel *k, struct relation *r)
{
    struct channel *ch = r->channel;
    if (channel_count(ch) > 0) {
        channel_take(ch, k->scratch);
        relation_complete(k, r, STINT_OK, k->scratch);
        channel_drained(k, ch);
        return;
    }
    if (ch->balance > 0) {
        struct waiter *w = channel_first(ch);
        const void *value = w->kind == WAITER_TASKLET ? tasklet_of_waiter(w)->value
                                                      : relation_of_waiter(w)->value;
        memcpy(k->scratch, value, ch->type->size);
        channel_dequeue(ch, w);
        channel_finish(k, ch, w, STINT_OK, NULL);
        relation_complete(k, r, STINT_OK, k->scratch);
        return;
    }
    offer_waits(k, r, KERNEL_RECEIVE);
}

/* Operation last + 1 has come and is not pending. */
static void
offer_begins(struct kernel *k, struct relation *r, const struct kernel_offer *offer)
{
    const struct stint_type *type = r->channel->type;
    const struct known_type *known = registry_type(&k->registry, type);
    drop_result(k, r);
    if (known == NULL || known->hash != offer->type_hash) {
        relation_complete(k, r, STINT_TYPE_MISMATCH, NULL);
    } else if (offer->op == KERNEL_RECEIVE) {
        offer_receives(k, r);
    } else if (offer->op != KERNEL_SEND ||
               type_decode(type, offer->value, k->scratch, NULL) != STINT_OK) {
        relation_complete(k, r, STINT_INVALID, NULL);
    } else {
        offer_sends(k, r);
    }
}

/*
 * The relation of an offer, made if there is none and the number fits; NULL with STINT_OK: the
 * offer is old news. Repeats the last result if it is asked for, and tells a gap once.
 */
static enum stint_status
relation_for(struct kernel *k, struct channel *ch, const struct kernel_offer *offer,
    struct relation **next)
{
    bool first = offer->number == 1 || (offer->flags & KERNEL_FIRST) != 0;
    struct relation *r = relation_find(k, offer->cid, offer->tid);
    *next = NULL;
    if (offer->number == 0) {
        return STINT_INVALID;
    }
    if (r == NULL) {
        r = relation_new(k, ch, offer->tid);
        if (r == NULL) {
            return ch->extra != NULL && ch->extra->relation_count >= KERNEL_RELATIONS_MAX
                       ? STINT_LIMIT
                       : STINT_NO_MEMORY;
        }
        r->place = offer->place;
        r->epoch = offer->epoch;
        r->last = offer->number - 1;
        if (!first) {
            /* What became of it, and of those before it, was known here once and is not any more.
             */
            relation_complete(k, r, STINT_OUTCOME_UNKNOWN, NULL);
            return STINT_OK;
        }
    }
    bool old =
        offer->epoch < r->epoch || ((r->flags & RELATION_ENDED) != 0 && offer->number <= r->last);
    if (old) {
        return STINT_OK; /* from where the tasklet no longer is, or is no more */
    }
    r->flags &= (uint8_t)~RELATION_ENDED;
    r->place = offer->place;
    r->epoch = offer->epoch;
    revive(k, r);
    r = relation_find(k, offer->cid, offer->tid);
    if (r == NULL) {
        return STINT_OK; /* reviving it completed its last operation */
    }
    if (MUTANT(k->mem, NO_SEQ) && offer->number <= r->last && r->op == 0) {
        r->last = offer->number - 1;
    }
    if (offer->number <= r->last) {
        if (offer->number == r->last && (r->flags & RELATION_HAS_RESULT) != 0) {
            emit_done(k, r);
        }
        return STINT_OK;
    }
    if (first && offer->number > r->last + 1) {
        drop_pending(k, r); /* of an earlier series of numbers, whose end has not come yet */
        r->last = offer->number - 1;
    }
    if (offer->number > r->last + 1) {
        if (r->op != 0) {
            r->flags |= RELATION_DROPPED;
        } else if ((r->flags & RELATION_GAP_TOLD) == 0) {
            r->flags |= RELATION_GAP_TOLD;
            emit_refuse(k, r);
        }
        return STINT_OK;
    }
    r->flags &= (uint8_t)~RELATION_GAP_TOLD;
    *next = r;
    return STINT_OK;
}

/* The channel of an offer, or what is wrong. */
static enum stint_status
channel_for(struct kernel *k, const struct kernel_offer *offer, struct channel **ch)
{
    *ch = channel_find(k, offer->cid);
    if (*ch == NULL) {
        return STINT_NOT_HERE;
    }
    return ((*ch)->flags & CHANNEL_AWAY) != 0 ? STINT_BUSY : STINT_OK;
}

enum stint_status
kernel_offer(struct kernel *k, const struct kernel_offer *offer)
{
    struct channel *ch;
    struct relation *r;
    enum stint_status status = channel_for(k, offer, &ch);
    if (status == STINT_OK) {
        status = relation_for(k, ch, offer, &r);
    }
    if (status != STINT_OK) {
        return status;
    }
    if (r != NULL && r->op == 0) {
        offer_begins(k, r, offer);
    }
    channel_check_end(k, ch); /* also by what the revival of an orphan has brought about */
    return STINT_OK;
}

enum stint_status
kernel_cancel(struct kernel *k, const struct kernel_offer *offer)
{
    struct channel *ch;
    struct relation *r;
    enum stint_status status = channel_for(k, offer, &ch);
    if (status == STINT_OK) {
        status = relation_for(k, ch, offer, &r);
    }
    if (status != STINT_OK) {
        return status;
    }
    if (r != NULL) {
        drop_pending(k, r);
        relation_complete(k, r, STINT_CANCELLED, NULL);
    }
    channel_check_end(k, ch);
    return STINT_OK;
}

enum stint_status
kernel_fin(struct kernel *k, struct stint_id cid, struct stint_id tid, uint64_t number)
{
    struct relation *r = relation_find(k, cid, tid);
    if (r == NULL) {
        return channel_find(k, cid) == NULL ? STINT_NOT_HERE : STINT_OK;
    }
    if ((r->channel->flags & CHANNEL_AWAY) != 0) {
        return STINT_BUSY;
    }
    if (r->last == number) {
        struct channel *ch = r->channel;
        relation_end(k, r);
        channel_check_end(k, ch);
    } else if (number > r->last) {
        r->flags |= RELATION_ENDING;
        r->fin_number = number;
    }
    return STINT_OK;
}

void
kernel_node_gone(struct kernel *k, struct kernel_place place)
{
    for (uint32_t i = 0; i < k->relations.fresh; i++) {
        struct relation *r = slab_at(&k->relations, i);
        bool there = r->channel != NULL && id_equal(r->place.node, place.node) &&
                     r->place.inc == place.inc;
        if (!there || list_is_linked(&r->orphaned)) {
            continue;
        }
        r->orphan_until = k->now_ns + KERNEL_ORPHAN_NS;
        list_push_back(&k->orphans, &r->orphaned);
        if (r->wait.next != NULL) {
            r->channel->balance -= r->wait.direction;
            r->wait.orphan = true;
        }
    }
}

/* When the first of a list is over; UINT64_MAX: it is empty. */
static uint64_t
first_until(const struct list *list)
{
    struct list *first = list_first(list);
    return first == NULL ? UINT64_MAX
                         : STINT_CONTAINER_OF(first, struct relation, orphaned)->orphan_until;
}

uint64_t
relation_deadline(const struct kernel *k)
{
    uint64_t orphans = first_until(&k->orphans);
    uint64_t ended = first_until(&k->ended_relations);
    return orphans < ended ? orphans : ended;
}

void
relation_expire(struct kernel *k)
{
    while (first_until(&k->ended_relations) <= k->now_ns) {
        relation_free(k,
            STINT_CONTAINER_OF(list_first(&k->ended_relations), struct relation, orphaned));
    }
    while (first_until(&k->orphans) <= k->now_ns) {
        struct relation *r =
            STINT_CONTAINER_OF(list_first(&k->orphans), struct relation, orphaned);
        if ((r->channel->flags & CHANNEL_AWAY) != 0) {
            /* A frozen channel does not change; its copy elsewhere counts anew. */
            list_remove(&r->orphaned);
            r->orphan_until = k->now_ns + KERNEL_ORPHAN_NS;
            list_push_back(&k->orphans, &r->orphaned);
            continue;
        }
        struct channel *ch = r->channel;
        relation_free(k, r);
        channel_check_end(k, ch);
    }
}

void
relation_resume(struct kernel *k, struct channel *ch)
{
    for (struct relation *r = ch->extra == NULL ? NULL : ch->extra->relations; r != NULL;
         r = r->next_of_channel) {
        bool ended = r->op == 0 && r->last > 0 && (r->flags & RELATION_HAS_RESULT) == 0;
        if (ended && !list_is_linked(&r->orphaned)) {
            relation_end(k, r);
        }
    }
}

/* Both sides of an operation that was local; NULL when memory is short. */
static struct relation *
relation_pair(struct kernel *k, struct tasklet *t, struct channel *ch, struct outlet **outlet)
{
    *outlet = outlet_find(k, t->id, ch->id);
    if (*outlet == NULL) {
        *outlet = outlet_new(k, t, ch->id);
    }
    struct relation *r = relation_find(k, ch->id, t->id);
    if (r == NULL) {
        r = relation_new(k, ch, t->id);
    }
    return *outlet == NULL ? NULL : r;
}

enum stint_status
relation_convert(struct kernel *k, struct tasklet *t)
{
    STINT_ASSERT(t->state == TASKLET_BLOCKED);
    struct channel *ch = t->on.channel;
    struct outlet *o;
    struct relation *r = relation_pair(k, t, ch, &o);
    const struct known_type *known = registry_type(&k->registry, ch->type);
    if (r == NULL || known == NULL) {
        bool most = ch->extra != NULL && ch->extra->relation_count >= KERNEL_RELATIONS_MAX;
        return most ? STINT_LIMIT : STINT_NO_MEMORY;
    }
    STINT_ASSERT(o->first == NULL && !o->blocking && r->op == 0);
    bool sends = t->wait.direction > 0;
    if (sends) {
        r->value = mem_alloc(k->mem, ch->type->size);
        if (r->value == NULL) {
            return STINT_NO_MEMORY;
        }
        memcpy(r->value, t->value, ch->type->size);
    }
    /* The tasklet's count rules: nothing of it was outstanding. */
    r->last = o->last;
    r->place = k->here;
    r->epoch = t->epoch;
    r->op = sends ? KERNEL_SEND : KERNEL_RECEIVE;
    list_remove(&r->orphaned);
    drop_result(k, r);
    ch->extra->starved -= (r->flags & RELATION_STARVED) != 0;
    r->flags = 0;
    r->wait.direction = t->wait.direction;
    r->wait.next = t->wait.next;
    r->wait.prev = t->wait.prev;
    r->wait.next->prev = &r->wait;
    r->wait.prev->next = &r->wait;
    t->wait.next = NULL;
    t->wait.prev = NULL;
    o->type = known->type;
    o->type_hash = known->hash;
    o->op = r->op;
    o->last++;
    o->blocking = true;
    o->cancelling = false;
    o->buffered = ch->capacity > 0;
    t->state = TASKLET_REMOTE;
    t->on.outlet = o;
    return STINT_OK;
}
