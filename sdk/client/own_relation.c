/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of tasklets on channels that the client hosts: each takes place at most once, in the
 * order of its numbers. The last result is kept until a later number proves that it arrived, so a
 * lost answer is asked for by offering again. What comes after a pending operation is dropped, and
 * asked for again when that is completed.
 */
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "client/own_internal.h"

/* An OFFER or CANCEL as it came. */
struct own_offer {
    struct stint_id cid, tid;
    struct own_channel_place place;
    uint64_t number, epoch, type_hash;
    uint8_t op;
    bool first, cancel;
    struct stint_span value;
};

/* ---- telling ---- */

static void
tell(struct own *o, struct own_relation *r, uint16_t what)
{
    r->flags |= what;
    if (!list_is_linked(&r->tell)) {
        list_push_back(&o->tell, &r->tell);
    }
}

/* There is no relation that could remember that an offer is to come again. */
static void
refuse(struct own *o, struct own_channel *ch, const struct own_offer *offer)
{
    if (o->refusal_count == OWN_REFUSALS) {
        own_register_again(o, ch); /* that brings all again */
        return;
    }
    uint32_t at = (o->refusal_first + o->refusal_count++) % OWN_REFUSALS;
    o->refusals[at] = (struct own_refusal){ offer->cid, offer->tid, offer->place };
}

static struct own_relation *
first_to_tell(const struct own *o)
{
    struct list *first = list_first(&o->tell);
    return first == NULL ? NULL : STINT_CONTAINER_OF(first, struct own_relation, tell);
}

bool
own_answer(struct own *o, struct envelope *envelope, struct stint_span *body)
{
    const struct own_relation *r = first_to_tell(o);
    const struct own_refusal *busy = &o->refusals[o->refusal_first];
    uint8_t place[OWN_CHANNEL_PLACE_SIZE];
    if (r == NULL && o->refusal_count == 0) {
        return false;
    }
    *envelope = (struct envelope){ .kind = ENVELOPE_NACK, .status = STINT_BUSY };
    own_channel_put_place(place, r != NULL ? &r->place : &busy->place);
    envelope->source = r != NULL ? r->waiter.channel->id : busy->cid;
    envelope->target = r != NULL ? r->tid : busy->tid;
    buf_reset(&o->body);
    if (!buf_append(&o->body, place, sizeof place)) {
        return false;
    }
    if (r != NULL && (r->flags & OWN_TELL_DONE) != 0) {
        envelope->kind = ENVELOPE_DONE;
        envelope->status = (uint8_t)r->status;
        envelope->number = r->last;
        if (r->result != NULL && !buf_append(&o->body, r->result->bytes, r->result->size)) {
            return false;
        }
    } else if (r != NULL && (r->flags & OWN_TELL_NACK) != 0) {
        envelope->status = STINT_OK;
        envelope->number = r->last;
    }
    *body = buf_span(&o->body);
    return true;
}

void
own_answered(struct own *o)
{
    struct own_relation *r = first_to_tell(o);
    if (r == NULL) {
        STINT_ASSERT(o->refusal_count != 0);
        o->refusal_first = (o->refusal_first + 1) % OWN_REFUSALS;
        o->refusal_count--;
        return;
    }
    uint16_t told = (r->flags & OWN_TELL_DONE) != 0   ? OWN_TELL_DONE
                    : (r->flags & OWN_TELL_NACK) != 0 ? OWN_TELL_NACK
                                                      : OWN_TELL_BUSY;
    r->flags &= (uint16_t)~told;
    if (told == OWN_TELL_DONE && r->op == 0 && (r->flags & OWN_DROPPED) != 0) {
        r->flags &= (uint16_t)~OWN_DROPPED; /* it waited for the failure before it to be told */
        r->flags |= OWN_TELL_NACK;
    }
    if ((r->flags & OWN_TELL) == 0) {
        list_remove(&r->tell);
    }
}

/* ---- relations ---- */

static void
drop_result(struct own *o, struct own_relation *r)
{
    own_value_free(o, r->result);
    r->result = NULL;
    r->flags &= (uint16_t)~OWN_HAS_RESULT;
}

static void
drop_pending(struct own *o, struct own_relation *r)
{
    own_dequeue(&r->waiter);
    own_value_free(o, r->waiter.value);
    r->waiter.value = NULL;
    r->waiter.orphan = false;
    r->op = 0;
}

static void
drop_starved(struct own_relation *r)
{
    r->waiter.channel->starved -= (r->flags & OWN_STARVED) != 0;
    r->flags &= (uint16_t)~OWN_STARVED;
}

