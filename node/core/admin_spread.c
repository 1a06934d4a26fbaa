/* SPDX-License-Identifier: Apache-2.0 */
/* Moving many: drains and balancing, for real or as a plan. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/code.h"

/* ---- drain ---- */

/* The names in `to`, comma separated. False: the ask was ended. */
static bool
parse_targets(struct node *n, struct ask *ask, struct stint_id *only, uint32_t *count)
{
    const char *at = ask->request.to;
    *count = 0;
    while (*at != 0) {
        char name[VIEW_NAME_SIZE];
        char detail[ADMIN_DETAIL_SIZE];
        struct node_ref ref;
        size_t length = strcspn(at, ",");
        if (*count == DRAIN_TARGETS_MAX || length == 0 || length >= sizeof name) {
            ask_end(n, ask, STINT_INVALID,
                    "`%.80s` is no list of at most %d nodes, separated by commas", ask->request.to,
                    DRAIN_TARGETS_MAX);
            return false;
        }
        text_copy_span(name, sizeof name, span_of(at, length));
        enum stint_status status = admin_find_node(n, name, &ref, detail, sizeof detail);
        if (status == STINT_OK && id_equal(ref.id, n->self.id)) {
            status = STINT_INVALID;
            text_format(detail, sizeof detail, "node %s cannot be drained to itself", n->name);
        }
        if (status != STINT_OK) {
            ask_end_page(n, ask, status, detail, false, "");
            return false;
        }
        only[(*count)++] = ref.id;
        at += length;
        at += *at == ',' ? 1 : 0;
    }
    return true;
}

static void
report_drain(struct node *n, struct ask *ask)
{
    struct drain_progress p = drain_progress(n->drain);
    stint_DrainInfo info = stint_DrainInfo_init_zero;
    text_copy(info.node, sizeof info.node, n->name);
    info.total = p.total;
    info.moved = p.moved;
    info.remaining = p.remaining;
    info.done = p.state == DRAIN_EMPTY;
    ask_item(n, ask, stint_ItemKind_ITEM_DRAIN, stint_DrainInfo_fields, &info, span_of(NULL, 0),
             NULL);
    if (p.stuck > 0) {
        ADMIN_PUT_ID(info.stuck, p.example);
        text_copy(info.why, sizeof info.why, p.why);
        ask_item(n, ask, stint_ItemKind_ITEM_DRAIN, stint_DrainInfo_fields, &info, span_of(NULL, 0),
                 NULL);
    }
    if (p.state == DRAIN_STUCK && p.in_flight == 0) {
        char hex[STINT_ID_TEXT_SIZE];
        ask_end(n, ask, STINT_PARTIAL,
                "%llu of node %s cannot be moved now, for one %s: %s; they are tried again",
                (unsigned long long)p.stuck, n->name, stint_id_text(p.example, hex), p.why);
    } else {
        ask_end_page(n, ask, STINT_OK, "", false, "");
    }
}

void
admin_plan_item(struct node *n, struct ask *ask, const struct kernel_tasklet_view *view,
                const char *to, const char *reason)
{
    stint_PlanInfo info = stint_PlanInfo_init_zero;
    ADMIN_PUT_ID(info.tasklet, view->id);
    text_copy(info.from, sizeof info.from, n->name);
    text_copy(info.to, sizeof info.to, to);
    text_copy(info.reason, sizeof info.reason, reason);
    text_copy(info.code, sizeof info.code, view->code->name);
    ask_item(n, ask, stint_ItemKind_ITEM_PLAN, stint_PlanInfo_fields, &info, span_of(NULL, 0),
             NULL);
}

/* More than any node has. */
#define NEVER (UINT64_MAX / 4)

struct drain_plan {
    uint64_t extra[VIEW_MEMBERS_MAX]; /* what comes to each member; NEVER: it may not be used */
    struct stint_id only[DRAIN_TARGETS_MAX];
    uint32_t only_count;
};

static void
begin_plan(const struct node *n, struct drain_plan *p)
{
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        bool listed = p->only_count == 0;
        for (uint32_t j = 0; j < p->only_count; j++) {
            listed = listed || id_equal(p->only[j], n->view->members[i].ref.id);
        }
        p->extra[i] = listed ? 0 : NEVER;
    }
}

/* The same rule as a drain's: the emptiest of the nodes that take it. Without one `why` has what
 * each of them says. */
static struct node_ref
choose_target(const struct node *n, const struct ask *ask, const struct drain_plan *p,
              uint64_t kind, char *why, size_t size)
{
    uint64_t load[VIEW_MEMBERS_MAX];
    bool any = false;
    size_t at = 0;
    why[0] = 0;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        char said[MOVE_DETAIL_SIZE + VIEW_NAME_SIZE];
        load[i] = p->extra[i];
        if (load[i] >= NEVER || !member_is_living(m) || node_ref_equal(m->ref, n->self)) {
            load[i] = NEVER;
        } else if (plan_refuses(n, ask, kind, m, said, sizeof said)) {
            load[i] = NEVER;
            at += at + 1 < size ? text_format(why + at, size - at, "%s%s", at != 0 ? "; " : "", said)
                                : 0;
        } else {
            any = true;
        }
    }
    struct node_ref to = any ? admin_least_loaded(n, n->self.id, load) : NODE_REF_NONE;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        if (node_ref_equal(n->view->members[i].ref, to) && load[i] >= NEVER) {
            to = NODE_REF_NONE;
        }
    }
    if (node_ref_is_none(to) && why[0] == 0) {
        text_copy(why, size, "no other node takes tasklets");
    }
    return to;
}

