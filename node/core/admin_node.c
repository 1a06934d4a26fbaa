/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and the cluster: what they are and how they do; cordon, drain, stop. */
#include <string.h>

#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"
#include "core/mover.h"

#define STOP_DELAY_NS (UINT64_C(100) * 1000000) /* the answer goes first */
#define STOP_DRAIN_MS 30000u
#define LEAVE_LOOK_NS (UINT64_C(100) * 1000000)
#define NODES_TIMEOUT_NS (UINT64_C(500) * 1000000)

void
admin_ping(struct node *n, struct ask *ask)
{
    ask_end(n, ask, STINT_OK, "node %s", n->name);
}

void
admin_view_show(struct node *n, struct ask *ask)
{
    struct buf b;
    buf_init(&b, n->mem, stint_View_size);
    if (view_encode(n->view, &b) != STINT_OK) {
        buf_fini(&b);
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return;
    }
    ask_item(n, ask, stint_ItemKind_ITEM_VIEW, NULL, NULL, buf_span(&b), NULL);
    buf_fini(&b);
    ask_end(n, ask, STINT_OK, "%s", "");
}

void
admin_keys(struct node *n, struct ask *ask)
{
    for (uint32_t i = 0; i < n->view->revoked_count; i++) {
        stint_KeyInfo info = { .serial = n->view->revoked[i] };
        ask_item(n, ask, stint_ItemKind_ITEM_KEY, stint_KeyInfo_fields, &info, span_of(NULL, 0),
                 NULL);
    }
    ask_end(n, ask, STINT_OK, "%s", "");
}

/* ---- the list of nodes ---- */

struct loads {
    const struct load *list[VIEW_MEMBERS_MAX];
    uint32_t count;
};

static const struct load *
load_of(const struct node *n, const struct member *m)
{
    if (node_ref_equal(m->ref, n->self)) {
        return &n->load;
    }
    const struct load_entry *e = member_is_living(m) ? load_table_find(&n->loads, m->ref) : NULL;
    return e != NULL && e->at_ns != 0 ? &e->load : NULL;
}

static const char *
labels_of(const struct node *n, const struct member *m)
{
    const struct load_entry *e = load_table_find(&n->loads, m->ref);
    return node_ref_equal(m->ref, n->self) ? n->labels : e != NULL ? e->labels : "";
}

static void
fresh_loads(const struct node *n, struct loads *out)
{
    out->count = 0;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        const struct load_entry *e = load_table_find(&n->loads, m->ref);
        bool self = node_ref_equal(m->ref, n->self);
        if (member_is_living(m) && (self || (e != NULL && load_is_fresh(e, n->now_ns)))) {
            out->list[out->count++] = self ? &n->load : &e->load;
        }
    }
}

static void
own_modules(const struct node *n, char *out, size_t size)
{
    const struct stint_module *module;
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; (module = kernel_module_at(n->kernel, i)) != NULL && at + 1 < size; i++) {
        at += text_format(out + at, size - at, "%s%s", i == 0 ? "" : ",", module->name);
    }
}

static const char *
state_of(const struct node *n, const struct member *m)
{
    bool suspect = member_is_living(m) && !node_ref_equal(m->ref, n->self) &&
                   detector_suspects(&n->detector, m->ref);
    return suspect ? "suspect" : member_state_text(m->state);
}

/* What is known of a member here: of this node now, of another one by its last report. */
static void
describe_member(const struct node *n, const struct member *m, stint_NodeInfo *info)
{
    static const struct load none = { 0 };
    const struct member *me = view_member(n->view, n->self);
    const struct load *load = load_of(n, m);
    load = load != NULL ? load : &none;
    ADMIN_PUT_ID(info->id, m->ref.id);
    text_copy(info->name, sizeof info->name, m->name);
    text_copy(info->endpoint, sizeof info->endpoint, m->endpoint);
    info->incarnation = m->ref.inc;
    info->tasklets = load->tasklets;
    info->runnable = load->runnable;
    info->channels = load->channels;
    info->cpu_permille = load->cpu_permille;
    info->memory_bytes = load->memory_bytes;
    info->moves_in = load->moves_in;
    info->moves_out = load->moves_out;
    info->steps = load->steps;
    text_copy(info->version, sizeof info->version, m->version);
    if (m == me || (me != NULL && m->modules == me->modules)) {
        own_modules(n, info->modules, sizeof info->modules);
    }
    text_copy(info->labels, sizeof info->labels, labels_of(n, m));
}

