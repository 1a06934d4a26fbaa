/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each tasklet is, after every event of a node, and whether it may be there:
 *
 *   I1  it is runnable in one place at most, nodes that are stopped or cut off included
 *   I3  the copy that runs has taken every step that any copy has taken before
 *   I4  every grant of residency raises its epoch
 *   I5  a node that is not in its own view runs nothing
 *
 * and on whose life it depends (`holder`): the node that runs it or has it frozen, until its COMMIT is decided, then the
 * target. A tasklet whose holder lives may not vanish; check_end.c says so when all is quiet.
 */
#include <stddef.h>
#include <string.h>

#include "base/ids.h"
#include "mill.pb.h"
#include "sim.h"

/* What every tasklet of yard.proto begins with; a ledger of mill.proto counts what it has seen. */
struct beginning {
    uint64_t steps;
    uint32_t wrong;
};

STINT_STATIC_ASSERT(offsetof(yard_Sink, steps) == 0 && offsetof(yard_Sink, wrong) == offsetof(struct beginning, wrong) &&
                        offsetof(yard_Roamer, wrong) == offsetof(struct beginning, wrong) &&
                        offsetof(yard_Nester, wrong) == offsetof(struct beginning, wrong),
                    "all locals begin alike");

bool
ref_is_alive(struct sim *s, struct node_ref ref)
{
    for (int i = 0; i < world_count(s->w); i++) {
        const struct node *n = world_node(s->w, i);
        if (n != NULL && node_ref_equal(n->self, ref)) {
            return n->phase != PHASE_FENCED && n->phase != PHASE_ENDED;
        }
    }
    return false;
}

static void
check_copy(struct sim *s, int node, struct ghost *g, const struct kernel_tasklet_view *view)
{
    struct kernel_frame_view frame;
    struct kernel_tasklet_view other;
    const struct node *n = world_node(s->w, node);
    if (g->runner >= 0 && g->runner != node) {
        const struct node *o = world_node(s->w, g->runner);
        if (o != NULL && kernel_look(o->kernel, g->id, &other) == STINT_OK && other.state != KERNEL_FROZEN) {
            sim_fault(s, "I1", "%s %u runs on %s under epoch %llu and on %s under epoch %llu", ghost_role(g), g->index,
                      world_name(s->w, g->runner), (unsigned long long)other.epoch, world_name(s->w, node),
                      (unsigned long long)view->epoch);
        }
    }
    bool granted = g->runner != node;
    if (view->epoch < g->epoch || (granted && g->epoch != 0 && view->epoch == g->epoch)) {
        sim_fault(s, "I4", "%s %u runs on %s under epoch %llu, and had epoch %llu before", ghost_role(g), g->index,
                  world_name(s->w, node), (unsigned long long)view->epoch, (unsigned long long)g->epoch);
    }
    if (granted) {
        story_say(s, "%s %u runs on %s under epoch %llu", ghost_role(g), g->index, world_name(s->w, node),
                  (unsigned long long)view->epoch);
    }
    g->granted_ns = granted ? world_node_now(s->w, node) : g->granted_ns;
    g->epoch = view->epoch;
    g->runner = node;
    g->holder = n->self;
    if (g->ended) {
        sim_fault(s, "I3", "%s %u has ended, and runs on %s", ghost_role(g), g->index, world_name(s->w, node));
    }
    if (kernel_frame(n->kernel, g->id, 0, &frame) != STINT_OK) {
        return;
    }
    const struct beginning of_ledger = { .steps = g->role == ROLE_LEDGER ? ((const mill_Ledger *)frame.locals)->seen : 0 };
    const struct beginning *b = g->role == ROLE_LEDGER ? &of_ledger : frame.locals;
    if (b->steps < g->steps) {
        sim_fault(s, "I3", "%s %u on %s is at step %llu, and had taken %llu", ghost_role(g), g->index, world_name(s->w, node),
                  (unsigned long long)b->steps, (unsigned long long)g->steps);
    }
    if (b->wrong != 0) {
        sim_fault(s, "I7", "%s %u on %s has seen something lost, doubled or out of order", ghost_role(g), g->index,
                  world_name(s->w, node));
    }
    g->steps = b->steps;
    if (g->role == ROLE_SOURCE) {
        g->sent = ((const yard_Source *)frame.locals)->sent;
    }
}