/* One round: asks the nodes that are chosen, or tells what comes of it. False: the ask was ended. */
static bool
plan_round(struct node *n, struct ask *ask, struct drain_plan *p, bool tell)
{
    uint32_t cursor = 0, count = 0;
    struct kernel_tasklet_view view;
    uint32_t limit = admin_limit(&ask->request);
    begin_plan(n, p);
    while (kernel_each_tasklet(n->kernel, &cursor, &view)) {
        char why[MOVE_DETAIL_SIZE] = "";
        struct node_ref to = NODE_REF_NONE;
        if ((view.flags & KERNEL_SYSTEM) != 0) {
            continue;
        }
        if (count++ == limit) {
            ask->truncated = true;
            break;
        }
        if (mover_movable(n, view.id, why, sizeof why) == STINT_OK) {
            uint64_t kind = plan_kind(n, &view);
            to = choose_target(n, ask, p, kind, why, sizeof why);
            if (!tell && !node_ref_is_none(to) && !plan_ask(n, ask, kind, view.id, to)) {
                return false;
            }
        }
        for (uint32_t i = 0; i < n->view->member_count; i++) {
            p->extra[i] += node_ref_equal(n->view->members[i].ref, to) ? 1 : 0;
        }
        if (tell) {
            bool goes = !node_ref_is_none(to);
            admin_plan_item(n, ask, &view, goes ? node_name_of(n, to.id) : "",
                            goes ? "drain" : why);
        }
    }
    return true;
}

/* Where each would go. Who was refused is planned anew, until those that are chosen take all. */
static void
plan_drain(struct node *n, struct ask *ask)
{
    struct drain_plan *p = ask->state;
    if (plan_begin(n, ask, plan_drain) && plan_round(n, ask, p, false) && !plan_waits(n, ask) &&
        plan_round(n, ask, p, true)) {
        ask_end_page(n, ask, STINT_OK, plan_note(ask), ask->truncated, "");
    }
}

static void
begin_plan_of_drain(struct node *n, struct ask *ask, const struct stint_id *only, uint32_t count)
{
    struct drain_plan *p = ask_state(n, ask, sizeof *p);
    if (p != NULL) {
        memcpy(p->only, only, count * sizeof *only);
        p->only_count = count;
        plan_drain(n, ask);
    }
}

static void
drain_allowed(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    if (reply->status != STINT_OK) {
        drain_stop(n->drain);
        n->admin->drain_asked = n->admin->leave_when_empty = false;
    }
    if (ask == NULL) {
        return;
    }
    if (reply->status != STINT_OK) {
        ask_end_page(n, ask, (enum stint_status)reply->status, reply->detail, false, "");
    } else {
        report_drain(n, ask);
    }
}

static bool
same_drain(const struct admin *m, const struct stint_id *only, uint32_t count, uint32_t rate)
{
    if (!m->drain_asked || m->drain_rate != rate || m->drain_only_count != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!id_equal(m->drain_only[i], only[i])) {
            return false;
        }
    }
    return true;
}

void
admin_drain(struct node *n, struct ask *ask)
{
    struct admin *m = n->admin;
    struct stint_id only[DRAIN_TARGETS_MAX];
    uint32_t count;
    const struct member *me = view_member(n->view, n->self);
    if (!parse_targets(n, ask, only, &count)) {
        return;
    }
    if (me == NULL || n->stop_requested || n->phase != PHASE_MEMBER) {
        ask_end(n, ask, STINT_REFUSED, "node %s is being stopped", n->name);
        return;
    }
    if (ask->request.dry_run) {
        begin_plan_of_drain(n, ask, only, count);
        return;
    }
    bool draining = me->state == stint_MemberState_MEMBER_DRAINING;
    if (!draining || drain_progress(n->drain).state == DRAIN_OFF ||
        !same_drain(m, only, count, ask->request.rate)) {
        memcpy(m->drain_only, only, count * sizeof *only);
        m->drain_only_count = count;
        m->drain_rate = ask->request.rate;
        m->drain_asked = true;
        mover_drain(n, only, count, ask->request.rate);
        node_record(n, "drained by %s: %s", ask->request.by, ask->request.reason);
    }
    m->leave_when_empty = ask->request.leave;
    if (draining) {
        report_drain(n, ask);
    } else {
        ask->expired = ask_store_silent;
        control_set_state(n, stint_MemberState_MEMBER_DRAINING, drain_allowed, ask->serial);
    }
}

