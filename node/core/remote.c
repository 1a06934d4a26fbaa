/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol C over the wire: the kernel's effects become envelopes, envelopes become calls into the kernel.
 *
 *   OFFER, CANCEL   to the channel's host   word: type hash; body: value
 *   FIN, CLOSE      to the channel's host
 *   DONE            to the tasklet's place  word: type hash; body: value
 *   NACK            to the tasklet's place  number: the last one completed; or status NOT_HERE, BUSY: offer again
 *   KILL            to the tasklet's host
 *
 * Nothing here remembers an operation: the kernel of the tasklet does, and offers again whenever a route was wrong. The only
 * memory is a list of pairs of tasklet and channel that are offered again after a pause (`retries`), each once. What that
 * has no room for is found by walking through all that is outstanding, a part at a time.
 */
#include <string.h>

#include "base/heap.h"
#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/codec.h"
#include "core/node.h"

#define OFFER_FIRST 1 /* flag of OFFER and CANCEL: the tasklet's numbers to this channel begin here */
#define RETRIES_MAX 65536
#define RETRY_NS (UINT64_C(20) * 1000000)
#define NAME_TIMEOUT_MS 10000

struct retry {
    struct heap_item item;
    struct stint_id key, tid, cid;
};

struct naming {
    struct stint_id tid, cid;
};

struct remote {
    struct table retries; /* by pair_id; the tasklet may be the participant of a request */
    struct heap due;
    uint64_t tie;
    bool missed;     /* `retries` had no room for some: all that is outstanding is walked through */
    bool walking;
    uint32_t cursor; /* of that walk, which goes on as there is room */
    struct table namings; /* by token */
    uint64_t next_token;
};

enum stint_status
remote_init(struct node *n)
{
    struct remote *r = mem_zalloc(n->mem, sizeof *r);
    if (r == NULL) {
        return STINT_NO_MEMORY;
    }
    table_init(&r->retries, n->mem, prng_next(&n->random));
    table_init(&r->namings, n->mem, prng_next(&n->random));
    heap_init(&r->due, n->mem);
    r->next_token = 1;
    n->remote = r;
    return STINT_OK;
}

static void
free_retry(struct node *n, struct retry *retry)
{
    (void)table_remove(&n->remote->retries, retry->key);
    heap_remove(&n->remote->due, &retry->item);
    mem_free(n->mem, retry, sizeof *retry);
}

void
remote_fini(struct node *n)
{
    struct remote *r = n->remote;
    if (r == NULL) {
        return;
    }
    struct retry *retry;
    while ((retry = table_first(&r->retries)) != NULL) {
        free_retry(n, retry);
    }
    struct table_cursor cursor = { 0 };
    struct stint_id key;
    void *value;
    while (table_each(&r->namings, &cursor, &key, &value)) {
        (void)table_remove(&r->namings, key);
        mem_free(n->mem, value, sizeof(struct naming));
    }
    table_fini(&r->namings);
    table_fini(&r->retries);
    heap_fini(&r->due);
    mem_free(n->mem, r, sizeof *r);
    n->remote = NULL;
}

/* ---- offering again after a pause ---- */

static struct stint_id
pair_id(struct stint_id tid, struct stint_id cid)
{
    for (size_t i = 0; i < sizeof tid.bytes; i++) {
        tid.bytes[i] ^= cid.bytes[i];
    }
    return tid;
}

/*
 * Once for each pair, however often it is refused meanwhile: each of a window of offers is refused by itself, and if each
 * refusal brought the whole window again there would soon be no end of them.
 */
static void
offer_after(struct node *n, struct stint_id tid, struct stint_id cid, uint64_t delay_ns)
{
    struct remote *r = n->remote;
    struct stint_id key = pair_id(tid, cid);
    if (table_find(&r->retries, key) != NULL) {
        return;
    }
    struct retry *retry = table_count(&r->retries) < RETRIES_MAX ? mem_zalloc(n->mem, sizeof *retry) : NULL;
    if (retry == NULL) {
        r->missed = true;
        return;
    }
    *retry = (struct retry){ .key = key, .tid = tid, .cid = cid };
    if (table_insert(&r->retries, key, retry) != STINT_OK) {
        mem_free(n->mem, retry, sizeof *retry);
        r->missed = true;
    } else if (heap_insert(&r->due, &retry->item, n->now_ns + delay_ns, r->tie++) != STINT_OK) {
        free_retry(n, retry);
        r->missed = true;
    }
}

