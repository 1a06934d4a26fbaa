/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in: greetings of inbound sessions, then frames. Who may say what: before the handshake nothing; a node that is
 * not in the view only asks for the view, or to join (judge_stranger); a client makes requests, each authorised by its role in
 * admin.c, and answers for the channels that it hosts (guest.c).
 */
#include "base/ids.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/peers.h"

#define INBOUND_MAX 4096
#define INBOUND_KEPT 768 /* of these for nodes and operators: clients may not keep them out */

static void
refuse(struct node *n, const struct node_event *event, const struct session_refusal *refusal)
{
    if (refusal->text[0] != 0) {
        node_log(n, NODE_LOG_WARN, "connection refused: %s", refusal->text);
    }
    if (refusal->frame_size != 0) {
        outbox_send(&n->outbox, event->link, span_of(refusal->frame, refusal->frame_size));
    }
    outbox_disconnect(&n->outbox, event->link);
}

static void
bind_link(struct node *n, struct conn *c, uint64_t number)
{
    struct conn *other = table_find(&n->peers->by_link, id_of_u64(number));
    if (other == c) {
        return;
    }
    if (other != NULL) {
        (void)table_remove(&n->peers->by_link, id_of_u64(number));
        other->number = 0;
    }
    conn_unbind(n, c);
    c->number = table_insert(&n->peers->by_link, id_of_u64(number), c) == STINT_OK ? number : 0;
    c->waiting_since = 0;
}

static bool
has_room(const struct node *n, enum cert_role role)
{
    bool kept = role == ROLE_NODE || role == ROLE_OPERATOR;
    return n->peers->inbound < (kept ? INBOUND_MAX : INBOUND_MAX - INBOUND_KEPT);
}

static struct conn *
accept(struct node *n, const struct node_event *event, const struct session_key *key)
{
    struct peers *p = n->peers;
    struct session_refusal refusal = { 0 };
    if (p->preauth >= LIMIT_PREAUTH_PEERS || p->inbound >= INBOUND_MAX || n->phase < PHASE_LINKING ||
        n->phase >= PHASE_FENCED) {
        return NULL; /* it greets again */
    }
    struct conn *c = conn_new(n, false);
    if (c == NULL) {
        return NULL;
    }
    struct session_config config = conn_settings(n);
    enum stint_status status = session_accept(&config, event->bytes, event->peer_key, conn_time(n), &c->session,
                                              &refusal);
    /* What a client asks before this node is a member would be lost: it greets again. */
    bool early = status == STINT_OK && n->phase != PHASE_MEMBER && session_peer(c->session)->role != ROLE_NODE;
    if (status == STINT_OK) {
        status = !early && has_room(n, session_peer(c->session)->role) ? table_insert(&p->by_nonce, conn_nonce(key), c)
                                                                       : STINT_BUSY;
    }
    if (status != STINT_OK) {
        if (!early) {
            refuse(n, event, &refusal);
        }
        heap_remove(&p->timers, &c->timer);
        (void)table_remove(&p->by_serial, id_of_u64(c->serial));
        list_remove(&c->link);
        session_free(c->session);
        buf_fini(&c->backlog);
        mem_free(n->mem, c, sizeof *c);
        return NULL;
    }
    c->counted = true;
    p->preauth++;
    p->inbound++;
    bind_link(n, c, event->link);
    return c;
}

static void
hello(struct node *n, const struct node_event *event, const struct session_key *key)
{
    struct conn *c = table_find(&n->peers->by_nonce, conn_nonce(key));
    if (c == NULL) {
        c = accept(n, event, key);
    } else {
        struct session_refusal refusal = { 0 };
        enum stint_status status =
            session_rebind(c->session, event->bytes, event->peer_key, conn_time(n), &refusal);
        if (status == STINT_OK) {
            bind_link(n, c, event->link);
        } else if (status != STINT_EXISTS) {
            refuse(n, event, &refusal);
        }
    }
    if (c != NULL) {
        conn_after(n, c);
    }
}

enum verdict { DELIVER, IGNORE, CUT };

/* What is lost without harm because it is repeated anyway. */
static bool
is_repeated(const struct envelope *envelope)
{
    return envelope->kind == ENVELOPE_PROBE || envelope->kind == ENVELOPE_LOCATE || envelope->kind == ENVELOPE_MOVE;
}

/*
 * A node that is not in the view: it joins; or it has not read that it is dead; or this node has not read that it has joined, then
 * the view is what it may bring. Anything else it must send again after that, so the session is cut.
 */
static enum verdict
judge_stranger(const struct node *n, const struct session_peer *peer, const struct envelope *envelope)
{
    bool control = envelope->kind == ENVELOPE_CONTROL;
    if (control && envelope->op == CONTROL_VIEW_GET) {
        return DELIVER;
    }
    if (peer->incarnation == 0) {
        return control && envelope->op == CONTROL_STORE_REQUEST ? DELIVER : CUT;
    }
    if (peer->incarnation > n->view->number && control && envelope->op == CONTROL_VIEW) {
        return DELIVER;
    }
    return is_repeated(envelope) ? IGNORE : CUT;
}

