/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold in a node and between two of them at any time:
 *
 *   I8  generation, view and incarnation never go back, and one number is one view
 *   I9  nobody sends more than was granted, acknowledges what did not come, or keeps more than the bounds
 *       deadlines are kept; a kernel's books are right
 */
#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "core/peers.h"
#include "sim.h"
#include "wire/session_internal.h"

#define LATE_NS (100 * WORLD_MS)

static uint64_t
digest(const struct view *v)
{
    struct hash h;
    hash_init(&h);
    hash_add_u64(&h, v->balancer_on ? 1 : 2);
    for (uint32_t i = 0; i < v->member_count; i++) {
        const struct member *m = &v->members[i];
        hash_add(&h, m->ref.id.bytes, 16);
        hash_add_u64(&h, m->ref.inc);
        hash_add_u64(&h, (uint64_t)m->state);
        hash_add_text(&h, m->name);
        hash_add_text(&h, m->endpoint);
    }
    return hash_final(&h);
}

void
check_views(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    const struct view *v = n->view;
    if (s->saw_life[node] != world_life(s->w, node)) {
        s->saw_life[node] = world_life(s->w, node);
        s->saw_view[node] = s->saw_generation[node] = 0;
    }
    if (v->generation == s->saw_generation[node] && v->number == s->saw_view[node]) {
        return;
    }
    if (v->generation < s->saw_generation[node] || v->number < s->saw_view[node]) {
        sim_fault(s, "I8", "%s went from view %llu back to %llu", world_name(s->w, node),
                  (unsigned long long)s->saw_view[node], (unsigned long long)v->number);
    }
    s->saw_generation[node] = v->generation;
    s->saw_view[node] = v->number;
    if (n->self.inc < s->saw_inc[node] && n->self.inc != 0) {
        sim_fault(s, "I8", "%s had incarnation %llu and now has %llu", world_name(s->w, node),
                  (unsigned long long)s->saw_inc[node], (unsigned long long)n->self.inc);
    }
    s->saw_inc[node] = n->self.inc > s->saw_inc[node] ? n->self.inc : s->saw_inc[node];
    uint64_t *known = &s->view_hash[v->number % SIM_VIEWS_MAX];
    uint64_t hash = digest(v);
    if (v->number < SIM_VIEWS_MAX && v->number != 0 && *known != 0 && *known != hash) {
        sim_fault(s, "I8", "view %llu of %s is another one than that of the others", (unsigned long long)v->number,
                  world_name(s->w, node));
    }
    *known = hash;
    story_say(s, "%s has view %llu with %u living", world_name(s->w, node), (unsigned long long)v->number, view_living(v));
}

/* The other half of a session, if the node that it leads to still has it. */
const struct session *
session_other_half(struct sim *s, const struct session *session)
{
    for (int i = 0; i < world_count(s->w); i++) {
        const struct node *n = world_node(s->w, i);
        if (n == NULL || !id_equal(n->self.id, session->peer.id)) {
            continue;
        }
        LIST_EACH (link, &n->peers->conns) {
            const struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
            if (c->session != NULL && c->session->initiator != session->initiator &&
                memcmp(&c->session->key, &session->key, sizeof session->key) == 0) {
                return c->session;
            }
        }
    }
    return NULL;
}