void
remote_again(struct node *n, struct stint_id tid, struct stint_id cid)
{
    offer_after(n, tid, cid, RETRY_NS);
}

/* What is outstanding, as much of it as there is room for; the rest when these have had their turn. */
static void
walk_outstanding(struct node *n)
{
    struct remote *r = n->remote;
    struct stint_id cid, tid;
    while (r->walking && table_count(&r->retries) < RETRIES_MAX) {
        r->walking = kernel_outstanding(n->kernel, &r->cursor, &cid, &tid);
        if (r->walking) {
            remote_again(n, tid, cid);
        }
    }
}

static void
reoffer_outstanding(struct node *n)
{
    struct remote *r = n->remote;
    r->missed = r->missed || r->walking; /* those before its cursor are walked through again after it */
    if (!r->walking) {
        r->walking = true;
        r->cursor = 0;
    }
    walk_outstanding(n);
}

void
remote_tick(struct node *n)
{
    struct remote *r = n->remote;
    struct heap_item *item;
    while ((item = heap_first(&r->due)) != NULL && item->key <= n->now_ns) {
        struct retry *retry = STINT_CONTAINER_OF(item, struct retry, item);
        kernel_reoffer_one(n->kernel, retry->tid, retry->cid);
        admin_reoffer(n, retry->tid);
        free_retry(n, retry);
    }
    if (r->missed && !r->walking && item == NULL) {
        r->missed = false;
        reoffer_outstanding(n);
        admin_reoffer_all(n);
    } else {
        walk_outstanding(n);
    }
}

uint64_t
remote_deadline(const struct node *n)
{
    const struct heap_item *item = heap_first(&n->remote->due);
    if (item == NULL && (n->remote->missed || n->remote->walking)) {
        return n->now_ns + RETRY_NS;
    }
    return item != NULL ? item->key : UINT64_MAX;
}

/* ---- out: what the kernel wants of others ---- */

void
remote_send_offer(struct node *n, const struct kernel_offer *offer, bool cancel)
{
    struct envelope envelope = { .kind = cancel ? ENVELOPE_CANCEL : ENVELOPE_OFFER,
                                 .flags = (offer->flags & KERNEL_FIRST) != 0 ? OFFER_FIRST : 0,
                                 .op = (uint8_t)offer->op,
                                 .number = offer->number,
                                 .epoch = offer->epoch,
                                 .word = offer->type_hash,
                                 .source = offer->tid,
                                 .target = offer->cid };
    route_send(n, stint_LocateKind_LOCATE_CHANNEL, &envelope, offer->value);
}

static void
send_offer(struct node *n, const struct kernel_effect *e)
{
    struct kernel_offer offer = { .cid = e->cid,
                                  .tid = e->tid,
                                  .number = e->number,
                                  .epoch = e->epoch,
                                  .type_hash = e->type_hash,
                                  .place = { n->self.id, n->self.inc },
                                  .flags = e->flags,
                                  .op = e->op,
                                  .value = e->value };
    remote_send_offer(n, &offer, e->kind == KERNEL_CANCEL);
}

static void
send_done(struct node *n, const struct kernel_effect *e)
{
    struct envelope envelope = { .kind = ENVELOPE_DONE,
                                 .op = (uint8_t)e->flags,
                                 .status = (uint8_t)e->status,
                                 .number = e->number,
                                 .epoch = e->epoch,
                                 .word = e->type_hash,
                                 .source = e->cid,
                                 .target = e->tid };
    if (view_has(n->view, (struct node_ref){ e->place.node, e->place.inc })) {
        peers_send(n, e->place.node, &envelope, e->value);
    }
}

