/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dry run may promise: the nodes that tasklets would go to are asked, as `explain` asks
 * them. One tasklet stands for all of its kind, so that the questions are few; past a bound of them
 * nobody is asked any more, and the answer says so.
 */
#include <string.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "core/codec.h"
#include "kernel/code.h"
#include "kernel/pickle.h"

#define QUESTIONS_MAX 128u
#define SMALL_PICKLE ((uint64_t)64 << 10) /* sizes below are no matter to anybody */

struct question {
    uint64_t kind, serial; /* of the part while it is open */
    struct node_ref to;
    bool open, refused;
    char why[MOVE_DETAIL_SIZE];
};

struct plan {
    struct question list[QUESTIONS_MAX];
    uint32_t count;
    bool closed; /* no more is asked: too many, or out of time */
    ask_fn *told;
};

void
plan_fini(struct node *n, struct ask *ask)
{
    mem_free(n->mem, ask->plan, ask->plan != NULL ? sizeof *ask->plan : 0);
    ask->plan = NULL;
}

bool
plan_begin(struct node *n, struct ask *ask, ask_fn *told)
{
    if (ask->plan == NULL) {
        ask->plan = mem_zalloc(n->mem, sizeof *ask->plan);
    }
    if (ask->plan == NULL) {
        ask_end(n, ask, STINT_NO_MEMORY, "out of memory on node %s; try again", n->name);
        return false;
    }
    ask->plan->told = told;
    return true;
}

uint64_t
plan_kind(struct node *n, const struct kernel_tasklet_view *view)
{
    struct kernel_frame_view frame;
    struct hash hash;
    hash_init(&hash);
    for (uint32_t i = 0; kernel_frame(n->kernel, view->id, i, &frame) == STINT_OK; i++) {
        hash_add_u64(&hash, frame.code->fingerprint);
    }
    for (uint64_t bytes = kernel_pickle_estimate(n->kernel, view->id); bytes >= SMALL_PICKLE;
         bytes /= 2) {
        hash_add_u64(&hash, 1);
    }
    return hash_final(&hash);
}

static const struct question *
find_question(const struct plan *plan, uint64_t kind, struct node_ref to)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct question *q = &plan->list[i];
        if (q->kind == kind && node_ref_equal(q->to, to)) {
            return q;
        }
    }
    return NULL;
}

static bool
is_silent(const struct node *n, struct node_ref to)
{
    return !peers_is_connected(n, to.id) || detector_suspects(&n->detector, to);
}

bool
plan_refuses(const struct node *n, const struct ask *ask, uint64_t kind, const struct member *m,
             char *why, size_t size)
{
    if (node_ref_equal(m->ref, n->self)) {
        return false;
    }
    if (!member_is_target(m)) {
        text_format(why, size, "node %s is %s and takes no tasklets", m->name,
                    member_state_text(m->state));
        return true;
    }
    const struct question *q = find_question(ask->plan, kind, m->ref);
    bool silent = is_silent(n, m->ref);
    if (!silent && (q == NULL || !q->refused)) {
        return false;
    }
    text_format(why, size, "node %s: %s", m->name, silent ? "it does not answer" : q->why);
    return true;
}

/* ---- asking ---- */

static void
refuse(struct question *q, const char *why)
{
    if (!q->refused) {
        text_copy(q->why, sizeof q->why, why);
    }
    q->refused = true;
}

static struct question *
question_of(struct ask *ask, const struct part *part)
{
    for (uint32_t i = 0; i < ask->plan->count; i++) {
        struct question *q = &ask->plan->list[i];
        if (q->open && q->serial == part->serial) {
            return q;
        }
    }
    return NULL;
}

static void
target_says(struct node *n, struct ask *ask, const struct part *part,
            const struct admin_reply *reply)
{
    struct question *q = question_of(ask, part);
    stint_ExplainInfo info = stint_ExplainInfo_init_zero;
    (void)n;
    if (q != NULL && codec_read(reply->item, stint_ExplainInfo_fields, &info) && !info.target_ok) {
        refuse(q, info.text);
    }
}

static void
target_ended(struct node *n, struct ask *ask, const struct part *part, enum stint_status status,
             const char *detail)
{
    struct question *q = question_of(ask, part);
    if (q != NULL && status != STINT_OK) {
        refuse(q, detail[0] != 0 ? detail : stint_strerror(status));
    }
    if (q != NULL) {
        q->open = false;
    }
    if (ask->part_count == 0) {
        ask->plan->told(n, ask);
    }
}

static void
targets_late(struct node *n, struct ask *ask)
{
    struct plan *plan = ask->plan;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->list[i].open) {
            refuse(&plan->list[i], "it did not answer in time");
            plan->list[i].open = false;
        }
    }
    plan->closed = true;
    part_drop_all(n, ask);
    plan->told(n, ask);
}

/* False: the ask was ended. */
static bool
send_question(struct node *n, struct ask *ask, struct question *q, struct stint_id tasklet)
{
    struct buf outline;
    stint_Request request = stint_Request_init_zero;
    bool sent = true;
    buf_init(&outline, n->mem, LIMIT_MESSAGE);
    enum stint_status status = kernel_outline(n->kernel, tasklet, &outline);
    if (status != STINT_OK) {
        refuse(q, "it cannot be asked about, for the tasklet cannot be written down");
    } else {
        request.verb = stint_Verb_VERB_TASKLET_EXPLAIN;
        request.role = ask->request.role;
        text_copy(request.by, sizeof request.by, ask->request.by);
        request.forwarded = true;
        request.timeout_ms = ask_left_ms(n, ask);
        request.total = kernel_pickle_estimate(n->kernel, tasklet);
        (void)stint_id_text(tasklet, request.target);
        q->serial = n->admin->next_serial; /* that of the part which is made now */
        q->open = true;
        sent = part_send(n, ask, q->to, &request, buf_span(&outline), false);
    }
    buf_fini(&outline);
    return sent;
}

bool
plan_ask(struct node *n, struct ask *ask, uint64_t kind, struct stint_id tasklet,
         struct node_ref to)
{
    struct plan *plan = ask->plan;
    const struct member *m = view_member(n->view, to);
    if (m == NULL || !member_is_target(m) || node_ref_equal(to, n->self) ||
        is_silent(n, to) || find_question(plan, kind, to) != NULL) {
        return true;
    }
    plan->closed = plan->closed || plan->count == QUESTIONS_MAX;
    if (plan->closed) {
        return true;
    }
    struct question *q = &plan->list[plan->count++];
    *q = (struct question){ .kind = kind, .to = to };
    return send_question(n, ask, q, tasklet);
}

bool
plan_waits(struct node *n, struct ask *ask)
{
    if (ask->part_count == 0) {
        return false;
    }
    ask->on_item = target_says;
    ask->on_part = target_ended;
    ask->expired = targets_late;
    /* The answer is due before whoever asked has given up. */
    uint64_t left = ask->deadline > n->now_ns ? ask->deadline - n->now_ns : 0;
    ask_set_deadline(n, ask, n->now_ns + left / 2);
    return true;
}

const char *
plan_note(const struct ask *ask)
{
    return ask->plan->closed ? "not every node was asked about every tasklet; the real run may "
                               "find that more stay"
                             : "";
}