/* A node that has left after its drain is asked about once more by whoever watches it. */
void
admin_drain_enter(struct node *n, struct ask *ask)
{
    for (uint32_t i = 0; ask->request.leave && i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (strcmp(m->name, ask->request.target) == 0 && !member_is_living(m) && m->clean &&
            view_named(n->view, m->name) == NULL) {
            stint_DrainInfo info = stint_DrainInfo_init_zero;
            text_copy(info.node, sizeof info.node, m->name);
            info.done = true;
            ask_item(n, ask, stint_ItemKind_ITEM_DRAIN, stint_DrainInfo_fields, &info,
                     span_of(NULL, 0), NULL);
            ask_end(n, ask, STINT_OK, "node %s has left", m->name);
            return;
        }
    }
    if (ask->request.target[0] == 0) {
        ask_end(n, ask, STINT_INVALID, "which node is to be drained?");
        return;
    }
    ask_enter_scope(n, ask);
}

/* ---- balance ---- */

void
admin_balance(struct node *n, struct ask *ask)
{
    struct balance_move plan[BALANCE_MOVES_MAX];
    uint32_t limit = ask->request.count == 0 || ask->request.count > BALANCE_MOVES_MAX
                         ? BALANCE_MOVES_MAX
                         : ask->request.count;
    uint32_t count = mover_plan(n, limit, plan);
    uint32_t started = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct kernel_tasklet_view view;
        char detail[MOVE_DETAIL_SIZE] = "";
        if (kernel_look(n->kernel, plan[i].tasklet, &view) != STINT_OK) {
            continue;
        }
        if (!ask->request.dry_run) {
            enum stint_status status = mover_start(n, plan[i].tasklet, plan[i].to.id,
                                                   plan[i].reason, ask->request.by, NULL, detail,
                                                   sizeof detail);
            if (status != STINT_OK) {
                continue;
            }
            started++;
        }
        admin_plan_item(n, ask, &view, node_name_of(n, plan[i].to.id), plan[i].reason);
    }
    if (started > 0) {
        balancer_planned(&n->balancer, started, n->now_ns);
    }
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* The members are asked one after the other, the fullest first, so that the bound holds for all
 * together. */
struct balance_walk {
    struct node_ref order[VIEW_MEMBERS_MAX];
    uint32_t count, next;
};

static uint64_t
tasklets_of(const struct node *n, const struct member *m)
{
    const struct load_entry *e = load_table_find(&n->loads, m->ref);
    return node_ref_equal(m->ref, n->self) ? n->load.tasklets : e != NULL ? e->load.tasklets : 0;
}

static void
ask_next_to_balance(struct node *n, struct ask *ask)
{
    struct balance_walk *walk = ask->state;
    stint_Request request = ask_part_request(n, ask);
    if (walk->next == walk->count || (request.count != 0 && ask->sent >= request.count)) {
        ask_end_page(n, ask, ask->failed == 0 ? STINT_OK : STINT_PARTIAL, ask->detail, false, "");
        return;
    }
    request.count -= request.count != 0 ? ask->sent : 0;
    (void)part_send(n, ask, walk->order[walk->next++], &request, span_of(NULL, 0), false);
}

static void
balance_item(struct node *n, struct ask *ask, const struct part *part,
             const struct admin_reply *reply)
{
    (void)part;
    ask_relay_item(n, ask, reply, NULL);
}

static void
balance_part(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
             const char *detail)
{
    if (status != STINT_OK) {
        ask->failed++;
        text_format(ask->detail, sizeof ask->detail, "node %s: %s", node_name_of(n, part->node.id),
                    detail[0] != 0 ? detail : stint_strerror(status));
    }
    ask_next_to_balance(n, ask);
}

static void
balance_expired(struct node *n, struct ask *ask)
{
    struct balance_walk *walk = ask->state;
    ask_end(n, ask, ask->sent > 0 ? STINT_PARTIAL : STINT_UNREACHABLE,
            "node %s did not answer in time",
            walk->next > 0 ? node_name_of(n, walk->order[walk->next - 1].id) : n->name);
}

void
admin_balance_enter(struct node *n, struct ask *ask)
{
    struct balance_walk *walk = ask_state(n, ask, sizeof *walk);
    if (walk == NULL) {
        return;
    }
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        bool self = node_ref_equal(m->ref, n->self);
        if (!member_is_living(m) || m->state == stint_MemberState_MEMBER_JOINING ||
            (!self && !peers_is_connected(n, m->ref.id))) {
            continue;
        }
        uint32_t at = walk->count++;
        while (at > 0) {
            const struct member *before = view_member(n->view, walk->order[at - 1]);
            if (tasklets_of(n, before) >= tasklets_of(n, m)) {
                break;
            }
            walk->order[at] = walk->order[at - 1];
            at--;
        }
        walk->order[at] = m->ref;
    }
    ask->on_item = balance_item;
    ask->on_part = balance_part;
    ask->expired = balance_expired;
    ask_next_to_balance(n, ask);
}
