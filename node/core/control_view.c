/* SPDX-License-Identifier: Apache-2.0 */
/* The view: asked for, passed on, installed. Installing tells every room, in the order of who depends on whom. */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/control.h"

#define VIEW_ASK_NS (UINT64_C(300) * 1000000)

static void
report_change(void *arg, enum view_change change, const struct member *m)
{
    struct node *n = arg;
    if (change == VIEW_GONE) {
        node_log(n, NODE_LOG_INFO, "node %s (incarnation %llu) is gone", m->name,
                 (unsigned long long)m->ref.inc);
    } else if (change == VIEW_NEW && !id_equal(m->ref.id, n->self.id)) {
        node_log(n, NODE_LOG_INFO, "node %s (incarnation %llu) joined", m->name,
                 (unsigned long long)m->ref.inc);
    }
}

/* Names whose host in the row is gone are put again by whoever hosts the channel now, before the view is reported. */
struct names_walk {
    struct node *n;
    bool any_gone;
};

static void
see_gone(void *arg, enum view_change change, const struct member *m)
{
    (void)m;
    struct names_walk *walk = arg;
    walk->any_gone = walk->any_gone || change == VIEW_GONE;
}

static void put_names_again(struct node *n);

static void
name_put(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    struct control *c = n->control;
    c->names_failed = c->names_failed || reply->status == STINT_STORE_DOWN || reply->status == STINT_BUSY;
    if (--c->names_pending != 0) {
        return;
    }
    n->report_due = n->now_ns;
    if (c->names_failed && n->phase == PHASE_MEMBER) { /* a view that is reported without them would end them */
        put_names_again(n);
    }
}

static void
put_name_again(struct node *n, const stint_StoreRequest *request)
{
    stint_StoreRequest again = *request;
    again.op = stint_StoreOp_STORE_NAME_PUT;
    memset(again.id, 0, sizeof again.id);
    n->control->names_pending++;
    control_store(n, &again, 30000, name_put, 0);
}

static void
put_name_of(struct node *n, const struct kernel_channel_view *channel)
{
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    if (channel->name == NULL) {
        return;
    }
    request.op = stint_StoreOp_STORE_NAME_PUT;
    text_copy(request.name, sizeof request.name, channel->name);
    memcpy(request.channel, channel->id.bytes, 16);
    memcpy(request.owner, channel->owner.bytes, 16);
    put_name_again(n, &request);
}

/* Those of channels that are here, and those that are just being asked for: their rows may be older than the view. */
static void
put_names_again(struct node *n)
{
    n->control->names_failed = false;
    n->control->names_pending++; /* not over before all are under way */
    control_each_name_put(n, name_put, put_name_again);
    uint32_t cursor = 0;
    struct kernel_channel_view channel;
    while (node_each_channel(n, &cursor, &channel)) {
        put_name_of(n, &channel);
    }
    if (--n->control->names_pending == 0) {
        n->report_due = n->now_ns;
    }
}

static void
names_again(struct node *n, const struct view *old, const struct view *next)
{
    struct names_walk walk = { .n = n };
    view_diff(old, next, see_gone, &walk);
    if (walk.any_gone) {
        n->control->gone_view = next->number;
    }
    if (walk.any_gone && n->phase == PHASE_MEMBER && !MUTANT(n->mem, NAME_ONCE)) {
        put_names_again(n);
    }
}

/*
 * It came from a node that did not have the view yet under which names are put again: this one has put them before it came, and
 * that one will when it is gone from there.
 */
void
control_names_arrived(struct node *n, struct stint_id tasklet, struct node_ref from)
{
    const struct load_entry *e = load_table_find(&n->loads, from);
    struct stint_id owned[KERNEL_OWNED_MAX];
    struct kernel_channel_view channel;
    if (n->phase != PHASE_MEMBER || (e != NULL && e->installed >= n->control->gone_view)) {
        return;
    }
    uint32_t count = kernel_owned(n->kernel, tasklet, owned, KERNEL_OWNED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (kernel_look_channel(n->kernel, owned[i], &channel) == STINT_OK) {
            put_name_of(n, &channel);
        }
    }
}