static void
check_session(struct sim *s, int node, const struct conn *c)
{
    const struct session *session = c->session;
    const struct session_tx *tx = &session->tx;
    const char *name = world_name(s->w, node);
    if (session->state != SESSION_OPEN) {
        return;
    }
    if (tx->high > tx->first && tx->high - 1 > tx->credit_frame) {
        sim_fault(s, "I9", "%s has sent frame %llu, and was granted %llu", name, (unsigned long long)(tx->high - 1),
                  (unsigned long long)tx->credit_frame);
    }
    if (tx->next - tx->first > LIMIT_SESSION_FRAMES + 1 || tx->queued_bytes > LIMIT_SESSION_BYTES + LIMIT_FRAME) {
        sim_fault(s, "I9", "%s keeps %llu frames and %llu bytes for one peer", name,
                  (unsigned long long)(tx->next - tx->first), (unsigned long long)tx->queued_bytes);
    }
    const struct session *other = session_other_half(s, session);
    if (other == NULL || other->state != SESSION_OPEN) {
        return;
    }
    if (tx->first > other->rx.next) {
        sim_fault(s, "I9", "frame %llu was acknowledged to %s, and its peer waits for %llu",
                  (unsigned long long)(tx->first - 1), name, (unsigned long long)other->rx.next);
    }
    if (tx->credit_frame > other->rx.granted_frame || tx->credit_bytes > other->rx.granted_bytes) {
        sim_fault(s, "I9", "%s counts on %llu frames and %llu bytes, and was granted %llu and %llu", name,
                  (unsigned long long)tx->credit_frame, (unsigned long long)tx->credit_bytes,
                  (unsigned long long)other->rx.granted_frame, (unsigned long long)other->rx.granted_bytes);
    }
    if (other->rx.granted_frame > other->rx.next + LIMIT_SESSION_FRAMES) {
        sim_fault(s, "I9", "the peer of %s granted %llu frames beyond what it has", name,
                  (unsigned long long)(other->rx.granted_frame - other->rx.next));
    }
}

void
check_sessions(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    LIST_EACH (link, &n->peers->conns) {
        const struct conn *c = STINT_CONTAINER_OF(link, struct conn, link);
        if (c->session != NULL) {
            check_session(s, node, c);
        }
        if (c->outbound && c->open && !c->closing && c->expect.inc != 0 && n->phase == PHASE_MEMBER &&
            !view_has(n->view, c->expect)) {
            sim_fault(s, "I5", "%s keeps a session to a life of %s that is not in its view %llu", world_name(s->w, node),
                      node_name_of(n, c->expect.id), (unsigned long long)n->view->number);
        }
    }
}

static bool
waits_on(const struct kernel *k, const struct kernel_tasklet_view *t)
{
    uint32_t cursor = 0;
    struct stint_id tid;
    enum kernel_op op;
    while (kernel_each_waiter(k, t->channel, &cursor, &tid, &op)) {
        if (memcmp(tid.bytes, t->id.bytes, 16) == 0) {
            return op == t->op;
        }
    }
    return false;
}

void
check_kernel(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    struct kernel_tasklet_view t;
    struct kernel_channel_view c;
    uint32_t cursor = 0;
    while (kernel_each_channel(n->kernel, &cursor, &c)) {
        if (c.count > c.capacity) {
            sim_fault(s, "I9", "a channel on %s holds %u values and has room for %u", world_name(s->w, node), c.count,
                      c.capacity);
        }
        if (c.count > 0 && c.receivers > 0 && c.relations == 0 && !c.frozen) {
            sim_fault(s, "I7", "a channel on %s holds %u values, and %u wait for one", world_name(s->w, node), c.count,
                      c.receivers);
        }
    }
    cursor = 0;
    while (kernel_each_tasklet(n->kernel, &cursor, &t)) {
        if (t.state == KERNEL_IS_BLOCKED && !t.remote && !waits_on(n->kernel, &t)) {
            sim_fault(s, "CH-1", "a tasklet on %s waits at %s, and its channel does not know it", world_name(s->w, node),
                      t.label);
        }
    }
}

void
check_deadline(struct sim *s, int node, const struct ghost *g, const struct kernel_tasklet_view *t)
{
    uint64_t now = world_node_now(s->w, node);
    bool timed = t->state == KERNEL_SLEEPING || (t->state == KERNEL_IS_BLOCKED && !t->remote);
    if (timed && !g->held && t->deadline_ns != UINT64_MAX && t->deadline_ns + LATE_NS < now &&
        t->deadline_ns > s->saw_leap[node] && g->granted_ns + LATE_NS < now) {
        sim_fault(s, "deadline", "a tasklet on %s at %s should have gone on %.3f s ago", world_name(s->w, node), t->label,
                  (double)(now - t->deadline_ns) / 1e9);
    }
}
