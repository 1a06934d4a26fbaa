/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Membership: how this node comes into the cluster, what it learns of the others, how it leaves. All that must be
 * agreed is asked of the authority (here or over a link), repeated under the same request id until there is an answer.
 *
 * Joining: any member gives its view, the view names the authority, the authority gives an incarnation. Then links to
 * all members are made; only a node that reaches them becomes ACTIVE.
 */
#include "core/node.h"

#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "core/codec.h"
#include "kernel/code.h"

#define CALLS_MAX (AUTHORITY_NAMES_MAX + 4096) /* all names are put again when their hosts are gone */
#define CALL_REPEAT_NS (UINT64_C(500) * 1000000)
#define JOIN_TIMEOUT_MS 10000
#define VIEW_ASK_NS (UINT64_C(300) * 1000000)
#define LINK_PATIENCE_NS (UINT64_C(2000) * 1000000)
#define REPORT_NS (UINT64_C(1000) * 1000000)
#define REPORT_FAST_NS (UINT64_C(300) * 1000000)
#define LEAVE_TIMEOUT_MS 3000
#define JOINING_MISSES 15

/* A question to the authority that has no answer yet. */
struct store_call {
    struct list link;
    stint_StoreRequest request;
    store_done_fn *done;
    uint64_t token;
    uint64_t deadline, next;
};

struct control {
    struct list calls;
    uint32_t call_count;
    struct list answered; /* calls whose reply waits to be handed out */
    uint64_t seed_conn;   /* while joining: the member that answers */
    struct stint_id seed_node;
    bool authority_dialed;
    bool join_asked;
    uint64_t view_ask_due;
    uint64_t activate_at;
    bool activating;
    bool leaving;
    uint32_t names_pending; /* names put again and not confirmed: until then the view is not reported as installed */
    uint64_t reported_view;
    uint64_t heard_view; /* newest number heard of */
    struct stint_id heard_from;
};

enum stint_status
control_init(struct node *n)
{
    struct control *c = mem_zalloc(n->mem, sizeof *c);
    if (c == NULL) {
        return STINT_NO_MEMORY;
    }
    list_init(&c->calls);
    list_init(&c->answered);
    n->control = c;
    struct detector_config config = { 0 };
    if (n->detect_fast) {
        config.probe_ms = 300;
        config.timeout_ms = 150;
    }
    detector_init(&n->detector, config);
    load_table_init(&n->loads);
    if (n->has_store) {
        struct authority_config authority = {
            .mem = n->mem,
            .node = n->self.id,
            .seed = prng_next(&n->random),
            .lease_ms = n->detect_fast ? 3000 : 0,
        };
        n->authority = authority_new(&authority);
        if (n->authority == NULL) {
            return STINT_NO_MEMORY;
        }
        outbox_simple(&n->outbox, NODE_STORE_LOAD);
        n->phase = PHASE_LOADING;
    } else {
        n->phase = PHASE_JOINING;
    }
    return STINT_OK;
}

static void
free_calls(struct node *n, struct list *calls)
{
    struct list *link;
    while ((link = list_pop_front(calls)) != NULL) {
        mem_free(n->mem, STINT_CONTAINER_OF(link, struct store_call, link), sizeof(struct store_call));
    }
}

void
control_fini(struct node *n)
{
    if (n->control == NULL) {
        return;
    }
    free_calls(n, &n->control->calls);
    free_calls(n, &n->control->answered);
    authority_free(n->authority);
    mem_free(n->mem, n->control, sizeof *n->control);
    n->control = NULL;
}

/* ---- questions to the authority ---- */

static void
send_call(struct node *n, struct store_call *call)
{
    call->next = n->now_ns + CALL_REPEAT_NS;
    call->request.installed = n->view->number;
    if (n->authority != NULL) {
        struct authority_from from = { .ref = n->self, .local = true, .operates = n->self.inc != 0 };
        authority_request(n->authority, from, &call->request, n->now_ns);
        return;
    }
    uint8_t body[stint_StoreRequest_size];
    size_t size = codec_write(stint_StoreRequest_fields, &call->request, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_STORE_REQUEST };
    if (n->view->number == 0) {
        (void)peers_reply(n, n->control->seed_conn, &envelope, span_of(body, size));
    } else {
        peers_send(n, n->view->authority, &envelope, span_of(body, size));
    }
}