/* Runs here no more, as of this event: frozen, moved, ended, or lost without a reason. */
static void
check_departure(struct sim *s, int node, struct ghost *g, bool frozen)
{
    const struct node *n = world_node(s->w, node);
    g->runner = -1;
    if (frozen) {
        story_say(s, "%s %u is frozen on %s", ghost_role(g), g->index, world_name(s->w, node));
    } else if (g->may_end) {
        g->ended = true;
    } else if (n->moves == NULL || n->phase == PHASE_FENCED || n->phase == PHASE_ENDED) {
        story_say(s, "%s %u is lost with %s", ghost_role(g), g->index, world_name(s->w, node));
    }
}

/* The move that took it away from this node, if its outcome is decided. */
static void
follow_commit(struct sim *s, int node, struct ghost *g)
{
    const struct node *n = world_node(s->w, node);
    struct kernel_tasklet_view view;
    if (n->moves == NULL || !node_ref_equal(n->self, g->holder) || g->ended) {
        return;
    }
    const struct move_record *last = NULL, *r;
    for (uint32_t i = 0; (r = moves_list(n->moves, i)) != NULL; i++) {
        /* Older moves of it are in the list, too. */
        if (r->outgoing && r->epoch >= g->epoch && memcmp(r->tasklet.bytes, g->id.bytes, 16) == 0) {
            last = r;
        }
    }
    if (last != NULL && (last->phase == MOVE_COMMITTED ||
                         (last->phase == MOVE_ENDED &&
                          (last->outcome == MOVE_OUTCOME_COMMITTED || last->outcome == MOVE_IN_DOUBT)))) {
        g->holder = last->to;
        story_say(s, "%s %u is committed to %s", ghost_role(g), g->index, node_name_of(n, last->to.id));
    } else if (kernel_look(n->kernel, g->id, &view) != STINT_OK &&
               (n->phase == PHASE_MEMBER || n->phase == PHASE_LEAVING)) {
        sim_fault(s, "I2", "%s %u vanished from %s, which lives and has not moved it away", ghost_role(g), g->index,
                  world_name(s->w, node));
    }
}

void
check_residency(struct sim *s, int node)
{
    const struct node *n = world_node(s->w, node);
    struct kernel_tasklet_view view;
    struct kernel_counters counters;
    uint32_t cursor = 0;
    bool frozen[SIM_GHOSTS_MAX] = { false };
    s->scan++;
    kernel_count(n->kernel, &counters);
    if (n->view->number != 0 && n->self.inc != 0 && counters.tasklets != 0 && n->phase != PHASE_ENDED &&
        !view_has(n->view, n->self)) {
        sim_fault(s, "I5", "%s runs %u tasklets and is not in its own view %llu", world_name(s->w, node), counters.tasklets,
                  (unsigned long long)n->view->number);
    }
    if (n->phase == PHASE_ENDED && n->exit_status == STINT_OK && s->leaving[node] && counters.tasklets != counters.system &&
        world_node_now(s->w, node) < s->leave_deadline[node]) {
        sim_fault(s, "drain", "%s has left with %u tasklets on it, before its time for draining was over",
                  world_name(s->w, node), counters.tasklets - counters.system);
    }
    while (counters.tasklets != 0 && kernel_each_tasklet(n->kernel, &cursor, &view)) {
        struct ghost *g = ghost_of(s, view.id);
        if (g == NULL) {
            continue;
        }
        frozen[g - s->ghosts] = view.state == KERNEL_FROZEN;
        if (view.state != KERNEL_FROZEN) {
            g->mark = s->scan;
            check_copy(s, node, g, &view);
            check_deadline(s, node, g, &view);
        }
    }
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        struct ghost *g = &s->ghosts[i];
        if (g->runner == node && g->mark != s->scan) {
            check_departure(s, node, g, frozen[i]);
        }
        if (g->runner < 0) {
            follow_commit(s, node, g);
        }
    }
}