static void
install(struct node *n)
{
    struct view *old = n->view;
    struct view *next = n->next;
    n->view = next;
    n->next = old;
    if (next->number > n->last_view) {
        n->last_generation = next->generation;
        n->last_view = next->number;
        if (!MUTANT(n->mem, VIEW_UNSAVED)) {
            outbox_persist(&n->outbox, n->self.inc, n->last_generation, n->last_view);
        }
    }
    view_diff(old, next, report_change, n);
    mover_view(n, next); /* M-S, M-D first: homes hear of adoptions before the view is reported */
    peers_view(n, old, next);
    detector_view(&n->detector, next, n->self, n->now_ns);
    load_table_view(&n->loads, next);
    route_view(n, old, next);
    remote_view(n, old, next);
    guest_view(n, old, next);
    admin_view(n, old, next);
    names_again(n, old, next);
    const struct member *me = view_member(next, n->self);
    bool takes = me != NULL && member_is_target(me);
    if (n->moves != NULL && !n->stop_requested) {
        moves_accept(n->moves, takes || (me != NULL && me->state == stint_MEMBER_JOINING),
                     "the node is cordoned or draining");
    }
    if (n->phase == PHASE_LINKING && me != NULL && me->state != stint_MEMBER_JOINING) {
        n->phase = PHASE_MEMBER;
        n->control->activating = false;
        node_log(n, NODE_LOG_INFO, "member of the cluster, incarnation %llu, view %llu",
                 (unsigned long long)n->self.inc, (unsigned long long)next->number);
        outbox_simple(&n->outbox, NODE_READY);
    }
    if (n->phase == PHASE_MEMBER && me != NULL && me->state == stint_MEMBER_DRAINING &&
        drain_progress(n->drain).state == DRAIN_OFF) { /* one under way keeps its targets and rate */
        mover_drain(n, NULL, 0, 0);
    }
    n->report_due = n->now_ns;
}

void
control_consider_view(struct node *n)
{
    uint64_t generation = n->view->number != 0 ? n->view->generation : n->last_generation;
    uint64_t number = n->view->number;
    if (number == 0 && n->next->generation == n->last_generation && n->next->number < n->last_view) {
        node_fence(n, "the store shows an older view than this node has seen: it was rolled back");
        return;
    }
    switch (view_judge(generation, number, n->next, n->self)) {
    case VIEW_NEWER:
        if (n->phase == PHASE_LINKING || n->phase == PHASE_MEMBER || n->phase == PHASE_LEAVING) {
            install(n);
        }
        break;
    case VIEW_FENCED:
        if (n->phase == PHASE_LEAVING) {
            view_copy(n->view, n->next);
            node_exit(n, STINT_OK, "left the cluster"); /* as asked; the answer may be lost with its session */
            break;
        }
        if (MUTANT(n->mem, SELF_VIEW)) {
            install(n);
            break;
        }
        node_fence(n, "the cluster's view no longer has this node");
        break;
    case VIEW_REGRESSED:
        node_fence(n, "the store shows an older generation than was seen before: it was rolled back");
        break;
    case VIEW_SAME:
    case VIEW_OLDER:
        break;
    }
}

void
control_ask_view(struct node *n, struct stint_id from)
{
    if (n->now_ns < n->control->view_ask_due) {
        return;
    }
    n->control->view_ask_due = n->now_ns + VIEW_ASK_NS;
    struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_VIEW_GET };
    if (n->view->number == 0) {
        (void)peers_reply(n, n->control->seed_conn, &envelope, span_of(NULL, 0));
    } else {
        peers_send(n, from, &envelope, span_of(NULL, 0));
    }
}

void
control_send_view(struct node *n, const struct view *view, struct stint_id to, uint64_t conn)
{
    struct buf body;
    buf_init(&body, n->mem, stint_View_size);
    if (view_encode(view, &body) == STINT_OK) {
        struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_VIEW };
        if (conn != 0) {
            (void)peers_reply(n, conn, &envelope, buf_span(&body));
        } else {
            peers_send(n, to, &envelope, buf_span(&body));
        }
    }
    buf_fini(&body);
}

void
control_spread_view(struct node *n)
{
    authority_view(n->authority, n->next);
    for (uint32_t i = 0; i < n->next->member_count; i++) {
        const struct member *m = &n->next->members[i];
        if (member_is_living(m) && !id_equal(m->ref.id, n->self.id)) {
            control_send_view(n, n->next, m->ref.id, 0);
        }
    }
    /* Those whom the view has just buried hear it too, so that a zombie learns of its death. */
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (member_is_living(m) && !view_has(n->next, m->ref) && !id_equal(m->ref.id, n->self.id)) {
            control_send_view(n, n->next, m->ref.id, 0);
        }
    }
    peers_flush(n);
    control_consider_view(n);
}

void
control_tell_view(struct node *n, uint64_t conn)
{
    if (n->view->number != 0) {
        control_send_view(n, n->view, n->self.id, conn);
    }
}

void
control_get_view(struct node *n, uint64_t conn)
{
    struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_VIEW_GET };
    (void)peers_reply(n, conn, &envelope, span_of(NULL, 0));
}