void
admin_node_self(struct node *n, struct ask *ask)
{
    const struct member *me = view_member(n->view, n->self);
    stint_NodeInfo info = stint_NodeInfo_init_zero;
    if (me == NULL) {
        ask_end(n, ask, STINT_UNREACHABLE, "node %s is not a member now", n->name);
        return;
    }
    mover_measure(n);
    describe_member(n, me, &info);
    ask_item(n, ask, stint_ItemKind_ITEM_NODE, stint_NodeInfo_fields, &info, span_of(NULL, 0),
             NULL);
    ask_end(n, ask, STINT_OK, "%s", "");
}

/* What the member has answered itself. */
static bool
find_answer(const struct ask *ask, const struct member *m, stint_NodeInfo *info)
{
    for (uint32_t i = 0; i < ask->rows->count; i++) {
        const struct row *row = &ask->rows->list[i];
        if (codec_read(span_of(row->bytes, row->item_size), stint_NodeInfo_fields, info) &&
            memcmp(info->id.bytes, m->ref.id.bytes, sizeof m->ref.id.bytes) == 0 &&
            info->incarnation == m->ref.inc) {
            return true;
        }
    }
    return false;
}

/* How the node compares with the others, and whether it is one, is seen from here. */
static void
emit_node(struct node *n, struct ask *ask, const struct member *m, const struct loads *loads)
{
    stint_NodeInfo info = stint_NodeInfo_init_zero;
    const struct load *load = load_of(n, m);
    if (!find_answer(ask, m, &info)) {
        info = (stint_NodeInfo)stint_NodeInfo_init_zero;
        describe_member(n, m, &info);
    }
    text_copy(info.state, sizeof info.state, state_of(n, m));
    info.load_permille = load != NULL && loads->count > 0
                             ? load_score(load, loads->list, loads->count)
                             : 0;
    info.authority = id_equal(m->ref.id, n->view->authority);
    ask_item(n, ask, stint_ItemKind_ITEM_NODE, stint_NodeInfo_fields, &info, span_of(NULL, 0),
             NULL);
}

/* One of which the name is given, dead ones too. */
static const struct member *
wanted_node(struct node *n, const char *text, enum stint_status *status, char *detail, size_t size)
{
    struct node_ref ref;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        if (strcmp(n->view->members[i].name, text) == 0 && view_named(n->view, text) == NULL) {
            return &n->view->members[i];
        }
    }
    *status = admin_find_node(n, text, &ref, detail, size);
    return *status == STINT_OK ? view_member(n->view, ref) : NULL;
}