static void
finish_call(struct node *n, struct store_call *call, const stint_StoreReply *reply)
{
    list_remove(&call->link);
    n->control->call_count--;
    if (call->done != NULL) {
        call->done(n, call->token, reply);
    }
    mem_free(n->mem, call, sizeof *call);
}

void
control_store(struct node *n, stint_StoreRequest *request, uint32_t timeout_ms, store_done_fn *done,
              uint64_t token)
{
    struct control *c = n->control;
    struct store_call *call =
        c->call_count < CALLS_MAX ? mem_zalloc(n->mem, sizeof *call) : NULL;
    if (call == NULL) {
        stint_StoreReply reply = stint_StoreReply_init_zero;
        reply.status = STINT_BUSY;
        reply.op = request->op;
        text_copy(reply.detail, sizeof reply.detail, "too many questions to the authority wait here");
        if (done != NULL) {
            done(n, token, &reply);
        }
        return;
    }
    if (codec_id_is_zero(request->id)) {
        struct stint_id id = prng_id(&n->random);
        memcpy(request->id, id.bytes, sizeof id.bytes);
    }
    call->request = *request;
    call->done = done;
    call->token = token;
    call->deadline = n->now_ns + (uint64_t)timeout_ms * 1000000;
    c->call_count++;
    list_push_back(&c->calls, &call->link);
    send_call(n, call);
}

static void
take_reply(struct node *n, const stint_StoreReply *reply)
{
    LIST_EACH (link, &n->control->calls) {
        struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        if (memcmp(call->request.id, reply->id, sizeof reply->id) != 0) {
            continue;
        }
        if (reply->status == STINT_OUTCOME_UNKNOWN || reply->status == STINT_BUSY) {
            call->next = n->now_ns + CALL_REPEAT_NS; /* asked again under the same id */
        } else {
            finish_call(n, call, reply);
        }
        return;
    }
}

static void
expire_calls(struct node *n)
{
    LIST_EACH (link, &n->control->calls) {
        struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        if (call->deadline <= n->now_ns) {
            stint_StoreReply reply = stint_StoreReply_init_zero;
            reply.status = STINT_STORE_DOWN;
            reply.op = call->request.op;
            text_copy(reply.detail, sizeof reply.detail, "the authority did not answer in time");
            finish_call(n, call, &reply);
        } else if (call->next <= n->now_ns) {
            send_call(n, call);
        }
    }
}

/* ---- the view ---- */

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

static void
names_again(struct node *n, const struct view *old, const struct view *next);

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
        outbox_persist(&n->outbox, n->self.inc, n->last_generation, n->last_view);
    }
    view_diff(old, next, report_change, n);
    mover_view(n, next); /* M-S, M-D first: homes hear of adoptions before the view is reported */
    peers_view(n, old, next);
    detector_view(&n->detector, next, n->self, n->now_ns);
    load_table_view(&n->loads, next);
    route_view(n, old, next);
    remote_view(n, old, next);
    admin_view(n, old, next);
    names_again(n, old, next);
    const struct member *me = view_member(next, n->self);
    bool takes = me != NULL && member_is_target(me);
    if (n->moves != NULL) {
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

/* A view lies in n->next. */
static void
consider_view(struct node *n)
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

static void
ask_view(struct node *n, struct stint_id from)
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

static void
send_view(struct node *n, const struct view *view, struct stint_id to, uint64_t conn)
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

static void
name_put(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    (void)reply;
    struct control *c = n->control;
    if (--c->names_pending == 0) {
        n->report_due = n->now_ns;
    }
}

static void
put_names_again(struct node *n)
{
    uint32_t cursor = 0;
    struct kernel_channel_view channel;
    while (kernel_each_channel(n->kernel, &cursor, &channel)) {
        if (channel.name == NULL) {
            continue;
        }
        stint_StoreRequest request = stint_StoreRequest_init_zero;
        request.op = stint_StoreOp_STORE_NAME_PUT;
        text_copy(request.name, sizeof request.name, channel.name);
        memcpy(request.channel, channel.id.bytes, 16);
        memcpy(request.owner, channel.owner.bytes, 16);
        n->control->names_pending++;
        control_store(n, &request, 30000, name_put, 0);
    }
}

static void
names_again(struct node *n, const struct view *old, const struct view *next)
{
    struct names_walk walk = { .n = n };
    view_diff(old, next, see_gone, &walk);
    if (walk.any_gone && n->phase == PHASE_MEMBER) {
        put_names_again(n);
    }
}

/* ---- joining ---- */

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
        text_format(why, sizeof why, "cannot join the cluster: %s", reply->detail[0] != 0
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
        consider_view(n);
        return;
    }
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_SNAPSHOT;
    control_store(n, &request, JOIN_TIMEOUT_MS, snapshot_done, 0);
}

