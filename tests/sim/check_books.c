/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Books that are kept in two places must agree, and numbers that only grow must grow:
 *
 *   I4  a home's hint of a tasklet never goes back to a smaller epoch
 *   I5  nobody waits in a channel for a node that is not in the view
 *   I8  what a node has seen is on its disk before anybody hears of it
 *   I9  bytes are granted once; a window is not exceeded
 *       a channel's balance is what waits in it; one vote alone is no verdict
 *
 * They look into the machines, for what they compare is not to be seen from outside until it has done harm.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "cluster/authority_internal.h"
#include "core/peers.h"
#include "kernel/machine.h"
#include "kernel/relation.h"
#include "sim.h"
#include "wire/session_internal.h"
#include "world_internal.h"

/* The newest hint that a node has given of a tasklet, under one view of one life. */
struct hint {
    uint64_t life, view, epoch;
};

/* Of one life of a member: whether the votes against it have ever been enough. */
struct trial {
    struct node_ref ref;
    bool used, condemned, in_contact;
    uint32_t votes, living;
};

struct sim_books {
    struct hint hints[WORLD_NODES_MAX][SIM_GHOSTS_MAX];
    struct trial trials[64];
    uint64_t court; /* the life of the authority whose verdicts are watched */
};

static struct sim_books *
books_of(struct sim *s)
{
    if (s->books == NULL) {
        s->books = calloc(1, sizeof *s->books);
        STINT_ASSERT(s->books != NULL);
    }
    return s->books;
}

void
books_free(struct sim *s)
{
    free(s->books);
    s->books = NULL;
}

/* ---- sessions ---- */

/* The bytes of all frames before number `next`, by the sender's count; false if it has forgotten. */
static bool
bytes_before(const struct session_tx *tx, uint64_t next, uint64_t *bytes)
{
    if (next < tx->first || next > tx->next) {
        return false;
    }
    *bytes = tx->end;
    if (next < tx->next) {
        const struct tx_frame *f = &tx->ring[next & (tx->ring_size - 1)];
        *bytes = f->end - f->size;
    }
    return true;
}

/* What has come by a session is what its other end has sent, counted once. */
static void
check_bytes(struct sim *s, int node, const struct session *receiver)
{
    const struct session *sender = session_other_half(s, receiver);
    uint64_t bytes;
    if (receiver->state != SESSION_OPEN || sender == NULL || !bytes_before(&sender->tx, receiver->rx.next, &bytes)) {
        return;
    }
    if (receiver->rx.bytes != bytes || receiver->rx.granted_bytes > bytes + LIMIT_SESSION_BYTES) {
        sim_fault(s, "I9", "%s has got %llu bytes of a session, counts %llu and has granted %llu", world_name(s->w, node),
                  (unsigned long long)bytes, (unsigned long long)receiver->rx.bytes,
                  (unsigned long long)receiver->rx.granted_bytes);
    }
}

/* ---- kernels ---- */

static void
check_channel(struct sim *s, int node, const struct channel *ch)
{
    int32_t balance = 0;
    for (const struct waiter *w = ch->queue.next; w->kind != WAITER_HEAD; w = w->next) {
        balance += w->orphan ? 0 : w->direction;
    }
    if (balance != ch->balance) {
        sim_fault(s, "CH-1", "a channel on %s has a balance of %d, and %d wait in it", world_name(s->w, node), ch->balance,
                  balance);
    }
}

/* Who waits here for a tasklet on a node that is not in the view would be given what nobody gets. */
static void
check_relation(struct sim *s, int node, const struct relation *r)
{
    const struct node *n = world_node(s->w, node);
    bool waits = r->channel != NULL && r->wait.next != NULL && !r->wait.orphan && (r->channel->flags & CHANNEL_AWAY) == 0;
    if (waits && !view_has(n->view, (struct node_ref){ r->place.node, r->place.inc })) {
        sim_fault(s, "I5", "a channel on %s serves a tasklet on a node (incarnation %llu) that is not in view %llu",
                  world_name(s->w, node), (unsigned long long)r->place.inc, (unsigned long long)n->view->number);
    }
}

static void
check_outlets(struct sim *s, int node, const struct kernel *k)
{
    struct stint_id cid, tid;
    uint32_t cursor = 0;
    while (kernel_outstanding(k, &cursor, &cid, &tid)) {
        const struct outlet *o = outlet_find(k, tid, cid);
        uint32_t sends = 0;
        for (const struct outlet_send *send = o != NULL ? o->first : NULL; send != NULL; send = send->next) {
            sends += send->cancel ? 0 : 1;
        }
        if (sends > KERNEL_WINDOW) {
            sim_fault(s, "I9", "a tasklet on %s has %u sends under way to one channel", world_name(s->w, node), sends);
        }
    }
}

/* ---- homes ---- */

