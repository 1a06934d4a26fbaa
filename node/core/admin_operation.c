/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Send and receive for clients (protocol C, tasklet side). A client is a participant like a
 * tasklet: its operations on a channel are numbered, it offers them through whichever node it is
 * connected to, and a retry with the same number is the same operation. The node remembers for each
 * (participant, channel) that its clients use what is outstanding, and ends the relation (FIN) when
 * the connection is given up.
 *
 *   FINDING --type known--> OFFERED --DONE--> answered
 *                              |--deadline--> CANCELLING --CANCELLED--> timed out: nothing has
 * happened
 *                                                 |--DONE--> answered after all
 *                                                 `--nothing--> outcome unknown
 */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"
#include "kernel/type.h"
#include "wire/seal.h"

#define UNBORN_AGAIN_NS (UINT64_C(40) * 1000000) /* before a channel without a type is looked at again */
#define CANCEL_NS (UINT64_C(2000) * 1000000) /* for the answer to a CANCEL */

/* All that clients here do with one channel as one participant. */
struct dealing {
    struct list link; /* of admin.links_order: the one used last is last */
    struct stint_id participant, cid;
    uint64_t conn; /* last one; 0: given up */
    uint64_t last; /* number of the last operation that was answered */
    bool failed;   /* that one had no effect, and its client goes on under another id */
    uint64_t type_hash;
    bool typed;
    char type[TYPE_NAME_SIZE];
    struct list operations; /* by number */
};

struct operation {
    struct list link; /* of dealing.operations */
    struct ask *ask;
    struct dealing *dealing;
    uint64_t number;
    enum kernel_op op;
    bool offered, cancelling;
    bool unborn; /* the channel had no type when it was looked at last */
    uint32_t sent, not_here; /* offers that have left for a host; that a host has answered so */
};

/* ---- dealings ---- */

static struct stint_id
key_of(struct stint_id participant, struct stint_id cid)
{
    struct stint_id key;
    for (size_t i = 0; i < sizeof key.bytes; i++) {
        key.bytes[i] = participant.bytes[i] ^ cid.bytes[i];
    }
    return key;
}

static struct dealing *
find_dealing(const struct node *n, struct stint_id participant, struct stint_id cid)
{
    struct dealing *d = table_find(&n->admin->links, key_of(participant, cid));
    return d != NULL && id_equal(d->cid, cid) ? d : NULL;
}

static void
free_dealing(struct node *n, struct dealing *d)
{
    (void)table_remove(&n->admin->links, key_of(d->participant, d->cid));
    list_remove(&d->link);
    mem_free(n->mem, d, sizeof *d);
}

/* The channel's host forgets the participant. */
static void
send_fin(struct node *n, struct dealing *d)
{
    struct envelope envelope = {
        .kind = ENVELOPE_FIN, .number = d->last, .source = d->participant, .target = d->cid
    };
    route_send(n, stint_LocateKind_LOCATE_CHANNEL, &envelope, span_of(NULL, 0));
}

static void
free_if_given_up(struct node *n, struct dealing *d)
{
    if ((d->conn == 0 || d->failed) && list_is_empty(&d->operations)) {
        send_fin(n, d);
        free_dealing(n, d);
    }
}

/* Makes room by giving up the one that was idle longest. */
static void
drop_idle(struct node *n)
{
    LIST_EACH(link, &n->admin->links_order) {
        struct dealing *d = STINT_CONTAINER_OF(link, struct dealing, link);
        if (list_is_empty(&d->operations)) {
            send_fin(n, d);
            free_dealing(n, d);
            return;
        }
    }
}

static struct dealing *
need_dealing(struct node *n, struct stint_id participant, struct stint_id cid)
{
    struct admin *m = n->admin;
    struct dealing *d = find_dealing(n, participant, cid);
    if (d != NULL) {
        list_remove(&d->link);
        list_push_back(&m->links_order, &d->link);
        return d;
    }
    if (table_count(&m->links) >= ADMIN_LINKS_MAX) {
        drop_idle(n);
    }
    d = table_count(&m->links) < ADMIN_LINKS_MAX ? mem_zalloc(n->mem, sizeof *d) : NULL;
    if (d == NULL) {
        return NULL;
    }
    d->participant = participant;
    d->cid = cid;
    list_init(&d->operations);
    if (table_insert(&m->links, key_of(participant, cid), d) != STINT_OK) {
        mem_free(n->mem, d, sizeof *d);
        return NULL;
    }
    list_push_back(&m->links_order, &d->link);
    return d;
}

void
operation_fini(struct node *n)
{
    LIST_EACH(link, &n->admin->links_order) {
        free_dealing(n, STINT_CONTAINER_OF(link, struct dealing, link));
    }
}

/*
 * A participant's id on the wire: bound to the certificate, so that nobody operates as another
 * client, or as a tasklet, by knowing its id. The same through every node.
 */
static struct stint_id
participant_of(const struct ask *ask)
{
    const stint_Request *r = &ask->request;
    uint8_t digest[SEAL_DIGEST_SIZE];
    uint8_t role = (uint8_t)ask->role;
    struct seal_hash hash;
    struct stint_id id;
    bool given = r->participant.size == sizeof id.bytes;
    seal_hash_init(&hash);
    seal_hash_add(&hash, span_text("participant"));
    seal_hash_add(&hash, given ? span_of(r->participant.bytes, r->participant.size)
                               : span_of(r->id.bytes, r->id.size));
    seal_hash_add(&hash, span_of(&role, 1));
    seal_hash_add(&hash, span_text(r->by));
    seal_hash_final(&hash, digest);
    memcpy(id.bytes, digest, sizeof id.bytes);
    return id;
}

/* ---- offering ---- */

static void
offer(struct node *n, struct operation *o, bool cancel)
{
    struct dealing *d = o->dealing;
    struct kernel_offer message = {
        .cid = d->cid,
        .tid = d->participant,
        .number = o->number,
        .type_hash = d->type_hash,
        .place = { n->self.id, n->self.inc },
        /* Whatever came before the oldest one here is settled for the client. */
        .flags = list_first(&d->operations) == &o->link ? KERNEL_FIRST : 0,
        .op = o->op,
        .value = span_of(o->ask->body, o->ask->body_size),
    };
    o->offered = true;
    remote_send_offer(n, &message, cancel);
}

static void
cancel(struct node *n, struct operation *o)
{
    o->cancelling = true;
    ask_set_deadline(n, o->ask, n->now_ns + CANCEL_NS);
    offer(n, o, true);
}

/* The first operation after `after` that is offered (and not being cancelled, if so wanted), or
 * NULL. */
static struct operation *
next_operation(struct dealing *d, uint64_t after, bool uncancelled)
{
    LIST_EACH(link, &d->operations) {
        struct operation *o = STINT_CONTAINER_OF(link, struct operation, link);
        if (o->number > after && o->offered && !(uncancelled && o->cancelling)) {
            return o;
        }
    }
    return NULL;
}

/* An offer may turn out to be in vain at once, which ends what was offered: so all is looked up
 * again each time. */
static void
offer_all(struct node *n, struct stint_id participant, struct stint_id cid, uint64_t after)
{
    struct dealing *d;
    struct operation *o;
    while ((d = find_dealing(n, participant, cid)) != NULL &&
           (o = next_operation(d, after, false)) != NULL) {
        after = o->number;
        offer(n, o, o->cancelling);
    }
}

static void
cancel_all(struct node *n, struct stint_id participant, struct stint_id cid)
{
    struct dealing *d;
    struct operation *o;
    uint64_t after = 0;
    while ((d = find_dealing(n, participant, cid)) != NULL &&
           (o = next_operation(d, after, true)) != NULL) {
        after = o->number;
        cancel(n, o);
    }
    if (d != NULL) {
        free_if_given_up(n, d);
    }
}

static void
leave_dealing(struct node *n, struct ask *ask)
{
    struct operation *o = ask->state;
    struct dealing *d = o->dealing;
    if (d != NULL) {
        o->dealing = NULL;
        list_remove(&o->link);
        free_if_given_up(n, d);
    }
}

static void
operation_expired(struct node *n, struct ask *ask)
{
    struct operation *o = ask->state;
    if (!o->offered && o->unborn) { /* nobody can have done anything with such a channel */
        ask_end(n, ask, STINT_TIMED_OUT,
                "nothing came from channel %s in time, and nothing is lost; it has no type yet, for "
                "nothing was ever sent to it",
                ask->request.target);
    } else if (!o->offered) { /* not TIMED_OUT: an earlier try of it, through another node, may have gone further */
        ask_end(n, ask, STINT_NOT_SENT,
                "channel %s could not be reached in time; nothing has happened",
                ask->request.target);
    } else if (!o->cancelling) {
        ask->expired = operation_expired;
        cancel(n, o);
    } else {
        ask_end(n, ask, STINT_OUTCOME_UNKNOWN, "the host of channel %s does not answer",
                ask->request.target);
    }
}

/* Puts an operation into its place; one of the same number is a try of it over a connection that is
 * gone. */
static void
enter_dealing(struct node *n, struct operation *o, struct dealing *d)
{
    struct list *place = &d->operations;
    LIST_EACH(link, &d->operations) {
        struct operation *other = STINT_CONTAINER_OF(link, struct operation, link);
        if (other->number == o->number) {
            o->sent = other->sent;
            o->not_here = other->not_here;
            other->ask->gone = true;
            other->dealing = NULL;
            list_remove(&other->link);
            ask_end(n, other->ask, STINT_CANCELLED, "tried again over another connection");
        } else if (other->number > o->number) {
            place = link;
            break;
        }
    }
    o->dealing = d;
    list_insert_before(place, &o->link);
    d->conn = o->ask->conn;
}

/* The channel's type is known: off it goes, unless the value is of another. */
static void
begin_offering(struct node *n, struct ask *ask)
{
    struct operation *o = ask->state;
    char wanted[TYPE_NAME_SIZE];
    (void)type_show_name(ask->request.type, wanted);
    if (ask->gone) {
        ask_end(n, ask, STINT_CANCELLED, "the client is gone");
        return;
    }
    if (o->op == KERNEL_SEND && wanted[0] != 0 && strcmp(wanted, o->dealing->type) != 0) {
        ask_end(n, ask, STINT_TYPE_MISMATCH, "channel %s takes %s, not %s", ask->request.target,
                o->dealing->type, wanted);
        return;
    }
    offer(n, o, false);
}

/* ---- the channel's type ---- */

static void
type_item(struct node *n, struct ask *ask, const struct part *part, const struct admin_reply *reply)
{
    struct operation *o = ask->state;
    stint_ChannelInfo info = stint_ChannelInfo_init_zero;
    (void)n;
    (void)part;
    if (codec_read(reply->item, stint_ChannelInfo_fields, &info)) {
        text_copy(o->dealing->type, sizeof o->dealing->type, info.type);
        o->dealing->type_hash = reply->word;
        o->dealing->typed = info.type[0] != 0;
        o->unborn = info.type[0] == 0;
    }
}

static void ask_type(struct node *n, struct ask *ask, struct stint_id cid, struct node_ref where);
static void adopt(struct node *n, struct ask *ask, struct node_ref where);

static void
look_again(struct node *n, struct ask *ask)
{
    ask_find_channel_id(n, ask, ask->id, ask_type);
}

static void
lost_unborn(struct node *n, struct ask *ask)
{
    ask_end(n, ask, STINT_CHANNEL_LOST,
            "there is no channel %s any more: it was closed, or lost with its host, before anything "
            "was sent to it",
            ask->request.target);
}

/* The channel has no type yet: who brings one gives it that, who wants to receive waits until
 * somebody does. */
static void
no_type_yet(struct node *n, struct ask *ask, struct node_ref where)
{
    const struct operation *o = ask->state;
    if (ask->gone) {
        ask_end(n, ask, STINT_CANCELLED, "the client is gone");
    } else if (ask->request.type[0] != 0) {
        adopt(n, ask, where);
    } else if (o->op == KERNEL_SEND) {
        ask_end(n, ask, STINT_TYPE_MISMATCH,
                "channel %s has no message type yet; name that of the value",
                ask->request.target);
    } else {
        ask->lost = lost_unborn;
        ask_wake(n, ask, UNBORN_AGAIN_NS, look_again);
    }
}

static void
type_end(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
         const char *detail)
{
    const struct operation *o = ask->state;
    if (status == STINT_OK && o->dealing->typed) {
        begin_offering(n, ask);
    } else if (status == STINT_OK && o->unborn) {
        no_type_yet(n, ask, part->node);
    } else if (status == STINT_NOT_HERE ||
               (status == STINT_UNREACHABLE && !view_has(n->view, part->node))) {
        ask_find_again(n, ask);
    } else {
        ask_end_page(n, ask, status == STINT_OK ? STINT_BAD_FRAME : status, detail, false, "");
    }
}

static void
ask_host(struct node *n, struct ask *ask, struct node_ref where, stint_Verb verb, enum cert_role role)
{
    stint_Request request = ask_part_request(n, ask);
    request.verb = verb;
    request.role = role;
    request.id.size = 0;
    (void)stint_id_text(ask->id, request.target);
    ask->where = where;
    ask->asked_ns = n->now_ns;
    ask->on_item = type_item;
    ask->on_part = type_end;
    (void)part_send(n, ask, where, &request, span_of(NULL, 0), false);
}

static void
ask_type(struct node *n, struct ask *ask, struct stint_id cid, struct node_ref where)
{
    ask->id = cid;
    ask_host(n, ask, where, stint_Verb_VERB_CHANNEL_DESCRIBE, ROLE_OBSERVER); /* it is this node that looks */
}

static void
adopt(struct node *n, struct ask *ask, struct node_ref where)
{
    ask_host(n, ask, where, stint_Verb_VERB_CHANNEL_ADOPT, ask->role);
}

/* ---- the way in ---- */

static void
channel_found(struct node *n, struct ask *ask, struct stint_id cid, struct node_ref where)
{
    struct operation *o = ask->state;
    (void)where;
    ask->expired = operation_expired; /* the search had its own */
    if (ask->gone) {
        ask_end(n, ask, STINT_CANCELLED, "the client is gone");
        return;
    }
    struct dealing *d = need_dealing(n, participant_of(ask), cid);
    if (d == NULL) {
        ask_end(n, ask, STINT_LIMIT,
                "too many clients use channels through node %s; try another node", n->name);
        return;
    }
    enter_dealing(n, o, d);
    if (d->typed) {
        begin_offering(n, ask);
    } else {
        ask_find_channel_id(n, ask, cid, ask_type);
    }
}

void
admin_operation_enter(struct node *n, struct ask *ask)
{
    const stint_Request *r = &ask->request;
    bool send = ask->verb->verb == stint_Verb_VERB_CHANNEL_SEND;
    bool given = r->participant.size == sizeof(struct stint_id);
    if (ask->body_size > LIMIT_MESSAGE) {
        ask_end(n, ask, STINT_LIMIT, "a value has at most %d bytes, not %zu", LIMIT_MESSAGE,
                ask->body_size);
        return;
    }
    if ((given && r->number == 0) || (!given && r->id.size != sizeof(struct stint_id))) {
        ask_end(n, ask, STINT_INVALID, "malformed request: the operation has no number");
        return;
    }
    struct operation *o = ask_state(n, ask, sizeof *o);
    if (o == NULL) {
        return;
    }
    list_init(&o->link);
    o->ask = ask;
    o->number = given ? r->number : 1;
    o->op = send ? KERNEL_SEND : KERNEL_RECEIVE;
    ask->fini = leave_dealing;
    ask->expired = operation_expired;
    ask->id_only = true;
    ask_find_channel(n, ask, r->target, channel_found);
}

/* ---- answers ---- */

static struct operation *
find_operation(struct dealing *d, uint64_t number)
{
    LIST_EACH(link, &d->operations) {
        struct operation *o = STINT_CONTAINER_OF(link, struct operation, link);
        if (o->number == number) {
            return o;
        }
    }
    return NULL;
}

static void
say_cancelled(struct node *n, struct operation *o)
{
    const char *target = o->ask->request.target;
    bool send = o->op == KERNEL_SEND;
    ask_end(n, o->ask, STINT_TIMED_OUT,
            send ? "nobody took the value from channel %s in time, and nobody will; %s"
                 : "nothing came from channel %s in time, and nothing is lost; %s",
            target,
            o->cancelling ? "try again" : "an earlier connection of this client gave it up");
}

bool
admin_operation_done(struct node *n, const struct kernel_done *done)
{
    struct dealing *d = find_dealing(n, done->tid, done->cid);
    if (d == NULL) {
        return false;
    }
    struct operation *o = find_operation(d, done->number);
    if (o == NULL || !o->offered) {
        return true; /* repeated */
    }
    struct ask *ask = o->ask;
    const char *target = ask->request.target;
    d->last = done->number > d->last ? done->number : d->last;
    d->failed = done->status != STINT_OK;
    switch (done->status) {
    case STINT_OK:
        if (o->op == KERNEL_RECEIVE) {
            stint_ValueInfo info = stint_ValueInfo_init_zero;
            ADMIN_PUT_ID(info.channel, d->cid);
            text_copy(info.type, sizeof info.type, d->type);
            ask_item(n, ask, stint_ItemKind_ITEM_VALUE, stint_ValueInfo_fields, &info, done->value,
                     NULL);
        }
        ask_end_page(n, ask, STINT_OK, "", false, "");
        break;
    case STINT_CANCELLED:
        say_cancelled(n, o);
        break;
    case STINT_INVALID:
        ask_end(n, ask, STINT_INVALID, "the value is no %s", d->type);
        break;
    default:
        ask_end(n, ask, done->status, "cannot %s channel %s: %s",
                o->op == KERNEL_SEND ? "send to" : "receive from", target,
                stint_strerror(done->status));
        break;
    }
    return true;
}

bool
admin_operation_refused(struct node *n, struct stint_id participant, struct stint_id cid,
                        uint64_t last)
{
    struct dealing *d = find_dealing(n, participant, cid);
    if (d == NULL) {
        return false;
    }
    for (;;) { /* ending one may be the end of the dealing */
        struct list *first = find_dealing(n, participant, cid) == d ? list_first(&d->operations)
                                                                    : NULL;
        struct operation *o = first != NULL ? STINT_CONTAINER_OF(first, struct operation, link)
                                            : NULL;
        if (o == NULL) {
            return true;
        }
        if (o->number > last) {
            break;
        }
        ask_end(n, o->ask, STINT_OUTCOME_UNKNOWN,
                "a later operation of this client on channel %s is done, so the outcome of this "
                "one is no longer known",
                o->ask->request.target);
    }
    offer_all(n, participant, cid, last);
    return true;
}

void
admin_operation_sent(struct node *n, struct stint_id participant, struct stint_id cid, uint64_t number)
{
    struct dealing *d = find_dealing(n, participant, cid);
    struct operation *o = d != NULL ? find_operation(d, number) : NULL;
    if (o != NULL) {
        o->sent++;
    }
}

/* It does not say which one: with several under way that is not known of any. */
void
admin_operation_not_here(struct node *n, struct stint_id participant, struct stint_id cid)
{
    struct dealing *d = find_dealing(n, participant, cid);
    struct list *first = d != NULL ? list_first(&d->operations) : NULL;
    if (first != NULL && first->next == &d->operations) {
        STINT_CONTAINER_OF(first, struct operation, link)->not_here++;
    }
}

bool
admin_operation_lost(struct node *n, struct stint_id participant, struct stint_id cid)
{
    struct dealing *d = find_dealing(n, participant, cid);
    if (d == NULL) {
        return false;
    }
    struct directory_place place;
    bool ended = directory_lookup(n->directory, cid, &place, n->now_ns) && place.ended;
    d->typed = false; /* should it be found again, it is looked at again */
    while (find_dealing(n, participant, cid) == d && !list_is_empty(&d->operations)) {
        struct operation *o = STINT_CONTAINER_OF(list_first(&d->operations), struct operation,
                                                 link);
        bool untried = ended && o->sent == o->not_here; /* no host can have done anything about it */
        ask_end(n, o->ask, untried ? STINT_NOT_FOUND : STINT_CHANNEL_LOST,
                "there is no channel %s any more: it was closed, or lost with its host%s",
                o->ask->request.target, untried ? "; nothing has happened" : "");
    }
    return true;
}

/* ---- again ---- */

void
admin_reoffer(struct node *n, struct stint_id participant)
{
    LIST_EACH(link, &n->admin->links_order) {
        struct dealing *d = STINT_CONTAINER_OF(link, struct dealing, link);
        if (id_equal(d->participant, participant) || id_equal(d->cid, participant)) {
            offer_all(n, d->participant, d->cid, 0);
        }
    }
}

void
admin_reoffer_all(struct node *n)
{
    LIST_EACH(link, &n->admin->links_order) {
        struct dealing *d = STINT_CONTAINER_OF(link, struct dealing, link);
        offer_all(n, d->participant, d->cid, 0);
    }
}

void
operation_conn_closed(struct node *n, uint64_t conn)
{
    LIST_EACH(link, &n->admin->links_order) {
        struct dealing *d = STINT_CONTAINER_OF(link, struct dealing, link);
        if (d->conn == conn) {
            d->conn = 0;
            cancel_all(n, d->participant,
                       d->cid); /* nobody is there any more to take what they would bring */
        }
    }
}