static void
list_nodes(struct node *n, struct ask *ask)
{
    struct loads loads;
    fresh_loads(n, &loads);
    if (ask->request.target[0] != 0) {
        enum stint_status status = STINT_NOT_FOUND;
        char detail[ADMIN_DETAIL_SIZE] = "";
        const struct member *m = wanted_node(n, ask->request.target, &status, detail,
                                             sizeof detail);
        if (m == NULL) {
            ask_end_page(n, ask, status, detail, false, "");
            return;
        }
        emit_node(n, ask, m, &loads);
    } else {
        for (uint32_t i = 0; i < n->view->member_count; i++) {
            emit_node(n, ask, &n->view->members[i], &loads);
        }
    }
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* The members are asked, so that what was done a moment ago is seen. One that is slow or silent is
 * shown as it last reported itself. */
void
admin_node_list(struct node *n, struct ask *ask)
{
    stint_Request request = ask_part_request(n, ask);
    request.on[0] = request.target[0] = 0;
    if (n->now_ns + NODES_TIMEOUT_NS < ask->deadline) {
        ask_set_deadline(n, ask, n->now_ns + NODES_TIMEOUT_NS);
    }
    ask_gather(n, ask, &request, list_nodes);
}

/* ---- the cluster's state ---- */

void
admin_status(struct node *n, struct ask *ask)
{
    struct kernel_counters counters;
    stint_StatusInfo info = stint_StatusInfo_init_zero;
    kernel_count(n->kernel, &counters);
    info.tasklets = counters.tasklets - counters.system;
    if (n->moves != NULL) {
        struct moves_counts moves = moves_counts(n->moves);
        info.moves_in_flight = moves.outgoing;
        info.in_doubt = moves.in_doubt;
        info.moves_done = moves.out_committed;
    }
    ask_item(n, ask, stint_ItemKind_ITEM_STATUS, stint_StatusInfo_fields, &info, span_of(NULL, 0),
             NULL);
    ask_end(n, ask, STINT_OK, "%s", "");
}

static void
status_gathered(struct node *n, struct ask *ask)
{
    stint_StatusInfo sum = stint_StatusInfo_init_zero;
    struct loads loads;
    fresh_loads(n, &loads);
    for (uint32_t i = 0; i < ask->rows->count; i++) {
        stint_StatusInfo one = stint_StatusInfo_init_zero;
        const struct row *row = &ask->rows->list[i];
        if (codec_read(span_of(row->bytes, row->item_size), stint_StatusInfo_fields, &one)) {
            sum.tasklets += one.tasklets;
            sum.moves_in_flight += one.moves_in_flight;
            sum.in_doubt += one.in_doubt;
            sum.moves_done += one.moves_done;
        }
    }
    ADMIN_PUT_ID(sum.cluster, n->identity.trust.cluster);
    sum.view = n->view->number;
    sum.nodes = view_living(n->view);
    sum.imbalance_permille = load_imbalance(loads.list, loads.count);
    sum.balancer = n->view->balancer_on;
    if (ask->verb->verb == stint_Verb_VERB_BALANCER && ask->request.text[0] == 'o') {
        sum.balancer = strcmp(ask->request.text, "on") == 0; /* the view may not be here yet */
    }
    text_copy(sum.authority, sizeof sum.authority, node_name_of(n, n->view->authority));
    ask_item(n, ask, stint_ItemKind_ITEM_STATUS, stint_StatusInfo_fields, &sum, span_of(NULL, 0),
             NULL);
    ask_end_gathered(n, ask, "");
}

void
admin_status_enter(struct node *n, struct ask *ask)
{
    stint_Request request = ask_part_request(n, ask);
    request.verb = stint_Verb_VERB_STATUS;
    request.on[0] = request.sort[0] = 0;
    ask_gather(n, ask, &request, status_gathered);
}

static void
balancer_switched(struct node *n, struct ask *ask, const struct part *part,
                  enum stint_status status, const char *detail)
{
    (void)part;
    if (status != STINT_OK) {
        ask_end_page(n, ask, status, detail, false, "");
    } else {
        admin_status_enter(n, ask);
    }
}

void
admin_balancer_enter(struct node *n, struct ask *ask)
{
    const char *text = ask->request.text;
    const struct member *authority = view_find(n->view, n->view->authority);
    if (text[0] == 0 || strcmp(text, "status") == 0) {
        admin_status_enter(n, ask);
    } else if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        ask_end(n, ask, STINT_INVALID,
                "the balancer can be `on`, `off`, or asked for its `status`, not `%s`", text);
    } else if (authority == NULL) {
        ask_end(n, ask, STINT_STORE_DOWN,
                "the node with the store is down; start it again and repeat this");
    } else {
        stint_Request request = ask_part_request(n, ask);
        ask->on_part = balancer_switched;
        ask->expired = ask_store_silent;
        (void)part_send(n, ask, authority->ref, &request, span_of(NULL, 0), false);
    }
}

/* ---- what the store decides ---- */

static void
store_answered(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    struct ask *ask = ask_find(n, token);
    if (ask != NULL) {
        ask_end_page(n, ask, (enum stint_status)reply->status, reply->detail, false, "");
    }
}

void
ask_store_silent(struct node *n, struct ask *ask)
{
    ask_end(n, ask, STINT_STORE_DOWN,
            "the store (node %s) does not answer; `%s` waits for it, all other work goes on",
            node_name_of(n, n->view->authority), ask->verb->name);
}

