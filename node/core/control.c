/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Membership: how this node comes into the cluster, what it learns of the others, how it leaves. All that must be
 * agreed is asked of the authority (here or over a link), repeated under the same request id until there is an answer.
 */
#include <string.h>

#include "base/text.h"
#include "base/ids.h"
#include "core/codec.h"
#include "core/control.h"

#define REPORT_NS (UINT64_C(1000) * 1000000)
#define REPORT_FAST_NS (UINT64_C(300) * 1000000)
#define JOINING_MISSES 15

enum stint_status
control_init(struct node *n)
{
    struct control *c = mem_zalloc(n->mem, sizeof *c);
    if (c == NULL) {
        return STINT_NO_MEMORY;
    }
    list_init(&c->calls);
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

void
control_fini(struct node *n)
{
    if (n->control == NULL) {
        return;
    }
    control_free_calls(n);
    authority_free(n->authority);
    mem_free(n->mem, n->control, sizeof *n->control);
    n->control = NULL;
}

/* ---- probes ---- */

/* One that asks nothing and answers nothing is a report: it says all there is. */
static void
send_probe(struct node *n, struct stint_id to, bool reply, uint64_t sent_ns)
{
    stint_Probe probe = stint_Probe_init_zero;
    load_to_probe(&n->load, &probe);
    if (!reply && sent_ns == 0) {
        text_copy(probe.labels, sizeof probe.labels, n->labels);
    }
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
        control_ask_view(n, a->from.id);
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
        } else if (may_vote(n, effect.peer) && !MUTANT(n->mem, DETECTOR_BLIND)) {
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
    control_ask_join(n);
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
        control_take_reply(n, &effect->reply);
        return;
    }
    uint8_t body[stint_StoreReply_size];
    size_t size = codec_write(stint_StoreReply_fields, &effect->reply, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_STORE_REPLY };
    bool snapshot = effect->reply.op == stint_StoreOp_STORE_SNAPSHOT && effect->reply.status == STINT_OK;
    (void)peers_reply(n, effect->token, &envelope, span_of(body, size));
    if (snapshot) {
        authority_view(n->authority, n->next);
        control_send_view(n, n->next, n->self.id, effect->token);
    }
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
            control_spread_view(n);
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
            control_take_reply(n, &reply);
        }
        return;
    case CONTROL_VIEW:
        if (view_decode(n->next, a->body) != STINT_OK) {
            node_log(n, NODE_LOG_WARN, "malformed view from %s", a->by);
        } else if (n->phase == PHASE_JOINING) {
            control_join_through(n, n->next);
        } else {
            control_consider_view(n);
        }
        return;
    case CONTROL_VIEW_GET:
        if (n->view->number != 0) {
            control_send_view(n, n->view, a->from.id, a->conn);
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
    control_expire_calls(n);
    if (n->phase == PHASE_JOINING && n->authority == NULL) {
        if (n->now_ns >= n->join_deadline) {
            char why[OUTBOX_TEXT_MAX];
            const char *at = n->join_count == 0 ? "the endpoints that are known" : n->join[0];
            text_format(why, sizeof why, "cannot join: no member answered in time at %s%s: %s", at,
                        n->join_count > 1 ? " or the others" : "",
                        n->join_trouble[0] != 0 ? n->join_trouble : "is it right, and does a node run there");
            node_exit(n, STINT_UNREACHABLE, why);
            return;
        }
        if (c->seed_conn != 0 && !c->join_asked) {
            control_ask_view(n, c->seed_node);
        }
    }
    if (n->phase == PHASE_LINKING) {
        control_try_activate(n);
    }
    if (n->view->number != 0 && n->self.inc != 0 && n->phase != PHASE_FENCED) {
        detector_tick(&n->detector, n->now_ns);
        if (n->now_ns >= n->report_due) {
            report(n);
        }
    }
    if (n->authority != NULL) {
        authority_own_names(n->authority, c->names_pending != 0);
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
        at = earlier(at, n->now_ns + CONTROL_REPEAT_NS / 10);
    }
    at = earlier(at, control_calls_deadline(n));
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