static void
relation_free(struct own *o, struct own_relation *r)
{
    drop_pending(o, r);
    drop_result(o, r);
    drop_starved(r);
    (void)table_remove(&r->waiter.channel->relations, r->tid);
    list_remove(&r->of_channel);
    list_remove(&r->tell);
    list_remove(&r->timed);
    mem_free(o->mem, r, sizeof *r);
}

void
own_relations_free(struct own *o, struct own_channel *ch)
{
    struct list *first;
    while ((first = list_first(&ch->used)) != NULL) {
        relation_free(o, STINT_CONTAINER_OF(first, struct own_relation, of_channel));
    }
}

/* Room for one more: one that has been unused for a minute goes, if it is among the oldest. */
static bool
make_room(struct own *o, struct own_channel *ch)
{
    uint32_t tries = 0;
    if (table_count(&ch->relations) < o->config.relations_max) {
        return true;
    }
    LIST_EACH (link, &ch->used) {
        struct own_relation *r = STINT_CONTAINER_OF(link, struct own_relation, of_channel);
        if (r->op == 0 && r->used_ns + OWN_ORPHAN_NS <= o->now_ns) {
            relation_free(o, r);
            return true;
        }
        if (++tries == 8) {
            break;
        }
    }
    return false;
}

static struct own_relation *
relation_new(struct own *o, struct own_channel *ch, struct stint_id tid)
{
    struct own_relation *r = make_room(o, ch) ? mem_zalloc(o->mem, sizeof *r) : NULL;
    if (r == NULL) {
        return NULL;
    }
    r->waiter.channel = ch;
    r->waiter.foreign = true;
    r->tid = tid;
    list_init(&r->waiter.place);
    list_init(&r->of_channel);
    list_init(&r->tell);
    list_init(&r->timed);
    if (table_insert(&ch->relations, tid, r) != STINT_OK) {
        mem_free(o->mem, r, sizeof *r);
        return NULL;
    }
    list_push_back(&ch->used, &r->of_channel);
    return r;
}

/* Its tasklet has ended. If that or the channel's relay ever changed its place, an offer may still
 * be on a longer way than the word of the end. */
static void
relation_end(struct own *o, struct own_relation *r)
{
    if (r->epoch <= 1 && r->waiter.channel->epoch <= 1) {
        relation_free(o, r);
        return;
    }
    drop_pending(o, r);
    drop_result(o, r);
    drop_starved(r);
    list_remove(&r->tell);
    list_remove(&r->timed);
    r->flags = OWN_ENDED;
    r->until_ns = o->now_ns + OWN_FORGET_NS;
    list_push_back(&o->ended, &r->timed);
}

/* ---- asking for more ---- */

/* Not for a single free place: else each value taken would bring a window of offers, all but one in
 * vain. A closed channel has no room any more, and says so at once. */
static bool
may_ask(const struct own_channel *ch)
{
    return ch->count <= ch->capacity / 2 || ch->closing;
}

static void
starve(struct own *o, struct own_relation *r)
{
    struct own_channel *ch = r->waiter.channel;
    if (may_ask(ch)) {
        tell(o, r, OWN_TELL_NACK);
    } else if ((r->flags & OWN_STARVED) == 0) {
        r->flags |= OWN_STARVED;
        ch->starved++;
    }
}

void
own_relations_feed(struct own *o, struct own_channel *ch)
{
    if (!may_ask(ch)) {
        return;
    }
    LIST_EACH (link, &ch->used) {
        struct own_relation *r = STINT_CONTAINER_OF(link, struct own_relation, of_channel);
        if ((r->flags & OWN_STARVED) != 0) {
            drop_starved(r);
            tell(o, r, OWN_TELL_NACK);
        }
    }
}

/* ---- completion ---- */

void
own_relation_finish(struct own *o, struct own_relation *r, enum stint_status status,
                    struct own_value *value)
{
    drop_pending(o, r);
    drop_result(o, r);
    r->last++;
    r->status = status;
    r->result = value;
    r->flags |= OWN_HAS_RESULT;
    tell(o, r, OWN_TELL_DONE);
    if ((r->flags & OWN_DROPPED) != 0 && status == STINT_OK) {
        r->flags &= (uint16_t)~OWN_DROPPED;
        starve(o, r);
    }
    if ((r->flags & OWN_ENDING) != 0 && r->last >= r->fin_number) {
        relation_end(o, r);
    }
}

/* ---- offers ---- */