static void
send_refuse(struct node *n, struct stint_id to, struct stint_id tid, struct stint_id cid, uint64_t last,
            uint64_t epoch, enum stint_status status)
{
    struct envelope envelope = { .kind = ENVELOPE_NACK,
                                 .status = (uint8_t)status,
                                 .number = last,
                                 .epoch = epoch,
                                 .source = cid,
                                 .target = tid };
    peers_send(n, to, &envelope, span_of(NULL, 0));
}

void
remote_refuse(struct node *n, const struct arrival *offer, enum stint_status status)
{
    send_refuse(n, offer->from.id, offer->envelope.source, offer->envelope.target, 0, 0, status);
}

void
remote_moved(struct node *n, struct stint_id tid, struct node_ref place, const struct directory_place *where)
{
    if (!view_has(n->view, place)) {
        return;
    }
    if (!id_equal(place.id, n->self.id)) {
        route_tell(n, place.id, where);
    }
    send_refuse(n, place.id, tid, where->id, 0, 0, STINT_NOT_HERE);
}

static void
send_plain(struct node *n, uint8_t kind, stint_LocateKind what, const struct kernel_effect *e,
           struct stint_id target)
{
    struct envelope envelope = { .kind = kind,
                                 .op = (uint8_t)e->flags,
                                 .number = e->number,
                                 .epoch = e->epoch,
                                 .source = e->tid,
                                 .target = target };
    route_send(n, what, &envelope, span_of(NULL, 0));
}

/* ---- names ---- */

static void
named(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct naming *naming = table_remove(&n->remote->namings, id_of_u64(token));
    if (naming == NULL) {
        return;
    }
    kernel_named(n->kernel, naming->tid, naming->cid, (enum stint_status)reply->status);
    mem_free(n->mem, naming, sizeof *naming);
}

void
remote_channel_gone(struct node *n, struct stint_id cid, const char *name)
{
    if (name != NULL) {
        stint_StoreRequest request = stint_StoreRequest_init_zero;
        request.op = stint_StoreOp_STORE_NAME_DROP;
        text_copy(request.name, sizeof request.name, name);
        memcpy(request.channel, cid.bytes, 16);
        control_store(n, &request, 30000, NULL, 0);
    }
    route_ended(n, cid, stint_LocateKind_LOCATE_CHANNEL);
}

static void
want_name(struct node *n, const struct kernel_effect *e)
{
    struct remote *r = n->remote;
    struct naming *naming = mem_alloc(n->mem, sizeof *naming);
    uint64_t token = r->next_token++;
    if (naming == NULL || table_insert(&r->namings, id_of_u64(token), naming) != STINT_OK) {
        mem_free(n->mem, naming, naming != NULL ? sizeof *naming : 0);
        kernel_named(n->kernel, e->tid, e->cid, STINT_NO_MEMORY);
        return;
    }
    *naming = (struct naming){ e->tid, e->cid };
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_NAME_PUT;
    text_copy(request.name, sizeof request.name, e->text);
    memcpy(request.channel, e->cid.bytes, 16);
    memcpy(request.owner, e->tid.bytes, 16);
    control_store(n, &request, NAME_TIMEOUT_MS, named, token);
}

/* ---- the kernel's effects ---- */