static void
ask_join(struct node *n)
{
    if (n->control->join_asked) {
        return;
    }
    n->control->join_asked = true;
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    bool found = n->authority != NULL && !authority_is_founded(n->authority);
    request.op = found ? stint_StoreOp_STORE_FOUND : stint_StoreOp_STORE_JOIN;
    fill_join(n, &request);
    control_store(n, &request, JOIN_TIMEOUT_MS, joined, 0);
}

/* Joining: a member showed its view. The authority may be another node than the one that showed it. */
static void
join_through(struct node *n, const struct view *view)
{
    struct control *c = n->control;
    if (id_equal(view->authority, c->seed_node)) {
        ask_join(n);
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
            ask_view(n, ref.id);
        }
    }
}

static void
activated(struct node *n, uint64_t token, const stint_StoreReply *reply)
{
    (void)token;
    n->control->activating = false;
    if (reply->status != STINT_OK && n->phase == PHASE_LINKING) {
        n->control->activate_at = n->now_ns + CALL_REPEAT_NS;
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

static void
try_activate(struct node *n)
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
    control_store(n, &request, JOIN_TIMEOUT_MS, done, token);
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

void
control_leave(struct node *n)
{
    if (n->control->leaving || n->phase == PHASE_ENDED) {
        return;
    }
    n->control->leaving = true;
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

/* ---- probes ---- */

static void
send_probe(struct node *n, struct stint_id to, bool reply, uint64_t sent_ns)
{
    stint_Probe probe = stint_Probe_init_zero;
    load_to_probe(&n->load, &probe);
    probe.reply = reply;
    probe.sent_ns = sent_ns;
    probe.generation = n->view->generation;
    probe.view = n->control->heard_view > n->view->number ? n->control->heard_view : n->view->number;
    if (n->control->names_pending == 0) {
        n->control->reported_view = n->view->number;
    }
    probe.installed = n->control->reported_view;
    probe.lhm = detector_health(&n->detector);
    uint8_t body[stint_Probe_size];
    size_t size = codec_write(stint_Probe_fields, &probe, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_PROBE };
    peers_send(n, to, &envelope, span_of(body, size));
}

void
control_probe_received(struct node *n, const struct arrival *a)
{
    stint_Probe probe;
    if (!codec_read(a->body, stint_Probe_fields, &probe)) {
        node_log(n, NODE_LOG_WARN, "malformed probe from %s", a->by);
        return;
    }
    load_table_heard(&n->loads, a->from, &probe, n->now_ns);
    if (n->authority != NULL) {
        authority_contact(n->authority, a->from, probe.installed, n->now_ns);
    }
    if (probe.installed > n->view->number && probe.generation >= n->view->generation) {
        n->control->heard_view = probe.installed;
        ask_view(n, a->from.id);
    }
    if (!probe.reply && probe.sent_ns != 0) {
        send_probe(n, a->from.id, true, probe.sent_ns);
    }
}

static void
report(struct node *n)
{
    n->report_due = n->now_ns + (n->detect_fast ? REPORT_FAST_NS : REPORT_NS);
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (member_is_living(m) && !id_equal(m->ref.id, n->self.id)) {
            send_probe(n, m->ref.id, false, 0);
        }
    }
}

static void
vote(struct node *n, struct node_ref peer, bool withdraw)
{
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.op = stint_StoreOp_STORE_VOTE;
    memcpy(request.node, peer.id.bytes, 16);
    request.inc = peer.inc;
    request.off = withdraw;
    node_log(n, withdraw ? NODE_LOG_INFO : NODE_LOG_WARN, withdraw ? "node %s answers again"
                                                                   : "node %s does not answer",
             node_name_of(n, peer.id));
    control_store(n, &request, 5000, NULL, 0);
}

/* Whether this node may have an opinion of that one: a node that is still joining answers late, and gets more time. */
static bool
may_vote(const struct node *n, struct node_ref peer)
{
    const struct member *m = view_member(n->view, peer);
    if (!node_is_serving(n) || m == NULL) {
        return false;
    }
    for (uint32_t i = 0; m->state == stint_MemberState_MEMBER_JOINING && i < n->detector.watched_count; i++) {
        const struct detector_watch *watch = &n->detector.watched[i];
        if (node_ref_equal(watch->peer, peer) && watch->misses < JOINING_MISSES) {
            return false;
        }
    }
    return true;
}

static bool
settle_detector(struct node *n)
{
    struct detector_effect effect;
    bool any = false;
    while (detector_next(&n->detector, &effect)) {
        any = true;
        if (effect.kind == DETECTOR_PROBE) {
            send_probe(n, effect.peer.id, false, n->now_ns);
        } else if (may_vote(n, effect.peer)) {
            vote(n, effect.peer, effect.kind == DETECTOR_BACK);
        }
    }
    return any;
}

/* ---- the authority's side ---- */

void
control_rows(struct node *n, const struct node_event *event)
{
    char error[OUTBOX_TEXT_MAX];
    if (n->authority == NULL) {
        return;
    }
    if (event->store_generation < n->last_generation ||
        (event->store_generation == n->last_generation && event->store_view < n->last_view &&
         n->phase == PHASE_LOADING)) {
        node_exit(n, STINT_BAD_VERSION, "the store is older than what this node has seen: it was rolled back");
        return;
    }
    enum stint_status status =
        authority_load(n->authority, event->result, event->rows, event->row_count, event->store_view,
                       event->store_generation, n->now_ns, error, sizeof error);
    if (status != STINT_OK) {
        node_exit(n, status, error);
        return;
    }
    if (n->phase != PHASE_LOADING || event->result != STORE_COMMITTED) {
        return;
    }
    if (!authority_is_founded(n->authority) && !n->may_found) {
        node_exit(n, STINT_NOT_FOUND, "the store is empty: start with --found to make a new cluster");
        return;
    }
    n->phase = PHASE_JOINING;
    ask_join(n);
}

void
control_committed(struct node *n, const struct node_event *event)
{
    if (n->authority != NULL) {
        authority_committed(n->authority, event->number, event->result, n->now_ns);
    }
}

static void
answer(struct node *n, const struct authority_effect *effect)
{
    if (effect->token == 0) {
        take_reply(n, &effect->reply);
        return;
    }
    uint8_t body[stint_StoreReply_size];
    size_t size = codec_write(stint_StoreReply_fields, &effect->reply, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_STORE_REPLY };
    bool snapshot = effect->reply.op == stint_StoreOp_STORE_SNAPSHOT && effect->reply.status == STINT_OK;
    (void)peers_reply(n, effect->token, &envelope, span_of(body, size));
    if (snapshot) {
        authority_view(n->authority, n->next);
        send_view(n, n->next, n->self.id, effect->token);
    }
}

static void
spread_view(struct node *n)
{
    authority_view(n->authority, n->next);
    for (uint32_t i = 0; i < n->next->member_count; i++) {
        const struct member *m = &n->next->members[i];
        if (member_is_living(m) && !id_equal(m->ref.id, n->self.id)) {
            send_view(n, n->next, m->ref.id, 0);
        }
    }
    /* Those whom the view has just buried hear it too, so that a zombie learns of its death. */
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        if (member_is_living(m) && !view_has(n->next, m->ref) && !id_equal(m->ref.id, n->self.id)) {
            send_view(n, n->next, m->ref.id, 0);
        }
    }
    peers_flush(n);
    consider_view(n);
}

static bool
settle_authority(struct node *n)
{
    struct authority_effect effect;
    bool any = false;
    while (n->authority != NULL && authority_next(n->authority, &effect)) {
        any = true;
        switch (effect.kind) {
        case AUTHORITY_COMMIT:
            outbox_commit(&n->outbox, &effect.commit);
            break;
        case AUTHORITY_LOAD:
            outbox_simple(&n->outbox, NODE_STORE_LOAD);
            break;
        case AUTHORITY_REPLY:
            answer(n, &effect);
            break;
        case AUTHORITY_VIEW:
            spread_view(n);
            break;
        case AUTHORITY_FENCED:
            node_fence(n, effect.text);
            return true;
        }
    }
    return any;
}

void
control_heard(struct node *n, struct node_ref ref)
{
    detector_heard(&n->detector, ref, n->now_ns);
    if (n->authority != NULL) {
        authority_contact(n->authority, ref, 0, n->now_ns);
    }
}

void
control_tell_view(struct node *n, uint64_t conn)
{
    if (n->view->number != 0) {
        send_view(n, n->view, n->self.id, conn);
    }
}

/* ---- messages ---- */

static void
store_request_received(struct node *n, const struct arrival *a)
{
    stint_StoreRequest request;
    if (n->authority == NULL || !codec_read(a->body, stint_StoreRequest_fields, &request)) {
        return; /* the asker repeats, and by then knows a view that names the authority */
    }
    /* Members are trusted with what they have authorised an operator to ask (SECURITY 10.1). */
    struct authority_from from = { .token = a->conn, .operates = a->from.inc != 0 };
    if (a->from.inc != 0) {
        from.ref = a->from;
    }
    authority_request(n->authority, from, &request, n->now_ns);
}

void
control_receive(struct node *n, const struct arrival *a)
{
    stint_StoreReply reply;
    switch ((enum control_op)a->envelope.op) {
    case CONTROL_STORE_REQUEST:
        store_request_received(n, a);
        return;
    case CONTROL_STORE_REPLY:
        if (codec_read(a->body, stint_StoreReply_fields, &reply)) {
            take_reply(n, &reply);
        }
        return;
    case CONTROL_VIEW:
        if (view_decode(n->next, a->body) != STINT_OK) {
            node_log(n, NODE_LOG_WARN, "malformed view from %s", a->by);
        } else if (n->phase == PHASE_JOINING) {
            join_through(n, n->next);
        } else {
            consider_view(n);
        }
        return;
    case CONTROL_VIEW_GET:
        if (n->view->number != 0) {
            send_view(n, n->view, a->from.id, a->conn);
        }
        return;
    case CONTROL_RESYNC:
        remote_resync(n, a->from.id);
        return;
    case CONTROL_NONE:
        break;
    }
    node_log(n, NODE_LOG_WARN, "unknown control message %u from %s", a->envelope.op, a->by);
}

/* ---- time ---- */

void
control_tick(struct node *n)
{
    struct control *c = n->control;
    expire_calls(n);
    if (n->phase == PHASE_JOINING && n->authority == NULL) {
        if (n->now_ns >= n->join_deadline) {
            node_exit(n, STINT_UNREACHABLE, "cannot join the cluster: no member answered in time; is an endpoint of --join right?");
            return;
        }
        if (c->seed_conn != 0 && !c->join_asked) {
            ask_view(n, c->seed_node);
        }
    }
    if (n->phase == PHASE_LINKING) {
        try_activate(n);
    }
    if (n->view->number != 0 && n->self.inc != 0 && n->phase != PHASE_FENCED) {
        detector_tick(&n->detector, n->now_ns);
        if (n->now_ns >= n->report_due) {
            report(n);
        }
    }
    if (n->authority != NULL) {
        authority_tick(n->authority, n->now_ns);
    }
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t
control_deadline(const struct node *n)
{
    const struct control *c = n->control;
    uint64_t at = UINT64_MAX;
    if (n->phase == PHASE_JOINING && n->authority == NULL) {
        at = earlier(at, n->join_deadline);
        if (c->seed_conn != 0 && !c->join_asked) {
            at = earlier(at, c->view_ask_due);
        }
    }
    if (n->phase == PHASE_LINKING && !c->activating) {
        at = earlier(at, n->now_ns + CALL_REPEAT_NS / 10);
    }
    const struct list *head = &c->calls;
    for (const struct list *link = head->next; link != head; link = link->next) {
        const struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        at = earlier(at, earlier(call->deadline, call->next));
    }
    if (n->view->number != 0 && n->self.inc != 0 && n->phase != PHASE_FENCED) {
        at = earlier(at, earlier(n->report_due, detector_deadline(&n->detector)));
    }
    if (n->authority != NULL) {
        at = earlier(at, authority_deadline(n->authority));
    }
    return at;
}

bool
control_settle(struct node *n)
{
    bool any = settle_authority(n);
    return settle_detector(n) || any;
}