/* Where its tasklet is now; one that was in doubt is served again. */
static void
relation_seen(struct own *o, struct own_relation *r, const struct own_offer *offer)
{
    struct own_channel *ch = r->waiter.channel;
    r->flags &= (uint16_t)~OWN_ENDED;
    r->place = offer->place;
    r->epoch = offer->epoch;
    r->used_ns = o->now_ns;
    list_remove(&r->timed);
    list_remove(&r->of_channel);
    list_push_back(&ch->used, &r->of_channel);
    if (r->waiter.orphan) {
        own_set_orphan(&r->waiter, false);
        own_settle(o, ch);
    }
}

/* A failure that was not told yet is told by itself: a later DONE would say that all went well. */
static bool
must_wait(const struct own_relation *r)
{
    return r->op != 0 || ((r->flags & OWN_TELL_DONE) != 0 && r->status != STINT_OK);
}

/*
 * The relation whose next operation is offered, made if there is none; NULL: the offer is old news,
 * or comes too early, or there is no room. Repeats the last result if it is asked for, and tells a
 * gap once.
 */
static struct own_relation *
relation_for(struct own *o, struct own_channel *ch, const struct own_offer *offer)
{
    bool first = offer->number == 1 || offer->first;
    struct own_relation *r = table_find(&ch->relations, offer->tid);
    if (r == NULL) {
        r = relation_new(o, ch, offer->tid);
        if (r == NULL) {
            refuse(o, ch, offer);
            return NULL;
        }
        r->last = offer->number - 1;
        relation_seen(o, r, offer);
        if (!first) { /* what became of it, and of those before it, is not known any more */
            own_relation_finish(o, r, STINT_OUTCOME_UNKNOWN, NULL);
            return NULL;
        }
    }
    bool ended = (r->flags & OWN_ENDED) != 0 && offer->number <= r->last;
    if (offer->epoch < r->epoch || ended) {
        return NULL; /* from where the tasklet no longer is, or is no more */
    }
    relation_seen(o, r, offer);
    r = table_find(&ch->relations, offer->tid);
    if (r == NULL) {
        return NULL; /* that completed its last operation */
    }
    if (offer->number <= r->last) {
        if (offer->number == r->last && (r->flags & OWN_HAS_RESULT) != 0) {
            tell(o, r, OWN_TELL_DONE);
        }
        return NULL;
    }
    if (first && offer->number > r->last + 1) { /* a new series of numbers */
        drop_pending(o, r);
        r->last = offer->number - 1;
    }
    if (offer->number > r->last + 1) {
        if (must_wait(r)) {
            r->flags |= OWN_DROPPED;
        } else if ((r->flags & OWN_GAP_TOLD) == 0) {
            r->flags |= OWN_GAP_TOLD;
            tell(o, r, OWN_TELL_NACK);
        }
        return NULL;
    }
    r->flags &= (uint16_t)~OWN_GAP_TOLD;
    return r;
}

/* Operation last + 1 begins. */
static void
offer_begins(struct own *o, struct own_relation *r, const struct own_offer *offer)
{
    struct own_channel *ch = r->waiter.channel;
    bool sends = offer->op == OWN_CHANNEL_SEND;
    struct own_value *value = NULL;
    if (offer->type_hash != ch->type_hash) {
        own_relation_finish(o, r, STINT_TYPE_MISMATCH, NULL);
        return;
    }
    bool fits = !sends || o->bytes + offer->value.size <= o->config.bytes_max;
    if (!fits || (sends && (value = own_value_new(o, offer->value)) == NULL)) {
        tell(o, r, OWN_TELL_BUSY);
        return;
    }
    if (r->result != NULL) { /* receives go one by one, so it has arrived */
        r->flags &= (uint16_t)~OWN_TELL_DONE;
        if ((r->flags & OWN_TELL) == 0) {
            list_remove(&r->tell);
        }
    }
    drop_result(o, r);
    r->op = offer->op;
    r->waiter.direction = sends ? +1 : -1;
    r->waiter.value = value;
    own_enter(o, &r->waiter);
}

static void
offered(struct own *o, struct own_channel *ch, const struct own_offer *offer)
{
    struct own_relation *r = relation_for(o, ch, offer);
    if (r == NULL) {
        return;
    }
    if (r->op == 0 && must_wait(r)) {
        r->flags |= OWN_DROPPED;
    } else if (offer->cancel) {
        drop_pending(o, r);
        own_relation_finish(o, r, STINT_CANCELLED, NULL);
        own_check_end(o, ch);
    } else if (r->op == 0) {
        offer_begins(o, r, offer);
    }
}

/* ---- what comes from the relay ---- */

static struct own_channel *
channel_of(const struct own *o, struct stint_id id)
{
    LIST_EACH (link, &o->channels) {
        struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        if (id_equal(ch->id, id)) {
            return ch;
        }
    }
    return NULL;
}