static void
carry_out(struct node *n, const struct kernel_effect *e)
{
    switch (e->kind) {
    case KERNEL_OFFER:
    case KERNEL_CANCEL:
        send_offer(n, e);
        break;
    case KERNEL_FIN:
        if (MUTANT(n->mem, FIN_LOST)) {
            break;
        }
        send_plain(n, ENVELOPE_FIN, stint_LocateKind_LOCATE_CHANNEL, e, e->cid);
        break;
    case KERNEL_DONE:
        send_done(n, e);
        break;
    case KERNEL_REFUSE:
        send_refuse(n, e->place.node, e->tid, e->cid, e->number, e->epoch, STINT_OK);
        break;
    case KERNEL_CLOSE:
        send_plain(n, ENVELOPE_CLOSE, stint_LocateKind_LOCATE_CHANNEL, e, e->cid);
        break;
    case KERNEL_KILL:
        send_plain(n, ENVELOPE_KILL, stint_LocateKind_LOCATE_TASKLET, e, e->tid);
        break;
    case KERNEL_NAME_CHANNEL:
        want_name(n, e);
        break;
    case KERNEL_CHANNEL_GONE:
        remote_channel_gone(n, e->cid, e->text);
        break;
    case KERNEL_SUSPENDED:
        admin_tasklet_suspended(n, e->tid);
        break;
    case KERNEL_ENDED:
        if (e->status != STINT_OK && e->status != STINT_KILLED) {
            node_log(n, NODE_LOG_WARN, "a tasklet ended with an error: %s", e->text != NULL ? e->text : "");
        }
        route_ended(n, e->tid, stint_LocateKind_LOCATE_TASKLET);
        tags_forget(n, e->tid);
        admin_tasklet_ended(n, e->tid, e->status, e->text, e->type != NULL ? e->type->name : "", e->value);
        break;
    case KERNEL_MIGRATE_SELF: {
        char detail[MOVE_DETAIL_SIZE] = "";
        if (id_equal(e->place.node, n->self.id)) {
            kernel_move_refused(n->kernel, e->tid, STINT_OK, "");
            break;
        }
        enum stint_status status = mover_start(n, e->tid, e->place.node, "asked for by the tasklet", "tasklet",
                                               NULL, detail, sizeof detail);
        if (status != STINT_OK) {
            kernel_move_refused(n->kernel, e->tid, status, detail);
        }
        break;
    }
    case KERNEL_LOG:
        node_record(n, "tasklet: %s", e->text);
        break;
    }
}

bool
remote_settle(struct node *n)
{
    uint32_t count;
    const struct kernel_effect *effects = kernel_effects(n->kernel, &count);
    for (uint32_t i = 0; i < count; i++) {
        carry_out(n, &effects[i]);
    }
    return count != 0;
}

/* ---- in: what others want of this kernel ---- */

static bool
read_offer(const struct arrival *a, struct kernel_offer *offer)
{
    if (a->envelope.op < KERNEL_SEND || a->envelope.op > KERNEL_RECEIVE) {
        return false;
    }
    *offer = (struct kernel_offer){ .cid = a->envelope.target,
                                    .tid = a->envelope.source,
                                    .number = a->envelope.number,
                                    .epoch = a->envelope.epoch,
                                    .type_hash = a->envelope.word,
                                    .flags = (a->envelope.flags & OFFER_FIRST) != 0 ? KERNEL_FIRST : 0,
                                    .op = (enum kernel_op)a->envelope.op,
                                    .value = a->body };
    return true;
}

/*
 * It came to the wrong place. Who offers is told where the channel went, if that is known, and offers there itself: so an
 * offer always comes from the node that its tasklet is on. What has no answer is passed on instead, within few hops.
 */
static void
misrouted(struct node *n, const struct arrival *a)
{
    struct directory_place place;
    bool knows = directory_lookup(n->directory, a->envelope.target, &place, n->now_ns) && !place.ended &&
                 !id_equal(place.node.id, n->self.id) && view_has(n->view, place.node);
    if (a->envelope.kind == ENVELOPE_OFFER || a->envelope.kind == ENVELOPE_CANCEL) {
        if (knows) {
            route_tell(n, a->from.id, &place);
        }
        send_refuse(n, a->from.id, a->envelope.source, a->envelope.target, 0, 0, STINT_NOT_HERE);
    } else if (knows && a->envelope.hops < LIMIT_HOPS) {
        struct envelope envelope = a->envelope;
        envelope.hops++;
        peers_send(n, place.node.id, &envelope, a->body);
    }
}

/* The answer to an operation of which no kernel knows anything. */
static void
fail_offer(struct node *n, const struct kernel_offer *offer, enum stint_status status)
{
    struct kernel_effect done = { .kind = KERNEL_DONE, .tid = offer->tid, .cid = offer->cid, .place = offer->place,
                                  .number = offer->number, .epoch = 1, .status = status };
    send_done(n, &done);
}