/* Requests; and answers of those who may host channels. */
static enum verdict
judge_client(const struct node *n, const struct session_peer *peer, const struct envelope *envelope)
{
    bool answer = envelope->kind == ENVELOPE_DONE || envelope->kind == ENVELOPE_NACK;
    bool hosts = admin_allows(stint_Verb_VERB_CHANNEL_HOST, peer->role);
    if (envelope->kind != ENVELOPE_REQUEST && !(answer && hosts)) {
        return CUT;
    }
    return n->phase == PHASE_MEMBER || (answer && node_is_serving(n)) ? DELIVER : IGNORE;
}

/* Whether such an envelope may come from such a peer at all; what exactly it may ask is for its room to say. */
static enum verdict
judge(const struct node *n, const struct conn *c, const struct session_peer *peer, const struct envelope *envelope)
{
    if (peer->role != ROLE_NODE) {
        return judge_client(n, peer, envelope);
    }
    bool member = view_has(n->view, (struct node_ref){ peer->id, peer->incarnation });
    if (c->outbound) { /* answers */
        return envelope->kind == ENVELOPE_CONTROL || (member && envelope->kind == ENVELOPE_REPLY) ? DELIVER : IGNORE;
    }
    return member || MUTANT(n->mem, ZOMBIE_HEARD) ? DELIVER : judge_stranger(n, peer, envelope);
}

static void
deliver(struct node *n, struct conn *c, struct stint_span batch)
{
    struct session_peer peer = *session_peer(c->session);
    struct arrival a = { .from = { peer.id, peer.incarnation },
                         .conn = c->serial,
                         .role = (uint8_t)peer.role,
                         .by = peer.name };
    while (n->phase < PHASE_FENCED && envelope_next(&batch, &a.envelope, &a.body) == STINT_OK) {
        enum verdict verdict = judge(n, c, &peer, &a.envelope);
        if (verdict == DELIVER && peer.role != ROLE_NODE && a.envelope.kind != ENVELOPE_REQUEST) {
            if (!guest_answer(n, &a)) {
                session_close(c->session, STINT_BAD_FRAME, "a malformed result of a channel's operation");
                return;
            }
        } else if (verdict == DELIVER) {
            node_dispatch(n, &a);
        } else if (verdict == CUT) {
            session_close(c->session, STINT_REFUSED, "that may not be sent before the view has this node");
            return;
        }
    }
}

void
peers_receive(struct node *n, const struct node_event *event)
{
    struct session_key key;
    if ((event->link & NODE_LINK_INBOUND) != 0 && event->peer_key != NULL &&
        session_peek_hello(event->bytes, &key)) {
        hello(n, event, &key);
        return;
    }
    struct conn *c = table_find(&n->peers->by_link, id_of_u64(event->link));
    if (c == NULL || c->session == NULL || c->closing) {
        return;
    }
    struct stint_span batch = { NULL, 0 };
    enum stint_status status = session_receive(c->session, event->bytes, event->peer_key, conn_time(n), &batch);
    if (status == STINT_BAD_FRAME) {
        node_log(n, NODE_LOG_WARN, "malformed frame from %s: connection closed",
                 c->outbound ? c->endpoint : session_peer(c->session)->name);
    }
    const struct session_peer *peer = session_peer(c->session);
    if (status == STINT_OK && peer->role == ROLE_NODE && session_state(c->session) == SESSION_OPEN) {
        control_heard(n, (struct node_ref){ peer->id, peer->incarnation });
    }
    if (session_state(c->session) == SESSION_OPEN && !c->open) {
        conn_opened(n, c);
    }
    if (batch.size != 0 && session_state(c->session) == SESSION_OPEN) {
        deliver(n, c, batch);
    }
    conn_after(n, c);
}

void
peers_link_up(struct node *n, uint64_t link)
{
    struct conn *c = table_find(&n->peers->by_link, id_of_u64(link));
    if (c != NULL && c->session != NULL) {
        session_link_up(c->session, conn_time(n));
        conn_after(n, c);
    }
}

void
peers_link_down(struct node *n, uint64_t link, const char *why)
{
    struct conn *c = table_find(&n->peers->by_link, id_of_u64(link));
    if (c == NULL || c->session == NULL) {
        return;
    }
    if (c->outbound && c->expect.inc == 0 && why != NULL) {
        text_copy(n->join_trouble, sizeof n->join_trouble, why);
    }
    node_log(n, NODE_LOG_DEBUG, "link %s%s down: %s", c->outbound ? "to " : "inbound", c->endpoint,
             why != NULL ? why : "");
    session_link_down(c->session);
    if (!c->outbound) {
        conn_unbind(n, c);
        c->number = 0;
        c->waiting_since = n->now_ns;
    }
    conn_after(n, c);
}