static void
receive_offer(struct own *o, struct own_channel *ch, const struct envelope *e, struct stint_span body)
{
    struct own_offer offer = { .cid = e->target,
                               .tid = e->source,
                               .number = e->number,
                               .epoch = e->epoch,
                               .type_hash = e->word,
                               .op = e->op,
                               .first = (e->flags & OWN_CHANNEL_FIRST) != 0,
                               .cancel = e->kind == ENVELOPE_CANCEL };
    bool known = e->op == OWN_CHANNEL_SEND || e->op == OWN_CHANNEL_RECEIVE;
    if (known && e->number != 0 && own_channel_get_place(&body, &offer.place)) {
        offer.value = body;
        offered(o, ch, &offer);
    }
}

static void
receive_fin(struct own *o, struct own_channel *ch, const struct envelope *e)
{
    struct own_relation *r = table_find(&ch->relations, e->source);
    if (r == NULL) {
        return;
    }
    if (r->last == e->number) {
        relation_end(o, r);
    } else if (e->number > r->last) {
        r->flags |= OWN_ENDING;
        r->fin_number = e->number;
    }
}

/* It may be no more: it keeps its place, and is served again when it offers again. */
static void
make_orphan(struct own *o, struct own_relation *r, bool node_gone)
{
    list_remove(&r->timed);
    own_set_orphan(&r->waiter, r->op != 0);
    r->node_gone = node_gone;
    r->until_ns = o->now_ns + OWN_ORPHAN_NS;
    list_push_back(&o->orphans, &r->timed);
}

static void
receive_gone(struct own *o, const struct envelope *e)
{
    LIST_EACH (link, &o->channels) {
        struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        LIST_EACH (of, &ch->used) {
            struct own_relation *r = STINT_CONTAINER_OF(of, struct own_relation, of_channel);
            if (id_equal(r->place.node, e->source) && r->place.incarnation == e->number &&
                (r->flags & OWN_ENDED) == 0) {
                make_orphan(o, r, true);
            }
        }
    }
}

void
own_relations_doubt(struct own *o, struct own_channel *ch)
{
    LIST_EACH (link, &ch->used) {
        struct own_relation *r = STINT_CONTAINER_OF(link, struct own_relation, of_channel);
        if (r->op != 0) {
            make_orphan(o, r, r->node_gone && list_is_linked(&r->timed));
        }
    }
}

void
own_receive(struct own *o, const struct envelope *envelope, struct stint_span body)
{
    if (envelope->kind == ENVELOPE_NACK) {
        receive_gone(o, envelope);
        return;
    }
    struct own_channel *ch = channel_of(o, envelope->target);
    if (ch == NULL) {
        return;
    }
    switch (envelope->kind) {
    case ENVELOPE_OFFER:
    case ENVELOPE_CANCEL:
        receive_offer(o, ch, envelope, body);
        break;
    case ENVELOPE_FIN:
        receive_fin(o, ch, envelope);
        break;
    case ENVELOPE_CLOSE:
        if (!ch->leaving) {
            own_close(o, ch, (envelope->op & OWN_CHANNEL_WAKE) != 0);
        }
        break;
    default:
        break;
    }
}

/* ---- time ---- */

static struct own_relation *
first_timed(const struct list *list)
{
    struct list *first = list_first(list);
    return first == NULL ? NULL : STINT_CONTAINER_OF(first, struct own_relation, timed);
}

void
own_tick(struct own *o, uint64_t now_ns)
{
    struct own_relation *r;
    o->now_ns = now_ns;
    while ((r = first_timed(&o->ended)) != NULL && r->until_ns <= now_ns) {
        relation_free(o, r);
    }
    while ((r = first_timed(&o->orphans)) != NULL && r->until_ns <= now_ns) {
        struct own_channel *ch = r->waiter.channel;
        if (r->node_gone) {
            relation_free(o, r);
        } else { /* its tasklet may be busy with other things: how far it is stays known */
            list_remove(&r->timed);
            drop_pending(o, r);
        }
        own_check_end(o, ch);
    }
}

uint64_t
own_deadline(const struct own *o)
{
    const struct own_relation *firsts[] = { first_timed(&o->ended), first_timed(&o->orphans) };
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < 2; i++) {
        at = firsts[i] != NULL && firsts[i]->until_ns < at ? firsts[i]->until_ns : at;
    }
    LIST_EACH (link, &o->channels) {
        const struct own_channel *ch = STINT_CONTAINER_OF(link, struct own_channel, link);
        bool waits = ch->wanted && ch->retry_ns > o->now_ns && ch->retry_ns < at;
        at = waits ? ch->retry_ns : at;
    }
    return at;
}