/*
 * To the kernel, if need be after its channel was born of it. Then nothing has ever been done on that channel, so whatever
 * number comes is the first.
 */
static enum stint_status
give_to_kernel(struct node *n, struct kernel_offer *offer, bool cancel)
{
    if (unborn_has(n, offer->cid)) {
        enum stint_status status = unborn_adopt(n, offer->cid, kernel_find_type_hash(n->kernel, offer->type_hash));
        if (status == STINT_NO_MEMORY) {
            return status;
        }
        if (status != STINT_OK) {
            fail_offer(n, offer, status);
            return STINT_OK;
        }
        offer->flags |= KERNEL_FIRST;
    }
    return cancel ? kernel_cancel(n->kernel, offer) : kernel_offer(n->kernel, offer);
}

static void
offer_received(struct node *n, const struct arrival *a)
{
    struct kernel_offer offer;
    if (!read_offer(a, &offer)) {
        node_log(n, NODE_LOG_WARN, "malformed offer from %s", a->by);
        return;
    }
    offer.place = (struct kernel_place){ a->from.id, a->from.inc };
    enum stint_status status = give_to_kernel(n, &offer, a->envelope.kind == ENVELOPE_CANCEL);
    switch (status) {
    case STINT_OK:
        break;
    case STINT_NOT_HERE:
        misrouted(n, a);
        break;
    case STINT_BUSY:
        if (mover_hold(n, a)) {
            break;
        }
        send_refuse(n, offer.place.node, offer.tid, offer.cid, 0, 0, STINT_BUSY);
        break;
    default:
        send_refuse(n, offer.place.node, offer.tid, offer.cid, 0, 0, STINT_BUSY);
        break;
    }
}

static void
done_received(struct node *n, const struct arrival *a)
{
    if (a->envelope.status >= STINT_STATUS_COUNT_) {
        node_log(n, NODE_LOG_WARN, "malformed result from %s", a->by);
        return;
    }
    struct kernel_done done = { .tid = a->envelope.target,
                                .cid = a->envelope.source,
                                .number = a->envelope.number,
                                .type_hash = a->envelope.word,
                                .flags = a->envelope.op,
                                .status = (enum stint_status)a->envelope.status,
                                .value = a->body };
    struct directory_place place = { .id = done.cid,
                                     .kind = stint_LocateKind_LOCATE_CHANNEL,
                                     .node = a->from,
                                     .epoch = a->envelope.epoch };
    if (a->envelope.hops == 0 && !id_equal(a->from.id, n->self.id)) {
        (void)directory_learn(n->directory, &place, n->now_ns);
    }
    if (admin_operation_done(n, &done)) {
        return;
    }
    /* The host may forget the result with the channel itself, so it follows a tasklet that is on its way. */
    if (mover_is_away(n, done.tid) && mover_hold(n, a)) {
        return;
    }
    if (!kernel_has_tasklet(n->kernel, done.tid)) {
        misrouted(n, a);
    }
    kernel_done(n->kernel, &done); /* an ended tasklet's sends are confirmed too */
}

static void
refuse_received(struct node *n, const struct arrival *a)
{
    struct stint_id tid = a->envelope.target, cid = a->envelope.source;
    if (a->envelope.status == STINT_OK) {
        if (!admin_operation_refused(n, tid, cid, a->envelope.number)) {
            kernel_refused(n->kernel, tid, cid, a->envelope.number);
        }
        return;
    }
    struct directory_place place;
    bool known = directory_lookup(n->directory, cid, &place, n->now_ns) && !place.ended;
    if (a->envelope.status == STINT_NOT_HERE) {
        admin_operation_not_here(n, tid, cid);
    }
    if (a->envelope.status == STINT_NOT_HERE && known) {
        if (!id_equal(place.node.id, a->from.id)) { /* it was told where the channel went */
            offer_after(n, tid, cid, 0);
            return;
        }
        route_wrong(n, cid, place.epoch);
    }
    remote_again(n, tid, cid);
}

