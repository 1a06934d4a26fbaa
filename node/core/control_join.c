/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining: any member gives its view, the view names the authority, the authority gives an incarnation. Then links to
 * all members are made; only a node that reaches them becomes ACTIVE.
 */
#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/text.h"
#include "core/control.h"
#include "kernel/code.h"

#define LINK_PATIENCE_NS (UINT64_C(2000) * 1000000)
#define LEAVE_TIMEOUT_MS 3000

/* Equal hashes: equal modules. */
static uint64_t
modules_hash(const struct node *n)
{
    struct hash h;
    const struct code *code;
    hash_init(&h);
    for (uint32_t i = 0; (code = kernel_code_at(n->kernel, i)) != NULL; i++) {
        hash_add_text(&h, code->module->definition->name);
        hash_add_text(&h, code->name);
        hash_add_u64(&h, code->fingerprint);
    }
    return hash_final(&h);
}

static void
fill_join(struct node *n, stint_StoreRequest *request)
{
    memcpy(request->node, n->self.id.bytes, 16);
    text_copy(request->name, sizeof request->name, n->name);
    text_copy(request->endpoint, sizeof request->endpoint, n->endpoint);
    text_copy(request->version, sizeof request->version, n->version);
    request->modules = modules_hash(n);
    request->inc = n->last_incarnation;
    memcpy(request->secret, n->secret, sizeof request->secret);
    memcpy(request->old_secret, n->old_secret, sizeof request->old_secret);
}

static void
snapshot_done(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    if (reply->status != STINT_OK && n->phase == PHASE_LINKING) {
        node_exit(n, STINT_UNREACHABLE, reply->detail);
    }
}

static void
joined(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    if (n->phase != PHASE_JOINING) {
        return;
    }
    if (reply->status != STINT_OK) {
        char why[OUTBOX_TEXT_MAX];
        text_format(why, sizeof why, "cannot join: %s", reply->detail[0] != 0
                                         ? reply->detail
                                         : stint_strerror((enum stint_status)reply->status));
        node_exit(n, (enum stint_status)reply->status, why);
        return;
    }
    n->self.inc = reply->inc;
    outbox_persist(&n->outbox, n->self.inc, n->last_generation, n->last_view);
    n->phase = PHASE_LINKING;
    n->control->activate_at = n->now_ns + LINK_PATIENCE_NS;
    mover_joined(n);
    if (n->authority != NULL) {
        authority_view(n->authority, n->next);
        control_consider_view(n);
        return;
    }
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_SNAPSHOT;
    control_store(n, &request, CONTROL_JOIN_TIMEOUT_MS, snapshot_done, 0);
}

void
control_ask_join(struct node *n)
{
    if (n->control->join_asked) {
        return;
    }
    n->control->join_asked = true;
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    bool found = n->authority != NULL && !authority_is_founded(n->authority);
    request.op = found ? stint_StoreOp_STORE_FOUND : stint_StoreOp_STORE_JOIN;
    fill_join(n, &request);
    control_store(n, &request, CONTROL_JOIN_TIMEOUT_MS, joined, 0);
}

void
control_join_through(struct node *n, const struct view *view)
{
    struct control *c = n->control;
    if (id_equal(view->authority, c->seed_node)) {
        control_ask_join(n);
        return;
    }
    const struct member *authority = view_find(view, view->authority);
    if (authority == NULL || c->authority_dialed) {
        return; /* it is away: asked again until the join's deadline */
    }
    c->authority_dialed = true;
    peers_connect(n, authority->endpoint);
}

void
control_connected(struct node *n, uint64_t conn, struct node_ref ref)
{
    struct control *c = n->control;
    if (n->phase == PHASE_JOINING && n->authority == NULL) {
        bool is_authority = c->authority_dialed && !id_equal(ref.id, c->seed_node);
        if (c->seed_conn == 0 || is_authority) {
            c->seed_conn = conn;
            c->seed_node = ref.id;
            c->view_ask_due = 0;
            control_ask_view(n, ref.id);
        }
    }
}

static void
activated(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    n->control->activating = false;
    if (reply->status != STINT_OK && n->phase == PHASE_LINKING) {
        n->control->activate_at = n->now_ns + CONTROL_REPEAT_NS;
    }
}

/* All members are linked, or a majority after some patience: a partition in the making should not get a new member. */
static bool
links_suffice(const struct node *n)
{
    uint32_t living = 0, linked = 0;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (!member_is_living(m) || id_equal(m->ref.id, n->self.id)) {
            continue;
        }
        living++;
        linked += peers_is_connected(n, m->ref.id) ? 1 : 0;
    }
    bool patient = n->now_ns < n->control->activate_at;
    return patient ? linked == living : linked * 2 >= living;
}

void
control_try_activate(struct node *n)
{
    struct control *c = n->control;
    if (n->phase != PHASE_LINKING || c->activating || n->view->number == 0 || !links_suffice(n)) {
        return;
    }
    c->activating = true;
    control_set_state(n, stint_MemberState_MEMBER_ACTIVE, activated, 0);
}

void
control_set_state(struct node *n, stint_MemberState state, store_done_fn *done, uint64_t token)
{
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_SET_STATE;
    memcpy(request.node, n->self.id.bytes, 16);
    request.inc = n->self.inc;
    request.state = state;
    control_store(n, &request, CONTROL_JOIN_TIMEOUT_MS, done, token);
}

/* ---- leaving ---- */

static void
left(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    if (n->phase != PHASE_LEAVING) {
        return;
    }
    if (reply->status != STINT_OK) {
        node_log(n, NODE_LOG_WARN, "left without the authority's agreement: %s", reply->detail);
    }
    node_exit(n, STINT_OK, "left the cluster");
}

/* Somebody may miss them. */
static void
say_what_ends(struct node *n)
{
    uint32_t count = node_tasklets(n);
    struct drain_progress drain =
        n->drain != NULL ? drain_progress(n->drain) : (struct drain_progress){ .why = "" };
    if (count != 0) {
        node_log(n, NODE_LOG_WARN, "leaves, and tasklets that are here end with it: %u%s%s%s",
                 (unsigned)count, drain.why[0] != '\0' ? " (of one: " : "", drain.why,
                 drain.why[0] != '\0' ? ")" : "");
    }
}

void
control_leave(struct node *n)
{
    if (n->control->leaving || n->phase == PHASE_ENDED) {
        return;
    }
    n->control->leaving = true;
    say_what_ends(n);
    if (n->self.inc == 0 || n->phase == PHASE_FENCED) {
        node_exit(n, STINT_OK, "stopped");
        return;
    }
    n->phase = PHASE_LEAVING;
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_LEAVE;
    memcpy(request.node, n->self.id.bytes, 16);
    request.inc = n->self.inc;
    control_store(n, &request, LEAVE_TIMEOUT_MS, left, 0);
}