/* At the authority: the balancer's switch, and revocations. */
void
admin_store_change(struct node *n, struct ask *ask)
{
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    if (n->authority == NULL) {
        ask_end(n, ask, STINT_NOT_HERE, "node %s does not have the store", n->name);
        return;
    }
    if (ask->verb->verb == stint_Verb_VERB_KEY_REVOKE) {
        request.op = stint_StoreOp_STORE_REVOKE;
        request.serial = ask->request.serial;
        if (request.serial == 0) {
            ask_end(n, ask, STINT_INVALID,
                    "no certificate has the serial 0; `stint keys list` shows serials");
            return;
        }
        if (view_is_revoked(n->view, request.serial)) {
            ask_end(n, ask, STINT_EXISTS, "certificate %016llx was revoked before",
                    (unsigned long long)request.serial);
            return;
        }
    } else {
        request.op = stint_StoreOp_STORE_BALANCER;
        request.off = strcmp(ask->request.text, "off") == 0;
    }
    node_record(n, "%s by %s: %s", ask->verb->name, ask->request.by,
             ask->request.reason);
    control_store(n, &request, ask_left_ms(n, ask), store_answered, ask->serial);
}

/* ---- cordon ---- */

static enum stint_status
own_state(const struct node *n, stint_MemberState *state)
{
    const struct member *me = view_member(n->view, n->self);
    *state = me != NULL ? me->state : stint_MemberState_MEMBER_NONE;
    return me != NULL ? STINT_OK : STINT_FENCED;
}

static void
forget_drain(struct node *n)
{
    drain_stop(n->drain);
    n->admin->drain_asked = false;
    n->admin->leave_when_empty = false;
}

/*
 * The store has agreed that this node drains no more. A view that came between that wish and this one has still said that it
 * drains, and so begun the drain anew.
 */
void
node_verbs_view(struct node *n, const struct view *old, const struct view *next)
{
    const struct member *was = view_member(old, n->self);
    const struct member *is = view_member(next, n->self);
    if (was != NULL && is != NULL && was->state == stint_MemberState_MEMBER_DRAINING &&
        is->state != was->state && !n->stop_requested) {
        forget_drain(n);
    }
}

void
admin_cordon(struct node *n, struct ask *ask)
{
    stint_MemberState state;
    bool cordon = ask->verb->verb == stint_Verb_VERB_NODE_CORDON;
    stint_MemberState wanted = cordon ? stint_MemberState_MEMBER_CORDONED
                                      : stint_MemberState_MEMBER_ACTIVE;
    if (own_state(n, &state) != STINT_OK || n->stop_requested || n->phase != PHASE_MEMBER) {
        ask_end(n, ask, STINT_REFUSED, "node %s is being stopped", n->name);
        return;
    }
    if (cordon && state == stint_MemberState_MEMBER_DRAINING) {
        ask_end(n, ask, STINT_REFUSED,
                "node %s is draining, which is more than cordoned; uncordon it to stop that",
                n->name);
        return;
    }
    if (!cordon) {
        forget_drain(n);
    }
    if (state == wanted) {
        ask_end(n, ask, STINT_OK, "node %s is %s already", n->name, member_state_text(state));
        return;
    }
    node_record(n, "%s by %s: %s", ask->verb->name, ask->request.by,
             ask->request.reason);
    ask->expired = ask_store_silent;
    control_set_state(n, wanted, store_answered, ask->serial);
}

/* ---- stop ---- */

void
admin_stop(struct node *n, struct ask *ask)
{
    struct admin *m = n->admin;
    if (m->stop_at == UINT64_MAX) {
        m->stop_at = n->now_ns + STOP_DELAY_NS;
        m->stop_drains = ask->request.leave;
    }
    node_record(n, "stopped by %s: %s", ask->request.by, ask->request.reason);
    ask_end(n, ask, STINT_OK, "node %s %s", n->name,
            ask->request.leave ? "drains, then stops" : "stops");
}

void
node_verbs_tick(struct node *n)
{
    struct admin *m = n->admin;
    if (m->stop_at <= n->now_ns) {
        m->stop_at = UINT64_MAX;
        node_stop_after_drain(n, m->stop_drains ? STOP_DRAIN_MS : 0);
    }
    if (m->leave_when_empty && drain_progress(n->drain).state == DRAIN_EMPTY &&
        moves_counts(n->moves).outgoing == 0) {
        m->leave_when_empty = false;
        m->stop_at = n->now_ns + 5 * LEAVE_LOOK_NS; /* whoever watches sees that it is done */
        m->stop_drains = false;
    }
}

uint64_t
node_verbs_deadline(const struct node *n)
{
    uint64_t look = n->admin->leave_when_empty ? n->now_ns + LEAVE_LOOK_NS : UINT64_MAX;
    return n->admin->stop_at < look ? n->admin->stop_at : look;
}
