/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only time shows, in some of the runs: that nodes which stay away are taken out of the view, that the balancer comes to
 * rest, and that the ends of tasklets have been heard of wherever they had dealings.
 */
#include <string.h>

#include "base/ids.h"
#include "kernel/machine.h"
#include "kernel/relation.h"
#include "sim.h"

#define DEATH_NS (60000 * WORLD_MS) /* slow detection and a lease are in it */
#define SETTLE_NS (10000 * WORLD_MS)
#define LOOK_NS (10000 * WORLD_MS)

static bool
is_up(struct sim *s, struct node_ref ref)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        if (n != NULL && node_ref_equal(n->self, ref)) {
            return true;
        }
    }
    return false;
}

/* A member of somebody's view that no node is; NULL: there is none. */
static const struct member *
missing_member(struct sim *s, int *viewer)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        for (uint32_t k = 0; n != NULL && n->phase == PHASE_MEMBER && k < n->view->member_count; k++) {
            const struct member *m = &n->view->members[k];
            if (member_is_living(m) && !is_up(s, m->ref)) {
                *viewer = i;
                return m;
            }
        }
    }
    return NULL;
}

static bool
nobody_is_missing(struct world *w, void *arg)
{
    int viewer;
    struct sim *s = arg;
    (void)w;
    return s->invariant != NULL || missing_member(s, &viewer) == NULL;
}

/* Nobody comes back but the founder, without whom nothing is decided. */
void
watch_deaths(struct sim *s)
{
    int viewer;
    if (world_node(s->w, 0) == NULL) {
        world_restart(s->w, 0);
    }
    if (!world_until(s->w, nobody_is_missing, s, DEATH_NS)) {
        const struct member *m = missing_member(s, &viewer);
        sim_fault(s, "liveness", "%s has been gone for %llu s, and is a member in the view of %s", m->name,
                  (unsigned long long)(DEATH_NS / WORLD_MS / 1000), world_name(s->w, viewer));
    }
}

/* Nothing went wrong by which the word of an end, which is not repeated, may be lost. */
static bool
words_are_heard(const struct plan *p)
{
    return p->crash_permille == 0 && p->half_crash_permille == 0 && p->cut_permille == 0 && p->break_permille == 0 &&
           p->pause_permille == 0 && p->leave_permille == 0 && p->clock_permille == 0;
}

static void
check_ends(struct sim *s, int node)
{
    const struct kernel *k = world_node(s->w, node)->kernel;
    for (uint32_t i = 0; i < k->relations.fresh; i++) {
        const struct relation *r = slab_at(&k->relations, i);
        const struct ghost *g = r->channel != NULL ? ghost_of(s, r->tid) : NULL;
        if (g != NULL && g->ended && (r->flags & RELATION_ENDED) == 0 && !list_is_linked(&r->orphaned)) {
            sim_fault(s, "end", "a channel on %s has not heard that a tasklet has ended", world_name(s->w, node));
        }
    }
}

/* Every tasklet of the yard can move, and nobody holds one any more. */
int
watch_drains(struct sim *s)
{
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        struct kernel_counters counters;
        bool target = false;
        for (uint32_t k = 0; n != NULL && k < n->view->member_count; k++) {
            target = target || (member_is_target(&n->view->members[k]) && !id_equal(n->view->members[k].ref.id, n->self.id));
        }
        if (!target || drain_progress(n->drain).state == DRAIN_OFF) {
            continue;
        }
        kernel_count(n->kernel, &counters);
        if (counters.tasklets != counters.system) {
            return i;
        }
    }
    return -1;
}

static uint32_t
count_tasklets(struct sim *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        count += s->ghosts[i].runner >= 0 ? 1 : 0;
    }
    return count;
}

static uint64_t
count_moves(struct sim *s)
{
    uint64_t moves = 0;
    for (int i = 0; i < s->plan.nodes; i++) {
        const struct node *n = world_node(s->w, i);
        moves += n != NULL && n->moves != NULL ? moves_counts(n->moves).out_committed : 0;
    }
    return moves;
}

static bool
has_roamers(struct sim *s)
{
    for (uint32_t i = 0; i < s->ghost_count; i++) {
        if (s->ghosts[i].role == ROLE_ROAMER && !s->ghosts[i].ended) {
            return true;
        }
    }
    return false;
}

void
watch_rest(struct sim *s)
{
    world_run(s->w, SETTLE_NS);
    for (int i = 0; i < s->plan.nodes && words_are_heard(&s->plan); i++) {
        check_ends(s, i);
    }
    if (has_roamers(s) || s->invariant != NULL) {
        return;
    }
    uint64_t before = count_moves(s);
    world_run(s->w, LOOK_NS);
    uint64_t moves = count_moves(s) - before;
    if (s->invariant == NULL && moves > count_tasklets(s)) {
        sim_fault(s, "balance", "%u tasklets moved %llu times in %llu s, when all was at rest", count_tasklets(s),
                  (unsigned long long)moves, (unsigned long long)(LOOK_NS / WORLD_MS / 1000));
    }
}