static void
check_hints(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    struct directory_place place;
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        struct hint *hint = &books_of(s)->hints[node][i];
        if (!directory_where(n->directory, s->ghosts[i].id, &place, n->now_ns)) {
            hint->view = 0;
            continue;
        }
        bool same = hint->view == n->view->number && hint->life == world_life(s->w, node);
        if (same && place.epoch < hint->epoch) {
            sim_fault(s, "I4", "the home %s said that a tasklet is under epoch %llu, and now says %llu",
                      world_name(s->w, node), (unsigned long long)hint->epoch, (unsigned long long)place.epoch);
        }
        *hint = (struct hint){ world_life(s->w, node), n->view->number, place.epoch };
    }
}

void
check_books(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    const struct kernel *k = n->kernel;
    LIST_EACH (link, &n->peers->conns) {
        const struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
        if (c->session != NULL) {
            check_bytes(s, node, c->session);
        }
    }
    for (uint32_t i = 0; i < k->channels.fresh; i++) {
        const struct channel *ch = slab_at(&k->channels, i);
        if (ch->type != NULL) {
            check_channel(s, node, ch);
        }
    }
    if (n->phase == PHASE_MEMBER) {
        for (uint32_t i = 0; i < k->relations.fresh; i++) {
            check_relation(s, node, slab_at(&k->relations, i));
        }
    }
    check_outlets(s, node, k);
    check_hints(s, node);
}

/* ---- what is written ---- */

void
check_disk(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    const struct world_node_state *disk = &s->w->nodes[node];
    if (n->phase < PHASE_FENCED && (n->view->number > disk->view || n->self.inc > disk->incarnation)) {
        sim_fault(s, "I8", "%s has incarnation %llu and view %llu, and %llu and %llu on its disk", world_name(s->w, node),
                  (unsigned long long)n->self.inc, (unsigned long long)n->view->number,
                  (unsigned long long)disk->incarnation, (unsigned long long)disk->view);
    }
}

/* ---- verdicts ---- */

static struct trial *
trial_of(struct sim *s, struct node_ref ref)
{
    struct trial *trial = &books_of(s)->trials[ref.inc % 64];
    if (!trial->used || !node_ref_equal(trial->ref, ref)) {
        *trial = (struct trial){ .ref = ref, .used = true };
    }
    return trial;
}

/* Votes that count, of different members that live. */
static uint32_t
votes_against(const struct authority *a, const struct authority_contact *c, uint64_t now_ns)
{
    uint32_t votes = 0;
    for (uint32_t i = 0; i < c->vote_count; i++) {
        votes += now_ns - c->votes[i].at_ns <= a->vote_ns && authority_table_living(&a->table, c->votes[i].voter) != NULL;
    }
    return votes;
}

/* A life that was killed in the very step in which it gave a verdict was not seen to give it; the next one reads it. */
static void
accept_verdicts(struct sim *s, const struct authority *a)
{
    for (uint32_t i = 0; i < a->table.member_count; i++) {
        const struct member *m = &a->table.members[i].member;
        if (m->state == stint_MEMBER_DEAD) {
            trial_of(s, m->ref)->condemned = true;
        }
    }
}

/* Whom the authority hears dies by two votes at least, but in the smallest clusters. */
void
check_verdicts(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    struct authority *a = n->authority;
    if (a == NULL) {
        return;
    }
    if (a->table.founded && books_of(s)->court != world_life(s->w, node)) {
        books_of(s)->court = world_life(s->w, node);
        accept_verdicts(s, a);
    }
    for (uint32_t i = 0; i < a->contact_count; i++) {
        const struct authority_contact *c = &a->contacts[i];
        struct trial *trial = trial_of(s, c->ref);
        trial->in_contact = authority_in_contact(a, c->ref, n->now_ns);
        trial->votes = votes_against(a, c, n->now_ns);
        trial->living = authority_table_living_count(&a->table);
        trial->condemned = trial->condemned || trial->votes >= 2
                           || (trial->votes == 1 && (!trial->in_contact || trial->living <= 3));
    }
    for (uint32_t i = 0; i < a->table.member_count; i++) {
        const struct member *m = &a->table.members[i].member;
        struct trial *trial = &books_of(s)->trials[m->ref.inc % 64];
        bool verdict = m->state == stint_MEMBER_DEAD && !m->clean;
        if (verdict && trial->used && node_ref_equal(trial->ref, m->ref) && !trial->condemned) {
            sim_fault(s, "verdict", "%s was declared dead by %u of %u members, while the authority was in contact with it",
                      m->name, trial->votes, trial->living);
        }
    }
}

/* ---- at the end ---- */

/* A living sink can be found by its name. */
void
check_names(struct sim *s)
{
    const struct node *n = world_node(s->w, 0);
    for (uint32_t i = 0; i < s->plan.sinks && n->authority != NULL; i++) {
        char text[16];
        const struct ghost *sink = ghost_of(s, s->sinks[i]);
        text_format(text, sizeof text, "sink%u", i);
        const struct authority_name *name = authority_table_name(&n->authority->table, text);
        if (sink != NULL && sink->runner >= 0 && (name == NULL || !id_equal(name->channel, s->inboxes[i]))) {
            sim_fault(s, "name", "sink %u lives on %s, and its channel's name is %s", i, world_name(s->w, sink->runner),
                      name == NULL ? "gone" : "another channel's");
        }
    }
}