void
remote_receive(struct node *n, const struct arrival *a)
{
    enum stint_status status;
    if (guest_receive(n, a)) {
        return;
    }
    switch (a->envelope.kind) {
    case ENVELOPE_OFFER:
    case ENVELOPE_CANCEL:
        offer_received(n, a);
        break;
    case ENVELOPE_DONE:
        done_received(n, a);
        break;
    case ENVELOPE_NACK:
        refuse_received(n, a);
        break;
    case ENVELOPE_FIN:
        status = kernel_fin(n->kernel, a->envelope.target, a->envelope.source, a->envelope.number);
        if (status == STINT_NOT_HERE) {
            misrouted(n, a);
        } else if (status == STINT_BUSY) {
            (void)mover_hold(n, a);
        }
        break;
    case ENVELOPE_CLOSE:
        status = kernel_channel_close(n->kernel, a->envelope.target, (a->envelope.op & KERNEL_WAKE) != 0);
        if (status == STINT_NOT_HERE && !unborn_close(n, a->envelope.target)) {
            misrouted(n, a);
        } else if (status == STINT_BUSY) {
            (void)mover_hold(n, a);
        }
        break;
    case ENVELOPE_KILL:
        status = kernel_kill(n->kernel, a->envelope.target, (a->envelope.op & KERNEL_PENDING) != 0);
        if (status == STINT_NOT_HERE) {
            misrouted(n, a);
        } else if (status == STINT_BUSY) {
            (void)mover_hold(n, a);
        }
        break;
    default:
        break;
    }
}

/* Nobody has the target. */
void
remote_lost(struct node *n, const struct envelope *envelope)
{
    if (envelope->kind != ENVELOPE_OFFER && envelope->kind != ENVELOPE_CANCEL) {
        return;
    }
    if (!admin_operation_lost(n, envelope->source, envelope->target)) {
        kernel_channel_lost(n->kernel, envelope->target);
    }
}

/* ---- what changes outside ---- */

struct gone_walk {
    struct node *n;
    bool any;
};

static void
see_gone(void *arg, enum view_change change, const struct member *m)
{
    struct gone_walk *walk = arg;
    if (change == VIEW_GONE) {
        walk->any = true;
        if (MUTANT(walk->n->mem, VIEW_PARTIAL)) {
            return;
        }
        kernel_node_gone(walk->n->kernel, (struct kernel_place){ m->ref.id, m->ref.inc });
    }
}

/*
 * A node is gone: relations of its tasklets become orphans, and whatever is outstanding here is offered again, for
 * the channel may have been on that node, or its answer in flight from there. Offers are idempotent.
 */
void
remote_view(struct node *n, const struct view *old, const struct view *next)
{
    struct gone_walk walk = { n, false };
    view_diff(old, next, see_gone, &walk);
    if (walk.any && !MUTANT(n->mem, NO_REOFFER)) {
        reoffer_outstanding(n);
        admin_reoffer_all(n);
    }
    struct stint_id targets[KERNEL_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < next->member_count && count < KERNEL_NODES_MAX; i++) {
        if (member_is_target(&next->members[i])) {
            targets[count++] = next->members[i].ref.id;
        }
    }
    kernel_set_nodes(n->kernel, targets, count);
}

static void
see_place(void *arg, struct stint_id tid, struct kernel_place place)
{
    struct node *n = arg;
    (void)tid;
    if (place.inc <= n->view->number && !view_has(n->view, (struct node_ref){ place.node, place.inc })) {
        kernel_node_gone(n->kernel, place);
    }
}

/*
 * A tasklet has come here with its channels. Who waits in them may be on a node that its pickle did not know to be gone, and that
 * this node has seen go before the pickle came.
 */
void
remote_arrived(struct node *n, struct stint_id tasklet)
{
    struct stint_id owned[KERNEL_OWNED_MAX];
    uint32_t count = kernel_owned(n->kernel, tasklet, owned, KERNEL_OWNED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        kernel_each_pending(n->kernel, owned[i], see_place, n);
    }
}

void
remote_resync(struct node *n, struct stint_id peer)
{
    (void)peer;
    reoffer_outstanding(n);
    admin_reoffer_all(n);
}
